/* All that is known of a version, in one object: for version show, cards and comparisons. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/api/api_internal.h"
#include "coordinator/card.h"
#include "coordinator/figures.h"
#include "doors/crypto.h"
#include "models/bundle.h"
#include "models/model.h"

/* ---- the bundle ---- */

static an_err read_bundle(const an_api_call *c, const an_hash *hash, an_bundle *ret)
{
    char path[AN_PATH_MAX];
    const an_version *v = an_state_version(c->state, hash);
    if (!v || v->pruned)
        return AN_ERR_NOTFOUND;
    an_err err = an_store_object_file(an_hub_store(c->hub), hash, path, NULL);
    return err == AN_OK ? an_bundle_read(ret, NULL, path, NULL) : err;
}

static void set_bundle(an_json *o, const an_bundle *b)
{
    an_json *q = an_json_object(), *sensors = an_json_array();
    an_json_set_int(q, "parameters", (int64_t)b->n_weights);
    an_json_set_int(q, "window", b->schema.window);
    an_json_set_int(q, "n_sensors", b->schema.n);
    an_json_set_text(q, "detector", b->detector ? b->detector->type->name : "none");
    an_json_set_text(q, "threshold_policy", b->policy);
    an_json_set_num(q, "threshold", b->threshold);
    for (uint32_t i = 0; i < b->schema.n; i++)
        an_json_push_text(sensors, b->schema.sensors[i].name);
    an_json_set(q, "sensors", sensors);
    an_api_set_hash(q, "layout", &b->layout);
    an_json_set(o, "bundle", q);
}

/* Tensors of one and not of the other, or of another shape. */
static size_t differing(const an_model *a, const an_model *b, an_json *ret_names)
{
    size_t n = 0;
    for (size_t i = 0; i < an_model_n_tensors(a); i++) {
        const an_tensor *t = an_model_tensor_at(a, i), *u = an_model_tensor_find(b, t->name);
        const bool same = u && u->n_dims == t->n_dims && u->local == t->local &&
                          memcmp(u->dims, t->dims, t->n_dims * sizeof *t->dims) == 0;
        if (same)
            continue;
        n++;
        an_json_push_text(ret_names, t->name);
    }
    return n;
}

/* "none", or what is there and what was; "" if one of them is not here any more. */
static void layout_difference(const an_api_call *c, const an_hash *from, const an_bundle *to, an_note *ret)
{
    an_bundle b = {.arch = NULL};
    an_model *old = NULL, *now = NULL;
    an_json *gone = an_json_array(), *come = an_json_array();
    an_note_set(ret, "%s", "");
    if (an_hash_is_zero(from)) {
        an_note_set(ret, "it has no parent");
    } else if (read_bundle(c, from, &b) == AN_OK) {
        if (an_hash_equal(&b.layout, &to->layout)) {
            an_note_set(ret, "none");
        } else if (an_model_new(b.arch, strlen(b.arch), "parent", b.schema.n, &old, NULL) == AN_OK &&
                   an_model_new(to->arch, strlen(to->arch), "version", to->schema.n, &now, NULL) == AN_OK) {
            const size_t n_come = differing(now, old, come), n_gone = differing(old, now, gone);
            an_note_set(ret, "%zu of %zu tensors are new or of another shape, %zu of %zu are gone or were",
                        n_come, an_model_n_tensors(now), n_gone, an_model_n_tensors(old));
        }
    }
    an_model_free(old);
    an_model_free(now);
    an_json_free(gone);
    an_json_free(come);
    an_bundle_done(&b);
}

/* ---- training ---- */

