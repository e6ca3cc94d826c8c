#include "trust/delivery.h"

#include <stdio.h>
#include <string.h>

_Static_assert(AN_AGREE_KEY_BYTES == AN_AGREE_BYTES, "the plan names an X25519 key");
_Static_assert(AN_UPDATE_PLAIN == AN_ENCODING_PLAIN, "plans number encodings as sum/encodings.def does");

bool an_delivery_is_sealed(const an_plan *plan)
{
    static const uint8_t none[AN_AGREE_BYTES];
    return memcmp(plan->seal_key, none, sizeof none) != 0;
}

void an_delivery_terms(an_sealed_terms *ret, const an_plan *plan, const an_hash *plan_hash, const char *site)
{
    *ret = (an_sealed_terms){
        .header = {.round = plan->round, .dim = plan->dim, .plan_hash = *plan_hash},
        .n_coded = plan->kind == AN_PAYLOAD_TRAIN ? plan->dim - AN_TRAIN_EXTRA : plan->dim,
        .encoding = an_encoding_at(plan->encoding),
    };
    snprintf(ret->header.site, sizeof ret->header.site, "%s", site);
    memcpy(ret->seal_key, plan->seal_key, sizeof ret->seal_key);
}

bool an_delivery_size_ok(const an_plan *plan, uint64_t size)
{
    static const an_hash none;
    an_sealed_terms t;
    if (!an_delivery_is_sealed(plan))
        return size == an_update_size(plan->dim);
    an_delivery_terms(&t, plan, &none, "");
    const uint64_t most = an_sealed_most(&t);
    return plan->encoding == AN_UPDATE_PLAIN ? size == most : size > AN_UPDATE_HEADER_BYTES && size <= most;
}

void an_delivery_seal_keys(uint8_t ret_secret[static AN_AGREE_BYTES],
                           uint8_t ret_public[static AN_AGREE_BYTES],
                           const uint8_t sign_secret[static AN_SIGN_SECRET_BYTES])
{
    an_kdf(ret_secret, sign_secret, "andon key that updates are sealed to", NULL, 0);
    an_agree_public(ret_public, ret_secret);
}
