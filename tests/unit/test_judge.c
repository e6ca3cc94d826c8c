/* What is said of parts, times and alarms against a real log: which alarm it is about, what is missed, that it may be said again
 * in any order, and that a table is taken whole or not at all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/verdicts.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/folder.h"

#define BASE INT64_C(1773050400000) /* 2026-03-09 10:00 UTC */
#define HEAD "line,alarm,part,at,verdict,class,judged\n"

typedef struct fixture {
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_alarms *log;
    an_note why;
} fixture;

/* Part i is on the line in second i; parts 20 to 22 are in alarm 1, and 21 is what it is about. */
static void make_parts(fixture *f)
{
    an_piece p[40] = {{.peak = 0}};
    for (size_t i = 0; i < 40; i++) {
        p[i] = (an_piece){.line = "press",
                          .from_ms = BASE + (int64_t)i * 1000,
                          .to_ms = BASE + (int64_t)i * 1000 + 900,
                          .peak = i == 20 || i == 21 || i == 30 ? 1.5 : 0.25,
                          .level = i == 20 || i == 21 || i == 30 ? 3 : 0.5,
                          .version = {9},
                          .overlay = {8}};
        snprintf(p[i].part, sizeof p[i].part, "P%zu", i);
    }
    assert_int_equal(an_alarms_pieces(f->log, p, 40, &f->why), AN_OK);
}