static void set_rounds(const an_api_call *c, an_json *o, const an_version *v)
{
    an_json *list = an_json_array();
    double epsilon = 0, delta = 0;
    uint32_t unit = AN_DP_NONE, bare = 0;
    for (size_t i = 0; i < c->state->rounds.n; i++) {
        const an_round_entry *e = &c->state->rounds.items[i];
        if (!v->campaign || e->campaign != v->campaign || !e->committed || (v->round && e->id > v->round))
            continue;
        an_json *r = an_json_object();
        an_json_set_int(r, "id", (int64_t)e->id);
        an_json_set_text(r, "kind", an_payload_find(e->kind)->name);
        an_json_set_int(r, "sites", e->n_updates);
        an_api_set_hash(r, "plan", &e->plan);
        if (an_api_set_protection(c, r, &e->plan, NULL) != AN_OK)
            an_json_set_text(r, "protection", "");
        an_json_push(list, r);
        bare += e->kind == AN_PAYLOAD_TRAIN && e->privacy.cost.unit == AN_DP_NONE;
        if (e->privacy.cost.unit != AN_DP_NONE) {
            unit = e->privacy.cost.unit;
            epsilon = e->privacy.epsilon;
            delta = e->privacy.delta;
        }
    }
    an_json_set(o, "rounds", list);
    an_note text;
    if (unit == AN_DP_NONE)
        an_note_set(&text, "no noise was added; nothing is promised by a differential privacy budget");
    else
        an_note_set(&text,
                    "epsilon %.4g of a %s at delta %g, of all rounds of the model up to this one; outside "
                    "it: %u training "
                    "rounds without noise, and statistics and evaluations",
                    epsilon, an_dp_unit_name(unit), delta, bare);
    an_json_set_text(o, "privacy", text.text);
}

static void set_campaign(const an_api_call *c, an_json *o, const an_version *v)
{
    const an_campaign *k = v->campaign ? an_state_campaign(c->state, v->campaign) : NULL;
    if (!k)
        return;
    an_json *q = an_json_object();
    an_json_set_int(q, "id", (int64_t)k->id);
    an_json_set_text(q, "kind", an_campaign_kind_name(k->kind));
    an_json_set_text(q, "trigger", an_api_text_for(c, k->trigger));
    an_json_set_text(q, "state", an_campaign_state_name(k->state));
    an_json_set(o, "campaign", q);
}

/* ---- what records say of it ---- */

typedef struct search {
    const an_version *v;
    char hex[AN_HASH_TEXT];
    an_json *releases, *o;
} search;

static void copy(an_json *to, const char *key, const an_jval *from, const char *of)
{
    if (an_jval_get(from, of))
        an_json_set(to, key, an_json_copy(an_jval_get(from, of)));
}

static void take_release(search *s, const an_record *r, const an_jval *o)
{
    const char *version = "";
    if (an_jval_get_text(o, "version", "", &version, NULL) != AN_OK || strcmp(version, s->hex) != 0)
        return;
    an_json *q = an_json_object();
    copy(q, "counter", o, "counter");
    copy(q, "expires_ms", o, "expires_ms");
    copy(q, "delegation", o, "delegation");
    copy(q, "signatures", o, "signatures");
    an_json_set_int(q, "time_ms", r->time_ms);
    an_json_set_text(q, "actor", r->actor);
    an_json_push(s->releases, q);
}

static void take_gate(search *s, const an_jval *o)
{
    int64_t id = 0;
    const char *candidate = "";
    if (an_jval_get_int(o, "id", 0, INT64_MAX, 0, &id, NULL) != AN_OK || (uint64_t)id != s->v->campaign ||
        an_jval_get_text(o, "candidate", "", &candidate, NULL) != AN_OK || strcmp(candidate, s->hex) != 0)
        return;
    an_json *q = an_json_object();
    copy(q, "passed", o, "passed");
    copy(q, "reason", o, "reason");
    an_json_set(s->o, "gate", q);
}

static an_err take_record(void *ctx, const an_record *r, an_note *why)
{
    search *s = ctx;
    const bool release = strcmp(r->kind, "release.signed") == 0;
    an_json_doc *doc = NULL;
    if (!release && strcmp(r->kind, "campaign.gated") != 0)
        return AN_OK;
    an_err err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, why);
    if (err != AN_OK)
        return err;
    if (release)
        take_release(s, r, an_json_root(doc));
    else
        take_gate(s, an_json_root(doc));
    an_json_doc_free(doc);
    return AN_OK;
}

static an_err set_records(const an_api_call *c, an_json *o, const an_version *v, an_note *why)
{
    search s = {.v = v, .releases = an_json_array(), .o = o};
    an_hash_text(s.hex, &v->hash);
    an_err err =
        an_store_scan(an_hub_store(c->hub), &(an_store_filter){.subject = v->model}, take_record, &s, why);
    an_json_set(o, "releases", s.releases);
    return err;
}

