/* serve.c - the sending half of bulk.h: a bounded list of asks, answered in order of arrival.
 */
#include "net/bulk.h"

#include <string.h>

#include "base/mem.h"

#define QUEUE_MAX 65536

typedef struct wish {
    an_peer peer;
    char site[AN_USER_TEXT];
    an_hash hash;
    uint64_t offset;
    uint32_t len;
} wish;

struct an_serve {
    an_serve_conf conf;
    wish *queue; /* (conf.queue) */
    size_t n;
    uint8_t *buf; /* (AN_CHUNK_BYTES) */
};

an_err an_serve_new(const an_serve_conf *conf, an_serve **ret)
{
    an_err err = AN_ERR_NOMEM;
    an_serve *s = NULL;
    if (conf->queue == 0 || conf->queue > QUEUE_MAX || conf->per_peer < AN_FETCH_WINDOW || !conf->find ||
        !conf->read || !conf->reply)
        return AN_ERR_INVAL;
    if (!(s = an_alloc(1, sizeof *s)) || !(s->queue = an_alloc(conf->queue, sizeof *s->queue)) ||
        !(s->buf = an_alloc(1, AN_CHUNK_BYTES)))
        goto out;
    s->conf = *conf;
    *ret = s;
    s = NULL;
    err = AN_OK;
out:
    an_serve_free(s);
    return err;
}

void an_serve_free(an_serve *s)
{
    if (!s)
        return;
    an_free(s->queue);
    an_free(s->buf);
    an_free(s);
}

an_err an_serve_ask(an_serve *s, const an_peer *peer, const char *site, const an_hash *hash, uint64_t offset,
                    uint32_t len)
{
    size_t waiting = 0, site_len = strlen(site);
    if (len == 0 || len > AN_CHUNK_BYTES || peer->len > AN_PEER_MAX || site_len >= AN_USER_TEXT)
        return AN_ERR_PROTO;
    for (size_t i = 0; i < s->n; i++)
        waiting += an_peer_equal(&s->queue[i].peer, peer);
    if (s->n == s->conf.queue || waiting >= s->conf.per_peer)
        return AN_ERR_LIMIT;
    wish *w = &s->queue[s->n++];
    *w = (wish){.peer = *peer, .hash = *hash, .offset = offset, .len = len};
    memcpy(w->site, site, site_len);
    return AN_OK;
}

static an_err answer(an_serve *s, const wish *w)
{
    const an_serve_conf *c = &s->conf;
    uint64_t total = 0;
    an_err err = c->find(c->user, w->site, &w->hash, &total);
    if (err == AN_OK && (w->offset > total || w->len > total - w->offset))
        err = AN_ERR_INVAL;
    if (err == AN_OK)
        err = c->read(c->user, &w->hash, w->offset, s->buf, w->len);
    if (err != AN_OK)
        return c->reply(c->user, &w->peer, &w->hash, w->offset, NULL, 0, err);
    return c->reply(c->user, &w->peer, &w->hash, w->offset, s->buf, w->len, AN_OK);
}

/* Is a wish of this peer among the first n, which had to be kept in this step? */
static bool held_up(const an_serve *s, size_t n, const an_peer *peer)
{
    for (size_t i = 0; i < n; i++)
        if (an_peer_equal(&s->queue[i].peer, peer))
            return true;
    return false;
}

size_t an_serve_step(an_serve *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        const wish *w = &s->queue[i];
        if (!held_up(s, kept, &w->peer) && answer(s, w) != AN_ERR_AGAIN)
            continue;
        if (kept != i)
            s->queue[kept] = *w;
        kept++;
    }
    s->n = kept;
    return kept;
}

void an_serve_forget(an_serve *s, const an_peer *peer)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (an_peer_equal(&s->queue[i].peer, peer))
            continue;
        if (kept != i)
            s->queue[kept] = s->queue[i];
        kept++;
    }
    s->n = kept;
}