static void raise_alarm(fixture *f, uint64_t alarm, size_t from, size_t to, const char *source)
{
    an_alarm_record r[2] = {{.kind = AN_LOGGED_RAISED,
                             .line = "press",
                             .alarm = alarm,
                             .time_ms = BASE + (int64_t)from * 1000,
                             .since_ms = BASE + (int64_t)from * 1000,
                             .rows = 1,
                             .score = 1.5,
                             .raw = 3,
                             .peak = 1.5,
                             .version = {9},
                             .overlay = {8}}};
    snprintf(r[0].source, sizeof r[0].source, "%s", source);
    snprintf(r[0].part, sizeof r[0].part, "P%zu", from);
    r[1] = r[0];
    r[1].kind = AN_LOGGED_CLEARED;
    r[1].time_ms = BASE + (int64_t)to * 1000;
    r[1].rows = 2;
    assert_int_equal(an_alarms_store(f->log, r, 2, &f->why), AN_OK);
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    const an_alarms_conf c = {.site = "plant-a"};
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(f->path, f->dir, "alarms.db"), AN_OK);
    assert_int_equal(an_alarms_open(f->path, &c, &f->log, &f->why), AN_OK);
    make_parts(f);
    raise_alarm(f, 1, 20, 22, "model");
    raise_alarm(f, 2, 30, 31, "rule:hot");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_alarms_close(f->log);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static an_err judge(fixture *f, const char *text, bool dry, an_judged *ret, an_verdict_list *l)
{
    const an_judge_opts o = {.now_ms = BASE + 3600000, .dry = dry};
    *l = (an_verdict_list){.n = 0};
    *ret = (an_judged){.n = 0};
    if (an_verdicts_parse(text, strlen(text), &(an_verdict_opts){.line = "press"}, l, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
    return an_alarms_judge(f->log, l, &o, ret, &f->why);
}

static an_judged good(fixture *f, const char *text)
{
    an_judged j;
    an_verdict_list l;
    if (judge(f, text, false, &j, &l) != AN_OK)
        fail_msg("%s", f->why.text);
    an_verdict_list_done(&l);
    return j;
}

static uint64_t last_seq(fixture *f)
{
    uint64_t seq = 0;
    assert_int_equal(an_alarms_last_seq(f->log, &seq, &f->why), AN_OK);
    return seq;
}

static void verdict_is(fixture *f, uint64_t alarm, const char *verdict, const char *class)
{
    an_alarm_row row;
    assert_int_equal(an_alarms_get(f->log, "press", alarm, &row, &f->why), AN_OK);
    assert_string_equal(row.last.verdict, verdict);
    assert_string_equal(row.last.defect, class);
}

static void a_defective_part_makes_its_alarm_true_and_one_without_alarm_is_missed(void **state)
{
    fixture *f = *state;
    an_alarm_record r;
    const uint64_t seq = last_seq(f);
    an_judged j = good(f, HEAD ",,P21,,true,crack,\n,,P5,,true,dent,\n,,P6,,false,,\n");
    assert_int_equal(j.fresh, 3);
    assert_int_equal(j.alarms, 1);
    assert_int_equal(j.missed, 1);
    verdict_is(f, 1, "true", "crack");
    verdict_is(f, 2, "", "");
    assert_int_equal(an_alarms_next(f->log, seq, &r, NULL, &f->why), AN_OK);
    assert_int_equal(r.kind, AN_LOGGED_MISSED);
    assert_int_equal(r.alarm, 0);
    assert_string_equal(r.part, "P5");
    assert_string_equal(r.defect, "dent");
    assert_string_equal(r.verdict, "true");
    assert_int_equal(r.time_ms, BASE + 5000);
    assert_int_equal(r.until_ms, BASE + 5900);
    assert_int_equal(r.version[0], 9);
    assert_int_equal(an_alarms_next(f->log, r.seq, &r, NULL, &f->why), AN_OK);
    assert_int_equal(r.kind, AN_LOGGED_VERDICT);
    assert_string_equal(r.by, "mes");
    /* for lines and pools: three parts, and the alarm */
    assert_int_equal(j.n, 4);
    assert_int_equal(j.items[1].missed, 1);
    assert_int_equal(j.items[1].from_ms, BASE + 5000);
    assert_int_equal(j.items[3].alarm, 1);
    an_judged_done(&j);
}

static void an_import_repeated_changes_nothing(void **state)
{
    fixture *f = *state;
    const char *text = HEAD
        ",,P21,,true,crack,\n,,P5,,missed,,\n,,P20,,false,,\n,2,,,false,,\n,,,2026-03-09 10:00:07,true,,\n";
    an_judged j = good(f, text);
    assert_int_equal(j.fresh, 5);
    assert_int_equal(j.missed, 2);
    an_judged_done(&j);
    const uint64_t seq = last_seq(f);
    j = good(f, text);
    assert_int_equal(j.same, 5);
    assert_int_equal(j.fresh + j.changed + j.alarms + j.missed + j.back + j.n, 0);
    assert_int_equal(last_seq(f), seq);
    /* one that overlaps adds what is new alone */
    j = good(f, HEAD ",,P5,,true,,\n,,P8,,normal,,\n");
    assert_int_equal(j.same, 1);
    assert_int_equal(j.fresh, 1);
    assert_int_equal(last_seq(f), seq);
    an_judged_done(&j);
}

static void an_alarm_is_false_only_if_all_that_it_speaks_of_is_good(void **state)
{
    fixture *f = *state;
    /* P22 is in its time, and stayed below the threshold: nothing is said of the alarm. */
    an_judged j = good(f, HEAD ",,P22,,false,,\n");
    verdict_is(f, 1, "", "");
    an_judged_done(&j);
    j = good(f, HEAD ",,P20,,false,,\n");
    verdict_is(f, 1, "false", "");
    an_judged_done(&j);
    j = good(f, HEAD ",,P21,,true,,\n");
    verdict_is(f, 1, "true", "");
    an_judged_done(&j);
    /* a defect that stayed below is missed though an alarm was open */
    j = good(f, HEAD ",,P22,,true,,\n");
    assert_int_equal(j.missed, 1);
    an_judged_done(&j);
    /* a correction */
    j = good(f, HEAD ",,P21,,false,,\n,,P22,,false,,\n");
    assert_int_equal(j.changed, 2);
    assert_int_equal(j.back, 1);
    verdict_is(f, 1, "false", "");
    an_judged_done(&j);
    /* what a person says of the alarm stands above its parts */
    const an_alarm_deed d = {.kind = AN_LOGGED_VERDICT,
                             .line = "press",
                             .alarm = 1,
                             .by = "anna",
                             .verdict = "true",
                             .defect = "seal",
                             .now_ms = BASE};
    assert_int_equal(an_alarms_act(f->log, &d, NULL, &f->why), AN_OK);
    j = good(f, HEAD ",,P20,,unsure,,\n");
    verdict_is(f, 1, "true", "seal");
    an_judged_done(&j);
}

static void alarms_of_rules_speak_of_all_in_their_time(void **state)
{
    fixture *f = *state;
    an_judged j = good(f, HEAD ",,P31,,true,,\n,,,2026-03-09 10:00:30.5,true,,\n");
    verdict_is(f, 2, "true", "");
    assert_int_equal(j.missed, 0);
    assert_true(j.items[j.n - 1].of_rule);
    an_judged_done(&j);
}

static void what_was_judged_earlier_does_not_undo_what_was_judged_later(void **state)
{
    fixture *f = *state;
    an_judged j = good(f, HEAD ",,P21,,true,,2026-03-10\n");
    an_judged_done(&j);
    j = good(f, HEAD ",,P21,,false,,2026-03-09\n");
    assert_int_equal(j.older, 1);
    verdict_is(f, 1, "true", "");
    an_judged_done(&j);
}

static void one_row_that_cannot_be_taken_keeps_the_others_out(void **state)
{
    fixture *f = *state;
    static const char text[] = HEAD ",,P21,,true,,\n,9,,,true,,\n,,nobody,,true,,\n,,P21,,missed,,\n"
                                    ",,nobody,2026-03-09 10:00:20.1,true,,\n";
    static const char *const reasons[] = {"no alarm 9", "no part \"nobody\"", "not missed"};
    an_judged j;
    an_verdict_list l;
    const uint64_t seq = last_seq(f);
    assert_int_equal(judge(f, text, false, &j, &l), AN_ERR_REFUSED);
    assert_non_null(strstr(f->why.text, "line 3: "));
    assert_int_equal(l.n_refused, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(l.refused[i].row, i + 3);
        assert_non_null(strstr(l.refused[i].why, reasons[i]));
    }
    assert_int_equal(last_seq(f), seq);
    verdict_is(f, 1, "", "");
    an_verdict_list_clean(&l);
    assert_int_equal(l.n, 2);
    assert_int_equal(an_alarms_judge(f->log, &l, &(an_judge_opts){.now_ms = BASE}, &j, &f->why), AN_OK);
    verdict_is(f, 1, "true", "");
    assert_int_equal(j.fresh, 2);
    an_judged_done(&j);
    an_verdict_list_done(&l);
    assert_int_equal(judge(f, "line,part,verdict\nother,P1,true\n", true, &j, &l), AN_ERR_REFUSED);
    assert_non_null(strstr(f->why.text, "no line other"));
    an_verdict_list_done(&l);
}

static void a_dry_run_says_what_would_be_and_leaves_nothing(void **state)
{
    fixture *f = *state;
    an_judged j;
    an_verdict_list l;
    const char *text = HEAD ",,P21,,true,,\n,,P5,,true,,\n";
    const uint64_t seq = last_seq(f);
    assert_int_equal(judge(f, text, true, &j, &l), AN_OK);
    assert_int_equal(j.fresh, 2);
    assert_int_equal(j.alarms, 1);
    assert_int_equal(j.missed, 1);
    an_judged_done(&j);
    an_verdict_list_done(&l);
    assert_int_equal(last_seq(f), seq);
    verdict_is(f, 1, "", "");
    j = good(f, text);
    assert_int_equal(j.fresh, 2);
    an_judged_done(&j);
}

/* Any order of the same tables comes to the same, row by row or all at once. */
static void the_order_does_not_matter(void **state)
{
    static const char *const rows[] = {",,P20,,false,,\n", ",,P21,,true,crack,\n", ",,P22,,true,,\n",
                                       ",,P4,,true,,\n",   ",,P5,,false,,\n",      ",,P30,,false,,\n"};
    enum { N = sizeof rows / sizeof *rows };
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 3, 1);
    for (int trial = 0; trial < 12; trial++) {
        void *fresh = NULL;
        size_t order[N], missed = 0;
        setup(&fresh);
        fixture *f = fresh;
        for (size_t i = 0; i < N; i++) {
            const size_t k = (size_t)an_rng_below(&rng, i + 1);
            order[i] = order[k];
            order[k] = i;
        }
        for (size_t i = 0; i < N; i++) {
            char text[256];
            snprintf(text, sizeof text, HEAD "%s", rows[order[i]]);
            an_judged j = good(f, text);
            missed += j.missed;
            an_judged_done(&j);
        }
        assert_int_equal(missed, 2);
        verdict_is(f, 1, "true", "crack");
        verdict_is(f, 2, "false", "");
        teardown(&fresh);
    }
}

static void no_memory_leaves_the_log_as_it_was(void **state)
{
    fixture *f = *state;
    const uint64_t seq = last_seq(f);
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err != AN_OK; n++) {
        an_verdict_list l = {.n = 0};
        an_judged j = {.n = 0};
        const char *text = HEAD ",,P21,,true,,\n,,P5,,true,,\n";
        assert_int_equal(an_verdicts_parse(text, strlen(text), &(an_verdict_opts){.line = "press"}, &l, NULL),
                         AN_OK);
        an_mem_fail_after(n);
        err = an_alarms_judge(f->log, &l, &(an_judge_opts){.now_ms = BASE}, &j, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        if (err != AN_OK)
            assert_int_equal(last_seq(f), seq);
        an_judged_done(&j);
        an_verdict_list_done(&l);
    }
    verdict_is(f, 1, "true", "");
}

static void pieces_grow_and_are_there_once(void **state)
{
    fixture *f = *state;
    an_judged j = good(f, HEAD ",,P1,,true,,\n");
    assert_int_equal(j.missed, 1);
    an_judged_done(&j);
    an_piece p = {
        .line = "press", .part = "P1", .from_ms = BASE + 1000, .to_ms = BASE + 1500, .peak = 2, .level = NAN};
    assert_int_equal(an_alarms_pieces(f->log, &p, 1, &f->why), AN_OK);
    raise_alarm(f, 3, 1, 3, "model");
    /* its alarm has come later, as when rows are read again after a crash */
    j = good(f, HEAD ",,P1,,true,,\n");
    assert_int_equal(j.back, 1);
    assert_int_equal(j.alarms, 1);
    verdict_is(f, 3, "true", "");
    an_judged_done(&j);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_defective_part_makes_its_alarm_true_and_one_without_alarm_is_missed),
        TEST(an_import_repeated_changes_nothing),
        TEST(an_alarm_is_false_only_if_all_that_it_speaks_of_is_good),
        TEST(alarms_of_rules_speak_of_all_in_their_time),
        TEST(what_was_judged_earlier_does_not_undo_what_was_judged_later),
        TEST(one_row_that_cannot_be_taken_keeps_the_others_out),
        TEST(a_dry_run_says_what_would_be_and_leaves_nothing),
        cmocka_unit_test(the_order_does_not_matter),
        TEST(no_memory_leaves_the_log_as_it_was),
        TEST(pieces_grow_and_are_there_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
