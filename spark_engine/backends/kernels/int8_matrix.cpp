// Packs 6- and 8-bit weights and multiplies with them, by AVX2.
#include "int8_matrix.h"

#include "blocks.h"
#include "processor.h"

namespace int8 {
namespace {

using tiles::four_bytes;
using tiles::kBlock;
using tiles::kColumns;
using tiles::Kernel;
using tiles::Work;

constexpr size_t kGroup = blocks::kGroup, kGroupBytes = kColumns * kGroup;
constexpr size_t kGroupStride = kGroupBytes + kColumns * sizeof(float);  // weights, scales
constexpr size_t kStride = kBlock / kGroup * kGroupStride;
constexpr size_t kAhead = 16;  // blocks that are asked for ahead of their use

#if SPARK_X86

// A product of two pairs fits into 16 bits: 2 x 128 x 127 is 32,512. `S`: weights are below 33, and so do four of them.
template <int R, bool S>
SPARK_TARGET("avx2,fma")
void avx2(const Work& w) {
  const size_t depth = w.blocks * kBlock;
  const __m256i ones = _mm256_set1_epi16(1);
  __m256 total[R][2];
  SPARK_EACH(r, R) total[r][0] = total[r][1] = _mm256_setzero_ps();
  const uint8_t* tile = w.tile;
  for (size_t group = 0; group < w.blocks * (kBlock / kGroup); group++, tile += kGroupStride) {
    for (size_t line = 0; line < kGroupStride; line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(tile + w.stride * kAhead + line), _MM_HINT_T0);
    __m256i sum[R][2];
    SPARK_EACH(r, R) sum[r][0] = sum[r][1] = _mm256_setzero_si256();
    const int8_t* row = w.values + group * kGroup;
    for (int j = 0; j < 4; j++) {
      __m256i weight[2], size[2];
      SPARK_EACH(half, 2) {
        weight[half] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tile + 64 * j) + half);
        size[half] = _mm256_abs_epi8(weight[half]);
      }
      SPARK_EACH(r, R) {
        const __m256i four = _mm256_set1_epi32(four_bytes(row + r * depth + 4 * j));
        SPARK_EACH(half, 2) {
          const __m256i pairs = _mm256_maddubs_epi16(size[half], _mm256_sign_epi8(four, weight[half]));
          sum[r][half] = S ? _mm256_add_epi16(sum[r][half], pairs)
                           : _mm256_add_epi32(sum[r][half], _mm256_madd_epi16(pairs, ones));
          SPARK_IN_ORDER(sum[r][half]);
        }
      }
    }
    SPARK_EACH(half, 2) {
      const __m256 scale = _mm256_loadu_ps(reinterpret_cast<const float*>(tile + kGroupBytes) + 8 * half);
      SPARK_EACH(r, R) {
        const __m256i whole = S ? _mm256_madd_epi16(sum[r][half], ones) : sum[r][half];
        const __m256 factor = _mm256_mul_ps(scale, _mm256_set1_ps(w.scales[r * w.blocks + group * kGroup / kBlock]));
        total[r][half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), factor, total[r][half]);
      }
    }
  }
  SPARK_EACH(r, R) SPARK_EACH(half, 2) _mm256_storeu_ps(w.out + r * w.pitch + 8 * half, total[r][half]);
}

template <bool S>
tiles::Kernels kernels_of() {
  static const Kernel known[] = {nullptr, avx2<1, S>, avx2<2, S>, avx2<3, S>, avx2<4, S>};
  return {4, known};
}

tiles::Kernels kernels(int64_t type) { return type == blocks::kQ8_0 ? kernels_of<false>() : kernels_of<true>(); }

#else

tiles::Kernels kernels(int64_t) { return {0, nullptr}; }

#endif

}  // namespace

Matrix::Matrix(size_t depth, size_t columns, int64_t type)
    : depth_(depth),
      columns_(columns),
      tiles_((columns + kColumns - 1) / kColumns),
      blocks_(depth / kBlock),
      type_(type),
      packed_(tiles_ * blocks_ * kStride) {}

void Matrix::pack(const uint8_t* weights, size_t first, size_t last) {
  const blocks::Layout layout = blocks::layout(type_);
  const size_t each = depth_ / layout.weights;
  int8_t numbers[blocks::kMost];
  float scales[blocks::kMost / kGroup];
  for (size_t t = first; t < last; t++) {
    uint8_t* tile = packed_.get() + t * blocks_ * kStride;
    const size_t present = std::min<size_t>(kColumns, columns_ - t * kColumns);
    if (present < kColumns) std::memset(tile, 0, blocks_ * kStride);
    for (size_t c = 0; c < present; c++)
      for (size_t b = 0; b < each; b++) {
        blocks::unpack(type_, weights + ((t * kColumns + c) * each + b) * layout.bytes, numbers, scales);
        for (size_t g = 0; g < layout.weights / kGroup; g++) {
          uint8_t* to = tile + (b * layout.weights / kGroup + g) * kGroupStride;
          for (int j = 0; j < 4; j++) std::memcpy(to + 64 * j + 4 * c, numbers + g * kGroup + 4 * j, 4);
          std::memcpy(to + kGroupBytes + sizeof(float) * c, scales + g, sizeof(float));
        }
      }
  }
}

void Matrix::multiply(const tiles::Rows& rows, float* out, size_t first, size_t last) const {
  tiles::multiply({packed_.get(), kStride, blocks_, columns_}, kernels(type_), rows, out, first, last);
}

}  // namespace int8
