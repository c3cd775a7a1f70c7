// steer: LLaVA's answer about one image with neurons clamped in its vision tower, once or for each of several strengths.
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "core/base/csv.h"
#include "core/base/files.h"
#include "core/image/image.h"
#include "core/pipeline/steer.h"
#include "core/pipeline/steering_preset.h"

namespace sememe::cli {
namespace {

// Optional is what a preset may say: what is given here counts more.
struct SteerArguments {
  std::string model, sae, table;
  std::filesystem::path preset;
  std::optional<std::string> image, prompt, mode, patches;
  std::vector<std::string> set, sweep;
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

// "39=0,30,40,50": one intervention for each strength.
std::vector<Intervention> parseSweep(const std::string& text) {
  const size_t equals = text.find('=');
  std::vector<Intervention> result;
  for (size_t begin = equals + 1; equals != std::string::npos && begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    result.push_back(parseIntervention(text.substr(0, equals) + "=" + text.substr(begin, end - begin)));
    begin = end + 1;
  }
  if (result.empty() || result.front().op != Intervention::Op::Set) throw UsageError("--sweep " + text + ": expected NEURON=VALUE,VALUE,…");
  return result;
}

std::string plain(double value) {
  char digits[40];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

struct SweptAnswer {
  Intervention edit;
  SpokenAnswer spoken;
};

// A cell of a Markdown table.
std::string cell(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

void writeTable(const std::filesystem::path& path, const std::vector<SweptAnswer>& answers) {
  CsvText csv;
  csv.add("neuron").add("value").add("answer").endRow();
  std::string markdown = "| neuron | value | answer |\n|---:|---:|---|\n";
  for (const SweptAnswer& a : answers) {
    csv.add(a.edit.neuron).add(a.edit.value).add(a.spoken.text).endRow();
    markdown += "| " + std::to_string(a.edit.neuron) + " | " + plain(a.edit.value) + " | " + cell(a.spoken.text) + " |\n";
  }
  writeTextFile(path, path.extension() == ".csv" ? csv.text() : markdown);
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
  std::vector<Intervention> strengths;
  for (const std::string& text : given.sweep)
    for (const Intervention& strength : parseSweep(text)) strengths.push_back(strength);
  if (!given.table.empty()) {
    if (strengths.empty()) throw UsageError("--table is for the answers of --sweep");
    const std::string ending = std::filesystem::path(given.table).extension().string();
    if (ending != ".csv" && ending != ".md") throw UsageError("--table takes a name that ends in .csv or .md");
  }
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
  std::string text;
  if (strengths.empty()) {
    const SpokenAnswer steered = ask(steering);
    outcome.json = answerJson(steered);
    text = (given.baseline ? "steered:        " : "") + steered.text + "\n";
  } else {
    outcome.json["sweep"] = Json::array();
    std::vector<SweptAnswer> answers;
    ProgressMeter meter(session.progress, "Asking LLaVA", int64_t(strengths.size()));
    for (const Intervention& strength : strengths) {
      Steering with = steering;
      with.interventions.push_back(strength);
      answers.push_back({strength, ask(with)});
      Json& entry = outcome.json["sweep"].emplace_back(Json{{"neuron", strength.neuron}, {"value", strength.value}});
      entry.update(answerJson(answers.back().spoken));
      text += "neuron " + std::to_string(strength.neuron) + " at " + plain(strength.value) + ": " + answers.back().spoken.text + "\n";
      meter.advance();
    }
    meter.finish();
    if (!given.table.empty()) {
      writeTable(given.table, answers);
      outcome.json["files"] = {given.table};
      text += "wrote " + given.table + "\n";
    }
  }
  outcome.json["tap"] = steeringTap(*model);
  if (given.baseline) {
    const SpokenAnswer original = ask({}), reconstruction = ask(Steering{});
    outcome.json["original"] = answerJson(original);
    outcome.json["reconstruction"] = answerJson(reconstruction);
    outcome.text = "original:       " + original.text + "\nreconstruction: " + reconstruction.text + "\n";
  }
  outcome.text += text;
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
  app.add_option("--sweep", a->sweep, "One answer for each strength of a neuron, beside what --set edits: NEURON=VALUE,VALUE,…; repeatable")->take_all()->expected(1)->type_name("SWEEP");
  app.add_option("--table", a->table, "Write the answers of --sweep: .csv or .md")->type_name("FILE");
  app.add_option("--mode", a->mode, "replace (without a preset): the tower goes on with the SAE's reconstruction, as in the paper; keep-error: with what the edit changes of it added")
      ->check(CLI::IsMember({"replace", "keep-error"}));
  app.add_option("--patches", a->patches, "Edit these patches alone, counted in rows from the top left, from 0: 3,5-9; without it: the whole image")->type_name("LIST");
  app.add_flag("--pre-zero", a->preZero, "Silence every other neuron");
  app.add_option("--max-tokens", a->maxTokens, "Length of the answer at most")->check(CLI::NonNegativeNumber)->default_str("128")->type_name("N");
  app.add_option("--temperature", a->temperature, "0: always the likeliest token")->check(CLI::NonNegativeNumber)->default_str("0")->type_name("T");
  app.add_option("--top-p", a->topP, "Draw from the likeliest tokens that together have this probability")->check(CLI::Range(1e-6, 1.0))->default_str("1")->type_name("P");
  app.add_option("--no-repeat-ngram", a->noRepeatNgram, "No run of so many tokens comes twice; 0: any may")->check(CLI::NonNegativeNumber)->default_str("0")->type_name("N");
  app.add_option("--precision", a->load.precision, "Of the weights: f32, bf16, f16")->capture_default_str()->type_name("P");
  app.add_flag("--eight-bit", a->load.eightBits, "Keep the language model's layers in 8 bits: for a GPU with little memory");
  app.add_flag("--baseline", a->baseline, "Also the answers without SAE and with its reconstruction alone");
  line.onRun([a, &line](const Session& session) { return runSteer(*a, wished(*a, line.seedGiven(), session.common.seed), session); });
}

}  // namespace sememe::cli
