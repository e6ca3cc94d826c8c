#include "sum/secure_sum.h"

#include <string.h>

#include "base/mem.h"
#include "sum/secure_sum_internal.h"

enum { KEYS, SHARES, MASKED, SIGNED, REVEAL };

static const an_secure_kind kinds[AN_SECURE_PHASES] = {AN_SECURE_KEYS, AN_SECURE_SHARES, AN_SECURE_MASKED,
                                                       AN_SECURE_SIGNED, AN_SECURE_REVEAL};
#define CLOSE 0xffu /* a log entry: the phase ends here, */
#define GRAPH 4u    /* ... and of KEYS with k and t, for another machine's rounding may plan others */
#define ENTRY_HEAD 7u
/* All messages of a site: its reveal is at most one share of each other. */
#define LOG_PER_SITE                                                                                         \
    (4096u + AN_SHARES_MAX * (AN_SECURE_BOX_BYTES + 2u) + AN_COHORT_MAX * AN_SECURE_REVEAL_ENTRY)

an_err an_secure_sum_new(const an_secure_params *p, an_secure_sum **ret, an_note *why)
{
    an_err err = AN_OK;
    an_secure_sum *s = an_alloc(1, sizeof *s);
    *ret = NULL;
    if (!s)
        return AN_ERR_NOMEM;
    an_buf_init(&s->log, 64 + (size_t)AN_COHORT_MAX * LOG_PER_SITE);
    an_buf_init(&s->list, AN_SECURE_MESSAGE_MAX);
    err = an_secure_ground_init(&s->g, p, why);
    for (size_t i = 0; err == AN_OK && i < AN_SECURE_PHASES; i++) {
        s->heard[i] = an_alloc(p->n, sizeof *s->heard[i]);
        if (!s->heard[i])
            err = AN_ERR_NOMEM;
    }
    if (err == AN_OK) {
        an_buf_put(&s->log, s->g.binding.b, AN_HASH_BYTES);
        err = an_buf_err(&s->log);
    }
    if (err != AN_OK) {
        an_secure_sum_free(s);
        return err;
    }
    *ret = s;
    return AN_OK;
}

void an_secure_sum_free(an_secure_sum *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < AN_SECURE_PHASES; i++)
        an_free(s->heard[i]);
    if (s->secrets)
        an_wipe(s->secrets, s->g.m * sizeof *s->secrets);
    an_free(s->secrets);
    an_free(s->drawn);
    an_free(s->updates);
    an_free(s->wrong);
    an_secure_buf_done(&s->log);
    an_buf_done(&s->list);
    an_secure_ground_done(&s->g);
    an_free(s);
}

an_secure_kind an_secure_sum_waits_for(const an_secure_sum *s)
{
    return kinds[s->phase];
}

const an_secure_set *an_secure_in(const an_secure_sum *s)
{
    return s->phase == MASKED ? &s->sharers : s->phase > MASKED ? &s->survivors : NULL;
}

bool an_secure_sum_is_in(const an_secure_sum *s, uint32_t site)
{
    const an_secure_set *in = an_secure_in(s);
    if (site >= s->g.p.n)
        return false;
    if (s->phase == KEYS)
        return true;
    int32_t place = an_secure_place(&s->g, site);
    return place >= 0 && (!in || an_secure_has(in, (uint32_t)place));
}

const uint8_t *an_secure_heard(const an_secure_sum *s, size_t phase, uint32_t site)
{
    const an_secure_piece *p = &s->heard[phase][site];
    return p->len ? s->log.data + p->at : NULL;
}

bool an_secure_sum_has_heard(const an_secure_sum *s, uint32_t site)
{
    return site < s->g.p.n && s->heard[s->phase][site].len != 0;
}

uint32_t an_secure_sum_missing(const an_secure_sum *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->g.p.n; i++)
        n += an_secure_sum_is_in(s, i) && !an_secure_sum_has_heard(s, i);
    return n;
}

const an_sum_graph *an_secure_sum_graph(const an_secure_sum *s)
{
    return &s->g.graph;
}

