#include "agent/alarm_figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- the figures ---- */

static size_t peak_of(const an_alarm_point *p, size_t n)
{
    size_t peak = 0;
    for (size_t first = 0, last = 0; last < n; last++) {
        while (p[last].raised_ms - p[first].raised_ms >= AN_ALARM_SLOT_MS)
            first++;
        if (last - first + 1 > peak)
            peak = last - first + 1;
    }
    return peak;
}

static size_t flooded_of(const an_alarm_point *p, size_t n, int64_t from_ms)
{
    size_t flooded = 0, in_slot = 0;
    int64_t slot = -1;
    for (size_t i = 0; i < n; i++) {
        const int64_t s = (p[i].raised_ms - from_ms) / AN_ALARM_SLOT_MS;
        in_slot = s == slot ? in_slot + 1 : 1;
        slot = s;
        flooded += in_slot == AN_ALARM_FLOOD + 1;
    }
    return flooded;
}

typedef struct tag {
    size_t n;
    int64_t at[AN_ALARM_CHATTER - 1]; /* of the last, oldest first */
    int chatters;
} tag;

static void see_tag(tag *t, int64_t at_ms)
{
    const size_t remembered = AN_ALARM_CHATTER - 1;
    if (t->n >= remembered && at_ms - t->at[0] < AN_ALARM_CHATTER_MS)
        t->chatters = 1;
    for (size_t i = 0; i + 1 < remembered; i++)
        t->at[i] = t->at[i + 1];
    t->at[remembered - 1] = at_ms;
    t->n++;
}

static int more_first(const void *a, const void *b)
{
    const size_t x = ((const tag *)a)->n, y = ((const tag *)b)->n;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void count_tags(an_alarm_figures *f, const an_alarm_point *p, size_t n)
{
    static const tag none;
    tag tags[AN_ALARM_TAGS_MAX];
    size_t top = 0;
    for (size_t i = 0; i < AN_ALARM_TAGS_MAX; i++)
        tags[i] = none;
    for (size_t i = 0; i < n; i++)
        if (p[i].tag < AN_ALARM_TAGS_MAX)
            see_tag(&tags[p[i].tag], p[i].raised_ms);
    qsort(tags, AN_ALARM_TAGS_MAX, sizeof *tags, more_first);
    for (size_t i = 0; i < AN_ALARM_TAGS_MAX && tags[i].n > 0; i++) {
        f->tags++;
        f->chattering += tags[i].chatters != 0;
        top += i < AN_ALARM_TOP_TAGS ? tags[i].n : 0;
    }
    f->top_share = n > 0 ? (double)top / (double)n : 0;
}

void an_alarm_figures_of(an_alarm_figures *ret, const an_alarm_point *points, size_t n, int64_t from_ms,
                         int64_t to_ms)
{
    an_alarm_figures f = {.n = 0};
    while (n > 0 && points->raised_ms < from_ms) {
        points++;
        n--;
    }
    while (n > 0 && points[n - 1].raised_ms >= to_ms)
        n--;
    f.n = n;
    f.slots = to_ms > from_ms ? (size_t)((to_ms - from_ms + AN_ALARM_SLOT_MS - 1) / AN_ALARM_SLOT_MS) : 0;
    f.average = to_ms > from_ms ? (double)n * AN_ALARM_SLOT_MS / (double)(to_ms - from_ms) : 0;
    f.peak = peak_of(points, n);
    f.flooded = flooded_of(points, n, from_ms);
    for (size_t i = 0; i < n; i++) {
        const int64_t end = points[i].cleared_ms ? points[i].cleared_ms : to_ms;
        f.standing += end - points[i].raised_ms > AN_ALARM_STANDING_MS;
        f.by_severity[points[i].severity]++;
    }
    count_tags(&f, points, n);
    *ret = f;
}

/* ---- from a log ---- */

struct an_alarm_open {
    char line[AN_NAME_MAX];
    uint64_t alarm;
    size_t point;
};

static an_err find_tag(an_alarm_points *p, const an_alarm_record *r, uint32_t *ret)
{
    char name[sizeof *p->tags];
    snprintf(name, sizeof name, "%s/%s", r->line, strncmp(r->source, "rule:", 5) == 0 ? r->source : "model");
    for (size_t i = 0; i < p->n_tags; i++) {
        if (strcmp(p->tags[i], name) != 0)
            continue;
        *ret = (uint32_t)i;
        return AN_OK;
    }
    if (p->n_tags == AN_ALARM_TAGS_MAX)
        return AN_ERR_LIMIT;
    if (!an_grow(&p->tags, &p->tags_cap, p->n_tags + 1, sizeof *p->tags))
        return AN_ERR_NOMEM;
    memcpy(p->tags[p->n_tags], name, sizeof name);
    *ret = (uint32_t)p->n_tags++;
    return AN_OK;
}

static struct an_alarm_open *find_open(an_alarm_points *p, const an_alarm_record *r)
{
    for (size_t i = 0; i < p->n_open; i++)
        if (p->open[i].alarm == r->alarm && strcmp(p->open[i].line, r->line) == 0)
            return &p->open[i];
    return NULL;
}

static void end(an_alarm_points *p, struct an_alarm_open *o, int64_t at_ms)
{
    p->items[o->point].cleared_ms = at_ms;
    *o = p->open[--p->n_open];
}

an_err an_alarm_points_add(an_alarm_points *p, const an_alarm_record *r)
{
    if (r->alarm == 0)
        return AN_OK;
    struct an_alarm_open *o = find_open(p, r);
    const bool over = r->kind == AN_LOGGED_CLEARED || !an_standing_shown(r->standing);
    if (o && over)
        end(p, o, r->time_ms);
    if (o || over || r->standing != AN_STANDING_UNACKED)
        return AN_OK;
    /* Also what comes back from where nobody saw it is shown anew. */
    an_alarm_point point = {.severity = r->severity, .raised_ms = r->time_ms};
    an_err err = find_tag(p, r, &point.tag);
    if (err)
        return err;
    if (!an_grow(&p->items, &p->cap, p->n + 1, sizeof *p->items) ||
        !an_grow(&p->open, &p->open_cap, p->n_open + 1, sizeof *p->open))
        return AN_ERR_NOMEM;
    o = &p->open[p->n_open++];
    snprintf(o->line, sizeof o->line, "%s", r->line);
    o->alarm = r->alarm;
    o->point = p->n;
    p->items[p->n++] = point;
    return AN_OK;
}

static int earlier_first(const void *a, const void *b)
{
    const int64_t x = ((const an_alarm_point *)a)->raised_ms, y = ((const an_alarm_point *)b)->raised_ms;
    return x < y ? -1 : x > y ? 1 : 0;
}

void an_alarm_points_sort(an_alarm_points *p)
{
    if (p->n > 0)
        qsort(p->items, p->n, sizeof *p->items, earlier_first);
    p->n_open = 0; /* its indices are no longer right */
}

void an_alarm_points_done(an_alarm_points *p)
{
    an_free(p->items);
    an_free(p->open);
    an_free(p->tags);
    *p = (an_alarm_points){.n = 0};
}
