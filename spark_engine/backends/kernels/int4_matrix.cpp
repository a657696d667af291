// Packs 4-bit weights and multiplies with them, by AVX-512 VNNI or AVX2.
#include "int4_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "processor.h"

namespace int4 {
namespace {

constexpr size_t kScales = kWeightBytes, kZeros = kScales + kColumns * sizeof(float);
constexpr size_t kPanel = 64;      // rows that pass a tile before the next one: they stay in the second cache
constexpr size_t kAhead = 32;      // blocks that are asked for ahead of their use
constexpr int kSymmetricBits = 3, kSymmetricZero = 1 << kSymmetricBits;  // where no zero points are given

// One block of 16 columns times some rows, and where they lie.
struct Work {
  const uint8_t* tile;
  size_t stride, blocks;
  const int8_t* values;
  const float* scales;
  const int32_t* sums;
  float* out;
  size_t pitch;  // floats from a row of `out` to the next
};

using Kernel = void (*)(const Work&);

struct Kernels {
  size_t most_rows;
  const Kernel* plain;  // by number of rows
  const Kernel* with_zeros;
};

// Added to a number below 2^22, its last bits hold the number rounded to a whole one, to even from halves.
constexpr float kWholes = 12582912.0f;

inline int32_t bits_of(float number) {
  int32_t told;
  std::memcpy(&told, &number, sizeof told);
  return told;
}

int32_t four_bytes(const int8_t* from) {
  int32_t told;
  std::memcpy(&told, from, 4);
  return told;
}

#if SPARK_X86

template <int R, bool Z>
SPARK_TARGET("avx512f,avx512bw,avx512vl,avx512vnni,fma")
void vnni(const Work& w) {
  constexpr int kChains = R <= 4 ? 2 : 1;  // few rows wait for each other's sums
  const size_t depth = w.blocks * kBlock;
  const __m512i low = _mm512_set1_epi8(15);
  __m512 total[R];
  SPARK_EACH(r, R) total[r] = _mm512_setzero_ps();
  const uint8_t* tile = w.tile;
  for (size_t b = 0; b < w.blocks; b++, tile += w.stride) {
    for (size_t line = 0; line < w.stride; line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(tile + w.stride * kAhead + line), _MM_HINT_T0);
    __m512i sum[R][kChains];
    SPARK_EACH(r, R) {
      const int32_t minus = w.sums[r * w.blocks + b];
      sum[r][0] = Z ? _mm512_mullo_epi32(_mm512_loadu_si512(tile + kZeros), _mm512_set1_epi32(minus))
                    : _mm512_set1_epi32(kSymmetricZero * minus);
      if (kChains > 1) sum[r][kChains - 1] = _mm512_setzero_si512();
    }
    const int8_t* row = w.values + b * kBlock;
    for (int j = 0; j < 4; j++) {
      const __m512i both = _mm512_loadu_si512(tile + 64 * j);
      const __m512i first = _mm512_and_si512(both, low);
      const __m512i second = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
      SPARK_EACH(r, R) {
        const int8_t* at = row + r * depth + 8 * j;
        sum[r][0] = _mm512_dpbusd_epi32(sum[r][0], first, _mm512_set1_epi32(four_bytes(at)));
        sum[r][kChains - 1] = _mm512_dpbusd_epi32(sum[r][kChains - 1], second, _mm512_set1_epi32(four_bytes(at + 4)));
      }
    }
    const __m512 scale = _mm512_loadu_ps(reinterpret_cast<const float*>(tile + kScales));
    SPARK_EACH(r, R) {
      const __m512i whole = kChains > 1 ? _mm512_add_epi32(sum[r][0], sum[r][kChains - 1]) : sum[r][0];
      const __m512 factor = _mm512_mul_ps(scale, _mm512_set1_ps(w.scales[r * w.blocks + b]));
      total[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), factor, total[r]);
    }
  }
  SPARK_EACH(r, R) _mm512_storeu_ps(w.out + r * w.pitch, total[r]);
}

// Sums of products fit into 16 bits: 8 x 2 x 15 x 127 is 30,480.
template <int R, bool Z>
SPARK_TARGET("avx2,fma")
void avx2(const Work& w) {
  const size_t depth = w.blocks * kBlock;
  const __m256i low = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  __m256 total[R][2];
  SPARK_EACH(r, R) total[r][0] = total[r][1] = _mm256_setzero_ps();
  const uint8_t* tile = w.tile;
  for (size_t b = 0; b < w.blocks; b++, tile += w.stride) {
    for (size_t line = 0; line < w.stride; line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(tile + w.stride * kAhead + line), _MM_HINT_T0);
    __m256i sum[R][2];
    SPARK_EACH(r, R) sum[r][0] = sum[r][1] = _mm256_setzero_si256();
    const int8_t* row = w.values + b * kBlock;
    for (int j = 0; j < 4; j++) {
      const auto* both = reinterpret_cast<const __m256i*>(tile + 64 * j);
      __m256i left = _mm256_loadu_si256(both), right = _mm256_loadu_si256(both + 1);
      for (int part = 0; part < 2; part++) {  // the low halves of bytes, then the high ones
        const __m256i first = _mm256_and_si256(left, low), second = _mm256_and_si256(right, low);
        SPARK_EACH(r, R) {
          const __m256i four = _mm256_set1_epi32(four_bytes(row + r * depth + 8 * j + 4 * part));
          sum[r][0] = _mm256_add_epi16(sum[r][0], _mm256_maddubs_epi16(first, four));
          sum[r][1] = _mm256_add_epi16(sum[r][1], _mm256_maddubs_epi16(second, four));
          SPARK_IN_ORDER(sum[r][0]);
          SPARK_IN_ORDER(sum[r][1]);
        }
        left = _mm256_srli_epi16(left, 4);
        right = _mm256_srli_epi16(right, 4);
      }
    }
    SPARK_EACH(half, 2) {
      const __m256 scale = _mm256_loadu_ps(reinterpret_cast<const float*>(tile + kScales) + 8 * half);
      SPARK_EACH(r, R) {
        const __m256i minus = _mm256_set1_epi32(w.sums[r * w.blocks + b]);
        const __m256i* zeros = reinterpret_cast<const __m256i*>(tile + kZeros) + half;
        const __m256i shift = Z ? _mm256_mullo_epi32(_mm256_loadu_si256(zeros), minus) : _mm256_slli_epi32(minus, kSymmetricBits);
        const __m256i whole = _mm256_add_epi32(_mm256_madd_epi16(sum[r][half], ones), shift);
        const __m256 factor = _mm256_mul_ps(scale, _mm256_set1_ps(w.scales[r * w.blocks + b]));
        total[r][half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), factor, total[r][half]);
      }
    }
  }
  SPARK_EACH(r, R) SPARK_EACH(half, 2) _mm256_storeu_ps(w.out + r * w.pitch + 8 * half, total[r][half]);
}

