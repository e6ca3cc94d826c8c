/* kafka: CloudEvents 1.0 in structured mode, as their binding to Kafka has it; the key is the site's name, so that all
 * events of a site are in one partition, in order. */
#include <string.h>

#include "agent/secret_file.h"
#include "agent/sink_event.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/kafka.h"

typedef struct kafka_sink {
    const char *site, *topic, *brokers, *security, *ca_file, *mechanism, *user, *password_file;
    int64_t timeout_ms;
    an_kafka *kafka;
} kafka_sink;

static const an_option options[] = {
    {"brokers", AN_OPTION_TEXT, 0, 0, NULL, "HOST:PORT, further ones behind commas"},
    {"topic", AN_OPTION_TEXT, 0, 0, NULL, "where to send"},
    {"security", AN_OPTION_TEXT, 0, 0, "ssl", "ssl, sasl_ssl, or plaintext: anybody between can read it"},
    {"ca_file", AN_OPTION_TEXT, 0, 0, "", "certificates to trust in place of the system's"},
    {"mechanism", AN_OPTION_TEXT, 0, 0, "SCRAM-SHA-256", "of sasl_ssl: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"},
    {"user", AN_OPTION_TEXT, 0, 0, "", "of sasl_ssl"},
    {"password_file", AN_OPTION_TEXT, 0, 0, "", "of sasl_ssl: file with the password"},
    {"timeout", AN_OPTION_REAL, 0.1, 60, "5",
     "seconds until events that no broker has acknowledged are sent anew"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static const char *filled(const char *text)
{
    return text[0] ? text : NULL;
}

static an_err make(kafka_sink *s, const char *password, an_note *why)
{
    const bool sasl = strcmp(s->security, "sasl_ssl") == 0;
    const an_kafka_conf conf = {.brokers = s->brokers,
                                .security = s->security,
                                .ca_file = filled(s->ca_file),
                                .mechanism = sasl ? s->mechanism : NULL,
                                .user = sasl ? s->user : NULL,
                                .password = sasl ? password : NULL,
                                .timeout_ms = s->timeout_ms};
    return an_kafka_open(&conf, &s->kafka, why);
}

static an_err check_topic(const char *topic, an_note *why)
{
    const size_t len = strlen(topic);
    if (len >= 1 && len <= 249 &&
        strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len)
        return AN_OK;
    return an_fail(AN_ERR_INVAL, why, "topic: 1 to 249 letters, digits, '.', '_' and '-'");
}

static an_err kafka_open(void *state, const an_sink_site *site, const an_node *conf, an_note *why)
{
    kafka_sink *s = state;
    const struct {
        const char *key, **ret;
    } texts[] = {{"brokers", &s->brokers},    {"topic", &s->topic}, {"security", &s->security},
                 {"ca_file", &s->ca_file},    {"user", &s->user},   {"password_file", &s->password_file},
                 {"mechanism", &s->mechanism}};
    an_err err = an_option_ms(options, conf, "timeout", &s->timeout_ms, why);
    s->site = site->site;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && err == AN_OK; i++)
        err = an_option_text(options, conf, texts[i].key, texts[i].ret, why);
    if (err == AN_OK)
        err = check_topic(s->topic, why);
    if (err == AN_OK && strcmp(s->security, "ssl") != 0 && strcmp(s->security, "sasl_ssl") != 0 &&
        strcmp(s->security, "plaintext") != 0)
        err = an_fail(AN_ERR_INVAL, why, "security: ssl, sasl_ssl or plaintext");
    if (err == AN_OK && strcmp(s->security, "sasl_ssl") == 0 && (!s->user[0] || !s->password_file[0]))
        err = an_fail(AN_ERR_INVAL, why, "security: sasl_ssl needs user and password_file");
    return err;
}

static an_err kafka_connect(void *state, an_note *why)
{
    kafka_sink *s = state;
    char *password = NULL;
    size_t len = 0;
    an_err err = s->password_file[0] ? an_secret_file_read(s->password_file, &password, &len, why) : AN_OK;
    if (err == AN_OK)
        err = make(s, password, why);
    an_secret_free(password);
    return err;
}

static void kafka_disconnect(void *state)
{
    kafka_sink *s = state;
    an_kafka_close(s->kafka);
    s->kafka = NULL;
}

static an_err kafka_send(void *state, const an_sink_event *events, size_t n, size_t *ret_taken, an_note *why)
{
    kafka_sink *s = state;
    an_kafka_message messages[AN_SINK_BATCH] = {{.key = NULL}};
    char *bodies[AN_SINK_BATCH] = {NULL};
    an_err err = AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        bodies[i] = an_sink_cloudevent(&events[i]);
        if (!bodies[i])
            err = AN_ERR_NOMEM;
        else
            messages[i] = (an_kafka_message){.key = s->site,
                                             .value = bodies[i],
                                             .len = strlen(bodies[i]),
                                             .type = "application/cloudevents+json; charset=utf-8"};
    }
    if (err == AN_OK)
        err = an_kafka_send(s->kafka, s->topic, messages, n, ret_taken, why);
    for (size_t i = 0; i < n; i++)
        an_free(bodies[i]);
    return err == AN_ERR_LIMIT ? AN_ERR_REFUSED : err;
}

const an_sink_type an_sink_type_kafka = {
    .name = "kafka",
    .meaning = "Kafka by an idempotent producer, CloudEvents 1.0 (structured JSON), key: the site; at least "
               "once, `id` "
               "tells repeats",
    .options = options,
    .state_size = sizeof(kafka_sink),
    .open = kafka_open,
    .connect = kafka_connect,
    .disconnect = kafka_disconnect,
    .send = kafka_send,
};
