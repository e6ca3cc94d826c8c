/* The drift tests' table, and their states as bytes:
 *
 *     name, padded with zeros (16) | state f64 LE (8 * n_state)
 */
#include <math.h>
#include <string.h>

#include "models/drift.h"

#define NAME_BYTES 16

#define AN_DRIFT(name) extern const an_drift_type an_drift_##name;
#include "models/drifts.def"
#undef AN_DRIFT

static const an_drift_type *const types[] = {
#define AN_DRIFT(name) &an_drift_##name,
#include "models/drifts.def"
#undef AN_DRIFT
};

const an_drift_type *an_drift_at(size_t i)
{
    return i < sizeof types / sizeof *types ? types[i] : NULL;
}

const an_drift_type *an_drift_find(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}

void an_drift_conf_init(an_drift_conf *conf)
{
    *conf = (an_drift_conf){.std = 1.0};
}

static an_err check_conf(const an_drift_type *type, const an_drift_conf *conf, an_note *why)
{
    if (!isfinite(conf->mean) || !isfinite(conf->std) || !(conf->std > 0.0))
        return an_fail(AN_ERR_INVAL, why,
                       "%s: the reference needs a finite mean and a standard deviation above 0", type->name);
    if (!isfinite(conf->sensitivity) || conf->sensitivity < 0.0)
        return an_fail(AN_ERR_INVAL, why, "%s: the sensitivity must be 0 or above", type->name);
    if (!type->needs_bins)
        return AN_OK;
    if (!conf->edges || !conf->counts || conf->n_edges < 1 || conf->n_edges >= AN_BINS_MAX)
        return an_fail(AN_ERR_INVAL, why, "%s needs a reference in 2..%d bins", type->name, AN_BINS_MAX);
    for (size_t i = 0; i < conf->n_edges; i++)
        if (!isfinite(conf->edges[i]) || (i > 0 && conf->edges[i] < conf->edges[i - 1]))
            return an_fail(AN_ERR_INVAL, why, "%s: bin edges must ascend", type->name);
    return AN_OK;
}

an_err an_drift_init(an_drift *d, const char *name, const an_drift_conf *conf, an_note *why)
{
    const an_drift_type *type = an_drift_find(name);
    if (!type)
        return an_fail(AN_ERR_INVAL, why, "there is no drift test \"%.40s\"", name);
    an_err err = check_conf(type, conf, why);
    if (err != AN_OK)
        return err;
    *d = (an_drift){.type = type};
    return type->init(d->s, conf, why);
}

an_drift_result an_drift_update(an_drift *d, double x)
{
    if (!isfinite(x))
        return (an_drift_result){0};
    return d->type->update(d->s, x);
}

void an_drift_save(const an_drift *d, an_buf *out)
{
    char name[NAME_BYTES] = {0};
    memcpy(name, d->type->name, strlen(d->type->name));
    an_buf_put(out, name, sizeof name);
    for (size_t i = 0; i < d->type->n_state; i++)
        an_buf_f64(out, d->s[i]);
}

an_err an_drift_load(an_drift *ret, const void *bytes, size_t len)
{
    an_reader r = an_reader_of(bytes, len);
    const uint8_t *name = an_read_bytes(&r, NAME_BYTES);
    if (!name || !memchr(name, '\0', NAME_BYTES))
        return AN_ERR_PROTO;
    an_drift d = {.type = an_drift_find((const char *)name)};
    if (!d.type || r.left != d.type->n_state * 8)
        return AN_ERR_PROTO;
    for (size_t i = strlen(d.type->name); i < NAME_BYTES; i++)
        if (name[i] != 0)
            return AN_ERR_PROTO;
    for (size_t i = 0; i < d.type->n_state; i++) {
        d.s[i] = an_read_f64(&r);
        if (!isfinite(d.s[i]))
            return AN_ERR_PROTO;
    }
    if (!d.type->check(d.s))
        return AN_ERR_PROTO;
    *ret = d;
    return AN_OK;
}
