// What all dictionary types share: rows and axes, sparse codes, decoding, saving, fingerprints.
#include "core/sae/dictionary.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <sstream>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/weights/torch_file.h"

namespace sememe {
namespace {

std::string shapeText(const at::Tensor& t) {
  std::ostringstream text;
  text << t.sizes();
  return text.str();
}

// [..., width] → float32 [rows, width].
at::Tensor asRows(const at::Tensor& t, int64_t width, at::Device device, const char* what) {
  if (!t.defined() || t.dim() < 1 || t.size(-1) != width) {
    throw Error(ErrorCode::Mismatch, std::string("expected ") + what + " whose last axis is " + std::to_string(width),
                t.defined() ? "shape " + shapeText(t) : "no tensor");
  }
  const int64_t rows = t.numel() / std::max<int64_t>(width, 1);
  return t.detach().to(device, at::kFloat).reshape({rows, width});
}

std::vector<int64_t> withLastAxis(const at::Tensor& t, int64_t width) {
  std::vector<int64_t> shape = t.sizes().vec();
  shape.back() = width;
  return shape;
}

}  // namespace

at::Tensor Dictionary::encode(const at::Tensor& x) const {
  at::NoGradGuard noGrad;
  return encodeRows(asRows(x, activationDim(), device(), "activations")).view(withLastAxis(x, dictSize()));
}

SparseCodes Dictionary::encodeSparse(const at::Tensor& x, int64_t blockRows) const {
  at::NoGradGuard noGrad;
  if (blockRows < 1) throw Error(ErrorCode::Invalid, "a block needs at least one row", std::to_string(blockRows));
  if (!x.defined() || x.dim() < 1 || x.size(-1) != activationDim()) asRows(x, activationDim(), device(), "activations");
  const at::Tensor rows = x.detach().reshape({x.numel() / activationDim(), activationDim()});
  const int64_t n = rows.size(0);
  SparseCodesBuilder codes;
  for (int64_t begin = 0; begin < n; begin += blockRows) {
    const int64_t count = std::min(blockRows, n - begin);
    codes.append(encodeRows(asRows(rows.narrow(0, begin, count), activationDim(), device(), "activations")));
  }
  return codes.codes();
}

at::Tensor Dictionary::decode(const at::Tensor& z) const {
  at::NoGradGuard noGrad;
  const at::Tensor rows = asRows(z, dictSize(), device(), "latents");
  return at::addmm(decoderBias(), rows, decoderRows()).view(withLastAxis(z, activationDim()));
}

at::Tensor Dictionary::decodePrefix(const at::Tensor& z, int64_t groups) const {
  at::NoGradGuard noGrad;
  const std::vector<int64_t> sizes = groupSizes();
  if (groups < 0 || groups > static_cast<int64_t>(sizes.size())) {
    throw Error(ErrorCode::Invalid, "there are " + std::to_string(sizes.size()) + " groups", std::to_string(groups));
  }
  int64_t latents = 0;
  for (int64_t i = 0; i < groups; ++i) latents += sizes[static_cast<size_t>(i)];
  const at::Tensor rows = asRows(z, dictSize(), device(), "latents").narrow(1, 0, latents);
  return at::addmm(decoderBias(), rows, decoderRows().narrow(0, 0, latents)).view(withLastAxis(z, activationDim()));
}

at::Tensor Dictionary::decodeSparse(const SparseCodes& z) const {
  at::NoGradGuard noGrad;
  const int64_t n = z.rows();
  if (z.nonZeros() == 0) return decoderBias().unsqueeze(0).repeat({n, 1});
  const at::Tensor columns = z.columns.to(at::kLong);
  if (columns.numel() != z.nonZeros() || columns.min().item<int64_t>() < 0 ||
      columns.max().item<int64_t>() >= dictSize() || z.offsets[n].item<int64_t>() != z.nonZeros()) {
    throw Error(ErrorCode::Mismatch, "expected sparse codes of " + std::to_string(dictSize()) + " latents");
  }
  const at::Tensor sums = std::get<0>(at::embedding_bag(
      decoderRows(), columns.to(device()), z.offsets.to(device()), /*scale_grad_by_freq=*/false, /*mode: sum*/ 0,
      /*sparse=*/false, z.values.to(device()), /*include_last_offset=*/true));
  return sums + decoderBias();
}

void Dictionary::save(const std::filesystem::path& path) const { writeTorchFile(path, stateDictValue(stateDict())); }

std::string Dictionary::fingerprint() const {
  constexpr size_t whole = size_t{1} << 20, part = size_t{256} << 10;
  Fingerprint fingerprint;
  fingerprint.add(saeTypeInfo(type()).name);
  for (const auto& [name, tensor] : stateDict()) {
    const at::Tensor flat = tensor.contiguous();
    const std::string_view bytes(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes());
    fingerprint.add(name).add(static_cast<int64_t>(bytes.size()));
    if (bytes.size() <= whole) {
      fingerprint.add(bytes);
    } else {
      fingerprint.add(bytes.substr(0, part)).add(bytes.substr(bytes.size() / 2, part));
      fingerprint.add(bytes.substr(bytes.size() - part));
    }
  }
  return fingerprint.hex();
}

}  // namespace sememe
