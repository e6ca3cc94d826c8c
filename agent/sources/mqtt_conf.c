/* The mapping of a source mqtt. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/sources/mqtt_internal.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/yaml.h"

static const char *const value_keys[] = {"name", "unit", "scale", "offset", "deadband", "topic", NULL};
static const char *const json_keys[] = {"name",  "unit", "scale",   "offset", "deadband",
                                        "topic", "path", "quality", NULL};
static const char *const spb_keys[] = {"name", "unit",   "scale",  "offset", "deadband",
                                       "node", "device", "metric", NULL};

static an_err copy(const an_node *map, const char *key, const char *dflt, char *out, size_t cap, an_note *why)
{
    const char *text = NULL;
    an_err err =
        dflt ? an_node_get_text(map, key, dflt, &text, why) : an_node_need_text(map, key, &text, why);
    if (err)
        return err;
    if (strlen(text) >= cap)
        return an_node_fail(an_node_get(map, key), why, "%s: longer than %zu bytes", key, cap - 1);
    memcpy(out, text, strlen(text) + 1);
    return AN_OK;
}

static an_err choose(const an_node *map, const char *key, const char *const *words, size_t n, int *ret,
                     an_note *why)
{
    const char *text = NULL;
    const an_err err = an_node_get_text(map, key, words[0], &text, why);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0) {
            *ret = (int)i;
            return AN_OK;
        }
    return an_node_fail(an_node_get(map, key), why, "%s: \"%.40s\" is none that is known", key, text);
}

/* ---- the broker ---- */

static an_err read_broker(mqtt_state *s, const an_node *conf, an_note *why)
{
    const char *text = NULL;
    an_note note = {{0}};
    an_err err = an_node_need_text(conf, "broker", &text, why);
    if (!err && an_broker_address_read(text, &s->at, &note))
        err = an_node_fail(an_node_get(conf, "broker"), why, "%s", note.text);
    return err;
}

static an_err read_trust(mqtt_state *s, const an_node *conf, an_note *why)
{
    an_err err = an_node_get_text(conf, "ca", "", &s->ca, why);
    if (!err)
        err = an_node_get_text(conf, "cert", "", &s->cert, why);
    if (!err)
        err = an_node_get_text(conf, "key", "", &s->key, why);
    if (!err)
        err = an_login_read(conf, &s->login, why);
    if (err)
        return err;
    if (!s->at.tls && (s->ca[0] || s->cert[0] || s->key[0]))
        return an_node_fail(conf, why, "ca, cert and key belong to mqtts://");
    if ((s->cert[0] != '\0') != (s->key[0] != '\0'))
        return an_node_fail(conf, why, "cert and key belong together");
    const bool has_password = s->login.password_file[0] || s->login.password_env[0];
    if (!s->at.tls && has_password && !an_host_is_here(s->at.host))
        return an_node_fail(conf, why, "a password goes to another machine over mqtts:// only");
    return AN_OK;
}

static an_err read_session(mqtt_state *s, const an_node *conf, an_note *why)
{
    static const char *const protocols[] = {"5", "3.1.1"};
    int protocol = 0;
    an_err err = an_node_need_text(conf, "client", &s->client, why);
    if (!err && !s->client[0])
        err = an_node_fail(conf, why, "client: must not be empty");
    if (!err)
        err = choose(conf, "protocol", protocols, 2, &protocol, why);
    if (!err)
        err = an_node_get_int(conf, "qos", 0, 1, 1, &s->qos, why);
    if (!err)
        err = an_node_get_int(conf, "session", 0, 604800, 3600, &s->session_s, why);
    if (!err)
        err = an_node_get_int(conf, "in_flight", 1, 65535, 20, &s->in_flight, why);
    if (!err)
        err = an_node_get_int(conf, "max_bytes", 256, 1048576, 262144, &s->max_bytes, why);
    if (!err)
        err = an_node_get_int(conf, "keepalive", 5, 3600, 30, &s->keepalive_s, why);
    if (!err)
        err = an_node_get_int(conf, "timeout_ms", 100, 60000, 5000, &s->timeout_ms, why);
    if (!err)
        err = an_node_get_int(conf, "retry_max_ms", 100, 3600000, 5000, &s->retry_max_ms, why);
    s->old = protocol == 1;
    return err;
}

/* ---- tags and topics ---- */

