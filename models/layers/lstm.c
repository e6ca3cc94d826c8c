/* Long short-term memory (Hochreiter and Schmidhuber 1997; the forget gate: Gers, Schmidhuber, Cummins
 * 2000).  Gates lie in the order i, f, g, o; an_lstm_step has the formulas.
 *
 * Saved for the way back, for each row: the gates (L, 4 H), which become their own gradients, the
 * cells c (L, H), and h (L, H) where the output is its last step alone. */
#include "models/layers/recurrent_internal.h"

#include <string.h>

#define GATES 4

static an_err sizes(an_layer *l, an_note *why)
{
    an_err err = an_recurrent_sizes(l, GATES, why);
    const an_recurrent r = an_recurrent_of(l, 1, GATES);
    if (err != AN_OK)
        return err;
    l->n_saved_row = r.steps * (r.wide + r.h + (r.whole ? 0 : r.h));
    l->n_scratch_row = 2 * r.h; /* dh and dc of a step */
    l->n_scratch = l->n_prepared;
    return AN_OK;
}

static void prepare(const an_layer *l, const float *w, float *prepared)
{
    an_recurrent_prepare(l, GATES, w, prepared);
}

/* What forward saves. */
typedef struct memory {
    float *gates, *c, *h; /* h: y, or saved beside */
} memory;

static memory memory_of(const an_recurrent *r, float *saved, const float *y)
{
    const size_t rows = r->batch * r->steps;
    float *c = saved + rows * r->wide;
    memory m = {saved, c, c + rows * r->h};
    if (r->whole)
        memcpy(&m.h, &y, sizeof m.h); /* forward writes it, backward reads it */
    return m;
}

static an_lstm_step step_at(const an_recurrent *r, const memory *m, size_t t)
{
    const size_t row = r->steps * r->h;
    return (an_lstm_step){.rows = r->batch,
                          .units = r->h,
                          .gates = m->gates + t * r->wide,
                          .gates_row = r->steps * r->wide,
                          .before = t ? m->c + (t - 1) * r->h : NULL,
                          .before_row = row,
                          .c = m->c + t * r->h,
                          .c_row = row,
                          .h = m->h + t * r->h,
                          .h_row = row};
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const an_recurrent r = an_recurrent_of(l, p->batch, GATES);
    const memory m = memory_of(&r, p->saved, y);
    an_recurrent_inputs(l, &r, w, x[0], m.gates);
    for (size_t t = 0; t < r.steps; t++) {
        an_recurrent_step(&r, m.h, w + l->weight_at[1], m.gates, r.wide, t);
        const an_lstm_step s = step_at(&r, &m, t);
        an_vec_get()->lstm_forward(&s);
    }
    an_recurrent_output(&r, m.h, y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    const an_recurrent r = an_recurrent_of(l, p->batch, GATES);
    const memory m = memory_of(&r, p->saved, y);
    float *own = p->scratch + 2 * r.batch * r.h, *dh = p->scratch, *dc = dh + r.batch * r.h;
    const float *turned = p->prepared ? p->prepared : own;
    if (!p->prepared)
        prepare(l, w, own);
    memset(dh, 0, 2 * r.batch * r.h * sizeof *dh);
    for (size_t t = r.steps; t-- > 0;) {
        an_recurrent_output_back(&r, dy, dh, t);
        an_lstm_step s = step_at(&r, &m, t);
        s.dh = dh;
        s.dh_row = s.dc_row = r.h;
        s.dc = dc;
        s.da = s.gates;
        s.da_row = s.gates_row;
        an_vec_get()->lstm_backward(&s);
        memset(dh, 0, r.batch * r.h * sizeof *dh);
        if (t > 0)
            an_recurrent_step_back(&r, turned + r.c * r.wide, m.gates, dh, t);
    }
    an_recurrent_weights_back(&r, m.h, m.gates, dw + l->weight_at[1]);
    an_recurrent_inputs_back(l, &r, turned, x[0], m.gates, dx[0], dw);
}

const an_layer_type an_layer_lstm = {.name = "lstm",
                                     .opts = an_recurrent_opts,
                                     .reads_x = true,
                                     .reads_y = true,
                                     .sizes = sizes,
                                     .flops = an_recurrent_flops,
                                     .prepare = prepare,
                                     .forward = forward,
                                     .backward = backward};
