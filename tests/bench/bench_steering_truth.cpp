// How often LLaVA's answer becomes what a neuron stands for, by the demo world's ground truth, beside controls:
//   bench_steering_truth [--model DIR] [--sae DIR] [--images N] [--asked N] [--neurons N] [--seed S] [--threads N]
// The world's first N images (seed S) in two halves. On the first half: which neurons have over 70 % of their activation
// mass on one shape, colour, texture or background (the N strongest of each value), and the strength at which most answers
// of one word become that value, on all patches. On the second half: how often they do. Asked are --asked images of a half,
// of those the ones that have the value nowhere. In the same pass:
//   random     a direction of the same norm that points anywhere, at the same strength (three for each neuron)
//   shuffled   the neuron of another value, at the same strength (three for each neuron)
// Suppression: all neurons with over half of their mass on a value are set to 0, or the strongest of them to -20 beside; how
// often the right answer about an image of one object goes. Its controls: as many neurons of another value; and -20 times a
// random direction.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/demo/neuron_concepts.h"
#include "core/demo/questions.h"
#include "core/sae/dictionary.h"
#include "tests/support/control_dictionary.h"
#include "tests/support/demo_answers.h"

namespace {

using namespace sememe;
using test::clamped;

struct Options {
  std::string model = DEMO_RESOURCES "/llava", sae = DEMO_RESOURCES "/sae-patch/trainer_0";
  int64_t images = 4000, asked = 100, neurons = 3;
  uint64_t seed = 7;
  int threads = 1;
};

constexpr std::array<double, 6> kStrengths = {5, 10, 20, 40, 70, 100};
constexpr int64_t kRandom = 64, kControls = 3;
constexpr double kPure = .7, kConcerned = .5, kSilenced = -20;

struct Rate {
  int64_t hits = 0, of = 0;
  void add(bool hit) { hits += hit ? 1 : 0, ++of; }
  double value() const { return of == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(of); }
};

struct Tested {
  int64_t neuron = 0;
  WorldAttribute attribute{};
  int value = 0;
  double share = 0, largest = 0, strength = 0;
  std::array<Rate, kStrengths.size()> chosen;  // on the first half
  Rate steered, random, randomChanged, shuffled;
  std::string_view word() const { return attributeWord(attribute, value); }
};

bool has(const SceneLabels& scene, WorldAttribute attribute, int value) {
  return attributeOf(scene, attribute) == value || (scene.count() == 2 && attributeOf(scene, attribute, 1) == value);
}

std::vector<Tested> pickNeurons(const NeuronConcepts& concepts, WorldAttribute attribute, const Options& options) {
  std::vector<Tested> tested;
  for (int value = 0; value < attributeValues(attribute); ++value) {
    std::vector<int64_t> pure = concepts.of(attribute, value, kPure);
    pure.resize(std::min(pure.size(), static_cast<size_t>(options.neurons)));
    for (const int64_t neuron : pure) tested.push_back({neuron, attribute, value, concepts.share(neuron, attribute, value), concepts.largest(neuron)});
  }
  return tested;
}

TrainingScenes part(const TrainingScenes& all, int64_t first, int64_t count) {
  return {all.pixels.narrow(0, first, count), all.owner.narrow(0, first, count), {all.labels.begin() + first, all.labels.begin() + first + count}};
}

class Bench {
 public:
  explicit Bench(const Options& options)
      : m_options(options),
        m_sae(std::make_shared<test::ControlDictionary>(loadDictionary(options.sae), kRandom, 1)),
        m_answers(options.model, m_sae) {
    const TrainingScenes all = drawTrainingScenes(options.images / 2 + options.asked, options.seed, {}, {});
    m_first = part(all, 0, options.images / 2);
    m_second = part(all, options.images / 2, options.asked);
  }

  void run() {
    const NeuronConcepts concepts(*m_sae, m_answers.patches(m_first, m_first.size()), m_first);
    std::printf("%lld images, %lld asked of each half, seed %llu; token norm %.1f\n", static_cast<long long>(m_options.images),
                static_cast<long long>(m_options.asked), static_cast<unsigned long long>(m_options.seed),
                m_answers.patches(m_first, 100).norm(2, -1).mean().item<double>());
    for (const WorldAttribute attribute : kWorldAttributes) {
      std::vector<Tested> tested = pickNeurons(concepts, attribute, m_options);
      m_answers.setQuestion(oneWordQuestion(attribute));
      choose(tested);
      judge(tested, attribute);
      report(tested, attribute);
      suppress(concepts, attribute);
    }
  }

