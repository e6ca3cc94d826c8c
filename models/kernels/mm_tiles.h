/* mm_tiles.h - the tiles of the product, written once for vectors of any width.  A file defines
 *
 *     VEC                 a vector of LANES floats          MASK     which of its lanes there are
 *     LOAD LOAD_SOME      all lanes, those of a mask        STORE STORE_SOME
 *     SET1 ZERO FMA ADD MUL
 *     POSITIVE(y, v, w)   v where y > 0, else w             SOME(n)  the mask of the first n lanes
 *     ROWS_1 .. ROWS_4    rows of a tile of 1 .. 4 vectors: as many sums as there are registers for
 *     ROW_VECTORS         8 or 16: vectors of a single row
 *
 * and gets a `run`.  A tile holds its sums in registers from the first term to the last:
 *
 *               b (k)     [ v0 ][ v1 ]         one line of b, NV vectors
 *     a (i, k)  x  ->     [sum][sum]           each a is spread over a vector and
 *               x  ->     [sum][sum]           multiplied into the sums of its row
 *               ...
 *
 * Rows are addressed three to a base, so that all bases stay in registers.  The last vector
 * of a line is loaded by mask only where it is not whole. */

#ifndef AN_MODELS_KERNELS_MM_TILES_H
#define AN_MODELS_KERNELS_MM_TILES_H

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

/* Where a tile is: its rows of a and c, three to a base, and its columns. */
typedef struct corner {
    const an_mm *p;
    const float *a[5], *b, *bias;
    size_t c[5];  /* from p's c, and its mask, on */
    size_t ahead; /* columns to what is wanted soon: of the next stripe */
} corner;

/* A vector at `at`, of which only the lanes of a mask are there if it is the last of an edge. */
INLINE VEC column(const float *at, bool edge, MASK some)
{
    return edge ? LOAD_SOME(some, at) : LOAD(at);
}

INLINE void put(float *at, VEC v, bool edge, MASK some)
{
    if (edge)
        STORE_SOME(at, some, v);
    else
        STORE(at, v);
}

INLINE VEC act(VEC y, VEC v, float slope)
{
    return POSITIVE(y, v, MUL(v, SET1(slope)));
}

/* Every sum of a tile: row i, vector j, and where it lies in c or the mask. */
#define ALL_OF(step)                                                                                         \
    do {                                                                                                     \
        UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < nv; j++)                            \
        {                                                                                                    \
            step;                                                                                            \
        }                                                                                                    \
    } while (0)
#define PLACE(c_or_mask) ((c_or_mask) + at->c[i / 3] + (size_t)(i % 3) * p->c_i + j * LANES)
#define EDGE (edges && j == nv - 1)

/* rows <= 13, nv <= 4, and whether the last vector is an edge: constant where this is expanded, for a
 * mask takes the place of a product in every line. */
