/* A journal as lines of JSON: writing them, and checking what somebody has kept of them. */
#include <string.h>

#include "base/mem.h"
#include "coordinator/audit.h"
#include "doors/json.h"

static void set_hash(an_json *o, const char *key, const an_hash *h)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, h);
    an_json_set_text(o, key, hex);
}

/* The body is bytes with a length; JSON wants a text that ends. */
static an_err set_body(an_json *o, const an_record *r)
{
    char *text = an_alloc(r->body_len + 1, 1);
    if (!text)
        return AN_ERR_NOMEM;
    if (r->body_len)
        memcpy(text, r->body, r->body_len);
    an_json_set_text(o, "body", text);
    an_free(text);
    return AN_OK;
}

an_err an_audit_line(const an_record *r, bool withheld, an_buf *out)
{
    an_json *o = an_json_object();
    an_json_set_int(o, "seq", (int64_t)r->seq);
    an_json_set_int(o, "time_ms", r->time_ms);
    an_json_set_text(o, "kind", r->kind);
    an_json_set_text(o, "subject", r->subject);
    an_json_set_text(o, "actor", r->actor);
    if (r->idem)
        an_json_set_text(o, "idem", r->idem);
    else
        an_json_set_null(o, "idem");
    an_err err = AN_OK;
    if (withheld) {
        an_hash body;
        an_hash_of(&body, r->body_len ? r->body : "", r->body_len);
        an_json_set_null(o, "body");
        set_hash(o, "body_hash", &body);
    } else {
        err = set_body(o, r);
    }
    set_hash(o, "chain", &r->chain);
    char *text = err == AN_OK ? an_json_print(o, 0) : NULL;
    an_json_free(o);
    if (text) {
        an_buf_put(out, text, strlen(text));
        an_buf_u8(out, '\n');
        err = an_buf_err(out);
    }
    if (!text && err == AN_OK)
        err = AN_ERR_NOMEM;
    an_free(text);
    return err;
}

static bool is_null(const an_jval *o, const char *key)
{
    const an_jval *v = an_jval_get(o, key);
    return v && an_jval_kind(v) == AN_JKIND_NULL;
}

static an_err read_hash(const an_jval *o, const char *key, an_hash *ret, an_note *why)
{
    const char *text;
    an_err err = an_jval_text(o, key, &text, why);
    return err != AN_OK || an_unhex(ret->b, sizeof ret->b, text)
               ? err
               : an_fail(AN_ERR_PROTO, why, "%s is not a hash", key);
}

/* *ret_body: of one without its body */
static an_err read_line(const an_jval *o, an_record *ret, an_hash *ret_body, an_note *why)
{
    static const char *const keys[] = {"seq",  "time_ms", "kind",  "subject",   "actor",
                                       "idem", "body",    "chain", "body_hash", NULL};
    const char *text;
    int64_t seq;
    an_err err;
    if ((err = an_jval_only_keys(o, keys, why)) != AN_OK ||
        (err = an_jval_int(o, "seq", 1, INT64_MAX, &seq, why)) != AN_OK ||
        (err = an_jval_int(o, "time_ms", INT64_MIN, INT64_MAX, &ret->time_ms, why)) != AN_OK ||
        (err = an_jval_text(o, "kind", &ret->kind, why)) != AN_OK ||
        (err = an_jval_text(o, "subject", &ret->subject, why)) != AN_OK ||
        (err = an_jval_text(o, "actor", &ret->actor, why)) != AN_OK)
        return err;
    ret->seq = (uint64_t)seq;
    if (!is_null(o, "idem") && (err = an_jval_text(o, "idem", &ret->idem, why)) != AN_OK)
        return err;
    if (!is_null(o, "body")) {
        if ((err = an_jval_text(o, "body", &text, why)) != AN_OK)
            return err;
        ret->body = text;
        ret->body_len = strlen(text);
    } else if ((err = read_hash(o, "body_hash", ret_body, why)) != AN_OK) {
        return err;
    }
    return read_hash(o, "chain", &ret->chain, why);
}

an_err an_audit_take(an_audit *a, const char *line, size_t len, an_note *why)
{
    an_json_doc *doc = NULL;
    an_record r = {.seq = 0};
    an_hash body = {{0}};
    an_note inner = {{0}};
    an_err err = an_json_parse_max(line, len, AN_AUDIT_LINE_MAX, "line", &doc, &inner);
    if (err == AN_OK)
        err = read_line(an_json_root(doc), &r, &body, &inner);
    if (err == AN_OK)
        err = r.body ? an_audit_record(a, &r, why) : an_audit_withheld(a, &r, &body, why);
    else if (err != AN_ERR_NOMEM)
        err = an_fail(AN_ERR_PROTO, why, "line %llu: %s", (unsigned long long)(an_audit_look(a)->records + 1),
                      inner.text);
    an_json_doc_free(doc);
    return err;
}
