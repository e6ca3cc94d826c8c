/* Models: making them, their policy, what is in production. */
#include <string.h>

#include "base/mem.h"
#include "coordinator/api/api_internal.h"
#include "doors/crypto.h"

#define SENSORS_MAX 4096
#define POLICY_MAX 128

static const char *const alias_keys[AN_ALIASES] = {"candidate", "canary", "production"};

an_json *an_api_model_json(const an_api_call *c, const an_model_entry *m)
{
    an_json *o = an_json_object();
    uint32_t connected = 0;
    int64_t versions = 0;
    for (size_t i = 0; an_hub_live_at(c->hub, i); i++) {
        const an_hub_live *live = an_hub_live_at(c->hub, i);
        for (uint32_t k = 0; live->connected && k < live->n_lines; k++) {
            if (strcmp(live->lines[k].model, m->name) == 0) {
                connected++;
                break;
            }
        }
    }
    for (size_t i = 0; i < c->state->versions.n; i++)
        versions += strcmp(c->state->versions.items[i].model, m->name) == 0;
    an_json_set_text(o, "name", m->name);
    for (size_t i = 0; i < AN_ALIASES; i++)
        an_api_set_hash(o, alias_keys[i], &m->alias[i]);
    an_api_set_hash(o, "blank", &m->blank);
    an_api_set_hash(o, "schema", &m->schema);
    an_api_set_hash(o, "layout", &m->layout);
    an_json_set_int(o, "versions", versions);
    an_json_set_int(o, "sites_connected", connected);
    an_json_set_int(o, "release_counter", (int64_t)m->counter);
    an_api_set_model_privacy(c, o, m);
    return o;
}

static an_json *value_json(const an_opt *row, const void *conf)
{
    const char *at = (const char *)conf + row->offset;
    switch (row->type) {
    case AN_OPT_TYPE_NUM: {
        double v;
        memcpy(&v, at, sizeof v);
        return an_json_num(v);
    }
    case AN_OPT_TYPE_BOOL: {
        bool v;
        memcpy(&v, at, sizeof v);
        return an_json_bool(v);
    }
    case AN_OPT_TYPE_TEXT: {
        char *v;
        memcpy(&v, at, sizeof v);
        return an_json_text(v);
    }
    case AN_OPT_TYPE_CHOICE: {
        int v;
        memcpy(&v, at, sizeof v);
        return an_json_text(row->choices[v]);
    }
    case AN_OPT_TYPE_LINE:
        return an_json_text(at);
    case AN_OPT_TYPE_INT:
    case AN_OPT_TYPE_MS:
    case AN_OPT_TYPE_BYTES:
        break;
    }
    int64_t v;
    memcpy(&v, at, sizeof v);
    return an_json_int(v);
}

static an_json *policy_json(const an_policy *p)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < an_policy_n_rows; i++) {
        an_json *o = an_json_object();
        an_json_set_text(o, "key", an_policy_rows[i].key);
        an_json_set(o, "value", value_json(&an_policy_rows[i], p));
        if (an_policy_rows[i].type == AN_OPT_TYPE_MS || an_policy_rows[i].type == AN_OPT_TYPE_BYTES)
            an_json_set_text(o, "unit", an_policy_rows[i].type == AN_OPT_TYPE_MS ? "ms" : "bytes");
        an_json_set_text(o, "default", an_policy_rows[i].dflt);
        an_json_set_text(o, "meaning", an_policy_rows[i].meaning);
        an_json_push(list, o);
    }
    return list;
}

static an_err need_model(const an_api_call *c, const char *name, an_model_entry **ret, an_note *why)
{
    *ret = an_state_model(c->state, name);
    return *ret ? AN_OK : an_fail(AN_ERR_NOTFOUND, why, "no model %.63s", name);
}

static an_err answer_model(an_api_call *c, const char *name, bool policy, an_note *why)
{
    an_model_entry *m;
    an_err err = need_model(c, name, &m, why);
    if (err != AN_OK)
        return err;
    an_json_set(c->answer, "model", an_api_model_json(c, m));
    if (policy)
        an_json_set(c->answer, "policy", policy_json(&m->policy));
    return AN_OK;
}

an_err an_api_models(an_api_call *c, an_note *why)
{
    an_api_list l;
    an_err err = an_api_list_open(c, &l, c->state->models.n, AN_OLDEST, 1000, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        an_json_push(list, an_api_model_json(c, &c->state->models.items[i]));
        l.left--;
    }
    an_json_set(c->answer, "models", list);
    an_api_list_close(c, &l);
    return AN_OK;
}

an_err an_api_model(an_api_call *c, an_note *why)
{
    return answer_model(c, c->arg, true, why);
}

an_err an_api_model_policy(an_api_call *c, an_note *why)
{
    an_model_entry *m;
    an_err err = need_model(c, c->arg, &m, why);
    if (err == AN_OK)
        an_json_set(c->answer, "policy", policy_json(&m->policy));
    return err;
}

/* ---- options ---- */

