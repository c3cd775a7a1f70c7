// One token of each row through a Llama, the place a number on the device; on a GPU a CUDA graph.
#include "core/models/token_decoder.h"

#include <limits>
#include <string>

#include "core/base/error.h"

#ifdef SEMEME_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#endif

namespace sememe {
namespace {

// x + product, without a pass of its own where the product can add to x.
at::Tensor addProduct(const at::Tensor& x, const Linear& linear, const at::Tensor& input) {
  if (!x.is_cuda() || linear->steps.defined() || linear->bias.defined()) return linear->forward(input).add_(x);
  const at::Tensor rows = input.reshape({-1, input.size(-1)});
  return at::addmm(x.view({-1, x.size(-1)}), rows, linear->weight.t()).view(x.sizes());
}

}  // namespace

#ifdef SEMEME_CUDA
struct TokenDecoder::Graph {
  at::cuda::CUDAGraph graph;
};
#else
struct TokenDecoder::Graph {};
#endif

TokenDecoder::TokenDecoder(Llama language, KvCache& cache) : m_language(std::move(language)), m_cache(cache) {
  const LlamaConfig& c = m_language->config();
  const at::TensorOptions options = m_language->tokens->weight.options().requires_grad(false);
  if (!m_language->isJoined()) throw Error(ErrorCode::Invalid, "the language model's matrices are not joined");
  const at::Tensor& keys = m_cache.keys(c.layers - 1);
  if (keys.device() != options.device() || keys.scalar_type() != c10::typeMetaToScalarType(options.dtype()) || keys.size(1) != c.kvHeads ||
      keys.size(3) != c.headDim)
    throw Error(ErrorCode::Mismatch, "the cache is another model's");
  const at::TensorOptions integers = options.dtype(at::kLong);
  m_ids = at::zeros({m_cache.batch(), 1}, integers);
  m_place = at::zeros({1}, integers);
  m_places = at::arange(m_cache.capacity(), integers);
  const Rotation rotation = m_language->rotation(m_places.unsqueeze(0));
  const std::vector<at::Tensor> halves = rotation.sine.view({-1, c.headDim}).chunk(2, -1);
  m_cosine = rotation.cosine.view({-1, c.headDim}).contiguous();
  m_sine = at::cat({-halves[0], halves[1]}, -1);
  m_seen = at::zeros({}, options);
  m_hidden = at::full({}, -std::numeric_limits<double>::infinity(), options);
}

TokenDecoder::~TokenDecoder() = default;

void TokenDecoder::run() {
  const LlamaConfig& c = m_language->config();
  const int64_t n = m_ids.size(0), heads = c.heads, kvHeads = c.kvHeads, group = heads / kvHeads, width = c.headDim;
  const at::Tensor& padding = m_cache.padding();
  at::Tensor seen = m_places.unsqueeze(0) <= m_place;  // [1, capacity]
  at::Tensor positions = m_place;
  if (padding.defined()) {
    seen = seen & (m_places.unsqueeze(0) >= padding.unsqueeze(1));
    positions = m_place - padding;
  }
  const at::Tensor mask = at::where(seen, m_seen, m_hidden).view({-1, 1, 1, m_cache.capacity()});
  const at::Tensor cosine = m_cosine.index_select(0, positions).view({-1, 1, 1, width}), sine = m_sine.index_select(0, positions).view({-1, 1, 1, width});

  at::Tensor x = at::embedding(m_language->tokens->weight, m_ids);  // [N, 1, hidden]
  for (int64_t i = 0; i < c.layers; ++i) {
    const LlamaLayerImpl& layer = *m_language->layers[size_t(i)];
    const at::Tensor all = layer.attention->joined->forward(layer.norm1->forward(x)).view({n, 1, heads + 2 * kvHeads, width}).transpose(1, 2);
    const at::Tensor own = all.narrow(1, 0, heads + kvHeads);
    const at::Tensor swapped = at::cat({own.narrow(-1, width / 2, width / 2), own.narrow(-1, 0, width / 2)}, -1);
    const at::Tensor turned = at::addcmul(own * cosine, swapped, sine);
    const at::Tensor &keys = m_cache.keys(i), &values = m_cache.values(i);
    at::Tensor(keys).index_copy_(2, m_place, turned.narrow(1, heads, kvHeads));
    at::Tensor(values).index_copy_(2, m_place, all.narrow(1, heads + kvHeads, kvHeads));
    const at::Tensor query = turned.narrow(1, 0, heads).reshape({n, kvHeads, group, width});
    const at::Tensor mixed = at::scaled_dot_product_attention(query, keys, values, mask.expand({n, kvHeads, group, -1}));
    x = addProduct(x, layer.attention->output, mixed.reshape({n, 1, heads * width}));
    x = addProduct(x, layer.down, layer.inner(layer.norm2->forward(x)));
  }
  m_logits = m_language->logits(m_language->norm->forward(x)).view({n, -1});
}

at::Tensor TokenDecoder::next(const std::vector<int64_t>& ids) {
  const torch::NoGradGuard guard;
  if (int64_t(ids.size()) != m_ids.size(0))
    throw Error(ErrorCode::Mismatch, "there are " + std::to_string(ids.size()) + " tokens for " + std::to_string(m_ids.size(0)) + " rows");
  for (const int64_t id : ids)
    if (id < 0 || id >= m_language->config().vocabSize)
      throw Error(ErrorCode::Invalid, "token " + std::to_string(id) + " is outside the vocabulary of " + std::to_string(m_language->config().vocabSize) + " tokens");
  if (m_cache.length() >= m_cache.capacity()) throw Error(ErrorCode::Invalid, "the cache of " + std::to_string(m_cache.capacity()) + " tokens is full");
#ifdef SEMEME_CUDA
  std::optional<c10::cuda::CUDAGuard> onDevice;
  if (m_ids.is_cuda()) onDevice.emplace(m_ids.device());
#endif
  m_ids.copy_(at::tensor(ids, at::kLong).unsqueeze(1));
  m_place.fill_(m_cache.length());
#ifdef SEMEME_CUDA
  if (m_ids.is_cuda()) {
    if (!m_graph) {
      // Run once before it is recorded, so that the libraries' own set-up is over; it writes the same keys and values twice.
      const auto current = at::cuda::getCurrentCUDAStream();
      const auto stream = at::cuda::getStreamFromPool(false, m_ids.device().index());
      auto graph = std::make_unique<Graph>();
      current.synchronize();
      {
        const c10::cuda::CUDAStreamGuard onStream(stream);
        run();
        stream.synchronize();
        // Other threads may use the GPU meanwhile.
        graph->graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
        run();
        graph->graph.capture_end();
      }
      m_graph = std::move(graph);
    }
    m_graph->graph.replay();
    m_cache.advance(1);
    return m_logits;
  }
#endif
  run();
  m_cache.advance(1);
  return m_logits;
}

}  // namespace sememe
