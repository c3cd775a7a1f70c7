// From a model folder into a module's parameters, one weight at a time.
#include "core/models/weight_loading.h"

#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/hash.h"

namespace sememe {
namespace {

std::string shapeText(at::IntArrayRef sizes) {
  std::ostringstream text;
  text << sizes;
  return text.str();
}

// Buffers that old versions of transformers saved and that are computed here.
bool isLegacyBuffer(const std::string& key) {
  return key.ends_with("position_ids") || key.ends_with("rotary_emb.inv_freq");
}

std::string listed(const std::vector<std::string>& keys) {
  constexpr size_t kShown = 12;
  std::string text;
  for (size_t i = 0; i < keys.size() && i < kShown; ++i) text += (i ? ", " : "") + keys[i];
  return keys.size() > kShown ? text + " and " + std::to_string(keys.size() - kShown) + " more" : text;
}

bool isFinite(const at::Tensor& x) {
  if (x.numel() == 0) return true;
  // NaN and infinity both come through to the extremes: one pass and no copy.
  const auto [least, most] = at::aminmax(x);
  return std::isfinite(least.item<double>()) && std::isfinite(most.item<double>());
}

void checkStored(const at::Tensor& stored, const at::Tensor& parameter, const std::string& where) {
  if (stored.sizes() != parameter.sizes())
    throw Error(ErrorCode::Mismatch,
                "this weight has shape " + shapeText(stored.sizes()) + ", expected " + shapeText(parameter.sizes()) +
                    " by config.json",
                where);
  if (!stored.is_floating_point())
    throw Error(ErrorCode::Mismatch,
                "this weight is of type " + dtypeName(stored.scalar_type()) + ", expected float32, float16 or bfloat16",
                where);
}

void place(const at::Tensor& stored, at::Tensor& parameter, const LoadOptions& options, const std::string& where) {
  // A copy even where nothing changes: a view of the file could not be trained, and would fail if the file shrank.
  const at::Tensor placed =
      at::empty(stored.sizes(), at::TensorOptions(options.device).dtype(options.dtype)).copy_(stored);
  if (!isFinite(placed)) {
    if (isFinite(stored))
      throw Error(ErrorCode::Invalid, "this weight is too large for " + dtypeName(options.dtype) + ", choose bfloat16 or float32",
                  where);
    throw Error(ErrorCode::Corrupt, "this weight holds NaN or infinity", where);
  }
  parameter.set_data(placed);
}

}  // namespace

const char* const kModelTypes =
    "clip, clip_vision_model, clip_text_model, siglip, siglip_vision_model, siglip_text_model, dinov2, "
    "dinov2_with_registers, llama, llava";

ModelFolder readModelFolder(const std::filesystem::path& path) {
  const std::string configPath = (path / "config.json").string();
  std::string text = readTextFile(path / "config.json", 16 << 20);
  ConfigReader config(parseJsonObject(text, configPath), configPath);
  std::string type = config.string("model_type", "");
  return {path, configPath, std::move(text), std::move(type), std::move(config)};
}

void throwUnsupportedType(const ModelFolder& folder, const std::string& wanted, const std::string& types) {
  throw Error(ErrorCode::Unsupported,
              (folder.type.empty() ? std::string("there is no model_type") : "model_type \"" + folder.type + "\"") +
                  ": not " + wanted + " that is supported, expected " + types,
              folder.configPath);
}

void buildModule(const ModelFolder& folder, const std::function<void()>& build) {
  const auto fail = [&] {
    throw Error(ErrorCode::Invalid, "a model of the configured size does not fit in memory", folder.configPath);
  };
  try {
    build();
  } catch (const c10::Error&) {
    fail();
  } catch (const std::bad_alloc&) {
    fail();
  }
}

int64_t weightBytes(const LoadReport& report, at::ScalarType dtype, bool eightBits) {
  const int64_t rounded = eightBits ? report.eightBitParameters : 0;
  return rounded + (report.parameters - rounded) * int64_t(c10::elementSize(dtype));
}

void checkRoom(const LoadReport& report, const LoadOptions& options, int64_t free) {
  // What a pass makes beside the weights: a cache of keys and values, activations, one matrix of 8 bits made whole.
  const auto with = [](int64_t bytes) { return bytes + bytes / 10; };
  const auto gigabytes = [](int64_t bytes) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f GB", double(bytes) / 1e9);
    return std::string(text);
  };
  const int64_t needed = with(weightBytes(report, options.dtype, options.eightBits));
  if (needed <= free) return;
  std::string message = "the model needs " + gigabytes(needed) + " as " + dtypeName(options.dtype) + (options.eightBits ? " with 8-bit layers" : "") +
                        ", " + options.device.str() + " has " + gigabytes(free) + " free";
  std::string ways;
  const auto offer = [&](at::ScalarType dtype, bool eightBits, const char* how) {
    const int64_t bytes = with(weightBytes(report, dtype, eightBits));
    if (bytes < needed && (eightBits == options.eightBits || report.eightBitParameters > 0))
      ways += std::string(ways.empty() ? "" : ", ") + how + " " + gigabytes(bytes);
  };
  offer(at::kHalf, options.eightBits, "float16 takes");
  if (!options.eightBits) offer(at::kHalf, true, "float16 with 8-bit layers");
  throw Error(ErrorCode::Invalid, message + (ways.empty() ? "" : "; " + ways) + "; or run it on the CPU");
}