const Kernel kVnni[] = {nullptr,        vnni<1, false>, vnni<2, false>, vnni<3, false>, vnni<4, false>,
                        vnni<5, false>, vnni<6, false>, vnni<7, false>, vnni<8, false>};
const Kernel kVnniZeros[] = {nullptr,       vnni<1, true>, vnni<2, true>, vnni<3, true>, vnni<4, true>,
                             vnni<5, true>, vnni<6, true>, vnni<7, true>, vnni<8, true>};
const Kernel kAvx2[] = {nullptr, avx2<1, false>, avx2<2, false>, avx2<3, false>, avx2<4, false>};
const Kernel kAvx2Zeros[] = {nullptr, avx2<1, true>, avx2<2, true>, avx2<3, true>, avx2<4, true>};

Kernels kernels() { return processor::level() == processor::kVnni ? Kernels{8, kVnni, kVnniZeros} : Kernels{4, kAvx2, kAvx2Zeros}; }

#else

Kernels kernels() { return {0, nullptr, nullptr}; }

#endif

int half_byte(const uint8_t* from, size_t index) { return index % 2 ? from[index / 2] >> 4 : from[index / 2] & 15; }

}  // namespace

bool is_supported() { return processor::level() != processor::kNone; }

void Rows::resize(size_t rows, size_t depth) {
  count = rows;
  blocks = depth / kBlock;
  if (values.size() < rows * depth) values.resize(rows * depth);
  if (scales.size() < rows * blocks) {
    scales.resize(rows * blocks);
    sums.resize(rows * blocks);
  }
}

