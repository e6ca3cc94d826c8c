/* Records as lines for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/journal_text.h"
#include "coordinator/records.h"
#include "coordinator/rollout.h"
#include "coordinator/round.h"
#include "doors/json.h"

#define MORNING INT64_C(1773051273250) /* 2026-03-09 10:14:33.250 */
#define HASH "3f2a99c1d0e4b5a63f2a99c1d0e4b5a63f2a99c1d0e4b5a63f2a99c1d0e4b5a6"

static an_record record_of(const char *kind, const char *subject, const char *actor, const char *body)
{
    return (an_record){.seq = 1,
                       .time_ms = MORNING,
                       .kind = kind,
                       .subject = subject,
                       .actor = actor,
                       .body = body,
                       .body_len = strlen(body)};
}

static void assert_line(an_record r, const char *expected)
{
    char line[AN_JOURNAL_LINE_MAX];
    an_err err = an_journal_text(line, &r);
    assert_int_equal(err, AN_OK);
    assert_string_equal(line, expected);
}

static void a_sentence_names_who_did_what_to_whom(void **state)
{
    (void)state;
    assert_line(record_of("site.approved", "plant-a", "user/admin", "{\"fingerprint\":\"3f2a 99c1\"}"),
                "2026-03-09 10:14  site plant-a approved by user/admin (fingerprint 3f2a 99c1)");
}

static void a_part_in_brackets_is_left_out_when_its_field_is_absent(void **state)
{
    (void)state;
    assert_line(record_of("alias.moved", "pump", "user/admin",
                          "{\"alias\":\"production\",\"to\":\"" HASH "\",\"reason\":\"gate passed\"}"),
                "2026-03-09 10:14  production of model pump moved to 3f2a99c1d0e4 by "
                "user/admin: gate passed");
    assert_line(record_of("alias.moved", "pump", "user/admin",
                          "{\"alias\":\"production\",\"to\":\"v2\",\"from\":\"v1\",\"reason\":null}"),
                "2026-03-09 10:14  production of model pump moved to v2 from v1 by user/admin");
}

static void a_field_that_asks_says_nothing_of_a_no(void **state)
{
    (void)state;
    assert_line(record_of("root.set", "root", "coordinator", "{\"key\":\"" HASH "\",\"online\":true}"),
                "2026-03-09 10:14  release root is 3f2a99c1d0e4, the coordinator's own key");
    assert_line(record_of("root.set", "root", "coordinator", "{\"key\":\"" HASH "\",\"online\":false}"),
                "2026-03-09 10:14  release root is 3f2a99c1d0e4");
}

static void a_change_says_what_was_before_and_why(void **state)
{
    (void)state;
    assert_line(
        record_of("model.policy", "pump", "user/admin",
                  "{\"policy\":{\"train.rounds\":\"20\",\"drift.gather\":\"30m\"},"
                  "\"before\":{\"train.rounds\":\"10\",\"drift.gather\":\"1h\"},"
                  "\"reason\":\"it had not settled\"}"),
        "2026-03-09 10:14  policy of model pump changed by user/admin: train.rounds 20, drift.gather 30m; "
        "before: train.rounds 10, drift.gather 1h; it had not settled");
    assert_line(record_of("model.policy", "pump", "user/admin", "{\"policy\":{\"train.rounds\":\"20\"}}"),
                "2026-03-09 10:14  policy of model pump changed by user/admin: train.rounds 20");
    assert_line(
        record_of("site.party", "plant-a", "user/admin", "{\"party\":\"north\",\"before\":\"plant-a\"}"),
        "2026-03-09 10:14  site plant-a is run by north, before by plant-a, said user/admin");
    assert_line(record_of("group.set", "early", "user/admin",
                          "{\"sites\":[\"plant-a\",\"plant-b\"],\"before\":[\"plant-a\"]}"),
                "2026-03-09 10:14  group early set by user/admin: plant-a, plant-b; before: plant-a");
    assert_line(record_of("rollout.event", "pump", "site/plant-a",
                          "{\"id\":7,\"event\":\"fails\",\"at\":1,\"site\":\"plant-a\",\"reason\":\"worse\","
                          "\"before\":\"RUNNING\",\"state\":\"ROLLED_BACK\"}"),
                "2026-03-09 10:14  rollout 7 of model pump: site plant-a fails, RUNNING before, now "
                "ROLLED_BACK: worse");
}

