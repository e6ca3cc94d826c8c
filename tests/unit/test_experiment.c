/* Experiment files: what they say, and errors with file, line and column.  Data: natural order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/experiment.h"
#include "coordinator/lab/folder.h"
#include "coordinator/lab/judge.h"
#include "doors/crypto.h"
#include "tests/support/folder.h"

#define HEAD "experiment: small\nmodel: |\n  model: small\n  input: {features: input, window: 2}\n"
#define DATA "data: {layout: folders}\n"

static an_err parse(const char *text, an_experiment *ret, an_note *why)
{
    return an_experiment_parse(text, strlen(text), "small.yaml", ".", ret, why);
}

static void a_short_file_has_defaults(void **state)
{
    (void)state;
    an_experiment e = {.doc = NULL};
    an_note why = {{0}};
    assert_int_equal(parse(HEAD DATA, &e, &why), AN_OK);
    assert_string_equal(e.name, "small");
    assert_int_equal(e.layout.kind, AN_LAB_FOLDERS);
    assert_string_equal(e.layout.labels, "test_label.csv");
    assert_int_equal(e.rounds, 10);
    assert_int_equal(e.window, 1);
    assert_true(e.site_scaler && e.personal_all && !e.personal_series && !e.pooled_scores);
    assert_int_equal(e.n_seeds, 1);
    assert_int_equal(e.cold_sites, 0);
    assert_non_null(strstr(e.arch, "window: 2"));
    an_experiment_done(&e);
}

static void a_file_says_all_of_it(void **state)
{
    (void)state;
    an_experiment e = {.doc = NULL};
    an_note why = {{0}};
    an_err err =
        parse(HEAD "data: {layout: split, train_rows: 400, label: anomaly, ignore: [changepoint],\n"
                   "       delimiter: \";\", sites: [a, b], time: when, header: true}\n"
                   "prep: {window: 10, smooth: 3, scale: fleet, missing: skip, steps: [hold: {limit: 2}]}\n"
                   "train: {rounds: 3, epochs: 2, holdout: 0.2, holdout_min: 50}\n"
                   "personal: {epochs: 7, parameters: local, for: series}\n"
                   "threshold: \"quantile:0.999*1.33\"\nfigures: pooled\nseeds: [4, 5]\n"
                   "cold_start: {sites: 6, keep: 0.05}\n"
                   "leaderboard:\n  - {name: T2, f1: 0.66, far: 0.19, mar: 0.42}\n",
              &e, &why);
    if (err != AN_OK)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    assert_int_equal(e.layout.train_rows, 400);
    assert_int_equal(e.layout.delimiter, ';');
    assert_int_equal(e.layout.header, AN_TABLE_HEADER_YES);
    assert_int_equal(e.layout.n_sites, 2);
    assert_string_equal(e.layout.sites[1], "b");
    assert_true(!e.site_scaler && !e.personal_all && e.personal_series && e.pooled_scores);
    assert_string_equal(e.missing, "skip");
    assert_int_equal(an_node_count(an_node_get(e.prep, "steps")), 1);
    assert_int_equal(e.holdout_min, 50);
    assert_int_equal(e.seeds[1], 5);
    assert_int_equal(e.cold_sites, 6);
    assert_int_equal(e.n_board, 1);
    an_experiment_done(&e);
}

static void an_error_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {HEAD, "\"data\" is missing"},
        {HEAD "data: {layout: tree}\n", "small.yaml:5:"},
        {HEAD "data: {layout: tree}\n", "must be folders, split or segments"},
        {HEAD "data: {layout: split, label: x}\n", "train_rows"},
        {"experiment: x\ndetector: none\n" DATA, "there is no detector none"},
        {HEAD "data: {layout: segments, train: x}\n", "segments"},
        {HEAD DATA "rounds: 3\n", "small.yaml:6:1: unknown key \"rounds\""},
        {HEAD DATA "train: {rounds: 0}\n", "small.yaml:6:"},
        {HEAD DATA "train: {lr: fast}\n", "lr"},
        {HEAD DATA "prep: {scale: each}\n", "must be site or fleet"},
        {HEAD DATA "personal: {for: row}\n", "must be site or series"},
        {HEAD DATA "threshold: often\n", "threshold"},
        {HEAD DATA "figures: best\n", "must be mean or pooled"},
        {HEAD DATA "seeds: []\n", "seeds"},
        {HEAD DATA "cold_start: {sites: 2}\n", "keep"},
        {HEAD DATA "leaderboard: [{name: a, f1: 2, far: 0, mar: 0}]\n", "f1"},
        {"experiment: x\nmodel: nowhere.yaml\n" DATA, "neither a text of several lines nor a file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_experiment e = {.doc = NULL};
        an_note why = {{0}};
        assert_int_not_equal(parse(cases[i].text, &e, &why), AN_OK);
        if (!strstr(why.text, cases[i].why))
            fail_msg("\"%s\" instead of \"%s\"", why.text, cases[i].why);
    }
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        an_experiment e = {.doc = NULL};
        const size_t before = an_mem_live();
        an_mem_fail_after(n);
        an_err err = parse(HEAD DATA, &e, NULL);
        an_mem_fail_never();
        an_experiment_done(&e);
        assert_int_equal(an_mem_live(), before);
        if (err == AN_OK)
            break;
        assert_true(n < 100000);
    }
}

static void names_are_in_natural_order(void **state)
{
    (void)state;
    char *items[] = {"omi-10", "omi-2", "omi-1", "b", "omi-02", "a10b2", "a10b1", "a9"};
    an_names names = {.items = items, .n = 8};
    an_lab_names_sort(&names);
    static const char *const want[] = {"a9", "a10b1", "a10b2", "b", "omi-1", "omi-02", "omi-2", "omi-10"};
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(names.items[i], want[i]);
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[AN_PATH_MAX];
    assert_int_equal(an_dir_make(dir, NULL), AN_OK);
    assert_int_equal(an_path_join(path, dir, name), AN_OK);
    assert_int_equal(an_file_write(path, text, strlen(text), 0644, NULL), AN_OK);
}

static void labels_must_be_as_many_as_rows(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX], site[AN_PATH_MAX];
    an_test_folder_make(dir);
    assert_int_equal(an_path_join(site, dir, "m-1"), AN_OK);
    put(site, "train.csv", "1,2\n2,3\n3,4\n");
    put(site, "test.csv", "1,2\n2,3\n");
    put(site, "test_label.csv", "0\n1\n0\n");
    const an_lab_layout layout = {.kind = AN_LAB_FOLDERS,
                                  .train = "train.csv",
                                  .test = "test.csv",
                                  .labels = "test_label.csv",
                                  .header = AN_TABLE_HEADER_NO};
    an_lab_data data = {0};
    an_note why = {{0}};
    assert_int_equal(an_lab_data_read(&layout, dir, &data, &why), AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "3 labels for 2 rows"));
    put(site, "test_label.csv", "0\n1\n");
    assert_int_equal(an_lab_data_read(&layout, dir, &data, &why), AN_OK);
    assert_int_equal(data.width, 2);
    assert_string_equal(data.sites[0].name, "m-1");
    assert_int_equal(data.sites[0].series[0].labels[1], 1);
    an_lab_data_done(&data);
    an_test_folder_remove(dir);
}

static void segments_are_dealt_out_and_all_are_judged_on_every_test(void **state)
{
    static const char text[] =
        "experiment: small\ndetector: pca\n"
        "data: {layout: segments, train: n.dat, transposed: true, segments: 2, calibrate: c.dat,\n"
        "       tests: [a.dat, b.dat, d.dat], normal: [c.dat], fault_row: 1, apart: [b.dat], header: "
        "false}\n";
    char dir[AN_PATH_MAX];
    an_experiment e = {.doc = NULL};
    an_lab_data data = {0};
    an_lab_cut cut = {0};
    an_note why = {{0}};
    (void)state;
    an_test_folder_make(dir);
    put(dir, "n.dat", "1 2 3 4 5\n6 7 8 9 10\n");
    put(dir, "a.dat", "1 6\n2 7\n3 8\n");
    put(dir, "b.dat", "1 6\n2 7\n");
    put(dir, "c.dat", "1 6\n2 7\n");
    put(dir, "d.dat", "1 6 9\n2 7 9\n");
    assert_int_equal(parse(text, &e, &why), AN_OK);
    assert_null(e.arch);
    assert_string_equal(e.detector, "pca");
    assert_int_equal(an_lab_data_read(&e.layout, dir, &data, &why), AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "d.dat has 3 columns"));
    e.layout.n_tests = 2;
    assert_int_equal(an_lab_data_read(&e.layout, dir, &data, &why), AN_OK);
    assert_int_equal(data.n_sites, 2);
    assert_int_equal(data.width, 2);
    assert_int_equal(data.n_parts, 4); /* a, b, c, rest */
    assert_true(an_lab_in_part(&data, 3, 0) && !an_lab_in_part(&data, 3, 1) && an_lab_in_part(&data, 1, 1));
    const an_lab_site *last = &data.sites[1];
    assert_int_equal(last->n_series, 3);
    assert_int_equal(last->series[0].n_train, 3); /* of five rows the last three */
    assert_float_equal(last->series[0].train[1], 8, 0);
    assert_int_equal(last->series[0].labels[0], 0);
    assert_int_equal(last->series[0].labels[1], 1);
    assert_int_equal(last->series[1].part, 1);
    assert_int_equal(last->series[2].labels[1], 0); /* without a fault */
    const an_lab_cut_opts opts = {.context = 1, .stride = 1, .holdout = 0.5, .keep = 1};
    assert_int_equal(an_lab_cut_new(&data, 1, SIZE_MAX, &opts, &cut, &why), AN_OK);
    assert_int_equal(cut.n_fit, 3); /* none is held back, as there are rows for that */
    assert_int_equal(cut.n_hold, 2);
    an_lab_cut_done(&cut);
    an_lab_data_done(&data);
    e.layout.apart[0] = "z.dat";
    assert_int_equal(an_lab_data_read(&e.layout, dir, &data, &why), AN_ERR_INVAL);
    an_experiment_done(&e);
    an_test_folder_remove(dir);
}

