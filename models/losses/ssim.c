/* Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) of an image and its target, here with
 * even weights in a square window that visits every place, each channel for itself:
 *
 *     S = (2 my mt + c1) (2 cov + c2) / ((my^2 + mt^2 + c1) (vy + vt + c2))
 *
 * with the means, variances and covariance in the window, c1 = (0.01 range)^2, c2 = (0.03 range)^2.
 * The loss of a row is 1 - the mean of S.  A window larger than the image shrinks to it; a sequence is
 * an image of height 1. */
#include "models/loss.h"

#include <string.h>

enum { RANGE, WINDOW };

static const an_layer_opt opts[] = {
    {"range", AN_LAYER_OPT_REAL, false, 1e-6, 1e6, 1, NULL},
    {"window", AN_LAYER_OPT_COUNT, false, 2, 64, 7, NULL},
    {0},
};

/* One channel of one row, and its window. */
typedef struct view {
    size_t h, w, c; /* of the image */
    size_t wh, ww;  /* of the window */
    double c1, c2;
    double share; /* of one window in the row's loss */
} view;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static view view_of(const an_loss_args *a)
{
    const an_shape *s = &a->shape;
    view v = {.h = s->n_dims == 3 ? s->d[0] : 1,
              .w = s->n_dims == 3 ? s->d[1] : s->d[0],
              .c = s->n_dims == 3   ? s->d[2]
                   : s->n_dims == 2 ? s->d[1]
                                    : 1};
    v.wh = least((size_t)a->opt[WINDOW], v.h);
    v.ww = least((size_t)a->opt[WINDOW], v.w);
    v.c1 = 1e-4 * a->opt[RANGE] * a->opt[RANGE];
    v.c2 = 9e-4 * a->opt[RANGE] * a->opt[RANGE];
    v.share = 1.0 / (double)((v.h - v.wh + 1) * (v.w - v.ww + 1) * v.c);
    return v;
}

typedef struct moments {
    double my, mt, vy, vt, cov;
} moments;

static moments look(const view *v, const float *y, const float *t)
{
    const double n = (double)(v->wh * v->ww);
    moments m = {0};
    for (size_t i = 0; i < v->wh; i++)
        for (size_t j = 0; j < v->ww; j++) {
            const size_t at = (i * v->w + j) * v->c;
            m.my += (double)y[at] / n;
            m.mt += (double)t[at] / n;
        }
    for (size_t i = 0; i < v->wh; i++)
        for (size_t j = 0; j < v->ww; j++) {
            const size_t at = (i * v->w + j) * v->c;
            const double dy = (double)y[at] - m.my, dt = (double)t[at] - m.mt;
            m.vy += dy * dy / n;
            m.vt += dt * dt / n;
            m.cov += dy * dt / n;
        }
    return m;
}

/* S of the window that begins at y and t; takes its share of the gradient of S from dy. */
static double window(const view *v, const float *y, const float *t, float *dy)
{
    const moments m = look(v, y, t);
    const double a1 = 2.0 * m.my * m.mt + v->c1, a2 = 2.0 * m.cov + v->c2;
    const double b1 = m.my * m.my + m.mt * m.mt + v->c1, b2 = m.vy + m.vt + v->c2;
    const double s = a1 * a2 / (b1 * b2);
    if (!dy)
        return s;
    const double each = 2.0 * v->share / (double)(v->wh * v->ww);
    const double of_mean = (m.mt * a2 / b2 - s * m.my) / b1;
    for (size_t i = 0; i < v->wh; i++)
        for (size_t j = 0; j < v->ww; j++) {
            const size_t at = (i * v->w + j) * v->c;
            const double of_cov = ((double)t[at] - m.mt) * a1 / (b1 * b2);
            const double of_var = s * ((double)y[at] - m.my) / b2;
            dy[at] -= (float)(each * (of_mean + of_cov - of_var));
        }
    return s;
}

static double eval(const an_loss_args *a, size_t batch, const float *y, const float *t, float *dy)
{
    const view v = view_of(a);
    double sum = 0.0;
    if (dy)
        memset(dy, 0, batch * a->n * sizeof *dy);
    for (size_t b = 0; b < batch; b++) {
        double similar = 0.0;
        for (size_t i = 0; i + v.wh <= v.h; i++)
            for (size_t j = 0; j + v.ww <= v.w; j++)
                for (size_t c = 0; c < v.c; c++) {
                    const size_t at = b * a->n + (i * v.w + j) * v.c + c;
                    similar += window(&v, y + at, t + at, dy ? dy + at : NULL);
                }
        sum += 1.0 - similar * v.share;
    }
    return sum;
}

const an_loss an_loss_ssim = {.name = "ssim", .opts = opts, .eval = eval};
