/* judge.c - who may sign what, and within which limits. */
#include <stdio.h>
#include <string.h>

#include "trust/release.h"

void an_statement_hash(an_hash *ret, const an_signed *s)
{
    an_hash_of(ret, s->text, s->len);
}

bool an_delegation_covers_model(const an_delegation *d, const char *model)
{
    const size_t n = strlen(d->models);
    if (n > 0 && d->models[n - 1] == '*')
        return strncmp(d->models, model, n - 1) == 0;
    return strcmp(d->models, model) == 0;
}

bool an_release_is_for(const an_release *r, const char *site)
{
    const size_t len = strlen(site);
    if (strcmp(r->sites, "*") == 0)
        return true;
    for (const char *at = r->sites; *at;) {
        const size_t n = strcspn(at, ",");
        if (n == len && strncmp(at, site, n) == 0)
            return true;
        at += n + (at[n] == ',');
    }
    return false;
}

int64_t an_release_expiry(const an_release *r, const an_delegation *d)
{
    return r->use && d->expires_ms < r->expires_ms ? d->expires_ms : r->expires_ms;
}

an_err an_delegation_check(const an_signed *s, const an_root *root, an_delegation *ret, an_note *why)
{
    an_delegation d;
    an_err err = an_delegation_parse(s->text, s->len, &d, why);
    if (err == AN_OK && (err = an_signed_by(s, AN_DELEGATION_CONTEXT, root->key)) != AN_OK)
        return an_fail(err, why, "the delegation is not signed by the release root");
    if (err == AN_OK)
        *ret = d;
    return err;
}

an_err an_revocation_check(const an_signed *s, const an_root *root, an_revocation *ret, an_note *why)
{
    an_revocation r;
    an_err err = an_revocation_parse(s->text, s->len, &r, why);
    if (err == AN_OK && (err = an_signed_by(s, AN_REVOCATION_CONTEXT, root->key)) != AN_OK)
        return an_fail(err, why, "the revocation is not signed by the release root");
    if (err == AN_OK)
        *ret = r;
    return err;
}

an_err an_candidate_check(const an_signed *s, const uint8_t online[static AN_KEY_BYTES], an_candidate *ret,
                          an_note *why)
{
    an_candidate c;
    an_err err = an_candidate_parse(s->text, s->len, &c, why);
    if (err == AN_OK && (err = an_signed_by(s, AN_CANDIDATE_CONTEXT, online)) != AN_OK)
        return an_fail(err, why, "the candidate is not signed by the coordinator");
    if (err == AN_OK)
        *ret = c;
    return err;
}

static an_err candidate_text(const char *model, const an_hash *version, an_buf *ret)
{
    an_candidate c = {.version = *version};
    snprintf(c.model, sizeof c.model, "%s", model);
    an_buf_init(ret, AN_TRUST_TEXT_MAX);
    return an_candidate_text(&c, ret);
}

an_err an_candidate_sign(uint8_t ret[static AN_SIGN_BYTES], const char *model, const an_hash *version,
                         const uint8_t secret[static AN_SIGN_SECRET_BYTES])
{
    an_buf text;
    an_err err = candidate_text(model, version, &text);
    if (err == AN_OK)
        an_sign(ret, AN_CANDIDATE_CONTEXT, text.data, text.len, secret);
    an_buf_done(&text);
    return err;
}

an_err an_candidate_signed(const uint8_t signature[static AN_SIGN_BYTES], const char *model,
                           const an_hash *version, const uint8_t online[static AN_KEY_BYTES], an_note *why)
{
    an_buf text;
    an_err err = candidate_text(model, version, &text);
    if (err == AN_OK &&
        (err = an_sign_check(signature, AN_CANDIDATE_CONTEXT, text.data, text.len, online)) != AN_OK)
        an_note_set(why, "the version to be worked with is not signed by the coordinator as a candidate");
    an_buf_done(&text);
    return err;
}

