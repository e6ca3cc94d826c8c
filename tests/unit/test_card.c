/* A card is made of facts alone, and is the same text each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "coordinator/card.h"
#include "coordinator/figures.h"

static const char facts[] =
    "{\"hash\":\"3f2a99c1d0e4b5a63f2a99c1d0e4b5a63f2a99c1d0e4b5a63f2a99c1d0e4b5a6\",\"parent\":"
    "\"11\",\"model\":\"pump\",\"size\":4096,\"created_ms\":1773051273250,\"generations\":7,"
    "\"layout_difference\":\"none\",\"bundle\":{\"parameters\":812,\"window\":8,\"n_sensors\":2,"
    "\"detector\":\"autoencoder\",\"threshold_policy\":\"target_far:0.01\",\"sensors\":[\"flow\",\"a|b*\"]},"
    "\"campaign\":{\"id\":4,\"kind\":\"incremental\",\"trigger\":\"drift <b>\",\"state\":\"promoted\"},"
    "\"rounds\":[{\"id\":12,\"kind\":\"train\",\"sites\":5,\"plan\":\"aabbccddeeff0011\","
    "\"protection\":\"secure sum of 5 sites of 5 parties\"}],\"privacy\":\"epsilon 3.1 of a record\","
    "\"lines\":[\"plant-a/line-1\"],\"releases\":[{\"counter\":3,\"expires_ms\":1795282800000,"
    "\"time_ms\":1773051273250,\"actor\":\"user/anna\",\"delegation\":1}],\"gate\":{\"passed\":true,"
    "\"reason\":\"better on new "
    "data\"},\"figures\":[{\"key\":\"loss\",\"better\":\"lower\",\"value\":\"0.5\","
    "\"against\":\"0.7\",\"meaning\":\"mean "
    "loss\"},{\"key\":\"recall\",\"better\":\"higher\",\"meaning\":\"m\"}],"
    "\"evaluated_sites\":5,\"evaluated_windows\":1200,\"held_against\":\"production of that time\"}";

static void card_of(const char *text, an_buf *out)
{
    an_json_doc *doc = NULL;
    an_note why = {{0}};
    if (an_json_parse(text, strlen(text), "facts", &doc, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_buf_init(out, AN_CARD_MAX);
    assert_int_equal(an_card_text(an_json_root(doc), out), AN_OK);
    an_buf_u8(out, 0);
    an_json_doc_free(doc);
}

/* To write it anew: ANDON_GOLDEN=write. */
static void a_card_says_what_is_known(void **state)
{
    (void)state;
    an_buf card, golden;
    card_of(facts, &card);
    an_buf_init(&golden, AN_CARD_MAX);
    if (getenv("ANDON_GOLDEN"))
        assert_int_equal(an_file_write(AN_TEST_DIR "/vectors/card.md", card.data, card.len - 1, 0644, NULL),
                         AN_OK);
    assert_int_equal(an_file_read(&golden, AN_TEST_DIR "/vectors/card.md", NULL), AN_OK);
    an_buf_u8(&golden, 0);
    assert_string_equal((const char *)card.data, (const char *)golden.data);
    an_buf_done(&golden);
    an_buf_done(&card);
}

static void what_is_not_known_is_not_made_up(void **state)
{
    (void)state;
    static const char *const said[] = {"not kept any more", "No campaign has made it", "was not evaluated",
                                       "no verdict",        "no site may run it",      "no line",
                                       "never evaluated"};
    an_buf card;
    card_of("{\"hash\":\"00\",\"model\":\"pump\"}", &card);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!strstr((const char *)card.data, said[i]))
            fail_msg("the card does not say \"%s\"", said[i]);
    an_buf_done(&card);
    card_of("{}", &card);
    an_buf_done(&card);
}

static void names_cannot_break_out_of_the_text(void **state)
{
    (void)state;
    an_buf card;
    card_of("{\"model\":\"a\\nb|c<script>\",\"campaign\":{\"trigger\":\"](x)\"}}", &card);
    assert_non_null(strstr((const char *)card.data, "a?b\\|c\\<script\\>"));
    assert_non_null(strstr((const char *)card.data, "\\](x)"));
    an_buf_done(&card);
}

static size_t row_of(const char *key)
{
    for (size_t i = 0; i < an_figures_n; i++)
        if (strcmp(an_figures[i].key, key) == 0)
            return i;
    fail_msg("no figure %s", key);
    return 0;
}

static void figures_know_their_better_way_and_what_was_not_counted(void **state)
{
    (void)state;
    an_evaluation e = {.n = 4, .loss_sum = 2, .tp = 3, .fn = 1, .fp = 1, .tn = 9};
    double v = 0;
    e.sizes[0].total = 10;
    e.sizes[0].raised = 4;
    e.sizes[1].total = 10;
    e.sizes[1].raised = 8;
    assert_true(an_figure_of(row_of("loss"), &e, &v) && v > 0.49 && v < 0.51);
    assert_true(an_figure_of(row_of("recall"), &e, &v) && v > 0.74 && v < 0.76);
    assert_true(an_figure_of(row_of("f1"), &e, &v) && v > 0.74 && v < 0.76);
    assert_true(an_figure_of(row_of("false.alarms"), &e, &v) && v > 0.09 && v < 0.11);
    assert_true(an_figure_of(row_of("faults"), &e, &v) && v > 0.59 && v < 0.61);
    assert_false(an_figure_of(row_of("alarms.old"), &e, &v));
    assert_int_equal(an_figure_compare(&an_figures[row_of("loss")], 0.1, 0.2), 1);
    assert_int_equal(an_figure_compare(&an_figures[row_of("recall")], 0.1, 0.2), -1);
    assert_int_equal(an_figure_compare(&an_figures[row_of("recall")], 0.2, 0.2), 0);
    assert_string_equal(an_better_name(an_figures[row_of("f1")].better), "higher");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_says_what_is_known),
        cmocka_unit_test(what_is_not_known_is_not_made_up),
        cmocka_unit_test(names_cannot_break_out_of_the_text),
        cmocka_unit_test(figures_know_their_better_way_and_what_was_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
