/* The product of bytes in plain C: what runs everywhere, and what the others are tested against. */
#include "models/kernels/q8_internal.h"

#define COLS AN_Q8_LINE

/* Sums wrap as they do in vectors; the whole sum is within 32 bits. */
static void sums(const an_q8 *p, size_t i, size_t j0, uint32_t s[static COLS])
{
    const size_t line = an_q8_width(p->n) * 4;
    for (size_t j = 0; j < COLS; j++)
        s[j] = (uint32_t)p->start[j0 + j];
    for (size_t r = 0; r < p->nr; r++) {
        const uint8_t *a = p->a + i * p->a_i + r * p->a_r;
        const int8_t *b = p->b + r * p->nk * line + j0 * 4;
        for (size_t k = 0; k < p->nk; k++, a += 4, b += line)
            for (size_t j = 0; j < COLS; j++)
                s[j] += (uint32_t)(a[0] * b[4 * j] + a[1] * b[4 * j + 1] + a[2] * b[4 * j + 2] +
                                   a[3] * b[4 * j + 3]);
    }
}

static void finish(const an_q8 *p, size_t i, size_t j0, const uint32_t s[static COLS])
{
    for (size_t j = 0; j < COLS && j0 + j < p->n; j++) {
        float v = (float)(int32_t)s[j] * p->scale[j0 + j];
        if (p->act != AN_EPILOGUE_NONE)
            v = v < 0.0f ? p->slope * v : v;
        if (p->q)
            p->q[i * p->y_i + j0 + j] = an_q8_byte(v + p->zero);
        else
            p->f[i * p->y_i + j0 + j] = v;
    }
}

void an_q8_plain(const an_q8 *p)
{
    uint32_t s[COLS];
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j += COLS) {
            sums(p, i, j, s);
            finish(p, i, j, s);
        }
}

bool an_q8_plain_usable(void)
{
    return true;
}
