#include "coordinator/spent.h"

#include <math.h>

an_privacy_account *an_spent_account(an_spent *b, uint32_t unit)
{
    return &b->spent[unit == AN_DP_SITE];
}

an_err an_spent_add(an_spent *b, an_payload_kind kind, const an_private_cost *cost, an_note *why)
{
    if (kind != AN_PAYLOAD_TRAIN) {
        b->others++;
        return AN_OK;
    }
    if (cost->unit == AN_DP_NONE) {
        b->bare++;
        return AN_OK;
    }
    an_err err = an_private_spend(an_spent_account(b, cost->unit), cost, 1, why);
    if (err == AN_OK)
        b->rounds[cost->unit == AN_DP_SITE]++;
    return err;
}

/* Rounds add up in every order, so many of them are one scaled. */
static double epsilon_of(const an_privacy_account *spent, const an_privacy_account *one, uint64_t rounds,
                         double delta)
{
    an_privacy_account a = *spent;
    for (size_t i = 0; rounds > 0 && i < AN_PRIVACY_ORDERS; i++)
        a.rdp[i] += (double)rounds * one->rdp[i];
    return an_privacy_epsilon(&a, delta);
}

double an_spent_epsilon(const an_spent *b, const an_private_cost *cost, double delta, uint64_t rounds)
{
    an_privacy_account one = {{0}};
    if (cost->unit == AN_DP_NONE || an_private_spend(&one, cost, 1, NULL) != AN_OK)
        return INFINITY;
    return epsilon_of(&b->spent[cost->unit == AN_DP_SITE], &one, rounds, delta);
}

uint64_t an_spent_room(const an_spent *b, const an_private_cost *cost, double delta, double epsilon,
                       uint64_t most)
{
    an_privacy_account one = {{0}};
    const an_privacy_account *spent = &b->spent[cost->unit == AN_DP_SITE];
    uint64_t room = 0, over = most + 1;
    if (cost->unit == AN_DP_NONE || an_private_spend(&one, cost, 1, NULL) != AN_OK)
        return 0;
    while (over - room > 1) {
        const uint64_t mid = room + (over - room) / 2;
        if (epsilon_of(spent, &one, mid, delta) <= epsilon)
            room = mid;
        else
            over = mid;
    }
    return room;
}

void an_spent_write(an_json *o, const an_round_privacy *p)
{
    const an_private_cost *c = &p->cost;
    if (c->unit == AN_DP_NONE)
        return;
    an_json_set_int(o, "dp_unit", c->unit);
    an_json_set_num(o, "dp_noise", p->noise);
    an_json_set_num(o, "dp_delta", p->delta);
    an_json_set_num(o, "dp_ratio", p->ratio);
    an_json_set_num(o, "dp_epsilon", p->epsilon);
    if (c->unit == AN_DP_RECORD) {
        an_json_set_num(o, "dp_rate", c->rate);
        an_json_set_int(o, "dp_steps", (int64_t)c->steps);
        return;
    }
    an_json_set_int(o, "dp_sites", c->sum.sites);
    an_json_set_num(o, "dp_variance", c->sum.variance);
    an_json_set_num(o, "dp_norm", c->sum.norm);
    an_json_set_int(o, "dp_dim", (int64_t)c->sum.dim);
}
