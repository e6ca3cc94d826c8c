/* The product of bytes with AVX2.  Its instruction for bytes saturates at 16 bits, which two products
 * of 255 and 127 exceed; so bytes at even and at odd places are widened to 16 bits and multiplied
 * there, which is exact. */
#include <immintrin.h>
#include <string.h>

#include "models/kernels/q8_internal.h"

/* Four bytes a lane, as two numbers of 16 bits each. */
typedef struct fours {
    __m256i even, odd;
} fours;

#define LANES 8
#define SUMS __m256i
#define FLOATS __m256
#define FOURS fours
#define WEIGHTS fours
#define SPREAD(at) spread(at)
#define LOAD_WEIGHTS(at) load_weights(at)
#define LOAD_SUMS(at) _mm256_loadu_si256((const __m256i *)(const void *)(at))
#define DOT(sum, x, w)                                                                                       \
    _mm256_add_epi32(                                                                                        \
        sum, _mm256_add_epi32(_mm256_madd_epi16((x).even, (w).even), _mm256_madd_epi16((x).odd, (w).odd)))
#define SCALED(sum, at) _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(at))
#define LEAK(v, slope)                                                                                       \
    _mm256_blendv_ps(v, _mm256_mul_ps(v, _mm256_set1_ps(slope)),                                             \
                     _mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_LT_OQ))
#define SHIFTED(v, zero) _mm256_add_ps(v, _mm256_set1_ps(zero))
#define STORE_BYTES(at, n, v, lowest) store_bytes(at, n, v, lowest)
#define STORE_FLOATS(at, n, v) store_floats(at, n, v)
#define ALWAYS static inline __attribute__((always_inline))

ALWAYS fours spread(const uint8_t *at)
{
    int32_t four;
    memcpy(&four, at, sizeof four);
    const __m256i x = _mm256_set1_epi32(four);
    return (fours){_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8)};
}

ALWAYS fours load_weights(const int8_t *at)
{
    const __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)at);
    return (fours){_mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), _mm256_srai_epi16(w, 8)};
}

ALWAYS void store_bytes(uint8_t *at, size_t n, __m256 v, float lowest)
{
    v = _mm256_min_ps(_mm256_max_ps(v, _mm256_set1_ps(lowest)), _mm256_set1_ps(255.0f));
    const __m256i whole = _mm256_cvtps_epi32(v);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    const int64_t bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words));
    if (n == LANES)
        memcpy(at, &bytes, LANES);
    else
        memcpy(at, &bytes, n);
}

ALWAYS void store_floats(float *at, size_t n, __m256 v)
{
    float all[LANES];
    if (n == LANES) {
        _mm256_storeu_ps(at, v);
        return;
    }
    _mm256_storeu_ps(all, v);
    memcpy(at, all, n * sizeof *at);
}

#define ROWS_1 6
#define ROWS_2 4
#define ROWS_3 2
#define ROWS_4 2
#define TILES(T)                                                                                             \
    T(1, 1)                                                                                                  \
    T(2, 1)                                                                                                  \
    T(3, 1) T(4, 1) T(5, 1) T(6, 1) T(1, 2) T(2, 2) T(3, 2) T(4, 2) T(1, 3) T(2, 3) T(1, 4) T(2, 4)

#include "models/kernels/q8_tiles.h"

void an_q8_avx2(const an_q8 *p)
{
    run(p);
}

bool an_q8_avx2_usable(void)
{
    return __builtin_cpu_supports("avx2");
}
