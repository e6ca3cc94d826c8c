/* vec_loops.h - the functions of vec.h over the vectors of vec_math.h.  Ends with the table TABLE,
 * named NAME and usable where USABLE() says so. */
#ifndef AN_MODELS_KERNELS_VEC_LOOPS_H
#define AN_MODELS_KERNELS_VEC_LOOPS_H

/* The lanes that one step works on: whole is a constant wherever this is expanded. */
typedef struct part {
    bool whole;
    MASK some;
} part;

INLINE VEC get(const float *at, part p)
{
    return p.whole ? LOAD(at) : LOAD_SOME(p.some, at);
}

INLINE void put(float *at, part p, VEC v)
{
    if (p.whole)
        STORE(at, v);
    else
        STORE_SOME(at, p.some, v);
}

/* `step` for i = 0, LANES, ... with p = whole vectors, then once with the lanes that are left. */
#define OVER(n, step)                                                                                        \
    do {                                                                                                     \
        size_t i = 0;                                                                                        \
        for (; i + LANES <= (n); i += LANES) {                                                               \
            const part p = {true, SOME(LANES)};                                                              \
            step;                                                                                            \
        }                                                                                                    \
        if (LANES > 1 && i < (n)) {                                                                          \
            const part p = {false, SOME((n)-i)};                                                             \
            step;                                                                                            \
        }                                                                                                    \
    } while (0)

static void map_exp(size_t n, float *y, const float *x)
{
    OVER(n, put(y + i, p, exp_of(get(x + i, p))));
}

static void map_sigmoid(size_t n, float *y, const float *x)
{
    OVER(n, put(y + i, p, sigmoid_of(get(x + i, p))));
}

static void map_tanh(size_t n, float *y, const float *x)
{
    OVER(n, put(y + i, p, tanh_of(get(x + i, p))));
}

static void map_gelu(size_t n, float *y, const float *x)
{
    OVER(n, put(y + i, p, gelu_of(get(x + i, p))));
}

INLINE VEC sigmoid_slope(VEC y) /* y (1 - y) */
{
    return MUL(y, SUB(SET1(1.0f), y));
}

INLINE VEC tanh_slope(VEC y) /* 1 - y^2 */
{
    return SUB(SET1(1.0f), MUL(y, y));
}

static void sigmoid_back(size_t n, float *dx, const float *y, const float *dy)
{
    OVER(n, put(dx + i, p, MUL(get(dy + i, p), sigmoid_slope(get(y + i, p)))));
}

static void tanh_back(size_t n, float *dx, const float *y, const float *dy)
{
    OVER(n, put(dx + i, p, MUL(get(dy + i, p), tanh_slope(get(y + i, p)))));
}

static void gelu_back(size_t n, float *dx, const float *x, const float *dy)
{
    OVER(n, put(dx + i, p, MUL(get(dy + i, p), gelu_slope(get(x + i, p)))));
}

/* ------------------------------------------------------------------------------------- sums */

#define SUMS (LANES == 1 ? 16 : 4) /* running sums, so that additions need not wait for each other */

