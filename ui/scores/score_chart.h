// The figure of sorted scores as a widget, with a cross-hair that the pointer or the keyboard moves.
#pragma once

#include <QWidget>
#include <optional>

#include "ui/scores/score_figure.h"

namespace sememe {

class ScoreChart : public QWidget {
  Q_OBJECT
 public:
  explicit ScoreChart(const Theme& theme, QWidget* parent = nullptr);

  void setFigure(ScoreFigure figure, const QString& emptyText);
  const ScoreFigure& figure() const { return m_figure; }
  std::optional<double> cursor() const { return m_cursor; }  // share of the neurons

  QSize sizeHint() const override { return {600, 320}; }
  QSize minimumSizeHint() const override { return {320, 160}; }

 protected:
  void paintEvent(QPaintEvent*) override;
  void mouseMoveEvent(QMouseEvent*) override;
  void leaveEvent(QEvent*) override;
  void keyPressEvent(QKeyEvent*) override;
  void focusOutEvent(QFocusEvent*) override;

 private:
  QRectF area() const;
  void moveCursor(std::optional<double> share);

  const Theme& m_theme;
  ScoreFigure m_figure;
  QString m_emptyText;
  std::optional<double> m_cursor;
};

}  // namespace sememe
