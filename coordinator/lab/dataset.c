#include "coordinator/lab/dataset.h"

#include <stdio.h>
#include <string.h>

#include "agent/samples.h"
#include "base/mem.h"
#include "coordinator/lab/folder.h"

void an_lab_data_done(an_lab_data *d)
{
    for (size_t i = 0; d->sites && i < d->n_sites; i++) {
        an_lab_site *s = &d->sites[i];
        for (size_t k = 0; s->series && k < s->n_series; k++) {
            an_free(s->series[k].train);
            an_free(s->series[k].test);
            an_free(s->series[k].labels);
        }
        an_free(s->series);
        an_free(s->calm);
        an_lab_items_done(&s->fit);
        an_lab_items_done(&s->hold);
        an_lab_items_done(&s->test);
    }
    an_free(d->sites);
    for (size_t i = 0; i < d->n_parts; i++)
        an_free(d->parts[i]);
    an_free(d->parts);
    an_free(d->apart);
    if (d->task_done)
        d->task_done(d->task_data);
    for (size_t i = 0; d->names && i < d->width; i++)
        an_free(d->names[i]);
    an_free(d->names);
    *d = (an_lab_data){0};
}

/* ---- items ---- */

void an_lab_items_done(an_lab_items *i)
{
    an_free(i->raw);
    an_free(i->labels);
    an_free(i->before);
    an_free(i->parts);
    *i = (an_lab_items){.n = 0};
}

an_err an_lab_items_add(const an_lab_data *d, an_lab_items *to, const float *raw, const float *label,
                        float before, uint32_t part)
{
    const size_t n = to->n + 1, sample = d->context * d->width;
    if (!an_grow(&to->raw, &to->caps[0], n * sample, sizeof *to->raw) ||
        !an_grow(&to->labels, &to->caps[1], n * d->n_labels, sizeof *to->labels) ||
        !an_grow(&to->before, &to->caps[2], n, sizeof *to->before) ||
        !an_grow(&to->parts, &to->caps[3], n, sizeof *to->parts))
        return AN_ERR_NOMEM;
    memcpy(to->raw + to->n * sample, raw, sample * sizeof *raw);
    memcpy(to->labels + to->n * d->n_labels, label, d->n_labels * sizeof *label);
    to->before[to->n] = before;
    to->parts[to->n++] = part;
    return AN_OK;
}

an_err an_lab_data_part(an_lab_data *d, const char *name, uint32_t *ret)
{
    for (size_t i = 0; i < d->n_parts; i++) {
        if (strcmp(d->parts[i], name) == 0) {
            *ret = (uint32_t)i;
            return AN_OK;
        }
    }
    size_t cap = d->n_parts;
    if (!an_grow(&d->parts, &cap, d->n_parts + 1, sizeof *d->parts) ||
        !(d->parts[d->n_parts] = an_strdup(name)))
        return AN_ERR_NOMEM;
    *ret = (uint32_t)d->n_parts++;
    return AN_OK;
}

bool an_lab_in_part(const an_lab_data *d, uint32_t part, uint32_t of)
{
    return d->apart && part + 1 == d->n_parts ? !d->apart[of] : part == of;
}

/* Items are cut already; a site that keeps little keeps its last ones. */
static an_err cut_items(const an_lab_data *d, size_t site, const an_lab_cut_opts *o, an_lab_cut *ret,
                        an_note *why)
{
    const an_lab_site *s = &d->sites[site];
    const size_t sample = d->context * d->width;
    size_t n = s->fit.n, n_hold = s->hold.n;
    while (o->upto > 0 && n > 0 && s->fit.parts[n - 1] >= o->upto)
        n--;
    while (o->upto > 0 && n_hold > 0 && s->hold.parts[n_hold - 1] >= o->upto)
        n_hold--;
    const size_t end = n;
    if (o->context != d->context)
        return an_fail(AN_ERR_INVAL, why, "the data are windows of %zu rows, the experiment wants %zu",
                       d->context, o->context);
    if (o->keep < 1)
        n = (size_t)((double)n * o->keep + 0.5);
    if (n == 0)
        return an_fail(AN_ERR_INVAL, why, "%s: nothing to learn from", s->name);
    *ret = (an_lab_cut){.n_fit = n, .n_hold = n_hold};
    ret->data = (an_site_data){.width = d->width,
                               .context = d->context,
                               .n_labels = d->n_labels,
                               .train = {.raw = s->fit.raw + (end - n) * sample,
                                         .n = n,
                                         .labels = s->fit.labels + (end - n) * d->n_labels},
                               .old = {.raw = s->hold.raw, .n = n_hold, .labels = s->hold.labels},
                               .sensors = (const char *const *)d->names};
    return AN_OK;
}

