/* A value that an instrument cannot show is missing. */
#include "models/prep_step.h"

typedef struct settings {
    double below, above; /* NAN: no limit */
} settings;

static an_err read_limit(const an_node *map, const char *key, double *ret, an_note *why)
{
    *ret = (double)NAN;
    return an_node_get(map, key) ? an_node_need_num(map, key, -1e30, 1e30, ret, why) : AN_OK;
}

static an_err read(an_prep_step *s, const an_node *map, an_note *why)
{
    settings *o = s->own;
    an_err err = read_limit(map, "below", &o->below, why);
    if (err == AN_OK)
        err = read_limit(map, "above", &o->above, why);
    if (err == AN_OK && isnan(o->below) && isnan(o->above))
        err = an_node_fail(map, why, "range: say below, above or both");
    if (err == AN_OK && o->below >= o->above)
        err = an_node_fail(map, why, "range: below = %g must be less than above = %g", o->below, o->above);
    return err;
}

static void text(const an_prep_step *s, an_buf *out)
{
    const settings *o = s->own;
    if (!isnan(o->below))
        an_prep_put_number(out, "below", o->below);
    if (!isnan(o->above))
        an_prep_put_number(out, "above", o->above);
}

static void apply(const an_prep_step *s, const an_prep_past *past, float *out)
{
    const settings *o = s->own;
    (void)past;
    for (uint32_t i = 0; i < s->n_sensors; i++) {
        float *x = &out[s->sensors[i]];
        if ((double)*x < o->below || (double)*x > o->above)
            *x = NAN;
    }
}

static const char *const keys[] = {"below", "above", NULL};
static const char *const examples[] = {"below: -1, above: 1.5", "above: 0.5", "sensors: [0, 2], below: 0",
                                       NULL};

const an_prep_step_type an_prep_step_range = {
    .name = "range",
    .meaning = "a value below or above what the instrument can show is missing",
    .keys = keys,
    .examples = examples,
    .own = sizeof(settings),
    .read = read,
    .text = text,
    .apply = apply,
};
