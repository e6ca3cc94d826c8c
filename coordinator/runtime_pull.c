/* Updates on their way in: each is written to a file as it comes; only a small one is held in
 * memory, where making a file would cost more than all the rest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/opt.h"
#include "coordinator/runtime_bulk.h"
#include "sum/vector.h"

#define SYNC_EVERY                                                                                           \
    ((uint64_t)16 << 20) /* so much at most is fetched again after a power cut                 \
                          */
#define TIMEOUT_MS 5000
#define RETRIES 6
#define MARK_BYTES (AN_HASH_TEXT + 32)
#define WAIT_PEER_MS 30000 /* a site that offers must show up at the bulk socket within this time */

struct an_pull {
    an_bulk *bulk;
    an_bulk_order order;
    char path[AN_PATH_MAX];
    int fd;          /* -1: not started */
    an_fetch *fetch; /* NULL: not started */
    uint64_t synced; /* bytes from the start that are durable */
    uint8_t *small;  /* (order.size) instead of the file; NULL: it is one */
    int64_t give_up_ms;
};

/* ---- the file ---- */

static an_err write_at(void *user, uint64_t offset, const void *bytes, size_t len)
{
    an_pull *p = user;
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(p->fd, (const char *)bytes + done, len - done, (off_t)(offset + done));
        if (n <= 0)
            return AN_ERR_IO;
        done += (size_t)n;
    }
    return AN_OK;
}

static an_err read_at(void *user, uint64_t offset, void *ret_bytes, size_t len)
{
    an_pull *p = user;
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(p->fd, (char *)ret_bytes + done, len - done, (off_t)(offset + done));
        if (n <= 0)
            return AN_ERR_IO;
        done += (size_t)n;
    }
    return AN_OK;
}

static an_err mark_path(const an_pull *p, char out[static AN_PATH_MAX])
{
    int n = snprintf(out, AN_PATH_MAX, "%s.at", p->path);
    return n > 0 && n < AN_PATH_MAX ? AN_OK : AN_ERR_LIMIT;
}

/* First the bytes, then the mark that vouches for them and says which update they are of. */
static void make_durable(an_pull *p)
{
    char path[AN_PATH_MAX], hex[AN_HASH_TEXT], text[MARK_BYTES];
    uint64_t at = an_fetch_at(p->fetch);
    if (p->fd < 0 || at <= p->synced || mark_path(p, path) != AN_OK || fsync(p->fd) != 0)
        return;
    an_hash_text(hex, &p->order.hash);
    int n = snprintf(text, sizeof text, "%s %llu", hex, (unsigned long long)at);
    if (an_file_write(path, text, (size_t)n, 0600, NULL) == AN_OK)
        p->synced = at;
}

static uint64_t durable_bytes(const an_pull *p)
{
    char path[AN_PATH_MAX], hex[AN_HASH_TEXT];
    struct stat st;
    an_buf b;
    int64_t at = 0;
    const size_t head = AN_HASH_TEXT - 1;
    an_buf_init(&b, MARK_BYTES);
    an_hash_text(hex, &p->order.hash);
    if (mark_path(p, path) == AN_OK && an_file_read(&b, path, NULL) == AN_OK) {
        an_buf_u8(&b, 0);
        if (b.failed || b.len < head + 3 || strncmp((const char *)b.data, hex, head) != 0 ||
            b.data[head] != ' ' || !an_parse_int((const char *)b.data + head + 1, &at))
            at = 0;
    }
    an_buf_done(&b);
    if (at <= 0 || fstat(p->fd, &st) != 0 || (uint64_t)st.st_size < (uint64_t)at ||
        (uint64_t)at > p->order.size)
        return 0;
    return (uint64_t)at;
}

static void remove_mark(const an_pull *p)
{
    char path[AN_PATH_MAX];
    if (mark_path(p, path) == AN_OK && an_file_remove(path, NULL) != AN_OK)
        an_log(AN_LOG_DEBUG, "mark_stays", "path=\"%s\"", path);
}

/* ---- the memory of a small one ---- */

static bool is_small(const an_pull *p)
{
    return p->order.size <= AN_OBJECT_SMALL;
}

/* an_fetch asks for no byte outside order.size. */
static an_err hold(void *user, uint64_t offset, const void *bytes, size_t len)
{
    an_pull *p = user;
    memcpy(p->small + offset, bytes, len);
    return AN_OK;
}

static an_err held(void *user, uint64_t offset, void *ret_bytes, size_t len)
{
    const an_pull *p = user;
    memcpy(ret_bytes, p->small + offset, len);
    return AN_OK;
}

/* ---- start and end ---- */

static an_err ask(void *user, const an_hash *hash, uint64_t offset, uint32_t len)
{
    an_pull *p = user;
    const an_peer *peer = an_peers_find(p->bulk->peers, p->order.site, NULL);
    if (!peer)
        return AN_ERR_AGAIN;
    an_msg m = {.type = AN_MSG_CHUNK_REQUEST};
    m.u.chunk_request =
        (an_msg_chunk_request){.object = *hash, .kind = AN_OBJECT_UPDATE, .offset = offset, .len = len};
    an_err err = an_bulk_send(p->bulk, peer, &m, NULL, 0);
    if (err == AN_ERR_NOTFOUND) { /* its connection is gone; it will be back under another name */
        an_peers_drop(p->bulk->peers, p->order.site);
        return AN_ERR_AGAIN;
    }
    return err;
}