static void an_event_is_a_sentence_and_says_nothing_twice(void **state)
{
    (void)state;
    assert_line(record_of("rollout.event", "pump", "coordinator", "{\"id\":25,\"event\":\"time\",\"at\":1}"),
                "2026-03-09 10:14  rollout 25 of model pump: its time has come");
    assert_line(
        record_of("rollout.event", "pump", "user/admin",
                  "{\"id\":25,\"event\":\"resume\",\"at\":1,\"before\":\"PAUSED\",\"state\":\"RUNNING\","
                  "\"reason\":\"resumed by user/admin\"}"),
        "2026-03-09 10:14  rollout 25 of model pump: resumed by user/admin, PAUSED before, now RUNNING");
    assert_line(record_of("rollout.event", "pump", "user/admin",
                          "{\"id\":25,\"event\":\"pause\",\"at\":1,\"reason\":\"it is loud (user/admin)\"}"),
                "2026-03-09 10:14  rollout 25 of model pump: paused by user/admin: it is loud (user/admin)");
    assert_line(record_of("round.event", "round/7", "site/plant-a",
                          "{\"event\":\"refuse\",\"at\":1,\"site\":\"plant-a\",\"reason\":\"no rows\"}"),
                "2026-03-09 10:14  round/7: site plant-a takes no part: no rows");
    assert_line(record_of("round.event", "round/7", "coordinator", "{\"event\":\"later\",\"at\":1}"),
                "2026-03-09 10:14  round/7: later");
}

static bool has_words(const char *kind, const char *event)
{
    static const char *const rows[][2] = {
#define AN_WORD(kind, event, words) {kind, event},
#include "coordinator/journal_words.def"
#undef AN_WORD
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i][0], kind) == 0 && strcmp(rows[i][1], event) == 0)
            return true;
    return false;
}

static void every_event_has_words(void **state)
{
    (void)state;
    for (int i = 0; i < AN_ROLLOUT_EVENTS; i++)
        if (!has_words("rollout.event", an_rollout_event_name((an_rollout_event_type)i)))
            fail_msg("rollout.event: %s", an_rollout_event_name((an_rollout_event_type)i));
    for (int i = 0; i <= AN_ROUND_EVENT_SECURE; i++) {
        an_json *o = an_round_event_body(&(an_round_event){.type = (an_round_event_type)i});
        char *text = an_json_print(o, 0), event[32] = "";
        assert_non_null(text);
        assert_int_equal(sscanf(text, "{\"event\":\"%31[^\"]", event), 1);
        if (!has_words("round.event", event))
            fail_msg("round.event: %s", event);
        an_free(text);
        an_json_free(o);
    }
}

static void one_thing_is_not_many(void **state)
{
    (void)state;
    assert_line(record_of("round.ended", "round/7", "coordinator",
                          "{\"id\":7,\"committed\":true,\"updates\":1,\"bytes\":1000}"),
                "2026-03-09 10:14  round/7 ended with 1 update, committed yes");
    assert_line(record_of("round.ended", "round/7", "coordinator",
                          "{\"id\":7,\"committed\":false,\"updates\":0,\"bytes\":0}"),
                "2026-03-09 10:14  round/7 ended with 0 updates, committed no");
}

static void times_in_bodies_are_read_as_times(void **state)
{
    (void)state;
    assert_line(record_of("site.token", "plant-a", "user/admin",
                          "{\"token_id\":\"t1\",\"expires_ms\":1773054873250}"),
                "2026-03-09 10:14  enrolment token t1 made by user/admin, valid until "
                "2026-03-09 11:14");
}

