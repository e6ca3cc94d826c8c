/* Source `opcua`: variables of an OPC UA server, by a subscription.
 *
 *     server -> device's thread: connect, subscribe, turn ... -> notification -> tags (port 0) -> flush -> row
 *
 * A server tells what changes.  What it told last holds until the next, so that a session that is taken up again after a
 * cut first brings what had waited at the server, and then all that has not changed meanwhile as of now. */
#include <math.h>
#include <stdio.h>

#include "agent/sources/opcua_internal.h"
#include "base/log.h"
#include "doors/yaml.h"

#define RETRY_MIN_MS 500
#define TURN_MS 100 /* how long the end of the thread may take */
#define SAID_MAX 5  /* refused tags that the log names */

static int64_t now_ms(const opcua_state *s)
{
    return s->conf.clock->mono_ms(s->conf.clock);
}

static int64_t wall_ms(const opcua_state *s)
{
    return s->conf.clock->wall_ms(s->conf.clock);
}

/* ---- values ---- */

static an_value_quality quality_of(opcua_state *s, const an_opcua_value *v)
{
    static const an_value_quality of[] = {AN_VALUE_GOOD, AN_VALUE_UNCERTAIN, AN_VALUE_BAD, AN_VALUE_BAD};
    const an_value_quality q = of[v->status >> 30];
    if (q == AN_VALUE_BAD || !isnan(v->value))
        return q;
    atomic_fetch_add_explicit(&s->not_numbers, 1, memory_order_relaxed);
    return AN_VALUE_BAD;
}

static void put(opcua_state *s, uint32_t tag, int64_t time_ms, double value, an_value_quality quality)
{
    s->last[tag] = (opcua_last){
        .value = value, .quality = (uint8_t)quality, .known = true, .said = true, .group = s->group};
    an_tags_put(s->tags, 0, tag, time_ms, value, quality);
}

/* What was not said since the session was taken up again has not changed: it holds as of the server's time, since what
 * comes next has that of its clock. */
static void caught_up(opcua_state *s, int64_t time_ms)
{
    s->catching_up = false;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->last[i].known && !s->last[i].said)
            put(s, i, time_ms, s->last[i].value, (an_value_quality)s->last[i].quality);
    an_tags_flush(s->tags, 0, time_ms);
}

/* Values of one time make a row, but two of one tag make two: it may change twice within a millisecond. */
static void on_values(void *ctx, int64_t at_ms, const an_opcua_value *values, size_t n, bool more)
{
    opcua_state *s = ctx;
    int64_t before = 0;
    s->group++;
    for (size_t i = 0; i < n; i++) {
        const int64_t time_ms = values[i].time_ms ? values[i].time_ms : wall_ms(s);
        if (i > 0 && (time_ms != before || s->last[values[i].item].group == s->group)) {
            an_tags_flush(s->tags, 0, before);
            s->group++;
        }
        put(s, values[i].item, time_ms, values[i].value, quality_of(s, &values[i]));
        before = time_ms;
    }
    if (n > 0)
        an_tags_flush(s->tags, 0, before);
    if (s->catching_up && !more)
        caught_up(s, at_ms ? at_ms : wall_ms(s));
}

/* ---- the server is a device ---- */

/* Tags that the server refuses are bad, and the others are not. */
static void look_at_refused(opcua_state *s, bool say)
{
    size_t refused = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        const uint32_t status = an_opcua_item_status(s->link, i);
        if (status == 0)
            continue;
        put(s, i, wall_ms(s), NAN, AN_VALUE_BAD);
        if (say && refused < SAID_MAX)
            an_log(AN_LOG_WARN, "tag_refused", "device=\"%s\" tag=\"%s\" node=\"%.120s\" why=%s", s->name,
                   s->names[i].name, s->nodes[i].node, an_opcua_status_name(status));
        refused++;
    }
    if (refused > 0)
        an_tags_flush(s->tags, 0, wall_ms(s));
    if (refused > SAID_MAX && say)
        an_log(AN_LOG_WARN, "tag_refused", "device=\"%s\" further=%zu", s->name, refused - SAID_MAX);
    atomic_store(&s->refused, refused);
    s->retry_ms = now_ms(s) + s->retry_max_ms;
}