static an_err open_file(an_pull *p, an_note *why)
{
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (p->fd < 0)
        return an_fail(AN_ERR_IO, why, "%.200s: cannot be written (errno %d)", p->path, errno);
    p->synced = durable_bytes(p);
    if (p->synced == 0)
        remove_mark(p); /* it may speak of another update, whose bytes are written over now */
    return AN_OK;
}

static an_err start(an_pull *p, an_note *why)
{
    an_err err = AN_OK;
    if (!is_small(p))
        err = open_file(p, why);
    else if (!(p->small = an_alloc_raw(p->order.size, 1)))
        err = AN_ERR_NOMEM;
    if (err != AN_OK)
        return err;
    an_fetch_conf conf = {
        .hash = p->order.hash,
        .total = p->order.size,
        .total_max = 2 * an_update_size(AN_DIM_MAX), /* sealed and encoded ones have their own bounds */
        .resume_at = p->synced,
        .timeout_ms = TIMEOUT_MS,
        .retries = RETRIES,
        .budget = &p->bulk->budget,
        .write = is_small(p) ? hold : write_at,
        .read = is_small(p) ? held : read_at,
        .ask = ask,
        .user = p};
    return an_fetch_new(&conf, &p->fetch, why);
}

static void pull_free(an_pull *p)
{
    if (!p)
        return;
    an_fetch_free(p->fetch);
    if (p->fd >= 0)
        close(p->fd);
    an_free(p->small);
    an_free(p);
}

/* The core gets the whole file under a name of its own, with the update's hash: whatever the
 * site offers next is written elsewhere, not into what the core checks and takes over. */
static an_err hand_over(const an_pull *p, char out[static AN_PATH_MAX])
{
    char name[192], hex[AN_HASH_TEXT];
    an_hash_text(hex, &p->order.hash);
    snprintf(name, sizeof name, "got-%llu-%s-%s", (unsigned long long)p->order.round, p->order.site, hex);
    an_err err = an_path_join(out, p->bulk->args->spool_dir, name);
    return err == AN_OK && rename(p->path, out) != 0 ? AN_ERR_IO : err;
}

/* What it came to as a file.  What can be resumed stays on disk. */
static an_err end_file(an_pull *p, an_err err, bool resume, an_bulk_report *r)
{
    if (err == AN_OK && fsync(p->fd) != 0) {
        err = an_fail(AN_ERR_IO, &r->why, "the update cannot be made durable");
        resume = true;
    }
    if (resume && p->fetch)
        make_durable(p);
    if (!resume) {
        snprintf(r->path, sizeof r->path, "%s", p->path);
        remove_mark(p);
    }
    if (err == AN_OK && (err = hand_over(p, r->path)) != AN_OK)
        an_note_set(&r->why, "the update cannot be handed over");
    return err;
}

/* Tells the core how it ended and forgets it. */
static void finish(an_bulk *b, size_t i, an_err err, const char *why)
{
    an_pull *p = b->pulls[i];
    an_bulk_report *r = &b->report;
    size_t len = offsetof(an_bulk_report, small);
    *r = (an_bulk_report){.round = p->order.round, .hash = p->order.hash};
    snprintf(r->site, sizeof r->site, "%s", p->order.site);
    an_note_set(&r->why, "%s", why);
    r->err = is_small(p)
                 ? err
                 : end_file(p, err, err == AN_ERR_IO || err == AN_ERR_AGAIN || err == AN_ERR_NOMEM, r);
    if (r->err == AN_OK && is_small(p)) {
        r->n_small = (uint32_t)p->order.size;
        memcpy(r->small, p->small, r->n_small);
        len += r->n_small;
    }
    if (an_pipe_send(b->pipe, r, len) != AN_OK)
        an_log(AN_LOG_ERROR, "bulk_report_lost", "site=%s", r->site); /* the site offers again */
    b->pulls[i] = b->pulls[--b->n_pulls];
    pull_free(p);
}

/* A site gives one update to a round, so it has one pull and one file, whatever it offers. */
void an_pulls_add(an_bulk *b, const an_bulk_order *order)
{
    char name[160];
    for (size_t i = b->n_pulls; i-- > 0;) {
        const an_bulk_order *o = &b->pulls[i]->order;
        if (o->round != order->round || strcmp(o->site, order->site) != 0)
            continue;
        if (an_hash_equal(&o->hash, &order->hash))
            return;
        finish(b, i, AN_ERR_AGAIN, "the site offers another update instead");
    }
    an_pull *p = an_alloc(1, sizeof *p);
    if (!p || !an_grow(&b->pulls, &b->pulls_cap, b->n_pulls + 1, sizeof *b->pulls)) {
        an_free(p);
        an_log(AN_LOG_ERROR, "update_not_fetched", "site=%s why=\"out of memory\"", order->site);
        return; /* the site offers again */
    }
    p->bulk = b;
    p->order = *order;
    p->fd = -1;
    p->give_up_ms = an_clock_system()->mono_ms(an_clock_system()) + WAIT_PEER_MS;
    snprintf(name, sizeof name, "fetch-%llu-%s-part", (unsigned long long)order->round, order->site);
    if (an_path_join(p->path, b->args->spool_dir, name) != AN_OK) {
        an_free(p);
        an_log(AN_LOG_ERROR, "update_not_fetched", "site=%s why=\"the spool's path is too long\"",
               order->site);
        return;
    }
    b->pulls[b->n_pulls++] = p;
}

