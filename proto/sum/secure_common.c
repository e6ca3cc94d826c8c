#include <string.h>

#include "base/mem.h"
#include "sum/secure_internal.h"

const char *an_secure_kind_name(an_secure_kind kind)
{
    switch (kind) {
#define AN_SECURE_KIND_ROW(name, number)                                                                     \
    case AN_SECURE_##name:                                                                                   \
        return #name;
        AN_SECURE_KIND_LIST(AN_SECURE_KIND_ROW)
#undef AN_SECURE_KIND_ROW
    }
    return "?";
}

/* ---- the ground ---- */

static void add_u32(an_hasher *h, uint32_t v)
{
    uint8_t b[4];
    an_put_u32(b, v);
    an_hasher_add(h, b, sizeof b);
}

static void bind(an_secure_ground *g)
{
    static const char context[] = "andon secure sum, first version";
    an_hasher h;
    an_hasher_init(&h);
    an_hasher_add(&h, context, sizeof context);
    an_hasher_add(&h, g->p.plan.b, AN_HASH_BYTES);
    add_u32(&h, (uint32_t)g->p.round);
    add_u32(&h, (uint32_t)(g->p.round >> 32));
    add_u32(&h, g->p.dim);
    add_u32(&h, (uint32_t)g->p.cipher);
    add_u32(&h, g->p.min_parties);
    add_u32(&h, g->p.colluding);
    add_u32(&h, g->p.dropouts_permille);
    add_u32(&h, g->p.security_bits);
    add_u32(&h, g->p.correctness_bits);
    add_u32(&h, g->p.n);
    for (uint32_t i = 0; i < g->p.n; i++) {
        an_hasher_add(&h, g->p.members[i].statement_key, AN_SIGN_PUBLIC_BYTES);
        add_u32(&h, g->p.members[i].party);
    }
    an_hasher_end(&h, &g->binding);
}

/* Whoever holds one statement key in two places would count twice in every quorum. */
static an_err check_keys(const an_secure_member *members, uint32_t n, an_note *why)
{
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (memcmp(members[i].statement_key, members[j].statement_key, AN_SIGN_PUBLIC_BYTES) == 0)
                return an_fail(AN_ERR_INVAL, why, "sites %u and %u have the same statement key", j, i);
    return AN_OK;
}

an_err an_secure_ground_init(an_secure_ground *g, const an_secure_params *p, an_note *why)
{
    an_secure_member *members;
    uint32_t party[AN_COHORT_MAX];
    an_err err;
    *g = (an_secure_ground){.m = 0};
    if (p->n < AN_SUM_GRAPH_SITES_MIN || p->n > AN_COHORT_MAX || p->dim < 1 || p->dim > AN_DIM_MAX)
        return an_fail(AN_ERR_INVAL, why, "a secure sum is over %u to %u sites and up to %u coordinates",
                       AN_SUM_GRAPH_SITES_MIN, AN_COHORT_MAX, AN_DIM_MAX);
    if (!an_cipher_name(p->cipher))
        return an_fail(AN_ERR_INVAL, why, "there is no cipher %d", (int)p->cipher);
    if (p->min_parties < AN_SECURE_PARTIES_MIN || p->dropouts_permille > 1000)
        return an_fail(AN_ERR_INVAL, why, "the least cohort is %u parties, not %u; shares are 0 to 1000",
                       AN_SECURE_PARTIES_MIN, p->min_parties);
    if (p->colluding < 1 || p->colluding > AN_COHORT_MAX)
        return an_fail(AN_ERR_INVAL, why, "1 to %d parties may collude, not %u", AN_COHORT_MAX, p->colluding);
    members = an_alloc(p->n, sizeof *members);
    if (!members)
        return AN_ERR_NOMEM;
    memcpy(members, p->members, p->n * sizeof *members);
    for (uint32_t i = 0; i < p->n; i++)
        party[i] = members[i].party;
    g->p = *p;
    g->p.members = members;
    err = check_keys(members, p->n, why);
    if (err != AN_OK) {
        an_secure_ground_done(g);
        return err;
    }
    g->colluders = an_sum_graph_colluders(party, p->n, p->colluding);
    /* Large parties can make a quorum with few others: two honest ones are asked for by themselves. */
    g->least = 2 + p->colluding;
    if (g->least < p->min_parties)
        g->least = p->min_parties;
    bind(g);
    return AN_OK;
}

