/* What a secure sum costs, one JSON object a line.
 *
 *     bench_secure [--sites 100] [--dim 1000000] [--lost 0,100,300] [--colluders 100] [--dropouts 300]
 *                  [--cipher 2] [--workers 2] [--masking all]
 *
 * All sites are in this process, one after the other, without network and disk.  Shares are in thousandths;
 * those lost have sent their shares, but no vector, which costs the coordinator most.
 *
 *     agent_s         processor time of one site, all phases, mean over sites
 *     coordinator_s   wall time of all the coordinator's own work: reading and checking messages, writing
 *                     them, putting secrets together, taking masks off; unmask_s is the last of these
 *     unmask_cpu_s    processor time of taking masks off, all workers together: what to compare where other
 *                     programs run beside
 *     ratio_to_plain  (plain_s + coordinator_s) / plain_s; plain_s is hashing and adding the vectors that
 *                     came, which a plain sum does, too, on one core
 *     right           whether the sum equals the plain sum; null where only some sites masked (--masking N,
 *                     for many sites: the rest send none, and times stay what they are) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "sum/secure_site.h"
#include "sum/secure_sum.h"
#include "sum/vector.h"

typedef struct bench {
    an_secure_params p;
    an_secure_member members[AN_COHORT_MAX];
    uint8_t keys[AN_COHORT_MAX][AN_SIGN_SECRET_BYTES];
    an_secure_site *sites[AN_COHORT_MAX];
    an_secure_sum *sum;
    an_workers *workers;
    uint32_t n_lost, n_masking;
    uint32_t *v, *acc, *plain;
    double agents_s, masks_s, coordinator_s, unmask_s, unmask_cpu_s, plain_s;
} bench;

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void need(an_err err, const an_note *why)
{
    if (err == AN_OK)
        return;
    fprintf(stderr, "bench_secure: %s\n", why && why->text[0] ? why->text : an_err_text(err));
    exit(1);
}

/* The lost ones lie spread over the list. */
static bool is_lost(const bench *b, uint32_t site)
{
    return (uint64_t)(site + 1) * b->n_lost / b->p.n != (uint64_t)site * b->n_lost / b->p.n;
}

static void to_sum(bench *b, uint32_t i)
{
    an_note why = {{0}};
    an_buf m;
    an_buf_init(&m, AN_SECURE_MESSAGE_MAX);
    double start = now(CLOCK_THREAD_CPUTIME_ID);
    need(an_secure_site_message(b->sites[i], &m), NULL);
    b->agents_s += now(CLOCK_THREAD_CPUTIME_ID) - start;
    start = now(CLOCK_MONOTONIC);
    need(an_secure_sum_feed(b->sum, i, m.data, m.len, &why), &why);
    b->coordinator_s += now(CLOCK_MONOTONIC) - start;
    an_buf_done(&m);
}

static void to_site(bench *b, uint32_t i)
{
    an_note why = {{0}};
    an_buf m;
    if (!an_secure_sum_is_in(b->sum, i))
        return;
    an_buf_init(&m, AN_SECURE_MESSAGE_MAX);
    double start = now(CLOCK_MONOTONIC);
    need(an_secure_sum_message(b->sum, i, &m), NULL);
    b->coordinator_s += now(CLOCK_MONOTONIC) - start;
    start = now(CLOCK_THREAD_CPUTIME_ID);
    need(an_secure_site_feed(b->sites[i], m.data, m.len, &why), &why);
    b->agents_s += now(CLOCK_THREAD_CPUTIME_ID) - start;
    an_buf_done(&m);
}

