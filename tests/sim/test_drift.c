/* The drift watch on simulated lines: how often it cries without reason, and how soon it sees a
 * change.  Scores are Mahalanobis distances, fitted on the first rows of each line. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/driftwatch.h"
#include "agent/sim.h"
#include "base/mem.h"
#include "models/histogram.h"

#define TRAIN 10000
#define LIVE 20000
#define W_MAX AN_SIM_SENSORS_MAX
#define BINS 10

typedef struct line {
    size_t width;
    float *rows; /* (TRAIN + LIVE, width) */
    double mean[W_MAX], inverse[W_MAX][W_MAX], threshold;
    double *scores;
    an_drift_reference *ref;
    an_driftwatch *watch;
} line;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Gauss-Jordan with the diagonal as pivot: covariance plus a ridge is positive definite. */
static void invert(double (*m)[W_MAX], double (*inv)[W_MAX], size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            inv[i][j] = i == j;
    for (size_t k = 0; k < n; k++) {
        double p = m[k][k];
        for (size_t j = 0; j < n; j++)
            m[k][j] /= p, inv[k][j] /= p;
        for (size_t i = 0; i < n; i++) {
            double f = i == k ? 0 : m[i][k];
            for (size_t j = 0; j < n; j++)
                m[i][j] -= f * m[k][j], inv[i][j] -= f * inv[k][j];
        }
    }
}

static double distance(const line *l, const float *row)
{
    double sum = 0;
    for (size_t i = 0; i < l->width; i++)
        for (size_t j = 0; j < l->width; j++)
            sum += ((double)row[i] - l->mean[i]) * l->inverse[i][j] * ((double)row[j] - l->mean[j]);
    return sqrt(fmax(0, sum));
}

static void fit(line *l)
{
    double cov[W_MAX][W_MAX] = {{0}};
    const size_t w = l->width;
    for (size_t i = 0; i < TRAIN; i++)
        for (size_t j = 0; j < w; j++)
            l->mean[j] += (double)l->rows[i * w + j] / TRAIN;
    for (size_t i = 0; i < TRAIN; i++)
        for (size_t a = 0; a < w; a++)
            for (size_t b = 0; b < w; b++)
                cov[a][b] += ((double)l->rows[i * w + a] - l->mean[a]) *
                             ((double)l->rows[i * w + b] - l->mean[b]) / TRAIN;
    for (size_t a = 0; a < w; a++)
        cov[a][a] *= 1 + 1e-6;
    invert(cov, l->inverse, w);
    double *sorted = calloc(TRAIN, sizeof *sorted);
    l->scores = calloc(TRAIN + LIVE, sizeof *l->scores);
    assert_non_null(sorted);
    assert_non_null(l->scores);
    for (size_t i = 0; i < TRAIN + LIVE; i++)
        l->scores[i] = distance(l, l->rows + i * w);
    memcpy(sorted, l->scores, TRAIN * sizeof *sorted);
    qsort(sorted, TRAIN, sizeof *sorted, by_value);
    l->threshold = sorted[TRAIN * 99 / 100];
    free(sorted);
    for (size_t i = 0; i < TRAIN + LIVE; i++)
        l->scores[i] /= l->threshold;
}

static void make(line *l, const an_sim_conf *conf)
{
    static const an_driftwatch_conf usual = {0};
    float edges[W_MAX * (BINS - 1)];
    an_note why = {0};
    *l = (line){.width = an_sim_line_find(conf->line)->n_sensors};
    l->rows = calloc((TRAIN + LIVE) * l->width, sizeof *l->rows);
    assert_non_null(l->rows);
    assert_int_equal(an_sim_generate(conf, TRAIN + LIVE, l->rows, NULL, NULL, &why), AN_OK);
    fit(l);
    for (size_t j = 0; j < l->width; j++)
        assert_int_equal(an_hist_edges(edges + j * (BINS - 1), BINS, l->rows, TRAIN, l->width, j), AN_OK);
    assert_int_equal(
        an_driftwatch_calibrate(&usual, l->rows, l->scores, TRAIN, l->width, edges, BINS, &l->ref, &why),
        AN_OK);
    assert_int_equal(an_driftwatch_new(&usual, l->ref, &l->watch, &why), AN_OK);
}

static void done(line *l)
{
    an_driftwatch_free(l->watch);
    an_drift_reference_free(l->ref);
    free(l->rows);
    free(l->scores);
}

/* Alerts in the live rows; the row of the first one in *ret_first. */
static size_t watch(line *l, size_t *ret_first, an_drift_alert *ret_alert)
{
    size_t n = 0;
    an_drift_alert a;
    for (size_t i = TRAIN; i < TRAIN + LIVE; i++)
        if (an_driftwatch_step(l->watch, (int64_t)i * 1000, l->rows + i * l->width, l->scores[i], &a)) {
            if (n++ == 0) {
                *ret_first = i;
                *ret_alert = a;
            }
        }
    return n;
}

