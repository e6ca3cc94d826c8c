/* Real drift, answered: the gas turbine data (UCI 551, hourly, 2011 to 2015) as four sites.
 *
 *     ANDON_DATA=../shared/data bench_turbine
 *
 * Consecutive blocks of 24 hours are dealt to the sites in turn, so that all see the same drift.  The first version
 * is trained on 2011 and 2012; every later year is streamed in order through pipelines, drift watches, sessions and
 * the hub, on a clock of which a second stands for an hour.  Whatever is reported, opened, judged and promoted is
 * done by them, a release too: one site is the canary, and whoever runs a new version watches it.  Error: what the running version leaves of the eleven sensors, in variances of 2011 and 2012 (an
 * autoencoder's task; there is no regression head).
 *
 * Twice: with replay and L2-SP, as a policy should have it, and without.  Performance on the past: the share of its
 * variance that a version reconstructs.  At the end three bad candidates, while the last weeks are streamed once
 * more: one that all sites train on noise; one of rows with the sensors' cables exchanged, by which it is judged, too, scored
 * beside production first; and the same one without that, which so comes to the canary.
 *
 * Fails if a year is not answered, if more than 2 % of the past is lost with replay and L2-SP, by a promotion or by
 * all of them, if a bad candidate comes into production, or if the last one is not rolled back within its soak. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/samples.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "models/data/table.h"
#include "models/kernels/kernels.h"
#include "models/scorer.h"
#include "tests/support/pumps.h"

#define N_SITES 4
#define N_SENSORS 11
#define FIRST_YEAR 2011
#define N_YEARS 5
#define N_KNOWN 2 /* years that are known to be normal */
#define BLOCK 24
#define ROWS_MAX 13000
#define VERSIONS_MAX 40
#define FORGOTTEN_MAX 0.02
#define WATCH 256 /* seconds of the clock, as which hours pass: 16 blocks of rows */
#define SOAK 264
#define SOAK_TEXT "264s"
#define AGAIN 900 /* rows of each site that are streamed once more for a bad candidate */
#define N_BAD 3

static const char *const names[N_SENSORS] = {"AT",  "AP",  "AH",  "AFDP", "GTEP", "TIT",
                                             "TAT", "TEY", "CDP", "CO",   "NOX"};
static const char arch[] =
    "model: turbine\n"
    "input: {features: features}\n"
    "layers: [{dense: {units: 32}}, relu, {dense: {units: 6}}, {dense: {units: 32}}, relu,\n"
    "  {dense: {units: features}}]\n"
    "loss: mse\n"
    "target: input\n";

#define POLICY(l2sp, ewc, replay)                                                                            \
    {                                                                                                        \
        {"train.rounds", "20"}, {"train.epochs", "3"}, {"train.batch", "32"}, {"train.lr", "0.003"},         \
            {"privacy", "trusted"}, {"promote.automatic", "true"}, {"min_cohort", "3"},                      \
            {"drift.automatic", "true"}, {"drift.quorum", "2"}, {"drift.within", "336s"},                    \
            {"drift.gather", "168s"}, {"drift.cooldown", "336s"}, {"drift.false_month", "360"},              \
            {"drift.rounds", "6"}, {"drift.epochs", "3"}, {"drift.lr", "0.001"}, {"drift.l2sp", l2sp},       \
            {"drift.ewc", ewc}, {"drift.replay", replay},                                                    \
    }
static const char *const with[][2] = POLICY("0.001", "0", "0.5");
static const char *const without[][2] = POLICY("0", "0", "0.01");
static const char *const ewc_alone[][2] = POLICY("0", "10000", "0.01");

typedef struct dataset {
    float rows[N_SITES][ROWS_MAX][N_SENSORS];
    int year[N_SITES][ROWS_MAX]; /* N_YEARS: streamed once more */
    size_t n[N_SITES];           /* rows of the years; the others follow */
    recorded sites[N_SITES];
    double sigma[N_SENSORS]; /* of the known years */
} dataset;

typedef struct step_at { /* a version went into production */
    an_hash version;
    size_t row;              /* of the stream: 0 is the first after the known years */
    size_t report, campaign; /* the first report that it answers, and when its campaign opened */
    float *error[N_SITES];   /* (rows) of every row */
} step_at;

