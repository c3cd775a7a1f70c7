// Trains the demo's CLIP: contrastive learning on drawn scenes and their captions, with training-only
// teachers.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/demo/train_parts.h"
#include "core/demo/training.h"
#include "core/demo/vocabulary.h"
#include "core/models/clip.h"
#include "core/models/mixed_precision.h"

namespace sememe {

namespace {

constexpr int64_t kBatch = 64;
constexpr int64_t kWidth = 128;
constexpr int64_t kLayers = 4;
constexpr int64_t kMaxPositions = 24;
constexpr int64_t kCurriculum = 1500;  // steps on scenes with one big object

ClipConfig clipConfig(const DemoVocabulary& vocabulary) {
  ClipConfig config;
  config.projectionDim = 64;
  config.vision.hiddenSize = kWidth;
  config.vision.intermediateSize = 4 * kWidth;
  config.vision.projectionDim = 64;
  config.vision.layers = kLayers;
  config.vision.heads = 4;
  config.vision.imageSize = kWorldSide;
  config.vision.patchSize = kWorldSide / kWorldPatches;
  config.text.vocabSize = vocabulary.size();
  config.text.hiddenSize = kWidth;
  config.text.intermediateSize = 4 * kWidth;
  config.text.projectionDim = 64;
  config.text.layers = 2;
  config.text.heads = 4;
  config.text.maxPositions = kMaxPositions;
  config.text.bosTokenId = vocabulary.bos();
  config.text.eosTokenId = vocabulary.eos();
  config.text.padTokenId = vocabulary.eos();
  return config;
}

// Captions to ids [N, longest], padded with the end of text.
at::Tensor textIds(const DemoVocabulary& vocabulary, const std::vector<std::string>& texts) {
  std::vector<std::vector<int64_t>> rows;
  size_t longest = 0;
  for (const std::string& text : texts) {
    rows.push_back(vocabulary.encode(text));
    longest = std::max(longest, rows.back().size());
  }
  at::Tensor ids = at::full({static_cast<int64_t>(rows.size()), static_cast<int64_t>(longest)},
                            vocabulary.eos(), at::kLong);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy(rows[i].begin(), rows[i].end(), ids.data_ptr<int64_t>() + i * longest);
  }
  return ids;
}

at::Tensor unit(const at::Tensor& x) { return x / x.norm(2, -1, true).clamp_min(1e-6); }

void initialise(ClipModel& model, const TrainingScenes& train) {
  const torch::NoGradGuard guard;
  const at::Tensor sample = normalisePixels(train.pixels.narrow(0, 0, std::min<int64_t>(1000, train.size())),
                                            kClipMean, kClipDeviation);
  model->vision->patchEmbedding->weight.copy_(principalPatches(sample, kWidth, kWorldSide / kWorldPatches));
  model->vision->positionEmbedding->weight.zero_();
  model->vision->positionEmbedding->weight.narrow(0, 1, kWorldPatches * kWorldPatches)
      .copy_(sineCosinePositions(kWorldPatches, kWidth) * .5);
  initialiseLayers(model->vision->encoder, true);
  initialiseLayers(model->text->encoder, false);
  initialiseLinear(model->visualProjection);
  initialiseLinear(model->textProjection);
}

at::Tensor imageEmbeddings(const ClipModel& model, const at::Tensor& pixels) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : pixels.split(200)) {
    parts.push_back(unit(model->embed(normalisePixels(part, kClipMean, kClipDeviation))));
  }
  return at::cat(parts);
}

ModelScores clipScores(const ClipModel& model, const DemoVocabulary& vocabulary, const TrainingScenes& held) {
  const torch::NoGradGuard guard;
  const at::Tensor images = imageEmbeddings(model, held.pixels);
  const auto best = [&](const std::vector<std::string>& texts) {
    return at::matmul(images, unit(model->embedText(textIds(vocabulary, texts))).t()).argmax(1);
  };
  const auto prompts = [](int count, auto&& text) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) texts.push_back(text(i));
    return texts;
  };
  // Over the scenes with one object, where the right answer is one.
  const auto accuracy = [&](const at::Tensor& guess, auto&& truth) {
    int64_t right = 0, total = 0;
    for (int64_t i = 0; i < held.size(); ++i) {
      const SceneLabels& scene = held.labels[static_cast<size_t>(i)];
      if (scene.count() != 1) continue;
      ++total;
      right += guess[i].item<int64_t>() == truth(scene) ? 1 : 0;
    }
    return total == 0 ? 0.0 : static_cast<double>(right) / static_cast<double>(total);
  };
  const auto with = [](std::string_view word, const char* behind) {
    return worldArticle(word) + " " + std::string(word) + behind;
  };
  ModelScores scores;
  scores.shape = accuracy(best(prompts(kWorldShapes, [&](int i) { return with(worldShape(i), ""); })),
                          [](const SceneLabels& s) { return s.objects[0][0]; });
  scores.colour =
      accuracy(best(prompts(kWorldColours, [&](int i) { return with(worldColour(i), " thing"); })),
               [](const SceneLabels& s) { return s.objects[0][1]; });
  scores.texture =
      accuracy(best(prompts(kWorldTextures, [&](int i) { return with(worldTexture(i), " thing"); })),
               [](const SceneLabels& s) { return s.objects[0][2]; });
  scores.background = accuracy(
      best(prompts(kWorldBackgrounds,
                   [](int i) { return "a thing on a " + std::string(worldBackground(i)) + " background"; })),
      [](const SceneLabels& s) { return s.background; });
  std::vector<std::string> captions;
  for (const SceneLabels& scene : held.labels) captions.push_back(fullCaption(scene).text);
  const at::Tensor found = best(captions);
  int64_t right = 0;
  for (size_t i = 0; i < captions.size(); ++i) {
    right +=
        captions[static_cast<size_t>(found[static_cast<int64_t>(i)].item<int64_t>())] == captions[i] ? 1 : 0;
  }
  scores.retrieval = static_cast<double>(right) / static_cast<double>(std::max<size_t>(captions.size(), 1));
  return scores;
}

