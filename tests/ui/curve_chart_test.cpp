// Tests of the charts: ticks, numbers, thinning of long curves, what lies under the cross-hair, painting in both themes.
#include "ui/experiments/curve_chart.h"

#include <QSignalSpy>
#include <QTest>
#include <cmath>
#include <limits>

using namespace sememe;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

QStringList texts(const std::vector<Tick>& ticks) {
  QStringList list;
  for (const Tick& tick : ticks) list << tick.text;
  return list;
}

int pixelsLike(const QImage& image, const QColor& color) {
  int count = 0;
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) {
      const QColor p = image.pixelColor(x, y);
      count += std::abs(p.red() - color.red()) + std::abs(p.green() - color.green()) + std::abs(p.blue() - color.blue()) < 30;
    }
  }
  return count;
}

}  // namespace

class CurveChartTest : public QObject {
  Q_OBJECT
  Theme m_theme;

 private Q_SLOTS:
  void ticksAreRoundAndWithin() {
    QCOMPARE(texts(ChartAxis(0, 10'000).ticks(5)), (QStringList{QStringLiteral("0"), QStringLiteral("2000"), QStringLiteral("4000"), QStringLiteral("6000"), QStringLiteral("8000"), QStringLiteral("10k")}));
    QCOMPARE(texts(ChartAxis(0.1, 0.95).ticks(4)), (QStringList{QStringLiteral("0.2"), QStringLiteral("0.4"), QStringLiteral("0.6"), QStringLiteral("0.8")}));
    QCOMPARE(texts(ChartAxis(-1, 1).ticks(4)), (QStringList{QStringLiteral("-1"), QStringLiteral("-0.5"), QStringLiteral("0"), QStringLiteral("0.5"), QStringLiteral("1")}));
    QCOMPARE(texts(ChartAxis(0.001, 100, true).ticks(6)), (QStringList{QStringLiteral("0.001"), QStringLiteral("0.01"), QStringLiteral("0.1"), QStringLiteral("1"), QStringLiteral("10"), QStringLiteral("100")}));
    QCOMPARE(texts(ChartAxis(1, 12, true).ticks(4)), (QStringList{QStringLiteral("1"), QStringLiteral("2"), QStringLiteral("5"), QStringLiteral("10")}));
    // Less than a decade: even steps.
    QCOMPARE(texts(ChartAxis(2, 6, true).ticks(4)), (QStringList{QStringLiteral("2"), QStringLiteral("3"), QStringLiteral("4"), QStringLiteral("5"), QStringLiteral("6")}));
    for (const double span : {1e-9, 3e-4, 0.7, 12.0, 5e5, 8e12}) {
      for (int wanted = 1; wanted < 9; ++wanted) {
        const auto ticks = ChartAxis(span, 2 * span).ticks(wanted);
        QVERIFY(!ticks.empty() || wanted == 1);
        QVERIFY(int(ticks.size()) <= wanted * 4 / 3 + 2);
        for (const Tick& tick : ticks) QVERIFY(tick.value >= span * (1 - 1e-6) && tick.value <= 2 * span * (1 + 1e-6));
      }
    }
  }

  void axesOfNothingAreStillAxes() {
    for (const auto& axis : {ChartAxis(3, 3), ChartAxis(0, 0), ChartAxis(5, 1), ChartAxis(kNan, kNan), ChartAxis(0, 0, true), ChartAxis(7, 7, true)}) {
      QVERIFY(axis.high() > axis.low());
      QVERIFY(std::isfinite(axis.shareOf(axis.valueAt(0.3))));
      QVERIFY(axis.ticks(5).size() < 12);
    }
    QVERIFY(std::isnan(ChartAxis(1, 10, true).shareOf(0)));
    QVERIFY(std::abs(ChartAxis(1, 100, true).shareOf(10) - 0.5) < 1e-12);
  }

  void numbersAreShort() {
    QCOMPARE(shortNumber(950), QStringLiteral("950"));
    QCOMPARE(shortNumber(9999), QStringLiteral("9999"));
    QCOMPARE(shortNumber(12'345), QStringLiteral("12.3k"));
    QCOMPARE(shortNumber(1.5e6), QStringLiteral("1.5M"));
    QCOMPARE(shortNumber(0.00003), QStringLiteral("3e-5"));
    QCOMPARE(shortNumber(kNan), QStringLiteral("–"));
  }

  void longCurvesAreThinnedAndKeepTheirPeaks() {
    std::vector<QPointF> line;
    for (int i = 0; i < 100'000; ++i) line.emplace_back(i, i == 54'321 ? 10 : 1 + 0.1 * (i % 7));
    const QRectF plot(10, 10, 300, 100);
    const auto stretches = drawnStretches(line, ChartAxis(0, 100'000), ChartAxis(0, 10), plot);
    QCOMPARE(stretches.size(), size_t(1));
    QVERIFY(stretches[0].size() <= 4 * 302);
    double highest = plot.bottom();
    for (const QPointF& p : stretches[0]) highest = std::min(highest, p.y());
    QCOMPARE(highest, plot.top());
  }

  void gapsDivideACurve() {
    const std::vector<QPointF> line = {{0, 1}, {1, 2}, {2, kNan}, {3, 1}, {4, kNan}, {5, kNan}, {6, 2}, {7, 3}};
    QCOMPARE(drawnStretches(line, ChartAxis(0, 7), ChartAxis(0, 3), QRectF(0, 0, 700, 100)).size(), size_t(3));
    // A logarithmic axis has no place for zero.
    const std::vector<QPointF> zeros = {{0, 1}, {1, 0}, {2, 1}};
    QCOMPARE(drawnStretches(zeros, ChartAxis(0, 2), ChartAxis(0.1, 1, true), QRectF(0, 0, 700, 100)).size(), size_t(2));
    QVERIFY(drawnStretches({}, ChartAxis(), ChartAxis(), QRectF(0, 0, 10, 10)).empty());
  }

  void theNearestPointIsFound() {
    CurveSeries s{.name = QStringLiteral("a")};
    s.line = {{0, 1}, {10, 2}, {20, kNan}, {30, 4}};
    s.marks = {{25, 9}};
    QCOMPARE(CurveChart::pointAt(s, 4)->x(), 0.0);
    QCOMPARE(CurveChart::pointAt(s, 6)->x(), 10.0);
    QCOMPARE(CurveChart::pointAt(s, 19)->x(), 10.0);
    QCOMPARE(CurveChart::pointAt(s, 21)->x(), 30.0);
    QCOMPARE(CurveChart::pointAt(s, 32)->x(), 30.0);
    QVERIFY(!CurveChart::pointAt(s, 60));  // it has not come that far
    QCOMPARE(CurveChart::pointAt(s, 3, true)->y(), 9.0);
    QVERIFY(!CurveChart::pointAt(CurveSeries{}, 3));
  }

  void theCrossHairReadsEachRun() {
    CurveChart chart(m_theme, QStringLiteral("Loss"));
    chart.resize(400, 200);
    CurveSeries a{.name = QStringLiteral("first")}, b{.name = QStringLiteral("second"), .color = 1};
    for (int i = 0; i <= 1000; ++i) a.line.emplace_back(i, 0.5);
    for (int i = 0; i <= 500; ++i) b.line.emplace_back(i, 0.25);
    b.marks = {{500, 0.125}};
    chart.setSeries({a, b});
    chart.show();
    QVERIFY(QTest::qWaitForWindowExposed(&chart));
    QSignalSpy moved(&chart, &CurveChart::cursorMoved);
    const QPointF middle = chart.pixelOf({400, 0.5});
    QTest::mouseMove(&chart, QPoint(5, 5));
    QTest::mouseMove(&chart, middle.toPoint());
    QTRY_VERIFY(chart.cursorStep().has_value());
    QVERIFY(std::abs(*chart.cursorStep() - 400) < 5);
    QVERIFY(moved.count() >= 1);
    const QStringList lines = chart.readOut(400);
    QCOMPARE(lines, (QStringList{QStringLiteral("Step 400"), QStringLiteral("first: 0.5"), QStringLiteral("second: 0.25 (held out 0.125)")}));
    QCOMPARE(chart.readOut(900), (QStringList{QStringLiteral("Step 900"), QStringLiteral("first: 0.5")}));
    // By keys as well.
    QTest::keyClick(&chart, Qt::Key_End);
    QCOMPARE(*chart.cursorStep(), 1000.0);
    QTest::keyClick(&chart, Qt::Key_Left);
    QCOMPARE(*chart.cursorStep(), 990.0);
    QTest::keyClick(&chart, Qt::Key_Escape);
    QVERIFY(!chart.cursorStep());
    QVERIFY(chart.accessibleDescription().contains(QLatin1String("first: 0.5 at step 1,000")));
  }

  void paintsInBothThemes() {
    CurveChart chart(m_theme, QStringLiteral("Loss"));
    chart.resize(400, 200);
    CurveSeries a{.name = QStringLiteral("a"), .color = 2, .strong = true};
    for (int i = 0; i < 10'000; ++i) a.line.emplace_back(i, 1.0 / (1 + i));
    chart.setSeries({a});
    for (const ThemeMode mode : {ThemeMode::Dark, ThemeMode::Light}) {
      m_theme.setMode(mode);
      for (const bool logarithmic : {false, true}) {
        chart.setLogarithmic(logarithmic);
        QVERIFY(pixelsLike(chart.grab().toImage(), m_theme.colors().series[2]) > 50);
      }
    }
    chart.resize(60, 30);  // less than it needs
    chart.grab();
    chart.setSeries({});
    chart.setEmptyText(QStringLiteral("nothing"));
    chart.grab();
  }
};

QTEST_MAIN(CurveChartTest)
#include "curve_chart_test.moc"
