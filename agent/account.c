/* The value "privacy/<model>" of the spool: format, orders (u32), two accounts of doubles, counts; little
 * endian. */
#include "agent/account.h"

#include <stdio.h>
#include <string.h>

#include "trust/private.h"

#define FORMAT 1u
#define VALUE_MAX 4096

static void name_of(char out[static 128], const char *model)
{
    snprintf(out, 128, "privacy/%.63s", model);
}

static an_err read_account(an_account *ret, const an_buf *b, an_note *why)
{
    an_account a = {.bare = 0};
    an_reader r = an_reader_of(b->data, b->len);
    bool known = an_read_u32(&r) == FORMAT && an_read_u32(&r) == AN_PRIVACY_ORDERS;
    for (size_t u = 0; u < 2; u++)
        for (size_t i = 0; i < AN_PRIVACY_ORDERS; i++) {
            a.spent[u].rdp[i] = an_read_f64(&r);
            known = known && a.spent[u].rdp[i] >= 0;
        }
    for (size_t u = 0; u < 2; u++)
        a.rounds[u] = an_read_u64(&r);
    a.bare = an_read_u64(&r);
    a.others = an_read_u64(&r);
    if (!known || r.failed || r.left > 0)
        return an_fail(AN_ERR_PROTO, why, "spool: the account of privacy is damaged");
    *ret = a;
    return AN_OK;
}

an_err an_account_get(an_spool *spool, const char *model, an_account *ret, an_note *why)
{
    char name[128];
    an_buf b;
    name_of(name, model);
    an_buf_init(&b, VALUE_MAX);
    an_err err = an_spool_value_get(spool, name, &b, why);
    if (err == AN_OK) {
        err = read_account(ret, &b, why);
    } else if (err == AN_ERR_NOTFOUND) {
        *ret = (an_account){.bare = 0};
        err = AN_OK;
    }
    an_buf_done(&b);
    return err;
}

static an_err add(an_account *a, const an_plan *plan, an_note *why)
{
    an_private_cost cost;
    if (plan->kind != AN_PAYLOAD_TRAIN) {
        a->others++;
        return AN_OK;
    }
    if (plan->dp_unit == AN_DP_NONE) {
        a->bare++;
        return AN_OK;
    }
    const bool site = plan->dp_unit == AN_DP_SITE;
    an_err err = an_private_cost_of(&cost, plan, why);
    if (err == AN_OK)
        err = an_private_spend(&a->spent[site], &cost, 1, why);
    if (err == AN_OK)
        a->rounds[site]++;
    return err == AN_ERR_INVAL ? AN_ERR_REFUSED : err;
}

an_err an_account_with(an_spool *spool, const an_plan *plan, double delta, double *ret, an_note *why)
{
    an_account a;
    an_err err = an_account_get(spool, plan->model, &a, why);
    if (err == AN_OK)
        err = add(&a, plan, why);
    if (err != AN_OK)
        return err;
    *ret =
        plan->dp_unit == AN_DP_NONE ? 0.0 : an_privacy_epsilon(&a.spent[plan->dp_unit == AN_DP_SITE], delta);
    return AN_OK;
}

an_err an_account_spend(an_spool *spool, const an_plan *plan, an_note *why)
{
    char name[128];
    an_account a;
    an_buf b;
    an_err err = an_account_get(spool, plan->model, &a, why);
    if (err == AN_OK)
        err = add(&a, plan, why);
    if (err != AN_OK)
        return err;
    name_of(name, plan->model);
    an_buf_init(&b, VALUE_MAX);
    an_buf_u32(&b, FORMAT);
    an_buf_u32(&b, AN_PRIVACY_ORDERS);
    for (size_t u = 0; u < 2; u++)
        for (size_t i = 0; i < AN_PRIVACY_ORDERS; i++)
            an_buf_f64(&b, a.spent[u].rdp[i]);
    for (size_t u = 0; u < 2; u++)
        an_buf_u64(&b, a.rounds[u]);
    an_buf_u64(&b, a.bare);
    an_buf_u64(&b, a.others);
    err = an_buf_err(&b);
    if (err == AN_OK)
        err = an_spool_value_set(spool, name, b.data, b.len, why);
    an_buf_done(&b);
    return err;
}
