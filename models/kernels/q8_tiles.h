/* q8_tiles.h - the tiles of the product of bytes, written once for vectors of any width.  A file
 * defines
 *
 *     SUMS                a vector of LANES sums            FLOATS   of LANES floats
 *     FOURS               four activations for every lane   WEIGHTS  four weights of each lane's column
 *     SPREAD(at)          LOAD_WEIGHTS(at)                  LOAD_SUMS(at)
 *     DOT(sum, x, w)      sum + the products                SCALED(sum, at)  times the scales there
 *     LEAK(v, slope)      v < 0 ? slope v : v               SHIFTED(v, zero)
 *     STORE_BYTES(at, n, v), STORE_FLOATS(at, n, v)         the first n lanes
 *     ROWS_1 .. ROWS_4    rows of a tile of 1 .. 4 vectors: as many sums as there are registers for
 *
 * and gets a `run`.  As in mm_tiles.h a tile holds its sums in registers; four activations of a row
 * are spread over a vector and multiplied with the weights of four terms. */
#ifndef AN_MODELS_KERNELS_Q8_TILES_H
#define AN_MODELS_KERNELS_Q8_TILES_H

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE void finish(const an_q8 *p, SUMS sum, size_t i, size_t j, size_t n)
{
    FLOATS v = SCALED(sum, p->scale + j);
    if (p->act != AN_EPILOGUE_NONE)
        v = LEAK(v, p->slope);
    if (p->q)
        STORE_BYTES(p->q + i * p->y_i + j, n, SHIFTED(v, p->zero));
    else
        STORE_FLOATS(p->f + i * p->y_i + j, n, v);
}

/* p: moved to the tile's corner; line: bytes of a line of all packed columns; n: columns in the last
 * vector.  rows <= 13, nv <= 4, both constant where this is expanded. */
INLINE void tile(const int rows, const int nv, const an_q8 *p, size_t line, size_t n)
{
    SUMS sum[13][4];
    const size_t step = p->a_i, three = 3 * step;
    UNROLL
    for (int i = 0; i < rows; i++)
        UNROLL
    for (int j = 0; j < nv; j++)
        sum[i][j] = LOAD_SUMS(p->start + j * LANES);
    const int8_t *b = p->b;
    for (size_t r = 0; r < p->nr; r++) {
        const uint8_t *a0 = p->a + r * p->a_r;
        const uint8_t *a1 = a0 + three, *a2 = a1 + three, *a3 = a2 + three, *a4 = a3 + three;
        for (size_t k = p->nk; k > 0; k--) {
            WEIGHTS w[4];
            UNROLL
            for (int j = 0; j < nv; j++)
                w[j] = LOAD_WEIGHTS(b + j * LANES * 4);
            UNROLL
            for (int i = 0; i < rows; i++) {
                const uint8_t *base = i < 3 ? a0 : i < 6 ? a1 : i < 9 ? a2 : i < 12 ? a3 : a4;
                const FOURS x = SPREAD(base + (size_t)(i % 3) * step);
                UNROLL
                for (int j = 0; j < nv; j++)
                    sum[i][j] = DOT(sum[i][j], x, w[j]);
            }
            a0 += 4, a1 += 4, a2 += 4, a3 += 4, a4 += 4;
            b += line;
        }
    }
    UNROLL
    for (int i = 0; i < rows; i++)
        UNROLL
    for (int j = 0; j < nv; j++)
        finish(p, sum[i][j], (size_t)i, (size_t)j * LANES, j == nv - 1 ? n : LANES);
}

typedef void tile_fn(const an_q8 *p, size_t line, size_t n);
#define TILE(rows, nv)                                                                                       \
    static __attribute__((noinline)) void tile_##rows##_##nv(const an_q8 *p, size_t line, size_t n)          \
    {                                                                                                        \
        tile(rows, nv, p, line, n);                                                                          \
    }
TILES(TILE)
#undef TILE

#define TILE(rows, nv) [nv][rows] = tile_##rows##_##nv,
static tile_fn *const tiles[5][14] = {TILES(TILE)};
#undef TILE

static const size_t rows_max[5] = {0, ROWS_1, ROWS_2, ROWS_3, ROWS_4};

/* Wide tiles read less of a for the same work, but need rows to fill them. */
static size_t vectors_for(size_t m, size_t n)
{
    const size_t whole = (n + LANES - 1) / LANES;
    if (whole >= 4 && m <= ROWS_4)
        return 4;
    if (whole == 3 && m <= ROWS_3)
        return 3;
    return whole < 2 ? 1 : 2;
}

/* The rows of one stripe of columns, in tiles of nearly equal height. */
static void stripe(const an_q8 *p, size_t nv, size_t j0, size_t line, size_t cols)
{
    const size_t n = (p->m + rows_max[nv] - 1) / rows_max[nv];
    for (size_t t = 0, i = 0; t < n; t++) {
        const size_t rows = p->m / n + (t < p->m % n), at_y = i * p->y_i + j0;
        an_q8 at = *p;
        at.a += i * p->a_i;
        at.b += j0 * 4;
        at.start += j0;
        at.scale += j0;
        at.q = p->q ? p->q + at_y : NULL;
        at.f = p->q ? NULL : p->f + at_y;
        tiles[nv][rows](&at, line, cols - (nv - 1) * LANES);
        i += rows;
    }
}

static void run(const an_q8 *p)
{
    const size_t most = vectors_for(p->m, p->n) * LANES;
    for (size_t j = 0; j < p->n; j += most) {
        const size_t cols = p->n - j < most ? p->n - j : most;
        stripe(p, (cols + LANES - 1) / LANES, j, an_q8_width(p->n) * 4, cols);
    }
}

#endif
