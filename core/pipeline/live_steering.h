// LLaVA answering about one image on a thread of its own, always about the newest wish: for a page whose sliders move. Free of LibTorch.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/base/progress.h"
#include "core/image/image.h"
#include "core/pipeline/steer.h"

namespace sememe {

struct LiveWish {
  std::shared_ptr<const Image> image;  // the same pointer is the same image
  std::string question;
  SamplingOptions sampling;
  Steering steering;          // but for its mask:
  std::vector<bool> painted;  // the patches that are edited, [patches]; empty: the whole image
  bool speak = true;          // false: no answers, only the chances of the steered one's first token
};

// What is to be seen of the image.
struct LiveLook {
  std::vector<int> patches;  // where neurons fire; empty: on the whole image
  int most = 50;             // of them
  int64_t neuron = -1;       // whose activations on the patches; −1: none
};

enum class Speaker { Steered, Original, Reconstruction };

struct LiveLoading { Progress progress; };
struct LiveLoaded {
  std::string tap;  // "22_post_mlp_residual"
  SteeringSae sae;
  PatchGrid grid;
};
struct LiveSeen {  // once for each image, before anything is said of it
  std::shared_ptr<const Image> image;  // the wish's
  Image view;                          // as the model sees it
  double tokenNorm = 0;
};
struct LiveLooked {
  std::shared_ptr<const Image> image;
  LiveLook look;
  std::vector<FiringNeuron> firing;
  std::vector<float> activations;  // of look.neuron, [patches]; empty: of none
};
struct LiveFirst {  // before anything is said; the steered one's again where the original's have come, which they are compared with
  Speaker speaker = Speaker::Steered;
  std::vector<TokenChance> chances;
};
struct LiveText {  // a piece; all of them join to the answer
  Speaker speaker = Speaker::Steered;
  std::string piece;
};
struct LiveAnswer {
  Speaker speaker = Speaker::Steered;
  SpokenAnswer spoken;
};
struct LiveFinished { bool stopped = false; };         // by a newer wish, or by stop()
struct LiveFailed { std::exception_ptr error; };       // of Error, or another std::exception

struct LiveEvent {
  uint64_t generation = 0;  // what load() or ask() returned, whose numbers have nothing to do with each other; 0: of a look()
  bool loading = false;     // of a load(): LiveLoading …, then LiveLoaded, LiveFailed or LiveFinished (stopped)
  std::variant<LiveLoading, LiveLoaded, LiveSeen, LiveLooked, LiveFirst, LiveText, LiveAnswer, LiveFinished, LiveFailed> what;
};

// The steered answer comes first, its first token before all; then, where the wish speaks, the original's and the
// reconstruction's, which are kept as long as image, question and sampling stay, and told again with each wish. A wish that
// differs from the one before in steering alone lets that one come to its first token before it takes its place; any other
// stops it within a token's time. Each wish ends with LiveFinished or LiveFailed, but for those that never had their turn.
// Members may be called from any thread, but not from within the callback.
class LiveSteering {
 public:
  // Called on the object's own thread; quick, and must not throw.
  using Listener = std::function<void(const LiveEvent&)>;

  explicit LiveSteering(Listener listener);
  ~LiveSteering();  // stops everything and waits for the thread
  LiveSteering(const LiveSteering&) = delete;
  LiveSteering& operator=(const LiveSteering&) = delete;

  // Takes the place of the model that is there or being loaded. Fails as loadSteeringModel().
  uint64_t load(const SteeringModelParams& params);
  void unload();    // also stops a load

  // About the model that was loaded last, once it is there. Fails as Steerer::setImage(), setQuestion() and ask(); Invalid without one.
  uint64_t ask(LiveWish wish);
  void stop();  // what is being said; a load goes on
  // Answered with LiveLooked, between the tokens of what is being said; a newer look takes the place of one that waits. Without an
  // image there is nothing to see, and nothing comes. Fails as Steerer::firing() and patchActivations().
  void look(LiveLook look);

 private:
  struct Parts;
  std::unique_ptr<Parts> m_parts;
};

}  // namespace sememe