const an_hash *an_secure_sum_update(const an_secure_sum *s, uint32_t site)
{
    int32_t place = s->updates && site < s->g.p.n ? an_secure_place(&s->g, site) : -1;
    return place >= 0 && s->heard[MASKED][site].len ? &s->updates[place] : NULL;
}

uint8_t an_secure_x(const an_secure_sum *s, uint32_t place, uint32_t holder)
{
    uint32_t k = s->g.graph.k, low = 0, high = k;
    const uint16_t *drawn = s->drawn + (size_t)place * k;
    if (place == holder)
        return (uint8_t)(k + 1);
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (drawn[middle] < holder)
            low = middle + 1;
        else
            high = middle;
    }
    return low < k && drawn[low] == holder ? (uint8_t)(low + 1) : 0;
}

bool an_secure_complained(const an_secure_sum *s, uint32_t holder, uint32_t dealer)
{
    const an_secure_piece *p = &s->heard[MASKED][s->g.entries[holder].site];
    if (p->len <= AN_SECURE_HEAD_BYTES + AN_SECURE_MASKED_BODY)
        return false;
    an_reader r = an_reader_of(s->log.data + p->at + AN_SECURE_HEAD_BYTES + AN_SECURE_MASKED_BODY,
                               p->len - AN_SECURE_HEAD_BYTES - AN_SECURE_MASKED_BODY);
    for (uint32_t n = an_read_u16(&r); n > 0; n--)
        if (an_read_u16(&r) == dealer)
            return true;
    return false;
}

uint32_t an_secure_sum_complaints(const an_secure_sum *s, uint32_t dealer, uint32_t *ret_holder)
{
    int32_t place = dealer < s->g.p.n ? an_secure_place(&s->g, dealer) : -1;
    uint32_t n = 0;
    for (uint32_t i = s->g.m; place >= 0 && i-- > 0;) {
        if (!an_secure_complained(s, i, (uint32_t)place))
            continue;
        *ret_holder = s->g.entries[i].site;
        n++;
    }
    return n;
}

/* ---- what comes in: each looks at the body of a message of the right kind and round ---- */

typedef an_err check_fn(an_secure_sum *s, uint32_t site, const uint8_t *body, size_t len, an_note *why);

static an_err check_keys(an_secure_sum *s, uint32_t site, const uint8_t *body, size_t len, an_note *why)
{
    static const uint8_t any[AN_AGREE_BYTES] = {1};
    uint8_t shared[AN_AGREE_BYTES];
    if (len != AN_SECURE_KEYS_BODY)
        return an_fail(AN_ERR_PROTO, why, "KEYS of site %u: wrong length", site);
    if (an_agree(shared, any, body) != AN_OK || an_agree(shared, any, body + AN_AGREE_BYTES) != AN_OK)
        return an_fail(AN_ERR_PROTO, why, "KEYS of site %u: no keys, but points of small order", site);
    return an_secure_sign_check(body + 2 * AN_AGREE_BYTES, &s->g, AN_SECURE_KEYS, site, body,
                                2 * AN_AGREE_BYTES, why);
}

static an_err check_signed_body(const an_secure_sum *s, an_secure_kind kind, uint32_t site,
                                const uint8_t *body, size_t len, an_note *why)
{
    return an_secure_sign_check(body + len - AN_SIGN_BYTES, &s->g, kind, site, body, len - AN_SIGN_BYTES,
                                why);
}

