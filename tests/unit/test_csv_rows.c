/* What a csv source makes of the lines: qualities, parts, zones, headers that change, and what is no text at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "models/data/opc_quality.h"
#include "models/data/table.h"
#include "models/data/zone.h"
#include "tests/support/sources.h"

static char seen[512];

static void must_give(an_source *s, size_t column, const char *rows)
{
    an_err err = sources_drain(s, column, seen, sizeof seen);
    assert_true(err == AN_ERR_AGAIN || err == AN_ERR_NOTFOUND);
    assert_string_equal(seen, rows);
}

static void a_field_that_is_no_number_costs_its_value_and_not_its_row(void **state)
{
    (void)state;
    sources_put("a.csv", "w", "x,y\n1,2\n3,Shutdown\n#VALUE!,5\nI/O,Timeout\n6,\n");
    an_source *s = sources_open("csv", "{path: %s/a.csv, follow: false}");
    must_give(s, 1, "|2 nan! 5 nan");
    assert_int_equal(sources_count(s, "values_unread"), 2);
    assert_int_equal(an_source_stats_get(s).bad, 1);
    an_source_close(s);
}

static void a_file_without_a_good_row_says_what_is_wrong(void **state)
{
    (void)state;
    an_source *s = NULL;
    an_note why = {{0}};
    sources_put("a.csv", "w", "t;x;y\n01.07.2026 12:00:00;1,5;2,5\n");
    assert_int_equal(sources_try("csv", "{path: %s/a.csv}", an_clock_system(), &s, &why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(why.text, "line 2"));
    assert_non_null(strstr(why.text, "decimal_comma"));
    s = sources_open("csv", "{path: %s/a.csv, decimal_comma: true}");
    must_give(s, 1, "|2.5");
    an_source_close(s);
}

static void a_quality_column_speaks_for_its_row(void **state)
{
    (void)state;
    sources_put("a.csv", "w", "t;x;q\n1;1,5;Good\n2;2,5;Bad\n3;3,5;192\n4;4,5;64\n5;5,5;0\n6;6,5;fine\n");
    an_source *s = sources_open(
        "csv", "{path: %s/a.csv, follow: false, time: t, decimal_comma: true, quality: q, good: fine}");
    assert_int_equal(an_source_width(s), 1);
    must_give(s, 0, "|1.5 nan! 3.5 4.5~ nan! 6.5");
    an_source_close(s);
}

static void each_column_may_have_its_own_quality(void **state)
{
    (void)state;
    sources_put("a.csv", "w", "x\tx_q\ty\ty_q\n1\t192\t2\t0\n3\tUncertain\t4\tGood, Local\n");
    an_source *s = sources_open("csv", "{path: %s/a.csv, quality_suffix: _q}");
    assert_int_equal(an_source_width(s), 2);
    must_give(s, 0, "|1 3~");
    an_source_close(s);
    s = sources_open("csv", "{path: %s/a.csv, quality_suffix: _q}");
    must_give(s, 1, "|nan! 4");
    an_source_close(s);
}

static void parts_are_handed_on_and_cut_between_characters(void **state)
{
    (void)state;
    char line[256], longest[128];
    an_batch b;
    int64_t wait_ms;
    memset(longest, 'p', 62);
    memcpy(longest + 62, "\xc3\xa4\xc3\xa4", 5);
    snprintf(line, sizeof line, "x,id\n1,\"A-1, left\"\n2,\n3,%s\n", longest);
    sources_put("a.csv", "w", line);
    an_source *s = sources_open("csv", "{path: %s/a.csv, part: id}");
    assert_int_equal(an_source_width(s), 1);
    assert_int_equal(an_batch_init(&b, 1, 8), AN_OK);
    assert_int_equal(an_source_next(s, &b, &wait_ms, NULL), AN_OK);
    assert_int_equal(b.n, 3);
    assert_string_equal(b.part[0], "A-1, left");
    assert_string_equal(b.part[1], "");
    assert_int_equal(strlen(b.part[2]), 62);
    an_batch_done(&b);
    an_source_close(s);
}

static void columns_of_a_later_file_are_found_by_name(void **state)
{
    (void)state;
    sources_put("1.csv", "w", "t,x,y\n1,10,20\n");
    sources_put("2.csv", "w", "y,new,t,x\n21,0,2,11\n");
    sources_put("3.csv", "w", "t,y\n3,22\n");
    sources_put("4.csv", "w", "other,names,here\n5,6,7\n");
    sources_put("5.csv", "w", "wreck\nt,x,y\n6,13,23\nt,y,x\n7,24,14\n");
    an_source *s = sources_open("csv", "{path: %s, time: t, follow: false}");
    must_give(s, 0, "|10 |11 |nan! |13 14");
    assert_int_equal(sources_count(s, "headers_changed"), 3);
    assert_int_equal(sources_count(s, "files_refused"), 1);
    assert_int_equal(an_source_stats_get(s).bad, 2);
    assert_non_null(strstr(an_source_stats_get(s).bad_last, "header"));
    an_source_close(s);
}

static void the_header_that_holds_is_found_again_after_a_restart(void **state)
{
    (void)state;
    static const char options[] = "{path: %s/a.csv, time: none}";
    sources_put("a.csv", "w", "x,y\n1,2\ny,x\n3,4\n");
    an_source *s = sources_open("csv", options);
    must_give(s, 0, "|1 4");
    sources_put("a.csv", "a", "5,6\n");
    s = sources_reopen(s, "csv", options);
    must_give(s, 0, "6");
    an_source_close(s);
}

static void files_without_a_header_may_be_given_names(void **state)
{
    (void)state;
    static const char options[] = "{path: %s, follow: false, names: [x, y], columns: [y]}";
    an_source *s = NULL;
    an_note why = {{0}};
    sources_put("1.csv", "w", "1,2\n");
    sources_put("2.csv", "w", "x,y\n3,4\n");
    sources_put("3.csv", "w", "y,x\n5,6\n");
    s = sources_open("csv", options);
    assert_string_equal(an_source_sensor(s, 0), "y");
    must_give(s, 0, "|2 |4 |5");
    an_source_close(s);
    assert_int_equal(sources_try("csv", "{path: %s, names: [x, x]}", an_clock_system(), &s, &why),
                     AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "two columns"));
}

static void text_in_other_forms_is_refused_clearly(void **state)
{
    (void)state;
    an_source *s = NULL;
    an_note why = {{0}};
    sources_put_bytes("1.csv", "\xff\xfex\0,\0y\0\n\0", 10);
    assert_int_equal(sources_try("csv", "{path: %s/1.csv}", an_clock_system(), &s, &why), AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "UTF-16"));
    sources_put_bytes("0.csv", "\xef\xbb\xbfx,y\n1,2\n", 11);
    sources_put("2.csv", "w", "x,y\n3,4\n");
    s = sources_open("csv", "{path: %s, follow: false}");
    assert_string_equal(an_source_sensor(s, 0), "x");
    must_give(s, 0, "|1 |3");
    assert_int_equal(sources_count(s, "files_refused"), 1);
    assert_non_null(strstr(an_source_stats_get(s).bad_last, "UTF-16"));
    an_source_close(s);
}

static void times_without_a_zone_are_those_of_the_plant(void **state)
{
    (void)state;
    an_batch b;
    int64_t wait_ms;
    /* Clocks are set back in the night of 25 October 2026: the hour from 02:00 comes twice. */
    sources_put("a.csv", "w",
                "t,x\n2026-07-01 12:00:00,1\n25.10.2026 01:59:00,2\n2026-10-25 02:30:00,3\n"
                "2026-10-25 02:59:00,4\n2026-10-25 02:00:00,5\n2026-10-25 02:59:00,6\n"
                "2026-10-25T03:00:00,7\n2026-10-25T02:00:01Z,8\n2026-10-25T04:00:01+0200,9\n");
    an_source *s = sources_open("csv", "{path: %s/a.csv, tz: Europe/Berlin}");
    assert_int_equal(an_batch_init(&b, 1, 16), AN_OK);
    assert_int_equal(an_source_next(s, &b, &wait_ms, NULL), AN_OK);
    static const char *const utc[] = {"2026-07-01T10:00:00", "2026-10-24T23:59:00", "2026-10-25T00:30:00",
                                      "2026-10-25T00:59:00", "2026-10-25T01:00:00", "2026-10-25T01:59:00",
                                      "2026-10-25T02:00:00", "2026-10-25T02:00:01", "2026-10-25T02:00:01"};
    assert_int_equal(b.n, 9);
    for (size_t i = 0; i < b.n; i++) {
        int64_t ms;
        assert_true(an_time_parse(utc[i], strlen(utc[i]), &ms));
        assert_int_equal(b.time_ms[i], ms);
    }
    assert_int_equal(an_source_stats_get(s).backwards, 0);
    assert_int_equal(sources_count(s, "times_repeated"), 1);
    an_batch_done(&b);
    an_source_close(s);
    an_note why = {{0}};
    assert_int_equal(sources_try("csv", "{path: %s/a.csv, tz: Mars/North}", an_clock_system(), &s, &why),
                     AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "Mars/North"));
}

