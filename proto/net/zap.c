/* zap.c - ZAP (ZeroMQ RFC 27), server side.
 *
 *     request   "1.0" | request id | domain | address | routing id | "CURVE" | key (32)
 *     reply     "1.0" | request id | "200" or "400" | text | user id | metadata
 *
 * The metadata carries the key itself as a property of every later message of the connection,
 * so that the server asks about the key each time: a site may have two, and one may be revoked.
 */
#include "net/zap.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "net/hashmap.h"
#include "net/net_internal.h"
#include "net/pipe.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define FRAMES 7
#define FRAME_MAX 256
#define MINUTE_MS 60000

typedef struct grant {
    char site[AN_USER_TEXT];
    bool revoked; /* kept, so that the reason can be told */
} grant;

struct an_zap {
    an_net *net;
    an_actor *actor;
    void *socket;         /* the thread's */
    pthread_mutex_t lock; /* guards all below; never held across a call out */
    pthread_cond_t let_go;
    bool held;
    an_hashmap keys; /* link key -> grant */
    uint64_t epoch;
    uint64_t counts[AN_ZAP_REASONS];
    unsigned enrol_per_minute, enrol_used;
    int64_t enrol_since_ms;
};

typedef struct request {
    size_t n; /* frames, more than FRAMES if there were */
    size_t len[FRAMES];
    uint8_t bytes[FRAMES][FRAME_MAX];
} request;

enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, ROUTING_ID, MECHANISM, CREDENTIALS };

static bool frame_is(const request *rq, int i, const char *text)
{
    size_t len = strlen(text);
    return rq->len[i] == len && an_secret_equal(rq->bytes[i], text, len);
}

static an_zap_reason admit_enrolment(an_zap *zap)
{
    const an_clock *clock = an_clock_system();
    int64_t now_ms = clock->mono_ms(clock);
    if (zap->enrol_per_minute == 0)
        return AN_ZAP_ENROL_CLOSED;
    if (now_ms - zap->enrol_since_ms >= MINUTE_MS) {
        zap->enrol_since_ms = now_ms;
        zap->enrol_used = 0;
    }
    if (zap->enrol_used >= zap->enrol_per_minute)
        return AN_ZAP_ENROL_RATE;
    zap->enrol_used++;
    return AN_ZAP_ADMITTED;
}

/* Decides under the lock; only ADMITTED sets ret_user.  Whatever is not known is denied. */
static an_zap_reason admit(an_zap *zap, const request *rq, char ret_user[static AN_USER_TEXT])
{
    const uint8_t *key = rq->bytes[CREDENTIALS];
    if (rq->n != FRAMES || !frame_is(rq, VERSION, "1.0"))
        return AN_ZAP_MALFORMED;
    if (!frame_is(rq, MECHANISM, "CURVE"))
        return AN_ZAP_MECHANISM;
    if (rq->len[CREDENTIALS] != AN_LINK_KEY)
        return AN_ZAP_MALFORMED;
    if (frame_is(rq, DOMAIN, an_port_name(AN_PORT_ENROL))) {
        an_hex(ret_user, key, AN_LINK_KEY);
        return admit_enrolment(zap);
    }
    if (!frame_is(rq, DOMAIN, an_port_name(AN_PORT_CONTROL)) &&
        !frame_is(rq, DOMAIN, an_port_name(AN_PORT_BULK)))
        return AN_ZAP_DOMAIN;
    const grant *g = an_hashmap_find(&zap->keys, key);
    if (!g)
        return AN_ZAP_UNKNOWN;
    if (g->revoked)
        return AN_ZAP_REVOKED;
    memcpy(ret_user, g->site, AN_USER_TEXT);
    return AN_ZAP_ADMITTED;
}

static bool receive(void *socket, request *rq)
{
    int more = 1;
    rq->n = 0;
    while (more) {
        uint8_t spare;
        bool keep = rq->n < FRAMES;
        size_t len = sizeof more;
        int rc = keep ? zmq_recv(socket, rq->bytes[rq->n], FRAME_MAX, ZMQ_DONTWAIT)
                      : zmq_recv(socket, &spare, sizeof spare, ZMQ_DONTWAIT);
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc < 0)
            return false;
        if (keep)
            rq->len[rq->n] = (size_t)rc < FRAME_MAX ? (size_t)rc : FRAME_MAX;
        rq->n += rq->n <= FRAMES;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &len) != 0)
            return false;
    }
    return true;
}

