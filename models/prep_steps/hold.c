/* A missing value is the last one that was there, if that is not too old. */
#include "models/prep_step.h"

#define LIMIT_MAX 4096

typedef struct settings {
    uint32_t limit; /* rows */
} settings;

static an_err read(an_prep_step *s, const an_node *map, an_note *why)
{
    settings *o = s->own;
    an_err err = an_prep_need_count(map, "limit", 1, LIMIT_MAX, &o->limit, why);
    s->memory = o->limit + 1;
    return err;
}

static void text(const an_prep_step *s, an_buf *out)
{
    an_buf_printf(out, ", limit: %u", ((const settings *)s->own)->limit);
}

static void apply(const an_prep_step *s, const an_prep_past *past, float *out)
{
    for (uint32_t i = 0; i < s->n_sensors; i++) {
        const uint32_t sensor = s->sensors[i];
        for (size_t age = 1; isnan(out[sensor]) && age < past->memory; age++)
            out[sensor] = an_prep_ago(past, age)[sensor];
    }
}

static const char *const keys[] = {"limit", NULL};
static const char *const examples[] = {"limit: 1", "sensors: [0, 1], limit: 4", NULL};

const an_prep_step_type an_prep_step_hold = {
    .name = "hold",
    .meaning = "a missing value is the last one there was, at most `limit` rows ago",
    .keys = keys,
    .examples = examples,
    .own = sizeof(settings),
    .read = read,
    .text = text,
    .apply = apply,
};
