/* What a round lets be read of a single site, and by whom: said wherever a round is shown. */
#include "coordinator/api/api_internal.h"
#include "trust/cohort.h"

static an_err read_plan(const an_api_call *c, const an_hash *hash, an_plan **ret, an_note *why)
{
    an_buf bytes;
    an_buf_init(&bytes, AN_PLAN_BYTES_MAX);
    an_err err = an_store_object_get(an_hub_store(c->hub), hash, &bytes, why);
    if (err == AN_OK)
        err = an_plan_decode(bytes.data, bytes.len, ret, why);
    an_buf_done(&bytes);
    return err;
}

/* Of the first group; the others are of the same size, or one smaller. */
static an_err promise(const an_api_call *c, const an_plan *plan, const an_hash *hash, an_note *ret,
                      an_note *why)
{
    an_roster roster = {.n = 0};
    an_cohort cohort;
    an_err err = an_hub_roster_read(c->hub, &plan->secure.roster, &roster, why);
    if (err == AN_OK)
        err = an_cohort_of(plan, hash, &roster, 0, &cohort, why);
    if (err == AN_OK) {
        err = an_cohort_promise(&cohort, ret);
        an_cohort_done(&cohort);
    }
    an_roster_done(&roster);
    return err;
}

an_err an_api_set_protection(const an_api_call *c, an_json *o, const an_hash *hash, an_note *why)
{
    an_plan *plan = NULL;
    an_note text = {{0}};
    an_err err = read_plan(c, hash, &plan, why);
    if (err != AN_OK)
        return err == AN_ERR_NOTFOUND ? AN_OK : err;
    if (plan->privacy != AN_PRIVACY_SECURE_SUM)
        an_json_set_text(o, "protection", "trusted: the coordinator can read each site's update");
    else if ((err = promise(c, plan, hash, &text, why)) == AN_OK)
        an_json_set_text(o, "protection", text.text);
    if (plan->secure.groups > 1)
        an_json_set_int(o, "groups", plan->secure.groups);
    an_plan_free(plan);
    return err == AN_ERR_NOMEM ? err : AN_OK; /* what cannot be said is left out */
}
