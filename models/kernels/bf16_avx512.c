/* The product with VDPBF16PS (AVX-512 BF16: Zen 4, Cooper Lake): 8 rows of 2 vectors of sums, to each
 * of which it adds a pair of terms. */
#include "models/kernels/bf16_pack.h"

#define BEGIN() (void)0
#define END() (void)0

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

static inline __attribute__((always_inline)) void eight_rows(const int nv, const factors *f, size_t first,
                                                             float *c, size_t c_row)
{
    __m512 sum[8][2];
    const size_t tile = f->terms * LANES;
    const uint16_t *a = f->a + first * f->terms;
    const float *start = f->start ? f->start + first * f->start_row : NULL;
    c += first * c_row;
    UNROLL
    for (int i = 0; i < 8; i++)
        UNROLL
    for (int j = 0; j < nv; j++)
        sum[i][j] = start ? _mm512_loadu_ps(start + (size_t)i * f->start_row + 16 * j) : _mm512_setzero_ps();
    for (size_t k = 0; k < f->terms; k += 2) {
        __m512i b[2];
        UNROLL
        for (int j = 0; j < nv; j++)
            b[j] = _mm512_loadu_si512(f->b + (size_t)j * tile + k * LANES);
        UNROLL
        for (int i = 0; i < 8; i++) {
            int pair;
            memcpy(&pair, a + (size_t)i * f->terms + k, sizeof pair);
            const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            UNROLL
            for (int j = 0; j < nv; j++)
                sum[i][j] = _mm512_dpbf16_ps(sum[i][j], x, (__m512bh)b[j]);
        }
    }
    UNROLL
    for (int i = 0; i < 8; i++)
        UNROLL
    for (int j = 0; j < nv; j++)
        _mm512_storeu_ps(c + (size_t)i * c_row + 16 * j, sum[i][j]);
}

static void multiply(const factors *f, float *c, size_t c_row)
{
    for (size_t i = 0; i < f->rows; i += 8)
        if (f->cols > 16)
            eight_rows(2, f, i, c, c_row);
        else
            eight_rows(1, f, i, c, c_row);
}

#include "models/kernels/bf16_blocks.h"

void an_bf16_avx512(const an_mm *p)
{
    run(p);
}

void an_bf16_avx512_pack(const an_mm *p, float *to)
{
    pack_whole(p, to);
}
