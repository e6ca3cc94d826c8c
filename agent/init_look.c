/* What a source shows: its rows for a time, added up tag by tag. */
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/init_internal.h"
#include "base/clock.h"
#include "base/mem.h"

#define BATCH 64
#define ROWS_ENOUGH 20000 /* of a file */
#define ROWS_LEAST 200    /* fewer: the file is waited for, it may grow */
#define STEPS_MAX 1024

an_err init_doc(const init *w, bool kept_only, an_yaml **ret, an_note *why)
{
    an_buf b;
    an_buf_init(&b, INIT_TEXT_MAX);
    init_put_source(w, &b, "", kept_only);
    an_err err = an_buf_err(&b);
    if (!err)
        err = an_yaml_parse((const char *)b.data, b.len, "source", ret, why);
    an_buf_done(&b);
    return err;
}

/* ---- rows ---- */

static void wait_for(an_source *src, int64_t ms)
{
    struct pollfd item = {.fd = an_source_fd(src), .events = POLLIN};
    poll(&item, 1, (int)ms);
}

an_err init_rows(an_source *src, int64_t for_ms, uint64_t least, bool (*see)(void *ctx, const an_batch *b),
                 void *ctx, an_note *why)
{
    const an_clock *clock = an_clock_system();
    const int64_t end = clock->mono_ms(clock) + for_ms;
    const bool live = an_source_type_get(src)->live;
    int64_t left = for_ms, wait_ms = 0;
    uint64_t rows = 0;
    bool enough = false;
    an_batch batch = {.n = 0};
    an_err err = an_batch_init(&batch, an_source_width(src), BATCH);
    while (!err && !enough && (left = end - clock->mono_ms(clock)) > 0) {
        err = an_source_next(src, &batch, &wait_ms, why);
        if (err == AN_OK) {
            rows += batch.n;
            enough = see(ctx, &batch) || (!live && rows >= ROWS_ENOUGH);
        } else if (err == AN_ERR_AGAIN) {
            err = AN_OK;
            if (!live && rows >= least)
                break; /* all that is there */
            wait_for(src, wait_ms < left ? wait_ms : left);
        }
    }
    an_batch_done(&batch);
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

/* ---- a look ---- */

typedef struct look {
    init *w;
    int64_t steps[STEPS_MAX];
    size_t n_steps;
    int64_t last_ms;
    int64_t unbroken; /* rows since the last break */
    int64_t longest;
    bool image_over;
} look;

static void keep_row(init *w, const float *values)
{
    if (w->kept && w->n_kept < INIT_KEPT_ROWS)
        memcpy(w->kept + w->n_kept++ * w->width, values, w->width * sizeof *values);
}

static bool see_rows(void *ctx, const an_batch *b)
{
    look *l = ctx;
    init *w = l->w;
    for (size_t i = 0; i < b->n; i++) {
        const int64_t step = b->time_ms[i] - l->last_ms;
        if (w->rows > 0 && step > 0 && l->n_steps < STEPS_MAX)
            l->steps[l->n_steps++] = step;
        if (w->rows > 0 && (b->flags[i] & AN_ROW_RESTART)) {
            l->image_over = true;
            l->unbroken = 0;
        }
        l->longest = ++l->unbroken > l->longest ? l->unbroken : l->longest;
        w->image_rows += !l->image_over;
        l->last_ms = b->time_ms[i];
        w->rows++;
        keep_row(w, b->values + i * b->width);
        for (size_t j = 0; j < b->width && j < w->n_tags; j++)
            an_init_stats_add(&w->tags[j].stats, (double)b->values[i * b->width + j],
                              b->quality[i * b->width + j], b->time_ms[i]);
    }
    return false;
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static an_err make_tags(init *w, const an_source *src)
{
    if (w->n_tags == an_source_width(src))
        return AN_OK;
    w->n_tags = 0;
    for (size_t i = 0; i < an_source_width(src); i++) {
        init_tag *t = init_tag_add(w, an_source_sensor(src, i));
        if (!t)
            return AN_ERR_NOMEM;
        snprintf(t->name, sizeof t->name, "%s", an_source_sensor(src, i)); /* as the source spells it */
        snprintf(t->unit, sizeof t->unit, "%.15s", an_source_unit(src, i));
    }
    return AN_OK;
}

static an_err begin(init *w, const an_source *src)
{
    an_err err = make_tags(w, src);
    if (err)
        return err;
    for (size_t i = 0; i < w->n_tags; i++)
        w->tags[i].stats = (an_init_stats){.rows = 0};
    w->rows = w->n_kept = 0;
    w->image_rows = w->step_ms = 0;
    w->width = an_source_width(src);
    an_free(w->kept);
    w->kept = an_alloc(INIT_KEPT_ROWS * w->width, sizeof *w->kept);
    return w->kept ? AN_OK : AN_ERR_NOMEM;
}

an_err init_look(init *w, int64_t for_ms, an_note *why)
{
    an_yaml *doc = NULL;
    an_source *src = NULL;
    look l = {.w = w};
    an_err err = init_doc(w, false, &doc, why);
    if (!err)
        err = an_source_open(w->kind->name, an_yaml_root(doc), an_clock_system(), &src, why);
    if (!err)
        err = begin(w, src);
    if (!err)
        err = init_rows(src, for_ms, ROWS_LEAST, see_rows, &l, why);
    w->stretch = l.image_over || w->folder ? l.longest : 0;
    if (!err && l.n_steps > 0) {
        qsort(l.steps, l.n_steps, sizeof *l.steps, by_size);
        w->step_ms = l.steps[l.n_steps / 2];
    }
    an_source_close(src);
    an_yaml_free(doc);
    return err;
}

int64_t init_step(init *w)
{
    int64_t least = 0;
    for (size_t i = 0; i < w->n_tags; i++) {
        const int64_t ms = an_init_interval(&w->tags[i].stats);
        least = ms > 0 && (least == 0 || ms < least) ? ms : least;
    }
    w->step_ms = least > 0 ? an_init_round_step(least < 100 ? 100 : least) : 1000;
    return w->step_ms;
}

/* ---- the last look ---- */

static bool has_value(void *ctx, const an_batch *b)
{
    bool *any = ctx;
    for (size_t i = 0; i < b->n * b->width && !*any; i++)
        *any = !isnan(b->values[i]);
    return *any;
}

an_err init_try(init *w, int64_t for_ms, an_note *why)
{
    an_yaml *doc = NULL;
    an_source *src = NULL;
    bool any = false;
    an_err err = init_doc(w, true, &doc, why);
    if (!err)
        err = an_source_open(w->kind->name, an_yaml_root(doc), an_clock_system(), &src, why);
    if (!err)
        err = init_rows(src, for_ms, ROWS_LEAST, has_value, &any, why);
    if (!err && !any)
        err = an_fail(AN_ERR_NOTFOUND, why, "no row with a value came in %g s", (double)for_ms / 1000);
    an_source_close(src);
    an_yaml_free(doc);
    return err;
}
