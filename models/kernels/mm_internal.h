/* mm_internal.h - the instruction sets, one file each. */
#ifndef AN_MODELS_KERNELS_MM_INTERNAL_H
#define AN_MODELS_KERNELS_MM_INTERNAL_H

#include "models/kernels/mm.h"

/* Where row i of a begins. */
static inline const float *an_mm_row(const an_mm *p, size_t i)
{
    if (p->line == 0)
        return p->a + i * p->a_i;
    const size_t line = i / p->line, image = p->lines ? line / p->lines : 0;
    return p->a + image * p->a_image + (line - image * p->lines) * p->a_line + i % p->line * p->a_i;
}

/* m, n, nq, nr >= 1. */
void an_mm_avx512(const an_mm *p);
void an_mm_avx2(const an_mm *p);
void an_mm_plain(const an_mm *p);
bool an_mm_avx512_usable(void);
bool an_mm_avx2_usable(void);
bool an_mm_plain_usable(void);

#endif
