// The thread that answers while sliders move, on the golden LLaVA: order, what is kept, what is overtaken, and what it ends with.
#include "core/pipeline/live_steering.h"

#include <QtTest>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "core/base/error.h"
#include "tests/support/golden_llava.h"

using namespace sememe;

namespace {

// All that was told, by whichever thread.
class Ear {
 public:
  LiveSteering::Listener listener() {
    return [this](const LiveEvent& event) {
      const std::lock_guard lock(m_mutex);
      m_events.push_back(event);
      m_changed.notify_all();
      if (m_hook) m_hook(event);
    };
  }
  void setHook(std::function<void(const LiveEvent&)> hook) {
    const std::lock_guard lock(m_mutex);
    m_hook = std::move(hook);
  }
  // Of an ask() or a load(), once it has ended; empty after half a minute.
  std::vector<LiveEvent> all(uint64_t generation, bool loading = false) {
    std::unique_lock lock(m_mutex);
    std::vector<LiveEvent> found;
    m_changed.wait_for(lock, std::chrono::seconds(30), [&] {
      found.clear();
      for (const LiveEvent& e : m_events) {
        if (e.generation == generation && e.loading == loading) found.push_back(e);
      }
      return !found.empty() && ended(found.back());
    });
    return !found.empty() && ended(found.back()) ? found : std::vector<LiveEvent>();
  }
  std::vector<LiveEvent> everything() {
    const std::lock_guard lock(m_mutex);
    return m_events;
  }

 private:
  static bool ended(const LiveEvent& e) {
    return std::holds_alternative<LiveFinished>(e.what) || std::holds_alternative<LiveFailed>(e.what) || std::holds_alternative<LiveLoaded>(e.what);
  }
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::vector<LiveEvent> m_events;
  std::function<void(const LiveEvent&)> m_hook;
};

bool finished(const std::vector<LiveEvent>& events, bool stopped = false) {
  const auto* end = events.empty() ? nullptr : std::get_if<LiveFinished>(&events.back().what);
  return end && end->stopped == stopped;
}

int failedWith(const std::vector<LiveEvent>& events) {
  const auto* failed = events.empty() ? nullptr : std::get_if<LiveFailed>(&events.back().what);
  if (!failed) return -1;
  try {
    std::rethrow_exception(failed->error);
  } catch (const Error& error) {
    return int(error.code());
  } catch (...) {
    return -2;
  }
}

template <typename What>
int count(const std::vector<LiveEvent>& events, Speaker speaker) {
  int n = 0;
  for (const LiveEvent& e : events) {
    const auto* what = std::get_if<What>(&e.what);
    n += what && what->speaker == speaker;
  }
  return n;
}

template <typename What>
int count(const std::vector<LiveEvent>& events) {
  return int(std::count_if(events.begin(), events.end(), [](const LiveEvent& e) { return std::holds_alternative<What>(e.what); }));
}

QString answerOf(const std::vector<LiveEvent>& events, Speaker speaker) {
  for (const LiveEvent& e : events) {
    const auto* answer = std::get_if<LiveAnswer>(&e.what);
    if (answer && answer->speaker == speaker) return QString::fromStdString(answer->spoken.text);
  }
  return QStringLiteral("(none)");
}

}  // namespace

class LiveSteeringTest : public QObject {
  Q_OBJECT

 private:
  GoldenLlava m_llava;
  std::shared_ptr<const Image> m_image;

  SteeringModelParams params() const {
    SteeringModelParams params;
    params.model = m_llava.folder().toStdString();
    params.sae = m_llava.sae().toStdString();
    params.device = "cpu";
    return params;
  }
  LiveWish wish(double value = 30) const {
    LiveWish wish;
    wish.image = m_image;
    wish.question = m_llava.question().toStdString();
    wish.sampling.maxTokens = 12;
    wish.steering.interventions = {{5, Intervention::Op::Set, value}};
    return wish;
  }
  // What a Steerer says that nobody has asked before.
  QString fresh(const LiveWish& wish) const {
    Steerer steerer(loadSteeringModel(params()));
    steerer.setImage(*wish.image);
    steerer.setQuestion(wish.question);
    return QString::fromStdString(steerer.ask(wish.steering, wish.sampling).text);
  }

