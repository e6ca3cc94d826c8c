#include "coordinator/state_internal.h"

#include <float.h>
#include <stdio.h>

#include "doors/crypto.h"

bool an_body_ready(const an_body *b)
{
    return b->err == AN_OK && !b->check;
}

const char *an_body_text(an_body *b, const char *key, const char *dflt)
{
    const char *v = dflt ? dflt : "";
    if (b->err == AN_OK)
        b->err = dflt ? an_jval_get_text(b->o, key, dflt, &v, b->why) : an_jval_text(b->o, key, &v, b->why);
    return v;
}

int64_t an_body_int(an_body *b, const char *key, int64_t dflt)
{
    int64_t v = dflt;
    if (b->err == AN_OK)
        b->err = an_jval_get_int(b->o, key, INT64_MIN, INT64_MAX, dflt, &v, b->why);
    return v;
}

/* Any finite number: what a message may hold must be readable, or the journal could not be. */
double an_body_num(an_body *b, const char *key)
{
    double v = 0;
    if (b->err == AN_OK)
        b->err = an_jval_get_num(b->o, key, -DBL_MAX, DBL_MAX, 0, &v, b->why);
    return v;
}

bool an_body_bool(an_body *b, const char *key)
{
    bool v = false;
    if (b->err == AN_OK)
        b->err = an_jval_get_bool(b->o, key, false, &v, b->why);
    return v;
}

void an_body_hex(an_body *b, const char *key, uint8_t *ret, size_t len, bool optional)
{
    const char *text = an_body_text(b, key, optional ? "" : NULL);
    if (b->err == AN_OK && !(optional && !text[0]) && !an_unhex(ret, len, text))
        b->err = an_fail(AN_ERR_PROTO, b->why, "%s is not %zu bytes in hexadecimal", key, len);
}

an_hash an_body_hash(an_body *b, const char *key, bool optional)
{
    an_hash h = {{0}};
    an_body_hex(b, key, h.b, sizeof h.b, optional);
    return h;
}

void an_body_name(an_body *b, char ret[static AN_NAME_MAX], const char *text)
{
    if (b->err == AN_OK && !an_name_ok(text))
        b->err = an_fail(AN_ERR_PROTO, b->why, "not a name");
    if (b->err == AN_OK)
        snprintf(ret, AN_NAME_MAX, "%s", text);
}

void an_body_known(an_body *b, const void *thing, const char *what)
{
    if (b->err == AN_OK && !thing)
        b->err = an_fail(AN_ERR_PROTO, b->why, "no such %s", what);
}

uint64_t an_body_id(an_body *b, const char *key)
{
    int64_t id = an_body_int(b, key, 0);
    if (b->err == AN_OK && id <= 0)
        b->err = an_fail(AN_ERR_PROTO, b->why, "%s is not a number above 0", key);
    return (uint64_t)id;
}