static an_err check_shares(an_secure_sum *s, uint32_t site, const uint8_t *body, size_t len, an_note *why)
{
    uint32_t k = s->g.graph.k, place = (uint32_t)an_secure_place(&s->g, site);
    uint16_t *drawn = s->drawn + (size_t)place * k;
    an_reader r = an_reader_of(body, len);
    if (len != k * (2u + AN_SECURE_BOX_BYTES) + AN_HASH_BYTES + AN_SIGN_BYTES)
        return an_fail(AN_ERR_PROTO, why, "SHARES of site %u: wrong length", site);
    for (uint32_t i = 0; i < k; i++) {
        drawn[i] = an_read_u16(&r);
        if (drawn[i] >= s->g.m || drawn[i] == place || (i > 0 && drawn[i] <= drawn[i - 1]))
            return an_fail(AN_ERR_PROTO, why, "SHARES of site %u: neighbour %u is itself, none or twice",
                           site, drawn[i]);
    }
    return check_signed_body(s, AN_SECURE_SHARES, site, body, len, why);
}

/* Only of boxes that were for this site, and of no more than it would go on with. */
static an_err check_complaints(const an_secure_sum *s, uint32_t site, const uint8_t *body, size_t len,
                               an_note *why)
{
    an_reader r = an_reader_of(body, len);
    uint32_t n = an_read_u16(&r), holder = (uint32_t)an_secure_place(&s->g, site);
    int64_t before = -1;
    if (r.failed || n < 1 || n > s->g.colluders || len != 2 + 2 * (size_t)n + AN_SIGN_BYTES)
        return an_fail(AN_ERR_PROTO, why, "MASKED of site %u: wrong length", site);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t dealer = an_read_u16(&r);
        if (dealer >= s->g.m || (int64_t)dealer <= before || dealer == holder ||
            !an_secure_has(&s->sharers, dealer) || an_secure_x(s, dealer, holder) == 0)
            return an_fail(AN_ERR_PROTO, why, "MASKED of site %u: a complaint of a box that it had not",
                           site);
        before = dealer;
    }
    return check_signed_body(s, AN_SECURE_COMPLAINT, site, body, len, why);
}

static an_err check_masked(an_secure_sum *s, uint32_t site, const uint8_t *body, size_t len, an_note *why)
{
    an_err err = AN_OK;
    uint8_t ought[AN_SECURE_MASKED_BYTES];
    if (len < AN_SECURE_MASKED_BODY)
        return an_fail(AN_ERR_PROTO, why, "MASKED of site %u: wrong length", site);
    an_secure_masked_body(ought, body, &s->sharers, s->g.m);
    if (memcmp(ought, body, sizeof ought) != 0)
        return an_fail(AN_ERR_REFUSED, why, "MASKED of site %u: among other sharers than it was told", site);
    memcpy(s->updates[an_secure_place(&s->g, site)].b, body, AN_HASH_BYTES);
    if (len > AN_SECURE_MASKED_BODY)
        err = check_complaints(s, site, body + AN_SECURE_MASKED_BODY, len - AN_SECURE_MASKED_BODY, why);
    if (err != AN_OK)
        return err;
    return check_signed_body(s, AN_SECURE_MASKED, site, body, AN_SECURE_MASKED_BODY, why);
}

static an_err check_signed(an_secure_sum *s, uint32_t site, const uint8_t *body, size_t len, an_note *why)
{
    if (len != AN_SIGN_BYTES)
        return an_fail(AN_ERR_PROTO, why, "SIGNED of site %u: wrong length", site);
    return an_secure_sign_check(body, &s->g, AN_SECURE_SIGNED, site, s->survivors.bits, (s->g.m + 7) / 8,
                                why);
}

/* Exactly the shares asked for, so that nobody can bring one into the sum's account that is not his. */
static an_err check_reveal(an_secure_sum *s, uint32_t site, const uint8_t *body, size_t len, an_note *why)
{
    uint32_t holder = (uint32_t)an_secure_place(&s->g, site);
    an_reader r = an_reader_of(body, len);
    uint32_t n = an_read_u16(&r), left = n;
    if (r.failed || len != 2 + n * (size_t)AN_SECURE_REVEAL_ENTRY + AN_SIGN_BYTES)
        return an_fail(AN_ERR_PROTO, why, "REVEAL of site %u: wrong length", site);
    for (uint32_t place = 0; place < s->g.m; place++) {
        if (!an_secure_has(&s->sharers, place) || an_secure_x(s, place, holder) == 0 ||
            an_secure_complained(s, holder, place))
            continue;
        uint8_t kind = an_secure_has(&s->survivors, place) ? AN_SECURE_SECRET_SEED : AN_SECURE_SECRET_KEY;
        if (left-- == 0 || an_read_u16(&r) != place || an_read_u8(&r) != kind)
            return an_fail(AN_ERR_REFUSED, why, "REVEAL of site %u: not the shares that were asked for",
                           site);
        an_read_bytes(&r, AN_SHARE_BYTES);
    }
    if (left != 0)
        return an_fail(AN_ERR_REFUSED, why, "REVEAL of site %u: more shares than were asked for", site);
    return check_signed_body(s, AN_SECURE_REVEAL, site, body, len, why);
}

