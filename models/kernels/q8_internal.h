/* q8_internal.h - the instruction sets, one file each. */
#ifndef AN_MODELS_KERNELS_Q8_INTERNAL_H
#define AN_MODELS_KERNELS_Q8_INTERNAL_H

#include <string.h>

#include "models/kernels/q8.h"

#define AN_Q8_LINE 16u /* columns of packed weights come in such blocks, for the widest vectors */

/* The nearest whole number in 0..255, ties to even, as the conversion of vectors rounds: adding 1.5 *
 * 2^23 leaves it in the lowest bits. */
static inline uint8_t an_q8_byte(float v)
{
    uint32_t bits;
    v = v > 0.0f ? v : 0.0f;
    v = (v < 255.0f ? v : 255.0f) + 12582912.0f;
    memcpy(&bits, &v, sizeof bits);
    return (uint8_t)bits;
}

/* m, n, nr >= 1. */
void an_q8_avx512(const an_q8 *p);
void an_q8_avx2(const an_q8 *p);
void an_q8_plain(const an_q8 *p);
bool an_q8_avx512_usable(void);
bool an_q8_avx2_usable(void);
bool an_q8_plain_usable(void);

#endif
