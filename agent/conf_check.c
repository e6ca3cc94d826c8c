#include "agent/conf_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/resources.h"
#include "agent/secret_file.h"
#include "agent/source.h"
#include "base/credential.h"
#include "doors/crypto.h"

/* On one side of what is held out: images do not overlap, only views of a part are alike. */
#define IMAGES_TOGETHER 4

/* ---- files ---- */

static bool is_one_of(const char *key, const char *const *list)
{
    while (*list && strcmp(key, *list) != 0)
        list++;
    return *list != NULL;
}

/* mine: this process is to read it; else it need only be there. */
static an_err check_file(const char *key, const an_node *node, bool mine, an_note *why)
{
    static const char *const secrets[] = {"password_file",      "secret_file", "key_file",
                                          "authorization_file", "token_file",  NULL};
    static const char *const files[] = {"ca", "ca_file", "cert", "key", "trust", NULL};
    const bool secret = is_one_of(key, secrets);
    const char *path = "";
    if (an_node_kind(node) != AN_YAML_SCALAR || (!secret && !is_one_of(key, files)))
        return AN_OK;
    an_err err = an_node_text(node, &path, why);
    if (err != AN_OK || !path[0] || (an_is_credential(path) && !getenv("CREDENTIALS_DIRECTORY")))
        return err; /* what systemd hands over is there for the service alone */
    if (!secret || !mine)
        return access(path, mine ? R_OK : F_OK) == 0 || (!mine && errno == EACCES)
                   ? AN_OK
                   : an_node_fail(node, why, "%s: %.200s: %s", key, path, strerror(errno));
    an_note inner = {{0}};
    char *text = NULL;
    size_t len = 0;
    err = an_secret_file_read(path, &text, &len, &inner);
    an_secret_free(text);
    if (err == AN_OK)
        return AN_OK;
    const an_err said = an_node_fail(node, why, "%s: %s", key, inner.text[0] ? inner.text : an_err_text(err));
    return err == AN_ERR_NOMEM ? err : said;
}

static an_err check_files(const an_node *node, bool mine, an_note *why)
{
    an_err err = AN_OK;
    const an_yaml_kind kind = an_node_kind(node);
    for (size_t i = 0; i < an_node_count(node) && err == AN_OK; i++) {
        const an_node *value = kind == AN_YAML_MAP ? an_node_value(node, i) : an_node_at(node, i);
        if (kind == AN_YAML_MAP)
            err = check_file(an_node_key(node, i), value, mine, why);
        if (err == AN_OK)
            err = check_files(value, mine, why);
    }
    return err;
}

/* ---- what the build has ---- */

static an_err check_api(const an_agent_conf *conf, const an_node *at, an_note *why)
{
    if (!conf->api_socket && conf->api_port == 0)
        return AN_OK;
#ifndef AN_HAVE_API
    const an_err err = an_node_fail(at, why, "api: this agent was built without it (AN_API)");
    return err == AN_ERR_INVAL ? AN_ERR_UNSUPPORTED : err;
#else
    if (conf->api_socket && conf->api_port > 0)
        return an_node_fail(at, why, "api: either a socket or a port");
    return conf->api_port == 0 || conf->api_token_file
               ? AN_OK
               : an_node_fail(at, why,
                              "api.port needs api.token_file: everybody on this computer reaches it");
#endif
}

/* ---- memory ---- */

an_pool_conf an_agent_line_pool(const an_agent_line *l, size_t width, size_t context, size_t frame_rows)
{
    an_pool_conf conf = {.width = width,
                         .window = context,
                         .block = frame_rows > 0 ? IMAGES_TOGETHER : 0,
                         .holdout_percent = (uint32_t)l->pool_holdout,
                         .gaps = l->pool_gaps,
                         .quota_bytes = (uint64_t)l->pool_bytes};
    an_hash seed;
    conf.cap[AN_POOL_TRAIN] = (size_t)l->pool_train;
    conf.cap[AN_POOL_RECENT] = (size_t)l->pool_recent;
    conf.cap[AN_POOL_OLD] = conf.cap[AN_POOL_NEW] = (size_t)l->pool_reference;
    an_hash_of(&seed, l->name, strlen(l->name));
    memcpy(&conf.seed, seed.b, sizeof conf.seed);
    return conf;
}

/* As at the start: the pools' copies, and the files before they are written. */
static an_err check_budget(const an_agent_conf *conf, an_note *why)
{
    const an_resources_conf budget = {.memory = (uint64_t)conf->budget_memory,
                                      .training = (uint64_t)conf->budget_training,
                                      .cpu = conf->budget_cpu};
    an_resources resources = {.conf = {0}};
    uint64_t twins = 0;
    for (size_t i = 0; i < conf->n_lines; i++) {
        const an_agent_line *l = &conf->lines[i];
        const an_source_type *type = an_source_type_find(l->source_type);
        const size_t width = l->sensors ? an_node_count(l->sensors) : 1;
        an_pool *pool = NULL;
        if (type && type->frame)
            continue; /* how large its images are is seen when it is open */
        const an_pool_conf pc = an_agent_line_pool(l, width, an_agent_line_context(l, 0), 0);
        an_note inner = {{0}};
        an_err err = an_pool_new(&pc, &pool, &inner);
        if (err != AN_OK)
            return an_fail(err, why, "line %s: %s", l->name, inner.text[0] ? inner.text : an_err_text(err));
        twins += 2 * (uint64_t)an_pool_bytes(pool);
        an_pool_free(pool);
    }
    return an_resources_open(&resources, &budget, NULL, twins, why);
}

an_err an_agent_conf_check(const an_agent_conf *conf, an_note *why)
{
    const an_node *top = an_yaml_root(conf->doc), *api = an_node_get(top, "api");
    an_err err = AN_OK;
    for (size_t i = 0; i < conf->n_lines && err == AN_OK; i++)
        err = check_files(conf->lines[i].source, true, why);
    if (err == AN_OK)
        err = check_files(an_node_get(top, "sinks"), true, why);
    if (err == AN_OK)
        err = check_files(an_node_get(top, "writeback"), false, why); /* another user's */
    if (err == AN_OK)
        err = check_api(conf, api, why);
    if (err == AN_OK)
        err = check_files(api, true, why);
    return err == AN_OK ? check_budget(conf, why) : err;
}
