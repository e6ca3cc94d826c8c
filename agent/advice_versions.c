#include "agent/advice_versions.h"

#include <stdio.h>
#include <string.h>

#include "agent/calibrate.h"
#include "base/file.h"
#include "base/mem.h"
#include "msg/msg.h"

/* The file's name says what is predicted; two versions may well be of one architecture. */
static void take_title(char ret[static AN_NAME_MAX], const char *path)
{
    char name[AN_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot && dot > name)
        *dot = '\0';
    an_text_set(ret, AN_NAME_MAX, name);
}

static an_err read_version(an_bundle *b, an_model **model, const char *path, an_note *why)
{
    an_err err = an_bundle_read(b, NULL, path, why);
    return err == AN_OK ? an_bundle_model(b, model, why) : err;
}

static an_err take_inputs(an_advice_versions *v, const an_advice_conf *c, an_note *why)
{
    const an_schema *s = &v->goal.schema;
    v->names = an_alloc(s->n, sizeof *v->names);
    for (size_t j = 0; v->names && j < s->n; j++)
        v->names[j] = s->sensors[j].name;
    for (size_t i = 0; i < c->n_inputs; i++) {
        size_t at = 0;
        while (at < s->n && strcmp(s->sensors[at].name, c->inputs[i].sensor) != 0)
            at++;
        if (at == s->n)
            return an_node_fail(c->inputs[i].node, why, "the version has no sensor %.60s",
                                c->inputs[i].sensor);
        v->inputs[i] = (an_advice_input){at, c->inputs[i].low, c->inputs[i].high, c->inputs[i].step};
    }
    return v->names ? AN_OK : AN_ERR_NOMEM;
}

an_err an_advice_versions_read(an_advice_versions *v, const an_advice_conf *conf, const char *goal,
                               an_note *why)
{
    take_title(v->titles[0], goal);
    an_err err = read_version(&v->goal, &v->models[0], goal, why);
    if (err == AN_OK)
        err = take_inputs(v, conf, why);
    for (size_t k = 0; k < conf->n_caps && err == AN_OK; k++) {
        an_bundle *b = &v->others[k];
        take_title(v->titles[k + 1], conf->caps[k].version);
        err = read_version(b, &v->models[k + 1], conf->caps[k].version, why);
        if (err == AN_OK)
            err = an_schema_match(&v->goal.schema, &b->schema, why);
        v->caps[k] = (an_advice_cap){{v->models[k + 1], b->weights, &b->prep}, conf->caps[k].most};
    }
    v->ask = (an_advice_ask){.goal = {v->models[0], v->goal.weights, &v->goal.prep},
                             .raise = an_advice_raises(conf),
                             .has_limit = an_advice_has_limit(conf),
                             .limit = conf->limit,
                             .caps = v->caps,
                             .n_caps = conf->n_caps,
                             .inputs = v->inputs,
                             .n_inputs = conf->n_inputs,
                             .names = v->names};
    return err;
}

void an_advice_versions_done(an_advice_versions *v)
{
    an_bundle_done(&v->goal);
    for (size_t k = 0; k < AN_ADVICE_CAPS_MAX; k++)
        an_bundle_done(&v->others[k]);
    for (size_t k = 0; k <= AN_ADVICE_CAPS_MAX; k++)
        an_model_free(v->models[k]);
    an_free(v->names);
    *v = (an_advice_versions){.ask = {.n_inputs = 0}};
}