static an_err judge_delegated(const an_signed *release, const an_signed *delegation,
                              const an_release_ground *g, const an_release *r, an_delegation *ret,
                              an_note *why)
{
    an_hash hash;
    an_delegation d;
    if (!delegation || delegation->len == 0)
        return an_fail(AN_ERR_AUTH, why, "the release names a delegation that did not come with it");
    an_err err = an_delegation_check(delegation, g->root, &d, why);
    if (err != AN_OK)
        return err;
    an_statement_hash(&hash, delegation);
    if (!an_hash_equal(&hash, &r->delegation))
        return an_fail(AN_ERR_AUTH, why, "the release names another delegation than came with it");
    if (!an_secret_equal(d.online, g->online, AN_KEY_BYTES))
        return an_fail(AN_ERR_REFUSED, why,
                       "delegation %llu is for another online key than this coordinator's",
                       (unsigned long long)d.number);
    if (an_signed_by(release, AN_RELEASE_CONTEXT, d.online) != AN_OK)
        return an_fail(AN_ERR_AUTH, why, "the release is not signed by the key of its delegation");
    if (!an_delegation_covers_model(&d, r->model))
        return an_fail(AN_ERR_REFUSED, why, "delegation %llu covers %s, not model %s",
                       (unsigned long long)d.number, d.models, r->model);
    if (r->use > d.count)
        return an_fail(AN_ERR_REFUSED, why, "delegation %llu allows %llu statements, this is number %llu",
                       (unsigned long long)d.number, (unsigned long long)d.count, (unsigned long long)r->use);
    *ret = d;
    return AN_OK;
}

an_err an_release_judge(const an_signed *release, const an_signed *delegation, const an_release_ground *g,
                        an_release *ret, an_delegation *ret_delegation, an_note *why)
{
    an_release r;
    an_delegation d;
    memset(&d, 0, sizeof d);
    an_err err = an_release_parse(release->text, release->len, &r, why);
    if (err != AN_OK)
        return err;
    if (r.use > 0)
        err = judge_delegated(release, delegation, g, &r, &d, why);
    else if (an_signed_by(release, AN_RELEASE_CONTEXT, g->root->key) != AN_OK)
        err = an_fail(AN_ERR_AUTH, why, "the release statement is not signed by the release root");
    if (err == AN_OK && g->site && !an_release_is_for(&r, g->site))
        err = an_fail(AN_ERR_REFUSED, why, "release %llu is for other sites: %.120s",
                      (unsigned long long)r.counter, r.sites);
    if (err != AN_OK)
        return err;
    *ret = r;
    *ret_delegation = d;
    return AN_OK;
}

an_err an_delegation_next(const an_delegation *d, const an_release *r, uint64_t seen_number,
                          uint64_t seen_use, an_note *why)
{
    if (d->number < seen_number)
        return an_fail(AN_ERR_REFUSED, why, "delegation %llu is older than %llu, which was followed",
                       (unsigned long long)d->number, (unsigned long long)seen_number);
    if (d->number == seen_number && r->use <= seen_use)
        return an_fail(AN_ERR_REFUSED, why,
                       "statement %llu under delegation %llu is not after %llu, which was "
                       "followed: its %llu statements would be exceeded",
                       (unsigned long long)r->use, (unsigned long long)d->number,
                       (unsigned long long)seen_use, (unsigned long long)d->count);
    return AN_OK;
}

an_err an_delegation_form(const an_delegation *d, const an_hash *architecture, const an_hash *preprocessing,
                          const an_hash *schema, an_note *why)
{
    const struct {
        const an_hash *have, *want;
        const char *what;
    } parts[] = {{architecture, &d->architecture, "architecture"},
                 {preprocessing, &d->preprocessing, "preprocessing"},
                 {schema, &d->schema, "schema"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!an_hash_equal(parts[i].have, parts[i].want))
            return an_fail(AN_ERR_REFUSED, why, "the version has another %s than delegation %llu allows",
                           parts[i].what, (unsigned long long)d->number);
    return AN_OK;
}
