/* Sensors of different rates in one table: `rows` rows become one, in which a sensor has what its values
 * that are there come to. */
#include <string.h>

#include "models/prep_step.h"

#define ROWS_MAX 4096

typedef enum how { MEAN, LAST, LEAST, MOST, HOWS } how;
static const char *const names[HOWS] = {"mean", "last", "min", "max"};

typedef struct settings {
    uint32_t rows;
    how by;
} settings;

static an_err read(an_prep_step *s, const an_node *map, an_note *why)
{
    settings *o = s->own;
    const char *by = NULL;
    an_err err = an_prep_need_count(map, "rows", 2, ROWS_MAX, &o->rows, why);
    if (err == AN_OK)
        err = an_node_need_text(map, "by", &by, why);
    if (err != AN_OK)
        return err;
    while (o->by < HOWS && strcmp(names[o->by], by) != 0)
        o->by++;
    s->memory = s->rate = o->rows;
    return o->by < HOWS ? AN_OK : an_node_fail(map, why, "by = %.40s: must be mean, last, min or max", by);
}

static void text(const an_prep_step *s, an_buf *out)
{
    const settings *o = s->own;
    an_buf_printf(out, ", rows: %u, by: %s", o->rows, names[o->by]);
}

static float one_of(const settings *o, const an_prep_past *past, size_t sensor)
{
    double sum = 0.0, n = 0.0;
    float x = NAN;
    for (size_t age = past->memory; age-- > 0;) {
        const float v = an_prep_ago(past, age)[sensor];
        if (isnan(v))
            continue;
        if (isnan(x) || o->by == LAST || (o->by == LEAST && v < x) || (o->by == MOST && v > x))
            x = v;
        sum += (double)v;
        n += 1.0;
    }
    return o->by == MEAN && n > 0.0 ? (float)(sum / n) : x;
}

static void apply(const an_prep_step *s, const an_prep_past *past, float *out)
{
    for (uint32_t k = 0; k < s->width; k++)
        out[k] = one_of(s->own, past, k);
}

static const char *const keys[] = {"rows", "by", NULL};
static const char *const examples[] = {"rows: 2, by: mean", "rows: 5, by: last", "rows: 3, by: min",
                                       "rows: 3, by: max", NULL};

const an_prep_step_type an_prep_step_resample = {
    .name = "resample",
    .meaning = "`rows` rows become one: the mean, last, min or max of each sensor's values",
    .about = AN_PREP_ABOUT_ROWS,
    .keys = keys,
    .examples = examples,
    .own = sizeof(settings),
    .read = read,
    .text = text,
    .apply = apply,
};
