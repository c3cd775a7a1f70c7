// Devices and threads of the computing.
#include "core/pipeline/device.h"

#include <charconv>

#include "core/base/error.h"
#include "core/pipeline/compute.h"

namespace sememe {

void setComputeThreads(int threads) {
  if (threads > 0) at::set_num_threads(threads);
}

at::Device resolveDevice(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  const int64_t gpus = torch::cuda::is_available() ? int64_t(torch::cuda::device_count()) : 0;
  if (name == "auto") return gpus > 0 ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  int number = 0;
  bool known = name == "cuda";
  if (name.starts_with("cuda:")) {
    const char* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + 5, end, number);
    known = error == std::errc() && rest == end && number >= 0;
  }
  if (!known) throw Error(ErrorCode::Invalid, "there is no device \"" + name + "\"; auto, cpu, cuda or cuda:N were expected");
  if (number >= gpus)
    throw Error(ErrorCode::Invalid, "device " + name + " is not there: this machine and LibTorch offer " +
                                        std::to_string(gpus) + " GPUs");
  return at::Device(at::kCUDA, at::DeviceIndex(number));
}

at::ScalarType resolvePrecision(const std::string& name) {
  if (name == "f32") return at::kFloat;
  if (name == "bf16") return at::kBFloat16;
  if (name == "f16") return at::kHalf;
  throw Error(ErrorCode::Invalid, "there is no precision \"" + name + "\"; f32, bf16 or f16 were expected");
}

}  // namespace sememe
