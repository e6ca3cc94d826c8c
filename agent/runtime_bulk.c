/* Large objects of a site: versions are pulled from the coordinator, updates are given to it
 * when it asks.
 *
 * The total length of a version comes with its first byte, which is asked for alone.  While a
 * pull is under way FILE.at says how many bytes from the file's start are durable, so that a
 * restart goes on there; the hash of the whole is compared in any case. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/runtime_internal.h"
#include "base/mem.h"
#include "net/bulk.h"

#define PULLS_MAX 16
#define BUDGET_BYTES (32u * AN_CHUNK_BYTES)
#define CHUNK_TIMEOUT_MS 10000
#define RETRIES 6
#define PROBE_MS 300
#define PROBES 20 /* then the session is told, and asks again later */
#define GREETINGS 20
#define KEEP_BYTES                                                                                           \
    (8u * AN_CHUNK_BYTES) /* between two notes of how far the file is durable   \
                                          */

typedef struct pull {
    bool used, ended;
    an_hash version;
    char path[AN_PATH_MAX];
    int fd;
    an_fetch *fetch; /* NULL: its length is not known yet */
    unsigned probes;
    int64_t probe_ms;
    uint64_t kept;
    an_err err;
    an_note why;
    an_bulk *bulk;
} pull;

struct an_bulk {
    an_bulk_conf conf;
    char endpoint[AN_ENDPOINT_MAX];
    an_client *client;
    an_serve *serve;
    an_budget budget;
    pull pulls[PULLS_MAX];
    an_hash greet;
    unsigned greetings; /* still to be said */
    int64_t greet_ms;
    an_in in;
};

static int64_t now_ms(const an_bulk *b)
{
    return b->conf.clock->mono_ms(b->conf.clock);
}

static an_err send_msg(an_bulk *b, const an_msg *m, const void *body, size_t len)
{
    an_buf head;
    an_buf_init(&head, AN_MSG_BULK_MAX);
    an_err err = b->client ? an_msg_encode(m, &head, NULL) : AN_ERR_AGAIN;
    if (err == AN_OK)
        err = an_client_send(b->client, head.data, head.len, body, len);
    an_buf_done(&head);
    return err;
}

static an_err request(an_bulk *b, an_object_kind kind, const an_hash *hash, uint64_t offset, uint32_t len)
{
    an_msg m = {.type = AN_MSG_CHUNK_REQUEST};
    m.u.chunk_request = (an_msg_chunk_request){.object = *hash, .kind = kind, .offset = offset, .len = len};
    return send_msg(b, &m, NULL, 0);
}

/* ---- updates out ---- */

static an_err find_update(void *user, const char *site, const an_hash *hash, uint64_t *ret_total)
{
    an_bulk *b = user;
    char path[AN_PATH_MAX];
    struct stat st;
    (void)site; /* a client has one peer */
    an_err err = b->conf.find(b->conf.ctx, hash, path);
    if (err == AN_OK && (stat(path, &st) != 0 || st.st_size < 0))
        err = AN_ERR_NOTFOUND;
    if (err == AN_OK)
        *ret_total = (uint64_t)st.st_size;
    return err;
}

