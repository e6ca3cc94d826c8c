#include "coordinator/lab/hostile.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

an_hostile_attack an_hostile_find(const char *name)
{
    static const char *const names[] = {"", "sign_flip", "scale", "noise", "nan"};
    for (int i = AN_HOSTILE_SIGN_FLIP; i <= AN_HOSTILE_NAN; i++)
        if (strcmp(names[i], name) == 0)
            return (an_hostile_attack)i;
    return AN_HOSTILE_NONE;
}

static uint32_t cut(double x, uint32_t value_bits)
{
    const double most = (double)((UINT32_C(1) << value_bits) - 1);
    x = x > most ? most : x < -most ? -most : x;
    return (uint32_t)(int32_t)nearbyint(x);
}

void an_hostile_tamper(void *arg, const an_plan *plan, uint32_t *v)
{
    const an_hostile *h = arg;
    if (plan->kind != AN_PAYLOAD_TRAIN || h->attack == AN_HOSTILE_NONE)
        return;
    const size_t n = plan->dim - AN_TRAIN_EXTRA;
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (double)(int32_t)v[i] * (double)(int32_t)v[i];
    const double sigma = h->by * sqrt(squares / (double)n);
    an_rng rng;
    an_rng_init(&rng, h->seed, plan->round);
    for (size_t i = 0; i < n; i++) {
        const double x = (double)(int32_t)v[i];
        switch (h->attack) {
        case AN_HOSTILE_SIGN_FLIP:
            v[i] = cut(-h->by * x, plan->value_bits);
            break;
        case AN_HOSTILE_SCALE:
            v[i] = cut(h->by * x, plan->value_bits);
            break;
        case AN_HOSTILE_NOISE:
            v[i] = cut(sigma * an_rng_normal(&rng), plan->value_bits);
            break;
        case AN_HOSTILE_NAN:
            v[i] = UINT32_C(1) << 31;
            break;
        case AN_HOSTILE_NONE:
            break;
        }
    }
}
