// Keys and values of the tokens seen so far.
#include "core/models/kv_cache.h"

#include <algorithm>
#include <string>

#include "core/base/error.h"

namespace sememe {

KvCache::KvCache(int64_t layers, int64_t batch, int64_t heads, int64_t capacity, int64_t headDim,
                 at::TensorOptions options) {
  if (std::min({layers, batch, heads, capacity, headDim}) < 1)
    throw Error(ErrorCode::Invalid, "a cache needs at least one layer, row, head and token");
  const int64_t bytes = int64_t(c10::elementSize(c10::typeMetaToScalarType(options.dtype()))) * 2 * layers * batch *
                        heads * capacity * headDim;
  try {
    for (int64_t i = 0; i < layers; ++i) {
      m_keys.push_back(at::zeros({batch, heads, capacity, headDim}, options));
      m_values.push_back(at::zeros({batch, heads, capacity, headDim}, options));
    }
  } catch (const c10::Error&) {
    throw Error(ErrorCode::Invalid, "there is no memory for a cache of " + std::to_string(capacity) + " tokens (" +
                                        std::to_string(bytes >> 20) + " MiB)");
  }
}

void KvCache::setPadding(const std::vector<int64_t>& padding) {
  if (m_length != 0 || int64_t(padding.size()) != batch() ||
      std::any_of(padding.begin(), padding.end(), [](int64_t p) { return p < 0; }))
    throw Error(ErrorCode::Invalid,
                "padding is a number from 0 for each of the " + std::to_string(batch()) + " rows of an empty cache");
  const bool any = std::any_of(padding.begin(), padding.end(), [](int64_t p) { return p > 0; });
  m_padding = any ? at::tensor(padding, at::kLong).to(m_keys.front().device()) : at::Tensor();
}

std::pair<at::Tensor, at::Tensor> KvCache::append(int64_t layer, const at::Tensor& keys, const at::Tensor& values) {
  at::Tensor &allKeys = m_keys.at(size_t(layer)), &allValues = m_values.at(size_t(layer));
  const int64_t tokens = keys.size(2), end = m_length + tokens;
  if (keys.size(0) != batch() || keys.size(1) != allKeys.size(1) || keys.size(3) != allKeys.size(3))
    throw Error(ErrorCode::Mismatch, "the cache is for " + std::to_string(batch()) + " rows of another model or batch");
  if (end > capacity())
    throw Error(ErrorCode::Invalid,
                "the cache holds " + std::to_string(capacity()) + " tokens, not " + std::to_string(end));
  allKeys.narrow(2, m_length, tokens).copy_(keys);
  allValues.narrow(2, m_length, tokens).copy_(values);
  return {allKeys.narrow(2, 0, end), allValues.narrow(2, 0, end)};
}

void KvCache::truncate(int64_t length) {
  if (length < 0 || length > m_length)
    throw Error(ErrorCode::Invalid,
                "the cache has " + std::to_string(m_length) + " tokens, not " + std::to_string(length));
  // Emptied, so that nothing in the cache is ever infinite or NaN: what a TokenDecoder hides it still multiplies by 0.
  for (size_t i = 0; i < m_keys.size() && length < m_length; ++i) {
    m_keys[i].narrow(2, length, m_length - length).zero_();
    m_values[i].narrow(2, length, m_length - length).zero_();
  }
  m_length = length;
}

void KvCache::copyFrom(const KvCache& other, int64_t length) {
  if (length < 0 || length > other.m_length || length > capacity())
    throw Error(ErrorCode::Invalid, "there are not " + std::to_string(length) + " tokens to copy, or no room for them");
  if (other.m_keys.size() != m_keys.size() || (other.batch() != 1 && other.batch() != batch()) ||
      other.m_keys.front().size(1) != m_keys.front().size(1) || other.m_keys.front().size(3) != m_keys.front().size(3))
    throw Error(ErrorCode::Mismatch, "the caches are of different models or batches");
  for (size_t i = 0; i < m_keys.size(); ++i) {
    m_keys[i].narrow(2, 0, length).copy_(other.m_keys[i].narrow(2, 0, length));
    m_values[i].narrow(2, 0, length).copy_(other.m_values[i].narrow(2, 0, length));
  }
  m_padding = other.m_padding.defined() ? other.m_padding.expand({batch()}).contiguous() : at::Tensor();
  m_length = length;
}

}  // namespace sememe
