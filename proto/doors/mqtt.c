#include "doors/mqtt.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define KEEPALIVE_S 30
#define IN_FLIGHT 20
#define MAX_BYTES (256u * 1024)
#define STEP_MS 100

struct an_mqtt {
    struct mosquitto *link;
    an_mqtt_events events;
    void *ctx;
    char *host;
    int port, keepalive_s;
    bool old, tls;
    uint32_t session_s, max_bytes;
    uint64_t too_large;

    bool open;       /* libmosquitto has a socket */
    int answer;      /* of the broker to CONNECT; -1: none yet */
    bool session;    /* it has kept the session */
    bool refused;    /* a subscription */
    char reason[96]; /* of the last refusal */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
    mosquitto_lib_init();
}

static an_err judge(int rc, an_note *why)
{
    switch (rc) {
    case MOSQ_ERR_SUCCESS:
        return AN_OK;
    case MOSQ_ERR_NOMEM:
        return AN_ERR_NOMEM;
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_MALFORMED_UTF8:
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
        return an_fail(AN_ERR_INVAL, why, "%s", mosquitto_strerror(rc));
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET:
        return an_fail(AN_ERR_LIMIT, why, "%s", mosquitto_strerror(rc));
    case MOSQ_ERR_TLS:
        return an_fail(AN_ERR_AUTH, why, "the broker's certificate was not accepted, or TLS failed");
    case MOSQ_ERR_ERRNO:
        return an_fail(AN_ERR_IO, why, "%s", errno ? strerror(errno) : "connection failed");
    default:
        return an_fail(AN_ERR_IO, why, "%s", mosquitto_strerror(rc));
    }
}

/* ---- what the library calls ---- */

static void on_connect(struct mosquitto *link, void *obj, int code, int flags,
                       const mosquitto_property *props)
{
    an_mqtt *m = obj;
    (void)link;
    (void)props;
    m->answer = code;
    m->session = (flags & 1) != 0;
    if (code != 0)
        snprintf(m->reason, sizeof m->reason, "%s",
                 m->old ? mosquitto_connack_string(code) : mosquitto_reason_string(code));
}

static void on_message(struct mosquitto *link, void *obj, const struct mosquitto_message *msg,
                       const mosquitto_property *props)
{
    an_mqtt *m = obj;
    (void)link;
    (void)props;
    if (msg->payloadlen < 0 || (uint32_t)msg->payloadlen > m->max_bytes) {
        m->too_large++;
        return;
    }
    const an_mqtt_message one = {.topic = msg->topic,
                                 .payload = msg->payload ? msg->payload : "",
                                 .len = (size_t)msg->payloadlen,
                                 .id = msg->mid,
                                 .qos = msg->qos,
                                 .retained = msg->retain};
    m->events.message(m->ctx, &one);
}

static void on_publish(struct mosquitto *link, void *obj, int id)
{
    an_mqtt *m = obj;
    (void)link;
    if (m->events.published)
        m->events.published(m->ctx, id);
}

static void on_subscribe(struct mosquitto *link, void *obj, int id, int n, const int *granted)
{
    an_mqtt *m = obj;
    (void)link;
    (void)id;
    for (int i = 0; i < n; i++)
        m->refused = m->refused || granted[i] >= 128;
}

/* A key that wants a password is refused instead of asked for at the terminal. */
static int no_password(char *buf, int size, int rwflag, void *userdata)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)userdata;
    return 0;
}

/* ---- new ---- */