 private Q_SLOTS:
  void initTestCase() { m_image = std::make_shared<const Image>(decodeImage(m_llava.image().toStdString())); }

  void answersAsTransformersInOrder() {
    Ear ear;
    LiveSteering live(ear.listener());
    const auto loading = ear.all(live.load(params()), true);
    QVERIFY(!loading.empty());
    const auto* loaded = std::get_if<LiveLoaded>(&loading.back().what);
    QVERIFY(loaded);
    QCOMPARE(loaded->tap, std::string("2_post_mlp_residual"));
    QCOMPARE(loaded->sae.neurons, int64_t(64));
    QCOMPARE(loaded->sae.fingerprint.size(), size_t(32));
    QVERIFY(std::holds_alternative<LiveLoading>(loading.front().what));

    const auto events = ear.all(live.ask(wish()));
    QVERIFY(finished(events));
    QCOMPARE(answerOf(events, Speaker::Steered), m_llava.answer("steered"));
    QCOMPARE(answerOf(events, Speaker::Original), m_llava.answer("original"));
    QCOMPARE(answerOf(events, Speaker::Reconstruction), m_llava.answer("reconstruction"));
    // What is to be seen; then each: the first token's chances, the pieces, the whole; one after the other.
    const auto* seen = std::get_if<LiveSeen>(&events[0].what);
    QVERIFY(seen && seen->image == m_image && seen->tokenNorm > 0);
    QCOMPARE(seen->view.width, 28);
    size_t at = 1;
    for (const Speaker speaker : {Speaker::Steered, Speaker::Original, Speaker::Reconstruction}) {
      const auto* first = std::get_if<LiveFirst>(&events[at++].what);
      QVERIFY(first && first->speaker == speaker && first->chances.size() == 12);
      std::string text;
      while (const auto* piece = std::get_if<LiveText>(&events[at].what)) {
        QVERIFY(piece->speaker == speaker);
        text += piece->piece;
        ++at;
      }
      if (speaker == Speaker::Original) {  // now the steered ones can be compared
        const auto* compared = std::get_if<LiveFirst>(&events[at++].what);
        QVERIFY(compared && compared->speaker == Speaker::Steered);
        for (const TokenChance& c : compared->chances) QVERIFY(c.before);
      }
      const auto* answer = std::get_if<LiveAnswer>(&events[at++].what);
      QVERIFY(answer && answer->speaker == speaker);
      QCOMPARE(QString::fromStdString(text).trimmed(), QString::fromStdString(answer->spoken.text));
    }
    QCOMPARE(at + 1, events.size());
  }

  void onlyWhatChangedIsAskedAnew() {
    Ear ear;
    LiveSteering live(ear.listener());
    live.load(params());
    QVERIFY(finished(ear.all(live.ask(wish()))));
    // A slider: the other two are told again and not asked.
    auto events = ear.all(live.ask(wish(-12)));
    QVERIFY(finished(events));
    QCOMPARE(answerOf(events, Speaker::Steered), fresh(wish(-12)));
    QVERIFY(answerOf(events, Speaker::Steered) != m_llava.answer("steered"));
    for (const Speaker speaker : {Speaker::Original, Speaker::Reconstruction}) {
      QCOMPARE(count<LiveFirst>(events, speaker), 0);
      QCOMPARE(count<LiveText>(events, speaker), 0);
      QCOMPARE(count<LiveAnswer>(events, speaker), 1);
    }
    QCOMPARE(answerOf(events, Speaker::Original), m_llava.answer("original"));
    // A question, a way of sampling, an image: all three anew.
    LiveWish other = wish();
    const auto another = std::make_shared<Image>(*m_image);
    std::fill(another->rgb.begin(), another->rgb.begin() + long(another->rgb.size() / 2), uint8_t(200));
    for (int change = 0; change < 3; ++change) {
      if (change == 0) other.question = "what is blue?";
      if (change == 1) other.sampling.maxTokens = 7;
      if (change == 2) other.image = another;
      events = ear.all(live.ask(other));
      QVERIFY(finished(events));
      for (const Speaker speaker : {Speaker::Original, Speaker::Reconstruction}) QCOMPARE(count<LiveFirst>(events, speaker), 1);
      QCOMPARE(count<LiveSeen>(events), change == 2 ? 1 : 0);
      QCOMPARE(answerOf(events, Speaker::Steered), fresh(other));
    }
    // And back, as if nothing had been.
    events = ear.all(live.ask(wish()));
    QCOMPARE(answerOf(events, Speaker::Steered), m_llava.answer("steered"));
    QCOMPARE(answerOf(events, Speaker::Original), m_llava.answer("original"));
  }

