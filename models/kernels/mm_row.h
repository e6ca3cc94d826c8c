/* mm_row.h - the product of a single row, as when one row is scored: it is as fast as b can be read.
 *
 * Its sums, of up to ROW_VECTORS vectors side by side, are in registers, and each line of b is read in
 * one piece.  Where b does not fit the second cache, whole lines of it are read in the order in which
 * they lie, some at a time, and the sums rest in c.  Both add the same terms in the same order. */
#ifndef AN_MODELS_KERNELS_MM_ROW_H
#define AN_MODELS_KERNELS_MM_ROW_H

#define FLOWS_FROM (256u * 1024u) /* floats of b */
#define LINES_AT_ONCE 8
#define LINES_AHEAD 8 /* lines of b are asked for before they are needed */

INLINE VEC start(const an_mm *p, size_t j, bool edge, MASK some)
{
    VEC v = p->add ? column(p->c + j, edge, some) : ZERO();
    return p->bias ? ADD(v, column(p->bias + j, edge, some)) : v;
}

INLINE void finish(const an_mm *p, size_t j, VEC v, bool edge, MASK some)
{
    if (p->act != AN_EPILOGUE_NONE)
        v = act(v, v, p->slope);
    if (p->mask && p->mask_act != AN_EPILOGUE_NONE)
        v = act(column(p->mask + j, edge, some), v, p->mask_slope);
    put(p->c + j, v, edge, some);
}

INLINE void row_of(const int nv, const an_mm *p, size_t j, MASK some)
{
    VEC sum[16];
    UNROLL
    for (int v = 0; v < nv; v++)
        sum[v] = start(p, j + (size_t)(v * LANES), v == nv - 1, some);
    for (size_t q = 0; q < p->nq; q++)
        for (size_t r = 0; r < p->nr; r++) {
            const float *a = p->a + q * p->a_q + r * p->a_r, *b = p->b + q * p->b_q + r * p->b_r + j;
            for (size_t k = p->nk; k > 0; k--, a += p->a_k, b += p->b_k) {
                const VEC x = SET1(*a);
                UNROLL
                for (int v = 0; v < nv; v++)
                    __builtin_prefetch(b + LINES_AHEAD * p->b_k + v * LANES);
                UNROLL
                for (int v = 0; v < nv; v++)
                    sum[v] = FMA(x, column(b + v * LANES, v == nv - 1, some), sum[v]);
            }
        }
    UNROLL
    for (int v = 0; v < nv; v++)
        finish(p, j + (size_t)(v * LANES), sum[v], v == nv - 1, some);
}

#define ROW(nv)                                                                                              \
    static __attribute__((noinline)) void row_##nv(const an_mm *p, size_t j, MASK some)                      \
    {                                                                                                        \
        row_of(nv, p, j, some);                                                                              \
    }
ROW(1)
ROW(2)
ROW(4)
ROW(8)
#if ROW_VECTORS > 8
ROW(16)
#endif
#undef ROW

static void row_in_registers(const an_mm *p)
{
    for (size_t j = 0; j < p->n;) {
        const size_t left = (p->n - j + LANES - 1) / LANES;
        size_t nv = ROW_VECTORS;
        while (nv > left)
            nv /= 2;
        const size_t cols = p->n - j < nv * LANES ? p->n - j : nv * LANES;
        const MASK some = SOME(cols - (nv - 1) * LANES);
        switch (nv) {
#if ROW_VECTORS > 8
        case 16:
            row_16(p, j, some);
            break;
#endif
        case 8:
            row_8(p, j, some);
            break;
        case 4:
            row_4(p, j, some);
            break;
        case 2:
            row_2(p, j, some);
            break;
        default:
            row_1(p, j, some);
        }
        j += cols;
    }
}

INLINE void add_lines(const int n, const an_mm *p, const float *a, const float *b, size_t j, MASK some)
{
    VEC sum = LOAD_SOME(some, p->c + j);
    UNROLL
    for (int i = 0; i < n; i++)
        sum = FMA(SET1(a[(size_t)i * p->a_k]), LOAD_SOME(some, b + (size_t)i * p->b_k + j), sum);
    STORE_SOME(p->c + j, some, sum);
}

/* `step` for all vectors of a line, the last by mask. */
#define ALONG(p, step)                                                                                       \
    do {                                                                                                     \
        for (size_t j = 0; j < (p)->n; j += LANES) {                                                         \
            const MASK some = SOME((p)->n - j < LANES ? (p)->n - j : LANES);                                 \
            step;                                                                                            \
        }                                                                                                    \
    } while (0)

static void row_by_lines(const an_mm *p)
{
    ALONG(p, put(p->c + j, start(p, j, true, some), true, some));
    size_t k = 0;
    for (; k + LINES_AT_ONCE <= p->nk; k += LINES_AT_ONCE)
        ALONG(p, add_lines(LINES_AT_ONCE, p, p->a + k * p->a_k, p->b + k * p->b_k, j, some));
    for (; k < p->nk; k++)
        ALONG(p, add_lines(1, p, p->a + k * p->a_k, p->b + k * p->b_k, j, some));
    ALONG(p, finish(p, j, LOAD_SOME(some, p->c + j), true, some));
}

static void run_row(const an_mm *p)
{
    if (p->nq == 1 && p->nr == 1 && p->n * p->nk >= FLOWS_FROM)
        row_by_lines(p);
    else
        row_in_registers(p);
}

#endif