// The symmetric contrastive loss; captions that are also true of another image are no negatives for it.
at::Tensor contrastiveLoss(const at::Tensor& images, const at::Tensor& texts, const at::Tensor& logitScale,
                           const std::vector<SceneCaption>& captions,
                           const std::vector<SceneLabels>& labels) {
  const int64_t n = static_cast<int64_t>(labels.size());
  at::Tensor alsoTrue = at::zeros({n, n}, at::kBool);
  bool* mask = alsoTrue.data_ptr<bool>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      mask[i * n + j] = i != j && isTrueOf(captions[static_cast<size_t>(j)], labels[static_cast<size_t>(i)]);
    }
  }
  const at::Tensor logits = (logitScale.exp().clamp_max(100) * at::matmul(unit(images), unit(texts).t()))
                                .masked_fill(alsoTrue, -1e4);
  const at::Tensor target = at::arange(n, at::kLong);
  return (at::cross_entropy_loss(logits, target) + at::cross_entropy_loss(logits.t(), target)) / 2;
}

void saveClip(const ClipModel& model, const DemoVocabulary& vocabulary, const std::filesystem::path& folder) {
  vocabulary.save(folder, kMaxPositions);
  writeTextFile(folder / "preprocessor_config.json", clipPreprocessor());
  saveModel(*model, folder, at::kHalf);
}

}  // namespace

ModelScores trainClip(const TrainModelsParams& params, const TrainingScenes& train,
                      const TrainingScenes& held, const std::filesystem::path& scratch,
                      const std::stop_token& stop, const ProgressFn& progress) {
  const DemoVocabulary vocabulary;
  const std::filesystem::path folder = params.out / "clip";
  if (std::filesystem::exists(folder / "model.safetensors")) {
    return clipScores(loadClipModel(folder), vocabulary, held);
  }
  torch::manual_seed(params.seed);
  ClipModel model(clipConfig(vocabulary));
  initialise(model, train);
  PatchTeachers teachers(kWidth);
  TrainingLoop loop({model.ptr(), teachers.ptr()}, {.steps = params.clipSteps}, WorldRandom(params.seed, 1));
  const std::filesystem::path checkpoint = scratch / "clip.checkpoint";
  loop.load(checkpoint);
  const BatchSampler sampler(train, kBatch, std::min(kCurriculum, params.clipSteps / 5));
  ProgressMeter meter(progress, "Training CLIP", params.clipSteps, loop.step());
  while (!loop.done()) {
    throwIfStopped(stop);
    const TrainingBatch batch = takeBatch(train, sampler.next(loop.step(), loop.random()), loop.random());
    std::vector<SceneCaption> captions;
    std::vector<std::string> texts;
    for (const SceneLabels& scene : batch.labels) {
      captions.push_back(sampleCaption(scene, loop.random()));
      texts.push_back(captions.back().text);
    }
    std::vector<at::Tensor> states;
    at::Tensor said;
    {
      const MixedPrecision faster;
      said = model->embedText(textIds(vocabulary, texts));
      states = model->hiddenStates(normalisePixels(batch.pixels, kClipMean, kClipDeviation));
    }
    const at::Tensor contrast = contrastiveLoss(model->project(states.back()), said.to(at::kFloat),
                                                model->logitScale, captions, batch.labels);
    const at::Tensor taught =
        teachers->loss(states[kLayers / 2], states[kLayers - 1], patchTargets(batch.labels, batch.owner));
    loop.update(contrast + taught);
    meter.advance();
    if (loop.step() % 100 == 0) {
      char line[96];
      std::snprintf(line, sizeof line, "clip step %lld: contrastive loss %.3f, teachers %.3f",
                    static_cast<long long>(loop.step()), contrast.item<double>(), taught.item<double>());
      log(LogLevel::Info, line);
    }
    if (loop.step() % 400 == 0 || loop.done()) {
      loop.save(checkpoint);
      log(LogLevel::Info, "clip: " + describe(clipScores(model, vocabulary, held)));
    }
  }
  meter.finish();
  saveClip(model, vocabulary, folder);
  const ModelScores scores = clipScores(model, vocabulary, held);
  log(LogLevel::Info, "clip: " + describe(scores));
  return scores;
}

}  // namespace sememe
