/* Privacy of rows: DP-SGD (Abadi et al. 2016, Deep Learning with Differential Privacy).
 *
 * One row's gradient comes from a pass of that row alone; where all weights are those of dense layers, its
 * norm follows from the row's activations and deltas (Goodfellow 2015), and a pass of many rows is clipped
 * by multiplying each row's deltas before the products that make the gradient.
 *
 * Noise.  What is noised is an integer: the sum of the clipped gradients in steps of
 *
 *     grid = noise * clip / AN_TRAIN_NOISE_SD
 *
 * so that no rounding of a floating-point Gaussian can be used against it (Mironov 2012).  Rounding
 * to the grid can move two neighbouring sums apart by one step in each coordinate, sqrt(n) steps in
 * all: rows are clipped by as much shorter. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/kernels/vec.h"
#include "models/train_internal.h"

#define ROUNDING 1e-4      /* share of the clip that is left for the rounding of floats */
#define GRID_SHARE_MAX 0.5 /* share of it that the grid may take */
#define COINS 512u         /* drawn at once */

bool an_train_is_private(const an_train_opts *o)
{
    return o->private.clip > 0.0;
}

static double row_max(const an_trainer *t)
{
    const an_train_private *p = &t->opts->private;
    const double grid = sqrt((double)t->m->n_params) * p->noise / AN_TRAIN_NOISE_SD;
    return p->clip * (1.0 - grid - ROUNDING);
}

static bool follows(const an_model *m)
{
    for (size_t i = 0; i < m->n_tensors; i++)
        if (m->tensors[i].follow > 0.0)
            return true;
    return false;
}

an_err an_train_private_check(const an_trainer *t, an_note *why)
{
    const an_train_opts *o = t->opts;
    const an_train_private *p = &o->private;
    if (!(p->clip <= 1e12) || !(p->noise >= 1e-3 && p->noise <= 1e6))
        return an_fail(AN_ERR_INVAL, why, "private: clip %g, noise %g: must be 0..1e12, 1e-3..1e6", p->clip,
                       p->noise);
    if (!(p->rate >= 1e-6 && p->rate <= 1.0))
        return an_fail(AN_ERR_INVAL, why, "private: rate %g: must be 1e-6..1", p->rate);
    if (!p->random || !p->gauss)
        return an_fail(AN_ERR_INVAL, why, "private: needs a secure generator");
    if (o->validation > 0.0 || o->precision != AN_TRAIN_FLOAT)
        return an_fail(AN_ERR_INVAL, why, "private: not with a validation part, nor in bf16");
    if (!(row_max(t) > (1.0 - GRID_SHARE_MAX) * p->clip))
        return an_fail(AN_ERR_INVAL, why, "private: noise %g is too large for %zu parameters", p->noise,
                       t->m->n_params);
    if (t->m->mixes_rows || follows(t->m))
        return an_fail(AN_ERR_UNSUPPORTED, why,
                       "private: a layer of \"%s\" mixes rows (batch norm; group norm does not), so that no "
                       "gradient is one row's own",
                       t->m->name);
    if (an_model_augment_borrows(t->m))
        return an_fail(
            AN_ERR_UNSUPPORTED, why,
            "private: \"%s\" pastes parts of other rows (augment), so that no gradient is one row's own",
            t->m->name);
    return AN_OK;
}

bool an_train_private_short(const an_model *m)
{
    bool all = m->late;
    for (size_t i = 0; i < m->n_layers && all; i++)
        all = m->layers[i].n_weights == 0 || m->layers[i].type->row_squares;
    return all;
}

