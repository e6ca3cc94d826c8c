/* What the sums of statistics become: the fleet's scaler (MEAN, then VARIANCE about it), its bin
 * edges (HISTOGRAM), and a detector that follows from sums (FIT).  Values are first counted in fine bins around the fleet's mean; the deciles of
 * those counts are the version's edges, so that a bin holds a tenth of the fleet's normal values. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/combine_internal.h"

#define BINS 10
#define FINE_REACH 4.0 /* standard deviations to each side; beyond lie the two open bins */

static an_err edges_alloc(uint32_t width, uint32_t n, float **ret_edges, float **ret_score_edges)
{
    float *edges = an_alloc((size_t)width * n, sizeof *edges);
    float *score_edges = an_alloc(n, sizeof *score_edges);
    if (!edges || !score_edges) {
        an_free(edges);
        an_free(score_edges);
        return AN_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++)
        score_edges[i] = (float)(i + 1) / (float)(n + 1); /* shares of the threshold */
    *ret_edges = edges;
    *ret_score_edges = score_edges;
    return AN_OK;
}

static void edges_replace(an_bundle *b, uint32_t n, float *edges, float *score_edges)
{
    an_free(b->edges);
    an_free(b->score_edges);
    b->edges = edges;
    b->score_edges = score_edges;
    b->n_edges = n;
}

static an_err set_fine_edges(an_bundle *b)
{
    const uint32_t n = AN_COMBINE_FINE_BINS - 1;
    float *edges, *score_edges;
    an_err err = edges_alloc(b->prep.width, n, &edges, &score_edges);
    if (err != AN_OK)
        return err;
    for (uint32_t f = 0; f < b->prep.width; f++) {
        float mean, scale;
        an_prep_reach_raw(&b->prep, f, FINE_REACH, &mean, &scale);
        for (uint32_t i = 0; i < n; i++)
            edges[f * n + i] = mean + scale * (float)(FINE_REACH * (2.0 * i / (n - 1) - 1.0));
    }
    edges_replace(b, n, edges, score_edges);
    return AN_OK;
}

/* The value below which the share q of the counts lies, linear within a bin; the open bins end at
 * their one edge. */
static float quantile(const uint64_t *counts, const float *edges, uint32_t n_edges, uint64_t total, double q)
{
    const double want = q * (double)total;
    double below = (double)counts[0];
    if (want <= below || n_edges < 2)
        return edges[0];
    for (uint32_t i = 1; i < n_edges; i++) {
        double here = (double)counts[i];
        if (here > 0 && want <= below + here)
            return edges[i - 1] + (edges[i] - edges[i - 1]) * (float)((want - below) / here);
        below += here;
    }
    return edges[n_edges - 1];
}

an_err an_combine_histogram(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why)
{
    const uint32_t width = b->prep.width, n = BINS - 1, fine = b->n_edges + 1;
    float *edges = NULL, *score_edges = NULL;
    an_err err = AN_ERR_NOMEM;
    uint64_t *counts = an_alloc((size_t)width * fine, sizeof *counts);
    if (!counts)
        goto out;
    an_payload_facts facts = an_combine_facts(job->plan, width, fine);
    an_payload_out out = {.histogram = {.counts = counts}};
    if (an_payload_find(AN_PAYLOAD_HISTOGRAM)->dim(&facts) != job->plan->dim) {
        err = an_fail(AN_ERR_PROTO, why, "the plan counts in other bins than its base version has");
        goto out;
    }
    if ((err = an_payload_find(AN_PAYLOAD_HISTOGRAM)->decode(&out, &facts, acc, why)) != AN_OK)
        goto out;
    if ((err = edges_alloc(width, n, &edges, &score_edges)) != AN_OK)
        goto out;
    for (uint32_t f = 0; f < width; f++) {
        uint64_t total = 0;
        for (uint32_t i = 0; i < fine; i++)
            total += counts[f * fine + i];
        for (uint32_t i = 0; i < n; i++)
            edges[f * n + i] = quantile(counts + (size_t)f * fine, b->edges + (size_t)f * b->n_edges,
                                        b->n_edges, total, (i + 1.0) / BINS);
    }
    edges_replace(b, n, edges, score_edges);
out:
    an_free(counts);
    return err;
}

an_err an_combine_moments(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why)
{
    const size_t columns = an_prep_columns(&b->prep);
    const bool second = job->plan->kind == AN_PAYLOAD_VARIANCE;
    an_err err = AN_ERR_NOMEM;
    uint64_t *n = an_alloc(columns, sizeof *n);
    double *sum = an_alloc(columns, sizeof *sum), *mean = an_alloc(columns, sizeof *mean);
    an_prep prep = {0};
    if (!n || !sum || !mean)
        goto out;
    an_payload_facts facts = an_combine_facts(job->plan, (uint32_t)columns, 0);
    if (an_payload_find(job->plan->kind)->dim(&facts) != job->plan->dim) {
        err = an_fail(AN_ERR_PROTO, why, "the plan counts other sensors than its base version has");
        goto out;
    }
    an_payload_out out = {.mean = {.n = n, .sum = sum}}; /* variance is the same member */
    if ((err = an_payload_find(job->plan->kind)->decode(&out, &facts, acc, why)) != AN_OK)
        goto out;
    for (size_t f = 0; f < columns; f++) {
        const double average = n[f] ? sum[f] / (double)n[f] : 0;
        mean[f] = second ? (double)b->prep.mean[f] : average;
        sum[f] = n[f] == 0 && b->prep.regimes > 1 ? AN_PREP_UNSEEN : second ? average : 1.0;
    }
    if ((err = an_prep_from_moments(&prep, &b->prep.conf, mean, sum, b->prep.width, why)) != AN_OK)
        goto out;
    an_prep_done(&b->prep);
    b->prep = prep;
    if (second)
        err = set_fine_edges(b);
out:
    an_free(n);
    an_free(sum);
    an_free(mean);
    return err;
}

an_err an_combine_fit(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why)
{
    const size_t n_sums = an_detector_n_sums(b->detector);
    an_payload_facts facts = an_combine_facts(job->plan, 0, 0);
    facts.n_sums = (uint32_t)n_sums;
    if (an_payload_find(AN_PAYLOAD_FIT)->dim(&facts) != job->plan->dim)
        return an_fail(AN_ERR_PROTO, why, "the plan has other sums than its base version's detector");
    double *sums = an_alloc(n_sums, sizeof *sums);
    an_payload_out out = {.fit = {.sums = sums}};
    an_err err = sums ? an_payload_find(AN_PAYLOAD_FIT)->decode(&out, &facts, acc, why) : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = an_detector_from_sums(b->detector, out.fit.n, sums, why);
    an_free(sums);
    return err;
}