void an_secure_ground_done(an_secure_ground *g)
{
    an_free((void *)(uintptr_t)g->p.members);
    an_free(g->entries);
    *g = (an_secure_ground){.m = 0};
}

an_sum_graph_want an_secure_want(const an_secure_ground *g, uint32_t m)
{
    return (an_sum_graph_want){.n = m,
                               .colluders = g->colluders < m ? g->colluders : m,
                               .dropouts = an_sum_graph_dropouts(m, g->p.dropouts_permille),
                               .security_bits = g->p.security_bits,
                               .correctness_bits = g->p.correctness_bits};
}

int32_t an_secure_place(const an_secure_ground *g, uint32_t site)
{
    uint32_t low = 0, high = g->m;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (g->entries[middle].site < site)
            low = middle + 1;
        else
            high = middle;
    }
    return low < g->m && g->entries[low].site == site ? (int32_t)low : -1;
}

/* ---- heads and statements ---- */

void an_secure_head_put(an_buf *b, an_secure_kind kind, uint64_t round)
{
    an_buf_u8(b, (uint8_t)kind);
    an_buf_u64(b, round);
}

an_err an_secure_head_read(const an_secure_ground *g, an_reader *r, an_secure_kind kind, an_note *why)
{
    uint8_t got = an_read_u8(r);
    uint64_t round = an_read_u64(r);
    if (r->failed || got != (uint8_t)kind)
        return an_fail(AN_ERR_PROTO, why, "not a message of kind %s", an_secure_kind_name(kind));
    if (round != g->p.round)
        return an_fail(AN_ERR_PROTO, why, "%s of another round", an_secure_kind_name(kind));
    return AN_OK;
}

an_err an_secure_end(const an_reader *r, an_secure_kind kind, an_note *why)
{
    if (r->failed || r->left != 0)
        return an_fail(AN_ERR_PROTO, why, "%s: wrong length", an_secure_kind_name(kind));
    return AN_OK;
}

typedef struct statement {
    uint8_t b[AN_HASH_BYTES + AN_HASH_BYTES + 4 + AN_HASH_BYTES];
    char context[48];
} statement;

static void statement_of(statement *ret, const an_secure_ground *g, an_secure_kind kind, uint32_t site,
                         const void *body, size_t len)
{
    static const char prefix[] = "andon secure sum ";
    const char *name = an_secure_kind_name(kind);
    an_hash h;
    memset(ret, 0, sizeof *ret);
    memcpy(ret->context, prefix, sizeof prefix - 1);
    memcpy(ret->context + sizeof prefix - 1, name, strlen(name));
    memcpy(ret->b, g->binding.b, AN_HASH_BYTES);
    if (kind != AN_SECURE_KEYS) /* keys come before the list and make it */
        memcpy(ret->b + AN_HASH_BYTES, g->list.b, AN_HASH_BYTES);
    an_put_u32(ret->b + 2 * AN_HASH_BYTES, site);
    an_hash_of(&h, body, len);
    memcpy(ret->b + 2 * AN_HASH_BYTES + 4, h.b, AN_HASH_BYTES);
}

void an_secure_sign(uint8_t ret[static AN_SIGN_BYTES], const an_secure_ground *g, an_secure_kind kind,
                    uint32_t site, const void *body, size_t len, const uint8_t *secret)
{
    statement s;
    statement_of(&s, g, kind, site, body, len);
    an_sign(ret, s.context, s.b, sizeof s.b, secret);
}

an_err an_secure_sign_check(const uint8_t *sig, const an_secure_ground *g, an_secure_kind kind, uint32_t site,
                            const void *body, size_t len, an_note *why)
{
    statement s;
    statement_of(&s, g, kind, site, body, len);
    if (an_sign_check(sig, s.context, s.b, sizeof s.b, g->p.members[site].statement_key) == AN_OK)
        return AN_OK;
    return an_fail(AN_ERR_AUTH, why, "%s of site %u: the signature is not that site's for this round",
                   an_secure_kind_name(kind), site);
}

