// Greedy and nucleus sampling.
#include "core/steering/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Tokens that would end a run of n tokens which the answer has already.
std::vector<int64_t> repeating(std::span<const int64_t> answer, int n) {
  std::vector<int64_t> found;
  const size_t before = size_t(n) - 1;
  if (answer.size() < before) return found;
  const auto last = answer.last(before);
  for (size_t i = 0; i + before < answer.size(); ++i)
    if (std::equal(last.begin(), last.end(), answer.begin() + int64_t(i))) found.push_back(answer[i + before]);
  return found;
}

at::Tensor allowed(const at::Tensor& logits, std::span<const int64_t> answer, int noRepeatNgram) {
  at::Tensor values = logits.detach().to(at::kCPU, at::kFloat).contiguous();
  if (noRepeatNgram == 0) return values;
  const std::vector<int64_t> banned = repeating(answer, noRepeatNgram);
  if (banned.empty()) return values;
  return values.index_fill(0, at::tensor(banned, at::kLong), kNever);
}

}  // namespace

void checkSampling(const SamplingOptions& o) {
  const auto refuse = [](const char* what) { throw Error(ErrorCode::Invalid, what); };
  if (o.maxTokens < 0) refuse("the number of tokens must be 0 or more");
  if (!std::isfinite(o.temperature) || o.temperature < 0) refuse("the temperature must be 0 or more");
  if (!(o.topP > 0 && o.topP <= 1)) refuse("top-p must be above 0 and at most 1");
  if (o.noRepeatNgram < 0) refuse("the length of runs that do not repeat must be 0 or more");
}

at::Tensor nextTokenProbabilities(const at::Tensor& logits, std::span<const int64_t> answer, const SamplingOptions& options) {
  const at::Tensor values = allowed(logits, answer, options.noRepeatNgram);
  if (options.temperature == 0) return at::zeros_like(values).index_fill_(0, values.argmax().unsqueeze(0), 1);
  at::Tensor scaled = values / options.temperature;
  if (options.topP < 1) {
    const auto [ascending, order] = at::sort(scaled);
    at::Tensor unlikely = at::softmax(ascending, 0).cumsum(0) <= 1 - options.topP;
    unlikely[-1] = false;
    scaled = scaled.masked_fill(at::empty_like(unlikely).scatter_(0, order, unlikely), kNever);
  }
  return at::softmax(scaled, 0);
}

Sampler::Sampler(const SamplingOptions& options) : m_options(options), m_random(options.seed) { checkSampling(options); }

int64_t Sampler::next(const at::Tensor& logits, std::span<const int64_t> answer) {
  // On the model's device where nothing else is asked for: one number comes back, not the vocabulary.
  if (m_options.temperature == 0 && m_options.noRepeatNgram == 0) return logits.argmax().item<int64_t>();
  const at::Tensor probabilities = nextTokenProbabilities(logits, answer, m_options);
  if (m_options.temperature == 0) return probabilities.argmax().item<int64_t>();
  const at::Tensor sums = probabilities.to(at::kDouble).cumsum(0);
  const auto* first = sums.const_data_ptr<double>();
  const auto* end = first + sums.numel();
  // 53 bits, so that it is the same everywhere; the standard's distributions are not.
  const double drawn = double(m_random() >> 11) * 0x1.0p-53 * end[-1];
  return std::min<int64_t>(std::upper_bound(first, end, drawn) - first, sums.numel() - 1);
}

}  // namespace sememe
