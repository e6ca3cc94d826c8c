#include "models/layers/recurrent_internal.h"

#include <string.h>

const an_layer_opt an_recurrent_opts[] = {
    {"units", AN_LAYER_OPT_COUNT, true, 1, 65536, 0, NULL},
    {"return", AN_LAYER_OPT_CHOICE, false, 0, 0, 0, "sequence last"},
    {0},
};

an_recurrent an_recurrent_of(const an_layer *l, size_t batch, size_t gates)
{
    const size_t h = (size_t)l->opt[AN_RECURRENT_UNITS];
    return (an_recurrent){.batch = batch,
                          .steps = l->in.d[0],
                          .c = l->in.d[1],
                          .h = h,
                          .wide = gates * h,
                          .whole = l->opt[AN_RECURRENT_RETURN] < 0.5};
}

an_err an_recurrent_sizes(an_layer *l, size_t gates, an_note *why)
{
    if (l->in.n_dims != 2) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why, "%s takes (length, channels), not %s", l->type->name, text);
    }
    const an_recurrent r = an_recurrent_of(l, 1, gates);
    l->out = r.whole ? (an_shape){2, {r.steps, r.h}} : (an_shape){1, {r.h}};
    l->weights[l->n_weights++] = an_layer_spread("w", r.c, r.h, 2, (const size_t[]){r.c, r.wide});
    l->weights[l->n_weights++] = an_layer_spread("u", r.h, r.h, 2, (const size_t[]){r.h, r.wide});
    l->weights[l->n_weights++] = an_layer_constant("b", AN_LAYER_START_ZERO, r.wide);
    l->n_prepared = (r.c + r.h) * r.wide;
    return AN_OK;
}

void an_recurrent_prepare(const an_layer *l, size_t gates, const float *w, float *prepared)
{
    const an_recurrent r = an_recurrent_of(l, 1, gates);
    an_vec_get()->transpose(r.c, r.wide, w, prepared);
    an_vec_get()->transpose(r.h, r.wide, w + l->weight_at[1], prepared + r.c * r.wide);
}

double an_recurrent_flops(const an_layer *l)
{
    const size_t steps = l->in.d[0];
    return 2.0 * (double)steps * (double)l->n_params;
}

void an_recurrent_inputs(const an_layer *l, const an_recurrent *r, const float *w, const float *x,
                         float *gates)
{
    an_mm mm = {.m = r->batch * r->steps, .n = r->wide, .nk = r->c, .a = x, .a_i = r->c, .a_k = 1};
    mm.b = w;
    mm.b_k = r->wide;
    mm.c = gates;
    mm.c_i = r->wide;
    mm.bias = w + l->weight_at[2];
    an_mm_run(&mm);
}

void an_recurrent_step(const an_recurrent *r, const float *h, const float *u, float *to, size_t to_wide,
                       size_t t)
{
    if (t == 0)
        return;
    an_mm mm = {.m = r->batch, .n = r->wide, .nk = r->h, .a_i = r->steps * r->h, .a_k = 1, .add = true};
    mm.a = h + (t - 1) * r->h;
    mm.b = u;
    mm.b_k = r->wide;
    mm.c = to + t * to_wide;
    mm.c_i = r->steps * to_wide;
    an_mm_run(&mm);
}

void an_recurrent_output(const an_recurrent *r, const float *h, float *y)
{
    for (size_t i = 0; !r->whole && i < r->batch; i++)
        memcpy(y + i * r->h, h + ((i + 1) * r->steps - 1) * r->h, r->h * sizeof *y);
}

void an_recurrent_output_back(const an_recurrent *r, const float *dy, float *dh, size_t t)
{
    const size_t row = r->whole ? r->steps * r->h : r->h, at = r->whole ? t * r->h : 0;
    if (!r->whole && t + 1 < r->steps)
        return;
    for (size_t i = 0; i < r->batch; i++)
        for (size_t j = 0; j < r->h; j++)
            dh[i * r->h + j] += dy[i * row + at + j];
}

void an_recurrent_inputs_back(const an_layer *l, const an_recurrent *r, const float *turned, const float *x,
                              const float *da, float *dx, float *dw)
{
    const size_t rows = r->batch * r->steps;
    an_mm mm = {.m = r->c, .n = r->wide, .nk = rows, .a = x, .a_i = 1, .a_k = r->c, .add = true};
    mm.b = da;
    mm.b_k = r->wide;
    mm.c = dw;
    mm.c_i = r->wide;
    an_mm_run(&mm);
    an_vec_get()->add_rows(rows, r->wide, dw + l->weight_at[2], da, r->wide);
    if (!dx)
        return;
    an_mm back = {.m = rows, .n = r->c, .nk = r->wide, .a = da, .a_i = r->wide, .a_k = 1};
    back.b = turned;
    back.b_k = r->c;
    back.c = dx;
    back.c_i = r->c;
    an_mm_run(&back);
}

void an_recurrent_weights_back(const an_recurrent *r, const float *h, const float *da, float *du)
{
    an_mm mm = {.m = r->h, .n = r->wide, .nr = r->batch, .nk = r->steps - 1, .add = true};
    mm.a = h;
    mm.a_i = 1;
    mm.a_r = r->steps * r->h;
    mm.a_k = r->h;
    mm.b = da + r->wide;
    mm.b_r = r->steps * r->wide;
    mm.b_k = r->wide;
    mm.c = du;
    mm.c_i = r->wide;
    an_mm_run(&mm);
}

void an_recurrent_step_back(const an_recurrent *r, const float *turned, const float *da, float *dh, size_t t)
{
    an_mm mm = {.m = r->batch, .n = r->h, .nk = r->wide, .a_k = 1, .add = true};
    mm.a = da + t * r->wide;
    mm.a_i = r->steps * r->wide;
    mm.b = turned;
    mm.b_k = r->h;
    mm.c = dh;
    mm.c_i = r->h;
    an_mm_run(&mm);
}
