// Reading preprocessor_config.json in its old and new forms.
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/image/preprocess.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace sememe {
namespace {

constexpr int kLargestSide = 16384;

// A JSON object of a file, whose values are asked for by key. As in transformers, an absent key has its class's default,
// while null switches a step off and is no value for a step that is on.
class Settings {
 public:
  Settings(const json& object, std::string where) : m_object(object), m_where(std::move(where)) {}

  const json* find(const char* key) const {
    const auto it = m_object.find(key);
    return it == m_object.end() || it->is_null() ? nullptr : &*it;
  }
  bool isNull(const char* key) const {
    const auto it = m_object.find(key);
    return it != m_object.end() && it->is_null();
  }
  [[noreturn]] void bad(const char* key, const std::string& expected) const {
    throw Error(ErrorCode::Corrupt, expected + " was expected", m_where + ", " + key);
  }
  [[noreturn]] void unsupported(const std::string& what) const { throw Error(ErrorCode::Unsupported, what, m_where); }

  void read(const char* key, bool& value) const {
    if (isNull(key)) value = false;
    const json* j = find(key);
    if (!j) return;
    if (!j->is_boolean()) bad(key, "true or false");
    value = j->get<bool>();
  }
  void read(const char* key, double& value) const {
    const json* j = find(key);
    if (!j) return;
    if (!j->is_number() || !std::isfinite(j->get<double>())) bad(key, "a number");
    value = j->get<double>();
  }
  // One number for all channels, or three.
  void read(const char* key, std::array<double, 3>& values) const {
    const json* j = find(key);
    if (!j) return;
    for (size_t c = 0; c < 3; ++c) {
      const json& one = j->is_array() && j->size() == 3 ? (*j)[c] : *j;
      if (!one.is_number() || !std::isfinite(one.get<double>())) bad(key, "a number or three");
      values[c] = one.get<double>();
    }
  }
  int side(const char* key, const json& value) const {
    if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > kLargestSide) {
      bad(key, "a size of 1 to " + std::to_string(kLargestSide) + " pixels");
    }
    return value.get<int>();
  }

 private:
  const json& m_object;
  std::string m_where;
};

json readJson(const fs::path& path) {
  try {
    json parsed = json::parse(readTextFile(path, 16 << 20));
    if (parsed.is_object()) return parsed;
  } catch (const json::exception& e) {
    throw Error(ErrorCode::Corrupt, std::string("broken JSON: ") + e.what(), path.string());
  }
  throw Error(ErrorCode::Corrupt, "a JSON object was expected", path.string());
}

bool isFile(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// The object that describes the processor, and the file it is in.
std::pair<json, fs::path> findProcessor(const fs::path& folder) {
  const fs::path nested = folder / "processor_config.json";
  const fs::path plain = folder / "preprocessor_config.json";
  if (isFile(nested)) {
    json all = readJson(nested);
    if (all.contains("image_processor")) {
      if (!all["image_processor"].is_object()) {
        throw Error(ErrorCode::Corrupt, "a JSON object was expected", nested.string() + ", image_processor");
      }
      return {all["image_processor"], nested};
    }
  }
  if (isFile(plain)) return {readJson(plain), plain};
  throw Error(ErrorCode::NotFound,
              "the model folder says nothing about preprocessing; expected was preprocessor_config.json, or "
              "processor_config.json with an image_processor",
              folder.string());
}

// "CLIPFeatureExtractor", "CLIPImageProcessorFast", "clip" all become "clip".
std::string normalizedKind(std::string name) {
  for (const std::string_view ending : {"Fast", "Pil", "ImageProcessor", "FeatureExtractor"}) {
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  }
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

std::string processorKind(const Settings& settings, const fs::path& folder) {
  for (const char* key : {"image_processor_type", "feature_extractor_type"}) {
    if (const json* j = settings.find(key)) {
      if (!j->is_string()) settings.bad(key, "a name");
      return normalizedKind(j->get<std::string>());
    }
  }
  const fs::path config = folder / "config.json";
  if (isFile(config)) {
    const json model = readJson(config);
    if (model.contains("model_type") && model["model_type"].is_string()) {
      std::string type = model["model_type"].get<std::string>();
      if (type.ends_with("_vision_model")) type.resize(type.size() - std::string_view("_vision_model").size());
      return type;
    }
  }
  settings.unsupported("the file does not name its kind (image_processor_type), nor does config.json (model_type)");
}

// The class's own defaults; `square`: whether a lone number for the size means a square (default_to_square).
PreprocessConfig defaultsOf(const std::string& kind, const Settings& settings, bool& square) {
  PreprocessConfig config;  // CLIP's, which Bit shares
  square = false;
  if (kind == "clip" || kind == "llava" || kind == "bit" || kind == "dinov2") return config;
  config.centerCrop = false;
  config.shortestEdge = 0;
  config.resizeHeight = config.resizeWidth = 224;
  config.mean = config.std = {0.5, 0.5, 0.5};
  if (kind == "siglip") return config;
  if (kind == "vit") {
    square = true;
    config.resample = Resample::Bilinear;
    return config;
  }
  settings.unsupported("image processor '" + kind + "' is not known; those of CLIP, SigLIP, DINOv2 (Bit) and ViT are");
}

void readSize(const Settings& settings, bool square, PreprocessConfig& config) {
  const json* size = settings.find("size");
  if (!size) return;
  const auto setExact = [&](const json& height, const json& width) {
    config.shortestEdge = 0;
    config.resizeHeight = settings.side("size", height);
    config.resizeWidth = settings.side("size", width);
  };
  if (size->is_number()) {
    if (square) return setExact(*size, *size);
    config.shortestEdge = settings.side("size", *size);
  } else if (size->is_array() && size->size() == 2) {
    setExact((*size)[0], (*size)[1]);
  } else if (size->is_object()) {
    const Settings parts(*size, "size");
    if (parts.find("longest_edge") || parts.find("max_height") || parts.find("max_width")) {
      settings.unsupported("a size by longest_edge, max_height or max_width; shortest_edge, or height and width are read");
    }
    const json* edge = parts.find("shortest_edge");
    const json* height = parts.find("height");
    const json* width = parts.find("width");
    if (edge) {
      config.shortestEdge = settings.side("size", *edge);
    } else if (height && width) {
      setExact(*height, *width);
    } else {
      settings.bad("size", "shortest_edge, or height and width");
    }
  } else {
    settings.bad("size", "a number, two, or an object");
  }
}

void readCrop(const Settings& settings, PreprocessConfig& config) {
  const json* crop = settings.find("crop_size");
  if (!crop) return;
  const json* height = crop;
  const json* width = crop;
  if (crop->is_array() && crop->size() == 2) {
    height = &(*crop)[0];
    width = &(*crop)[1];
  } else if (crop->is_object()) {
    const Settings parts(*crop, "crop_size");
    height = parts.find("height");
    width = parts.find("width");
    if (!height || !width) settings.bad("crop_size", "height and width");
  }
  config.cropHeight = settings.side("crop_size", *height);
  config.cropWidth = settings.side("crop_size", *width);
}

}  // namespace

PreprocessConfig readPreprocessConfig(const fs::path& modelFolder) {
  const auto [object, file] = findProcessor(modelFolder);
  const Settings settings(object, file.string());
  bool square = false;
  PreprocessConfig config = defaultsOf(processorKind(settings, modelFolder), settings, square);
  settings.read("do_resize", config.resize);
  settings.read("do_center_crop", config.centerCrop);
  settings.read("do_rescale", config.rescale);
  settings.read("do_normalize", config.normalize);
  settings.read("rescale_factor", config.rescaleFactor);
  settings.read("image_mean", config.mean);
  settings.read("image_std", config.std);
  for (const auto& [key, needed] : {std::pair{"size", config.resize},
                                    {"crop_size", config.centerCrop},
                                    {"rescale_factor", config.rescale},
                                    {"image_mean", config.normalize},
                                    {"image_std", config.normalize}}) {
    if (needed && settings.isNull(key)) settings.bad(key, "a value, as its step is switched on,");
  }
  for (const double s : config.std) {
    if (!(s > 0)) settings.bad("image_std", "a number above 0, or three,");
  }
  bool pad = false;
  settings.read("do_pad", pad);
  if (pad) settings.unsupported("padding of images (do_pad) is not read");
  if (settings.isNull("resample")) config.resample = Resample::Bilinear;
  if (const json* j = settings.find("resample")) {
    if (!j->is_number_integer() || j->get<double>() < 0 || j->get<double>() > 5) settings.bad("resample", "0 to 5");
    config.resample = static_cast<Resample>(j->get<int>());
  }
  settings.read("default_to_square", square);
  readSize(settings, square, config);
  readCrop(settings, config);
  return config;
}

}  // namespace sememe
