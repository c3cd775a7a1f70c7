// Fuzz target: a safetensors file, every tensor of which is read.
#include <cstdint>

#include "core/base/error.h"
#include "core/weights/safetensors.h"
#include "tests/fuzz/memory_file.h"

using namespace sememe;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const test::MemoryFile file(data, size);
  try {
    const auto tensors = SafetensorsFile::open(file.path());
    for (const std::string& key : tensors->keys()) {
      try {
        tensors->info(key);
        tensors->tensor(key).clone();
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
