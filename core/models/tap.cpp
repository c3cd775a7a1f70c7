// Names and checks of tap points.
#include "core/models/tap.h"

#include <array>
#include <utility>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr std::array<std::pair<TapPoint, std::string_view>, 5> kNames = {{
    {TapPoint::PostMlpResidual, "post_mlp_residual"},
    {TapPoint::PostMlp, "post_mlp"},
    {TapPoint::InMlp, "in_mlp"},
    {TapPoint::AttentionOutput, "attention_output"},
    {TapPoint::PostProjection, "post_projection"},
}};

}  // namespace

std::string_view tapPointName(TapPoint point) {
  for (const auto& [value, name] : kNames)
    if (value == point) return name;
  throw Error(ErrorCode::Invalid, "not a tap point: " + std::to_string(static_cast<int>(point)));
}

TapPoint parseTapPoint(std::string_view name) {
  std::string known;
  for (const auto& [value, text] : kNames) {
    if (text == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  throw Error(ErrorCode::Invalid, "unknown point \"" + std::string(name) + "\", expected one of " + known);
}

std::string tapName(const Tap& tap) {
  return std::to_string(tap.layer) + "_" + std::string(tapPointName(tap.point));
}

void checkTap(const Tap& tap, int64_t layers) {
  if (tap.point == TapPoint::PostProjection) {
    if (tap.layer != -1)
      throw Error(ErrorCode::Invalid, "post_projection has layer -1, not " + std::to_string(tap.layer));
  } else if (tap.layer < 0 || tap.layer >= layers) {
    throw Error(ErrorCode::Invalid, "there is no layer " + std::to_string(tap.layer) + ", expected 0 to " +
                                        std::to_string(layers - 1) + " (or post_projection with layer -1)");
  }
}

}  // namespace sememe
