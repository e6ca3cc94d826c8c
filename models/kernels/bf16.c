/* The choice of an instruction set, made once. */
#include "models/kernels/bf16.h"

#include <stdint.h>
#include <string.h>

#include "models/kernels/bf16_internal.h"

static const an_bf16_kernel kernels[] = {
#ifdef AN_HAVE_AVX
    {"amx", an_bf16_amx_usable, an_bf16_amx, an_bf16_amx_pack},
    {"avx512bf16", an_bf16_avx512_usable, an_bf16_avx512, an_bf16_avx512_pack},
#endif
    {"plain", an_bf16_plain_usable, an_bf16_plain, NULL},
};
#define N_KERNELS (sizeof kernels / sizeof *kernels)

static const an_bf16_kernel *chosen = &kernels[N_KERNELS - 1];
static bool ready;

const an_bf16_kernel *an_bf16_kernel_at(size_t i)
{
    return i < N_KERNELS ? &kernels[i] : NULL;
}

bool an_bf16_choose(const char *name)
{
    const an_bf16_kernel *best = NULL, *named = NULL;
    const bool none = name && strcmp(name, "none") == 0;
    for (size_t i = 0; i < N_KERNELS; i++) {
        if (!kernels[i].usable() || (none && i + 1 < N_KERNELS))
            continue;
        best = best ? best : &kernels[i];
        if (name && strcmp(kernels[i].name, name) == 0)
            named = &kernels[i];
    }
    chosen = named ? named : best;
    ready = named || chosen != &kernels[N_KERNELS - 1];
    return !name || named || none;
}

bool an_bf16_ready(void)
{
    return ready;
}

const char *an_bf16_name(void)
{
    return chosen->name;
}

size_t an_bf16_packed(size_t nk, size_t n)
{
    const size_t terms = (nk + AN_BF16_CHUNK - 1) / AN_BF16_CHUNK * AN_BF16_CHUNK, cols = (n + 31) / 32 * 32;
    if (!chosen->pack || nk < AN_BF16_TERMS_LEAST || terms > AN_BF16_TERMS_MOST ||
        cols > AN_BF16_PACKED_MOST / terms)
        return 0;
    return terms * cols / 2;
}

void an_bf16_pack(const an_mm *p, float *to)
{
    chosen->pack(p, to);
}

bool an_bf16_run(const an_mm *p)
{
    if (p->nq * p->nr * p->nk < AN_BF16_TERMS_LEAST)
        return false;
    chosen->run(p);
    return true;
}

float an_bf16_round(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    const uint32_t size = u & 0x7fffffffu;
    if (size > 0x7f800000u)
        u |= 0x400000u; /* no number: a quiet one */
    else if (size < 0x800000u)
        u &= 0x80000000u;
    else
        u += 0x7fffu + (u >> 16 & 1u);
    u &= 0xffff0000u;
    memcpy(&x, &u, sizeof x);
    return x;
}
