// Makes the trainer of a type.
#include "core/sae/trainer.h"

#include <ATen/core/grad_mode.h>
#include <cmath>

#include "core/base/error.h"
#include "core/sae/type_functions.h"

namespace sememe {

std::unique_ptr<Trainer> makeTrainer(const TrainParams& params, double normFactor, at::Device device,
                                     const Dictionary* initial) {
  params.check();
  if (!(normFactor > 0) || !std::isfinite(normFactor)) {
    throw Error(ErrorCode::Invalid, "expected a norm factor above zero", std::to_string(normFactor));
  }
  const at::NoGradGuard noGrad;
  return saeTypeInfo(params.type).makeTrainer(params, {normFactor, device, initial});
}

}  // namespace sememe
