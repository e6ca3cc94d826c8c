/* Answers that read the whole journal, made in pieces. */
#include "base/mem.h"
#include "coordinator/api/api_internal.h"

#define PIECE_RECORDS                                                                                        \
    512 /* at most, and no more than fit in so long: a signature costs as much as ten hashes */
#define PIECE_MS 5

struct an_api_rest {
    void *state;
    void (*done)(void *state);
    uint64_t after; /* the last record that was seen */
};

void an_api_rest_free(an_api_rest *rest)
{
    if (!rest)
        return;
    rest->done(rest->state);
    an_free(rest->state);
    an_free(rest);
}

an_err an_api_rest_open(an_api_call *c, size_t size, void (*done)(void *state), void *ret_ptr)
{
    void **ret = ret_ptr;
    if (!c->rest) {
        an_api_rest *rest = an_alloc(1, sizeof *rest);
        void *state = an_alloc(1, size);
        if (!rest || !state) {
            an_free(rest);
            an_free(state);
            return AN_ERR_NOMEM;
        }
        *rest = (an_api_rest){.state = state, .done = done};
        c->rest = rest;
    }
    *ret = c->rest->state;
    return AN_OK;
}

typedef struct piece {
    an_store_visit visit;
    void *ctx;
    const an_clock *clock;
    int64_t until_ms;
    size_t n;
    uint64_t last;
    bool full;
} piece;

static an_err take(void *ctx, const an_record *r, an_note *why)
{
    piece *p = ctx;
    if (p->n == PIECE_RECORDS || (p->n > 0 && p->clock->mono_ms(p->clock) >= p->until_ms)) {
        p->full = true;
        return AN_ERR_LIMIT;
    }
    an_err err = p->visit(p->ctx, r, why);
    p->last = r->seq;
    p->n++;
    return err;
}

an_err an_api_rest_scan(an_api_call *c, const an_store_filter *f, an_store_visit visit, void *ctx,
                        an_note *why)
{
    const an_clock *clock = c->conf->clock;
    an_store_filter next = *f;
    piece p;
    next.limit = PIECE_RECORDS + 1; /* the one more says that there are more */
    do {
        p = (piece){.visit = visit,
                    .ctx = ctx,
                    .clock = clock,
                    .until_ms = clock->mono_ms(clock) + PIECE_MS,
                    .last = c->rest->after};
        next.after_seq = c->rest->after;
        an_err err = an_store_scan(an_hub_store(c->hub), &next, take, &p, why);
        c->rest->after = p.last;
        if (err != AN_OK && !(p.full && err == AN_ERR_LIMIT))
            return err;
    } while (p.full && !c->req->rest);
    return p.full ? AN_ERR_AGAIN : AN_OK;
}