#if SPARK_X86
SPARK_TARGET("avx2")
#endif
void Rows::round(const float* source, size_t first, size_t last) {
  for (size_t at = first * blocks; at < last * blocks; at++) {
    const float* from = source + at * kBlock;
    int8_t* to = values.data() + at * kBlock;
    int32_t largest = 0;  // of the numbers' bits without signs: in their order, and beyond all where one is no number
    for (int i = 0; i < kBlock; i++) largest = std::max(largest, bits_of(from[i]) & 0x7fffffff);
    float scale;
    std::memcpy(&scale, &largest, sizeof scale);
    scale /= 127.0f;
    const bool is_sound = std::isfinite(scale);
    const float inverse = is_sound && scale > 0 ? 1.0f / scale : 0.0f;
    int32_t sum = 0;
    for (int i = 0; i < kBlock; i++) {
      const int32_t value = bits_of((is_sound ? from[i] : 0.0f) * inverse + kWholes) - bits_of(kWholes);
      to[i] = static_cast<int8_t>(value);
      sum -= value;
    }
    scales[at] = is_sound ? scale : NAN;
    sums[at] = sum;
  }
}

Matrix::Matrix(size_t depth, size_t columns, size_t block, bool has_zeros)
    : depth_(depth),
      columns_(columns),
      block_(block),
      tiles_((columns + kColumns - 1) / kColumns),
      blocks_(depth / kBlock),
      has_zeros_(has_zeros),
      stride_(has_zeros ? kZeros + kColumns * sizeof(int32_t) : kZeros),
      packed_(tiles_ * blocks_ * stride_) {}

void Matrix::pack(const uint8_t* weights, const float* scales, const uint8_t* zeros, size_t first, size_t last) {
  const size_t groups = depth_ / block_, wide = block_ / kBlock, zero_bytes = (groups + 1) / 2;
  for (size_t t = first; t < last; t++)
    for (size_t b = 0; b < blocks_; b++) {
      uint8_t* tile = packed_.get() + (t * blocks_ + b) * stride_;
      const size_t present = std::min<size_t>(kColumns, columns_ - t * kColumns), group = b / wide;
      if (present < kColumns) std::memset(tile, 0, stride_);
      for (size_t c = 0; c < present; c++) {
        const size_t n = t * kColumns + c;
        const uint8_t* from = weights + (n * depth_ + b * kBlock) / 2;
        for (int j = 0; j < 4; j++) {
          const uint8_t* s = from + 4 * j;
          uint8_t* to = tile + 64 * j + 4 * c;
          to[0] = static_cast<uint8_t>((s[0] & 15) | s[2] << 4);
          to[1] = static_cast<uint8_t>(s[0] >> 4 | (s[2] & 0xf0));
          to[2] = static_cast<uint8_t>((s[1] & 15) | s[3] << 4);
          to[3] = static_cast<uint8_t>(s[1] >> 4 | (s[3] & 0xf0));
        }
        std::memcpy(tile + kScales + 4 * c, scales + n * groups + group, sizeof(float));
        if (has_zeros_) {
          const int32_t zero = half_byte(zeros + n * zero_bytes, group);
          std::memcpy(tile + kZeros + 4 * c, &zero, sizeof zero);
        }
      }
    }
}

void Matrix::multiply(const Rows& rows, float* out, size_t first, size_t last) const {
  const Kernels all = kernels();
  const Kernel* kernel = has_zeros_ ? all.with_zeros : all.plain;
  float edge[8 * kColumns];
  for (size_t panel = 0; panel < rows.count; panel += kPanel)
    for (size_t t = first; t < last; t++) {
      const size_t present = std::min<size_t>(kColumns, columns_ - t * kColumns);
      for (size_t r = panel; r < std::min(rows.count, panel + kPanel);) {
        const size_t together = std::min(all.most_rows, std::min(rows.count, panel + kPanel) - r);
        const bool is_whole = present == kColumns;
        float* to = out + r * columns_ + t * kColumns;
        kernel[together]({packed_.get() + t * blocks_ * stride_, stride_, blocks_, rows.values.data() + r * depth_,
                          rows.scales.data() + r * blocks_, rows.sums.data() + r * blocks_, is_whole ? to : edge,
                          is_whole ? columns_ : kColumns});
        for (size_t i = 0; !is_whole && i < together; i++)
          std::memcpy(to + i * columns_, edge + i * kColumns, present * sizeof(float));
        r += together;
      }
    }
}

}  // namespace int4
