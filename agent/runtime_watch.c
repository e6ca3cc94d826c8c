/* A new version on a line: its figures go to the coordinator, and if it is worse than the one before it, the line
 * asks to go back. */
#include <stdio.h>
#include <string.h>

#include "agent/live_report.h"
#include "agent/runtime_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"

void an_line_watched(void *line, const an_watch_news *news)
{
    an_line *l = line;
    const an_live *live = an_pipeline_live(l->pipe);
    an_line_status *status = an_line_status_of(l);
    an_msg m;
    an_live_report(&m, l->conf->model, l->conf->name, live, news);
    status->watch = news->verdict;
    snprintf(status->watched, sizeof status->watched, "%s", m.u.live.reason);
    an_log(news->verdict == AN_LIVE_WORSENED ? AN_LOG_WARN : AN_LOG_INFO, "version_watched",
           "line=%s verdict=%s rows=%llu reason=\"%s\"", l->conf->name, an_live_verdict_name(news->verdict),
           (unsigned long long)news->counts->rows, m.u.live.reason);
    an_line_fact(l, &m);
    if (news->verdict != AN_LIVE_WORSENED)
        return;
    an_say s = {.kind = AN_SAY_WORSENED};
    memcpy(s.u.worsened.version.b, live->version, sizeof s.u.worsened.version.b);
    memcpy(s.u.worsened.reason, m.u.live.reason, sizeof s.u.worsened.reason);
    an_line_say(l, &s);
}

void an_line_watch_resume(an_line *l, an_live *before)
{
    an_note why = {{0}};
    if (l->kept.len == l->watch_at)
        return;
    an_reader kept = an_reader_of(l->kept.data + l->watch_at, l->kept.len - l->watch_at);
    if (an_pipeline_watch_resume(l->pipe, &kept, before->push ? before : NULL, &why) != AN_OK)
        an_log(AN_LOG_WARN, "watch_not_taken_up", "line=%s why=\"%s\"", l->conf->name, why.text);
    an_buf_clear(&l->kept);
    l->watch_at = 0;
}

/* ---- a candidate ---- */

void an_line_shadow_end(an_line *l)
{
    const an_shadow_counts *counts = an_pipeline_shadow_look(l->pipe);
    if (an_hash_is_zero(&l->candidate))
        return;
    an_say s = {.kind = AN_SAY_SHADOW, .u.shadow = {.candidate = l->candidate}};
    if (counts && (s.u.shadow.counts = an_alloc(1, sizeof *counts)) != NULL)
        *s.u.shadow.counts = *counts;
    an_pipeline_shadow_end(l->pipe);
    l->candidate = (an_hash){{0}};
    an_line_say(l, &s);
}

void an_line_shadow(an_line *l, an_going *g, uint64_t rows)
{
    an_note why = {{0}};
    an_line_shadow_end(l); /* of another one */
    memcpy(l->candidate.b, g->live.version, sizeof l->candidate.b);
    l->candidate_rows = rows;
    if (an_pipeline_shadow(l->pipe, &g->live, &why) != AN_OK) {
        an_log(AN_LOG_ERROR, "candidate_not_shadowed", "line=%s why=\"%s\"", l->conf->name, why.text);
        an_line_shadow_end(l);
    }
    an_going_free(g);
}

void an_line_shadow_look(an_line *l, bool ended)
{
    if (an_hash_is_zero(&l->candidate))
        return;
    const an_shadow_counts *counts = an_pipeline_shadow_look(l->pipe);
    if (!counts || ended || (l->candidate_rows > 0 && counts->rows >= l->candidate_rows))
        an_line_shadow_end(l);
}
