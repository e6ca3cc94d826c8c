/* The product of bytes with AVX-512 VNNI: four products and their sum in one instruction. */
#include <immintrin.h>
#include <string.h>

#include "models/kernels/q8_internal.h"

#define LANES 16
#define SUMS __m512i
#define FLOATS __m512
#define FOURS __m512i
#define WEIGHTS __m512i
#define SPREAD(at) spread(at)
#define LOAD_WEIGHTS(at) _mm512_loadu_si512(at)
#define LOAD_SUMS(at) _mm512_loadu_si512(at)
#define DOT(sum, x, w) dot(sum, x, w)
#define SCALED(sum, at) _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(at))
#define LEAK(v, slope)                                                                                       \
    _mm512_mask_mul_ps(v, _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_LT_OQ), v, _mm512_set1_ps(slope))
#define SHIFTED(v, zero) _mm512_add_ps(v, _mm512_set1_ps(zero))
#define STORE_BYTES(at, n, v, lowest) store_bytes(at, n, v, lowest)
#define STORE_FLOATS(at, n, v) _mm512_mask_storeu_ps(at, SOME(n), v)
#define SOME(n) ((__mmask16)((1u << (n)) - 1u))

static inline __attribute__((always_inline)) __m512i spread(const uint8_t *at)
{
    int32_t four;
    memcpy(&four, at, sizeof four);
    return _mm512_set1_epi32(four);
}

/* Written out because gcc 12 copies every sum before and after its builtin, and spills what then does not
 * fit: twice the time. */
static inline __attribute__((always_inline)) __m512i dot(__m512i sum, __m512i x, __m512i w)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
    return sum;
}

/* What is too large becomes 2^32 - 1, and then 255. */
static inline __attribute__((always_inline)) void store_bytes(uint8_t *at, size_t n, __m512 v, float lowest)
{
    const __m512i whole = _mm512_cvtps_epu32(_mm512_max_ps(v, _mm512_set1_ps(lowest)));
    const __m128i bytes = _mm512_cvtusepi32_epi8(whole);
    if (n == LANES)
        _mm_storeu_si128((__m128i *)(void *)at, bytes);
    else
        _mm_mask_storeu_epi8(at, SOME(n), bytes);
}

#define ROWS_1 13
#define ROWS_2 13
#define ROWS_3 8
#define ROWS_4 6
#define TILES_OF(T, nv) T(1, nv) T(2, nv) T(3, nv) T(4, nv) T(5, nv) T(6, nv)
#define MORE_TILES_OF(T, nv) T(7, nv) T(8, nv)
#define MOST_TILES_OF(T, nv) T(9, nv) T(10, nv) T(11, nv) T(12, nv) T(13, nv)
#define TILES(T)                                                                                             \
    TILES_OF(T, 1)                                                                                           \
    MORE_TILES_OF(T, 1)                                                                                      \
    MOST_TILES_OF(T, 1)                                                                                      \
    TILES_OF(T, 2) MORE_TILES_OF(T, 2) MOST_TILES_OF(T, 2) TILES_OF(T, 3) MORE_TILES_OF(T, 3) TILES_OF(T, 4)

#include "models/kernels/q8_tiles.h"

void an_q8_avx512(const an_q8 *p)
{
    run(p);
}

bool an_q8_avx512_usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
}
