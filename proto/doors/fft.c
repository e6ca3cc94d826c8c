#include "doors/fft.h"

#include <kiss_fft.h>
#include <kiss_fftr.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

/* The library lays its tables into memory of ours. */
struct an_fft {
    size_t n;
    void *memory[3]; /* real, forward, back */
    kiss_fftr_cfg real;
    kiss_fft_cfg way[2];
    kiss_fft_cpx *in, *out; /* (n) */
};

void an_fft_free(an_fft *fft)
{
    if (!fft)
        return;
    for (size_t i = 0; i < 3; i++)
        an_free(fft->memory[i]);
    an_free(fft->in);
    an_free(fft->out);
    an_free(fft);
}

static an_err make_tables(an_fft *fft)
{
    const int n = (int)fft->n;
    size_t real = 0, whole = 0;
    (void)kiss_fftr_alloc(n, 0, NULL, &real);
    (void)kiss_fft_alloc(n, 0, NULL, &whole);
    fft->memory[0] = an_alloc(1, real);
    fft->memory[1] = an_alloc(1, whole);
    fft->memory[2] = an_alloc(1, whole);
    fft->in = an_alloc(fft->n, sizeof *fft->in);
    fft->out = an_alloc(fft->n, sizeof *fft->out);
    if (!fft->memory[0] || !fft->memory[1] || !fft->memory[2] || !fft->in || !fft->out)
        return AN_ERR_NOMEM;
    fft->real = kiss_fftr_alloc(n, 0, fft->memory[0], &real);
    fft->way[0] = kiss_fft_alloc(n, 0, fft->memory[1], &whole);
    fft->way[1] = kiss_fft_alloc(n, 1, fft->memory[2], &whole);
    return fft->real && fft->way[0] && fft->way[1] ? AN_OK : AN_ERR_NOMEM;
}

/* Of other sizes the library takes memory in each transform. */
static bool is_smooth(size_t n)
{
    static const size_t primes[] = {2, 3, 5};
    for (size_t i = 0; i < 3; i++)
        while (n % primes[i] == 0)
            n /= primes[i];
    return n == 1;
}

an_err an_fft_new(size_t n, an_fft **ret, an_note *why)
{
    if (n < 2 || n > AN_FFT_MAX || n % 2 != 0 || !is_smooth(n))
        return an_fail(AN_ERR_INVAL, why,
                       "a transform of %zu numbers: must be even, 2..%d, a product of 2, 3 and 5", n,
                       AN_FFT_MAX);
    an_fft *fft = an_alloc(1, sizeof *fft);
    if (!fft)
        return AN_ERR_NOMEM;
    fft->n = n;
    const an_err err = make_tables(fft);
    if (err) {
        an_fft_free(fft);
        return err;
    }
    *ret = fft;
    return AN_OK;
}

void an_fft_forward(an_fft *fft, float *re, float *im, const float *x)
{
    kiss_fftr(fft->real, x, fft->out);
    for (size_t k = 0; k <= fft->n / 2; k++) {
        re[k] = fft->out[k].r;
        im[k] = fft->out[k].i;
    }
}

void an_fft_complex(an_fft *fft, float *re, float *im, int back)
{
    const float scale = back ? 1.0f / (float)fft->n : 1.0f;
    for (size_t k = 0; k < fft->n; k++)
        fft->in[k] = (kiss_fft_cpx){.r = re[k], .i = im[k]};
    kiss_fft(fft->way[back != 0], fft->in, fft->out);
    for (size_t k = 0; k < fft->n; k++) {
        re[k] = fft->out[k].r * scale;
        im[k] = fft->out[k].i * scale;
    }
}
