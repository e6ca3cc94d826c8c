/* Summed evaluation figures as JSON, the form in which they are kept beside a version. */
#include <string.h>

#include "base/mem.h"
#include "coordinator/combine.h"
#include "doors/json.h"

/* One row per plain number of an an_evaluation. */
/* clang-format off */
#define NUMBERS(X)                                                                          \
    X(n) X(tp) X(fp) X(tn) X(fn) X(old_windows) X(old_alarms) X(new_windows) X(new_alarms)  \
    X(non_finite) X(sites) X(objections) X(gains)
/* clang-format on */

static an_json *one(const an_evaluation *e)
{
    an_json *o = an_json_object();
#define SET(field) an_json_set_int(o, #field, (int64_t)e->field);
    NUMBERS(SET)
#undef SET
    an_json_set_num(o, "loss_sum", e->loss_sum);
    an_json *sizes = an_json_array(), *modes = an_json_array();
    for (size_t i = 0; i < AN_EVAL_SIZES; i++) {
        an_json_push_int(sizes, (int64_t)e->sizes[i].total);
        an_json_push_int(sizes, (int64_t)e->sizes[i].raised);
    }
    for (size_t i = 0; i < AN_EVAL_MODES; i++) {
        an_json_push_int(modes, (int64_t)e->modes[i].total);
        an_json_push_int(modes, (int64_t)e->modes[i].raised);
    }
    an_json_set(o, "sizes", sizes);
    an_json_set(o, "modes", modes);
    return o;
}

char *an_evaluation_print(const an_evaluate_out *e)
{
    an_json *o = an_json_object();
    an_json_set(o, "candidate", one(&e->candidate));
    an_json_set(o, "production", one(&e->production));
    char *text = an_json_print(o, 0);
    an_json_free(o);
    return text;
}

static an_err count(const an_jval *list, size_t i, uint64_t *ret, an_note *why)
{
    int64_t v = 0;
    an_err err = an_jval_int(an_jval_at(list, i), NULL, 0, INT64_MAX, &v, why);
    *ret = (uint64_t)v;
    return err;
}

static an_err parse_one(const an_jval *o, an_evaluation *e, an_note *why)
{
    an_err err;
    int64_t v = 0;
#define GET(field)                                                                                           \
    if ((err = an_jval_int(o, #field, 0, INT64_MAX, &v, why)) != AN_OK)                                      \
        return err;                                                                                          \
    e->field = (uint64_t)v;
    NUMBERS(GET)
#undef GET
    if ((err = an_jval_num(o, "loss_sum", -1e300, 1e300, &e->loss_sum, why)) != AN_OK)
        return err;
    const an_jval *sizes = an_jval_get(o, "sizes"), *modes = an_jval_get(o, "modes");
    for (size_t i = 0; i < AN_EVAL_SIZES && err == AN_OK; i++)
        if ((err = count(sizes, 2 * i, &e->sizes[i].total, why)) == AN_OK)
            err = count(sizes, 2 * i + 1, &e->sizes[i].raised, why);
    for (size_t i = 0; i < AN_EVAL_MODES && err == AN_OK; i++)
        if ((err = count(modes, 2 * i, &e->modes[i].total, why)) == AN_OK)
            err = count(modes, 2 * i + 1, &e->modes[i].raised, why);
    return err;
}

an_err an_evaluation_parse(const void *text, size_t len, an_evaluate_out *ret, an_note *why)
{
    an_json_doc *doc = NULL;
    an_evaluate_out e = {{0}, {0}};
    an_err err = an_json_parse(text, len, "evaluation", &doc, why);
    if (err != AN_OK)
        return err;
    if ((err = parse_one(an_jval_get(an_json_root(doc), "candidate"), &e.candidate, why)) == AN_OK)
        err = parse_one(an_jval_get(an_json_root(doc), "production"), &e.production, why);
    an_json_doc_free(doc);
    if (err == AN_OK)
        *ret = e;
    return err == AN_ERR_INVAL ? AN_ERR_PROTO : err;
}
