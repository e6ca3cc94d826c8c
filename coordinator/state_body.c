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

void an_body_privacy(an_body *b, an_round_privacy *ret)
{
    const int64_t unit = an_body_int(b, "dp_unit", AN_DP_NONE), steps = an_body_int(b, "dp_steps", 0),
                  sites = an_body_int(b, "dp_sites", 0), dim = an_body_int(b, "dp_dim", 0);
    an_round_privacy p = {.delta = an_body_num(b, "dp_delta"),
                          .noise = an_body_num(b, "dp_noise"),
                          .ratio = an_body_num(b, "dp_ratio"),
                          .epsilon = an_body_num(b, "dp_epsilon")};
    if (unit == AN_DP_RECORD)
        p.cost = (an_private_cost){.unit = AN_DP_RECORD,
                                   .noise = p.noise,
                                   .rate = an_body_num(b, "dp_rate"),
                                   .steps = (uint64_t)steps};
    else if (unit == AN_DP_SITE)
        p.cost = (an_private_cost){.unit = AN_DP_SITE,
                                   .sum = {.sites = (uint32_t)sites,
                                           .variance = an_body_num(b, "dp_variance"),
                                           .norm = an_body_num(b, "dp_norm"),
                                           .dim = (uint64_t)dim}};
    an_privacy_account one = {{0}};
    const bool known = unit == AN_DP_NONE || p.cost.unit != AN_DP_NONE;
    if (b->err == AN_OK && (!known || steps < 0 || sites < 0 || sites > AN_COHORT_MAX || dim < 0 ||
                            !(p.delta >= 0 && p.delta < 1)))
        b->err = an_fail(AN_ERR_PROTO, b->why, "the privacy of the round is out of bounds");
    if (b->err == AN_OK)
        b->err = an_private_spend(&one, &p.cost, 1, b->why);
    *ret = p;
}
