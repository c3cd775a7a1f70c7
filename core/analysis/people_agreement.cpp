// Agreement of a metric with people.
#include "core/analysis/people_agreement.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <random>

#include "core/base/error.h"
#include "core/base/progress.h"

namespace sememe {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::optional<double> number(const std::string& text) {
  double value = 0;
  const char* begin = text.c_str() + (text.starts_with('+') ? 1 : 0);
  const auto [end, error] = std::from_chars(begin, text.c_str() + text.size(), value);
  if (error != std::errc() || end != text.c_str() + text.size() || !std::isfinite(value)) return {};
  return value;
}

char name(const std::string& text) {
  if (text.size() != 1) return 0;
  const char c = text[0] >= 'A' && text[0] <= 'Z' ? char(text[0] - 'A' + 'a') : text[0];
  return c == 'x' || c == 'y' ? c : char(0);
}

// `outcomes`: 0, ½ or 1 for each pair.
AgreementShare bootstrap(const std::vector<double>& outcomes, uint64_t seed, int resamples, const std::stop_token& stop) {
  AgreementShare result{int64_t(outcomes.size()), kNaN, kNaN, kNaN};
  if (outcomes.empty()) return result;
  double sum = 0;
  for (const double outcome : outcomes) sum += outcome;
  const auto n = double(outcomes.size());
  result.share = sum / n;
  std::mt19937_64 engine(seed);
  std::vector<double> shares(static_cast<size_t>(std::max(resamples, 1)));
  for (double& share : shares) {
    throwIfStopped(stop);
    double drawn = 0;
    // The upper bits times the count: no division, and a bias of less than 2^-32 a pair.
    for (size_t i = 0; i < outcomes.size(); ++i) drawn += outcomes[size_t(((engine() >> 32) * outcomes.size()) >> 32)];
    share = drawn / n;
  }
  std::sort(shares.begin(), shares.end());
  const auto quantile = [&](double q) {
    const double at = q * double(shares.size() - 1);
    const auto before = size_t(at);
    return shares[before] + (at - double(before)) * (shares[std::min(before + 1, shares.size() - 1)] - shares[before]);
  };
  result.low = quantile(0.025);
  result.high = quantile(0.975);
  return result;
}

}  // namespace

const char* answerCodingName(AnswerCoding coding) {
  switch (coding) {
    case AnswerCoding::Signs:
      return "-1 for y, 1 for x";
    case AnswerCoding::Binary:
      return "0 for y, 1 for x";
    case AnswerCoding::Share:
      return "share of people for x";
    case AnswerCoding::Mean:
      return "mean of -1 for y and 1 for x";
    case AnswerCoding::Names:
      return "x or y";
  }
  return "";
}

DecodedAnswers decodeAnswers(std::span<const std::string> answers) {
  if (answers.empty()) throw Error(ErrorCode::Invalid, "there is no answer of people");
  DecodedAnswers decoded;
  if (std::all_of(answers.begin(), answers.end(), [](const std::string& a) { return name(a) != 0; })) {
    decoded.coding = AnswerCoding::Names;
    for (const std::string& answer : answers) decoded.preference.push_back(name(answer) == 'x' ? 1 : -1);
    return decoded;
  }
  bool negative = false, between = false, zero = false;
  for (const std::string& answer : answers) {
    const std::optional<double> value = number(answer);
    if (!value || std::abs(*value) > 1)
      throw Error(ErrorCode::Invalid, "answers are -1 and 1, 0 and 1, shares between them, or x and y", "\"" + answer.substr(0, 40) + "\"");
    decoded.preference.push_back(*value);
    negative |= *value < 0;
    zero |= *value == 0;
    between |= *value != 0 && std::abs(*value) != 1;
  }
  decoded.coding = between ? (negative ? AnswerCoding::Mean : AnswerCoding::Share) : negative || !zero ? AnswerCoding::Signs : AnswerCoding::Binary;
  if (decoded.coding == AnswerCoding::Share || decoded.coding == AnswerCoding::Binary) {
    for (double& value : decoded.preference) value = 2 * value - 1;
  }
  return decoded;
}

Agreement agreementWithPeople(std::span<const ComparedPair> pairs, uint64_t seed, int resamples, const std::stop_token& stop) {
  Agreement result;
  std::vector<double> outcomes, differences;
  for (const ComparedPair& pair : pairs) {
    if (pair.preference == 0) {
      ++result.undecided;
      continue;
    }
    if (!std::isfinite(pair.x) || !std::isfinite(pair.y)) {
      ++result.missing;
      continue;
    }
    outcomes.push_back(pair.x == pair.y ? 0.5 : (pair.x > pair.y) == (pair.preference > 0) ? 1 : 0);
    differences.push_back(std::abs(pair.x - pair.y));
  }
  result.all = bootstrap(outcomes, seed, resamples, stop);
  if (outcomes.empty()) return result;
  const double largest = *std::max_element(differences.begin(), differences.end());
  const double width = largest > 1 ? largest / 10 : 0.1;
  const int count = std::clamp(int(std::ceil(largest / width - 1e-9)), 1, 10);
  std::vector<std::vector<double>> parts(static_cast<size_t>(count));
  for (size_t i = 0; i < outcomes.size(); ++i)
    parts[size_t(std::min(int(differences[i] / width), count - 1))].push_back(outcomes[i]);
  for (int i = 0; i < count; ++i)
    result.intervals.push_back({i * width, (i + 1) * width, bootstrap(parts[size_t(i)], seed + uint64_t(i) + 1, resamples, stop)});
  return result;
}

}  // namespace sememe
