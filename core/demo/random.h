// The demo world's random numbers: the same on every machine and in every standard library.
#pragma once

#include <array>
#include <cstdint>

namespace sememe {

// xoshiro256** seeded through SplitMix64 (Blackman and Vigna). Not for two threads at once.
class WorldRandom {
 public:
  // Streams of different (seed, stream) are independent: one stream per image lets any image be drawn alone.
  explicit WorldRandom(uint64_t seed, uint64_t stream = 0);

  uint64_t next();                           // 64 random bits
  double uniform();                          // [0, 1)
  double uniform(double low, double high);   // [low, high)
  double normal(double mean, double sigma);  // Box-Muller, one value a call
  int below(int n);                          // 0 … n-1; n > 0
  bool chance(double probability) { return uniform() < probability; }

  // The generator's state, so that a training run can go on where it stopped.
  const std::array<uint64_t, 4>& state() const { return m_state; }
  void setState(const std::array<uint64_t, 4>& state) { m_state = state; }

 private:
  std::array<uint64_t, 4> m_state;
};

}  // namespace sememe