static void set_lines(const an_api_call *c, an_json *o, const an_version *v)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < c->state->reported.n; i++) {
        const an_reported_entry *e = &c->state->reported.items[i];
        char name[2 * AN_NAME_MAX];
        if (!an_hash_equal(&e->version, &v->hash) || !an_api_sees(c, e->site))
            continue;
        snprintf(name, sizeof name, "%s/%s", e->site, e->line);
        an_json_push_text(list, name);
    }
    an_json_set(o, "lines", list);
}

/* ---- figures ---- */

static void set_value(an_json *o, const char *key, size_t i, const an_evaluation *e)
{
    double v;
    char text[32];
    if (!an_figure_of(i, e, &v))
        return;
    snprintf(text, sizeof text, "%.6g", v);
    an_json_set_text(o, key, text);
}

static an_err read_evaluation(const an_api_call *c, const an_version *v, an_evaluate_out *ret, an_note *why)
{
    an_buf bytes;
    if (an_hash_is_zero(&v->evaluation))
        return AN_ERR_NOTFOUND;
    an_buf_init(&bytes, AN_JSON_MAX_BYTES);
    an_err err = an_store_object_get(an_hub_store(c->hub), &v->evaluation, &bytes, why);
    if (err == AN_OK)
        err = an_evaluation_parse(bytes.data, bytes.len, ret, why);
    an_buf_done(&bytes);
    return err;
}

static an_err set_figures(const an_api_call *c, an_json *o, const an_version *v, an_note *why)
{
    an_evaluate_out e;
    an_err err = read_evaluation(c, v, &e, why);
    const an_campaign *k = v->campaign ? an_state_campaign(c->state, v->campaign) : NULL;
    if (err != AN_OK)
        return err == AN_ERR_NOTFOUND ? AN_OK : err;
    an_json *list = an_json_array();
    for (size_t i = 0; i < an_figures_n; i++) {
        an_json *m = an_json_object();
        an_json_set_text(m, "key", an_figures[i].key);
        an_json_set_text(m, "better", an_better_name(an_figures[i].better));
        an_json_set_text(m, "meaning", an_figures[i].meaning);
        set_value(m, "value", i, &e.candidate);
        set_value(m, "against", i, &e.production);
        an_json_push(list, m);
    }
    an_json_set(o, "figures", list);
    an_json_set_int(o, "evaluated_sites", (int64_t)e.candidate.sites);
    an_json_set_int(o, "evaluated_windows", (int64_t)e.candidate.n);
    an_json_set_text(o, "held_against",
                     k && k->first ? "a version without training" : "production of that time");
    return AN_OK;
}

/* ---- all of it ---- */

static int64_t generations(const an_api_call *c, const an_version *v)
{
    int64_t n = 0;
    while (!an_hash_is_zero(&v->parent) && (v = an_state_version(c->state, &v->parent)) && n < 100000)
        n++;
    return n;
}

an_err an_api_version_facts(const an_api_call *c, const an_version *v, an_json **ret, an_note *why)
{
    an_bundle b = {.arch = NULL};
    an_note layout;
    an_json *o = an_json_object();
    an_api_set_hash(o, "hash", &v->hash);
    if (!an_hash_is_zero(&v->parent))
        an_api_set_hash(o, "parent", &v->parent);
    an_json_set_text(o, "model", v->model);
    an_json_set_int(o, "size", (int64_t)v->size);
    an_json_set_int(o, "created_ms", v->created_ms);
    an_json_set_int(o, "generations", generations(c, v));
    if (v->quarantined)
        an_json_set_text(o, "quarantined", an_api_reason_for(c, v->reason));
    if (read_bundle(c, &v->hash, &b) == AN_OK) {
        set_bundle(o, &b);
        layout_difference(c, &v->parent, &b, &layout);
        an_json_set_text(o, "layout_difference", layout.text);
    }
    an_bundle_done(&b);
    set_campaign(c, o, v);
    set_rounds(c, o, v);
    set_lines(c, o, v);
    an_err err = set_records(c, o, v, why);
    if (err == AN_OK)
        err = set_figures(c, o, v, why);
    if (err == AN_OK)
        *ret = o;
    else
        an_json_free(o);
    return err;
}

