/* Numbers of frames and counts of parts: what is missing, what comes twice, what went back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sources/camera_count.h"
#include "base/rng.h"

static void ids(unsigned bits, const uint64_t *all, size_t n, const char *expected)
{
    char seen[256] = "";
    an_frame_ids f = {0};
    for (size_t i = 0, at = 0; i < n; i++) {
        uint64_t missing = 0;
        const an_count_is is = an_frame_ids_next(&f, all[i], bits, &missing);
        at += (size_t)snprintf(seen + at, sizeof seen - at, "%s%c", i ? " " : "", "fn=!"[is]);
        if (missing > 0)
            at += (size_t)snprintf(seen + at, sizeof seen - at, "%llu", (unsigned long long)missing);
    }
    assert_string_equal(seen, expected);
}
#define IDS(bits, expected, ...)                                                                             \
    ids(bits, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),   \
        expected)

static void frames_that_are_missing_show_in_their_numbers(void **state)
{
    (void)state;
    IDS(16, "f n n2 = n", 7, 8, 11, 11, 12);
    IDS(16, "f n n n1", 65534, 65535, 1, 3); /* as GigE Vision has it */
    IDS(16, "f n3", 65533, 2);               /* 65534, 65535, 1 */
    IDS(16, "f n n n", 65534, 65535, 0, 1);  /* as some cameras have it */
    IDS(16, "f n29999 !", 0, 30000, 29000);
    IDS(16, "f n n", 65535, 65536, 65537); /* numbers of 64 bits */
    IDS(16, "f ! n", 900, 1, 2);
    IDS(32, "f n n1", UINT32_MAX, 0, 2);
    IDS(64, "f n4 !", 0, 5, 4);
}

static void parts_are_the_nearest_multiple_of_an_encoder(void **state)
{
    (void)state;
    an_part_count c = {.per_part = 1000};
    uint64_t missing = 9;
    assert_int_equal(an_part_count_next(&c, 4998, &missing), AN_COUNT_FIRST);
    assert_int_equal(c.n, 5);
    assert_int_equal(missing, 0);
    assert_int_equal(an_part_count_next(&c, 6003, &missing), AN_COUNT_NEXT);
    assert_int_equal(missing, 0);
    assert_int_equal(an_part_count_next(&c, 6400, &missing), AN_COUNT_REPEATED);
    assert_int_equal(an_part_count_next(&c, 8999, &missing), AN_COUNT_NEXT);
    assert_int_equal(c.n, 9);
    assert_int_equal(missing, 2);
    assert_int_equal(an_part_count_next(&c, 12, &missing), AN_COUNT_RESET);
    assert_int_equal(c.n, 0);
    assert_int_equal(missing, 0);
    c = (an_part_count){.begun = true};
    assert_int_equal(an_part_count_next(&c, 3, &missing), AN_COUNT_NEXT);
    assert_int_equal(missing, 2);
}

/* Whatever is left out, repeated or wrapped: the sum of what came and what is missing is what was sent. */
static void nothing_is_miscounted_over_many_wraps(void **state)
{
    (void)state;
    an_rng rng;
    an_rng_init(&rng, 5, 0);
    for (int zero = 0; zero < 2; zero++) {
        an_frame_ids f = {.zero = zero == 1};
        uint64_t sent = 0, counted = 0, first = 0;
        for (int i = 0; i < 200000; i++) {
            sent += 1 + (an_rng_u64(&rng) % 10 == 0 ? an_rng_u64(&rng) % 3000 : 0);
            uint64_t missing;
            const uint64_t id = zero ? sent % 65536 : (sent - 1) % 65535 + 1;
            const an_count_is is = an_frame_ids_next(&f, id, 16, &missing);
            assert_int_equal(is, i == 0 ? AN_COUNT_FIRST : AN_COUNT_NEXT);
            first = i == 0 ? sent : first;
            counted += missing + 1;
            assert_int_equal(counted, sent - first + 1);
            if (an_rng_u64(&rng) % 50 == 0)
                assert_int_equal(an_frame_ids_next(&f, id, 16, &missing), AN_COUNT_REPEATED);
        }
    }
}

static void ids_of_parts_follow_their_pattern(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool run;
    } good[] = {
        {"P{n}", "P42", false},
        {"{n:6}/x", "000042/x", false},
        {"{run}-{n}", "20260309T101433.250-42", true},
        {"{n:1}", "42", false},
    };
    static const char *const wrong[] = {"",      "P",      "{m}",  "{n",    "{n:}",
                                        "{n:0}", "{n:21}", "{n:6", "{run}", "{n:999999999}"};
    char text[AN_PART_MAX];
    an_note why;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(an_part_pattern_check(good[i].pattern, false, NULL), AN_OK);
        assert_int_equal(an_part_pattern_check(good[i].pattern, true, &why),
                         good[i].run ? AN_OK : AN_ERR_INVAL);
        an_part_text(text, good[i].pattern, 42, 1773051273250);
        assert_string_equal(text, good[i].text);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(an_part_pattern_check(wrong[i], false, &why), AN_ERR_INVAL);
    /* The longest that is allowed holds the largest number. */
    const char *longest = "{run}-{n:20}-0123456789abcdefghijkl";
    assert_int_equal(an_part_pattern_check("{run}-{n:20}-0123456789abcdefghijklm", false, NULL),
                     AN_ERR_INVAL);
    assert_int_equal(an_part_pattern_check(longest, true, NULL), AN_OK);
    an_part_text(text, longest, UINT64_MAX, 1773051273250);
    assert_string_equal(text, "20260309T101433.250-18446744073709551615-0123456789abcdefghijkl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_that_are_missing_show_in_their_numbers),
        cmocka_unit_test(parts_are_the_nearest_multiple_of_an_encoder),
        cmocka_unit_test(nothing_is_miscounted_over_many_wraps),
        cmocka_unit_test(ids_of_parts_follow_their_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
