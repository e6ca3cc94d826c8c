/* The vector functions with AVX2 and FMA: 8 floats. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#include "models/kernels/vec_internal.h"

#define LANES 8
#define VEC __m256
#define IVEC __m256i
#define MASK __m256i
#define LOAD(at) _mm256_loadu_ps(at)
#define LOAD_SOME(some, at) _mm256_maskload_ps(at, some)
#define STORE(at, v) _mm256_storeu_ps(at, v)
#define STORE_SOME(at, some, v) _mm256_maskstore_ps(at, some, v)
#define SET1(x) _mm256_set1_ps(x)
#define ADD(x, y) _mm256_add_ps(x, y)
#define SUB(x, y) _mm256_sub_ps(x, y)
#define MUL(x, y) _mm256_mul_ps(x, y)
#define DIV(x, y) _mm256_div_ps(x, y)
#define FMA(x, y, z) _mm256_fmadd_ps(x, y, z)
#define SQRT(x) _mm256_sqrt_ps(x)
#define ABS(x) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x)
#define MIN(x, y) _mm256_min_ps(x, y)
#define MAX(x, y) _mm256_max_ps(x, y)
#define POSITIVE(y, v, w) _mm256_blendv_ps(w, v, _mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_NLE_UQ))
#define WITH_SIGN(v, s) _mm256_or_ps(v, _mm256_and_ps(s, _mm256_set1_ps(-0.0f)))
#define BITS(v) _mm256_castps_si256(v)
#define FLOATS(i) _mm256_castsi256_ps(i)
#define ISET1(k) _mm256_set1_epi32(k)
#define IADD(x, y) _mm256_add_epi32(x, y)
#define ISUB(x, y) _mm256_sub_epi32(x, y)
#define SHL(x, k) _mm256_slli_epi32(x, k)
#define SHR(x, k) _mm256_srli_epi32(x, k)

/* The mask of the first n lanes: a window over eight ones and eight zeros. */
static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#define SOME(n) _mm256_loadu_si256((const __m256i *)(const void *)(lanes + LANES - (n)))

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#define SQUARE_SIDE 8
#define TRANSPOSE_SQUARE(from, from_row, to, to_row) transpose_8(from, from_row, to, to_row)

/* Pairs of rows, then fours, are put together within each half of a vector; then the halves. */
static inline void transpose_8(const float *from, size_t from_row, float *to, size_t to_row)
{
    __m256 r[8], t[8];
    for (size_t i = 0; i < 8; i++)
        r[i] = _mm256_loadu_ps(from + i * from_row);
    for (size_t i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4)
        for (size_t j = 0; j < 2; j++) {
            const __m256d a = _mm256_castps_pd(t[i + j]), b = _mm256_castps_pd(t[i + j + 2]);
            r[i + 2 * j] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
            r[i + 2 * j + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
        }
    for (size_t j = 0; j < 4; j++) {
        _mm256_storeu_ps(to + j * to_row, _mm256_permute2f128_ps(r[j], r[4 + j], 0x20));
        _mm256_storeu_ps(to + (4 + j) * to_row, _mm256_permute2f128_ps(r[j], r[4 + j], 0x31));
    }
}

#define TABLE an_vec_avx2
#define NAME "avx2"
#define USABLE usable

#include "models/kernels/vec_math.h"

#include "models/kernels/vec_loops.h"
