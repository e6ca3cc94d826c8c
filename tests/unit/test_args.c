/* Command lines: verbs, flags, positionals, and what a wrong one is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/args.h"

static const an_flag train_flags[] = {
    {"data", "DIR", "folder with the files"},
    {"seed", "N", "seed of every draw"},
    {"json", NULL, "figures as JSON"},
};
static const an_verb verbs[] = {
    {"train", "FILE...", 1, 2, train_flags, 3, "train a model"},
    {"round", NULL, 0, 0, NULL, 0, "show the round"},
    {"round replay", "N", 1, 1, train_flags, 1, "recompute a round"},
};
static const an_verb plain[] = {{"", NULL, 0, 1, train_flags, 3, "run"}};
static const an_verb agent[] = {{"", NULL, 0, 0, train_flags, 3, "run"},
                                {"status", NULL, 0, 0, NULL, 0, "what it does"}};

static an_err parse(an_args *a, const an_verb *v, size_t n, an_note *why, const char *line)
{
    static char words[512];
    static char *argv[32];
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *at = words; *at;) {
        argv[argc++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = '\0';
    }
    return an_args_parse(a, v, n, argc, argv, why);
}

static void flags_and_positionals_come_in_any_order(void **state)
{
    (void)state;
    an_args a;
    assert_int_equal(parse(&a, verbs, 3, NULL, "/usr/bin/lab train a.yaml --data d --seed=-5 --json b -"),
                     AN_ERR_INVAL);
    assert_int_equal(parse(&a, verbs, 3, NULL, "/usr/bin/lab train a.yaml --data d --seed=-5 --json -"),
                     AN_OK);
    assert_string_equal(a.program, "lab");
    assert_string_equal(a.verb->name, "train");
    assert_int_equal(a.n_positionals, 2);
    assert_string_equal(a.positionals[0], "a.yaml");
    assert_string_equal(a.positionals[1], "-");
    assert_string_equal(an_args_get(&a, "data"), "d");
    assert_true(an_args_has(&a, "json"));
    int64_t seed = 0;
    assert_int_equal(an_args_int(&a, "seed", -10, 10, 1, &seed, NULL), AN_OK);
    assert_int_equal(seed, -5);
    an_note why = {{0}};
    assert_int_equal(an_args_int(&a, "seed", 0, 10, 1, &seed, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "--seed = -5: must be an integer 0..10");
    double x = 0;
    assert_int_equal(an_args_num(&a, "seed", -10, 10, 1, &x, NULL), AN_OK);
    assert_true(x == -5.0);
}

static void a_verb_of_two_words_wins_over_its_first_word(void **state)
{
    (void)state;
    an_args a;
    assert_int_equal(parse(&a, verbs, 3, NULL, "andon round replay 7"), AN_OK);
    assert_string_equal(a.verb->name, "round replay");
    assert_string_equal(a.positionals[0], "7");
    assert_int_equal(parse(&a, verbs, 3, NULL, "andon round"), AN_OK);
    assert_string_equal(a.verb->name, "round");
}

static void a_program_without_verbs_takes_flags_at_once(void **state)
{
    (void)state;
    an_args a;
    assert_int_equal(parse(&a, plain, 1, NULL, "agent --data a --data b"), AN_OK);
    assert_string_equal(an_args_get(&a, "data"), "b");
    assert_string_equal(an_args_at(&a, "data", 0), "a");
    assert_string_equal(an_args_at(&a, "data", 1), "b");
    assert_null(an_args_at(&a, "data", 2));
    assert_null(an_args_get(&a, "seed"));
    int64_t seed = 0;
    assert_int_equal(an_args_int(&a, "seed", 0, 10, 4, &seed, NULL), AN_OK);
    assert_int_equal(seed, 4);
    assert_int_equal(parse(&a, plain, 1, NULL, "agent -- --data"), AN_OK);
    assert_string_equal(a.positionals[0], "--data");
    assert_int_equal(an_args_parse(&a, plain, 1, 0, NULL, NULL), AN_OK);
}

static void a_wrong_line_is_told_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *line, *text;
    } wrong[] = {
        {"lab", "a command is needed; try: lab --help"},
        {"lab fly", "unknown command fly; try: lab --help"},
        {"lab train", "train needs FILE...; try: lab train --help"},
        {"lab train f --date x", "unknown flag --date; try: lab train --help"},
        {"lab train f -x", "unknown flag -x; try: lab train --help"},
        {"lab train f --data", "--data needs a value: --data DIR"},
        {"lab train f --json=1", "--json takes no value"},
        {"lab round now", "unexpected argument now"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        an_args a;
        an_note why = {{0}};
        assert_int_equal(parse(&a, verbs, 3, &why, wrong[i].line), AN_ERR_INVAL);
        assert_string_equal(why.text, wrong[i].text);
    }
    an_args a;
    an_note why = {{0}};
    assert_int_equal(parse(&a, agent, 2, &why, "agent fly --data x"), AN_ERR_INVAL);
    assert_string_equal(why.text, "unknown command fly; try: agent --help");
}

static void help_of(const an_verb *v, size_t n, const char *line, const char *expected)
{
    an_args a;
    assert_int_equal(parse(&a, v, n, NULL, line), AN_OK);
    assert_true(a.help);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    an_args_help(&a, out);
    fclose(out);
    assert_non_null(strstr(text, expected));
    free(text); /* open_memstream's own memory */
}