static void a_round_names_who_is_not_in_its_result_as_it_came(void **state)
{
    (void)state;
    assert_line(record_of("round.ended", "round/7", "coordinator",
                          "{\"id\":7,\"committed\":true,\"updates\":4,\"bytes\":1000,\"outliers\":["
                          "{\"site\":\"plant-b\",\"in\":false,\"reason\":\"is too far from the others\"},"
                          "{\"site\":\"plant-d\",\"in\":false,\"reason\":\"is not finite\"}]}"),
                "2026-03-09 10:14  round/7 ended with 4 updates, committed yes; apart: plant-b is too far "
                "from the others, plant-d is not finite");
    assert_line(
        record_of("round.ended", "round/7", "coordinator",
                  "{\"id\":7,\"committed\":true,\"updates\":4,\"bytes\":1000,"
                  "\"owing\":[\"plant-c\",\"plant-e\"]}"),
        "2026-03-09 10:14  round/7 ended with 4 updates, committed yes; may be late: plant-c, plant-e");
}

static void an_alarm_names_the_sensors_behind_it_and_its_end_once_it_is_over(void **state)
{
    (void)state;
    assert_line(record_of("alarm.summary", "plant-a", "site/plant-a",
                          "{\"line\":\"pump-1\",\"alarm\":7,\"peak\":3.48211,\"cleared_ms\":0,"
                          "\"sensors\":[{\"sensor\":\"flow\",\"share\":0.617},"
                          "{\"sensor\":\"current\",\"share\":0.2}]}"),
                "2026-03-09 10:14  site plant-a line pump-1: alarm, score 3.482 times the "
                "threshold, from flow 62 %, current 20 %");
    assert_line(record_of("alarm.summary", "plant-a", "site/plant-a",
                          "{\"line\":\"pump-1\",\"alarm\":7,\"peak\":4,\"sensors\":[],"
                          "\"cleared_ms\":1773054873250}"),
                "2026-03-09 10:14  site plant-a line pump-1: alarm, score 4 times the "
                "threshold; over since 2026-03-09 11:14");
}

static void a_dot_names_the_field_of_the_body(void **state)
{
    (void)state;
    assert_line(record_of("drift.alert", "plant-b", "site/plant-b",
                          "{\"line\":\"pump-1\",\"model\":\"pump\",\"test\":\"ks\","
                          "\"subject\":\"flow\",\"effect\":0.5}"),
                "2026-03-09 10:14  drift at site plant-b line pump-1: flow, effect 0.5 (ks, "
                "model pump)");
}

static void a_body_that_lacks_what_its_sentence_needs_is_shown_as_pairs(void **state)
{
    (void)state;
    assert_line(record_of("site.approved", "plant-a", "user/admin", "{\"note\":\"by hand\",\"n\":3}"),
                "2026-03-09 10:14  site.approved plant-a by user/admin note=by hand n=3");
}

static void an_unknown_kind_is_shown_as_pairs_of_every_type(void **state)
{
    (void)state;
    assert_line(record_of("later.kind", "x", "coordinator",
                          "{\"a\":0.25,\"b\":true,\"c\":null,\"d\":[1,\"two\"],\"e\":{\"f\":1},\"g\":[]}"),
                "2026-03-09 10:14  later.kind x by coordinator a=0.25 b=yes c=none d=1, two"
                " e=f 1 g=(0 values)");
}

static void a_body_that_is_no_json_is_said_and_an_absent_one_is_not(void **state)
{
    (void)state;
    assert_line(record_of("site.report", "plant-a", "site/plant-a", "{\"state\":"),
                "2026-03-09 10:14  site.report plant-a by site/plant-a (its body is not JSON)");
    assert_line(record_of("site.report", "plant-a", "site/plant-a", ""),
                "2026-03-09 10:14  site.report plant-a by site/plant-a");
}

static void control_characters_never_reach_the_terminal(void **state)
{
    (void)state;
    assert_line(record_of("site.denied", "plant-a", "user/admin",
                          "{\"fingerprint\":\"a\\u001b[2Jb\\nc\",\"reason\":\"x\\u009bz\\u00e4\"}"),
                "2026-03-09 10:14  site plant-a denied by user/admin (fingerprint a?[2Jb?c): "
                "x?z\xc3\xa4");
}

