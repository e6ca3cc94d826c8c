/* The line simulator: the same seed gives the same line, sensors belong together, faults show.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sim.h"
#include "base/mem.h"

#define N 4000

static float rows[N * AN_SIM_SENSORS_MAX], other[N * AN_SIM_SENSORS_MAX];
static int8_t labels[N];

static an_sim_conf conf_of(const char *line, uint64_t seed, uint64_t site)
{
    an_sim_conf c = {.seed = seed, .site = site, .step_ms = 1000};
    snprintf(c.line, sizeof c.line, "%s", line);
    return c;
}

static void add_event(an_sim_conf *c, const char *name, uint64_t start, uint64_t length, double size,
                      const char *sensor)
{
    an_sim_event *e = &c->events[c->n_events++];
    snprintf(e->name, sizeof e->name, "%s", name);
    snprintf(e->sensor, sizeof e->sensor, "%s", sensor);
    e->start = start;
    e->length = length;
    e->size = size;
}

static void generate(const an_sim_conf *c, float *ret, int8_t *ret_labels)
{
    an_note why = {0};
    an_err err = an_sim_generate(c, N, ret, ret_labels, NULL, &why);
    if (err)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
}

static size_t sensor_index(const an_sim_line *line, const char *name)
{
    for (size_t j = 0; j < line->n_sensors; j++)
        if (strcmp(line->sensors[j].name, name) == 0)
            return j;
    return SIZE_MAX;
}

/* Mean of column j over rows [from, to), NaN left out; spread in *ret_std. */
static double mean_of(const float *x, size_t width, size_t j, size_t from, size_t to, double *ret_std)
{
    double n = 0, sum = 0, square = 0;
    for (size_t i = from; i < to; i++) {
        double v = (double)x[i * width + j];
        if (isnan(v))
            continue;
        n++;
        sum += v;
        square += v * v;
    }
    if (ret_std)
        *ret_std = sqrt(fmax(0, square / n - sum / n * (sum / n)));
    return sum / n;
}

static double correlation(const float *x, size_t width, size_t a, size_t b)
{
    double sa, sb, ma = mean_of(x, width, a, 0, N, &sa), mb = mean_of(x, width, b, 0, N, &sb), sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += ((double)x[i * width + a] - ma) * ((double)x[i * width + b] - mb);
    return sum / (N * sa * sb);
}

static void the_same_seed_gives_the_same_line_and_another_seed_another(void **state)
{
    (void)state;
    for (size_t l = 0; an_sim_line_at(l); l++) {
        const an_sim_line *line = an_sim_line_at(l);
        const size_t bytes = N * line->n_sensors * sizeof *rows;
        an_sim_conf c = conf_of(line->name, 5, 2);
        generate(&c, rows, NULL);
        generate(&c, other, NULL);
        assert_memory_equal(rows, other, bytes);
        c.seed = 6;
        generate(&c, other, NULL);
        assert_memory_not_equal(rows, other, bytes);
    }
}

static void sites_differ_in_their_instruments_but_not_in_their_kind(void **state)
{
    (void)state;
    for (size_t l = 0; an_sim_line_at(l); l++) {
        const an_sim_line *line = an_sim_line_at(l);
        an_sim_conf c = conf_of(line->name, 5, 1), d = conf_of(line->name, 5, 2);
        generate(&c, rows, NULL);
        generate(&d, other, NULL);
        size_t differ = 0;
        for (size_t j = 0; j < line->n_sensors; j++) {
            double std, a = mean_of(rows, line->n_sensors, j, 0, N, &std);
            double b = mean_of(other, line->n_sensors, j, 0, N, NULL);
            differ += fabs(a - b) > 0.1 * std;
            assert_true(fabs(a - b) < 8 * std + 1e-9);
        }
        assert_true(differ >= line->n_sensors / 2);
    }
}

