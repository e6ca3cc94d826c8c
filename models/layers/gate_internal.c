#include "models/layers/gate_internal.h"

#include <string.h>

#include "models/kernels/vec.h"

enum { W1, B1, W2, B2 };

an_gate an_gate_of(const an_layer *l, size_t ratio, size_t looks)
{
    const size_t c = l->in.d[l->in.n_dims - 1];
    return (an_gate){.places = l->in_n / c, .c = c, .hidden = c > ratio ? c / ratio : 1, .looks = looks};
}

an_err an_gate_sizes(an_layer *l, size_t ratio, size_t looks, an_note *why)
{
    if (l->in.n_dims < 2) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why, "%s takes a sequence or an image, not %s", l->type->name, text);
    }
    const an_gate g = an_gate_of(l, ratio, looks);
    l->out = l->in;
    l->weights[l->n_weights++] = an_layer_spread("w1", g.c, g.hidden, 2, (const size_t[]){g.c, g.hidden});
    l->weights[l->n_weights++] = an_layer_constant("b1", AN_LAYER_START_ZERO, g.hidden);
    l->weights[l->n_weights++] = an_layer_spread("w2", g.hidden, g.c, 2, (const size_t[]){g.hidden, g.c});
    l->weights[l->n_weights++] = an_layer_constant("b2", AN_LAYER_START_ZERO, g.c);
    l->n_saved_row = g.c + looks * (g.c + g.hidden);
    l->n_scratch = 2 * g.c + g.hidden;
    return AN_OK;
}

/* A row's saved memory: the gate (C), then of each look what was seen (C) and the hidden values (R). */
static float *seen_of(const an_gate *g, float *saved, size_t look)
{
    return saved + g->c + look * (g->c + g->hidden);
}

static void see_mean(const an_gate *g, const float *x, float *restrict seen)
{
    const float share = 1.0f / (float)g->places;
    memset(seen, 0, g->c * sizeof *seen);
    for (size_t i = 0; i < g->places; i++, x += g->c)
        for (size_t k = 0; k < g->c; k++)
            seen[k] += x[k];
    for (size_t k = 0; k < g->c; k++)
        seen[k] *= share;
}

static void see_most(const an_gate *g, const float *x, float *restrict seen)
{
    memcpy(seen, x, g->c * sizeof *seen);
    for (size_t i = 1; i < g->places; i++)
        for (size_t k = 0; k < g->c; k++)
            seen[k] = x[i * g->c + k] > seen[k] ? x[i * g->c + k] : seen[k];
}

/* Adds what one look says to the gate, before the sigmoid. */
static void think(const an_gate *g, const an_layer *l, const float *w, const float *seen,
                  float *restrict hidden, float *restrict gate)
{
    const float *w1 = w + l->weight_at[W1], *w2 = w + l->weight_at[W2], *b2 = w + l->weight_at[B2];
    memcpy(hidden, w + l->weight_at[B1], g->hidden * sizeof *hidden);
    for (size_t i = 0; i < g->c; i++)
        for (size_t j = 0; j < g->hidden; j++)
            hidden[j] += seen[i] * w1[i * g->hidden + j];
    for (size_t k = 0; k < g->c; k++)
        gate[k] += b2[k];
    for (size_t j = 0; j < g->hidden; j++) {
        hidden[j] = hidden[j] > 0.0f ? hidden[j] : 0.0f;
        for (size_t k = 0; k < g->c; k++)
            gate[k] += hidden[j] * w2[j * g->c + k];
    }
}

/* The gate's own layers run once for each look, not at each place. */
double an_gate_flops(const an_layer *l, size_t looks)
{
    return 2.0 * (double)looks * (double)l->n_params + (double)(looks + 1) * (double)l->out_n;
}

