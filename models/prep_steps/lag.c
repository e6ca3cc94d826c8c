/* What sensors said some rows ago, as features of their own behind the others: for each lag, in the order
 * in which they are given, one of each sensor. */
#include "models/prep_step.h"

#define LAGS_MAX 16
#define ROWS_MAX 4096

typedef struct settings {
    uint32_t rows[LAGS_MAX];
    uint32_t n;
} settings;

static an_err read(an_prep_step *s, const an_node *map, an_note *why)
{
    settings *o = s->own;
    const an_node *list = NULL;
    an_err err = an_node_need(map, "rows", AN_YAML_LIST, &list, why);
    const size_t n = an_node_count(list);
    if (err == AN_OK && (n < 1 || n > LAGS_MAX))
        err = an_node_fail(list, why, "rows: a list of 1..%d lags", LAGS_MAX);
    for (size_t i = 0; err == AN_OK && i < n; i++) {
        int64_t v = 0;
        const int64_t least = i ? (int64_t)o->rows[i - 1] + 1 : 1;
        err = an_node_int(an_node_at(list, i), least, ROWS_MAX, &v, why);
        o->rows[o->n++] = (uint32_t)v;
    }
    if (err != AN_OK)
        return err;
    s->memory = o->rows[n - 1] + 1;
    s->features = s->width + (uint32_t)n * s->n_sensors;
    return AN_OK;
}

static void text(const an_prep_step *s, an_buf *out)
{
    const settings *o = s->own;
    for (uint32_t i = 0; i < o->n; i++)
        an_buf_printf(out, "%s%u", i ? ", " : ", rows: [", o->rows[i]);
    an_buf_text(out, "]");
}

static void apply(const an_prep_step *s, const an_prep_past *past, float *out)
{
    const settings *o = s->own;
    float *to = out + s->width;
    for (uint32_t i = 0; i < o->n; i++) {
        const float *then = an_prep_ago(past, o->rows[i]);
        for (uint32_t k = 0; k < s->n_sensors; k++)
            *to++ = then[s->sensors[k]];
    }
}

static size_t sensor_of(const an_prep_step *s, size_t feature)
{
    return s->sensors[(feature - s->width) % s->n_sensors];
}

static const char *const keys[] = {"rows", NULL};
static const char *const examples[] = {"rows: [1]", "sensors: [2], rows: [1, 2, 5]", NULL};

const an_prep_step_type an_prep_step_lag = {
    .name = "lag",
    .meaning = "what sensors said some rows ago, as features of their own",
    .keys = keys,
    .examples = examples,
    .own = sizeof(settings),
    .read = read,
    .text = text,
    .apply = apply,
    .sensor_of = sensor_of,
};