static an_err read_at(int fd, uint64_t offset, void *bytes, size_t len)
{
    uint8_t *at = bytes;
    while (len > 0) {
        const ssize_t n = pread(fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return AN_ERR_IO;
        at += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return AN_OK;
}

static an_err read_update(void *user, const an_hash *hash, uint64_t offset, void *ret_bytes, size_t len)
{
    an_bulk *b = user;
    char path[AN_PATH_MAX];
    an_err err = b->conf.find(b->conf.ctx, hash, path);
    if (err != AN_OK)
        return err;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return AN_ERR_NOTFOUND;
    err = read_at(fd, offset, ret_bytes, len);
    (void)close(fd);
    return err;
}

static an_err reply(void *user, const an_peer *peer, const an_hash *hash, uint64_t offset, const void *bytes,
                    size_t len, an_err err)
{
    an_bulk *b = user;
    an_msg m = {.type = AN_MSG_CHUNK};
    uint64_t total = 0;
    (void)peer;
    if (err == AN_OK)
        err = find_update(b, "", hash, &total);
    if (err == AN_OK) {
        m.u.chunk = (an_msg_chunk){.object = *hash, .offset = offset, .len = (uint32_t)len, .total = total};
        return send_msg(b, &m, bytes, len);
    }
    m.type = AN_MSG_CHUNK_REFUSE;
    m.u.chunk_refuse = (an_msg_chunk_refuse){.object = *hash, .offset = offset};
    m.u.chunk_refuse.reason = err == AN_ERR_NOTFOUND ? AN_CHUNK_UNKNOWN
                              : err == AN_ERR_INVAL  ? AN_CHUNK_RANGE
                                                     : AN_CHUNK_BUSY;
    return send_msg(b, &m, NULL, 0);
}

void an_bulk_greet(an_bulk *b, const an_hash *update)
{
    b->greet = *update;
    b->greetings = GREETINGS;
    b->greet_ms = now_ms(b);
}

static void greet(an_bulk *b)
{
    if (b->greetings == 0 || now_ms(b) < b->greet_ms)
        return;
    const bool sent = request(b, AN_OBJECT_UPDATE, &b->greet, 0, 1) == AN_OK;
    b->greetings -= sent;
    b->greet_ms = now_ms(b) + (sent ? 1000 : 100);
}

/* ---- versions in ---- */

static an_err pull_write(void *user, uint64_t offset, const void *bytes, size_t len)
{
    const pull *p = user;
    const uint8_t *at = bytes;
    while (len > 0) {
        const ssize_t n = pwrite(p->fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return AN_ERR_IO;
        at += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return AN_OK;
}

static an_err pull_read(void *user, uint64_t offset, void *ret_bytes, size_t len)
{
    return read_at(((const pull *)user)->fd, offset, ret_bytes, len);
}

static an_err pull_ask(void *user, const an_hash *hash, uint64_t offset, uint32_t len)
{
    return request(((pull *)user)->bulk, AN_OBJECT_VERSION, hash, offset, len);
}

static bool at_path(const pull *p, char out[static AN_PATH_MAX])
{
    const int n = snprintf(out, AN_PATH_MAX, "%s.at", p->path);
    return n > 0 && n < AN_PATH_MAX;
}

/* Bytes from the start that an earlier pull left, 0 if that is not sure. */
static uint64_t resume_at(const pull *p, uint64_t total)
{
    char path[AN_PATH_MAX];
    struct stat st;
    an_buf b;
    int64_t at = 0;
    an_buf_init(&b, 32);
    if (!at_path(p, path) || an_file_read(&b, path, NULL) != AN_OK)
        at = -1;
    an_buf_u8(&b, 0);
    if (at < 0 || b.failed || !an_parse_int((const char *)b.data, &at) || at < 0 || (uint64_t)at > total ||
        fstat(p->fd, &st) != 0 || st.st_size < at)
        at = 0;
    an_buf_done(&b);
    return (uint64_t)at;
}

static void keep_place(pull *p)
{
    char path[AN_PATH_MAX], text[32];
    const uint64_t at = an_fetch_at(p->fetch);
    if (at < p->kept + KEEP_BYTES || !at_path(p, path) || fdatasync(p->fd) != 0)
        return;
    const int n = snprintf(text, sizeof text, "%" PRIu64, at);
    if (an_file_write(path, text, (size_t)n, 0600, NULL) == AN_OK)
        p->kept = at;
}

static void end(pull *p, an_err err, const char *why)
{
    char path[AN_PATH_MAX];
    const bool whole = p->fetch && an_fetch_done(p->fetch);
    if (err == AN_OK && fsync(p->fd) != 0)
        err = AN_ERR_IO;
    /* What is wrong is not resumed; what is whole needs no place. */
    if ((whole || err == AN_ERR_PROTO) && at_path(p, path)) {
        an_err removed = an_file_remove(path, NULL);
        (void)removed; /* the hash is compared in any case */
    }
    an_fetch_free(p->fetch);
    p->fetch = NULL;
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
    p->err = err;
    if (err != AN_OK && !p->why.text[0])
        an_note_set(&p->why, "%s", why[0] ? why : an_err_text(err));
    p->ended = true;
}

void an_bulk_fetch(an_bulk *b, const an_hash *version, const char *path)
{
    pull *p = NULL;
    for (size_t i = 0; i < PULLS_MAX && !p; i++)
        if (!b->pulls[i].used)
            p = &b->pulls[i];
    if (!p)
        return; /* the session has as many places as there are here */
    *p = (pull){.used = true, .version = *version, .bulk = b, .probe_ms = INT64_MIN};
    snprintf(p->path, sizeof p->path, "%s", path);
    p->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (p->fd < 0)
        end(p, AN_ERR_IO, strerror(errno));
}

static void begin(pull *p, uint64_t total)
{
    const an_fetch_conf conf = {.hash = p->version,
                                .total = total,
                                .total_max = AN_BUNDLE_BYTES_MAX,
                                .resume_at = resume_at(p, total),
                                .timeout_ms = CHUNK_TIMEOUT_MS,
                                .retries = RETRIES,
                                .budget = &p->bulk->budget,
                                .write = pull_write,
                                .read = pull_read,
                                .ask = pull_ask,
                                .user = p};
    an_err err = ftruncate(p->fd, (off_t)conf.resume_at) == 0 ? AN_OK : AN_ERR_IO;
    if (err == AN_OK)
        err = an_fetch_new(&conf, &p->fetch, &p->why);
    if (err != AN_OK)
        end(p, err, "");
    else
        p->kept = conf.resume_at;
}

static void step_pull(an_bulk *b, pull *p)
{
    an_err err = AN_OK;
    if (!p->used || p->ended)
        return;
    if (!p->fetch) {
        if (now_ms(b) < p->probe_ms)
            return;
        if (p->probes == PROBES) {
            end(p, AN_ERR_IO, "the coordinator does not give the version");
            return;
        }
        p->probes += request(b, AN_OBJECT_VERSION, &p->version, 0, 1) == AN_OK;
        p->probe_ms = now_ms(b) + PROBE_MS;
        return;
    }
    err = an_fetch_step(p->fetch, now_ms(b));
    if (err != AN_OK)
        end(p, err, "");
    else if (an_fetch_done(p->fetch))
        end(p, AN_OK, "");
}

static pull *pull_of(an_bulk *b, const an_hash *version)
{
    for (size_t i = 0; i < PULLS_MAX; i++)
        if (b->pulls[i].used && !b->pulls[i].ended && an_hash_equal(&b->pulls[i].version, version))
            return &b->pulls[i];
    return NULL;
}

static void take_chunk(an_bulk *b, const an_msg_chunk *c)
{
    pull *p = pull_of(b, &c->object);
    if (!p || !b->in.body || b->in.body_len != c->len)
        return;
    if (!p->fetch) {
        begin(p, c->total);
        return; /* the first byte comes again with its chunk */
    }
    an_err err = an_fetch_take(p->fetch, &c->object, c->offset, b->in.body, b->in.body_len, now_ms(b));
    if (an_fetch_failed(p->fetch))
        end(p, err, "");
    else
        keep_place(p);
}

bool an_bulk_ended(an_bulk *b, an_hash *ret_version, an_err *ret_err, an_note *ret_why)
{
    for (size_t i = 0; i < PULLS_MAX; i++) {
        pull *p = &b->pulls[i];
        if (!p->used || !p->ended)
            continue;
        *ret_version = p->version;
        *ret_err = p->err;
        *ret_why = p->why;
        p->used = false;
        return true;
    }
    return false;
}

/* ---- frame ---- */

static void take(an_bulk *b)
{
    static const an_peer peer; /* a client has one, without a name */
    an_msg *m = NULL;
    if (an_msg_decode(b->in.head, b->in.head_len, &m, NULL) != AN_OK)
        return;
    if (m->type == AN_MSG_CHUNK) {
        take_chunk(b, &m->u.chunk);
    } else if (m->type == AN_MSG_CHUNK_REQUEST && m->u.chunk_request.kind == AN_OBJECT_UPDATE) {
        const an_msg_chunk_request *r = &m->u.chunk_request;
        b->greetings = 0; /* it knows us */
        an_err err = an_serve_ask(b->serve, &peer, "", &r->object, r->offset, r->len);
        (void)err; /* too many at once: it asks again */
    }
    an_msg_free(m);
}

void an_bulk_step(an_bulk *b)
{
    for (int i = 0; b->client && i < 64; i++) {
        an_err err = an_client_recv(b->client, &b->in);
        if (err == AN_OK)
            take(b);
        else if (err != AN_ERR_PROTO)
            break;
    }
    for (size_t i = 0; i < PULLS_MAX; i++)
        step_pull(b, &b->pulls[i]);
    an_serve_step(b->serve);
    greet(b);
}

int64_t an_bulk_deadline(const an_bulk *b)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < PULLS_MAX; i++) {
        const pull *p = &b->pulls[i];
        if (!p->used)
            continue;
        /* With a budget that others hold there is nothing overdue to wait for. */
        int64_t at = p->ended ? INT64_MIN : p->fetch ? now_ms(b) + 50 : p->probe_ms;
        next = at < next ? at : next;
    }
    if (b->greetings > 0 && b->greet_ms < next)
        next = b->greet_ms;
    return next;
}

an_client *an_bulk_client(an_bulk *b)
{
    return b->client;
}

static an_err link_to(an_bulk *b, const char *endpoint, an_note *why)
{
    const an_client_conf conf = {.port = AN_PORT_BULK,
                                 .endpoint = endpoint,
                                 .server_key = b->conf.coordinator->link_key,
                                 .link_public = b->conf.id->link_public,
                                 .link_secret = b->conf.id->link_secret,
                                 .renew_ms = 3000};
    an_client_close(b->client);
    b->client = NULL;
    an_err err = an_client_open(b->conf.net, &conf, &b->client, why);
    if (err == AN_OK && endpoint != b->endpoint)
        snprintf(b->endpoint, sizeof b->endpoint, "%s", endpoint);
    for (size_t i = 0; i < PULLS_MAX; i++)
        if (b->pulls[i].used && b->pulls[i].fetch)
            an_fetch_relink(b->pulls[i].fetch);
    return err;
}

an_err an_bulk_move(an_bulk *b, const char *endpoint, an_note *why)
{
    if (!endpoint[0] || (b->client && strcmp(endpoint, b->endpoint) == 0))
        return AN_OK;
    return link_to(b, endpoint, why);
}

an_err an_bulk_relink(an_bulk *b, an_note *why)
{
    return b->endpoint[0] ? link_to(b, b->endpoint, why) : AN_OK;
}

an_err an_bulk_open(const an_bulk_conf *conf, an_bulk **ret, an_note *why)
{
    an_bulk *b = an_alloc(1, sizeof *b);
    if (!b)
        return AN_ERR_NOMEM;
    b->conf = *conf;
    b->budget.max = BUDGET_BYTES;
    const an_serve_conf serve = {
        .queue = 64, .per_peer = 64, .find = find_update, .read = read_update, .reply = reply, .user = b};
    an_err err = an_serve_new(&serve, &b->serve);
    if (err == AN_OK)
        err = an_bulk_move(b, conf->coordinator->bulk, why);
    if (err != AN_OK) {
        an_bulk_close(b);
        return err;
    }
    *ret = b;
    return AN_OK;
}

void an_bulk_close(an_bulk *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < PULLS_MAX; i++) {
        if (!b->pulls[i].used)
            continue;
        an_fetch_free(b->pulls[i].fetch);
        if (b->pulls[i].fd >= 0)
            (void)close(b->pulls[i].fd);
    }
    an_in_done(&b->in);
    an_serve_free(b->serve);
    an_client_close(b->client);
    an_free(b);
}
