/* A robust rule over the means of groups, each of which is a secure sum of its own: one hostile site ruins its
 * group, and the rule leaves that group out.  The groups' sums are written down and read in blocks of columns,
 * so that memory does not grow with their number. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/combine_internal.h"
#include "sum/fixed.h"
#include "trust/cohort.h"

typedef struct group_row {
    bool spoilt; /* its counts are none that honest sites make */
    an_train_out totals;
    uint32_t extra[AN_TRAIN_EXTRA];
} group_row;

typedef struct group_rows {
    const an_combine_job *job;
    FILE *sums; /* of all groups, one after the other, as machine words: it lives as long as the call */
    group_row rows[AN_GROUPS_MAX];
    double weights[AN_GROUPS_MAX];
    uint32_t words[AN_STEP_MAX];
} group_rows;

static an_err read_row(void *ctx, size_t row, uint64_t from, size_t n, double *ret, an_note *why)
{
    group_rows *g = ctx;
    const an_plan *plan = g->job->plan;
    const double factor = plan->weight_cap / g->weights[row];
    const uint64_t first = (uint64_t)row * plan->dim + from;
    for (size_t i = 0; i < n && g->rows[row].spoilt; i++)
        ret[i] = NAN; /* the rule leaves such rows out, and fears as many fewer */
    if (g->rows[row].spoilt)
        return AN_OK;
    if (fseeko(g->sums, (off_t)(4 * first), SEEK_SET) != 0)
        return an_fail(AN_ERR_IO, why, "the sums of the groups cannot be read");
    for (size_t at = 0; at < n;) {
        const size_t part = n - at < AN_STEP_MAX ? n - at : AN_STEP_MAX;
        if (fread(g->words, sizeof *g->words, part, g->sums) != part)
            return an_fail(AN_ERR_IO, why, "the sums of the groups cannot be read");
        an_combine_decode(plan, from + at, part, g->words, ret + at);
        for (size_t i = 0; i < part; i++)
            ret[at + i] *= factor;
        at += part;
    }
    return AN_OK;
}

static uint32_t sites_in(const an_combine_job *job, uint32_t group)
{
    uint32_t n = 0;
    for (size_t i = 0; i < job->n_updates; i++) {
        const int32_t at = an_plan_find_site(job->plan, job->updates[i].site);
        n += at >= 0 && an_cohort_group(job->plan, (uint32_t)at) == group;
    }
    return n;
}

static an_err leave_out(an_combine_job *job, uint32_t group, bool cut, const char *reason)
{
    char name[AN_NAME_MAX];
    snprintf(name, sizeof name, "group-%u", group);
    return an_combine_outlier_add(job, name, cut, reason);
}

static an_err spoil(an_combine_job *job, group_rows *g, uint32_t group, const char *reason)
{
    g->rows[group].spoilt = true;
    g->weights[group] = 1;
    return leave_out(job, group, false, reason);
}

static an_err take_group(an_combine_job *job, group_rows *g, uint32_t group, const an_payload_facts *facts,
                         const uint32_t *acc)
{
    an_note why = {{0}};
    group_row *row = &g->rows[group];
    memcpy(row->extra, acc + job->plan->dim - AN_TRAIN_EXTRA, sizeof row->extra);
    an_err err = an_train_totals(&row->totals, facts, row->extra, &why);
    if (err == AN_OK && row->totals.sites != sites_in(job, group))
        err = an_fail(AN_ERR_PROTO, &why, "it speaks of %llu sites, and %u are in it",
                      (unsigned long long)row->totals.sites, sites_in(job, group));
    if (err == AN_OK && row->totals.weight > 1.01 * (double)row->totals.sites * job->plan->weight_cap)
        err = an_fail(AN_ERR_PROTO, &why, "its weight is more than its sites can have");
    if (err != AN_OK)
        return spoil(job, g, group, why.text);
    g->weights[group] = row->totals.weight;
    return AN_OK;
}

