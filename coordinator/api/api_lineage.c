/* Where a model's versions come from, as a graph. */
#include <string.h>

#include "coordinator/api/api_internal.h"

an_err an_api_model_lineage(an_api_call *c, an_note *why)
{
    an_api_list l;
    if (!an_state_model(c->state, c->arg))
        return an_fail(AN_ERR_NOTFOUND, why, "no model %.63s", c->arg);
    an_err err = an_api_list_open(c, &l, c->state->versions.n, AN_NEWEST, 200, why);
    if (err != AN_OK)
        return err;
    an_json *nodes = an_json_array(), *edges = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        const an_version *v = &c->state->versions.items[i];
        if (strcmp(v->model, c->arg) != 0)
            continue;
        an_json_push(nodes, an_api_version_json(c, v));
        l.left--;
        if (an_hash_is_zero(&v->parent))
            continue;
        an_json *e = an_json_object();
        an_api_set_hash(e, "from", &v->parent);
        an_api_set_hash(e, "to", &v->hash);
        an_json_set_int(e, "round", (int64_t)v->round);
        an_json_push(edges, e);
    }
    an_json_set_text(c->answer, "model", c->arg);
    an_json_set(c->answer, "nodes", nodes);
    an_json_set(c->answer, "edges", edges);
    an_api_list_close(c, &l);
    return AN_OK;
}
