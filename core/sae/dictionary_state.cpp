// The tensors of one state dict by name.
#include "core/sae/dictionary_state.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "core/base/error.h"
#include "core/weights/torch_file.h"

namespace sememe {

DictionaryState::DictionaryState(const std::filesystem::path& path) : m_path(path) {
  for (auto& [name, tensor] : readStateDict(path)) m_tensors.insert_or_assign(name, tensor);
}

bool DictionaryState::hasAll(const std::vector<std::string>& keys) const {
  return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) { return has(key); });
}

std::vector<std::string> DictionaryState::keys() const {
  std::vector<std::string> keys;
  for (const auto& [name, tensor] : m_tensors) keys.push_back(name);
  return keys;
}

at::Tensor DictionaryState::real(const std::string& key, int64_t dims) const {
  const at::Tensor& t = m_tensors.at(key);
  if (!at::isFloatingType(t.scalar_type())) throw Error(ErrorCode::Mismatch, "expected real numbers", where(key));
  if (t.dim() != dims) {
    throw Error(ErrorCode::Mismatch, "expected " + std::to_string(dims) + " axes, not " + std::to_string(t.dim()),
                where(key));
  }
  // A copy: the file's own memory may be read-only, and the file may change under us.
  return t.to(at::TensorOptions().dtype(at::kFloat), /*non_blocking=*/false, /*copy=*/true).contiguous();
}

double DictionaryState::number(const std::string& key) const {
  const at::Tensor& t = m_tensors.at(key);
  if (t.numel() != 1 || at::isComplexType(t.scalar_type())) {
    throw Error(ErrorCode::Mismatch, "expected one number", where(key));
  }
  return t.to(at::kDouble).item<double>();
}

int64_t DictionaryState::positiveInteger(const std::string& key) const {
  const double value = number(key);
  if (!(value >= 1 && value <= 1e9) || value != std::floor(value)) {
    throw Error(ErrorCode::Invalid, "expected a positive whole number", where(key));
  }
  return static_cast<int64_t>(value);
}

std::vector<int64_t> DictionaryState::integers(const std::string& key) const {
  const at::Tensor& t = m_tensors.at(key);
  if (t.dim() != 1 || !at::isIntegralType(t.scalar_type(), false)) {
    throw Error(ErrorCode::Mismatch, "expected a list of whole numbers", where(key));
  }
  const at::Tensor values = t.to(at::kLong).contiguous();
  const int64_t* data = values.const_data_ptr<int64_t>();
  return {data, data + values.numel()};
}

void checkWeight(const at::Tensor& tensor, const std::vector<int64_t>& shape, const char* name, const std::string& where) {
  if (!tensor.defined() || tensor.sizes() != at::IntArrayRef(shape)) {
    std::ostringstream text;
    text << "expected " << name << " of shape " << at::IntArrayRef(shape) << ", not ";
    if (tensor.defined()) {
      text << tensor.sizes();
    } else {
      text << "nothing";
    }
    throw Error(ErrorCode::Mismatch, text.str(), where);
  }
  if (!at::isfinite(tensor).all().item<bool>()) {
    throw Error(ErrorCode::Corrupt, std::string(name) + " holds values that are NaN or infinite", where);
  }
}

void checkEncoder(const at::Tensor& encoder, int64_t latents, const std::string& where) {
  if (!encoder.defined() || encoder.dim() != 2 || encoder.numel() == 0) {
    throw Error(ErrorCode::Mismatch, "expected an encoder matrix with at least one activation and one latent", where);
  }
  if (latents > std::numeric_limits<int32_t>::max()) {
    throw Error(ErrorCode::Unsupported, "more latents than a 32-bit number counts", where);
  }
}

}  // namespace sememe