static an_err read_topic_tag(const mqtt_state *s, const an_node *map, mqtt_tag *t, an_note *why)
{
    an_err err = an_node_only_keys(map, s->format == MQTT_JSON ? json_keys : value_keys, why);
    if (!err)
        err = copy(map, "topic", NULL, t->topic, sizeof t->topic, why);
    if (!err && !an_mqtt_filter_ok(t->topic))
        err = an_node_fail(map, why, "topic: \"%.60s\" is none", t->topic);
    if (!err && s->format == MQTT_JSON)
        err = copy(map, "path", NULL, t->path, sizeof t->path, why);
    if (!err)
        err = copy(map, "quality", "", t->quality, sizeof t->quality, why);
    if (!err && ((t->path[0] && t->path[0] != '/') || (t->quality[0] && t->quality[0] != '/')))
        err = an_node_fail(map, why, "path, quality: must begin with /");
    return err;
}

static an_err read_spb_tag(const an_node *map, spb_tag *t, an_note *why)
{
    an_err err = an_node_only_keys(map, spb_keys, why);
    if (!err)
        err = copy(map, "node", NULL, t->node, sizeof t->node, why);
    if (!err)
        err = copy(map, "device", "", t->device, sizeof t->device, why);
    if (!err)
        err = copy(map, "metric", NULL, t->metric, sizeof t->metric, why);
    if (err)
        return err;
    const char *slash = strchr(t->node, '/');
    if (!slash || slash == t->node || !slash[1] || strchr(slash + 1, '/') || strpbrk(t->node, "+#") ||
        strpbrk(t->device, "/+#"))
        return an_node_fail(map, why, "node: must be GROUP/NODE, and device a name, without + and #");
    return AN_OK;
}

static an_err read_tags(mqtt_state *s, const an_node *conf, bool browse, an_note *why)
{
    const an_node *list = an_node_get(conf, "tags");
    const size_t n = an_node_count(list);
    if (!browse && (n == 0 || n > AN_SOURCE_WIDTH_MAX))
        return an_node_fail(conf, why, "tags: must be 1..%d", AN_SOURCE_WIDTH_MAX);
    s->items = an_alloc(n + 1, sizeof *s->items);
    s->names = an_alloc(n + 1, sizeof *s->names);
    s->what = an_alloc(s->format == MQTT_SPARKPLUG ? 1 : n + 1, sizeof *s->what);
    s->spb = an_alloc(s->format == MQTT_SPARKPLUG ? n + 1 : 1, sizeof *s->spb);
    if (!s->items || !s->names || !s->what || !s->spb)
        return AN_ERR_NOMEM;
    for (; s->n < n && !browse; s->n++) {
        const an_node *map = an_node_at(list, s->n);
        an_err err = s->format == MQTT_SPARKPLUG ? read_spb_tag(map, &s->spb[s->n], why)
                                                 : read_topic_tag(s, map, &s->what[s->n], why);
        if (!err)
            err = an_tag_read(map, &s->items[s->n], &s->names[s->n], why);
        if (err)
            return err;
    }
    return an_tags_distinct(list, s->names, s->n, why);
}

static an_err add_topic(mqtt_state *s, const an_node *at, const char *topic, an_note *why)
{
    for (size_t i = 0; i < s->n_topics; i++)
        if (strcmp(s->topics[i], topic) == 0)
            return AN_OK;
    if (s->n_topics == MQTT_TOPICS_MAX)
        return an_node_fail(at, why, "more than %d topics: name fewer, with + and #, in `topics`",
                            MQTT_TOPICS_MAX);
    snprintf(s->topics[s->n_topics++], AN_MQTT_TOPIC_MAX, "%s", topic);
    return AN_OK;
}

static an_err add_node_topics(mqtt_state *s, const an_node *conf, const char *node, an_note *why)
{
    static const char *const ends[] = {"", "/+"};
    const char *slash = strchr(node, '/');
    an_err err = AN_OK;
    for (size_t i = 0; i < 2 && !err; i++) {
        char topic[SPB_TOPIC_MAX];
        snprintf(topic, sizeof topic, "spBv1.0/%.*s/+/%s%s", (int)(slash - node), node, slash + 1, ends[i]);
        if (!an_mqtt_filter_ok(topic))
            return an_node_fail(conf, why, "node: \"%.60s\" is too long", node);
        err = add_topic(s, conf, topic, why);
    }
    return err;
}

static an_err read_topics(mqtt_state *s, const an_node *conf, bool browse, an_note *why)
{
    const an_node *list = an_node_get(conf, "topics");
    an_err err = AN_OK;
    s->topics = an_alloc(MQTT_TOPICS_MAX, sizeof *s->topics);
    if (!s->topics)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < an_node_count(list) && !err; i++) {
        const char *topic = NULL;
        err = an_node_text(an_node_at(list, i), &topic, why);
        if (!err && !an_mqtt_filter_ok(topic))
            err = an_node_fail(an_node_at(list, i), why, "topics: \"%.60s\" is none", topic);
        if (!err)
            err = add_topic(s, list, topic, why);
    }
    if (s->n_topics > 0 || err)
        return err;
    if (browse)
        return add_topic(s, conf, s->format == MQTT_SPARKPLUG ? "spBv1.0/#" : "#", why);
    for (size_t i = 0; i < s->n && !err; i++)
        err = s->format == MQTT_SPARKPLUG ? add_node_topics(s, conf, s->spb[i].node, why)
                                          : add_topic(s, conf, s->what[i].topic, why);
    return err;
}

