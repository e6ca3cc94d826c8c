/* Summed counts of a shadow as JSON, the form in which they are kept beside a version. */
#include <string.h>

#include "base/mem.h"
#include "coordinator/combine.h"
#include "doors/json.h"

/* clang-format off */
#define SIDE(X) X(rows) X(over) X(blocks_over) X(alarms) X(non_finite)
#define BOTH(X)                                                                             \
    X(rows) X(blocks) X(both) X(candidate_only) X(production_only) X(candidate_failed) X(sites) X(worse)
/* clang-format on */

static an_json *bins(const uint64_t *v, size_t n)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < n; i++)
        an_json_push_int(list, (int64_t)v[i]);
    return list;
}

static an_json *side(const an_shadow_side *s)
{
    an_json *o = an_json_object();
#define SET(field) an_json_set_int(o, #field, (int64_t)s->field);
    SIDE(SET)
#undef SET
    an_json_set_num(o, "score_sum", s->score_sum);
    an_json_set_num(o, "score_high", an_shadow_score_at(s, 0.95));
    an_json_set_num(o, "latency_us", an_shadow_latency_at(s, 0.95));
    an_json_set(o, "scores", bins(s->scores, AN_SHADOW_SCORES));
    an_json_set(o, "latency", bins(s->latency, AN_SHADOW_LATENCY));
    return o;
}

char *an_shadow_print(const an_shadow_counts *c)
{
    an_json *o = an_json_object();
    an_json_set(o, "candidate", side(&c->candidate));
    an_json_set(o, "production", side(&c->production));
#define SET(field) an_json_set_int(o, #field, (int64_t)c->field);
    BOTH(SET)
#undef SET
    an_json_set_num(o, "psi", an_shadow_psi(&c->candidate, &c->production));
    char *text = an_json_print(o, 0);
    an_json_free(o);
    return text;
}

static an_err read_bins(const an_jval *o, const char *key, uint64_t *ret, size_t n, an_note *why)
{
    const an_jval *list = an_jval_get(o, key);
    an_err err = AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        int64_t v = 0;
        err = an_jval_int(an_jval_at(list, i), NULL, 0, INT64_MAX, &v, why);
        ret[i] = (uint64_t)v;
    }
    return err;
}

static an_err read_side(const an_jval *o, an_shadow_side *s, an_note *why)
{
    an_err err;
    int64_t v = 0;
#define GET(field)                                                                                           \
    if ((err = an_jval_int(o, #field, 0, INT64_MAX, &v, why)) != AN_OK)                                      \
        return err;                                                                                          \
    s->field = (uint64_t)v;
    SIDE(GET)
#undef GET
    if ((err = an_jval_num(o, "score_sum", -1e300, 1e300, &s->score_sum, why)) != AN_OK ||
        (err = read_bins(o, "scores", s->scores, AN_SHADOW_SCORES, why)) != AN_OK)
        return err;
    return read_bins(o, "latency", s->latency, AN_SHADOW_LATENCY, why);
}

static an_err read_both(const an_jval *o, an_shadow_counts *c, an_note *why)
{
    an_err err;
    int64_t v = 0;
#define GET(field)                                                                                           \
    if ((err = an_jval_int(o, #field, 0, INT64_MAX, &v, why)) != AN_OK)                                      \
        return err;                                                                                          \
    c->field = (uint64_t)v;
    BOTH(GET)
#undef GET
    return AN_OK;
}

an_err an_shadow_parse(const void *text, size_t len, an_shadow_counts *ret, an_note *why)
{
    an_json_doc *doc = NULL;
    an_shadow_counts c = {.rows = 0};
    an_err err = an_json_parse(text, len, "shadow", &doc, why);
    if (err != AN_OK)
        return err;
    const an_jval *o = an_json_root(doc);
    if ((err = read_side(an_jval_get(o, "candidate"), &c.candidate, why)) == AN_OK &&
        (err = read_side(an_jval_get(o, "production"), &c.production, why)) == AN_OK)
        err = read_both(o, &c, why);
    an_json_doc_free(doc);
    if (err == AN_OK)
        *ret = c;
    return err == AN_ERR_INVAL ? AN_ERR_PROTO : err;
}
