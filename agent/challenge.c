#include "agent/challenge.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

#define PER_FAULT 4
#define STUCK_ALONG 1.0 /* a stuck sensor has no size of its own */

/* In standard deviations: a fault one can barely see, a clear one, a gross one. */
static const double offset_sizes[] = {3, 5, 8};
static const double noise_sizes[] = {3, 6};
static const double ramp_sizes[] = {5, 8};
static const double stuck_sizes[] = {STUCK_ALONG};
static const double mode_sizes[] = {0.5, 1, 1.5}; /* of the declared signature */

typedef struct fault_row {
    an_challenge_kind kind;
    const double *sizes;
    size_t n;
} fault_row;
#define COUNT(a) (sizeof(a) / sizeof *(a))
static const fault_row generic[] = {
    {AN_CHALLENGE_OFFSET, offset_sizes, COUNT(offset_sizes)},
    {AN_CHALLENGE_STUCK, stuck_sizes, COUNT(stuck_sizes)},
    {AN_CHALLENGE_NOISE, noise_sizes, COUNT(noise_sizes)},
    {AN_CHALLENGE_RAMP, ramp_sizes, COUNT(ramp_sizes)},
};

const char *an_challenge_kind_name(an_challenge_kind kind)
{
    static const char *const names[] = {"offset", "stuck", "noise", "ramp", "mode", "confirmed"};
    return names[kind];
}

void an_challenge_sigma(double *ret_sigma, const float *windows, size_t n, size_t window, size_t width)
{
    for (size_t j = 0; j < width; j++) {
        double count = 0, mean = 0, square = 0;
        for (size_t i = 0; i < n * window; i++) { /* Welford: large offsets lose no digits */
            const double v = (double)windows[i * width + j];
            if (!isfinite(v))
                continue;
            const double d = v - mean;
            mean += d / ++count;
            square += d * (v - mean);
        }
        ret_sigma[j] = count > 1 ? sqrt(square / count) : 0;
    }
}

/* --- injection --- */

/* A stuck sensor shows only where it should have moved: it keeps a value from elsewhere. */
static void inject(float *window, const an_challenge_in *in, an_challenge_kind kind, size_t j, double size,
                   double sigma, float foreign, an_rng *rng)
{
    const double sign = an_rng_unit(rng) < 0.5 ? -1 : 1;
    for (size_t t = 0; t < in->window; t++) {
        float *v = &window[t * in->width + j];
        switch (kind) {
        case AN_CHALLENGE_OFFSET:
            *v += (float)(sign * size * sigma);
            break;
        case AN_CHALLENGE_STUCK:
            *v = foreign;
            break;
        case AN_CHALLENGE_NOISE:
            *v += (float)(size * sigma * an_rng_normal(rng));
            break;
        case AN_CHALLENGE_RAMP:
            *v += (float)(sign * size * sigma * (double)(t + 1) / (double)in->window);
            break;
        case AN_CHALLENGE_MODE:
        case AN_CHALLENGE_CONFIRMED:
            break;
        }
    }
}

typedef struct builder {
    const an_challenge_in *in;
    an_challenge *set; /* NULL windows: only counting */
    an_rng rng;
    size_t n;
    size_t per_fault;
} builder;

/* Copies a source window in as the next item; NULL while counting. */
static float *add(builder *b, const float *source, an_challenge_kind kind, size_t index, double size)
{
    const size_t sample = b->in->window * b->in->width;
    const size_t at = b->n++;
    if (!b->set)
        return NULL;
    b->set->items[at] = (an_challenge_item){.kind = kind, .index = index, .sigmas = size};
    return memcpy(b->set->windows + at * sample, source, sample * sizeof *source);
}

static const float *draw(builder *b, const float *windows, size_t n)
{
    return windows + an_rng_below(&b->rng, n) * b->in->window * b->in->width;
}

/* The value that a stuck sensor keeps: of another moment, as far from here as a few draws find.
 */
static float foreign_value(builder *b, const float *window, size_t j)
{
    float best = window[j];
    for (int i = 0; i < 8; i++) {
        const float v = draw(b, b->in->fresh, b->in->n_fresh)[j];
        if (fabsf(v - window[j]) > fabsf(best - window[j]))
            best = v;
    }
    return best;
}

