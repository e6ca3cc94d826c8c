/* The gate of a campaign: figures from the store, verdict into the journal. */
#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/gate.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"

bool an_hub_has_rival(const an_campaign *c, const an_plan *plan)
{
    return !an_hash_is_zero(&plan->production) && !(c && an_hash_equal(&plan->production, &c->untrained));
}

static an_err read_object(an_hub *hub, const an_hash *object, an_buf *ret, an_note *why)
{
    an_buf_init(ret, 65536);
    return an_store_object_get(hub->conf.store, object, ret, why);
}

static an_err read_figures(an_hub *hub, const an_campaign *c, an_evaluate_out *ret,
                           an_shadow_counts *ret_shadow, an_note *why)
{
    an_buf text;
    an_err err = read_object(hub, &c->evaluation, &text, why);
    if (err == AN_OK)
        err = an_evaluation_parse(text.data, text.len, ret, why);
    an_buf_done(&text);
    if (err != AN_OK || an_hash_is_zero(&c->shadow))
        return err;
    if ((err = read_object(hub, &c->shadow, &text, why)) == AN_OK)
        err = an_shadow_parse(text.data, text.len, ret_shadow, why);
    an_buf_done(&text);
    return err;
}

/* A loss of no window is no number. */
static void set_finite(an_json *o, const char *key, double v)
{
    if (isfinite(v))
        an_json_set_num(o, key, v);
}

static an_json *rows_json(const an_gate_verdict *v)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < v->n_rows; i++) {
        const an_gate_row *r = &v->rows[i];
        an_json *o = an_json_object();
        an_json_set_text(o, "what", r->what);
        set_finite(o, "candidate", r->candidate);
        set_finite(o, "production", r->production);
        set_finite(o, "bound", r->bound);
        set_finite(o, "limit", r->limit);
        an_json_set_bool(o, "judged", r->judged);
        an_json_set_bool(o, "passed", r->passed);
        an_json_push(list, o);
    }
    return list;
}

static an_json *gated_body(const an_campaign *c, const an_gate_verdict *v)
{
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)c->id);
    an_json_set_bool(o, "passed", v->passed);
    an_json_set_text(o, "reason", v->reason.text);
    an_json_set_hash(o, "candidate", &c->head);
    an_json_set_hash(o, "evaluation", &c->evaluation);
    an_json_set_hash(o, "shadow", &c->shadow);
    an_json_set_bool(o, "hard", v->hard);
    an_json_set(o, "rows", rows_json(v));
    return o;
}

an_err an_hub_gate(an_hub *hub, const an_campaign *c, an_note *why)
{
    const an_model_entry *m = an_state_model(&hub->state, c->model);
    an_evaluate_out figures;
    an_shadow_counts shadow = {.rows = 0};
    an_gate_verdict verdict;
    an_record_batch b = {.n = 0};
    an_err err = read_figures(hub, c, &figures, &shadow, why);
    if (err != AN_OK)
        return err;
    const an_gate_case which = c->first                             ? AN_GATE_FIRST
                               : c->kind == AN_CAMPAIGN_INCREMENTAL ? AN_GATE_INCREMENTAL
                                                                    : AN_GATE_FULL;
    an_gate_judge(&figures, an_hash_is_zero(&c->shadow) ? NULL : &shadow, &m->policy, which, &verdict);
    an_log(AN_LOG_INFO, "campaign_gated", "campaign=%llu model=%s passed=%s reason=\"%s\"",
           (unsigned long long)c->id, c->model, verdict.passed ? "yes" : "no", verdict.reason.text);
    an_batch_add(&b, "campaign.gated", c->model, "coordinator", NULL, gated_body(c, &verdict));
    if (verdict.hard && an_state_version(&hub->state, &c->head)) {
        an_json *o = an_json_object();
        an_json_set_hash(o, "hash", &c->head);
        an_json_set_text(o, "reason", verdict.reason.text);
        an_batch_add(&b, "version.quarantined", c->model, "coordinator", NULL, o);
    }
    uint64_t id = c->id;
    if ((err = an_hub_commit(hub, &b, why)) != AN_OK || verdict.passed)
        return err;
    return an_hub_campaign_end(hub, id, false, verdict.reason.text, "coordinator", why);
}
