// A matrix of GGUF's 6- and 8-bit weights, laid out so that one instruction multiplies eight columns of it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "pages.h"
#include "tiles.h"

namespace int8 {

// Weights [depth, columns] of 8 bits, with a scale for each sixteen of a column. Sums as in `int4::Matrix`.
class Matrix {
 public:
  // `type`: GGUF's number for how the weights are given.
  Matrix(size_t depth, size_t columns, int64_t type);

  size_t tiles() const { return tiles_; }
  // Take over the tiles [first, last) from GGUF's blocks [columns, depth / weights of a block].
  void pack(const uint8_t* weights, size_t first, size_t last);
  // The columns of the tiles [first, last) for all rows; `out` [rows, columns].
  void multiply(const tiles::Rows& rows, float* out, size_t first, size_t last) const;

 private:
  size_t depth_, columns_, tiles_, blocks_;
  int64_t type_;
  Pages packed_;
};

}  // namespace int8
