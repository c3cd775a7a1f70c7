// steer: LLaVA's answer about one image with neurons clamped in its vision tower.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "core/image/image.h"
#include "core/pipeline/steer.h"
#include "core/pipeline/steering_preset.h"

namespace sememe::cli {
namespace {

// Optional is what a preset may say: what is given here counts more.
struct SteerArguments {
  std::string model, sae;
  std::filesystem::path preset;
  std::optional<std::string> image, prompt, mode, patches;
  std::vector<std::string> set;
  SteeringModelParams load;
  std::optional<int> maxTokens, noRepeatNgram;
  std::optional<double> temperature, topP;
  bool preZero = false, baseline = false;
};

// "12=40", "12+=5", "12*=2".
Intervention parseIntervention(const std::string& text) {
  const auto refuse = [&]() -> UsageError {
    return UsageError("--set " + text + ": expected NEURON=VALUE, NEURON+=VALUE or NEURON*=VALUE");
  };
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) throw refuse();
  Intervention result;
  size_t digits = equals;
  if (text[equals - 1] == '+') result.op = Intervention::Op::Add;
  if (text[equals - 1] == '*') result.op = Intervention::Op::Scale;
  if (result.op != Intervention::Op::Set) --digits;
  const std::string neuron = text.substr(0, digits), value = text.substr(equals + 1);
  if (neuron.empty() || neuron.size() > 12 || neuron.find_first_not_of("0123456789") != std::string::npos || value.empty()) throw refuse();
  char* end = nullptr;
  result.value = std::strtod(value.c_str(), &end);
  if (*end != '\0') throw refuse();
  result.neuron = std::stoll(neuron);
  return result;
}

// "3,5-9": ascending, each once.
std::vector<int> parsePatches(const std::string& text) {
  const auto refuse = [&]() -> UsageError { return UsageError("--patches " + text + ": expected numbers and ranges such as 3,5-9"); };
  std::set<int> patches;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const size_t dash = part.find('-');
    const auto number = [&](const std::string& digits) {
      if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos) throw refuse();
      return std::stoi(digits);
    };
    const int first = number(part.substr(0, dash)), last = dash == std::string::npos ? first : number(part.substr(dash + 1));
    if (last < first) throw refuse();
    for (int patch = first; patch <= last; ++patch) patches.insert(patch);
  }
  if (patches.empty()) throw refuse();
  return {patches.begin(), patches.end()};
}

Json chancesJson(const std::vector<TokenChance>& chances) {
  Json list = Json::array();
  for (const TokenChance& c : chances) list.push_back({{"token", c.token}, {"text", c.text}, {"probability", c.probability}});
  return list;
}

Json answerJson(const SpokenAnswer& a) {
  return {{"answer", a.text},
          {"tokens", a.answer.tokens},
          {"ended", a.answer.ended},
          {"first_token_top", chancesJson(a.first)},
          {"seconds", {{"vision", a.answer.seconds.vision}, {"prefill", a.answer.seconds.prefill}, {"decode", a.answer.seconds.decode}}}};
}

// The preset's wishes, or none, with those of the command line over them.
SteeringPreset wished(const SteerArguments& given, bool seedGiven, uint64_t seed) {
  SteeringPreset wish;
  if (!given.preset.empty()) {
    wish = readPresetFile(given.preset);
    if (!wish.image.empty()) wish.image = (given.preset.parent_path() / wish.image).string();
  }
  for (const std::string& text : given.set) wish.neurons.push_back({parseIntervention(text), true});
  if (given.image) wish.image = *given.image;
  if (given.prompt) wish.question = *given.prompt;
  if (given.patches) wish.painted = parsePatches(*given.patches);
  if (given.mode) wish.mode = parseSteeringMode(*given.mode);
  wish.preZero |= given.preZero;
  wish.sampling.maxTokens = given.maxTokens.value_or(wish.sampling.maxTokens);
  wish.sampling.temperature = given.temperature.value_or(wish.sampling.temperature);
  wish.sampling.topP = given.topP.value_or(wish.sampling.topP);
  wish.sampling.noRepeatNgram = given.noRepeatNgram.value_or(wish.sampling.noRepeatNgram);
  if (seedGiven || given.preset.empty()) wish.sampling.seed = seed;
  const std::string from = given.preset.empty() ? std::string() : ": the preset names none";
  if (wish.image.empty()) throw UsageError("--image is required" + from);
  if (wish.question.empty()) throw UsageError("--prompt is required" + from);
  return wish;
}

