// Tests of the table model: pages, order, filters, overtaken queries, failures.
#include "ui/models/neuron_table_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include "tests/ui/ui_support.h"

using namespace sememe;

class NeuronTableModelTest : public QObject {
  Q_OBJECT
  NeuronQuery query() const {
    NeuronQuery q;
    q.run = m_workspace.made().run;
    q.embeddings = m_workspace.made().embeddings[0];
    return q;
  }
  void expectEqual(const NeuronTableModel& model, const NeuronQuery& q) {
    const std::vector<NeuronRow> rows = allRows(m_workspace, q);
    QCOMPARE(model.rowCount(), int(rows.size()));
    QCOMPARE(model.loadedRows(), int(rows.size()));
    QCOMPARE(model.total(), int64_t(rows.size()));
    for (int i = 0; i < model.rowCount(); ++i) QCOMPARE(model.loadedRow(i)->neuron, rows[size_t(i)].neuron);
  }
  TestWorkspace m_workspace{9000, 300};

 private Q_SLOTS:
  void streamsAllRowsInOrder() {
    JobRunner runner;
    NeuronTableModel model(runner);
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QSignalSpy complete(&model, &NeuronTableModel::complete), loaded(&model, &NeuronTableModel::rowsLoaded);
    model.setQuery(m_workspace.path(), query());
    EVENTUALLY_EQUAL(complete.count(), 1);
    QVERIFY(loaded.count() >= 3);  // the first page and later ones
    expectEqual(model, query());
    QVERIFY(model.largestMax() > 0);
    QCOMPARE(model.rowOf(model.loadedRow(8000)->neuron), 8000);
    QCOMPARE(model.rowOf(-5), -1);
  }

  void sortsByEveryColumnBothWays() {
    JobRunner runner;
    NeuronTableModel model(runner);
    QSignalSpy complete(&model, &NeuronTableModel::complete);
    model.setQuery(m_workspace.path(), query());
    EVENTUALLY_EQUAL(complete.count(), 1);
    for (int column = 0; column < NeuronTableModel::ColumnCount; ++column) {
      for (const Qt::SortOrder order : {Qt::AscendingOrder, Qt::DescendingOrder}) {
        NeuronQuery q = query();
        q.sort = NeuronTableModel::sortOf(column);
        q.descending = order == Qt::DescendingOrder;
        const bool same = q.sort == model.query().sort && q.descending == model.query().descending;
        complete.clear();
        model.sort(column, order);
        if (!same) EVENTUALLY_EQUAL(complete.count(), 1);
        expectEqual(model, q);
      }
    }
  }

  void filters() {
    JobRunner runner;
    NeuronTableModel model(runner);
    QSignalSpy complete(&model, &NeuronTableModel::complete);
    std::vector<NeuronQuery> queries(4, query());
    queries[0].msMin = 0.5;
    queries[1].rateMax = 0.01;
    queries[1].msMax = 0.2;
    queries[2].text = "star";
    queries[3].text = "no such label anywhere";
    for (const NeuronQuery& q : queries) {
      complete.clear();
      model.setQuery(m_workspace.path(), q);
      EVENTUALLY_EQUAL(complete.count(), 1);
      expectEqual(model, q);
    }
    QCOMPARE(model.rowCount(), 0);
  }

  void anOvertakenQueryLeavesNoTrace() {
    JobRunner runner;
    NeuronTableModel model(runner);
    QSignalSpy complete(&model, &NeuronTableModel::complete);
    NeuronQuery q = query();
    // Many in a row, as with a slider that is dragged: the last one wins whatever order the threads end in.
    for (int i = 0; i < 40; ++i) {
      q.msMin = 0.9 - 0.02 * i;
      q.descending = i % 2 == 0;
      model.setQuery(m_workspace.path(), q);
      if (i % 7 == 0) QTest::qWait(3);
    }
    EVENTUALLY(!model.loading());
    QTest::qWait(50);
    expectEqual(model, q);
  }

  void oldRowsStayUntilTheFirstPage() {
    JobRunner runner;
    NeuronTableModel model(runner);
    QSignalSpy complete(&model, &NeuronTableModel::complete), resets(&model, &QAbstractItemModel::modelReset);
    model.setQuery(m_workspace.path(), query());
    EVENTUALLY_EQUAL(complete.count(), 1);
    const int before = model.rowCount();
    resets.clear();
    model.sort(NeuronTableModel::Max, Qt::DescendingOrder);
    QCOMPARE(model.rowCount(), before);
    QCOMPARE(resets.count(), 0);
    EVENTUALLY_EQUAL(complete.count(), 2);
    QCOMPARE(resets.count(), 1);
  }

  void rowsThatAreNotHereHaveNoData() {
    JobRunner runner;
    NeuronTableModel model(runner);
    QSignalSpy first(&model, &NeuronTableModel::firstPage);
    model.setQuery(m_workspace.path(), query());
    EVENTUALLY_EQUAL(first.count(), 1);
    const QModelIndex beyond = model.index(model.rowCount() - 1, 0);
    if (!model.loadedRow(beyond.row())) QVERIFY(!model.data(beyond, Qt::DisplayRole).isValid());
    EVENTUALLY(!model.loading());
    QVERIFY(model.data(beyond, Qt::DisplayRole).isValid());
  }

  void showsLabelsAndNumbers() {
    JobRunner runner;
    NeuronTableModel model(runner);
    QSignalSpy complete(&model, &NeuronTableModel::complete);
    NeuronQuery q = query();
    q.sort = NeuronQuery::Sort::Ms;
    q.descending = true;
    model.setQuery(m_workspace.path(), q);
    EVENTUALLY_EQUAL(complete.count(), 1);
    model.setLabel(model.loadedRow(3)->neuron, QStringLiteral("wheels"));
    QCOMPARE(model.data(model.index(3, NeuronTableModel::Label), Qt::DisplayRole).toString(), QStringLiteral("wheels"));
    // The last ones have no score.
    QCOMPARE(model.data(model.index(model.rowCount() - 1, NeuronTableModel::Ms), Qt::DisplayRole).toString(), QStringLiteral("–"));
    QVERIFY(model.headerData(NeuronTableModel::Ms, Qt::Horizontal, Qt::DisplayRole).toString().contains(QStringLiteral("↓")));
  }

  void aMissingFileIsAFailure() {
    JobRunner runner;
    NeuronTableModel model(runner);
    QSignalSpy failed(&model, &NeuronTableModel::failed);
    model.setQuery(m_workspace.path().parent_path() / "gone.sememe", query());
    EVENTUALLY_EQUAL(failed.count(), 1);
    QVERIFY(!model.loading());
  }
};

QTEST_GUILESS_MAIN(NeuronTableModelTest)
#include "neuron_table_model_test.moc"
