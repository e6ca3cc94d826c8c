/* Life and death of the runtime: the ZAP thread before any socket, the core after it. */
#include "coordinator/runtime_internal.h"

#include "base/mem.h"

struct an_runtime {
    an_net *net;
    an_zap *zap;
    an_actor *core;
    an_core_args args;
    an_runtime_endpoints endpoints;
    an_vitals vitals;
};

an_err an_runtime_start(const an_coordinator_conf *conf, const an_runtime_calls *calls, an_runtime **ret,
                        an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_runtime *rt = an_alloc(1, sizeof *rt);
    if (!rt)
        goto out;
    if ((err = an_coordinator_conf_check(conf, why)) != AN_OK)
        goto out;
    if ((err = an_dir_make(conf->data, why)) != AN_OK)
        goto out;
    if ((err = an_net_open(1, &rt->net, why)) != AN_OK)
        goto out;
    if ((err = an_zap_start(rt->net, &rt->zap, why)) != AN_OK)
        goto out;
    rt->vitals.stall_ms = conf->stall_ms;
    rt->args = (an_core_args){.conf = conf,
                              .net = rt->net,
                              .zap = rt->zap,
                              .calls = calls ? *calls : (an_runtime_calls){.failed = NULL},
                              .vitals = &rt->vitals,
                              .endpoints = &rt->endpoints};
    if ((err = an_actor_start(rt->net, an_core_main, &rt->args, &rt->core, why)) != AN_OK)
        goto out;
    *ret = rt;
    rt = NULL;
out:
    an_runtime_stop(rt);
    return err;
}

const an_runtime_endpoints *an_runtime_endpoints_get(const an_runtime *rt)
{
    return &rt->endpoints;
}

void an_runtime_stop(an_runtime *rt)
{
    if (!rt)
        return;
    an_actor_stop(rt->core);
    an_zap_stop(rt->zap);
    an_net_close(rt->net);
    an_free(rt);
}