typedef struct options {
    const char *pairs[POLICY_MAX][2];
    char *texts[POLICY_MAX]; /* numbers and truth values as texts, owned */
    size_t n;
} options;

static void options_done(options *o)
{
    for (size_t i = 0; i < o->n; i++)
        an_free(o->texts[i]);
}

/* Values may be texts ("10m"), numbers or true and false. */
static an_err options_read(options *o, const an_jval *map, an_note *why)
{
    if (!map)
        return AN_OK;
    if (an_jval_kind(map) != AN_JKIND_OBJECT || an_jval_count(map) > POLICY_MAX)
        return an_fail(AN_ERR_INVAL, why, "policy: must be an object of at most %d keys", POLICY_MAX);
    for (const char *key = an_jval_key_first(map); key; key = an_jval_key_next(map, key)) {
        const an_jval *v = an_jval_get(map, key);
        const char *value = NULL;
        char *text = NULL;
        an_jkind kind = an_jval_kind(v);
        if (kind == AN_JKIND_TEXT) {
            an_err err = an_jval_text(v, NULL, &value, why);
            if (err != AN_OK)
                return err;
        } else if (kind == AN_JKIND_INT || kind == AN_JKIND_NUM || kind == AN_JKIND_BOOL) {
            an_json *copy = an_json_array(); /* a value alone is no JSON text: print [v], cut
                                                the brackets */
            an_json_push(copy, an_json_copy(v));
            text = an_json_print(copy, 0);
            an_json_free(copy);
            if (!text)
                return AN_ERR_NOMEM;
            text[strlen(text) - 1] = '\0';
            value = text + 1;
        } else {
            return an_fail(AN_ERR_INVAL, why, "policy: %.80s must be a text, a number, true or false", key);
        }
        o->texts[o->n] = text;
        o->pairs[o->n][0] = key;
        o->pairs[o->n++][1] = value;
    }
    return AN_OK;
}

an_err an_api_model_policy_set(an_api_call *c, an_note *why)
{
    options o = {.n = 0};
    const char *reason = "";
    const an_jval *map = an_jval_get(c->body, "policy");
    an_err err = options_read(&o, map ? map : c->body, why);
    if (err == AN_OK && map)
        err = an_api_reason(c, &reason, why);
    if (err == AN_OK && o.n == 0)
        err = an_fail(AN_ERR_INVAL, why, "give options: {\"train.rounds\": 10}");
    if (err == AN_OK)
        err = an_hub_model_policy_because(c->hub, c->actor, c->arg, (const char *const(*)[2])o.pairs, o.n,
                                          reason, why);
    options_done(&o);
    return err == AN_OK ? answer_model(c, c->arg, true, why) : err;
}

/* ---- creating ---- */

static an_err text_list(const an_jval *list, const char *what, size_t need, const char ***ret,
                        uint32_t *ret_n, an_note *why)
{
    size_t n = an_jval_count(list);
    if (an_jval_kind(list) != AN_JKIND_ARRAY || n == 0 || n > SENSORS_MAX || (need && n != need))
        return an_fail(AN_ERR_INVAL, why,
                       need ? "%s: must be a list of as many texts as there are sensors (%zu)"
                            : "%s: must be a list of 1..%zu texts",
                       what, need ? need : (size_t)SENSORS_MAX);
    const char **items = an_alloc(n, sizeof *items);
    an_err err = items ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        err = an_jval_text(an_jval_at(list, i), NULL, &items[i], why);
    if (err != AN_OK) {
        an_free(items);
        return err;
    }
    *ret = items;
    *ret_n = (uint32_t)n;
    return AN_OK;
}

static an_err read_numbers(const an_jval *b, an_model_spec *spec, an_note *why)
{
    int64_t window, stride, smooth;
    an_err err;
    if ((err = an_jval_get_num(b, "rate_hz", 0, 1e6, 0, &spec->rate_hz, why)) != AN_OK ||
        (err = an_jval_get_int(b, "window", 1, 65536, 1, &window, why)) != AN_OK ||
        (err = an_jval_get_int(b, "stride", 1, 65536, 1, &stride, why)) != AN_OK ||
        (err = an_jval_get_int(b, "smooth", 1, 65536, 1, &smooth, why)) != AN_OK)
        return err;
    spec->window = (uint32_t)window;
    spec->stride = (uint32_t)stride;
    spec->smooth = (uint32_t)smooth;
    if ((err = an_jval_get_text(b, "steps", "", &spec->steps, why)) != AN_OK ||
        (err = an_jval_get_text(b, "missing", "", &spec->missing, why)) != AN_OK)
        return err;
    return an_jval_get_text(b, "threshold", "target_far:0.01", &spec->threshold, why);
}

