// Loading what steering needs, and answers as text.
#include "core/pipeline/steer.h"

#include <torch/torch.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/pipeline/steering_setup.h"
#include "core/sae/sae_type.h"
#include "core/steering/sampling.h"
#include "core/steering/steering_session.h"
#include "core/text/stream_decoder.h"

namespace sememe {

class SteeringModel : public SteeringSetup {
 public:
  Llava llava = nullptr;
};

namespace {

constexpr int64_t kLikeliest = 12;

std::vector<TokenChance> likeliest(const at::Tensor& probabilities, const Tokenizer& tokenizer) {
  const auto [values, tokens] = probabilities.topk(std::min(kLikeliest, probabilities.numel()));
  std::vector<TokenChance> found;
  for (int64_t i = 0; i < values.numel(); ++i) {
    const int64_t id = tokens[i].item<int64_t>();
    found.push_back({id, tokenizer.decode(std::vector{id}, false), values[i].item<double>(), {}});
  }
  return found;
}

}  // namespace

std::shared_ptr<const SteeringModel> loadSteeringModel(const SteeringModelParams& params, const std::stop_token& stop, const ProgressFn& progress) {
  if (params.sae.empty()) throw Error(ErrorCode::Invalid, "an SAE of the vision tower has to be given");
  // What does not fit together shows before gigabytes are read.
  SteeringSetup setup = openSteeringSetup(params);
  throwIfStopped(stop);
  return std::make_shared<SteeringModel>(SteeringModel{std::move(setup), loadSteeringWeights(params, stop, progress)});
}

std::string steeringTap(const SteeringModel& model) { return tapName(model.tap); }

SteeringSae steeringSae(const SteeringModel& model) {
  return {saeTypeInfo(model.sae->type()).title, model.sae->fingerprint(), model.sae->dictSize()};
}

PatchGrid patchGrid(const SteeringModel& model) {
  const VisionInfo& info = model.llava->vision->info();
  const int side = int(info.imageSize / info.patchSize);
  return {side, side, int(info.specialTokens)};
}

struct Steerer::Parts {
  std::shared_ptr<const SteeringModel> model;
  SteeringSession session;
  Image view;
  at::Tensor before;  // [V], of the first token without an SAE; undefined: not asked yet

