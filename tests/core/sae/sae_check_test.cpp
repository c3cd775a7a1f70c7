// Whether an SAE is told to fit what it was trained on and nothing else, and whether cures are found.
#include "core/sae/sae_check.h"

#include <ATen/Parallel.h>

#include <QTemporaryDir>
#include <QTest>
#include <memory>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/sae/batch_topk.h"
#include "core/sae/train.h"
#include "core/weights/torch_file.h"

using namespace sememe;

namespace {

at::Tensor sparseRows(int64_t n, uint64_t directionSeed, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(directionSeed);
  const at::Tensor directions = at::randn({24, 8}, generator);
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::mm(at::rand({n, 24}, draws) * (at::rand({n, 24}, draws) < 0.08), directions) * 3 + 2;
}

bool anyHint(const SaeFit& fit, const char* text) {
  for (const std::string& hint : fit.hints) {
    if (hint.find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

class SaeCheckTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    at::set_num_threads(1);
    const auto source = TensorSource::of(sparseRows(4000, 9, 1), "rows");
    TrainSaeParams p;
    p.trainer.type = SaeType::BatchTopK;
    p.trainer.activationDim = 8;
    p.trainer.dictSize = 48;
    p.trainer.k = 3;
    p.trainer.lr = 3e-3;
    p.trainer.batch = 64;
    p.trainer.steps = 1500;
    p.trainer.warmup = 5;
    p.trainer.thresholdStart = 100;
    p.trainer.thresholdBeta = 0.99;
    p.trainer.deadAfterRows = 2000;
    p.out = m_dir.path().toStdString();
    m_dictionary = loadDictionary(trainSae(p, *shuffledRows(*source, 1)).dictionary);
  }

  void fitsItsOwn() {
    const SaeFit fit = checkSae(*m_dictionary, sparseRows(1000, 9, 2));
    QVERIFY2(fit.fits, fit.verdict.c_str());
    QCOMPARE(fit.rows, 1000);
    QCOMPARE(fit.k, 3);
    QVERIFY(fit.fve > 0.8 && std::abs(fit.l0 - 3) < 1);
    QVERIFY2(fit.hints.empty(), fit.hints.empty() ? "" : fit.hints.front().c_str());
    QVERIFY(fit.verdict.find("fits these activations") != std::string::npos);
  }

  void doesNotFitOthers() {
    for (const at::Tensor& x : {sparseRows(1000, 3, 2) * 0.05 - 4, at::randn({1000, 8}) * 20}) {
      const SaeFit fit = checkSae(*m_dictionary, x);
      QVERIFY2(!fit.fits, fit.verdict.c_str());
      QVERIFY(fit.verdict.find("does not fit") != std::string::npos);
      QVERIFY(!fit.hints.empty());
    }
    const SaeFit constant = checkSae(*m_dictionary, at::zeros({50, 8}) + 100);
    QVERIFY(!constant.fits && constant.verdict.find("all the same") != std::string::npos);
    QVERIFY_THROWS_EXCEPTION(Error, checkSae(*m_dictionary, at::randn({5, 9})));
    QVERIFY_THROWS_EXCEPTION(Error, checkSae(*m_dictionary, at::randn({0, 8})));
  }

  // Weights for activations of unit mean squared norm, on activations as they come.
  void findsTheScale() {
    const at::Tensor x = sparseRows(1000, 9, 2);
    const double norm = std::sqrt(x.square().sum(1).mean().item<double>());
    const BatchTopKWeights& w = dynamic_cast<const BatchTopKDictionary&>(*m_dictionary).weights();
    BatchTopKWeights scaled = w;
    scaled.bEnc = w.bEnc / norm;
    scaled.bDec = w.bDec / norm;
    scaled.threshold = float(w.threshold / norm);
    const SaeFit fit = checkSae(BatchTopKDictionary(scaled), x);
    QVERIFY2(!fit.fits, fit.verdict.c_str());
    QVERIFY(anyHint(fit, "unit mean squared norm"));
    QVERIFY(checkSae(BatchTopKDictionary(scaled), x / norm).fits);
  }

  void findsTheConventionOfTheBias() {
    const at::Tensor x = sparseRows(1000, 9, 2) + 20;
    BatchTopKWeights w = dynamic_cast<const BatchTopKDictionary&>(*m_dictionary).weights();
    w.bDec = w.bDec + 20;
    QVERIFY(checkSae(BatchTopKDictionary(w), x).fits);
    BatchTopKWeights other = w;
    other.bEnc = w.bEnc - at::mv(w.wEnc.t(), w.bDec);  // right for an encoder that does not subtract b_dec
    QVERIFY(anyHint(checkSae(BatchTopKDictionary(other), x), "does not subtract b_dec"));
    other.bEnc = w.bEnc + at::mv(w.wEnc.t(), w.bDec);
    QVERIFY(anyHint(checkSae(BatchTopKDictionary(other), x), "that subtracts b_dec"));
  }

  // Weights of an encoder that subtracts b_dec, under the headers of saev versions that do and do not.
  void findsSaevFilesOfTheOtherConvention() {
    const at::Tensor x = sparseRows(1000, 9, 2) + 20;
    const BatchTopKWeights& w = dynamic_cast<const BatchTopKDictionary&>(*m_dictionary).weights();
    const std::filesystem::path folder = m_dir.path().toStdString(), state = folder / "state.pt", file = folder / "sae.pt";
    writeTorchFile(state, stateDictValue({{"W_enc", w.wEnc},
                                          {"b_enc", w.bEnc},
                                          {"W_dec", w.wDec},
                                          {"b_dec", w.bDec + 20},
                                          {"activation.threshold", at::scalar_tensor(w.threshold)}}));
    writeTextFile(file, "{\"schema\": 1, \"cls\": \"BatchTopK\", \"cfg\": {\"top_k\": 3}}\n" + readTextFile(state));
    const SaeFit right = checkSae(*loadDictionary(file), x);
    QVERIFY2(right.fits && right.hints.empty(), right.verdict.c_str());
    writeTextFile(file, "{\"schema\": 5, \"cfg\": {\"activation\": {\"cls\": \"BatchTopK\", \"params\": {\"top_k\": 3}}}}\n" + readTextFile(state));
    const SaeFit wrong = checkSae(*loadDictionary(file), x);
    QVERIFY2(!wrong.fits, wrong.verdict.c_str());
    QVERIFY(anyHint(wrong, "that subtracts b_dec"));
  }

  // The latents are right, but all reconstructions are off by the same.
  void aConstantErrorCounts() {
    const at::Tensor x = sparseRows(1000, 9, 2);
    const BatchTopKWeights& w = dynamic_cast<const BatchTopKDictionary&>(*m_dictionary).weights();
    BatchTopKWeights other = w;
    other.bDec = w.bDec + 20;
    other.bEnc = w.bEnc + w.wEnc.sum(0) * 20;
    const SaeFit fit = checkSae(BatchTopKDictionary(other), x);
    QVERIFY2(!fit.fits && fit.fve < 0, fit.verdict.c_str());
    QVERIFY(std::abs(fit.l0 - checkSae(*m_dictionary, x).l0) < 0.1);
  }

  // As saev's loader prepared activations before schema 2.
  void findsCentringAndScale() {
    const at::Tensor x = sparseRows(1000, 9, 2) * 5 + 40, mean = x.mean(0);
    const double scale = std::sqrt(8.0) / (x - mean).norm(2, 1).mean().item<double>();
    const BatchTopKWeights& w = dynamic_cast<const BatchTopKDictionary&>(*m_dictionary).weights();
    BatchTopKWeights prepared = w;  // for ((5 x + 40) − mean) · scale
    prepared.bDec = (w.bDec * 5 + 40 - mean) * scale;
    prepared.bEnc = w.bEnc * (5 * scale);
    prepared.threshold = float(w.threshold * 5 * scale);
    const SaeFit fit = checkSae(BatchTopKDictionary(prepared), x);
    QVERIFY2(!fit.fits, fit.verdict.c_str());
    QVERIFY(anyHint(fit, "less their mean and scaled"));
    QVERIFY(checkSae(BatchTopKDictionary(prepared), (x - mean) * scale).fits);
  }

  void findsAnyFactor() {
    const SaeFit fit = checkSae(*m_dictionary, sparseRows(1000, 9, 2) / 30);
    QVERIFY2(!fit.fits, fit.verdict.c_str());
    QVERIFY2(anyHint(fit, "times about 32"), fit.hints.front().c_str());
    QVERIFY(anyHint(checkSae(*m_dictionary, sparseRows(1000, 9, 2) * 60), "times about 0.0156"));
  }

 private:
  QTemporaryDir m_dir;
  std::unique_ptr<Dictionary> m_dictionary;
};

QTEST_GUILESS_MAIN(SaeCheckTest)
#include "sae_check_test.moc"
