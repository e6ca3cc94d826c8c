/* Gated recurrent unit (Cho et al. 2014, with the reset gate after the product, as cuDNN and PyTorch
 * have it).  Gates lie in the order r, z, n; an_gru_step has the formulas.  The part of n that comes
 * from the step before has a bias of its own, c (H).
 *
 * Saved for the way back: the gates (L, B, 3 H), which become their own gradients; what the step
 * before says to n, from (L, B, H), which becomes a gradient too; h (L, B, H). */
#include "models/layers/recurrent_internal.h"

#define GATES 3

static an_err sizes(an_layer *l, an_note *why)
{
    an_err err = an_recurrent_sizes(l, GATES, why);
    if (err != AN_OK)
        return err;
    const an_recurrent r = an_recurrent_of(l, 1, GATES);
    l->weights[l->n_weights++] = an_layer_constant("c", AN_LAYER_START_ZERO, r.h);
    l->n_saved_row = r.steps * (r.wide + 2 * r.h);
    l->n_scratch_row = r.h + (r.vector ? r.wide : 0); /* dh of a step, the sum of da */
    l->n_scratch = l->n_prepared;
    return AN_OK;
}

static void prepare(const an_layer *l, const float *w, float *prepared)
{
    an_recurrent_prepare(l, GATES, w, prepared);
}

/* What forward saves, and the two parts of what the step before says: r and z are added to the
 * gates, n waits for r. */
typedef struct memory {
    float *gates, *from, *h;
    an_recurrent_part rz, n;
} memory;

static memory memory_of(const an_recurrent *r, float *saved, const float *bias)
{
    const size_t rows = r->batch * r->steps;
    memory m = {.gates = saved, .from = saved + rows * r->wide, .h = saved + rows * (r->wide + r->h)};
    m.rz = (an_recurrent_part){.n = 2 * r->h, .at = m.gates, .row = r->wide};
    m.n = (an_recurrent_part){.first = 2 * r->h, .n = r->h, .at = m.from, .row = r->h, .bias = bias};
    return m;
}

static an_gru_step step_at(const an_recurrent *r, const memory *m, size_t t)
{
    const size_t at = t * r->batch * r->h;
    return (an_gru_step){.rows = r->batch,
                         .units = r->h,
                         .gates = m->gates + t * r->batch * r->wide,
                         .gates_row = r->wide,
                         .u = m->from + at,
                         .u_row = r->h,
                         .before = t ? m->h + at - r->batch * r->h : NULL,
                         .before_row = r->h,
                         .h = m->h + at,
                         .h_row = r->h};
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const an_recurrent r = an_recurrent_in(l, p, GATES);
    memory m = memory_of(&r, p->saved, w + l->weight_at[3]);
    const float *u = w + l->weight_at[1];
    an_recurrent_room room = {p->scratch, l->n_scratch};
    an_recurrent_pack(&r, &m.rz, u, &room);
    an_recurrent_pack(&r, &m.n, u, &room);
    for (size_t t = 0; t < r.steps; t++) {
        an_recurrent_inputs(l, &r, w, x[0], m.gates, t);
        an_recurrent_step(&r, &m.rz, m.h, u, t);
        an_recurrent_step(&r, &m.n, m.h, u, t);
        const an_gru_step s = step_at(&r, &m, t);
        an_vec_get()->gru_forward(&s);
    }
    an_recurrent_output(&r, m.h, y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    const an_recurrent r = an_recurrent_in(l, p, GATES);
    memory m = memory_of(&r, p->saved, NULL);
    float *dh = p->scratch, *sum = dh + r.batch * r.h, *du = dw + l->weight_at[1];
    float *own = sum + (r.vector ? r.batch * r.wide : 0);
    const float *turned = p->prepared ? p->prepared : own, *turned_u = turned + r.c * r.wide;
    if (!p->prepared)
        prepare(l, w, own);
    an_recurrent_room room = {own, p->prepared ? l->n_scratch : 0};
    an_recurrent_pack_back(&r, &m.rz, turned_u, &room);
    an_recurrent_pack_back(&r, &m.n, turned_u, &room);
    for (size_t t = r.steps; t-- > 0;) {
        an_recurrent_output_back(&r, dy, dh, t);
        an_gru_step s = step_at(&r, &m, t);
        s.dh = dh;
        s.dh_row = s.du_row = r.h;
        s.da = s.gates;
        s.da_row = s.gates_row;
        s.du = m.from + t * r.batch * r.h;
        an_vec_get()->gru_backward(&s);
        if (r.vector)
            an_recurrent_sum_back(&r, m.gates, sum, t);
        if (t == 0)
            break;
        an_recurrent_step_back(&r, &m.rz, turned_u, t, true, dh);
        an_recurrent_step_back(&r, &m.n, turned_u, t, true, dh);
    }
    an_recurrent_weights_back(&r, &m.rz, m.h, du);
    an_recurrent_weights_back(&r, &m.n, m.h, du);
    an_vec_get()->add_rows(r.batch * r.steps, r.h, dw + l->weight_at[3], m.from, r.h);
    an_recurrent_inputs_back(l, &r, turned, x[0], r.vector ? sum : m.gates, dx[0], dw);
}

const an_layer_type an_layer_gru = {.name = "gru",
                                    .opts = an_recurrent_opts,
                                    .reads_x = true,
                                    .slow_on_few_rows = true,
                                    .sizes = sizes,
                                    .flops = an_recurrent_flops,
                                    .prepare = prepare,
                                    .forward = forward,
                                    .backward = backward};
