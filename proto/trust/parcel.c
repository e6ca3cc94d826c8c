#include "trust/parcel.h"

#include <string.h>

#include "base/mem.h"

static const char magic[] = "andon-parcel-1\n";
#define MAGIC (sizeof magic - 1)

/* Of a parcel: TRUST messages, then one VERSION with a statement; the first bundle is what it names. */
static an_err check(an_msg *const *messages, size_t n, const an_parcel_bundle *bundles, size_t n_bundles,
                    an_note *why)
{
    if (n < 1 || n > AN_PARCEL_MESSAGES_MAX || n_bundles < 1 || n_bundles > AN_PARCEL_BUNDLES_MAX)
        return an_fail(AN_ERR_PROTO, why, "a parcel has 1..%d messages and 1..%d bundles",
                       AN_PARCEL_MESSAGES_MAX, AN_PARCEL_BUNDLES_MAX);
    for (size_t i = 0; i + 1 < n; i++)
        if (messages[i]->type != AN_MSG_TRUST)
            return an_fail(AN_ERR_PROTO, why, "message %zu of the parcel is no statement of the root", i + 1);
    const an_msg *last = messages[n - 1];
    if (last->type != AN_MSG_VERSION || last->u.version.statement.len == 0)
        return an_fail(AN_ERR_PROTO, why, "the parcel's last message is no release");
    if (!an_hash_equal(&last->u.version.version, &bundles[0].hash) || last->u.version.size != bundles[0].size)
        return an_fail(AN_ERR_PROTO, why, "the parcel's first bundle is not what its release names");
    return AN_OK;
}

/* ---- writing ---- */

static an_err put_message(const an_msg *m, an_buf *out, an_note *why)
{
    an_buf b;
    an_buf_init(&b, AN_MSG_CONTROL_MAX);
    an_err err = an_msg_encode(m, &b, why);
    if (err == AN_OK) {
        an_buf_u32(out, (uint32_t)b.len);
        an_buf_put(out, b.data, b.len);
    }
    an_buf_done(&b);
    return err;
}

an_err an_parcel_encode(an_msg *const *messages, size_t n_messages, const an_parcel_bundle *bundles,
                        size_t n_bundles, const char *card, const uint8_t secret[static AN_SIGN_SECRET_BYTES],
                        an_buf *out, an_note *why)
{
    an_hash hash;
    uint8_t signature[AN_SIGN_BYTES];
    an_err err = check(messages, n_messages, bundles, n_bundles, why);
    if (err != AN_OK)
        return AN_ERR_INVAL;
    if (strlen(card) > AN_PARCEL_CARD_MAX)
        return an_fail(AN_ERR_LIMIT, why, "the card is too long");
    const size_t from = out->len;
    an_buf_put(out, magic, MAGIC);
    an_buf_u32(out, (uint32_t)n_messages);
    for (size_t i = 0; i < n_messages && err == AN_OK; i++)
        err = put_message(messages[i], out, why);
    if (err != AN_OK)
        return err;
    an_buf_u32(out, (uint32_t)n_bundles);
    for (size_t i = 0; i < n_bundles; i++) {
        an_buf_put(out, bundles[i].hash.b, AN_HASH_BYTES);
        an_buf_u64(out, bundles[i].size);
    }
    an_buf_u32(out, (uint32_t)strlen(card));
    an_buf_put(out, card, strlen(card));
    if ((err = an_buf_err(out)) != AN_OK)
        return err;
    an_hash_of(&hash, out->data + from, out->len - from);
    an_sign(signature, AN_PARCEL_CONTEXT, hash.b, sizeof hash.b, secret);
    an_buf_put(out, signature, sizeof signature);
    return an_buf_err(out);
}

/* ---- reading ---- */

void an_parcel_free(an_parcel *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_messages; i++)
        an_msg_free(p->messages[i]);
    an_free(p->card);
    an_free(p);
}

static an_err short_file(an_note *why)
{
    return an_fail(AN_ERR_PROTO, why, "this is no parcel, or it was cut");
}

static an_err take_messages(an_reader *r, an_parcel *p, an_note *why)
{
    const uint32_t n = an_read_u32(r);
    if (r->failed || n < 1 || n > AN_PARCEL_MESSAGES_MAX)
        return short_file(why);
    while (p->n_messages < n) {
        const uint32_t len = an_read_u32(r);
        const uint8_t *bytes = len <= AN_MSG_CONTROL_MAX ? an_read_bytes(r, len) : NULL;
        if (!bytes || r->failed)
            return short_file(why);
        an_err err = an_msg_decode(bytes, len, &p->messages[p->n_messages], why);
        if (err != AN_OK)
            return err == AN_ERR_NOMEM ? err : AN_ERR_PROTO;
        p->n_messages++;
    }
    return AN_OK;
}

static an_err take_bundles(an_reader *r, an_parcel *p, an_note *why)
{
    const uint32_t n = an_read_u32(r);
    if (r->failed || n < 1 || n > AN_PARCEL_BUNDLES_MAX)
        return short_file(why);
    for (; p->n_bundles < n; p->n_bundles++) {
        an_parcel_bundle *b = &p->bundles[p->n_bundles];
        const uint8_t *hash = an_read_bytes(r, AN_HASH_BYTES);
        b->size = an_read_u64(r);
        if (!hash || r->failed || b->size < 1 || b->size > (UINT64_C(1) << 40))
            return short_file(why);
        memcpy(b->hash.b, hash, AN_HASH_BYTES);
    }
    return AN_OK;
}

static an_err take_card(an_reader *r, an_parcel *p, an_note *why)
{
    const uint32_t len = an_read_u32(r);
    const uint8_t *text = len <= AN_PARCEL_CARD_MAX ? an_read_bytes(r, len) : NULL;
    if (!text || r->failed || memchr(text, 0, len))
        return short_file(why);
    if (!(p->card = an_alloc((size_t)len + 1, 1)))
        return AN_ERR_NOMEM;
    memcpy(p->card, text, len);
    return AN_OK;
}

an_err an_parcel_decode(const void *bytes, size_t len, const uint8_t key[static AN_SIGN_PUBLIC_BYTES],
                        an_parcel **ret, an_note *why)
{
    an_reader r = an_reader_of(bytes, len);
    an_hash hash;
    const uint8_t *head = an_read_bytes(&r, MAGIC);
    if (!head || memcmp(head, magic, MAGIC) != 0)
        return short_file(why);
    an_parcel *p = an_alloc(1, sizeof *p);
    if (!p)
        return AN_ERR_NOMEM;
    an_err err = take_messages(&r, p, why);
    if (err == AN_OK)
        err = take_bundles(&r, p, why);
    if (err == AN_OK)
        err = take_card(&r, p, why);
    if (err == AN_OK) {
        const size_t signed_len = len - r.left;
        const uint8_t *signature = an_read_bytes(&r, AN_SIGN_BYTES);
        an_hash_of(&hash, bytes, signed_len);
        if (!signature)
            err = short_file(why);
        else if (an_sign_check(signature, AN_PARCEL_CONTEXT, hash.b, sizeof hash.b, key) != AN_OK)
            err = an_fail(AN_ERR_AUTH, why,
                          "the parcel was not packed by the coordinator of this site, or was changed");
        p->head = signed_len + AN_SIGN_BYTES;
    }
    if (err == AN_OK)
        err = check(p->messages, p->n_messages, p->bundles, p->n_bundles, why);
    if (err == AN_OK)
        *ret = p;
    else
        an_parcel_free(p);
    return err;
}
