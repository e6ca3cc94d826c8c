/* An instrument that says the same number for too long says nothing: from the n-th equal value on they are missing. */
#include "models/prep_step.h"

#define ROWS_MAX 65536

typedef struct settings {
    uint32_t rows;
} settings;

static an_err read(an_prep_step *s, const an_node *map, an_note *why)
{
    settings *o = s->own;
    an_err err = an_prep_need_count(map, "rows", 2, ROWS_MAX, &o->rows, why);
    s->memory = o->rows;
    return err;
}

static void text(const an_prep_step *s, an_buf *out)
{
    an_buf_printf(out, ", rows: %u", ((const settings *)s->own)->rows);
}

static bool is_stuck(const an_prep_past *past, size_t sensor, float x)
{
    for (size_t age = 1; age < past->memory; age++) {
        const float before = an_prep_ago(past, age)[sensor];
        if (!(before <= x && before >= x)) /* a missing value is equal to none */
            return false;
    }
    return true;
}

static void apply(const an_prep_step *s, const an_prep_past *past, float *out)
{
    for (uint32_t i = 0; i < s->n_sensors; i++) {
        float *x = &out[s->sensors[i]];
        if (is_stuck(past, s->sensors[i], *x))
            *x = NAN;
    }
}

static const char *const keys[] = {"rows", NULL};
static const char *const examples[] = {"rows: 2", "sensors: [1], rows: 5", NULL};

const an_prep_step_type an_prep_step_stuck = {
    .name = "stuck",
    .meaning = "from the n-th equal value on a sensor's values are missing",
    .keys = keys,
    .examples = examples,
    .own = sizeof(settings),
    .read = read,
    .text = text,
    .apply = apply,
};
