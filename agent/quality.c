#include "agent/quality.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

typedef struct watch {
    uint32_t bad;  /* bad rows in a row */
    uint32_t good; /* good rows in a row */
    uint64_t rows; /* bad rows of the open event */
    int64_t since_ms;
    bool open;
} watch;

struct an_quality {
    an_quality_conf conf;
    size_t width;
    double *low, *high; /* NULL: not watched */
    uint8_t *may_rest;
    float *last;    /* last value that was there; NaN before the first */
    watch *watches; /* (width, AN_QUALITY_KINDS) */
    uint64_t total[AN_QUALITY_KINDS];
};

const char *an_quality_kind_name(an_quality_kind kind)
{
    static const char *const names[] = {"missing", "stuck", "out of range", "image"};
    return names[kind];
}

static void *copy(const void *from, size_t n, size_t size)
{
    void *p = an_alloc(n, size);
    if (p)
        memcpy(p, from, n * size);
    return p;
}

an_err an_quality_new(const an_quality_conf *conf, size_t width, an_quality **ret)
{
    if (width == 0 || conf->missing_rows == 0 || conf->range_rows == 0 || conf->clear_rows == 0)
        return AN_ERR_INVAL;
    an_quality *q = an_alloc(1, sizeof *q);
    if (!q)
        return AN_ERR_NOMEM;
    q->conf = *conf;
    q->width = width;
    q->last = an_alloc(width, sizeof *q->last);
    q->watches = an_alloc(width * AN_QUALITY_KINDS, sizeof *q->watches);
    bool ok = q->last && q->watches;
    ok = ok && (!conf->low || (q->low = copy(conf->low, width, sizeof *q->low)));
    ok = ok && (!conf->high || (q->high = copy(conf->high, width, sizeof *q->high)));
    ok = ok && (!conf->may_rest || (q->may_rest = copy(conf->may_rest, width, 1)));
    if (!ok) {
        an_quality_free(q);
        return AN_ERR_NOMEM;
    }
    q->conf.low = q->conf.high = NULL; /* borrowed for the call only */
    q->conf.may_rest = NULL;
    for (size_t j = 0; j < width; j++)
        q->last[j] = NAN;
    *ret = q;
    return AN_OK;
}

void an_quality_free(an_quality *q)
{
    if (!q)
        return;
    an_free(q->low);
    an_free(q->high);
    an_free(q->may_rest);
    an_free(q->last);
    an_free(q->watches);
    an_free(q);
}

static uint32_t limit_of(const an_quality *q, an_quality_kind kind)
{
    switch (kind) {
    case AN_QUALITY_MISSING:
        return q->conf.missing_rows;
    case AN_QUALITY_STUCK:
        return q->conf.stuck_rows;
    case AN_QUALITY_RANGE:
    case AN_QUALITY_IMAGE:
        break;
    }
    return q->conf.range_rows;
}

static bool is_bad_now(const an_quality *q, an_quality_kind kind, size_t j, float v)
{
    switch (kind) {
    case AN_QUALITY_MISSING:
        return !isfinite(v);
    case AN_QUALITY_STUCK:
        return q->conf.stuck_rows && isfinite(v) && v == q->last[j] && !(q->may_rest && q->may_rest[j]);
    case AN_QUALITY_RANGE:
    case AN_QUALITY_IMAGE:
        break;
    }
    return isfinite(v) && ((q->low && (double)v < q->low[j]) || (q->high && (double)v > q->high[j]));
}

/* True: the watch has just opened or closed. */
static bool step_watch(an_quality *q, watch *w, an_quality_kind kind, bool bad, int64_t time_ms)
{
    if (bad) {
        if (w->bad == 0 && !w->open) {
            w->since_ms = time_ms;
            w->rows = 0;
        }
        w->bad += w->bad < UINT32_MAX;
        w->good = 0;
        w->rows++;
        if (!w->open && w->bad >= limit_of(q, kind)) {
            w->open = true;
            q->total[kind]++;
            return true;
        }
        return false;
    }
    w->bad = 0;
    w->good += w->good < UINT32_MAX;
    if (w->open && w->good >= q->conf.clear_rows) {
        w->open = false;
        return true;
    }
    return false;
}

size_t an_quality_step(an_quality *q, int64_t time_ms, const float *row, const uint8_t *said,
                       an_quality_event *ret, size_t cap)
{
    size_t n = 0;
    for (size_t j = 0; j < q->width; j++) {
        for (int k = 0; k < AN_QUALITY_KINDS; k++) {
            an_quality_kind kind = (an_quality_kind)k;
            watch *w = &q->watches[j * AN_QUALITY_KINDS + (size_t)k];
            /* A missing value says nothing about stuck or range. */
            if (kind != AN_QUALITY_MISSING && !isfinite(row[j]))
                continue;
            if (!step_watch(q, w, kind, is_bad_now(q, kind, j, row[j]), time_ms) || n == cap)
                continue;
            ret[n++] = (an_quality_event){.kind = kind,
                                          .begins = w->open,
                                          .sensor = (uint32_t)j,
                                          .time_ms = time_ms,
                                          .since_ms = w->since_ms,
                                          .rows = w->rows,
                                          .said = said && !isfinite(row[j]) ? said[j] : 0,
                                          .value = (double)row[j]};
        }
        if (isfinite(row[j]))
            q->last[j] = row[j];
    }
    return n;
}

bool an_quality_is_bad(const an_quality *q, size_t sensor)
{
    for (size_t k = 0; k < AN_QUALITY_KINDS; k++)
        if (q->watches[sensor * AN_QUALITY_KINDS + k].open)
            return true;
    return false;
}

bool an_quality_in_range(const an_quality *q, size_t sensor, float v)
{
    return !is_bad_now(q, AN_QUALITY_RANGE, sensor, v);
}

bool an_quality_is_open(const an_quality *q, size_t sensor, an_quality_kind kind)
{
    return q->watches[sensor * AN_QUALITY_KINDS + (size_t)kind].open;
}

size_t an_quality_bad_n(const an_quality *q)
{
    size_t n = 0;
    for (size_t j = 0; j < q->width; j++)
        n += an_quality_is_bad(q, j);
    return n;
}

double an_quality_discount(const an_quality *q, double score, float *contribution)
{
    double all = 0, bad = 0;
    size_t n = 0;
    for (size_t j = 0; j < q->width; j++) {
        const double c = fmax(0, (double)contribution[j]);
        all += c;
        if (an_quality_is_bad(q, j)) {
            bad += c;
            n++;
            contribution[j] = 0;
        }
    }
    if (n == 0 || n == q->width)
        return score;
    const double share = all > 0 ? bad / all : 0;
    return score * (1 - share) * (double)q->width / (double)(q->width - n);
}

uint64_t an_quality_total(const an_quality *q, an_quality_kind kind)
{
    return q->total[kind];
}
