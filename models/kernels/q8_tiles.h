/* q8_tiles.h - the tiles of the product of bytes, written once for vectors of any width.  A file
 * defines
 *
 *     SUMS                a vector of LANES sums            FLOATS   of LANES floats
 *     FOURS               four activations for every lane   WEIGHTS  four weights of each lane's column
 *     SPREAD(at)          LOAD_WEIGHTS(at)                  LOAD_SUMS(at)
 *     DOT(sum, x, w)      sum + the products                SCALED(sum, at)  times the scales there
 *     LEAK(v, slope)      v < 0 ? slope v : v               SHIFTED(v, zero)
 *     STORE_FLOATS(at, n, v)                                the first n lanes
 *     STORE_BYTES(at, n, v, lowest)                         the same, rounded, in lowest..255
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

/* What of a product a tile makes. */
typedef struct corner {
    const uint8_t *a;
    size_t j, y;  /* its first column; its first value of y */
    size_t line;  /* bytes of a line of all packed columns */
    size_t n;     /* columns in its last vector */
    float lowest; /* of bytes: what stands for 0 where relu cuts */
} corner;

INLINE void finish(const an_q8 *p, const corner *t, SUMS sum, size_t i, size_t j, size_t n)
{
    const size_t y = t->y + i * p->y_i + j;
    FLOATS v = SCALED(sum, p->scale + t->j + j);
    if (p->act == AN_EPILOGUE_LEAKY || (p->act != AN_EPILOGUE_NONE && !p->q))
        v = LEAK(v, p->slope);
    if (p->q)
        STORE_BYTES(p->q + y, n, SHIFTED(v, p->zero), t->lowest);
    else
        STORE_FLOATS(p->f + y, n, v);
}

/* rows <= 13, nv <= 4, both constant where this is expanded. */
INLINE void tile(const int rows, const int nv, const an_q8 *p, const corner *t)
{
    SUMS sum[13][4];
    const size_t step = p->a_i, three = 3 * step, line = t->line;
    UNROLL
    for (int i = 0; i < rows; i++)
        UNROLL
    for (int j = 0; j < nv; j++)
        sum[i][j] = LOAD_SUMS(p->start + t->j + j * LANES);
    const int8_t *b = p->b + t->j * 4;
    for (size_t r = 0; r < p->nr; r++) {
        const uint8_t *a0 = t->a + r * p->a_r;
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
        finish(p, t, sum[i][j], (size_t)i, (size_t)j * LANES, j == nv - 1 ? t->n : LANES);
}

typedef void tile_fn(const an_q8 *p, const corner *t);
#define TILE(rows, nv)                                                                                       \
    static __attribute__((noinline)) void tile_##rows##_##nv(const an_q8 *p, const corner *t)                \
    {                                                                                                        \
        tile(rows, nv, p, t);                                                                                \
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
static void stripe(const an_q8 *p, size_t nv, corner *t)
{
    const size_t n = (p->m + rows_max[nv] - 1) / rows_max[nv], whole = p->m / n, more = p->m % n;
    t->a = p->a;
    t->y = t->j;
    for (size_t k = 0; k < n; k++) {
        const size_t rows = whole + (k < more);
        tiles[nv][rows](p, t);
        t->a += rows * p->a_i;
        t->y += rows * p->y_i;
    }
}

static void run(const an_q8 *p)
{
    const size_t most = vectors_for(p->m, p->n) * LANES;
    corner t = {.line = an_q8_width(p->n) * 4, .lowest = p->act == AN_EPILOGUE_RELU ? p->zero : 0.0f};
    for (; t.j < p->n; t.j += most) {
        const size_t cols = p->n - t.j < most ? p->n - t.j : most, nv = (cols + LANES - 1) / LANES;
        t.n = cols - (nv - 1) * LANES;
        stripe(p, nv, &t);
    }
}

#endif