typedef struct course {
    step_at versions[VERSIONS_MAX];
    size_t n;
    size_t report, campaign; /* as above, not answered yet; SIZE_MAX: none */
    size_t reports[N_YEARS];
    bool answered[N_YEARS]; /* a campaign of that year was promoted */
} course;

static dataset data;

/* ---- data ---- */

/* The bad candidates meet the last rows of the last year, so that what they are judged by is known to be true. */
static void repeat_end(size_t at)
{
    recorded *s = &data.sites[at];
    data.n[at] = s->n;
    assert_true(s->n + N_BAD * AGAIN <= ROWS_MAX);
    for (size_t i = 0; i < N_BAD * AGAIN; i++, s->n++) {
        memcpy(data.rows[at][s->n], data.rows[at][s->n - AGAIN], sizeof data.rows[at][0]);
        data.year[at][s->n] = N_YEARS;
    }
}

static bool read_data(const char *dir)
{
    size_t n = 0;
    for (int y = 0; y < N_YEARS; y++) {
        char path[512];
        an_note why = {{0}};
        an_table t = {0};
        an_table_conf conf;
        an_table_conf_init(&conf);
        conf.time_column = NULL;
        conf.header = AN_TABLE_HEADER_NO;
        snprintf(path, sizeof path, "%s/gas_turbine/gt_%d.csv", dir, FIRST_YEAR + y);
        if (an_table_read(path, &conf, &t, &why) != AN_OK || t.width != N_SENSORS) {
            fprintf(stderr, "%s: %s\n", path, why.text);
            an_table_done(&t);
            return false;
        }
        for (size_t i = 0; i < t.n; i++, n++) {
            recorded *s = &data.sites[n / BLOCK % N_SITES];
            const size_t at = n / BLOCK % N_SITES;
            memcpy(data.rows[at][s->n], t.rows + i * N_SENSORS, sizeof data.rows[at][0]);
            data.year[at][s->n++] = y;
            s->normal += y < N_KNOWN;
        }
        an_table_done(&t);
    }
    for (size_t s = 0; s < N_SITES; s++)
        repeat_end(s);
    return true;
}

static void find_sigma(void)
{
    for (size_t j = 0; j < N_SENSORS; j++) {
        double n = 0, sum = 0, square = 0;
        for (size_t s = 0; s < N_SITES; s++)
            for (size_t i = 0; i < data.sites[s].normal; i++) {
                const double x = (double)data.rows[s][i][j];
                n++;
                sum += x;
                square += x * x;
            }
        data.sigma[j] = sqrt(square / n - sum / n * (sum / n));
    }
}

/* ---- errors ---- */