static int set_tls(an_mqtt *m, const an_mqtt_conf *conf)
{
    int rc = MOSQ_ERR_SUCCESS;
    if (!conf->ca)
        rc = mosquitto_int_option(m->link, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    if (!rc && (conf->ca || conf->cert))
        rc = mosquitto_tls_set(m->link, conf->ca, conf->ca ? NULL : "/etc/ssl/certs", conf->cert, conf->key,
                               no_password);
    if (!rc)
        rc = mosquitto_tls_opts_set(m->link, 1, "tlsv1.2", NULL); /* 1: the certificate must hold */
    if (!rc)
        rc = mosquitto_tls_insecure_set(m->link, false);
    return rc;
}

static int set_options(an_mqtt *m, const an_mqtt_conf *conf)
{
    int rc = mosquitto_int_option(m->link, MOSQ_OPT_PROTOCOL_VERSION,
                                  m->old ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5);
    if (!rc)
        rc = mosquitto_int_option(m->link, MOSQ_OPT_RECEIVE_MAXIMUM,
                                  conf->in_flight ? conf->in_flight : IN_FLIGHT);
    if (!rc && conf->user)
        rc = mosquitto_username_pw_set(m->link, conf->user, conf->password);
    if (!rc && conf->tls)
        rc = set_tls(m, conf);
    return rc;
}

an_err an_mqtt_new(const an_mqtt_conf *conf, const an_mqtt_events *events, void *ctx, an_mqtt **ret,
                   an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_mqtt *m = an_alloc(1, sizeof *m);
    pthread_once(&once, start_library);
    if (!m || !(m->host = an_strdup(conf->host)))
        goto out;
    m->events = *events;
    m->ctx = ctx;
    m->port = conf->port;
    m->old = conf->old;
    m->tls = conf->tls;
    m->session_s = conf->session_s;
    m->keepalive_s = conf->keepalive_s ? conf->keepalive_s : KEEPALIVE_S;
    m->max_bytes = conf->max_bytes ? conf->max_bytes : MAX_BYTES;
    m->link = mosquitto_new(conf->client, conf->session_s == 0, m);
    if (!m->link) {
        err = errno == ENOMEM ? AN_ERR_NOMEM : an_fail(AN_ERR_INVAL, why, "not a client's id");
        goto out;
    }
    mosquitto_connect_v5_callback_set(m->link, on_connect);
    mosquitto_message_v5_callback_set(m->link, on_message);
    mosquitto_publish_callback_set(m->link, on_publish);
    mosquitto_subscribe_callback_set(m->link, on_subscribe);
    const int rc = set_options(m, conf);
    err = rc ? an_fail(rc == MOSQ_ERR_NOMEM ? AN_ERR_NOMEM : AN_ERR_INVAL, why,
                       "the connection's options or certificates: %s", mosquitto_strerror(rc))
             : AN_OK;
out:
    if (err == AN_OK)
        *ret = m;
    else
        an_mqtt_free(m);
    return err;
}

void an_mqtt_free(an_mqtt *m)
{
    if (!m)
        return;
    an_mqtt_disconnect(m);
    if (m->link)
        mosquitto_destroy(m->link);
    an_free(m->host);
    an_free(m);
}

an_err an_mqtt_will(an_mqtt *m, const char *topic, const void *payload, size_t len, int qos, bool retain,
                    an_note *why)
{
    if (!topic)
        return judge(mosquitto_will_clear(m->link), why);
    return judge(mosquitto_will_set_v5(m->link, topic, (int)len, payload, qos, retain, NULL), why);
}

/* ---- the connection ---- */

/* The library connects without a time-out of its own, for minutes if nobody answers: is anybody there? */
static an_err reach(const an_mqtt *m, int64_t timeout_ms, an_note *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    char port[8];
    int error = ETIMEDOUT;
    bool there = false;
    snprintf(port, sizeof port, "%d", m->port);
    const int rc = getaddrinfo(m->host, port, &hints, &all);
    if (rc != 0)
        return an_fail(AN_ERR_IO, why, "%s: %s", m->host, gai_strerror(rc));
    for (const struct addrinfo *a = all; a && !there; a = a->ai_next) {
        const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct pollfd item = {.fd = fd, .events = POLLOUT};
        socklen_t len = sizeof error;
        if (fd < 0)
            continue;
        if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
            there = true;
        else if (errno != EINPROGRESS)
            error = errno;
        else if (poll(&item, 1, (int)timeout_ms) > 0 &&
                 getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0)
            there = error == 0;
        close(fd);
    }
    freeaddrinfo(all);
    return there ? AN_OK : an_fail(AN_ERR_IO, why, "%s:%s: %s", m->host, port, strerror(error));
}

static int begin(an_mqtt *m)
{
    mosquitto_property *props = NULL;
    if (m->old)
        return mosquitto_connect(m->link, m->host, m->port, m->keepalive_s);
    int rc = mosquitto_property_add_int32(&props, MQTT_PROP_MAXIMUM_PACKET_SIZE, m->max_bytes);
    if (!rc && m->session_s > 0)
        rc = mosquitto_property_add_int32(&props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, m->session_s);
    if (!rc)
        rc = mosquitto_connect_bind_v5(m->link, m->host, m->port, m->keepalive_s, NULL, props);
    mosquitto_property_free_all(&props);
    return rc;
}

an_err an_mqtt_connect(an_mqtt *m, int64_t timeout_ms, bool *ret_session, an_note *why)
{
    const an_clock *clock = an_clock_system();
    const int64_t end = clock->mono_ms(clock) + timeout_ms;
    an_mqtt_disconnect(m);
    an_err err = reach(m, timeout_ms, why);
    if (err)
        return err;
    m->answer = -1;
    m->refused = false;
    errno = 0;
    int rc = begin(m);
    m->open = true;
    while (rc == MOSQ_ERR_SUCCESS && m->answer < 0 && clock->mono_ms(clock) < end)
        rc = mosquitto_loop(m->link, STEP_MS, 1);
    if (m->answer == 0 && rc == MOSQ_ERR_SUCCESS) {
        *ret_session = m->session;
        return AN_OK;
    }
    if (m->answer > 0)
        err = an_fail(AN_ERR_AUTH, why, "the broker refuses this client: %s", m->reason);
    else if (rc != MOSQ_ERR_SUCCESS)
        err = judge(rc, why);
    else
        err = an_fail(AN_ERR_IO, why, "the broker does not answer");
    an_mqtt_disconnect(m);
    return err;
}

void an_mqtt_disconnect(an_mqtt *m)
{
    if (m->open && mosquitto_disconnect(m->link) == MOSQ_ERR_SUCCESS)
        mosquitto_loop(m->link, 0, 1); /* what waits to be sent, and the good-bye */
    m->open = false;
}

an_err an_mqtt_subscribe(an_mqtt *m, const char *filter, int qos, an_note *why)
{
    const int options = m->old ? 0 : MQTT_SUB_OPT_SEND_RETAIN_NEW;
    return judge(mosquitto_subscribe_v5(m->link, NULL, filter, qos, options, NULL), why);
}

an_err an_mqtt_publish(an_mqtt *m, const char *topic, const void *payload, size_t len, int qos, bool retain,
                       int *ret_id, an_note *why)
{
    int id = 0;
    if (len > INT32_MAX)
        return AN_ERR_LIMIT;
    errno = 0;
    const int rc = mosquitto_publish(m->link, &id, topic, (int)len, payload, qos, retain);
    an_err err = judge(rc, why);
    if (err == AN_ERR_IO && qos > 0) /* the library has kept it for the next connection */
        err = AN_OK;
    if (err == AN_OK && ret_id)
        *ret_id = id;
    return err;
}

an_err an_mqtt_turn(an_mqtt *m, int64_t wait_ms, an_note *why)
{
    errno = 0;
    const int rc = mosquitto_loop(m->link, (int)wait_ms, 1);
    if (m->refused)
        return an_fail(AN_ERR_REFUSED, why, "the broker refuses a subscription");
    return judge(rc, why);
}

int an_mqtt_fd(const an_mqtt *m)
{
    return m->open ? mosquitto_socket(m->link) : -1;
}

uint64_t an_mqtt_too_large(const an_mqtt *m)
{
    return m->too_large;
}

/* ---- topics ---- */

bool an_mqtt_topic_ok(const char *topic)
{
    return strlen(topic) < AN_MQTT_TOPIC_MAX && mosquitto_pub_topic_check(topic) == MOSQ_ERR_SUCCESS;
}

bool an_mqtt_filter_ok(const char *filter)
{
    return strlen(filter) < AN_MQTT_TOPIC_MAX && mosquitto_sub_topic_check(filter) == MOSQ_ERR_SUCCESS;
}

bool an_mqtt_matches(const char *filter, const char *topic)
{
    bool yes = false;
    return mosquitto_topic_matches_sub(filter, topic, &yes) == MOSQ_ERR_SUCCESS && yes;
}
