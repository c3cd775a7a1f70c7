// MS over part of the images: all of them gives the stored scores' values, a part what its columns give alone.
#include <QTemporaryDir>
#include <QTest>
#include <torch/torch.h>

#include <cmath>

#include "core/analysis/monosemanticity.h"
#include "core/pipeline/row_input.h"
#include "core/pipeline/score.h"
#include "core/pipeline/subset_scores.h"
#include "core/weights/torch_file.h"
#include "tests/support/failure.h"
#include "tests/support/synthetic_workspace.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

bool same(double a, double b) { return std::isnan(a) ? std::isnan(b) : std::abs(a - b) < 1e-6; }

}  // namespace

class SubsetScoresTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_dir;
  fs::path m_path;
  SyntheticWorkspace m_made;
  std::string spec(int64_t run) const { return m_path.string() + "#" + std::to_string(run); }

 private Q_SLOTS:
  void initTestCase() {
    m_path = fs::path(m_dir.path().toStdString()) / "w.sememe";
    m_made = makeSyntheticWorkspace(m_path, 500, 300, 5);
  }

  void allImagesGiveTheWholeScore() {
    std::vector<int64_t> all(300);
    for (int64_t i = 0; i < 300; ++i) all[size_t(i)] = i;
    const SubsetScores scores = scoreSubset(m_path, m_made.run, all);
    QCOMPARE(scores.images, 300);
    QCOMPARE(scores.sets.size(), size_t(2));
    for (int i = 0; i < 2; ++i) {
      QCOMPARE(scores.sets[size_t(i)].embeddings, m_made.embeddings[i]);
      ScoreParams p;
      p.activations = spec(m_made.run);
      p.embeddings = spec(m_made.embeddings[i]);
      p.out = fs::path(m_dir.path().toStdString()) / std::to_string(i);
      score(p);
      const at::Tensor whole = readTorchTensor(p.out / "all_neurons_scores.pth");
      for (int64_t k = 0; k < 500; ++k) QVERIFY(same(scores.sets[size_t(i)].ms[size_t(k)], whole[k].item<double>()));
    }
  }

  void aPartIsScoredAlone() {
    const std::vector<int64_t> part = {3, 4, 5, 40, 41, 100, 299};
    const SubsetScores scores = scoreSubset(m_path, m_made.run, part);
    QCOMPARE(scores.images, 7);
    const auto embeddings = RowInput::open(spec(m_made.embeddings[0]));
    std::vector<at::Tensor> rows;
    for (const int64_t image : part) rows.push_back(embeddings->read(image, 1));
    const MsEmbeddings ready(at::cat(rows));
    Workspace file = Workspace::open(m_path, OpenMode::ReadOnly);
    int scored = 0;
    for (int64_t k = 0; k < 500; ++k) {
      const SparseColumn column = file.activations().readColumn(m_made.run, k);
      std::vector<uint32_t> images;
      std::vector<float> values;
      for (size_t i = 0; i < part.size(); ++i) {
        for (size_t j = 0; j < column.rows.size(); ++j) {
          if (column.rows[j] != part[i]) continue;
          images.push_back(uint32_t(i));
          values.push_back(column.values[j]);
        }
      }
      const double expected = msOfNeuron(images, values, ready);
      QVERIFY(same(scores.sets[0].ms[size_t(k)], expected));
      scored += !std::isnan(expected);
    }
    QVERIFY(scored > 20);
  }

  void fewOrNoImages() {
    for (const std::vector<int64_t>& images : {std::vector<int64_t>{}, {7}}) {
      const SubsetScores scores = scoreSubset(m_path, m_made.run, images);
      QCOMPARE(scores.images, int64_t(images.size()));
      for (const double ms : scores.sets[1].ms) QVERIFY(std::isnan(ms));
    }
    for (const std::vector<int64_t>& images : {std::vector<int64_t>{300}, {-1}, {2, 2}, {3, 1}})
      QCOMPARE(failureText([&] { scoreSubset(m_path, m_made.run, images); }).first, ErrorCode::Invalid);
    QCOMPARE(failureText([&] { scoreSubset(m_path, 99, std::vector<int64_t>{1}); }).first, ErrorCode::NotFound);
  }

  void findsImages() {
    Workspace file = Workspace::open(m_path, OpenMode::ReadOnly);
    const Datasets& datasets = file.datasets();
    const std::vector<ClassInfo> classes = datasets.classes(m_made.dataset);
    QVERIFY(!classes.empty());
    const std::vector<int64_t> own = findImages(datasets, m_made.dataset, classes[3].name);
    QVERIFY(!own.empty());
    for (const int64_t image : own) QCOMPARE(datasets.image(m_made.dataset, image).classIndex, 3);
    QCOMPARE(findImages(datasets, m_made.dataset, std::string(QString::fromStdString(classes[3].name).toUpper().toStdString())), own);
    QCOMPARE(findImages(datasets, m_made.dataset, datasets.image(m_made.dataset, 8).path), (std::vector<int64_t>{8}));
    QVERIFY(findImages(datasets, m_made.dataset, "no such thing").empty());
    QCOMPARE(findImages(datasets, m_made.dataset, "").size(), size_t(300));
  }
};

QTEST_GUILESS_MAIN(SubsetScoresTest)
#include "subset_scores_test.moc"
