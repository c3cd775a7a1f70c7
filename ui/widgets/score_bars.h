// Scores between 0 and 1, each as a name, a bar and a number.
#pragma once

#include <QString>
#include <QWidget>
#include <vector>

#include "ui/theme/theme.h"

namespace sememe {

// Paints a bar of `fraction` (0 … 1; NaN: an empty track) of `rect`, with round ends.
void paintBar(QPainter& painter, const QRectF& rect, double fraction, const QColor& fill, const QColor& track);

class ScoreBars : public QWidget {
  Q_OBJECT
 public:
  struct Score {
    QString name;
    double value = 0;  // NaN: none
    bool chosen = false;
  };
  explicit ScoreBars(const Theme& theme, QWidget* parent = nullptr);
  void setScores(std::vector<Score> scores);
  const std::vector<Score>& scores() const { return m_scores; }
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent*) override;

 private:
  int rowHeight() const;
  const Theme& m_theme;
  std::vector<Score> m_scores;
};

}  // namespace sememe