/* ---- windows ---- */

/* One part of one series: blocks of rows whose number, modulo `every`, is (hold) or is not the
 * last. */
typedef struct part {
    const float *rows;
    size_t n, width, context, stride, block, every;
    bool hold, gaps;
} part;

static bool is_held(const part *p, size_t block)
{
    return p->every > 0 && block % p->every == p->every - 1;
}

/* Appends the windows of each run of neighbouring blocks of the part. */
static an_err cut_part(const part *p, float **raw, size_t *n, size_t *cap, an_note *why)
{
    an_err err = AN_OK;
    const size_t sample = p->context * p->width;
    for (size_t from = 0; from < p->n && err == AN_OK;) {
        size_t to = from;
        const bool held = is_held(p, from / p->block);
        while (to < p->n && is_held(p, to / p->block) == held)
            to = (to / p->block + 1) * p->block;
        if (to > p->n)
            to = p->n;
        float *more = NULL;
        size_t n_more = 0;
        if (held == p->hold)
            err = an_samples_cut(p->rows + from * p->width, to - from, p->width, p->context, p->stride,
                                 p->gaps, &more, &n_more, why);
        if (err == AN_OK && n_more > 0) {
            if (an_grow(raw, cap, (*n + n_more) * sample, sizeof **raw))
                memcpy(*raw + *n * sample, more, n_more * sample * sizeof *more);
            else
                err = AN_ERR_NOMEM;
            *n += err == AN_OK ? n_more : 0;
        }
        an_free(more);
        from = to;
    }
    return err;
}

static an_err cut_series(const an_lab_series *s, size_t width, const an_lab_cut_opts *o, an_lab_cut *c,
                         size_t caps[2], an_note *why)
{
    size_t n = s->n_train;
    if (o->keep < 1)
        n = (size_t)((double)n * o->keep + 0.5);
    part p = {.rows = s->train + (s->n_train - n) * width,
              .n = n,
              .width = width,
              .context = o->context,
              .stride = o->stride,
              .gaps = o->gaps,
              .block = o->block ? o->block : AN_LAB_BLOCK};
    if (o->holdout > 0) {
        p.every = (size_t)(1 / o->holdout + 0.5);
    }
    if (o->holdout > 0 && !o->block) {
        /* A short series still gets one whole cycle of blocks. */
        if (n < p.block * p.every)
            p.block = n / p.every;
        if (p.block < 2 * o->context)
            p.every = 0;
        if (p.block == 0)
            p.block = 1;
    }
    an_err err = cut_part(&p, &c->fit, &c->n_fit, &caps[0], why);
    p.hold = true;
    return err == AN_OK && p.every > 0 ? cut_part(&p, &c->hold, &c->n_hold, &caps[1], why) : err;
}

an_err an_lab_cut_new(const an_lab_data *d, size_t site, size_t series, const an_lab_cut_opts *opts,
                      an_lab_cut *ret, an_note *why)
{
    an_lab_cut c = {0};
    size_t caps[2] = {0, 0};
    an_err err = AN_OK;
    const an_lab_site *s = &d->sites[site];
    if (d->n_labels > 0)
        return cut_items(d, site, opts, ret, why);
    an_lab_cut_opts o = *opts;
    if (s->calm)
        o.holdout = 0;
    for (size_t k = 0; k < s->n_series && err == AN_OK; k++)
        if (s->series[k].n_train > 0 && (series == SIZE_MAX || series == k))
            err = cut_series(&s->series[k], d->width, &o, &c, caps, why);
    if (err == AN_OK && s->calm)
        err = an_samples_cut(s->calm, s->n_calm, d->width, o.context, o.stride, o.gaps, &c.hold, &c.n_hold,
                             why);
    if (err == AN_OK && c.n_fit == 0)
        err = an_fail(AN_ERR_INVAL, why, "%s: no window of %zu rows to learn from", s->name, opts->context);
    if (err != AN_OK) {
        an_lab_cut_done(&c);
        return err;
    }
    c.data = (an_site_data){.width = d->width,
                            .context = opts->context,
                            .train = {.raw = c.fit, .n = c.n_fit},
                            .old = {.raw = c.hold, .n = c.n_hold},
                            .sensors = (const char *const *)d->names};
    *ret = c;
    return AN_OK;
}