  PatchGrid grid() const { return patchGrid(*model); }
};

Steerer::Steerer(std::shared_ptr<const SteeringModel> model)
    : m_parts(new Parts{model, SteeringSession(model->llava, model->sae, model->tap), {}, {}}) {}
Steerer::~Steerer() = default;

void Steerer::setImage(const Image& image) {
  PreprocessConfig config = m_parts->model->preprocessing;
  Image view = resizeAndCrop(image, config);
  config.resize = config.centerCrop = false;
  m_parts->session.setImage(preprocess(view, config));
  m_parts->view = std::move(view);
  m_parts->before = at::Tensor();
}

void Steerer::setQuestion(const std::string& question) {
  m_parts->session.setPrompt(m_parts->model->promptIds(question));
  m_parts->before = at::Tensor();
}

SpokenAnswer Steerer::ask(const std::optional<Steering>& steering, const SamplingOptions& options, const SpeechCallbacks& callbacks,
                          const std::stop_token& stop) {
  SpokenAnswer spoken;
  const auto& tokenizer = m_parts->model->tokenizer;
  StreamDecoder decoder(tokenizer);
  std::string text;
  const auto say = [&](const std::string& piece) {
    text += piece;
    if (callbacks.onText && !piece.empty()) callbacks.onText(piece);
  };
  AnswerCallbacks heard;
  heard.onFirst = [&](const at::Tensor& logits) {
    const at::Tensor probabilities = at::softmax(logits, 0);
    if (!steering) m_parts->before = probabilities;
    spoken.first = likeliest(probabilities, *tokenizer);
    fillBefore(spoken.first);
    if (callbacks.onFirst) callbacks.onFirst(spoken.first);
  };
  heard.onToken = [&](int64_t token) { say(decoder.push(token)); };
  spoken.answer = m_parts->session.answer(steering, options, heard, stop);
  say(decoder.finish());
  spoken.text = trimmed(text);
  return spoken;
}

const Image& Steerer::modelView() const {
  m_parts->session.code();  // throws where there is no image
  return m_parts->view;
}

std::vector<FiringNeuron> Steerer::firing(std::span<const int> patches, int count) const {
  const SparseCodes& latents = m_parts->session.code().latents;
  const PatchGrid grid = m_parts->grid();
  std::set<int64_t> tokens;
  for (const int patch : patches) {
    if (patch < 0 || patch >= grid.patches())
      throw Error(ErrorCode::Invalid, "there is no patch " + std::to_string(patch) + ", expected 0 to " + std::to_string(grid.patches() - 1));
    tokens.insert(grid.extraTokens + patch);
  }
  if (patches.empty()) {
    const bool readsCls = !m_parts->model->llava->config().dropFirst;
    for (int64_t t = readsCls ? 0 : grid.extraTokens; t < latents.rows(); ++t) tokens.insert(t);
  }
  const auto* offsets = latents.offsets.const_data_ptr<int64_t>();
  const auto* columns = latents.columns.const_data_ptr<int32_t>();
  const auto* values = latents.values.const_data_ptr<float>();
  std::unordered_map<int64_t, FiringNeuron> found;
  for (const int64_t t : tokens) {
    for (int64_t i = offsets[t]; i < offsets[t + 1]; ++i) {
      FiringNeuron& neuron = found[columns[i]];
      neuron.neuron = columns[i];
      neuron.max = std::max(neuron.max, values[i]);
      neuron.mean += values[i];
      ++neuron.tokens;
    }
  }
  std::vector<FiringNeuron> all;
  for (auto& [number, neuron] : found) {
    neuron.mean /= float(tokens.size());
    all.push_back(neuron);
  }
  const auto kept = all.begin() + std::min(std::ssize(all), std::max<std::ptrdiff_t>(count, 0));
  std::partial_sort(all.begin(), kept, all.end(), [](const FiringNeuron& a, const FiringNeuron& b) {
    return a.max != b.max ? a.max > b.max : a.neuron < b.neuron;
  });
  all.erase(kept, all.end());
  return all;
}

std::vector<float> Steerer::patchActivations(int64_t neuron) const {
  const ImageCode& code = m_parts->session.code();
  const int64_t neurons = m_parts->model->sae->dictSize();
  if (neuron < 0 || neuron >= neurons)
    throw Error(ErrorCode::Invalid, "there is no neuron " + std::to_string(neuron) + ", expected 0 to " + std::to_string(neurons - 1));
  const at::Tensor column = code.column(neuron);
  const auto* values = column.const_data_ptr<float>();
  return {values + m_parts->grid().extraTokens, values + column.numel()};
}

double Steerer::tokenNorm() const {
  const at::NoGradGuard guard;
  const at::Tensor patches = m_parts->session.code().activation[0].slice(0, m_parts->grid().extraTokens);
  return patches.to(at::kFloat).norm(2, -1).mean().item<double>();
}

void Steerer::fillBefore(std::vector<TokenChance>& chances) const {
  if (!m_parts->before.defined()) return;
  for (TokenChance& c : chances) c.before = m_parts->before[c.token].item<double>();
}

std::vector<bool> Steerer::tokenMask(const std::vector<bool>& painted) const {
  const PatchGrid grid = m_parts->grid();
  if (painted.empty()) return {};
  if (int(painted.size()) != grid.patches())
    throw Error(ErrorCode::Mismatch, "the mask has " + std::to_string(painted.size()) + " patches, the image " + std::to_string(grid.patches()));
  if (std::find(painted.begin(), painted.end(), false) == painted.end()) return {};
  std::vector<bool> mask(size_t(grid.extraTokens), false);
  mask.insert(mask.end(), painted.begin(), painted.end());
  return mask;
}

}  // namespace sememe
