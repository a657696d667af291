// How packed weights are walked through: tiles of sixteen columns, and panels of rows that stay near meanwhile.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace tiles {

constexpr int kColumns = 16;   // of a tile
constexpr int kBlock = 32;     // rows are rounded to 8 bits by as many numbers
constexpr size_t kPanel = 64;  // rows that pass a tile before the next one: they stay in the second cache
constexpr size_t kMostRows = 8;

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

// One tile times some rows, and where they lie.
struct Work {
  const uint8_t* tile;
  size_t stride, blocks;  // bytes from a block of the tile to the next; how many
  const int8_t* values;
  const float* scales;
  const int32_t* sums;
  float* out;
  size_t pitch;  // floats from a row of `out` to the next
};

using Kernel = void (*)(const Work&);

// Kernels by number of rows.
struct Kernels {
  size_t most_rows;
  const Kernel* by_rows;
};

// A matrix packed in tiles.
struct Packed {
  const uint8_t* start;
  size_t stride, blocks, columns;
};

// The columns of the tiles [first, last) for all rows; `out` [rows, columns].
inline void multiply(const Packed& matrix, const Kernels& kernels, const Rows& rows, float* out, size_t first, size_t last) {
  const size_t depth = matrix.blocks * kBlock, columns = matrix.columns;
  float edge[kMostRows * kColumns];
  for (size_t panel = 0; panel < rows.count; panel += kPanel)
    for (size_t t = first; t < last; t++) {
      const size_t present = std::min<size_t>(kColumns, columns - t * kColumns);
      const bool is_whole = present == kColumns;
      for (size_t r = panel; r < std::min(rows.count, panel + kPanel);) {
        const size_t together = std::min(kernels.most_rows, std::min(rows.count, panel + kPanel) - r);
        float* to = out + r * columns + t * kColumns;
        kernels.by_rows[together]({matrix.start + t * matrix.blocks * matrix.stride, matrix.stride, matrix.blocks,
                                   rows.values.data() + r * depth, rows.scales.data() + r * matrix.blocks,
                                   rows.sums.data() + r * matrix.blocks, is_whole ? to : edge,
                                   is_whole ? columns : kColumns});
        for (size_t i = 0; !is_whole && i < together; i++)
          std::memcpy(to + i * columns, edge + i * kColumns, present * sizeof(float));
        r += together;
      }
    }
}

inline int32_t four_bytes(const int8_t* from) {
  int32_t told;
  std::memcpy(&told, from, 4);
  return told;
}

}  // namespace tiles
