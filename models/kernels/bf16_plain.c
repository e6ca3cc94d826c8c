/* The product in plain C, by the word of bf16.h: what the others are tested against, and what stands in
 * for them where a processor has none.  The sums rest in c from chunk to chunk. */
#include "models/kernels/bf16_internal.h"

#define COLS 64u

/* A chunk of terms, and the columns that it is worked out for. */
typedef struct chunk {
    const an_mm *p;
    size_t j, cols;
    size_t n, a[AN_BF16_CHUNK]; /* terms, and where a's are */
    float b[AN_BF16_CHUNK][COLS];
} chunk;

static void read_chunk(chunk *k, size_t first, size_t all)
{
    const an_mm *p = k->p;
    k->n = all - first < AN_BF16_CHUNK ? all - first : AN_BF16_CHUNK;
    for (size_t t = 0; t < k->n; t++) {
        const size_t line = (first + t) / p->nk, x = (first + t) % p->nk, q = line / p->nr, r = line % p->nr;
        const float *b = p->b + q * p->b_q + r * p->b_r + x * p->b_k + k->j;
        k->a[t] = q * p->a_q + r * p->a_r + x * p->a_k;
        for (size_t j = 0; j < k->cols; j++)
            k->b[t][j] = an_bf16_round(b[j]);
    }
}

static void add_chunk(const chunk *k, const float *a, float *restrict c)
{
    float sum[2][COLS] = {{0}};
    for (size_t t = 0; t < k->n; t++) {
        const float x = an_bf16_round(a[k->a[t]]);
        for (size_t j = 0; j < k->cols; j++)
            sum[t % 2][j] += x * k->b[t][j];
    }
    for (size_t j = 0; j < k->cols; j++)
        c[j] += sum[0][j] + sum[1][j];
}

static void start(const chunk *k, float *c)
{
    const an_mm *p = k->p;
    for (size_t j = 0; j < k->cols; j++)
        c[j] = (p->add ? c[j] : 0.0f) + (p->bias ? p->bias[k->j + j] : 0.0f);
}

static void finish(const chunk *k, const float *mask, float *c)
{
    const an_mm *p = k->p;
    if (p->act != AN_EPILOGUE_NONE)
        for (size_t j = 0; j < k->cols; j++)
            c[j] = c[j] < 0.0f ? p->slope * c[j] : c[j];
    if (mask && p->mask_act != AN_EPILOGUE_NONE)
        for (size_t j = 0; j < k->cols; j++)
            c[j] = mask[j] > 0.0f ? c[j] : p->mask_slope * c[j];
}

static void columns(chunk *k)
{
    const an_mm *p = k->p;
    const size_t all = p->nq * p->nr * p->nk;
    size_t a, c;
    for (size_t first = 0; first < all; first += AN_BF16_CHUNK) {
        read_chunk(k, first, all);
        for (size_t i = 0; i < p->m; i++) {
            an_mm_row(p, i, &a, &c);
            if (first == 0)
                start(k, p->c + c + k->j);
            add_chunk(k, p->a + a, p->c + c + k->j);
        }
    }
    for (size_t i = 0; i < p->m; i++) {
        an_mm_row(p, i, &a, &c);
        finish(k, p->mask ? p->mask + c + k->j : NULL, p->c + c + k->j);
    }
}

void an_bf16_plain(const an_mm *p)
{
    for (size_t j = 0; j < p->n; j += COLS) {
        chunk k = {.p = p, .j = j, .cols = p->n - j < COLS ? p->n - j : COLS};
        columns(&k);
    }
}
