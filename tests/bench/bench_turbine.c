/* Real drift, answered: the gas turbine data (UCI 551, hourly, 2011 to 2015) as four sites.
 *
 *     ANDON_DATA=../shared/data bench_turbine
 *
 * Consecutive blocks of 24 hours are dealt to the sites in turn, so that all see the same drift.  The first version
 * is trained on 2011 and 2012; every later year is streamed in order through pipelines, drift watches, sessions and
 * the hub, on a clock of which a second stands for an hour.  Whatever is reported, opened, judged and promoted is
 * done by them.  Error: what the running version leaves of the eleven sensors, in variances of 2011 and 2012 (an
 * autoencoder's task; there is no regression head).
 *
 * Twice: with replay and L2-SP, as a policy should have it, and without.  At the end all sites train on spoiled
 * rows once, and the candidate must be stopped.  Performance on the past: the share of its variance that a version
 * reconstructs.  Fails if a year is not answered, if more than 2 % of that is lost with replay and L2-SP, by a
 * promotion or by all of them, or if the bad candidate comes through. */
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
#define ROWS_MAX 12000
#define VERSIONS_MAX 40
#define FORGOTTEN_MAX 0.02

static const char *const names[N_SENSORS] = {"AT",  "AP",  "AH",  "AFDP", "GTEP", "TIT",
                                             "TAT", "TEY", "CDP", "CO",   "NOX"};
static const char arch[] =
    "model: turbine\n"
    "input: {features: features}\n"
    "layers: [{dense: {units: 32}}, relu, {dense: {units: 6}}, {dense: {units: 32}}, relu,\n"
    "  {dense: {units: features}}]\n"
    "loss: mse\n"
    "target: input\n";

#define POLICY(l2sp, replay)                                                                                 \
    {                                                                                                        \
        {"train.rounds", "20"}, {"train.epochs", "3"}, {"train.batch", "32"}, {"train.lr", "0.003"},         \
            {"privacy", "trusted"}, {"promote.automatic", "true"}, {"min_cohort", "3"},                      \
            {"drift.automatic", "true"}, {"drift.quorum", "2"}, {"drift.within", "336s"},                    \
            {"drift.gather", "168s"}, {"drift.cooldown", "336s"}, {"drift.false_month", "360"},              \
            {"drift.rounds", "6"}, {"drift.epochs", "3"}, {"drift.lr", "0.001"}, {"drift.l2sp", l2sp},       \
            {"drift.replay", replay},                                                                        \
    }
static const char *const with[][2] = POLICY("0.001", "0.5");
static const char *const without[][2] = POLICY("0", "0.01");

typedef struct dataset {
    float rows[N_SITES][ROWS_MAX][N_SENSORS];
    int year[N_SITES][ROWS_MAX];
    recorded sites[N_SITES];
    double sigma[N_SENSORS]; /* of the known years */
} dataset;

typedef struct step_at { /* a version went into production */
    an_hash version;
    size_t row;            /* of the stream: 0 is the first after the known years */
    float *error[N_SITES]; /* (rows) of every row */
} step_at;

typedef struct course {
    step_at versions[VERSIONS_MAX];
    size_t n;
    size_t first_report[N_YEARS], first_campaign[N_YEARS]; /* rows of the stream; SIZE_MAX: none */
    size_t reports[N_YEARS];
} course;

static dataset data;

/* ---- data ---- */

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
        float *x = NULL;
        v->error[s] = an_alloc(n, sizeof *v->error[s]);
        assert_non_null(v->error[s]);
        assert_int_equal(an_samples_inputs(prep, data.rows[s][0], n, 1, &x, &why), AN_OK);
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
        for (size_t i = data.sites[s].normal; i < data.sites[s].n; i++) {
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
        for (size_t i = 0; i < data.sites[s].n && i < data.sites[s].normal + to; i++, n++)
            sum += (double)v->error[s][i];
    return sum / n;
}

/* ---- the stream ---- */

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
    c->versions[c->n] = (step_at){.version = now, .row = row};
    measure(w, &c->versions[c->n++]);
}

