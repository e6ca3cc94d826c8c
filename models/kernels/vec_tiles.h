/* vec_tiles.h - the tiles of vec.h over the vectors of vec_math.h.
 *
 * A convolution of four places with three taps is a product of polynomials, and that is known from its
 * values at six points: 0, 1, -1, 2, -2 and infinity.  Values there are a few additions; between them
 * lie 6 x 6 multiplications instead of 4 x 4 x 9 (Winograd 1980; Lavin and Gray 2016).  Each function
 * here goes down the columns of a square of vectors, then along its lines. */
#ifndef AN_MODELS_KERNELS_VEC_TILES_H
#define AN_MODELS_KERNELS_VEC_TILES_H

/* Six inputs at the points (B^T of the paper). */
INLINE void points_of_input(const VEC d[static 6], VEC o[static 6])
{
    const VEC four = SET1(4.0f), two = SET1(2.0f), five = SET1(-5.0f);
    const VEC a = FMA(SET1(-4.0f), d[2], d[4]), b = FMA(SET1(-4.0f), d[1], d[3]);
    const VEC e = SUB(d[4], d[2]), g = MUL(two, SUB(d[3], d[1]));
    o[0] = FMA(four, d[0], FMA(five, d[2], d[4]));
    o[1] = ADD(a, b);
    o[2] = SUB(a, b);
    o[3] = ADD(e, g);
    o[4] = SUB(e, g);
    o[5] = FMA(four, d[1], FMA(five, d[3], d[5]));
}

/* Three taps at the points (G). */
INLINE void points_of_kernel(const VEC g[static 3], VEC o[static 6])
{
    const VEC a = MUL(SET1(-1.0f / 6.0f), ADD(g[0], g[2])), b = MUL(SET1(1.0f / 6.0f), g[1]);
    const VEC c = FMA(SET1(1.0f / 24.0f), g[0], MUL(SET1(1.0f / 6.0f), g[2]));
    const VEC d = MUL(SET1(1.0f / 12.0f), g[1]);
    o[0] = MUL(SET1(0.25f), g[0]);
    o[1] = SUB(a, b);
    o[2] = ADD(a, b);
    o[3] = ADD(c, d);
    o[4] = SUB(c, d);
    o[5] = g[2];
}

/* Four gradients of outputs at the points, where they are the taps of the weights' gradient. */
INLINE void points_of_gradient(const VEC y[static 4], VEC o[static 6])
{
    const VEC a = MUL(SET1(-1.0f / 6.0f), ADD(y[0], y[2])), b = MUL(SET1(1.0f / 6.0f), ADD(y[1], y[3]));
    const VEC c = FMA(SET1(1.0f / 24.0f), y[0], MUL(SET1(1.0f / 6.0f), y[2]));
    const VEC d = FMA(SET1(1.0f / 12.0f), y[1], MUL(SET1(1.0f / 3.0f), y[3]));
    o[0] = MUL(SET1(0.25f), y[0]);
    o[1] = SUB(a, b);
    o[2] = ADD(a, b);
    o[3] = ADD(c, d);
    o[4] = SUB(c, d);
    o[5] = y[3];
}

/* Four outputs from their values at the points (A^T). */
INLINE void outputs_of_points(const VEC m[static 6], VEC o[static 4])
{
    const VEC s = ADD(m[1], m[2]), t = SUB(m[1], m[2]), u = ADD(m[3], m[4]), v = SUB(m[3], m[4]);
    o[0] = ADD(ADD(m[0], s), u);
    o[1] = FMA(SET1(2.0f), v, t);
    o[2] = FMA(SET1(4.0f), u, s);
    o[3] = ADD(FMA(SET1(8.0f), v, t), m[5]);
}

/* Three taps of the weights' gradient. */
INLINE void taps_of_points(const VEC m[static 6], VEC o[static 3])
{
    const VEC s = ADD(m[1], m[2]), t = SUB(m[1], m[2]), u = ADD(m[3], m[4]), v = SUB(m[3], m[4]);
    o[0] = ADD(ADD(m[0], s), u);
    o[1] = FMA(SET1(2.0f), v, t);
    o[2] = ADD(FMA(SET1(4.0f), u, s), m[5]);
}

/* From (in, in) vectors, the numbers of a line `step` and its lines `line` floats apart, to (out, out)
 * vectors `plane` floats apart.  All of one size are the same but for what is done to a line. */
