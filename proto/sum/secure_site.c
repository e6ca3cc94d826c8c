#include "sum/secure_site.h"

#include <string.h>

#include "base/mem.h"
#include "sum/secure_internal.h"
#include "sum/secure_site_internal.h"

/* ---- birth and death ---- */

void an_secure_site_derive(uint8_t ret[static AN_KEY_BYTES], const an_secure_site *s, const char *context,
                           uint32_t which)
{
    uint8_t b[2 * AN_HASH_BYTES + 4];
    memcpy(b, s->g.binding.b, AN_HASH_BYTES);
    memcpy(b + AN_HASH_BYTES, s->g.list.b, AN_HASH_BYTES); /* zero before the list */
    an_put_u32(b + 2 * AN_HASH_BYTES, which);
    an_kdf(ret, s->secret->master, context, b, sizeof b);
}

/* The keys of the round, and the message that makes them known. */
static an_err put_keys(an_secure_site *s)
{
    uint8_t body[AN_SECURE_KEYS_BODY];
    an_secure_site_derive(s->secret->mask_key, s, "andon secure sum: mask key", 0);
    an_secure_site_derive(s->secret->share_key, s, "andon secure sum: share key", 0);
    an_agree_public(body, s->secret->mask_key);
    an_agree_public(body + AN_AGREE_BYTES, s->secret->share_key);
    an_secure_sign(body + 2 * AN_AGREE_BYTES, &s->g, AN_SECURE_KEYS, s->site, body, 2 * AN_AGREE_BYTES,
                   s->secret->statement_key);
    memcpy(s->keys, body, sizeof s->keys);
    an_secure_head_put(&s->message, AN_SECURE_KEYS, s->g.p.round);
    an_buf_put(&s->message, body, sizeof body);
    return an_buf_err(&s->message);
}

/* A site without keys. */
static an_err make(const an_secure_params *p, uint32_t place, const uint8_t *statement_key,
                   an_secure_site **ret, an_note *why)
{
    an_err err;
    an_secure_site *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->site = place;
    an_buf_init(&s->message, AN_SECURE_MESSAGE_MAX);
    an_buf_init(&s->log, AN_SECURE_SITE_LOG_MAX);
    err = an_secure_ground_init(&s->g, p, why);
    if (err == AN_OK && (place >= p->n || memcmp(statement_key + AN_SIGN_SECRET_BYTES - AN_SIGN_PUBLIC_BYTES,
                                                 p->members[place].statement_key, AN_SIGN_PUBLIC_BYTES) != 0))
        err = an_fail(AN_ERR_INVAL, why, "the roster has another statement key for site %u", place);
    if (err == AN_OK) {
        s->secret = an_secret_alloc(sizeof *s->secret);
        if (!s->secret)
            err = AN_ERR_NOMEM;
    }
    if (err != AN_OK) {
        an_secure_site_free(s);
        return err;
    }
    memset(s->secret, 0, sizeof *s->secret);
    memcpy(s->secret->statement_key, statement_key, AN_SIGN_SECRET_BYTES);
    *ret = s;
    return AN_OK;
}

static an_err begin(const an_secure_params *p, uint32_t place, const uint8_t *statement_key,
                    const uint8_t *master, an_secure_site **ret, an_note *why)
{
    an_secure_site *s = NULL;
    an_err err = make(p, place, statement_key, &s, why);
    if (err != AN_OK)
        return err;
    memcpy(s->secret->master, master, AN_KEY_BYTES);
    err = put_keys(s);
    if (err != AN_OK) {
        an_secure_site_free(s);
        return err;
    }
    *ret = s;
    return AN_OK;
}

an_err an_secure_site_new(const an_secure_params *p, uint32_t place,
                          const uint8_t statement_key[static AN_SIGN_SECRET_BYTES], an_secure_site **ret,
                          an_note *why)
{
    uint8_t master[AN_KEY_BYTES];
    *ret = NULL;
    an_random(master, sizeof master);
    an_err err = begin(p, place, statement_key, master, ret, why);
    an_wipe(master, sizeof master);
    return err;
}

/* All that the list, the inbox and the reveal have left behind. */
static void forget(an_secure_site *s)
{
    an_secret_free(s->masks);
    an_secret_free(s->in_shares);
    an_secret_free(s->agreed);
    an_secret_free(s->secret);
    an_free(s->drawn);
    an_free(s->in);
    s->masks = NULL;
    s->in_shares = NULL;
    s->agreed = NULL;
    s->secret = NULL;
    s->drawn = NULL;
    s->in = NULL;
    s->n_masks = s->n_in = 0;
    an_buf_done(&s->log);
}

