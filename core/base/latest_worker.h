// A thread with one place for work: the newest request takes it, and nothing queues.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace sememe {

// What a piece of work knows of its request, and how it is asked to end.
struct Turn {
  uint64_t generation = 0;     // of the request: 1, 2, … in the order they were made
  std::stop_token superseded;  // a newer request waits
  std::stop_token abandoned;   // nobody wants what this one does any more; superseded as well
};

// Runs `work` for the newest request. Any thread may call the members, but not from within `work`.
template <typename Request>
class LatestWorker {
 public:
  // Called on the worker's thread, one at a time, with rising generations. Must not throw.
  using Work = std::function<void(const Request&, const Turn&)>;

  explicit LatestWorker(Work work) : m_work(std::move(work)), m_thread([this] { run(); }) {}
  LatestWorker(const LatestWorker&) = delete;
  LatestWorker& operator=(const LatestWorker&) = delete;

  // Abandons what runs and what waits, and waits for the thread.
  ~LatestWorker() {
    std::optional<Place> running;
    {
      const std::lock_guard lock(m_mutex);
      m_closing = true;
      m_waiting.reset();
      running = m_running;
    }
    m_wake.notify_one();
    stop(running, true);
    m_thread.join();
  }

  // Takes the place of a request that waits; the one that runs is superseded, or abandoned too. Returns the request's generation.
  uint64_t submit(Request request, bool abandon = true) {
    std::optional<Place> running;
    uint64_t generation = 0;
    {
      const std::lock_guard lock(m_mutex);
      generation = ++m_generation;
      m_waiting.emplace(Waiting{Place{generation, {}, {}}, std::move(request)});
      running = m_running;
    }
    m_wake.notify_one();
    stop(running, abandon);
    return generation;
  }

  // Drops the request that waits and abandons the one that runs.
  void cancel() {
    std::optional<Place> running;
    {
      const std::lock_guard lock(m_mutex);
      m_waiting.reset();
      running = m_running;
    }
    stop(running, true);
  }

  bool busy() const {
    const std::lock_guard lock(m_mutex);
    return m_waiting || m_running;
  }

 private:
  struct Place {
    uint64_t generation = 0;
    std::stop_source superseded, abandoned;
  };
  struct Waiting {
    Place place;
    Request request;
  };

  // Without the lock: what a stop sets off may ask something of this object.
  static void stop(std::optional<Place>& place, bool abandon) {
    if (!place) return;
    if (abandon) place->abandoned.request_stop();
    place->superseded.request_stop();
  }

  void run() {
    for (;;) {
      std::optional<Waiting> next;
      {
        std::unique_lock lock(m_mutex);
        m_running.reset();
        m_wake.wait(lock, [this] { return m_closing || m_waiting; });
        if (m_closing) return;
        next.swap(m_waiting);
        m_running = next->place;
      }
      m_work(next->request, {next->place.generation, next->place.superseded.get_token(), next->place.abandoned.get_token()});
    }
  }

  const Work m_work;
  mutable std::mutex m_mutex;
  std::condition_variable m_wake;
  uint64_t m_generation = 0;
  bool m_closing = false;
  std::optional<Waiting> m_waiting;
  std::optional<Place> m_running;
  std::thread m_thread;  // the last: it uses the others
};

// A stop that comes at once when the work is abandoned, but only after release() when it is merely superseded: work that a stream
// of newer requests keeps overtaking still gets to its first result each time.
class PatientStop {
 public:
  explicit PatientStop(const Turn& turn)
      : m_turn(turn),
        m_onAbandoned(turn.abandoned, Ask{this, true}),
        m_onSuperseded(turn.superseded, Ask{this, false}) {}
  PatientStop(const PatientStop&) = delete;
  PatientStop& operator=(const PatientStop&) = delete;

  std::stop_token token() const { return m_stop.get_token(); }
  // The thread that works.
  void release() {
    m_released = true;
    if (m_turn.superseded.stop_requested()) m_stop.request_stop();
  }

 private:
  struct Ask {
    PatientStop* self;
    bool atOnce;
    void operator()() const {
      if (atOnce || self->m_released) self->m_stop.request_stop();
    }
  };
  const Turn m_turn;
  std::stop_source m_stop;
  std::atomic<bool> m_released = false;
  std::stop_callback<Ask> m_onAbandoned, m_onSuperseded;
};

}  // namespace sememe
