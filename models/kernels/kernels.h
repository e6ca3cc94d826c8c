/* kernels.h - chooses the kernels, and is the door to OpenBLAS.
 *
 *     an_kernels_init();                 once, in main, before any thread
 *     an_gram(1000, 50, x, sum);         sum += x^T x
 *
 * The products of models are mm.h's, whose bits are the same however they are divided.  OpenBLAS has the
 * large ones outside training, whose result stays at the site, and is what ours are measured against.
 * It runs on one thread.  Built with -DAN_OPENBLAS=OFF, plain C does everything.  For the same shape, the
 * same build and the same processor the same bits come out.
 *
 * Threads: after an_kernels_init everything here may be called from anywhere. */
#ifndef AN_MODELS_KERNELS_H
#define AN_MODELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

/* Chooses the instruction set: the best that the processor has, or the one that the environment's
 * ANDON_KERNELS names (mm.h); and that of products in bfloat16, which ANDON_BF16 names (bf16.h).
 * False: it has none of that name; the best is taken. */
bool an_kernels_init(void);

/* Who makes the products of this header: "OpenBLAS 0.3.21 ...", or "plain". */
const char *an_blas_name(void);

/* Adds x^T x to the lower triangle of sum (m, m); x (n, m).  What lies above the diagonal is left alone. */
void an_gram(size_t n, size_t m, const double *x, double *sum);

/* c (m, n) = a (m, k) b (k, n): what mm.h is measured against. */
void an_gemm(size_t m, size_t n, size_t k, const float *a, const float *b, float *c);

#endif
