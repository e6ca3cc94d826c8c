/* The largest value of each channel over all places: (L, C) or (H, W, C) becomes (C).  The gradient
 * goes to the first place that holds it. */
#include "models/layers/global_internal.h"

#include "models/layers/pool_internal.h"

/* One window as large as the input. */
static an_pool geometry(const an_layer *l)
{
    const size_t c = l->out_n, places = l->in_n / c;
    return (an_pool){.h = 1, .w = places, .c = c, .kh = 1, .kw = places, .sh = 1, .sw = 1, .oh = 1, .ow = 1};
}

static an_err sizes(an_layer *l, an_note *why)
{
    an_err err = an_global_sizes(l, why);
    if (err == AN_OK)
        l->n_scratch = l->out.d[0];
    return err;
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const an_pool pool = geometry(l);
    for (size_t i = 0; i < p->batch; i++)
        an_pool_max(&pool, x[0] + i * l->in_n, y + i * l->out_n);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)dw;
    const an_pool pool = geometry(l);
    for (size_t i = 0; dx[0] && i < p->batch; i++)
        an_pool_max_back(&pool, x[0] + i * l->in_n, y + i * l->out_n, dy + i * l->out_n, 1.0f,
                         dx[0] + i * l->in_n, p->scratch);
}

const an_layer_type an_layer_global_max_pool = {.name = "global_max_pool",
                                                .reads_x = true,
                                                .reads_y = true,
                                                .sizes = sizes,
                                                .forward = forward,
                                                .backward = backward};