/* ---- the list ---- */

static an_err read_entry(const an_secure_ground *g, an_reader *r, an_secure_entry *ret, int64_t before,
                         an_note *why)
{
    uint32_t site = an_read_u16(r);
    const uint8_t *body = an_read_bytes(r, AN_SECURE_KEYS_BODY);
    if (!body)
        return an_fail(AN_ERR_PROTO, why, "LIST: wrong length");
    if (site >= g->p.n || (int64_t)site <= before)
        return an_fail(AN_ERR_PROTO, why, "LIST: site %u is not in the cohort, or not in order", site);
    ret->site = site;
    memcpy(ret->mask_key, body, AN_AGREE_BYTES);
    memcpy(ret->share_key, body + AN_AGREE_BYTES, AN_AGREE_BYTES);
    return an_secure_sign_check(body + 2 * AN_AGREE_BYTES, g, AN_SECURE_KEYS, site, body, 2 * AN_AGREE_BYTES,
                                why);
}

an_err an_secure_list_read(an_secure_ground *g, const void *bytes, size_t len, an_note *why)
{
    an_reader r = an_reader_of(bytes, len);
    an_secure_entry *entries = NULL;
    an_sum_graph graph;
    uint32_t party[AN_COHORT_MAX];
    an_err err = an_secure_head_read(g, &r, AN_SECURE_LIST, why);
    if (err != AN_OK)
        return err;
    uint32_t m = an_read_u16(&r), k = an_read_u16(&r), t = an_read_u16(&r);
    if (r.failed || m > g->p.n || r.left != m * (2u + AN_SECURE_KEYS_BODY))
        return an_fail(AN_ERR_PROTO, why, "LIST: wrong length, or more sites than the cohort has");
    an_sum_graph_want want = an_secure_want(g, m);
    err = an_sum_graph_check(&graph, k, t, &want, why);
    if (err != AN_OK)
        return err == AN_ERR_INVAL ? AN_ERR_REFUSED : err;
    entries = an_alloc(m, sizeof *entries);
    if (!entries)
        return AN_ERR_NOMEM;
    int64_t before = -1;
    for (uint32_t i = 0; i < m && err == AN_OK; i++) {
        err = read_entry(g, &r, &entries[i], before, why);
        before = entries[i].site;
    }
    for (uint32_t i = 0; i < m && err == AN_OK; i++)
        party[i] = g->p.members[entries[i].site].party;
    if (err == AN_OK && an_sum_graph_parties(party, m) < g->least)
        err = an_fail(AN_ERR_REFUSED, why, "LIST: %u parties, and the least cohort is %u",
                      an_sum_graph_parties(party, m), g->least);
    if (err != AN_OK) {
        an_free(entries);
        return err;
    }
    an_free(g->entries);
    g->m = m;
    g->entries = entries;
    g->graph = graph;
    an_hash_of(&g->list, bytes, len);
    return AN_OK;
}

void an_secure_buf_done(an_buf *b)
{
    if (b->data)
        an_wipe(b->data, b->cap);
    an_buf_done(b);
}

/* ---- sets ---- */

bool an_secure_has(const an_secure_set *s, uint32_t place)
{
    return (s->bits[place / 8] >> (place % 8) & 1) != 0;
}

void an_secure_add(an_secure_set *s, uint32_t place)
{
    s->bits[place / 8] = (uint8_t)(s->bits[place / 8] | 1u << (place % 8));
}

void an_secure_set_put(an_buf *b, const an_secure_set *s, uint32_t m)
{
    an_buf_put(b, s->bits, (m + 7) / 8);
}

bool an_secure_set_read(an_reader *r, an_secure_set *ret, uint32_t m)
{
    const uint8_t *bits = an_read_bytes(r, (m + 7) / 8);
    *ret = (an_secure_set){{0}};
    if (!bits)
        return false;
    memcpy(ret->bits, bits, (m + 7) / 8);
    return m % 8 == 0 || ret->bits[m / 8] >> (m % 8) == 0;
}

uint32_t an_secure_count(const an_secure_set *s, uint32_t m)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m; i++)
        n += an_secure_has(s, i);
    return n;
}