static void the_sensors_of_a_pump_belong_together(void **state)
{
    (void)state;
    const an_sim_line *line = an_sim_line_find("pump");
    an_sim_conf c = conf_of("pump", 3, 1);
    generate(&c, rows, NULL);
    const size_t w = line->n_sensors, flow = sensor_index(line, "flow");
    assert_true(correlation(rows, w, flow, sensor_index(line, "speed")) > 0.8);
    assert_true(correlation(rows, w, flow, sensor_index(line, "motor_current")) > 0.8);
    assert_true(correlation(rows, w, flow, sensor_index(line, "suction_pressure")) < -0.7);
}

static void the_sensors_of_a_press_belong_together(void **state)
{
    (void)state;
    const an_sim_line *line = an_sim_line_find("press");
    an_sim_conf c = conf_of("press", 3, 1);
    generate(&c, rows, NULL);
    const size_t w = line->n_sensors, force = sensor_index(line, "force");
    assert_true(correlation(rows, w, force, sensor_index(line, "hydraulic_pressure")) > 0.9);
    assert_true(correlation(rows, w, force, sensor_index(line, "cycle_time")) < -0.7);
}

static void a_line_runs_on_levels_and_stops_now_and_then_unless_it_is_steady(void **state)
{
    (void)state;
    const an_sim_line *line = an_sim_line_find("pump");
    const size_t w = line->n_sensors, speed = sensor_index(line, "speed");
    an_sim_conf c = conf_of("pump", 8, 0);
    for (int steady = 0; steady < 2; steady++) {
        size_t stopped = 0;
        c.steady = steady;
        generate(&c, rows, NULL);
        for (size_t i = 100; i < N; i++)
            stopped += rows[i * w + speed] < 300;
        if (steady)
            assert_int_equal(stopped, 0);
        else
            assert_in_range(stopped, 20, N / 5);
    }
}

static void every_fault_is_labelled_and_every_drift_is_not_and_both_move_the_sensors(void **state)
{
    (void)state;
    for (size_t l = 0; an_sim_line_at(l); l++) {
        const an_sim_line *line = an_sim_line_at(l);
        const size_t w = line->n_sensors;
        for (size_t e = 0; e < line->n_events; e++) {
            an_sim_conf c = conf_of(line->name, 9, 1);
            c.steady = true;
            generate(&c, other, NULL);
            add_event(&c, line->events[e].name, 2000, 1000, 1, "");
            generate(&c, rows, labels);
            assert_memory_equal(rows, other, 2000 * w * sizeof *rows);
            double most = 0;
            for (size_t j = 0; j < w; j++) {
                double std, b = mean_of(other, w, j, 2700, 3000, NULL);
                mean_of(other, w, j, 0, N, &std);
                most = fmax(most, fabs(mean_of(rows, w, j, 2700, 3000, NULL) - b) / std);
            }
            if (most < 1)
                print_error("%s %s moves sensors by only %g\n", line->name, line->events[e].name, most);
            assert_true(most >= 1);
            for (size_t i = 0; i < N; i++)
                assert_int_equal(labels[i], line->events[e].is_fault && i >= 2000 && i < 3000);
        }
    }
}

static void slow_wear_grows_along_its_ramp(void **state)
{
    (void)state;
    const an_sim_line *line = an_sim_line_find("pump");
    const size_t w = line->n_sensors, vib = sensor_index(line, "vibration_drive_end");
    an_sim_conf c = conf_of("pump", 4, 0);
    c.steady = true;
    generate(&c, other, NULL);
    add_event(&c, "bearing_wear", 1000, 3000, 1, "");
    generate(&c, rows, NULL);
    double last = 0;
    for (size_t from = 1000; from < N; from += 1000) {
        double rise =
            mean_of(rows, w, vib, from, from + 1000, NULL) - mean_of(other, w, vib, from, from + 1000, NULL);
        assert_true(rise > last + 0.1);
        last = rise;
    }
}

