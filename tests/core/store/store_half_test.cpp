// float32 from and to the 16-bit formats: every value, every tie.
#include "core/store/half.h"

#include <QTest>
#include <cmath>
#include <limits>

using namespace sememe;

namespace {

// The value of a binary16 by its definition, in double, where it is exact.
double valueOfHalf(uint16_t half) {
  const int exponent = (half >> 10) & 31, fraction = half & 1023;
  const double sign = half & 0x8000 ? -1 : 1;
  if (exponent == 31) return fraction ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  return exponent == 0 ? sign * std::ldexp(fraction, -24) : sign * std::ldexp(1024 + fraction, exponent - 25);
}

}  // namespace

class HalfTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void everyHalfReadsAsItsValue() {
    for (uint32_t half = 0; half < 65536; ++half) {
      const float read = halfToFloat(uint16_t(half));
      const double value = valueOfHalf(uint16_t(half));
      if (std::isnan(value)) {
        QVERIFY2(std::isnan(read), qPrintable(QString::number(half, 16)));
      } else {
        QVERIFY2(double(read) == value && std::signbit(read) == std::signbit(value),
                 qPrintable(QString::number(half, 16)));
      }
    }
  }

  void everyHalfComesBack() {
    for (uint32_t half = 0; half < 65536; ++half) {
      const uint16_t back = floatToHalf(halfToFloat(uint16_t(half)));
      if (std::isnan(valueOfHalf(uint16_t(half)))) {
        QVERIFY(std::isnan(valueOfHalf(back)) && (back & 0x8000) == (half & 0x8000));
      } else {
        QCOMPARE(uint32_t(back), half);
      }
    }
  }

  // Between each half and the next: the middle goes to the even one, the float beside it to the nearer one.
  void halvesRoundToNearestEven() {
    for (uint32_t half = 0; half < 0x7c00; ++half) {
      const double next = half == 0x7bff ? 65536.0 : valueOfHalf(uint16_t(half + 1));
      const float middle = float((valueOfHalf(uint16_t(half)) + next) / 2);
      const uint16_t even = uint16_t(half % 2 == 0 ? half : half + 1);
      for (const uint16_t sign : {uint16_t(0), uint16_t(0x8000)}) {
        const float signedMiddle = sign ? -middle : middle;
        const float below = std::nextafter(signedMiddle, 0.0f);
        const float above = std::nextafter(signedMiddle, sign ? -1e9f : 1e9f);
        QCOMPARE(floatToHalf(signedMiddle), uint16_t(even | sign));
        QCOMPARE(floatToHalf(below), uint16_t(half | sign));
        QCOMPARE(floatToHalf(above), uint16_t((half + 1) | sign));
      }
    }
  }

  void farFloatsBecomeInfinityOrZero() {
    QCOMPARE(floatToHalf(65519.996f), uint16_t(0x7bff));
    QCOMPARE(floatToHalf(65520.0f), uint16_t(0x7c00));
    QCOMPARE(floatToHalf(1e30f), uint16_t(0x7c00));
    QCOMPARE(floatToHalf(-std::numeric_limits<float>::infinity()), uint16_t(0xfc00));
    QCOMPARE(floatToHalf(std::numeric_limits<float>::denorm_min()), uint16_t(0));
    QCOMPARE(floatToHalf(-1e-30f), uint16_t(0x8000));
    QVERIFY(std::isnan(halfToFloat(floatToHalf(std::numeric_limits<float>::quiet_NaN()))));
    // A NaN whose payload lies in the bits that are cut off must not turn into infinity.
    QVERIFY(std::isnan(halfToFloat(floatToHalf(std::bit_cast<float>(0x7f800001u)))));
  }

  void everyBfloat16ComesBackAndRoundsToNearestEven() {
    for (uint32_t value = 0; value < 65536; ++value) {
      const float read = bfloat16ToFloat(uint16_t(value));
      QCOMPARE(std::bit_cast<uint32_t>(read), value << 16);
      const uint16_t back = floatToBfloat16(read);
      if (std::isnan(read)) {
        QVERIFY(std::isnan(bfloat16ToFloat(back)));
        continue;
      }
      QCOMPARE(uint32_t(back), value);
      if (std::isinf(read)) continue;
      const auto round = [&](uint32_t low) {
        return floatToBfloat16(std::bit_cast<float>((value << 16) | low));
      };
      QCOMPARE(round(0x7fff), uint16_t(value));
      QCOMPARE(round(0x8000), uint16_t(value % 2 == 0 ? value : value + 1));
      QCOMPARE(round(0x8001), uint16_t(value + 1));
    }
    QVERIFY(std::isnan(bfloat16ToFloat(floatToBfloat16(std::bit_cast<float>(0x7f800001u)))));
  }
};

QTEST_GUILESS_MAIN(HalfTest)
#include "store_half_test.moc"
