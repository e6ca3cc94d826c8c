/* vec_internal.h - the tables of vec.h, one file each. */
#ifndef AN_MODELS_KERNELS_VEC_INTERNAL_H
#define AN_MODELS_KERNELS_VEC_INTERNAL_H

#include "models/kernels/vec.h"

extern const an_vec an_vec_avx512, an_vec_avx2, an_vec_plain;

#endif