static void mask(bench *b, uint32_t i)
{
    an_note why = {{0}};
    an_hash h = {{(uint8_t)i}};
    if (i < b->n_masking) {
        for (uint32_t c = 0; c < b->p.dim; c++)
            b->v[c] = i * 2654435761u + c;
        an_sum_add(b->plain, b->v, b->p.dim);
        double start = now(CLOCK_THREAD_CPUTIME_ID);
        need(an_secure_site_mask(b->sites[i], b->v, 0, b->p.dim), NULL);
        b->masks_s += now(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    double start = now(CLOCK_MONOTONIC);
    an_hash_of(&h, b->v, b->p.dim * sizeof *b->v);
    an_sum_add(b->acc, b->v, b->p.dim);
    b->plain_s += now(CLOCK_MONOTONIC) - start;
    start = now(CLOCK_THREAD_CPUTIME_ID);
    need(an_secure_site_commit(b->sites[i], &h, &why), &why);
    b->agents_s += now(CLOCK_THREAD_CPUTIME_ID) - start;
}

static void begin(bench *b)
{
    an_note why = {{0}};
    b->p.members = b->members;
    for (uint32_t i = 0; i < b->p.n; i++) {
        an_sign_keypair(b->members[i].statement_key, b->keys[i]);
        b->members[i].party = i;
    }
    b->agents_s = b->masks_s = b->coordinator_s = b->unmask_s = b->unmask_cpu_s = b->plain_s = 0;
    memset(b->acc, 0, b->p.dim * sizeof *b->acc);
    memset(b->plain, 0, b->p.dim * sizeof *b->plain);
    need(an_secure_sum_new(&b->p, &b->sum, &why), &why);
    double start = now(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t i = 0; i < b->p.n; i++)
        need(an_secure_site_new(&b->p, i, b->keys[i], &b->sites[i], &why), &why);
    b->agents_s += now(CLOCK_THREAD_CPUTIME_ID) - start;
}

static void run(bench *b)
{
    an_note why = {{0}};
    double start;
    for (size_t phase = 0; phase < 5; phase++) {
        for (uint32_t i = 0; i < b->p.n; i++) {
            if (phase >= 2 && is_lost(b, i))
                continue;
            if (phase == 2)
                mask(b, i);
            to_sum(b, i);
        }
        if (phase == 4)
            break;
        start = now(CLOCK_MONOTONIC);
        need(an_secure_sum_close(b->sum, &why), &why);
        b->coordinator_s += now(CLOCK_MONOTONIC) - start;
        for (uint32_t i = 0; i < b->p.n; i++)
            to_site(b, i);
    }
    start = now(CLOCK_MONOTONIC);
    need(an_secure_sum_rebuild(b->sum, b->workers, &why), &why);
    double rebuilt = now(CLOCK_MONOTONIC), used = now(CLOCK_PROCESS_CPUTIME_ID);
    need(an_secure_sum_unmask(b->sum, b->workers, b->acc, &why), &why);
    b->unmask_s = now(CLOCK_MONOTONIC) - rebuilt;
    b->unmask_cpu_s = now(CLOCK_PROCESS_CPUTIME_ID) - used;
    b->coordinator_s += now(CLOCK_MONOTONIC) - start;
}

static void report(bench *b)
{
    const an_sum_graph *g = an_secure_sum_graph(b->sum);
    uint32_t masking = 0;
    for (uint32_t i = 0; i < b->p.n; i++)
        masking += i < b->n_masking && !is_lost(b, i);
    const char *right = b->n_masking < b->p.n                                      ? "null"
                        : memcmp(b->acc, b->plain, b->p.dim * sizeof *b->acc) == 0 ? "true"
                                                                                   : "false";
    printf("{\"sites\": %u, \"dim\": %u, \"dropout\": %.3f, \"cipher\": \"%s\", \"neighbours_drawn\": %u, "
           "\"threshold\": %u, \"agent_s\": %.4f, \"coordinator_s\": %.4f, \"unmask_s\": %.4f, "
           "\"unmask_cpu_s\": %.4f, \"plain_s\": %.4f, "
           "\"ratio_to_plain\": %.2f, \"workers\": %zu, \"right\": %s}\n",
           b->p.n, b->p.dim, (double)b->n_lost / b->p.n, an_cipher_name(b->p.cipher), g->k, g->t,
           b->agents_s / b->p.n + (masking ? b->masks_s / masking : 0), b->coordinator_s, b->unmask_s,
           b->unmask_cpu_s, b->plain_s, (b->plain_s + b->coordinator_s) / b->plain_s,
           an_workers_count(b->workers), right);
    fflush(stdout);
}

static void done(bench *b)
{
    for (uint32_t i = 0; i < b->p.n; i++)
        an_secure_site_free(b->sites[i]);
    an_secure_sum_free(b->sum);
}

int main(int argc, char **argv)
{
    static bench b;
    const char *lost = "0,100,300";
    uint32_t masking = AN_COHORT_MAX, workers = 2, colluders = 100;
    an_note why = {{0}};
    b.p = (an_secure_params){.round = 1, .dim = 1000000, .cipher = AN_CIPHER_AES256CTR, .n = 100};
    b.p.min_parties = 3;
    b.p.dropouts_permille = 300;
    b.p.security_bits = 40;
    b.p.correctness_bits = 30;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint32_t v = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--lost") == 0)
            lost = argv[i + 1];
        else if (strcmp(argv[i], "--cipher") == 0)
            b.p.cipher = (an_cipher)v;
        else if (strcmp(argv[i], "--masking") == 0)
            masking = v > 0 ? v : AN_COHORT_MAX;
        else
            *(strcmp(argv[i], "--sites") == 0       ? &b.p.n
              : strcmp(argv[i], "--dim") == 0       ? &b.p.dim
              : strcmp(argv[i], "--colluders") == 0 ? &colluders
              : strcmp(argv[i], "--dropouts") == 0  ? &b.p.dropouts_permille
                                                    : &workers) = v;
    }
    b.p.colluding = an_sum_graph_colluding_parties(b.p.n, colluders);
    need(an_crypto_init(), NULL);
    if (b.p.n < AN_SUM_GRAPH_SITES_MIN || b.p.n > AN_COHORT_MAX || b.p.dim > AN_DIM_MAX)
        need(an_fail(AN_ERR_INVAL, &why, "--sites 3 to %d, --dim up to %u", AN_COHORT_MAX, AN_DIM_MAX), &why);
    need(an_workers_new(workers, &b.workers), NULL);
    b.v = an_alloc(b.p.dim, sizeof *b.v);
    b.acc = an_alloc(b.p.dim, sizeof *b.acc);
    b.plain = an_alloc(b.p.dim, sizeof *b.plain);
    if (!b.v || !b.acc || !b.plain)
        need(AN_ERR_NOMEM, NULL);
    b.n_masking = masking < b.p.n ? masking : b.p.n;
    for (const char *at = lost; *at;) {
        char *end;
        b.n_lost = b.p.n * (uint32_t)strtoul(at, &end, 10) / 1000;
        begin(&b);
        run(&b);
        report(&b);
        done(&b);
        at = *end == ',' ? end + 1 : "";
    }
    an_workers_free(b.workers);
    an_free(b.v);
    an_free(b.acc);
    an_free(b.plain);
    return 0;
}