static an_err subscribe(opcua_state *s, an_note *why)
{
    const an_err err = an_opcua_subscribe(s->link, why);
    s->catching_up = false;
    if (!err)
        look_at_refused(s, true);
    return err;
}

static an_err server_connect(void *ctx, an_note *why)
{
    opcua_state *s = ctx;
    bool resumed = false;
    const an_err err = an_opcua_connect(s->link, &resumed, why);
    if (err)
        return err;
    s->connected = true;
    if (!resumed)
        return subscribe(s, why);
    for (size_t i = 0; i < s->n; i++)
        s->last[i].said = false;
    s->catching_up = true;
    return AN_OK;
}

static an_err server_turn(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    opcua_state *s = ctx;
    *ret_wait_ms = 0;
    an_err err = an_opcua_turn(s->link, TURN_MS, why);
    if (err == AN_ERR_NOTFOUND) {
        an_log(AN_LOG_WARN, "subscription_lost", "device=\"%s\"", s->name);
        err = subscribe(s, why);
    }
    if (!err && atomic_load(&s->refused) > 0 && now_ms(s) >= s->retry_ms) {
        err = an_opcua_retry(s->link, why);
        if (!err)
            look_at_refused(s, false);
    }
    return err;
}

/* At the end the session is ended: a server has few, and keeps one that nobody ends for its whole time. */
static void server_disconnect(void *ctx)
{
    opcua_state *s = ctx;
    if (atomic_load(&s->stopping))
        an_opcua_close(s->link);
    else
        an_opcua_leave(s->link);
    if (s->connected)
        an_tags_lost(s->tags, 0, wall_ms(s));
    s->connected = false;
}

static const an_device_type server_type = {
    .connect = server_connect, .turn = server_turn, .disconnect = server_disconnect};

/* ---- the source ---- */

static const an_source_option options[] = {
    {"endpoint", AN_OPTION_TEXT, 0, 0, NULL, "opc.tcp://HOST[:PORT][/PATH]"},
    {"security", AN_OPTION_TEXT, 0, 0, "Basic256Sha256",
     "policy: Basic256Sha256, Aes128_Sha256_RsaOaep or Aes256_Sha256_RsaPss, always signed and encrypted; or "
     "none"},
    {"plain", AN_OPTION_BOOL, 0, 1, "false",
     "security none to another machine: whoever is between may read and answer"},
    {"cert", AN_OPTION_TEXT, 0, 0, "", "file of this agent's certificate, PEM or DER"},
    {"key", AN_OPTION_TEXT, 0, 0, "", "file of its key"},
    {"trust", AN_OPTION_TEXT, 0, 0, "",
     "file of the server's certificate or its authority's, or a folder of such (.pem .der .crt, and .crl)"},
    AN_LOGIN_OPTIONS,
    {"session", AN_OPTION_INT, 5, 86400, "60",
     "seconds that the server keeps the session, and what comes, while this agent is cut off"},
    {"sampling_ms", AN_OPTION_INT, 0, 3600000, "500",
     "how often the server looks at a variable; 0: as often as it can"},
    {"publishing_ms", AN_OPTION_INT, 10, 3600000, "500", "how often it sends what has changed"},
    {"keepalive_ms", AN_OPTION_INT, 100, 600000, "2000",
     "when nothing changes, the server says so; timeout_ms later it is lost"},
    {"server_queue", AN_OPTION_INT, 1, 100000, "100",
     "values of a tag that the server keeps between two publishings, and while this agent is cut off"},
    {"timeout_ms", AN_OPTION_INT, 100, 60000, "5000", "how long a connection and an answer may take"},
    {"retry_max_ms", AN_OPTION_INT, 100, 3600000, "5000",
     "the longest pause before a lost server, or a refused tag, is tried again"},
    {"tags", AN_OPTION_LIST, 0, 0, NULL,
     "name, node (\"ns=2;s=Force\", or \"nsu=URI;s=Force\"), index (of an array), unit, scale, offset, "
     "deadband"},
    AN_TAGS_OPTIONS("1000"),
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err opcua_check(const an_node *conf, an_note *why)
{
    opcua_state s = {.n = 0};
    const an_err err = opcua_conf_read(&s, conf, false, why);
    opcua_conf_done(&s);
    return err;
}

static an_err opcua_open(void *state, const an_node *conf, an_note *why)
{
    opcua_state *s = state;
    static const an_opcua_events events = {.values = on_values};
    an_err err = opcua_conf_read(s, conf, false, why);
    if (!err)
        err = opcua_link_new(s, &events, s, why);
    s->url = s->cert = s->key = s->trust = NULL; /* of the configuration, which goes */
    if (!err)
        err = an_tags_new(&s->conf, &s->tags);
    const an_device_conf device = {.type = &server_type,
                                   .ctx = s,
                                   .name = s->name,
                                   .retry_min_ms = RETRY_MIN_MS,
                                   .retry_max_ms = s->retry_max_ms};
    if (!err)
        err = an_device_start(&device, &s->device);
    return err;
}

static void opcua_close(void *state)
{
    opcua_state *s = state;
    atomic_store(&s->stopping, true);
    if (s->tags)
        an_tags_stop(s->tags);
    an_device_stop(s->device);
    an_tags_free(s->tags);
    opcua_conf_done(s);
}

static size_t opcua_width(const void *state)
{
    return ((const opcua_state *)state)->n;
}

static const char *opcua_sensor(const void *state, size_t i)
{
    return ((const opcua_state *)state)->names[i].name;
}

static const char *opcua_unit(const void *state, size_t i)
{
    return ((const opcua_state *)state)->names[i].unit;
}

static an_err opcua_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    (void)why;
    return an_tags_next(((opcua_state *)state)->tags, ret, ret_wait_ms);
}

