// The prompt cut at its image.
#include "core/steering/prompt_parts.h"

#include <algorithm>

#include "core/base/error.h"

namespace sememe {
namespace {

at::Tensor row(const std::vector<int64_t>& ids) { return at::tensor(ids, at::kLong).unsqueeze(0); }

}  // namespace

PromptParts splitPrompt(const LlavaImpl& llava, const std::vector<int64_t>& ids) {
  const torch::NoGradGuard guard;
  const std::vector<int64_t> all = llava.expandImageTokens(ids, 1);
  const int64_t image = llava.config().imageToken, each = llava.tokensPerImage();
  const auto first = std::find(all.begin(), all.end(), image);
  if (std::any_of(first, first + each, [&](int64_t id) { return id != image; }))
    throw Error(ErrorCode::Mismatch, "the image's tokens do not stand together in the prompt");
  const std::vector<int64_t> before(all.begin(), first), after(first + each, all.end());
  if (after.empty()) throw Error(ErrorCode::Invalid, "the prompt asks nothing: no token comes after the image");
  const at::Tensor behind = llava.language->embed(row(after));
  return {before.empty() ? behind.narrow(1, 0, 0) : llava.language->embed(row(before)), behind};
}

}  // namespace sememe
