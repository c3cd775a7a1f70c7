// The Hierarchy page over a real workspace: columns, what refines the selected neuron, keys, empty states, cancelling.
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>
#include <QThread>
#include <atomic>

#include "core/base/error.h"
#include "tests/ui/ui_support.h"
#include "ui/hierarchy/hierarchy_page.h"

using namespace sememe;

namespace {

// Groups of 10, 30 and the rest. Neuron n of a finer group refines n % (size of the group before) of it; every fifth none.
HierarchyData hierarchy(int64_t neurons) {
  HierarchyData data;
  Refinements& r = data.refinements;
  r.groupSizes = {10, 30, neurons - 40};
  r.parents.assign(size_t(neurons), -1);
  r.cosines.assign(size_t(neurons), 0.5f);
  r.shares.assign(size_t(neurons), 0);
  r.children.assign(size_t(neurons), 0);
  for (int64_t n = 10; n < neurons; ++n) {
    if (n % 5 == 0) continue;
    r.parents[size_t(n)] = n < 40 ? n % 10 : 10 + n % 30;
    r.shares[size_t(n)] = float(n) / float(neurons);
    ++r.children[size_t(r.parents[size_t(n)])];
  }
  data.depths.classes = "folders";
  data.depths.groups = {{10, 0, 1.5, 1}, {30, 0, 2.25, 2}, {neurons - 40, 0, 3, 3}};
  return data;
}

}  // namespace

class HierarchyPageTest : public QObject {
  Q_OBJECT

 private:
  TestWorkspace m_workspace;
  Theme* m_theme = nullptr;

  WorkspaceSummary matryoshka() const {
    WorkspaceSummary summary = m_workspace.summary();
    for (RunChoice& choice : summary.runs) choice.run.saeType = "matryoshka_batch_top_k";
    return summary;
  }
  std::unique_ptr<HierarchyPage> filled(JobRunner& runner) {
    auto page = std::make_unique<HierarchyPage>(*m_theme, runner, readTestImage,
                                                [](const std::string&, const std::stop_token&, const ProgressFn&) { return hierarchy(1000); });
    page->resize(1200, 700);
    page->setWorkspace(matryoshka());
    page->show();
    [&] { EVENTUALLY(page->isFilled() && page->columns().size() == 3); }();
    return page;
  }

 private Q_SLOTS:
  void initTestCase() { m_theme = new Theme(this); }

  void saysWhatToDoWithoutAMatryoshka() {
    JobRunner runner;
    HierarchyPage page(*m_theme, runner, readTestImage, {});
    QVERIFY(page.isFilled());
    WorkspaceSummary summary = m_workspace.summary();
    for (RunChoice& choice : summary.runs) choice.run.saeType = "batch_top_k";
    page.setWorkspace(summary);
    QVERIFY(page.isFilled());
    QVERIFY(page.columns().empty());
    QCOMPARE(page.runs().count(), 0);
  }

  void readsOnlyOnceInView() {
    JobRunner runner;
    auto calls = std::make_shared<std::atomic<int>>(0);
    HierarchyPage page(*m_theme, runner, readTestImage, [calls](const std::string&, const std::stop_token&, const ProgressFn&) {
      ++*calls;
      return hierarchy(1000);
    });
    page.setWorkspace(matryoshka());
    QTest::qWait(50);
    QCOMPARE(calls->load(), 0);
    QVERIFY(!page.isFilled());
    page.show();
    EVENTUALLY(page.isFilled());
    QCOMPARE(calls->load(), 1);
  }

  // A reload that changes nothing of the run neither reads it again nor loses the selection; one that does, does.
  void aReloadKeepsWhatIsShown() {
    JobRunner runner;
    auto calls = std::make_shared<std::atomic<int>>(0);
    HierarchyPage page(*m_theme, runner, readTestImage, [calls](const std::string&, const std::stop_token&, const ProgressFn&) {
      ++*calls;
      return hierarchy(1000);
    });
    page.resize(1200, 700);
    page.setWorkspace(matryoshka());
    page.show();
    EVENTUALLY(page.isFilled() && page.columns().size() == 3);
    page.columns()[0]->list().setCurrentIndex(page.columns()[0]->model().index(4));
    const int64_t selected = page.columns()[0]->selected();
    const int children = page.columns()[1]->model().rowCount();

    const int64_t run = m_workspace.made().run;
    {
      Workspace workspace = Workspace::open(m_workspace.path(), OpenMode::ReadWrite);
      workspace.neurons().setLabel(run, selected, "reloaded", {});
    }
    WorkspaceSummary summary = matryoshka();
    summary.runs.front().scores.pop_back();  // an encoder's scores went
    page.setWorkspace(summary);
    EVENTUALLY(page.columns()[0]->list().currentIndex().data().toString().endsWith(QStringLiteral("reloaded")));
    QCOMPARE(calls->load(), 1);
    QVERIFY(page.isFilled());
    QCOMPARE(page.columns()[0]->selected(), selected);
    QCOMPARE(page.columns()[1]->model().rowCount(), children);
    QCOMPARE(page.runs().count(), int(summary.runs.size()));

    summary.runs.front().run.key += " anew";
    page.setWorkspace(summary);
    EVENTUALLY_EQUAL(calls->load(), 2);
    EVENTUALLY(page.isFilled() && page.columns().size() == 3);
    page.setWorkspace({});
    QVERIFY(page.columns().empty());
  }

