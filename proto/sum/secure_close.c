#include <string.h>

#include "base/mem.h"
#include "sum/secure_sum_internal.h"

enum { KEYS, SHARES, MASKED, SIGNED, REVEAL };

/* ---- KEYS: the list and the graph of those who are there ---- */

static an_err write_list(const an_secure_sum *s, const an_sum_graph *known, an_buf *list, an_note *why)
{
    uint32_t m = 0;
    an_sum_graph graph;
    an_err err = AN_OK;
    for (uint32_t i = 0; i < s->g.p.n; i++)
        m += s->heard[KEYS][i].len != 0;
    if (m < AN_SUM_GRAPH_SITES_MIN)
        return an_fail(AN_ERR_AGAIN, why, "%u sites have sent keys, and %u is the least", m,
                       AN_SUM_GRAPH_SITES_MIN);
    an_sum_graph_want want = an_secure_want(&s->g, m);
    if (known)
        graph = *known;
    else
        err = an_sum_graph_plan(&graph, &want, why);
    if (err != AN_OK) /* more sites may make it possible */
        return AN_ERR_AGAIN;
    an_secure_head_put(list, AN_SECURE_LIST, s->g.p.round);
    an_buf_u16(list, (uint16_t)m);
    an_buf_u16(list, (uint16_t)graph.k);
    an_buf_u16(list, (uint16_t)graph.t);
    for (uint32_t i = 0; i < s->g.p.n; i++) {
        const uint8_t *keys = an_secure_heard(s, KEYS, i);
        if (!keys)
            continue;
        an_buf_u16(list, (uint16_t)i);
        an_buf_put(list, keys + AN_SECURE_HEAD_BYTES, AN_SECURE_KEYS_BODY);
    }
    return an_buf_err(list);
}

static an_err close_keys(an_secure_sum *s, const an_sum_graph *known, an_note *why)
{
    an_buf list;
    an_buf_init(&list, AN_SECURE_MESSAGE_MAX);
    an_err err = write_list(s, known, &list, why);
    if (err == AN_OK) { /* read as the sites will: what they would refuse is not sent */
        err = an_secure_list_read(&s->g, list.data, list.len, why);
        if (err == AN_ERR_REFUSED)
            err = AN_ERR_AGAIN;
    }
    if (err == AN_OK) {
        an_free(s->drawn); /* of a close that had too little memory */
        an_free(s->updates);
        an_free(s->secrets);
        an_free(s->wrong);
        s->drawn = an_alloc((size_t)s->g.m * s->g.graph.k, sizeof *s->drawn);
        s->updates = an_alloc(s->g.m, sizeof *s->updates);
        s->secrets = an_alloc(s->g.m, sizeof *s->secrets);
        s->wrong = an_alloc(s->g.m, sizeof *s->wrong);
        if (!s->drawn || !s->updates || !s->secrets || !s->wrong)
            err = AN_ERR_NOMEM;
    }
    if (err != AN_OK) {
        an_buf_done(&list);
        return err;
    }
    an_buf_done(&s->list);
    s->list = list;
    return AN_OK;
}

/* ---- SHARES, MASKED, SIGNED: who is there, and is it enough ---- */

static an_secure_set heard_of(const an_secure_sum *s, size_t phase)
{
    an_secure_set set = {{0}};
    for (uint32_t i = 0; i < s->g.m; i++)
        if (s->heard[phase][s->g.entries[i].site].len != 0)
            an_secure_add(&set, i);
    return set;
}

/* Of those in the set who hold shares of the site at `place`. */
static uint32_t holders_of(const an_secure_sum *s, const an_secure_set *set, uint32_t place)
{
    uint32_t k = s->g.graph.k;
    const uint16_t *drawn = s->drawn + (size_t)place * k;
    uint32_t n = an_secure_holders(set, drawn, k, place);
    for (uint32_t i = 0; i < k; i++)
        n -= an_secure_has(set, drawn[i]) && an_secure_complained(s, drawn[i], place);
    return n;
}