static void a_line_too_long_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        char body[2048] = "{\"fingerprint\":\"", line[AN_JOURNAL_LINE_MAX];
        size_t at = strlen(body);
        memset(body + at, 'x', shift);
        at += shift;
        for (int i = 0; i < 400; i++, at += 3)
            memcpy(body + at, "\xe2\x82\xac", 3);
        memcpy(body + at, "\"}", 3);
        an_record r = record_of("site.approved", "plant-a", "user/admin", body);
        an_err err = an_journal_text(line, &r);
        assert_int_equal(err, AN_OK);
        size_t len = strlen(line);
        assert_true(len < AN_JOURNAL_LINE_MAX && len > AN_JOURNAL_LINE_MAX - 8);
        assert_string_equal(line + len - 3, "...");
        assert_memory_equal(line + len - 6, "\xe2\x82\xac", 3);
    }
}

static bool has_word(const char *words, const char *word, size_t len)
{
    for (const char *at = words; *at;) {
        size_t n = strcspn(at, " ?");
        if (n == len && strncmp(at, word, len) == 0)
            return true;
        at += n;
        at += strspn(at, " ?");
    }
    return false;
}

static void every_sentence_belongs_to_a_kind_and_uses_its_fields(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *text;
    } rows[] = {
#define AN_LINE(kind, text) {kind, text},
#include "coordinator/journal_text.def"
#undef AN_LINE
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const an_record_kind *kind = an_record_kind_find(rows[i].kind);
        assert_non_null(kind);
        for (const char *at = strchr(rows[i].text, '{'); at; at = strchr(at, '{')) {
            at += at[1] == '.' ? 2 : 1;      /* {.subject}: the field of the body */
            size_t len = strcspn(at, "}:?"); /* {number:thing}, {yes?} */
            if (!has_word("subject actor", at, len) && !has_word(kind->fields, at, len))
                fail_msg("%s: {%.*s} is not a field of records.def", kind->name, (int)len, at);
        }
        int depth = 0;
        for (const char *at = rows[i].text; *at; at++) {
            depth += (*at == '[') - (*at == ']');
            assert_true(depth == 0 || depth == 1);
        }
        assert_int_equal(depth, 0);
    }
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    an_record r = record_of("site.approved", "plant-a", "user/admin", "{\"fingerprint\":\"3f2a\"}");
    char line[AN_JOURNAL_LINE_MAX];
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = an_journal_text(line, &r);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && line[0] == '\0'));
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_names_who_did_what_to_whom),
        cmocka_unit_test(a_part_in_brackets_is_left_out_when_its_field_is_absent),
        cmocka_unit_test(a_field_that_asks_says_nothing_of_a_no),
        cmocka_unit_test(a_change_says_what_was_before_and_why),
        cmocka_unit_test(an_event_is_a_sentence_and_says_nothing_twice),
        cmocka_unit_test(every_event_has_words),
        cmocka_unit_test(one_thing_is_not_many),
        cmocka_unit_test(times_in_bodies_are_read_as_times),
        cmocka_unit_test(a_round_names_who_is_not_in_its_result_as_it_came),
        cmocka_unit_test(an_alarm_names_the_sensors_behind_it_and_its_end_once_it_is_over),
        cmocka_unit_test(a_dot_names_the_field_of_the_body),
        cmocka_unit_test(a_body_that_lacks_what_its_sentence_needs_is_shown_as_pairs),
        cmocka_unit_test(an_unknown_kind_is_shown_as_pairs_of_every_type),
        cmocka_unit_test(a_body_that_is_no_json_is_said_and_an_absent_one_is_not),
        cmocka_unit_test(control_characters_never_reach_the_terminal),
        cmocka_unit_test(a_line_too_long_is_cut_between_characters),
        cmocka_unit_test(every_sentence_belongs_to_a_kind_and_uses_its_fields),
        cmocka_unit_test(survives_every_allocation_failure),
    };
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
