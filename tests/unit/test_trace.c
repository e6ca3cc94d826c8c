/* Traces: what coordinator and sites call one round in their logs, each by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trust/trace.h"

static an_hash plan(void)
{
    an_hash h;
    for (size_t i = 0; i < sizeof h.b; i++)
        h.b[i] = (uint8_t)(0xa0 + i);
    return h;
}

static void a_trace_is_the_beginning_of_the_plan_s_hash(void **state)
{
    (void)state;
    const an_hash h = plan();
    const an_trace t = an_trace_of(&h, "plant-a", "trained");
    assert_string_equal(t.trace, "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
    assert_int_equal(strspn(t.span, "0123456789abcdef"), 16);
}

static void a_span_is_of_its_plan_site_and_step(void **state)
{
    (void)state;
    an_hash h = plan();
    const an_trace t = an_trace_of(&h, "plant-a", "trained");
    assert_string_equal(t.span, an_trace_of(&h, "plant-a", "trained").span); /* both ends come to the same */
    assert_string_not_equal(t.span, an_trace_of(&h, "plant-b", "trained").span);
    assert_string_not_equal(t.span, an_trace_of(&h, "plant-a", "offered").span);
    assert_string_not_equal(an_trace_of(&h, "ab", "c").span, an_trace_of(&h, "a", "bc").span);
    h.b[31] ^= 1; /* not in the trace, and still another plan */
    assert_string_not_equal(t.span, an_trace_of(&h, "plant-a", "trained").span);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_is_the_beginning_of_the_plan_s_hash),
        cmocka_unit_test(a_span_is_of_its_plan_site_and_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