/* Enough in all, and for each of `whose` enough holders of its shares. */
static an_err enough(const an_secure_sum *s, const an_secure_set *set, const an_secure_set *whose,
                     const char *what, an_note *why)
{
    an_err err = s->phase == SIGNED ? an_secure_quorum(&s->g, set, what, why)
                                    : an_secure_enough(&s->g, set, what, why);
    if (err != AN_OK)
        return AN_ERR_AGAIN;
    for (uint32_t i = 0; i < s->g.m; i++) {
        uint32_t n = holders_of(s, set, i);
        if (an_secure_has(whose, i) && n < s->g.graph.t)
            return an_fail(AN_ERR_AGAIN, why, "of the holders of site %u's shares %u %s, and %u are needed",
                           s->g.entries[i].site, n, what, s->g.graph.t);
    }
    return AN_OK;
}

an_err an_secure_close_phase(an_secure_sum *s, const an_sum_graph *graph, an_note *why)
{
    an_secure_set set = heard_of(s, s->phase);
    an_err err;
    switch (s->phase) {
    case KEYS:
        return close_keys(s, graph, why);
    case SHARES:
        err = enough(s, &set, &set, "have shared", why);
        if (err == AN_OK)
            s->sharers = set;
        return err;
    case MASKED: /* a dropout's key is put together from the living */
        err = enough(s, &set, &s->sharers, "have sent their vectors", why);
        if (err == AN_OK)
            s->survivors = set;
        return err;
    default:
        return enough(s, &set, &s->sharers, "have signed", why);
    }
}

/* ---- what goes out ---- */

static void put_inbox(const an_secure_sum *s, uint32_t place, an_buf *ret)
{
    uint32_t k = s->g.graph.k, n = 0;
    for (uint32_t i = 0; i < s->g.m; i++)
        n += i != place && an_secure_has(&s->sharers, i) && an_secure_x(s, i, place) != 0;
    an_secure_head_put(ret, AN_SECURE_INBOX, s->g.p.round);
    an_secure_set_put(ret, &s->sharers, s->g.m);
    an_buf_u16(ret, (uint16_t)n);
    for (uint32_t i = 0; i < s->g.m; i++) {
        uint8_t x = i != place && an_secure_has(&s->sharers, i) ? an_secure_x(s, i, place) : 0;
        if (x == 0)
            continue;
        const uint8_t *boxes =
            an_secure_heard(s, SHARES, s->g.entries[i].site) + AN_SECURE_HEAD_BYTES + 2 * k + AN_HASH_BYTES;
        an_buf_u16(ret, (uint16_t)i);
        an_buf_put(ret, boxes + (x - 1u) * AN_SECURE_BOX_BYTES, AN_SECURE_BOX_BYTES);
    }
}

static void put_survivors(const an_secure_sum *s, an_buf *ret)
{
    an_secure_head_put(ret, AN_SECURE_SURVIVORS, s->g.p.round);
    an_secure_set_put(ret, &s->survivors, s->g.m);
    for (uint32_t i = 0; i < s->g.m; i++) {
        if (!an_secure_has(&s->survivors, i))
            continue;
        const uint8_t *body = an_secure_heard(s, MASKED, s->g.entries[i].site) + AN_SECURE_HEAD_BYTES;
        an_buf_put(ret, body, AN_HASH_BYTES);
        an_buf_put(ret, body + AN_SECURE_MASKED_BYTES, AN_SIGN_BYTES);
    }
}

static void put_signatures(const an_secure_sum *s, an_buf *ret)
{
    an_secure_set signers = heard_of(s, SIGNED);
    an_secure_head_put(ret, AN_SECURE_SIGNATURES, s->g.p.round);
    an_buf_u16(ret, (uint16_t)an_secure_count(&signers, s->g.m));
    for (uint32_t i = 0; i < s->g.m; i++) {
        const uint8_t *sig = an_secure_heard(s, SIGNED, s->g.entries[i].site);
        if (!sig)
            continue;
        an_buf_u16(ret, (uint16_t)i);
        an_buf_put(ret, sig + AN_SECURE_HEAD_BYTES, AN_SIGN_BYTES);
    }
}

an_err an_secure_sum_message(const an_secure_sum *s, uint32_t site, an_buf *ret)
{
    if (s->phase == KEYS)
        return AN_ERR_STATE;
    if (!an_secure_sum_is_in(s, site))
        return AN_ERR_NOTFOUND;
    switch (s->phase) {
    case SHARES:
        an_buf_put(ret, s->list.data, s->list.len);
        break;
    case MASKED:
        put_inbox(s, (uint32_t)an_secure_place(&s->g, site), ret);
        break;
    case SIGNED:
        put_survivors(s, ret);
        break;
    default:
        put_signatures(s, ret);
    }
    return an_buf_err(ret);
}
