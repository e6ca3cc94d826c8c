/* Grouped convolution (Krizhevsky, Sutskever and Hinton 2012).  A group is an ordinary convolution of
 * its own channels, which are copied out and back around it; the copies cost little beside its
 * products.  With one filter for each channel there is no product worth the name, and
 * conv_depth_internal.c does it in place. */
#include "models/layers/conv_groups_internal.h"

#include <string.h>

#include "models/kernels/vec.h"

/* One group as a layer, and where it keeps its copies. */
typedef struct group {
    an_layer l;
    an_conv c;
    an_pass pass;
    float *w, *dw, *prepared, *x, *y, *dx;
    size_t rows; /* of w: kh kw c */
} group;

static bool depthwise(const an_conv *c)
{
    return c->c == c->g && c->f == c->g;
}

static void group_of(const an_layer *l, const an_conv *c, group *g)
{
    memset(g, 0, sizeof *g);
    g->c = *c;
    g->c.g = 1;
    g->c.c = c->c / c->g;
    g->c.f = c->f / c->g;
    g->rows = c->kh * c->kw * g->c.c;
    g->l = *l;
    g->l.in.d[l->in.n_dims - 1] = g->c.c;
    g->l.out.d[l->out.n_dims - 1] = g->c.f;
    g->l.inputs[0].shape = g->l.in;
    g->l.in_n = g->l.inputs[0].n = c->h * c->w * g->c.c;
    g->l.out_n = c->oh * c->ow * g->c.f;
    g->l.n_weights = g->l.n_scratch = g->l.n_scratch_row = g->l.n_prepared = 0;
    an_conv_sizes(&g->l, &g->c);
    g->l.n_params = (g->rows + 1) * g->c.f;
    g->l.weight_at[1] = g->rows * g->c.f;
}

an_err an_conv_groups_sizes(an_layer *l, const an_conv *c, an_note *why)
{
    if (c->c % c->g != 0 || c->f % c->g != 0)
        return an_fail(AN_ERR_INVAL, why,
                       "%zu groups divide neither or only one of %zu channels and %zu filters", c->g, c->c,
                       c->f);
    const size_t each = c->c / c->g, dims[] = {c->kh, c->kw, each, c->f};
    l->weights[l->n_weights++] =
        an_layer_spread("w", c->kh * c->kw * each, c->kh * c->kw * (c->f / c->g), 4, dims);
    l->weights[l->n_weights++] = an_layer_constant("b", AN_LAYER_START_ZERO, c->f);
    if (depthwise(c))
        return AN_OK;
    group g;
    group_of(l, c, &g);
    l->n_scratch =
        2 * g.l.n_params + g.l.n_prepared + 2 * g.l.in_n + g.l.out_n + g.l.n_scratch + g.l.n_scratch_row;
    return AN_OK;
}

/* rows of n floats, which lie `from_step` and `to_step` apart. */
static void copy(size_t rows, size_t n, const float *from, size_t from_step, float *to, size_t to_step)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(to + i * to_step, from + i * from_step, n * sizeof *to);
}

static void group_start(const an_layer *l, const an_pass *p, const an_conv *c, group *g)
{
    group_of(l, c, g);
    g->w = p->scratch;
    g->dw = g->w + g->l.n_params;
    g->prepared = g->dw + g->l.n_params;
    g->x = g->prepared + g->l.n_prepared;
    g->dx = g->x + g->l.in_n;
    g->y = g->dx + g->l.in_n;
    g->pass = *p;
    g->pass.batch = 1;
    g->pass.scratch = g->y + g->l.out_n;
    g->pass.prepared = g->prepared;
}

/* The weights of group i. */
static void group_weights(const an_layer *l, const an_conv *c, const float *w, size_t i, group *g)
{
    const size_t f = g->c.f;
    copy(g->rows, f, w + i * f, c->f, g->w, f);
    memcpy(g->w + g->l.weight_at[1], w + l->weight_at[1] + i * f, f * sizeof *w);
    an_conv_prepare(&g->c, g->w, g->prepared);
}

static void epilogue(const an_layer *l, size_t n, float *y)
{
    float slope;
    if (an_layer_epilogue(l->act, &slope) == AN_EPILOGUE_NONE)
        return;
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] > 0.0f ? y[i] : slope * y[i];
}

void an_conv_groups_forward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w,
                            const float *x, float *y)
{
    if (depthwise(c)) {
        for (size_t b = 0; b < p->batch; b++)
            an_conv_depth_forward(c, w, w + l->weight_at[1], x + b * l->in_n, y + b * l->out_n);
        epilogue(l, p->batch * l->out_n, y);
        return;
    }
    group g;
    group_start(l, p, c, &g);
    for (size_t i = 0; i < c->g; i++) {
        group_weights(l, c, w, i, &g);
        for (size_t b = 0; b < p->batch; b++) {
            copy(c->h * c->w, g.c.c, x + b * l->in_n + i * g.c.c, c->c, g.x, g.c.c);
            an_conv_forward(&g.l, &g.pass, &g.c, g.w, g.x, g.y);
            copy(c->oh * c->ow, g.c.f, g.y, g.c.f, y + b * l->out_n + i * g.c.f, c->f);
        }
    }
}

static void add_weights(const an_layer *l, const an_conv *c, const group *g, size_t i, float *dw)
{
    const size_t f = g->c.f;
    for (size_t r = 0; r < g->rows; r++)
        for (size_t k = 0; k < f; k++)
            dw[r * c->f + i * f + k] += g->dw[r * f + k];
    for (size_t k = 0; k < f; k++)
        dw[l->weight_at[1] + i * f + k] += g->dw[g->l.weight_at[1] + k];
}

static void depth_backward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w,
                           const float *x, const float *dy, float *dx, float *dw)
{
    for (size_t b = 0; b < p->batch; b++) {
        const float *dyb = dy + b * l->out_n;
        an_conv_depth_weights(c, x + b * l->in_n, dyb, dw);
        an_vec_get()->add_rows(c->oh * c->ow, c->f, dw + l->weight_at[1], dyb, c->f);
        if (dx)
            an_conv_depth_inputs(c, w, dyb, dx + b * l->in_n);
    }
    if (dx)
        an_layer_mask(l, p->batch * l->in_n, x, dx);
}

void an_conv_groups_backward(const an_layer *l, const an_pass *p, const an_conv *c, const float *w,
                             const float *x, const float *dy, float *dx, float *dw)
{
    if (depthwise(c)) {
        depth_backward(l, p, c, w, x, dy, dx, dw);
        return;
    }
    group g;
    group_start(l, p, c, &g);
    for (size_t i = 0; i < c->g; i++) {
        group_weights(l, c, w, i, &g);
        memset(g.dw, 0, g.l.n_params * sizeof *dw);
        for (size_t b = 0; b < p->batch; b++) {
            copy(c->h * c->w, g.c.c, x + b * l->in_n + i * g.c.c, c->c, g.x, g.c.c);
            copy(c->oh * c->ow, g.c.f, dy + b * l->out_n + i * g.c.f, c->f, g.y, g.c.f);
            an_conv_backward(&g.l, &g.pass, &g.c, g.w, g.x, g.y, dx ? g.dx : NULL, g.dw);
            if (dx)
                copy(c->h * c->w, g.c.c, g.dx, g.c.c, dx + b * l->in_n + i * g.c.c, c->c);
        }
        add_weights(l, c, &g, i, dw);
    }
}
