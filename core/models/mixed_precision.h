// Matrix products in bfloat16 while a model trains: about half the time on processors and GPUs that have them.
#pragma once

#include <torch/torch.h>

namespace sememe {

// While it lives, this thread's linear maps on `device` compute in bfloat16; weights, gradients of weights, norms,
// attention scores and the residual stream stay float32. Wrap the forward pass (and the loss only where its products
// may be that coarse); run backward() outside. Do not nest.
class MixedPrecision {
 public:
  explicit MixedPrecision(at::DeviceType device = at::kCPU);
  ~MixedPrecision();
  MixedPrecision(const MixedPrecision&) = delete;
  MixedPrecision& operator=(const MixedPrecision&) = delete;

 private:
  at::DeviceType m_device;
  bool m_wasEnabled;
  at::ScalarType m_before;
};

}  // namespace sememe