 private:
  void choose(std::vector<Tested>& tested) {
    for (int64_t i = 0; i < m_options.asked; ++i) {
      const SceneLabels& scene = m_first.labels[static_cast<size_t>(i)];
      m_answers.setScene(m_first, i);
      for (Tested& t : tested) {
        if (has(scene, t.attribute, t.value)) continue;
        for (size_t s = 0; s < kStrengths.size(); ++s) t.chosen[s].add(m_answers.word(clamped(t.neuron, kStrengths[s])) == t.word());
      }
    }
    for (Tested& t : tested) {
      const auto best = std::max_element(t.chosen.begin(), t.chosen.end(), [](const Rate& a, const Rate& b) { return a.value() < b.value(); });
      t.strength = kStrengths[static_cast<size_t>(best - t.chosen.begin())];
    }
  }

  void judge(std::vector<Tested>& tested, WorldAttribute attribute) {
    WorldRandom random(m_options.seed, 1);
    std::vector<std::vector<int64_t>> directions(tested.size()), others(tested.size());
    for (size_t n = 0; n < tested.size(); ++n) {
      for (int64_t c = 0; c < kControls; ++c) directions[n].push_back(m_sae->firstControl() + random.below(static_cast<int>(kRandom)));
      std::vector<int64_t> candidates;
      for (const Tested& t : tested)
        if (t.value != tested[n].value) candidates.push_back(t.neuron);
      for (int64_t c = 0; c < kControls && !candidates.empty(); ++c)
        others[n].push_back(candidates[static_cast<size_t>(random.below(static_cast<int>(candidates.size())))]);
    }
    m_right = m_rightReconstructed = {};
    for (int64_t i = 0; i < m_options.asked; ++i) {
      const SceneLabels& scene = m_second.labels[static_cast<size_t>(i)];
      m_answers.setScene(m_second, i);
      const std::string_view truth = attributeWord(attribute, attributeOf(scene, attribute));
      const std::string usual = m_answers.word(Steering{});
      m_right.add(m_answers.word({}) == truth);
      m_rightReconstructed.add(usual == truth);
      for (size_t n = 0; n < tested.size(); ++n) {
        Tested& t = tested[n];
        if (has(scene, t.attribute, t.value)) continue;
        const double norm = m_sae->decoderRows()[t.neuron].norm().item<double>();
        t.steered.add(m_answers.word(clamped(t.neuron, t.strength)) == t.word());
        for (const int64_t direction : directions[n]) {
          const std::string said = m_answers.word(clamped(direction, t.strength * norm));
          t.random.add(said == t.word());
          t.randomChanged.add(said != usual);
        }
        for (const int64_t other : others[n]) t.shuffled.add(m_answers.word(clamped(other, t.strength)) == t.word());
      }
    }
  }

  void report(const std::vector<Tested>& tested, WorldAttribute attribute) const {
    const int values = attributeValues(attribute);
    std::vector<const Tested*> best(static_cast<size_t>(values));  // of each value, by the first half
    const auto onFirst = [](const Tested& t) { return std::max_element(t.chosen.begin(), t.chosen.end(), [](const Rate& a, const Rate& b) { return a.value() < b.value(); })->value(); };
    Rate steered, random, changed, shuffled;
    const auto sum = [](Rate& all, const Rate& one) { all.hits += one.hits, all.of += one.of; };
    for (const Tested& t : tested) {
      const Tested*& known = best[static_cast<size_t>(t.value)];
      if (!known || onFirst(t) > onFirst(*known)) known = &t;
      sum(steered, t.steered), sum(random, t.random), sum(changed, t.randomChanged), sum(shuffled, t.shuffled);
    }
    Rate bestSteered, bestRandom, bestChanged, bestShuffled;
    int covered = 0, half = 0, nearly = 0;
    for (const Tested* t : best) {
      if (!t) continue;
      ++covered;
      half += t->steered.value() >= .5 ? 1 : 0;
      nearly += t->steered.value() >= .9 ? 1 : 0;
      sum(bestSteered, t->steered), sum(bestRandom, t->random), sum(bestChanged, t->randomChanged), sum(bestShuffled, t->shuffled);
    }
    const std::string name(attributeName(attribute));
    std::printf("\n%s: right answers %.2f, of the reconstruction %.2f; %zu neurons of %d of %d values\n", name.c_str(), m_right.value(),
                m_rightReconstructed.value(), tested.size(), covered, values);
    std::printf("  the answer becomes the neuron's value       steered   random  shuffled   random changes it\n");
    std::printf("    all neurons                                  %.3f    %.3f     %.3f      %.3f\n", steered.value(), random.value(), shuffled.value(), changed.value());
    std::printf("    the best of each value (by the first half)   %.3f    %.3f     %.3f      %.3f\n", bestSteered.value(), bestRandom.value(), bestShuffled.value(), bestChanged.value());
    std::printf("    of the best, in half of the images or more: %d; in 90 %% or more: %d\n", half, nearly);
    std::printf("    neuron  value       share  largest  strength   first half  second  random  shuffled\n");
    for (const Tested& t : tested)
      std::printf("    %6lld%s %-10s  %.2f  %7.1f  %8.0f        %.2f       %.2f    %.2f    %.2f\n", static_cast<long long>(t.neuron),
                  best[static_cast<size_t>(t.value)] == &t ? "*" : " ", std::string(t.word()).c_str(), t.share, t.largest, t.strength,
                  onFirst(t), t.steered.value(), t.random.value(), t.shuffled.value());
  }

