/* A release of a model in one signed file, for sites without a link. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/client/client.h"
#include "trust/parcel.h"

/* Owned, an_free; NULL: it is not hexadecimal, or memory has run out. */
static uint8_t *bytes_of(const char *hex, size_t *ret_len)
{
    const size_t len = strlen(hex) / 2;
    uint8_t *bytes = an_alloc(len + 1, 1);
    if (bytes && !an_unhex(bytes, len, hex)) {
        an_free(bytes);
        return NULL;
    }
    *ret_len = len;
    return bytes;
}

static int write_bundle(an_cli *c, FILE *out, const an_parcel_bundle *b)
{
    char hex[AN_HASH_TEXT];
    an_hasher h;
    an_hash found;
    an_hash_text(hex, &b->hash);
    an_hasher_init(&h);
    for (uint64_t at = 0; at < b->size;) {
        an_json_doc *doc;
        size_t len = 0;
        int code = an_cli_get(c, &doc, "/versions/%s/bytes?offset=%llu", hex, (unsigned long long)at);
        if (!doc)
            return code;
        uint8_t *piece = bytes_of(an_cli_text(an_json_root(doc), "bytes"), &len);
        an_json_doc_free(doc);
        if (!piece || len == 0 || len > b->size - at || fwrite(piece, 1, len, out) != len) {
            an_free(piece);
            return an_cli_fail(AN_CLI_REFUSED, "bundle %.12s: cut, or not to be written: %s", hex,
                               strerror(errno));
        }
        an_hasher_add(&h, piece, len);
        an_free(piece);
        at += len;
    }
    an_hasher_end(&h, &found);
    return an_hash_equal(&found, &b->hash)
               ? AN_CLI_OK
               : an_cli_fail(AN_CLI_REFUSED, "bundle %.12s: not what its name says", hex);
}

static int write_parcel(an_cli *c, const char *path, const uint8_t *head, size_t len, const an_parcel *p)
{
    int code = AN_CLI_OK;
    FILE *out = fopen(path, "wbx");
    if (!out)
        return an_cli_fail(AN_CLI_REFUSED, "%.300s: %s", path, strerror(errno));
    if (fwrite(head, 1, len, out) != len)
        code = an_cli_fail(AN_CLI_REFUSED, "%.300s: %s", path, strerror(errno));
    for (size_t i = 0; i < p->n_bundles && code == AN_CLI_OK; i++)
        code = write_bundle(c, out, &p->bundles[i]);
    if (fclose(out) != 0 && code == AN_CLI_OK)
        code = an_cli_fail(AN_CLI_REFUSED, "%.300s: %s", path, strerror(errno));
    if (code != AN_CLI_OK)
        remove(path); /* half a parcel is none */
    return code;
}

int an_cli_version_export(an_cli *c)
{
    an_json_doc *doc;
    an_parcel *p = NULL;
    an_note why = {{0}};
    uint8_t key[AN_SIGN_PUBLIC_BYTES];
    size_t len = 0;
    const char *model = an_cli_word(c, 0), *path = c->args->positionals[1], *site = an_cli_query(c, "site");
    c->quiet_json = true;
    int code =
        model && site ? an_cli_get(c, &doc, "/models/%s/parcel?subject=%s", model, site) : AN_CLI_USAGE;
    if (!model || !site || !doc)
        return code;
    uint8_t *head = bytes_of(an_cli_text(an_json_root(doc), "head"), &len);
    const bool good = head && an_unhex(key, sizeof key, an_cli_text(an_json_root(doc), "online")) &&
                      an_parcel_decode(head, len, key, &p, &why) == AN_OK;
    an_json_doc_free(doc);
    code =
        good ? write_parcel(c, path, head, len, p) : an_cli_fail(AN_CLI_REFUSED, "the parcel: %s", why.text);
    if (code == AN_CLI_OK) {
        const an_msg_version *v = &p->messages[p->n_messages - 1]->u.version;
        char hex[AN_HASH_TEXT];
        an_hash_text(hex, &v->version);
        printf("version %.12s of model %s, release %llu, with %zu bundle%s, is in %s\n"
               "at the site: andon-agent import FILE\n",
               hex, v->model, (unsigned long long)v->counter, p->n_bundles, an_cli_s(p->n_bundles), path);
    }
    an_parcel_free(p);
    an_free(head);
    return code;
}
