// A matrix of 4-bit weights in blocks, laid out so that one instruction multiplies sixteen columns of it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "pages.h"
#include "tiles.h"

namespace int4 {

// What a block of a column has besides its weights: a scale; a scale and a zero point; a scale of 16 bits.
enum Form { kPlain, kWithZeros, kHalf };

// Whether this processor has what the kernels need: AVX2 and FMA at least.
bool is_supported();

// Weights [depth, columns] with a scale, and maybe a zero point, for each block of a column.
//
// Products are exact in whole numbers; the blocks of a column are added up in their order, by one fused
// multiplication and addition each. So a row gives the same bits in any company and on any processor.
class Matrix {
 public:
  Matrix(size_t depth, size_t columns, size_t block, Form form);

  size_t tiles() const { return tiles_; }
  // Take over the tiles [first, last) from MatMulNBits' layout: weights [columns, depth / 2], the even one of a pair in
  // the low half of a byte; scales [columns, depth / block]; zeros [columns, (depth / block + 1) / 2] likewise or null.
  void pack(const uint8_t* weights, const float* scales, const uint8_t* zeros, size_t first, size_t last);
  // The same from GGUF's blocks of Q4_0 [columns, depth / 32], where the form is `kHalf`.
  void pack_q4_0(const uint8_t* weights, size_t first, size_t last);
  // The columns of the tiles [first, last) for all rows; `out` [rows, columns].
  void multiply(const tiles::Rows& rows, float* out, size_t first, size_t last) const;

 private:
  size_t depth_, columns_, block_, tiles_, blocks_;
  Form form_;
  size_t stride_;  // bytes of a tile's block: weights, scales, zero points
  Pages packed_;
};

}  // namespace int4