void an_secure_masked_body(uint8_t ret[static AN_SECURE_MASKED_BYTES], const uint8_t *update,
                           const an_secure_set *sharers, uint32_t m)
{
    an_hash h;
    an_hash_of(&h, sharers->bits, (m + 7) / 8);
    memcpy(ret, update, AN_HASH_BYTES);
    memcpy(ret + AN_HASH_BYTES, h.b, AN_HASH_BYTES);
}

an_err an_secure_quorum(const an_secure_ground *g, const an_secure_set *s, const char *what, an_note *why)
{
    uint32_t n = an_secure_count(s, g->m);
    if (n >= g->graph.quorum)
        return AN_OK;
    return an_fail(AN_ERR_REFUSED, why, "%u of %u sites %s, and %u are needed", n, g->m, what,
                   g->graph.quorum);
}

an_err an_secure_enough(const an_secure_ground *g, const an_secure_set *s, const char *what, an_note *why)
{
    uint32_t party[AN_COHORT_MAX], n = 0;
    for (uint32_t i = 0; i < g->m; i++)
        if (an_secure_has(s, i))
            party[n++] = g->p.members[g->entries[i].site].party;
    if (an_sum_graph_parties(party, n) < g->least)
        return an_fail(AN_ERR_REFUSED, why, "%u parties %s, and the least cohort is %u",
                       an_sum_graph_parties(party, n), what, g->least);
    if (n < g->p.min_sites)
        return an_fail(AN_ERR_REFUSED, why, "%u sites %s, and the plan's noise counts on %u", n, what,
                       g->p.min_sites);
    return an_secure_quorum(g, s, what, why);
}

uint32_t an_secure_holders(const an_secure_set *s, const uint16_t *drawn, uint32_t k, uint32_t self)
{
    uint32_t n = an_secure_has(s, self);
    for (uint32_t i = 0; i < k; i++)
        n += an_secure_has(s, drawn[i]);
    return n;
}

/* ---- keys of the round ---- */

typedef struct bound {
    uint8_t b[2 * AN_HASH_BYTES + 8];
} bound;

static bound bind_to(const an_secure_ground *g, uint32_t first, uint32_t second)
{
    bound b;
    memcpy(b.b, g->binding.b, AN_HASH_BYTES);
    memcpy(b.b + AN_HASH_BYTES, g->list.b, AN_HASH_BYTES);
    an_put_u32(b.b + 2 * AN_HASH_BYTES, first);
    an_put_u32(b.b + 2 * AN_HASH_BYTES + 4, second);
    return b;
}

void an_secure_commit(an_hash *ret, const an_secure_ground *g, uint32_t place, const an_share *seed)
{
    bound b = bind_to(g, place, place);
    an_kdf(ret->b, seed->b, "andon secure sum: commitment to a seed", b.b, sizeof b.b);
}

void an_secure_self_mask(an_mask *ret, const an_secure_ground *g, uint32_t place, const an_share *seed)
{
    bound b = bind_to(g, place, place);
    an_kdf(ret->seed, seed->b, "andon secure sum: self mask", b.b, sizeof b.b);
    ret->subtract = false;
}

an_err an_secure_pair_mask(an_mask *ret, const an_secure_ground *g, uint32_t self, uint32_t other,
                           const uint8_t *secret, const uint8_t *public_key)
{
    uint8_t shared[AN_AGREE_BYTES];
    bound b = bind_to(g, self < other ? self : other, self < other ? other : self);
    an_err err = an_agree(shared, secret, public_key);
    ret->subtract = self > other;
    if (err == AN_OK)
        an_kdf(ret->seed, shared, "andon secure sum: pair mask", b.b, sizeof b.b);
    an_wipe(shared, sizeof shared);
    return err;
}

void an_secure_box_key(uint8_t ret[static AN_KEY_BYTES], const an_secure_ground *g, uint32_t from,
                       uint32_t to, const uint8_t shared[static AN_AGREE_BYTES])
{
    bound b = bind_to(g, from, to);
    an_kdf(ret, shared, "andon secure sum: sealed shares", b.b, sizeof b.b);
}
