/* What a line has come to, and what people say of its alarms, on its way to the coordinator. */
#include "agent/runtime_internal.h"

void an_line_counts_anew(an_line *l, int64_t now_ms)
{
    const an_live *live = an_pipeline_live(l->pipe);
    const an_alarm *alarm = an_pipeline_alarm(l->pipe);
    if (live)
        an_tally_live(&l->tally, live->version, live->overlay, an_alarm_id(alarm) + an_alarm_is_open(alarm),
                      now_ms);
}

void an_line_counts_say(an_line *l, int64_t now_ms)
{
    an_msg m;
    if (!an_tally_due(&l->tally, now_ms))
        return;
    an_tally_report(&m, &l->tally, l->conf->model, l->conf->name);
    an_line_fact(l, &m);
}
