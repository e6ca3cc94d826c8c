/* The product with AVX-512: 32 registers of 16 floats, tiles of up to 13 x 2 vectors. */
#include <immintrin.h>
#include <string.h>

#include "models/kernels/mm_internal.h"

#define LANES 16
#define VEC __m512
#define MASK __mmask16
#define SOME(n) ((__mmask16)((1u << (n)) - 1u))
#define LOAD(at) _mm512_loadu_ps(at)
#define LOAD_SOME(some, at) _mm512_maskz_loadu_ps(some, at)
#define STORE(at, v) _mm512_storeu_ps(at, v)
#define STORE_SOME(at, some, v) _mm512_mask_storeu_ps(at, some, v)
#define SET1(x) _mm512_set1_ps(x)
#define ZERO() _mm512_setzero_ps()
#define FMA(x, y, z) _mm512_fmadd_ps(x, y, z)
#define ADD(x, y) _mm512_add_ps(x, y)
#define MUL(x, y) _mm512_mul_ps(x, y)
/* "Not at most 0", so that what is no number stays one. */
#define POSITIVE(y, v, w) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_NLE_UQ), w, v)
#define ROW_VECTORS 16
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

#include "models/kernels/mm_tiles.h"

void an_mm_avx512(const an_mm *p)
{
    run(p);
}

bool an_mm_avx512_usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
