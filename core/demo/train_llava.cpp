// Trains the demo's LLaVA: a projector and a small Llama on what the frozen CLIP says of drawn scenes.
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/demo/llava_tokenizer.h"
#include "core/demo/neuron_concepts.h"
#include "core/demo/questions.h"
#include "core/demo/train_parts.h"
#include "core/demo/training.h"
#include "core/models/clip.h"
#include "core/models/llava.h"
#include "core/models/mixed_precision.h"
#include "core/sae/dictionary.h"
#include "core/text/prompt_format.h"
#include "core/text/tokenizer.h"

namespace sememe {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kBatch = 64;
constexpr int64_t kWidth = 128;
constexpr int64_t kMaxPositions = 512;
constexpr int64_t kConceptScenes = 8000;  // that tell what the SAE's neurons stand for
constexpr int64_t kStrongest = 8;         // neurons of each value that are clamped, the clearer the more often
constexpr int kOthers = 2;                // questions about an image beside those of its shape, another attribute and all of it
constexpr double kSentence = .3;          // weight of a token of a sentence; of an answer of one word: 1
constexpr int64_t kPatches = int64_t{kWorldPatches} * kWorldPatches;

LlavaConfig llavaConfig(const ClipConfig& clip, const LlavaTokenIds& ids) {
  LlavaConfig config;
  config.vision = clip.vision;
  config.text = {.vocabSize = ids.size, .hiddenSize = kWidth, .intermediateSize = 344, .layers = 3, .heads = 4, .kvHeads = 4,
                 .headDim = kWidth / 4, .maxPositions = kMaxPositions, .rmsNormEps = 1e-5, .endTokens = {ids.eos}};
  config.imageToken = ids.image;
  config.featureStates = {static_cast<int>(clip.vision.layers) - 1};  // vision_feature_layer -2
  return config;
}

void copyTower(const ClipModel& clip, const LlavaImpl& llava) {
  const torch::NoGradGuard guard;
  const auto own = llava.vision->named_parameters();
  for (const auto& item : clip->vision->named_parameters()) own["vision_model." + item.key()].copy_(item.value());
}

void initialise(LlavaImpl& llava) {
  const torch::NoGradGuard guard;
  initialiseLinear(llava.first);
  initialiseLinear(llava.second);
  LlamaImpl& language = *llava.language;
  language.tokens->weight.normal_(0, .05);
  language.norm->weight.fill_(1);
  initialiseLinear(language.head);
  for (LlamaLayer& layer : language.layers) {
    layer->norm1->weight.fill_(1);
    layer->norm2->weight.fill_(1);
    for (Linear* linear : {&layer->attention->query, &layer->attention->key, &layer->attention->value, &layer->attention->output,
                           &layer->gate, &layer->up, &layer->down})
      initialiseLinear(*linear);
    layer->attention->output->weight.mul_(.5);
    layer->down->weight.mul_(.5);
  }
  for (const auto& part : std::initializer_list<std::shared_ptr<torch::nn::Module>>{llava.first.ptr(), llava.second.ptr(), llava.language.ptr()})
    for (at::Tensor& parameter : part->parameters()) parameter.set_requires_grad(true);
}

// What the projector reads of each scene: [N, 64, width], float16.
at::Tensor patchFeatures(const LlavaImpl& llava, const TrainingScenes& scenes, const std::stop_token& stop, const ProgressFn& progress) {
  const torch::NoGradGuard guard;
  ProgressMeter meter(progress, "Computing patch features", scenes.size());
  at::Tensor features = at::empty({scenes.size(), kPatches, kWidth}, at::kHalf);
  const Tap tap{TapPoint::PostMlpResidual, llava.config().featureStates[0] - 1};
  int64_t done = 0;
  for (const at::Tensor& pixels : scenes.pixels.split(100)) {
    throwIfStopped(stop);
    const at::Tensor x = llava.vision->forwardTo(normalisePixels(pixels, kClipMean, kClipDeviation), tap);
    features.narrow(0, done, pixels.size(0)).copy_(x.narrow(1, 1, kPatches));
    done += pixels.size(0);
    meter.advance(pixels.size(0));
  }
  meter.finish();
  return features;
}

// Questions and answers as token ids.
class Chat {
 public:
  explicit Chat(const fs::path& folder, int64_t imageToken)
      : m_tokenizer(Tokenizer::load(folder)), m_format(PromptFormat::fromFolder(folder)), m_image(imageToken) {
    const std::vector<int64_t> ids = m_tokenizer->encode(m_format.prompt(""));
    m_before.assign(ids.begin(), std::find(ids.begin(), ids.end(), m_image));
  }

