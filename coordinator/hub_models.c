/* Models: making the blank version from a description, and what plans need to know of it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "models/bundle.h"
#include "models/model.h"

an_err an_hub_bundle_path(an_hub *hub, const an_hash *version, char out[static AN_PATH_MAX], an_note *why)
{
    return an_store_object_file(hub->conf.store, version, out, why);
}

static an_err tensors_from(an_hub_model *m, const an_bundle *b, an_note *why)
{
    an_model *model = NULL;
    an_err err = an_model_new(b->arch, strlen(b->arch), "architecture", b->prep.features, &model, why);
    if (err != AN_OK)
        return err;
    size_t n = an_model_n_tensors(model);
    if (n > AN_TENSORS_MAX) {
        err = an_fail(AN_ERR_LIMIT, why, "%zu tensors; a plan describes at most %d", n, AN_TENSORS_MAX);
    } else if (!(m->tensors = an_alloc(n, sizeof *m->tensors))) {
        err = AN_ERR_NOMEM;
    } else {
        m->n_tensors = (uint32_t)n;
        for (size_t i = 0; i < n; i++) {
            const an_tensor *t = an_model_tensor_at(model, i);
            m->tensors[i] = (an_tensor_scale){.n = (uint32_t)t->n, .local = t->local || t->frozen};
        }
    }
    an_model_free(model);
    return err;
}

static an_err facts_from(an_hub_model *m, const an_bundle *b, an_note *why)
{
    m->n_sensors = b->schema.n;
    m->n_columns = (uint32_t)an_prep_columns(&b->prep);
    m->rate_hz = b->schema.rate_hz;
    m->n_sums = (uint32_t)an_detector_n_sums(b->detector);
    return b->arch[0] ? tensors_from(m, b, why) : AN_OK;
}

an_err an_hub_model_facts(an_hub *hub, const char *name, an_hub_model **ret, an_note *why)
{
    for (size_t i = 0; i < hub->models.n; i++) {
        if (strcmp(hub->models.items[i].name, name) == 0) {
            *ret = &hub->models.items[i];
            return AN_OK;
        }
    }
    const an_model_entry *e = an_state_model(&hub->state, name);
    if (!e)
        return an_fail(AN_ERR_NOTFOUND, why, "no model %s", name);
    char path[AN_PATH_MAX];
    an_bundle b = {.arch = NULL};
    an_hub_model m = {.n_tensors = 0};
    snprintf(m.name, sizeof m.name, "%s", name);
    an_err err = an_hub_bundle_path(hub, &e->blank, path, why);
    if (err == AN_OK)
        err = an_bundle_read(&b, NULL, path, why);
    if (err != AN_OK)
        return err;
    err = facts_from(&m, &b, why);
    an_bundle_done(&b);
    if (err == AN_OK && !an_grow(&hub->models.items, &hub->models.cap, hub->models.n + 1, sizeof m))
        err = AN_ERR_NOMEM;
    if (err != AN_OK) {
        an_free(m.tensors);
        return err;
    }
    hub->models.items[hub->models.n] = m;
    *ret = &hub->models.items[hub->models.n++];
    return AN_OK;
}

/* Mean 0 and scale 1 until the sites have agreed on better. */
static an_err blank_prep(an_bundle *b, const an_model_spec *spec, an_note *why)
{
    an_prep_conf conf;
    an_prep_chain *chain = NULL;
    an_err err = AN_OK;
    an_prep_conf_init(&conf);
    conf.window = spec->window;
    conf.stride = spec->stride;
    conf.smooth = spec->smooth;
    if (spec->steps && spec->steps[0])
        err = an_chain_parse(spec->steps, strlen(spec->steps), spec->sensors, spec->n_sensors, &chain, why);
    an_prep_conf_chain(&conf, chain);
    if (err == AN_OK && spec->missing && spec->missing[0])
        err = an_prep_conf_set(&conf, "missing", spec->missing, why);
    if (err == AN_OK)
        err = an_prep_blank(&b->prep, &conf, spec->n_sensors, why);
    an_chain_free(chain);
    return err == AN_ERR_PROTO ? AN_ERR_INVAL : err;
}

/* What may not run comes back under no other name, and what privacy has cost a model is not forgotten by a new one. */
static an_err may_begin(an_hub *hub, const an_hash *version, an_note *why)
{
    const an_version *v = an_state_version(&hub->state, version);
    if (!v)
        return an_fail(AN_ERR_NOTFOUND, why, "there is no such version");
    an_err err = an_hub_version_check(hub, v->model, version, why);
    const an_model_entry *m = an_state_model(&hub->state, v->model);
    if (err == AN_OK && (m->spent.rounds[0] > 0 || m->spent.rounds[1] > 0 || m->policy.dp_unit != AN_DP_NONE))
        err = an_fail(
            AN_ERR_STATE, why,
            "model %.63s is trained within a privacy budget (dp.unit): a model that begins with it would "
            "begin a new account",
            v->model);
    return err;
}

