// Tests of the Explore page as a whole: filling, runs and encoders, labels that come through, copying.
#include "ui/explore/explore_page.h"

#include <QApplication>
#include <QClipboard>
#include <QSignalSpy>
#include <QTest>

#include "tests/ui/ui_support.h"

using namespace sememe;

class ExplorePageTest : public QObject {
  Q_OBJECT
  TestWorkspace m_workspace{1500, 120};
  Theme m_theme;
  JobRunner m_runner;

 private Q_SLOTS:
  void fillsAndWalks() {
    ExplorePage page(m_theme, m_runner, readTestImage);
    page.resize(1280, 760);
    page.show();
    QSignalSpy filled(&page, &ExplorePage::filled), failed(&page, &ExplorePage::failed);
    page.setWorkspace(m_workspace.summary());
    EVENTUALLY_EQUAL(filled.count(), 1);
    QVERIFY(page.isFilled());
    QCOMPARE(page.runs().count(), 1);
    QCOMPARE(page.encoders().count(), 2);
    const int64_t first = page.grid().view()->detail.row.neuron;
    QCOMPARE(first, page.list().selected());
    page.step(1);
    EVENTUALLY_EQUAL(page.grid().view()->detail.row.neuron, page.list().model().loadedRow(1)->neuron);
    // The neighbours are read ahead.
    EVENTUALLY(page.loader().isWarm(page.list().model().loadedRow(2)->neuron));
    page.goToLast();
    EVENTUALLY_EQUAL(page.grid().view()->detail.row.neuron, page.list().selected());
    page.copyNeuron();
    QCOMPARE(QApplication::clipboard()->text(), QString::number(page.list().selected()));
    page.copyImagePath();
    QVERIFY(QApplication::clipboard()->text().endsWith(QLatin1String(".jpg")));
    QCOMPARE(failed.count(), 0);
  }

  void anotherEncoderSortsAnewAndKeepsTheNeuron() {
    ExplorePage page(m_theme, m_runner, readTestImage);
    page.show();
    page.setWorkspace(m_workspace.summary());
    EVENTUALLY(page.isFilled());
    EVENTUALLY(!page.list().model().loading());
    page.step(2);
    const int64_t neuron = page.list().selected();
    page.encoders().setCurrentIndex(1);
    EVENTUALLY(!page.list().model().loading());
    QCOMPARE(page.list().model().query().embeddings, m_workspace.made().embeddings[1]);
    QCOMPARE(page.list().selected(), neuron);
    QCOMPARE(page.list().table().currentIndex().row(), page.list().model().rowOf(neuron));
  }

  void aLabelComesThroughToTableStoreAndBack() {
    ExplorePage page(m_theme, m_runner, readTestImage);
    page.resize(1280, 800);
    page.show();
    page.setWorkspace(m_workspace.summary());
    EVENTUALLY(page.isFilled());
    EVENTUALLY(!page.list().model().loading());
    page.step(1);
    EVENTUALLY_EQUAL(page.grid().view()->detail.row.neuron, page.list().selected());
    const int64_t neuron = page.list().selected();
    auto* label = page.details().labels().findChild<QLineEdit*>();
    label->selectAll();
    QTest::keyClicks(label, QStringLiteral("yellow jam"));  // j, k and friends are text here
    QCOMPARE(page.list().selected(), neuron);
    page.step(1);
    const int row = page.list().model().rowOf(neuron);
    QCOMPARE(page.list().model().data(page.list().model().index(row, NeuronTableModel::Label), Qt::DisplayRole).toString(),
             QStringLiteral("yellow jam"));
    EVENTUALLY_EQUAL(m_workspace.open().neurons().detail(m_workspace.made().run, neuron).label, std::string("yellow jam"));
    page.step(-1);
    EVENTUALLY_EQUAL(label->text(), QStringLiteral("yellow jam"));
  }

  void anEmptyWorkspaceSaysWhatToDo() {
    QTemporaryDir folder;
    const std::filesystem::path path = std::filesystem::path(folder.path().toStdString()) / "empty.sememe";
    Workspace::open(path, OpenMode::Create);
    ExplorePage page(m_theme, m_runner, readTestImage);
    page.show();
    QSignalSpy filled(&page, &ExplorePage::filled), reload(&page, &ExplorePage::reloadWanted);
    page.setWorkspace(openSummary(path));
    QCOMPARE(filled.count(), 1);
    QVERIFY(!page.hasNeuron());
    for (QPushButton* button : page.findChildren<QPushButton*>()) {
      if (button->isVisible() && button->text().contains(QLatin1String("Reload"))) button->click();
    }
    QCOMPARE(reload.count(), 1);
    page.step(1);
    page.enlarge();
    page.copyNeuron();
  }

  void aFilterThatFindsNothingStillFills() {
    ExplorePage page(m_theme, m_runner, readTestImage);
    page.show();
    page.setWorkspace(m_workspace.summary());
    EVENTUALLY(page.isFilled());
    for (QLineEdit* edit : page.list().findChildren<QLineEdit*>()) {
      if (edit->accessibleName().contains(QLatin1String("Search"))) edit->setText(QStringLiteral("qqqq"));
    }
    EVENTUALLY_EQUAL(page.list().model().total(), int64_t(0));
    QVERIFY(page.isFilled());
    page.step(1);  // nowhere to go
  }
};

QTEST_MAIN(ExplorePageTest)
#include "explore_page_test.moc"
