// Attention: which kernel this processor takes, and which heads of which tokens it computes at a time.
#include "attention.h"

#include <algorithm>

#include "attention_heads.h"
#include "processor.h"

namespace attention {
namespace {

Heads heads_for(size_t size, size_t count) {
#if SPARK_X86
  switch (processor::level()) {
    case processor::kVnni: return heads_by_avx512(size, count);
    case processor::kAvx2: return heads_by_avx2(size, count);
    default: return nullptr;
  }
#else
  return nullptr;
#endif
}

}  // namespace

bool is_supported(size_t size) { return heads_for(size, 1) != nullptr; }

void attend(const Shape& shape, const Sequence& s, size_t kv_head, size_t first, size_t last) {
  const size_t group = shape.heads / shape.kv_heads, row = shape.heads * shape.size;
  const float* keys = s.keys + kv_head * s.pitch * shape.size;
  const float* values = s.values + kv_head * s.pitch * shape.size;
  for (size_t head = 0; head < group;) {
    const size_t left = group - head, together = left == 4 ? 2 : std::min<size_t>(3, left);
    const size_t at = first * row + (kv_head * group + head) * shape.size;
    heads_for(shape.size, together)({s.queries + at, keys, values, s.out + at, row, s.before + first, last - first});
    head += together;
  }
}

void turn(const float* from, float* to, const float* cosines, const float* sines, size_t half, size_t size, float scale) {
  for (size_t i = 0; i < half; i++) {
    const float a = from[i], b = from[i + half];
    to[i] = (a * cosines[i] - b * sines[i]) * scale;
    to[i + half] = (b * cosines[i] + a * sines[i]) * scale;
  }
  for (size_t i = 2 * half; i < size; i++) to[i] = from[i] * scale;
}

void turn_pairs(const float* from, float* to, const float* cosines, const float* sines, size_t half, size_t size,
                float scale) {
  for (size_t i = 0; i < half; i++) {
    const float a = from[2 * i], b = from[2 * i + 1];
    to[i] = (a * cosines[i] - b * sines[i]) * scale;
    to[i + half] = (b * cosines[i] + a * sines[i]) * scale;
  }
  for (size_t i = 2 * half; i < size; i++) to[i] = from[i] * scale;
}

}  // namespace attention