void an_secure_site_free(an_secure_site *s)
{
    if (!s)
        return;
    forget(s);
    an_secure_buf_done(&s->message);
    an_secure_ground_done(&s->g);
    an_free(s);
}

uint32_t an_secure_site_complaints(const an_secure_site *s, uint32_t *ret_site)
{
    uint32_t n = 0;
    for (uint32_t i = s->g.m; i-- > 0;) {
        if (!an_secure_has(&s->missing, i))
            continue;
        *ret_site = s->g.entries[i].site;
        n++;
    }
    return n;
}

an_secure_site_phase an_secure_site_phase_of(const an_secure_site *s)
{
    return s->phase;
}

/* ---- what comes in ---- */

typedef an_err take_fn(an_secure_site *s, const void *bytes, size_t len, an_buf *message, an_note *why);

typedef struct input {
    an_secure_kind kind;
    an_secure_site_phase phase; /* in which it is waited for */
    take_fn *take;
} input;

static const input inputs[AN_SECURE_SITE_INPUTS] = {
    {AN_SECURE_LIST, AN_SECURE_SITE_LISTING, an_secure_site_take_list},
    {AN_SECURE_INBOX, AN_SECURE_SITE_SHARING, an_secure_site_take_inbox},
    {AN_SECURE_MASKED, AN_SECURE_SITE_MASKING, an_secure_site_take_update},
    {AN_SECURE_SURVIVORS, AN_SECURE_SITE_MASKED, an_secure_site_take_survivors},
    {AN_SECURE_SIGNATURES, AN_SECURE_SITE_SIGNED, an_secure_site_take_signatures},
};

static an_err take(an_secure_site *s, size_t i, const void *bytes, size_t len, an_note *why)
{
    an_err err;
    an_hash h;
    an_buf message;
    an_hash_of(&h, bytes, len);
    if (s->taken[i])
        return an_hash_equal(&h, &s->seen[i])
                   ? AN_OK
                   : an_fail(AN_ERR_EXISTS, why, "a second, different %s in this round",
                             an_secure_kind_name(inputs[i].kind));
    if (s->phase != inputs[i].phase)
        return an_fail(AN_ERR_STATE, why, "%s comes at the wrong time", an_secure_kind_name(inputs[i].kind));
    if (len + 5 > s->log.max - s->log.len)
        return AN_ERR_LIMIT;
    an_buf_reserve(&s->log, len + 5);
    if (s->log.failed) {
        s->log.failed = s->log.over_max = false;
        return AN_ERR_NOMEM;
    }
    an_buf_init(&message, AN_SECURE_MESSAGE_MAX);
    err = inputs[i].take(s, bytes, len, &message, why);
    if (err != AN_OK) {
        an_secure_buf_done(&message);
        return err;
    }
    an_buf_u8(&s->log, (uint8_t)inputs[i].kind);
    an_buf_u32(&s->log, (uint32_t)len);
    an_buf_put(&s->log, bytes, len);
    an_secure_buf_done(&s->message);
    s->message = message;
    s->taken[i] = true;
    s->seen[i] = h;
    s->phase = (an_secure_site_phase)(inputs[i].phase + 1);
    if (s->phase == AN_SECURE_SITE_REVEALED)
        forget(s);
    return AN_OK;
}

an_err an_secure_site_feed(an_secure_site *s, const void *bytes, size_t len, an_note *why)
{
    uint8_t kind = len > 0 ? *(const uint8_t *)bytes : 0;
    if (len < AN_SECURE_HEAD_BYTES || len > AN_SECURE_MESSAGE_MAX)
        return an_fail(AN_ERR_PROTO, why, "a message of %zu bytes", len);
    for (size_t i = 0; i < AN_SECURE_SITE_INPUTS; i++)
        if (kind == (uint8_t)inputs[i].kind && kind != AN_SECURE_MASKED)
            return take(s, i, bytes, len, why);
    return an_fail(AN_ERR_PROTO, why, "kind %u is not for a site", kind);
}

an_err an_secure_site_commit(an_secure_site *s, const an_hash *update, an_note *why)
{
    return take(s, 2, update->b, AN_HASH_BYTES, why);
}

/* ---- what goes out ---- */

an_err an_secure_site_mask(const an_secure_site *s, uint32_t *v, uint64_t from, size_t n)
{
    if (s->phase != AN_SECURE_SITE_MASKING)
        return AN_ERR_STATE;
    if (from > s->g.p.dim || n > s->g.p.dim - from)
        return AN_ERR_INVAL;
    return an_masks_add(v, from, n, s->masks, s->n_masks, s->g.p.cipher);
}

