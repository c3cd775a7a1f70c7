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

namespace sememe {

enum class SteeringTest {
  Steered,     // every image under every neuron, set to `value` on all tokens: the paper's --steer
  Unsteered,   // every image once, LLaVA as it is: the paper's --no-steer
  Suppressed,  // each neuron's own strongest images with it set to `value`: 0, or below, takes away what it says
};

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

// Cosines of word and mean embedding, NaN where there is none.
struct SteeringScore {
  double mean = 0, deviation = 0;  // the deviation is the sample's
};

struct SteeringScoreResult {
  struct Neuron {
    int64_t neuron = 0;
    double ms = 0;       // of the workspace; NaN where it is not known
    double score = 0;    // mean over its images
    // The same with the same images and target: for Steered LLaVA as it is, for Suppressed the SAE's reconstruction (without
    // an SAE LLaVA as it is). Unsteered: NaN.
    double before = 0;
    // Chance: for Steered what is said under the other neurons, for Suppressed what is said of its images with the next neuron
    // of the list suppressed in its stead. NaN for Unsteered, and where there is one neuron alone.
    double control = 0;
    std::string label;   // said most often, of equals the first in the alphabet
    int64_t labelled = 0, images = 0;  // how often, and of how many
  };
  std::vector<Neuron> neurons;
  int64_t images = 0, failed = 0;  // that were asked about; that could not be read and were left out
  SteeringScore score;             // of all words: the paper's two numbers
  SteeringScore before;
  double control = 0;              // over all words
  std::string tap;
  bool alreadyDone = false;        // every answer was there
  std::vector<std::string> files;
};

// Images go by their path's bytes, where the paper's program takes them as the system lists them; that program's files are
// written as it writes them (scores_per_neuron image by image). As there, a word is what stands before the first blank behind
// "ASSISTANT: " in the text of prompt and answer, so an answer that begins without a blank has the label "USER:".
// Suppressed has the neurons' strongest images by rank instead: first the strongest of each neuron, in labels.txt too.
// Every answer is kept as it comes: a call that was stopped or killed goes on, also with more neurons. Neurons without
// strongest images, of runs of a workspace alone, are asked about all the same; they have no score.
// Throws Error as loadSteeringModel(), readNeuronTargets(), embedTexts() and listImageFolder() do (Mismatch: the folder holds
// answers of another set-up; an image folder of another size, for Suppressed), Cancelled.
SteeringScoreResult steeringScore(const SteeringScoreParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

// The lines of steering_scores.csv.
std::string steeringScoresCsv(const SteeringScoreResult& result);

}  // namespace sememe