static void no_window_is_in_both_parts(void **state)
{
    (void)state;
    float rows[1000];
    for (size_t i = 0; i < 1000; i++)
        rows[i] = (float)i;
    an_lab_series series = {.train = rows, .n_train = 1000};
    an_lab_site site = {.name = "s", .series = &series, .n_series = 1, .width = 1};
    const an_lab_data data = {.sites = &site, .n_sites = 1, .width = 1};
    const an_lab_cut_opts opts = {.context = 4, .stride = 1, .holdout = 0.25, .keep = 0.5};
    an_lab_cut cut = {0};
    uint8_t part[1000] = {0};
    assert_int_equal(an_lab_cut_new(&data, 0, SIZE_MAX, &opts, &cut, NULL), AN_OK);
    assert_true(cut.n_fit > 0 && cut.n_hold > 0);
    for (size_t i = 0; i < cut.n_fit * 4; i++)
        part[(size_t)cut.fit[i]] |= 1;
    for (size_t i = 0; i < cut.n_hold * 4; i++)
        part[(size_t)cut.hold[i]] |= 2;
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(i < 500 ? part[i] == 0 : part[i] == 1 || part[i] == 2, 1);
    an_lab_cut_done(&cut);
}

static void always_on_has_a_false_alarm_at_every_normal_row(void **state)
{
    (void)state;
    const uint8_t labels[] = {0, 1, 1, 0};
    const float scores[] = {2, 2, 2, 2};
    an_lab_figures f;
    assert_int_equal(an_lab_figures_of(scores, labels, 4, &f), AN_OK);
    assert_float_equal(f.auroc, 0.5, 1e-9);
    assert_float_equal(f.best_f1, 2.0 / 3, 1e-9);
    assert_float_equal(f.f1, 2.0 / 3, 1e-9);
    assert_float_equal(f.far, 1, 1e-9);
    assert_float_equal(f.mar, 0, 1e-9);
}

static void figures_take_one_as_the_threshold(void **state)
{
    (void)state;
    const uint8_t labels[] = {0, 0, 1, 1, 0, 1};
    const float scores[] = {0.1f, 1.5f, 0.9f, 2.0f, 0.2f, 3.0f};
    an_lab_figures f;
    assert_int_equal(an_lab_figures_of(scores, labels, 6, &f), AN_OK);
    assert_float_equal(f.far, 1.0 / 3, 1e-9);
    assert_float_equal(f.mar, 1.0 / 3, 1e-9);
    assert_float_equal(f.delay, 0.5, 1e-9);
    assert_float_equal(f.detected, 1, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_file_has_defaults),
        cmocka_unit_test(a_file_says_all_of_it),
        cmocka_unit_test(an_error_says_where),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(names_are_in_natural_order),
        cmocka_unit_test(labels_must_be_as_many_as_rows),
        cmocka_unit_test(segments_are_dealt_out_and_all_are_judged_on_every_test),
        cmocka_unit_test(no_window_is_in_both_parts),
        cmocka_unit_test(always_on_has_a_false_alarm_at_every_normal_row),
        cmocka_unit_test(figures_take_one_as_the_threshold),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
