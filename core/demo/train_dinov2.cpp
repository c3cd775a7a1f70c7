// Trains the demo's second encoder, of DINOv2's architecture: images of like content get like embeddings,
// without any text.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/demo/train_parts.h"
#include "core/demo/training.h"
#include "core/models/dinov2.h"
#include "core/models/mixed_precision.h"

namespace sememe {

namespace {

constexpr int64_t kBatch = 64;
constexpr int64_t kWidth = 128;
constexpr int64_t kLayers = 4;
constexpr int64_t kCurriculum = 1000;  // steps on scenes with one big object
constexpr int64_t kAttributes = kWorldShapes + kWorldColours + kWorldTextures + kWorldBackgrounds;

Dinov2Config dinov2Config() {
  Dinov2Config config;
  config.hiddenSize = kWidth;
  config.layers = kLayers;
  config.heads = 4;
  config.imageSize = kWorldSide;
  config.patchSize = kWorldSide / kWorldPatches;
  return config;
}

void initialise(Dinov2Model& model, const TrainingScenes& train) {
  const torch::NoGradGuard guard;
  const at::Tensor sample = normalisePixels(train.pixels.narrow(0, 0, std::min<int64_t>(1000, train.size())),
                                            kImageNetMean, kImageNetDeviation);
  model->patchProjection->weight.copy_(principalPatches(sample, kWidth, kWorldSide / kWorldPatches));
  model->positionEmbeddings.zero_();
  model->positionEmbeddings.narrow(1, 1, kWorldPatches * kWorldPatches)
      .copy_(sineCosinePositions(kWorldPatches, kWidth).unsqueeze(0) * .5);
  initialiseLayers(model->encoder, true);
}

// What an image holds, one bit for each shape, colour, texture and background: float32 [B, 33].
at::Tensor presence(const std::vector<SceneLabels>& labels) {
  at::Tensor bits = at::zeros({static_cast<int64_t>(labels.size()), kAttributes});
  constexpr std::array<int64_t, 3> kFrom = {0, kWorldShapes, kWorldShapes + kWorldColours};
  for (size_t i = 0; i < labels.size(); ++i) {
    float* row = bits.data_ptr<float>() + static_cast<int64_t>(i) * kAttributes;
    for (int o = 0; o < labels[i].count(); ++o) {
      for (size_t k = 0; k < 3; ++k) row[kFrom[k] + labels[i].objects[static_cast<size_t>(o)][k]] = 1;
    }
    row[kAttributes - kWorldBackgrounds + labels[i].background] = 1;
  }
  return bits;
}

// How alike the content of two images is, 0 … 1: [B, B]. Per kind of attribute the share of what both hold in
// what either holds (Jaccard), weighted by how much the eye goes by it.
at::Tensor likeness(const at::Tensor& bits) {
  constexpr std::array<int64_t, 4> kSizes = {kWorldShapes, kWorldColours, kWorldTextures, kWorldBackgrounds};
  constexpr std::array<double, 4> kWeights = {.35, .25, .2, .2};
  at::Tensor sum = at::zeros({bits.size(0), bits.size(0)});
  int64_t from = 0;
  for (size_t k = 0; k < kSizes.size(); ++k) {
    const at::Tensor part = bits.narrow(1, from, kSizes[k]);
    const at::Tensor both = at::matmul(part, part.t()), count = part.sum(1);
    sum += kWeights[k] * both / (count.unsqueeze(1) + count.unsqueeze(0) - both).clamp_min(1);
    from += kSizes[k];
  }
  return sum;
}

// How far the neighbourhoods in embedding space are from those in content: the cross-entropy of the softmax
// over the other images of a batch. In a batch of like colours it asks for shape. Scalar.
at::Tensor neighbourLoss(const at::Tensor& cosines, const at::Tensor& wanted) {
  constexpr double kTemperature = .1;
  const at::Tensor self = at::eye(cosines.size(0), at::kBool);
  const at::Tensor target = (wanted / kTemperature).masked_fill(self, -1e4).softmax(1);
  return -(target * (cosines / kTemperature).masked_fill(self, -1e4).log_softmax(1)).sum(1).mean();
}

at::Tensor embeddings(const Dinov2Model& model, const at::Tensor& pixels) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : pixels.split(200)) {
    const at::Tensor e = model->embed(normalisePixels(part, kImageNetMean, kImageNetDeviation));
    parts.push_back(e / e.norm(2, -1, true).clamp_min(1e-6));
  }
  return at::cat(parts);
}

