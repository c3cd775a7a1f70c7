// The keys and values of the tokens that a decoder has seen, so that each new one costs one step.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace sememe {

// Room for `capacity` tokens of `batch` rows, allocated once. Not for two threads at a time.
class KvCache {
 public:
  // `options`: device and dtype of the model. Throws Error (Invalid: sizes below 1; no memory for them).
  KvCache(int64_t layers, int64_t batch, int64_t heads, int64_t capacity, int64_t headDim, at::TensorOptions options);

  int64_t batch() const { return m_keys.front().size(0); }
  int64_t capacity() const { return m_keys.front().size(2); }
  int64_t length() const { return m_length; }  // tokens of each row, its padding included

  // How many of each row's first tokens are padding, which nothing attends to and positions do not count: rows of
  // different lengths are padded on the left to end together. On an empty cache, before its first tokens.
  // Throws Error (Invalid: another number of rows, a negative value, a cache that is not empty).
  void setPadding(const std::vector<int64_t>& padding);
  const at::Tensor& padding() const { return m_padding; }  // int64 [batch] on the device; undefined without any

  // Puts a layer's keys and values [batch, heads, T, headDim] behind those there and returns all, views of
  // [batch, heads, length + T, headDim]. They count once advance() says so, after the last layer.
  // Throws Error (Invalid: the capacity does not hold them; Mismatch: another shape).
  std::pair<at::Tensor, at::Tensor> append(int64_t layer, const at::Tensor& keys, const at::Tensor& values);
  void advance(int64_t tokens) { m_length += tokens; }
  // A layer's keys or values of all places, [batch, heads, capacity, headDim]; behind length() they mean nothing, but
  // are finite.
  const at::Tensor& keys(int64_t layer) const { return m_keys.at(size_t(layer)); }
  const at::Tensor& values(int64_t layer) const { return m_values.at(size_t(layer)); }

  // Forgets all but the first `length` tokens of each row. Throws Error (Invalid: more than there are).
  void truncate(int64_t length);
  // Becomes the first `length` tokens of another cache of the same model: all its rows, or its one row for every row
  // here. For a prompt that several rows, or several runs, begin with. Throws Error (Invalid, Mismatch).
  void copyFrom(const KvCache& other, int64_t length);

 private:
  std::vector<at::Tensor> m_keys, m_values;  // of each layer [batch, heads, capacity, headDim]
  at::Tensor m_padding;
  int64_t m_length = 0;
};

}  // namespace sememe
