// An axis of a chart: the range it shows, where its ticks go and what they are called.
#pragma once

#include <QString>
#include <vector>

namespace sememe {

struct Tick {
  double value = 0;
  QString text;
};

// "950", "12k", "1.5M", "0.02", "3e-5": for ticks and read-outs, never wider than eight characters at `digits` 4.
QString shortNumber(double value, int digits = 3);
QString grouped(int64_t number);  // "1,234,567"

// A range of values on a linear or logarithmic scale. Plain value.
class ChartAxis {
 public:
  // Empty or reversed ranges are widened, so that there is always something to divide by. A logarithmic axis needs
  // low > 0.
  ChartAxis(double low = 0, double high = 1, bool logarithmic = false);

  double low() const { return m_low; }
  double high() const { return m_high; }
  bool logarithmic() const { return m_logarithmic; }

  double shareOf(double value) const;  // 0 at low, 1 at high; NaN for what a logarithmic axis cannot show
  double valueAt(double share) const;

  // About `wanted` round numbers within the range, a third more at most: 1, 2 or 5 times a power of ten apart; on a logarithmic axis
  // powers of ten with 2 and 5 between them where there is room.
  std::vector<Tick> ticks(int wanted) const;

 private:
  double m_low, m_high;
  bool m_logarithmic;
};

}  // namespace sememe