static void zones_hold_in_the_far_future_and_in_fixed_form(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *local, *utc;
    } cases[] = {
        {"Europe/Berlin", "2099-07-01 12:00", "2099-07-01 10:00"},
        {"Europe/Berlin", "2099-12-01 12:00", "2099-12-01 11:00"},
        {"America/New_York", "2026-03-08 03:00", "2026-03-08 07:00"},
        {"America/New_York", "2026-03-08 02:30", "2026-03-08 07:30"}, /* a time that there was not */
        {"Australia/Sydney", "2090-01-15 12:00", "2090-01-15 01:00"},
        {"Asia/Kolkata", "2026-01-01 00:00", "2025-12-31 18:30"},
        {"-03:30", "2026-01-01 00:00", "2026-01-01 03:30"},
        {"+0100", "2026-01-01 00:00", "2025-12-31 23:00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_zone *zone = NULL;
        int64_t local, utc;
        assert_int_equal(an_zone_open(cases[i].zone, &zone, NULL), AN_OK);
        assert_true(an_time_parse(cases[i].local, strlen(cases[i].local), &local));
        assert_true(an_time_parse(cases[i].utc, strlen(cases[i].utc), &utc));
        if (an_zone_utc(zone, local, AN_ZONE_ANY) != utc)
            print_error("%s %s\n", cases[i].zone, cases[i].local);
        assert_int_equal(an_zone_utc(zone, local, AN_ZONE_ANY), utc);
        an_zone_free(zone);
    }
    an_zone *zone = NULL;
    assert_int_equal(an_zone_open("../etc/passwd", &zone, NULL), AN_ERR_INVAL);
    for (size_t len = 0; len < 60; len++)
        assert_int_equal(
            an_zone_parse("TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1"
                          "\0\0\0\0\0\0\0TZif2",
                          len, &zone, NULL),
            AN_ERR_PROTO);
}

