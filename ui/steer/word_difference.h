// Which words of an answer are not in another one, in its order.
#pragma once

#include <QString>
#include <vector>

namespace sememe {

struct TextSpan {
  int start = 0, length = 0;
};

// The words of `text` that are in no longest common run of words with `original`; what stands side by side is one span, the
// blanks between included. Case counts, and punctuation belongs to its word. Words beyond the first 2,000 count as they come.
std::vector<TextSpan> changedWords(const QString& original, const QString& text);

}  // namespace sememe
