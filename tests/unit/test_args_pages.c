/* What is made of verbs and flags: completion, word by word, and the manual page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/args_pages.h"

static const an_flag flags[] = {{"json", NULL, "for programs"},
                                {"data", "DIR", "the folder"},
                                {"site", "NAME", "of this site"},
                                {"only", "good|bad", "of this kind"}};
static const an_verb verbs[] = {
    {"", NULL, 0, 0, flags, 1, "run"},
    {"site list", NULL, 0, 0, flags, 4, "the sites"},
    {"site approve", "NAME", 1, 1, flags, 4, "admit a site"},
    {"journal", NULL, 0, 0, flags, 1, "what happened"},
    {"journal verify", "FILE...", 1, 9, flags, 1, "check it; .\nback\\slash"},
    {"judge", "LINE true|false|unsure", 2, 2, flags, 1, "was it right?"},
};

/* Says what it was asked for, so that the test sees it. */
static bool names(const an_args *given, const char *flag, const char *what, FILE *out)
{
    fprintf(out, "%s/%s/%s/%zu%s\n", given->verb->name, flag ? flag : "", what, given->n_positionals,
            an_args_has(given, "data") ? an_args_get(given, "data") : "");
    return true;
}

static const an_args_row exits[] = {{"0", "fine"}, {NULL, NULL}};
static const an_args_about about = {.program = "lab-x",
                                    .section = 1,
                                    .purpose = "try things",
                                    .text = "First.\n\n.Second -- 'one'.",
                                    .exits = exits,
                                    .see_also = "other(1)",
                                    .names = names};

static char *answer(const char *line)
{
    static char words[512];
    static char *argv[32];
    char *text = NULL;
    size_t len = 0;
    int argc = 0;
    an_args a;
    snprintf(words, sizeof words, "%s", line);
    for (char *at = words;; at++) {
        argv[argc++] = at;
        at += strcspn(at, " ");
        if (!*at)
            break;
        *at = '\0';
    }
    assert_int_equal(an_args_parse(&a, verbs, sizeof verbs / sizeof *verbs, argc, argv, NULL), AN_OK);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_true(an_args_answer_about(&a, &about, out));
    fclose(out);
    return text;
}

static void assert_offers(const char *words, const char *expected)
{
    char line[256];
    snprintf(line, sizeof line, "lab-x --complete %s", words);
    char *text = answer(line);
    assert_string_equal(text, expected);
    free(text); /* open_memstream's own memory */
}

static void the_words_of_verbs_are_offered_once_with_their_meaning(void **state)
{
    (void)state;
    assert_offers("j", "journal\twhat happened\njudge\twas it right?\n");
    assert_offers("", "site\njournal\twhat happened\njudge\twas it right?\n");
    assert_offers("site ", "list\tthe sites\napprove\tadmit a site\n");
    assert_offers("site a", "approve\tadmit a site\n");
    assert_offers("site x", "");
    assert_offers("site list ", "");
}

static void flags_are_those_of_the_verb(void **state)
{
    (void)state;
    assert_offers("site list --d", "--data\tthe folder\n");
    assert_offers("journal --d", "");
    assert_offers("journal --", "--json\tfor programs\n--help\n");
    assert_offers("--v", "--version\n");
    assert_offers("--completion b", "bash\n");
}

static void values_are_names_files_folders_or_one_of_a_few_words(void **state)
{
    (void)state;
    assert_offers("site list --data ", ":dirs\n");
    assert_offers("site list --data x --site ", "site list/site/NAME/0x\n");
    assert_offers("site list --only b", "bad\n");
    assert_offers("site approve ", "site approve//NAME/0\n");
    assert_offers("site approve --json ", "site approve//NAME/0\n");
    assert_offers("site approve a ", "");
    assert_offers("journal verify a b ", ":files\n");
    assert_offers("judge l ", "true\nfalse\nunsure\n");
    assert_offers("judge ", "judge//LINE/0\n");
}

static void half_a_line_with_help_in_it_is_no_question_for_help(void **state)
{
    (void)state;
    assert_offers("site list --help ", "");
    assert_offers("nothing of this --kind ", "");
}

static void the_page_has_every_verb_and_flag_and_no_request_of_its_text(void **state)
{
    (void)state;
    char *page = answer("lab-x --man");
    static const char *const expected[] = {
        ".TH LAB\\-X 1 \"\" \"Andon " AN_VERSION "\"",
        "lab\\-x \\- try things\n",
        "First.\n.PP\n\\&.Second \\-\\- 'one'.\n",
        ".SS site approve NAME\nadmit a site.\n",
        ".SS journal verify FILE...\ncheck it; .\nback\\eslash.\n",
        ".B \\-\\-data \\fIDIR\\fR\nthe folder\n",
        ".SH EXIT STATUS\n.TP\n.B 0\nfine\n",
        ".SH SEE ALSO\nother(1)\n",
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (!strstr(page, expected[i]))
            fail_msg("no \"%s\" in:\n%s", expected[i], page);
    size_t n = 0;
    for (const char *at = strstr(page, "\\-\\-json"); at; at = strstr(at + 1, "\\-\\-json"))
        n++;
    assert_int_equal(n, 1); /* every verb knows it */
    free(page);
}

static void scripts_are_of_the_program_and_leave_the_shells_own_signs(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    static const char *const expected[] = {"\"${words[@]:1}\" 2>/dev/null)\n}\ncomplete -F _lab_x lab-x\n",
                                           "#compdef lab-x\n", "complete -c lab-x -f -a '(__lab_x)'\n"};
    for (size_t i = 0; i < 3; i++) {
        char line[64];
        snprintf(line, sizeof line, "lab-x --completion %s", shells[i]);
        char *text = answer(line);
        assert_non_null(strstr(text, expected[i]));
        assert_true(i != 1 || (strstr(text, "(@f)") && strstr(text, "\"$@\"")));
        free(text);
    }
    an_args a;
    an_note why = {{0}};
    char *argv[] = {"lab-x", "--completion", "csh"};
    assert_int_equal(an_args_parse(&a, verbs, 3, 3, argv, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "--completion bash, zsh or fish");
    assert_int_equal(an_args_parse(&a, verbs, 3, 2, argv, &why), AN_ERR_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_verbs_are_offered_once_with_their_meaning),
        cmocka_unit_test(flags_are_those_of_the_verb),
        cmocka_unit_test(values_are_names_files_folders_or_one_of_a_few_words),
        cmocka_unit_test(half_a_line_with_help_in_it_is_no_question_for_help),
        cmocka_unit_test(the_page_has_every_verb_and_flag_and_no_request_of_its_text),
        cmocka_unit_test(scripts_are_of_the_program_and_leave_the_shells_own_signs),
    };
    return cmocka_run_group_tests_name("args_pages", tests, NULL, NULL);
}