an_err an_train_private_init(an_trainer *t)
{
    const bool is_short = an_train_private_short(t->m);
    t->grid = t->opts->private.noise * t->opts->private.clip / AN_TRAIN_NOISE_SD;
    t->row_max = row_max(t);
    if (!(t->noise = an_alloc(t->m->n_params, sizeof *t->noise)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < t->n_desks; i++) {
        an_train_desk *d = &t->desks[i];
        if (!(d->square = an_alloc(t->group_max, sizeof *d->square)) ||
            !(d->share = an_alloc(t->group_max, sizeof *d->share)) ||
            (!is_short && !(d->one = an_alloc(t->m->n_params, sizeof *d->one))))
            return AN_ERR_NOMEM;
    }
    return AN_OK;
}

void an_train_private_done(an_trainer *t)
{
    for (size_t i = 0; t->desks && i < t->n_desks; i++) {
        an_free(t->desks[i].square);
        an_free(t->desks[i].share);
        an_free(t->desks[i].one);
    }
    an_free(t->noise);
}

/* A coin is 64 bits below rate * 2^64: never more often than said. */
void an_train_private_draw(an_trainer *t)
{
    const an_train_private *p = &t->opts->private;
    uint64_t coins[COINS];
    const uint64_t below = p->rate < 1.0 ? (uint64_t)ldexp(p->rate, 64) : 0;
    t->first = t->rows = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (p->rate < 1.0 && i % COINS == 0)
            p->random(p->arg, coins, sizeof coins);
        if (p->rate >= 1.0 || coins[i % COINS] < below)
            t->order[t->rows++] = (uint32_t)i;
    }
    t->seen += (double)t->rows;
}

static float share_of(const an_trainer *t, double square, size_t *cut)
{
    const double norm = sqrt(square);
    if (norm <= t->row_max)
        return 1.0f;
    (*cut)++;
    return (float)(t->row_max / norm);
}

/* All rows at once. */
static double group_short(const an_trainer *t, an_train_desk *d, size_t rows, const an_step *step,
                          float *grad)
{
    const an_model *m = t->m;
    const an_pass pass = {.batch = rows};
    const double loss = an_model_grad(m, d->ws, t->params, rows, d->x, d->t, step, NULL);
    an_model_row_squares(m, d->ws, &pass, d->x, d->square);
    for (size_t i = 0; i < rows; i++)
        d->share[i] = share_of(t, d->square[i], &d->cut);
    an_model_row_shares(m, d->ws, rows, d->share);
    for (size_t i = 0; i < m->n_layers; i++)
        if (m->layers[i].n_weights > 0)
            an_model_weights_back(m, d->ws, i, &pass, d->x, 0, m->layers[i].n_params, true,
                                  grad + m->layers[i].param_at);
    return loss;
}

static double group_one_by_one(const an_trainer *t, an_train_desk *d, size_t rows, const an_step *step,
                               float *grad)
{
    const size_t n = t->m->n_params;
    double loss = 0.0;
    an_step one = *step;
    for (size_t r = 0; r < rows; r++) {
        memset(d->one, 0, n * sizeof *d->one);
        one.draw.row = step->draw.row + r;
        loss += an_model_grad(t->m, d->ws, t->params, 1, d->x + r * t->n_in, d->t ? d->t + r * t->n_t : NULL,
                              &one, d->one);
        double square = 0.0;
        for (size_t i = 0; i < n; i++)
            square += (double)d->one[i] * (double)d->one[i];
        const float share = share_of(t, square, &d->cut);
        for (size_t i = 0; i < n; i++)
            grad[i] += share * d->one[i];
    }
    return loss;
}

double an_train_private_group(const an_trainer *t, an_train_desk *d, size_t rows, const an_step *step,
                              float *grad)
{
    return d->one ? group_one_by_one(t, d, rows, step, grad) : group_short(t, d, rows, step, grad);
}

void an_train_private_noise(an_trainer *t)
{
    t->opts->private.gauss(t->opts->private.arg, t->noise, t->m->n_params);
}

void an_train_private_block(const an_trainer *t, const an_train_block *k, float *g)
{
    const double expected = t->opts->private.rate * (double)t->n, step = t->grid / expected;
    for (size_t i = 0; i < k->n; i++)
        g[i] = (float)((rint((double)g[i] / t->grid) + (double)t->noise[k->at + i]) * step);
}
