// Monosemanticity scores of real workspaces: the table, the chosen curves, what it writes.
#include <QFile>
#include <QImage>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <cmath>

#include "tests/ui/ui_support.h"
#include "ui/scores/monosemanticity_view.h"

using namespace sememe;

namespace {

QByteArray content(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

class MonosemanticityViewTest : public QObject {
  Q_OBJECT

 private:
  TestWorkspace m_workspace;
  QTemporaryDir m_out;
  Theme* m_theme = nullptr;

  // The page, filled.
  std::unique_ptr<MonosemanticityView> filled(JobRunner& runner) {
    auto page = std::make_unique<MonosemanticityView>(*m_theme, runner);
    page->resize(1100, 760);
    page->show();
    page->setWorkspace(m_workspace.summary());
    [&] { EVENTUALLY(page->isFilled()); }();
    return page;
  }

 private Q_SLOTS:
  void initTestCase() { m_theme = new Theme(this); }

  void saysWhatToDoWhenThereIsNothing() {
    JobRunner runner;
    MonosemanticityView page(*m_theme, runner);
    QVERIFY(page.isFilled());
    QVERIFY(page.chosen().empty());
    const TestWorkspace bare(64, 20);
    {
      Workspace file = bare.open(OpenMode::ReadWrite);
      for (const RunInfo& run : file.runs().list(RunKind::Embeddings)) file.runs().remove(run.id);
    }
    page.setWorkspace(bare.summary());
    EVENTUALLY(page.isFilled());
    QCOMPARE(page.table().model()->rowCount(), 0);
    QVERIFY(!page.table().isVisibleTo(&page));
  }

  void showsEveryScoreSet() {
    JobRunner runner;
    const auto page = filled(runner);
    QAbstractItemModel* model = page->table().model();
    QCOMPARE(model->rowCount(), 2);  // one run, two encoders
    Workspace file = m_workspace.open();
    const std::vector<double> scores = file.neurons().scores(m_workspace.made().run, m_workspace.made().embeddings[0]);
    double sum = 0, best = -2;
    int scored = 0;
    for (const double score : scores) {
      if (std::isnan(score)) continue;
      sum += score;
      best = std::max(best, score);
      ++scored;
    }
    const auto cell = [&](int column) { return model->index(0, column).data().toString(); };
    QCOMPARE(cell(ScoreTableModel::Mean), QString::number(sum / scored, 'f', 3));
    QCOMPARE(cell(ScoreTableModel::Best), QString::number(best, 'f', 3));
    QCOMPARE(cell(ScoreTableModel::Neurons), QStringLiteral("1,000"));
    QCOMPARE(cell(ScoreTableModel::Dead), QString::number(1000 - scored));
    // Of the first encoder alone at first.
    QCOMPARE(page->chosen().size(), size_t(1));
    QCOMPARE(page->chart().figure().curves().size(), size_t(1));
    const std::vector<double>& sorted = page->chart().figure().curves()[0].sorted;
    QCOMPARE(int(sorted.size()), scored);
    QVERIFY(std::is_sorted(sorted.rbegin(), sorted.rend()));
  }

  void choosingRowsDrawsTheirCurves() {
    JobRunner runner;
    const auto page = filled(runner);
    page->table().selectAll();
    EVENTUALLY_EQUAL(page->chart().figure().curves().size(), size_t(2));
    const auto& curves = page->chart().figure().curves();
    QVERIFY(curves[0].name != curves[1].name);
    page->table().clearSelection();
    EVENTUALLY(page->chart().figure().isEmpty());
  }

  void keysMoveTheCrossHair() {
    JobRunner runner;
    const auto page = filled(runner);
    page->chart().setFocus();
    QTest::keyClick(&page->chart(), Qt::Key_Home);
    QCOMPARE(page->chart().cursor().value(), 0.0);
    QTest::keyClick(&page->chart(), Qt::Key_Right, Qt::ControlModifier);
    QCOMPARE(page->chart().cursor().value(), 0.1);
    QTest::keyClick(&page->chart(), Qt::Key_Escape);
    QVERIFY(!page->chart().cursor());
  }

  void enterGoesToExplore() {
    JobRunner runner;
    const auto page = filled(runner);
    QSignalSpy wanted(page.get(), &MonosemanticityView::exploreWanted);
    page->table().setFocus();
    QTest::keyClick(&page->table(), Qt::Key_Return);
    QCOMPARE(wanted.size(), 1);
    QCOMPARE(wanted[0][0].toLongLong(), m_workspace.made().run);
  }

  void writesFiles() {
    JobRunner runner;
    const auto page = filled(runner);
    QSignalSpy wrote(page.get(), &MonosemanticityView::exported), failed(page.get(), &MonosemanticityView::failed);
    page->exportTo(m_out.filePath(QStringLiteral("a.svg")), false);
    page->exportTo(m_out.filePath(QStringLiteral("a.png")), false);
    page->exportTo(m_out.filePath(QStringLiteral("a.csv")), false);
    page->exportTo(m_out.filePath(QStringLiteral("a.md")), false);
    page->exportTo(m_out.filePath(QStringLiteral("curves.csv")), true);
    EVENTUALLY_EQUAL(wrote.size(), 5);
    const QByteArray svg = content(m_out.filePath(QStringLiteral("a.svg")));
    QVERIFY(svg.contains("<svg") && svg.contains("Monosemanticity score") && svg.contains("polyline"));
    QCOMPARE(QImage(m_out.filePath(QStringLiteral("a.png"))).size(), QSize(1920, 1200));
    QCOMPARE(content(m_out.filePath(QStringLiteral("a.csv"))).count('\n'), 2);
    QVERIFY(content(m_out.filePath(QStringLiteral("a.md"))).contains("best / worst"));
    QCOMPARE(size_t(content(m_out.filePath(QStringLiteral("curves.csv"))).count('\n')), page->chart().figure().curves()[0].sorted.size() + 1);
    page->exportTo(QStringLiteral("/proc/nowhere/a.svg"), false);
    page->exportTo(QStringLiteral("/proc/nowhere/a.csv"), false);
    EVENTUALLY_EQUAL(failed.size(), 2);
  }

  void figureHoldsWithoutScores() {
    QImage image(300, 200, QImage::Format_RGB32);
    QPainter painter(&image);
    ScoreFigure({{QStringLiteral("none"), {}}, {QStringLiteral("one"), {0.5}}, {QStringLiteral("below"), {0.1, -0.2}}}).paint(painter, QRectF(0, 0, 300, 200), lightColors(), 0.5);
    QVERIFY(ScoreFigure({{QStringLiteral("none"), {}}}).isEmpty());
    QVERIFY(!ScoreFigure::scoreAt({QString(), {}}, 0.5));
    QCOMPARE(*ScoreFigure::scoreAt({QString(), {3, 2, 1}}, 0.5), 2.0);
  }
};

QTEST_MAIN(MonosemanticityViewTest)
#include "monosemanticity_view_test.moc"
