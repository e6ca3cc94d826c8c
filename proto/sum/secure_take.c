#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sum/secure_site_internal.h"

/* Signs what stands in *message behind the head, and appends the signature. */
static an_err end_message(const an_secure_site *s, an_secure_kind kind, an_buf *message)
{
    uint8_t sig[AN_SIGN_BYTES];
    an_err err = an_buf_err(message);
    if (err != AN_OK)
        return err;
    an_secure_sign(sig, &s->g, kind, s->site, message->data + AN_SECURE_HEAD_BYTES,
                   message->len - AN_SECURE_HEAD_BYTES, s->secret->statement_key);
    an_buf_put(message, sig, sizeof sig);
    return an_buf_err(message);
}

/* ---- LIST: draw neighbours, cut the secrets, seal the shares ---- */

/* What both ends of a box agree on is the same for a box the other way: *ret_agreed keeps it. */
static an_err put_box(const an_secure_site *s, uint32_t to, const an_share *of_key, const an_share *of_seed,
                      an_share *ret_agreed, an_buf *message, an_note *why)
{
    uint8_t key[AN_KEY_BYTES], nonce[AN_KEY_BYTES], plain[2 * AN_SHARE_BYTES];
    uint8_t box[sizeof plain + AN_SEAL_MORE_BYTES];
    an_err err = an_agree(ret_agreed->b, s->secret->share_key, s->g.entries[to].share_key);
    if (err != AN_OK)
        return an_fail(err, why, "LIST: the share key of site %u is no key", s->g.entries[to].site);
    an_secure_box_key(key, &s->g, s->place, to, ret_agreed->b);
    an_secure_site_derive(nonce, s, "andon secure sum: nonce of a box", to);
    memcpy(plain, of_key, AN_SHARE_BYTES);
    memcpy(plain + AN_SHARE_BYTES, of_seed, AN_SHARE_BYTES);
    an_seal(box, key, nonce, NULL, 0, plain, sizeof plain);
    an_buf_put(message, nonce, AN_SEAL_NONCE_BYTES);
    an_buf_put(message, box, sizeof box);
    an_wipe(plain, sizeof plain);
    an_wipe(key, sizeof key);
    return AN_OK;
}

static an_err put_boxes(an_secure_site *s, const uint16_t *drawn, an_share *ret_agreed, an_buf *message,
                        an_note *why)
{
    uint32_t k = s->g.graph.k;
    an_share key, coins;
    an_share *parts = an_secret_alloc(2 * (k + 1) * sizeof *parts);
    an_err err;
    if (!parts)
        return AN_ERR_NOMEM;
    memcpy(key.b, s->secret->mask_key, sizeof key.b);
    an_secure_site_derive(coins.b, s, "andon secure sum: coins of the key's shares", 0);
    err = an_shares_split(parts, k + 1, s->g.graph.t, &key, &coins);
    if (err == AN_OK) {
        an_secure_site_derive(coins.b, s, "andon secure sum: coins of the seed's shares", 0);
        err = an_shares_split(parts + k + 1, k + 1, s->g.graph.t, &s->secret->seed, &coins);
    }
    for (uint32_t i = 0; i < k && err == AN_OK; i++)
        err = put_box(s, drawn[i], &parts[i], &parts[k + 1 + i], &ret_agreed[i], message, why);
    if (err == AN_OK)
        s->secret->own = parts[2 * k + 1];
    an_wipe(&key, sizeof key);
    an_wipe(&coins, sizeof coins);
    an_secret_free(parts);
    return err;
}

static an_err put_shares(an_secure_site *s, an_buf *message, an_note *why)
{
    uint8_t seed[AN_KEY_BYTES];
    an_hash commitment;
    uint32_t k = s->g.graph.k;
    uint16_t *drawn = an_alloc(k, sizeof *drawn);
    an_share *agreed = an_secret_alloc(k * sizeof *agreed);
    an_err err;
    if (!drawn || !agreed) {
        err = AN_ERR_NOMEM;
        goto out;
    }
    an_secure_site_derive(seed, s, "andon secure sum: neighbours", 0);
    err = an_sum_graph_draw(drawn, &s->g.graph, s->place, seed);
    an_wipe(seed, sizeof seed);
    an_secure_site_derive(s->secret->seed.b, s, "andon secure sum: seed of the self mask", 0);
    an_secure_commit(&commitment, &s->g, s->place, &s->secret->seed);
    an_secure_head_put(message, AN_SECURE_SHARES, s->g.p.round);
    for (uint32_t i = 0; i < k; i++)
        an_buf_u16(message, drawn[i]);
    an_buf_put(message, commitment.b, AN_HASH_BYTES);
    if (err == AN_OK)
        err = put_boxes(s, drawn, agreed, message, why);
    if (err == AN_OK)
        err = end_message(s, AN_SECURE_SHARES, message);
    if (err != AN_OK)
        goto out;
    s->drawn = drawn;
    s->agreed = agreed;
    drawn = NULL;
    agreed = NULL;
out:
    an_free(drawn);
    an_secret_free(agreed);
    return err;
}