static void times_that_go_back_are_counted(void **state)
{
    (void)state;
    sources_put("a.csv", "w", "t,x\n5,1\n6,2\n6,3\n4,4\n7,5\n");
    an_source *s = sources_open("csv", "{path: %s/a.csv, time: t}");
    must_give(s, 0, "|1 2 3 4 5");
    assert_int_equal(an_source_stats_get(s).backwards, 1);
    assert_int_equal(sources_count(s, "times_repeated"), 1);
    an_source_close(s);
}

static void words_and_numbers_of_quality_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int quality;
    } cases[] = {{"", AN_OPC_GOOD},
                 {"GOOD", AN_OPC_GOOD},
                 {"Good, LocalOverride", AN_OPC_GOOD},
                 {"goodish", AN_OPC_BAD},
                 {"255", AN_OPC_GOOD},
                 {"192", AN_OPC_GOOD},
                 {"191", AN_OPC_BAD},
                 {"127", AN_OPC_UNCERTAIN},
                 {"63", AN_OPC_BAD},
                 {"0x40920000", AN_OPC_UNCERTAIN},
                 {"2147483648", AN_OPC_BAD},
                 {"0x00BA0000", AN_OPC_GOOD},
                 {"Suspect", AN_OPC_UNCERTAIN},
                 {"99999999999", AN_OPC_BAD},
                 {"Comm Fail", AN_OPC_BAD}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(an_opc_quality(cases[i].text, strlen(cases[i].text)), cases[i].quality);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, sources_make_dir, sources_remove_dir)
    const struct CMUnitTest tests[] = {
        ROW(a_field_that_is_no_number_costs_its_value_and_not_its_row),
        ROW(a_file_without_a_good_row_says_what_is_wrong),
        ROW(a_quality_column_speaks_for_its_row),
        ROW(each_column_may_have_its_own_quality),
        ROW(parts_are_handed_on_and_cut_between_characters),
        ROW(columns_of_a_later_file_are_found_by_name),
        ROW(the_header_that_holds_is_found_again_after_a_restart),
        ROW(files_without_a_header_may_be_given_names),
        ROW(text_in_other_forms_is_refused_clearly),
        ROW(times_without_a_zone_are_those_of_the_plant),
        ROW(zones_hold_in_the_far_future_and_in_fixed_form),
        ROW(times_that_go_back_are_counted),
        ROW(words_and_numbers_of_quality_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