/* One property: length of name (1), name, length of value (4, big-endian), value. */
static size_t link_key_property(uint8_t ret[static 128], const uint8_t key[static AN_LINK_KEY])
{
    char text[2 * AN_LINK_KEY + 1];
    size_t name_len = strlen(AN_LINK_KEY_PROPERTY), at = 0;
    an_hex(text, key, AN_LINK_KEY);
    ret[at++] = (uint8_t)name_len;
    memcpy(ret + at, AN_LINK_KEY_PROPERTY, name_len);
    at += name_len;
    memset(ret + at, 0, 3);
    ret[at + 3] = 2 * AN_LINK_KEY;
    at += 4;
    memcpy(ret + at, text, 2 * AN_LINK_KEY);
    return at + 2 * AN_LINK_KEY;
}

static void reply(void *socket, const request *rq, bool admitted, const char *user)
{
    uint8_t property[128];
    size_t property_len = admitted ? link_key_property(property, rq->bytes[CREDENTIALS]) : 0;
    const char *code = admitted ? "200" : "400";
    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(socket, rq->bytes[REQUEST_ID], rq->n > REQUEST_ID ? rq->len[REQUEST_ID] : 0, ZMQ_SNDMORE);
    zmq_send(socket, code, 3, ZMQ_SNDMORE);
    zmq_send(socket, "", 0, ZMQ_SNDMORE);
    zmq_send(socket, user, admitted ? strlen(user) : 0, ZMQ_SNDMORE);
    zmq_send(socket, property, property_len, 0);
}

static void answer(an_zap *zap)
{
    request rq = {0};
    char user[AN_USER_TEXT] = "";
    if (!receive(zap->socket, &rq))
        return;
    pthread_mutex_lock(&zap->lock);
    while (zap->held)
        pthread_cond_wait(&zap->let_go, &zap->lock);
    an_zap_reason reason = admit(zap, &rq, user);
    zap->counts[reason]++;
    pthread_mutex_unlock(&zap->lock);
    reply(zap->socket, &rq, reason == AN_ZAP_ADMITTED, user);
}

static void run(an_pipe *pipe, void *arg)
{
    an_zap *zap = arg;
    an_note why = {0};
    an_err err = AN_OK;
    uint8_t byte;
    if (!(zap->socket = an_socket_open(zap->net, ZMQ_REP)))
        err = AN_ERR_NOMEM;
    else if (!an_socket_int(zap->socket, ZMQ_LINGER, 0) || zmq_bind(zap->socket, ZAP_ENDPOINT) != 0)
        err = an_fail(errno == EADDRINUSE ? AN_ERR_EXISTS : AN_ERR_IO, &why,
                      "cannot start the ZAP handler: %s", zmq_strerror(errno));
    an_actor_ready(pipe, err, &why);
    zmq_pollitem_t polls[] = {{.socket = zap->socket, .events = ZMQ_POLLIN},
                              {.socket = an_pipe_socket(pipe), .events = ZMQ_POLLIN}};
    while (err == AN_OK && an_pipe_recv(pipe, &byte, sizeof byte, NULL) != AN_ERR_CANCELLED) {
        if (zmq_poll(polls, 2, -1) < 0 && errno != EINTR)
            break;
        if (polls[0].revents)
            answer(zap);
    }
    an_socket_close(zap->net, zap->socket);
    zap->socket = NULL;
}

an_err an_zap_start(an_net *net, an_zap **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_zap *zap = NULL;
    an_zap *none = NULL;

    if (atomic_load(&net->zap))
        return an_fail(AN_ERR_EXISTS, why, "a ZAP handler runs already");
    if (!(zap = an_alloc(1, sizeof *zap)))
        return err;
    zap->net = net;
    an_hashmap_init(&zap->keys, AN_LINK_KEY, sizeof(grant));
    if (pthread_mutex_init(&zap->lock, NULL) != 0 || pthread_cond_init(&zap->let_go, NULL) != 0) {
        an_free(zap);
        return err;
    }
    if ((err = an_actor_start(net, run, zap, &zap->actor, why)) != AN_OK)
        goto out;
    err = AN_ERR_EXISTS;
    if (!atomic_compare_exchange_strong(&net->zap, &none, zap))
        goto out;
    *ret = zap;
    zap = NULL;
    err = AN_OK;
out:
    an_zap_stop(zap);
    return err;
}

