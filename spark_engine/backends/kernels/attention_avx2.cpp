// Attention by AVX2: scores of four positions at a time, softmax block by block, sums of values by 32 numbers.
#include <algorithm>
#include <cmath>

#include "attention_heads.h"
#include "processor.h"

#if SPARK_X86

namespace attention {
namespace {

#define SPARK_WIDE SPARK_TARGET("avx2,fma")

constexpr int kLanes = 8;
constexpr int kStrip = 4;  // registers of a head's values that are added up together

// e^x for x <= 0, to about 1e-7: 2^n by the exponent, the rest by its series.
SPARK_WIDE inline __m256 exp_of(__m256 x) {
  x = _mm256_max_ps(x, _mm256_set1_ps(-87.0f));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
  __m256 e = _mm256_set1_ps(1.0f / 720);
  for (float term : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) e = _mm256_fmadd_ps(e, r, _mm256_set1_ps(term));
  const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(e, _mm256_castsi256_ps(power));
}

SPARK_WIDE inline float largest_of(__m256 x) {
  __m128 most = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  most = _mm_max_ps(most, _mm_movehl_ps(most, most));
  return _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most)));
}

SPARK_WIDE inline float sum_of(__m256 x) {
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

// The sums of four registers.
SPARK_WIDE inline __m128 four_sums(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

// Scores of R queries for `count` positions; what lies behind them up to a multiple of 8 becomes minus infinity.
template <int R, int N>
SPARK_WIDE void score(const float* queries, const float* keys, size_t count, float (*scores)[kBlock]) {
  constexpr size_t kSize = kLanes * N;
  for (size_t t = 0; t < count; t += 4) {
    const float* at[4];
    for (size_t i = 0; i < 4; i++) at[i] = keys + std::min(t + i, count - 1) * kSize;
    __m256 sum[R][4];
    SPARK_EACH(r, R) SPARK_EACH(i, 4) sum[r][i] = _mm256_setzero_ps();
    for (int n = 0; n < N; n++) {
      __m256 query[R];
      SPARK_EACH(r, R) query[r] = _mm256_loadu_ps(queries + r * kSize + kLanes * n);
      SPARK_EACH(i, 4) {
        const __m256 key = _mm256_loadu_ps(at[i] + kLanes * n);
        SPARK_EACH(r, R) sum[r][i] = _mm256_fmadd_ps(query[r], key, sum[r][i]);
      }
    }
    SPARK_EACH(r, R) _mm_storeu_ps(scores[r] + t, four_sums(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
  }
  for (int r = 0; r < R; r++)
    for (size_t t = count; t % kLanes; t++) scores[r][t] = -INFINITY;
}

// Scores become shares of what the block weighs beside the largest so far: sums of `weight`, and how much of what was
// added up before remains.
SPARK_WIDE inline float share(float* scores, size_t count, bool is_first, float& largest, __m256& weight) {
  __m256 most = _mm256_set1_ps(largest);
  for (size_t t = 0; t < count; t += kLanes) most = _mm256_max_ps(most, _mm256_load_ps(scores + t));
  const float now = largest_of(most);
  const float shrink = is_first ? 1.0f : _mm256_cvtss_f32(exp_of(_mm256_set1_ps(largest - now)));
  largest = now;
  weight = _mm256_mul_ps(weight, _mm256_set1_ps(shrink));
  for (size_t t = 0; t < count; t += kLanes) {
    const __m256 score = _mm256_load_ps(scores + t);
    const __m256 there = _mm256_cmp_ps(score, _mm256_set1_ps(-INFINITY), _CMP_NEQ_UQ);
    const __m256 e = _mm256_and_ps(there, exp_of(_mm256_sub_ps(score, _mm256_set1_ps(now))));
    weight = _mm256_add_ps(weight, e);
    _mm256_store_ps(scores + t, e);
  }
  return shrink;
}

// `total` [R, kSize], shrunk, and `count` positions' values by their shares.
template <int R, int N>
SPARK_WIDE void add_values(const float* values, size_t count, const float (*shares)[kBlock], const float* shrink,
                           float (*total)[kLanes * N]) {
  constexpr size_t kSize = kLanes * N;
  for (size_t strip = 0; strip < kSize; strip += kLanes * kStrip) {
    __m256 sum[R][kStrip];
    SPARK_EACH(r, R) SPARK_EACH(n, kStrip)
      sum[r][n] = _mm256_mul_ps(_mm256_load_ps(total[r] + strip + kLanes * n), _mm256_set1_ps(shrink[r]));
    const float* value = values + strip;
    for (size_t t = 0; t < count; t++, value += kSize) {
      __m256 each[R];
      SPARK_EACH(r, R) each[r] = _mm256_set1_ps(shares[r][t]);
      SPARK_EACH(n, kStrip) {
        const __m256 v = _mm256_loadu_ps(value + kLanes * n);
        SPARK_EACH(r, R) sum[r][n] = _mm256_fmadd_ps(each[r], v, sum[r][n]);
      }
    }
    SPARK_EACH(r, R) SPARK_EACH(n, kStrip) _mm256_store_ps(total[r] + strip + kLanes * n, sum[r][n]);
  }
}

// What is known of a token's R heads after some blocks of positions.
template <int R, int N>
struct State {
  alignas(32) float total[R][kLanes * N];
  float largest[R];
  __m256 weight[R];
};

// R query heads of each token. A block of positions stays near while all tokens pass it.
template <int R, int N>
SPARK_WIDE void heads(const Run& run) {
  constexpr size_t kSize = kLanes * N;
  alignas(32) float scores[R][kBlock];
  State<R, N> states[kMostTokens];
  for (size_t t = 0; t < run.tokens; t++)
    for (int r = 0; r < R; r++) {
      std::fill_n(states[t].total[r], kSize, 0.0f);
      states[t].largest[r] = -INFINITY;
      states[t].weight[r] = _mm256_setzero_ps();
    }
  for (size_t begin = 0; begin < run.before + run.tokens; begin += kBlock)
    for (size_t t = begin > run.before ? begin - run.before : 0; t < run.tokens; t++) {
      State<R, N>& state = states[t];
      const size_t count = std::min(kBlock, run.before + t + 1 - begin);
      float shrink[R];
      score<R, N>(run.queries + t * run.pitch, run.keys + begin * kSize, count, scores);
      for (int r = 0; r < R; r++) shrink[r] = share(scores[r], count, begin == 0, state.largest[r], state.weight[r]);
      add_values<R, N>(run.values + begin * kSize, count, scores, shrink, state.total);
    }
  for (size_t t = 0; t < run.tokens; t++)
    for (int r = 0; r < R; r++) {
      const __m256 inverse = _mm256_set1_ps(1.0f / sum_of(states[t].weight[r]));
      float* out = run.out + t * run.pitch + r * kSize;
      for (int n = 0; n < N; n++)
        _mm256_storeu_ps(out + kLanes * n, _mm256_mul_ps(_mm256_load_ps(states[t].total[r] + kLanes * n), inverse));
    }
}

}  // namespace

// By numbers of a head in eights, and heads at a time.
Heads heads_by_avx2(size_t size, size_t count) {
  static const Heads k64[] = {heads<1, 8>, heads<2, 8>, heads<3, 8>};
  static const Heads k96[] = {heads<1, 12>, heads<2, 12>, heads<3, 12>};
  static const Heads k128[] = {heads<1, 16>, heads<2, 16>, heads<3, 16>};
  const Heads* known = size == 64 ? k64 : size == 96 ? k96 : size == 128 ? k128 : nullptr;
  return known ? known[count - 1] : nullptr;
}

}  // namespace attention

#endif
