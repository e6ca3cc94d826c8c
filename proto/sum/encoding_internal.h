/* encoding_internal.h - what the encodings share.  Internal to proto/sum. */
#ifndef AN_SUM_ENCODING_INTERNAL_H
#define AN_SUM_ENCODING_INTERNAL_H

#include "sum/encoding.h"

/* |v| of a two's complement number; 2^31 for -2^31. */
static inline uint32_t an_magnitude(uint32_t v)
{
    return v >> 31 ? 0 - v : v;
}

#endif
