// The thread that answers: what is kept between wishes, and in which order they are answered.
#include "core/pipeline/live_steering.h"

#include <mutex>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/latest_worker.h"

namespace sememe {
namespace {

// A model that was asked for. It has a stop of its own: a wish that takes the thread's place for work is not to break off a load.
struct Load {
  uint64_t generation = 0;
  SteeringModelParams params;
  std::stop_source stop;
};

struct Request {
  std::shared_ptr<Load> load;  // null: no model
  std::optional<LiveWish> wish;
};

bool sameButSteering(const LiveWish& a, const LiveWish& b) { return a.image == b.image && a.question == b.question && a.sampling == b.sampling; }

}  // namespace

struct LiveSteering::Parts {
  explicit Parts(Listener heard) : listener(std::move(heard)), worker([this](const Request& request, const Turn& turn) { work(request, turn); }) {}
  ~Parts() {
    if (load) load->stop.request_stop();
  }

  void work(const Request& request, const Turn& turn);
  void answerWish(const LiveWish& wish, const Turn& turn);
  void serveLook();
  void loadModel(const std::shared_ptr<Load>& wanted);
  void answer(const LiveWish& wish, PatientStop& stop, uint64_t generation);
  SpokenAnswer say(Speaker speaker, const std::optional<Steering>& steering, const LiveWish& wish, PatientStop& stop, uint64_t generation);
  template <typename What>
  void tell(uint64_t generation, What what, bool loading = false) const {
    listener(LiveEvent{generation, loading, std::move(what)});
  }

  const Listener listener;

  std::mutex mutex;  // over these
  std::shared_ptr<Load> load;
  uint64_t loads = 0;
  std::optional<LiveWish> asked;
  uint64_t pending = 0;  // the newest wish's generation until it has ended; 0: none
  std::optional<LiveLook> toLook;

  // The worker thread's alone.
  std::shared_ptr<Load> loaded;
  std::optional<Steerer> steerer;
  std::shared_ptr<const Image> image;
  std::optional<std::string> question;
  SamplingOptions sampling;
  std::optional<SpokenAnswer> original, reconstruction;

