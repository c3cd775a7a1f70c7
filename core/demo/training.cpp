// First weights, teachers, optimiser and checkpoints of the demo's trainings.
#include "core/demo/training.h"

#include <cmath>
#include <numbers>
#include <sstream>

#include "core/base/error.h"
#include "core/base/files.h"

namespace sememe {

namespace F = torch::nn::functional;

at::Tensor sineCosinePositions(int64_t grid, int64_t width) {
  const at::Tensor frequency =
      at::pow(30.0, -at::arange(width / 4, at::kFloat) / (static_cast<double>(width) / 4)) * 2;
  const at::Tensor angle = at::arange(grid, at::kFloat).unsqueeze(1) * frequency;
  const at::Tensor wave = at::cat({angle.sin(), angle.cos()}, 1);  // [grid, width / 2]
  return at::cat({wave.unsqueeze(1).expand({grid, grid, -1}), wave.unsqueeze(0).expand({grid, grid, -1})}, -1)
      .reshape({grid * grid, width});
}

at::Tensor principalPatches(const at::Tensor& pixels, int64_t width, int64_t patch) {
  const torch::NoGradGuard guard;
  const int64_t n = pixels.size(0), rows = pixels.size(2) / patch, columns = pixels.size(3) / patch;
  const int64_t size = 3 * patch * patch;
  const at::Tensor cut =
      pixels.reshape({n, 3, rows, patch, columns, patch}).permute({0, 2, 4, 1, 3, 5}).reshape({-1, size});
  const at::Tensor centred = cut - cut.mean(0);
  const auto [values, vectors] = at::linalg_eigh(at::matmul(centred.t(), centred) / centred.size(0));
  const at::Tensor white =
      vectors.narrow(1, size - width, width) / (values.narrow(0, size - width, width) + .02).sqrt();
  const at::Tensor turn = std::get<0>(at::linalg_qr(at::randn({width, width})));
  return (at::matmul(white, turn).t() * .6).reshape({width, 3, patch, patch}).contiguous();
}

void initialiseLinear(Linear& linear) {
  const torch::NoGradGuard guard;
  const double bound = 1 / std::sqrt(static_cast<double>(linear->weight.size(1)));
  linear->weight.uniform_(-bound, bound);
  if (linear->bias.defined()) linear->bias.uniform_(-bound, bound);
}

void initialiseLayers(Encoder& encoder, bool local) {
  const torch::NoGradGuard guard;
  for (EncoderLayer& layer : encoder->layers) {
    for (Linear* linear : {&layer->attention->query, &layer->attention->key, &layer->attention->value,
                           &layer->attention->output, &layer->mlp->first, &layer->mlp->second}) {
      initialiseLinear(*linear);
    }
    layer->attention->output->weight.mul_(.5);
    layer->mlp->second->weight.mul_(.5);
    if (!local) continue;
    const int64_t d = layer->attention->query->weight.size(0);
    const at::Tensor turn = std::get<0>(at::linalg_qr(at::randn({d, d}))) * .8;
    layer->attention->query->weight.copy_(turn + .05 * at::randn({d, d}));
    layer->attention->key->weight.copy_(turn + .05 * at::randn({d, d}));
  }
}

PatchTeachersImpl::PatchTeachersImpl(int64_t width)
    : m_what(width, kWorldShapes + kWorldColours + kWorldTextures + kWorldBackgrounds), m_where(width, 3) {
  register_module("what", m_what);
  register_module("where", m_where);
}

at::Tensor PatchTeachersImpl::loss(const at::Tensor& early, const at::Tensor& late,
                                   const PatchTargets& targets) {
  const auto patches = [](const at::Tensor& x) { return x.narrow(1, 1, x.size(1) - 1); };
  const std::vector<at::Tensor> logits =
      m_what(patches(late))
          .split_with_sizes({kWorldShapes, kWorldColours, kWorldTextures, kWorldBackgrounds}, -1);
  const std::vector<at::Tensor> wanted = {targets.shape, targets.colour, targets.texture, targets.background};
  at::Tensor loss;
  for (size_t i = 0; i < logits.size(); ++i) {
    const at::Tensor part = at::cross_entropy_loss(logits[i].flatten(0, 1), wanted[i].flatten());
    loss = loss.defined() ? loss + part : part;
  }
  const at::Tensor miss = (m_where(patches(early)) - targets.place).pow(2).mean(-1);
  return loss + (miss * targets.covered).sum() / targets.covered.sum().clamp_min(1);
}

TrainingLoop::TrainingLoop(std::vector<std::shared_ptr<torch::nn::Module>> modules,
                           const ScheduleParams& schedule, WorldRandom random)
    : m_modules(std::move(modules)), m_schedule(schedule), m_random(random) {
  std::vector<at::Tensor> matrices, others;
  for (const auto& module : m_modules) {
    for (const at::Tensor& p : module->parameters()) {
      (p.dim() > 1 ? matrices : others).push_back(p);
      m_parameters.push_back(p);
    }
  }
  const auto options = [&schedule](double decay) {
    auto o = std::make_unique<torch::optim::AdamWOptions>(schedule.lr);
    o->betas({.9, .98}).weight_decay(decay);
    return o;
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(matrices, options(schedule.decay));
  groups.emplace_back(others, options(0));
  m_optimizer = std::make_unique<torch::optim::AdamW>(groups, torch::optim::AdamWOptions(schedule.lr));
}

void TrainingLoop::update(const at::Tensor& loss) {
  if (!std::isfinite(loss.item<double>())) {
    throw Error(ErrorCode::Diverged, "the loss is not finite", "step " + std::to_string(m_step));
  }
  const double passed = static_cast<double>(m_step) / static_cast<double>(m_schedule.steps);
  const double warm = std::min(1.0, static_cast<double>(m_step + 1) / static_cast<double>(m_schedule.warmup));
  const double lr = m_schedule.lr * warm * (.5 + .5 * std::cos(std::numbers::pi * passed)) + 1e-6;
  for (auto& group : m_optimizer->param_groups()) group.options().set_lr(lr);
  m_optimizer->zero_grad();
  loss.backward();
  torch::nn::utils::clip_grad_norm_(m_parameters, 1.0);
  m_optimizer->step();
  ++m_step;
}

void TrainingLoop::save(const std::filesystem::path& path) {
  torch::serialize::OutputArchive archive;
  for (size_t i = 0; i < m_modules.size(); ++i) {
    torch::serialize::OutputArchive part;
    m_modules[i]->save(part);
    archive.write("module" + std::to_string(i), part);
  }
  torch::serialize::OutputArchive optimizer;
  m_optimizer->save(optimizer);
  archive.write("optimizer", optimizer);
  at::Tensor numbers = at::empty({5}, at::kLong);
  numbers[0] = m_step;
  for (int64_t i = 0; i < 4; ++i)
    numbers[i + 1] = static_cast<int64_t>(m_random.state()[static_cast<size_t>(i)]);
  archive.write("numbers", numbers);
  std::ostringstream bytes;
  archive.save_to(bytes);
  AtomicFile file(path);
  file.write(bytes.str());
  file.commit();
}

bool TrainingLoop::load(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return false;
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(path.string());
    for (size_t i = 0; i < m_modules.size(); ++i) {
      torch::serialize::InputArchive part;
      archive.read("module" + std::to_string(i), part);
      m_modules[i]->load(part);
    }
    torch::serialize::InputArchive optimizer;
    archive.read("optimizer", optimizer);
    m_optimizer->load(optimizer);
    at::Tensor numbers;
    archive.read("numbers", numbers);
    std::array<uint64_t, 4> state;
    for (int64_t i = 0; i < 4; ++i)
      state[static_cast<size_t>(i)] = static_cast<uint64_t>(numbers[i + 1].item<int64_t>());
    m_random.setState(state);
    m_step = numbers[0].item<int64_t>();
  } catch (const c10::Error& e) {
    throw Error(ErrorCode::Corrupt,
                std::string("not a checkpoint of this training: ") + e.what_without_backtrace(),
                path.string());
  }
  return true;
}

TrainingBatch takeBatch(const TrainingScenes& scenes, const std::vector<int64_t>& indices,
                        WorldRandom& random) {
  TrainingBatch batch;
  batch.indices = indices;
  const at::Tensor index = at::tensor(indices, at::kLong);
  batch.pixels = scenes.pixels.index_select(0, index);
  batch.owner = scenes.owner.index_select(0, index);
  for (const int64_t i : indices) batch.labels.push_back(scenes.labels[static_cast<size_t>(i)]);
  if (random.chance(.5)) {
    batch.pixels = batch.pixels.flip(3);
    batch.owner = batch.owner.view({-1, kWorldPatches, kWorldPatches})
                      .flip(2)
                      .reshape({-1, kWorldPatches * kWorldPatches});
  }
  return batch;
}

}  // namespace sememe
