/* Drift: the reports, what they add up to, and what is expected of a fleet without any. */
#include <string.h>

#include "coordinator/api/api_internal.h"
#include "coordinator/drift.h"

an_json *an_api_drift_json(const an_drift_entry *d)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "site", d->site);
    an_json_set_text(o, "model", d->model);
    an_json_set_text(o, "line", d->line);
    an_json_set_text(o, "test", d->test);
    an_json_set_text(o, "subject", d->subject);
    an_json_set_int(o, "sign", d->sign);
    an_json_set_num(o, "effect", d->effect);
    an_json_set_num(o, "threshold", d->threshold);
    an_json_set_int(o, "since_ms", d->since_ms);
    an_json_set_int(o, "time_ms", d->time_ms);
    an_json_set_int(o, "campaign", (int64_t)d->campaign);
    an_api_set_hash(o, "version", &d->version);
    return o;
}

an_err an_api_drifts(an_api_call *c, an_note *why)
{
    const an_api_request *q = c->req;
    an_api_list l;
    an_err err = an_api_list_open(c, &l, c->state->drifts.n, AN_NEWEST, 50, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        const an_drift_entry *d = &c->state->drifts.items[i];
        if (!an_api_sees(c, d->site) || !an_api_wants(q->model, d->model) ||
            !an_api_wants(q->site, d->site) || !an_api_within(&l.window, d->time_ms))
            continue;
        an_json_push(list, an_api_drift_json(d));
        l.left--;
    }
    an_json_set(c->answer, "drifts", list);
    an_api_list_close(c, &l);
    return AN_OK;
}

static an_json *finding_json(const an_triage_finding *f)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "site", f->site);
    an_json_set_text(o, "line", f->line);
    an_json_set_text(o, "test", f->test);
    an_json_set_text(o, "subject", f->subject);
    an_json_set_num(o, "effect", f->effect);
    an_json_set_num(o, "threshold", f->threshold);
    an_json_set_num(o, "p", f->p);
    an_json_set_int(o, "reports", f->reports);
    an_json_set_int(o, "first_ms", f->first_ms);
    an_json_set_int(o, "since_ms", f->since_ms);
    an_json_set_bool(o, "proven", f->proven);
    an_json_set_bool(o, "ripe", f->ripe);
    return o;
}

static an_json *expected_json(const an_drift_chance *c)
{
    an_json *o = an_json_object();
    an_json_set_int(o, "lines", (int64_t)c->lines);
    an_json_set_num(o, "reports_month", c->reports);
    an_json_set_num(o, "campaigns_month", c->campaigns);
    an_json_set_num(o, "campaigns_month_uncontrolled", c->uncontrolled);
    an_json_set_num(o, "p_alone", c->alone);
    an_json_set_num(o, "p_of_report", c->of_report);
    an_json_set_int(o, "lines_together", (int64_t)c->together);
    return o;
}

static an_json *observed_json(const an_drift_seen *s)
{
    an_json *o = an_json_object();
    an_json_set_num(o, "days", s->days);
    an_json_set_int(o, "reports", (int64_t)s->reports);
    an_json_set_int(o, "campaigns", (int64_t)s->campaigns);
    an_json_set_int(o, "promoted", (int64_t)s->promoted);
    an_json_set_int(o, "possible_faults", (int64_t)s->faults);
    an_json_set_int(o, "no_gain", (int64_t)s->no_gain);
    an_json_set_num(o, "false_month", s->false_month);
    an_json_set_num(o, "false_month_max", s->false_month_max);
    return o;
}

static an_json *triggers_json(const an_triage *t)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < AN_TRIGGERS; i++) {
        const an_trigger_look *l = &t->looks[i];
        an_json *o = an_json_object();
        an_json_set_text(o, "trigger", l->name);
        an_json_set_text(o, "looks_at", l->what);
        an_json_set_bool(o, "on", l->bound > 0);
        an_json_set_bool(o, "due", l->due);
        an_json_set_num(o, "bound", l->bound);
        an_json_set_text(o, "evidence", l->evidence.text);
        an_json_push(list, o);
    }
    return list;
}

an_err an_api_model_drift(an_api_call *c, an_note *why)
{
    an_triage t;
    an_err err = an_hub_drift_look(c->hub, c->arg, &t, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i = 0; i < t.n; i++)
        an_json_push(list, finding_json(&t.findings[i]));
    an_json_set_text(c->answer, "model", c->arg);
    an_json_set_text(c->answer, "cause", t.cause);
    an_json_set_text(c->answer, "scope", an_triage_scope_name(t.scope));
    an_json_set_text(c->answer, "answer", an_triage_answer_name(t.answer));
    an_json_set_text(c->answer, "evidence", t.evidence.text);
    an_json_set_text(c->answer, "why", t.why.text);
    an_json_set_int(c->answer, "lines", (int64_t)t.n_lines);
    an_json_set_int(c->answer, "sites", (int64_t)t.n_sites);
    an_json_set_int(c->answer, "sites_proven", (int64_t)t.proven_sites);
    an_json_set_int(c->answer, "sites_needed", (int64_t)t.needed);
    an_json_set(c->answer, "findings", list);
    an_json_set(c->answer, "triggers", triggers_json(&t));
    an_json_set(c->answer, "expected", expected_json(&t.chance));
    const an_drift_seen seen = an_drift_observed(c->state, c->arg, an_api_now(c));
    an_json_set(c->answer, "observed", observed_json(&seen));
    an_triage_done(&t);
    return AN_OK;
}