static an_err take_from(an_hub *hub, const an_hash *version, const an_model *m, float *weights, an_note *why)
{
    char path[AN_PATH_MAX], hex[AN_HASH_TEXT];
    an_bundle b = {.arch = NULL};
    an_model *from = NULL;
    size_t n = 0;
    an_err err = may_begin(hub, version, why);
    if (err == AN_OK)
        err = an_hub_bundle_path(hub, version, path, why);
    if (err == AN_OK)
        err = an_bundle_read(&b, NULL, path, why);
    if (err != AN_OK)
        return err;
    an_hash_text(hex, version);
    if (!b.arch[0])
        err = an_fail(AN_ERR_INVAL, why, "version %.12s of model %s has no network", hex, b.model);
    if (err == AN_OK)
        err = an_model_new(b.arch, strlen(b.arch), "version", b.prep.features, &from, why);
    if (err == AN_OK && an_model_take(m, weights, from, b.weights, &n) == 0)
        err = an_fail(AN_ERR_INVAL, why,
                      "no layer of version %.12s of model %s has the name and shape of one of the "
                      "architecture, as \"%s\"",
                      hex, b.model, an_model_n_tensors(m) ? an_model_tensor_at(m, 0)->name : "");
    an_model_free(from);
    an_bundle_done(&b);
    return err;
}

/* Is there anything that a round could train?  A model without parameters is refused elsewhere. */
static bool moves(const an_model *m)
{
    const an_tensor *t;
    for (size_t i = 0; (t = an_model_tensor_at(m, i)); i++)
        if (!t->local && !t->frozen)
            return true;
    return an_model_n_tensors(m) == 0;
}

static an_err blank_network(an_hub *hub, an_bundle *b, const an_model_spec *spec, uint64_t seed,
                            bool *ret_reconstructs, an_note *why)
{
    an_model *model = NULL;
    an_err err = an_model_new(spec->arch, strlen(spec->arch), "architecture", b->prep.features, &model, why);
    if (err != AN_OK)
        return err;
    if (an_model_n_inputs(model) != an_prep_input(&b->prep)) {
        err = an_fail(AN_ERR_INVAL, why,
                      "the model takes %zu values, a window of %u rows of %u features has %zu",
                      an_model_n_inputs(model), spec->window, b->prep.features, an_prep_input(&b->prep));
        goto out;
    }
    if (!moves(model)) {
        err = an_fail(AN_ERR_INVAL, why, "every layer is frozen or local: a round has nothing to train");
        goto out;
    }
    *ret_reconstructs = an_model_is_autoencoder(model);
    b->n_weights = an_model_n_params(model);
    an_model_layout_hash(model, &b->layout);
    b->arch = an_strdup(an_model_text(model));
    b->weights = an_alloc(b->n_weights, sizeof *b->weights);
    if (!b->arch || !b->weights)
        err = AN_ERR_NOMEM;
    else if (!spec->weights)
        an_model_init(model, seed, b->weights);
    else if (spec->n_weights == b->n_weights)
        memcpy(b->weights, spec->weights, b->n_weights * sizeof *b->weights);
    else
        err = an_fail(AN_ERR_INVAL, why, "the model has %zu parameters, and is to begin with %zu",
                      b->n_weights, spec->n_weights);
    if (err == AN_OK && spec->from)
        err = take_from(hub, spec->from, model, b->weights, why);
out:
    an_model_free(model);
    return err;
}

/* Residuals count as they are until a site has calibrated; what learns from labels has none to judge; without a network the detector is what rounds make. */
static an_err blank_detector(an_bundle *b, const an_model_spec *spec, uint64_t seed, bool reconstructs,
                             an_note *why)
{
    const char *name = spec->detector ? spec->detector : spec->arch ? "autoencoder" : "mahalanobis";
    if (spec->arch && !reconstructs)
        return spec->detector ? an_fail(AN_ERR_INVAL, why, "the detector %s needs a reconstruction", name)
                              : AN_OK;
    an_err err = an_detector_new(name, spec->window, b->prep.features, &b->detector, why);
    if (err != AN_OK)
        return err;
    if (!spec->arch && an_detector_n_sums(b->detector) == 0)
        return an_fail(AN_ERR_INVAL, why, "the detector %s needs an architecture", name);
    if (spec->arch && !b->detector->type->needs_model)
        return an_fail(AN_ERR_INVAL, why, "the detector %s needs no architecture", name);
    an_detector_blank(b->detector, seed);
    return AN_OK;
}

static an_err blank_bundle(an_hub *hub, an_bundle *b, const an_model_spec *spec, uint64_t seed, an_note *why)
{
    an_err err = an_schema_new(&b->schema, spec->sensors, spec->units, spec->n_sensors, spec->rate_hz,
                               spec->window, why);
    if (err != AN_OK)
        return err;
    if ((err = blank_prep(b, spec, why)) != AN_OK)
        return err;
    snprintf(b->model, sizeof b->model, "%s", spec->name);
    snprintf(b->policy, sizeof b->policy, "%s", spec->threshold);
    b->threshold = 1;
    bool reconstructs = false;
    if (!spec->arch && spec->from)
        return an_fail(
            AN_ERR_INVAL, why,
            "without an architecture there is nothing to begin with what another version has learnt");
    if (spec->arch)
        err = blank_network(hub, b, spec, seed, &reconstructs, why);
    else if (!(b->arch = an_strdup("")))
        err = AN_ERR_NOMEM;
    return err == AN_OK ? blank_detector(b, spec, seed, reconstructs, why) : err;
}

