// The loops over floats that a training step spends its time in. Internal to core/sae.
#pragma once

#include <cstdint>

namespace sememe {

// Pointers do not overlap. Sums are taken in a fixed order on one machine.
void addScaled(float a, const float* x, float* y, int64_t n);          // y += a x
void copyScaled(float a, const float* x, float* y, int64_t n);         // y = a x
float dot(const float* x, const float* y, int64_t n);
double squaredNorm(const float* x, int64_t n);
void addMoments(const float* x, double* sums, double* squares, int64_t n);  // sums += x, squares += x²

// One step of Adam over n parameters. Source: Kingma & Ba (2015), algorithm 1, in the order of operations of torch.optim.
struct AdamStep {
  float beta1 = 0.9F, beta2 = 0.999F, epsilon = 1e-8F;
  float stepSize = 0;  // learning rate / (1 − beta1^t)
  float root = 1;      // sqrt(1 − beta2^t)
  float scale = 1;     // of the gradient
};
void adamUpdate(const AdamStep& step, const float* gradient, float* mean, float* square, float* value, int64_t n);

}  // namespace sememe
