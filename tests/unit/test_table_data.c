/* The reader on public data sets as they are published.  Skipped where they are absent: they
 * are looked for in $ANDON_DATA, else in ../shared/data. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "models/data/table.h"

static const char *root;

static an_table read_table(const char *name, const an_table_conf *conf)
{
    char path[AN_PATH_MAX];
    an_table t = {0};
    an_note why = {0};
    an_err err = an_path_join(path, root, name);
    assert_int_equal(err, AN_OK);
    err = an_table_read(path, conf, &t, &why);
    if (err != AN_OK)
        print_message("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    assert_int_equal(t.stats.n_bad, 0);
    assert_int_equal(t.stats.n_missing, 0);
    return t;
}

static void a_testbed_with_semicolons_times_and_labels(void **state)
{
    (void)state;
    static const char *const ignore[] = {"changepoint"};
    an_table_conf conf;
    an_table_conf_init(&conf);
    conf.label_column = "anomaly";
    conf.ignore = ignore;
    conf.n_ignore = 1;
    an_table t = read_table("skab/valve1/0.csv", &conf);
    assert_int_equal(t.width, 8);
    assert_string_equal(t.names[7], "Volume Flow RateRMS");
    assert_true(t.n > 1000 && t.times_ms && t.labels);
    assert_true(t.times_ms[0] == INT64_C(1583748873000));
    float anomalies = 0.0f;
    for (size_t i = 0; i < t.n; i++) {
        anomalies += t.labels[i];
        assert_true(i == 0 || t.times_ms[i] > t.times_ms[i - 1]);
    }
    assert_true(anomalies > 100.0f);
    an_table_done(&t);
}

static void servers_with_commas_and_no_header(void **state)
{
    (void)state;
    an_table_conf conf;
    an_table_conf_init(&conf);
    an_table t = read_table("asd/omi-1/train.csv", &conf);
    assert_int_equal(t.n, 8640);
    assert_int_equal(t.width, 19);
    assert_null(t.times_ms);
    assert_true(fabsf(t.rows[0] - 0.49f) < 1e-6f);
    an_table_done(&t);
    t = read_table("asd/omi-1/test_label.csv", &conf);
    assert_int_equal(t.n, 4320);
    assert_int_equal(t.width, 1);
    an_table_done(&t);
}

static void a_process_and_engines_with_blanks(void **state)
{
    (void)state;
    an_table_conf conf;
    an_table_conf_init(&conf);
    an_table t = read_table("tep/d01.dat", &conf);
    assert_int_equal(t.n, 480);
    assert_int_equal(t.width, 52);
    an_table_done(&t);
    t = read_table("cmapss/train_FD001.txt", &conf);
    assert_int_equal(t.width, 26);
    assert_int_equal(t.n, 20631);
    an_table_done(&t);
    t = read_table("gas_turbine/gt_2011.csv", &conf);
    assert_int_equal(t.width, 11);
    an_table_done(&t);
}

int main(void)
{
    root = getenv("ANDON_DATA");
    if (!root)
        root = "../shared/data";
    if (!an_file_exists(root)) {
        printf("skipped: no data in %s (set ANDON_DATA)\n", root);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_testbed_with_semicolons_times_and_labels),
        cmocka_unit_test(servers_with_commas_and_no_header),
        cmocka_unit_test(a_process_and_engines_with_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
