// Decoding, one token of each row at a time, as one fixed run of kernels.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/models/llama.h"

namespace sememe {

// What LlamaImpl::forward() and logits() compute of one new token of each row, without a number that the host has to know:
// the token's place lies on the device, attention looks at all of the cache and a mask hides what is not there yet. So
// a GPU's work is recorded once, as a CUDA graph, and launched whole from then on, where launching some five hundred
// kernels one by one takes longer than they run. On other devices the same kernels run one by one.
//
// It reads and fills `cache`, which must outlive it and stay where it is; what else is done with the cache in between
// (a prefill, truncate()) is seen. One thread.
class TokenDecoder {
 public:
  // `language` with joined matrices (LlamaImpl::joinMatrices()) and a cache that it made, its padding set. Throws Error
  // (Invalid: matrices that are not joined; Mismatch: the cache is another device's or model's).
  TokenDecoder(Llama language, KvCache& cache);
  ~TokenDecoder();

  // ids: one token of each row, behind what the cache holds. Logits [N, vocabulary] of what comes next, in the model's
  // dtype on its device; the next call writes over them. Throws Error (Mismatch: another number of ids; Invalid: an id
  // outside the vocabulary, a full cache).
  at::Tensor next(const std::vector<int64_t>& ids);

 private:
  struct Graph;
  void run();

  Llama m_language;
  KvCache& m_cache;
  at::Tensor m_ids;              // int64 [N, 1]
  at::Tensor m_place;            // int64 [1]: where the tokens go in the cache
  at::Tensor m_cosine, m_sine;   // of every place, [capacity, headDim], the sine's first half negative
  at::Tensor m_places;           // int64 [capacity]: 0, 1, …
  at::Tensor m_seen, m_hidden;   // what a mask adds to a score: 0 and −∞
  at::Tensor m_logits;
  std::unique_ptr<Graph> m_graph;
};

}  // namespace sememe
