// Takes blocks of GGUF's weights apart.
#include "blocks.h"

#include <cstring>

namespace blocks {
namespace {

void unpack_q4_0(const uint8_t* block, int8_t* numbers, float* scales) {
  for (int i = 0; i < 16; i++) {
    numbers[i] = static_cast<int8_t>((block[2 + i] & 15) - 8);
    numbers[i + 16] = static_cast<int8_t>((block[2 + i] >> 4) - 8);
  }
  scales[0] = scales[1] = half(block);
}

void unpack_q8_0(const uint8_t* block, int8_t* numbers, float* scales) {
  std::memcpy(numbers, block + 2, 32);
  scales[0] = scales[1] = half(block);
}

// 128 bytes of low bits, 64 of high bits, 16 scales, and what these are multiplied by.
void unpack_q6_k(const uint8_t* block, int8_t* numbers, float* scales) {
  const uint8_t *low = block, *high = block + 128;
  for (int part = 0; part < 2; part++, low += 64, high += 32)
    for (int i = 0; i < 128; i++) {
      const int nibble = i < 64 ? low[i] & 15 : low[i - 64] >> 4;
      numbers[128 * part + i] = static_cast<int8_t>((nibble | (high[i % 32] >> (i / 32 * 2) & 3) << 4) - 32);
    }
  const auto* each = reinterpret_cast<const int8_t*>(block + 192);
  for (int i = 0; i < 16; i++) scales[i] = half(block + 208) * static_cast<float>(each[i]);
}

}  // namespace

Layout layout(int64_t type) {
  switch (type) {
    case kQ4_0: return {32, 18};
    case kQ8_0: return {32, 34};
    case kQ6_K: return {256, 210};
    default: return {0, 0};
  }
}

void unpack(int64_t type, const uint8_t* block, int8_t* numbers, float* scales) {
  switch (type) {
    case kQ4_0: return unpack_q4_0(block, numbers, scales);
    case kQ8_0: return unpack_q8_0(block, numbers, scales);
    case kQ6_K: return unpack_q6_k(block, numbers, scales);
  }
}

float half(const uint8_t* from) {
  uint16_t bits;
  std::memcpy(&bits, from, sizeof bits);
  const uint32_t sign = (bits & 0x8000u) << 16, rest = bits & 0x7fffu;
  uint32_t told = sign | (rest << 13) + (112u << 23);
  if (rest >= 0x7c00u) told = sign | 0x7f800000u | rest << 13;  // infinite, or no number
  float number;
  if (rest < 0x0400u) {  // too small for a leading one
    number = static_cast<float>(rest) * (1.0f / 16777216.0f);
    return sign ? -number : number;
  }
  std::memcpy(&number, &told, sizeof number);
  return number;
}

}  // namespace blocks
