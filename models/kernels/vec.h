/* vec.h - what is done to many floats at once: the curves of activations, the cells of recurrent
 * layers, sums, and the steps of the optimisers.
 *
 *     an_vec_choose(NULL);                                   once, in main, before any thread
 *     const an_vec *v = an_vec_get();
 *     v->tanh(batch * units, y, x);
 *     const an_lstm_step s = {.rows = batch, .units = 64, .gates = g, ...};
 *     v->lstm_forward(&s);
 *
 * There is one table of functions for each instruction set.  Each function is written once
 * (vec_math.h, vec_loops.h) and built for vectors of 16, 8 and 1 floats.
 *
 * Bits: within one table an output depends on its own inputs alone, not on where it lies, so an
 * elementwise function may be divided at will.  sum and dot add in an order that n alone decides.
 * Between tables results differ by rounding, as some have a fused multiply-add.  No function uses the
 * mathematical library but softmax for its logarithm.
 *
 * Memory: no alignment is needed; nothing outside the given ranges is read or written.  An output may
 * be an input of the same call (y == x) where that is said; else nothing overlaps.
 *
 * Threads: pure; the table is chosen before any thread and then only read. */
#ifndef AN_MODELS_KERNELS_VEC_H
#define AN_MODELS_KERNELS_VEC_H

#include <stdbool.h>
#include <stddef.h>

/* One step in time of a long short-term memory (Hochreiter and Schmidhuber 1997; with the forget gate
 * of Gers, Schmidhuber, Cummins 2000) for all rows of a batch:
 *
 *     i, f, o = sigmoid(a_i, a_f, a_o)    g = tanh(a_g)    c = f c_before + i g    h = o tanh(c)
 *
 * A row of gates holds (i, f, g, o), `units` floats each; the steps from row to row are in floats. */
typedef struct an_lstm_step {
    size_t rows, units;
    float *gates; /* forward: a in, i f g o out; backward: i f g o in */
    size_t gates_row;
    const float *before; /* c of the step before, NULL: zeros */
    size_t before_row;
    float *c; /* written forward, read backward */
    size_t c_row;

    float *h; /* forward only: written */
    size_t h_row;

    const float *dh; /* backward only, from here: the gradient of h */
    size_t dh_row;
    float *dc; /* in: the gradient of c from the step after; out: that of c before */
    size_t dc_row;
    float *da; /* out: the gradient of a, laid out as gates; may be gates */
    size_t da_row;
} an_lstm_step;

/* One step in time of a gated recurrent unit (Cho et al. 2014, with the reset gate after the product,
 * as cuDNN and PyTorch have it):
 *
 *     r, z = sigmoid(a_r, a_z)    n = tanh(a_n + r u)    h = (1 - z) n + z h_before
 *
 * A row of gates holds (r, z, n).  u is the part of n that comes from h_before, with its bias. */
typedef struct an_gru_step {
    size_t rows, units;
    float *gates; /* forward: a in, r z n out; backward: r z n in */
    size_t gates_row;
    const float *u;
    size_t u_row;
    const float *before; /* h of the step before, NULL: zeros */
    size_t before_row;

    float *h; /* forward only: written */
    size_t h_row;

    float *dh; /* backward only, from here: in: the gradient of h; out: what of it passes by z to before */
    size_t dh_row;
    float *da; /* out: the gradient of a, laid out as gates; may be gates */
    size_t da_row;
    float *du; /* out: the gradient of u */
    size_t du_row;
} an_gru_step;

/* One line of a pool of 2 x 2 over (H, W, c): the largest of two lines of x, two places each. */
typedef struct an_vec_pool {
    size_t n, c;    /* places of the output, channels */
    const float *x; /* the upper line; the lower begins `line` floats after it */
    size_t line;
    const float *y; /* (n, c) backward: what forward wrote */
} an_vec_pool;

/* Tiles of 4 x 4 outputs of a kernel of 3 x 3, side by side (Winograd's F(4 x 4, 3 x 3); Lavin and Gray
 * 2016).  A tile is 36 numbers for each channel, its values at 6 x 6 points, one in each plane: a plane
 * is (tiles, c), and each is a product of its own:
 *
 *     planes of outputs  =  planes of inputs (tiles, c) times planes of the kernel (c, f)
 *
 * 36 multiplications take the place of 144.  Results differ from the direct sum by some 1e-6 of the
 * largest.  Images are (lines, places, c). */
typedef struct an_vec_tiles {
    size_t n, c;  /* tiles, channels */
    size_t line;  /* floats from line to line of the image */
    size_t plane; /* floats from plane to plane */
} an_vec_tiles;

/* What is done to an output: y = v + bias, times slope where it is not above 0, and times mask_slope
 * where the mask is not: the derivative of an activation seen from its output. */
typedef struct an_vec_tiles_end {
    size_t lines, cols; /* 1 .. 4 lines of all tiles, 1 .. 4 places of the last, are in the image */
    const float *bias;  /* (c); NULL: 0 */
    float slope;        /* 1: nothing is done */
    const float *mask;  /* lies as y; NULL: none */
    float mask_slope;
} an_vec_tiles_end;

/* The gradient as the slices of a batch left it: element i is factor * (g[i] + g[i + step] + ...),
 * the slices added in their order. */
typedef struct an_vec_grad {
    const float *g;
    size_t step, n_slices; /* n_slices >= 1 */
    float factor;
} an_vec_grad;

