// Batch top-k and the gradients of one training step, touching only the latents that are not zero.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "core/sae/selection.h"

namespace sememe {

// The weights that are trained, float32. Both matrices have one row per latent: a row is what a non-zero touches.
struct SaeTensors {
  at::Tensor wEncT;  // [F, d], the transpose of W_enc
  at::Tensor bEnc;   // [F]
  at::Tensor wDec;   // [F, d]
  at::Tensor bDec;   // [d]

  std::vector<at::Tensor*> all() { return {&wEncT, &bEnc, &wDec, &bDec}; }
  std::vector<const at::Tensor*> all() const { return {&wEncT, &bEnc, &wDec, &bDec}; }
  SaeTensors clone() const { return {wEncT.clone(), bEnc.clone(), wDec.clone(), bDec.clone()}; }
};

// Forward and backward of the reconstruction loss on one batch.
struct TrainPass {
  std::vector<double> groupLosses;  // mean over rows of the squared error after groups 0 … i
  at::Tensor residual;              // [B, d]: x − the reconstruction from all groups
  SaeTensors gradients;             // of Σ_i groupScales[i] · groupLosses[i]
  at::Tensor fired;                 // bool [F]
  int64_t nonZeros = 0;
  float smallest = 0;               // positive activation kept (by row: the mean over rows that have one); 0 when none is
};

// Memory that is used again in each step.
struct TrainScratch {
  SaeTensors gradients;
  at::Tensor upstream;
};

// centred [B, d] = x − b_dec; pre [B, F] = centred · W_enc + b_enc, of which relu's non-zeros count that the selection
// leaves. groupSizes sums to F; one scale for each group. On the CPU, work and memory traffic follow the non-zeros. The
// pass shares the scratch's tensors until the next step.
TrainPass sparseTrainPass(const SaeTensors& weights, const at::Tensor& centred, const at::Tensor& pre, const Selection& keep,
                          const std::vector<int64_t>& groupSizes, const std::vector<double>& groupScales,
                          TrainScratch& scratch);

// The same by dense products, for devices where those are the quicker way.
TrainPass denseTrainPass(const SaeTensors& weights, const at::Tensor& centred, const at::Tensor& pre, const Selection& keep,
                         const std::vector<int64_t>& groupSizes, const std::vector<double>& groupScales);

// The auxiliary loss: the residual is predicted from the `keep` strongest of the dead latents of each row, and the error
// is taken relative to the residual's variance. Adds `scale` times its gradients to `gradients` and returns the loss
// (0 when it is NaN). `dead`: int64 numbers of at least one latent. The residual is a constant in it.
// Source: Gao et al., "Scaling and evaluating sparse autoencoders" (2024), A.2; as in dictionary_learning.
double auxiliaryPass(const SaeTensors& weights, const at::Tensor& centred, const at::Tensor& pre,
                     const at::Tensor& residual, const at::Tensor& dead, int64_t keep, double scale, SaeTensors& gradients);

// The point with the least sum of distances to the rows of x [B, d], by Weiszfeld's iteration as dictionary_learning
// takes it. Where an iterate falls on a row, which that iteration cannot leave, the iterate is the answer.
at::Tensor geometricMedian(const at::Tensor& x);

}  // namespace sememe
