// How often LLaVA's answer becomes what a neuron stands for, by the demo world's ground truth, beside controls:
//   bench_steering_truth [--model DIR] [--sae DIR] [--images N] [--asked N] [--neurons N] [--seed S] [--threads N]
// The world's first N images (seed S) in two halves. On the first half: the N neurons of the largest contrast for each shape,
// colour, texture and background (NeuronConcepts), the strength at which most answers of one word become that value, on all
// patches, and which neuron of each value is the best. On the second half: how often it does. Asked are --asked images of a
// half, of those the ones that have the value nowhere. In the same pass:
//   random     a direction of the same norm that points anywhere, at the same strength (three of them)
//   shuffled   the best neuron of another value, at the same strength (three of them)
// Captions of the second half's images of one object, with the best neuron of each value at its strength, and at 40: how
// often all of the sentence is as it would be of the steered scene, and how often all but the steered word stays true (a
// random direction's beside).
// Suppression: a value's N neurons are set to 0, or the first of them to -20 beside; how often the right answer about an image
// of one object goes. Its controls: as many neurons of another value; and -20 times a random direction.
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
  int64_t images = 4000, asked = 100, neurons = 4;
  uint64_t seed = 7;
  int threads = 1;
};

constexpr std::array<double, 4> kStrengths = {20, 40, 70, 100};
constexpr int64_t kRandom = 64, kControls = 3;
constexpr double kModerate = 40, kSilenced = -20;

struct Rate {
  int64_t hits = 0, of = 0;
  void add(bool hit) { hits += hit ? 1 : 0, ++of; }
  double value() const { return of == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(of); }
};

struct Tested {
  int64_t neuron = 0;
  WorldAttribute attribute{};
  int value = 0;
  double contrast = 0, largest = 0, strength = 0;
  std::array<Rate, kStrengths.size()> chosen;  // on the first half
  Rate steered, random, randomChanged, shuffled;
  std::string_view word() const { return attributeWord(attribute, value); }
  double onFirst() const {
    const auto less = [](const Rate& a, const Rate& b) { return a.value() < b.value(); };
    return std::max_element(chosen.begin(), chosen.end(), less)->value();
  }
};

bool has(const SceneLabels& scene, WorldAttribute attribute, int value) {
  return attributeOf(scene, attribute) == value || (scene.count() == 2 && attributeOf(scene, attribute, 1) == value);
}

std::vector<Tested> pickNeurons(const NeuronConcepts& concepts, WorldAttribute attribute, const Options& options) {
  std::vector<Tested> tested;
  for (int value = 0; value < attributeValues(attribute); ++value) {
    for (const int64_t neuron : concepts.strongest(attribute, value, options.neurons))
      tested.push_back({neuron, attribute, value, concepts.contrast(neuron, attribute, value), concepts.largest(neuron)});
  }
  return tested;
}

// Of each value the neuron that steered best on the first half; none for a value without a neuron.
std::vector<Tested> bestOfEach(const std::vector<Tested>& tested) {
  std::vector<Tested> best;
  for (const Tested& t : tested) {
    if (best.empty() || best.back().value != t.value) best.push_back(t);
    else if (t.onFirst() > best.back().onFirst()) best.back() = t;
  }
  return best;
}

bool standsFor(const std::vector<Tested>& tested, int64_t neuron, int value) {
  return std::any_of(tested.begin(), tested.end(), [&](const Tested& t) { return t.neuron == neuron && t.value == value; });
}

