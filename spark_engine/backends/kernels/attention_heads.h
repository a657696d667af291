// What computes attention for some query heads of some tokens; one file for each kind of processor.
#pragma once
#include <cstddef>

#include "attention.h"

namespace attention {

constexpr size_t kBlock = 128;  // positions whose scores are known before values are added up

// Neighbouring tokens of a sequence, at most kMostTokens: query heads [heads, size] of each, which share a head of the
// cache, to all its positions up to the token itself. Keys and values [positions, size], `out` as the queries.
struct Run {
  const float* queries;
  const float* keys;
  const float* values;
  float* out;
  size_t pitch;           // floats from a token's queries to the next one's
  size_t before, tokens;  // positions before the first token; how many tokens
};

using Heads = void (*)(const Run& run);

// For heads of `size` numbers, `count` at a time; null for sizes that are not known.
Heads heads_by_avx512(size_t size, size_t count);
Heads heads_by_avx2(size_t size, size_t count);

}  // namespace attention
