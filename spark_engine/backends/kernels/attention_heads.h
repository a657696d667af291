// What computes attention for some query heads of one token; one file for each kind of processor.
#pragma once
#include <cstddef>

namespace attention {

constexpr size_t kBlock = 128;     // positions whose scores are known before values are added up
constexpr size_t kMostHeads = 3;   // that are computed at a time

// Query heads [heads, size] of one token, which share a head of the cache, to the first `end` of its positions: keys and
// values [positions, size], `out` [heads, size].
using Heads = void (*)(const float* queries, const float* keys, const float* values, size_t end, float* out);

// For heads of `size` numbers, `count` at a time; null for sizes that are not known.
Heads heads_by_avx512(size_t size, size_t count);
Heads heads_by_avx2(size_t size, size_t count);

}  // namespace attention