#define DEFINE_SQUARE(name, in, out, transform)                                                              \
    INLINE void name(const float *x, size_t line, size_t step, float *to, size_t plane, part p)              \
    {                                                                                                        \
        VEC half[out][in];                                                                                   \
        for (size_t j = 0; j < (in); j++) {                                                                  \
            VEC column[in], o[out];                                                                          \
            for (size_t i = 0; i < (in); i++)                                                                \
                column[i] = get(x + i * line + j * step, p);                                                 \
            transform(column, o);                                                                            \
            for (size_t i = 0; i < (out); i++)                                                               \
                half[i][j] = o[i];                                                                           \
        }                                                                                                    \
        for (size_t i = 0; i < (out); i++) {                                                                 \
            VEC o[out];                                                                                      \
            transform(half[i], o);                                                                           \
            for (size_t j = 0; j < (out); j++)                                                               \
                put(to + (i * (out) + j) * plane, p, o[j]);                                                  \
        }                                                                                                    \
    }

DEFINE_SQUARE(square_of_input, 6, 6, points_of_input)
DEFINE_SQUARE(square_of_kernel, 3, 6, points_of_kernel)
DEFINE_SQUARE(square_of_gradient, 4, 6, points_of_gradient)
DEFINE_SQUARE(square_of_taps, 6, 3, taps_of_points)

static void tiles_in(const an_vec_tiles *t, const float *x, float *planes)
{
    for (size_t k = 0; k < t->n; k++)
        OVER(t->c, square_of_input(x + 4 * k * t->c + i, t->line, t->c, planes + k * t->c + i, t->plane, p));
}

static void tiles_gradient(const an_vec_tiles *t, const float *dy, float *planes)
{
    for (size_t k = 0; k < t->n; k++)
        OVER(t->c,
             square_of_gradient(dy + 4 * k * t->c + i, t->line, t->c, planes + k * t->c + i, t->plane, p));
}

static void tiles_kernel(size_t n, const float *w, float *planes, size_t plane)
{
    OVER(n, square_of_kernel(w + i, 3 * n, n, planes + i, plane, p));
}

static void tiles_taps(size_t n, const float *planes, size_t plane, float *dw)
{
    for (size_t at = 0; at < n; at += LANES) {
        float taps[9 * LANES];
        const size_t left = n - at;
        if (left >= LANES)
            square_of_taps(planes + at, 6 * plane, plane, taps, LANES, (part){true, SOME(LANES)});
        else
            square_of_taps(planes + at, 6 * plane, plane, taps, LANES, (part){false, SOME(left)});
        for (size_t k = 0; k < 9; k++)
            for (size_t i = 0; i < (left < LANES ? left : LANES); i++)
                dw[k * n + at + i] += taps[k * LANES + i];
    }
}

/* One place of the output. */
INLINE void finish_place(const an_vec_tiles_end *e, float *y, size_t at, size_t i, VEC v, part p)
{
    if (e->bias)
        v = ADD(v, get(e->bias + i, p));
    v = POSITIVE(v, v, MUL(SET1(e->slope), v));
    if (e->mask) {
        const VEC seen = get(e->mask + at, p);
        v = POSITIVE(seen, v, MUL(SET1(e->mask_slope), v));
    }
    put(y + at, p, v);
}

/* The tile that begins `at` floats after y, `cols` places wide. */
INLINE void tile_out(const an_vec_tiles *t, const an_vec_tiles_end *e, const float *planes, float *y,
                     size_t at, size_t cols, size_t i, part p)
{
    VEC half[4][6];
    for (size_t j = 0; j < 6; j++) {
        VEC column[6], o[4];
        for (size_t k = 0; k < 6; k++)
            column[k] = get(planes + (k * 6 + j) * t->plane, p);
        outputs_of_points(column, o);
        for (size_t k = 0; k < 4; k++)
            half[k][j] = o[k];
    }
    for (size_t k = 0; k < e->lines; k++) {
        VEC o[4];
        outputs_of_points(half[k], o);
        for (size_t j = 0; j < cols; j++)
            finish_place(e, y, at + k * t->line + j * t->c, i, o[j], p);
    }
}

static void tiles_out(const an_vec_tiles *t, const an_vec_tiles_end *e, const float *planes, float *y)
{
    for (size_t k = 0; k < t->n; k++) {
        const size_t cols = k + 1 < t->n ? 4 : e->cols;
        OVER(t->c, tile_out(t, e, planes + k * t->c + i, y, 4 * k * t->c + i, cols, i, p));
    }
}

#endif