Outcome runSteer(const SteerArguments& given, const SteeringPreset& wish, const Session& session) {
  const SamplingOptions& sampling = wish.sampling;
  SteeringModelParams load = given.load;
  load.model = given.model;
  load.sae = given.sae;
  load.device = session.common.device;
  const Image image = decodeImage(wish.image);
  const auto model = loadSteeringModel(load, session.stop, session.progress);
  Steerer steerer(model);
  steerer.setImage(image);
  steerer.setQuestion(wish.question);
  Steering steering = wish.steering();
  steering.mask = steerer.tokenMask(wish.paintedMask(patchGrid(*model).patches()));
  const auto ask = [&](const std::optional<Steering>& how) { return steerer.ask(how, sampling, {}, session.stop); };

  Outcome outcome;
  const SpokenAnswer steered = ask(steering);
  outcome.json = answerJson(steered);
  outcome.json["tap"] = steeringTap(*model);
  if (!given.baseline) {
    outcome.text = steered.text + "\n";
    return outcome;
  }
  const SpokenAnswer original = ask({}), reconstruction = ask(Steering{});
  outcome.json["original"] = answerJson(original);
  outcome.json["reconstruction"] = answerJson(reconstruction);
  outcome.text = "original:       " + original.text + "\nreconstruction: " + reconstruction.text + "\nsteered:        " + steered.text + "\n";
  return outcome;
}

}  // namespace

void addSteer(CommandLine& line) {
  CLI::App& app = line.add("steer", "LLaVA's answer about an image with SAE neurons edited inside its vision tower",
                           "sememe-cli steer --model llava-1.5-7b-hf --sae sae.pt --image cat.jpg --prompt \"What is shown?\" --set 39=100 --baseline");
  const auto a = std::make_shared<SteerArguments>();
  app.add_option("--model", a->model, "A Hugging Face folder of a LLaVA, with its tokenizer")->required()->type_name("DIR");
  app.add_option("--sae", a->sae, "An SAE of its vision tower at the layer")->required()->type_name("PATH");
  app.add_option("--layer", a->load.layer, "The tower's layer; without it: the one whose output LLaVA reads (22 of LLaVA-1.5)")->check(CLI::NonNegativeNumber)->type_name("L");
  app.add_option("--image", a->image, "An image; required without a preset that names one")->type_name("FILE");
  app.add_option("--prompt", a->prompt, "The question; required without a preset that has one")->type_name("TEXT");
  app.add_option("--preset", a->preset, "Image, question, edits, painted patches and sampling as exported from the window; other options come over it, --set after its edits")
      ->type_name("FILE");
  app.add_option("--set", a->set, "Clamp a neuron on every token that is edited: NEURON=VALUE; += adds, *= scales; repeatable")->type_name("EDIT");
  app.add_option("--mode", a->mode, "replace (without a preset): the tower goes on with the SAE's reconstruction, as in the paper; keep-error: with what the edit changes of it added")
      ->check(CLI::IsMember({"replace", "keep-error"}));
  app.add_option("--patches", a->patches, "Edit these patches alone, counted in rows from the top left, from 0: 3,5-9; without it: the whole image")->type_name("LIST");
  app.add_flag("--pre-zero", a->preZero, "Silence every other neuron");
  app.add_option("--max-tokens", a->maxTokens, "Length of the answer at most")->check(CLI::NonNegativeNumber)->default_str("128")->type_name("N");
  app.add_option("--temperature", a->temperature, "0: always the likeliest token")->check(CLI::NonNegativeNumber)->default_str("0")->type_name("T");
  app.add_option("--top-p", a->topP, "Draw from the likeliest tokens that together have this probability")->check(CLI::Range(1e-6, 1.0))->default_str("1")->type_name("P");
  app.add_option("--no-repeat-ngram", a->noRepeatNgram, "No run of so many tokens comes twice; 0: any may")->check(CLI::NonNegativeNumber)->default_str("0")->type_name("N");
  app.add_option("--precision", a->load.precision, "Of the weights: f32, bf16, f16")->capture_default_str()->type_name("P");
  app.add_flag("--baseline", a->baseline, "Also the answers without SAE and with its reconstruction alone");
  line.onRun([a, &line](const Session& session) { return runSteer(*a, wished(*a, line.seedGiven(), session.common.seed), session); });
}

}  // namespace sememe::cli