static void stream(world *w, course *c)
{
    size_t n_reports = an_hub_state(w->hub)->drifts.n, n_campaigns = an_hub_state(w->hub)->campaigns.n;
    for (int y = 0; y < N_YEARS; y++)
        c->first_report[y] = c->first_campaign[y] = SIZE_MAX;
    for (size_t row = 0;; row++) {
        const pump *p = pump_of(w, 0);
        if (p->next == p->table->n)
            break;
        const int year = data.year[0][p->next];
        pumps_run(w, 1);
        const an_state *st = an_hub_state(w->hub);
        for (; n_reports < st->drifts.n; n_reports++) {
            if (st->drifts.items[n_reports].sign < 0)
                continue;
            c->reports[year]++;
            if (c->first_report[year] == SIZE_MAX)
                c->first_report[year] = row;
        }
        for (; n_campaigns < st->campaigns.n; n_campaigns++)
            if (c->first_campaign[year] == SIZE_MAX)
                c->first_campaign[year] = row;
        note_version(w, c, row + 1);
    }
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
    size_t i = data.sites[0].normal;
    while (i < data.sites[0].n && data.year[0][i] < year)
        i++;
    return i - data.sites[0].normal;
}

/* Per year: errors of the version that ran when it began, and of that which ran at its end.  Returns false if a year
 * was not answered. */
static bool tell_years(const course *c)
{
    bool answered = true;
    for (int y = N_KNOWN; y < N_YEARS; y++) {
        const size_t from = year_begins(y), to = y + 1 < N_YEARS ? year_begins(y + 1) : SIZE_MAX;
        const step_at *before = &c->versions[0], *after = NULL;
        for (size_t i = 0; i < c->n; i++) {
            if (c->versions[i].row <= from)
                before = &c->versions[i];
            if (c->versions[i].row <= to)
                after = &c->versions[i];
        }
        printf("  %d: %zu reports", FIRST_YEAR + y, c->reports[y]);
        if (!after || after == before) {
            printf(", nothing promoted; error %.4f\n", error_of(before, y, from, to));
            answered = false;
            continue;
        }
        const size_t report = c->first_report[y] < after->row ? c->first_report[y] : from;
        printf(", first after %zu hours of a site, campaign after %zu, last promotion after %zu\n",
               report - from, c->first_campaign[y] - from, after->row - from);
        printf("     error before the report %.4f, from there to the last promotion %.4f, after it %.4f (the "
               "version "
               "from before: %.4f)\n",
               error_of(before, y, from, report), error_of(before, y, report, after->row),
               error_of(after, y, after->row, to), error_of(before, y, after->row, to));
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

/* All sites learn from spoiled rows.  True: what came of it was stopped, and production is what it was. */
static bool try_bad_candidate(world *w)
{
    const an_hash before = production(w);
    for (size_t i = 0; i < w->n; i++)
        pump_of(w, i)->spoiled = true;
    const uint64_t id = campaign(w, AN_CAMPAIGN_INCREMENTAL);
    settle(w);
    pass(w, 60000);
    const an_campaign *k = an_state_campaign(an_hub_state(w->hub), id);
    const an_hash after = production(w);
    printf("  trained on spoiled rows: %s: %s\n", an_campaign_state_name(k->state), k->reason);
    for (size_t i = 0; i < w->n; i++)
        pump_of(w, i)->spoiled = false;
    return k->state == AN_CAMPAIGN_STOPPED && an_hash_equal(&before, &after);
}

/* Returns the worst forgetting; sets *ret_ok. */
static double run_course(const char *what, const char *const (*policy)[2], size_t n_policy, bool *ret_ok)
{
    void *state = NULL;
    course c = {.n = 0};
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
    const an_federation_kind kind = an_pumps_recorded(&conf);
    an_federation_setup_kind(&state, &kind);
    world *w = state;
    printf("%s\n", what);
    pumps_begin(w);
    connect_all(w);
    const uint64_t first = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 5000);
    const an_campaign *k = an_state_campaign(an_hub_state(w->hub), first);
    if (k->state != AN_CAMPAIGN_PROMOTED)
        fail_msg("first version: %s", k->reason);
    note_version(w, &c, 0);
    printf("  first version: %s; error on 2011-12 %.4f\n", k->reason, error_known(&c.versions[0]));
    stream(w, &c);
    tell_campaigns(w);
    *ret_ok = tell_years(&c);
    const double worst = tell_forgetting(&c);
    if (!try_bad_candidate(w))
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
    printf("forgotten at most: %.2f %% with replay and L2-SP, %.2f %% without\n", 100 * worst, 100 * alone);
    return ok && worst <= FORGOTTEN_MAX ? 0 : 1;
}