void an_zap_stop(an_zap *zap)
{
    if (!zap)
        return;
    an_zap *mine = zap;
    (void)atomic_compare_exchange_strong(&zap->net->zap, &mine, NULL);
    an_zap_hold(zap, false);
    an_actor_stop(zap->actor);
    pthread_cond_destroy(&zap->let_go);
    pthread_mutex_destroy(&zap->lock);
    an_hashmap_done(&zap->keys);
    an_free(zap);
}

void an_zap_hold(an_zap *zap, bool held)
{
    pthread_mutex_lock(&zap->lock);
    zap->held = held;
    pthread_cond_signal(&zap->let_go);
    pthread_mutex_unlock(&zap->lock);
}

static bool site_good(const char *site)
{
    size_t len = strlen(site);
    if (len == 0 || len >= AN_USER_TEXT)
        return false;
    for (size_t i = 0; i < len; i++)
        if (site[i] <= ' ' || site[i] > '~')
            return false;
    return true;
}

an_err an_zap_allow(an_zap *zap, const uint8_t key[static AN_LINK_KEY], const char *site)
{
    grant g = {0};
    if (!site_good(site))
        return AN_ERR_INVAL;
    memcpy(g.site, site, strlen(site));
    pthread_mutex_lock(&zap->lock);
    an_err err = an_hashmap_put(&zap->keys, key, &g);
    zap->epoch += err == AN_OK;
    pthread_mutex_unlock(&zap->lock);
    return err;
}

bool an_zap_revoke(an_zap *zap, const uint8_t key[static AN_LINK_KEY])
{
    pthread_mutex_lock(&zap->lock);
    grant *g = an_hashmap_find(&zap->keys, key);
    bool was = g && !g->revoked;
    if (was) {
        g->revoked = true;
        zap->epoch++;
    }
    pthread_mutex_unlock(&zap->lock);
    return was;
}

static bool is_kept(const void *key, const uint8_t *const *keep, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (an_secret_equal(key, keep[i], AN_LINK_KEY))
            return true;
    return false;
}

size_t an_zap_revoke_site(an_zap *zap, const char *site, const uint8_t *const *keep, size_t n)
{
    size_t revoked = 0, at = 0;
    const void *key;
    void *value;
    pthread_mutex_lock(&zap->lock);
    while (an_hashmap_next(&zap->keys, &at, &key, &value)) {
        grant *g = value;
        if (g->revoked || strcmp(g->site, site) != 0 || is_kept(key, keep, n))
            continue;
        g->revoked = true;
        revoked++;
    }
    zap->epoch += revoked;
    pthread_mutex_unlock(&zap->lock);
    return revoked;
}

bool an_zap_site_of(an_zap *zap, const uint8_t key[static AN_LINK_KEY], char ret_site[static AN_USER_TEXT])
{
    pthread_mutex_lock(&zap->lock);
    const grant *g = an_hashmap_find(&zap->keys, key);
    bool holds = g && !g->revoked;
    if (holds)
        memcpy(ret_site, g->site, AN_USER_TEXT);
    pthread_mutex_unlock(&zap->lock);
    return holds;
}

uint64_t an_zap_epoch(an_zap *zap)
{
    pthread_mutex_lock(&zap->lock);
    uint64_t epoch = zap->epoch;
    pthread_mutex_unlock(&zap->lock);
    return epoch;
}

void an_zap_enrol(an_zap *zap, unsigned per_minute)
{
    pthread_mutex_lock(&zap->lock);
    zap->enrol_per_minute = per_minute;
    pthread_mutex_unlock(&zap->lock);
}

uint64_t an_zap_count(an_zap *zap, an_zap_reason reason)
{
    pthread_mutex_lock(&zap->lock);
    uint64_t n = (unsigned)reason < AN_ZAP_REASONS ? zap->counts[reason] : 0;
    pthread_mutex_unlock(&zap->lock);
    return n;
}

const char *an_zap_reason_text(an_zap_reason reason)
{
    static const char *const texts[] = {
#define AN_ZAP_ROW(name, text) text,
        AN_ZAP_COUNT_LIST(AN_ZAP_ROW)
#undef AN_ZAP_ROW
    };
    return (unsigned)reason < AN_ZAP_REASONS ? texts[reason] : "unknown";
}
