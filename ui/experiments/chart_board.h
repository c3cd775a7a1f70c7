// The five charts of the trainings: loss, L0, explained variance, dead latents, MS; with one cross-hair, and each as large as
// the board by choice.
#pragma once

#include <QGridLayout>
#include <QToolButton>
#include <QWidget>
#include <vector>

#include "ui/experiments/curve_chart.h"
#include "ui/experiments/training_list.h"
#include "ui/settings/settings.h"

namespace sememe {

class ChartBoard : public QWidget {
  Q_OBJECT
 public:
  static constexpr int kCharts = 5;
  enum Measure { Loss, L0, ExplainedVariance, Dead, Ms };

  // `last` takes the sixth place; the board owns it.
  ChartBoard(const Theme& theme, TrainingList& list, QWidget* last, QWidget* parent = nullptr);

  CurveChart& chart(Measure measure) const { return *m_panels[size_t(measure)].chart; }
  void setStrong(const QList<qint64>& ids);  // the trainings drawn above the others
  void enlarge(int measure);                 // that chart alone; -1: all of them
  int enlarged() const { return m_enlarged; }

  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;

 protected:
  void keyPressEvent(QKeyEvent*) override;

 private:
  struct Panel {
    QWidget* frame = nullptr;
    CurveChart* chart = nullptr;
    QToolButton* logarithmic = nullptr;  // null: never
    QToolButton* expand = nullptr;
  };
  Panel makePanel(int measure);
  void arrange();
  void redraw();
  void redrawSoon();

  const Theme& m_theme;
  TrainingList& m_list;
  QGridLayout* m_grid;
  std::vector<Panel> m_panels;
  QWidget* m_last;
  QList<qint64> m_strong;
  int m_enlarged = -1;
  bool m_pending = false;
};

}  // namespace sememe
