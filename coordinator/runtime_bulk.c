/* The bulk thread's sockets and messages; what it pulls is in runtime_pull.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/runtime_bulk.h"
#include "net/poll.h"

#define QUEUE 1024
#define PER_PEER (2 * AN_FETCH_WINDOW)

/* ---- versions that sites fetch ---- */

static const an_bulk_object *object_find(const an_bulk *b, const an_hash *hash)
{
    for (size_t i = b->n_objects; i-- > 0;) /* the newest are asked for most */
        if (an_hash_equal(&b->objects[i].hash, hash))
            return &b->objects[i];
    return NULL;
}

static an_err serve_find(void *user, const char *site, const an_hash *hash, uint64_t *ret_total)
{
    (void)site; /* every approved site may have every version */
    const an_bulk_object *o = object_find(user, hash);
    if (!o)
        return AN_ERR_NOTFOUND;
    *ret_total = o->size;
    return AN_OK;
}

static an_err serve_read(void *user, const an_hash *hash, uint64_t offset, void *ret_bytes, size_t len)
{
    an_bulk *b = user;
    if (b->open_fd < 0 || !an_hash_equal(&b->open_hash, hash)) {
        char path[AN_PATH_MAX];
        an_err err = an_store_object_file(b->args->store, hash, path, NULL);
        if (err != AN_OK)
            return err;
        if (b->open_fd >= 0)
            close(b->open_fd);
        b->open_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (b->open_fd < 0)
            return errno == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO;
        b->open_hash = *hash;
    }
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(b->open_fd, (char *)ret_bytes + done, len - done, (off_t)(offset + done));
        if (n <= 0)
            return AN_ERR_IO;
        done += (size_t)n;
    }
    return AN_OK;
}

an_err an_bulk_send(an_bulk *b, const an_peer *peer, const an_msg *msg, const void *bytes, size_t len)
{
    an_buf_clear(&b->head);
    an_err err = an_msg_encode(msg, &b->head, NULL);
    if (err == AN_OK)
        err = an_server_send(b->server, peer, b->head.data, b->head.len, bytes, len);
    if (err == AN_OK && b->args->vitals)
        an_tick_add(&b->args->vitals->bytes_out[AN_VITALS_BULK], b->head.len + len);
    return err;
}

static an_err refuse(an_bulk *b, const an_peer *peer, const an_hash *hash, uint64_t offset,
                     an_chunk_refusal reason)
{
    an_msg m = {.type = AN_MSG_CHUNK_REFUSE};
    m.u.chunk_refuse = (an_msg_chunk_refuse){.object = *hash, .offset = offset, .reason = reason};
    return an_bulk_send(b, peer, &m, NULL, 0);
}

static an_err serve_reply(void *user, const an_peer *peer, const an_hash *hash, uint64_t offset,
                          const void *bytes, size_t len, an_err err)
{
    an_bulk *b = user;
    const an_bulk_object *o = object_find(b, hash);
    if (err != AN_OK || !o)
        return refuse(b, peer, hash, offset,
                      err == AN_ERR_NOTFOUND || !o ? AN_CHUNK_UNKNOWN : AN_CHUNK_RANGE);
    an_msg m = {.type = AN_MSG_CHUNK};
    m.u.chunk = (an_msg_chunk){.object = *hash, .offset = offset, .len = (uint32_t)len, .total = o->size};
    return an_bulk_send(b, peer, &m, bytes, len);
}

/* ---- orders ---- */

static void on_order(an_bulk *b, const an_bulk_order *o)
{
    switch (o->what) {
    case AN_BULK_FETCH:
        an_pulls_add(b, o);
        break;
    case AN_BULK_SERVE:
        if (!an_grow(&b->objects, &b->objects_cap, b->n_objects + 1, sizeof *b->objects))
            an_log(AN_LOG_ERROR, "version_not_served", "why=\"out of memory\"");
        else
            b->objects[b->n_objects++] = (an_bulk_object){.hash = o->hash, .size = o->size};
        break;
    case AN_BULK_DROP:
        if (an_peers_find(b->peers, o->site, NULL))
            an_serve_forget(b->serve, an_peers_find(b->peers, o->site, NULL));
        an_peers_drop(b->peers, o->site);
        an_pulls_drop(b, o->site);
        break;
    }
}

/* False: to be stopped. */
static bool take_orders(an_bulk *b)
{
    an_bulk_order order;
    size_t len;
    an_err err;
    while ((err = an_pipe_recv(b->pipe, &order, sizeof order, &len)) == AN_OK)
        on_order(b, &order);
    return err != AN_ERR_CANCELLED;
}

/* ---- messages ---- */

