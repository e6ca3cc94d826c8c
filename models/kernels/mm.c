/* The choice of an instruction set, made once. */
#include "models/kernels/mm.h"

#include <string.h>

#include "models/kernels/bf16_internal.h"
#include "models/kernels/mm_internal.h"

static const an_mm_kernel kernels[] = {
#ifdef AN_HAVE_AVX
    {"avx512", an_mm_avx512_usable, an_mm_avx512},
    {"avx2", an_mm_avx2_usable, an_mm_avx2},
#endif
    {"plain", an_mm_plain_usable, an_mm_plain},
};
#define N_KERNELS (sizeof kernels / sizeof *kernels)

static const an_mm_kernel *chosen = &kernels[N_KERNELS - 1];

const an_mm_kernel *an_mm_kernel_at(size_t i)
{
    return i < N_KERNELS ? &kernels[i] : NULL;
}

bool an_mm_choose(const char *name)
{
    const an_mm_kernel *best = NULL, *named = NULL;
    for (size_t i = 0; i < N_KERNELS; i++) {
        if (!kernels[i].usable())
            continue;
        best = best ? best : &kernels[i];
        if (name && strcmp(kernels[i].name, name) == 0)
            named = &kernels[i];
    }
    chosen = named ? named : best;
    return !name || named;
}

const char *an_mm_name(void)
{
    return chosen->name;
}

/* Lines that follow each other as their rows do are one line; lines of one row are rows. */
static void join_lines(an_mm *p)
{
    while (p->line > 0 && p->line < p->m) {
        if (p->line == 1) {
            p->a_i = p->a_line;
            p->c_i = p->c_line;
        } else if (p->a_line != p->line * p->a_i || p->c_line != p->line * p->c_i)
            return;
        p->line *= p->lines;
        p->lines = 0;
        p->a_line = p->a_image;
        p->c_line = p->c_image;
    }
    p->line = p->lines = 0;
}

void an_mm_run(const an_mm *p)
{
    an_mm q = *p;
    if (q.m == 0 || q.n == 0)
        return;
    q.nq = q.nq ? q.nq : 1;
    q.nr = q.nr ? q.nr : 1;
    join_lines(&q);
    if (!q.bf16 || !an_bf16_run(&q))
        chosen->run(&q);
}
