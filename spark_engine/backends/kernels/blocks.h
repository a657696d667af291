// Weights as GGUF files hold them, in blocks with scales of their own; layouts as in ggml-common.h of ggml.
#pragma once
#include <cstddef>
#include <cstdint>

namespace blocks {

enum Type { kQ4_0 = 2, kQ8_0 = 8, kQ6_K = 14 };  // GGUF's numbers

constexpr size_t kGroup = 16;  // weights that share a scale here
constexpr size_t kMost = 256;  // weights of a block

struct Layout {
  size_t weights, bytes;  // of a block; 0 for types that are not known
};

Layout layout(int64_t type);

// A block's whole numbers [weights], and the scale of each group [weights / kGroup]: a weight is their product.
void unpack(int64_t type, const uint8_t* block, int8_t* numbers, float* scales);

// A number of 16 bits.
float half(const uint8_t* from);

}  // namespace blocks
