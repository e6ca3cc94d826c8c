/* mm_internal.h - the instruction sets, one file each. */
#ifndef AN_MODELS_KERNELS_MM_INTERNAL_H
#define AN_MODELS_KERNELS_MM_INTERNAL_H

#include "models/kernels/mm.h"

/* Where row i begins, from a and c on. */
static inline void an_mm_row(const an_mm *p, size_t i, size_t *ret_a, size_t *ret_c)
{
    const size_t line = p->line ? i / p->line : 0, image = p->lines ? line / p->lines : 0;
    const size_t x = i - line * p->line, y = line - image * p->lines;
    *ret_a = image * p->a_image + y * p->a_line + x * p->a_i;
    *ret_c = image * p->c_image + y * p->c_line + x * p->c_i;
}

/* m, n, nq, nr >= 1; line 0 or from 2 to below m. */
void an_mm_avx512(const an_mm *p);
void an_mm_avx2(const an_mm *p);
void an_mm_plain(const an_mm *p);
bool an_mm_avx512_usable(void);
bool an_mm_avx2_usable(void);
bool an_mm_plain_usable(void);

#endif
