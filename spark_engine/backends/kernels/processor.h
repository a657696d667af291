// What this processor can do, and how code is written for it.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#define SPARK_X86 1
#if defined(_MSC_VER)
#include <intrin.h>
#define SPARK_TARGET(features)
#else
#define SPARK_TARGET(features) __attribute__((target(features)))
#endif
#else
#define SPARK_X86 0
#endif

// Sums stay in registers only where such loops are unrolled.
#if defined(__clang__)
#define SPARK_EACH(i, count) _Pragma("unroll") for (int i = 0; i < (count); i++)
#elif defined(__GNUC__)
#define SPARK_EACH(i, count) _Pragma("GCC unroll 8") for (int i = 0; i < (count); i++)
#else
#define SPARK_EACH(i, count) for (int i = 0; i < (count); i++)
#endif

// A sum that is added up as it is written: compilers that make trees of sums run out of registers.
#if defined(_MSC_VER)
#define SPARK_IN_ORDER(sum)
#else
#define SPARK_IN_ORDER(sum) __asm__("" : "+x"(sum))
#endif

namespace processor {

enum Level { kNone, kAvx2, kVnni };  // AVX2 and FMA; AVX-512 with VNNI

#if !SPARK_X86
inline Level find_level() { return kNone; }
#elif defined(_MSC_VER)
inline Level find_level() {
  int r[4];
  __cpuidex(r, 1, 0);
  const bool saves = r[2] >> 27 & 1, fma = r[2] >> 12 & 1;
  const uint64_t state = saves ? _xgetbv(0) : 0;
  __cpuidex(r, 7, 0);
  const bool avx2 = (r[1] >> 5 & 1) && fma && (state & 6) == 6;
  const bool wide = (r[1] >> 16 & 1) && (r[1] >> 17 & 1) && (r[1] >> 30 & 1) && (r[1] >> 31 & 1) && (r[2] >> 11 & 1);
  return avx2 && wide && (state & 0xe6) == 0xe6 ? kVnni : avx2 ? kAvx2 : kNone;
}
#else
inline Level find_level() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return kNone;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512vnni");
  return wide ? kVnni : kAvx2;
}
#endif

inline Level level() {
  static const Level found = [] {
    const Level best = find_level();
    const char* asked = std::getenv("SPARK_KERNELS");  // for tests: the same bits by another way
    return asked && !std::strcmp(asked, "avx2") && best > kAvx2 ? kAvx2 : best;
  }();
  return found;
}

}  // namespace processor
