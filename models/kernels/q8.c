/* The choice of an instruction set, and what needs none. */
#include "models/kernels/q8.h"

#include <string.h>

#include "models/kernels/q8_internal.h"

static const an_q8_kernel kernels[] = {
#ifdef AN_HAVE_AVX
    {"avx512", an_q8_avx512_usable, an_q8_avx512},
    {"avx2", an_q8_avx2_usable, an_q8_avx2},
#endif
    {"plain", an_q8_plain_usable, an_q8_plain},
};
#define N_KERNELS (sizeof kernels / sizeof *kernels)

static const an_q8_kernel *chosen = &kernels[N_KERNELS - 1];

const an_q8_kernel *an_q8_kernel_at(size_t i)
{
    return i < N_KERNELS ? &kernels[i] : NULL;
}

void an_q8_choose(const char *name)
{
    size_t from = 0;
    for (size_t i = 0; i < N_KERNELS; i++)
        if (name && strcmp(kernels[i].name, name) == 0)
            from = i;
    while (!kernels[from].usable())
        from++;
    chosen = &kernels[from];
}

const char *an_q8_name(void)
{
    return chosen->name;
}

void an_q8_run(const an_q8 *p)
{
    if (p->m > 0 && p->n > 0)
        chosen->run(p);
}

size_t an_q8_fours(size_t run)
{
    return (run + 3) / 4;
}

size_t an_q8_width(size_t n)
{
    return (n + AN_Q8_LINE - 1) / AN_Q8_LINE * AN_Q8_LINE;
}

size_t an_q8_packed(size_t nr, size_t run, size_t n)
{
    return nr * an_q8_fours(run) * an_q8_width(n) * 4;
}

size_t an_q8_at(size_t run, size_t n, size_t r, size_t k, size_t j)
{
    return ((r * an_q8_fours(run) + k / 4) * an_q8_width(n) + j) * 4 + k % 4;
}

void an_q8_pack(size_t nr, size_t run, size_t n, const int8_t *w, int8_t *to)
{
    memset(to, 0, an_q8_packed(nr, run, n));
    for (size_t r = 0; r < nr; r++)
        for (size_t k = 0; k < run; k++)
            for (size_t j = 0; j < n; j++)
                to[an_q8_at(run, n, r, k, j)] = w[(r * run + k) * n + j];
}

void an_q8_from_floats(size_t n, uint8_t *restrict q, const float *restrict x, float scale, uint8_t zero)
{
    const float share = 1.0f / scale, plus = zero;
    for (size_t i = 0; i < n; i++)
        q[i] = an_q8_byte(x[i] * share + plus);
}

void an_q8_to_floats(size_t n, float *restrict y, const uint8_t *restrict q, float scale, uint8_t zero)
{
    for (size_t i = 0; i < n; i++)
        y[i] = scale * (float)((int)q[i] - (int)zero);
}
