/* What the link thread asks of a line, on the line's thread. */
#include <stdio.h>
#include <string.h>

#include "agent/runtime_line.h"
#include "base/log.h"
#include "base/mem.h"

void an_line_live(an_line_run *r, an_going *g)
{
    an_line *l = r->l;
    an_note why = {{0}};
    an_say done = {.kind = AN_SAY_LIVE};
    memcpy(done.u.live.version.b, g->live.version, sizeof done.u.live.version.b);
    memcpy(done.u.live.overlay.b, g->live.overlay, sizeof done.u.live.overlay.b);
    const size_t n_held = an_held_live(&r->held, g->with_held);
    an_held_resume(&r->held, g->live.version);
    if (g->with_held)
        an_log(AN_LOG_INFO, "held_windows_released", "line=%s windows=%zu", l->conf->name, n_held);
    if (an_pipeline_swap(l->pipe, &g->live, g->watched, &why) != AN_OK) {
        an_log(AN_LOG_ERROR, "version_not_swapped", "line=%s why=\"%s\"", l->conf->name, why.text);
        snprintf(r->status.error, sizeof r->status.error, "%.150s", why.text);
    } else if (!g->watched) {
        an_line_threshold_resume(l);
        an_line_watch_resume(l, &g->before);
    }
    an_line_counts_anew(l, r->clock->wall_ms(r->clock));
    r->status.drift.since_ms = 0; /* of what ran before */
    an_going_free(g);
    an_line_save_pool(r);
    an_line_mark(r); /* with its watch: what has begun is not begun again */
    an_line_say(l, &done);
}

static void snapshot(an_line_run *r)
{
    const an_line *l = r->l;
    an_snapshot *s = an_alloc(1, sizeof *s);
    bool ok = s != NULL;
    if (s) {
        s->width = l->width;
        s->context = l->context;
    }
    for (unsigned i = 0; i < AN_POOL_PARTS && ok; i++)
        ok = (i == AN_POOL_HELD ? an_held_copy(&r->held, &s->raw[i], &s->n[i])
                                : an_pool_copy(l->pool, 1u << i, INT64_MIN, &s->raw[i], &s->n[i])) == AN_OK;
    for (unsigned i = AN_POOL_RECENT; ok && i <= AN_POOL_NEW; i++)
        s->since[i] = an_held_since(&r->held, (an_pool_part)i);
    if (ok)
        s->reported = an_held_reported(&r->held);
    ok = ok && an_held_changed(&r->held, &s->raw[AN_SNAPSHOT_CHANGED], &s->n[AN_SNAPSHOT_CHANGED]) == AN_OK;
    if (!ok) {
        an_snapshot_free(s);
        s = NULL;
    }
    an_say out = {.kind = AN_SAY_SNAPSHOT, .u.snapshot = s};
    an_line_say(r->l, &out);
}

void an_line_obey(an_line_run *r)
{
    an_order o;
    size_t len;
    an_err err = AN_OK;
    while (!an_line_is_readying(r) && (err = an_pipe_recv(r->pipe, &o, sizeof o, &len)) == AN_OK) {
        switch (o.kind) {
        case AN_ORDER_GO:
            r->go = true;
            an_line_rules_gone(r->l);
            if (!r->l->resumed)
                an_line_mark(r); /* so that a crash after the first alarm repeats its number */
            break;
        case AN_ORDER_LIVE:
            r->going = o.going;
            break;
        case AN_ORDER_SHADOW:
            an_line_shadow(r->l, o.going, o.rows);
            break;
        case AN_ORDER_SHADOW_END:
            an_line_shadow_end(r->l);
            break;
        case AN_ORDER_SNAPSHOT:
            snapshot(r);
            break;
        case AN_ORDER_JUDGED:
            an_line_judged(r->l, o.judged, o.n_judged);
            an_free(o.judged);
            an_line_save_pool(r);
            break;
        case AN_ORDER_THRESHOLD:
            an_pipeline_factor_set(r->l->pipe, o.factor);
            r->marked = false;
            break;
        case AN_ORDER_STOP:
            r->stop = true;
            break;
        }
    }
    if (err == AN_ERR_CANCELLED)
        r->stop = true;
}
