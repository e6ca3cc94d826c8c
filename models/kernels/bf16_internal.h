/* bf16_internal.h - the instruction sets of bf16.h, one file each. */
#ifndef AN_MODELS_KERNELS_BF16_INTERNAL_H
#define AN_MODELS_KERNELS_BF16_INTERNAL_H

#include "models/kernels/bf16.h"
#include "models/kernels/mm_internal.h"

/* Terms and values of b that are packed at a time. */
#define AN_BF16_TERMS_MOST 256u
#define AN_BF16_PACKED_MOST 65536u

void an_bf16_amx(const an_mm *p);
void an_bf16_avx512(const an_mm *p);
void an_bf16_plain(const an_mm *p);
void an_bf16_amx_pack(const an_mm *p, float *to);
void an_bf16_avx512_pack(const an_mm *p, float *to);

bool an_bf16_amx_usable(void); /* asks the system for the tiles; yes for the whole process */
bool an_bf16_avx512_usable(void);
bool an_bf16_plain_usable(void);

/* With the chosen instruction set; false: the product is one for float. */
bool an_bf16_run(const an_mm *p);

#endif
