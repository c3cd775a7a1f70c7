// How well a score of neurons agrees with people who said which of two neurons is the more monosemantic.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace sememe {

// How the people's answers are written. Each comes down to -1 (all for y) … 1 (all for x).
enum class AnswerCoding {
  Signs,   // -1, 0, 1
  Binary,  // 0: y, 1: x
  Share,   // share of people for x, 0 … 1
  Mean,    // mean of signs, -1 … 1
  Names,   // "x", "y"
};
const char* answerCodingName(AnswerCoding coding);  // for people: "-1 or 1", …

struct DecodedAnswers {
  AnswerCoding coding = AnswerCoding::Signs;
  std::vector<double> preference;  // -1 … 1, one for each answer
};

// Decides from all answers together. Throws Error (Invalid: none, or answers that are of no coding, naming the first).
DecodedAnswers decodeAnswers(std::span<const std::string> answers);

struct ComparedPair {
  double preference = 0;      // of the people, -1 … 1; 0: undecided
  double x = 0, y = 0;        // what the metric says of the two; NaN: nothing
};

// A share with its 95 % percentile bootstrap interval over the pairs; NaN without a pair.
struct AgreementShare {
  int64_t pairs = 0;
  double share = 0, low = 0, high = 0;
};

struct AgreementInterval {
  double from = 0, to = 0;  // of |x - y|; `to` belongs to the last alone
  AgreementShare agreement;
};

struct Agreement {
  AgreementShare all;
  int64_t undecided = 0;  // pairs left out because people were
  int64_t missing = 0;    // or because the metric has no number for one of the two
  std::vector<AgreementInterval> intervals;
};

// A pair agrees (1) when the metric and the majority prefer the same neuron, counts one half where the metric gives both
// the same number, and 0 otherwise. Intervals are a tenth wide, up to the largest difference; where that is above 1, ten of
// equal width. `resamples` draws by `seed`; the same call gives the same intervals. O(resamples · pairs). Any thread.
// Throws Cancelled.
Agreement agreementWithPeople(std::span<const ComparedPair> pairs, uint64_t seed, int resamples = 10'000, const std::stop_token& stop = {});

}  // namespace sememe