void checkRoom(const LoadReport& report, const LoadOptions& options) {
  if (options.device.is_cpu()) return;
  at::DeviceAllocator* allocator = at::getDeviceAllocator(options.device.type());
  allocator->emptyCache();  // what a model before this one has given back
  const auto [free, total] = allocator->getMemoryInfo(options.device.has_index() ? options.device.index() : 0);
  checkRoom(report, options, int64_t(free));
}

KeyRules towerRules(const std::string& prefix, bool bare, std::vector<std::string> otherParts) {
  KeyRules rules;
  rules.keys = [prefix, bare](const std::string& name) {
    std::vector<std::string> keys = {name};
    if (bare && name.starts_with(prefix)) keys.push_back(name.substr(prefix.size()));
    return keys;
  };
  rules.otherParts = std::move(otherParts);
  return rules;
}

LoadReport loadParameters(torch::nn::Module& module, const ModelFolder& folder, Checkpoint& checkpoint,
                          const KeyRules& rules, const LoadOptions* options) {
  const torch::NoGradGuard guard;
  LoadReport report;
  report.bytes = checkpoint.bytes();
  std::set<std::string> dtypes;
  std::vector<std::string> needed;
  ProgressMeter meter(options ? options->progress : ProgressFn(), "Loading weights", report.bytes);
  for (auto& item : module.named_parameters()) {
    if (options) throwIfStopped(options->stop);
    const std::string& name = item.key();
    at::Tensor& parameter = item.value();
    report.parameters += parameter.numel();
    LinearImpl* const matrix = rules.eightBits(name);
    if (matrix) report.eightBitParameters += parameter.numel();
    const std::vector<std::string> candidates = rules.keys(name);
    const auto key = std::find_if(candidates.begin(), candidates.end(),
                                  [&](const std::string& candidate) { return checkpoint.contains(candidate); });
    if (key == candidates.end()) {
      report.missing.push_back(name);
      if (!rules.optional(name))
        needed.push_back(name);
      else if (options)
        parameter.set_data(at::zeros(parameter.sizes(), at::TensorOptions(options->device).dtype(options->dtype)));
      continue;
    }
    const at::Tensor stored = checkpoint.take(*key);
    const std::string where = checkpoint.file(*key).string() + ", " + *key;
    checkStored(stored, parameter, where);
    dtypes.insert(dtypeName(stored.scalar_type()));
    if (!options) continue;
    place(stored, parameter, *options, where);
    if (matrix && options->eightBits) matrix->toEightBits();
    checkpoint.release(*key);
    meter.advance(static_cast<int64_t>(stored.nbytes()));
  }
  meter.finish();
  report.dtype = dtypes.empty() ? "" : dtypes.size() == 1 ? *dtypes.begin() : "mixed";
  for (const std::string& key : checkpoint.unused()) {
    if (isLegacyBuffer(key)) continue;
    const bool known = std::any_of(rules.otherParts.begin(), rules.otherParts.end(),
                                   [&](const std::string& prefix) { return key.starts_with(prefix); });
    (known ? report.otherParts : report.unused).push_back(key);
  }
  report.fingerprint = Fingerprint().add(folder.configText).add(checkpoint.fingerprint()).hex();
  if (options && !needed.empty())
    throw Error(ErrorCode::NotFound,
                std::to_string(needed.size()) + " of the model's weights are missing: " + listed(needed) +
                    (report.unused.empty() ? "" : "; keys without a use: " + listed(report.unused)),
                folder.path.string());
  return report;
}

}  // namespace sememe