an_err an_secure_site_message(const an_secure_site *s, an_buf *ret)
{
    an_buf_put(ret, s->message.data, s->message.len);
    return an_buf_err(ret);
}

static const uint8_t magic[8] = {'A', 'N', 'S', 'E', 'C', 0, 0, 1};

an_err an_secure_site_save(const an_secure_site *s, an_buf *ret)
{
    bool spent = s->phase == AN_SECURE_SITE_REVEALED;
    /* At once: growing would leave copies of the secret in released memory. */
    an_buf_reserve(ret, sizeof magic + 8 + AN_HASH_BYTES + 4 + 1 + AN_SECURE_SITE_INPUTS * AN_HASH_BYTES +
                            s->log.len + s->message.len + AN_KEY_BYTES);
    an_buf_put(ret, magic, sizeof magic);
    an_buf_u64(ret, s->g.p.round);
    an_buf_put(ret, s->g.binding.b, AN_HASH_BYTES);
    an_buf_u32(ret, s->site);
    an_buf_u8(ret, spent);
    if (spent) {
        for (size_t i = 0; i < AN_SECURE_SITE_INPUTS; i++)
            an_buf_put(ret, s->seen[i].b, AN_HASH_BYTES);
        an_buf_put(ret, s->message.data, s->message.len);
    } else {
        an_buf_put(ret, s->secret->master, AN_KEY_BYTES);
        an_buf_put(ret, s->log.data, s->log.len);
    }
    return an_buf_err(ret);
}

static an_err replay(an_secure_site *s, an_reader *r, an_note *why)
{
    while (r->left > 0) {
        uint8_t kind = an_read_u8(r);
        uint32_t len = an_read_u32(r);
        const uint8_t *bytes = an_read_bytes(r, len);
        size_t i = 0;
        while (i < AN_SECURE_SITE_INPUTS && kind != (uint8_t)inputs[i].kind)
            i++;
        if (!bytes || i == AN_SECURE_SITE_INPUTS || (kind == AN_SECURE_MASKED && len != AN_HASH_BYTES))
            return an_fail(AN_ERR_PROTO, why, "a saved state of a secure sum is damaged");
        an_err err = take(s, i, bytes, len, why);
        if (err != AN_OK)
            return err;
    }
    return AN_OK;
}

static an_err restore_spent(an_secure_site *s, an_reader *r, an_note *why)
{
    for (size_t i = 0; i < AN_SECURE_SITE_INPUTS; i++) {
        const uint8_t *h = an_read_bytes(r, AN_HASH_BYTES);
        if (!h)
            return an_fail(AN_ERR_PROTO, why, "a saved state of a secure sum is cut short");
        memcpy(s->seen[i].b, h, AN_HASH_BYTES);
        s->taken[i] = true;
    }
    an_buf_put(&s->message, r->at, r->left);
    s->phase = AN_SECURE_SITE_REVEALED;
    forget(s);
    return an_buf_err(&s->message);
}

an_err an_secure_site_restore(const an_secure_params *p, uint32_t place,
                              const uint8_t statement_key[static AN_SIGN_SECRET_BYTES], const void *bytes,
                              size_t len, an_secure_site **ret, an_note *why)
{
    an_reader r = an_reader_of(bytes, len);
    const uint8_t *m = an_read_bytes(&r, sizeof magic);
    uint64_t round = an_read_u64(&r);
    const uint8_t *binding = an_read_bytes(&r, AN_HASH_BYTES), *master = NULL;
    uint32_t site = an_read_u32(&r);
    uint8_t spent = an_read_u8(&r);
    an_secure_site *s = NULL;
    an_err err;
    *ret = NULL;
    if (spent == 0)
        master = an_read_bytes(&r, AN_KEY_BYTES);
    if (r.failed || memcmp(m, magic, sizeof magic) != 0 || spent > 1)
        return an_fail(AN_ERR_PROTO, why, "not a saved state of a secure sum");
    if (round != p->round || site != place)
        return an_fail(AN_ERR_PROTO, why, "the saved state is of round %llu, site %u",
                       (unsigned long long)round, site);
    err = spent ? make(p, place, statement_key, &s, why) : begin(p, place, statement_key, master, &s, why);
    if (err != AN_OK)
        return err;
    if (memcmp(binding, s->g.binding.b, AN_HASH_BYTES) != 0)
        err = an_fail(AN_ERR_PROTO, why, "the saved state is of another plan or roster");
    else
        err = spent ? restore_spent(s, &r, why) : replay(s, &r, why);
    if (err != AN_OK) {
        an_secure_site_free(s);
        return err;
    }
    *ret = s;
    return AN_OK;
}
