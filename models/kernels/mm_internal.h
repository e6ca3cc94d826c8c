/* mm_internal.h - the instruction sets, one file each. */
#ifndef AN_MODELS_KERNELS_MM_INTERNAL_H
#define AN_MODELS_KERNELS_MM_INTERNAL_H

#include "models/kernels/mm.h"

/* m, n, nq, nr >= 1. */
void an_mm_avx512(const an_mm *p);
void an_mm_avx2(const an_mm *p);
void an_mm_plain(const an_mm *p);
bool an_mm_avx512_usable(void);
bool an_mm_avx2_usable(void);
bool an_mm_plain_usable(void);

#endif
