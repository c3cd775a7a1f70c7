// Says what a file or folder is.
#include "core/pipeline/inspect.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <set>

#include "core/base/error.h"
#include "core/image/image.h"
#include "core/image/image_folder.h"
#include "core/models/model_summary.h"
#include "core/pipeline/attached_sae.h"
#include "core/sae/saev.h"
#include "core/pipeline/row_output.h"
#include "core/store/workspace.h"
#include "core/weights/npy.h"
#include "core/weights/safetensors.h"
#include "core/weights/tensor_source.h"
#include "core/weights/torch_file.h"

namespace sememe {

namespace {

namespace fs = std::filesystem;

std::string bytesText(int64_t bytes) {
  static constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  char text[48];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

InspectTensor describeTensor(const std::string& name, const at::Tensor& tensor) {
  return {name, dtypeName(tensor.scalar_type()), tensor.sizes().vec(), int64_t(tensor.nbytes())};
}

void addFact(InspectReport& report, const std::string& name, const std::string& value) { report.facts.emplace_back(name, value); }
void addFact(InspectReport& report, const std::string& name, int64_t value) { addFact(report, name, std::to_string(value)); }

void inspectModel(const fs::path& path, InspectReport& report) {
  report.kind = "model";
  const ModelSummary summary = summariseModel(path);
  const LoadReport& load = summary.report;
  report.facts = summary.facts;
  addFact(report, "size", bytesText(load.bytes));
  for (const std::string& key : load.missing) report.problems.push_back("missing key " + key);
  for (const std::string& key : load.unused) report.problems.push_back("unused key " + key);
  if (!summary.readsImages) return;
  std::error_code ignored;
  if (!fs::exists(path / "preprocessor_config.json", ignored) && !fs::exists(path / "processor_config.json", ignored))
    report.problems.push_back("missing preprocessor_config.json: how images are prepared is not known");
}

void inspectDictionary(const fs::path& path, InspectReport& report) {
  report.kind = "sae";
  const AttachedSae sae = attachSae(path, at::kCPU);
  addFact(report, "type", sae.type);
  addFact(report, "activation width", sae.activationDim);
  addFact(report, "latents", sae.dictSize);
  if (sae.k > 0) addFact(report, "k", sae.k);
  std::string groups;
  for (const int64_t size : sae.groupSizes) groups += (groups.empty() ? "" : ", ") + std::to_string(size);
  addFact(report, "groups", groups);
  addFact(report, "fingerprint", sae.fingerprint);
}

void inspectRows(const std::string& spec, InspectReport& report) {
  report.kind = "activations";
  const auto source = TensorSource::open(spec);
  addFact(report, "rows", source->rows());
  addFact(report, "width", source->dim());
  addFact(report, "contents", source->describe());
  try {
    RowRecord record;
    if (readRowRecord(spec, record)) {
      addFact(report, "rows of an image", record.rowsPerImage);
      addFact(report, "failed images", int64_t(record.failed.size()));
      if (record.rows != source->rows())
        report.problems.push_back("the run wrote " + std::to_string(record.rows) + " rows, but there are " + std::to_string(source->rows()));
    }
  } catch (const Error& e) {
    report.problems.push_back(e.what());
  }
}

void inspectWorkspace(const fs::path& path, InspectReport& report) {
  report.kind = "workspace";
  const Workspace workspace = Workspace::open(path, OpenMode::ReadOnly);
  std::error_code ignored;
  addFact(report, "size", bytesText(int64_t(fs::file_size(path, ignored))));
  for (const DatasetInfo& set : workspace.datasets().list())
    addFact(report, "data set " + std::to_string(set.id),
            set.name + ", " + std::to_string(set.images) + " images, " + std::to_string(workspace.datasets().failed(set.id).size()) +
                " failed, " + std::to_string(workspace.datasets().thumbnailCount(set.id)) + " thumbnails, " + set.root);
  for (const RunInfo& run : workspace.runs().list()) {
    std::string text = std::string(runKindName(run.kind)) + ", " + run.name + ", " + std::to_string(run.rows) + " x " +
                       std::to_string(run.dim);
    if (run.kind != RunKind::Latents) text += " " + std::string(rowTypeName(run.rowType));
    if (run.rowsPerImage != 1) text += ", " + std::to_string(run.rowsPerImage) + " rows an image";
    if (run.indexed) text += ", indexed";
    for (const ScoreSet& set : workspace.neurons().scoreSets(run.id)) text += ", scored with " + set.encoder;
    addFact(report, "run " + std::to_string(run.id), text);
    if (run.state != RunState::Complete)
      report.problems.push_back("run " + std::to_string(run.id) + " is unfinished: " + std::to_string(run.rowsDone) + " of " +
                                std::to_string(run.rows) + " rows");
  }
}

void inspectImages(const fs::path& path, InspectReport& report) {
  report.kind = "images";
  const ImageFolder folder = listImageFolder(path);
  addFact(report, "images", int64_t(folder.images.size()));
  addFact(report, "classes", int64_t(folder.classes.size()));
  addFact(report, "first image", folder.images.front().path);
  addFact(report, "last image", folder.images.back().path);
  addFact(report, "fingerprint", folder.fingerprint);
}

void inspectSafetensors(const fs::path& path, InspectReport& report) {
  report.kind = "tensors";
  const auto file = SafetensorsFile::open(path);
  int64_t bytes = 0;
  for (const std::string& key : file->keys()) {
    const TensorInfo info = file->info(key);
    report.tensors.push_back({key, info.dtype, info.shape, info.bytes});
    bytes += info.bytes;
  }
  addFact(report, "tensors", int64_t(report.tensors.size()));
  addFact(report, "size", bytesText(bytes));
  for (const auto& [key, value] : file->metadata()) addFact(report, key, value);
}

// Tensors of a torch file with their places in it; what else it holds is counted.
void listValue(const PickleValue& value, const std::string& name, InspectReport& report, int64_t& others) {
  if (value.isTensor()) {
    report.tensors.push_back(describeTensor(name.empty() ? "(the file)" : name, value.asTensor()));
  } else if (value.isDict()) {
    for (const auto& [key, item] : value.asPairs()) {
      const std::string text = key.kind() == PickleValue::Kind::String ? key.asString() : PickleValue::kindName(key.kind());
      listValue(item, name.empty() ? text : name + "." + text, report, others);
    }
  } else if (value.kind() == PickleValue::Kind::List || value.kind() == PickleValue::Kind::Tuple) {
    for (size_t i = 0; i < value.asItems().size(); ++i) listValue(value.asItems()[i], name + "." + std::to_string(i), report, others);
  } else {
    ++others;
  }
}

void inspectTorch(const fs::path& path, InspectReport& report) {
  const PickleValue value = readTorchFile(path);
  int64_t others = 0;
  listValue(value, {}, report, others);
  std::set<std::string> names;
  for (const InspectTensor& t : report.tensors) names.insert(t.name.substr(t.name.find("state_dict.") == 0 ? 11 : 0));
  if (names.contains("W_dec") || names.contains("decoder.weight")) {
    inspectDictionary(path, report);
  } else if (value.isTensor() && (value.asTensor().dim() == 2 || value.asTensor().dim() == 3) && value.asTensor().numel() > 0) {
    inspectRows(path.string(), report);
  } else {
    report.kind = "tensors";
  }
  if (others > 0) addFact(report, "other values", others);
}

bool isSqlite(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 15> start{};
  file.read(start.data(), start.size());
  return file && std::string_view(start.data(), start.size()) == "SQLite format 3";
}

void inspectFolder(const fs::path& path, InspectReport& report) {
  std::error_code ignored;
  if (fs::exists(path / "sae_weights.safetensors", ignored)) return inspectDictionary(path, report);
  if (fs::exists(path / "ae.pt", ignored) || fs::exists(path / "sae.pt", ignored)) return inspectDictionary(path, report);
  if (fs::exists(path / "trainer_0/ae.pt", ignored)) return inspectDictionary(path / "trainer_0", report);
  if (fs::exists(path / "checkpoint/sae.pt", ignored)) return inspectDictionary(path / "checkpoint", report);
  if (fs::exists(path / "config.json", ignored)) return inspectModel(path, report);
  if (fs::exists(path / "shards.json", ignored)) return inspectRows(path.string(), report);
  for (const auto& entry : fs::directory_iterator(path, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find("_part") != std::string::npos && name.ends_with(".pt")) return inspectRows(path.string(), report);
  }
  inspectImages(path, report);
}

InspectReport inspectPath(const std::string& path) {
  InspectReport report;
  report.path = path;
  const fs::path file = path;
  std::error_code ignored;
  if (!fs::exists(file, ignored)) throw Error(ErrorCode::NotFound, "there is no such file or folder", path);
  if (fs::is_directory(file, ignored)) {
    inspectFolder(file, report);
    return report;
  }
  std::string ending = file.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  static const std::set<std::string> kImages = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"};
  if (ending == ".sememe" || isSqlite(file)) {
    inspectWorkspace(file, report);
  } else if (ending == ".safetensors") {
    inspectSafetensors(file, report);
  } else if (ending == ".pt" || ending == ".pth" || ending == ".bin") {
    isSaevFile(file) ? inspectDictionary(file, report) : inspectTorch(file, report);
  } else if (ending == ".npy") {
    report.kind = "tensors";
    report.tensors.push_back(describeTensor("(the file)", readNpy(file)));
  } else if (kImages.contains(ending)) {
    report.kind = "image";
    const Image image = decodeImage(file);
    addFact(report, "size", std::to_string(image.width) + " x " + std::to_string(image.height));
    addFact(report, "file", bytesText(int64_t(fs::file_size(file, ignored))));
  } else {
    throw Error(ErrorCode::Unsupported,
                "not a model, SAE, tensor file (.pt, .pth, .npy, .safetensors), workspace (.sememe) or image", path);
  }
  return report;
}

}  // namespace

InspectReport inspect(const std::string& path, const std::string& activations) {
  InspectReport report = inspectPath(path);
  if (activations.empty()) return report;
  if (report.kind != "sae") throw Error(ErrorCode::Invalid, "activations can be given for an SAE alone; this is of kind " + report.kind, path);
  report.fit = checkSaeOn(path, activations);
  if (!report.fit->fits) report.problems.push_back(report.fit->verdict);
  return report;
}

}  // namespace sememe
