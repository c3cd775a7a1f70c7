// How well LLaVA's words fit the neurons that were steered while it spoke: the paper's steering score, kept with the run whose
// neurons they are.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/store/database.h"

namespace sememe {

enum class SteeringTest {
  Steered = 0,     // every image under every neuron, set to `value` on all tokens: the paper's --steer
  Unsteered = 1,   // every image once, LLaVA as it is: the paper's --no-steer
  Suppressed = 2,  // each neuron's own strongest images with it set to `value`: 0, or below, takes away what it says
};

// Cosines of word and mean embedding of the neuron's strongest images, NaN where there is none.
struct SteeringScore {
  double mean = 0, deviation = 0;  // the deviation is the sample's
};

struct SteeredNeuron {
  int64_t neuron = 0;
  double ms = 0;       // when it was scored; NaN where it was not known
  double score = 0;    // mean over its images
  // The same with the same images and target: for Steered LLaVA as it is, for Suppressed the SAE's reconstruction (without
  // an SAE LLaVA as it is). Unsteered: NaN.
  double before = 0;
  // Chance: for Steered what is said under the other neurons, for Suppressed what is said of its images with the next neuron
  // of the list suppressed in its stead. NaN for Unsteered, and where there is one neuron alone.
  double control = 0;
  std::string label;   // said most often, of equals the first in the alphabet
  int64_t labelled = 0, images = 0;  // how often, and of how many
  std::string neuronLabel = {};  // what the workspace calls the neuron; read, never written here
};

// What was asked, and the figures over all words.
struct SteeringScoreSet {
  int64_t id = 0;       // given by the workspace
  int64_t run = 0;      // whose neurons they are
  std::string key;      // of everything that the answers depend on, and the neurons: its identity within the run
  SteeringTest test = SteeringTest::Steered;
  double value = 0;
  bool preZero = false;
  std::string question;
  std::string model, words;  // names: of LLaVA, and of the model that embeds the words
  std::string tap;
  int64_t images = 0, failed = 0;  // that were asked about; that could not be read and were left out
  SteeringScore score, before;     // `before` NaN for Unsteered
  double control = std::numeric_limits<double>::quiet_NaN();
  int64_t neurons = 0;  // given by the workspace
  int64_t created = 0;  // seconds since 1970; given by the workspace
};

// A part of Workspace; same thread. A run that is removed takes its sets with it. Throws Error (NotFound: no such run or
// set; Invalid), and as Database does.
class SteeringScores {
 public:
  explicit SteeringScores(Database& database) : m_database(database) {}

  std::vector<SteeringScoreSet> list() const;                     // newest first
  std::vector<SteeredNeuron> neurons(int64_t set) const;          // by number

  // In place of the set of this run and key, if there is one. Returns its id.
  int64_t save(const SteeringScoreSet& set, const std::vector<SteeredNeuron>& neurons);
  void remove(int64_t set);

 private:
  Database& m_database;
};

}  // namespace sememe
