/* OpenBLAS where it is built in, else loops.  What its numbers of rows and columns cannot say goes to the
 * loops, too. */
#include "models/kernels/kernels.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "models/kernels/bf16.h"
#include "models/kernels/mm.h"
#include "models/kernels/q8.h"
#include "models/kernels/vec.h"

/* The tables but for that of bfloat16 have the same names. */
static bool choose(void)
{
    const char *name = getenv("ANDON_KERNELS");
    const bool found = an_mm_choose(name);
    const bool halves = an_bf16_choose(getenv("ANDON_BF16"));
    an_q8_choose(name);
    return an_vec_choose(name) && found && halves;
}

static void gram_plain(size_t n, size_t m, const double *x, double *sum)
{
    for (size_t i = 0; i < n; i++, x += m)
        for (size_t j = 0; j < m; j++)
            for (size_t k = 0; k <= j; k++)
                sum[j * m + k] += x[j] * x[k];
}

static void gemm_plain(size_t m, size_t n, size_t k, const float *a, const float *b, float *c)
{
    memset(c, 0, m * n * sizeof *c);
    for (size_t i = 0; i < m; i++)
        for (size_t p = 0; p < k; p++)
            for (size_t j = 0; j < n; j++)
                c[i * n + j] += a[i * k + p] * b[p * n + j];
}

#ifdef AN_HAVE_OPENBLAS
#include <cblas.h>

bool an_kernels_init(void)
{
    openblas_set_num_threads(1);
    return choose();
}

const char *an_blas_name(void)
{
    return openblas_get_config();
}

static bool fits(size_t n)
{
    return n > 0 && n <= INT_MAX;
}

void an_gram(size_t n, size_t m, const double *x, double *sum)
{
    if (fits(n) && fits(m))
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)m, (blasint)n, 1.0, x, (blasint)m, 1.0,
                    sum, (blasint)m);
    else
        gram_plain(n, m, x, sum);
}

void an_gemm(size_t m, size_t n, size_t k, const float *a, const float *b, float *c)
{
    if (fits(m) && fits(n) && fits(k))
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1.0f, a,
                    (blasint)k, b, (blasint)n, 0.0f, c, (blasint)n);
    else
        gemm_plain(m, n, k, a, b, c);
}

#else

bool an_kernels_init(void)
{
    return choose();
}

const char *an_blas_name(void)
{
    return "plain";
}

void an_gram(size_t n, size_t m, const double *x, double *sum)
{
    gram_plain(n, m, x, sum);
}

void an_gemm(size_t m, size_t n, size_t k, const float *a, const float *b, float *c)
{
    gemm_plain(m, n, k, a, b, c);
}

#endif