an_err an_secure_site_take_list(an_secure_site *s, const void *bytes, size_t len, an_buf *message,
                                an_note *why)
{
    an_err err = an_secure_list_read(&s->g, bytes, len, why);
    if (err != AN_OK)
        return err;
    int32_t place = an_secure_place(&s->g, s->site);
    if (place < 0)
        err = an_fail(AN_ERR_REFUSED, why, "LIST: site %u, to which it was sent, is not in it", s->site);
    else if (memcmp(s->g.entries[place].mask_key, s->keys, AN_AGREE_BYTES) != 0 ||
             memcmp(s->g.entries[place].share_key, s->keys + AN_AGREE_BYTES, AN_AGREE_BYTES) != 0)
        err = an_fail(AN_ERR_REFUSED, why, "LIST: it has other keys for site %u than that site has sent",
                      s->site);
    if (err == AN_OK) {
        s->place = (uint32_t)place;
        err = put_shares(s, message, why);
    }
    if (err != AN_OK) {
        an_free(s->g.entries);
        s->g.entries = NULL;
        s->g.m = 0;
        s->g.list = (an_hash){{0}};
    }
    return err;
}

/* ---- INBOX: open the shares, agree on the masks ---- */

/* What an inbox makes, until all of it is right. */
typedef struct inbox {
    an_secure_set sharers;
    an_secure_set neighbours;
    an_secure_set missing;
    uint32_t n_in;
    uint16_t *in;
    an_share *in_shares;
    an_mask *masks;
    size_t n_masks;
} inbox;

static an_err check_sharers(const an_secure_site *s, const inbox *b, an_note *why)
{
    const an_sum_graph *graph = &s->g.graph;
    for (uint32_t i = s->g.m; i < AN_COHORT_MAX; i++)
        if (an_secure_has(&b->sharers, i))
            return an_fail(AN_ERR_PROTO, why, "INBOX: a place behind the list");
    if (!an_secure_has(&b->sharers, s->place))
        return an_fail(AN_ERR_REFUSED, why, "INBOX: site %u, to which it was sent, is not among the sharers",
                       s->site);
    if (an_secure_holders(&b->sharers, s->drawn, graph->k, s->place) < graph->t)
        return an_fail(AN_ERR_REFUSED, why, "INBOX: fewer than %u of this site's neighbours have shared",
                       graph->t);
    if (graph->k == s->g.m - 1 && b->n_in + 1 != an_secure_count(&b->sharers, s->g.m))
        return an_fail(AN_ERR_REFUSED, why, "INBOX: in a complete graph every sharer sends a share");
    if (b->n_in > graph->in_max)
        return an_fail(AN_ERR_REFUSED, why, "INBOX: %u sites have drawn this one, and %u is the most",
                       b->n_in, graph->in_max);
    return an_secure_enough(&s->g, &b->sharers, "have shared", why);
}

static int by_place(const void *a, const void *b)
{
    uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
    return (x > y) - (x < y);
}

static an_err key_of_box(uint8_t ret[static AN_KEY_BYTES], const an_secure_site *s, uint32_t from)
{
    uint16_t place = (uint16_t)from;
    an_share agreed;
    const uint16_t *drawn = bsearch(&place, s->drawn, s->g.graph.k, sizeof place, by_place);
    an_err err = AN_OK;
    if (drawn)
        agreed = s->agreed[drawn - s->drawn];
    else
        err = an_agree(agreed.b, s->secret->share_key, s->g.entries[from].share_key);
    if (err == AN_OK)
        an_secure_box_key(ret, &s->g, from, s->place, agreed.b);
    an_wipe(&agreed, sizeof agreed);
    return err;
}

