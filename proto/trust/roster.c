#include "trust/roster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LINE_MAX 300 /* "site NAME party NAME key HEX" and the newline */

static int by_key(const void *a, const void *b)
{
    return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, AN_SIGN_PUBLIC_BYTES);
}

/* Whoever held one key under two names would count twice in every quorum. */
static an_err check_keys(const an_roster *r, an_note *why)
{
    const uint8_t **keys = an_alloc(r->n, sizeof *keys);
    an_err err = AN_OK;
    if (!keys)
        return AN_ERR_NOMEM;
    for (uint32_t i = 0; i < r->n; i++)
        keys[i] = r->sites[i].key;
    qsort(keys, r->n, sizeof *keys, by_key);
    for (uint32_t i = 1; i < r->n && err == AN_OK; i++)
        if (memcmp(keys[i - 1], keys[i], AN_SIGN_PUBLIC_BYTES) == 0)
            err = an_fail(AN_ERR_INVAL, why, "roster: two sites have the same statement key");
    an_free(keys);
    return err;
}

static an_err check(const an_roster *r, an_note *why)
{
    if (r->counter < 1 || r->issued_ms < 0 || r->n < 1 || r->n > AN_COHORT_MAX)
        return an_fail(AN_ERR_INVAL, why, "roster: counter from 1, and 1 to %d sites", AN_COHORT_MAX);
    if (r->expires_ms != 0 && r->expires_ms <= r->issued_ms)
        return an_fail(AN_ERR_INVAL, why, "roster: it expires before it is issued");
    for (uint32_t i = 0; i < r->n; i++) {
        const an_roster_site *s = &r->sites[i];
        if (!an_name_ok(s->name) || !an_name_ok(s->party))
            return an_fail(AN_ERR_INVAL, why, "roster: site %u has no proper name or party", i + 1);
        if (i > 0 && strcmp(r->sites[i - 1].name, s->name) >= 0)
            return an_fail(AN_ERR_INVAL, why, "roster: %s is not in order, or twice", s->name);
    }
    return check_keys(r, why);
}

an_err an_roster_text(const an_roster *r, an_buf *out, an_note *why)
{
    an_err err = check(r, why);
    if (err != AN_OK)
        return err;
    an_buf_printf(out, "andon-roster-1\ncounter %" PRIu64 "\nissued %" PRId64 "\n", r->counter, r->issued_ms);
    if (r->expires_ms != 0)
        an_buf_printf(out, "expires %" PRId64 "\n", r->expires_ms);
    for (uint32_t i = 0; i < r->n; i++) {
        char hex[2 * AN_SIGN_PUBLIC_BYTES + 1];
        an_hex(hex, r->sites[i].key, AN_SIGN_PUBLIC_BYTES);
        an_buf_printf(out, "site %s party %s key %s\n", r->sites[i].name, r->sites[i].party, hex);
    }
    return an_buf_err(out);
}

/* The next line without its newline; false: there is none, or it is too long. */
static bool next_line(an_reader *r, char out[static LINE_MAX])
{
    const uint8_t *end = r->left ? memchr(r->at, '\n', r->left) : NULL;
    const size_t len = end ? (size_t)(end - r->at) : LINE_MAX;
    if (len >= LINE_MAX || memchr(r->at, 0, len))
        return false;
    memcpy(out, r->at, len);
    out[len] = '\0';
    return an_read_bytes(r, len + 1) != NULL;
}

static bool read_site(const char *line, an_roster_site *s)
{
    char hex[2 * AN_SIGN_PUBLIC_BYTES + 1];
    return sscanf(line, "site %63s party %63s key %64s", s->name, s->party, hex) == 3 &&
           an_unhex(s->key, sizeof s->key, hex);
}

