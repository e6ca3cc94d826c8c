/* Gated recurrent unit (Cho et al. 2014, with the reset gate after the product, as cuDNN and PyTorch
 * have it).  Gates lie in the order r, z, n; an_gru_step has the formulas.  The part of n that comes
 * from the step before has a bias of its own, c (H).
 *
 * Saved for the way back, for each row: the gates (L, 3 H), which become their own gradients; the
 * product of the step before with u (L, 3 H), whose last third becomes a gradient too; h (L, H)
 * where the output is its last step alone. */
#include "models/layers/recurrent_internal.h"

#include <string.h>

#define GATES 3

static an_err sizes(an_layer *l, an_note *why)
{
    an_err err = an_recurrent_sizes(l, GATES, why);
    const an_recurrent r = an_recurrent_of(l, 1, GATES);
    if (err != AN_OK)
        return err;
    l->weights[l->n_weights++] = an_layer_constant("c", AN_LAYER_START_ZERO, r.h);
    l->n_saved_row = r.steps * (2 * r.wide + (r.whole ? 0 : r.h));
    l->n_scratch_row = r.h; /* dh of a step */
    l->n_scratch = l->n_prepared;
    return AN_OK;
}

static void prepare(const an_layer *l, const float *w, float *prepared)
{
    an_recurrent_prepare(l, GATES, w, prepared);
}

/* What forward saves. */
typedef struct memory {
    float *gates, *from, *h; /* from: what comes from the step before; h: y, or saved beside */
} memory;

static memory memory_of(const an_recurrent *r, float *saved, const float *y)
{
    float *from = saved + r->batch * r->steps * r->wide;
    memory m = {saved, from, from + r->batch * r->steps * r->wide};
    if (r->whole)
        memcpy(&m.h, &y, sizeof m.h); /* forward writes it, backward reads it */
    return m;
}

static an_gru_step step_at(const an_recurrent *r, const memory *m, size_t t)
{
    const size_t row = r->steps * r->h;
    return (an_gru_step){.rows = r->batch,
                         .units = r->h,
                         .gates = m->gates + t * r->wide,
                         .gates_row = r->steps * r->wide,
                         .u = m->from + t * r->wide + 2 * r->h,
                         .u_row = r->steps * r->wide,
                         .before = t ? m->h + (t - 1) * r->h : NULL,
                         .before_row = row,
                         .h = m->h + t * r->h,
                         .h_row = row};
}

/* What the step before says: r and z are added to the gates, n waits for r. */
static void join(const an_recurrent *r, const memory *m, size_t t)
{
    for (size_t i = 0; t > 0 && i < r->batch; i++) {
        float *gates = m->gates + (i * r->steps + t) * r->wide;
        const float *from = m->from + (i * r->steps + t) * r->wide;
        for (size_t j = 0; j < 2 * r->h; j++)
            gates[j] += from[j];
    }
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const an_recurrent r = an_recurrent_of(l, p->batch, GATES);
    const memory m = memory_of(&r, p->saved, y);
    const float *c = w + l->weight_at[3];
    an_recurrent_inputs(l, &r, w, x[0], m.gates);
    memset(m.from, 0, r.batch * r.steps * r.wide * sizeof *m.from);
    for (size_t i = 0; i < r.batch * r.steps; i++)
        memcpy(m.from + i * r.wide + 2 * r.h, c, r.h * sizeof *c);
    for (size_t t = 0; t < r.steps; t++) {
        an_recurrent_step(&r, m.h, w + l->weight_at[1], m.from, r.wide, t);
        join(&r, &m, t);
        const an_gru_step s = step_at(&r, &m, t);
        an_vec_get()->gru_forward(&s);
    }
    an_recurrent_output(&r, m.h, y);
}

/* The gradient of what came from the step before: of r and z that of the gates. */
static void part(const an_recurrent *r, const memory *m, size_t t)
{
    for (size_t i = 0; i < r->batch; i++) {
        const size_t at = (i * r->steps + t) * r->wide;
        memcpy(m->from + at, m->gates + at, 2 * r->h * sizeof *m->from);
    }
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    const an_recurrent r = an_recurrent_of(l, p->batch, GATES);
    const memory m = memory_of(&r, p->saved, y);
    float *own = p->scratch + r.batch * r.h, *dh = p->scratch;
    const float *turned = p->prepared ? p->prepared : own;
    if (!p->prepared)
        prepare(l, w, own);
    memset(dh, 0, r.batch * r.h * sizeof *dh);
    for (size_t t = r.steps; t-- > 0;) {
        an_recurrent_output_back(&r, dy, dh, t);
        an_gru_step s = step_at(&r, &m, t);
        s.dh = dh;
        s.dh_row = r.h;
        s.da = s.gates;
        s.da_row = s.gates_row;
        s.du = m.from + t * r.wide + 2 * r.h;
        s.du_row = r.steps * r.wide;
        an_vec_get()->gru_backward(&s);
        part(&r, &m, t);
        if (t > 0)
            an_recurrent_step_back(&r, turned + r.c * r.wide, m.from, dh, t);
    }
    an_recurrent_weights_back(&r, m.h, m.from, dw + l->weight_at[1]);
    an_vec_get()->add_rows(r.batch * r.steps, r.h, dw + l->weight_at[3], m.from + 2 * r.h, r.wide);
    an_recurrent_inputs_back(l, &r, turned, x[0], m.gates, dx[0], dw);
}

const an_layer_type an_layer_gru = {.name = "gru",
                                    .opts = an_recurrent_opts,
                                    .reads_x = true,
                                    .reads_y = true,
                                    .sizes = sizes,
                                    .flops = an_recurrent_flops,
                                    .prepare = prepare,
                                    .forward = forward,
                                    .backward = backward};
