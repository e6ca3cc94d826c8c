/* The product with AVX2 and FMA: 16 registers of 8 floats, tiles of up to 6 x 2 vectors. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "models/kernels/mm_internal.h"

#define LANES 8
#define VEC __m256
#define MASK __m256i
#define LOAD(at) _mm256_loadu_ps(at)
#define LOAD_SOME(some, at) _mm256_maskload_ps(at, some)
#define STORE(at, v) _mm256_storeu_ps(at, v)
#define STORE_SOME(at, some, v) _mm256_maskstore_ps(at, some, v)
#define SET1(x) _mm256_set1_ps(x)
#define ZERO() _mm256_setzero_ps()
#define FMA(x, y, z) _mm256_fmadd_ps(x, y, z)
#define ADD(x, y) _mm256_add_ps(x, y)
#define MUL(x, y) _mm256_mul_ps(x, y)
/* "Not at most 0", so that what is no number stays one. */
#define POSITIVE(y, v, w) _mm256_blendv_ps(w, v, _mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_NLE_UQ))
#define ROW_VECTORS 8
#define ROWS_1 6
#define ROWS_2 6
#define ROWS_3 0
#define ROWS_4 0
#define TILES_OF(T, nv) T(1, nv) T(2, nv) T(3, nv) T(4, nv) T(5, nv) T(6, nv)
#define TILES(T) TILES_OF(T, 1) TILES_OF(T, 2)

/* The mask of the first n lanes: a window over eight ones and eight zeros. */
static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#define SOME(n) _mm256_loadu_si256((const __m256i *)(const void *)(lanes + LANES - (n)))

#include "models/kernels/mm_tiles.h"

void an_mm_avx2(const an_mm *p)
{
    run(p);
}

bool an_mm_avx2_usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