static an_sim_conf conf_of(const char *name, uint64_t seed)
{
    an_sim_conf c = {.seed = seed, .site = 1 + seed % 4, .step_ms = 1000};
    snprintf(c.line, sizeof c.line, "%s", name);
    return c;
}

/* 20 lines of 20000 rows: the bound is one alert per 100000 rows. */
static void without_drift_there_is_at_most_one_alert_in_a_hundred_thousand_rows(void **state)
{
    (void)state;
    size_t alerts = 0, first;
    an_drift_alert a = {0};
    for (uint64_t seed = 1; seed <= 10; seed++)
        for (size_t k = 0; an_sim_line_at(k); k++) {
            an_sim_conf c = conf_of(an_sim_line_at(k)->name, seed);
            line l;
            make(&l, &c);
            size_t n = watch(&l, &first, &a);
            if (n)
                print_message("%s seed %llu: %zu false alerts, the first a %s, effect %g, limit %g\n", c.line,
                              (unsigned long long)seed, n, an_drift_kind_name(a.kind), a.effect, a.limit);
            alerts += n;
            done(&l);
        }
    assert_in_range(alerts, 0, 4);
}

static void changes_of_the_line_are_seen_within_two_thousand_rows(void **state)
{
    (void)state;
    static const char *const changes[] = {"tool_change", "new_material"};
    for (size_t e = 0; e < 2; e++)
        for (size_t k = 0; an_sim_line_at(k); k++)
            for (uint64_t seed = 21; seed <= 22; seed++) {
                an_sim_conf c = conf_of(an_sim_line_at(k)->name, seed);
                const size_t begins = TRAIN + 6000;
                snprintf(c.events[0].name, sizeof c.events[0].name, "%s", changes[e]);
                c.events[0].start = begins;
                c.events[0].size = 1;
                c.n_events = 1;
                line l;
                size_t first = 0;
                an_drift_alert a = {0};
                make(&l, &c);
                size_t n = watch(&l, &first, &a);
                print_message("%s %s seed %llu: %zu alerts, delay %zu rows, %s, effect %.2f limit %.2f\n",
                              c.line, changes[e], (unsigned long long)seed, n, first - begins,
                              an_drift_kind_name(a.kind), a.effect, a.limit);
                assert_true(n > 0);
                assert_in_range(first, begins, begins + 2000);
                assert_in_range(n, 1, 3 * LIVE / 4096);
                if (a.kind != AN_DRIFT_INPUT)
                    assert_int_equal(a.sign, 1);
                done(&l);
            }
}

static void a_short_fault_is_no_drift(void **state)
{
    (void)state;
    an_sim_conf c = conf_of("pump", 31);
    snprintf(c.events[0].name, sizeof c.events[0].name, "cavitation");
    c.events[0] = (an_sim_event){.name = "cavitation", .start = TRAIN + 5000, .length = 60, .size = 2};
    c.n_events = 1;
    line l;
    size_t first = 0;
    an_drift_alert a = {0};
    make(&l, &c);
    assert_int_equal(watch(&l, &first, &a), 0);
    done(&l);
}

static void slow_wear_is_seen_too(void **state)
{
    (void)state;
    an_sim_conf c = conf_of("pump", 32);
    c.events[0] = (an_sim_event){.name = "bearing_wear", .start = TRAIN + 5000, .length = 10000, .size = 1};
    c.n_events = 1;
    line l;
    size_t first = 0;
    an_drift_alert a = {0};
    make(&l, &c);
    assert_true(watch(&l, &first, &a) > 0);
    assert_in_range(first, TRAIN + 5000, TRAIN + 15000);
    done(&l);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    an_sim_conf c = conf_of("pump", 1);
    line l;
    make(&l, &c);
    an_err err;
    size_t n = 0, live = an_mem_live();
    do {
        an_drift_reference *r = NULL;
        an_driftwatch *w = NULL;
        an_driftwatch_conf conf = {0};
        an_mem_fail_after(n++);
        err = an_driftwatch_calibrate(&conf, l.rows, l.scores, 2100, l.width, l.ref->edges, BINS, &r, NULL);
        if (!err)
            err = an_driftwatch_new(&conf, r, &w, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !w));
        an_driftwatch_free(w);
        an_drift_reference_free(r);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 8);
    done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_drift_there_is_at_most_one_alert_in_a_hundred_thousand_rows),
        cmocka_unit_test(changes_of_the_line_are_seen_within_two_thousand_rows),
        cmocka_unit_test(a_short_fault_is_no_drift),
        cmocka_unit_test(slow_wear_is_seen_too),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
