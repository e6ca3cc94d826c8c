#include "agent/trace.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "doors/json.h"

#define VALUES_MAX ((size_t)1 << 18) /* of all rows: a megabyte */
#define ROWS_MIN 16

struct an_trace {
    size_t width, rows;
    size_t head, n; /* the oldest; how many */
    float *values;  /* (rows, width) */
    int64_t *time_ms;
    double *score;
};

an_trace *an_trace_new(size_t width)
{
    an_trace *t = an_alloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->width = width;
    t->rows = width * AN_TRACE_ROWS <= VALUES_MAX ? AN_TRACE_ROWS : VALUES_MAX / width;
    t->rows = t->rows > ROWS_MIN ? t->rows : ROWS_MIN;
    t->values = an_alloc(t->rows * width, sizeof *t->values);
    t->time_ms = an_alloc(t->rows, sizeof *t->time_ms);
    t->score = an_alloc(t->rows, sizeof *t->score);
    if (t->values && t->time_ms && t->score)
        return t;
    an_trace_free(t);
    return NULL;
}

void an_trace_free(an_trace *t)
{
    if (!t)
        return;
    an_free(t->values);
    an_free(t->time_ms);
    an_free(t->score);
    an_free(t);
}

static size_t at(const an_trace *t, size_t i)
{
    return (t->head + i) % t->rows;
}

void an_trace_row(an_trace *t, int64_t time_ms, const float *values)
{
    if (t->n == t->rows)
        t->head = (t->head + 1) % t->rows;
    else
        t->n++;
    const size_t i = at(t, t->n - 1);
    memcpy(t->values + i * t->width, values, t->width * sizeof *values);
    t->time_ms[i] = time_ms;
    t->score[i] = NAN;
}

void an_trace_score(an_trace *t, double score)
{
    if (t->n > 0)
        t->score[at(t, t->n - 1)] = score;
}

int64_t an_trace_from(const an_trace *t)
{
    return t->n > 0 ? t->time_ms[t->head] : INT64_MAX;
}

static an_json *sensor_json(const an_trace *t, const an_trace_view *v, size_t sensor)
{
    an_json *o = an_json_object(), *values = an_json_array(), *near = an_json_array();
    an_json_set_text(o, "sensor", v->names[sensor]);
    an_json_set_text(o, "unit", v->units && v->units[sensor] ? v->units[sensor] : "");
    for (size_t i = 0; i < t->n; i++)
        an_json_push_num(values, (double)t->values[at(t, i) * t->width + sensor]);
    for (size_t i = 0; v->near && i < v->near_rows; i++)
        an_json_push_num(near, (double)v->near[i * t->width + sensor]);
    an_json_set(o, "values", values);
    an_json_set(o, "near", near);
    return o;
}

char *an_trace_text(const an_trace *t, const an_trace_view *v)
{
    an_json *o = an_json_object(), *times = an_json_array(), *scores = an_json_array(),
            *list = an_json_array();
    for (size_t i = 0; i < t->n; i++) {
        an_json_push_int(times, t->time_ms[at(t, i)]);
        an_json_push_num(scores, t->score[at(t, i)]);
    }
    for (size_t k = 0; k < v->n && k < AN_TRACE_SENSORS; k++)
        an_json_push(list, sensor_json(t, v, v->sensors[k]));
    an_json_set(o, "time_ms", times);
    an_json_set(o, "scores", scores);
    an_json_set(o, "sensors", list);
    char *text = an_json_print(o, 0);
    an_json_free(o);
    return text;
}
