// The score of steering against the paper's own program, and what must hold of a run that is cut short.
#include "core/pipeline/steering_score.h"

#include <torch/torch.h>

#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <sstream>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/neuron_targets.h"
#include "core/pipeline/text_embeddings.h"
#include "core/sae/dictionary.h"
#include "core/store/workspace.h"
#include "core/weights/torch_file.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = GOLDEN_DIR;
const fs::path kScore = kGolden / "steering_score";

std::vector<std::vector<std::string>> fields(const fs::path& csv) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(readTextFile(csv));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream parts(line);
    rows.emplace_back();
    for (std::string part; std::getline(parts, part, ',');) rows.back().push_back(part);
  }
  return rows;
}

double numberBehind(const std::string& text, const std::string& title) { return std::stod(text.substr(text.find(title) + title.size())); }

bool throwsError(ErrorCode code, const std::string& word, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.code() != code || std::string(error.what()).find(word) == std::string::npos) qWarning("%s", error.what());
    return error.code() == code && std::string(error.what()).find(word) != std::string::npos;
  }
  qWarning("nothing was thrown");
  return false;
}

}  // namespace

class SteeringScoreTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_dir;
  int m_folders = 0;

  fs::path folder() const { return m_dir.path().toStdString(); }
  fs::path fresh() { return folder() / ("out" + std::to_string(m_folders++)); }

  SteeringScoreParams params(const std::string& test) {
    SteeringScoreParams p;
    p.model.model = folder() / "llava";
    p.model.device = "cpu";
    if (test != "identity") p.model.sae = kGolden / "steering" / "llava_sae";
    p.top = (kScore / (test == "identity" ? "hai_indices_raw.npy" : "hai_indices_16.npy")).string();
    p.embeddings = (kScore / "embeddings.pt").string();
    p.textModel = kScore / "clip";
    p.images = kScore / "images";
    p.neurons = 6;
    p.test = test == "no_steer" ? SteeringTest::Unsteered : SteeringTest::Steered;
    p.preZero = test == "pre_zero";
    p.out = fresh();
    return p;
  }

 private Q_SLOTS:
  void initTestCase() {
    fs::create_directories(folder() / "llava");
    for (const char* name : {"config.json", "model.safetensors"}) fs::copy(kGolden / "models" / "llava" / name, folder() / "llava");
    fs::copy(kScore / "processor", folder() / "llava", fs::copy_options::recursive);
  }

  void equalsThePaper_data() {
    QTest::addColumn<QString>("test");
    QTest::addColumn<int>("batch");
    QTest::newRow("steered") << "steer" << 16;
    QTest::newRow("steered, one by one") << "steer" << 1;
    QTest::newRow("steered, in batches that images share") << "steer" << 5;
    QTest::newRow("as it is") << "no_steer" << 16;
    QTest::newRow("all others silent") << "pre_zero" << 7;
    QTest::newRow("the tower's own neurons") << "identity" << 16;
  }

  void equalsThePaper() {
    QFETCH(QString, test);
    QFETCH(int, batch);
    const fs::path expected = kScore / test.toStdString();
    SteeringScoreParams p = params(test.toStdString());
    p.batch = batch;
    const SteeringScoreResult r = steeringScore(p);
    QCOMPARE(readTextFile(p.out / "labels.txt"), readTextFile(expected / "labels.txt"));
    const at::Tensor found = readTorchTensor(p.out / "scores_per_neuron"), wanted = readTorchTensor(expected / "scores_per_neuron");
    QCOMPARE(found.sizes(), wanted.sizes());
    QVERIFY(found.scalar_type() == wanted.scalar_type());
    QVERIFY((found - wanted).abs().max().item<double>() < 1e-5);
    const std::string ours = readTextFile(p.out / "metric.txt"), theirs = readTextFile(expected / "metric.txt");
    for (const char* title : {"Mean Cosine Similarity: ", "Standard Deviation Cosine Similarity: "})
      QVERIFY(std::abs(numberBehind(ours, title) - numberBehind(theirs, title)) < 1e-5);
    QVERIFY(std::abs(r.set.score.mean - numberBehind(theirs, "Mean Cosine Similarity: ")) < 1e-5);
    QCOMPARE(std::count(ours.begin(), ours.end(), '\n'), 2);
    QCOMPARE(r.set.images, 4);
    QCOMPARE(r.set.failed, 0);
    QVERIFY(!r.alreadyDone);
    QCOMPARE(r.neurons.size(), size_t(6));
    for (size_t i = 0; i < 6; ++i)
      QVERIFY(std::abs(r.neurons[i].score - wanted.view({4, 6}).select(1, int64_t(i)).mean().item<double>()) < 1e-5);
    QCOMPARE(std::isnan(r.neurons[0].before), test == QStringLiteral("no_steer"));
  }

  // What stands beside the paper's figure, from the labels alone.
  void baselineAndControl() {
    SteeringScoreParams p = params("steer");
    const SteeringScoreResult r = steeringScore(p);
    const NeuronTargets targets = readNeuronTargets(p.top, p.embeddings, 6, {});
    const auto rows = fields(p.out / "labels.txt"), plain = fields(kScore / "no_steer" / "labels.txt");
    std::vector<std::string> words;
    for (const auto& row : rows) words.push_back(row[2]);
    for (size_t i = 0; i < 4; ++i) words.push_back(plain[i][2]);
    const at::Tensor embedded = embedTexts(p.textModel, words, "words", at::kCPU, {}, {});
    for (int64_t n = 0; n < 6; ++n) {
      const at::Tensor target = targets.embeddings[n].unsqueeze(0);
      const at::Tensor cosines = torch::cosine_similarity(embedded, target, 1);
      const double own = cosines.narrow(0, n * 4, 4).sum().item<double>(), all = cosines.narrow(0, 0, 24).sum().item<double>();
      QVERIFY(std::abs(r.neurons[size_t(n)].control - (all - own) / 20) < 1e-5);
      QVERIFY(std::abs(r.neurons[size_t(n)].before - cosines.narrow(0, 24, 4).mean().item<double>()) < 1e-5);
      QVERIFY(std::isnan(r.neurons[size_t(n)].ms));
    }
    QVERIFY(std::abs(r.set.before.mean - numberBehind(readTextFile(kScore / "no_steer" / "metric.txt"), "Mean Cosine Similarity: ")) < 1e-5);
    const auto table = fields(p.out / "steering_scores.csv");
    QCOMPARE(table.size(), size_t(7));
    QCOMPARE(table[3][0], std::string("2"));
    QVERIFY(std::abs(std::stod(table[3][4]) - r.neurons[2].control) < 1e-12);
    QCOMPARE(table[3][5], r.neurons[2].label);
  }

  void goesOnWhereItWasCut() {
    SteeringScoreParams p = params("steer");
    p.batch = 4;
    p.neurons = 2;
    steeringScore(p);
    const std::string some = readTextFile(p.out / "answers.jsonl");
    p.neurons = 6;
    std::stop_source stop;
    int reports = 0;
    const auto countTo = [&](const Progress& progress) {
      if (progress.stage == "Asking LLaVA" && ++reports == 1) stop.request_stop();
    };
    QVERIFY_EXCEPTION_THROWN(steeringScore(p, stop.get_token(), countTo), Cancelled);
    QVERIFY(steeringScore(p).alreadyDone == false);
    const std::string labels = readTextFile(kScore / "steer" / "labels.txt"), whole = readTextFile(p.out / "answers.jsonl");
    QCOMPARE(readTextFile(p.out / "labels.txt"), labels);
    QVERIFY(whole.starts_with(some));
    QCOMPARE(std::count(whole.begin(), whole.end(), '\n'), 1 + 4 * 7);
    QVERIFY(steeringScore(p).alreadyDone);
    QCOMPARE(readTextFile(p.out / "answers.jsonl"), whole);

    // Cut anywhere, in the middle of a line too: no answer is lost that was there, and none is made up.
    for (const size_t length : {size_t(0), size_t(7), some.size() - 3, some.size(), whole.size() / 2, whole.size() - 1}) {
      writeTextFile(p.out / "answers.jsonl", whole.substr(0, length));
      for (const char* name : {"labels.txt", "scores_per_neuron", "metric.txt"}) fs::remove(p.out / name);
      steeringScore(p);
      QCOMPARE(readTextFile(p.out / "labels.txt"), labels);
      const std::string again = readTextFile(p.out / "answers.jsonl");
      QCOMPARE(std::count(again.begin(), again.end(), '\n'), 1 + 4 * 7);
    }
    p.only = {4, 1};
    p.neurons = 0;
    QVERIFY(steeringScore(p).alreadyDone);
    const auto rows = fields(p.out / "labels.txt"), all = fields(kScore / "steer" / "labels.txt");
    QCOMPARE(rows.size(), size_t(8));
    QVERIFY(rows[0] == all[16] && rows[7] == all[7]);

    const std::string broken = whole.substr(0, some.size()) + "{\"image\": 3}\n";
    writeTextFile(p.out / "answers.jsonl", broken);
    QVERIFY(throwsError(ErrorCode::Corrupt, "answers.jsonl, line", [&] { steeringScore(p); }));
    QCOMPARE(readTextFile(p.out / "answers.jsonl"), broken);
  }

  void otherSetUpsDoNotMix() {
    SteeringScoreParams p = params("steer");
    p.neurons = 1;
    steeringScore(p);
    const std::string before = readTextFile(p.out / "answers.jsonl");
    const std::vector<std::function<void(SteeringScoreParams&)>> changes = {
        [](SteeringScoreParams& q) { q.value = 99; },
        [](SteeringScoreParams& q) { q.preZero = true; },
        [](SteeringScoreParams& q) { q.test = SteeringTest::Unsteered; },
        [](SteeringScoreParams& q) { q.question = "what is in this image"; },
        [](SteeringScoreParams& q) { q.maxTokens = 4; },
        [](SteeringScoreParams& q) { q.model.layer = 1; },
        [](SteeringScoreParams& q) { q.model.precision = "bf16"; },
        [](SteeringScoreParams& q) { q.model.sae = kGolden / "steering" / "llava_siglip_sae"; },
        [](SteeringScoreParams& q) { q.images = kGolden / "pipeline" / "images"; }};
    for (const auto& change : changes) {
      SteeringScoreParams q = p;
      change(q);
      QVERIFY(throwsError(ErrorCode::Mismatch, "another set-up", [&] { steeringScore(q); }));
    }
    QCOMPARE(readTextFile(p.out / "answers.jsonl"), before);
  }

  // On the neurons' own images; what is said must be what steering at that value says of those images.
  void suppressesOnOwnImages() {
    SteeringScoreParams p = params("steer");
    const at::Tensor top = at::tensor({1, 0, 2, 3, 0, 1}, at::kLong).view({3, 2}).repeat({22, 1}).narrow(0, 0, 64);
    writeTorchTensor(folder() / "top.pt", top);
    writeTorchTensor(folder() / "four.pt", readTorchTensor(kScore / "embeddings.pt").narrow(0, 0, 4).clone());
    p.top = (folder() / "top.pt").string();
    p.embeddings = (folder() / "four.pt").string();
    p.neurons = 3;
    p.value = -60;
    steeringScore(p);
    const auto steered = fields(p.out / "labels.txt");
    const fs::path answers = p.out / "answers.jsonl";
    p.out = fresh();
    p.test = SteeringTest::Suppressed;
    const SteeringScoreResult r = steeringScore(p);
    QCOMPARE(r.set.images, 4);
    const auto rows = fields(p.out / "labels.txt");
    QCOMPARE(rows.size(), size_t(6));
    const int64_t images[] = {0, 1, 3, 2, 1, 0};  // the strongest, which the file has last, first
    std::vector<std::string> words, control, before;
    for (size_t i = 0; i < 6; ++i) {
      QVERIFY(rows[i] == steered[i / 2 * 4 + size_t(images[i])]);
      words.push_back(rows[i][2]);
      control.push_back(steered[(i / 2 + 1) % 3 * 4 + size_t(images[i])][2]);
      const std::string key = "\"image\":\"" + rows[i][1] + "\",\"neuron\":-2,\"label\":\"";
      const std::string log = readTextFile(p.out / "answers.jsonl");
      const size_t at = log.find(key);
      QVERIFY(at != std::string::npos);
      before.push_back(log.substr(at + key.size(), log.find('"', at + key.size()) - at - key.size()));
    }
    const NeuronTargets targets = readNeuronTargets(p.top, p.embeddings, 3, {});
    QVERIFY((targets.embeddings[1] - readTorchTensor(folder() / "four.pt").narrow(0, 2, 2).mean(0)).abs().max().item<double>() < 1e-6);
    const auto mean = [&](const std::vector<std::string>& of, size_t n) {
      const at::Tensor embedded = embedTexts(p.textModel, {of[2 * n], of[2 * n + 1]}, "words", at::kCPU, {}, {});
      return torch::cosine_similarity(embedded, targets.embeddings[int64_t(n)].unsqueeze(0), 1).mean().item<double>();
    };
    for (size_t n = 0; n < 3; ++n) {
      QVERIFY(std::abs(r.neurons[n].score - mean(words, n)) < 1e-5);
      QVERIFY(std::abs(r.neurons[n].control - mean(control, n)) < 1e-5);
      QVERIFY(std::abs(r.neurons[n].before - mean(before, n)) < 1e-5);
    }
    // By rank: the strongest of each neuron first.
    const at::Tensor scores = readTorchTensor(p.out / "scores_per_neuron");
    QCOMPARE(scores.numel(), 6);
    QVERIFY(std::abs(scores.view({2, 3}).select(1, 2).mean().item<double>() - r.neurons[2].score) < 1e-5);
    p.embeddings = (kScore / "embeddings.pt").string();
    QVERIFY(throwsError(ErrorCode::Mismatch, "the same images were expected", [&] { steeringScore(p); }));
  }

  // A run's strongest images: the same scores, and they stay with the run.
  void staysWithTheRun() {
    const fs::path file = folder() / "w.sememe";
    const SteeringScoreParams fromFile = params("steer");
    const NeuronTargets targets = readNeuronTargets(fromFile.top, fromFile.embeddings, 0, {});
    const std::string fingerprint = loadDictionary(fromFile.model.sae)->fingerprint();
    const auto makeRun = [&](const std::string& sae) {
      Workspace workspace = Workspace::open(file, OpenMode::Create);
      RunInfo info;
      info.key = info.name = "latents of " + sae;
      info.kind = RunKind::Latents;
      info.rowType = RowType::F32;
      info.rows = 40;
      info.dim = info.saeSize = 64;
      info.saeFingerprint = sae;
      const int64_t run = workspace.runs().ensure(info).id;
      SparseRows rows;
      rows.offsets.assign(41, 0);
      workspace.activations().appendSparse(run, 0, rows);
      workspace.runs().setComplete(run);
      IndexWriter writer(workspace.database(), run, 40);
      for (const std::vector<int64_t>& images : targets.images) {
        NeuronStatistics statistics;
        for (const int64_t image : images) statistics.top.push_back({image, 1});
        writer.add(statistics);
      }
      writer.commit();
      return file.string() + "#" + std::to_string(run);
    };
    const SteeringScoreResult expected = steeringScore(fromFile);
    QCOMPARE(expected.set.id, 0);

    SteeringScoreParams p = params("steer");
    p.top = makeRun(fingerprint);
    const SteeringScoreResult r = steeringScore(p);
    QVERIFY(r.set.id > 0);
    QVERIFY(std::abs(r.set.score.mean - expected.set.score.mean) < 1e-12);
    const auto stored = [&] { return Workspace::open(file, OpenMode::ReadOnly).steeringScores().list(); };
    std::vector<SteeringScoreSet> sets = stored();
    QCOMPARE(sets.size(), size_t(1));
    QCOMPARE(sets[0].run, 1);
    QCOMPARE(sets[0].neurons, 6);
    QCOMPARE(sets[0].images, 4);
    QCOMPARE(sets[0].value, 100.0);
    QCOMPARE(sets[0].model, std::string("llava"));
    QCOMPARE(sets[0].words, std::string("clip"));
    QCOMPARE(sets[0].tap, r.set.tap);
    QCOMPARE(sets[0].score.mean, r.set.score.mean);
    QCOMPARE(sets[0].control, r.set.control);
    const std::vector<SteeredNeuron> neurons = Workspace::open(file, OpenMode::ReadOnly).steeringScores().neurons(sets[0].id);
    QCOMPARE(neurons.size(), size_t(6));
    for (size_t i = 0; i < 6; ++i) {
      QCOMPARE(neurons[i].label, r.neurons[i].label);
      QCOMPARE(neurons[i].score, r.neurons[i].score);
      QCOMPARE(neurons[i].before, r.neurons[i].before);
    }
    // Again: in its place. Other neurons: beside it.
    QVERIFY(steeringScore(p).alreadyDone);
    QCOMPARE(stored().size(), size_t(1));
    p.neurons = 2;
    steeringScore(p);
    p.test = SteeringTest::Unsteered;
    p.out = fresh();
    const SteeringScoreResult plain = steeringScore(p);
    sets = stored();
    QCOMPARE(sets.size(), size_t(3));
    const auto found = std::find_if(sets.begin(), sets.end(), [&](const SteeringScoreSet& set) { return set.id == plain.set.id; });
    QVERIFY(found->test == SteeringTest::Unsteered && found->value == 0 && std::isnan(found->before.mean) && std::isnan(found->control));

    p = params("steer");
    p.top = makeRun("another SAE");
    QVERIFY(throwsError(ErrorCode::Mismatch, "another SAE", [&] { steeringScore(p); }));
    QVERIFY(!fs::exists(p.out / "answers.jsonl"));
  }

  void leavesOutWhatCannotBeRead() {
    SteeringScoreParams p = params("steer");
    p.images = folder() / "images";
    fs::copy(kScore / "images", p.images);
    writeTextFile(p.images / "broken.png", "no image");
    const SteeringScoreResult r = steeringScore(p);
    QCOMPARE(r.set.images, 4);
    QCOMPARE(r.set.failed, 1);
    QCOMPARE(readTextFile(p.out / "labels.txt"), readTextFile(kScore / "steer" / "labels.txt"));
    p.images = folder() / "none";
    fs::create_directories(p.images);
    writeTextFile(p.images / "broken.png", "no image");
    p.out = fresh();
    QVERIFY(throwsError(ErrorCode::NotFound, "no image could be read", [&] { steeringScore(p); }));
  }

  void refuses() {
    const auto refused = [&](ErrorCode code, const char* word, const std::function<void(SteeringScoreParams&)>& change) {
      SteeringScoreParams p = params("steer");
      change(p);
      return throwsError(code, word, [&] { steeringScore(p); });
    };
    QVERIFY(refused(ErrorCode::Mismatch, "36 neurons", [](auto& p) { p.top = (kScore / "hai_indices_raw.npy").string(); }));
    QVERIFY(refused(ErrorCode::Mismatch, "36", [](auto& p) { p.model.sae.clear(); }));
    QVERIFY(refused(ErrorCode::Invalid, "64 neurons, not 65", [](auto& p) { p.neurons = 65; }));
    QVERIFY(refused(ErrorCode::Invalid, "no neuron 64", [](auto& p) { p.only = {3, 64}; }));
    QVERIFY(refused(ErrorCode::Invalid, "twice", [](auto& p) { p.only = {3, 3}; }));
    QVERIFY(refused(ErrorCode::Mismatch, "no image", [&](auto& p) {
      p.embeddings = (folder() / "few.pt").string();
      writeTorchTensor(p.embeddings, at::randn({20, 10}));
    }));
    QVERIFY(refused(ErrorCode::Mismatch, "of the images 12;", [&](auto& p) {
      p.embeddings = (folder() / "wide.pt").string();
      writeTorchTensor(p.embeddings, at::randn({40, 12}));
    }));
    QVERIFY(refused(ErrorCode::Mismatch, "image numbers", [&](auto& p) {
      p.top = (folder() / "halves.pt").string();
      writeTorchTensor(p.top, at::full({64, 16}, 0.5));
    }));
    QVERIFY(refused(ErrorCode::Invalid, "finite", [](auto& p) { p.value = std::nan(""); }));
    QVERIFY(refused(ErrorCode::Invalid, "question", [](auto& p) { p.batch = 0; }));
    QVERIFY(refused(ErrorCode::NotFound, "nowhere", [](auto& p) { p.images = "/nowhere"; }));
  }
};

QTEST_GUILESS_MAIN(SteeringScoreTest)
#include "steering_score_test.moc"
