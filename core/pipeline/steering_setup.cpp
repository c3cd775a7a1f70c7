// Opening a LLaVA folder and an SAE.
#include "core/pipeline/steering_setup.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/pipeline/device.h"
#include "core/steering/steering_session.h"

namespace sememe {
namespace {

LoadOptions loadOptions(const SteeringModelParams& params) {
  LoadOptions options;
  options.device = resolveDevice(params.device);
  options.dtype = resolvePrecision(params.precision);
  options.eightBits = params.eightBits;
  return options;
}

}  // namespace

std::vector<int64_t> SteeringSetup::promptIds(const std::string& question) const {
  std::vector<int64_t> ids = tokenizer->encode(format.prompt(question));
  if (std::count(ids.begin(), ids.end(), config.imageToken) != 1)
    throw Error(ErrorCode::Mismatch,
                "the tokenizer does not spell " + std::string(PromptFormat::kImage) + " as the model's image token " + std::to_string(config.imageToken));
  return ids;
}

SteeringSetup openSteeringSetup(const SteeringModelParams& params) {
  const LoadOptions options = loadOptions(params);
  auto tokenizer = Tokenizer::load(params.model);
  PromptFormat format = PromptFormat::fromFolder(params.model);
  SteeringSetup setup{nullptr, std::move(tokenizer), std::move(format), readPreprocessConfig(params.model), {}, {}, {}};
  const LoadReport report = checkLlava(params.model, &setup.config);
  setup.tap = defaultSteeringTap(setup.config);
  if (params.layer >= 0) setup.tap.layer = params.layer;
  std::string saeFingerprint;
  if (!params.sae.empty()) {
    std::shared_ptr<Dictionary> sae = loadDictionary(params.sae);
    saeFingerprint = sae->fingerprint();
    sae->to(options.device);
    setup.sae = std::move(sae);
  }
  checkSteering(setup.config, setup.tap, setup.sae ? setup.sae->activationDim() : steeringWidth(setup.config, setup.tap));
  setup.fingerprint = Fingerprint()
                          .add(report.fingerprint)
                          .addFile(params.model / "tokenizer.json")
                          .add(setup.format.format())
                          .add(setup.preprocessing.fingerprint())
                          .add(saeFingerprint)
                          .add(tapName(setup.tap))
                          .add(params.precision)
                          .add(params.eightBits ? "8-bit layers" : "")
                          .hex();
  return setup;
}

Llava loadSteeringWeights(const SteeringModelParams& params, const std::stop_token& stop, const ProgressFn& progress) {
  LoadOptions options = loadOptions(params);
  checkRoom(checkLlava(params.model), options);
  options.stop = stop;
  options.progress = progress;
  return loadLlava(params.model, options);
}

}  // namespace sememe
