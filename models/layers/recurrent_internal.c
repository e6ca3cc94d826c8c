#include "models/layers/recurrent_internal.h"

#include <stdint.h>
#include <string.h>

#include "models/kernels/bf16.h"

const an_layer_opt an_recurrent_opts[] = {
    {"units", AN_LAYER_OPT_COUNT, true, 1, 65536, 0, NULL},
    {"return", AN_LAYER_OPT_CHOICE, false, 0, 0, 0, "sequence last"},
    {"steps", AN_LAYER_OPT_COUNT, false, 0, 65536, 0, NULL},
    {0},
};

an_recurrent an_recurrent_of(const an_layer *l, size_t batch, size_t gates)
{
    const size_t h = (size_t)l->opt[AN_RECURRENT_UNITS];
    const bool vector = l->in.n_dims == 1;
    return (an_recurrent){.batch = batch,
                          .steps = vector ? (size_t)l->opt[AN_RECURRENT_STEPS] : l->in.d[0],
                          .c = l->in.d[vector ? 0 : 1],
                          .h = h,
                          .wide = gates * h,
                          .vector = vector,
                          .whole = l->opt[AN_RECURRENT_RETURN] < 0.5};
}

an_recurrent an_recurrent_in(const an_layer *l, const an_pass *p, size_t gates)
{
    an_recurrent r = an_recurrent_of(l, p->batch, gates);
    r.bf16 = p->bf16;
    return r;
}

static an_err check_input(const an_layer *l, an_note *why)
{
    const bool steps = l->opt[AN_RECURRENT_STEPS] > 0.0;
    char text[AN_SHAPE_TEXT];
    an_shape_text(text, &l->in);
    if (l->in.n_dims == 2 && steps)
        return an_fail(AN_ERR_INVAL, why, "%s: `steps` is for vectors, %s has its own", l->type->name, text);
    if (l->in.n_dims == 2 || (l->in.n_dims == 1 && steps))
        return AN_OK;
    return an_fail(AN_ERR_INVAL, why, "%s takes (length, channels), or a vector with `steps: N`, not %s",
                   l->type->name, text);
}

an_err an_recurrent_sizes(an_layer *l, size_t gates, an_note *why)
{
    an_err err = check_input(l, why);
    if (err != AN_OK)
        return err;
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
    const an_recurrent r = an_recurrent_of(l, 1, 1);
    const double all = (double)l->n_params, once = r.vector ? all / (double)(r.c + r.h) * (double)r.c : 0.0;
    return 2.0 * ((double)r.steps * (all - once) + once);
}

/* A vector's product is made at the first step and rests in the last, which comes after all others. */
void an_recurrent_inputs(const an_layer *l, const an_recurrent *r, const float *w, const float *x,
                         float *gates, size_t t)
{
    const size_t n = r->batch * r->wide, last = r->steps - 1;
    an_mm mm = {.m = r->batch,
                .n = r->wide,
                .nk = r->c,
                .a_k = 1,
                .b = w,
                .b_k = r->wide,
                .c_i = r->wide,
                .bf16 = r->bf16};
    mm.a = r->vector ? x : x + t * r->c;
    mm.a_i = r->vector ? r->c : r->steps * r->c;
    mm.c = gates + (r->vector ? last : t) * n;
    mm.bias = w + l->weight_at[2];
    if (!r->vector || t == 0)
        an_mm_run(&mm);
    if (r->vector && t < last)
        memcpy(gates + t * n, gates + last * n, n * sizeof *gates);
}

void an_recurrent_step(const an_recurrent *r, const an_recurrent_part *part, const float *h, const float *u,
                       size_t t)
{
    float *at = part->at + t * r->batch * part->row;
    for (size_t i = 0; t == 0 && part->bias && i < r->batch; i++)
        memcpy(at + i * part->row, part->bias, part->n * sizeof *at);
    if (t == 0)
        return;
    an_mm mm = {.m = r->batch, .n = part->n, .nk = r->h, .a_i = r->h, .a_k = 1, .bf16 = r->bf16};
    mm.a = h + (t - 1) * r->batch * r->h;
    mm.b = u + part->first;
    mm.b_k = r->wide;
    mm.c = at;
    mm.c_i = part->row;
    mm.bias = part->bias;
    mm.packed = part->packed;
    mm.add = !part->bias;
    an_mm_run(&mm);
}

