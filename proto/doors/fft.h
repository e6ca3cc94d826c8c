/* fft.h - the door to KISS FFT: the discrete Fourier transform of real numbers.
 *
 *     an_fft *fft = NULL;
 *     err = an_fft_new(1024, &fft, &why);
 *     an_fft_forward(fft, x, re, im);     re, im: (513) of x: (1024)
 *     an_fft_free(fft);
 *
 * X[k] = sum over t of x[t] exp(-2 pi i k t / n), k = 0 .. n/2, unscaled; an_fft_complex is the same of complex
 * numbers, both ways.  In single precision: an error of about 1e-6 of the largest value.
 *
 * Same bits: the same build of the library gives the same result for the same input.  Two machines or two versions of the
 * library may differ in the last bits (its compiler may fuse products, its sines come from the C library).
 *
 * Threads: one thread per object. */
#ifndef AN_DOORS_FFT_H
#define AN_DOORS_FFT_H

#include <stddef.h>

#include "base/err.h"

#define AN_FFT_MAX 65536 /* numbers in and out */

typedef struct an_fft an_fft;

/* n: even, 2 .. AN_FFT_MAX, a product of 2, 3 and 5.  Errors: INVAL, NOMEM. */
an_err an_fft_new(size_t n, an_fft **ret, an_note *why);
void an_fft_free(an_fft *fft); /* NULL is fine */

/* x: (n); re, im: (n / 2 + 1). */
void an_fft_forward(an_fft *fft, float *re, float *im, const float *x);

/* re, im: (n), changed in place.  back: with exp(+...), and divided by n. */
void an_fft_complex(an_fft *fft, float *re, float *im, int back);

#endif
