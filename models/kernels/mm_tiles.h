/* mm_tiles.h - the tiles of the product, written once for vectors of any width.  A file defines
 *
 *     VEC                 a vector of LANES floats          MASK     which of its lanes there are
 *     LOAD LOAD_SOME      all lanes, those of a mask        STORE STORE_SOME
 *     SET1 ZERO FMA ADD MUL
 *     POSITIVE(y, v, w)   v where y > 0, else w             SOME(n)  the mask of the first n lanes
 *     ROWS_1 .. ROWS_4    rows of a tile of 1 .. 4 vectors: as many sums as there are registers for
 *
 * and gets a `run`.  A tile holds its sums in registers from the first term to the last:
 *
 *               b (k)     [ v0 ][ v1 ]         one line of b, NV vectors
 *     a (i, k)  x  ->     [sum][sum]           each a is spread over a vector and
 *               x  ->     [sum][sum]           multiplied into the sums of its row
 *               ...
 *
 * Rows are addressed three to a base, so that all bases stay in registers.  The last vector of a
 * line is always loaded by mask, which costs nothing; the others are whole. */

#ifndef AN_MODELS_KERNELS_MM_TILES_H
#define AN_MODELS_KERNELS_MM_TILES_H

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE VEC start(const an_mm *p, const float *c, const float *bias, MASK some)
{
    VEC v = p->add ? LOAD_SOME(some, c) : ZERO();
    return bias ? ADD(v, LOAD_SOME(some, bias)) : v;
}

INLINE VEC finish(const an_mm *p, VEC v, const float *mask, MASK some)
{
    if (p->act != AN_EPILOGUE_NONE)
        v = POSITIVE(v, v, MUL(v, SET1(p->slope)));
    if (mask)
        v = POSITIVE(LOAD_SOME(some, mask), v, MUL(v, SET1(p->mask_slope)));
    return v;
}

INLINE VEC column(const float *at, int j, int nv, MASK some)
{
    return j == nv - 1 ? LOAD_SOME(some, at + j * LANES) : LOAD(at + j * LANES);
}

/* p: moved to the tile's corner.  rows <= 13, nv <= 4, both constant where this is expanded. */
INLINE void tile(const int rows, const int nv, const an_mm *p, MASK some)
{
    VEC sum[13][4];
    const size_t step = p->a_i, three = 3 * step, next = p->a_k, line = p->b_k;
    UNROLL
    for (int i = 0; i < rows; i++)
        UNROLL
    for (int j = 0; j < nv; j++)
        sum[i][j] = start(p, p->c + (size_t)i * p->c_i + j * LANES, p->bias ? p->bias + j * LANES : NULL,
                          j == nv - 1 ? some : SOME(LANES));
    for (size_t q = 0; q < p->nq; q++)
        for (size_t r = 0; r < p->nr; r++) {
            const float *a0 = p->a + q * p->a_q + r * p->a_r, *b = p->b + q * p->b_q + r * p->b_r;
            const float *a1 = a0 + three, *a2 = a1 + three, *a3 = a2 + three, *a4 = a3 + three;
            for (size_t k = p->nk; k > 0; k--) {
                VEC line_of_b[4];
                UNROLL
                for (int j = 0; j < nv; j++)
                    line_of_b[j] = column(b, j, nv, some);
                UNROLL
                for (int i = 0; i < rows; i++) {
                    const float *base = i < 3 ? a0 : i < 6 ? a1 : i < 9 ? a2 : i < 12 ? a3 : a4;
                    const VEC x = SET1(base[(size_t)(i % 3) * step]);
                    UNROLL
                    for (int j = 0; j < nv; j++)
                        sum[i][j] = FMA(x, line_of_b[j], sum[i][j]);
                }
                a0 += next, a1 += next, a2 += next, a3 += next, a4 += next;
                b += line;
            }
        }
    const bool masked = p->mask && p->mask_act != AN_EPILOGUE_NONE;
    UNROLL
    for (int i = 0; i < rows; i++)
        UNROLL
    for (int j = 0; j < nv; j++) {
        const MASK here = j == nv - 1 ? some : SOME(LANES);
        const float *mask = masked ? p->mask + (size_t)i * p->mask_i + j * LANES : NULL;
        STORE_SOME(p->c + (size_t)i * p->c_i + j * LANES, here, finish(p, sum[i][j], mask, here));
    }
}

typedef void tile_fn(const an_mm *p, MASK some);
#define TILE(rows, nv)                                                                                       \
    static __attribute__((noinline)) void tile_##rows##_##nv(const an_mm *p, MASK some)                      \
    {                                                                                                        \
        tile(rows, nv, p, some);                                                                             \
    }
TILES(TILE)
#undef TILE

#define TILE(rows, nv) [nv][rows] = tile_##rows##_##nv,
static tile_fn *const tiles[5][14] = {TILES(TILE)};
#undef TILE

static const int rows_max[5] = {0, ROWS_1, ROWS_2, ROWS_3, ROWS_4};

/* Wide tiles read less of a for the same work, but need rows to fill them. */
static int vectors_for(size_t m, size_t n)
{
    const size_t whole = (n + LANES - 1) / LANES;
    if (whole >= 4 && ROWS_4 > 0 && m <= (size_t)ROWS_4)
        return 4;
    if (whole == 3 && ROWS_3 > 0 && m <= (size_t)ROWS_3)
        return 3;
    return whole < 2 ? 1 : 2;
}

/* The rows of one stripe of columns, in tiles of nearly equal height. */
static void stripe(const an_mm *p, int nv, size_t j0, MASK some)
{
    const size_t most = (size_t)rows_max[nv], n = (p->m + most - 1) / most;
    for (size_t t = 0, i = 0; t < n; t++) {
        const size_t rows = p->m / n + (t < p->m % n);
        an_mm at = *p;
        at.a += i * p->a_i;
        at.b += j0;
        at.c += i * p->c_i + j0;
        at.bias = p->bias ? p->bias + j0 : NULL;
        at.mask = p->mask ? p->mask + i * p->mask_i + j0 : NULL;
        tiles[nv][rows](&at, some);
        i += rows;
    }
}

static void run(const an_mm *p)
{
    const int most = vectors_for(p->m, p->n);
    for (size_t j = 0; j < p->n;) {
        const size_t left = p->n - j, full = (size_t)most * LANES;
        const size_t cols = left < full ? left : full;
        const int nv = (int)((cols + LANES - 1) / LANES);
        stripe(p, nv, j, SOME(cols - (size_t)(nv - 1) * LANES));
        j += cols;
    }
}

#endif