/* Averages closer to 0 than 1e-30 become 0: subnormal numbers are a hundred times slower. */
typedef struct an_vec_sgd { /* v = momentum v + g;  w = keep w - rate v */
    float rate, momentum, keep;
} an_vec_sgd;

typedef struct an_vec_adam { /* m = b1 m + c1 g;  v = b2 v + c2 g g;  w = keep w - rate m / (sqrt v + eps) */
    float rate, b1, c1, b2, c2, eps, keep;
} an_vec_adam;

typedef struct an_vec_rmsprop { /* v = b v + c g g;  w = keep w - rate g / (sqrt v + eps) */
    float rate, b, c, eps, keep;
} an_vec_rmsprop;

typedef struct an_vec {
    const char *name; /* "avx512", "avx2", "plain" */
    bool (*usable)(void);

    /* y (n) of x (n); y may be x.  Largest errors, over all finite x:
     *     exp      2 ulp;  0 below -104, infinite above 88.73
     *     sigmoid  relative 3e-7; never below 1.6e-38
     *     tanh     relative 3e-7
     *     gelu     x Phi(x) with the exact normal distribution (Hendrycks and Gimpel 2016), not its
     *              tanh form: 4e-7 max(1, |x|)
     * What is not a number stays so. */
    void (*exp)(size_t n, float *y, const float *x);
    void (*sigmoid)(size_t n, float *y, const float *x);
    void (*tanh)(size_t n, float *y, const float *x);
    void (*gelu)(size_t n, float *y, const float *x);

    /* dx = dy f', from the output y or the input x; dx may be dy. */
    void (*sigmoid_back)(size_t n, float *dx, const float *y, const float *dy);
    void (*tanh_back)(size_t n, float *dx, const float *y, const float *dy);
    void (*gelu_back)(size_t n, float *dx, const float *x, const float *dy); /* error 8e-7 |dy| */

    float (*sum)(size_t n, const float *x);
    float (*dot)(size_t n, const float *a, const float *b);
    float (*max)(size_t n, const float *x);                        /* n >= 1; numbers only */
    void (*axpy)(size_t n, float *y, float alpha, const float *x); /* y += alpha x */
    void (*scale)(size_t n, float *y, float alpha);                /* y *= alpha */
    /* y (n) = the column sums of x (rows, n) with `row` floats from line to line, added to y in the
     * order of the rows: the gradient of a bias. */
    void (*add_rows)(size_t rows, size_t n, float *y, const float *x, size_t row);
    /* y (n) = e^x / sum e^x, y may be x.  Gives log(sum e^x), of which cross-entropy is made.  n >= 1. */
    float (*softmax)(size_t n, float *y, const float *x);

    /* to (columns, rows) from `from` (rows, columns). */
    void (*transpose)(size_t rows, size_t columns, const float *from, float *to);

    void (*max_pool)(const an_vec_pool *p, float *y); /* numbers only */
    /* dy (n, c) to the first of the four places that holds y, 0 to the others; where y is not above 0,
     * slope times dy: the derivative of the activation that made x, 1 for none.  dx lies as x. */
    void (*max_pool_back)(const an_vec_pool *p, const float *dy, float slope, float *dx);

    /* x: six lines, 4 n + 2 places; planes (36). */
    void (*tiles_in)(const an_vec_tiles *t, const float *x, float *planes);
    void (*tiles_out)(const an_vec_tiles *t, const an_vec_tiles_end *e, const float *planes, float *y);
    /* w (3, 3, n), planes (36) of n. */
    void (*tiles_kernel)(size_t n, const float *w, float *planes, size_t plane);
    /* dy: four lines, 4 n places.  Its planes times those of the inputs, summed over tiles, are planes
     * of dw (3, 3, n), to which they are added. */
    void (*tiles_gradient)(const an_vec_tiles *t, const float *dy, float *planes);
    void (*tiles_taps)(size_t n, const float *planes, size_t plane, float *dw);

    void (*lstm_forward)(const an_lstm_step *s);
    void (*lstm_backward)(const an_lstm_step *s);
    void (*gru_forward)(const an_gru_step *s);
    void (*gru_backward)(const an_gru_step *s);

    /* One pass over n parameters.  Each gives the sum of the squares of the gradient, added in
     * float32: infinite or not a number when the gradient is, or when it is over 1.8e19. */
    double (*sgd)(const an_vec_sgd *o, size_t n, float *w, float *v, const an_vec_grad *g);
    double (*adam)(const an_vec_adam *o, size_t n, float *w, float *m, float *v, const an_vec_grad *g);
    double (*rmsprop)(const an_vec_rmsprop *o, size_t n, float *w, float *v, const an_vec_grad *g);
    /* out (n) = the gradient, for what stands between it and the step (clipping, proximal terms).
     * out may be the first slice. */
    double (*gather)(size_t n, float *out, const an_vec_grad *g);
} an_vec;

const an_vec *an_vec_get(void);    /* the chosen table; plain before anything is chosen */
const an_vec *an_vec_at(size_t i); /* best first, the last runs everywhere; NULL past the end */
/* Chooses the best that the processor has, or the one called `name`.  False: this processor or this
 * build has none of that name; the best is chosen then.  Once, before any thread. */
bool an_vec_choose(const char *name);

#endif
