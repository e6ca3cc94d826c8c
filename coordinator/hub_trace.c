/* What is said and counted of a round, for whoever looks on: log lines that belong together by the round's trace, at
 * the coordinator as at the sites (trust/trace.h). */
#include "base/log.h"
#include "coordinator/hub_internal.h"
#include "trust/trace.h"

void an_hub_trace_site(const an_hub_round *r, const char *site, const char *step, const char *reason)
{
    const an_trace t = an_trace_of(&r->round.plan_hash, site, step);
    an_log(AN_LOG_INFO, step, "site=%s round=%llu model=%s kind=%s reason=\"%s\" trace=%s span=%s", site,
           (unsigned long long)r->round.id, r->plan->model, an_payload_kind_name(r->plan->kind), reason,
           t.trace, t.span);
}

void an_hub_trace_opened(const an_hub_round *r)
{
    const an_trace t = an_trace_of(&r->round.plan_hash, "", "round");
    an_log(AN_LOG_INFO, "round_opened", "round=%llu model=%s kind=%s sites=%u trace=%s span=%s",
           (unsigned long long)r->round.id, r->plan->model, an_payload_kind_name(r->plan->kind),
           r->plan->n_cohort, t.trace, t.span);
}

void an_hub_trace_ended(const an_hub *hub, const an_hub_round *r, const an_round_entry *e)
{
    const an_trace t = an_trace_of(&r->round.plan_hash, "", "round");
    an_log(AN_LOG_INFO, "round_ended",
           "round=%llu model=%s kind=%s state=%s updates=%u commits=%llu reason=\"%s\" trace=%s span=%s",
           (unsigned long long)e->id, e->model, an_payload_kind_name(e->kind),
           e->committed ? "COMMITTED" : "ABORTED", e->n_updates,
           (unsigned long long)(hub->n_commits - r->commits_before), e->reason, t.trace, t.span);
}

/* What changed the round, and is stored. */
void an_hub_trace_event(an_hub *hub, const an_hub_round *r, const an_round_event *e)
{
    an_hub_figures *f = &hub->figures;
    an_trace t;
    switch (e->type) {
    case AN_ROUND_EVENT_ACCEPT:
        f->plans_accepted++;
        an_hub_trace_site(r, e->site, "plan_accepted", "");
        break;
    case AN_ROUND_EVENT_REFUSE:
        f->plans_refused++;
        an_hub_trace_site(r, e->site, "site_refused", e->reason);
        break;
    case AN_ROUND_EVENT_UPDATE:
        f->updates[AN_UPDATE_ACCEPTED]++;
        an_hub_trace_site(r, e->site, "update_pulled", "");
        break;
    case AN_ROUND_EVENT_SUMMED:
    case AN_ROUND_EVENT_SUM_FAILED:
        t = an_trace_of(&r->round.plan_hash, "", "round_summed");
        an_log(AN_LOG_INFO, "round_summed", "round=%llu model=%s done=%s reason=\"%s\" trace=%s span=%s",
               (unsigned long long)r->round.id, r->plan->model,
               e->type == AN_ROUND_EVENT_SUMMED ? "yes" : "no", e->reason, t.trace, t.span);
        break;
    case AN_ROUND_EVENT_TIME:
    case AN_ROUND_EVENT_CANCEL:
    case AN_ROUND_EVENT_SECURE:
        break;
    }
}

const an_hub_figures *an_hub_figures_get(const an_hub *hub)
{
    return &hub->figures;
}
