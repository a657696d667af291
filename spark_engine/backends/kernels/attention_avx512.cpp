// Attention by AVX-512: scores of four positions at a time, softmax block by block, sums of values.
#include <algorithm>
#include <cmath>

#include "attention_heads.h"
#include "processor.h"

#if SPARK_X86

namespace attention {
namespace {

#define SPARK_WIDE SPARK_TARGET("avx512f,avx512bw,avx512vl,avx512dq,fma")

// e^x for x <= 0, to about 1e-7: 2^n by the exponent, the rest by its series.
SPARK_WIDE inline __m512 exp_of(__m512 x) {
  x = _mm512_max_ps(x, _mm512_set1_ps(-87.0f));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 e = _mm512_set1_ps(1.0f / 720);
  for (float term : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(term));
  return _mm512_scalef_ps(e, n);
}

// The sums of four registers.
SPARK_WIDE inline __m128 four_sums(__m512 a, __m512 b, __m512 c, __m512 d) {
  const auto halves = [](__m512 x) SPARK_WIDE {
    return _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  };
  const __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(halves(a), halves(b)), _mm256_hadd_ps(halves(c), halves(d)));
  return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

// Scores of R queries for `count` positions; what lies behind them up to a multiple of 16 becomes minus infinity.
template <int R, int N>
SPARK_WIDE void score(const float* queries, const float* keys, size_t count, float (*scores)[kBlock]) {
  constexpr size_t kSize = 16 * N;
  for (size_t t = 0; t < count; t += 4) {
    const float* at[4];
    for (size_t i = 0; i < 4; i++) at[i] = keys + std::min(t + i, count - 1) * kSize;
    __m512 sum[R][4];
    SPARK_EACH(r, R) SPARK_EACH(i, 4) sum[r][i] = _mm512_setzero_ps();
    SPARK_EACH(n, N) {
      __m512 key[4];
      SPARK_EACH(i, 4) key[i] = _mm512_loadu_ps(at[i] + 16 * n);
      SPARK_EACH(r, R) {
        const __m512 query = _mm512_loadu_ps(queries + r * kSize + 16 * n);
        SPARK_EACH(i, 4) sum[r][i] = _mm512_fmadd_ps(query, key[i], sum[r][i]);
      }
    }
    SPARK_EACH(r, R) _mm_storeu_ps(scores[r] + t, four_sums(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
  }
  for (int r = 0; r < R; r++)
    for (size_t t = count; t % 16; t++) scores[r][t] = -INFINITY;
}

// R query heads of one token, to the positions before `end`.
template <int R, int N>
SPARK_WIDE void heads(const float* queries, const float* keys, const float* values, size_t end, float* out) {
  constexpr size_t kSize = 16 * N;
  alignas(64) float scores[R][kBlock];
  float largest[R];
  __m512 weight[R], total[R][N];
  SPARK_EACH(r, R) {
    largest[r] = -INFINITY;
    weight[r] = _mm512_setzero_ps();
    SPARK_EACH(n, N) total[r][n] = _mm512_setzero_ps();
  }
  for (size_t begin = 0; begin < end; begin += kBlock) {
    const size_t count = std::min(kBlock, end - begin);
    score<R, N>(queries, keys + begin * kSize, count, scores);
    SPARK_EACH(r, R) {
      __m512 most = _mm512_set1_ps(largest[r]);
      for (size_t t = 0; t < count; t += 16) most = _mm512_max_ps(most, _mm512_load_ps(scores[r] + t));
      const float now = _mm512_reduce_max_ps(most);
      const __m512 shrink = exp_of(_mm512_set1_ps(begin ? largest[r] - now : 0.0f));
      largest[r] = now;
      weight[r] = _mm512_mul_ps(weight[r], shrink);
      SPARK_EACH(n, N) total[r][n] = _mm512_mul_ps(total[r][n], shrink);
      for (size_t t = 0; t < count; t += 16) {
        const __m512 score = _mm512_load_ps(scores[r] + t);
        const __mmask16 there = static_cast<__mmask16>(count - t >= 16 ? 0xffff : (1u << (count - t)) - 1);
        const __m512 e = _mm512_maskz_mov_ps(there, exp_of(_mm512_sub_ps(score, _mm512_set1_ps(now))));
        weight[r] = _mm512_add_ps(weight[r], e);
        _mm512_store_ps(scores[r] + t, e);
      }
    }
    const float* value = values + begin * kSize;
    for (size_t t = 0; t < count; t++, value += kSize) {
      __m512 share[R];
      SPARK_EACH(r, R) share[r] = _mm512_set1_ps(scores[r][t]);
      SPARK_EACH(n, N) {
        const __m512 v = _mm512_loadu_ps(value + 16 * n);
        SPARK_EACH(r, R) total[r][n] = _mm512_fmadd_ps(share[r], v, total[r][n]);
      }
    }
  }
  SPARK_EACH(r, R) {
    const __m512 inverse = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(weight[r]));
    SPARK_EACH(n, N) _mm512_storeu_ps(out + r * kSize + 16 * n, _mm512_mul_ps(total[r][n], inverse));
  }
}

template <int R, int N>
void each_token(const Run& run) {
  for (size_t t = 0; t < run.tokens; t++)
    heads<R, N>(run.queries + t * run.pitch, run.keys, run.values, run.before + t + 1, run.out + t * run.pitch);
}

}  // namespace

// By numbers of a head in sixteens, and heads at a time.
Heads heads_by_avx512(size_t size, size_t count) {
  static const Heads k64[] = {each_token<1, 4>, each_token<2, 4>, each_token<3, 4>};
  static const Heads k96[] = {each_token<1, 6>, each_token<2, 6>, each_token<3, 6>};
  static const Heads k128[] = {each_token<1, 8>, each_token<2, 8>, each_token<3, 8>};
  const Heads* known = size == 64 ? k64 : size == 96 ? k96 : size == 128 ? k128 : nullptr;
  return known ? known[count - 1] : nullptr;
}

}  // namespace attention

#endif
