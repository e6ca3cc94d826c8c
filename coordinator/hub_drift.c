/* What sites have reported and counted, and whether a campaign answers it. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/drift.h"
#include "coordinator/hub_internal.h"

/* The lines that run the model, those of sites that are away just now among them, but of no site that was revoked. */
static an_err lines_of(an_hub *hub, const an_model_entry *m, an_triage_line **ret, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < hub->live.n; i++)
        n += hub->live.items[i].n_lines;
    an_triage_line *lines = an_alloc(n + 1, sizeof *lines);
    if (!lines)
        return AN_ERR_NOMEM;
    n = 0;
    for (size_t i = 0; i < hub->live.n; i++) {
        const an_hub_live *live = &hub->live.items[i];
        const an_site *site = an_state_site(&hub->state, live->site);
        for (uint32_t k = 0; site && site->status == AN_SITE_APPROVED && k < live->n_lines; k++)
            if (strcmp(live->lines[k].model, m->name) == 0 &&
                an_hash_equal(&live->lines[k].schema, &m->schema))
                lines[n++] = (an_triage_line){.site = live->site, .line = live->lines[k].line};
    }
    *ret = lines;
    *ret_n = n;
    return AN_OK;
}

/* The end of the last campaign that trained; without one, since when the model has a production. */
static int64_t trained_ms(const an_hub *hub, const an_model_entry *m)
{
    int64_t since = m->trained_ms;
    for (size_t i = hub->state.moves.n; i-- > 0 && since == 0;) {
        const an_move_entry *move = &hub->state.moves.items[i];
        if (move->alias == AN_ALIAS_PRODUCTION && strcmp(move->model, m->name) == 0)
            since = move->time_ms;
    }
    return since;
}

an_err an_hub_drift_triage(an_hub *hub, const an_model_entry *m, an_triage *ret, an_note *why)
{
    an_hub_model *facts = NULL;
    an_triage_line *lines = NULL;
    size_t n_lines = 0;
    an_err err = an_hub_model_facts(hub, m->name, &facts, why);
    if (err == AN_OK)
        err = lines_of(hub, m, &lines, &n_lines);
    if (err != AN_OK)
        return err;
    const an_triage_in in = {.model = m->name,
                             .production = m->alias[AN_ALIAS_PRODUCTION - 1],
                             .policy = &m->policy,
                             .alerts = hub->state.drifts.items,
                             .n_alerts = hub->state.drifts.n,
                             .lines = lines,
                             .n_lines = n_lines,
                             .rate_hz = facts->rate_hz,
                             .now_ms = an_hub_now(hub),
                             .counts = hub->state.counts.items,
                             .n_counts = hub->state.counts.n,
                             .campaign_ms = m->campaign_ms,
                             .trained_ms = trained_ms(hub, m),
                             .open = an_state_campaign_open(&hub->state, m->name)};
    err = an_drift_triage(&in, ret);
    an_free(lines);
    return err;
}

an_err an_hub_drift_look(an_hub *hub, const char *model, an_triage *ret, an_note *why)
{
    const an_model_entry *m = an_state_model(&hub->state, model);
    return m ? an_hub_drift_triage(hub, m, ret, why) : an_fail(AN_ERR_NOTFOUND, why, "no model %.63s", model);
}

/* Those that speak for it, as the record keeps them. */
static an_json *sites_of(const an_triage *t)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < t->proven && !t->everybody; i++)
        if (t->findings[i].leads)
            an_json_push_text(list, t->findings[i].site);
    return list;
}

static an_json *evidence_of(const an_triage *t)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < t->proven && i < AN_CAMPAIGN_LINES_MAX; i++) {
        const an_triage_finding *f = &t->findings[i];
        an_json *o = an_json_object();
        an_json_set_text(o, "site", f->site);
        an_json_set_text(o, "line", f->line);
        an_json_set_text(o, "test", f->test);
        if (f->subject[0])
            an_json_set_text(o, "subject", f->subject);
        an_json_set_num(o, "value", f->effect);
        an_json_set_num(o, "bound", f->threshold);
        an_json_set_num(o, "p", f->p);
        an_json_set_int(o, "n", f->reports);
        an_json_set_int(o, "since_ms", f->since_ms);
        an_json_push(list, o);
    }
    return list;
}

#define REPLAY_MAX 256 /* names that the record has */

/* The sites that train on what they know: all that run the model and do not speak for it. */
static an_err replay_of(an_hub *hub, const an_model_entry *m, const an_triage *t, an_json **ret)
{
    an_triage_line *lines = NULL;
    size_t n = 0, named = 0;
    an_err err = t->everybody || t->answer == AN_ANSWER_OVERLAY ? AN_OK : lines_of(hub, m, &lines, &n);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i = 0; i < n && named < REPLAY_MAX; i++) {
        bool others = i == 0 || strcmp(lines[i].site, lines[i - 1].site) != 0; /* by site */
        for (size_t k = 0; k < t->proven && others; k++)
            others = strcmp(t->findings[k].site, lines[i].site) != 0;
        if (others)
            an_json_push_text(list, lines[i].site);
        named += others;
    }
    an_free(lines);
    *ret = list;
    return AN_OK;
}

static bool open_campaign(an_hub *hub, const an_model_entry *m, const an_triage *t)
{
    an_note why = {{0}};
    uint64_t id;
    const bool alone = t->answer == AN_ANSWER_OVERLAY;
    an_json *replay = NULL;
    if (replay_of(hub, m, t, &replay) != AN_OK)
        return false; /* looked at again at the next tick */
    const an_campaign_wish wish = {.kind = alone ? AN_CAMPAIGN_OVERLAY : AN_CAMPAIGN_INCREMENTAL,
                                   .trigger = t->evidence.text,
                                   .cause = t->cause,
                                   .scope = an_triage_scope_name(t->scope),
                                   .plan = t->why.text,
                                   .sites = sites_of(t),
                                   .replay = replay,
                                   .evidence = evidence_of(t),
                                   .ask = t->answer == AN_ANSWER_ASK};
    an_err err = an_hub_campaign_wish(hub, "coordinator", m->name, &wish, &id, &why);
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "campaign_not_opened", "model=%s err=%s why=\"%s\"", m->name, an_err_name(err),
               why.text);
    return err == AN_OK;
}

bool an_hub_drift_answer(an_hub *hub, const an_model_entry *m)
{
    an_triage t;
    an_note why = {{0}};
    bool opened = false;
    if (an_hash_is_zero(&m->alias[AN_ALIAS_PRODUCTION - 1]) || an_state_campaign_open(&hub->state, m->name))
        return false;
    an_err err = an_hub_drift_triage(hub, m, &t, &why);
    if (err != AN_OK) {
        an_log(AN_LOG_ERROR, "drift_not_judged", "model=%s err=%s why=\"%s\"", m->name, an_err_name(err),
               why.text);
        return false;
    }
    if (t.answer != AN_ANSWER_NOTHING)
        opened = open_campaign(hub, m, &t);
    an_triage_done(&t);
    return opened;
}
