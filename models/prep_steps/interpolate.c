/* A gap of at most `limit` rows becomes a straight line between its two ends; a longer one stays missing.
 *
 * The far end of a gap may lie `limit` rows ahead, so rows come out that much later. */
#include "models/prep_step.h"

#define LIMIT_MAX 2048

typedef struct settings {
    uint32_t limit; /* rows */
} settings;

static an_err read(an_prep_step *s, const an_node *map, an_note *why)
{
    settings *o = s->own;
    an_err err = an_prep_need_count(map, "limit", 1, LIMIT_MAX, &o->limit, why);
    s->memory = 2 * o->limit + 1;
    s->delay = o->limit;
    return err;
}

static void text(const an_prep_step *s, an_buf *out)
{
    an_buf_printf(out, ", limit: %u", ((const settings *)s->own)->limit);
}

static float between(const an_prep_past *past, size_t sensor, size_t limit)
{
    size_t back = 1, ahead = 1;
    while (back <= limit && isnan(an_prep_ago(past, limit + back)[sensor]))
        back++;
    while (ahead <= limit && isnan(an_prep_ago(past, limit - ahead)[sensor]))
        ahead++;
    if (back > limit || ahead > limit || back + ahead - 1 > limit)
        return NAN;
    const double a = (double)an_prep_ago(past, limit + back)[sensor];
    const double b = (double)an_prep_ago(past, limit - ahead)[sensor];
    return (float)(a + (b - a) * (double)back / (double)(back + ahead));
}

static void apply(const an_prep_step *s, const an_prep_past *past, float *out)
{
    const size_t limit = ((const settings *)s->own)->limit;
    for (uint32_t i = 0; i < s->n_sensors; i++)
        if (isnan(out[s->sensors[i]]))
            out[s->sensors[i]] = between(past, s->sensors[i], limit);
}

static const char *const keys[] = {"limit", NULL};
static const char *const examples[] = {"limit: 1", "limit: 3", "sensors: [2], limit: 5", NULL};

const an_prep_step_type an_prep_step_interpolate = {
    .name = "interpolate",
    .meaning = "gaps of at most `limit` rows become straight lines, `limit` rows late",
    .keys = keys,
    .examples = examples,
    .own = sizeof(settings),
    .read = read,
    .text = text,
    .apply = apply,
};