  // More images in view than the cache holds: each is asked for once, and some stay grey.
  void staysCalmWithMoreInViewThanTheCacheHolds() {
    JobRunner runner;
    HierarchyPage page(*m_theme, runner, readTestImage, [](const std::string&, const std::stop_token&, const ProgressFn&) { return hierarchy(1000); });
    auto* loader = page.findChild<NeuronLoader*>();
    QVERIFY(loader);
    loader->setThumbnailMemory(200);  // a few
    QSignalSpy loaded(loader, &NeuronLoader::loaded);
    page.resize(1200, 700);
    page.setWorkspace(matryoshka());
    page.show();
    EVENTUALLY(page.isFilled() && page.columns().size() == 3);
    QTest::qWait(300);
    size_t inView = 0, cold = 0;
    for (const HierarchyColumn* column : page.columns()) {
      for (const int64_t neuron : column->visibleNeurons()) {
        ++inView;
        cold += !loader->isWarm(neuron);
      }
    }
    QVERIFY(cold > 0);
    QVERIFY2(loaded.size() > 0 && size_t(loaded.size()) <= inView, qPrintable(QString::number(loaded.size())));
    const qsizetype before = loaded.size();
    QTest::qWait(300);
    QCOMPARE(loaded.size(), before);
    QVERIFY(!runner.busy(Lane::Reader));
  }

  void columnsFollowTheSelection() {
    JobRunner runner;
    const auto page = filled(runner);
    const auto& columns = page->columns();
    QCOMPARE(columns[0]->model().rowCount(), 10);
    QVERIFY(columns[0]->facts().contains(QStringLiteral("10 neurons")));
    QVERIFY(columns[0]->facts().contains(QStringLiteral("mean MS")));
    QVERIFY(columns[1]->facts().contains(QStringLiteral("depth 2.25")));
    // Something is selected everywhere at first, and each column shows the children of the one before.
    const HierarchyData truth = hierarchy(1000);
    for (int row = 9; row >= 0; --row) {  // from the last: the first is what is selected already
      columns[0]->list().setCurrentIndex(columns[0]->model().index(row));
      const int64_t neuron = columns[0]->selected();
      const std::vector<int64_t>& children = columns[1]->model().neurons();
      QCOMPARE(int64_t(children.size()), truth.refinements.children[size_t(neuron)]);
      for (size_t i = 0; i < children.size(); ++i) {
        QCOMPARE(truth.refinements.parents[size_t(children[i])], neuron);
        if (i > 0) QVERIFY(truth.refinements.shares[size_t(children[i - 1])] >= truth.refinements.shares[size_t(children[i])]);
      }
      QCOMPARE(columns[1]->selected(), int64_t(-1));
      QCOMPARE(columns[2]->model().rowCount(), 0);
    }
    columns[2]->show().setCurrentIndex(HierarchyColumn::All);
    QCOMPARE(columns[2]->model().rowCount(), 960);
    columns[2]->show().setCurrentIndex(HierarchyColumn::Orphans);
    QCOMPARE(columns[2]->model().rowCount(), 192);
    columns[0]->list().setCurrentIndex(columns[0]->model().index(0));
    QCOMPARE(columns[2]->model().rowCount(), 192);  // does not hang on the selection
  }

  void keysWalkAndExplore() {
    JobRunner runner;
    const auto page = filled(runner);
    const auto& columns = page->columns();
    columns[0]->list().setCurrentIndex(columns[0]->model().index(0));
    columns[0]->list().setFocus();
    QTest::keyClick(&columns[0]->list(), Qt::Key_Right);
    QCOMPARE(columns[1]->selected(), columns[1]->model().neurons().front());
    QVERIFY(columns[2]->model().rowCount() > 0);
    QTest::keyClick(&columns[1]->list(), Qt::Key_Right);
    QVERIFY(columns[2]->selected() >= 40);
    QTest::keyClick(&columns[2]->list(), Qt::Key_Right);  // there is none
    QSignalSpy wanted(page.get(), &HierarchyPage::exploreWanted);
    QTest::keyClick(&columns[2]->list(), Qt::Key_Return);
    QCOMPARE(wanted.size(), 1);
    QCOMPARE(wanted[0][0].toLongLong(), m_workspace.made().run);
    QCOMPARE(wanted[0][1].toLongLong(), columns[2]->selected());
  }

  void labelsArrive() {
    JobRunner runner;
    const auto page = filled(runner);
    page->setLabel(m_workspace.made().run, page->columns()[0]->selected(), QStringLiteral("stripes"));
    QVERIFY(page->columns()[0]->list().currentIndex().data().toString().endsWith(QStringLiteral("stripes")));
  }

  void cancelsAndFails() {
    JobRunner runner;
    auto fails = std::make_shared<std::atomic<bool>>(false);
    HierarchyPage page(*m_theme, runner, readTestImage, [fails](const std::string&, const std::stop_token& stop, const ProgressFn&) -> HierarchyData {
      if (*fails) throw Error(ErrorCode::NotFound, "the SAE that made these latents is no longer there", "ae.pt");
      for (;;) {
        throwIfStopped(stop);
        QThread::msleep(1);
      }
    });
    QSignalSpy failed(&page, &HierarchyPage::failed);
    page.setWorkspace(matryoshka());
    page.show();
    QTRY_VERIFY(runner.busy(Lane::Compute));
    auto* cancel = page.state().findChild<QPushButton*>();
    QVERIFY(cancel);
    cancel->click();
    EVENTUALLY(page.isFilled());
    QCOMPARE(failed.size(), 0);
    *fails = true;
    page.state().findChild<QPushButton*>()->click();
    EVENTUALLY_EQUAL(failed.size(), 1);
  }
};

QTEST_MAIN(HierarchyPageTest)
#include "hierarchy_page_test.moc"
