#include "agent/held.h"

void an_held_init(an_held *h, an_pool *pool, const an_driftwatch_conf *conf, uint64_t stride)
{
    *h = (an_held){.pool = pool,
                   .least = (size_t)(an_driftwatch_patience(conf) / stride) + 1,
                   .drift_ms = INT64_MAX,
                   .alarm_ms = INT64_MAX};
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

an_err an_held_changed(const an_held *h, float **ret, size_t *ret_n)
{
    return an_pool_copy(h->pool, 1u << AN_POOL_RECENT | 1u << AN_POOL_NEW | 1u << AN_POOL_HELD, h->drift_ms,
                        ret, ret_n);
}

size_t an_held_live(an_held *h, bool answer)
{
    size_t n = 0;
    an_pool_freeze(h->pool);
    if (answer && h->drift_ms < INT64_MAX) {
        n = an_pool_release_lasting(h->pool, h->drift_ms, h->least);
        an_pool_settle(h->pool);
    }
    h->drift_ms = INT64_MAX;
    return n;
}
