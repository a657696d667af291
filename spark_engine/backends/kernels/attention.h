// Attention of query heads to a key/value cache, row by row: a token gives the same bits in any company.
#pragma once
#include <cstddef>

namespace attention {

// Whether this processor has AVX2 at least, and heads of `size` numbers are known.
bool is_supported(size_t size);

struct Shape {
  size_t heads, kv_heads, size;  // numbers of a head
};

// What tokens that are computed together need: their queries [tokens, heads, size], scaled and turned already.
//
// `keys` and `values` are one sequence's caches [kv_heads, pitch, size].
struct Sequence {
  const float* queries;
  const float* keys;
  const float* values;
  float* out;  // [tokens, heads, size]
  size_t pitch;
  size_t before;  // positions in the cache before the first of the tokens
};

constexpr size_t kMostTokens = 16;  // that are computed at a time

// The tokens [first, last) of a sequence, at most kMostTokens, for the query heads that share one head of the cache.
//
// Online softmax over blocks of positions (Milakov and Gimelshein, 2018), each token by itself.
void attend(const Shape& shape, const Sequence& sequence, size_t kv_head, size_t first, size_t last);

// Turn the first 2 x half numbers of a head by a position's angles, and scale all: rotary embedding, halves apart.
void turn(const float* from, float* to, const float* cosines, const float* sines, size_t half, size_t size, float scale);

// The same for pairs of neighbours. They come out as halves: queries and keys alike, so their products are the same.
void turn_pairs(const float* from, float* to, const float* cosines, const float* sines, size_t half, size_t size, float scale);

}  // namespace attention
