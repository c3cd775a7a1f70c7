// float32 from and to the 16-bit formats that rows are stored in, without LibTorch.
#pragma once

#include <bit>
#include <cstdint>

namespace sememe {

// Exact: every half, with denormals, infinities, and NaN (payload kept).
inline float halfToFloat(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  if (magnitude < 0x0400u) {  // zero and denormals: multiples of 2^-24
    return std::bit_cast<float>(std::bit_cast<uint32_t>(float(magnitude) * 0x1p-24f) | sign);
  }
  const uint32_t exponentShift = magnitude >= 0x7c00u ? (255u - 31u) << 23 : (127u - 15u) << 23;
  return std::bit_cast<float>(((magnitude << 13) + exponentShift) | sign);
}

// To the nearest, ties to even; beyond 65,520 infinity; NaN stays NaN (quiet).
inline uint16_t floatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x47800000u) {  // 2^16 and more
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {
    // Below 2^-14 a half is a multiple of 2^-24, and so is a float in [0.5, 1): the addition rounds.
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - std::bit_cast<uint32_t>(0.5f);
  } else {
    const uint32_t odd = (magnitude >> 13) & 1u;
    half = (magnitude - ((127u - 15u) << 23) + 0xfffu + odd) >> 13;
  }
  return uint16_t(half | sign);
}

inline float bfloat16ToFloat(uint16_t value) { return std::bit_cast<float>(uint32_t(value) << 16); }

// To the nearest, ties to even; NaN stays NaN (quiet).
inline uint16_t floatToBfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return uint16_t((bits >> 16) | 0x40u);
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace sememe
