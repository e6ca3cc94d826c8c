/* Option rows: defaults, bounds, error texts, help and the reference table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/opt.h"

typedef struct conf {
    int64_t sites;
    double rate;
    bool live;
    char *name;
    char *note;
    int64_t deadline_ms;
    int64_t quota;
    int mode;
} conf;

static const char *const modes[] = {"trusted", "secure-sum", NULL};
static const an_opt rows[] = {
    AN_OPT_INT(conf, sites, "round.min_sites", 1, 1000, "3", "updates needed"),
    AN_OPT_NUM(conf, rate, "train.rate", 0, 1, "0.001", "learning rate"),
    AN_OPT_BOOL(conf, live, "live", "true", "score live"),
    AN_OPT_TEXT(conf, name, "name", 1, 8, "plant", "what people call it"),
    AN_OPT_TEXT(conf, note, "note", 0, 64, NULL, "a remark | of any kind"),
    AN_OPT_MS(conf, deadline_ms, "round.deadline", 1000, 86400000, "60s", "how long a round waits"),
    AN_OPT_BYTES(conf, quota, "spool.quota", 4096, 1e12, "64M", "bytes kept"),
    AN_OPT_CHOICE(conf, mode, "mode", modes, "secure-sum", "who sees what"),
};
#define N (sizeof rows / sizeof rows[0])

static void the_defaults_fill_every_field(void **state)
{
    (void)state;
    conf c;
    memset(&c, 0xa5, sizeof c);
    assert_int_equal(an_opt_defaults(rows, N, &c), AN_OK);
    assert_int_equal(c.sites, 3);
    assert_true(c.rate == 0.001);
    assert_true(c.live);
    assert_string_equal(c.name, "plant");
    assert_null(c.note);
    assert_int_equal(c.deadline_ms, 60000);
    assert_int_equal(c.quota, 64 << 20);
    assert_int_equal(c.mode, 1);
    an_opt_done(rows, N, &c);
    assert_null(c.name);
}

static void a_line_lies_inside_the_struct_and_is_bounded(void **state)
{
    (void)state;
    typedef struct lines {
        an_opt_line stages;
    } lines;
    static const an_opt line_rows[] = {
        AN_OPT_LINE(lines, stages, "rollout.stages", 1, 40, "all", "who comes first")};
    char longer[42];
    lines c, copy;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(an_opt_defaults(line_rows, 1, &c), AN_OK);
    assert_string_equal(c.stages, "all");
    assert_int_equal(an_opt_set(line_rows, 1, &c, "rollout.stages", "2, 25%, all", "test", NULL), AN_OK);
    assert_int_equal(an_opt_set(line_rows, 1, &c, "rollout.stages", longer, "test", NULL), AN_ERR_INVAL);
    assert_int_equal(an_opt_set(line_rows, 1, &c, "rollout.stages", "", "test", NULL), AN_ERR_INVAL);
    copy = c;
    an_opt_done(line_rows, 1, &c);
    assert_string_equal(copy.stages, "2, 25%, all");
}

static void a_wrong_value_is_named_with_its_place_and_its_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *text;
    } wrong[] = {
        {"round.min_sites", "0", "site.yaml:3:5: round.min_sites = 0: must be 1..1000 (an integer)"},
        {"round.min_sites", "4x", "site.yaml:3:5: round.min_sites = 4x: must be 1..1000 (an integer)"},
        {"round.min_sites", "99999999999999999999", NULL},
        {"train.rate", "nan", "site.yaml:3:5: train.rate = nan: must be 0..1"},
        {"train.rate", "0x1", NULL},
        {"train.rate", "1e999", NULL},
        {"live", "1", "site.yaml:3:5: live = 1: must be true or false"},
        {"name", "", "site.yaml:3:5: name = : must be 1..8 bytes long"},
        {"name", "123456789", NULL},
        {"round.deadline", "999ms", NULL},
        {"round.deadline", "5 weeks", NULL},
        {"spool.quota", "1k", NULL},
        {"spool.quota", "-5M", NULL},
        {"mode", "open", "site.yaml:3:5: mode = open: must be one of trusted, secure-sum"},
        {"round.max_sites", "3", "site.yaml:3:5: round.max_sites: unknown option"},
    };
    conf c;
    assert_int_equal(an_opt_defaults(rows, N, &c), AN_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        an_note why = {{0}};
        assert_int_equal(an_opt_set(rows, N, &c, wrong[i].key, wrong[i].value, "site.yaml:3:5", &why),
                         AN_ERR_INVAL);
        if (wrong[i].text)
            assert_string_equal(why.text, wrong[i].text);
    }
    assert_int_equal(c.sites, 3);
    assert_string_equal(c.name, "plant");
    an_opt_done(rows, N, &c);
}

static void durations_and_sizes_know_their_units(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(an_parse_ms("250", &v) && v == 250);
    assert_true(an_parse_ms("1.5s", &v) && v == 1500);
    assert_true(an_parse_ms("10 m", &v) && v == 600000);
    assert_true(an_parse_ms("2h", &v) && v == 7200000);
    assert_true(an_parse_ms("7d", &v) && v == 604800000);
    assert_false(an_parse_ms("", &v));
    assert_false(an_parse_ms("s", &v));
    assert_false(an_parse_ms("1e3", &v));
    assert_false(an_parse_ms("1.2.3s", &v));
    assert_true(an_parse_bytes("1.5KiB", &v) && v == 1536);
    assert_true(an_parse_bytes("2G", &v) && v == INT64_C(2) << 30);
    assert_false(an_parse_bytes("99999999999T", &v));
    assert_true(an_parse_int("-7", &v) && v == -7);
    assert_false(an_parse_int(" 7", &v));
    assert_false(an_parse_int("-", &v));
}

static void a_default_outside_its_own_bounds_is_found(void **state)
{
    (void)state;
    static const an_opt bad[] = {
        AN_OPT_TEXT(conf, name, "name", 1, 8, "plant", "name"),
        AN_OPT_INT(conf, sites, "sites", 1, 10, "11", "too many"),
    };
    size_t live = an_mem_live();
    conf c;
    assert_int_equal(an_opt_defaults(bad, 2, &c), AN_ERR_INVAL);
    assert_int_equal(an_mem_live(), live);
}

static void help_and_reference_say_every_row(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    an_opt_help(rows, N, out);
    an_opt_markdown(rows, N, out);
    fclose(out);
    for (size_t i = 0; i < N; i++)
        assert_non_null(strstr(text, rows[i].key));
    assert_non_null(strstr(text, "| `round.deadline` | duration | 1000..86400000 ms | `60s` | "
                                 "how long a round waits |"));
    assert_non_null(strstr(text, "a remark \\| of any kind"));
    assert_non_null(strstr(text, "one of trusted, secure-sum; default secure-sum"));
    free(text); /* open_memstream's own memory */
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        conf c;
        an_mem_fail_after(n++);
        err = an_opt_defaults(rows, N, &c);
        if (err == AN_OK) {
            err = an_opt_set(rows, N, &c, "name", "other", "test", NULL);
            assert_string_equal(c.name, err == AN_OK ? "other" : "plant");
            an_opt_done(rows, N, &c);
        }
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 2);
}

