/* The product in plain C: what the others are tested against, and what runs where they cannot.  Four
 * rows and eight columns at a time, which compilers make vectors of. */
#include <string.h>

#include "models/kernels/mm_internal.h"

#define ROWS 4u
#define COLS 8u

/* A whole tile.  The sums are a local array and the bounds constants, so that compilers keep them in
 * registers. */
static void whole_sums(const an_mm *p, const float *const rows_of_a[], size_t j0, float s[ROWS][COLS])
{
    float t[ROWS][COLS];
    memcpy(t, s, sizeof t);
    for (size_t q = 0; q < p->nq; q++)
        for (size_t r = 0; r < p->nr; r++) {
            size_t off = q * p->a_q + r * p->a_r;
            const float *b = p->b + q * p->b_q + r * p->b_r + j0;
            for (size_t k = 0; k < p->nk; k++, off += p->a_k, b += p->b_k) {
                float line[COLS];
                memcpy(line, b, sizeof line);
                for (size_t i = 0; i < ROWS; i++) {
                    const float x = rows_of_a[i][off];
                    for (size_t j = 0; j < COLS; j++)
                        t[i][j] += x * line[j];
                }
            }
        }
    memcpy(s, t, sizeof t);
}

static void some_sums(const an_mm *p, const float *const rows_of_a[], size_t j0, size_t rows, size_t cols,
                      float s[ROWS][COLS])
{
    for (size_t q = 0; q < p->nq; q++)
        for (size_t r = 0; r < p->nr; r++) {
            size_t off = q * p->a_q + r * p->a_r;
            const float *b = p->b + q * p->b_q + r * p->b_r + j0;
            for (size_t k = 0; k < p->nk; k++, off += p->a_k, b += p->b_k)
                for (size_t i = 0; i < rows; i++)
                    for (size_t j = 0; j < cols; j++)
                        s[i][j] += rows_of_a[i][off] * b[j];
        }
}

/* at: from c and the mask on. */
static void finish(const an_mm *p, size_t at, float v)
{
    if (p->act != AN_EPILOGUE_NONE)
        v = v < 0.0f ? p->slope * v : v;
    if (p->mask && p->mask_act != AN_EPILOGUE_NONE)
        v = p->mask[at] > 0.0f ? v : p->mask_slope * v;
    p->c[at] = v;
}

static void tile(const an_mm *p, size_t i0, size_t j0)
{
    const size_t rows = p->m - i0 < ROWS ? p->m - i0 : ROWS, cols = p->n - j0 < COLS ? p->n - j0 : COLS;
    float s[ROWS][COLS] = {{0}};
    const float *rows_of_a[ROWS] = {NULL};
    size_t to[ROWS];
    for (size_t i = 0; i < rows; i++) {
        size_t a;
        an_mm_row(p, i0 + i, &a, &to[i]);
        rows_of_a[i] = p->a + a;
        to[i] += j0;
        for (size_t j = 0; j < cols; j++)
            s[i][j] = (p->bias ? p->bias[j0 + j] : 0.0f) + (p->add ? p->c[to[i] + j] : 0.0f);
    }
    if (rows == ROWS && cols == COLS)
        whole_sums(p, rows_of_a, j0, s);
    else
        some_sums(p, rows_of_a, j0, rows, cols, s);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            finish(p, to[i] + j, s[i][j]);
}

void an_mm_plain(const an_mm *p)
{
    for (size_t j = 0; j < p->n; j += COLS)
        for (size_t i = 0; i < p->m; i += ROWS)
            tile(p, i, j);
}

bool an_mm_plain_usable(void)
{
    return true;
}
