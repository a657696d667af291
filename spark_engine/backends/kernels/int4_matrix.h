// A matrix of 4-bit weights in blocks, laid out so that one instruction multiplies sixteen columns of it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pages.h"

namespace int4 {

constexpr int kColumns = 16;  // of a tile
constexpr int kBlock = 32;    // weights of a column that share a scale; rows are rounded to 8 bits by as many
constexpr int kWeightBytes = kColumns * kBlock / 2;

// Whether this processor has what the kernels need: AVX2 and FMA at least.
bool is_supported();

// Rows [count, depth], rounded to 8 bits in blocks: per block a scale and minus its sum.
struct Rows {
  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<int32_t> sums;
  size_t count = 0, blocks = 0;

  void resize(size_t rows, size_t depth);
  // Round the rows [first, last) of `source` [count, depth].
  void round(const float* source, size_t first, size_t last);
};

// Weights [depth, columns] with a scale, and maybe a zero point, for each block of a column.
//
// Products are exact in whole numbers; the blocks of a column are added up in their order, by one fused
// multiplication and addition each. So a row gives the same bits in any company and on any processor.
class Matrix {
 public:
  Matrix(size_t depth, size_t columns, size_t block, bool has_zeros);

  size_t tiles() const { return tiles_; }
  // Take over the tiles [first, last) from MatMulNBits' layout: weights [columns, depth / 2], the even one of a pair in
  // the low half of a byte; scales [columns, depth / block]; zeros [columns, (depth / block + 1) / 2] likewise or null.
  void pack(const uint8_t* weights, const float* scales, const uint8_t* zeros, size_t first, size_t last);
  // The columns of the tiles [first, last) for all rows; `out` [rows, columns].
  void multiply(const Rows& rows, float* out, size_t first, size_t last) const;

 private:
  size_t depth_, columns_, block_, tiles_, blocks_;
  bool has_zeros_;
  size_t stride_;  // bytes of a tile's block: weights, scales, zero points
  Pages packed_;
};

}  // namespace int4
