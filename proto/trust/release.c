/* release.c - the texts, written and read. */
#include "trust/release.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "trust/lines.h"

#define RELEASE "a release statement"
#define DELEGATION "a delegation"
#define REVOCATION "a revocation"
#define CANDIDATE "a candidate statement"

static void put_hash(an_buf *out, const char *key, const an_hash *h)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, h);
    an_buf_printf(out, "%s %s\n", key, hex);
}

an_err an_release_text(const an_release *r, an_buf *out)
{
    an_buf_printf(out, AN_RELEASE_CONTEXT "\nmodel %s\nsites %s\n", r->model, r->sites);
    put_hash(out, "version", &r->version);
    an_buf_printf(out, "counter %" PRIu64 "\n", r->counter);
    put_hash(out, "delegation", &r->delegation);
    an_buf_printf(out, "use %" PRIu64 "\nissued %" PRId64 "\nexpires %" PRId64 "\n", r->use, r->issued_ms,
                  r->expires_ms);
    return an_buf_err(out);
}

an_err an_delegation_text(const an_delegation *d, an_buf *out)
{
    char key[2 * AN_KEY_BYTES + 1];
    an_hex(key, d->online, sizeof d->online);
    an_buf_printf(out, AN_DELEGATION_CONTEXT "\nnumber %" PRIu64 "\nonline %s\nmodels %s\n", d->number, key,
                  d->models);
    put_hash(out, "ancestor", &d->ancestor);
    put_hash(out, "architecture", &d->architecture);
    put_hash(out, "preprocessing", &d->preprocessing);
    put_hash(out, "schema", &d->schema);
    an_buf_printf(out, "count %" PRIu64 "\nissued %" PRId64 "\nexpires %" PRId64 "\n", d->count, d->issued_ms,
                  d->expires_ms);
    return an_buf_err(out);
}

an_err an_revocation_text(const an_revocation *r, an_buf *out)
{
    an_buf_printf(out, AN_REVOCATION_CONTEXT "\n");
    put_hash(out, "delegation", &r->delegation);
    an_buf_printf(out, "expires %" PRId64 "\nissued %" PRId64 "\n", r->expires_ms, r->issued_ms);
    return an_buf_err(out);
}

an_err an_candidate_text(const an_candidate *c, an_buf *out)
{
    an_buf_printf(out, AN_CANDIDATE_CONTEXT "\nmodel %s\n", c->model);
    put_hash(out, "version", &c->version);
    return an_buf_err(out);
}

/* ---- reading ---- */

static void read_hash(an_lines *l, const char *key, an_hash *ret)
{
    an_lines_hex(l, key, ret->b, sizeof ret->b);
}

/* "*", or names with one comma between two. */
static bool sites_good(const char *sites)
{
    char name[AN_NAME_MAX];
    if (strcmp(sites, "*") == 0)
        return true;
    for (const char *at = sites;; at++) {
        const size_t n = strcspn(at, ",");
        if (n == 0 || n >= sizeof name)
            return false;
        memcpy(name, at, n);
        name[n] = '\0';
        if (!an_name_ok(name))
            return false;
        at += n;
        if (!*at)
            return true;
    }
}

static bool models_good(const char *models)
{
    char name[AN_NAME_MAX];
    const size_t n = strlen(models);
    if (n == 0 || n >= sizeof name)
        return false;
    if (strcmp(models, "*") == 0)
        return true;
    memcpy(name, models, n + 1);
    if (name[n - 1] == '*')
        name[n - 1] = '\0';
    return an_name_ok(name);
}

