// From a checkpoint into a module's parameters.
#include "core/models/weight_loading.h"

#include <set>
#include <sstream>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace sememe {
namespace {

std::string shapeText(at::IntArrayRef sizes) {
  std::ostringstream text;
  text << sizes;
  return text.str();
}

// Buffers that old versions of transformers saved and that hold nothing.
bool isLegacyBuffer(const std::string& key) { return key.ends_with("position_ids"); }

std::string listed(const std::vector<std::string>& keys) {
  constexpr size_t kShown = 12;
  std::string text;
  for (size_t i = 0; i < keys.size() && i < kShown; ++i) text += (i ? ", " : "") + keys[i];
  return keys.size() > kShown ? text + " and " + std::to_string(keys.size() - kShown) + " more" : text;
}

}  // namespace

LoadReport loadParameters(torch::nn::Module& module, Checkpoint& checkpoint, const std::filesystem::path& folder,
                          const std::string& configText, const KeyRules& rules,
                          const std::optional<Placement>& placement) {
  const torch::NoGradGuard guard;
  LoadReport report;
  std::set<std::string> dtypes;
  std::vector<std::string> needed;
  for (auto& item : module.named_parameters()) {
    const std::string& name = item.key();
    at::Tensor& parameter = item.value();
    report.parameters += parameter.numel();
    std::string key;
    for (const std::string& candidate : rules.keys(name)) {
      if (checkpoint.contains(candidate)) {
        key = candidate;
        break;
      }
    }
    if (key.empty()) {
      report.missing.push_back(name);
      if (!rules.optional(name))
        needed.push_back(name);
      else if (placement)
        parameter.set_data(at::zeros(parameter.sizes(), at::TensorOptions(placement->device).dtype(placement->dtype)));
      continue;
    }
    const at::Tensor stored = checkpoint.take(key);
    const std::string where = folder.string() + ", " + key;
    if (stored.sizes() != parameter.sizes())
      throw Error(ErrorCode::Mismatch,
                  "this weight has shape " + shapeText(stored.sizes()) + ", expected " +
                      shapeText(parameter.sizes()) + " by config.json",
                  where);
    if (!stored.is_floating_point())
      throw Error(ErrorCode::Mismatch,
                  "this weight is of type " + dtypeName(stored.scalar_type()) +
                      ", expected float32, float16 or bfloat16",
                  where);
    dtypes.insert(dtypeName(stored.scalar_type()));
    // A copy even where nothing changes: a view of the file could not be trained, and would fail if the file shrank.
    if (placement)
      parameter.set_data(at::empty(stored.sizes(), at::TensorOptions(placement->device).dtype(placement->dtype))
                             .copy_(stored));
  }
  report.dtype = dtypes.empty() ? "" : dtypes.size() == 1 ? *dtypes.begin() : "mixed";
  for (const std::string& key : checkpoint.unused()) {
    if (isLegacyBuffer(key)) continue;
    (rules.otherPart(key) ? report.otherParts : report.unused).push_back(key);
  }
  report.fingerprint = Fingerprint().add(configText).add(checkpoint.fingerprint()).hex();
  if (placement && !needed.empty())
    throw Error(ErrorCode::NotFound,
                std::to_string(needed.size()) + " of the model's weights are missing: " + listed(needed),
                folder.string());
  return report;
}

}  // namespace sememe
