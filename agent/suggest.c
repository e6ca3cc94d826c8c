#include "agent/suggest.h"

#include <math.h>
#include <stdlib.h>

static int lower_first(const void *a, const void *b)
{
    const double x = ((const an_suggest_case *)a)->level, y = ((const an_suggest_case *)b)->level;
    return (x > y) - (x < y);
}

static double ratio(uint64_t k, uint64_t n)
{
    return n > 0 ? (double)k / (double)n : 0;
}

static an_suggest_at at_counts(const an_suggest *s, double threshold, uint64_t missed, uint64_t quiet)
{
    an_suggest_at a = {.threshold = threshold,
                       .found = s->defects - missed,
                       .missed = missed,
                       .alarms_wrong = s->good - quiet,
                       .quiet = quiet};
    a.precision = ratio(a.found, a.found + a.alarms_wrong);
    a.recall = ratio(a.found, s->defects);
    a.f1 = ratio(2 * a.found, 2 * a.found + a.alarms_wrong + a.missed);
    a.far = ratio(a.alarms_wrong, s->good);
    return a;
}

static an_suggest_at at_threshold(const an_suggest *s, const an_suggest_case *cases, size_t n,
                                  double threshold)
{
    uint64_t missed = 0, quiet = 0;
    for (size_t i = 0; i < n && cases[i].level <= threshold; i++) {
        missed += cases[i].defective;
        quiet += !cases[i].defective;
    }
    return at_counts(s, threshold, missed, quiet);
}

/* Between two levels next to one another; on the upper side half of the last step beyond the highest. */
static double between(const an_suggest_case *cases, size_t n, size_t below)
{
    if (below == 0)
        return cases[0].level > 0 ? cases[0].level / 2 : cases[0].level - 1;
    if (below == n)
        return cases[n - 1].level + fabs(cases[n - 1].level) * 0.05 + 1e-12;
    return (cases[below - 1].level + cases[below].level) / 2;
}

static double gap(const an_suggest_case *cases, size_t n, size_t below)
{
    return below == 0 || below == n ? 0 : cases[below].level - cases[below - 1].level;
}

void an_suggest_of(an_suggest *ret, an_suggest_case *cases, size_t n, double far, double now)
{
    an_suggest s = {.defects = 0};
    uint64_t missed = 0, quiet = 0;
    size_t best = 0, chosen = n;
    uint64_t chosen_missed = UINT64_MAX; /* none is chosen */
    for (size_t i = 0; i < n; i++) {
        s.defects += cases[i].defective;
        s.good += !cases[i].defective;
    }
    if (n > 0)
        qsort(cases, n, sizeof *cases, lower_first);
    an_suggest_at top = {.f1 = -1};
    for (size_t below = 0; below <= n; below++) { /* so many levels are not above the threshold */
        if (below > 0) {
            missed += cases[below - 1].defective;
            quiet += !cases[below - 1].defective;
        }
        if (below > 0 && below < n && !(cases[below].level > cases[below - 1].level))
            continue; /* no threshold lies between */
        const an_suggest_at a = at_counts(&s, 0, missed, quiet);
        if (a.f1 > top.f1 || (!(a.f1 < top.f1) && gap(cases, n, below) > gap(cases, n, best))) {
            top = a;
            best = below;
        }
        if (a.far <= far &&
            missed <= chosen_missed) { /* `missed` only grows: no alarm for nothing that finds no more */
            chosen = below;
            chosen_missed = missed;
        }
    }
    s.f1_known = s.defects >= AN_SUGGEST_DEFECTS && s.good >= AN_SUGGEST_GOOD;
    /* Of fewer good ones not a single one may be wrong, which says nothing of the rate. */
    s.far_known = s.good >= AN_SUGGEST_GOOD && (double)s.good * far >= 1;
    s.now = at_threshold(&s, cases, n, now);
    if (n > 0) {
        s.f1 = at_threshold(&s, cases, n, between(cases, n, best));
        s.far = at_threshold(&s, cases, n, between(cases, n, chosen));
    }
    *ret = s;
}
