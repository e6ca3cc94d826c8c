/* A table of an MES: columns by any name, every row that cannot be taken with its number and why, and the way to the agent and
 * back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/verdicts.h"
#include "base/mem.h"

static const an_verdict_opts none = {.line = NULL};

static an_err parse(const char *text, const an_verdict_opts *opts, an_verdict_list *ret, an_note *why)
{
    *ret = (an_verdict_list){.n = 0};
    return an_verdicts_parse(text, strlen(text), opts, ret, why);
}

static void rows_name_an_alarm_a_part_or_a_time(void **state)
{
    (void)state;
    an_verdict_list l;
    an_note why = {{0}};
    const char *text = "\xef\xbb\xbfLine;Alarm;part;from;to;verdict;class;comment;by\r\n"
                       "press;7;;;;true;seal;\"worn; badly\";anna\r\n"
                       "\r\n"
                       "press;;P 1;;;normal;;;\r\n"
                       "press;;;2026-03-09 10:00;2026-03-09T10:05:00Z;Missed;;;\r\n";
    if (parse(text, &none, &l, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(l.n, 3);
    assert_int_equal(l.n_refused, 0);
    assert_int_equal(l.rows[0].alarm, 7);
    assert_int_equal(l.rows[0].verdict, AN_VERDICT_TRUE);
    assert_string_equal(l.rows[0].defect, "seal");
    assert_string_equal(l.rows[0].comment, "worn; badly");
    assert_string_equal(l.rows[0].by, "anna");
    assert_int_equal(l.rows[1].row, 4);
    assert_string_equal(l.rows[1].part, "P 1");
    assert_int_equal(l.rows[1].verdict, AN_VERDICT_FALSE);
    assert_string_equal(l.rows[1].by, "mes");
    assert_true(l.rows[2].missed && l.rows[2].timed);
    assert_int_equal(l.rows[2].from_ms, INT64_C(1773050400000));
    assert_int_equal(l.rows[2].to_ms - l.rows[2].from_ms, 300000);
    an_verdict_list_done(&l);
}

static void a_plant_has_its_own_names_words_and_clock(void **state)
{
    (void)state;
    an_verdict_list l;
    an_note why = {{0}};
    const an_verdict_opts o = {.line = "press",
                               .by = "Qs",
                               .columns = "part=Serial No,verdict=Ergebnis,at=Zeit",
                               .words = "NOK=true,IO=false",
                               .zone = "+01:00"};
    if (parse("Serial No,Zeit,Ergebnis\nP1,09.03.2026 11:00,nok\nP2,,IO\n", &o, &l, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(l.n, 2);
    assert_string_equal(l.rows[0].line, "press");
    assert_string_equal(l.rows[0].by, "Qs");
    assert_int_equal(l.rows[0].verdict, AN_VERDICT_TRUE);
    assert_int_equal(l.rows[0].from_ms, INT64_C(1773050400000));
    assert_int_equal(l.rows[0].to_ms, l.rows[0].from_ms);
    assert_int_equal(l.rows[1].verdict, AN_VERDICT_FALSE);
    an_verdict_list_done(&l);
}

static void each_row_that_cannot_be_taken_is_named_with_why(void **state)
{
    (void)state;
    static const struct {
        const char *row, *why;
    } bad[] = {
        {"press,x,,,,true", "the alarm is not a number"},
        {"press,0,,,,true", "the alarm is not a number"},
        {"press,7,,,,missed", "an alarm was raised: nothing is missed"},
        {"press,,,,,true", "it names no alarm, no part and no time"},
        {"press,,P,,,perhaps", "the verdict is not true, false, missed or unsure"},
        {"press,,P,,,", "the verdict is not true, false, missed or unsure"},
        {",,P,,,true", "it names no line"},
        {"a b,,P,,,true", "that is not a line's name"},
        {"press,,,2026-03-09,,true", "from and to belong together"},
        {"press,,,soon,later,true", "from or to is not a time"},
        {"press,,,2026-03-09,2026-03-08,true", "it ends before it begins"},
        {"press,,P\xff,,,true", "the part is too long, or not a text"},
        {"press,,P\x01,,,true", "the part is too long, or not a text"},
        {"press,,0123456789012345678901234567890123456789012345678901234567890123,,,true",
         "the part is too long, or not a text"},
        {"press,,P,,,true,more", "it has 7 fields, the header 6"},
        {"press,,\"P,,,true", "a quote does not end"},
    };
    an_buf b;
    an_verdict_list l;
    an_note why = {{0}};
    an_buf_init(&b, 1 << 16);
    an_buf_text(&b, "line,alarm,part,from,to,verdict\n");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        an_buf_printf(&b, "press,,good%zu,,,true\n%s\n", i, bad[i].row);
    an_buf_u8(&b, 0);
    assert_int_equal(parse((const char *)b.data, &none, &l, &why), AN_OK);
    assert_int_equal(l.n_refused, sizeof bad / sizeof *bad);
    for (size_t i = 0; i < l.n_refused; i++) {
        assert_int_equal(l.refused[i].row, 3 + 2 * i);
        assert_string_equal(l.refused[i].why, bad[i].why);
    }
    assert_int_equal(l.n, sizeof bad / sizeof *bad);
    assert_int_equal(an_verdict_refuse(&l, l.rows[1].row, "for another reason"), AN_OK);
    const size_t n = l.n;
    an_verdict_list_clean(&l);
    assert_int_equal(l.n, n - 1);
    assert_int_equal(l.n_refused, 0);
    assert_string_equal(l.rows[1].part, "good2");
    an_verdict_list_done(&l);
    an_buf_done(&b);
}

static void expect(an_err err, const char *text, const an_verdict_opts *o, const char *reason)
{
    an_verdict_list l;
    an_note why = {{0}};
    const an_err got = parse(text, o, &l, &why);
    if (got != err || !strstr(why.text, reason))
        fail_msg("%s: %s", an_err_name(got), why.text);
}

static void a_table_that_is_none_is_refused_whole(void **state)
{
    (void)state;
    expect(AN_ERR_PROTO, "", &none, "empty");
    expect(AN_ERR_PROTO, "\n \n", &none, "empty");
    expect(AN_ERR_PROTO, "line,part\npress,P\n", &none, "no column \"verdict\"");
    expect(AN_ERR_PROTO, "line,verdict\npress,true\n", &none, "no column alarm, part, at or from");
    expect(AN_ERR_INVAL, "part,verdict\n", &(an_verdict_opts){.words = "NOK"}, "pairs");
    expect(AN_ERR_INVAL, "part,verdict\n", &(an_verdict_opts){.words = "NOK=bad"}, "\"bad\"");
    expect(AN_ERR_INVAL, "part,verdict\n", &(an_verdict_opts){.columns = "parts=x"}, "\"parts\"");
    expect(AN_ERR_PROTO, "part,verdict\n", &(an_verdict_opts){.columns = "part=Serial"}, "\"Serial\"");
    expect(AN_ERR_INVAL, "part,verdict\n", &(an_verdict_opts){.line = "a b"}, "line's name");
    char *rows = an_alloc(AN_VERDICT_ROWS_MAX + 2, 8);
    char *at = rows + snprintf(rows, 32, "part,verdict\n");
    for (size_t i = 0; i <= AN_VERDICT_ROWS_MAX; i++)
        at += snprintf(at, 8, "P,true\n");
    expect(AN_ERR_LIMIT, rows, &(an_verdict_opts){.line = "press"}, "more than 20000 rows");
    an_free(rows);
}

static void what_is_handed_to_the_agent_reads_the_same(void **state)
{
    (void)state;
    an_verdict_list l, again;
    an_buf b, c;
    an_note why = {{0}};
    assert_int_equal(parse("line,alarm,part,at,verdict,class,comment,by,judged\n"
                           "press,7,,,unsure,\"a \"\"b\"\", c\",,me,2026-03-09T10:00:00.125Z\n"
                           "pump,,\"P,1\",1773050400000,missed,,=1+1,,\n",
                           &none, &l, &why),
                     AN_OK);
    assert_int_equal(l.n, 2);
    an_buf_init(&b, AN_VERDICT_BYTES_MAX);
    assert_int_equal(an_verdicts_write(&l, &b), AN_OK);
    again = (an_verdict_list){.n = 0};
    assert_int_equal(an_verdicts_parse(b.data, b.len, &none, &again, &why), AN_OK);
    assert_int_equal(again.n, 2);
    assert_int_equal(again.n_refused, 0);
    assert_string_equal(again.rows[0].defect, "a \"b\", c");
    assert_int_equal(again.rows[0].said_ms, INT64_C(1773050400125));
    assert_string_equal(again.rows[1].part, "P,1");
    assert_string_equal(again.rows[1].comment, "=1+1");
    an_buf_init(&c, AN_VERDICT_BYTES_MAX);
    assert_int_equal(an_verdicts_write(&again, &c), AN_OK);
    assert_int_equal(c.len, b.len);
    assert_memory_equal(c.data, b.data, b.len);
    an_buf_done(&c);
    an_verdict_list_done(&l);
    an_verdict_list_done(&again);
    an_buf_done(&b);
}

static void no_memory_is_an_error_and_nothing_else(void **state)
{
    (void)state;
    const char *text = "line,part,verdict\npress,P,true\npress,,true\n";
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err != AN_OK; n++) {
        an_verdict_list l = {.n = 0};
        an_mem_fail_after(n);
        err = an_verdicts_parse(text, strlen(text), &(an_verdict_opts){.zone = "UTC"}, &l, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && l.n == 0));
        an_verdict_list_done(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_name_an_alarm_a_part_or_a_time),
        cmocka_unit_test(a_plant_has_its_own_names_words_and_clock),
        cmocka_unit_test(each_row_that_cannot_be_taken_is_named_with_why),
        cmocka_unit_test(a_table_that_is_none_is_refused_whole),
        cmocka_unit_test(what_is_handed_to_the_agent_reads_the_same),
        cmocka_unit_test(no_memory_is_an_error_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