static const float *pack(const an_recurrent *r, const an_mm *mm, an_recurrent_room *room)
{
    const size_t n = an_bf16_packed(mm->nk, mm->n),
                 before = (64 - (uintptr_t)room->at % 64) % 64 / sizeof(float);
    if (!r->bf16 || r->steps < 3 || n == 0 || n + before > room->n)
        return NULL;
    float *to = room->at + before;
    an_bf16_pack(mm, to);
    room->at = to + n;
    room->n -= n + before;
    return to;
}

void an_recurrent_pack(const an_recurrent *r, an_recurrent_part *part, const float *u,
                       an_recurrent_room *room)
{
    const an_mm mm = {.n = part->n, .nk = r->h, .b = u + part->first, .b_k = r->wide};
    part->packed = pack(r, &mm, room);
}

void an_recurrent_pack_back(const an_recurrent *r, an_recurrent_part *part, const float *turned,
                            an_recurrent_room *room)
{
    const an_mm mm = {.n = r->h, .nk = part->n, .b = turned + part->first * r->h, .b_k = r->h};
    part->packed = pack(r, &mm, room);
}

void an_recurrent_output(const an_recurrent *r, const float *h, float *y)
{
    const size_t n = r->whole ? r->steps : 1, from = r->steps - n;
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < r->batch; i++)
            memcpy(y + (i * n + t) * r->h, h + ((from + t) * r->batch + i) * r->h, r->h * sizeof *y);
}

void an_recurrent_output_back(const an_recurrent *r, const float *dy, float *dh, size_t t)
{
    const bool last = t + 1 == r->steps;
    const size_t row = r->whole ? r->steps * r->h : r->h;
    const float *from = dy + (r->whole ? t * r->h : 0);
    if (last)
        memset(dh, 0, r->batch * r->h * sizeof *dh);
    for (size_t i = 0; (last || r->whole) && i < r->batch; i++)
        an_vec_get()->add_rows(1, r->h, dh + i * r->h, from + i * row, row);
}

void an_recurrent_step_back(const an_recurrent *r, const an_recurrent_part *part, const float *turned,
                            size_t t, bool add, float *dh)
{
    an_mm mm = {
        .m = r->batch, .n = r->h, .nk = part->n, .a_i = part->row, .a_k = 1, .add = add, .bf16 = r->bf16};
    mm.a = part->at + t * r->batch * part->row;
    mm.b = turned + part->first * r->h;
    mm.packed = part->packed;
    mm.b_k = r->h;
    mm.c = dh;
    mm.c_i = r->h;
    an_mm_run(&mm);
}

void an_recurrent_weights_back(const an_recurrent *r, const an_recurrent_part *part, const float *h,
                               float *du)
{
    an_mm mm = {.m = r->h, .n = part->n, .nk = (r->steps - 1) * r->batch, .add = true, .bf16 = r->bf16};
    mm.a = h;
    mm.a_i = 1;
    mm.a_k = r->h;
    mm.b = part->at + r->batch * part->row;
    mm.b_k = part->row;
    mm.c = du + part->first;
    mm.c_i = r->wide;
    if (mm.nk > 0)
        an_mm_run(&mm);
}

void an_recurrent_sum_back(const an_recurrent *r, const float *da, float *sum, size_t t)
{
    const size_t n = r->batch * r->wide;
    if (t + 1 == r->steps)
        memcpy(sum, da + t * n, n * sizeof *sum);
    else
        an_vec_get()->add_rows(1, n, sum, da + t * n, n);
}

void an_recurrent_inputs_back(const an_layer *l, const an_recurrent *r, const float *turned, const float *x,
                              const float *da, float *dx, float *dw)
{
    const size_t steps = r->vector ? 1 : r->steps, rows = r->batch * steps;
    an_mm mm = {.m = r->c, .n = r->wide, .nr = steps, .nk = r->batch, .add = true, .bf16 = r->bf16};
    mm.a = x;
    mm.a_i = 1;
    mm.a_r = r->c;
    mm.a_k = steps * r->c;
    mm.b = da;
    mm.b_r = r->batch * r->wide;
    mm.b_k = r->wide;
    mm.c = dw;
    mm.c_i = r->wide;
    an_mm_run(&mm);
    an_vec_get()->add_rows(rows, r->wide, dw + l->weight_at[2], da, r->wide);
    if (!dx)
        return;
    an_mm back = {
        .m = rows, .n = r->c, .nk = r->wide, .line = r->batch, .a_i = r->wide, .a_k = 1, .bf16 = r->bf16};
    back.a = da;
    back.a_line = r->batch * r->wide;
    back.b = turned;
    back.b_k = r->c;
    back.c = dx;
    back.c_i = steps * r->c;
    back.c_line = r->c;
    an_mm_run(&back);
}
