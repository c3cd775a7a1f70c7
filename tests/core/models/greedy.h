// The plainest generation, for the tests: the likeliest token, again and again; and prompts of different lengths in a
// batch.
#pragma once

#include <algorithm>
#include <vector>

#include "core/models/llama.h"

namespace sememe::test {

struct Batch {
  at::Tensor embeds;             // [N, T, hidden], shorter prompts padded on the left
  std::vector<int64_t> padding;  // of each row
};

// prompts: [1, T_i, hidden].
inline Batch padLeft(const std::vector<at::Tensor>& prompts) {
  int64_t longest = 0;
  for (const at::Tensor& p : prompts) longest = std::max(longest, p.size(1));
  Batch batch;
  std::vector<at::Tensor> rows;
  for (const at::Tensor& p : prompts) {
    batch.padding.push_back(longest - p.size(1));
    rows.push_back(at::constant_pad_nd(p, {0, 0, batch.padding.back(), 0}, 0));
  }
  batch.embeds = at::cat(rows);
  return batch;
}

// The `count` tokens [N, count] after what the cache holds and `embeds` [N, T, hidden].
inline at::Tensor greedy(const LlamaImpl& llama, at::Tensor embeds, int64_t count, KvCache& cache) {
  std::vector<at::Tensor> found;
  for (int64_t i = 0; i < count; ++i) {
    const at::Tensor states = llama.forward(embeds, &cache);
    found.push_back(llama.logits(states.select(1, states.size(1) - 1)).argmax(-1, true));
    embeds = llama.embed(found.back());
  }
  return at::cat(found, 1);
}

// The same without a cache, one prompt [1, T, hidden] at a time.
inline at::Tensor greedyAnew(const LlamaImpl& llama, at::Tensor embeds, int64_t count) {
  std::vector<at::Tensor> found;
  for (int64_t i = 0; i < count; ++i) {
    const at::Tensor states = llama.forward(embeds);
    found.push_back(llama.logits(states.select(1, states.size(1) - 1)).argmax(-1, true));
    embeds = at::cat({embeds, llama.embed(found.back())}, 1);
  }
  return at::cat(found, 1);
}

}  // namespace sememe::test
