/* mm.h - one product for everything: dense layers, their gradients, convolutions and theirs, the
 * gates of recurrent layers.
 *
 *     c[i, j]  =  sum over q, r, k of  a[i a_i + q a_q + r a_r + k a_k] * b[q b_q + r b_r + k b_k + j]
 *
 * The steps between the terms are free, and may be smaller than what they step over, so that the
 * patches under a convolution's kernel are read where they lie, without a copy (implicit im2col).
 * Rows may come in lines, and lines in images: row i is then position i % line of line i / line, and a
 * and c have their own steps from line to line and from image to image.
 *
 *     forward   i: position in y              r: line of the kernel  k: its width * channels
 *     dw        i: width * channels of a line of the kernel  q: image  r: line of y  k: position
 *     dense     i: row of the batch, k: inputs;  dw: i: input, k: row of the batch (a_i = 1, a_k = inputs)
 *
 * The terms of an output are added in the order q, r, k by one running sum, whatever m and n are
 * and wherever in c it lies: an output's bits do not depend on how a product is divided.
 *
 * Threads: pure; products that write different places may run at the same time. */
#ifndef AN_MODELS_KERNELS_MM_H
#define AN_MODELS_KERNELS_MM_H

#include <stdbool.h>
#include <stddef.h>

/* What is done to a value as it is written: y = x > 0 ? x : slope x, slope 0 for relu.  As a mask:
 * the value times the derivative of that, seen from its output. */
typedef enum an_epilogue { AN_EPILOGUE_NONE, AN_EPILOGUE_RELU, AN_EPILOGUE_LEAKY } an_epilogue;

/* Lengths and steps in floats.  All that is not set is 0; nq, nr 0 stand for 1. */
typedef struct an_mm {
    size_t m, n, nq, nr, nk;
    const float *a;
    size_t a_i, a_q, a_r, a_k;
    size_t line, lines; /* rows of a line, lines of an image; 0: all.  m is a multiple of both */
    size_t a_line, a_image;
    const float *b; /* its columns lie side by side */
    size_t b_q, b_r, b_k;
    float *c; /* overlaps nothing else */
    size_t c_i, c_line, c_image;
    bool add;          /* c is added to, else written */
    const float *bias; /* (n) the sums start with it; NULL: with 0 or c */
    an_epilogue act;   /* applied last but for the mask */
    float slope;       /* of a leaky one */
    const float *mask; /* outputs of the activation whose derivative is multiplied in; lies as c; NULL */
    an_epilogue mask_act;
    float mask_slope;
    bool bf16;           /* operands are rounded to bfloat16, sums stay float: see bf16.h */
    const float *packed; /* in bf16: b as an_bf16_pack made it; NULL: each product makes its own */
} an_mm;

void an_mm_run(const an_mm *p); /* with the kernels that were chosen at the start */

/* The rows of the table of instruction sets, best first; the last runs everywhere. */
typedef struct an_mm_kernel {
    const char *name; /* "avx512", "avx2", "plain" */
    bool (*usable)(void);
    void (*run)(const an_mm *p);
} an_mm_kernel;

const an_mm_kernel *an_mm_kernel_at(size_t i); /* NULL past the end */
/* Chooses: the best that the processor has, or the one called `name` (as ANDON_KERNELS says).  False:
 * there is none of that name here; the best is chosen.  Once, before any thread. */
bool an_mm_choose(const char *name);
const char *an_mm_name(void);

#endif
