/* UTF-8: what is a character, and where a text goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void characters_of_every_length_are_known(void **state)
{
    (void)state;
    assert_int_equal(an_utf8_size("a", 1), 1);
    assert_int_equal(an_utf8_size("\xc3\xa9", 2), 2);
    assert_int_equal(an_utf8_size("\xe2\x82\xac", 3), 3);
    assert_int_equal(an_utf8_size("\xf0\x9f\x98\x80", 4), 4);
    assert_true(an_utf8_check("a\xc3\xa9\xe2\x82\xac", 6, NULL));
    assert_true(an_utf8_check("", 0, NULL));
}

static void what_is_not_a_character_is_found_at_its_place(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\x80",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xed\xa0\x80",
        "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3",
        "\xe2\x82",
        "\xc3(",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(an_utf8_size(wrong[i], strlen(wrong[i])), 0);
    size_t at = 0;
    assert_false(an_utf8_check("ab\xc3\xa9\xff", 5, &at));
    assert_int_equal(at, 4);
}

static void columns_are_of_characters(void **state)
{
    (void)state;
    char cell[32];
    assert_int_equal(an_utf8_count("\xc3\x96l"), 2);
    assert_int_equal(an_utf8_count("a\xff\xe2\x82"), 4);
    assert_int_equal(an_utf8_count(""), 0);
    snprintf(cell, sizeof cell, "%-*s|", an_utf8_width("\xc3\x96l", 4), "\xc3\x96l");
    assert_string_equal(cell, "\xc3\x96l  |");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_of_every_length_are_known),
        cmocka_unit_test(what_is_not_a_character_is_found_at_its_place),
        cmocka_unit_test(columns_are_of_characters),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