static void on_ask(an_bulk *b, const an_in *in, const an_msg_chunk_request *ask)
{
    an_err err = AN_OK;
    /* It may be so new that the order to serve it still lies in the pipe. */
    if (ask->kind == AN_OBJECT_VERSION && !object_find(b, &ask->object))
        take_orders(b);
    if (ask->kind != AN_OBJECT_VERSION)
        err = refuse(b, &in->peer, &ask->object, ask->offset, AN_CHUNK_FORBIDDEN);
    else if (an_serve_ask(b->serve, &in->peer, in->site, &ask->object, ask->offset, ask->len) == AN_ERR_LIMIT)
        err = refuse(b, &in->peer, &ask->object, ask->offset, AN_CHUNK_BUSY);
    if (err != AN_OK) /* its own timeout makes it ask again */
        an_log(AN_LOG_DEBUG, "bulk_not_answered", "site=%s err=%s", in->site, an_err_name(err));
}

static void on_frame(an_bulk *b, const an_in *in, int64_t now)
{
    uint64_t epoch;
    an_msg *msg = NULL;
    an_note why = {{0}};
    bool known = an_peers_current(b->peers, in->site, &in->peer);
    if (!known && an_peers_hello(b->peers, in->site, &in->peer, &epoch) == AN_OK)
        an_pulls_relink(b, in->site, now);
    an_err err =
        in->head_len > AN_MSG_BULK_MAX ? AN_ERR_LIMIT : an_msg_decode(in->head, in->head_len, &msg, &why);
    if (err == AN_OK)
        err = an_msg_expect(msg, AN_DOOR_BULK, AN_WAY_UP, &why);
    if (err == AN_OK && (msg->type == AN_MSG_CHUNK) != (in->body != NULL))
        err = AN_ERR_PROTO;
    if (err != AN_OK) {
        if (an_log_allow(&b->refused, now))
            an_log(AN_LOG_WARN, "bulk_refused", "site=%s err=%s why=\"%s\"", in->site, an_err_name(err),
                   why.text);
    } else if (msg->type == AN_MSG_CHUNK_REQUEST)
        on_ask(b, in, &msg->u.chunk_request);
    else if (msg->type == AN_MSG_CHUNK)
        an_pulls_chunk(b, in->site, &msg->u.chunk, in->body, in->body_len, now);
    else if (msg->type == AN_MSG_CHUNK_REFUSE)
        an_pulls_refused(b, in->site, &msg->u.chunk_refuse);
    an_msg_free(msg);
}

static void drain(an_bulk *b)
{
    for (int i = 0; i < 256; i++) {
        an_err err = an_server_recv(b->server, &b->in);
        if (err == AN_OK && b->args->vitals)
            an_tick_add(&b->args->vitals->bytes_in[AN_VITALS_BULK], b->in.head_len + b->in.body_len);
        if (err == AN_OK)
            on_frame(b, &b->in, an_clock_system()->mono_ms(an_clock_system()));
        else if (err == AN_ERR_AGAIN || err == AN_ERR_IO)
            return;
    }
}

static an_err open_all(an_bulk *b, an_note *why)
{
    an_serve_conf serve = {.queue = QUEUE,
                           .per_peer = PER_PEER,
                           .find = serve_find,
                           .read = serve_read,
                           .reply = serve_reply,
                           .user = b};
    an_err err;
    if ((err = an_peers_new(AN_COHORT_MAX * 4, &b->peers)) != AN_OK ||
        (err = an_serve_new(&serve, &b->serve)) != AN_OK)
        return err;
    err =
        an_server_open(b->args->net, AN_PORT_BULK, b->args->endpoint, b->args->link_secret, &b->server, why);
    if (err == AN_OK)
        snprintf(b->args->bound, sizeof b->args->bound, "%s", an_server_endpoint(b->server));
    return err;
}

void an_bulk_main(an_pipe *pipe, void *args)
{
    an_note why = {{0}};
    an_bulk b = {.args = args, .pipe = pipe, .open_fd = -1, .budget = {.max = AN_BULK_BUDGET}};
    an_buf_init(&b.head, AN_MSG_BULK_MAX);
    an_err err = open_all(&b, &why);
    an_actor_ready(pipe, err, &why);
    while (err == AN_OK && take_orders(&b)) {
        drain(&b);
        int64_t now = an_clock_system()->mono_ms(an_clock_system());
        an_pulls_step(&b, now);
        /* A peer whose queue is full says nothing when it has room again: look a little later.
         */
        int64_t wait = an_serve_step(b.serve) > 0 ? 2 : an_pulls_wait(&b, now);
        an_wait items[] = {{.pipe = pipe}, {.server = b.server}};
        an_err polled = an_poll(items, 2, wait);
        if (polled != AN_OK && polled != AN_ERR_AGAIN) {
            an_log(AN_LOG_ERROR, "bulk_cannot_wait", "err=%s", an_err_name(polled));
            break;
        }
    }
    an_pulls_free(&b);
    an_free(b.objects);
    if (b.open_fd >= 0)
        close(b.open_fd);
    an_in_done(&b.in);
    an_buf_done(&b.head);
    an_server_close(b.server);
    an_serve_free(b.serve);
    an_peers_free(b.peers);
}
