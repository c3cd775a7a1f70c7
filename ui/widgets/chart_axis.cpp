// An axis of a chart.
#include "ui/widgets/chart_axis.h"

#include <QLocale>
#include <algorithm>
#include <cmath>
#include <limits>

namespace sememe {
namespace {

// The round step that divides `span` into about `wanted` parts, a third more at most.
double roundStep(double span, int wanted) {
  const double raw = span / std::max(1, wanted);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * 0.75) return factor * power;
  }
  return 10 * power;
}

}  // namespace

QString grouped(int64_t number) { return QLocale(QLocale::English).toString(qlonglong(number)); }

QString shortNumber(double value, int digits) {
  if (!std::isfinite(value)) return QStringLiteral("–");
  const double size = std::abs(value);
  const auto plain = [&](double v) {
    QString text = QLocale::c().toString(v, 'g', digits);
    return text.replace(QLatin1String("e-0"), QLatin1String("e-"));
  };
  if (size >= 1e15) return plain(value);
  for (const auto& [limit, letter] : {std::pair(1e12, 'T'), std::pair(1e9, 'G'), std::pair(1e6, 'M'), std::pair(1e4, 'k')}) {
    if (size >= limit) return plain(value / (letter == 'k' ? 1e3 : limit)) + QLatin1Char(letter);
  }
  if (size >= 1000) return QLocale::c().toString(value, 'f', 0);
  return plain(value);
}

ChartAxis::ChartAxis(double low, double high, bool logarithmic) : m_low(low), m_high(high), m_logarithmic(logarithmic) {
  if (m_logarithmic) {
    if (!(m_low > 0)) m_low = std::isfinite(m_high) && m_high > 0 ? m_high / 10 : 1;
    if (!(m_high > m_low * (1 + 1e-9))) {
      m_low /= 2;
      m_high = m_low * 4;
    }
    return;
  }
  if (!std::isfinite(m_low) || !std::isfinite(m_high)) {
    m_low = 0;
    m_high = 1;
  }
  const double least = std::max({std::abs(m_low), std::abs(m_high), 1e-12}) * 1e-6;
  if (m_high - m_low < least) {
    const double half = m_low == 0 && m_high == 0 ? 0.5 : std::max(std::abs(m_low), std::abs(m_high)) * 0.1;
    const double middle = (m_low + m_high) / 2;
    m_low = middle - half;
    m_high = middle + half;
  }
}

double ChartAxis::shareOf(double value) const {
  if (!m_logarithmic) return (value - m_low) / (m_high - m_low);
  if (!(value > 0)) return std::numeric_limits<double>::quiet_NaN();
  return std::log(value / m_low) / std::log(m_high / m_low);
}

double ChartAxis::valueAt(double share) const {
  return m_logarithmic ? m_low * std::pow(m_high / m_low, share) : m_low + share * (m_high - m_low);
}

std::vector<Tick> ChartAxis::ticks(int wanted) const {
  std::vector<Tick> ticks;
  const double decades = m_logarithmic ? std::log10(m_high / m_low) : 0;
  // Less than a decade is read more easily from evenly stepped numbers.
  if (!m_logarithmic || decades < 1) {
    const double step = roundStep(m_high - m_low, wanted);
    // Counted in whole steps, so that errors do not add up; −0 would be written with its sign.
    for (double n = std::ceil(m_low / step - 1e-9); n * step <= m_high + step * 1e-9; ++n) {
      const double value = n == 0 ? 0 : n * step;
      ticks.push_back({value, shortNumber(value, 4)});
    }
    return ticks;
  }
  const int every = std::max(1, int(std::ceil(decades / std::max(1, wanted))));
  const bool between = decades * 3 <= wanted + 1;
  for (int power = int(std::floor(std::log10(m_low))); power <= int(std::ceil(std::log10(m_high))); ++power) {
    if (power % every != 0) continue;
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor > 1 && !between) break;
      const double value = factor * std::pow(10.0, power);
      if (value >= m_low * (1 - 1e-9) && value <= m_high * (1 + 1e-9)) ticks.push_back({value, shortNumber(value)});
    }
  }
  return ticks;
}

}  // namespace sememe
