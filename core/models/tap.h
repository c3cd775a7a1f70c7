// The places of a vision tower where activations are read: one name for each, one way to write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sememe {

// Where in an encoder layer (or behind the tower) an activation is read. The names in quotes are those of files,
// commands and the workspace.
enum class TapPoint {
  PostMlpResidual,  // "post_mlp_residual": the layer's output, after the MLP's residual add
  PostMlp,          // "post_mlp": what the MLP adds to the residual stream (DINOv2: after its LayerScale)
  InMlp,            // "in_mlp": what the MLP reads, i.e. the second layer norm's output
  AttentionOutput,  // "attention_output": what attention adds to the residual stream (DINOv2: after its LayerScale)
  PostProjection,   // "post_projection": the image embedding; no layer
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
