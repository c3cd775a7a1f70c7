// One neuron being steered: its strongest images, what is done to it, and its slider.
#pragma once

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFrame>
#include <QLabel>
#include <QLocale>
#include <QToolButton>

#include "ui/models/neuron_loader.h"
#include "ui/steer/steer_edits.h"
#include "ui/steer/value_slider.h"

namespace sememe {

// The first of a neuron's strongest images, painted side by side; as many as fit.
class ThumbStrip : public QWidget {
  Q_OBJECT
 public:
  static constexpr int kSide = 40;
  ThumbStrip(const Theme& theme, const NeuronLoader& loader, int64_t neuron, QWidget* parent = nullptr);
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent*) override;

 private:
  const Theme& m_theme;
  const NeuronLoader& m_loader;
  int64_t m_neuron;
};

// Shows a value with no more digits than it has.
class ValueBox : public QDoubleSpinBox {
  Q_OBJECT
 public:
  using QDoubleSpinBox::QDoubleSpinBox;
  QString textFromValue(double value) const override { return QLocale::c().toString(value, 'g', 7); }
};

class SteerRow : public QFrame {
  Q_OBJECT
 public:
  SteerRow(const Theme& theme, const NeuronLoader& loader, const NeuronEdit& edit, QWidget* parent = nullptr);

  const NeuronEdit& edit() const { return m_edit; }
  void setEdit(const NeuronEdit& edit);  // emits nothing
  // A token's norm at the tap: about the strength that matters. 0: not known yet.
  void setTokenNorm(double norm);
  void refresh();  // what the loader has of it
  void setCurrent(bool current);

  QCheckBox& enabledBox() { return *m_on; }
  QComboBox& opBox() { return *m_op; }
  QDoubleSpinBox& valueBox() { return *m_value; }
  ValueSlider& slider() { return *m_slider; }
  QToolButton& removeButton() { return *m_remove; }
  QString title() const { return m_title->text(); }

 Q_SIGNALS:
  void edited(const QString& what, bool value);  // edit() has changed; `value`: only that, and more of it may come
  void rested();                                 // no more of it comes
  void removeWanted();
  void touched();           // it has the focus now
  void pointedAt(bool on);  // the pointer is on its name or its images
  void exploreWanted();     // a double click there

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void mousePressEvent(QMouseEvent*) override;
  void keyPressEvent(QKeyEvent*) override;
  void resizeEvent(QResizeEvent*) override;

 private:
  void display();
  void scale();
  void change(const NeuronEdit& edit, const QString& what, bool value);
  void arrangeThumbs();

  NeuronEdit m_edit;
  const NeuronLoader& m_loader;
  double m_norm = 0;
  QString m_fullTitle;
  QCheckBox* m_on;
  QLabel* m_title;
  QLabel* m_facts;
  QComboBox* m_op;
  QDoubleSpinBox* m_value;
  QToolButton* m_remove;
  ThumbStrip* m_thumbs;
  ValueSlider* m_slider;
};

}  // namespace sememe
