/* Long short-term memory (Hochreiter and Schmidhuber 1997; the forget gate: Gers, Schmidhuber, Cummins
 * 2000).  Gates lie in the order i, f, g, o; an_lstm_step has the formulas.
 *
 * Saved for the way back: the gates (L, B, 4 H), which become their own gradients, the cells c
 * (L, B, H) and h (L, B, H). */
#include "models/layers/recurrent_internal.h"

#include <string.h>

#define GATES 4

static an_err sizes(an_layer *l, an_note *why)
{
    an_err err = an_recurrent_sizes(l, GATES, why);
    if (err != AN_OK)
        return err;
    const an_recurrent r = an_recurrent_of(l, 1, GATES);
    l->n_saved_row = r.steps * (r.wide + 2 * r.h);
    l->n_scratch_row = 2 * r.h + (r.vector ? r.wide : 0); /* dh and dc of a step, the sum of da */
    l->n_scratch = l->n_prepared;
    return AN_OK;
}

static void prepare(const an_layer *l, const float *w, float *prepared)
{
    an_recurrent_prepare(l, GATES, w, prepared);
}

/* What forward saves. */
typedef struct memory {
    float *gates, *c, *h;
} memory;

static memory memory_of(const an_recurrent *r, float *saved)
{
    const size_t rows = r->batch * r->steps;
    return (memory){saved, saved + rows * r->wide, saved + rows * (r->wide + r->h)};
}

static an_recurrent_part all_of(const an_recurrent *r, const memory *m)
{
    return (an_recurrent_part){.n = r->wide, .at = m->gates, .row = r->wide};
}

static an_lstm_step step_at(const an_recurrent *r, const memory *m, size_t t)
{
    const size_t at = t * r->batch * r->h;
    return (an_lstm_step){.rows = r->batch,
                          .units = r->h,
                          .gates = m->gates + t * r->batch * r->wide,
                          .gates_row = r->wide,
                          .before = t ? m->c + at - r->batch * r->h : NULL,
                          .before_row = r->h,
                          .c = m->c + at,
                          .c_row = r->h,
                          .h = m->h + at,
                          .h_row = r->h};
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const an_recurrent r = an_recurrent_in(l, p, GATES);
    const memory m = memory_of(&r, p->saved);
    an_recurrent_part part = all_of(&r, &m);
    an_recurrent_room room = {p->scratch, l->n_scratch};
    an_recurrent_pack(&r, &part, w + l->weight_at[1], &room);
    for (size_t t = 0; t < r.steps; t++) {
        an_recurrent_inputs(l, &r, w, x[0], m.gates, t);
        an_recurrent_step(&r, &part, m.h, w + l->weight_at[1], t);
        const an_lstm_step s = step_at(&r, &m, t);
        an_vec_get()->lstm_forward(&s);
    }
    an_recurrent_output(&r, m.h, y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    const an_recurrent r = an_recurrent_in(l, p, GATES);
    const memory m = memory_of(&r, p->saved);
    an_recurrent_part part = all_of(&r, &m);
    float *dh = p->scratch, *dc = dh + r.batch * r.h, *sum = dc + r.batch * r.h;
    float *own = sum + (r.vector ? r.batch * r.wide : 0);
    const float *turned = p->prepared ? p->prepared : own;
    if (!p->prepared)
        prepare(l, w, own);
    an_recurrent_room room = {own, p->prepared ? l->n_scratch : 0};
    an_recurrent_pack_back(&r, &part, turned + r.c * r.wide, &room);
    memset(dc, 0, r.batch * r.h * sizeof *dc);
    for (size_t t = r.steps; t-- > 0;) {
        an_recurrent_output_back(&r, dy, dh, t);
        an_lstm_step s = step_at(&r, &m, t);
        s.dh = dh;
        s.dh_row = s.dc_row = r.h;
        s.dc = dc;
        s.da = s.gates;
        s.da_row = s.gates_row;
        an_vec_get()->lstm_backward(&s);
        if (r.vector)
            an_recurrent_sum_back(&r, m.gates, sum, t);
        if (t > 0)
            an_recurrent_step_back(&r, &part, turned + r.c * r.wide, t, false, dh);
    }
    an_recurrent_weights_back(&r, &part, m.h, dw + l->weight_at[1]);
    an_recurrent_inputs_back(l, &r, turned, x[0], r.vector ? sum : m.gates, dx[0], dw);
}

const an_layer_type an_layer_lstm = {.name = "lstm",
                                     .opts = an_recurrent_opts,
                                     .reads_x = true,
                                     .slow_on_few_rows = true,
                                     .sizes = sizes,
                                     .flops = an_recurrent_flops,
                                     .prepare = prepare,
                                     .forward = forward,
                                     .backward = backward};
