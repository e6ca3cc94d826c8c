#include "doors/kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define POLL_MS 100

struct an_kafka {
    rd_kafka_t *rk;
    int64_t timeout_ms;
    rd_kafka_resp_err_t *status; /* of the messages of the present send: NO_ERROR once acknowledged */
    size_t n_waiting;
    char said[160]; /* what the library last said of its brokers */
};

/* Libraries do not log. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    (void)level;
    (void)facility;
    (void)text;
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    an_kafka *k = opaque;
    (void)rk;
    (void)err;
    snprintf(k->said, sizeof k->said, "%.150s", reason ? reason : "");
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    an_kafka *k = opaque;
    rd_kafka_resp_err_t *status = m->_private;
    (void)rk;
    *status = m->err;
    k->n_waiting--;
}

static an_err set(rd_kafka_conf_t *c, const char *key, const char *value, an_note *why)
{
    char text[160] = "";
    if (!value)
        return AN_OK;
    switch (rd_kafka_conf_set(c, key, value, text, sizeof text)) {
    case RD_KAFKA_CONF_OK:
        return AN_OK;
    case RD_KAFKA_CONF_UNKNOWN:
        return an_fail(AN_ERR_UNSUPPORTED, why, "kafka: %.150s", text);
    case RD_KAFKA_CONF_INVALID:
        break;
    }
    return an_fail(AN_ERR_INVAL, why, "kafka: %s is not right", key); /* the text may hold the value */
}

static an_err set_all(rd_kafka_conf_t *c, const an_kafka_conf *conf, an_note *why)
{
    char timeout[24];
    snprintf(timeout, sizeof timeout, "%lld", (long long)conf->timeout_ms);
    const struct {
        const char *key, *value;
    } settings[] = {{"bootstrap.servers", conf->brokers},
                    {"client.id", "andon-agent"},
                    {"security.protocol", conf->security ? conf->security : "plaintext"},
                    {"ssl.ca.location", conf->ca_file},
                    {"sasl.mechanisms", conf->mechanism},
                    {"sasl.username", conf->user},
                    {"sasl.password", conf->password},
                    {"enable.idempotence", "true"},
                    {"acks", "all"},
                    {"linger.ms", "0"},
                    {"message.timeout.ms", timeout},
                    {"socket.timeout.ms", "10000"},
                    {"reconnect.backoff.max.ms", "1000"}};
    an_err err = AN_OK;
    for (size_t i = 0; i < sizeof settings / sizeof *settings && err == AN_OK; i++)
        err = set(c, settings[i].key, settings[i].value, why);
    return err;
}

an_err an_kafka_open(const an_kafka_conf *conf, an_kafka **ret, an_note *why)
{
    char text[160] = "";
    an_kafka *k = an_alloc(1, sizeof *k);
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    an_err err = k ? set_all(c, conf, why) : AN_ERR_NOMEM;
    if (err == AN_OK) {
        k->timeout_ms = conf->timeout_ms;
        rd_kafka_conf_set_opaque(c, k);
        rd_kafka_conf_set_log_cb(c, on_log);
        rd_kafka_conf_set_error_cb(c, on_error);
        rd_kafka_conf_set_dr_msg_cb(c, on_report);
        k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, text, sizeof text);
        if (!k->rk)
            err = an_fail(AN_ERR_INVAL, why, "kafka: %.150s", text);
    }
    if (err != AN_OK) {
        rd_kafka_conf_destroy(c); /* the producer would have taken it */
        an_free(k);
        return err;
    }
    *ret = k;
    return AN_OK;
}

void an_kafka_close(an_kafka *k)
{
    if (!k)
        return;
    rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy_flags(k->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    an_free(k);
}

static rd_kafka_resp_err_t put(an_kafka *k, const char *topic, const an_kafka_message *m,
                               rd_kafka_resp_err_t *status)
{
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)m->key, strlen(m->key)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)m->value, m->len}},
        {.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = {"content-type", m->type, (ssize_t)strlen(m->type)}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = status},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(k->rk, parts, sizeof parts / sizeof *parts);
    const rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_destroy(error);
    return code;
}

static an_err err_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        return AN_ERR_AGAIN;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return AN_ERR_LIMIT;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return AN_ERR_AUTH;
    default:
        return AN_ERR_IO;
    }
}

static an_err fail_with(const an_kafka *k, rd_kafka_resp_err_t code, an_note *why)
{
    return an_fail(err_of(code), why, "kafka: %s%s%s", rd_kafka_err2str(code), k->said[0] ? "; " : "",
                   k->said);
}

/* Every message has a report in the end: when it is acknowledged, when its time is over, or when it is purged. */
static void wait_for_reports(an_kafka *k)
{
    const an_clock *clock = an_clock_system();
    const int64_t until = clock->mono_ms(clock) + k->timeout_ms + POLL_MS;
    while (k->n_waiting > 0 && clock->mono_ms(clock) < until)
        rd_kafka_poll(k->rk, POLL_MS);
    if (k->n_waiting > 0)
        rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (k->n_waiting > 0)
        rd_kafka_poll(k->rk, POLL_MS);
}

an_err an_kafka_send(an_kafka *k, const char *topic, const an_kafka_message *messages, size_t n,
                     size_t *ret_taken, an_note *why)
{
    size_t n_put = 0, taken = 0;
    rd_kafka_resp_err_t refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    k->status = an_alloc(n, sizeof *k->status);
    if (!k->status)
        return AN_ERR_NOMEM;
    for (; n_put < n; n_put++) {
        k->status[n_put] = RD_KAFKA_RESP_ERR__IN_PROGRESS;
        refused = put(k, topic, &messages[n_put], &k->status[n_put]);
        if (refused != RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        k->n_waiting++;
    }
    wait_for_reports(k);
    while (taken < n_put && k->status[taken] == RD_KAFKA_RESP_ERR_NO_ERROR)
        taken++;
    *ret_taken = taken;
    if (taken < n_put)
        refused = k->status[taken];
    an_free(k->status);
    k->status = NULL;
    return taken == n ? AN_OK : fail_with(k, refused, why);
}