static an_err open_box(const an_secure_site *s, uint32_t from, const uint8_t *box, an_share *ret,
                       an_note *why)
{
    uint8_t key[AN_KEY_BYTES], plain[2 * AN_SHARE_BYTES];
    an_err err = key_of_box(key, s, from);
    if (err == AN_OK)
        err = an_seal_open(plain, key, box, NULL, 0, box + AN_SEAL_NONCE_BYTES, sizeof plain);
    if (err == AN_OK) {
        memcpy(ret[0].b, plain, AN_SHARE_BYTES);
        memcpy(ret[1].b, plain + AN_SHARE_BYTES, AN_SHARE_BYTES);
    } else {
        err = an_fail(err, why, "INBOX: the box of site %u was not closed by it for this site and round",
                      s->g.entries[from].site);
    }
    an_wipe(plain, sizeof plain);
    an_wipe(key, sizeof key);
    return err;
}

static an_err open_boxes(const an_secure_site *s, inbox *b, an_reader *r, an_note *why)
{
    int64_t before = -1;
    for (uint32_t i = 0; i < b->n_in; i++) {
        uint32_t from = an_read_u16(r);
        const uint8_t *box = an_read_bytes(r, AN_SECURE_BOX_BYTES);
        if (!box || from >= s->g.m || (int64_t)from <= before || from == s->place ||
            !an_secure_has(&b->sharers, from))
            return an_fail(AN_ERR_PROTO, why,
                           "INBOX: a box of place %u, which is not among the sharers, or twice", from);
        an_err err = open_box(s, from, box, &b->in_shares[2 * i], why);
        if (err == AN_ERR_AUTH)
            an_secure_add(&b->missing, from);
        /* Of honest sites all open; more than may collude are not the sites' fault. */
        if (err != AN_OK && (err != AN_ERR_AUTH || an_secure_count(&b->missing, s->g.m) > s->g.colluders))
            return err;
        b->in[i] = (uint16_t)from;
        an_secure_add(&b->neighbours, from);
        before = from;
    }
    return AN_OK;
}

static an_err make_masks(const an_secure_site *s, inbox *b, an_note *why)
{
    for (uint32_t i = 0; i < s->g.graph.k; i++)
        if (an_secure_has(&b->sharers, s->drawn[i]))
            an_secure_add(&b->neighbours, s->drawn[i]);
    b->masks = an_secret_alloc((an_secure_count(&b->neighbours, s->g.m) + 1) * sizeof *b->masks);
    if (!b->masks)
        return AN_ERR_NOMEM;
    an_secure_self_mask(&b->masks[b->n_masks++], &s->g, s->place, &s->secret->seed);
    for (uint32_t i = 0; i < s->g.m; i++) {
        if (!an_secure_has(&b->neighbours, i))
            continue;
        an_err err = an_secure_pair_mask(&b->masks[b->n_masks++], &s->g, s->place, i, s->secret->mask_key,
                                         s->g.entries[i].mask_key);
        if (err != AN_OK)
            return an_fail(err, why, "LIST: the mask key of site %u is no key", s->g.entries[i].site);
    }
    return AN_OK;
}

an_err an_secure_site_take_inbox(an_secure_site *s, const void *bytes, size_t len, an_buf *message,
                                 an_note *why)
{
    inbox b = {.n_in = 0};
    an_reader r = an_reader_of(bytes, len);
    an_err err = an_secure_head_read(&s->g, &r, AN_SECURE_INBOX, why);
    (void)message; /* nothing is sent until the vector is masked */
    if (err != AN_OK)
        return err;
    if (!an_secure_set_read(&r, &b.sharers, s->g.m))
        return an_fail(AN_ERR_PROTO, why, "INBOX: no set of places");
    b.n_in = an_read_u16(&r);
    if (r.failed || b.n_in >= s->g.m || r.left != b.n_in * (2u + AN_SECURE_BOX_BYTES))
        return an_fail(AN_ERR_PROTO, why, "INBOX: wrong length");
    err = check_sharers(s, &b, why);
    if (err != AN_OK)
        return err;
    b.in = an_alloc(b.n_in, sizeof *b.in);
    b.in_shares = an_secret_alloc((2 * (size_t)b.n_in + 1) * sizeof *b.in_shares);
    if (!b.in || !b.in_shares)
        err = AN_ERR_NOMEM;
    if (err == AN_OK)
        err = open_boxes(s, &b, &r, why);
    if (err == AN_OK)
        err = make_masks(s, &b, why);
    if (err != AN_OK) {
        an_free(b.in);
        an_secret_free(b.in_shares);
        an_secret_free(b.masks);
        return err;
    }
    s->sharers = b.sharers;
    s->missing = b.missing;
    s->in = b.in;
    s->n_in = b.n_in;
    s->in_shares = b.in_shares;
    s->masks = b.masks;
    s->n_masks = b.n_masks;
    an_secret_free(s->agreed);
    s->agreed = NULL;
    return AN_OK;
}

