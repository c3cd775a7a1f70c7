// One image, as large as the window: laid over the page, walked with the arrow keys, closed with Esc.
#pragma once

#include <QImage>
#include <QPixmap>
#include <QPointer>
#include <QWidget>

#include "ui/models/neuron_loader.h"
#include "ui/theme/theme.h"

namespace sememe {

class ImageViewer : public QWidget {
  Q_OBJECT
 public:
  // Covers `parent` wholly while it is open.
  ImageViewer(const Theme& theme, NeuronLoader& loader, QWidget* parent);

  void open(const NeuronViewPtr& view, int index);
  void closeViewer();
  bool isOpen() const { return isVisible(); }
  int current() const { return m_index; }
  const QString& note() const { return m_note; }  // why it shows the thumbnail; empty while it shows the file
  bool showsFile() const { return !m_full.isNull(); }

 Q_SIGNALS:
  void currentChanged(int index);
  void closed();
  void fullImageShown();  // the file, or the note that there is none

 protected:
  void paintEvent(QPaintEvent*) override;
  void keyPressEvent(QKeyEvent*) override;
  void mousePressEvent(QMouseEvent*) override;
  bool eventFilter(QObject* watched, QEvent* event) override;
  bool focusNextPrevChild(bool) override { return true; }  // what is behind it has no focus

 private:
  void goTo(int index);
  QRect button(int which) const;  // 0 close, 1 previous, 2 next

  const Theme& m_theme;
  NeuronLoader& m_loader;
  NeuronViewPtr m_view;
  int m_index = 0;
  int m_generation = 0;
  QPixmap m_full;
  QString m_note;
  QPointer<QWidget> m_focusBefore;
};

}  // namespace sememe
