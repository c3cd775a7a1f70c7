// The places of a tower where activations are read and edited: one name for each, one way to write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sememe {

// Where in a layer (or behind the tower) an activation stands. The names in quotes are those of files, commands and the
// workspace. All are as wide as the residual stream but InMlp, which is as wide as the MLP's hidden layer.
enum class TapPoint {
  PostMlpResidual,  // "post_mlp_residual": the layer's output, after the MLP's residual add
  PostMlp,          // "post_mlp": what the MLP adds to the residual stream (DINOv2: after its LayerScale)
  InMlp,            // "in_mlp": the MLP's hidden layer after its activation function, what its last linear map reads
  AttentionOutput,  // "attention_output": what attention adds to the residual stream (DINOv2: after its LayerScale)
  PostProjection,   // "post_projection": the embedding of the image or text; no layer
};

struct Tap {
  TapPoint point = TapPoint::PostMlpResidual;
  int layer = -1;  // 0-based; -1 for PostProjection. PostMlpResidual of layer L is Hugging Face's hidden_states[L + 1]

  bool operator==(const Tap&) const = default;
};

// "post_mlp_residual" and so on.
std::string_view tapPointName(TapPoint point);

// The inverse. Throws Error (Invalid) that lists the names.
TapPoint parseTapPoint(std::string_view name);

// "22_post_mlp_residual", "-1_post_projection": the order of the paper's file names.
std::string tapName(const Tap& tap);

// Throws Error (Invalid) unless the layer is 0 … layers-1 (PostProjection: -1).
void checkTap(const Tap& tap, int64_t layers);

}  // namespace sememe
