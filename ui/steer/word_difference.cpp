// The longest common subsequence of two answers' words.
#include "ui/steer/word_difference.h"

#include <algorithm>
#include <cstdint>

namespace sememe {
namespace {

constexpr size_t kMost = 2000;

std::vector<TextSpan> wordsOf(const QString& text) {
  std::vector<TextSpan> words;
  for (int i = 0; i < text.size();) {
    if (text[i].isSpace()) {
      ++i;
      continue;
    }
    const int start = i;
    while (i < text.size() && !text[i].isSpace()) ++i;
    words.push_back({start, i - start});
  }
  return words;
}

}  // namespace

std::vector<TextSpan> changedWords(const QString& original, const QString& text) {
  std::vector<TextSpan> before = wordsOf(original), after = wordsOf(text);
  const auto same = [&](size_t a, size_t b) {
    return QStringView(original).mid(before[a].start, before[a].length) == QStringView(text).mid(after[b].start, after[b].length);
  };
  const size_t n = std::min(before.size(), kMost), m = std::min(after.size(), kMost);
  // common[i][j]: of the words from i and from j on.
  std::vector<std::vector<uint16_t>> common(n + 1, std::vector<uint16_t>(m + 1, 0));
  for (size_t i = n; i-- > 0;) {
    for (size_t j = m; j-- > 0;)
      common[i][j] = same(i, j) ? uint16_t(common[i + 1][j + 1] + 1) : std::max(common[i + 1][j], common[i][j + 1]);
  }
  std::vector<TextSpan> changed;
  const auto add = [&](size_t j, bool adjacent) {
    if (adjacent) changed.back().length = after[j].start + after[j].length - changed.back().start;
    else changed.push_back(after[j]);
  };
  bool adjacent = false;
  size_t i = 0;
  for (size_t j = 0; j < after.size(); ++j) {
    while (j < m && i < n && common[i + 1][j] == common[i][j] && !same(i, j)) ++i;
    const bool kept = j < m && i < n && same(i, j);
    if (kept) ++i;
    else add(j, adjacent);
    adjacent = !kept;
  }
  return changed;
}

}  // namespace sememe
