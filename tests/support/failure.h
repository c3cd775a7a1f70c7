// What a piece of work failed with.
#pragma once

#include <QString>
#include <utility>

#include "core/base/error.h"

namespace sememe {

// The code of the Error that `work` throws; -1 where it throws none.
template <typename Work>
int failure(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return static_cast<int>(error.code());
  }
  return -1;
}

// The same with what it says; an empty text where it throws none.
template <typename Work>
std::pair<ErrorCode, QString> failureText(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return {error.code(), QString::fromUtf8(error.what())};
  }
  return {};
}

}  // namespace sememe
