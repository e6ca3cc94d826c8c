/* name[:a[,b]][*factor]: reads a policy's text and runs its row on sorted scores. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/threshold.h"

#define AN_THRESHOLD(name) extern const an_threshold_type an_threshold_##name;
#include "models/thresholds.def"
#undef AN_THRESHOLD

static const an_threshold_type *const types[] = {
#define AN_THRESHOLD(name) &an_threshold_##name,
#include "models/thresholds.def"
#undef AN_THRESHOLD
};

const an_threshold_type *an_threshold_at(size_t i)
{
    return i < sizeof types / sizeof *types ? types[i] : NULL;
}

const an_threshold_type *an_threshold_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i]->name) == len && memcmp(types[i]->name, name, len) == 0)
            return types[i];
    return NULL;
}

/* A number at *at.  strtod alone would also take "inf", "0x1" and blanks. */
static bool take_number(const char **at, double *ret)
{
    if (!((**at >= '0' && **at <= '9') || **at == '.'))
        return false;
    if ((*at)[0] == '0' && ((*at)[1] == 'x' || (*at)[1] == 'X'))
        return false;
    char *end;
    *ret = strtod(*at, &end);
    bool good = end != *at && isfinite(*ret);
    *at = end;
    return good;
}

an_err an_threshold_parse(const char *text, an_threshold_policy *ret, an_note *why)
{
    size_t name_len = strcspn(text, ":*");
    an_threshold_policy p = {.type = an_threshold_find(text, name_len), .factor = 1.0};
    if (strlen(text) >= AN_THRESHOLD_TEXT)
        return an_fail(AN_ERR_INVAL, why, "a threshold policy is shorter than %d characters",
                       AN_THRESHOLD_TEXT);
    if (!p.type)
        return an_fail(AN_ERR_INVAL, why, "\"%s\": no threshold policy of this name", text);
    for (size_t i = 0; i < p.type->n_params; i++)
        p.params[i] = p.type->params[i].usual;
    const char *at = text + name_len;
    bool good = true;
    for (size_t i = 0; good && *at && *at == (i == 0 ? ':' : ','); i++) {
        at++;
        good = i < p.type->n_params && take_number(&at, &p.params[i]);
        if (good && !(p.params[i] > p.type->params[i].least && p.params[i] < p.type->params[i].most))
            return an_fail(AN_ERR_INVAL, why, "\"%s\": parameter %zu must be between %g and %g", text, i + 1,
                           p.type->params[i].least, p.type->params[i].most);
    }
    if (good && *at == '*') {
        at++;
        good = take_number(&at, &p.factor) && p.factor > 0.0 && p.factor <= 1e6;
    }
    if (!good || *at)
        return an_fail(AN_ERR_INVAL, why, "\"%s\": a policy is name[:parameter[,parameter]][*factor]", text);
    *ret = p;
    return AN_OK;
}

an_err an_threshold_check(const char *text, an_note *why)
{
    an_threshold_policy p;
    return an_threshold_parse(text, &p, why);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static an_err from(const an_threshold_policy *p, const float *scores, size_t n, const an_threshold_line *line,
                   double *ret, an_note *why)
{
    const bool ordered = line && p->type->in_order;
    double value = 0.0;
    an_err err = AN_OK;
    float *copy = an_alloc(ordered ? 2 * n : n, sizeof *copy);
    if (!copy)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        copy[i] = scores[i];
        if (!isfinite(scores[i]))
            err = an_fail(AN_ERR_NUMERIC, why, "score %zu is not finite", i);
    }
    if (err == AN_OK && ordered) {
        err = p->type->in_order(p->params, scores, n, line, copy, &value, why);
    } else if (err == AN_OK) {
        qsort(copy, n, sizeof *copy, by_value);
        err = p->type->from(p->params, copy, n, &value, why);
    }
    value *= p->factor;
    if (err == AN_OK && !isfinite(value))
        err = an_fail(AN_ERR_NUMERIC, why, "the threshold is not finite");
    if (err == AN_OK)
        *ret = value;
    an_free(copy);
    return err;
}

an_err an_threshold_from_line(const char *text, const float *scores, size_t n, const an_threshold_line *line,
                              double *ret, an_note *why)
{
    an_threshold_policy p;
    an_err err = an_threshold_parse(text, &p, why);
    if (err != AN_OK)
        return err;
    if (n == 0)
        return an_fail(AN_ERR_INVAL, why, "there are no scores to set a threshold from");
    if (line && p.type->in_order &&
        (!(line->per_hour > 0) || !isfinite(line->per_hour) || line->k == 0 || line->k > line->n ||
         line->step == 0))
        return an_fail(AN_ERR_INVAL, why,
                       "\"%s\" must know the line: %g scores an hour, alarms by %u of %u scores", text,
                       line->per_hour, line->k, line->n);
    return from(&p, scores, n, line, ret, why);
}

an_err an_threshold_from(const char *text, const float *scores, size_t n, double *ret, an_note *why)
{
    return an_threshold_from_line(text, scores, n, NULL, ret, why);
}
