// What the tests of steering share: the golden models with their SAEs, and requests in short.
#pragma once

#include <utility>
#include <vector>

#include "core/steering/steering_session.h"
#include "tests/core/models/golden.h"

namespace sememe::test {

inline std::filesystem::path steeringFolder() { return std::filesystem::path(GOLDEN_DIR) / "steering"; }

inline std::vector<int64_t> numbers(const at::Tensor& ids) {
  return {ids.const_data_ptr<int64_t>(), ids.const_data_ptr<int64_t>() + ids.numel()};
}

struct Case {
  std::shared_ptr<const SafetensorsFile> expected;
  Llava llava;
  std::shared_ptr<const Dictionary> sae;
  Tap tap;

  explicit Case(const std::string& name)
      : expected(SafetensorsFile::open(steeringFolder() / (name + ".safetensors"))),
        llava(loadLlava(goldenFolder(name))),
        sae(loadDictionary(steeringFolder() / (name + "_sae"))),
        tap{TapPoint::PostMlpResidual, name == "llava" ? 2 : 1} {}

  SteeringSession session() const {
    SteeringSession session(llava, sae, tap);
    session.setImage(expected->tensor("pixels"));
    session.setPrompt(numbers(expected->tensor("ids").clone()));
    return session;
  }
};

inline SamplingOptions tokens(int count) {
  SamplingOptions options;
  options.maxTokens = count;
  return options;
}

inline Steering set(std::vector<Intervention> interventions) {
  Steering steering;
  steering.interventions = std::move(interventions);
  return steering;
}

}  // namespace sememe::test