/* Of every row of every site under a version, in variances of the known years, mean over the sensors. */
static void measure(world *w, step_at *v)
{
    char path[AN_PATH_MAX];
    an_note why = {{0}};
    an_bundle b = {.arch = NULL};
    an_scorer *scorer = NULL;
    an_scorer_work *work = NULL;
    assert_int_equal(an_store_object_path(w->store, &v->version, path), AN_OK);
    if (an_bundle_read(&b, NULL, path, &why) != AN_OK || an_scorer_new(&b, NULL, &scorer, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_scorer_work_new(scorer, 1, &work), AN_OK);
    const an_prep *prep = an_scorer_prep(scorer);
    for (size_t s = 0; s < N_SITES; s++) {
        const size_t n = data.sites[s].n;
        size_t n_x;
        float *x = NULL;
        v->error[s] = an_alloc(n, sizeof *v->error[s]);
        assert_non_null(v->error[s]);
        assert_int_equal(an_samples_inputs(prep, data.rows[s][0], n, 1, &x, &n_x, NULL, &why), AN_OK);
        for (size_t i = 0; i < n; i++) {
            float score;
            double sum = 0;
            assert_int_equal(an_scorer_score(scorer, work, x + i * N_SENSORS, 1, &score, NULL), AN_OK);
            const float *y = an_scorer_reconstruction(work);
            for (size_t j = 0; j < N_SENSORS; j++) {
                const double d =
                    ((double)x[i * N_SENSORS + j] - (double)y[j]) * (double)prep->scale[j] / data.sigma[j];
                sum += d * d;
            }
            v->error[s][i] = (float)(sum / N_SENSORS);
        }
        an_free(x);
    }
    an_scorer_work_free(work);
    an_scorer_free(scorer);
    an_bundle_done(&b);
}

/* Mean error of a version over the rows [from, to) of the stream that are of this year (-1: of any). */
static double error_of(const step_at *v, int year, size_t from, size_t to)
{
    double sum = 0, n = 0;
    for (size_t s = 0; s < N_SITES; s++)
        for (size_t i = data.sites[s].normal; i < data.n[s]; i++) {
            const size_t at = i - data.sites[s].normal;
            if (at < from || at >= to || (year >= 0 && data.year[s][i] != year))
                continue;
            sum += (double)v->error[s][i];
            n++;
        }
    return n > 0 ? sum / n : NAN;
}

static double error_known(const step_at *v)
{
    double sum = 0, n = 0;
    for (size_t s = 0; s < N_SITES; s++)
        for (size_t i = 0; i < data.sites[s].normal; i++, n++)
            sum += (double)v->error[s][i];
    return sum / n;
}

/* Everything before a row of the stream, the known years with it: what a campaign must not forget. */
static double error_past(const step_at *v, size_t to)
{
    double sum = 0, n = 0;
    for (size_t s = 0; s < N_SITES; s++)
        for (size_t i = 0; i < data.n[s] && i < data.sites[s].normal + to; i++, n++)
            sum += (double)v->error[s][i];
    return sum / n;
}

/* ---- the stream ---- */

static int year_of(size_t row)
{
    return data.year[0][data.sites[0].normal + row];
}

static an_hash production(world *w)
{
    return an_state_model(an_hub_state(w->hub), "turbine")->alias[AN_ALIAS_PRODUCTION - 1];
}

static void note_version(world *w, course *c, size_t row)
{
    const an_hash now = production(w);
    if (c->n > 0 && an_hash_equal(&c->versions[c->n - 1].version, &now))
        return;
    assert_true(c->n < VERSIONS_MAX);
    c->versions[c->n] = (step_at){.version = now, .row = row, .report = c->report, .campaign = c->campaign};
    measure(w, &c->versions[c->n++]);
    if (c->campaign != SIZE_MAX)
        c->answered[year_of(c->campaign)] = true;
    c->report = c->campaign = SIZE_MAX;
}

static void stream(world *w, course *c)
{
    size_t n_reports = an_hub_state(w->hub)->drifts.n, n_campaigns = an_hub_state(w->hub)->campaigns.n;
    for (size_t row = 0;; row++) {
        const pump *p = pump_of(w, 0);
        if (p->next == data.n[0])
            break;
        pumps_run(w, 1);
        const an_state *st = an_hub_state(w->hub);
        for (; n_reports < st->drifts.n; n_reports++) {
            if (st->drifts.items[n_reports].sign < 0)
                continue;
            c->reports[year_of(row)]++;
            if (c->report == SIZE_MAX)
                c->report = row;
        }
        for (; n_campaigns < st->campaigns.n; n_campaigns++)
            c->campaign = row; /* of several the one that is promoted, as they follow each other */
        note_version(w, c, row + 1);
    }
}

static void tell_rollout(const an_rollout *r)
{
    double taken = r->ended_ms ? (double)(r->ended_ms - r->opened_ms) / 1000 : NAN;
    printf("    rollout %llu: %s after %.0f hours, in stage %u of %u: %s\n", (unsigned long long)r->id,
           an_rollout_state_name(r->state), taken, r->stage + 1, r->n_stages, r->reason);
    for (size_t i = 0; i < r->n_targets; i++)
        if (r->targets[i].state == AN_TARGET_FAILED)
            printf("      %s: %s\n", r->targets[i].site, r->targets[i].reason);
}

static void tell_campaigns(world *w)
{
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 1; i < st->campaigns.n; i++) {
        const an_campaign *k = &st->campaigns.items[i];
        printf("  campaign %llu: %s: %s\n    %s: %s\n", (unsigned long long)k->id, k->cause, k->trigger,
               an_campaign_state_name(k->state), k->reason);
    }
}

static size_t year_begins(int year)
{
    size_t row = 0;
    while (data.sites[0].normal + row < data.n[0] && year_of(row) < year)
        row++;
    return row;
}

/* What ran, row by row, over those of a year. */
static double error_run(const course *c, int year)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < c->n; i++)
        for (size_t s = 0; s < N_SITES; s++)
            for (size_t k = data.sites[s].normal + c->versions[i].row; k < data.n[s]; k++) {
                if (i + 1 < c->n && k >= data.sites[s].normal + c->versions[i + 1].row)
                    break;
                if (data.year[s][k] != year)
                    continue;
                sum += (double)c->versions[i].error[s][k];
                n++;
            }
    return sum / n;
}

