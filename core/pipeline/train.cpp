// Activations → SAE: feeds stored rows to the trainer of core/sae.
#include "core/pipeline/train.h"

#include <torch/torch.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/analysis/code_scores.h"
#include "core/base/error.h"
#include "core/pipeline/device.h"
#include "core/pipeline/good_rows.h"
#include "core/pipeline/trainings.h"
#include "core/sae/train.h"

namespace sememe {

namespace {

// Rows to validate on and, where embeddings were given, those of their images.
struct HeldOutRows {
  std::unique_ptr<GoodRows> rows;
  std::unique_ptr<MsEmbeddings> embeddings;
};

HeldOutRows openHeldOut(const TrainJobParams& params, int64_t dim) {
  HeldOutRows held;
  if (params.validation.empty() && params.holdOut == 0) {
    if (!params.embeddings.empty())
      throw Error(ErrorCode::Invalid, "MS needs rows to validate on: give validation rows or hold a share out", params.embeddings);
    return held;
  }
  if (!params.validation.empty() && params.holdOut != 0)
    throw Error(ErrorCode::Invalid, "validation rows are given: nothing can be held out besides", params.validation);
  const std::string& spec = params.validation.empty() ? params.activations : params.validation;
  const auto embeddings = params.embeddings.empty() ? nullptr : RowInput::open(params.embeddings);
  held.rows = GoodRows::open(spec, HoldOut::ofShare(params.holdOut, params.holdOut > 0),
                             embeddings ? embeddings->failures() : std::vector<FailedImage>());
  if (held.rows->dim() != dim)
    throw Error(ErrorCode::Mismatch,
                "the validation rows have width " + std::to_string(held.rows->dim()) + ", those to train on " + std::to_string(dim), spec);
  if (!embeddings) return held;
  embeddings->requireRowPerImage();
  if (embeddings->rows() != held.rows->imagesOfInput())
    throw Error(ErrorCode::Mismatch,
                "there are embeddings of " + std::to_string(embeddings->rows()) + " images, but rows of " +
                    std::to_string(held.rows->imagesOfInput()),
                params.embeddings);
  // Of all embeddings only these are kept: a million of them weigh gigabytes.
  const std::vector<int64_t> images = held.rows->images();
  at::Tensor kept = at::empty({int64_t(images.size()), embeddings->dim()});
  for (size_t first = 0, last; first < images.size(); first = last) {
    const int64_t begin = images[first], end = std::min(begin + embeddings->pieceRows(), embeddings->rows());
    last = size_t(std::lower_bound(images.begin() + int64_t(first), images.end(), end) - images.begin());
    const std::vector<int64_t> here(images.begin() + int64_t(first), images.begin() + int64_t(last));
    const at::Tensor piece = embeddings->read(begin, here.back() + 1 - begin);
    kept.narrow(0, int64_t(first), int64_t(here.size())).copy_(piece.index_select(0, at::tensor(here, at::kLong) - begin));
  }
  held.embeddings = std::make_unique<MsEmbeddings>(kept);
  return held;
}

TrainSaeParams saeParams(const TrainJobParams& params, int64_t dim, const HeldOutRows& held) {
  TrainSaeParams p;
  p.trainer.type = parseSaeType(params.type);
  p.trainer.activationDim = dim;
  const double latents = params.expansion * double(dim);
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
  p.validation = held.rows.get();
  p.validateEvery = params.validateEvery;
  p.logEvery = params.logEvery;
  p.onPoint = params.onPoint;
  if (held.embeddings) {
    p.score = [&held, latents = p.trainer.dictSize](const SparseCodes& codes) {
      return summarise(monosemanticityOfCodes(codes, latents, *held.embeddings, held.rows->rowsPerImage()));
    };
  }
  // What is finished is never thrown away: it is the result, or it is in the way.
  std::error_code ignored;
  p.resume = params.resume || std::filesystem::exists(params.out / "trainer_0/ae.pt", ignored);
  return p;
}

TrainJobResult jobResult(const TrainSaeResult& trained, const TrainParams& params) {
  TrainJobResult result;
  result.dictionary = trained.dictionary;
  result.fingerprint = trained.fingerprint;
  result.activationDim = params.activationDim;
  result.dictSize = params.dictSize;
  const StepStats& last = trained.last.step;
  result.steps = last.step + 1;
  result.loss = last.loss;
  result.l0 = last.l0;
  result.fve = last.fve;
  result.dead = last.dead;
  result.validation = trained.last.validation;
  result.alreadyDone = trained.alreadyDone;
  return result;
}

}  // namespace

std::vector<TrainJobResult> trainTogether(const std::vector<TrainJobParams>& jobs, std::stop_token stop, const ProgressFn& progress) {
  if (jobs.empty()) throw Error(ErrorCode::Invalid, "there is nothing to train");
  const TrainJobParams& first = jobs.front();
  for (const TrainJobParams& job : jobs) {
    if (job.out.empty()) throw Error(ErrorCode::Invalid, "a folder has to be given for the SAE");
    if (job.activations != first.activations || job.validation != first.validation || job.holdOut != first.holdOut ||
        job.embeddings != first.embeddings || job.seed != first.seed || job.device != first.device)
      throw Error(ErrorCode::Invalid, "SAEs trained in one pass need the same rows, seed and device", job.out.string());
  }
  const auto source = GoodRows::open(first.activations, first.validation.empty() ? HoldOut::ofShare(first.holdOut, false) : HoldOut{});
  const HeldOutRows held = openHeldOut(first, source->dim());
  std::vector<TrainSaeParams> params;
  for (const TrainJobParams& job : jobs) params.push_back(saeParams(job, source->dim(), held));
  const auto rows = shuffledRows(*source, first.seed);
  checkTrainings(params, *rows);
  for (size_t i = 0; i < jobs.size(); ++i) {
    std::error_code ignored;
    if (!params[i].resume || !std::filesystem::exists(jobs[i].out / "job.json", ignored)) writeTrainJob(jobs[i]);
  }
  const std::vector<TrainSaeResult> trained = trainSaes(params, *rows, stop, progress);
  std::vector<TrainJobResult> results;
  for (size_t i = 0; i < jobs.size(); ++i) results.push_back(jobResult(trained[i], params[i].trainer));
  return results;
}

TrainJobResult train(const TrainJobParams& params, std::stop_token stop, const ProgressFn& progress) {
  return trainTogether({params}, stop, progress).front();
}

std::vector<TrainJobParams> sweepJobs(const TrainSweepParams& params) {
  std::vector<TrainJobParams> jobs;
  for (const std::string& type : params.types) {
    const SaeTypeInfo& info = saeTypeInfo(parseSaeType(type));
    for (const int64_t k : info.hasK ? params.ks : std::vector<int64_t>{0}) {
      for (const double expansion : params.expansions) {
        TrainJobParams job = params.base;
        char number[32];
        const auto end = std::to_chars(number, number + sizeof number, expansion).ptr;
        job.type = info.name;
        if (info.hasK) job.k = k;
        job.expansion = expansion;
        job.dictSize = 0;
        job.out = params.base.out / (std::string(info.name) + (info.hasK ? "_" + std::to_string(k) : "") + "_x" + std::string(number, end));
        jobs.push_back(std::move(job));
      }
    }
  }
  return jobs;
}

}  // namespace sememe
