#include "net/peers.h"

#include <string.h>

#include "base/mem.h"
#include "net/hashmap.h"

typedef struct row {
    uint64_t epoch;
    an_peer peer;
} row;

struct an_peers {
    an_hashmap sites; /* char[AN_USER_TEXT], zero-padded -> row */
    size_t max;
    uint64_t last_epoch;
};

an_err an_peers_new(size_t max, an_peers **ret)
{
    an_peers *p = an_alloc(1, sizeof *p);
    if (!p)
        return AN_ERR_NOMEM;
    p->max = max;
    an_hashmap_init(&p->sites, AN_USER_TEXT, sizeof(row));
    *ret = p;
    return AN_OK;
}

void an_peers_free(an_peers *peers)
{
    if (!peers)
        return;
    an_hashmap_done(&peers->sites);
    an_free(peers);
}

/* False: empty or too long to be a site. */
static bool key_of(char key[static AN_USER_TEXT], const char *site)
{
    size_t len = strlen(site);
    memset(key, 0, AN_USER_TEXT);
    if (len == 0 || len >= AN_USER_TEXT)
        return false;
    memcpy(key, site, len);
    return true;
}

static row *find_row(const an_peers *peers, const char *site)
{
    char key[AN_USER_TEXT];
    return key_of(key, site) ? an_hashmap_find(&peers->sites, key) : NULL;
}

an_err an_peers_hello(an_peers *peers, const char *site, const an_peer *peer, uint64_t *ret_epoch)
{
    char key[AN_USER_TEXT];
    if (!key_of(key, site) || peer->len == 0 || peer->len > AN_PEER_MAX)
        return AN_ERR_INVAL;
    row *old = an_hashmap_find(&peers->sites, key);
    if (old && an_peer_equal(&old->peer, peer)) {
        *ret_epoch = old->epoch;
        return AN_OK;
    }
    if (!old && peers->sites.n >= peers->max)
        return AN_ERR_LIMIT;
    row fresh = {.epoch = peers->last_epoch + 1, .peer = *peer};
    an_err err = an_hashmap_put(&peers->sites, key, &fresh);
    if (err != AN_OK)
        return err;
    *ret_epoch = peers->last_epoch = fresh.epoch;
    return AN_OK;
}

const an_peer *an_peers_find(const an_peers *peers, const char *site, uint64_t *ret_epoch)
{
    const row *r = find_row(peers, site);
    if (!r)
        return NULL;
    if (ret_epoch)
        *ret_epoch = r->epoch;
    return &r->peer;
}

bool an_peers_current(const an_peers *peers, const char *site, const an_peer *peer)
{
    const row *r = find_row(peers, site);
    return r && an_peer_equal(&r->peer, peer);
}

bool an_peers_drop(an_peers *peers, const char *site)
{
    char key[AN_USER_TEXT];
    return key_of(key, site) && an_hashmap_remove(&peers->sites, key);
}

size_t an_peers_n(const an_peers *peers)
{
    return peers->sites.n;
}