/* ---- the update, SURVIVORS, SIGNATURES ---- */

static an_err put_complaints(const an_secure_site *s, an_buf *message)
{
    uint8_t sig[AN_SIGN_BYTES];
    uint32_t n = an_secure_count(&s->missing, s->g.m);
    const size_t at = message->len;
    if (n == 0)
        return AN_OK;
    an_buf_u16(message, (uint16_t)n);
    for (uint32_t i = 0; i < s->g.m; i++)
        if (an_secure_has(&s->missing, i))
            an_buf_u16(message, (uint16_t)i);
    an_err err = an_buf_err(message);
    if (err != AN_OK)
        return err;
    an_secure_sign(sig, &s->g, AN_SECURE_COMPLAINT, s->site, message->data + at, message->len - at,
                   s->secret->statement_key);
    an_buf_put(message, sig, sizeof sig);
    return an_buf_err(message);
}

an_err an_secure_site_take_update(an_secure_site *s, const void *bytes, size_t len, an_buf *message,
                                  an_note *why)
{
    uint8_t body[AN_SECURE_MASKED_BYTES];
    if (len != AN_HASH_BYTES)
        return an_fail(AN_ERR_PROTO, why, "the hash of an update has %zu bytes", len);
    an_secure_masked_body(body, bytes, &s->sharers, s->g.m);
    an_secure_head_put(message, AN_SECURE_MASKED, s->g.p.round);
    an_buf_put(message, body, sizeof body);
    an_err err = end_message(s, AN_SECURE_MASKED, message);
    return err == AN_OK ? put_complaints(s, message) : err;
}

/* All survivors have masked among the very sharers that this site knows of. */
static an_err check_masked(const an_secure_site *s, const an_secure_set *survivors, an_reader *r,
                           an_note *why)
{
    uint8_t body[AN_SECURE_MASKED_BYTES];
    for (uint32_t i = 0; i < s->g.m; i++) {
        if (!an_secure_has(survivors, i))
            continue;
        uint32_t site = s->g.entries[i].site;
        const uint8_t *proof = an_read_bytes(r, AN_SECURE_MASKED_PROOF);
        if (!proof)
            return an_fail(AN_ERR_PROTO, why, "SURVIVORS: wrong length");
        an_secure_masked_body(body, proof, &s->sharers, s->g.m);
        an_err err = an_secure_sign_check(proof + AN_HASH_BYTES, &s->g, AN_SECURE_MASKED, site, body,
                                          sizeof body, NULL);
        if (err != AN_OK)
            return an_fail(err, why,
                           "SURVIVORS: site %u has not signed a vector masked among the sharers of this site",
                           site);
    }
    return AN_OK;
}

an_err an_secure_site_take_survivors(an_secure_site *s, const void *bytes, size_t len, an_buf *message,
                                     an_note *why)
{
    an_secure_set survivors;
    an_reader r = an_reader_of(bytes, len);
    uint8_t sig[AN_SIGN_BYTES];
    an_err err = an_secure_head_read(&s->g, &r, AN_SECURE_SURVIVORS, why);
    if (err != AN_OK)
        return err;
    if (!an_secure_set_read(&r, &survivors, s->g.m))
        return an_fail(AN_ERR_PROTO, why, "SURVIVORS: no set of places");
    if (r.left != an_secure_count(&survivors, s->g.m) * (size_t)AN_SECURE_MASKED_PROOF)
        return an_fail(AN_ERR_PROTO, why, "SURVIVORS: wrong length");
    if (!an_secure_has(&survivors, s->place))
        return an_fail(AN_ERR_REFUSED, why, "SURVIVORS: site %u, to which it was sent, is not in it",
                       s->site);
    for (uint32_t i = 0; i < s->g.m; i++)
        if (an_secure_has(&survivors, i) && !an_secure_has(&s->sharers, i))
            return an_fail(AN_ERR_REFUSED, why,
                           "SURVIVORS: site %u is in it, which was said not to have shared",
                           s->g.entries[i].site);
    err = an_secure_enough(&s->g, &survivors, "have survived", why);
    if (err != AN_OK)
        return err;
    if (an_secure_holders(&survivors, s->drawn, s->g.graph.k, s->place) < s->g.graph.t)
        return an_fail(AN_ERR_REFUSED, why, "SURVIVORS: fewer than %u of this site's neighbours are in it",
                       s->g.graph.t);
    err = check_masked(s, &survivors, &r, why);
    if (err != AN_OK)
        return err;
    s->survivors = survivors;
    an_secure_sign(sig, &s->g, AN_SECURE_SIGNED, s->site, survivors.bits, (s->g.m + 7) / 8,
                   s->secret->statement_key);
    an_secure_head_put(message, AN_SECURE_SIGNED, s->g.p.round);
    an_buf_put(message, sig, sizeof sig);
    return an_buf_err(message);
}

