#include "msg/release.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

an_err an_release_text(const an_release *r, an_buf *out)
{
    char hex[AN_HASH_TEXT];
    an_hex(hex, r->version.b, sizeof r->version.b);
    an_buf_printf(out, "andon-release-1\nmodel %s\nalias %s\nversion %s\ncounter %" PRIu64 "\n", r->model,
                  an_alias_name(r->alias), hex, r->counter);
    return an_buf_err(out);
}

/* Reads by writing: what was understood must print to the same bytes, so there is one form only. */
an_err an_release_parse(const void *text, size_t len, an_release *ret, an_note *why)
{
    char copy[512], alias[16], hex[AN_HASH_TEXT];
    an_release r = {.model = ""};
    an_err err = AN_ERR_PROTO;
    an_buf again;
    an_buf_init(&again, sizeof copy);
    if (len >= sizeof copy || memchr(text, 0, len))
        goto out;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (sscanf(copy, "andon-release-1\nmodel %63s\nalias %15s\nversion %64s\ncounter %" SCNu64, r.model,
               alias, hex, &r.counter) != 4 ||
        !an_name_ok(r.model) || !an_unhex(r.version.b, sizeof r.version.b, hex))
        goto out;
    for (int a = AN_ALIAS_CANDIDATE; a <= AN_ALIAS_PRODUCTION; a++)
        if (strcmp(an_alias_name((an_alias)a), alias) == 0)
            r.alias = (an_alias)a;
    if (!r.alias)
        goto out;
    if ((err = an_release_text(&r, &again)) != AN_OK)
        goto out;
    if (again.len != len || memcmp(again.data, text, len) != 0) {
        err = AN_ERR_PROTO;
        goto out;
    }
    *ret = r;
out:
    if (err == AN_ERR_PROTO)
        an_note_set(why, "not a release statement");
    an_buf_done(&again);
    return err;
}
