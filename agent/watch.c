#include "agent/watch.h"

#include <math.h>
#include <stdio.h>

#include "models/stats.h"

void an_watch_init(an_watch *w, const an_watch_conf *conf, int64_t now_ms)
{
    *w = (an_watch){.conf = *conf,
                    .began_ms = now_ms,
                    .last_ms = now_ms,
                    .report_ms = now_ms,
                    .next_look = AN_WATCH_BLOCKS_FIRST,
                    .verdict = AN_LIVE_WATCHING};
}

/* ---- the tests ---- */

static const char *beside(bool paired)
{
    return paired
               ? "on the same rows"
               : "in its last span; it does not score beside this one, so the line may have changed instead";
}

/* Its own blocks, against those of the other alone; unpaired: two rates. */
static bool more_blocks(const an_watch_conf *conf, const an_shadow_counts *c, bool paired, double alpha)
{
    const uint64_t now = c->candidate.blocks_over, before = c->production.blocks_over;
    if (!paired) {
        /* The blocks of the last span are not counted: rows stand for them. */
        const double rows = (double)c->candidate.rows, last = (double)c->production.rows;
        const double blocks = (double)c->blocks, size = blocks > 0 ? rows / blocks : 1;
        const uint64_t then = (uint64_t)((double)c->production.over / size + 0.5);
        return last > 0 && (double)now * last >= conf->band * (double)then * rows &&
               (double)now >= (double)then * rows / last + (double)conf->floor &&
               an_rates_test(now, rows, then, last, conf->band) < alpha;
    }
    return (double)now >= conf->band * (double)before && now >= before + conf->floor &&
           an_mcnemar(c->candidate_only, c->production_only) < alpha;
}

static bool more_alarms(const an_watch_conf *conf, const an_shadow_counts *c, double alpha)
{
    const double rows = (double)c->candidate.rows, last = (double)c->production.rows;
    const uint64_t now = c->candidate.alarms, before = c->production.alarms;
    return rows > 0 && last > 0 && (double)now >= (double)before * rows / last + (double)conf->floor &&
           an_rates_test(now, rows, before, last, conf->band) < alpha;
}

static bool is_slower(const an_watch_conf *conf, const an_shadow_counts *c)
{
    const double now = an_shadow_latency_at(&c->candidate, 0.95),
                 before = an_shadow_latency_at(&c->production, 0.95);
    return before > 0 && now > conf->latency * before && now > before + (double)conf->latency_floor_us;
}

static bool has_failed(const an_shadow_counts *c, bool paired)
{
    return paired ? c->candidate_failed > 0 : c->candidate.non_finite > 0 && c->production.non_finite == 0;
}

bool an_watch_is_worse(const an_watch_conf *conf, const an_shadow_counts *c, bool paired, double alpha,
                       an_note *ret_reason)
{
    const an_shadow_side *now = &c->candidate, *before = &c->production;
    if (has_failed(c, paired)) {
        an_note_set(ret_reason, "%llu row%s without a finite score, and the version before it has %llu %s",
                    (unsigned long long)now->non_finite, now->non_finite == 1 ? "" : "s",
                    (unsigned long long)before->non_finite, beside(paired));
        return true;
    }
    if (more_blocks(conf, c, paired, alpha / 2) || more_alarms(conf, c, alpha / 2)) {
        an_note_set(
            ret_reason,
            "over its threshold in %.2f %% of %llu rows with %llu alarm%s; the version before it in %.2f %% "
            "with %llu %s",
            now->rows ? 100 * (double)now->over / (double)now->rows : 0, (unsigned long long)now->rows,
            (unsigned long long)now->alarms, now->alarms == 1 ? "" : "s",
            before->rows ? 100 * (double)before->over / (double)before->rows : 0,
            (unsigned long long)before->alarms, beside(paired));
        return true;
    }
    if (c->blocks >= AN_WATCH_BLOCKS_FIRST && is_slower(conf, c)) {
        an_note_set(ret_reason,
                    "95 %% of its rows take up to %.0f us, those of the version before it %.0f us",
                    an_shadow_latency_at(now, 0.95), an_shadow_latency_at(before, 0.95));
        return true;
    }
    return false;
}

/* What it is fine with, for people. */
static void say_fine(const an_watch *w, const an_shadow_counts *c, bool paired, an_note *ret)
{
    const an_shadow_side *now = &c->candidate, *before = &c->production;
    const double share = now->rows ? (double)now->over / (double)now->rows : 0,
                 was = before->rows ? (double)before->over / (double)before->rows : 0;
    const bool quiet = before->over >= w->conf.floor && share < w->conf.quiet * was;
    an_note_set(
        ret,
        "%sover its threshold in %.2f %% of %llu rows with %llu alarm%s; the version before it in %.2f "
        "%% with %llu %s",
        quiet ? "quieter than before: " : "", 100 * share, (unsigned long long)now->rows,
        (unsigned long long)now->alarms, now->alarms == 1 ? "" : "s", 100 * was,
        (unsigned long long)before->alarms, beside(paired));
}

/* ---- looks ---- */

an_live_verdict an_watch_look(an_watch *w, const an_shadow_counts *c, bool paired, int64_t now_ms,
                              an_note *ret_reason)
{
    if (w->verdict != AN_LIVE_WATCHING)
        return w->verdict;
    if (now_ms > w->last_ms)
        w->last_ms = now_ms;
    /* A line that stood still has shown nothing, however long. */
    const bool over = w->last_ms - w->began_ms >= w->conf.time_ms && c->blocks >= AN_WATCH_BLOCKS_FIRST;
    if (!over && c->blocks < w->next_look && !has_failed(c, paired))
        return w->verdict;
    while (w->next_look <= c->blocks && w->next_look < UINT64_MAX)
        w->next_look =
            w->next_look < AN_WATCH_BLOCKS_FIRST << (AN_WATCH_LOOKS - 1) ? 2 * w->next_look : UINT64_MAX;
    const double alpha = over ? w->conf.alpha / 2 : w->conf.alpha / 2 / AN_WATCH_LOOKS;
    if (an_watch_is_worse(&w->conf, c, paired, alpha, ret_reason)) {
        w->verdict = AN_LIVE_WORSENED;
    } else {
        say_fine(w, c, paired, ret_reason);
        if (over)
            w->verdict = AN_LIVE_FINE;
    }
    return w->verdict;
}

bool an_watch_report(an_watch *w, int64_t now_ms)
{
    if (now_ms < w->report_ms)
        return false;
    w->report_ms = w->conf.report_ms > 0 ? now_ms + w->conf.report_ms : INT64_MAX;
    return true;
}
