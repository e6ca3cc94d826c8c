#include "agent/live_report.h"

#include <string.h>

static double mean(const an_shadow_side *s)
{
    return s->rows ? s->score_sum / (double)s->rows : 0;
}

static uint64_t slow_us(const an_shadow_side *s)
{
    return (uint64_t)(an_shadow_latency_at(s, 0.95) + 0.5);
}

void an_live_report(an_msg *ret, const char *model, const char *line, const an_live *live,
                    const an_watch_news *news)
{
    const an_shadow_side *now = &news->counts->candidate, *before = &news->counts->production;
    *ret = (an_msg){.type = AN_MSG_LIVE};
    an_msg_live *v = &ret->u.live;
    an_text_set(v->model, sizeof v->model, model);
    an_text_set(v->line, sizeof v->line, line);
    memcpy(v->version.b, live->version, sizeof v->version.b);
    memcpy(v->overlay.b, live->overlay, sizeof v->overlay.b);
    memcpy(v->before.b, news->before, sizeof v->before.b);
    v->since_ms = news->since_ms > 0 ? news->since_ms : 0;
    v->span_ms = (uint64_t)news->span_ms;
    v->rows = now->rows;
    v->over = now->over;
    v->alarms = now->alarms;
    v->non_finite = now->non_finite;
    v->latency_us = slow_us(now);
    v->score_mean = mean(now);
    v->score_p95 = an_shadow_score_at(now, 0.95);
    v->paired = news->paired;
    v->before_rows = before->rows;
    v->before_over = before->over;
    v->before_alarms = before->alarms;
    v->before_non_finite = before->non_finite;
    v->before_latency_us = slow_us(before);
    v->before_score_mean = mean(before);
    v->before_score_p95 = an_shadow_score_at(before, 0.95);
    v->verdict = news->verdict;
    an_text_set(v->reason, sizeof v->reason, news->reason);
}
