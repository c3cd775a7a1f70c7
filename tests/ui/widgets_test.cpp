// Tests of the painted widgets: range slider and fields, histogram, score bars, message bar, running work.
#include <QCheckBox>
#include <QLineEdit>
#include <QSignalSpy>
#include <QTest>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "tests/ui/ui_support.h"
#include "ui/models/class_counts.h"
#include "ui/widgets/histogram_plot.h"
#include "ui/widgets/job_status.h"
#include "ui/widgets/kept_splitter.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/range_filter.h"
#include "ui/widgets/score_bars.h"

using namespace sememe;

class WidgetsTest : public QObject {
  Q_OBJECT
  Theme m_theme;

 private Q_SLOTS:
  void countsClasses() {
    std::vector<GridImage> images(16);
    QVERIFY(classCounts(images).empty());
    QVERIFY(std::isnan(classEntropy({})));
    for (int i = 0; i < 16; ++i) images[size_t(i)].className = i < 8 ? QStringLiteral("tench") : i < 12 ? QStringLiteral("hen") : QStringLiteral("cock");
    const std::vector<ClassCount> counts = classCounts(images);
    QCOMPARE(classText(counts, 3), QStringLiteral("tench (8), cock (4), hen (4)"));
    QCOMPARE(classText(counts, 1), QStringLiteral("tench (8) and 2 more"));
    QCOMPARE(classEntropy(counts), 1.5);
    QCOMPARE(classEntropy({{QStringLiteral("tench"), 16}}), 0.0);
  }

  // Pages that were never in view have not been laid out: what a window keeps of them is what it was given.
  void splitterKeepsWhatWasSeen() {
    QWidget window;
    window.resize(1000, 300);
    KeptSplitter splitter(Qt::Horizontal, &window);
    splitter.addWidget(new QWidget);
    splitter.addWidget(new QWidget);
    splitter.setGeometry(window.rect());
    splitter.apply({}, {300, 699});
    QVERIFY(splitter.kept().isEmpty());
    splitter.apply({200, 799}, {300, 699});
    QCOMPARE(splitter.kept(), (QList<int>{200, 799}));
    splitter.apply({1, 2, 3}, {300, 699});
    QVERIFY(splitter.kept().isEmpty());
    window.show();
    QCOMPARE(splitter.kept(), (QList<int>{300, 699}));
    splitter.setSizes({400, 599});
    window.hide();
    QCOMPARE(splitter.kept(), (QList<int>{400, 599}));
  }

  void sliderMovesByMouseAndKeys() {
    RangeSlider slider(m_theme);
    slider.resize(200, 24);
    slider.show();
    QSignalSpy moved(&slider, &RangeSlider::moved);
    QTest::mouseClick(&slider, Qt::LeftButton, {}, QPoint(50, 12));
    QVERIFY(slider.low() > 0.15 && slider.low() < 0.35);
    QCOMPARE(slider.high(), 1.0);
    QTest::mouseClick(&slider, Qt::LeftButton, {}, QPoint(180, 12));
    QVERIFY(slider.high() < 1);
    const double high = slider.high();
    QTest::keyClick(&slider, Qt::Key_Left);
    QCOMPARE(slider.high(), high - 0.01);
    QTest::keyClick(&slider, Qt::Key_Home);  // not below the other handle
    QCOMPARE(slider.high(), slider.low());
    QTest::mouseDClick(&slider, Qt::LeftButton, {}, QPoint(100, 12));
    QCOMPARE(slider.low(), 0.0);
    QCOMPARE(slider.high(), 1.0);
    QVERIFY(moved.count() >= 4);
  }