static void tell_answers(const course *c)
{
    for (size_t i = 1; i < c->n; i++) {
        const step_at *a = &c->versions[i - 1], *b = &c->versions[i];
        const size_t end = i + 1 < c->n ? c->versions[i + 1].report : SIZE_MAX;
        const int year = year_of(b->report);
        printf("  %d: first report after %zu hours of a site, campaign %zu later, in production %zu later\n",
               FIRST_YEAR + year, b->report - year_begins(year), b->campaign - b->report,
               b->row - b->campaign);
        printf("     error before the report %.4f, from there to production %.4f, after it %.4f (of the "
               "version before on those rows: %.4f)\n",
               error_of(a, -1, a->row, b->report), error_of(a, -1, b->report, b->row),
               error_of(b, -1, b->row, end), error_of(a, -1, b->row, end));
    }
}

/* False: a year was not answered. */
static bool tell_years(const course *c)
{
    bool answered = true;
    for (int y = N_KNOWN; y < N_YEARS; y++) {
        printf("  %d: %zu reports; error of what ran %.4f, of the first version %.4f%s\n", FIRST_YEAR + y,
               c->reports[y], error_run(c, y), error_of(&c->versions[0], y, 0, SIZE_MAX),
               c->answered[y] ? "" : "; NOT ANSWERED");
        answered = answered && c->answered[y];
    }
    return answered;
}

/* What share of the variance a version reconstructs. */
static double explained(double error)
{
    return 1 - error;
}

/* Returns the largest share by which a promotion lowered the explained variance of what came before its drift. */
static double tell_forgetting(const course *c)
{
    double worst = 0;
    for (size_t i = 1; i < c->n; i++) {
        const step_at *a = &c->versions[i - 1], *b = &c->versions[i];
        const double before = error_past(a, a->row), after = error_past(b, a->row);
        const double lost = 1 - explained(after) / explained(before);
        printf("  promotion %zu (row %zu): of all rows before its drift %.2f %% explained -> %.2f %% (%+.2f "
               "%%; error "
               "%.4f -> %.4f), of 2011-12 alone %.2f %% -> %.2f %%\n",
               i, b->row, 100 * explained(before), 100 * explained(after), -100 * lost, before, after,
               100 * explained(error_known(a)), 100 * explained(error_known(b)));
        worst = fmax(worst, lost);
    }
    const double first = error_known(&c->versions[0]), last = error_known(&c->versions[c->n - 1]);
    printf("  all promotions: of 2011-12 %.2f %% explained -> %.2f %% (%+.2f %%)\n", 100 * explained(first),
           100 * explained(last), 100 * (explained(last) / explained(first) - 1));
    return fmax(worst, 1 - explained(last) / explained(first));
}

/* ---- releases ---- */

static void set_policy(world *w, const char *const (*options)[2], size_t n)
{
    an_note why = {{0}};
    if (an_hub_model_policy(w->hub, "user/admin", "turbine", options, n, &why) != AN_OK)
        fail_msg("%s", why.text);
}

/* From the second version on: a canary first. */
static void release_by_stages(world *w)
{
    static const char *const options[][2] = {
        {"rollout.stages", "1, all"}, {"rollout.soak", SOAK_TEXT}, {"rollout.deadline", "528s"}};
    set_policy(w, options, sizeof options / sizeof *options);
}

/* ---- bad candidates ---- */

/* A campaign over what the sites are given, while the last rows come once more.  True: production is what it was, and
 * nobody runs anything else. */
static bool try_bad(world *w, const char *what, an_campaign_kind kind, pump_spoiled spoiled,
                    const char *shadow)
{
    const char *const options[][2] = {{"shadow.time", shadow}};
    const an_hash before = production(w);
    an_state *st = an_hub_state(w->hub);
    const size_t rollouts = st->rollouts.n;
    set_policy(w, options, 1);
    for (size_t i = 0; i < w->n; i++)
        pump_of(w, i)->spoiled = spoiled;
    const uint64_t id = campaign(w, kind);
    settle(w);
    pumps_run(w, AGAIN);
    const an_campaign *k = an_state_campaign(st, id);
    printf("  %s: %s: %s\n", what, an_campaign_state_name(k->state), k->reason);
    for (size_t i = rollouts; i < st->rollouts.n; i++)
        tell_rollout(&st->rollouts.items[i]);
    const an_hash after = production(w);
    bool kept = k->state == AN_CAMPAIGN_STOPPED && an_hash_equal(&before, &after);
    for (size_t i = 0; i < w->n; i++) {
        pump_of(w, i)->spoiled = PUMP_TRUE;
        kept = kept && an_hash_equal(&w->sites[i].runs, &before);
    }
    return kept;
}

