#include "trust/cohort.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "trust/private.h"

uint32_t an_cohort_group(const an_plan *plan, uint32_t i)
{
    return i % plan->secure.groups;
}

uint32_t an_cohort_place(const an_plan *plan, uint32_t i)
{
    return i / plan->secure.groups;
}

uint32_t an_cohort_site(const an_plan *plan, uint32_t group, uint32_t place)
{
    return place * plan->secure.groups + group;
}

/* The number of a party is the place of its first site in the group. */
static uint32_t party_of(const an_roster_site *const *found, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(found[i]->party, found[n]->party) == 0)
            return i;
    return n;
}

static an_err fill(const an_plan *plan, const an_roster *roster, uint32_t group, an_secure_member *members,
                   uint32_t *ret_parties, an_note *why)
{
    const an_roster_site *found[AN_COHORT_MAX];
    uint32_t n = 0;
    *ret_parties = 0;
    for (uint32_t i = group; i < plan->n_cohort; i += plan->secure.groups) {
        found[n] = an_roster_find(roster, plan->cohort[i]);
        if (!found[n])
            return an_fail(AN_ERR_REFUSED, why, "site %s is not in the signed roster", plan->cohort[i]);
        memcpy(members[n].statement_key, found[n]->key, AN_SIGN_PUBLIC_BYTES);
        members[n].party = party_of(found, n);
        *ret_parties += members[n].party == n;
        n++;
    }
    return AN_OK;
}

/* The coordinator picks the cohort, and so it is the roster in which those who may collude are counted: all of
 * them may be in one sum. */
static an_err check_parties(const an_plan *plan, const an_roster *roster, uint32_t parties,
                            uint32_t colluding, an_note *why)
{
    if (parties < plan->min_cohort)
        return an_fail(AN_ERR_REFUSED, why, "%u parties in a sum, and %u is the least of this plan", parties,
                       plan->min_cohort);
    if (parties < colluding + 2)
        return an_fail(AN_ERR_REFUSED, why,
                       "%u parties in a sum, and %u of the roster's %u may collude: at least %u are needed",
                       parties, colluding, an_roster_parties(roster), colluding + 2);
    return AN_OK;
}

an_err an_cohort_of(const an_plan *plan, const an_hash *plan_hash, const an_roster *roster, uint32_t group,
                    an_cohort *ret, an_note *why)
{
    const an_plan_secure *s = &plan->secure;
    uint32_t parties;
    if (plan->privacy != AN_PRIVACY_SECURE_SUM || group >= s->groups)
        return an_fail(AN_ERR_INVAL, why, "the plan has no secure sum %u", group);
    const uint32_t n = (plan->n_cohort - group + s->groups - 1) / s->groups,
                   colluding =
                       an_sum_graph_colluding_parties(an_roster_parties(roster), s->colluders_permille);
    an_secure_member *members = an_alloc(n, sizeof *members);
    if (!members)
        return AN_ERR_NOMEM;
    an_err err = fill(plan, roster, group, members, &parties, why);
    if (err == AN_OK)
        err = check_parties(plan, roster, parties, colluding, why);
    if (err != AN_OK) {
        an_free(members);
        return err;
    }
    ret->n_parties = parties;
    ret->params = (an_secure_params){.plan = *plan_hash,
                                     .round = plan->round,
                                     .dim = plan->dim,
                                     .cipher = (an_cipher)s->cipher,
                                     .n = n,
                                     .members = members,
                                     .min_parties = plan->min_cohort,
                                     .min_sites = an_private_sites_min(plan),
                                     .colluding = colluding,
                                     .dropouts_permille = s->dropouts_permille,
                                     .security_bits = s->security_bits,
                                     .correctness_bits = s->correctness_bits};
    return AN_OK;
}

void an_cohort_done(an_cohort *c)
{
    an_free((void *)(uintptr_t)c->params.members);
    *c = (an_cohort){.n_parties = 0};
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Of the sites, those that the parties which may collude can bring. */
static uint32_t colluders_of(const an_secure_params *p)
{
    uint32_t party[AN_COHORT_MAX];
    for (uint32_t i = 0; i < p->n; i++)
        party[i] = p->members[i].party;
    return an_sum_graph_colluders(party, p->n, p->colluding);
}

an_err an_cohort_graph(const an_cohort *c, an_sum_graph *ret, an_note *why)
{
    const an_secure_params *p = &c->params;
    const an_sum_graph_want want = {.n = p->n,
                                    .colluders = colluders_of(p),
                                    .dropouts = an_sum_graph_dropouts(p->n, p->dropouts_permille),
                                    .security_bits = p->security_bits,
                                    .correctness_bits = p->correctness_bits};
    return an_sum_graph_plan(ret, &want, why);
}

an_err an_cohort_promise(const an_cohort *c, an_note *ret)
{
    const an_secure_params *p = &c->params;
    an_sum_graph graph;
    an_err err = an_cohort_graph(c, &graph, ret);
    if (err != AN_OK)
        return err;
    /* In a complete graph as many may go as leave a quorum; in another one as many as it was drawn for. */
    uint32_t losses =
        graph.k == graph.n - 1 ? graph.n - graph.quorum : an_sum_graph_dropouts(p->n, p->dropouts_permille);
    losses = least(losses, c->n_parties - least(p->min_parties, c->n_parties));
    losses = least(losses, p->n - least(p->min_sites, p->n));
    an_note_set(
        ret,
        "secure sum of %u sites of %u parties: nothing but their sum can be read; where %u of the parties "
        "collude, the sum of the other %u sites; %u may be lost after the key list",
        p->n, c->n_parties, p->colluding, p->n - colluders_of(p), losses);
    return AN_OK;
}

const char *an_cohort_plan_name(const void *plan, uint32_t i)
{
    const an_plan *p = plan;
    return i < p->n_cohort ? p->cohort[i] : NULL;
}

/* The number behind "site " at the start of text; 0 characters read: none is there. */
static int place_at(const char *text, uint32_t *ret)
{
    int n = 0;
    if (strncmp(text, "site ", 5) != 0 || !isdigit((unsigned char)text[5]))
        return 0;
    return sscanf(text, "site %4u%n", ret, &n) == 1 ? n : 0;
}

void an_cohort_words(an_note *ret, const char *text, uint32_t groups, uint32_t group, an_cohort_name *name,
                     const void *ctx)
{
    char out[sizeof ret->text];
    size_t len = 0;
    while (*text && len + 1 < sizeof out) {
        uint32_t place;
        const int n = place_at(text, &place);
        const char *found = n > 0 ? name(ctx, place * groups + group) : NULL;
        if (!found) {
            out[len++] = *text++;
            continue;
        }
        const int put = snprintf(out + len, sizeof out - len, "%s", found);
        len += put > 0 && (size_t)put < sizeof out - len ? (size_t)put : sizeof out - len - 1;
        text += n;
    }
    out[len] = '\0';
    memcpy(ret->text, out, len + 1);
}