/* Adds up the lanes and the running sums by halves: always in the same order. */
INLINE float total(const VEC sums[static SUMS])
{
    float lane[SUMS * LANES];
    for (int l = 0; l < SUMS; l++)
        STORE(lane + l * LANES, sums[l]);
    for (int half = SUMS * LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return lane[0];
}

static float sum(size_t n, const float *x)
{
    VEC s[SUMS];
    size_t k = 0;
    for (int l = 0; l < SUMS; l++)
        s[l] = SET1(0.0f);
    for (; k + SUMS * LANES <= n; k += SUMS * LANES)
        for (int l = 0; l < SUMS; l++)
            s[l] = ADD(s[l], LOAD(x + k + l * LANES));
    OVER(n - k, s[0] = ADD(s[0], get(x + k + i, p)));
    return total(s);
}

static float dot(size_t n, const float *a, const float *b)
{
    VEC s[SUMS];
    size_t k = 0;
    for (int l = 0; l < SUMS; l++)
        s[l] = SET1(0.0f);
    for (; k + SUMS * LANES <= n; k += SUMS * LANES)
        for (int l = 0; l < SUMS; l++)
            s[l] = FMA(LOAD(a + k + l * LANES), LOAD(b + k + l * LANES), s[l]);
    OVER(n - k, s[0] = FMA(get(a + k + i, p), get(b + k + i, p), s[0]));
    return total(s);
}

static float max(size_t n, const float *x)
{
    VEC top = SET1(x[0]);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        top = MAX(top, LOAD(x + i));
    float lane[LANES], m = x[0];
    STORE(lane, top);
    for (int l = 0; l < LANES; l++)
        m = lane[l] > m ? lane[l] : m;
    for (; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m;
}

static void axpy(size_t n, float *y, float alpha, const float *x)
{
    OVER(n, put(y + i, p, FMA(SET1(alpha), get(x + i, p), get(y + i, p))));
}

static void scale(size_t n, float *y, float alpha)
{
    OVER(n, put(y + i, p, MUL(SET1(alpha), get(y + i, p))));
}

/* Down one stripe of columns: the sums stay in registers. */
INLINE void add_column(size_t rows, float *y, const float *x, size_t row, part p)
{
    VEC s = get(y, p);
    for (size_t r = 0; r < rows; r++)
        s = ADD(s, get(x + r * row, p));
    put(y, p, s);
}

#define STRIPES (LANES == 1 ? 16 : 4)

static void add_rows(size_t rows, size_t n, float *y, const float *x, size_t row)
{
    size_t j = 0;
    for (; j + STRIPES * LANES <= n; j += STRIPES * LANES) {
        VEC s[STRIPES];
        for (int l = 0; l < STRIPES; l++)
            s[l] = LOAD(y + j + l * LANES);
        for (size_t r = 0; r < rows; r++)
            for (int l = 0; l < STRIPES; l++)
                s[l] = ADD(s[l], LOAD(x + r * row + j + l * LANES));
        for (int l = 0; l < STRIPES; l++)
            STORE(y + j + l * LANES, s[l]);
    }
    OVER(n - j, add_column(rows, y + j + i, x + j + i, row, p));
}

INLINE VEC exp_less(const float *x, VEC top, float *y, part p)
{
    const VEC e = exp_of(SUB(get(x, p), top));
    put(y, p, e);
    return e;
}

static float softmax(size_t n, float *y, const float *x)
{
    const float top = max(n, x);
    OVER(n, (void)exp_less(x + i, SET1(top), y + i, p));
    const float all = sum(n, y);
    scale(n, y, 1.0f / all);
    return top + logf(all);
}

/* -------------------------------------------------------------------------------- transposed */

/* Eight rows at a time: what is read stays in the nearest cache, and what is written is side by side. */
static void transpose_plain(size_t rows, size_t columns, const float *from, size_t from_row, float *to,
                            size_t to_row)
{
    for (size_t r = 0; r < rows; r += 8) {
        const size_t n = rows - r < 8 ? rows - r : 8;
        for (size_t c = 0; c < columns; c++)
            for (size_t i = 0; i < n; i++)
                to[c * to_row + r + i] = from[(r + i) * from_row + c];
    }
}

/* Squares of vectors; the edges one by one. */
static void transpose(size_t rows, size_t columns, const float *from, float *to)
{
    const size_t side = SQUARE_SIDE, whole_rows = rows / side * side, whole_columns = columns / side * side;
    for (size_t r = 0; r < whole_rows; r += side)
        for (size_t c = 0; c < whole_columns; c += side)
            TRANSPOSE_SQUARE(from + r * columns + c, columns, to + c * rows + r, rows);
    transpose_plain(whole_rows, columns - whole_columns, from + whole_columns, columns,
                    to + whole_columns * rows, rows);
    transpose_plain(rows - whole_rows, columns, from + whole_rows * columns, columns, to + whole_rows, rows);
}

/* ------------------------------------------------------------------------------------ pools */

INLINE VEC largest(const float *x, size_t c, size_t line, part p)
{
    return MAX(MAX(get(x, p), get(x + c, p)), MAX(get(x + line, p), get(x + line + c, p)));
}

static void max_pool(const an_vec_pool *o, float *y)
{
    const float *x = o->x;
    for (size_t k = 0; k < o->n; k++, x += 2 * o->c, y += o->c)
        OVER(o->c, put(y + i, p, largest(x + i, o->c, o->line, p)));
}

/* What is left for the places after this one. */
INLINE VEC give(const float *x, VEC y, VEC left, float *dx, part p)
{
    const VEC here = POSITIVE(SUB(y, get(x, p)), SET1(0.0f), left); /* no x is above y */
    put(dx, p, here);
    return SUB(left, here);
}

INLINE void largest_back(const float *x, size_t c, size_t line, VEC y, VEC left, float *dx, part p)
{
    left = give(x, y, left, dx, p);
    left = give(x + c, y, left, dx + c, p);
    left = give(x + line, y, left, dx + line, p);
    (void)give(x + line + c, y, left, dx + line + c, p);
}

static void max_pool_back(const an_vec_pool *o, const float *dy, float slope, float *dx)
{
    const float *x = o->x, *y = o->y;
    for (size_t k = 0; k < o->n; k++, x += 2 * o->c, dx += 2 * o->c, y += o->c, dy += o->c)
        OVER(o->c, const VEC yi = get(y + i, p); const VEC d = get(dy + i, p);
             largest_back(x + i, o->c, o->line, yi, POSITIVE(yi, d, MUL(SET1(slope), d)), dx + i, p));
}

/* ------------------------------------------------------------------------- recurrent cells */

INLINE VEC get_or_0(const float *at, part p)
{
    return at ? get(at, p) : SET1(0.0f);
}

INLINE void lstm_cell(float *a, size_t n, const float *before, float *c, float *h, part p)
{
    const VEC i = sigmoid_of(get(a, p)), f = sigmoid_of(get(a + n, p));
    const VEC g = tanh_of(get(a + 2 * n, p)), o = sigmoid_of(get(a + 3 * n, p));
    const VEC state = FMA(f, get_or_0(before, p), MUL(i, g));
    put(a, p, i);
    put(a + n, p, f);
    put(a + 2 * n, p, g);
    put(a + 3 * n, p, o);
    put(c, p, state);
    put(h, p, MUL(o, tanh_of(state)));
}

static void lstm_forward(const an_lstm_step *s)
{
    const size_t n = s->units;
    for (size_t r = 0; r < s->rows; r++) {
        float *a = s->gates + r * s->gates_row, *c = s->c + r * s->c_row, *h = s->h + r * s->h_row;
        const float *before = s->before ? s->before + r * s->before_row : NULL;
        OVER(n, lstm_cell(a + i, n, before ? before + i : NULL, c + i, h + i, p));
    }
}

/* tanh(c) is computed again, which is cheaper than keeping it. */
INLINE void lstm_cell_back(const float *a, size_t n, const float *before, const float *c, const float *dh,
                           float *dc, float *da, part p)
{
    const VEC i = get(a, p), f = get(a + n, p), g = get(a + 2 * n, p), o = get(a + 3 * n, p);
    const VEC t = tanh_of(get(c, p)), d = get(dh, p);
    const VEC state = FMA(MUL(d, o), tanh_slope(t), get(dc, p));
    put(da, p, MUL(MUL(state, g), sigmoid_slope(i)));
    put(da + n, p, MUL(MUL(state, get_or_0(before, p)), sigmoid_slope(f)));
    put(da + 2 * n, p, MUL(MUL(state, i), tanh_slope(g)));
    put(da + 3 * n, p, MUL(MUL(d, t), sigmoid_slope(o)));
    put(dc, p, MUL(state, f));
}

static void lstm_backward(const an_lstm_step *s)
{
    const size_t n = s->units;
    for (size_t r = 0; r < s->rows; r++) {
        const float *a = s->gates + r * s->gates_row, *c = s->c + r * s->c_row;
        const float *before = s->before ? s->before + r * s->before_row : NULL, *dh = s->dh + r * s->dh_row;
        float *dc = s->dc + r * s->dc_row, *da = s->da + r * s->da_row;
        OVER(n, lstm_cell_back(a + i, n, before ? before + i : NULL, c + i, dh + i, dc + i, da + i, p));
    }
}

INLINE void gru_cell(float *a, size_t n, const float *u, const float *before, float *h, part p)
{
    const VEC r = sigmoid_of(get(a, p)), z = sigmoid_of(get(a + n, p));
    const VEC fresh = tanh_of(FMA(r, get(u, p), get(a + 2 * n, p)));
    put(a, p, r);
    put(a + n, p, z);
    put(a + 2 * n, p, fresh);
    put(h, p, FMA(z, SUB(get_or_0(before, p), fresh), fresh));
}

static void gru_forward(const an_gru_step *s)
{
    const size_t n = s->units;
    for (size_t r = 0; r < s->rows; r++) {
        float *a = s->gates + r * s->gates_row, *h = s->h + r * s->h_row;
        const float *u = s->u + r * s->u_row, *before = s->before ? s->before + r * s->before_row : NULL;
        OVER(n, gru_cell(a + i, n, u + i, before ? before + i : NULL, h + i, p));
    }
}

INLINE void gru_cell_back(const float *a, size_t n, const float *u, const float *before, float *dh, float *da,
                          float *du, part p)
{
    const VEC r = get(a, p), z = get(a + n, p), fresh = get(a + 2 * n, p), d = get(dh, p);
    const VEC dn = MUL(MUL(d, SUB(SET1(1.0f), z)), tanh_slope(fresh));
    put(da + n, p, MUL(MUL(d, SUB(get_or_0(before, p), fresh)), sigmoid_slope(z)));
    put(da, p, MUL(MUL(dn, get(u, p)), sigmoid_slope(r)));
    put(da + 2 * n, p, dn);
    put(du, p, MUL(dn, r));
    put(dh, p, MUL(d, z));
}

static void gru_backward(const an_gru_step *s)
{
    const size_t n = s->units;
    for (size_t r = 0; r < s->rows; r++) {
        const float *a = s->gates + r * s->gates_row, *u = s->u + r * s->u_row;
        const float *before = s->before ? s->before + r * s->before_row : NULL;
        float *dh = s->dh + r * s->dh_row, *da = s->da + r * s->da_row, *du = s->du + r * s->du_row;
        OVER(n, gru_cell_back(a + i, n, u + i, before ? before + i : NULL, dh + i, da + i, du + i, p));
    }
}

/* ------------------------------------------------------------------------------ optimisers */

INLINE VEC gradient(const an_vec_grad *g, size_t i, part p)
{
    const float *at = g->g + i;
    VEC v = get(at, p);
    for (size_t s = 1; s < g->n_slices; s++)
        v = ADD(v, get(at + s * g->step, p));
    return MUL(v, SET1(g->factor));
}

/* 0 for what is closer to 0 than 1e-30. */
INLINE VEC not_tiny(VEC v)
{
    return POSITIVE(SUB(ABS(v), SET1(1e-30f)), v, SET1(0.0f));
}

INLINE VEC sgd_at(const an_vec_sgd *o, float *w, float *v, VEC g, part p)
{
    const VEC vi = not_tiny(FMA(SET1(o->momentum), get(v, p), g));
    put(v, p, vi);
    put(w, p, SUB(MUL(SET1(o->keep), get(w, p)), MUL(SET1(o->rate), vi)));
    return g;
}

INLINE VEC adam_at(const an_vec_adam *o, float *w, float *m, float *v, VEC g, part p)
{
    const VEC mi = not_tiny(FMA(SET1(o->b1), get(m, p), MUL(SET1(o->c1), g)));
    const VEC vi = not_tiny(FMA(SET1(o->b2), get(v, p), MUL(MUL(SET1(o->c2), g), g)));
    put(m, p, mi);
    put(v, p, vi);
    const VEC move = DIV(MUL(SET1(o->rate), mi), ADD(SQRT(vi), SET1(o->eps)));
    put(w, p, SUB(MUL(SET1(o->keep), get(w, p)), move));
    return g;
}

INLINE VEC rmsprop_at(const an_vec_rmsprop *o, float *w, float *v, VEC g, part p)
{
    const VEC vi = not_tiny(FMA(SET1(o->b), get(v, p), MUL(MUL(SET1(o->c), g), g)));
    const VEC move = DIV(MUL(SET1(o->rate), g), ADD(SQRT(vi), SET1(o->eps)));
    put(v, p, vi);
    put(w, p, SUB(MUL(SET1(o->keep), get(w, p)), move));
    return g;
}

INLINE VEC gather_at(float *out, VEC g, part p)
{
    put(out, p, g);
    return g;
}

/* Takes the squares of what a step gives back.  Plain C has lanes here too. */
#define SQUARES (LANES == 1 ? 16u : 1u)
#define OVER_SQUARES(n, step)                                                                                \
    do {                                                                                                     \
        size_t at = 0;                                                                                       \
        OVER(n, const VEC gi = step; sums[at % SQUARES] = FMA(gi, gi, sums[at % SQUARES]); at++);            \
    } while (0)

static double squares(const VEC sums[static SQUARES])
{
    double all = 0.0;
    float lane[LANES];
    for (size_t s = 0; s < SQUARES; s++) {
        STORE(lane, sums[s]);
        for (int l = 0; l < LANES; l++)
            all += (double)lane[l];
    }
    return all;
}

static double sgd(const an_vec_sgd *o, size_t n, float *w, float *v, const an_vec_grad *g)
{
    VEC sums[SQUARES] = {SET1(0.0f)};
    OVER_SQUARES(n, sgd_at(o, w + i, v + i, gradient(g, i, p), p));
    return squares(sums);
}

static double adam(const an_vec_adam *o, size_t n, float *w, float *m, float *v, const an_vec_grad *g)
{
    VEC sums[SQUARES] = {SET1(0.0f)};
    OVER_SQUARES(n, adam_at(o, w + i, m + i, v + i, gradient(g, i, p), p));
    return squares(sums);
}

static double rmsprop(const an_vec_rmsprop *o, size_t n, float *w, float *v, const an_vec_grad *g)
{
    VEC sums[SQUARES] = {SET1(0.0f)};
    OVER_SQUARES(n, rmsprop_at(o, w + i, v + i, gradient(g, i, p), p));
    return squares(sums);
}

static double gather(size_t n, float *out, const an_vec_grad *g)
{
    VEC sums[SQUARES] = {SET1(0.0f)};
    OVER_SQUARES(n, gather_at(out + i, gradient(g, i, p), p));
    return squares(sums);
}

#include "models/kernels/vec_tiles.h"

const an_vec TABLE = {
    .name = NAME,
    .usable = USABLE,
    .exp = map_exp,
    .sigmoid = map_sigmoid,
    .tanh = map_tanh,
    .gelu = map_gelu,
    .sigmoid_back = sigmoid_back,
    .tanh_back = tanh_back,
    .gelu_back = gelu_back,
    .sum = sum,
    .dot = dot,
    .max = max,
    .axpy = axpy,
    .scale = scale,
    .add_rows = add_rows,
    .softmax = softmax,
    .transpose = transpose,
    .max_pool = max_pool,
    .max_pool_back = max_pool_back,
    .tiles_in = tiles_in,
    .tiles_out = tiles_out,
    .tiles_kernel = tiles_kernel,
    .tiles_gradient = tiles_gradient,
    .tiles_taps = tiles_taps,
    .lstm_forward = lstm_forward,
    .lstm_backward = lstm_backward,
    .gru_forward = gru_forward,
    .gru_backward = gru_backward,
    .sgd = sgd,
    .adam = adam,
    .rmsprop = rmsprop,
    .gather = gather,
};

#endif
