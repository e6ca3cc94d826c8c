/* q8.h - the product of bytes for models in whole numbers: unsigned activations times signed weights,
 * summed in 32 bits, scaled as they are written.
 *
 *     s[i, j]  =  start[j] + sum over r, k of  a[i a_i + r a_r + k] * w[r, k, j]
 *     y[i, j]  =  act(scale[j] s[i, j])              as a float, or
 *                 round(act(..) + zero) in 0..255    as a byte
 *
 * Steps are free as in mm.h, so that a convolution reads its input where it lies: r is the line of the
 * kernel, a line's width * channels bytes lie side by side.  Terms come in fours, as AVX-512 VNNI takes
 * them: a line that is no multiple of 4 is read up to 3 bytes beyond its end, which is multiplied by 0
 * and must be memory of the caller's.
 *
 *     int8_t *b = an_alloc(an_q8_packed(kh, kw * c, f), 1);
 *     an_q8_pack(kh, kw * c, f, w, b);
 *     an_q8 p = {.m = ow, .n = f, .nr = kh, .nk = an_q8_fours(kw * c), .b = b, ...};
 *     an_q8_run(&p);
 *
 * Every instruction set gives the same bits: sums are exact (no saturation anywhere), and what follows
 * is one conversion, one multiplication and one addition in IEEE single precision, rounded to even.
 *
 * Threads: pure; the table is chosen before any thread and then only read. */
#ifndef AN_MODELS_KERNELS_Q8_H
#define AN_MODELS_KERNELS_Q8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/kernels/mm.h"

/* Terms of one output: with as many, 255 * 128 each, and a start below 2^30 no sum leaves 32 bits. */
#define AN_Q8_TERMS_MAX 32768u
#define AN_Q8_START_MAX (INT32_C(1) << 30)
/* Bytes that must follow what a product reads. */
#define AN_Q8_SLACK 3u

/* Lengths and steps in bytes of a and values of y. */
typedef struct an_q8 {
    size_t m, n, nr, nk; /* nk: fours */
    const uint8_t *a;
    size_t a_i, a_r;
    const int8_t *b;      /* packed */
    const int32_t *start; /* (an_q8_width(n)), 0 from n on */
    const float *scale;   /* (an_q8_width(n)), 0 from n on */
    an_epilogue act;
    float slope; /* of a leaky one, else 0 */
    uint8_t *q;  /* y as bytes, */
    float *f;    /* or as floats: the other is NULL */
    size_t y_i;
    float zero; /* the byte that stands for 0 */
} an_q8;

void an_q8_run(const an_q8 *p); /* with the kernels that were chosen at the start */

size_t an_q8_fours(size_t run);                       /* fours that hold so many bytes */
size_t an_q8_width(size_t n);                         /* n rounded up to whole vectors */
size_t an_q8_packed(size_t nr, size_t run, size_t n); /* bytes of packed weights */
/* Where the weight (r, k, j) lies among them. */
size_t an_q8_at(size_t run, size_t n, size_t r, size_t k, size_t j);
/* w (nr, run, n) into to (an_q8_packed), which is all written. */
void an_q8_pack(size_t nr, size_t run, size_t n, const int8_t *w, int8_t *to);

/* q = x / scale + zero, rounded to even and held within 0..255; what is not a number becomes 0. */
void an_q8_from_floats(size_t n, uint8_t *restrict q, const float *restrict x, float scale, uint8_t zero);
/* y = scale (q - zero) */
void an_q8_to_floats(size_t n, float *restrict y, const uint8_t *restrict q, float scale, uint8_t zero);

/* The rows of the table of instruction sets, best first; the last runs everywhere. */
typedef struct an_q8_kernel {
    const char *name; /* as mm.h's; avx512 here needs VNNI too */
    bool (*usable)(void);
    void (*run)(const an_q8 *p);
} an_q8_kernel;

const an_q8_kernel *an_q8_kernel_at(size_t i); /* NULL past the end */
/* Chooses: the one called `name`, or the best that the processor has; not better than `name`. */
void an_q8_choose(const char *name);
const char *an_q8_name(void);

#endif