an_err an_release_parse(const void *text, size_t len, an_release *ret, an_note *why)
{
    an_release r;
    an_buf again;
    an_lines l = an_lines_of(text, len, AN_RELEASE_CONTEXT);
    an_lines_text(&l, "model", r.model, sizeof r.model);
    an_lines_text(&l, "sites", r.sites, sizeof r.sites);
    read_hash(&l, "version", &r.version);
    r.counter = an_lines_u64(&l, "counter");
    read_hash(&l, "delegation", &r.delegation);
    r.use = an_lines_u64(&l, "use");
    r.issued_ms = an_lines_i64(&l, "issued");
    r.expires_ms = an_lines_i64(&l, "expires");
    if (!an_lines_end(&l) || !an_name_ok(r.model) || !sites_good(r.sites) || an_hash_is_zero(&r.version) ||
        r.counter == 0 || an_hash_is_zero(&r.delegation) != (r.use == 0) || r.expires_ms <= r.issued_ms)
        return an_lines_bad(RELEASE, why);
    an_buf_init(&again, AN_TRUST_TEXT_MAX);
    an_err err = an_release_text(&r, &again);
    (void)err; /* the buffer remembers it */
    if ((err = an_lines_same(&again, text, len, RELEASE, why)) == AN_OK)
        *ret = r;
    return err;
}

an_err an_delegation_parse(const void *text, size_t len, an_delegation *ret, an_note *why)
{
    an_delegation d;
    an_buf again;
    an_lines l = an_lines_of(text, len, AN_DELEGATION_CONTEXT);
    d.number = an_lines_u64(&l, "number");
    an_lines_hex(&l, "online", d.online, sizeof d.online);
    an_lines_text(&l, "models", d.models, sizeof d.models);
    read_hash(&l, "ancestor", &d.ancestor);
    read_hash(&l, "architecture", &d.architecture);
    read_hash(&l, "preprocessing", &d.preprocessing);
    read_hash(&l, "schema", &d.schema);
    d.count = an_lines_u64(&l, "count");
    d.issued_ms = an_lines_i64(&l, "issued");
    d.expires_ms = an_lines_i64(&l, "expires");
    if (!an_lines_end(&l) || d.number == 0 || !models_good(d.models) || an_hash_is_zero(&d.ancestor) ||
        d.count == 0 || d.count > AN_DELEGATION_COUNT_MAX || d.expires_ms <= d.issued_ms)
        return an_lines_bad(DELEGATION, why);
    an_buf_init(&again, AN_TRUST_TEXT_MAX);
    an_err err = an_delegation_text(&d, &again);
    (void)err; /* the buffer remembers it */
    if ((err = an_lines_same(&again, text, len, DELEGATION, why)) == AN_OK)
        *ret = d;
    return err;
}

an_err an_revocation_parse(const void *text, size_t len, an_revocation *ret, an_note *why)
{
    an_revocation r;
    an_buf again;
    an_lines l = an_lines_of(text, len, AN_REVOCATION_CONTEXT);
    read_hash(&l, "delegation", &r.delegation);
    r.expires_ms = an_lines_i64(&l, "expires");
    r.issued_ms = an_lines_i64(&l, "issued");
    if (!an_lines_end(&l) || an_hash_is_zero(&r.delegation))
        return an_lines_bad(REVOCATION, why);
    an_buf_init(&again, AN_TRUST_TEXT_MAX);
    an_err err = an_revocation_text(&r, &again);
    (void)err; /* the buffer remembers it */
    if ((err = an_lines_same(&again, text, len, REVOCATION, why)) == AN_OK)
        *ret = r;
    return err;
}

an_err an_candidate_parse(const void *text, size_t len, an_candidate *ret, an_note *why)
{
    an_candidate c;
    an_buf again;
    an_lines l = an_lines_of(text, len, AN_CANDIDATE_CONTEXT);
    an_lines_text(&l, "model", c.model, sizeof c.model);
    read_hash(&l, "version", &c.version);
    if (!an_lines_end(&l) || !an_name_ok(c.model) || an_hash_is_zero(&c.version))
        return an_lines_bad(CANDIDATE, why);
    an_buf_init(&again, AN_TRUST_TEXT_MAX);
    an_err err = an_candidate_text(&c, &again);
    (void)err; /* the buffer remembers it */
    if ((err = an_lines_same(&again, text, len, CANDIDATE, why)) == AN_OK)
        *ret = c;
    return err;
}