  void suppress(const NeuronConcepts& concepts, WorldAttribute attribute) {
    const int values = attributeValues(attribute);
    const auto silence = [](const std::vector<int64_t>& neurons, bool strongest) {
      Steering steering;
      for (size_t n = 0; n < neurons.size(); ++n)
        steering.interventions.push_back({neurons[n], Intervention::Op::Set, strongest && n == 0 ? kSilenced : 0});
      return steering;
    };
    std::vector<std::vector<int64_t>> neurons;
    for (int value = 0; value < values; ++value) neurons.push_back(concepts.of(attribute, value, kConcerned));
    WorldRandom random(m_options.seed, 2);
    Rate zero, below, otherZero, otherBelow, direction;
    for (int64_t i = 0; i < m_options.asked; ++i) {
      const SceneLabels& scene = m_second.labels[static_cast<size_t>(i)];
      const int value = attributeOf(scene, attribute), other = (value + 1 + random.below(values - 1)) % values;
      if (scene.count() != 1 || neurons[static_cast<size_t>(value)].empty() || neurons[static_cast<size_t>(other)].empty()) continue;
      m_answers.setScene(m_second, i);
      const std::string_view truth = attributeWord(attribute, value);
      if (m_answers.word(Steering{}) != truth) continue;
      const auto lost = [&](const Steering& steering) { return m_answers.word(steering) != truth; };
      zero.add(lost(silence(neurons[static_cast<size_t>(value)], false)));
      below.add(lost(silence(neurons[static_cast<size_t>(value)], true)));
      otherZero.add(lost(silence(neurons[static_cast<size_t>(other)], false)));
      otherBelow.add(lost(silence(neurons[static_cast<size_t>(other)], true)));
      direction.add(lost(clamped(m_sae->firstControl() + random.below(static_cast<int>(kRandom)), kSilenced)));
    }
    std::printf("  the right answer goes (%lld images): its neurons 0: %.2f, the strongest -20 too: %.2f; another value's: %.2f, %.2f; "
                "a random direction -20: %.2f\n",
                static_cast<long long>(zero.of), zero.value(), below.value(), otherZero.value(), otherBelow.value(), direction.value());
    std::fflush(stdout);
  }

  Options m_options;
  std::shared_ptr<test::ControlDictionary> m_sae;
  test::DemoAnswers m_answers;
  TrainingScenes m_first, m_second;
  Rate m_right, m_rightReconstructed;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--model") options.model = value;
    else if (name == "--sae") options.sae = value;
    else if (name == "--images") options.images = std::max(200, std::atoi(value.c_str()));
    else if (name == "--asked") options.asked = std::max(1, std::atoi(value.c_str()));
    else if (name == "--neurons") options.neurons = std::max(1, std::atoi(value.c_str()));
    else if (name == "--seed") options.seed = std::strtoull(value.c_str(), nullptr, 10);
    else if (name == "--threads") options.threads = std::max(1, std::atoi(value.c_str()));
    else return std::fprintf(stderr, "unknown option %s\n", name.c_str()), 2;
  }
  options.asked = std::min(options.asked, options.images / 2);
  at::set_num_threads(options.threads);
  try {
    Bench(options).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