void an_lab_cut_done(an_lab_cut *c)
{
    an_free(c->fit);
    an_free(c->hold);
    *c = (an_lab_cut){0};
}

/* ---- simulated plants ---- */

static an_err simulate_series(an_sim_conf conf, size_t rows, size_t width, an_lab_series *s, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    int8_t *labels = NULL;
    float *all = an_alloc(2 * rows * width, sizeof *all);
    labels = an_alloc(2 * rows, sizeof *labels);
    s->train = an_alloc(rows * width, sizeof *s->train);
    s->test = an_alloc(rows * width, sizeof *s->test);
    s->labels = an_alloc(rows, sizeof *s->labels);
    if (!all || !labels || !s->train || !s->test || !s->labels)
        goto out;
    for (size_t i = 0; i < conf.n_events; i++)
        conf.events[i].start += rows;
    if ((err = an_sim_generate(&conf, 2 * rows, all, labels, NULL, why)) != AN_OK)
        goto out;
    memcpy(s->train, all, rows * width * sizeof *all);
    memcpy(s->test, all + rows * width, rows * width * sizeof *all);
    for (size_t i = 0; i < rows; i++)
        s->labels[i] = labels[rows + i] == 1;
    s->n_train = s->n_test = rows;
    s->joined = true;
out:
    an_free(all);
    an_free(labels);
    return err;
}

static an_err name_sensors(const an_sim_line *line, an_lab_data *d)
{
    if (!(d->names = an_alloc(line->n_sensors, sizeof *d->names)))
        return AN_ERR_NOMEM;
    d->width = line->n_sensors;
    for (size_t i = 0; i < d->width; i++)
        if (!(d->names[i] = an_strdup(line->sensors[i].name)))
            return AN_ERR_NOMEM;
    return AN_OK;
}

an_err an_lab_data_simulate(const an_sim_conf *conf, size_t n_sites, size_t rows, an_lab_data *ret,
                            an_note *why)
{
    an_lab_data d = {0};
    const an_sim_line *line = an_sim_line_find(conf->line);
    if (!line)
        return an_fail(AN_ERR_INVAL, why, "no simulated line \"%s\"", conf->line);
    if (n_sites < 1 || n_sites > AN_COHORT_MAX || rows < 16 || rows > 1000000)
        return an_fail(AN_ERR_LIMIT, why, "sites must be 1..%d, rows 16..1000000", AN_COHORT_MAX);
    an_err err = name_sensors(line, &d);
    if (err == AN_OK && !(d.sites = an_alloc(n_sites, sizeof *d.sites)))
        err = AN_ERR_NOMEM;
    for (size_t i = 0; i < n_sites && err == AN_OK; i++) {
        an_lab_site *s = &d.sites[d.n_sites++];
        an_sim_conf each = *conf;
        each.site = conf->site + i + 1;
        each.seed = conf->seed + 1000 * i;
        snprintf(s->name, sizeof s->name, "%s-%zu", line->name, i + 1);
        s->width = d.width;
        if (!(s->series = an_alloc(1, sizeof *s->series))) {
            err = AN_ERR_NOMEM;
            break;
        }
        s->n_series = 1;
        snprintf(s->series->name, sizeof s->series->name, "%s", s->name);
        err = simulate_series(each, rows, d.width, s->series, why);
    }
    if (err == AN_OK)
        *ret = d;
    else
        an_lab_data_done(&d);
    return err;
}