  void fieldsAndSliderAgree() {
    RangeFilter filter(m_theme, QStringLiteral("Fires %"), RangeFilter::Scale::Log, 100);
    filter.resize(400, 30);
    filter.show();
    const auto fields = filter.findChildren<QLineEdit*>();
    QSignalSpy changed(&filter, &RangeFilter::changed);
    const auto type = [&](int which, const QString& text) {
      fields[which]->setText(text);
      Q_EMIT fields[which]->editingFinished();
    };
    type(0, QStringLiteral("0.1"));
    QCOMPARE(*filter.minimum(), 0.001);
    type(1, QStringLiteral("2,5"));
    QCOMPARE(*filter.maximum(), 0.025);
    QCOMPARE(changed.count(), 2);
    type(0, QStringLiteral("nonsense"));
    QVERIFY(fields[0]->property("invalid").toBool());
    QCOMPARE(*filter.minimum(), 0.001);  // as it was
    type(0, QString());
    QVERIFY(!filter.minimum());
    type(0, QStringLiteral("50"));  // above the maximum: they change places
    QVERIFY(*filter.minimum() <= *filter.maximum());
    filter.clear();
    QVERIFY(!filter.minimum() && !filter.maximum());
    for (const QString& text : {QStringLiteral("nan"), QStringLiteral("inf"), QStringLiteral("1e999")}) {
      type(0, text);
      QVERIFY2(!filter.minimum(), qPrintable(text));
    }
  }

  void histogramTellsItsCounts() {
    HistogramPlot plot(m_theme);
    plot.resize(200, 140);
    plot.setData({10, 0, 5, 1}, 0, 4);
    QVERIFY(plot.textAt(10).contains(QStringLiteral("0 – 1")));
    QVERIFY(plot.textAt(10).contains(QStringLiteral("10")));
    QVERIFY(plot.textAt(190).contains(QStringLiteral("3 – 4")));
    QVERIFY(plot.textAt(1000).isEmpty());
    const QImage logarithmic = plot.grab().toImage();
    plot.setLogarithmic(false);
    QVERIFY(plot.grab().toImage() != logarithmic);
    plot.setData({}, 0, 0);
    QVERIFY(plot.textAt(10).isEmpty());
    plot.setData({0, 0}, 0, 0);
    QVERIFY(!plot.grab().isNull());
  }

  void scoreBarsBearNaN() {
    ScoreBars bars(m_theme);
    bars.setScores({{QStringLiteral("CLIP"), 0.5, true},
                    {QStringLiteral("DINOv2"), std::numeric_limits<double>::quiet_NaN(), false},
                    {QStringLiteral("negative"), -0.1, false}});
    bars.resize(bars.sizeHint());
    QVERIFY(!bars.grab().isNull());
    const int three = bars.sizeHint().height();
    bars.setScores({});
    QVERIFY(bars.sizeHint().height() < three);
    QVERIFY(!bars.grab().isNull());
  }

  void messageBarOffersToTryAgain() {
    MessageBar bar(m_theme);
    QVERIFY(bar.isHidden());
    int tries = 0;
    bar.showFailure(QStringLiteral("It failed"), JobFailure::from(Error(ErrorCode::Busy, "locked", "x.sememe")), [&] { ++tries; });
    QVERIFY(!bar.isHidden());
    QVERIFY(bar.text().contains(QLatin1String("x.sememe")));
    QTest::mouseClick(bar.findChild<QPushButton*>(), Qt::LeftButton);
    QCOMPARE(tries, 1);
    QVERIFY(bar.isHidden());
  }

  void statusShowsStageAndCancels() {
    JobRunner runner;
    JobStatus status;
    QSignalSpy ended(&status, &JobStatus::ended);
    connect(&runner, &JobRunner::jobStarted, &status, &JobStatus::add);
    JobSpec spec;
    spec.lane = Lane::Compute;
    spec.title = QStringLiteral("Counting sheep");
    runner.start(spec, [](JobContext& context) -> JobRunner::Delivery {
      for (int i = 0;; ++i) {
        context.progress({.stage = "Sheep over the fence", .done = i % 100, .total = 100, .perSecond = 5, .secondsLeft = 20});
        throwIfStopped(context.stop);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    QVERIFY(status.running());
    EVENTUALLY_EQUAL(status.text(), QStringLiteral("Sheep over the fence"));
    QString numbers;
    for (QLabel* label : status.findChildren<QLabel*>()) numbers += label->text();
    QVERIFY2(numbers.contains(QLatin1String("of 100")) && numbers.contains(QLatin1String("20 s left")), qPrintable(numbers));
    QTest::mouseClick(status.findChild<QPushButton*>(), Qt::LeftButton);
    EVENTUALLY_EQUAL(ended.count(), 1);
    QVERIFY(ended.first().first().toString().contains(QLatin1String("cancelled")));
    QVERIFY(!status.running());
    QVERIFY(status.isHidden());
  }
};

QTEST_MAIN(WidgetsTest)
#include "widgets_test.moc"
