// The reader of experiment files: every key is known or refused, so that a slip of the pen does not change what is run.
#include "core/pipeline/experiment.h"

#include <algorithm>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/extract.h"
#include "core/pipeline/json_fields.h"
#include "core/pipeline/train_presets.h"
#include "core/pipeline/trainings.h"
#include "core/sae/sae_type.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kLongestName = 100;

class Paths {
 public:
  Paths(const std::map<std::string, std::string>& definitions, fs::path folder) : m_definitions(definitions), m_folder(std::move(folder)) {}

  // `text` with every $NAME and a leading ~ replaced.
  fs::path expand(const JsonFields& fields, const std::string& key, const std::string& text) const {
    if (text.empty()) fields.fail(key, "a path was expected");
    std::string result;
    for (size_t i = 0; i < text.size();) {
      if (text[i] != '$') {
        result += text[i++];
        continue;
      }
      size_t end = i + 1;
      while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) ++end;
      result += value(fields, key, text.substr(i + 1, end - i - 1));
      i = end;
    }
    if (result == "~" || result.starts_with("~/")) {
      if (const char* home = std::getenv("HOME")) result.replace(0, 1, home);
    }
    return fs::path(result).is_relative() ? m_folder / result : fs::path(result);
  }

 private:
  // Of the command line or the environment: relative to the working directory.
  static std::string absolute(const std::string& path) { return path.starts_with("~") ? path : fs::absolute(path).lexically_normal().string(); }

  std::string value(const JsonFields& fields, const std::string& key, const std::string& name) const {
    if (name.empty()) fields.fail(key, "a name was expected after the $");
    if (const auto found = m_definitions.find(name); found != m_definitions.end()) return absolute(found->second);
    if (const char* set = std::getenv(name.c_str()); set && *set) return absolute(set);
    fields.fail(key, "$" + name + " has no value; give it with --define " + name + "=PATH");
  }

  const std::map<std::string, std::string>& m_definitions;
  fs::path m_folder;
};

void checkTokens(const JsonFields& fields, const std::string& tokens) {
  try {
    TokenSelection::parse(tokens);
  } catch (const Error& error) {
    fields.fail("tokens", error.what());
  }
}

ExperimentImages readImages(JsonFields fields, const Paths& paths) {
  ExperimentImages images;
  std::string path;
  fields.require("images", path, "a folder");
  images.images = paths.expand(fields, "images", path);
  fields.read("split", images.split, "the name of a sub-folder");
  fields.read("tokens", images.tokens, "a token selection such as cls, mean or random:2");
  checkTokens(fields, images.tokens);
  fields.finish();
  return images;
}

ExperimentSaes readSaes(JsonFields fields) {
  ExperimentSaes saes;
  std::string preset;
  if (fields.read("preset", preset, "the name of a preset")) {
    try {
      trainPreset(preset).apply(saes.settings);
    } catch (const Error& error) {
      fields.fail("preset", error.what());
    }
  }
  saes.types = {saes.settings.type};
  saes.ks = {saes.settings.k};
  saes.expansions = {saes.settings.expansion};
  fields.read("types", saes.types, "a list of types");
  fields.read("k", saes.ks, "a list of numbers");
  fields.read("expansions", saes.expansions, "a list of numbers");
  for (std::string& type : saes.types) {
    try {
      type = saeTypeInfo(parseSaeType(type)).name;
    } catch (const Error& error) {
      fields.fail("types", error.what());
    }
  }
  if (saes.types.empty() || saes.ks.empty() || saes.expansions.empty()) fields.fail("", "at least one type, k and expansion are needed");
  for (const int64_t k : saes.ks)
    if (k < 1) fields.fail("k", "positive numbers were expected");
  for (const double expansion : saes.expansions)
    if (!(expansion > 0)) fields.fail("expansions", "positive numbers were expected");
  for (const char* own : {"activations", "validation", "embeddings", "type", "expansion", "dict_size"}) {
    if (fields.find(own)) fields.fail(own, "the experiment says this by itself");
  }
  try {
    setTrainFields(saes.settings, fields.rest().dump());
  } catch (const Error& error) {
    fields.fail("", error.what());
  }
  return saes;
}

