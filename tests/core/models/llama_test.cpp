// Llama against transformers' own numbers, and its cache and taps against itself over many drawn configurations.
#include "core/models/llama.h"

#include <QTemporaryDir>
#include <fstream>
#include <random>

#include "core/base/files.h"
#include "core/models/config_json.h"
#include "tests/core/models/draw_llama.h"
#include "tests/core/models/golden.h"
#include "tests/core/models/greedy.h"

using namespace sememe;
using sememe::test::drawLlama;
using sememe::test::Expected;
using sememe::test::goldenFolder;
using sememe::test::greedy;
using sememe::test::greedyAnew;
using sememe::test::padLeft;
using sememe::test::throwsError;

namespace {

LlamaConfig parse(const std::string& text) {
  return readLlamaConfig(ConfigReader(parseJsonObject(text, "here"), "here"));
}

}  // namespace

class LlamaTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equalsTransformers_data() {
    QTest::addColumn<QString>("name");
    QTest::newRow("grouped, biases, tied, llama3 scaling") << QStringLiteral("llama");
    QTest::newRow("old spelling, linear scaling, float16 shards") << QStringLiteral("llama_linear");
  }

  void equalsTransformers() {
    QFETCH(QString, name);
    const torch::NoGradGuard guard;
    const Expected expected(name.toStdString());
    LoadReport report;
    const Llama llama = loadLlama(goldenFolder(name.toStdString()), {}, &report);
    QVERIFY(report.missing.empty() && report.unused.empty());
    QVERIFY(llama->config().endTokens.empty());
    const at::Tensor ids = expected["ids"];
    const at::Tensor embeds = llama->embed(ids);
    COMPARE_TENSORS(embeds, expected["hidden.0"]);
    TapHooks hooks;
    std::vector<at::Tensor> outputs;
    for (int layer = 0; layer < llama->config().layers; ++layer)
      hooks.push_back({{TapPoint::PostMlpResidual, layer},
                       [&](const at::Tensor& x) { return outputs.push_back(x), at::Tensor(); }});
    const at::Tensor states = llama->forward(embeds, nullptr, hooks);
    outputs.back() = states;  // transformers' last hidden state is normed
    for (size_t i = 0; i < outputs.size(); ++i)
      COMPARE_TENSORS(outputs[i], expected["hidden." + std::to_string(i + 1)]);
    COMPARE_TENSORS(llama->logits(states), expected["logits"]);
    KvCache cache = llama->makeCache(1, 64);
    QVERIFY(greedy(*llama, embeds, 32, cache).equal(expected["greedy"]));
    QVERIFY(greedyAnew(*llama, embeds, 32).equal(expected["greedy"]));

    // Three prompts of different lengths at once.
    const at::Tensor batch = expected["batch.ids"], mask = expected["batch.mask"];
    std::vector<at::Tensor> prompts;
    for (int64_t i = 0; i < batch.size(0); ++i) {
      const int64_t length = mask[i].sum().item<int64_t>();
      prompts.push_back(llama->embed(batch[i].unsqueeze(0).narrow(1, batch.size(1) - length, length)));
    }
    const auto padded = padLeft(prompts);
    KvCache rows = llama->makeCache(3, 64);
    rows.setPadding(padded.padding);
    const at::Tensor all = llama->logits(llama->forward(padded.embeds, &rows));
    COMPARE_TENSORS(all.select(1, all.size(1) - 1), expected["batch.last"]);
    rows.truncate(0);
    QVERIFY(greedy(*llama, padded.embeds, 32, rows).equal(expected["batch.greedy"]));
  }

  // Over random configurations: a cache filled in any pieces gives what a pass without one gives, a batch gives what
  // its rows give alone, a shared prefix is as good as one's own, and a pass that halts goes on as if it had not.
  void cacheAndTaps() {
    const torch::NoGradGuard guard;
    std::mt19937 draw(1);
    for (int round = 0; round < 60; ++round) {
      const Llama llama = drawLlama(draw, round);
      const LlamaConfig& c = llama->config();
      const int64_t length = 2 + int64_t(draw() % 20), cut = 1 + int64_t(draw() % uint32_t(length - 1));
      const at::Tensor embeds = llama->embed(at::randint(c.vocabSize, {2, length}, at::kLong));
      const at::Tensor whole = llama->forward(embeds);
      KvCache cache = llama->makeCache(2, length + 3);

      // Two pieces, the second again after truncate().
      COMPARE_TENSORS(llama->forward(embeds.narrow(1, 0, cut), &cache), whole.narrow(1, 0, cut));
      for (int again = 0; again < 2; ++again) {
        COMPARE_TENSORS(llama->forward(embeds.narrow(1, cut, length - cut), &cache),
                        whole.narrow(1, cut, length - cut));
        QCOMPARE(cache.length(), length);
        cache.truncate(cut);
      }
      // Token by token.
      cache.truncate(0);
      for (int64_t i = 0; i < length; ++i)
        COMPARE_TENSORS(llama->forward(embeds.narrow(1, i, 1), &cache), whole.narrow(1, i, 1));

      // Another cache that begins as one row of this one does.
      KvCache single = llama->makeCache(1, length);
      llama->forward(embeds.narrow(0, 0, 1).narrow(1, 0, cut), &single);
      KvCache shared = llama->makeCache(3, length + 1);
      shared.copyFrom(single, cut);
      const at::Tensor rest = embeds.narrow(0, 0, 1).narrow(1, cut, length - cut).expand({3, -1, -1});
      const at::Tensor found = llama->forward(rest, &shared);
      for (int64_t row = 0; row < 3; ++row) COMPARE_TENSORS(found[row], whole[0].narrow(0, cut, length - cut));

      // Rows of different lengths, padded, in two pieces.
      const at::Tensor shorter = embeds.narrow(0, 1, 1).narrow(1, 0, cut);
      const auto padded = padLeft({embeds.narrow(0, 0, 1), shorter});
      KvCache rows = llama->makeCache(2, length + 1);
      rows.setPadding(padded.padding);
      const int64_t split = 1 + int64_t(draw() % uint32_t(length));
      std::vector<at::Tensor> parts = {llama->forward(padded.embeds.narrow(1, 0, split), &rows)};
      if (split < length) parts.push_back(llama->forward(padded.embeds.narrow(1, split, length - split), &rows));
      const at::Tensor together = at::cat(parts, 1);
      COMPARE_TENSORS(together[0], whole[0]);
      COMPARE_TENSORS(together[1].narrow(0, length - cut, cut), llama->forward(shorter)[0]);
      QVERIFY(together.isfinite().all().item<bool>());

      // Every tap: read on the way, halted at, gone on from twice.
      for (int layer = 0; layer < c.layers; ++layer) {
        for (const TapPoint point :
             {TapPoint::AttentionOutput, TapPoint::InMlp, TapPoint::PostMlp, TapPoint::PostMlpResidual}) {
          const Tap tap{point, layer};
          at::Tensor seen;
          const TapHook reader{tap, [&](const at::Tensor& x) { return seen = x, at::Tensor(); }};
          COMPARE_TENSORS(llama->forward(embeds, nullptr, {reader}), whole);
          QCOMPARE(seen.size(-1), point == TapPoint::InMlp ? c.intermediateSize : c.hiddenSize);
          cache.truncate(0);
          llama->forward(embeds.narrow(1, 0, cut), &cache);
          const TappedPass halted = llama->begin(embeds.narrow(1, cut, length - cut), tap, &cache);
          COMPARE_TENSORS(halted.activation, seen.narrow(1, cut, length - cut));
          const bool finished = layer == c.layers - 1 && point == TapPoint::PostMlpResidual;
          QCOMPARE(cache.length(), finished ? length : cut);
          if (finished) continue;
          for (int again = 0; again < 2; ++again) {
            COMPARE_TENSORS(llama->finish(halted, &cache), whole.narrow(1, cut, length - cut));
            QCOMPARE(cache.length(), length);
            cache.truncate(cut);
          }
          TappedPass edited = halted;
          edited.activation = halted.activation + 1;
          const TapHook writer{tap, [](const at::Tensor& x) { return x + 1; }};
          const at::Tensor resumed = llama->finish(edited, &cache);
          cache.truncate(cut);
          COMPARE_TENSORS(llama->forward(embeds.narrow(1, cut, length - cut), &cache, {writer}), resumed);
        }
      }
    }
  }

  void halfPrecision() {
    const torch::NoGradGuard guard;
    const Expected expected("llama");
    for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf}) {
      const Llama llama = loadLlama(goldenFolder("llama"), {.dtype = dtype});
      KvCache cache = llama->makeCache(1, 32);
      const at::Tensor found = llama->logits(llama->forward(llama->embed(expected["ids"]), &cache));
      QCOMPARE(found.scalar_type(), dtype);
      const at::Tensor exact = expected["logits"];
      QVERIFY((found.to(at::kFloat) - exact).norm().item<double>() < 0.05 * exact.norm().item<double>());
    }
  }

  void whatMakesNoSense() {
    const torch::NoGradGuard guard;
    const Llama llama = loadLlama(goldenFolder("llama"));
    const at::Tensor embeds = llama->embed(at::ones({1, 5}, at::kLong));
    KvCache cache = llama->makeCache(1, 6);
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { llama->embed(at::full({1, 1}, 97, at::kLong)); }, {"97"}));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { llama->embed(at::ones({5}, at::kLong)); }));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { llama->forward(at::zeros({1, 5, 7})); }, {"48"}));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { llama->forward(at::zeros({2, 5, 48}), &cache); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { llama->begin(embeds, {TapPoint::PostProjection, -1}); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { llama->begin(embeds, {TapPoint::PostMlp, 2}); }, {"no layer 2"}));
    llama->forward(embeds, &cache);
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { llama->forward(embeds, &cache); }, {"6", "10"}));
    QCOMPARE(cache.length(), int64_t{5});
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { cache.truncate(6); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { cache.setPadding({1}); }));
    KvCache other = llama->makeCache(2, 4);
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { other.copyFrom(cache, 5); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { other.setPadding({1}); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { llama->makeCache(0, 4); }));
  }

  void configs() {
    const LlamaConfig plain = parse("{}");
    QCOMPARE(plain.headDim, int64_t{128});
    QCOMPARE(plain.kvHeads, int64_t{32});
    QCOMPARE(plain.rope.theta, 10000.0);
    QCOMPARE(plain.endTokens, std::vector<int64_t>{2});
    const LlamaConfig old = parse(R"({"rope_theta": 500000.0, "max_position_embeddings": 4096, "eos_token_id": [3, 4],
        "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}})");
    QCOMPARE(old.rope.theta, 500000.0);
    QVERIFY(old.rope.kind == RopeConfig::Kind::Llama3);
    QCOMPARE(old.rope.originalPositions, int64_t{4096});
    QCOMPARE(old.endTokens, (std::vector<int64_t>{3, 4}));
    const auto fails = [](const char* text, ErrorCode code, const char* word) {
      return throwsError(code, [&] { parse(text); }, {word});
    };
    QVERIFY(fails(R"({"rope_scaling": {"type": "yarn", "factor": 2}})", ErrorCode::Unsupported, "linear"));
    QVERIFY(fails(R"({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}})",
                  ErrorCode::Unsupported, "partial"));
    QVERIFY(fails(R"({"rope_scaling": {"type": "linear"}})", ErrorCode::Invalid, "rope_scaling.factor"));
    QVERIFY(fails(R"({"num_key_value_heads": 5})", ErrorCode::Invalid, "num_key_value_heads"));
    QVERIFY(fails(R"({"head_dim": 7})", ErrorCode::Invalid, "even"));
    QVERIFY(fails(R"({"hidden_size": 33})", ErrorCode::Invalid, "num_attention_heads"));
    QVERIFY(fails(R"({"eos_token_id": ["a"]})", ErrorCode::Invalid, "eos_token_id"));
    QVERIFY(fails(R"({"hidden_act": "mish"})", ErrorCode::Unsupported, "mish"));
  }

  // Weights that are not finite or beyond the wanted dtype, and a stop, name what was wrong.
  void brokenWeights() {
    const QTemporaryDir dir;
    const std::filesystem::path folder = dir.path().toStdString();
    const std::string key = "model.layers.1.mlp.up_proj.weight";
    std::map<std::string, at::Tensor> weights;
    const auto file = SafetensorsFile::open(goldenFolder("llama") / "model.safetensors");
    for (const std::string& name : file->keys()) weights.emplace(name, file->tensor(name).clone());
    writeTextFile(folder / "config.json", readTextFile(goldenFolder("llama") / "config.json"));
    for (const double value : {std::nan(""), double(INFINITY), -double(INFINITY)}) {
      weights[key][3][4] = value;
      writeSafetensors(folder / "model.safetensors", weights);
      QVERIFY(throwsError(ErrorCode::Corrupt, [&] { loadLlama(folder); }, {key, "model.safetensors", "NaN"}));
    }
    weights[key][3][4] = 1e20;
    writeSafetensors(folder / "model.safetensors", weights);
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { loadLlama(folder, {.dtype = at::kHalf}); },
                        {key, "float16", "bfloat16"}));
    loadLlama(folder, {.dtype = at::kBFloat16});

    std::vector<Progress> seen;
    loadLlama(folder, {.progress = [&](const Progress& p) { seen.push_back(p); }});
    QVERIFY(seen.size() >= 2);
    QCOMPARE(seen.back().done, seen.back().total);
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_EXCEPTION_THROWN(loadLlama(folder, {.stop = stop.get_token()}), Cancelled);
    weights.erase(key);
    weights.emplace("surplus", at::zeros({1}));
    writeSafetensors(folder / "model.safetensors", weights);
    QVERIFY(throwsError(ErrorCode::NotFound, [&] { loadLlama(folder); }, {key, "surplus"}));
  }
};

QTEST_GUILESS_MAIN(LlamaTest)
#include "llama_test.moc"