static void broken_sensors_break_only_themselves(void **state)
{
    (void)state;
    static const char *const kinds[] = {"sensor_stuck", "sensor_offset", "sensor_spikes", "sensor_missing"};
    const an_sim_line *line = an_sim_line_find("pump");
    const size_t w = line->n_sensors, flow = sensor_index(line, "flow");
    for (size_t k = 0; k < 4; k++) {
        an_sim_conf c = conf_of("pump", 4, 0);
        generate(&c, other, NULL);
        add_event(&c, kinds[k], 1000, 500, 1, "flow");
        generate(&c, rows, NULL);
        size_t changed = 0;
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < w; j++) {
                bool same = rows[i * w + j] == other[i * w + j];
                assert_true(same || (j == flow && i >= 1000 && i < 1500));
                changed += !same;
            }
        assert_true(changed > 30);
        if (k == 0)
            assert_true(rows[1000 * w + flow] == rows[1499 * w + flow]);
        if (k == 3)
            assert_true(isnan(rows[1200 * w + flow]));
    }
}

static void every_failure_mode_names_sensors_of_its_line(void **state)
{
    (void)state;
    for (size_t l = 0; an_sim_line_at(l); l++) {
        const an_sim_line *line = an_sim_line_at(l);
        assert_in_range(line->n_sensors, 8, AN_SIM_SENSORS_MAX);
        assert_true(line->n_modes > 0);
        for (size_t m = 0; m < line->n_modes; m++)
            for (size_t p = 0; p < line->modes[m].n; p++) {
                assert_true(sensor_index(line, line->modes[m].part[p].sensor) != SIZE_MAX);
                assert_true(line->modes[m].part[p].sigmas != 0);
            }
    }
}

static void a_wrong_script_is_refused_with_the_reason(void **state)
{
    (void)state;
    an_sim *sim = NULL;
    an_note why = {0};
    an_sim_conf c = conf_of("kiln", 1, 1);
    assert_int_equal(an_sim_new(&c, &sim, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "kiln"));
    c = conf_of("pump", 1, 1);
    add_event(&c, "misfeed", 1, 1, 1, "");
    assert_int_equal(an_sim_new(&c, &sim, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "misfeed"));
    c = conf_of("pump", 1, 1);
    add_event(&c, "sensor_stuck", 1, 1, 1, "force");
    assert_int_equal(an_sim_new(&c, &sim, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "force"));
    c = conf_of("pump", 1, 1);
    add_event(&c, "leak", 1, 1, NAN, "");
    assert_int_equal(an_sim_new(&c, &sim, &why), AN_ERR_INVAL);
    c = conf_of("pump", 1, 1);
    add_event(&c, "leak", 1, 0, 1, "");
    assert_int_equal(an_sim_new(&c, &sim, &why), AN_ERR_INVAL);
    assert_null(sim);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    an_sim_conf c = conf_of("press", 1, 1);
    an_err err;
    size_t n = 0;
    do {
        an_sim *sim = NULL;
        an_mem_fail_after(n++);
        err = an_sim_new(&c, &sim, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !sim));
        an_sim_free(sim);
    } while (err != AN_OK);
    assert_true(n > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_line_and_another_seed_another),
        cmocka_unit_test(sites_differ_in_their_instruments_but_not_in_their_kind),
        cmocka_unit_test(the_sensors_of_a_pump_belong_together),
        cmocka_unit_test(the_sensors_of_a_press_belong_together),
        cmocka_unit_test(a_line_runs_on_levels_and_stops_now_and_then_unless_it_is_steady),
        cmocka_unit_test(every_fault_is_labelled_and_every_drift_is_not_and_both_move_the_sensors),
        cmocka_unit_test(slow_wear_grows_along_its_ramp),
        cmocka_unit_test(broken_sensors_break_only_themselves),
        cmocka_unit_test(every_failure_mode_names_sensors_of_its_line),
        cmocka_unit_test(a_wrong_script_is_refused_with_the_reason),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