static an_err sum_groups(an_combine_job *job, group_rows *g, const an_payload_facts *facts, an_note *why)
{
    const size_t dim = job->plan->dim;
    an_err err = AN_OK;
    uint32_t *acc = an_alloc(dim, sizeof *acc);
    if (!acc)
        return AN_ERR_NOMEM;
    for (uint32_t group = 0; group < job->plan->secure.groups && err == AN_OK; group++) {
        if (job->secure[group].len == 0) { /* left out before, and named */
            g->rows[group].spoilt = true;
            g->weights[group] = 1;
            continue;
        }
        memset(acc, 0, dim * sizeof *acc);
        an_err made = an_combine_secure_group(job, group, acc, why);
        if (made == AN_ERR_IO || made == AN_ERR_NOMEM) {
            err = made;
            break;
        }
        if (made != AN_OK) { /* that is what groups are for */
            err = spoil(job, g, group, why ? why->text : an_err_text(made));
            continue;
        }
        if (fseeko(g->sums, (off_t)(4 * (uint64_t)group * dim), SEEK_SET) != 0 ||
            fwrite(acc, sizeof *acc, dim, g->sums) != dim)
            err = an_fail(AN_ERR_IO, why, "the sums of the groups cannot be written");
        else
            err = take_group(job, g, group, facts, acc);
    }
    if (err == AN_OK && fflush(g->sums) != 0)
        err = an_fail(AN_ERR_IO, why, "the sums of the groups cannot be written");
    an_free(acc);
    return err;
}

static an_err conclude(an_combine_job *job, const an_payload_facts *facts, const group_rows *g,
                       const an_combine_verdict *verdicts, an_note *why)
{
    uint32_t extra[AN_TRAIN_EXTRA] = {0};
    an_train_out totals = {.delta = NULL};
    an_err err = AN_OK;
    for (uint32_t i = 0; i < job->plan->secure.groups && err == AN_OK; i++) {
        const an_rule_fate fate = verdicts[i].fate;
        if (g->rows[i].spoilt)
            continue;
        if (fate != AN_RULE_KEPT)
            err = leave_out(job, i, fate == AN_RULE_CUT, an_rule_fate_text(fate));
        if (fate == AN_RULE_KEPT || fate == AN_RULE_CUT)
            an_sum_add(extra, g->rows[i].extra, AN_TRAIN_EXTRA);
    }
    if (err == AN_OK)
        err = an_train_totals(&totals, facts, extra, why);
    an_combine_figures(job, &totals);
    return err;
}

an_err an_combine_groups(an_combine_job *job, an_bundle *b, an_note *why)
{
    const an_payload_facts facts = an_combine_facts(job->plan, 0, 0);
    an_combine_verdict verdicts[AN_GROUPS_MAX];
    char path[AN_PATH_MAX];
    if (an_payload_n_params(&facts) != b->n_weights)
        return an_fail(AN_ERR_PROTO, why, "the plan has another layout than its base version");
    group_rows *g = an_alloc(1, sizeof *g);
    an_err err = g ? an_combine_path(job, "groups", path) : AN_ERR_NOMEM;
    if (err != AN_OK)
        goto out;
    g->job = job;
    if (!(g->sums = fopen(path, "w+b"))) {
        err = an_fail(AN_ERR_IO, why, "%s: cannot be written", path);
        goto out;
    }
    if ((err = an_file_remove(path, why)) != AN_OK) /* it has a handle and no name any more */
        goto out;
    if ((err = sum_groups(job, g, &facts, why)) != AN_OK)
        goto out;
    const an_combine_rows rows = {
        .n = job->plan->secure.groups, .weights = g->weights, .ctx = g, .read = read_row};
    if ((err = an_combine_rows_step(job, b, &rows, verdicts, why)) == AN_OK)
        err = conclude(job, &facts, g, verdicts, why);
out:
    if (g && g->sums)
        fclose(g->sums);
    an_free(g);
    return err;
}
