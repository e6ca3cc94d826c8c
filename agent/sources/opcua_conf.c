/* The mapping of a source opcua, and what browsing a server shows. */
#include <stdio.h>
#include <string.h>

#include "agent/server_address.h"
#include "agent/sources/opcua_internal.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/yaml.h"

static const char *const tag_keys[] = {"name", "unit", "scale", "offset", "deadband", "node", "index", NULL};
static const char *const securities[] = {"none", "Basic256Sha256", "Aes128_Sha256_RsaOaep",
                                         "Aes256_Sha256_RsaPss"};

/* ---- the server ---- */

static an_err read_security(opcua_state *s, const an_node *conf, an_note *why)
{
    const char *text = NULL;
    const size_t n = sizeof securities / sizeof *securities;
    size_t i = 0;
    const an_err err = an_node_get_text(conf, "security", securities[AN_OPCUA_BASIC256SHA256], &text, why);
    if (err)
        return err;
    while (i < n && strcmp(text, securities[i]) != 0)
        i++;
    if (i == n)
        return an_node_fail(an_node_get(conf, "security"), why,
                            "security: \"%.40s\" is none of none, Basic256Sha256, Aes128_Sha256_RsaOaep, "
                            "Aes256_Sha256_RsaPss",
                            text);
    s->security = (an_opcua_security)i;
    return AN_OK;
}

static an_err check_trust(const opcua_state *s, const an_node *conf, bool here, bool plain, an_note *why)
{
    const bool secure = s->security != AN_OPCUA_NONE;
    if (secure && (!s->cert[0] || !s->key[0] || !s->trust[0]))
        return an_node_fail(conf, why,
                            "security needs cert, key and trust: this agent's certificate, its key, and the "
                            "server's certificate");
    if (!secure && (s->cert[0] || s->key[0] || s->trust[0]))
        return an_node_fail(conf, why, "cert, key and trust belong to a security other than none");
    if (!secure && !here && !plain)
        return an_node_fail(conf, why, "security: none to another machine needs plain: true");
    if (!secure && !here && s->login.user[0])
        return an_node_fail(conf, why, "a password goes to another machine with security only");
    return AN_OK;
}

static an_err read_server(opcua_state *s, const an_node *conf, an_note *why)
{
    bool plain = false;
    char host[256];
    an_err err = an_node_need_text(conf, "endpoint", &s->url, why);
    if (!err && !an_opcua_host(s->url, host, sizeof host))
        err = an_node_fail(an_node_get(conf, "endpoint"), why,
                           "endpoint: must be opc.tcp://HOST[:PORT][/PATH]");
    if (!err)
        err = read_security(s, conf, why);
    if (!err)
        err = an_node_get_bool(conf, "plain", false, &plain, why);
    if (!err)
        err = an_node_get_text(conf, "cert", "", &s->cert, why);
    if (!err)
        err = an_node_get_text(conf, "key", "", &s->key, why);
    if (!err)
        err = an_node_get_text(conf, "trust", "", &s->trust, why);
    if (!err)
        err = an_login_read(conf, &s->login, why);
    if (err)
        return err;
    snprintf(s->name, sizeof s->name, "%.100s", s->url + strlen("opc.tcp://"));
    return check_trust(s, conf, an_host_is_here(host), plain, why);
}

static an_err read_times(opcua_state *s, const an_node *conf, an_note *why)
{
    an_err err = an_node_get_int(conf, "session", 5, 86400, 60, &s->session_s, why);
    if (!err)
        err = an_node_get_int(conf, "sampling_ms", 0, 3600000, 500, &s->sampling_ms, why);
    if (!err)
        err = an_node_get_int(conf, "publishing_ms", 10, 3600000, 500, &s->publishing_ms, why);
    if (!err)
        err = an_node_get_int(conf, "keepalive_ms", 100, 600000, 2000, &s->keepalive_ms, why);
    if (!err)
        err = an_node_get_int(conf, "server_queue", 1, 100000, 100, &s->server_queue, why);
    if (!err)
        err = an_node_get_int(conf, "timeout_ms", 100, 60000, 5000, &s->timeout_ms, why);
    if (!err)
        err = an_node_get_int(conf, "retry_max_ms", 100, 3600000, 5000, &s->retry_max_ms, why);
    return err;
}

/* ---- tags ---- */

