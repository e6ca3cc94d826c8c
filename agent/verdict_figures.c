#include "agent/verdict_figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/opt.h"
#include "models/stats.h"

#define Z 1.959963984540054 /* 95 % */

/* ---- figures ---- */

static an_verdict_share share(uint64_t k, uint64_t n, bool known)
{
    an_verdict_share s = {.known = known && n >= AN_VERDICT_FEW};
    s.value = n > 0 ? (double)k / (double)n : 0;
    an_wilson(k, n, Z, &s.low, &s.high);
    return s;
}

static double f1_of(double j)
{
    return 2 * j / (1 + j);
}

an_verdict_figures an_verdict_figures_of(const an_verdict_count *c)
{
    const bool looked = c->missed + c->good > 0;
    an_verdict_figures f = {.precision = share(c->right, c->right + c->wrong, true),
                            .recall = share(c->right, c->right + c->missed, looked),
                            .f1 = share(c->right, c->right + c->wrong + c->missed, looked)};
    f.f1.value = f1_of(f.f1.value);
    f.f1.low = f1_of(f.f1.low);
    f.f1.high = f1_of(f.f1.high);
    return f;
}

/* ---- stretches of time ---- */

bool an_verdict_shifts_parse(const char *text, an_verdict_how *ret)
{
    size_t n = 0;
    for (const char *at = text; *at;) {
        char *end = NULL;
        const long hour = strtol(at, &end, 10);
        if (end == at || hour < 0 || hour > 23 || n == AN_SHIFTS_MAX ||
            (n > 0 && hour <= ret->shifts[n - 1]) || (*end != '\0' && (*end != ',' || end[1] == '\0')))
            return false;
        ret->shifts[n++] = (int)hour;
        at = *end == ',' ? end + 1 : end;
    }
    ret->n_shifts = n;
    return n > 0;
}

int64_t an_verdict_begin_of(const an_verdict_how *how, int64_t ms)
{
    const time_t s = (time_t)((ms - (ms % 1000 + 1000) % 1000) / 1000);
    struct tm tm;
    if (how->by == AN_VERDICT_BY_ALL || !localtime_r(&s, &tm))
        return 0;
    struct tm from = {.tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday, .tm_isdst = -1};
    if (how->by == AN_VERDICT_BY_WEEK)
        from.tm_mday -= (tm.tm_wday + 6) % 7;
    if (how->by == AN_VERDICT_BY_SHIFT && how->n_shifts > 0) {
        size_t i = how->n_shifts;
        while (i > 0 && how->shifts[i - 1] > tm.tm_hour)
            i--;
        if (i == 0) /* the last one of the day before */
            from.tm_mday--;
        from.tm_hour = how->shifts[i > 0 ? i - 1 : how->n_shifts - 1];
    }
    return (int64_t)mktime(&from) * 1000;
}

/* ---- counting ---- */

typedef struct counting {
    an_verdict_counts *c;
    const an_verdict_how *how;
    an_err err;
} counting;

static an_verdict_count *count_of(counting *n, const char *line, const uint8_t *version, int64_t ms)
{
    static const uint8_t any[AN_ALARM_HASH];
    an_verdict_counts *c = n->c;
    const uint8_t *v = n->how->versions ? version : any;
    const int64_t from = an_verdict_begin_of(n->how, ms);
    for (size_t i = c->n; i-- > 0;) {
        an_verdict_count *k = &c->items[i];
        if (k->from_ms == from && memcmp(k->version, v, AN_ALARM_HASH) == 0 && strcmp(k->line, line) == 0)
            return k;
    }
    if (!an_grow(&c->items, &c->cap, c->n + 1, sizeof *c->items)) {
        n->err = AN_ERR_NOMEM;
        return NULL;
    }
    an_verdict_count *k = &c->items[c->n++];
    *k = (an_verdict_count){.from_ms = from};
    snprintf(k->line, sizeof k->line, "%s", line);
    memcpy(k->version, v, sizeof k->version);
    return k;
}

static bool concerned(const counting *n, const char *line, int64_t ms)
{
    const an_verdict_how *h = n->how;
    return (!h->line || strcmp(h->line, line) == 0) && (h->to_ms == 0 || (ms >= h->from_ms && ms < h->to_ms));
}

static bool see_alarm(void *ctx, const an_alarm_row *row)
{
    counting *n = ctx;
    const an_alarm_record *r = &row->last;
    an_verdict v;
    if (strncmp(r->source, "rule:", 5) == 0 || !r->ever_shown || !concerned(n, r->line, r->since_ms))
        return true;
    an_verdict_count *k = count_of(n, r->line, r->version, r->since_ms);
    if (!k)
        return false;
    k->alarms++;
    if (an_verdict_find(r->verdict, &v))
        *(v == AN_VERDICT_TRUE ? &k->right : v == AN_VERDICT_FALSE ? &k->wrong : &k->unsure) += 1;
    return true;
}

static bool see_label(void *ctx, const an_label *l)
{
    counting *n = ctx;
    if (l->spoken || l->alarm || l->verdict == AN_VERDICT_UNSURE || !concerned(n, l->line, l->from_ms))
        return true;
    an_verdict_count *k = count_of(n, l->line, l->version, l->from_ms);
    if (!k)
        return false;
    *(l->verdict == AN_VERDICT_TRUE ? &k->missed : &k->good) += 1;
    return true;
}

static int in_order(const void *a, const void *b)
{
    const an_verdict_count *x = a, *y = b;
    const int line = strcmp(x->line, y->line);
    if (line != 0)
        return line;
    if (x->from_ms != y->from_ms)
        return x->from_ms < y->from_ms ? -1 : 1;
    for (size_t i = 0; i < AN_ALARM_HASH; i++)
        if (x->version[i] != y->version[i])
            return x->version[i] < y->version[i] ? -1 : 1;
    return 0;
}

an_err an_verdict_count_log(an_verdict_counts *c, an_alarms *log, const an_verdict_how *how, an_note *why)
{
    counting n = {.c = c, .how = how};
    an_err err = an_alarms_each(log, AN_ALARMS_ALL, 0, see_alarm, &n, why);
    if (!err && !n.err)
        err = an_alarms_labels(log, how->line, see_label, &n, why);
    if (c->n > 0)
        qsort(c->items, c->n, sizeof *c->items, in_order);
    return err ? err : n.err;
}

void an_verdict_counts_done(an_verdict_counts *c)
{
    an_free(c->items);
    *c = (an_verdict_counts){.n = 0};
}
