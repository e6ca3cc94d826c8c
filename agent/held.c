#include "agent/held.h"

#include <string.h>

void an_held_init(an_held *h, an_pool *pool, const an_driftwatch_conf *conf, uint64_t stride)
{
    *h = (an_held){.pool = pool,
                   .least = (size_t)(an_driftwatch_patience(conf) / stride) + 1,
                   .drift_ms = INT64_MAX,
                   .alarm_ms = INT64_MAX,
                   .settled_ms = INT64_MIN,
                   .kept = {.drift_ms = INT64_MAX}};
}

void an_held_alarm(an_held *h, const an_alarm_event *e)
{
    h->alarm_ms = e->kind == AN_ALARM_CLEARED ? INT64_MAX : e->since_ms;
}

void an_held_drift(an_held *h, const an_drift_alert *d)
{
    const int64_t since_ms = h->alarm_ms < d->since_ms ? h->alarm_ms : d->since_ms;
    if (since_ms < h->drift_ms)
        h->drift_ms = since_ms;
}

an_err an_held_copy(const an_held *h, float **ret, size_t *ret_n)
{
    return an_pool_copy_lasting(h->pool, h->drift_ms, h->least, ret, ret_n);
}

bool an_held_reported(const an_held *h)
{
    return h->drift_ms < INT64_MAX;
}

size_t an_held_since(const an_held *h, an_pool_part part)
{
    const int64_t since_ms = an_held_reported(h) ? h->drift_ms : h->settled_ms;
    size_t i = 0;
    while (i < an_pool_n(h->pool, part) && an_pool_time(h->pool, part, i) < since_ms)
        i++;
    return i;
}

an_err an_held_changed(const an_held *h, float **ret, size_t *ret_n)
{
    return an_pool_copy_in_order(h->pool, 1u << AN_POOL_RECENT | 1u << AN_POOL_NEW | 1u << AN_POOL_HELD,
                                 h->drift_ms, ret, ret_n);
}

size_t an_held_live(an_held *h, bool answer)
{
    size_t n = 0;
    an_pool_freeze(h->pool);
    if (answer && h->drift_ms < INT64_MAX) {
        h->settled_ms = h->drift_ms;
        n = an_pool_release_lasting(h->pool, h->drift_ms, h->least);
        an_pool_settle(h->pool);
    }
    h->drift_ms = INT64_MAX;
    return n;
}

void an_held_save(const an_held *h, const uint8_t version[static AN_ALARM_HASH], an_buf *ret)
{
    an_buf_put(ret, version, AN_ALARM_HASH);
    an_buf_u64(ret, (uint64_t)h->drift_ms);
    an_buf_u64(ret, (uint64_t)h->alarm_ms);
}

an_err an_held_restore(an_held *h, an_reader *in)
{
    const uint8_t *version = an_read_bytes(in, AN_ALARM_HASH);
    const int64_t drift_ms = (int64_t)an_read_u64(in), alarm_ms = (int64_t)an_read_u64(in);
    if (in->failed)
        return AN_ERR_PROTO;
    memcpy(h->kept.version, version, AN_ALARM_HASH);
    h->kept.drift_ms = drift_ms;
    h->alarm_ms = alarm_ms;
    return AN_OK;
}

void an_held_resume(an_held *h, const uint8_t version[static AN_ALARM_HASH])
{
    if (memcmp(h->kept.version, version, AN_ALARM_HASH) == 0 && h->kept.drift_ms < h->drift_ms)
        h->drift_ms = h->kept.drift_ms;
    h->kept.drift_ms = INT64_MAX; /* the next one to go live is another one, or has been asked already */
}