static an_err read_tag(const an_node *map, an_opcua_item *ret, an_note *why)
{
    const char *node = NULL;
    an_err err = an_node_only_keys(map, tag_keys, why);
    if (!err)
        err = an_node_need_text(map, "node", &node, why);
    if (!err && !an_opcua_node_ok(node))
        err = an_node_fail(an_node_get(map, "node"), why,
                           "node: \"%.60s\" is none, as \"ns=2;s=Force\" or \"nsu=http://plant/;i=7\"", node);
    if (!err)
        err = an_node_get_int(map, "index", 0, 1000000000, -1, &ret->index, why);
    if (!err)
        snprintf(ret->node, sizeof ret->node, "%s", node);
    return err;
}

static an_err read_tags(opcua_state *s, const an_node *conf, bool browse, an_note *why)
{
    const an_node *list = an_node_get(conf, "tags");
    const size_t n = browse ? 0 : an_node_count(list);
    if (!browse && (n == 0 || n > AN_SOURCE_WIDTH_MAX))
        return an_node_fail(conf, why, "tags: must be 1..%d", AN_SOURCE_WIDTH_MAX);
    s->items = an_alloc(n + 1, sizeof *s->items);
    s->names = an_alloc(n + 1, sizeof *s->names);
    s->nodes = an_alloc(n + 1, sizeof *s->nodes);
    s->last = an_alloc(n + 1, sizeof *s->last);
    if (!s->items || !s->names || !s->nodes || !s->last)
        return AN_ERR_NOMEM;
    for (; s->n < n; s->n++) {
        const an_node *map = an_node_at(list, s->n);
        an_err err = read_tag(map, &s->nodes[s->n], why);
        if (!err)
            err = an_tag_read(map, &s->items[s->n], &s->names[s->n], why);
        if (err)
            return err;
    }
    return an_tags_distinct(list, s->names, s->n, why);
}

an_err opcua_conf_read(opcua_state *s, const an_node *conf, bool browse, an_note *why)
{
    an_err err = read_server(s, conf, why);
    if (!err)
        err = read_times(s, conf, why);
    if (!err)
        err = an_tags_conf_read(conf, 1000, &s->conf, why);
    if (!err)
        err = read_tags(s, conf, browse, why);
    s->conf.tags = s->items;
    s->conf.n = s->n;
    s->conf.ports = 1;
    return err;
}

void opcua_conf_done(opcua_state *s)
{
    an_opcua_free(s->link);
    an_free(s->items);
    an_free(s->names);
    an_free(s->nodes);
    an_free(s->last);
}

static const char *given(const char *text)
{
    return text[0] ? text : NULL;
}

an_err opcua_link_new(opcua_state *s, const an_opcua_events *events, void *ctx, an_note *why)
{
    char *password = NULL;
    an_err err = an_login_password(&s->login, &password, why);
    const an_opcua_conf conf = {.url = s->url,
                                .security = s->security,
                                .cert = given(s->cert),
                                .key = given(s->key),
                                .trust = given(s->trust),
                                .user = given(s->login.user),
                                .password = password,
                                .timeout_ms = s->timeout_ms,
                                .session_ms = s->session_s * 1000,
                                .items = s->nodes,
                                .n = s->n,
                                .sampling_ms = (double)s->sampling_ms,
                                .publishing_ms = (double)s->publishing_ms,
                                .keepalive_ms = s->keepalive_ms,
                                .queue = (uint32_t)s->server_queue};
    if (!err)
        err = an_opcua_new(&conf, events, ctx, &s->link, why);
    an_secret_free(password);
    return err;
}

/* ---- browsing ---- */

typedef struct browser {
    an_source_seen say;
    void *ctx;
} browser;

static void pass_on(void *ctx, const an_opcua_find *find)
{
    const browser *b = ctx;
    const an_source_find one = {.tag = find->node,
                                .unit = find->unit,
                                .kind = find->kind,
                                .value = find->value,
                                .time_ms = find->time_ms};
    b->say(b->ctx, &one);
}

static void no_values(void *ctx, int64_t at_ms, const an_opcua_value *values, size_t n, bool more)
{
    (void)ctx;
    (void)at_ms;
    (void)values;
    (void)n;
    (void)more;
}

an_err opcua_browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why)
{
    static const an_opcua_events events = {.values = no_values};
    opcua_state s = {.n = 0};
    browser b = {.say = say, .ctx = ctx};
    bool resumed = false;
    an_err err = opcua_conf_read(&s, conf, true, why);
    if (!err)
        err = opcua_link_new(&s, &events, NULL, why);
    if (!err)
        err = an_opcua_connect(s.link, &resumed, why);
    if (!err)
        err = an_opcua_browse(s.link, for_ms, pass_on, &b, why);
    opcua_conf_done(&s);
    return err;
}