  const std::vector<int64_t>& before() const { return m_before; }  // of the prompt, up to the image
  // Of the prompt, behind the image.
  const std::vector<int64_t>& question(const std::string& text) {
    std::vector<int64_t>& known = m_questions[text];
    if (known.empty()) {
      const std::vector<int64_t> ids = m_tokenizer->encode(m_format.prompt(text));
      known.assign(std::find(ids.begin(), ids.end(), m_image) + 1, ids.end());
    }
    return known;
  }
  int64_t word(const std::string& text) {
    const auto [place, isNew] = m_words.try_emplace(text);
    if (isNew) {
      const std::vector<int64_t> ids = m_tokenizer->encode(text, false);
      if (ids.size() != 1) throw Error(ErrorCode::Invalid, "not one token in the demo LLaVA's vocabulary", text);
      place->second = ids[0];
    }
    return place->second;
  }
  std::string text(const std::vector<int64_t>& ids) const {
    const std::string text = m_tokenizer->decode(ids);
    return text.starts_with(' ') ? text.substr(1) : text;
  }

 private:
  std::shared_ptr<const Tokenizer> m_tokenizer;
  PromptFormat m_format;
  int64_t m_image;
  std::vector<int64_t> m_before;
  std::map<std::string, std::vector<int64_t>> m_questions;
  std::map<std::string, int64_t> m_words;
};

// Several questions about an image in one row: each sees the image and itself, and stands right behind the image.
struct PackedRows {
  std::vector<std::vector<int64_t>> ids, places, parts;  // part 0: the image and what is before it; else the question's number
  std::vector<int64_t> row, column, wanted;              // of each answer's token: where it is foretold, and which it is
  std::vector<float> weight;
};

void appendExchange(PackedRows& rows, Chat& chat, const Exchange& exchange, unsigned unsure, int64_t eos) {
  std::vector<int64_t>&ids = rows.ids.back(), &places = rows.places.back(), &parts = rows.parts.back();
  const auto start = static_cast<int64_t>(std::count(parts.begin(), parts.end(), 0)) - static_cast<int64_t>(ids.size());
  const int64_t part = parts.back() + 1;
  const auto append = [&](int64_t id) {
    places.push_back(start + static_cast<int64_t>(ids.size()));
    ids.push_back(id);
    parts.push_back(part);
  };
  const auto answer = [&](int64_t id, bool counts) {
    rows.row.push_back(static_cast<int64_t>(rows.ids.size()) - 1);
    rows.column.push_back(static_cast<int64_t>(ids.size()) - 1);
    rows.wanted.push_back(id);
    rows.weight.push_back(static_cast<float>(!counts ? 0 : exchange.answer.size() == 1 ? 1 : kSentence));
    append(id);
  };
  for (const int64_t id : chat.question(exchange.question)) append(id);
  for (const AnswerWord& word : exchange.answer) answer(chat.word(word.text), (word.about & unsure) == 0);
  answer(eos, true);
}

// What is asked about while neurons are edited.
struct Disturbed {
  std::vector<SceneLabels> scenes;  // with the values that strongly clamped neurons stand for
  std::vector<unsigned> unsure;     // the attributes that they speak of
};

PackedRows packRows(Chat& chat, const LlavaConfig& config, const Disturbed& disturbed, WorldRandom& random) {
  PackedRows rows;
  for (size_t i = 0; i < disturbed.scenes.size(); ++i) {
    const SceneLabels& scene = disturbed.scenes[i];
    rows.ids.push_back(chat.before());
    rows.ids.back().resize(chat.before().size() + kPatches, config.imageToken);
    std::vector<int64_t> places(rows.ids.back().size());
    for (size_t p = 0; p < places.size(); ++p) places[p] = static_cast<int64_t>(p);
    rows.parts.emplace_back(places.size(), 0);
    rows.places.push_back(std::move(places));
    const unsigned unsure = disturbed.unsure[i];
    const auto ask = [&](const Exchange& exchange) { appendExchange(rows, chat, exchange, unsure, config.text.endTokens[0]); };
    ask(askOneWord(scene, WorldAttribute::Shape, random));
    ask(askOneWord(scene, kWorldAttributes[static_cast<size_t>(1 + random.below(3))], random));
    ask(askCaption(scene, random));
    for (int k = 0; k < kOthers; ++k) ask(askAnything(scene, random));
  }
  return rows;
}

// Lists of different lengths as one tensor, `fill` behind each.
at::Tensor padded(const std::vector<std::vector<int64_t>>& lists, int64_t fill) {
  size_t longest = 0;
  for (const auto& list : lists) longest = std::max(longest, list.size());
  at::Tensor all = at::full({static_cast<int64_t>(lists.size()), static_cast<int64_t>(longest)}, fill, at::kLong);
  for (size_t i = 0; i < lists.size(); ++i) std::copy(lists[i].begin(), lists[i].end(), all.mutable_data_ptr<int64_t>() + i * longest);
  return all;
}

// The mean of -log p of the answers' tokens. features [B, 64, width].
at::Tensor answerLoss(const LlavaImpl& llava, const at::Tensor& features, const PackedRows& rows, int64_t before) {
  const LlamaImpl& language = *llava.language;
  const LlamaConfig& config = language.config();
  const at::Tensor ids = padded(rows.ids, 0), parts = padded(rows.parts, -1);
  const int64_t width = ids.size(1), behind = before + kPatches;
  LlamaPass pass;
  pass.rotation = Rope(config.rope, config.headDim).at(padded(rows.places, 0), at::kFloat);
  const at::Tensor asks = parts.unsqueeze(2), asked = parts.unsqueeze(1);
  pass.mask = ((asked.eq(0) | asked.eq(asks)).tril()).unsqueeze(1);
  const at::Tensor index = at::tensor(rows.row, at::kLong) * width + at::tensor(rows.column, at::kLong);
  at::Tensor logits;
  {
    const MixedPrecision faster;
    const at::Tensor words = language.embed(ids), image = llava.project(features).to(at::kFloat);
    at::Tensor x = at::cat({words.narrow(1, 0, before), image, words.narrow(1, behind, width - behind)}, 1);
    for (size_t i = 0; i < language.layers.size(); ++i) x = language.layers[i]->forward(x, static_cast<int64_t>(i), pass);
    logits = language.logits(language.norm->forward(x.flatten(0, 1).index_select(0, index)));
  }
  const at::Tensor weight = at::tensor(rows.weight);
  const at::Tensor misses = at::cross_entropy_loss(logits.to(at::kFloat), at::tensor(rows.wanted, at::kLong), {}, at::Reduction::None);
  return (misses * weight).sum() / weight.sum();
}

// Features as they may be when neurons are edited: noise, the SAE's reconstruction, neurons clamped on all patches. What is
// true of an attribute that a clamped neuron speaks of, nobody knows, and no answer about it is taught; what follows in an
// answer goes on behind the neuron's word, as it must when that is said. byValue: the neurons to clamp, of each value.
Disturbed disturb(at::Tensor& features, const std::vector<const SceneLabels*>& truth, const Dictionary& sae,
                  const NeuronConcepts& concepts, const std::vector<std::vector<int64_t>>& byValue, WorldRandom& random) {
  const torch::NoGradGuard guard;
  const int64_t n = features.size(0), width = features.size(2);
  at::Generator generator = at::detail::createCPUGenerator(random.next());
  const double size = features.pow(2).mean().sqrt().item<double>(), norm = size * std::sqrt(static_cast<double>(width));
  at::Tensor z = sae.encode(features);
  Disturbed disturbed{{}, std::vector<unsigned>(static_cast<size_t>(n), 0)};
  for (const SceneLabels* scene : truth) disturbed.scenes.push_back(*scene);
  const auto below = [&random](size_t count) { return static_cast<size_t>(random.below(static_cast<int>(count))); };
  const auto clamp = [&](int64_t i) {
    const std::vector<int64_t>& some = byValue[below(byValue.size())];
    const int64_t neuron = some[below(1 + below(some.size()))];
    const double strength = random.uniform(-.5, 2.5) * norm;
    z[i].select(1, neuron).fill_(strength);
    for (const WorldAttribute attribute : kWorldAttributes) {
      const std::optional<int> value = concepts.value(neuron, attribute);
      if (!value) continue;
      disturbed.unsure[static_cast<size_t>(i)] |= 1U << static_cast<unsigned>(attribute);
      if (strength > norm) setAttribute(disturbed.scenes[static_cast<size_t>(i)], attribute, *value);
    }
  };
  std::vector<bool> replaced(static_cast<size_t>(n));
  at::Tensor added = at::zeros_like(features);
  for (int64_t i = 0; i < n; ++i) {
    const double kind = random.uniform();
    replaced[static_cast<size_t>(i)] = kind > .4;
    if (kind > .7) {
      do clamp(i);
      while (random.chance(.3));
    }
    if (random.chance(.5)) added[i] += at::randn({features.size(1), width}, generator) * (size * random.uniform(0, .3));
  }
  const at::Tensor said = sae.decode(z);
  for (int64_t i = 0; i < n; ++i)
    if (replaced[static_cast<size_t>(i)]) features[i].copy_(said[i]);
  features += added;
  return disturbed;
}

// The likeliest answers to one question about many images. features [N, 64, width], as the projector reads them.
std::vector<std::string> answers(const LlavaImpl& llava, Chat& chat, const at::Tensor& features, const std::string& question,
                                 int64_t maxTokens) {
  const torch::NoGradGuard guard;
  const LlamaImpl& language = *llava.language;
  const int64_t eos = language.config().endTokens[0];
  std::vector<std::string> texts;
  for (const at::Tensor& part : features.split(100)) {
    const int64_t n = part.size(0);
    const auto embedded = [&](const std::vector<int64_t>& ids) {
      return language.embed(at::tensor(ids, at::kLong).unsqueeze(0)).expand({n, -1, -1});
    };
    const std::vector<int64_t>& after = chat.question(question);
    const at::Tensor prompt = at::cat({embedded(chat.before()), llava.project(part.to(at::kFloat)), embedded(after)}, 1);
    KvCache cache = language.makeCache(n, prompt.size(1) + maxTokens);
    at::Tensor states = language.forward(prompt, &cache);
    std::vector<std::vector<int64_t>> said(static_cast<size_t>(n));
    std::vector<bool> ended(static_cast<size_t>(n));
    for (int64_t t = 0; t < maxTokens; ++t) {
      const at::Tensor next = language.logits(states.select(1, states.size(1) - 1)).argmax(-1);
      for (int64_t i = 0; i < n; ++i) {
        const int64_t id = next[i].item<int64_t>();
        const auto row = static_cast<size_t>(i);
        ended[row] = ended[row] || id == eos;
        if (!ended[row]) said[row].push_back(id);
      }
      if (std::all_of(ended.begin(), ended.end(), [](bool e) { return e; })) break;
      if (t + 1 < maxTokens) states = language.forward(language.embed(next.unsqueeze(1)), &cache);
    }
    for (const auto& ids : said) texts.push_back(chat.text(ids));
  }
  return texts;
}

AnswerScores answerScores(const LlavaImpl& llava, Chat& chat, const at::Tensor& features, const TrainingScenes& held) {
  const auto rightOf = [&](const std::string& question, int64_t maxTokens, auto&& truth) {
    const std::vector<std::string> said = answers(llava, chat, features, question, maxTokens);
    int64_t right = 0;
    for (size_t i = 0; i < said.size(); ++i) right += said[i] == truth(held.labels[i]) ? 1 : 0;
    return static_cast<double>(right) / static_cast<double>(std::max<size_t>(said.size(), 1));
  };
  const auto word = [&](WorldAttribute attribute) {
    return rightOf(oneWordQuestion(attribute), 3, [attribute](const SceneLabels& scene) { return attributeWord(attribute, attributeOf(scene, attribute)); });
  };
  return {word(WorldAttribute::Shape), word(WorldAttribute::Colour), word(WorldAttribute::Texture), word(WorldAttribute::Background),
          rightOf(std::string(captionQuestion()), 24, sceneSentence)};
}

LlavaScores llavaScores(const LlavaImpl& llava, const fs::path& folder, const Dictionary& sae, const at::Tensor& features,
                        const TrainingScenes& held) {
  Chat chat(folder, llava.config().imageToken);
  return {answerScores(llava, chat, features, held),
          answerScores(llava, chat, sae.decode(sae.encode(features.to(at::kFloat))), held)};
}

std::string describe(const AnswerScores& s) {
  char text[128];
  std::snprintf(text, sizeof text, "shape %.3f, colour %.3f, texture %.3f, background %.3f, caption %.3f", s.shape, s.colour, s.texture,
                s.background, s.caption);
  return text;
}

void logScores(const LlavaScores& scores) {
  log(LogLevel::Info, "llava: " + describe(scores.seen) + "; of the reconstruction: " + describe(scores.reconstructed));
}

}  // namespace

