// Activations → SAE: feeds stored rows to the trainer of core/sae.
#include "core/pipeline/train.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/pipeline/device.h"
#include "core/pipeline/good_rows.h"
#include "core/sae/train.h"

namespace sememe {

TrainJobResult train(const TrainJobParams& params, std::stop_token stop, const ProgressFn& progress) {
  if (params.out.empty()) throw Error(ErrorCode::Invalid, "a folder has to be given for the SAE");
  const auto source = openGoodRows(params.activations);
  const auto validation = params.validation.empty() ? nullptr : openGoodRows(params.validation);
  if (validation && validation->dim() != source->dim())
    throw Error(ErrorCode::Mismatch,
                "the validation rows have width " + std::to_string(validation->dim()) + ", those to train on " +
                    std::to_string(source->dim()),
                params.validation);

  TrainSaeParams p;
  p.trainer.type = parseSaeType(params.type);
  p.trainer.activationDim = source->dim();
  const double latents = params.expansion * double(source->dim());
  if (params.dictSize == 0 && !(latents >= 1 && latents <= 1e9))
    throw Error(ErrorCode::Invalid, "an expansion of " + std::to_string(params.expansion) + " gives no dictionary");
  p.trainer.dictSize = params.dictSize > 0 ? params.dictSize : std::llround(latents);
  p.trainer.k = params.k;
  p.trainer.lr = params.lr;
  p.trainer.batch = params.batch;
  p.trainer.steps = params.steps;
  p.trainer.warmup = std::min(params.warmup, std::max<int64_t>(0, params.steps - 1));
  p.trainer.decayStart = params.decayStart;
  p.trainer.auxkAlpha = params.auxkAlpha;
  p.trainer.groupFractions = params.groupFractions;
  p.trainer.l1Penalty = params.l1Penalty;
  p.trainer.sparsityPenalty = params.sparsityPenalty;
  p.trainer.targetL0 = params.targetL0;
  p.trainer.bandwidth = params.bandwidth;
  p.trainer.sparsityWarmup = std::min(params.sparsityWarmup, std::max<int64_t>(0, params.steps - 1));
  p.trainer.seed = params.seed;
  p.trainer.check();
  p.out = params.out;
  p.saveEvery = params.saveEvery;
  p.device = resolveDevice(params.device);
  p.validation = validation.get();
  // What is finished is never thrown away: it is the result, or it is in the way.
  std::error_code ignored;
  p.resume = params.resume || std::filesystem::exists(params.out / "trainer_0/ae.pt", ignored);

  const auto rows = shuffledRows(*source, params.seed);
  const TrainSaeResult trained = trainSae(p, *rows, stop, progress);

  TrainJobResult result;
  result.dictionary = trained.dictionary;
  result.fingerprint = trained.fingerprint;
  result.activationDim = p.trainer.activationDim;
  result.dictSize = p.trainer.dictSize;
  result.steps = trained.last.step + 1;
  result.loss = trained.last.loss;
  result.l0 = trained.last.l0;
  result.fve = trained.last.fve;
  result.dead = trained.last.dead;
  result.validationFve = trained.validation ? trained.validation->fve : std::numeric_limits<double>::quiet_NaN();
  result.validationL0 = trained.validation ? trained.validation->l0 : std::numeric_limits<double>::quiet_NaN();
  result.alreadyDone = trained.alreadyDone;
  return result;
}

}  // namespace sememe
