// A row for each token: its text, a bar for now, a thin one for before, a number.
#include "ui/steer/token_bars.h"

#include <QHelpEvent>
#include <QLocale>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>
#include <algorithm>

namespace sememe {
namespace {

constexpr double kBar = 8, kThin = 3;  // heights of the bars, one under the other
constexpr int kSwatch = 18;
constexpr double kTextShare = 0.4;     // of the width
constexpr double kRound = 2.5;

// As long as its share to the pixel, so that small ones can be told apart; what is not 0 is seen.
void drawBar(QPainter& painter, const QRectF& rect, double share, const QColor& fill, const QColor& track) {
  QPainterPath shape;
  shape.addRoundedRect(rect, std::min(kRound, rect.height() / 2), std::min(kRound, rect.height() / 2));
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setClipPath(shape);
  painter.fillRect(rect, track);
  if (share > 0) painter.fillRect(QRectF(rect.topLeft(), QSizeF(std::max(1.5, rect.width() * std::min(1.0, share)), rect.height())), fill);
  painter.restore();
}

}  // namespace

QString visibleToken(const TokenChance& chance) {
  QString shown;
  for (const char32_t code : QString::fromStdString(chance.text).toStdU32String()) {
    switch (code) {
      case U' ':
      case U'\u00A0':
      case U'\u2581': shown += QChar(0x2423); continue;  // ␣
      case U'\n': shown += QChar(0x21B5); continue;      // ↵
      case U'\r': shown += QStringLiteral("\\r"); continue;
      case U'\t': shown += QChar(0x21E5); continue;      // ⇥
      default: break;
    }
    if (QChar::isPrint(code)) shown += QString::fromUcs4(&code, 1);
    else shown += QStringLiteral("\\u%1").arg(uint(code), 4, 16, QLatin1Char('0'));
  }
  return shown.isEmpty() ? QObject::tr("token %1").arg(chance.token) : shown;
}

QString percent(double share) {
  const QLocale plain = QLocale::c();
  const double value = 100 * share;
  if (value > 0 && value < 0.01) return QStringLiteral("< 0.01 %");
  const int decimals = value == 0 || value >= 99.95 ? 0 : value < 1 ? 2 : 1;
  return plain.toString(value, 'f', decimals) + QStringLiteral(" %");
}

TokenBars::TokenBars(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  setAccessibleName(tr("Likeliest first tokens"));
  m_emptyText = tr("How the answer may begin is shown here as soon as there is an image and a question.");
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void TokenBars::setChances(std::vector<TokenChance> chances) {
  std::stable_sort(chances.begin(), chances.end(), [](const TokenChance& a, const TokenChance& b) { return a.probability > b.probability; });
  if (chances.size() > size_t(kMost)) chances.resize(kMost);
  m_chances = std::move(chances);
  QStringList spoken;
  for (const TokenChance& c : m_chances) {
    spoken << (c.before ? tr("%1 %2, before %3").arg(visibleToken(c), percent(c.probability), percent(*c.before))
                        : tr("%1 %2").arg(visibleToken(c), percent(c.probability)));
  }
  setAccessibleDescription(spoken.join(QStringLiteral("; ")));
  update();
}

void TokenBars::setEmptyText(const QString& text) {
  m_emptyText = text;
  update();
}

bool TokenBars::knowsBefore() const {
  return std::any_of(m_chances.begin(), m_chances.end(), [](const TokenChance& c) { return c.before.has_value(); });
}

int TokenBars::rowHeight() const { return fontMetrics().height() + kUnit; }  // of the legend too
QSize TokenBars::sizeHint() const { return {260, (1 + kMost) * rowHeight()}; }
QSize TokenBars::minimumSizeHint() const { return {160, 5 * rowHeight()}; }
QRect TokenBars::row(int index) const { return {0, (1 + index) * rowHeight(), width(), rowHeight()}; }

void TokenBars::paintLegend(QPainter& painter) const {
  const Colors& c = m_theme.colors();
  const double middle = fontMetrics().height() / 2.0;
  double x = 0;
  const auto entry = [&](const QString& text, double height, const QColor& color) {
    drawBar(painter, QRectF(x, middle - height / 2, kSwatch, height), 1, color, c.track);
    x += kSwatch + kUnit * 0.75;
    painter.setPen(c.textMuted);
    painter.drawText(QRectF(x, 0, width() - x, fontMetrics().height()), Qt::AlignLeft | Qt::AlignVCenter, text);
    x += fontMetrics().horizontalAdvance(text) + 2 * kUnit;
  };
  entry(tr("now"), kBar, c.accent);
  if (knowsBefore()) entry(tr("original"), kThin, c.textMuted);
}

void TokenBars::paintEvent(QPaintEvent*) {
  const Colors& c = m_theme.colors();
  QPainter painter(this);
  if (m_chances.empty()) {
    painter.setPen(c.textMuted);
    painter.drawText(rect(), Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap, m_emptyText);
    return;
  }
  paintLegend(painter);
  const int number = fontMetrics().horizontalAdvance(QStringLiteral("< 0.01 %")) + kUnit / 2;
  int widest = 0;
  for (const TokenChance& chance : m_chances) widest = std::max(widest, fontMetrics().horizontalAdvance(visibleToken(chance)));
  const int text = std::min(widest, int(kTextShare * width()));
  const double left = text + kUnit, wide = std::max(1.0, width() - left - number);
  const bool both = knowsBefore();
  for (int i = 0; i < int(m_chances.size()); ++i) {
    const TokenChance& chance = m_chances[size_t(i)];
    const QRect area = row(i);
    if (area.bottom() > height()) break;  // no half rows
    painter.setPen(i == 0 ? c.text : c.textMuted);
    painter.drawText(QRect(0, area.top(), text, area.height()), Qt::AlignLeft | Qt::AlignVCenter,
                     fontMetrics().elidedText(visibleToken(chance), Qt::ElideRight, text));
    painter.drawText(area, Qt::AlignRight | Qt::AlignVCenter, percent(chance.probability));
    const double used = both ? kBar + 1.5 + kThin : kBar;
    const double top = area.top() + (area.height() - used) / 2;
    drawBar(painter, QRectF(left, top, wide, kBar), chance.probability, c.accent, c.track);
    if (chance.before) drawBar(painter, QRectF(left, top + kBar + 1.5, wide, kThin), *chance.before, c.textMuted, Qt::transparent);
  }
}

bool TokenBars::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  auto* help = static_cast<QHelpEvent*>(event);
  for (int i = 0; i < int(m_chances.size()); ++i) {
    if (!row(i).contains(help->pos())) continue;
    const TokenChance& chance = m_chances[size_t(i)];
    QStringList lines{tr("“%1”, token %2").arg(visibleToken(chance)).arg(chance.token), tr("Now: %1").arg(percent(chance.probability))};
    if (chance.before) lines << tr("Original: %1").arg(percent(*chance.before));
    QToolTip::showText(help->globalPos(), lines.join(QLatin1Char('\n')), this, row(i));
    return true;
  }
  QToolTip::hideText();
  return true;
}

}  // namespace sememe
