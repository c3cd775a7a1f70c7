// Decoding as one fixed run of kernels, joined matrices and matrices in 8 bits, against the passes that transformers proves.
#include "core/models/token_decoder.h"

#include <QtTest>

#include "core/models/products.h"
#include "tests/core/models/draw_llama.h"
#include "tests/core/models/golden.h"
#include "tests/core/models/greedy.h"

using namespace sememe;
using sememe::test::drawLlama;
using sememe::test::Expected;
using sememe::test::goldenFolder;
using sememe::test::greedy;
using sememe::test::padLeft;
using sememe::test::throwsError;

namespace {

std::vector<int64_t> numbers(const at::Tensor& ids) { return {ids.const_data_ptr<int64_t>(), ids.const_data_ptr<int64_t>() + ids.numel()}; }

// The likeliest tokens [N, count] behind `embeds`.
at::Tensor decodeGreedy(const Llama& llama, const at::Tensor& embeds, int64_t count, KvCache& cache, TokenDecoder& decoder) {
  const at::Tensor states = llama->forward(embeds, &cache);
  std::vector<at::Tensor> tokens = {llama->logits(states.narrow(1, states.size(1) - 1, 1)).squeeze(1).argmax(-1)};
  while (int64_t(tokens.size()) < count) tokens.push_back(decoder.next(numbers(tokens.back())).argmax(-1));
  return at::stack(tokens, 1);
}

}  // namespace

class TokenDecoderTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // Whatever the configuration, the number of rows and their padding, and what the cache was used for before.
  void equalsForward() {
    const torch::NoGradGuard guard;
    std::mt19937 draw(5);
    for (int round = 0; round < 40; ++round) {
      Llama llama = drawLlama(draw, round);
      const int64_t rows = 1 + int64_t(draw() % 3), length = 2 + int64_t(draw() % 6), count = 5;
      const at::Tensor ids = at::randint(llama->config().vocabSize, {rows, length + count}, at::kLong);
      std::vector<at::Tensor> prompts;
      for (int64_t row = 0; row < rows; ++row) prompts.push_back(llama->embed(ids.narrow(0, row, 1).narrow(1, 0, 1 + int64_t(draw() % uint32_t(length)))));
      const auto padded = padLeft(prompts);
      KvCache plain = llama->makeCache(rows, 16), fixed = llama->makeCache(rows, 16);
      if (draw() % 3 != 0) plain.setPadding(padded.padding), fixed.setPadding(padded.padding);
      const at::Tensor separate = llama->forward(padded.embeds, &plain);
      std::vector<at::Tensor> expected;
      for (int64_t i = 0; i < count; ++i) {
        const at::Tensor next = ids.narrow(1, length + i, 1);
        expected.push_back(llama->logits(llama->forward(llama->embed(next), &plain)).squeeze(1));
      }
      llama->joinMatrices();
      COMPARE_TENSORS(llama->forward(padded.embeds, &fixed), separate);
      TokenDecoder decoder(llama, fixed);
      for (int again = 0; again < 2; ++again) {
        for (int64_t i = 0; i < count; ++i) {
          COMPARE_TENSORS(decoder.next(numbers(ids.narrow(1, length + i, 1).contiguous())), expected[size_t(i)]);
          QCOMPARE(fixed.length(), padded.embeds.size(1) + i + 1);
        }
        fixed.truncate(padded.embeds.size(1));
      }
    }
  }

  void greedyTokens() {
    const torch::NoGradGuard guard;
    for (const char* name : {"llama", "llama_linear"}) {
      const Expected expected(name);
      Llama llama = loadLlama(goldenFolder(name));
      llama->joinMatrices();
      KvCache cache = llama->makeCache(1, 64);
      TokenDecoder decoder(llama, cache);
      const at::Tensor embeds = llama->embed(expected["ids"]);
      for (int again = 0; again < 2; ++again) {
        QVERIFY(decodeGreedy(llama, embeds, 32, cache, decoder).equal(expected["greedy"].view({1, -1})));
        cache.truncate(0);
      }
    }
  }

  // A pass that overflowed leaves nothing behind that the next one would multiply by 0.
  void forgetsWhatWasInfinite() {
    const torch::NoGradGuard guard;
    Llama llama = loadLlama(goldenFolder("llama"));
    llama->joinMatrices();
    KvCache cache = llama->makeCache(1, 16);
    TokenDecoder decoder(llama, cache);
    const at::Tensor embeds = llama->embed(at::tensor({1, 2, 3}, at::kLong).unsqueeze(0));
    llama->forward(embeds, &cache);
    const at::Tensor expected = decoder.next({4}).clone();
    cache.truncate(0);
    llama->forward(at::full({1, 9, embeds.size(2)}, INFINITY), &cache);
    cache.truncate(0);
    llama->forward(embeds, &cache);
    QVERIFY(decoder.next({4}).equal(expected));
  }

  void whatMakesNoSense() {
    const torch::NoGradGuard guard;
    Llama llama = loadLlama(goldenFolder("llama"));
    KvCache cache = llama->makeCache(1, 2);
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { TokenDecoder(llama, cache); }, {"joined"}));
    llama->joinMatrices();
    KvCache other = loadLlama(goldenFolder("llama"), {.dtype = at::kBFloat16})->makeCache(1, 2);
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { TokenDecoder(llama, other); }));
    TokenDecoder decoder(llama, cache);
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { decoder.next({1, 2}); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { decoder.next({97}); }, {"97"}));
    decoder.next({1}), decoder.next({2});
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { decoder.next({3}); }, {"full"}));
  }

  // Products of 8-bit matrices are those of the matrix that the 8 bits stand for, however many rows there are.
  void eightBitProducts() {
    const torch::NoGradGuard guard;
    torch::manual_seed(2);
    for (const auto& [in, out] : {std::pair{1, 1}, {7, 3}, {64, 5}, {129, 2}, {300, 70}}) {
      const at::Tensor w = at::randn({out, in}), b = at::randn({out});
      w.select(0, 0).zero_();
      const EightBits eight = toEightBits(w);
      QCOMPARE(eight.rounded.scalar_type(), at::kChar);
      const at::Tensor meant = eight.rounded.to(at::kDouble) * eight.steps.to(at::kDouble).unsqueeze(1);
      // Half a step is the most that rounding changes.
      QVERIFY(((meant - w).abs() <= eight.steps.unsqueeze(1).to(at::kDouble) * 0.5001).all().item<bool>());
      for (const int rows : {1, 2, 8, 9, 30}) {
        const at::Tensor x = at::randn({rows, in}), exact = at::linear(x.to(at::kDouble), meant, b.to(at::kDouble));
        QVERIFY((linearProduct(x, eight, b) - exact).abs().max().item<double>() < 2e-6 * in);
        const at::Tensor half = linearProduct(x.to(at::kHalf), eight, b.to(at::kHalf));
        QCOMPARE(half.scalar_type(), at::kHalf);
        QVERIFY((half.to(at::kDouble) - exact).norm().item<double>() < 4e-3 * exact.norm().item<double>());
      }
    }
  }

  // A model loaded in 8 bits: a quarter of the memory of its layers, answers close to its own, and the same ones joined or not.
  void eightBitModel() {
    const torch::NoGradGuard guard;
    const Expected expected("llama");
    LoadReport report;
    const Llama whole = loadLlama(goldenFolder("llama"), {}, &report);
    Llama llama = loadLlama(goldenFolder("llama"), {.eightBits = true});
    int64_t matrices = 0;
    for (const auto& item : llama->named_parameters()) {
      const bool inLayers = item.key().starts_with("model.layers.") && item.value().dim() == 2;
      QCOMPARE(item.value().scalar_type(), inLayers ? at::kChar : at::kFloat);
      if (inLayers) matrices += item.value().numel();
    }
    QCOMPARE(report.eightBitParameters, matrices);
    QVERIFY(matrices > 0);
    QCOMPARE(weightBytes(report, at::kHalf, false), 2 * report.parameters);
    QCOMPARE(weightBytes(report, at::kFloat, true), 4 * report.parameters - 3 * matrices);

    const at::Tensor embeds = llama->embed(expected["ids"]);
    const at::Tensor found = llama->logits(llama->forward(embeds)), exact = whole->logits(whole->forward(embeds));
    const double error = (found - exact).norm().item<double>() / exact.norm().item<double>();
    QVERIFY2(error > 1e-6 && error < 0.03, qPrintable(QString::number(error)));
    KvCache cache = llama->makeCache(1, 64);
    const at::Tensor separate = greedy(*llama, embeds, 32, cache);
    llama->joinMatrices();
    KvCache fixed = llama->makeCache(1, 64);
    TokenDecoder decoder(llama, fixed);
    QVERIFY(decodeGreedy(llama, embeds, 32, fixed, decoder).equal(separate.view({1, -1})));
  }

  void roomForTheWeights() {
    LoadReport report;
    report.parameters = 7'000'000'000, report.eightBitParameters = 6'400'000'000;
    LoadOptions options;
    options.device = at::Device(at::kCUDA, 1);
    options.dtype = at::kFloat;
    checkRoom(report, options, 31'000'000'000);
    const auto refused = [&](int64_t free, const std::vector<std::string>& words) {
      return throwsError(ErrorCode::Invalid, [&] { checkRoom(report, options, free); }, words);
    };
    QVERIFY(refused(30'000'000'000, {"30.8 GB", "30.0 GB", "cuda:1", "float16 takes 15.4 GB", "8-bit layers 8.4 GB"}));
    options.dtype = at::kHalf;
    QVERIFY(refused(12'000'000'000, {"15.4 GB", "12.0 GB", "8-bit layers 8.4 GB"}));
    options.eightBits = true;
    checkRoom(report, options, 12'000'000'000);
    QVERIFY(refused(6'000'000'000, {"8.4 GB", "6.0 GB", "CPU"}));
    checkRoom(report, LoadOptions{});  // the CPU is not asked
  }
};

QTEST_GUILESS_MAIN(TokenDecoderTest)
#include "token_decoder_test.moc"
