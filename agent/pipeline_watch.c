/* Those beside what runs: the version before it while it is watched, and a candidate. */
#include <string.h>

#include "agent/pipeline_internal.h"

bool an_pipeline_times(const an_pipeline *p)
{
    return p->before || p->candidate;
}

static void tell(an_pipeline *p, const an_note *reason)
{
    const an_watch *w = &p->watch;
    const an_watch_news news = {.verdict = w->verdict,
                                .reason = reason->text,
                                .counts = an_shadow_look(p->before),
                                .paired = p->paired,
                                .before = p->before_version,
                                .since_ms = w->began_ms,
                                .span_ms = w->last_ms - w->began_ms};
    if (p->conf.hooks.watch)
        p->conf.hooks.watch(p->conf.hooks.ctx, &news);
}

static void look(an_pipeline *p, int64_t now_ms)
{
    an_note reason = {{0}};
    const an_live_verdict verdict =
        an_watch_look(&p->watch, an_shadow_look(p->before), p->paired, now_ms, &reason);
    if (verdict == AN_LIVE_WATCHING && !an_watch_report(&p->watch, now_ms))
        return;
    tell(p, &reason);
    p->judged = verdict != AN_LIVE_WATCHING;
    if (verdict ==
        AN_LIVE_FINE) { /* a worsened one is kept: what it says goes into the mark until it is gone */
        an_shadow_free(p->before);
        p->before = NULL;
    }
}

void an_pipeline_beside(an_pipeline *p, const an_pipeline_in *in, an_err err, double score, uint64_t ns)
{
    const size_t bad = an_quality_bad_n(p->quality);
    const an_shadow_in s = {.time_ms = in->time_ms,
                            .row = p->row,
                            .quality = p->quality,
                            .unscorable = (double)bad > p->conf.bad_share_max * (double)p->conf.width ||
                                          bad == p->conf.width,
                            .err = err,
                            .score = score,
                            .ns = ns,
                            .timed = true};
    if (p->candidate)
        an_shadow_row(p->candidate, &s);
    if (!p->before || p->judged)
        return;
    if (p->watch.began_ms == 0) /* before the first row after a restart */
        an_watch_init(&p->watch, &p->conf.watch, in->time_ms);
    an_shadow_row(p->before, &s);
    look(p, in->time_ms);
}

void an_pipeline_beside_reset(an_pipeline *p)
{
    if (p->candidate)
        an_shadow_reset(p->candidate);
    if (p->before)
        an_shadow_reset(p->before);
}

void an_pipeline_beside_free(an_pipeline *p)
{
    an_shadow_free(p->before);
    an_shadow_free(p->candidate);
    p->before = p->candidate = NULL;
    p->judged = false;
}

/* ---- the version before ---- */

an_err an_pipeline_watch_open(an_pipeline *p, const an_live *next, an_shadow **ret, an_note *why)
{
    const an_shadow_conf conf = {.alarm = p->conf.alarm, .history = next->history, .alarms = p->alarm};
    memcpy(p->before_version, p->live.version, sizeof p->before_version);
    return an_shadow_new(&conf, &p->live, ret, why);
}

void an_pipeline_watch_begin(an_pipeline *p, an_shadow *before)
{
    p->before = before;
    p->paired = true;
    an_watch_init(&p->watch, &p->conf.watch, p->last_ms);
}

bool an_pipeline_is_watched(const an_pipeline *p)
{
    return p->before && !p->judged;
}

void an_pipeline_watch_save(const an_pipeline *p, an_buf *ret)
{
    if (!p->before)
        return;
    an_buf_put(ret, p->live.version, AN_ALARM_HASH);
    an_buf_put(ret, p->before_version, AN_ALARM_HASH);
    an_buf_u64(ret, (uint64_t)p->watch.began_ms);
    an_buf_u64(ret, (uint64_t)p->watch.last_ms);
    an_buf_u64(ret, p->watch.next_look);
    an_shadow_save(an_shadow_look(p->before), ret);
}

/* Models that scored no row since have no window: both are shown the rows that are remembered. */
static an_err open_again(an_pipeline *p, an_live *before, an_note *why)
{
    an_live none = {.width = p->conf.width};
    const bool fits = before && an_pipeline_fits(p, before, NULL) == AN_OK &&
                      memcmp(before->version, p->before_version, AN_ALARM_HASH) == 0;
    const an_shadow_conf conf = {.alarm = p->conf.alarm, .history = p->live.history, .alarms = p->alarm};
    if (fits && !an_pipeline_grow(p, before->history))
        return AN_ERR_NOMEM;
    if (fits)
        an_pipeline_warm(p, before);
    p->paired = fits;
    return an_shadow_new(&conf, fits ? before : &none, &p->before, why);
}

an_err an_pipeline_watch_resume(an_pipeline *p, an_reader *saved, an_live *before, an_note *why)
{
    an_shadow_counts counts;
    an_watch w = {.conf = p->conf.watch, .verdict = AN_LIVE_WATCHING};
    const uint8_t *version = an_read_bytes(saved, AN_ALARM_HASH),
                  *former = an_read_bytes(saved, AN_ALARM_HASH);
    w.began_ms = (int64_t)an_read_u64(saved);
    w.last_ms = (int64_t)an_read_u64(saved);
    w.next_look = an_read_u64(saved);
    if (!version || !former || saved->failed || w.next_look < AN_WATCH_BLOCKS_FIRST ||
        w.last_ms < w.began_ms || an_shadow_restore(saved, &counts) != AN_OK)
        return an_fail(AN_ERR_PROTO, why, "what is kept of the watch is damaged");
    if (p->conf.watch.time_ms == 0 || !p->has_live || memcmp(p->live.version, version, AN_ALARM_HASH) != 0)
        return AN_OK;
    memcpy(p->before_version, former, sizeof p->before_version);
    an_err err = open_again(p, before, why);
    if (err != AN_OK)
        return err;
    an_shadow_resume(p->before, &counts);
    w.next_look = AN_WATCH_BLOCKS_FIRST; /* what it had decided by then, it decides again */
    w.report_ms = w.last_ms;
    p->watch = w;
    p->judged = false;
    return AN_OK;
}

/* ---- a candidate ---- */

an_err an_pipeline_shadow(an_pipeline *p, an_live *beside, an_note *why)
{
    const an_shadow_conf conf = {
        .alarm = p->conf.alarm, .beside_is_candidate = true, .history = p->live.history, .alarms = p->alarm};
    an_shadow *s = NULL;
    an_err err = p->has_live
                     ? an_pipeline_fits(p, beside, why)
                     : an_fail(AN_ERR_INVAL, why, "the line runs no version to hold a candidate against");
    if (err != AN_OK)
        return err;
    if (!an_pipeline_grow(p, beside->history))
        return AN_ERR_NOMEM;
    an_pipeline_warm(p, beside);
    if ((err = an_shadow_new(&conf, beside, &s, why)) != AN_OK)
        return err;
    an_pipeline_shadow_end(p);
    p->candidate = s;
    return AN_OK;
}

const an_shadow_counts *an_pipeline_shadow_look(const an_pipeline *p)
{
    return p->candidate ? an_shadow_look(p->candidate) : NULL;
}

void an_pipeline_shadow_end(an_pipeline *p)
{
    an_shadow_free(p->candidate);
    p->candidate = NULL;
}