static an_json *policy_texts(const char *const (*texts)[2], size_t n)
{
    an_json *o = an_json_object();
    for (size_t i = 0; i < n; i++)
        an_json_set_text(o, texts[i][0], texts[i][1]);
    return o;
}

an_err an_hub_model_create(an_hub *hub, const char *actor, const an_model_spec *spec, an_note *why)
{
    if (!an_name_ok(spec->name))
        return an_fail(AN_ERR_INVAL, why, "a model's name has letters, digits, '.', '_' and '-' only");
    if (an_state_model(&hub->state, spec->name))
        return an_fail(AN_ERR_EXISTS, why, "model %s exists", spec->name);
    an_err err;
    an_policy policy;
    an_bundle b = {.arch = NULL};
    an_buf bytes;
    an_hash blank, schema;
    an_record_batch batch = {.n = 0};
    if ((err = an_threshold_check(spec->threshold, why)) != AN_OK)
        return err;
    if ((err = an_policy_init(&policy)) != AN_OK)
        return err;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    if ((err = an_policy_set_all(&policy, spec->policy, spec->n_policy, why)) != AN_OK)
        goto out;
    if ((err = an_hub_stages_check(hub, policy.rollout_stages, why)) != AN_OK)
        goto out;
    if ((err = blank_bundle(hub, &b, spec, (uint64_t)policy.seed, why)) != AN_OK)
        goto out;
    if ((err = an_bundle_encode(&b, &bytes, why)) != AN_OK)
        goto out;
    if ((err = an_store_object_put(hub->conf.store, bytes.data, bytes.len, &blank, why)) != AN_OK)
        goto out;
    an_schema_hash(&schema, &b.schema);
    an_json *o = an_json_object(), *v = an_json_object();
    an_json_set_hash(o, "blank", &blank);
    an_json_set_hash(o, "schema", &schema);
    an_json_set_hash(o, "layout", &b.layout);
    an_json_set(o, "policy", policy_texts(spec->policy, spec->n_policy));
    if (spec->from)
        an_json_set_hash(o, "from", spec->from);
    an_batch_add(&batch, "model.created", spec->name, actor, NULL, o);
    an_json_set_hash(v, "hash", &blank);
    an_json_set_int(v, "size", (int64_t)bytes.len);
    an_batch_add(&batch, "version.registered", spec->name, actor, NULL, v);
    err = an_hub_commit(hub, &batch, why);
    if (err == AN_OK)
        an_hub_greet_again(hub, spec->name);
out:
    an_opt_done(an_policy_rows, an_policy_n_rows, &policy);
    an_buf_done(&bytes);
    an_bundle_done(&b);
    return err;
}

/* What the options were, for those that are set now. */
static an_json *policy_before(const an_policy *p, const char *const (*texts)[2], size_t n)
{
    an_json *o = an_json_object();
    for (size_t i = 0; i < n; i++) {
        char value[AN_OPT_VALUE_MAX];
        const an_opt *row = an_opt_find(an_policy_rows, an_policy_n_rows, texts[i][0]);
        if (!row)
            continue;
        an_opt_value(row, p, value);
        an_json_set_text(o, row->key, value);
    }
    return o;
}

an_err an_hub_model_policy(an_hub *hub, const char *actor, const char *model, const char *const (*policy)[2],
                           size_t n, an_note *why)
{
    return an_hub_model_policy_because(hub, actor, model, policy, n, "", why);
}

an_err an_hub_model_policy_because(an_hub *hub, const char *actor, const char *model,
                                   const char *const (*policy)[2], size_t n, const char *reason, an_note *why)
{
    const an_model_entry *m = an_state_model(&hub->state, model);
    if (!m)
        return an_fail(AN_ERR_NOTFOUND, why, "no model %s", model);
    an_policy p = m->policy; /* no option of a policy owns memory */
    an_record_batch batch = {.n = 0};
    an_err err = an_policy_set_all(&p, policy, n, why);
    if (err == AN_OK && strcmp(p.rollout_stages, m->policy.rollout_stages) != 0)
        err = an_hub_stages_check(hub, p.rollout_stages, why);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object();
    an_json_set(o, "policy", policy_texts(policy, n));
    an_json_set(o, "before", policy_before(&m->policy, policy, n));
    if (reason[0])
        an_json_set_text(o, "reason", reason);
    an_batch_add(&batch, "model.policy", model, actor, NULL, o);
    err = an_hub_commit(hub, &batch, why);
    an_hub_drive(hub);
    return err;
}