an_err an_api_version_card_text(const an_api_call *c, const an_version *v, an_buf *out, an_note *why)
{
    an_json *facts = NULL;
    an_json_doc *doc = NULL;
    an_err err = an_api_version_facts(c, v, &facts, why);
    char *text = err == AN_OK ? an_json_print(facts, 0) : NULL;
    if (err == AN_OK)
        err = text ? an_json_parse(text, strlen(text), "facts", &doc, why) : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = an_card_text(an_json_root(doc), out);
    an_json_doc_free(doc);
    an_free(text);
    an_json_free(facts);
    return err;
}

an_err an_api_version_card(an_api_call *c, an_note *why)
{
    an_version *v;
    an_buf text;
    an_err err = an_api_version_find(c, c->arg, &v, why);
    if (err != AN_OK)
        return err;
    an_buf_init(&text, AN_CARD_MAX + 1);
    err = an_api_version_card_text(c, v, &text, why);
    if (err == AN_OK) {
        an_buf_u8(&text, 0);
        err = an_buf_err(&text);
    }
    if (err == AN_OK)
        an_json_set_text(c->answer, "card", (const char *)text.data);
    an_buf_done(&text);
    return err;
}

/* ---- side by side ---- */

static int64_t steps_to(const an_api_call *c, const an_version *from, const an_hash *to)
{
    int64_t n = 0;
    for (const an_version *v = from; v && n < 100000; n++) {
        if (an_hash_equal(&v->hash, to))
            return n;
        v = an_hash_is_zero(&v->parent) ? NULL : an_state_version(c->state, &v->parent);
    }
    return -1;
}

/* Both ways up to the nearest version that both come from. */
static void set_distance(an_api_call *c, const an_version *a, const an_version *b)
{
    for (const an_version *v = a; v;) {
        const int64_t other = steps_to(c, b, &v->hash);
        if (other >= 0) {
            an_api_set_hash(c->answer, "common", &v->hash);
            an_json_set_int(c->answer, "steps_a", steps_to(c, a, &v->hash));
            an_json_set_int(c->answer, "steps_b", other);
            return;
        }
        v = an_hash_is_zero(&v->parent) ? NULL : an_state_version(c->state, &v->parent);
    }
}

static void set_compared(an_api_call *c, const an_version *a, const an_version *b)
{
    an_evaluate_out ea, eb;
    an_json *list = an_json_array();
    const bool both = read_evaluation(c, a, &ea, NULL) == AN_OK && read_evaluation(c, b, &eb, NULL) == AN_OK;
    for (size_t i = 0; both && i < an_figures_n; i++) {
        double va, vb;
        if (!an_figure_of(i, &ea.candidate, &va) || !an_figure_of(i, &eb.candidate, &vb))
            continue;
        const int better = an_figure_compare(&an_figures[i], va, vb);
        an_json *m = an_json_object();
        an_json_set_text(m, "key", an_figures[i].key);
        an_json_set_text(m, "better", an_better_name(an_figures[i].better));
        set_value(m, "a", i, &ea.candidate);
        set_value(m, "b", i, &eb.candidate);
        an_json_set_text(m, "winner", better > 0 ? "a" : better < 0 ? "b" : "");
        an_json_push(list, m);
    }
    an_json_set(c->answer, "figures", list);
}

an_err an_api_version_compare(an_api_call *c, an_note *why)
{
    an_version *a, *b;
    an_json *fa = NULL, *fb = NULL;
    an_bundle bundle = {.arch = NULL};
    an_note layout = {{0}};
    an_err err = an_api_version_find(c, c->arg, &a, why);
    if (err == AN_OK)
        err = an_api_version_find(c, c->req->subject, &b, why);
    if (err != AN_OK)
        return err;
    if ((err = an_api_version_facts(c, a, &fa, why)) != AN_OK ||
        (err = an_api_version_facts(c, b, &fb, why)) != AN_OK) {
        an_json_free(fa);
        return err;
    }
    an_json_set(c->answer, "a", fa);
    an_json_set(c->answer, "b", fb);
    if (read_bundle(c, &b->hash, &bundle) == AN_OK)
        layout_difference(c, &a->hash, &bundle, &layout);
    an_bundle_done(&bundle);
    an_json_set_text(c->answer, "layout_difference", layout.text);
    set_distance(c, a, b);
    set_compared(c, a, b);
    return AN_OK;
}