static an_err put_reveal(const an_secure_site *s, an_buf *message)
{
    uint32_t i = 0;
    /* At once: growing would leave copies of the shares in released memory. */
    an_buf_reserve(message, AN_SECURE_HEAD_BYTES + 2 + (s->n_in + 1) * (3u + AN_SHARE_BYTES) + AN_SIGN_BYTES);
    an_secure_head_put(message, AN_SECURE_REVEAL, s->g.p.round);
    an_buf_u16(message, (uint16_t)(s->n_in + 1 - an_secure_count(&s->missing, s->g.m)));
    for (uint32_t place = 0; place < s->g.m; place++) {
        const an_share *share = NULL;
        bool survived = an_secure_has(&s->survivors, place);
        if (place == s->place)
            share = &s->secret->own;
        else if (i < s->n_in && s->in[i] == place)
            share = &s->in_shares[2 * i++ + (survived ? AN_SECURE_SECRET_SEED : AN_SECURE_SECRET_KEY)];
        if (!share || an_secure_has(&s->missing, place))
            continue;
        an_buf_u16(message, (uint16_t)place);
        an_buf_u8(message, survived ? AN_SECURE_SECRET_SEED : AN_SECURE_SECRET_KEY);
        an_buf_put(message, share->b, AN_SHARE_BYTES);
    }
    return end_message(s, AN_SECURE_REVEAL, message);
}

/* Enough signatures on this site's list: a quorum, and of its own neighbours as many as hold a secret. */
static bool have_signed(const an_secure_site *s, const an_secure_set *signers)
{
    return an_secure_count(signers, s->g.m) >= s->g.graph.quorum &&
           an_secure_holders(signers, s->drawn, s->g.graph.k, s->place) >= s->g.graph.t;
}

an_err an_secure_site_take_signatures(an_secure_site *s, const void *bytes, size_t len, an_buf *message,
                                      an_note *why)
{
    an_secure_set signers = {{0}};
    an_reader r = an_reader_of(bytes, len);
    int64_t before = -1;
    an_err err = an_secure_head_read(&s->g, &r, AN_SECURE_SIGNATURES, why);
    if (err != AN_OK)
        return err;
    uint32_t n = an_read_u16(&r);
    if (r.failed || n > s->g.m || r.left != n * (2u + AN_SIGN_BYTES))
        return an_fail(AN_ERR_PROTO, why, "SIGNATURES: wrong length");
    an_secure_add(&signers, s->place); /* its own, for the same list */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = an_read_u16(&r);
        const uint8_t *sig = an_read_bytes(&r, AN_SIGN_BYTES);
        if (!sig || (int64_t)place <= before || place >= s->g.m || !an_secure_has(&s->survivors, place))
            return an_fail(AN_ERR_PROTO, why, "SIGNATURES: place %u is not among the survivors, or twice",
                           place);
        before = place;
        /* More prove nothing more. */
        if (place == s->place || have_signed(s, &signers))
            continue;
        err = an_secure_sign_check(sig, &s->g, AN_SECURE_SIGNED, s->g.entries[place].site, s->survivors.bits,
                                   (s->g.m + 7) / 8, why);
        if (err != AN_OK)
            return err;
        an_secure_add(&signers, place);
    }
    err = an_secure_quorum(&s->g, &signers, "have signed", why);
    if (err != AN_OK)
        return err;
    if (an_secure_holders(&signers, s->drawn, s->g.graph.k, s->place) < s->g.graph.t)
        return an_fail(AN_ERR_REFUSED, why, "SIGNATURES: fewer than %u of this site's neighbours have signed",
                       s->g.graph.t);
    return put_reveal(s, message);
}
