// Agreement with people on the page: real archives, what the core finds in them, and what goes wrong.
#include <QDropEvent>
#include <QFile>
#include <QMenu>
#include <QMimeData>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>
#include <cmath>

#include "tests/support/benchmark_archive.h"
#include "tests/support/tar_file.h"
#include "tests/ui/ui_support.h"
#include "ui/scores/scores_page.h"

using namespace sememe;

class AgreementViewTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_dir;
  Theme* m_theme = nullptr;
  BenchmarkArchive m_made = makeBenchmarkArchive();

  QString path(const char* name) const { return m_dir.filePath(QString::fromLatin1(name)); }
  std::filesystem::path file(const char* name) const { return path(name).toStdString(); }

  std::unique_ptr<AgreementView> view(JobRunner& runner, const QString& archive) const {
    auto view = std::make_unique<AgreementView>(*m_theme, runner);
    view->resize(1100, 760);
    view->show();
    view->inputs().archive().setText(archive);
    return view;
  }
  static void write(const QString& path, const std::string& text) {
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(text.data(), qint64(text.size()));
  }
  static QString cell(AgreementView& view, int row, int column) {
    return view.table().model()->index(row, column).data().toString();
  }
  static QString percent(double share) { return QStringLiteral("%1 %").arg(100 * share, 0, 'f', 1); }

 private Q_SLOTS:
  void initTestCase() {
    m_theme = new Theme(this);
    writeTar(file("metric_benchmark.tar.gz"), m_made.files());
    writeNpyRows(file("e.npy"), m_made.embeddings, BenchmarkArchive::kDim);
    std::string metric;
    for (int k = 0; k < BenchmarkArchive::kNeurons; ++k) metric += std::to_string(7 * k) + "," + std::to_string(k * k) + "\n";
    write(path("squares.csv"), metric);
    QFile whole(path("metric_benchmark.tar.gz"));
    QVERIFY(whole.open(QIODevice::ReadOnly));
    write(path("truncated.tar.gz"), whole.read(whole.size() / 2).toStdString());
    // So many pairs that their bootstrap takes far longer than a test waits for it to stop.
    std::string pairs = "k_x,k_y,R_user,MS_x_a,MS_y_a,MS_x_b,MS_y_b,MS_x_c,MS_y_c,MS_x_d,MS_y_d\n";
    for (int i = 0; i < 40'000; ++i) pairs += "1,2," + std::string(i % 3 ? "1" : "-1") + ",0.1,0.9,0.1,0.9,0.1,0.9,0.1,0.9\n";
    writeTar(file("large.tar"), {{"pairs.csv", pairs}});
  }

  void worksWithoutAWorkspace() {
    JobRunner runner;
    ScoresPage page(*m_theme, runner);
    page.resize(1100, 760);
    page.show();
    QVERIFY(page.isFilled());
    QVERIFY(!page.monosemanticity().isVisible() && !page.agreement().isVisible());
    for (QToolButton* button : page.findChildren<QToolButton*>())
      if (button->text() == QLatin1String("Agreement with people")) button->click();
    QCOMPARE(page.view(), ScoresPage::Agreement);
    AgreementView& view = page.agreement();
    QVERIFY(view.isVisible());
    QVERIFY(!view.table().isVisible());
    QVERIFY(!view.inputs().compareButton().isEnabled());
    QSignalSpy settled(&page, &ScoresPage::settled);
    view.inputs().archive().setText(path("metric_benchmark.tar.gz"));
    QVERIFY(view.inputs().compareButton().isEnabled());
    QTest::keyClick(&view.inputs().archive(), Qt::Key_Return);
    EVENTUALLY_EQUAL(settled.size(), 1);
    QVERIFY(view.table().isVisible());
    QCOMPARE(view.table().model()->rowCount(), 2);
    // The other views come with a workspace, and this one stays as it is when that is closed.
    page.showView(ScoresPage::Steering);
    QVERIFY(!page.steering().isVisible());
    const TestWorkspace workspace(64, 20);
    page.setWorkspace(workspace.summary());
    EVENTUALLY(page.isFilled());
    QVERIFY(page.steering().isVisible());
    page.showView(ScoresPage::Agreement);
    page.clear();
    QVERIFY(view.isVisible());
    QCOMPARE(view.table().model()->rowCount(), 2);
  }

  void showsWhatTheCoreFinds() {
    JobRunner runner;
    const auto shown = view(runner, path("metric_benchmark.tar.gz"));
    shown->inputs().embeddings().setText(path("e.npy"));
    shown->inputs().metrics().setText(path("squares.csv"));
    QSignalSpy compared(shown.get(), &AgreementView::compared);
    QTest::keyClick(&shown->inputs().metrics(), Qt::Key_Return);
    QVERIFY(shown->isComparing());
    EVENTUALLY_EQUAL(compared.size(), 1);
    QVERIFY(!shown->isComparing());

    MetricBenchmarkParams params;
    params.data = file("metric_benchmark.tar.gz");
    params.embeddings = {path("e.npy").toStdString()};
    params.metrics = {file("squares.csv")};
    const MetricBenchmarkResult expected = benchmarkMetrics(params);
    QCOMPARE(shown->table().model()->rowCount(), 4);
    for (int row = 0; row < 4; ++row) {
      const MetricBenchmarkResult::Metric& metric = expected.metrics[size_t(row)];
      const AgreementShare& all = metric.agreement.all;
      QCOMPARE(cell(*shown, row, AgreementTableModel::Name), QString::fromStdString(metric.name));
      QCOMPARE(cell(*shown, row, AgreementTableModel::Pairs), QString::number(all.pairs));
      QCOMPARE(cell(*shown, row, AgreementTableModel::Missing), QString::number(metric.agreement.missing));
      if (all.pairs == 0) continue;
      QCOMPARE(cell(*shown, row, AgreementTableModel::Share), percent(all.share));
      QCOMPARE(cell(*shown, row, AgreementTableModel::Interval),
               QStringLiteral("%1 – %2").arg(100 * all.low, 0, 'f', 1).arg(percent(all.high)));
    }
    // What is known of the archive: four of five agree, clip has no value, and MS computed anew is the released.
    QCOMPARE(cell(*shown, 0, AgreementTableModel::Share), percent(double(m_made.agreeing) / m_made.pairCount));
    QCOMPARE(cell(*shown, 1, AgreementTableModel::Share), QStringLiteral("–"));
    QCOMPARE(cell(*shown, 2, AgreementTableModel::Share), cell(*shown, 0, AgreementTableModel::Share));
    const QString figures = shown->figures().text();
    for (const char* part : {"<b>30</b> pairs of <b>30</b> neurons", "-1 for y, 1 for x",
                             "MS by e.npy beside the released MS dino: largest difference 0.00000", "30 of 30 neurons"})
      QVERIFY2(figures.contains(QLatin1String(part)), qPrintable(figures));
    // What is not known comes last, however it is sorted.
    shown->table().sortByColumn(AgreementTableModel::Share, Qt::AscendingOrder);
    QCOMPARE(cell(*shown, 3, AgreementTableModel::Name), QStringLiteral("MS clip"));
    shown->table().sortByColumn(AgreementTableModel::Share, Qt::DescendingOrder);
    QCOMPARE(cell(*shown, 3, AgreementTableModel::Name), QStringLiteral("MS clip"));
  }

  void chartsTheSelected() {
    JobRunner runner;
    const auto shown = view(runner, path("metric_benchmark.tar.gz"));
    shown->inputs().metrics().setText(path("squares.csv"));
    shown->compare();
    AgreementChart& chart = shown->chart();
    EVENTUALLY_EQUAL(chart.metrics().size(), size_t(3));
    // Differences of MS in tenths and of squares in tenths of their largest: no scale is true of both.
    QVERIFY(!chart.sharesScale());
    QVERIFY(chart.accessibleDescription().contains(QStringLiteral("squares.csv: from 0 to")));
    shown->table().selectRow(0);
    QCOMPARE(chart.metrics().size(), size_t(1));
    QCOMPARE(chart.metrics()[0].name, std::string("MS dino"));
    QVERIFY(chart.sharesScale());
    const auto painted = [&] {
      const QImage image = chart.grab().toImage();
      const QRgb color = m_theme->colors().series[0].rgb();
      int pixels = 0;
      for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width() / 2; ++x) pixels += image.pixel(x, y) == color;
      return pixels;
    };
    for (const ThemeMode mode : {ThemeMode::Dark, ThemeMode::Light}) {
      m_theme->setMode(mode);
      QVERIFY2(painted() > 10, qPrintable(QString::number(painted())));
    }
    const int last = int(chart.metrics()[0].agreement.intervals.size()) - 1;
    chart.setFocus();
    QTest::keyClick(&chart, Qt::Key_Right);
    QCOMPARE(chart.cursor(), std::optional(0));
    QTest::keyClick(&chart, Qt::Key_End);
    QCOMPARE(chart.cursor(), std::optional(last));
    QTest::keyClick(&chart, Qt::Key_Right);
    QCOMPARE(chart.cursor(), std::optional(last));
    QTest::keyClick(&chart, Qt::Key_Escape);
    QVERIFY(!chart.cursor());
    shown->table().clearSelection();
    QVERIFY(chart.metrics().empty());
    chart.clearFocus();  // its frame has the colour of the first metric
    QCOMPARE(painted(), 0);
    QTest::keyClick(&chart, Qt::Key_Right);
    QVERIFY(!chart.cursor());
  }

  void keepsWhatWasFoundWhenAnArchiveIsBroken() {
    JobRunner runner;
    const auto shown = view(runner, path("truncated.tar.gz"));
    QSignalSpy compared(shown.get(), &AgreementView::compared), failed(shown.get(), &AgreementView::failed);
    std::function<void()> again;
    connect(shown.get(), &AgreementView::failed, this,
            [&](const QString&, const JobFailure&, std::function<void()> retry) { again = std::move(retry); });
    shown->compare();
    EVENTUALLY_EQUAL(failed.size(), 1);
    QCOMPARE(failed[0][1].value<JobFailure>().code, ErrorCode::Corrupt);
    QVERIFY(!shown->table().isVisible() && !shown->isComparing());
    // Try again, with another file.
    shown->inputs().archive().setText(path("metric_benchmark.tar.gz"));
    again();
    EVENTUALLY_EQUAL(compared.size(), 1);
    QVERIFY(shown->table().isVisible());
    for (const char* wrong : {"truncated.tar.gz", "absent.tar.gz", "e.npy"}) {
      shown->inputs().archive().setText(path(wrong));
      const auto before = failed.size();
      shown->compare();
      EVENTUALLY_EQUAL(failed.size(), before + 1);
      QVERIFY2(failed.last()[1].value<JobFailure>().message.contains(QLatin1String(wrong)),
               qPrintable(failed.last()[1].value<JobFailure>().message));
      QVERIFY(shown->table().isVisible());
      QCOMPARE(cell(*shown, 0, AgreementTableModel::Share), percent(double(m_made.agreeing) / m_made.pairCount));
    }
    QCOMPARE(compared.size(), 1);
  }

  void stops() {
    JobRunner runner;
    const auto shown = view(runner, path("large.tar"));
    QPointer<Job> job;
    connect(&runner, &JobRunner::jobStarted, this, [&](Job* started) { job = started; });
    QSignalSpy compared(shown.get(), &AgreementView::compared);
    shown->compare();
    QVERIFY(job && !job->title().isEmpty());
    QSignalSpy started(job, &Job::started), cancelled(job, &Job::cancelled);
    EVENTUALLY_EQUAL(started.size(), 1);
    job->cancel();
    EVENTUALLY_EQUAL(cancelled.size(), 1);
    QVERIFY(!shown->isComparing());
    QVERIFY(compared.isEmpty() && !shown->table().isVisible());
  }

  void aNewerComparisonTakesThePlace() {
    JobRunner runner;
    const auto shown = view(runner, path("large.tar"));
    QSignalSpy compared(shown.get(), &AgreementView::compared), failed(shown.get(), &AgreementView::failed);
    shown->compare();
    shown->inputs().archive().setText(path("metric_benchmark.tar.gz"));
    shown->compare();
    EVENTUALLY_EQUAL(compared.size(), 1);
    EVENTUALLY(!runner.busy(Lane::Compute));
    QTest::qWait(20);
    QCOMPARE(compared.size(), 1);
    QVERIFY(failed.isEmpty());
    QCOMPARE(shown->result().pairs, m_made.pairCount);
  }

  void takesDroppedFiles() {
    JobRunner runner;
    const auto shown = view(runner, QString());
    const auto drop = [&](const QStringList& files) {
      QMimeData data;
      QList<QUrl> urls;
      for (const QString& name : files) urls << QUrl::fromLocalFile(name);
      data.setUrls(urls);
      QDragEnterEvent enter(QPoint(50, 50), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
      QApplication::sendEvent(shown.get(), &enter);
      if (!enter.isAccepted()) return false;
      QDropEvent event(QPointF(50, 50), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
      QApplication::sendEvent(shown.get(), &event);
      return true;
    };
    QVERIFY(!drop({path("demo.sememe")}));
    QVERIFY(drop({path("metric_benchmark.tar.gz"), path("e.npy"), path("squares.csv")}));
    QVERIFY(drop({path("e.npy"), path("other.csv")}));
    const MetricBenchmarkParams params = shown->inputs().params();
    QCOMPARE(params.data, file("metric_benchmark.tar.gz"));
    QCOMPARE(params.embeddings, std::vector<std::string>{path("e.npy").toStdString()});
    QCOMPARE(params.metrics, (std::vector<std::filesystem::path>{file("squares.csv"), file("other.csv")}));
  }

  void offersTheRunsOfAWorkspace() {
    JobRunner runner;
    const TestWorkspace workspace(64, BenchmarkArchive::kImages);
    const auto shown = view(runner, path("metric_benchmark.tar.gz"));
    QCOMPARE(shown->inputs().addEmbeddingsButton().menu()->actions().size(), 1);
    shown->setWorkspace(workspace.summary());
    const QList<QAction*> actions = shown->inputs().addEmbeddingsButton().menu()->actions();
    QCOMPARE(actions.size(), 2 + qsizetype(workspace.summary().embeddings.size()));
    actions[2]->trigger();
    const QString spec = QStringLiteral("%1#%2").arg(workspace.file()).arg(workspace.summary().embeddings[0].id);
    QCOMPARE(shown->inputs().embeddings().text(), spec);
    QSignalSpy compared(shown.get(), &AgreementView::compared);
    shown->inputs().compareButton().click();
    EVENTUALLY_EQUAL(compared.size(), 1);
    QCOMPARE(cell(*shown, 2, AgreementTableModel::Name), QString(QStringLiteral("MS by ") + spec));
    shown->clear();
    QCOMPARE(shown->inputs().addEmbeddingsButton().menu()->actions().size(), 1);
  }

  void writesTables() {
    JobRunner runner;
    const auto shown = view(runner, path("metric_benchmark.tar.gz"));
    QSignalSpy compared(shown.get(), &AgreementView::compared), wrote(shown.get(), &AgreementView::exported),
        failed(shown.get(), &AgreementView::failed);
    shown->compare();
    EVENTUALLY_EQUAL(compared.size(), 1);
    shown->exportTo(path("table.csv"), false);
    shown->exportTo(path("intervals.csv"), true);
    EVENTUALLY_EQUAL(wrote.size(), 2);
    const auto lines = [&](const char* name) {
      QFile csv(path(name));
      return csv.open(QIODevice::ReadOnly) ? csv.readAll().trimmed().split('\n') : QByteArrayList();
    };
    const QByteArrayList table = lines("table.csv"), intervals = lines("intervals.csv");
    QCOMPARE(table.size(), 3);
    QCOMPARE(table[0], QByteArray("metric,agreement,low,high,pairs,undecided,missing"));
    QVERIFY2(table[1].startsWith("MS dino,0.8,") && table[1].endsWith(",30,0,0"), table[1].constData());
    QCOMPARE(table[2], QByteArray("MS clip,,,,0,0,30"));
    QCOMPARE(size_t(intervals.size()), 1 + shown->result().metrics[0].agreement.intervals.size());
    QVERIFY2(intervals[1].startsWith("MS dino,0,0.1,"), intervals[1].constData());
    shown->exportTo(QStringLiteral("/proc/nowhere/t.csv"), false);
    EVENTUALLY_EQUAL(failed.size(), 1);
  }

  void remembersItsFields() {
    JobRunner runner;
    const auto one = view(runner, path("metric_benchmark.tar.gz"));
    one->inputs().embeddings().setText(QStringLiteral("~/a.pt ; /b.pt;; /b.pt"));
    Settings settings;
    one->storeSettings(settings);
    const auto other = view(runner, QString());
    other->applySettings(settings);
    QCOMPARE(other->inputs().archive().text(), path("metric_benchmark.tar.gz"));
    const MetricBenchmarkParams params = other->inputs().params();
    QCOMPARE(params.embeddings, (std::vector<std::string>{QDir::homePath().toStdString() + "/a.pt", "/b.pt"}));
    QVERIFY(params.metrics.empty());
  }
};

QTEST_MAIN(AgreementViewTest)
#include "agreement_view_test.moc"