static void a_value_is_written_as_it_can_be_read(void **state)
{
    (void)state;
    conf a, b;
    assert_int_equal(an_opt_defaults(rows, N, &a), AN_OK);
    assert_int_equal(an_opt_defaults(rows, N, &b), AN_OK);
    for (size_t i = 0; i < N; i++) {
        char value[AN_OPT_VALUE_MAX], again[AN_OPT_VALUE_MAX];
        an_opt_value(&rows[i], &a, value);
        assert_int_equal(an_opt_set(rows, N, &b, rows[i].key, value, "test", NULL), AN_OK);
        an_opt_value(&rows[i], &b, again);
        assert_string_equal(value, again);
    }
    an_opt_done(rows, N, &a);
    an_opt_done(rows, N, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_fill_every_field),
        cmocka_unit_test(a_line_lies_inside_the_struct_and_is_bounded),
        cmocka_unit_test(a_wrong_value_is_named_with_its_place_and_its_bounds),
        cmocka_unit_test(a_value_is_written_as_it_can_be_read),
        cmocka_unit_test(durations_and_sizes_know_their_units),
        cmocka_unit_test(a_default_outside_its_own_bounds_is_found),
        cmocka_unit_test(help_and_reference_say_every_row),
        cmocka_unit_test(every_allocation_failure_is_survived),
    };
    return cmocka_run_group_tests_name("opt", tests, NULL, NULL);
}