  void theFirstTokenAlone() {
    Ear ear;
    LiveSteering live(ear.listener());
    live.load(params());
    LiveWish quiet = wish();
    quiet.speak = false;
    auto events = ear.all(live.ask(quiet));
    QVERIFY(finished(events));
    QCOMPARE(events.size(), size_t(3));
    QCOMPARE(count<LiveFirst>(events, Speaker::Steered), 1);
    const auto chances = std::get<LiveFirst>(events[1].what).chances;
    const QJsonArray expected = m_llava.spoken("steered")[QLatin1String("first")].toArray();
    for (int i = 0; i < 12; ++i) QVERIFY(std::abs(chances[size_t(i)].probability - expected[i].toDouble()) < 1e-4);
    QVERIFY(finished(ear.all(live.ask(wish()))));
    events = ear.all(live.ask(quiet));
    QCOMPARE(count<LiveAnswer>(events, Speaker::Steered), 0);
    QCOMPARE(answerOf(events, Speaker::Original), m_llava.answer("original"));  // known by now
  }

  void aNewerWishOvertakes() {
    Ear ear;
    LiveSteering live(ear.listener());
    live.load(params());
    LiveWish longer = wish();
    longer.sampling.maxTokens = 900;
    for (const bool sameQuestion : {true, false}) {
      LiveWish next = longer;
      next.steering.interventions[0].value = -12;
      next.sampling.maxTokens = sameQuestion ? 900 : 12;
      next.speak = !sameQuestion;
      std::atomic<bool> spoke = false;
      ear.setHook([&](const LiveEvent& e) {
        if (std::holds_alternative<LiveText>(e.what)) spoke = true;
      });
      const uint64_t before = live.ask(longer);
      QTRY_VERIFY_WITH_TIMEOUT(spoke, 30'000);
      const uint64_t after = live.ask(next);
      const auto overtaken = ear.all(before);
      QVERIFY(finished(overtaken, true));
      QCOMPARE(count<LiveAnswer>(overtaken, Speaker::Steered), 0);
      QVERIFY(finished(ear.all(after)));
      if (!sameQuestion) QCOMPARE(answerOf(ear.all(after), Speaker::Steered), fresh(next));
      ear.setHook({});
    }
  }

  // However fast the sliders move: what has its turn comes to its first token.
  void aMovingSliderStillShowsItsFirstTokens() {
    Ear ear;
    LiveSteering live(ear.listener());
    live.load(params());
    QVERIFY(finished(ear.all(live.ask(wish()))));
    uint64_t last = 0;
    for (int i = 0; i < 2000; ++i) {
      LiveWish moved = wish(i * 0.02);
      moved.sampling.maxTokens = 12;
      last = live.ask(moved);
    }
    QVERIFY(finished(ear.all(last)));
    QSet<uint64_t> ended, first;
    for (const LiveEvent& e : ear.everything()) {
      if (e.loading) continue;
      if (std::holds_alternative<LiveFinished>(e.what)) ended.insert(e.generation);
      const auto* f = std::get_if<LiveFirst>(&e.what);
      if (f && f->speaker == Speaker::Steered) first.insert(e.generation);
    }
    QCOMPARE(first, ended);
    QVERIFY(first.size() > 1);
    QCOMPARE(answerOf(ear.all(last), Speaker::Steered), fresh(wish(1999 * 0.02)));
  }

  void stopEndsTheAnswer() {
    Ear ear;
    LiveSteering live(ear.listener());
    live.load(params());
    LiveWish longer = wish();
    longer.sampling.maxTokens = 900;
    std::atomic<int> pieces = 0;
    ear.setHook([&](const LiveEvent& e) { pieces += std::holds_alternative<LiveText>(e.what); });
    const uint64_t asked = live.ask(longer);
    QTRY_VERIFY_WITH_TIMEOUT(pieces > 2, 30'000);
    live.stop();
    QVERIFY(finished(ear.all(asked), true));
    QVERIFY(pieces < 900);
    const auto again = ear.all(live.ask(wish()));  // the model is still there
    QCOMPARE(answerOf(again, Speaker::Steered), m_llava.answer("steered"));
  }

  void saysWhatIsWrongAndGoesOn() {
    Ear ear;
    LiveSteering live(ear.listener());
    QCOMPARE(failedWith(ear.all(live.ask(wish()))), int(ErrorCode::Invalid));  // no model
    SteeringModelParams wrong = params();
    wrong.model = "/nowhere";
    QCOMPARE(failedWith(ear.all(live.load(wrong), true)), int(ErrorCode::NotFound));
    wrong = params();
    wrong.layer = 3;
    QCOMPARE(failedWith(ear.all(live.load(wrong), true)), int(ErrorCode::Invalid));
    QCOMPARE(failedWith(ear.all(live.ask(wish()))), int(ErrorCode::Invalid));
    live.load(params());
    LiveWish bad = wish();
    bad.question = "<image>";
    QCOMPARE(failedWith(ear.all(live.ask(bad))), int(ErrorCode::Invalid));
    bad = wish();
    bad.image.reset();
    QCOMPARE(failedWith(ear.all(live.ask(bad))), int(ErrorCode::Invalid));
    bad = wish();
    bad.image = std::make_shared<Image>();
    QVERIFY(failedWith(ear.all(live.ask(bad))) >= 0);
    bad = wish();
    bad.steering.interventions[0].neuron = 64;
    QVERIFY(failedWith(ear.all(live.ask(bad))) >= 0);
    QCOMPARE(answerOf(ear.all(live.ask(wish())), Speaker::Steered), m_llava.answer("steered"));
    live.unload();
    QCOMPARE(failedWith(ear.all(live.ask(wish()))), int(ErrorCode::Invalid));
  }

  void looksBetweenTheTokens() {
    Ear ear;
    LiveSteering live(ear.listener());
    live.load(params());
    QVERIFY(finished(ear.all(live.ask(wish()))));
    QCOMPARE(count<LiveLooked>(ear.everything()), 0);
    live.look({.patches = {1, 3}, .most = 5, .neuron = 5});  // while nothing is said
    QTRY_COMPARE_WITH_TIMEOUT(count<LiveLooked>(ear.everything()), 1, 30'000);
    LiveWish longer = wish();
    longer.sampling.maxTokens = 900;
    std::atomic<bool> spoke = false;
    ear.setHook([&](const LiveEvent& e) {
      if (std::holds_alternative<LiveText>(e.what)) spoke = true;
    });
    const uint64_t asked = live.ask(longer);
    QTRY_VERIFY_WITH_TIMEOUT(spoke, 30'000);
    live.look({.neuron = 7});
    QTRY_COMPARE_WITH_TIMEOUT(count<LiveLooked>(ear.everything()), 2, 30'000);
    live.stop();
    const auto events = ear.all(asked);
    QVERIFY(finished(events, true));
    std::vector<LiveLooked> looked;
    for (const LiveEvent& e : ear.everything()) {
      if (const auto* l = std::get_if<LiveLooked>(&e.what)) looked.push_back(*l);
    }
    Steerer steerer(loadSteeringModel(params()));
    steerer.setImage(*m_image);
    const std::vector<int> patches{1, 3};
    const auto firing = steerer.firing(patches, 5);
    QCOMPARE(looked[0].firing.size(), firing.size());
    for (size_t i = 0; i < firing.size(); ++i) QCOMPARE(looked[0].firing[i].neuron, firing[i].neuron);
    QCOMPARE(looked[0].activations, steerer.patchActivations(5));
    QCOMPARE(looked[1].activations, steerer.patchActivations(7));
    QCOMPARE(looked[1].firing.size(), steerer.firing({}, 50).size());
    live.look({.patches = {4}});  // there are four
    QTRY_COMPARE_WITH_TIMEOUT(count<LiveFailed>(ear.everything()), 1, 30'000);
  }

  void paintedPatchesAlone() {
    Ear ear;
    LiveSteering live(ear.listener());
    live.load(params());
    LiveWish painted = wish(60);
    painted.painted = {true, false, false, true};
    const auto some = ear.all(live.ask(painted));
    Steerer steerer(loadSteeringModel(params()));
    steerer.setImage(*m_image);
    steerer.setQuestion(painted.question);
    Steering steering = painted.steering;
    steering.mask = steerer.tokenMask(painted.painted);
    QCOMPARE(answerOf(some, Speaker::Steered), QString::fromStdString(steerer.ask(steering, painted.sampling).text));
    QCOMPARE(answerOf(some, Speaker::Original), m_llava.answer("original"));
    painted.painted = {true};
    QCOMPARE(failedWith(ear.all(live.ask(painted))), int(ErrorCode::Mismatch));
  }

  void theLastLoadCounts() {
    Ear ear;
    LiveSteering live(ear.listener());
    SteeringModelParams wrong = params();
    wrong.sae = "/nowhere";
    live.load(params());
    live.load(wrong);
    const uint64_t last = live.load(params());
    const uint64_t asked = live.ask(wish());  // takes the load's place for work, not the load
    QVERIFY(std::holds_alternative<LiveLoaded>(ear.all(last, true).back().what));
    QCOMPARE(answerOf(ear.all(asked), Speaker::Steered), m_llava.answer("steered"));
    live.load(params());  // and ends while one is read
  }

  void manyThreadsEndWithTheLastWish() {
    Ear ear;
    LiveSteering live(ear.listener());
    live.load(params());
    constexpr int kThreads = 4, kWishes = 800;
    const auto another = std::make_shared<Image>(*m_image);
    std::fill(another->rgb.begin(), another->rgb.end(), uint8_t(90));
    std::vector<std::thread> askers;
    for (int t = 0; t < kThreads; ++t) {
      askers.emplace_back([&, t] {
        std::mt19937 random{unsigned(t)};
        for (int i = 0; i < kWishes; ++i) {
          LiveWish w = wish(double(random() % 800) / 10 - 20);
          if (random() % 40 == 0) w.image = another;
          if (random() % 40 == 0) w.question = "what is red?";
          if (random() % 60 == 0) w.sampling.maxTokens = 200;
          w.speak = random() % 3 != 0;
          live.ask(std::move(w));
          if (random() % 200 == 0) live.stop();
          if (random() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 8000));
        }
      });
    }
    for (std::thread& asker : askers) asker.join();
    const auto events = ear.all(live.ask(wish()));
    QVERIFY(finished(events));
    QCOMPARE(answerOf(events, Speaker::Steered), m_llava.answer("steered"));
    QCOMPARE(answerOf(events, Speaker::Original), m_llava.answer("original"));
    QCOMPARE(answerOf(events, Speaker::Reconstruction), m_llava.answer("reconstruction"));
    uint64_t newest = 0;
    // How many come to a word or an answer is the scheduler's affair; each that has its turn ends once, and nothing comes after.
    std::map<uint64_t, bool> ended;
    for (const LiveEvent& e : ear.everything()) {
      if (e.loading) continue;
      QVERIFY(e.generation >= newest);
      newest = e.generation;
      QVERIFY(!ended[e.generation]);
      ended[e.generation] = std::holds_alternative<LiveFinished>(e.what);
      QVERIFY(!std::holds_alternative<LiveFailed>(e.what));
    }
    for (const auto& [generation, whole] : ended) QVERIFY2(whole, qPrintable(QString::number(generation)));
  }
};

QTEST_GUILESS_MAIN(LiveSteeringTest)
#include "live_steering_test.moc"