/* The last rollout came to sites, and went back within the soak of its stage. */
static bool went_back(world *w)
{
    const an_rollout *r = an_state_rollout_last(an_hub_state(w->hub), "turbine");
    return r && r->state == AN_ROLLOUT_ROLLED_BACK && r->ended_ms - r->stage_ms <= SOAK * 1000;
}

static bool try_bad_candidates(world *w)
{
    const bool noise = try_bad(w, "trained on noise", AN_CAMPAIGN_INCREMENTAL, PUMP_TRAINS_ON_NOISE, "0");
    const bool beside = try_bad(w, "trained and judged on exchanged sensors, with a shadow",
                                AN_CAMPAIGN_TRAINING, PUMP_MISPLUGGED, "256s");
    const bool watched = try_bad(w, "the same without a shadow", AN_CAMPAIGN_TRAINING, PUMP_MISPLUGGED, "0");
    return noise && beside && watched && went_back(w);
}

/* Returns the worst forgetting; sets *ret_ok. */
static double run_course(const char *what, const char *const (*policy)[2], size_t n_policy, bool *ret_ok)
{
    void *state = NULL;
    course c = {.report = SIZE_MAX, .campaign = SIZE_MAX};
    const an_model_spec spec = {.name = "turbine",
                                .arch = arch,
                                .sensors = names,
                                .n_sensors = N_SENSORS,
                                .rate_hz = 1,
                                .window = 1,
                                .stride = 1,
                                .smooth = 1,
                                .threshold = "quantile:0.999*1.33",
                                .policy = policy,
                                .n_policy = n_policy};
    const pumps_recorded conf = {.spec = &spec,
                                 .sites = data.sites,
                                 .n_sites = N_SITES,
                                 .drift = {.rows = 168, .block = 8, .cooldown_rows = 504},
                                 .quality = AN_QUALITY_CONF_DEFAULT,
                                 .calibrate = an_calibrate_defaults()};
    an_federation_kind kind = an_pumps_recorded(&conf);
    kind.watch_ms = WATCH * 1000;
    an_federation_setup_kind(&state, &kind);
    world *w = state;
    printf("%s\n", what);
    const an_campaign *k = pumps_first_version(w);
    release_by_stages(w);
    note_version(w, &c, 0);
    printf("  first version: %s; error on 2011-12 %.4f\n", k->reason, error_known(&c.versions[0]));
    stream(w, &c);
    tell_campaigns(w);
    tell_answers(&c);
    *ret_ok = tell_years(&c);
    const double worst = tell_forgetting(&c);
    if (!try_bad_candidates(w))
        *ret_ok = false;
    for (size_t i = 0; i < c.n; i++)
        for (size_t s = 0; s < N_SITES; s++)
            an_free(c.versions[i].error[s]);
    an_federation_teardown(&state);
    return worst;
}

int main(void)
{
    const char *dir = getenv("ANDON_DATA");
    bool ok, ok_without;
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 2;
    an_log_init(AN_LOG_ERROR, "bench_turbine");
    for (size_t s = 0; s < N_SITES; s++)
        data.sites[s].rows = data.rows[s][0];
    if (!read_data(dir ? dir : "../shared/data")) {
        printf("skipped: the data is not there (ANDON_DATA)\n");
        return 77;
    }
    find_sigma();
    const double worst = run_course("with replay and L2-SP", with, sizeof with / sizeof *with, &ok);
    const double alone =
        run_course("without replay and L2-SP", without, sizeof without / sizeof *without, &ok_without);
    const double ewc =
        run_course("with EWC instead", ewc_alone, sizeof ewc_alone / sizeof *ewc_alone, &ok_without);
    printf("forgotten at most: %.2f %% with replay and L2-SP, %.2f %% with EWC instead, %.2f %% with none\n",
           100 * worst, 100 * ewc, 100 * alone);
    return ok && worst <= FORGOTTEN_MAX ? 0 : 1;
}