// Scenes with one object: does the nearest other training scene with one object share the attribute?
ModelScores nearestScores(const Dinov2Model& model, const TrainingScenes& train, const TrainingScenes& held) {
  const torch::NoGradGuard guard;
  const int64_t known = std::min<int64_t>(train.size(), 4000);
  const at::Tensor nearest =
      at::matmul(embeddings(model, held.pixels), embeddings(model, train.pixels.narrow(0, 0, known)).t())
          .argmax(1);
  std::array<int64_t, 4> right{};
  int64_t total = 0;
  for (int64_t i = 0; i < held.size(); ++i) {
    const SceneLabels& a = held.labels[static_cast<size_t>(i)];
    const SceneLabels& b = train.labels[static_cast<size_t>(nearest[i].item<int64_t>())];
    if (a.count() != 1) continue;
    ++total;
    for (size_t k = 0; k < 3; ++k) right[k] += a.objects[0][k] == b.objects[0][k] ? 1 : 0;
    right[3] += a.background == b.background ? 1 : 0;
  }
  const auto share = [total](int64_t n) {
    return total == 0 ? 0.0 : static_cast<double>(n) / static_cast<double>(total);
  };
  ModelScores scores;
  scores.shape = share(right[0]);
  scores.colour = share(right[1]);
  scores.texture = share(right[2]);
  scores.background = share(right[3]);
  return scores;
}

}  // namespace

ModelScores trainDinov2(const TrainModelsParams& params, const TrainingScenes& train,
                        const TrainingScenes& held, const std::filesystem::path& scratch,
                        const std::stop_token& stop, const ProgressFn& progress) {
  const std::filesystem::path folder = params.out / "dinov2";
  if (std::filesystem::exists(folder / "model.safetensors")) {
    const auto loaded = std::dynamic_pointer_cast<Dinov2ModelImpl>(loadVisionModel(folder));
    if (!loaded) throw Error(ErrorCode::Mismatch, "expected a DINOv2 model", folder.string());
    return nearestScores(Dinov2Model(loaded), train, held);
  }
  torch::manual_seed(params.seed + 2);
  Dinov2Model model(dinov2Config());
  initialise(model, train);
  PatchTeachers teachers(kWidth);
  torch::nn::Linear reader(kWidth, kAttributes);  // training only: what the image holds, from its embedding
  TrainingLoop loop({model.ptr(), teachers.ptr(), reader.ptr()}, {.steps = params.dinoSteps},
                    WorldRandom(params.seed, 2));
  const std::filesystem::path checkpoint = scratch / "dinov2.checkpoint";
  loop.load(checkpoint);
  const BatchSampler sampler(train, kBatch, std::min(kCurriculum, params.dinoSteps / 5));
  const at::Tensor others = 1 - at::eye(kBatch);
  ProgressMeter meter(progress, "Training DINOv2", params.dinoSteps, loop.step());
  while (!loop.done()) {
    throwIfStopped(stop);
    const TrainingBatch batch = takeBatch(train, sampler.next(loop.step(), loop.random()), loop.random());
    std::vector<at::Tensor> states;
    {
      const MixedPrecision faster;
      states = model->hiddenStates(normalisePixels(batch.pixels, kImageNetMean, kImageNetDeviation));
    }
    const at::Tensor e = model->finalNorm->forward(states.back().select(1, 0));
    const at::Tensor bits = presence(batch.labels);
    const at::Tensor read = at::binary_cross_entropy_with_logits(reader(e), bits);
    const at::Tensor direction = e / e.norm(2, -1, true).clamp_min(1e-6);
    const at::Tensor cosines = at::matmul(direction, direction.t()), wanted = likeness(bits);
    const at::Tensor alike = ((cosines - wanted).pow(2) * others).sum() / others.sum();
    const at::Tensor near = neighbourLoss(cosines, wanted);
    const at::Tensor taught =
        teachers->loss(states[kLayers / 2], states[kLayers - 1], patchTargets(batch.labels, batch.owner));
    loop.update(4 * read + 4 * alike + near + taught);
    meter.advance();
    if (loop.step() % 100 == 0) {
      char line[140];
      std::snprintf(line, sizeof line,
                    "dinov2 step %lld: attributes %.4f, likeness %.4f, neighbours %.3f, teachers %.3f",
                    static_cast<long long>(loop.step()), read.item<double>(), alike.item<double>(),
                    near.item<double>(), taught.item<double>());
      log(LogLevel::Info, line);
    }
    if (loop.step() % 500 == 0 || loop.done()) {
      loop.save(checkpoint);
      log(LogLevel::Info, "dinov2: " + describe(nearestScores(model, train, held)));
    }
  }
  meter.finish();
  writeTextFile(folder / "preprocessor_config.json", dinov2Preprocessor());
  saveModel(*model, folder, at::kHalf);
  const ModelScores scores = nearestScores(model, train, held);
  log(LogLevel::Info, "dinov2: " + describe(scores));
  return scores;
}

}  // namespace sememe