static void help_is_that_of_the_verb_or_of_the_program(void **state)
{
    (void)state;
    help_of(verbs, 3, "lab --help", "  round replay N               recompute a round\n");
    help_of(verbs, 3, "lab train -h", "usage: lab train [flags] FILE...\n");
    help_of(verbs, 3, "lab train --wrong --help", "  --data DIR                 folder with the files\n");
    help_of(agent, 2, "agent --help", "  --data DIR                 folder with the files\n");
    help_of(agent, 2, "agent --help", "  status                       what it does\n");
    static const an_verb wide = {.name = "judge",
                                 .positionals = "LINE ALARM true|false|unsure",
                                 .min_positionals = 3,
                                 .max_positionals = 3,
                                 .help = "was it right?"};
    help_of(&wide, 1, "lab --help",
            "  judge LINE ALARM true|false|unsure\n                               was it right?\n");
}

static void the_version_is_that_of_the_program_whatever_its_verbs(void **state)
{
    (void)state;
    static const an_verb *const programs[] = {verbs, plain, agent};
    static const size_t n[] = {3, 1, 2};
    for (size_t i = 0; i < 3; i++) {
        an_args a;
        char text[64] = "";
        assert_int_equal(parse(&a, programs[i], n[i], NULL, "/usr/bin/lab --version"), AN_OK);
        FILE *out = fmemopen(text, sizeof text, "w");
        assert_non_null(out);
        assert_true(an_args_answer(&a, out));
        fclose(out);
        assert_string_equal(text, "lab " AN_VERSION "\n");
    }
    an_args a;
    assert_int_equal(parse(&a, verbs, 3, NULL, "lab train f --version"), AN_ERR_INVAL);
    assert_int_equal(parse(&a, verbs, 3, NULL, "lab round"), AN_OK);
    assert_false(an_args_answer(&a, stdout));
}

static void too_many_arguments_are_a_limit(void **state)
{
    (void)state;
    static char arg[] = "--json";
    char *argv[80];
    for (size_t i = 0; i < 80; i++)
        argv[i] = arg;
    an_args a;
    assert_int_equal(an_args_parse(&a, plain, 1, 80, argv, NULL), AN_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_and_positionals_come_in_any_order),
        cmocka_unit_test(a_verb_of_two_words_wins_over_its_first_word),
        cmocka_unit_test(a_program_without_verbs_takes_flags_at_once),
        cmocka_unit_test(a_wrong_line_is_told_what_is_wrong),
        cmocka_unit_test(help_is_that_of_the_verb_or_of_the_program),
        cmocka_unit_test(the_version_is_that_of_the_program_whatever_its_verbs),
        cmocka_unit_test(too_many_arguments_are_a_limit),
    };
    return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
