// Names of token selections.
#include <charconv>

#include "core/base/error.h"
#include "core/pipeline/extract.h"

namespace sememe {

TokenSelection TokenSelection::parse(const std::string& text) {
  if (text == "cls") return {Kind::Cls};
  if (text == "mean") return {Kind::Mean};
  if (text == "mean-patches") return {Kind::MeanPatches};
  if (text == "all") return {Kind::All};
  if (text == "patches") return {Kind::Patches};
  if (text.starts_with("random:")) {
    int64_t count = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + 7, end, count);
    if (error == std::errc() && rest == end && count >= 1 && count <= 65536) return {Kind::Random, count};
  }
  throw Error(ErrorCode::Invalid,
              "\"" + text + "\" selects no tokens; cls, mean, mean-patches, all, patches or random:K (K from 1) were expected");
}

std::string TokenSelection::name() const {
  switch (kind) {
    case Kind::Cls: return "cls";
    case Kind::Mean: return "mean";
    case Kind::MeanPatches: return "mean-patches";
    case Kind::All: return "all";
    case Kind::Patches: return "patches";
    case Kind::Random: return "random:" + std::to_string(count);
  }
  return {};
}

}  // namespace sememe