ExperimentSteering readSteering(JsonFields fields, const Paths& paths, const Experiment& e) {
  ExperimentSteering steering;
  std::string path;
  fields.require("model", path, "a LLaVA's folder");
  steering.model = paths.expand(fields, "model", path);
  fields.require("images", path, "a folder");
  steering.images = paths.expand(fields, "images", path);
  fields.read("split", steering.split, "the name of a sub-folder");
  fields.require("encoder", steering.encoder, "one of the encoders");
  if (std::none_of(e.encoders.begin(), e.encoders.end(), [&](const ExperimentEncoder& x) { return x.name == steering.encoder; }))
    fields.fail("encoder", "one of the encoders was expected, not " + steering.encoder);
  fields.read("neurons", steering.neurons, "a number");
  if (steering.neurons < 1) fields.fail("neurons", "a positive number was expected");
  fields.read("value", steering.value, "a number");
  fields.read("precision", steering.precision, "f32, bf16 or f16");
  fields.read("batch", steering.batch, "a number");
  if (steering.batch < 1) fields.fail("batch", "a positive number was expected");
  fields.finish();
  if (e.point != "post_mlp_residual" || std::count(e.layers.begin(), e.layers.end(), -1) > 0)
    fields.fail("", "LLaVA is steered at the output of a layer: post_mlp_residual, and no layer -1");
  return steering;
}

bool isName(const std::string& name) {
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

Experiment readExperiment(const fs::path& path, const std::map<std::string, std::string>& definitions) {
  const std::string text = readTextFile(path, 1 << 20);
  const std::string file = path.string();
  const Json json = parseJson(text, file);
  const Paths paths(definitions, path.parent_path());
  JsonFields fields(json, "", file);
  Experiment e;
  fields.require("name", e.name, "a text");
  if (!isName(e.name)) fields.fail("name", "letters, digits, - and _ were expected");
  fields.read("description", e.description, "a text");
  std::string model;
  fields.require("model", model, "a model's folder");
  e.model = paths.expand(fields, "model", model);
  fields.read("point", e.point, "a tap such as post_mlp_residual");
  fields.require("layers", e.layers, "a list of layers");
  if (e.layers.empty()) fields.fail("layers", "at least one layer was expected");
  for (const int layer : e.layers) {
    if (layer < -1) fields.fail("layers", "numbers from -1 (the image embedding) on were expected");
    if (std::count(e.layers.begin(), e.layers.end(), layer) > 1) fields.fail("layers", "a layer stands there twice");
  }
  const Json* train = fields.find("train");
  if (!train) fields.fail("train", "it is missing; the images to train on were expected");
  e.train = readImages(JsonFields(*train, "train", file), paths);
  const Json* evaluate = fields.find("evaluate");
  e.evaluate = evaluate ? readImages(JsonFields(*evaluate, "evaluate", file), paths) : e.train;
  const TokenSelection::Kind kind = TokenSelection::parse(e.evaluate.tokens).kind;
  if (kind != TokenSelection::Kind::Cls && kind != TokenSelection::Kind::Mean && kind != TokenSelection::Kind::MeanPatches)
    fields.fail("evaluate.tokens", "a neuron is scored by one activation for each image: cls, mean or mean-patches was expected");
  const Json* encoders = fields.find("encoders");
  if (!encoders || !encoders->is_object() || encoders->empty()) fields.fail("encoders", "names and folders of image encoders were expected");
  for (const auto& [name, folder] : encoders->items()) {
    if (!folder.is_string()) fields.fail("encoders." + name, "a model's folder was expected");
    e.encoders.push_back({name, paths.expand(fields, "encoders." + name, folder.get<std::string>())});
  }
  fields.read("raw", e.raw, "true or false");
  std::vector<std::string> measures;
  fields.read("measures", measures, "a list of measures");
  bool steering = false;
  for (const std::string& measure : measures) {
    if (measure == "uniqueness") e.uniqueness = true;
    else if (measure == "hierarchy") e.hierarchy = true;
    else if (measure == "steering") steering = true;
    else fields.fail("measures", "uniqueness, hierarchy and steering are there, not " + measure);
  }
  const Json* how = fields.find("steering");
  if (steering != (how != nullptr)) fields.fail("steering", steering ? "it is missing; the LLaVA to steer was expected" : "it is no measure of this experiment");
  if (how) e.steering = readSteering(JsonFields(*how, "steering", file), paths, e);
  std::string tree;
  if (fields.read("tree", tree, "a CSV file")) e.tree = paths.expand(fields, "tree", tree);
  fields.read("precision", e.precision, "f32, bf16 or f16");
  fields.read("batch", e.batch, "a number");
  if (e.batch < 1) fields.fail("batch", "a positive number was expected");
  const Json* saes = fields.find("saes");
  if (saes && !saes->is_array()) fields.fail("saes", "a list was expected");
  for (size_t i = 0; saes && i < saes->size(); ++i) e.saes.push_back(readSaes(JsonFields((*saes)[i], "saes[" + std::to_string(i) + "]", file)));
  if (e.saes.empty() && !e.raw) fields.fail("saes", "there is nothing to score");
  fields.finish();
  return e;
}

}  // namespace sememe
