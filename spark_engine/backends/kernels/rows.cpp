// Rounds rows to 8 bits.
#include <cmath>

#include "processor.h"
#include "tiles.h"

namespace tiles {
namespace {

// Added to a number below 2^22, its last bits hold the number rounded to a whole one, to even from halves.
constexpr float kWholes = 12582912.0f;

inline int32_t bits_of(float number) {
  int32_t told;
  std::memcpy(&told, &number, sizeof told);
  return told;
}

}  // namespace

void Rows::resize(size_t rows, size_t depth) {
  count = rows;
  blocks = depth / kBlock;
  if (values.size() < rows * depth) values.resize(rows * depth);
  if (scales.size() < rows * blocks) {
    scales.resize(rows * blocks);
    sums.resize(rows * blocks);
  }
}

#if SPARK_X86
SPARK_TARGET("avx2")
#endif
void Rows::round(const float* source, size_t first, size_t last) {
  for (size_t at = first * blocks; at < last * blocks; at++) {
    const float* from = source + at * kBlock;
    int8_t* to = values.data() + at * kBlock;
    int32_t largest = 0;  // of the numbers' bits without signs: in their order, and beyond all where one is no number
    for (int i = 0; i < kBlock; i++) largest = std::max(largest, bits_of(from[i]) & 0x7fffffff);
    float scale;
    std::memcpy(&scale, &largest, sizeof scale);
    scale /= 127.0f;
    const bool is_sound = std::isfinite(scale);
    const float inverse = is_sound && scale > 0 ? 1.0f / scale : 0.0f;
    int32_t sum = 0;
    for (int i = 0; i < kBlock; i++) {
      const int32_t value = bits_of((is_sound ? from[i] : 0.0f) * inverse + kWholes) - bits_of(kWholes);
      to[i] = static_cast<int8_t>(value);
      sum -= value;
    }
    scales[at] = is_sound ? scale : NAN;
    sums[at] = sum;
  }
}

}  // namespace tiles
