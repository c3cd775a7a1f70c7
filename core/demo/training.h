// What the trainings of the demo's models share: first weights, teachers, optimiser, checkpoints. Internal to
// core/demo.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/demo/random.h"
#include "core/demo/training_data.h"
#include "core/models/layers.h"

namespace sememe {

// Sine and cosine of a patch's column and row: [grid * grid, width], values -1 … 1. `width` is a multiple
// of 4.
at::Tensor sineCosinePositions(int64_t grid, int64_t width);

// A patch embedding [width, 3, p, p] that whitens the `width` main directions of the patches of `pixels`
// (float32 [N, 3, H, W], normalised): a small model then starts with the edges and colours that the images
// are made of.
at::Tensor principalPatches(const at::Tensor& pixels, int64_t width, int64_t patch);

// Weights of a tower's layers: uniform ±1/sqrt(in); smaller outputs of both branches; and with `local`,
// queries and keys that agree, so that a token first looks at tokens like itself (Trockman and Kolter 2023,
// "Mimetic initialization").
void initialiseLayers(Encoder& encoder, bool local);
void initialiseLinear(Linear& linear);

// Training-only heads on the patch tokens: what is here (from a late layer), and where in its object (from an
// early one).
class PatchTeachersImpl : public torch::nn::Module {
 public:
  explicit PatchTeachersImpl(int64_t width);
  // early, late: [B, 1 + 64, width]. A scalar: sum of the mean losses.
  at::Tensor loss(const at::Tensor& early, const at::Tensor& late, const PatchTargets& targets);

 private:
  torch::nn::Linear m_what = nullptr, m_where = nullptr;
};
TORCH_MODULE(PatchTeachers);

struct ScheduleParams {
  int64_t steps = 0;
  double lr = 1e-3;
  int64_t warmup = 100;
  double decay = 0.05;  // AdamW's, of matrices alone
};

// AdamW with linear warm-up, cosine decay and gradients clipped to norm 1, over the parameters of some
// modules; it can be put aside and taken up again.
class TrainingLoop {
 public:
  // `modules` must live as long as the loop; their order is part of a checkpoint.
  TrainingLoop(std::vector<std::shared_ptr<torch::nn::Module>> modules, const ScheduleParams& schedule,
               WorldRandom random);

  int64_t step() const { return m_step; }
  bool done() const { return m_step >= m_schedule.steps; }
  WorldRandom& random() { return m_random; }

  // One update. Throws Error (Diverged) when the loss is not finite.
  void update(const at::Tensor& loss);

  void save(const std::filesystem::path& path);
  // False when there is no file. Throws Error (Corrupt).
  bool load(const std::filesystem::path& path);

 private:
  std::vector<std::shared_ptr<torch::nn::Module>> m_modules;
  std::vector<at::Tensor> m_parameters;
  ScheduleParams m_schedule;
  std::unique_ptr<torch::optim::AdamW> m_optimizer;
  WorldRandom m_random;
  int64_t m_step = 0;
};

// A batch, mirrored every second time.
struct TrainingBatch {
  std::vector<int64_t> indices;
  at::Tensor pixels;  // uint8 [B, 3, H, W]
  at::Tensor owner;   // int64 [B, 64]
  std::vector<SceneLabels> labels;
};
TrainingBatch takeBatch(const TrainingScenes& scenes, const std::vector<int64_t>& indices,
                        WorldRandom& random);

}  // namespace sememe
