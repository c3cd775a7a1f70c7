// Fuzz target: a .npy file, every value of which is read.
#include <cstdint>

#include "core/base/error.h"
#include "core/weights/npy.h"
#include "tests/fuzz/memory_file.h"

using namespace sememe;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const test::MemoryFile file(data, size);
  try {
    readNpy(file.path()).clone();
  } catch (const Error&) {
  }
  return 0;
}