LlavaScores trainLlava(const TrainModelsParams& params, const TrainingScenes& train, const TrainingScenes& held,
                       const fs::path& scratch, const std::stop_token& stop, const ProgressFn& progress) {
  const fs::path folder = params.out / "llava";
  const std::unique_ptr<Dictionary> sae = loadDictionary(params.out / "sae-patch" / "trainer_0");
  const auto finished = [&] {
    const Llava llava = loadLlava(folder);
    const LlavaScores scores = llavaScores(*llava, folder, *sae, patchFeatures(*llava, held, stop, progress), held);
    logScores(scores);
    return scores;
  };
  if (fs::exists(folder / "model.safetensors")) return finished();

  torch::manual_seed(params.seed);
  LlavaTokenIds ids;
  llavaTokenizerJson(&ids);
  saveLlavaText(folder, kMaxPositions);
  Llava llava(llavaConfig(parseClipConfig(readTextFile(params.out / "clip" / "config.json"), (params.out / "clip").string()), ids));
  copyTower(loadClipModel(params.out / "clip"), *llava);
  initialise(*llava);
  const at::Tensor seen = patchFeatures(*llava, train, stop, progress), heldSeen = patchFeatures(*llava, held, stop, progress);
  const NeuronConcepts concepts(*sae, seen.narrow(0, 0, std::min(kConceptScenes, train.size())), train);
  std::vector<std::vector<int64_t>> byValue;
  for (const WorldAttribute attribute : kWorldAttributes) {
    for (int value = 0; value < attributeValues(attribute); ++value) {
      byValue.push_back(concepts.strongest(attribute, value, kStrongest));
      if (byValue.back().empty()) byValue.pop_back();
    }
  }

  Chat chat(folder, llava->config().imageToken);
  TrainingLoop loop({llava->first.ptr(), llava->second.ptr(), llava->language.ptr()}, {.steps = params.llavaSteps, .lr = 1.5e-3},
                    WorldRandom(params.seed, 4));
  const fs::path checkpoint = scratch / "llava.checkpoint";
  loop.load(checkpoint);
  ProgressMeter meter(progress, "Training LLaVA", params.llavaSteps, loop.step());
  while (!loop.done()) {
    throwIfStopped(stop);
    std::vector<int64_t> picked;
    std::vector<const SceneLabels*> scenes;
    for (int64_t i = 0; i < kBatch; ++i) {
      picked.push_back(loop.random().below(static_cast<int>(train.size())));
      scenes.push_back(&train.labels[static_cast<size_t>(picked.back())]);
    }
    at::Tensor features = seen.index_select(0, at::tensor(picked, at::kLong)).to(at::kFloat);
    const Disturbed disturbed = disturb(features, scenes, *sae, concepts, byValue, loop.random());
    const PackedRows rows = packRows(chat, llava->config(), disturbed, loop.random());
    const at::Tensor loss = answerLoss(*llava, features, rows, static_cast<int64_t>(chat.before().size()));
    loop.update(loss);
    meter.advance();
    if (loop.step() % 50 == 0) {
      char line[64];
      std::snprintf(line, sizeof line, "llava step %lld: loss %.3f", static_cast<long long>(loop.step()), loss.item<double>());
      log(LogLevel::Info, line);
    }
    if (loop.step() % 200 == 0 || loop.done()) {
      loop.save(checkpoint);
      if (!loop.done()) logScores(llavaScores(*llava, folder, *sae, heldSeen.narrow(0, 0, std::min<int64_t>(60, held.size())), held));
    }
  }
  meter.finish();
  saveLlava(*llava, folder, at::kHalf, ids.pad);
  return finished();
}

}  // namespace sememe