// A scene of one object in which an attribute has another value.
SceneLabels changed(SceneLabels scene, WorldAttribute attribute, int value) {
  setAttribute(scene, attribute, value);
  return scene;
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
      std::vector<Tested> best = bestOfEach(tested);
      judge(best, tested, attribute);
      report(best, tested, attribute);
      suppress(concepts, attribute);
      describe(best, attribute);
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

  // `tested`: a neuron that was tested for a value is no other value's control for it.
  void judge(std::vector<Tested>& best, const std::vector<Tested>& tested, WorldAttribute attribute) {
    WorldRandom random(m_options.seed, 1);
    std::vector<std::vector<int64_t>> directions(best.size()), others(best.size());
    for (size_t n = 0; n < best.size(); ++n) {
      for (int64_t c = 0; c < kControls; ++c) directions[n].push_back(m_sae->firstControl() + random.below(static_cast<int>(kRandom)));
      std::vector<int64_t> candidates;
      for (const Tested& t : best)
        if (!standsFor(tested, t.neuron, best[n].value)) candidates.push_back(t.neuron);
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
      for (size_t n = 0; n < best.size(); ++n) {
        Tested& t = best[n];
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

  void report(const std::vector<Tested>& best, const std::vector<Tested>& tested, WorldAttribute attribute) const {
    Rate steered, random, changed, shuffled;
    int half = 0, nearly = 0;
    const auto sum = [](Rate& all, const Rate& one) { all.hits += one.hits, all.of += one.of; };
    for (const Tested& t : best) {
      half += t.steered.value() >= .5 ? 1 : 0;
      nearly += t.steered.value() >= .9 ? 1 : 0;
      sum(steered, t.steered), sum(random, t.random), sum(changed, t.randomChanged), sum(shuffled, t.shuffled);
    }
    std::printf("\n%s: right answers %.2f, of the reconstruction %.2f; neurons of %zu of %d values\n",
                std::string(attributeName(attribute)).c_str(), m_right.value(), m_rightReconstructed.value(), best.size(),
                attributeValues(attribute));
    std::printf("  with each value's best neuron the answer becomes its value: %.3f (in half of the images or more: %d values; "
                "in 90 %% or more: %d)\n  random %.3f (some other answer: %.3f), another value's neuron %.3f\n",
                steered.value(), half, nearly, random.value(), changed.value(), shuffled.value());
    std::printf("    neuron  value    contrast  largest   first half at  second  random  shuffled\n");
    for (const Tested& t : tested) {
      std::printf("    %6lld  %-10s  %5.1f  %7.1f         %.2f %4.0f", static_cast<long long>(t.neuron),
                  std::string(t.word()).c_str(), t.contrast, t.largest, t.onFirst(), t.strength);
      for (const Tested& b : best)
        if (b.neuron == t.neuron && b.value == t.value)
          std::printf("    %.2f    %.2f      %.2f", b.steered.value(), b.random.value(), b.shuffled.value());
      std::printf("\n");
    }
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
    for (int value = 0; value < values; ++value) neurons.push_back(concepts.strongest(attribute, value, m_options.neurons));
    WorldRandom random(m_options.seed, 2);
    Rate zero, below, otherZero, otherBelow, direction;
    for (int64_t i = 0; i < m_options.asked; ++i) {
      const SceneLabels& scene = m_second.labels[static_cast<size_t>(i)];
      const int value = attributeOf(scene, attribute), other = (value + 1 + random.below(values - 1)) % values;
      const std::vector<int64_t>&own = neurons[static_cast<size_t>(value)];
      std::vector<int64_t> others = neurons[static_cast<size_t>(other)];
      std::erase_if(others, [&](int64_t neuron) { return std::find(own.begin(), own.end(), neuron) != own.end(); });
      if (scene.count() != 1 || own.empty() || others.empty()) continue;
      m_answers.setScene(m_second, i);
      const std::string_view truth = attributeWord(attribute, value);
      if (m_answers.word(Steering{}) != truth) continue;
      const auto lost = [&](const Steering& steering) { return m_answers.word(steering) != truth; };
      zero.add(lost(silence(own, false)));
      below.add(lost(silence(own, true)));
      otherZero.add(lost(silence(others, false)));
      otherBelow.add(lost(silence(others, true)));
      direction.add(lost(clamped(m_sae->firstControl() + random.below(static_cast<int>(kRandom)), kSilenced)));
    }
    std::printf("  the right answer goes (%lld images): its neurons 0: %.2f, the first -20 too: %.2f; another value's: %.2f, "
                "%.2f; a random direction -20: %.2f\n",
                static_cast<long long>(zero.of), zero.value(), below.value(), otherZero.value(), otherBelow.value(), direction.value());
    std::fflush(stdout);
  }

  void describe(const std::vector<Tested>& best, WorldAttribute attribute) {
    m_answers.setQuestion(std::string(captionQuestion()));
    WorldRandom random(m_options.seed, 3);
    Rate usual, whole, rest, moderateWhole, moderateRest, randomRest;
    for (int64_t i = 0; i < m_options.asked; ++i) {
      const SceneLabels& scene = m_second.labels[static_cast<size_t>(i)];
      if (scene.count() != 1) continue;
      m_answers.setScene(m_second, i);
      usual.add(m_answers.answer(Steering{}) == sceneSentence(scene));
      for (const Tested& t : best) {
        if (has(scene, attribute, t.value)) continue;
        const SceneLabels wanted = changed(scene, attribute, t.value);
        // An object of its background's colour is not of this world.
        if (worldColour(wanted.objects[0][1]) == worldBackground(wanted.background)) continue;
        const auto judged = [&](const Steering& steering, Rate& all, Rate& others) {
          const std::string said = m_answers.answer(steering);
          all.add(said == sceneSentence(wanted));
          bool stays = false;
          for (int value = 0; value < attributeValues(attribute); ++value)
            stays = stays || said == sceneSentence(changed(scene, attribute, value));
          others.add(stays);
        };
        judged(clamped(t.neuron, t.strength), whole, rest);
        judged(clamped(t.neuron, kModerate), moderateWhole, moderateRest);
        Rate never;
        judged(clamped(m_sae->firstControl() + random.below(static_cast<int>(kRandom)), t.strength), never, randomRest);
      }
    }
    std::printf("  captions (%lld): true unsteered %.2f; steered: all as wanted %.2f, all but the steered word true %.2f "
                "(a random direction: %.2f); at %.0f: %.2f, %.2f\n",
                static_cast<long long>(whole.of), usual.value(), whole.value(), rest.value(), randomRest.value(), kModerate,
                moderateWhole.value(), moderateRest.value());
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
