/* kernels.h - the door to OpenBLAS: matrix products on row-major float32.
 *
 *     an_kernels_init();                                once, in main, before any thread
 *     an_gemm(false, true, B, I, O, 1.0f, dy, w, 0.0f, dx);   dx = dy w^T
 *
 * OpenBLAS runs on one thread; parallel work is divided above it, so that a result does not
 * depend on the number of threads.  A product with one row goes to a loop of our own, which is
 * faster than a BLAS call there and adds in a fixed order.  Built with -DAN_OPENBLAS=OFF, plain
 * C does everything.  For the same shape and the same build the same bits come out.
 *
 * Threads: after an_kernels_init everything here may be called from anywhere. */
#ifndef AN_MODELS_KERNELS_H
#define AN_MODELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

/* Chooses the instruction set: the best that the processor has, or the one that the environment's
 * ANDON_KERNELS names (mm.h).  False: it has none of that name; the best is taken. */
bool an_kernels_init(void);

/* Names the set of kernels ("openblas Zen", "plain"): training is bit-equal per kernel set, so
 * a record of a training run carries it. */
const char *an_kernels_name(void);

/* c = alpha op(a) op(b) + beta c, with op(a) (m, k), op(b) (k, n), c (m, n), all without gaps.
 * trans_a: a is stored as (k, m); trans_b: b is stored as (n, k).  With beta = 0 c is not read.
 * c overlaps neither a nor b. */
void an_gemm(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a,
             const float *b, float beta, float *c);

/* The same in plain C, in every build: what the fast one is tested against. */
void an_gemm_plain(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a,
                   const float *b, float beta, float *c);

/* y = alpha x op(b) + beta y for one row x (k), op(b) (k, n), y (n).  The order of addition is
 * fixed. */
void an_gemv(bool trans_b, size_t n, size_t k, float alpha, const float *x, const float *b, float beta,
             float *y);

#endif
