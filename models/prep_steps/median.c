/* The median of the values in `rows` rows around a row: single spikes go, edges stay (Tukey 1977). */
#include <stdlib.h>

#include "models/prep_step.h"

#define ROWS_MAX 255

typedef struct settings {
    uint32_t rows;
} settings;

static an_err read(an_prep_step *s, const an_node *map, an_note *why)
{
    settings *o = s->own;
    an_err err = an_prep_need_odd(map, "rows", 3, ROWS_MAX, &o->rows, why);
    s->memory = o->rows;
    s->delay = o->rows / 2;
    return err;
}

static void text(const an_prep_step *s, an_buf *out)
{
    an_buf_printf(out, ", rows: %u", ((const settings *)s->own)->rows);
}

/* Of the values that are there; of an even number of them the mean of the middle two. */
static float median_of(const an_prep_past *past, size_t sensor)
{
    float sorted[ROWS_MAX];
    size_t n = 0;
    for (size_t age = 0; age < past->memory; age++) {
        const float x = an_prep_ago(past, age)[sensor];
        size_t at = n;
        if (isnan(x))
            continue;
        for (; at > 0 && sorted[at - 1] > x; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = x;
        n++;
    }
    if (n == 0)
        return NAN;
    return n % 2 ? sorted[n / 2] : (float)(((double)sorted[n / 2 - 1] + (double)sorted[n / 2]) / 2);
}

static void apply(const an_prep_step *s, const an_prep_past *past, float *out)
{
    for (uint32_t i = 0; i < s->n_sensors; i++)
        out[s->sensors[i]] = median_of(past, s->sensors[i]);
}

static const char *const keys[] = {"rows", NULL};
static const char *const examples[] = {"rows: 3", "sensors: [0], rows: 7", NULL};

const an_prep_step_type an_prep_step_median = {
    .name = "median",
    .meaning = "the median of the values in `rows` rows around each",
    .keys = keys,
    .examples = examples,
    .own = sizeof(settings),
    .read = read,
    .text = text,
    .apply = apply,
};