static size_t find(const an_bulk *b, const char *site, const an_hash *hash)
{
    for (size_t i = 0; i < b->n_pulls; i++)
        if (b->pulls[i]->fetch && strcmp(b->pulls[i]->order.site, site) == 0 &&
            an_hash_equal(&b->pulls[i]->order.hash, hash))
            return i;
    return SIZE_MAX;
}

/* After anything that may have ended it. */
static void settle(an_bulk *b, size_t i, an_err err)
{
    an_pull *p = b->pulls[i];
    if (an_fetch_failed(p->fetch))
        finish(b, i, err == AN_OK ? AN_ERR_PROTO : err,
               err == AN_ERR_PROTO ? "what came does not have the hash that was offered" : an_err_text(err));
    else if (an_fetch_done(p->fetch))
        finish(b, i, AN_OK, "");
    else if (an_fetch_at(p->fetch) - p->synced >= SYNC_EVERY)
        make_durable(p);
}

void an_pulls_chunk(an_bulk *b, const char *site, const an_msg_chunk *chunk, const void *bytes, size_t len,
                    int64_t now_ms)
{
    size_t i = find(b, site, &chunk->object);
    if (i == SIZE_MAX || chunk->len != len || chunk->total != b->pulls[i]->order.size)
        return; /* of a pull that is over, or not what was asked for: it is asked for again */
    an_err err = an_fetch_take(b->pulls[i]->fetch, &chunk->object, chunk->offset, bytes, len, now_ms);
    settle(b, i, err);
}

void an_pulls_refused(an_bulk *b, const char *site, const an_msg_chunk_refuse *refuse)
{
    size_t i = find(b, site, &refuse->object);
    if (i != SIZE_MAX && refuse->reason != AN_CHUNK_BUSY)
        finish(b, i, AN_ERR_NOTFOUND, "the site no longer has the update");
}

void an_pulls_relink(an_bulk *b, const char *site, int64_t now_ms)
{
    (void)now_ms;
    for (size_t i = 0; i < b->n_pulls; i++)
        if (b->pulls[i]->fetch && strcmp(b->pulls[i]->order.site, site) == 0)
            an_fetch_relink(b->pulls[i]->fetch);
}

void an_pulls_drop(an_bulk *b, const char *site)
{
    for (size_t i = b->n_pulls; i-- > 0;)
        if (strcmp(b->pulls[i]->order.site, site) == 0)
            finish(b, i, AN_ERR_REFUSED, "the site is no longer admitted");
}

void an_pulls_step(an_bulk *b, int64_t now_ms)
{
    size_t active = 0;
    for (size_t i = 0; i < b->n_pulls; i++)
        active += b->pulls[i]->fetch != NULL;
    /* finish() puts the last in the place of the one that ended, so walk from the end. */
    for (size_t i = b->n_pulls; i-- > 0;) {
        an_pull *p = b->pulls[i];
        an_note why = {{0}};
        an_err err = AN_OK;
        if (!p->fetch) {
            if (active >= AN_PULLS_ACTIVE)
                continue;
            if (!an_peers_find(b->peers, p->order.site, NULL)) {
                if (now_ms >= p->give_up_ms)
                    finish(b, i, AN_ERR_AGAIN, "the site is not at the bulk socket");
                continue;
            }
            if ((err = start(p, &why)) != AN_OK) {
                finish(b, i, err, why.text[0] ? why.text : an_err_text(err));
                continue;
            }
            active++;
        }
        err = an_fetch_step(p->fetch, now_ms);
        settle(b, i, err);
    }
}

int64_t an_pulls_wait(const an_bulk *b, int64_t now_ms)
{
    int64_t wait = 1000;
    for (size_t i = 0; i < b->n_pulls; i++) {
        int64_t left = b->pulls[i]->fetch ? an_fetch_deadline(b->pulls[i]->fetch) - now_ms : 100;
        /* Nothing open: its asks could not be sent, try again soon. */
        if (b->pulls[i]->fetch && an_fetch_deadline(b->pulls[i]->fetch) == INT64_MAX)
            left = 20;
        wait = left < wait ? left : wait;
    }
    return wait < 1 ? 1 : wait;
}

void an_pulls_free(an_bulk *b)
{
    for (size_t i = 0; i < b->n_pulls; i++) {
        if (b->pulls[i]->fetch)
            make_durable(b->pulls[i]);
        pull_free(b->pulls[i]);
    }
    an_free(b->pulls);
    b->pulls = NULL;
    b->n_pulls = 0;
}