/* The line may be missing. */
static bool read_expiry(an_reader *in, an_roster *r)
{
    char line[LINE_MAX];
    an_reader ahead = *in;
    if (!next_line(&ahead, line) || strncmp(line, "expires ", 8) != 0)
        return true;
    *in = ahead;
    return sscanf(line, "expires %" SCNd64, &r->expires_ms) == 1 && r->expires_ms != 0;
}

static an_err read_lines(an_reader *in, an_roster *r)
{
    char line[LINE_MAX];
    if (!next_line(in, line) || strcmp(line, "andon-roster-1") != 0 || !next_line(in, line) ||
        sscanf(line, "counter %" SCNu64, &r->counter) != 1 || !next_line(in, line) ||
        sscanf(line, "issued %" SCNd64, &r->issued_ms) != 1 || !read_expiry(in, r))
        return AN_ERR_PROTO;
    uint32_t lines = 0;
    for (size_t i = 0; i < in->left; i++)
        lines += in->at[i] == '\n';
    if (lines < 1 || lines > AN_COHORT_MAX)
        return AN_ERR_PROTO;
    if (!(r->sites = an_alloc(lines, sizeof *r->sites)))
        return AN_ERR_NOMEM;
    while (in->left > 0)
        if (!next_line(in, line) || !read_site(line, &r->sites[r->n++]))
            return AN_ERR_PROTO;
    return AN_OK;
}

/* Reads by writing: what was understood must print to the same bytes, so there is one form only. */
an_err an_roster_parse(const void *text, size_t len, an_roster *ret, an_note *why)
{
    an_roster r = {.n = 0};
    an_reader in = an_reader_of(text, len);
    an_buf again;
    an_buf_init(&again, AN_ROSTER_TEXT_MAX);
    if (len > AN_ROSTER_TEXT_MAX)
        return an_fail(AN_ERR_LIMIT, why, "roster: more than %u bytes", AN_ROSTER_TEXT_MAX);
    an_err err = read_lines(&in, &r);
    if (err == AN_ERR_PROTO)
        an_note_set(why, "not a roster");
    if (err == AN_OK && (err = an_roster_text(&r, &again, why)) == AN_ERR_INVAL)
        err = AN_ERR_PROTO;
    if (err == AN_OK && (again.len != len || memcmp(again.data, text, len) != 0))
        err = an_fail(AN_ERR_PROTO, why, "roster: not in its one form");
    an_buf_done(&again);
    if (err != AN_OK) {
        an_roster_done(&r);
        return err;
    }
    *ret = r;
    return AN_OK;
}

void an_roster_done(an_roster *r)
{
    an_free(r->sites);
    *r = (an_roster){.n = 0};
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

uint32_t an_roster_parties(const an_roster *r)
{
    const char *names[AN_COHORT_MAX];
    uint32_t parties = 0;
    for (uint32_t i = 0; i < r->n; i++)
        names[i] = r->sites[i].party;
    qsort(names, r->n, sizeof *names, by_text);
    for (uint32_t i = 0; i < r->n; i++)
        parties += i == 0 || strcmp(names[i - 1], names[i]) != 0;
    return parties;
}

const an_roster_site *an_roster_find(const an_roster *r, const char *name)
{
    uint32_t low = 0, high = r->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(r->sites[middle].name, name);
        if (order == 0)
            return &r->sites[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void an_roster_sign(uint8_t ret[static AN_SIGN_BYTES], const void *text, size_t len,
                    const uint8_t root_secret[static AN_SIGN_SECRET_BYTES])
{
    an_sign(ret, AN_ROSTER_CONTEXT, text, len, root_secret);
}

an_err an_roster_check(const void *text, size_t len, const uint8_t signature[static AN_SIGN_BYTES],
                       const uint8_t root[static AN_SIGN_PUBLIC_BYTES], an_note *why)
{
    if (an_sign_check(signature, AN_ROSTER_CONTEXT, text, len, root) != AN_OK)
        return an_fail(AN_ERR_AUTH, why, "the roster is not signed by the release root");
    return AN_OK;
}
