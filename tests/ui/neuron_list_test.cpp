// Tests of the list of neurons: selection over sorting, filters, counts, the empty state, layout settings.
#include "ui/explore/neuron_list.h"

#include <QHeaderView>
#include <QSignalSpy>
#include <QTest>

#include "tests/ui/ui_support.h"
#include "ui/widgets/empty_state.h"

using namespace sememe;

class NeuronListTest : public QObject {
  Q_OBJECT
  TestWorkspace m_workspace{2000, 200};
  Theme m_theme;
  JobRunner m_runner;

  void open(NeuronList& list, bool onlyFullTop = false) {
    list.resize(420, 600);
    list.show();
    QSignalSpy complete(&list.model(), &NeuronTableModel::complete);
    if (!onlyFullTop) list.findChild<QCheckBox*>()->setChecked(false);
    list.setSource(m_workspace.path(), m_workspace.made().run, m_workspace.made().embeddings[0], 2000, 200);
    EVENTUALLY_EQUAL(complete.count(), 1);
  }
  static QLabel* countLabel(NeuronList& list) {
    for (QLabel* label : list.findChildren<QLabel*>()) {
      if (label->text().endsWith(QLatin1String(" neurons"))) return label;
    }
    return nullptr;
  }

 private Q_SLOTS:
  void selectsTheFirstRowByItself() {
    NeuronList list(m_theme, m_runner);
    QSignalSpy selected(&list, &NeuronList::neuronSelected);
    open(list);
    QCOMPARE(selected.count(), 1);
    QCOMPARE(list.selected(), list.model().loadedRow(0)->neuron);
    QCOMPARE(list.position(), QStringLiteral("1 of 2,000"));
    QVERIFY(countLabel(list));
  }

  void keepsTheSelectionOverSorting() {
    NeuronList list(m_theme, m_runner);
    open(list);
    list.step(7);
    const int64_t neuron = list.selected();
    QSignalSpy selected(&list, &NeuronList::neuronSelected), complete(&list.model(), &NeuronTableModel::complete);
    // As a click on the header does.
    for (const int column : {2, 2, 0, 3}) {
      complete.clear();
      Q_EMIT list.table().horizontalHeader()->sectionClicked(column);
      EVENTUALLY_EQUAL(complete.count(), 1);
      QCOMPARE(list.selected(), neuron);
      QCOMPARE(list.table().currentIndex().row(), list.model().rowOf(neuron));
      QVERIFY(list.table().selectionModel()->isRowSelected(list.model().rowOf(neuron), {}));
    }
    QCOMPARE(selected.count(), 0);
  }

  void walks() {
    NeuronList list(m_theme, m_runner);
    open(list);
    list.goToLast();
    QCOMPARE(list.position(), QStringLiteral("2,000 of 2,000"));
    list.step(1);
    QCOMPARE(list.position(), QStringLiteral("2,000 of 2,000"));
    list.step(-1);
    QCOMPARE(list.position(), QStringLiteral("1,999 of 2,000"));
    list.goToFirst();
    QCOMPARE(list.neighbours(2).size(), size_t(2));
    list.step(5);
    QCOMPARE(list.neighbours(2).size(), size_t(4));
  }

  void filterThatFindsNothingSaysSo() {
    NeuronList list(m_theme, m_runner);
    open(list);
    auto* search = list.findChild<QLineEdit*>();
    for (QLineEdit* edit : list.findChildren<QLineEdit*>()) {
      if (edit->accessibleName().contains(QLatin1String("Search"))) search = edit;
    }
    QSignalSpy first(&list.model(), &NeuronTableModel::firstPage);
    QTest::keyClicks(search, QStringLiteral("zzzz"));
    QCOMPARE(first.count(), 0);  // it waits for the last key
    EVENTUALLY_EQUAL(first.count(), 1);
    auto* empty = list.findChild<EmptyState*>();
    EVENTUALLY(empty->isVisible());
    QTest::mouseClick(empty->findChild<QPushButton*>(), Qt::LeftButton);
    EVENTUALLY(list.table().isVisible());
    EVENTUALLY_EQUAL(list.model().total(), int64_t(2000));
    QVERIFY(search->text().isEmpty());
  }

  void rangeLimitsTheRows() {
    NeuronList list(m_theme, m_runner);
    open(list);
    auto* ms = list.findChildren<RangeFilter*>().first();
    QSignalSpy complete(&list.model(), &NeuronTableModel::complete);
    ms->setLimits(0.5, std::nullopt);
    EVENTUALLY_EQUAL(complete.count(), 1);
    NeuronQuery q = list.model().query();
    QCOMPARE(*q.msMin, 0.5);
    QVERIFY(list.model().total() < 2000);
    QVERIFY(countLabel(list)->text().endsWith(QStringLiteral("of 2,000 neurons")));
    for (int i = 0; i < list.model().rowCount(); ++i) QVERIFY(list.model().loadedRow(i)->ms >= 0.5);
  }

  void rareNeuronsStayOutUntilAskedFor() {
    NeuronList list(m_theme, m_runner);
    open(list, true);
    const int64_t common = list.model().total();
    QVERIFY(common > 0 && common < 2000);
    for (int i = 0; i < list.model().rowCount(); ++i) QVERIFY(list.model().loadedRow(i)->firingRate >= 16.0 / 200);
    QVERIFY(countLabel(list)->text().endsWith(QStringLiteral("of 2,000 neurons")));
    QSignalSpy complete(&list.model(), &NeuronTableModel::complete);
    list.findChild<QCheckBox*>()->click();
    EVENTUALLY_EQUAL(complete.count(), 1);
    QCOMPARE(list.model().total(), int64_t(2000));
    Settings settings;
    list.storeSettings(settings);
    QVERIFY(!settings.onlyFullTop);
  }

  void settingsRoundTrip() {
    Settings s;
    s.columnWidths = {70, 130, 80, 75, 150};
    s.sortColumn = 3;
    s.sortDescending = false;
    NeuronList list(m_theme, m_runner);
    list.resize(520, 600);
    list.applySettings(s);
    Settings out;
    list.storeSettings(out);
    QCOMPARE(out.sortColumn, 3);
    QVERIFY(!out.sortDescending);
    QCOMPARE(out.columnWidths.mid(0, 4), s.columnWidths.mid(0, 4));
  }
};

QTEST_MAIN(NeuronListTest)
#include "neuron_list_test.moc"
