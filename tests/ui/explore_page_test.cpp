// Tests of the Explore page as a whole: filling, runs and encoders, labels that come through, copying.
#include "ui/explore/explore_page.h"

#include <QApplication>
#include <QClipboard>
#include <QLineEdit>
#include <QSignalSpy>
#include <QTest>
#include <cmath>

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

  void scoresOnSomeImagesAlone() {
    int calls = 0;
    const auto scorer = [&calls](const std::filesystem::path& workspace, int64_t run, const std::string& text, const std::stop_token& stop) {
      ++calls;
      std::vector<int64_t> images;
      {
        Workspace file = Workspace::open(workspace, OpenMode::ReadOnly);
        images = findImages(file.datasets(), file.runs().get(run).dataset, text);
      }
      return scoreSubset(workspace, run, images, stop);
    };
    ExplorePage page(m_theme, m_runner, readTestImage, scorer);
    page.resize(1280, 760);
    page.show();
    page.setWorkspace(m_workspace.summary());
    EVENTUALLY(page.isFilled());
    SubsetBox& subset = page.details().subset();
    EVENTUALLY(subset.images().count() > 1);
    const auto shown = [&] { return page.details().scores().scores(); };
    const double whole = shown()[0].value;
    QVERIFY(subset.status().isEmpty());

    // One class; the score shown is the subset's, for this neuron and the next.
    subset.images().setEditText(subset.images().itemText(0));
    EVENTUALLY(subset.scores() != nullptr);
    QVERIFY(subset.status().contains(QString::number(subset.scores()->images)));
    const auto same = [](double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b; };
    for (int i = 0; i < 3; ++i) {
      const int64_t neuron = page.grid().view()->detail.row.neuron;
      QVERIFY(same(shown()[0].value, subset.scores()->sets[0].ms[size_t(neuron)]));
      QVERIFY(same(shown()[1].value, subset.scores()->sets[1].ms[size_t(neuron)]));
      page.step(1);
      EVENTUALLY(page.grid().view()->detail.row.neuron != neuron);
    }
    QCOMPARE(calls, 1);

    subset.images().setEditText(QStringLiteral("nothing of the kind"));
    EVENTUALLY(subset.scores() == nullptr);
    EVENTUALLY(subset.status().startsWith(QStringLiteral("No image")));
    // All images again.
    page.goToFirst();
    subset.images().setFocus();
    QTest::keyClick(subset.images().lineEdit(), Qt::Key_Escape);
    EVENTUALLY(subset.status().isEmpty());
    EVENTUALLY_EQUAL(shown()[0].value, whole);
  }

  void aScorerThatFailsSaysSo() {
    const auto scorer = [](const std::filesystem::path&, int64_t, const std::string&, const std::stop_token&) -> SubsetScores {
      throw Error(ErrorCode::Corrupt, "the rows are broken", "block 3");
    };
    ExplorePage page(m_theme, m_runner, readTestImage, scorer);
    page.show();
    page.setWorkspace(m_workspace.summary());
    EVENTUALLY(page.isFilled());
    page.details().subset().images().setEditText(QStringLiteral("things"));
    EVENTUALLY(page.details().subset().status().contains(QStringLiteral("block 3")));
    page.clear();
    QVERIFY(page.details().subset().status().isEmpty());
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