void an_gate_forward(const an_gate *g, const an_layer *l, const an_pass *p, const float *w, const float *x,
                     float *y)
{
    for (size_t b = 0; b < p->batch; b++, x += l->in_n, y += l->in_n) {
        float *gate = p->saved + b * l->n_saved_row;
        memset(gate, 0, g->c * sizeof *gate);
        for (size_t look = 0; look < g->looks; look++) {
            float *seen = seen_of(g, gate, look);
            if (look == 0)
                see_mean(g, x, seen);
            else
                see_most(g, x, seen);
            think(g, l, w, seen, seen + g->c, gate);
        }
        an_vec_get()->sigmoid(g->c, gate, gate);
        for (size_t i = 0; i < g->places; i++)
            for (size_t k = 0; k < g->c; k++)
                y[i * g->c + k] = x[i * g->c + k] * gate[k];
    }
}

/* From dL/dgate, before the sigmoid, to the weights and to what was seen. */
static void think_back(const an_gate *g, const an_layer *l, const float *w, const float *seen,
                       const float *restrict dgate, float *restrict dhidden, float *restrict dseen, float *dw)
{
    const float *hidden = seen + g->c, *w1 = w + l->weight_at[W1], *w2 = w + l->weight_at[W2];
    float *dw1 = dw + l->weight_at[W1], *dw2 = dw + l->weight_at[W2], *db1 = dw + l->weight_at[B1];
    for (size_t k = 0; k < g->c; k++)
        dw[l->weight_at[B2] + k] += dgate[k];
    for (size_t j = 0; j < g->hidden; j++) {
        float sum = 0.0f;
        for (size_t k = 0; k < g->c; k++) {
            dw2[j * g->c + k] += hidden[j] * dgate[k];
            sum += w2[j * g->c + k] * dgate[k];
        }
        dhidden[j] = hidden[j] > 0.0f ? sum : 0.0f;
        db1[j] += dhidden[j];
    }
    for (size_t i = 0; i < g->c; i++) {
        float sum = 0.0f;
        for (size_t j = 0; j < g->hidden; j++) {
            dw1[i * g->hidden + j] += seen[i] * dhidden[j];
            sum += w1[i * g->hidden + j] * dhidden[j];
        }
        dseen[i] = sum;
    }
}

static void see_back(const an_gate *g, size_t look, const float *x, const float *seen, const float *dseen,
                     float *dx)
{
    const float share = 1.0f / (float)g->places;
    if (look == 0) {
        for (size_t i = 0; i < g->places; i++)
            for (size_t k = 0; k < g->c; k++)
                dx[i * g->c + k] += share * dseen[k];
        return;
    }
    for (size_t k = 0; k < g->c; k++) /* the first of the largest */
        for (size_t i = 0; i < g->places; i++)
            if (x[i * g->c + k] == seen[k]) {
                dx[i * g->c + k] += dseen[k];
                break;
            }
}

void an_gate_backward(const an_gate *g, const an_layer *l, const an_pass *p, const float *w, const float *x,
                      const float *dy, float *dx, float *dw)
{
    float *dgate = p->scratch, *dseen = dgate + g->c, *dhidden = dseen + g->c;
    for (size_t b = 0; b < p->batch; b++, x += l->in_n, dy += l->in_n) {
        float *gate = p->saved + b * l->n_saved_row, *to = dx ? dx + b * l->in_n : NULL;
        memset(dgate, 0, g->c * sizeof *dgate);
        for (size_t i = 0; i < g->places; i++)
            for (size_t k = 0; k < g->c; k++) {
                dgate[k] += dy[i * g->c + k] * x[i * g->c + k];
                if (to)
                    to[i * g->c + k] = dy[i * g->c + k] * gate[k];
            }
        for (size_t k = 0; k < g->c; k++)
            dgate[k] *= gate[k] * (1.0f - gate[k]);
        for (size_t look = 0; look < g->looks; look++) {
            const float *seen = seen_of(g, gate, look);
            think_back(g, l, w, seen, dgate, dhidden, dseen, dw);
            if (to)
                see_back(g, look, x, seen, dseen, to);
        }
    }
}
