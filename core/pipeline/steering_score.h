// The paper's score of steering: how well the one word that LLaVA says of an image, while a neuron is clamped, fits the images
// that fire this neuron most. Free of LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/pipeline/steer.h"
#include "core/store/steering_scores.h"

namespace sememe {

struct SteeringScoreParams {
  SteeringModelParams model;  // without an SAE the tower's own neurons are steered: the paper's IdentitySAE
  std::string top;            // the strongest images of every neuron: core/pipeline/neuron_targets.h
  std::string embeddings;     // of the images that `top` counts, by the image tower of `textModel`
  std::filesystem::path textModel;  // a CLIP or SigLIP that embeds the words
  std::filesystem::path images;     // to ask about; Suppressed: the folder that `top` counts
  std::string split;
  int64_t neurons = 0;         // the first so many; 0: all
  std::vector<int64_t> only;   // these instead, in this order
  SteeringTest test = SteeringTest::Steered;
  double value = 100;
  bool preZero = false;
  std::string question = "What is shown in this image? Use exactly one word!";
  int maxTokens = 5;
  int batch = 16;              // questions in one pass
  std::filesystem::path out;   // a folder for labels.txt, scores_per_neuron, metric.txt, steering_scores.csv and answers.jsonl
};

struct SteeringScoreResult {
  SteeringScoreSet set;                // its key, run and id are the workspace's: see below
  std::vector<SteeredNeuron> neurons;  // in the order that they were asked for in
  bool alreadyDone = false;            // every answer was there
  std::vector<std::string> files;      // written
};

// Images go by their path's bytes, where the paper's program takes them as the system lists them; that program's files are
// written as it writes them (scores_per_neuron image by image). As there, a word is what stands before the first blank behind
// "ASSISTANT: " in the text of prompt and answer, so an answer that begins without a blank has the label "USER:"; where the
// model's template has no such role, it is the answer's first word.
// Suppressed has the neurons' strongest images by rank instead: first the strongest of each neuron, in labels.txt too.
// Every answer is kept as it comes: a call that was stopped or killed goes on, also with more neurons. Neurons without
// strongest images, of runs of a workspace alone, are asked about all the same; they have no score.
// Where `top` is a run of a workspace, the scores are kept there too, in place of those of an equal call; set.run and set.id
// say where (otherwise 0).
// Throws Error as loadSteeringModel(), readNeuronTargets(), embedTexts() and listImageFolder() do (Mismatch: the folder holds
// answers of another set-up; an image folder of another size, for Suppressed; `top` is a run of another SAE), Cancelled; as
// Workspace does, with the files written by then.
SteeringScoreResult steeringScore(const SteeringScoreParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

// The lines of steering_scores.csv.
std::string steeringScoresCsv(const std::vector<SteeredNeuron>& neurons);

}  // namespace sememe
