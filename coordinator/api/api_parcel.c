/* A release to take along: the signed head of a parcel, and bundles in pieces. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/api/api_internal.h"
#include "coordinator/card.h"
#include "doors/crypto.h"
#include "trust/parcel.h"

#define PIECE ((size_t)2 << 20)

static an_err set_hex(an_json *o, const char *key, const uint8_t *bytes, size_t len)
{
    char *hex = an_alloc(2 * len + 1, 1);
    if (!hex)
        return AN_ERR_NOMEM;
    an_hex(hex, bytes, len);
    an_json_set_text(o, key, hex);
    an_free(hex);
    return AN_OK;
}

static an_err card_of(an_api_call *c, an_buf *out, an_note *why)
{
    an_hash hash;
    an_err err = an_hub_parcel_version(c->hub, c->arg, c->req->subject, &hash, why);
    const an_version *v = err == AN_OK ? an_state_version(c->state, &hash) : NULL;
    if (err != AN_OK || !v)
        return err != AN_OK ? err : AN_ERR_STATE;
    err = an_api_version_card_text(c, v, out, why);
    an_buf_u8(out, 0);
    return err == AN_OK ? an_buf_err(out) : err;
}

an_err an_api_model_parcel(an_api_call *c, an_note *why)
{
    an_buf card, head;
    an_buf_init(&card, AN_CARD_MAX + 1);
    an_buf_init(&head, AN_PARCEL_HEAD_MAX);
    an_err err = card_of(c, &card, why);
    if (err == AN_OK)
        err = an_hub_parcel(c->hub, c->arg, c->req->subject, (const char *)card.data, &head, why);
    if (err == AN_OK)
        err = set_hex(c->answer, "head", head.data, head.len);
    if (err == AN_OK) {
        const an_root root = an_hub_root(c->hub);
        an_json_set_int(c->answer, "root", (int64_t)root.number);
        err = set_hex(c->answer, "online", an_hub_online_key(c->hub), AN_SIGN_PUBLIC_BYTES);
    }
    an_buf_done(&head);
    an_buf_done(&card);
    return err;
}

static an_err read_piece(const char *path, int64_t offset, uint8_t *ret, size_t *ret_len, an_note *why)
{
    FILE *in = fopen(path, "rb");
    an_err err = in ? AN_OK : an_fail(AN_ERR_NOTFOUND, why, "the bundle is not here");
    if (in && (fseek(in, (long)offset, SEEK_SET) != 0 ||
               ((*ret_len = fread(ret, 1, PIECE, in)) < PIECE && ferror(in))))
        err = an_fail(AN_ERR_IO, why, "the bundle cannot be read");
    if (in)
        fclose(in);
    return err;
}

an_err an_api_version_bytes(an_api_call *c, an_note *why)
{
    an_version *v;
    char path[AN_PATH_MAX];
    int64_t offset = 0;
    size_t len = 0;
    an_err err = an_api_version_find(c, c->arg, &v, why);
    if (err == AN_OK)
        err = an_api_number("offset", c->req->offset, (int64_t)v->size, &offset, why);
    if (err == AN_OK && v->pruned)
        err = an_fail(AN_ERR_NOTFOUND, why, "the version's bundle was removed (keep.versions)");
    if (err == AN_OK)
        err = an_store_object_file(an_hub_store(c->hub), &v->hash, path, why);
    uint8_t *piece = err == AN_OK ? an_alloc(PIECE, 1) : NULL;
    if (err == AN_OK)
        err = piece ? read_piece(path, offset, piece, &len, why) : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = set_hex(c->answer, "bytes", piece, len);
    an_json_set_int(c->answer, "size", err == AN_OK ? (int64_t)v->size : 0);
    an_free(piece);
    return err;
}
