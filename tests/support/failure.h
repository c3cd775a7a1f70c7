// What a piece of work failed with.
#pragma once

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

}  // namespace sememe
