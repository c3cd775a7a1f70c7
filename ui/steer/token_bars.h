// The likeliest first words of an answer: how likely each is, and was before the edit.
#pragma once

#include <QWidget>
#include <vector>

#include "core/pipeline/steer.h"
#include "ui/theme/theme.h"

namespace sememe {

// A token as it is read: blanks, line breaks and control characters made visible; where nothing is left, its number.
QString visibleToken(const TokenChance& chance);
// "42.1 %", "0.03 %", "< 0.01 %".
QString percent(double share);

class TokenBars : public QWidget {
  Q_OBJECT
 public:
  static constexpr int kMost = 12;  // tokens shown

  explicit TokenBars(const Theme& theme, QWidget* parent = nullptr);

  // Shown by falling probability; each with its thin bar of `before`, where that is known.
  void setChances(std::vector<TokenChance> chances);
  void clear() { setChances({}); }
  void setEmptyText(const QString& text);  // while there are none
  const std::vector<TokenChance>& chances() const { return m_chances; }
  QRect row(int index) const;

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent*) override;
  bool event(QEvent*) override;

 private:
  int rowHeight() const;
  bool knowsBefore() const;
  void paintLegend(QPainter& painter) const;

  const Theme& m_theme;
  std::vector<TokenChance> m_chances;
  QString m_emptyText;
};

}  // namespace sememe