an_err an_api_model_create(an_api_call *c, an_note *why)
{
    static const char *const keys[] = {"name",   "arch",      "sensors",  "units", "rate_hz",
                                       "window", "stride",    "smooth",   "steps", "missing",
                                       "policy", "threshold", "detector", "from",  NULL};
    an_model_spec spec = {.name = NULL};
    options o = {.n = 0};
    const char **sensors = NULL, **units = NULL, *from = NULL;
    uint32_t n_units;
    an_version *begins = NULL;
    an_hash hash;
    const an_jval *b = c->body, *given_units = an_jval_get(b, "units");
    an_err err;
    if ((err = an_jval_only_keys(b, keys, why)) != AN_OK ||
        (err = an_jval_text(b, "name", &spec.name, why)) != AN_OK ||
        (err = an_jval_get_text(b, "arch", NULL, &spec.arch, why)) != AN_OK ||
        (err = an_jval_get_text(b, "detector", NULL, &spec.detector, why)) != AN_OK ||
        (err = an_jval_get_text(b, "from", NULL, &from, why)) != AN_OK ||
        (err = read_numbers(b, &spec, why)) != AN_OK)
        goto out;
    if ((err = text_list(an_jval_get(b, "sensors"), "sensors", 0, &sensors, &spec.n_sensors, why)) != AN_OK)
        goto out;
    if (given_units &&
        (err = text_list(given_units, "units", spec.n_sensors, &units, &n_units, why)) != AN_OK)
        goto out;
    if ((err = options_read(&o, an_jval_get(b, "policy"), why)) != AN_OK)
        goto out;
    if (from && (err = an_api_version_find(c, from, &begins, why)) != AN_OK)
        goto out;
    if (begins) {
        hash = begins->hash;
        spec.from = &hash;
    }
    spec.sensors = sensors;
    spec.units = units;
    spec.policy = (const char *const(*)[2])o.pairs;
    spec.n_policy = o.n;
    if ((err = an_hub_model_create(c->hub, c->actor, &spec, why)) != AN_OK)
        goto out;
    c->status = 201;
    err = answer_model(c, spec.name, true, why);
out:
    options_done(&o);
    an_free(sensors);
    an_free(units);
    return err;
}

/* ---- production ---- */

/* "waiting" is the number of the release that the root has to sign first. */
static an_err answer_moved(an_api_call *c, const an_hash *version, an_note *why)
{
    const an_release_wait *w = version ? an_state_wait_of(c->state, version, 0) : NULL;
    for (size_t i = c->state->waits.n; !version && !w && i-- > 0;)
        if (c->state->waits.items[i].open && !c->state->waits.items[i].campaign &&
            strcmp(c->state->waits.items[i].model, c->arg) == 0)
            w = &c->state->waits.items[i];
    if (w) {
        c->status = 202;
        an_json_set_int(c->answer, "waiting", (int64_t)w->id);
    }
    an_api_set_open_rollouts(c);
    return answer_model(c, c->arg, false, why);
}

/* What the gate, a rollout or a person has stopped needs a word of who releases it all the same. */
static an_err check_stopped(an_api_call *c, const an_hash *version, const char *reason, an_note *why)
{
    const an_state *st = an_hub_state(c->hub);
    for (size_t i = st->campaigns.n; i-- > 0 && !reason[0];) {
        const an_campaign *k = &st->campaigns.items[i];
        if (k->state == AN_CAMPAIGN_STOPPED && an_hash_equal(&k->head, version))
            return an_fail(AN_ERR_STATE, why,
                           "campaign %llu has stopped this version (%.200s); to release it all the same say "
                           "why: \"reason\", --reason TEXT",
                           (unsigned long long)k->id, k->reason);
    }
    return AN_OK;
}

an_err an_api_model_promote(an_api_call *c, an_note *why)
{
    const char *text, *reason;
    an_version *v;
    an_err err;
    if ((err = an_jval_text(c->body, "version", &text, why)) != AN_OK ||
        (err = an_api_reason(c, &reason, why)) != AN_OK ||
        (err = an_api_version_find(c, text, &v, why)) != AN_OK)
        return err;
    an_hash hash = v->hash;
    bool at_once = false;
    if ((err = an_jval_get_bool(c->body, "at_once", false, &at_once, why)) != AN_OK ||
        (err = check_stopped(c, &hash, reason, why)) != AN_OK)
        return err;
    err = at_once ? an_hub_rollout_open(c->hub, c->actor, c->arg, &hash, reason, 0, true, NULL, why)
                  : an_hub_promote(c->hub, c->actor, c->arg, &hash, reason, why);
    return err == AN_OK ? answer_moved(c, &hash, why) : err;
}

an_err an_api_model_rollback(an_api_call *c, an_note *why)
{
    const char *reason;
    an_model_entry *m;
    an_err err;
    if ((err = need_model(c, c->arg, &m, why)) != AN_OK || (err = an_api_reason(c, &reason, why)) != AN_OK)
        return err;
    if (!reason[0])
        return an_fail(AN_ERR_INVAL, why, "\"reason\" is missing: say why, it is kept in the journal");
    err = an_hub_rollback(c->hub, c->actor, c->arg, reason, why);
    return err == AN_OK ? answer_moved(c, NULL, why) : err;
}
