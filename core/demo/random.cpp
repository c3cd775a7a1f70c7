// The demo world's random numbers: xoshiro256** and the few distributions that the world needs.
#include "core/demo/random.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace sememe {

namespace {

uint64_t splitMix(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

WorldRandom::WorldRandom(uint64_t seed, uint64_t stream) {
  uint64_t state = seed;
  state = splitMix(state) ^ (stream * 0xd1342543de82ef95ULL + 1);
  for (uint64_t& word : m_state) word = splitMix(state);
}

uint64_t WorldRandom::next() {
  const uint64_t result = std::rotl(m_state[1] * 5, 7) * 9;
  const uint64_t t = m_state[1] << 17;
  m_state[2] ^= m_state[0];
  m_state[3] ^= m_state[1];
  m_state[1] ^= m_state[2];
  m_state[0] ^= m_state[3];
  m_state[2] ^= t;
  m_state[3] = std::rotl(m_state[3], 45);
  return result;
}

double WorldRandom::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

double WorldRandom::uniform(double low, double high) { return low + (high - low) * uniform(); }

double WorldRandom::normal(double mean, double sigma) {
  const double u = 1.0 - uniform();  // (0, 1]: its logarithm is finite
  const double v = uniform();
  return mean + sigma * std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

int WorldRandom::below(int n) { return static_cast<int>(uniform() * n); }

}  // namespace sememe