static check_fn *const checks[AN_SECURE_PHASES] = {check_keys, check_shares, check_masked, check_signed,
                                                   check_reveal};

/* Room for an entry, so that putting it cannot fail.  Doubles, for the log of a large cohort is long; what it
 * leaves is wiped, for it holds shares at last. */
static an_err log_reserve(an_secure_sum *s, size_t len)
{
    an_buf *log = &s->log, grown;
    size_t more = len + ENTRY_HEAD;
    if (more > log->max - log->len)
        return AN_ERR_LIMIT;
    if (log->len + more <= log->cap)
        return AN_OK;
    if (more < log->len && log->len <= log->max - log->len)
        more = log->len;
    an_buf_init(&grown, log->max);
    an_buf_reserve(&grown, log->len + more);
    an_buf_put(&grown, log->data, log->len);
    an_err err = an_buf_err(&grown);
    if (err != AN_OK) {
        an_secure_buf_done(&grown);
        return err;
    }
    an_secure_buf_done(log);
    *log = grown;
    return AN_OK;
}

static void log_put(an_secure_sum *s, uint8_t kind, uint32_t site, const void *bytes, size_t len)
{
    an_buf_u8(&s->log, kind);
    an_buf_u16(&s->log, (uint16_t)site);
    an_buf_u32(&s->log, (uint32_t)len);
    an_buf_put(&s->log, bytes, len);
}

/* The same again, or something of a phase that is over. */
static an_err feed_late(const an_secure_sum *s, size_t phase, uint32_t site, const void *bytes, size_t len,
                        an_note *why)
{
    const uint8_t *old = an_secure_heard(s, phase, site);
    const char *name = an_secure_kind_name(kinds[phase]);
    if (old && s->heard[phase][site].len == len && memcmp(old, bytes, len) == 0)
        return AN_OK;
    if (old)
        return an_fail(AN_ERR_EXISTS, why, "%s of site %u: a second, different one", name, site);
    return an_fail(AN_ERR_STATE, why, "%s of site %u: %s", name, site,
                   phase < s->phase ? "too late, the phase is over" : "too early");
}

an_err an_secure_sum_feed(an_secure_sum *s, uint32_t site, const void *bytes, size_t len, an_note *why)
{
    an_reader r = an_reader_of(bytes, len);
    size_t phase = 0;
    if (site >= s->g.p.n || len < AN_SECURE_HEAD_BYTES || len > AN_SECURE_MESSAGE_MAX)
        return an_fail(AN_ERR_PROTO, why, "a message of %zu bytes of site %u", len, site);
    while (phase < AN_SECURE_PHASES && *(const uint8_t *)bytes != (uint8_t)kinds[phase])
        phase++;
    if (phase == AN_SECURE_PHASES)
        return an_fail(AN_ERR_PROTO, why, "kind %u is not for the coordinator", *(const uint8_t *)bytes);
    an_err err = an_secure_head_read(&s->g, &r, kinds[phase], why);
    if (err != AN_OK)
        return err;
    if (phase != s->phase || an_secure_heard(s, phase, site))
        return feed_late(s, phase, site, bytes, len, why);
    if (!an_secure_sum_is_in(s, site))
        return an_fail(AN_ERR_NOTFOUND, why, "%s of site %u, which is out of the round",
                       an_secure_kind_name(kinds[phase]), site);
    err = log_reserve(s, len);
    if (err == AN_OK)
        err = checks[phase](s, site, r.at, r.left, why);
    if (err != AN_OK)
        return err;
    s->heard[phase][site] = (an_secure_piece){.at = s->log.len + ENTRY_HEAD, .len = (uint32_t)len};
    log_put(s, (uint8_t)kinds[phase], site, bytes, len);
    s->is_rebuilt = false; /* one more share may tell who lied */
    return AN_OK;
}

