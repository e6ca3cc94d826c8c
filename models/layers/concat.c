/* Layers side by side along the channels: (.., C1), (.., C2) become (.., C1 + C2), as the skips of
 * a U-Net (Ronneberger, Fischer, Brox 2015). */
#include "models/layers/join_internal.h"

#include <string.h>

static size_t channels(const an_shape *s)
{
    return s->d[s->n_dims - 1];
}

static an_err sizes(an_layer *l, an_note *why)
{
    l->out = l->in;
    for (size_t k = 1; k < l->n_inputs; k++) {
        an_shape s = l->inputs[k].shape, first = l->in;
        const size_t last = s.n_dims - 1, c = s.d[last];
        if (s.n_dims == first.n_dims)
            s.d[last] = first.d[last]; /* the channels alone may differ */
        if (!an_join_equal(&s, &first))
            return an_join_misfit(l, k, why);
        l->out.d[last] += c;
    }
    return AN_OK;
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    (void)w;
    const size_t wide = channels(&l->out), places = p->batch * (l->out_n / wide);
    for (size_t k = 0, at = 0; k < l->n_inputs; at += channels(&l->inputs[k].shape), k++) {
        const size_t c = channels(&l->inputs[k].shape);
        for (size_t i = 0; i < places; i++)
            memcpy(y + i * wide + at, x[k] + i * c, c * sizeof *y);
    }
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)w;
    (void)x;
    (void)y;
    (void)dw;
    const size_t wide = channels(&l->out), places = p->batch * (l->out_n / wide);
    for (size_t k = 0, at = 0; k < l->n_inputs; at += channels(&l->inputs[k].shape), k++) {
        const size_t c = channels(&l->inputs[k].shape);
        for (size_t i = 0; dx[k] && i < places; i++)
            memcpy(dx[k] + i * c, dy + i * wide + at, c * sizeof *dy);
    }
}

const an_layer_type an_layer_concat = {
    .name = "concat", .joins = true, .sizes = sizes, .forward = forward, .backward = backward};
