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

#define TABLE an_vec_avx512
#define NAME "avx512"
#define USABLE usable

#include "models/kernels/vec_math.h"

#include "models/kernels/vec_loops.h"
