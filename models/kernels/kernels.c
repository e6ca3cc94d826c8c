/* The fast product: OpenBLAS for two rows and more, our own loop for one.
 *
 * OpenBLAS picks its kernels by the processor it finds; for M = 1 its general product is up to
 * seven times slower than a plain loop on processors without AVX-512, hence the own path. */
#include "models/kernels/kernels.h"

#include <limits.h>
#include <stdlib.h>

#include "models/kernels/mm.h"
#include "models/kernels/q8.h"
#include "models/kernels/vec.h"

/* The tables have the same names. */
static bool choose(void)
{
    const char *name = getenv("ANDON_KERNELS");
    const bool found = an_mm_choose(name);
    an_q8_choose(name);
    return an_vec_choose(name) && found;
}

#ifdef AN_HAVE_OPENBLAS
#include <cblas.h>

bool an_kernels_init(void)
{
    openblas_set_num_threads(1);
    return choose();
}

const char *an_kernels_name(void)
{
    return openblas_get_config();
}

void an_gemm(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a,
             const float *b, float beta, float *c)
{
    if (m == 0 || n == 0)
        return;
    if (m == 1) { /* one row reads the same in both orders */
        an_gemv(trans_b, n, k, alpha, a, b, beta, c);
        return;
    }
    if (k == 0 || m > INT_MAX || n > INT_MAX || k > INT_MAX) {
        an_gemm_plain(trans_a, trans_b, m, n, k, alpha, a, b, beta, c);
        return;
    }
    cblas_sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans,
                (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)(trans_a ? m : k), b,
                (blasint)(trans_b ? k : n), beta, c, (blasint)n);
}

#else

bool an_kernels_init(void)
{
    return choose();
}

const char *an_kernels_name(void)
{
    return "plain";
}

void an_gemm(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a,
             const float *b, float beta, float *c)
{
    an_gemm_plain(trans_a, trans_b, m, n, k, alpha, a, b, beta, c);
}

#endif
