/* How often a fleet without drift is answered: twelve servers (asd), nothing injected.  The first half of each
 * server's known-normal rows is learned, the rest of them and the test rows, with the faults that are in them, are
 * streamed through pipelines, drift watches, sessions and the hub.  Every campaign for drift is a false one.
 *
 * A second of the clock stands for five minutes, so a month of the servers is 8640 seconds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/drift.h"
#include "doors/crypto.h"
#include "models/data/table.h"
#include "models/kernels/kernels.h"
#include "tests/support/pumps.h"

/* The build without optimisation takes three of them, the release build all. */
#ifdef __OPTIMIZE__
#define SERVERS 12
#else
#define SERVERS 3
#endif
#define WIDTH_ASD 19
#define MONTH_ROWS 8640
#define SCALE 300         /* seconds of the servers in a second of the clock */
#define FALSE_MONTH_MAX 4 /* drift.false_month, 1200, of the servers' time */

static const char *const names[WIDTH_ASD] = {"m0",  "m1",  "m2",  "m3",  "m4",  "m5",  "m6",
                                             "m7",  "m8",  "m9",  "m10", "m11", "m12", "m13",
                                             "m14", "m15", "m16", "m17", "m18"};
static const char arch[] = "model: asd\n"
                           "input: {features: input, window: 5}\n"
                           "layers: [flatten, {dense: {units: 64}}, relu, {dense: {units: 8}}, relu,\n"
                           "  {dense: {units: 64}}, relu, {dense: {units: input}}]\n"
                           "loss: mse\n"
                           "target: input\n";

/* Before the last three whatever is reported counts; they weigh reports, and only those of scores. */
#define N_FREE 13
static char run_text[32];
static const char *const policy[][2] = {
    {"train.rounds", "6"},      {"train.epochs", "2"},         {"train.batch", "64"},
    {"train.lr", "0.002"},      {"privacy", "trusted"},        {"promote.automatic", "true"},
    {"min_cohort", "3"},        {"update.clip_norm", "100"},   {"drift.automatic", "true"},
    {"drift.within", "864s"},   {"drift.gather", "144s"},      {"drift.cooldown", "288s"},
    {"drift.false_month", "0"}, {"drift.false_month", "1200"}, {"drift.tests", "score"},
    {"drift.run", run_text}};
#define N_HELD (sizeof policy / sizeof *policy)

static recorded servers[SERVERS];

/* Appends a file's rows; false: it is not there. */
static bool append(recorded *s, const char *dir, const char *server, const char *file)
{
    char path[512];
    an_note why = {{0}};
    an_table t = {0};
    an_table_conf conf;
    an_table_conf_init(&conf);
    conf.time_column = NULL;
    conf.header = AN_TABLE_HEADER_NO;
    snprintf(path, sizeof path, "%s/asd/%s/%s", dir, server, file);
    if (an_table_read(path, &conf, &t, &why) != AN_OK || t.width != WIDTH_ASD) {
        print_message("%s: %s\n", path, why.text);
        an_table_done(&t);
        return false;
    }
    float *rows = an_alloc((s->n + t.n) * WIDTH_ASD, sizeof *rows);
    assert_non_null(rows);
    if (s->n)
        memcpy(rows, s->rows, s->n * WIDTH_ASD * sizeof *rows);
    memcpy(rows + s->n * WIDTH_ASD, t.rows, t.n * WIDTH_ASD * sizeof *rows);
    an_free((void *)(uintptr_t)s->rows);
    s->rows = rows;
    s->normal = s->n ? s->normal : t.n / 2;
    s->n += t.n;
    an_table_done(&t);
    return true;
}

static bool read_servers(const char *dir)
{
    for (size_t i = 0; i < SERVERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "omi-%zu", i + 1);
        if (!append(&servers[i], dir, name, "train.csv") || !append(&servers[i], dir, name, "test.csv"))
            return false;
    }
    return true;
}

typedef struct outcome {
    double months;
    size_t reports, campaigns, promoted, no_gain;
} outcome;

