// Fuzz target: a file of torch.save, every value and tensor of which is read.
#include <cstdint>

#include "core/base/error.h"
#include "core/weights/torch_file.h"
#include "tests/fuzz/memory_file.h"

using namespace sememe;

namespace {

constexpr int64_t kMaxElements = 1 << 20;  // an expanded view may have any number of them

// Values may share sub-trees, so a small file can be a huge tree: `budget` bounds the visit.
void touch(const PickleValue& value, int& budget) {
  if (--budget < 0) return;
  switch (value.kind()) {
    case PickleValue::Kind::Tensor:
      if (value.asTensor().numel() <= kMaxElements) value.asTensor().clone();
      break;
    case PickleValue::Kind::List:
    case PickleValue::Kind::Tuple:
      for (const PickleValue& item : value.asItems()) touch(item, budget);
      break;
    case PickleValue::Kind::Dict:
      for (const auto& [key, item] : value.asPairs()) {
        touch(key, budget);
        touch(item, budget);
      }
      break;
    case PickleValue::Kind::Opaque:
      for (const PickleValue& item : value.asOpaque().arguments) touch(item, budget);
      for (const auto& [key, item] : value.asOpaque().items) {
        touch(key, budget);
        touch(item, budget);
      }
      if (value.asOpaque().state) touch(*value.asOpaque().state, budget);
      break;
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const test::MemoryFile file(data, size);
  try {
    int budget = 10000;
    touch(readTorchFile(file.path()), budget);
  } catch (const Error&) {
  }
  return 0;
}