  LatestWorker<Request> worker;  // the last: its thread uses the others
};

void LiveSteering::Parts::work(const Request& request, const Turn& turn) {
  if (request.load != loaded) loadModel(request.load);
  if (request.wish) answerWish(*request.wish, turn);
  serveLook();
  // From here on a look() that comes asks for the thread; one that came before is served here.
  {
    const std::lock_guard lock(mutex);
    if (pending == turn.generation) pending = 0;
  }
  serveLook();
}

void LiveSteering::Parts::answerWish(const LiveWish& wish, const Turn& turn) {
  PatientStop stop(turn);
  try {
    if (!steerer) throw Error(ErrorCode::Invalid, "no model is loaded");
    answer(wish, stop, turn.generation);
    tell(turn.generation, LiveFinished{});
  } catch (const Cancelled&) {
    tell(turn.generation, LiveFinished{true});
  } catch (...) {
    tell(turn.generation, LiveFailed{std::current_exception()});
  }
}

void LiveSteering::Parts::serveLook() {
  std::optional<LiveLook> look;
  {
    const std::lock_guard lock(mutex);
    look.swap(toLook);
  }
  if (!look || !steerer || !image) return;
  try {
    LiveLooked looked{image, *look, steerer->firing(look->patches, look->most), {}};
    if (look->neuron >= 0) looked.activations = steerer->patchActivations(look->neuron);
    tell(0, std::move(looked));
  } catch (...) {
    tell(0, LiveFailed{std::current_exception()});
  }
}

void LiveSteering::Parts::loadModel(const std::shared_ptr<Load>& wanted) {
  // What is there goes first: there may not be room for both.
  steerer.reset();
  image.reset();
  question.reset();
  original.reset();
  reconstruction.reset();
  loaded = wanted;
  if (!wanted) return;
  const uint64_t generation = wanted->generation;
  try {
    const auto model = loadSteeringModel(wanted->params, wanted->stop.get_token(), [&](const Progress& p) { tell(generation, LiveLoading{p}, true); });
    throwIfStopped(wanted->stop.get_token());
    steerer.emplace(model);
    tell(generation, LiveLoaded{steeringTap(*model), steeringSae(*model), patchGrid(*model)}, true);
  } catch (const Cancelled&) {
    tell(generation, LiveFinished{true}, true);
  } catch (...) {
    tell(generation, LiveFailed{std::current_exception()}, true);
  }
}

void LiveSteering::Parts::answer(const LiveWish& wish, PatientStop& stop, uint64_t generation) {
  const auto forget = [this] {
    original.reset();
    reconstruction.reset();
  };
  if (!wish.image) throw Error(ErrorCode::Invalid, "there is no image to ask about");
  if (wish.image != image) {
    forget();
    image.reset();  // until it is set: it may fail
    steerer->setImage(*wish.image);
    image = wish.image;
    tell(generation, LiveSeen{image, steerer->modelView(), steerer->tokenNorm()});
    throwIfStopped(stop.token());
  }
  if (wish.question != question) {
    forget();
    question.reset();
    steerer->setQuestion(wish.question);
    question = wish.question;
  }
  if (wish.sampling != sampling) {
    forget();
    sampling = wish.sampling;
  }
  Steering steering = wish.steering;
  steering.mask = steerer->tokenMask(wish.painted);
  SpokenAnswer steered = say(Speaker::Steered, steering, wish, stop, generation);
  if (wish.speak) tell(generation, LiveAnswer{Speaker::Steered, steered});
  for (auto& [speaker, kept] : {std::pair(Speaker::Original, &original), std::pair(Speaker::Reconstruction, &reconstruction)}) {
    if (!*kept) {
      if (!wish.speak) continue;
      *kept = say(speaker, speaker == Speaker::Original ? std::nullopt : std::optional(Steering{}), wish, stop, generation);
      if (speaker == Speaker::Original && !steered.first.empty() && !steered.first.front().before) {
        steerer->fillBefore(steered.first);
        tell(generation, LiveFirst{Speaker::Steered, steered.first});
      }
    }
    tell(generation, LiveAnswer{speaker, **kept});
  }
}

SpokenAnswer LiveSteering::Parts::say(Speaker speaker, const std::optional<Steering>& steering, const LiveWish& wish, PatientStop& stop,
                                      uint64_t generation) {
  SamplingOptions options = wish.sampling;
  if (!wish.speak) options.maxTokens = 0;
  SpeechCallbacks callbacks;
  callbacks.onFirst = [&](const std::vector<TokenChance>& chances) {
    tell(generation, LiveFirst{speaker, chances});
    stop.release();
    serveLook();
  };
  callbacks.onText = [&](const std::string& piece) {
    tell(generation, LiveText{speaker, piece});
    serveLook();
  };
  return steerer->ask(steering, options, callbacks, stop.token());
}

LiveSteering::LiveSteering(Listener listener) : m_parts(new Parts(std::move(listener))) {}
LiveSteering::~LiveSteering() = default;

uint64_t LiveSteering::load(const SteeringModelParams& params) {
  const auto wanted = std::make_shared<Load>();
  wanted->params = params;
  const std::lock_guard lock(m_parts->mutex);
  wanted->generation = ++m_parts->loads;
  if (m_parts->load) m_parts->load->stop.request_stop();
  m_parts->load = wanted;
  m_parts->asked.reset();
  m_parts->pending = 0;
  m_parts->worker.submit({wanted, {}});
  return wanted->generation;
}

void LiveSteering::unload() {
  const std::lock_guard lock(m_parts->mutex);
  if (m_parts->load) m_parts->load->stop.request_stop();
  m_parts->load.reset();
  m_parts->asked.reset();
  m_parts->pending = 0;
  m_parts->worker.submit({});
}

uint64_t LiveSteering::ask(LiveWish wish) {
  const std::lock_guard lock(m_parts->mutex);
  const bool other = !m_parts->asked || !sameButSteering(*m_parts->asked, wish);
  m_parts->asked = wish;
  m_parts->pending = m_parts->worker.submit({m_parts->load, std::move(wish)}, other);
  return m_parts->pending;
}

void LiveSteering::stop() {
  const std::lock_guard lock(m_parts->mutex);
  m_parts->asked.reset();
  m_parts->pending = 0;
  m_parts->worker.submit({m_parts->load, {}});  // with the load, which may be what waited
}

void LiveSteering::look(LiveLook look) {
  const std::lock_guard lock(m_parts->mutex);
  m_parts->toLook = std::move(look);
  if (m_parts->pending == 0) m_parts->worker.submit({m_parts->load, {}});
}

}  // namespace sememe