static outcome run_month(size_t n_policy)
{
    void *state = NULL;
    outcome o = {.months = 0};
    const an_model_spec spec = {.name = "asd",
                                .arch = arch,
                                .sensors = names,
                                .n_sensors = WIDTH_ASD,
                                .rate_hz = 1,
                                .window = 5,
                                .stride = 1,
                                .smooth = 1,
                                .threshold = "quantile:0.999*1.33",
                                .policy = policy,
                                .n_policy = n_policy};
    an_quality_conf quality = AN_QUALITY_CONF_DEFAULT;
    quality.stuck_rows = 0; /* counters of servers rest for days */
    const pumps_recorded conf = {.spec = &spec,
                                 .sites = servers,
                                 .n_sites = SERVERS,
                                 .drift = {.rows = 288},
                                 .quality = quality,
                                 .calibrate = an_calibrate_defaults()};
    an_federation_kind kind = an_pumps_recorded(&conf);
    an_federation_setup_kind(&state, &kind);
    world *w = state;
    for (size_t i = 0; i < SERVERS; i++)
        w->sites[i].calibrate.site_scaler = true;
    pumps_first_version(w);
    size_t rows = 0;
    for (size_t i = 0; i < SERVERS; i++)
        rows = servers[i].n - servers[i].normal > rows ? servers[i].n - servers[i].normal : rows;
    pumps_run(w, rows);
    o.months = (double)rows / MONTH_ROWS;
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->drifts.n; i++)
        o.reports += st->drifts.items[i].sign >= 0;
    for (size_t i = 1; i < st->campaigns.n; i++) {
        const an_campaign *c = &st->campaigns.items[i];
        o.campaigns++;
        o.promoted += c->state == AN_CAMPAIGN_PROMOTED;
        o.no_gain += strstr(c->reason, "no gain") == c->reason;
        if (getenv("ANDON_VERBOSE"))
            print_message("%s: %s: %s\n", c->trigger, an_campaign_state_name(c->state), c->reason);
    }
    an_federation_teardown(&state);
    return o;
}

static void tell(const char *what, const outcome *o, const an_drift_chance *c)
{
    print_message(
        "%s: %.2f months of %d servers: %zu reports; %zu false campaigns (%zu promoted, %zu without gain): "
        "%.1f in a month, at most %.1f with 95 %% confidence; expected at most %.2f\n",
        what, o->months, SERVERS, o->reports, o->campaigns, o->promoted, o->no_gain,
        (double)o->campaigns / o->months, an_drift_poisson_max(o->campaigns, 0.95) / o->months,
        c->campaigns / SCALE);
}

static an_drift_chance chance_of(size_t n)
{
    an_policy p;
    assert_int_equal(an_policy_init(&p), AN_OK);
    assert_int_equal(an_policy_set_all(&p, policy, n, NULL), AN_OK);
    return an_drift_chance_of(&p, SERVERS, 1);
}

static void servers_without_drift_have_few_campaigns_in_a_month(void **state)
{
    (void)state;
    const outcome all = run_month(N_FREE);
    const an_drift_chance c_all = chance_of(N_FREE);
    /* What the operator would set, having seen that month. */
    snprintf(run_text, sizeof run_text, "%.0f",
             SERVERS * all.months * MONTH_ROWS / (double)(all.reports ? all.reports : 1));
    const outcome held = run_month(N_HELD);
    const an_drift_chance c_held = chance_of(N_HELD);
    tell("every report counts", &all, &c_all);
    tell("reports of scores, weighed", &held, &c_held);
    print_message("drift.run %s\n", run_text);
    assert_true((double)held.campaigns / held.months <= FALSE_MONTH_MAX);
    assert_true(held.campaigns <= all.campaigns);
}

int main(void)
{
    const char *dir = getenv("ANDON_DATA");
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_ERROR, "test");
    if (!read_servers(dir ? dir : "../shared/data")) {
        print_message("skipped: the data is not there (ANDON_DATA)\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_without_drift_have_few_campaigns_in_a_month),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < SERVERS; i++)
        an_free((void *)(uintptr_t)servers[i].rows);
    return failed;
}
