#include "coordinator/campaign.h"

#include <string.h>

#include "doors/crypto.h"

/* Rounds before training: the shared normaliser needs a mean, then a variance about it; the bin
 * edges need counts around both. */
static const an_payload_kind prelude[] = {AN_PAYLOAD_MEAN, AN_PAYLOAD_VARIANCE, AN_PAYLOAD_HISTOGRAM};

static uint32_t n_prelude(const an_campaign *c)
{
    return c->kind == AN_CAMPAIGN_TRAINING ? sizeof prelude / sizeof *prelude : 0;
}

uint32_t an_campaign_n_rounds(const an_campaign *c)
{
    if (c->kind == AN_CAMPAIGN_OVERLAY)
        return 0;
    return n_prelude(c) + c->train_rounds + 1;
}

/* Rounds until the last TRAIN is committed. */
static uint32_t until_trained(const an_campaign *c)
{
    return n_prelude(c) + c->train_rounds - c->fits;
}

bool an_campaign_trains(const an_campaign *c)
{
    return c->state == AN_CAMPAIGN_RUNNING && c->kind != AN_CAMPAIGN_OVERLAY && c->step < until_trained(c);
}

uint32_t an_campaign_n_trained(const an_campaign *c)
{
    const uint32_t n = c->step > n_prelude(c) ? c->step - n_prelude(c) : 0;
    const uint32_t all = c->train_rounds - c->fits;
    return n < all ? n : all;
}

bool an_campaign_is_over(const an_campaign *c)
{
    return c->state >= AN_CAMPAIGN_PROMOTED;
}

#define AGAIN_FIRST_MS 2000
#define AGAIN_LAST_MS 30000

int64_t an_campaign_again_ms(const an_campaign *c)
{
    int64_t wait = AGAIN_FIRST_MS;
    for (uint32_t i = 1; i < c->early && wait < AGAIN_LAST_MS; i++)
        wait *= 2;
    return c->early_ms + (wait < AGAIN_LAST_MS ? wait : AGAIN_LAST_MS);
}

int64_t an_campaign_patience_ms(const an_campaign *c, const an_policy *policy)
{
    return c->awaited_ms + policy->patience_ms;
}

an_campaign_todo an_campaign_next(const an_campaign *c, const an_policy *policy, int64_t now_ms,
                                  an_payload_kind *ret_kind)
{
    if (c->state == AN_CAMPAIGN_PASSED)
        return !c->rollout && (policy->promote_automatic || c->approved_promotion) ? AN_TODO_PROMOTE
                                                                                   : AN_TODO_NOTHING;
    if (c->state != AN_CAMPAIGN_RUNNING || c->open_round)
        return AN_TODO_NOTHING;
    if (c->kind == AN_CAMPAIGN_OVERLAY)
        return c->refits_open == 0 ? AN_TODO_SETTLE : AN_TODO_NOTHING;
    if (c->aborted > policy->round_retries || (c->early && now_ms >= an_campaign_patience_ms(c, policy)))
        return AN_TODO_GIVE_UP;
    if (c->early && now_ms < an_campaign_again_ms(c))
        return AN_TODO_NOTHING;
    if (c->step < n_prelude(c))
        *ret_kind = prelude[c->step];
    else if (c->step < n_prelude(c) + c->train_rounds)
        *ret_kind = c->step < until_trained(c) ? AN_PAYLOAD_TRAIN : AN_PAYLOAD_FIT;
    else if (c->step < an_campaign_n_rounds(c))
        *ret_kind = AN_PAYLOAD_EVALUATE;
    else if (policy->shadow_ms > 0 && c->beside && an_hash_is_zero(&c->shadow))
        *ret_kind = AN_PAYLOAD_SHADOW;
    else
        return AN_TODO_GATE;
    return AN_TODO_ROUND;
}

const char *an_campaign_state_name(an_campaign_state s)
{
    static const char *const names[] = {"WAITING", "RUNNING", "PASSED", "PROMOTED", "STOPPED", "ADAPTED"};
    return names[s];
}

static const char *const kind_names[] = {"training", "incremental", "overlay"};

const char *an_campaign_kind_name(an_campaign_kind k)
{
    return kind_names[k];
}

bool an_campaign_kind_find(const char *name, an_campaign_kind *ret)
{
    for (int i = AN_CAMPAIGN_TRAINING; i <= AN_CAMPAIGN_OVERLAY; i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            *ret = (an_campaign_kind)i;
            return true;
        }
    }
    return false;
}