static an_err opcua_save(const void *state, an_buf *ret)
{
    an_tags_save(((const opcua_state *)state)->tags, ret);
    return AN_OK;
}

static an_err opcua_restore(void *state, an_reader *in, an_note *why)
{
    const an_err err = an_tags_restore(((opcua_state *)state)->tags, in);
    return err ? an_fail(err, why, "not a position of a source \"opcua\"") : AN_OK;
}

static size_t opcua_counters(const void *state, an_source_counter *ret)
{
    const opcua_state *s = state;
    const an_opcua_counts c = an_opcua_counts_get(s->link);
    const an_device_stats st = an_device_stats_get(s->device);
    const an_source_counter own[] = {{"notifications", c.notifications},
                                     {"keepalives", c.keepalives},
                                     {"subscriptions", c.subscriptions},
                                     {"resumed", c.resumed},
                                     {"republished", c.republished},
                                     {"gaps", c.gaps},
                                     {"duplicates", c.duplicates},
                                     {"overflows", c.overflows},
                                     {"revised", c.revised},
                                     {"not_numbers", atomic_load(&s->not_numbers)},
                                     {"refused", atomic_load(&s->refused)},
                                     {"connects", st.connects},
                                     {"failures", st.failures}};
    size_t n = an_tags_counters(s->tags, ret);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        ret[n++] = own[i];
    return n;
}

static size_t opcua_devices(const void *state, an_source_device *ret)
{
    const opcua_state *s = state;
    const an_device_stats st = an_device_stats_get(s->device);
    const size_t refused = atomic_load(&s->refused);
    ret[0] = (an_source_device){.reached = st.reached};
    snprintf(ret[0].name, sizeof ret[0].name, "%.120s", s->name);
    if (st.reached && refused > 0)
        snprintf(ret[0].error, sizeof ret[0].error, "%zu tags are refused", refused);
    else
        snprintf(ret[0].error, sizeof ret[0].error, "%s", st.error);
    return 1;
}

static int opcua_fd(const void *state)
{
    return an_tags_fd(((const opcua_state *)state)->tags);
}

const an_source_type an_source_type_opcua = {
    .name = "opcua",
    .meaning = "variables of an OPC UA server, by a subscription",
    .options = options,
    .state_size = sizeof(opcua_state),
    .check = opcua_check,
    .open = opcua_open,
    .width = opcua_width,
    .sensor = opcua_sensor,
    .unit = opcua_unit,
    .next = opcua_next,
    .save = opcua_save,
    .restore = opcua_restore,
    .counters = opcua_counters,
    .devices = opcua_devices,
    .fd = opcua_fd,
    .live = true,
    .browse = opcua_browse,
    .close = opcua_close,
};
