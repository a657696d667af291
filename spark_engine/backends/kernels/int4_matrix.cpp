// Packs 4-bit weights and multiplies with them, by AVX-512 VNNI or AVX2.
#include "int4_matrix.h"

#include "blocks.h"
#include "processor.h"

namespace int4 {
namespace {

using tiles::four_bytes;
using tiles::kBlock;
using tiles::kColumns;
using tiles::Kernel;
using tiles::Work;

constexpr int kWeightBytes = kColumns * kBlock / 2;
constexpr size_t kScales = kWeightBytes, kZeros = kScales + kColumns * sizeof(float);
constexpr size_t kAhead = 32;  // blocks that are asked for ahead of their use
constexpr int kSymmetricBits = 3, kSymmetricZero = 1 << kSymmetricBits;  // where no zero points are given

#if SPARK_X86

template <int R, Form F>
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
      sum[r][0] = F == kWithZeros ? _mm512_mullo_epi32(_mm512_loadu_si512(tile + kZeros), _mm512_set1_epi32(minus))
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
    const __m512 scale = F == kHalf ? _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(tile + kScales)))
                                    : _mm512_loadu_ps(reinterpret_cast<const float*>(tile + kScales));
    SPARK_EACH(r, R) {
      const __m512i whole = kChains > 1 ? _mm512_add_epi32(sum[r][0], sum[r][kChains - 1]) : sum[r][0];
      const __m512 factor = _mm512_mul_ps(scale, _mm512_set1_ps(w.scales[r * w.blocks + b]));
      total[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), factor, total[r]);
    }
  }
  SPARK_EACH(r, R) _mm512_storeu_ps(w.out + r * w.pitch, total[r]);
}

// Sums of products fit into 16 bits: 8 x 2 x 15 x 127 is 30,480.
template <int R, Form F>
SPARK_TARGET("avx2,fma,f16c")
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
      const __m256 scale = F == kHalf ? _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(tile + kScales) + half))
                                      : _mm256_loadu_ps(reinterpret_cast<const float*>(tile + kScales) + 8 * half);
      SPARK_EACH(r, R) {
        const __m256i minus = _mm256_set1_epi32(w.sums[r * w.blocks + b]);
        const __m256i* zeros = reinterpret_cast<const __m256i*>(tile + kZeros) + half;
        const __m256i shift = F == kWithZeros ? _mm256_mullo_epi32(_mm256_loadu_si256(zeros), minus) : _mm256_slli_epi32(minus, kSymmetricBits);
        const __m256i whole = _mm256_add_epi32(_mm256_madd_epi16(sum[r][half], ones), shift);
        const __m256 factor = _mm256_mul_ps(scale, _mm256_set1_ps(w.scales[r * w.blocks + b]));
        total[r][half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), factor, total[r][half]);
      }
    }
  }
  SPARK_EACH(r, R) SPARK_EACH(half, 2) _mm256_storeu_ps(w.out + r * w.pitch + 8 * half, total[r][half]);
}

template <Form F>
tiles::Kernels kernels_of() {
  static const Kernel wide[] = {nullptr,    vnni<1, F>, vnni<2, F>, vnni<3, F>, vnni<4, F>,
                                vnni<5, F>, vnni<6, F>, vnni<7, F>, vnni<8, F>};
  static const Kernel narrow[] = {nullptr, avx2<1, F>, avx2<2, F>, avx2<3, F>, avx2<4, F>};
  return processor::level() == processor::kVnni ? tiles::Kernels{8, wide} : tiles::Kernels{4, narrow};
}

#else

template <Form F>
tiles::Kernels kernels_of() {
  return {0, nullptr};
}

#endif

tiles::Kernels kernels(Form form) {
  switch (form) {
    case kWithZeros: return kernels_of<kWithZeros>();
    case kHalf: return kernels_of<kHalf>();
    default: return kernels_of<kPlain>();
  }
}

size_t stride_of(Form form) {
  switch (form) {
    case kWithZeros: return kZeros + kColumns * sizeof(int32_t);
    case kHalf: return kScales + kColumns * sizeof(uint16_t);
    default: return kZeros;
  }
}

int half_byte(const uint8_t* from, size_t index) { return index % 2 ? from[index / 2] >> 4 : from[index / 2] & 15; }

}  // namespace

bool is_supported() { return processor::level() != processor::kNone; }

Matrix::Matrix(size_t depth, size_t columns, size_t block, Form form)
    : depth_(depth),
      columns_(columns),
      block_(block),
      tiles_((columns + kColumns - 1) / kColumns),
      blocks_(depth / kBlock),
      form_(form),
      stride_(stride_of(form)),
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
        if (form_ == kWithZeros) {
          const int32_t zero = half_byte(zeros + n * zero_bytes, group);
          std::memcpy(tile + kZeros + 4 * c, &zero, sizeof zero);
        }
      }
    }
}

void Matrix::pack_q4_0(const uint8_t* weights, size_t first, size_t last) {
  const size_t bytes = blocks::layout(blocks::kQ4_0).bytes;
  for (size_t t = first; t < last; t++)
    for (size_t b = 0; b < blocks_; b++) {
      uint8_t* tile = packed_.get() + (t * blocks_ + b) * stride_;
      const size_t present = std::min<size_t>(kColumns, columns_ - t * kColumns);
      if (present < kColumns) std::memset(tile, 0, stride_);
      for (size_t c = 0; c < present; c++) {
        // A scale, and sixteen bytes: numbers 0 to 15 in their low halves, 16 to 31 in the high ones.
        const uint8_t *from = weights + ((t * kColumns + c) * blocks_ + b) * bytes, *s = from + sizeof(uint16_t);
        for (int i = 0; i < 8; i++) {
          uint8_t* to = tile + 64 * (i / 4) + 4 * c + i % 4;
          const uint8_t one = s[i / 4 * 8 + i % 4], other = s[i / 4 * 8 + i % 4 + 4];
          to[0] = static_cast<uint8_t>((one & 15) | other << 4);
          to[128] = static_cast<uint8_t>(one >> 4 | (other & 0xf0));
        }
        std::memcpy(tile + kScales + sizeof(uint16_t) * c, from, sizeof(uint16_t));
      }
    }
}

void Matrix::multiply(const tiles::Rows& rows, float* out, size_t first, size_t last) const {
  tiles::multiply({packed_.get(), stride_, blocks_, columns_}, kernels(form_), rows, out, first, last);
}

}  // namespace int4