static an_err close_with(an_secure_sum *s, const an_sum_graph *graph, an_note *why)
{
    uint8_t planned[GRAPH];
    size_t len = s->phase == KEYS ? GRAPH : 0;
    an_err err;
    if (s->phase == REVEAL)
        return an_fail(AN_ERR_STATE, why, "the last phase ends when the secrets are put together");
    err = log_reserve(s, len);
    if (err == AN_OK)
        err = an_secure_close_phase(s, graph, why);
    if (err != AN_OK)
        return err;
    an_put_u32(planned, an_secure_sum_planned(s));
    log_put(s, CLOSE, 0, planned, len);
    s->phase++;
    return AN_OK;
}

an_err an_secure_sum_close(an_secure_sum *s, an_note *why)
{
    return close_with(s, NULL, why);
}

uint32_t an_secure_sum_planned(const an_secure_sum *s)
{
    return s->g.graph.k | s->g.graph.t << 16;
}

an_err an_secure_sum_close_again(an_secure_sum *s, uint32_t graph, an_note *why)
{
    const an_sum_graph planned = {.k = graph & 0xffff, .t = graph >> 16};
    if (s->phase != KEYS)
        return an_fail(AN_ERR_STATE, why, "the keys are listed already");
    return close_with(s, &planned, why);
}

void an_secure_sum_save(const an_secure_sum *s, const uint8_t **ret_bytes, size_t *ret_len)
{
    *ret_bytes = s->log.data;
    *ret_len = s->log.len;
}

static an_err close_again(an_secure_sum *s, const uint8_t *bytes, size_t len, an_note *why)
{
    an_reader r = an_reader_of(bytes, len);
    if (len != (s->phase == KEYS ? GRAPH : 0))
        return an_fail(AN_ERR_PROTO, why, "a saved secure sum is damaged");
    if (len == 0)
        return close_with(s, NULL, why);
    return an_secure_sum_close_again(s, an_read_u32(&r), why);
}

static an_err replay(an_secure_sum *s, an_reader *r, an_note *why)
{
    an_err err = AN_OK;
    while (r->left > 0 && err == AN_OK) {
        uint8_t kind = an_read_u8(r);
        uint32_t site = an_read_u16(r), len = an_read_u32(r);
        const uint8_t *bytes = an_read_bytes(r, len);
        if (!bytes)
            return an_fail(AN_ERR_PROTO, why, "a saved secure sum is cut short");
        err = kind == CLOSE ? close_again(s, bytes, len, why) : an_secure_sum_feed(s, site, bytes, len, why);
    }
    return err;
}

an_err an_secure_sum_restore(const an_secure_params *p, const void *bytes, size_t len, an_secure_sum **ret,
                             an_note *why)
{
    an_reader r = an_reader_of(bytes, len);
    const uint8_t *binding = an_read_bytes(&r, AN_HASH_BYTES);
    an_secure_sum *s = NULL;
    an_err err = an_secure_sum_new(p, &s, why);
    *ret = NULL;
    if (err != AN_OK)
        return err;
    if (!binding || memcmp(binding, s->g.binding.b, AN_HASH_BYTES) != 0)
        err = an_fail(AN_ERR_PROTO, why, "the saved secure sum is of another plan or roster");
    else
        err = replay(s, &r, why);
    if (err != AN_OK) {
        an_secure_sum_free(s);
        return err;
    }
    *ret = s;
    return AN_OK;
}