static void add_generic(builder *b)
{
    const an_challenge_in *in = b->in;
    for (size_t k = 0; k < COUNT(generic) && in->n_fresh > 0; k++)
        for (size_t j = 0; j < in->width; j++) {
            if (!(in->sigma[j] > 0))
                continue;
            for (size_t s = 0; s < generic[k].n; s++)
                for (size_t i = 0; i < b->per_fault; i++) {
                    const float *source = draw(b, in->fresh, in->n_fresh);
                    const float foreign = foreign_value(b, source, j);
                    float *w = add(b, source, generic[k].kind, j, generic[k].sizes[s]);
                    if (w)
                        inject(w, in, generic[k].kind, j, generic[k].sizes[s], in->sigma[j], foreign,
                               &b->rng);
                }
        }
}

static size_t sensor_find(const an_challenge_in *in, const char *name)
{
    for (size_t j = 0; in->sensors && j < in->width; j++)
        if (strcmp(in->sensors[j], name) == 0)
            return j;
    return SIZE_MAX;
}

static void add_modes(builder *b)
{
    const an_challenge_in *in = b->in;
    for (size_t m = 0; m < in->n_modes && in->n_reference > 0; m++)
        for (size_t s = 0; s < COUNT(mode_sizes); s++)
            for (size_t i = 0; i < b->per_fault; i++) {
                float *w =
                    add(b, draw(b, in->reference, in->n_reference), AN_CHALLENGE_MODE, m, mode_sizes[s]);
                for (size_t p = 0; w && p < in->modes[m].n; p++) {
                    const size_t j = sensor_find(in, in->modes[m].part[p].sensor);
                    const double shift = mode_sizes[s] * in->modes[m].part[p].sigmas * in->sigma[j];
                    for (size_t t = 0; t < in->window; t++)
                        w[t * in->width + j] += (float)shift;
                }
            }
}

static void add_all(builder *b, uint64_t seed)
{
    const size_t sample = b->in->window * b->in->width;
    an_rng_init(&b->rng, seed, 91);
    b->n = 0;
    add_generic(b);
    add_modes(b);
    for (size_t i = 0; i < b->in->n_confirmed; i++)
        add(b, b->in->confirmed + i * sample, AN_CHALLENGE_CONFIRMED, i, 0);
}

static an_err check(const an_challenge_in *in, an_note *why)
{
    if (in->width == 0 || in->window == 0 || !in->sigma)
        return an_fail(AN_ERR_INVAL, why, "challenge set: windows of %zu x %zu", in->window, in->width);
    for (size_t m = 0; m < in->n_modes; m++) {
        if (in->modes[m].n > AN_MODE_SENSORS_MAX)
            return an_fail(AN_ERR_INVAL, why, "failure mode \"%.31s\" has too many sensors",
                           in->modes[m].name);
        for (size_t p = 0; p < in->modes[m].n; p++)
            if (sensor_find(in, in->modes[m].part[p].sensor) == SIZE_MAX)
                return an_fail(AN_ERR_INVAL, why, "failure mode \"%.31s\": no sensor \"%.31s\"",
                               in->modes[m].name, in->modes[m].part[p].sensor);
    }
    return AN_OK;
}

an_err an_challenge_new(const an_challenge_in *in, uint64_t seed, an_challenge **ret, an_note *why)
{
    an_challenge *set = NULL;
    builder b = {.in = in, .per_fault = in->per_fault ? in->per_fault : PER_FAULT};
    an_err err = check(in, why);
    if (err)
        return err;
    /* The largest number there can be, before anything is drawn. */
    const double most =
        ((double)in->width * 8 + (double)in->n_modes * COUNT(mode_sizes)) * (double)b.per_fault +
        (double)in->n_confirmed;
    if (most > AN_CHALLENGE_MAX)
        return an_fail(AN_ERR_LIMIT, why, "challenge set of %.0f windows: at most %d", most,
                       AN_CHALLENGE_MAX);
    add_all(&b, seed);
    err = AN_ERR_NOMEM;
    if (!(set = an_alloc(1, sizeof *set)))
        goto out;
    set->n = b.n;
    set->width = in->width;
    set->window = in->window;
    set->windows = an_alloc(b.n * in->window, in->width * sizeof *set->windows);
    set->items = an_alloc(b.n, sizeof *set->items);
    if (!set->windows || !set->items)
        goto out;
    b.set = set;
    add_all(&b, seed);
    *ret = set;
    set = NULL;
    err = AN_OK;
out:
    an_challenge_free(set);
    return err;
}

void an_challenge_free(an_challenge *set)
{
    if (!set)
        return;
    an_free(set->windows);
    an_free(set->items);
    an_free(set);
}
