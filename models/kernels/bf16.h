/* bf16.h - products whose operands are rounded to bfloat16 and whose sums are in single precision, for
 * training in mixed precision (Micikevicius et al. 2018; Kalamkar et al. 2019): the instruction sets
 * behind an_mm.bf16.
 *
 *     an_kernels_init();                    chooses, as ANDON_BF16 says
 *     if (!an_bf16_ready()) ...             refuse: this processor has no such products
 *     an_mm p = {.bf16 = true, ...};
 *     an_mm_run(&p);
 *
 * What is summed.  Each operand is rounded to the nearest bfloat16, ties to even, as VCVTNE2PS2BF16
 * does: numbers too large for it become infinite, what is no number stays none, and subnormal operands
 * count as 0.  The terms of an output, in the order q, r, k, come in chunks of AN_BF16_CHUNK, the last
 * of which is filled up with zeros; of a chunk
 *
 *     even = sum of a b over the terms 0, 2, 4 ..     odd = sum of a b over the terms 1, 3, 5 ..
 *
 * are summed one term after the other, and even + odd is added to the output's running sum, which
 * starts with c and the bias as in float.  A product of two bfloat16 is exact in single precision.
 * That is what AMX does; "amx" and "plain" give the same bits, but for sums below 1.2e-38, which AMX
 * takes for 0.  "avx512bf16" adds a chunk's terms in other pairs: its last bits are its own.  With all
 * of them an output's bits do not depend on how a product is divided over its rows and columns.
 *
 * Products of fewer than AN_BF16_TERMS_LEAST terms stay in float with every instruction set: they are
 * not faster, because what is rounded is used too seldom.
 *
 * Memory: a product needs about 200 KiB of the caller's stack, and nothing else.
 *
 * Threads: pure; the table is chosen before any thread and then only read. */
#ifndef AN_MODELS_KERNELS_BF16_H
#define AN_MODELS_KERNELS_BF16_H

#include <stdbool.h>
#include <stddef.h>

#include "models/kernels/mm.h"

#define AN_BF16_CHUNK 32u
#define AN_BF16_TERMS_LEAST 24u

/* The rows of the table, best first; the last runs everywhere, slowly: it is what the others are
 * tested against. */
typedef struct an_bf16_kernel {
    const char *name; /* "amx", "avx512bf16", "plain" */
    bool (*usable)(void);
    void (*run)(const an_mm *p);             /* as an_mm_run leaves it: nq, nr >= 1, lines joined */
    void (*pack)(const an_mm *p, float *to); /* NULL: nothing is gained */
} an_bf16_kernel;

const an_bf16_kernel *an_bf16_kernel_at(size_t i); /* NULL past the end */
/* Chooses: the best that the processor has, or the one called `name`; "none": as on a processor that
 * has none.  False: there is none of that name here; the best is chosen.  Once, before any thread. */
bool an_bf16_choose(const char *name);
/* The processor has such products, or an emulation was asked for by name.  If not, an_mm.bf16 is
 * emulated all the same, but nobody should train so. */
bool an_bf16_ready(void);
const char *an_bf16_name(void);

/* Floats of a b (nk, n) that is packed once for many products with nq, nr 1: as many steps of a recurrent
 * layer take the same.  0: it is too large, or nothing is gained; leave an_mm.packed NULL. */
size_t an_bf16_packed(size_t nk, size_t n);
/* p->b of p->nk, p->n; to: an_bf16_packed floats, aligned to 64 bytes. */
void an_bf16_pack(const an_mm *p, float *to);

float an_bf16_round(float x); /* as an operand is */

#endif