static an_err read_format(mqtt_state *s, const an_node *conf, an_note *why)
{
    static const char *const formats[] = {"value", "json", "sparkplug"};
    static const char *const uses[] = {"uncertain", "use", "ignore"};
    int format = 0, use = 0;
    an_err err = choose(conf, "format", formats, 3, &format, why);
    if (!err)
        err = choose(conf, "retained", uses, 3, &use, why);
    if (!err)
        err = copy(conf, "time", "", s->time_path, sizeof s->time_path, why);
    if (!err)
        err = copy(conf, "quality", "", s->quality_path, sizeof s->quality_path, why);
    if (!err)
        err = copy(conf, "part", "", s->part_path, sizeof s->part_path, why);
    if (!err)
        err = copy(conf, "host", "", s->host_id, sizeof s->host_id, why);
    if (!err)
        err = an_node_get_bool(conf, "rebirth", true, &s->rebirth, why);
    if (err)
        return err;
    s->format = (mqtt_format)format;
    s->retained = (mqtt_retained)use;
    if (s->format != MQTT_JSON && (s->time_path[0] || s->quality_path[0]))
        return an_node_fail(conf, why, "time and quality belong to format json");
    if (s->format == MQTT_VALUE && s->part_path[0])
        return an_node_fail(conf, why, "part belongs to formats json and sparkplug");
    if (s->format == MQTT_JSON &&
        ((s->time_path[0] && s->time_path[0] != '/') || (s->quality_path[0] && s->quality_path[0] != '/') ||
         (s->part_path[0] && s->part_path[0] != '/')))
        return an_node_fail(conf, why, "time, quality and part: must begin with /");
    if (s->host_id[0] && (s->format != MQTT_SPARKPLUG || strpbrk(s->host_id, "/+#")))
        return an_node_fail(conf, why, "host: a name without / + #, of format sparkplug");
    return AN_OK;
}

an_err mqtt_conf_read(mqtt_state *s, const an_node *conf, bool browse, an_note *why)
{
    an_err err = read_broker(s, conf, why);
    if (!err)
        err = read_trust(s, conf, why);
    if (!err)
        err = read_session(s, conf, why);
    if (!err)
        err = an_tags_conf_read(conf, 0, &s->conf, why);
    if (!err)
        err = read_format(s, conf, why);
    if (!err)
        err = read_tags(s, conf, browse, why);
    if (!err)
        err = read_topics(s, conf, browse, why);
    if (s->format == MQTT_SPARKPLUG)
        s->session_s = 0; /* births tell all that was missed */
    s->conf.tags = s->items;
    s->conf.n = s->n;
    s->conf.ports = 1;
    return err;
}

void mqtt_conf_done(mqtt_state *s)
{
    an_mqtt_free(s->link);
    an_free(s->items);
    an_free(s->names);
    an_free(s->what);
    an_free(s->spb);
    an_free(s->topics);
}

/* ---- the link ---- */

void mqtt_client_make(char out[static MQTT_CLIENT_MAX])
{
    uint64_t chance = 0;
    an_random(&chance, sizeof chance);
    snprintf(out, MQTT_CLIENT_MAX, "andon-look-%016" PRIx64, chance);
}

an_err mqtt_link_new(mqtt_state *s, const char *client, const an_mqtt_events *events, void *ctx, an_note *why)
{
    char *password = NULL;
    an_err err = an_login_password(&s->login, &password, why);
    const an_mqtt_conf conf = {.host = s->at.host,
                               .port = s->at.port,
                               .tls = s->at.tls,
                               .ca = s->ca[0] ? s->ca : NULL,
                               .cert = s->cert[0] ? s->cert : NULL,
                               .key = s->key[0] ? s->key : NULL,
                               .client = client,
                               .user = s->login.user[0] ? s->login.user : NULL,
                               .password = password,
                               .old = s->old,
                               .session_s = (uint32_t)s->session_s,
                               .keepalive_s = (int)s->keepalive_s,
                               .in_flight = (int)s->in_flight,
                               .max_bytes = (uint32_t)s->max_bytes};
    if (!err)
        err = an_mqtt_new(&conf, events, ctx, &s->link, why);
    an_secret_free(password);
    return err;
}