INLINE void tile(const int rows, const int nv, const bool edges, const corner *at, MASK some)
{
    VEC sum[13][4];
    const an_mm *p = at->p;
    const size_t step = p->a_i, next = p->a_k, line = p->b_k;
    ALL_OF(sum[i][j] = ZERO());
    if (p->add)
        ALL_OF(sum[i][j] = column(PLACE(p->c), EDGE, some));
    if (at->bias)
        ALL_OF(sum[i][j] = ADD(sum[i][j], column(at->bias + j * LANES, EDGE, some)));
    for (size_t q = 0; q < p->nq; q++)
        for (size_t r = 0; r < p->nr; r++) {
            const size_t off = q * p->a_q + r * p->a_r;
            const float *a0 = at->a[0] + off, *a1 = at->a[1] + off, *a2 = at->a[2] + off;
            const float *a3 = at->a[3] + off, *a4 = at->a[4] + off;
            const float *b = at->b + q * p->b_q + r * p->b_r;
            for (size_t k = p->nk; k > 0; k--) {
                VEC line_of_b[4];
                UNROLL
                for (int j = 0; j < nv; j++)
                    line_of_b[j] = column(b + j * LANES, edges && j == nv - 1, some);
                __builtin_prefetch(b + at->ahead);
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
    if (p->act != AN_EPILOGUE_NONE)
        ALL_OF(sum[i][j] = act(sum[i][j], sum[i][j], p->slope));
    if (p->mask && p->mask_act != AN_EPILOGUE_NONE)
        ALL_OF(sum[i][j] = act(column(PLACE(p->mask), EDGE, some), sum[i][j], p->mask_slope));
    ALL_OF(put(PLACE(p->c), sum[i][j], EDGE, some));
}
#undef ALL_OF
#undef PLACE
#undef EDGE

typedef void tile_fn(const corner *at, MASK some);
#define TILE(rows, nv)                                                                                       \
    static __attribute__((noinline)) void tile_##rows##_##nv(const corner *at, MASK some)                    \
    {                                                                                                        \
        tile(rows, nv, false, at, some);                                                                     \
    }                                                                                                        \
    static __attribute__((noinline)) void edge_##rows##_##nv(const corner *at, MASK some)                    \
    {                                                                                                        \
        tile(rows, nv, true, at, some);                                                                      \
    }
TILES(TILE)
#undef TILE

#define TILE(rows, nv) [nv][rows] = {tile_##rows##_##nv, edge_##rows##_##nv},
static tile_fn *const tiles[5][14][2] = {TILES(TILE)};
#undef TILE

static const int rows_max[5] = {0, ROWS_1, ROWS_2, ROWS_3, ROWS_4};

#define PACKED_LINES 256u /* copied at a time */
#define PACKED_FROM 64u   /* fewer lines are found without */
#define PACKED_STEP 1024u /* floats: a page */

/* How the rows are cut: bands of rows that follow each other, each into tiles of nearly equal height.
 * A base has its three rows in one line, so lines of other lengths are bands of their own. */
typedef struct cut {
    size_t band, grain; /* rows of a band, of which a tile has a multiple of grain */
    size_t tiles;       /* of a band */
    size_t rows, more;  /* of a tile; the first `more` of a band have `grain` rows more */
} cut;

static cut cut_rows(const an_mm *p, int nv)
{
    const bool threes = p->line > 0 && p->line % 3 == 0;
    cut c = {.band = p->line > 0 && !threes ? p->line : p->m, .grain = threes ? 3 : 1};
    const size_t grains = threes ? c.band / 3 : c.band, most = (size_t)rows_max[nv] / c.grain;
    c.tiles = (grains + most - 1) / most;
    c.rows = c.grain * (grains / c.tiles);
    c.more = grains % c.tiles;
    return c;
}

/* Wide tiles read less of a for the same work, but need rows to fill them. */
static int vectors_for(const an_mm *p)
{
    const size_t whole = (p->n + LANES - 1) / LANES;
    const size_t rows = p->line > 0 && p->line % 3 != 0 ? p->line : p->m;
    if (whole >= 4 && ROWS_4 > 0 && rows <= (size_t)ROWS_4)
        return 4;
    if (whole == 3 && ROWS_3 > 0 && rows <= (size_t)ROWS_3)
        return 3;
    return whole < 2 ? 1 : 2;
}

/* in_line: the rows are in one line, so that one division does. */
INLINE void place_rows(const an_mm *p, size_t i, size_t rows, size_t j, bool in_line, corner *at)
{
    size_t a, c;
    an_mm_row(p, i, &a, &c);
    for (size_t three = 0; 3 * three < rows; three++) {
        if (three > 0 && in_line)
            a += 3 * p->a_i, c += 3 * p->c_i;
        else if (three > 0)
            an_mm_row(p, i + 3 * three, &a, &c);
        at->a[three] = p->a + a;
        at->c[three] = c + j;
    }
}

/* All rows of one stripe of columns, `last` of them in its last vector. */
static void stripe(const an_mm *p, int nv, size_t j, size_t last)
{
    const cut by = cut_rows(p, nv);
    const MASK some = SOME(last);
    corner at = {.p = p, .b = p->b + j, .bias = p->bias ? p->bias + j : NULL};
    for (size_t i = 0; i < 5; i++)
        at.a[i] = p->a; /* of rows that a tile does not have */
    for (size_t band = 0; band < p->m; band += by.band)
        for (size_t t = 0, i = band; t < by.tiles; t++) {
            const size_t rows = by.rows + (t < by.more ? by.grain : 0);
            place_rows(p, i, rows, j, by.grain == 1, &at);
            at.ahead = ((size_t)nv + (by.tiles - t) % (size_t)nv) * LANES; /* each tile asks for a vector */
            tiles[nv][rows][last < LANES](&at, some);
            i += rows;
        }
}

/* A stripe of a b whose lines lie in pages of their own: every tile would wait for each of them.  Some
 * lines at a time are copied side by side, as long as there are tiles enough to read the copy.  The sums
 * rest in c meanwhile, so that their bits stay the same. */
static void packed_stripe(const an_mm *p, int nv, size_t j, size_t cols)
{
    float lines[PACKED_LINES * 4 * LANES];
    const size_t width = (size_t)nv * LANES;
    an_mm q = *p;
    q.n = cols;
    q.b = lines;
    q.b_k = width;
    q.c += j;
    q.bias = p->bias ? p->bias + j : NULL;
    q.mask = NULL;
    q.act = AN_EPILOGUE_NONE;
    for (size_t k = 0; k < p->nk; k += q.nk) {
        q.nk = p->nk - k < PACKED_LINES ? p->nk - k : PACKED_LINES;
        q.a = p->a + k * p->a_k;
        for (size_t i = 0; i < q.nk; i++)
            memcpy(lines + i * width, p->b + (k + i) * p->b_k + j, cols * sizeof *lines);
        if (k + q.nk == p->nk) {
            q.mask = p->mask ? p->mask + j : NULL;
            q.act = p->act;
        }
        stripe(&q, nv, 0, cols - (size_t)(nv - 1) * LANES);
        q.add = true;
        q.bias = NULL;
    }
}

#include "models/kernels/mm_row.h"

static void run(const an_mm *p)
{
    if (p->m == 1) {
        run_row(p);
        return;
    }
    const int most = vectors_for(p);
    const bool packed = p->nq == 1 && p->nr == 1 && p->nk >= PACKED_FROM && p->b_k >= PACKED_STEP &&
                        p->m >= 2 * (size_t)rows_max[most];
    for (size_t j = 0; j < p->n;) {
        const size_t left = p->n - j, full = (size_t)most * LANES;
        const size_t cols = left < full ? left : full;
        const int nv = (int)((cols + LANES - 1) / LANES);
        if (packed)
            packed_stripe(p, nv, j, cols);
        else
            stripe(p, nv, j, cols - (size_t)(nv - 1) * LANES);
        j += cols;
    }
}

#endif
