// Neurons: pages against a full sort, statistics, labels, scores, and what indexing replaces.
#include "core/store/neurons.h"

#include <QTest>
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "tests/core/store/store_test_support.h"

using namespace sememe;
using Sort = NeuronQuery::Sort;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kNeurons = 4600;  // more than the number from which filtered pages walk the index

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  }
  return text;
}

// The neurons that the workspace holds, with what the queries look at.
struct Model {
  std::vector<NeuronRow> rows;
  std::vector<std::string> notes;
};

bool matches(const Model& model, const NeuronRow& row, const NeuronQuery& query) {
  if (query.msMin && !(row.ms >= *query.msMin)) return false;
  if (query.msMax && !(row.ms <= *query.msMax)) return false;
  if (query.rateMin && !(row.firingRate >= *query.rateMin)) return false;
  if (query.rateMax && !(row.firingRate <= *query.rateMax)) return false;
  const std::string text = lower(query.text);
  return text.empty() || lower(row.label).find(text) != std::string::npos ||
         lower(model.notes[size_t(row.neuron)]).find(text) != std::string::npos ||
         std::to_string(row.neuron).rfind(text, 0) == 0;
}

double number(const NeuronRow& row, Sort sort) {
  switch (sort) {
    case Sort::Ms:
      return row.ms;
    case Sort::FiringRate:
      return row.firingRate;
    case Sort::Max:
      return row.max;
    case Sort::Mean:
      return row.mean;
    default:
      return double(row.neuron);
  }
}

bool hasValue(const NeuronRow& row, Sort sort) {
  return sort == Sort::Label ? !row.label.empty() : !std::isnan(number(row, sort));
}

// The page order by its definition.
bool before(const NeuronRow& a, const NeuronRow& b, const NeuronQuery& query) {
  const bool hasA = hasValue(a, query.sort), hasB = hasValue(b, query.sort);
  if (hasA != hasB) return hasA;
  if (!hasA) return a.neuron < b.neuron;
  const NeuronRow& first = query.descending ? b : a;
  const NeuronRow& second = query.descending ? a : b;
  if (query.sort == Sort::Label) {
    return std::pair(lower(first.label), first.neuron) < std::pair(lower(second.label), second.neuron);
  }
  return std::pair(number(first, query.sort), first.neuron) <
         std::pair(number(second, query.sort), second.neuron);
}

bool equal(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool equal(const NeuronRow& a, const NeuronRow& b) {
  return a.neuron == b.neuron && equal(a.ms, b.ms) && equal(a.firingRate, b.firingRate) &&
         equal(a.max, b.max) && equal(a.mean, b.mean) && a.label == b.label;
}

QString text(const NeuronQuery& q) {
  return QStringLiteral("sort %1 %2 ms %3..%4 rate %5..%6 text '%7' embeddings %8")
      .arg(int(q.sort))
      .arg(q.descending ? QStringLiteral("down") : QStringLiteral("up"))
      .arg(q.msMin.value_or(-9))
      .arg(q.msMax.value_or(9))
      .arg(q.rateMin.value_or(-9))
      .arg(q.rateMax.value_or(9))
      .arg(QString::fromStdString(q.text))
      .arg(q.embeddings);
}

// Empty when walking by pages of `size` gives what filtering and sorting in memory gives.
QString difference(const Workspace& workspace, const Model& model, const NeuronQuery& query, int size) {
  std::vector<NeuronRow> expected;
  for (NeuronRow row : model.rows) {
    if (query.embeddings == 0) row.ms = kNan;
    if (matches(model, row, query)) expected.push_back(row);
  }
  std::sort(expected.begin(), expected.end(),
            [&](const NeuronRow& a, const NeuronRow& b) { return before(a, b, query); });
  if (workspace.neurons().count(query) != int64_t(expected.size())) {
    return text(query) +
           QStringLiteral(": count %1 of %2").arg(workspace.neurons().count(query)).arg(expected.size());
  }
  std::vector<NeuronRow> found;
  std::optional<NeuronRow> after;
  for (;;) {
    const std::vector<NeuronRow> page = workspace.neurons().page(query, after, size);
    found.insert(found.end(), page.begin(), page.end());
    if (int(page.size()) < size || found.size() > expected.size()) break;
    after = page.back();
  }
  if (found.size() != expected.size()) {
    return text(query) + QStringLiteral(": %1 rows of %2").arg(found.size()).arg(expected.size());
  }
  for (size_t i = 0; i < found.size(); ++i) {
    if (!equal(found[i], expected[i])) {
      return text(query) +
             QStringLiteral(": row %1 is %2, not %3").arg(i).arg(found[i].neuron).arg(expected[i].neuron);
    }
  }
  return QString();
}

}  // namespace

class NeuronsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // One workspace for all page tests: values with many ties, NaN and infinities.
  void initTestCase() {
    m_folder = std::make_unique<ScratchFolder>();
    m_workspace = std::make_unique<Workspace>(Workspace::open(m_folder->file("a.sememe"), OpenMode::Create));
    Workspace& workspace = *m_workspace;
    m_run = emptyLatents(workspace, latentRun("latents", 100, kNeurons));
    m_embeddings = workspace.runs().ensure(denseRun("clip", 100, 4)).id;
    const int64_t other = emptyLatents(workspace, latentRun("other latents", 100, kNeurons));

    std::mt19937_64 random(21);
    const auto value = [&](int64_t steps) {
      return random() % 20 == 0 ? kNan : double(int64_t(random() % uint64_t(steps)) - steps / 4) / 16;
    };
    const char* words[] = {"Star", "star", "STRIPED", "red", "Red_x", "100%", "ärmel"};
    std::vector<double> ms(kNeurons);
    m_model.notes.resize(kNeurons);
    for (const int64_t run : {m_run, other}) {
      IndexWriter writer(workspace.database(), run, 100);
      for (int64_t n = 0; n < kNeurons; ++n) {
        NeuronRow row;
        row.neuron = n;
        row.ms = value(40);
        row.firingRate = random() % 50 == 0 ? kNan : double(random() % 30) / 30;
        row.max = n == 17 ? std::numeric_limits<double>::infinity() : value(1000);
        row.mean = value(8);
        NeuronStatistics statistics;
        statistics.firingRate = row.firingRate;
        statistics.max = row.max;
        statistics.mean = row.mean;
        writer.add(statistics);
        if (run == m_run) {
          ms[size_t(n)] = row.ms;
          m_model.rows.push_back(row);
        }
      }
      writer.commit();
      std::vector<double> shifted = ms;
      if (run == other) std::reverse(shifted.begin(), shifted.end());
      workspace.neurons().setScores(run, m_embeddings, shifted);
    }
    Transaction transaction(workspace.database());
    for (int64_t n = 3; n < kNeurons; n += 1 + int64_t(random() % 50)) {
      std::string& label = m_model.rows[size_t(n)].label;
      if (random() % 6 != 0) label = words[random() % std::size(words)];
      if (random() % 4 == 0 || label.empty()) m_model.notes[size_t(n)] = "seen with a star";
      workspace.neurons().setLabel(m_run, n, label, m_model.notes[size_t(n)]);
      workspace.neurons().setLabel(other, n / 2, "other", "");
    }
    transaction.commit();
  }

  void pagesEqualAFullSort_data() {
    QTest::addColumn<int>("sort");
    QTest::addColumn<bool>("descending");
    for (int sort = 0; sort < 6; ++sort) {
      QTest::addRow("%d down", sort) << sort << true;
      QTest::addRow("%d up", sort) << sort << false;
    }
  }

  void pagesEqualAFullSort() {
    QFETCH(int, sort);
    QFETCH(bool, descending);
    NeuronQuery base{.run = m_run, .embeddings = m_embeddings, .sort = Sort(sort), .descending = descending};
    std::vector<NeuronQuery> queries(14, base);
    queries[1].msMin = 0.25;  // some
    queries[2].msMin = -5;    // every one that has a score
    queries[2].msMax = 100;
    queries[3].msMax = -0.5;   // few
    queries[4].rateMin = 0.9;  // few
    queries[5].rateMin = 0.1;  // most
    queries[5].rateMax = 0.99;
    queries[6].msMin = queries[6].msMax = 0.125;  // all of one value
    queries[6].rateMax = 0.5;
    queries[7].text = "star";
    queries[8].text = "12";
    queries[9].text = "0";
    queries[10].text = "100%";
    queries[10].rateMin = 0;
    queries[11].text = "_";
    queries[11].msMin = -1;
    queries[12].msMin = 2;  // none
    queries[12].msMax = 1;
    queries[13].embeddings = 0;  // no scores at all
    for (const NeuronQuery& query : queries)
      QCOMPARE(difference(*m_workspace, m_model, query, 499), QString());
    // Pages of few rows, and pages that end exactly at the end, on the short lists.
    for (const size_t i : {3u, 4u, 8u})
      QCOMPARE(difference(*m_workspace, m_model, queries[i], 13), QString());
    for (const size_t i : {7u, 12u}) QCOMPARE(difference(*m_workspace, m_model, queries[i], 1), QString());
    QCOMPARE(difference(*m_workspace, m_model, queries[0], int(kNeurons)), QString());
    QCOMPARE(difference(*m_workspace, m_model, queries[0], int(kNeurons / 2)), QString());
  }

  void oneRowAndWrongQueries() {
    const Neurons& neurons = m_workspace->neurons();
    const NeuronQuery query{.run = m_run, .embeddings = m_embeddings};
    for (const int64_t n : {int64_t(0), int64_t(17), kNeurons - 1}) {
      QVERIFY(equal(*neurons.row(query, n), m_model.rows[size_t(n)]));
    }
    QVERIFY(!neurons.row(query, kNeurons) && !neurons.row(query, -1));
    QCOMPARE(unexpected(ErrorCode::NotFound, "run 99", [&] { neurons.page({.run = 99}, std::nullopt, 5); }),
             QString());
    QCOMPARE(unexpected(ErrorCode::NotFound, "run 99", [&] { neurons.count({.run = 99}); }), QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "page", [&] { neurons.page(query, std::nullopt, 0); }),
             QString());
    NeuronQuery wrong = query;
    wrong.msMin = kNan;
    QCOMPARE(unexpected(ErrorCode::Invalid, "not a number", [&] { neurons.page(wrong, std::nullopt, 5); }),
             QString());
    QVERIFY(neurons.page({.run = m_embeddings}, std::nullopt, 5).empty());  // not indexed
    NeuronQuery hostile = query;
    hostile.text = "'; DROP TABLE labels; --\\%_";
    QVERIFY(neurons.page(hostile, std::nullopt, 5).empty());
    hostile.text = "99999999999999999999999";
    QCOMPARE(neurons.count(hostile), 0);
  }

  void detailsComeBack() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = emptyLatents(workspace, latentRun("latents", 50, 2));
    const int64_t clip = workspace.runs().ensure(denseRun("clip", 50, 4)).id;
    const int64_t dino = workspace.runs().ensure(denseRun("dino", 50, 4)).id;
    NeuronStatistics s{.firingCount = 7, .firingRate = 0.14, .mean = 0.5, .min = -0.25, .max = 3.5};
    s.histogram = {40, 0, 10};
    s.histogramMin = -1;
    s.histogramMax = 4;
    s.top = {{49, 3.5f}, {0, 1.25f}, {7, 0}};
    {
      IndexWriter writer(workspace.database(), run, 48);
      writer.add(s);
      writer.add({.mean = kNan, .min = kNan, .max = kNan, .histogramMin = kNan});
      writer.commit();
    }
    workspace.neurons().setScores(run, dino, std::vector<double>{0.5, kNan});
    workspace.neurons().setScores(run, clip, std::vector<double>{kNan, kNan});
    workspace.neurons().setScores(run, clip, std::vector<double>{0.75, kNan});
    workspace.neurons().setLabel(run, 0, "wheels", "mostly\nbicycles");

    const NeuronDetail detail = workspace.neurons().detail(run, 0);
    QCOMPARE(detail.firingCount, 7);
    QCOMPARE(detail.images, 48);
    QCOMPARE(detail.row.firingRate, 0.14);
    QCOMPARE(detail.row.mean, 0.5);
    QCOMPARE(detail.min, -0.25);
    QCOMPARE(detail.row.max, 3.5);
    QVERIFY(detail.histogram == s.histogram);
    QCOMPARE(detail.histogramMin, -1.0);
    QCOMPARE(detail.histogramMax, 4.0);
    QCOMPARE(detail.top.size(), size_t(3));
    QCOMPARE(detail.top[0].image, 49);
    QCOMPARE(detail.top[1].activation, 1.25f);
    QCOMPARE(detail.label, std::string("wheels"));
    QCOMPARE(detail.notes, std::string("mostly\nbicycles"));
    QCOMPARE(detail.scores.size(), size_t(2));
    QCOMPARE(detail.scores[0].encoder, std::string("dino"));
    QCOMPARE(detail.scores[1].embeddings, clip);
    QCOMPARE(detail.scores[1].ms, 0.75);
    QCOMPARE(detail.row.ms, 0.5);
    const NeuronDetail dead = workspace.neurons().detail(run, 1);
    QVERIFY(std::isnan(dead.row.mean) && std::isnan(dead.min) && std::isnan(dead.scores[0].ms) &&
            dead.top.empty());

    const auto sets = workspace.neurons().scoreSets(run);
    QCOMPARE(sets.size(), size_t(2));
    QCOMPARE(sets[0].encoder, std::string("dino"));
    QCOMPARE(sets[1].unscored, 1);
    QCOMPARE(sets[1].mean, 0.75);
    QVERIFY(equal(workspace.neurons().scores(run, clip)[0], 0.75));
    QVERIFY(std::isnan(workspace.neurons().scores(run, clip)[1]));
    QCOMPARE(unexpected(ErrorCode::NotFound, "no scores", [&] { workspace.neurons().scores(run, run); }),
             QString());
    QCOMPARE(unexpected(ErrorCode::NotFound, "neuron 2", [&] { workspace.neurons().detail(run, 2); }),
             QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "3 scores",
                        [&] { workspace.neurons().setScores(run, clip, std::vector<double>(3)); }),
             QString());

    workspace.runs().remove(dino);
    QCOMPARE(workspace.neurons().detail(run, 0).scores.size(), size_t(1));
    workspace.database().execute("UPDATE neuron_details SET top = zeroblob(12)");
    QCOMPARE(unexpected(ErrorCode::Corrupt, "table neuron_details, run 1, neuron 0, top",
                        [&] { workspace.neurons().detail(run, 0); }),
             QString());
    workspace.database().execute("UPDATE neuron_details SET histogram = zeroblob(7)");
    QCOMPARE(unexpected(ErrorCode::Corrupt, "histogram", [&] { workspace.neurons().detail(run, 0); }),
             QString());
    workspace.database().execute("DELETE FROM scores WHERE neuron = 0");
    QCOMPARE(unexpected(ErrorCode::Corrupt, "table scores", [&] { workspace.neurons().scores(run, clip); }),
             QString());
  }

  void labelsBelongToTheNeurons() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    RunInfo first = latentRun("train images", 5, 3), second = latentRun("val images", 5, 3);
    second.saeFingerprint = first.saeFingerprint;
    RunInfo stranger = latentRun("another SAE", 5, 3);
    const auto indexed = [&](const RunInfo& info) {
      const int64_t run = emptyLatents(workspace, info);
      IndexWriter writer(workspace.database(), run, 5);
      for (int i = 0; i < 3; ++i) writer.add({});
      writer.commit();
      return run;
    };
    const int64_t a = indexed(first), b = indexed(second), c = indexed(stranger);
    workspace.neurons().setLabel(a, 1, "wheels", "note");
    QCOMPARE(workspace.neurons().detail(b, 1).label, std::string("wheels"));
    QCOMPARE(workspace.neurons().detail(c, 1).label, std::string());

    IndexWriter again(workspace.database(), a, 5);
    for (int i = 0; i < 3; ++i) again.add({});
    again.commit();
    QCOMPARE(workspace.neurons().detail(a, 1).label, std::string("wheels"));
    workspace.runs().remove(a);
    workspace.runs().remove(b);
    const int64_t remade = indexed(first);
    QCOMPARE(workspace.neurons().detail(remade, 1).notes, std::string("note"));
    workspace.neurons().setLabel(remade, 1, "", "");
    QCOMPARE(workspace.database().queryInt("SELECT count(*) FROM labels"), 0);

    QCOMPARE(unexpected(ErrorCode::NotFound, "neuron 3",
                        [&] { workspace.neurons().setLabel(remade, 3, "x", ""); }),
             QString());
    QCOMPARE(unexpected(ErrorCode::NotFound, "run 99", [&] { workspace.neurons().setLabel(99, 0, "x", ""); }),
             QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "1000 bytes",
                        [&] { workspace.neurons().setLabel(remade, 0, std::string(1001, 'x'), ""); }),
             QString());
  }

  void indexingIsAllOrNothing() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = emptyLatents(workspace, latentRun("latents", 5, 3));
    const auto index = [&](double max, int neurons, bool commit) {
      IndexWriter writer(workspace.database(), run, 5);
      for (int i = 0; i < neurons; ++i) writer.add({.max = max});
      if (commit) writer.commit();
    };
    index(1, 3, false);
    QVERIFY(!workspace.runs().get(run).indexed);
    QCOMPARE(unexpected(ErrorCode::Mismatch, "2 of 3", [&] { index(1, 2, true); }), QString());
    index(1, 3, true);
    QVERIFY(workspace.runs().get(run).indexed);
    QCOMPARE(workspace.runs().get(run).indexedImages, 5);
    QCOMPARE(workspace.runs().explorable().size(), size_t(1));
    index(2, 3, false);
    QCOMPARE(workspace.neurons().detail(run, 2).row.max, 1.0);
    index(2, 3, true);
    QCOMPARE(workspace.neurons().detail(run, 2).row.max, 2.0);
    QCOMPARE(workspace.database().queryInt("SELECT count(*) FROM neurons"), 3);
    QCOMPARE(unexpected(ErrorCode::Invalid, "more statistics", [&] { index(1, 4, true); }), QString());

    IndexWriter writer(workspace.database(), run, 5);
    const std::vector<uint32_t> two = {3, 1}, far = {5};
    const std::vector<float> values = {1, 2}, one = {1};
    QCOMPARE(unexpected(ErrorCode::Invalid, "rise", [&] { writer.addColumn(0, two, values); }), QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "rise", [&] { writer.addColumn(0, far, one); }), QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "length", [&] { writer.addColumn(0, far, values); }), QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "image 5", [&] { writer.add({.top = {{5, 1.0f}}}); }), QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "16", [&] { writer.add({.top = std::vector<TopImage>(17)}); }),
             QString());
  }

  void onlyWholeRunsOfNeuronsAreIndexed() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t partial = workspace.runs().ensure(latentRun("latents", 5, 3)).id;
    RunInfo info = denseRun("clip", 0, 3);
    info.kind = RunKind::Embeddings;
    const int64_t embeddings = workspace.runs().ensure(info).id;
    QCOMPARE(unexpected(ErrorCode::Invalid, "all its rows",
                        [&] { IndexWriter(workspace.database(), partial, 5); }),
             QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "no neurons",
                        [&] { IndexWriter(workspace.database(), embeddings, 0); }),
             QString());
    QVERIFY(!workspace.database().inTransaction());
  }

 private:
  std::unique_ptr<ScratchFolder> m_folder;
  std::unique_ptr<Workspace> m_workspace;
  Model m_model;
  int64_t m_run = 0, m_embeddings = 0;
};

QTEST_GUILESS_MAIN(NeuronsTest)
#include "store_neurons_test.moc"
