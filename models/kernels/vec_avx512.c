/* The vector functions with AVX-512: 16 floats, and masks that cost nothing. */
#include <immintrin.h>
#include <math.h>

#include "models/kernels/vec_internal.h"

#define LANES 16
#define VEC __m512
#define IVEC __m512i
#define MASK __mmask16
#define SOME(n) ((__mmask16)((1u << (n)) - 1u))
#define LOAD(at) _mm512_loadu_ps(at)
#define LOAD_SOME(some, at) _mm512_maskz_loadu_ps(some, at)
#define STORE(at, v) _mm512_storeu_ps(at, v)
#define STORE_SOME(at, some, v) _mm512_mask_storeu_ps(at, some, v)
#define SET1(x) _mm512_set1_ps(x)
#define ADD(x, y) _mm512_add_ps(x, y)
#define SUB(x, y) _mm512_sub_ps(x, y)
#define MUL(x, y) _mm512_mul_ps(x, y)
#define DIV(x, y) _mm512_div_ps(x, y)
#define FMA(x, y, z) _mm512_fmadd_ps(x, y, z)
#define SQRT(x) _mm512_sqrt_ps(x)
#define ABS(x) _mm512_abs_ps(x)
#define MIN(x, y) _mm512_min_ps(x, y)
#define MAX(x, y) _mm512_max_ps(x, y)
#define POSITIVE(y, v, w) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_NLE_UQ), w, v)
#define WITH_SIGN(v, s) _mm512_or_ps(v, _mm512_and_ps(s, _mm512_set1_ps(-0.0f)))
#define BITS(v) _mm512_castps_si512(v)
#define FLOATS(i) _mm512_castsi512_ps(i)
#define ISET1(k) _mm512_set1_epi32(k)
#define IADD(x, y) _mm512_add_epi32(x, y)
#define ISUB(x, y) _mm512_sub_epi32(x, y)
#define SHL(x, k) _mm512_slli_epi32(x, k)
#define SHR(x, k) _mm512_srli_epi32(x, k)

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

#define SQUARE_SIDE 16
#define TRANSPOSE_SQUARE(from, from_row, to, to_row) transpose_16(from, from_row, to, to_row)

/* Pairs of rows, then fours, are put together within each quarter of a vector; then the quarters. */
static inline void transpose_16(const float *from, size_t from_row, float *to, size_t to_row)
{
    __m512 r[16], t[16];
    for (size_t i = 0; i < 16; i++)
        r[i] = _mm512_loadu_ps(from + i * from_row);
    for (size_t i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (size_t i = 0; i < 16; i += 4)
        for (size_t j = 0; j < 2; j++) {
            const __m512d a = _mm512_castps_pd(t[i + j]), b = _mm512_castps_pd(t[i + j + 2]);
            r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    for (size_t j = 0; j < 4; j++) { /* r[4 g + j]: columns j, 4 + j, 8 + j, 12 + j of rows 4 g .. */
        const __m512 low = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
        const __m512 high = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
        const __m512 low2 = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
        const __m512 high2 = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
        _mm512_storeu_ps(to + j * to_row, _mm512_shuffle_f32x4(low, low2, 0x88));
        _mm512_storeu_ps(to + (4 + j) * to_row, _mm512_shuffle_f32x4(high, high2, 0x88));
        _mm512_storeu_ps(to + (8 + j) * to_row, _mm512_shuffle_f32x4(low, low2, 0xdd));
        _mm512_storeu_ps(to + (12 + j) * to_row, _mm512_shuffle_f32x4(high, high2, 0xdd));
    }
}

#define TABLE an_vec_avx512
#define NAME "avx512"
#define USABLE usable

#include "models/kernels/vec_math.h"

#include "models/kernels/vec_loops.h"
