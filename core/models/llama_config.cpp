// Llama's config.json.
#include "core/base/error.h"
#include "core/models/llama.h"
#include "core/models/weight_loading.h"

namespace sememe {

LlamaConfig readLlamaConfig(const ConfigReader& reader) {
  LlamaConfig c;
  c.vocabSize = reader.integer("vocab_size", c.vocabSize, 1, limits::kVocabulary);
  c.hiddenSize = reader.integer("hidden_size", c.hiddenSize, 1, limits::kHidden);
  c.intermediateSize = reader.integer("intermediate_size", c.intermediateSize, 1, limits::kIntermediate);
  c.layers = reader.integer("num_hidden_layers", c.layers, 1, limits::kLayers);
  c.heads = reader.integer("num_attention_heads", c.heads, 1, limits::kHidden);
  c.kvHeads = reader.integer("num_key_value_heads", c.heads, 1, c.heads);
  if (c.heads % c.kvHeads != 0)
    reader.fail("num_key_value_heads", "a divisor of num_attention_heads " + std::to_string(c.heads));
  if (!reader.has("head_dim") && c.hiddenSize % c.heads != 0)
    reader.fail("num_attention_heads", "a divisor of hidden_size " + std::to_string(c.hiddenSize));
  c.headDim = reader.integer("head_dim", c.hiddenSize / c.heads, 2, limits::kHidden);
  if (c.headDim % 2 != 0) reader.fail("head_dim", "an even number");
  c.maxPositions = reader.integer("max_position_embeddings", c.maxPositions, 1, limits::kPositions);
  c.activation = reader.string("hidden_act", c.activation);
  parseActivation(c.activation);
  c.rmsNormEps = reader.number("rms_norm_eps", c.rmsNormEps, 0, 1);
  c.attentionBias = reader.boolean("attention_bias", c.attentionBias);
  c.mlpBias = reader.boolean("mlp_bias", c.mlpBias);
  c.tied = reader.boolean("tie_word_embeddings", c.tied);
  c.rope = readRopeConfig(reader, c.maxPositions);
  if (reader.isNull("eos_token_id")) c.endTokens.clear();
  c.endTokens = reader.integers("eos_token_id", c.endTokens, INT64_MIN, INT64_MAX);
  return c;
}

}  // namespace sememe
