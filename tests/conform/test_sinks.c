/* Every row of sinks.def is documented, with defaults that its own table accepts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sink.h"
#include "base/opt.h"

static void check_options(const an_option *rows)
{
    for (const an_option *o = rows; o->key; o++) {
        int64_t whole;
        double number;
        assert_true(o->meaning && o->meaning[0]);
        assert_true(o->min <= o->max);
        if (!o->initial || !o->initial[0])
            continue;
        if (o->kind == AN_OPTION_INT)
            assert_true(an_parse_int(o->initial, &whole) && (double)whole >= o->min &&
                        (double)whole <= o->max);
        if (o->kind == AN_OPTION_REAL)
            assert_true(an_parse_num(o->initial, &number) && number >= o->min && number <= o->max);
        if (o->kind == AN_OPTION_BOOL)
            assert_true(strcmp(o->initial, "true") == 0 || strcmp(o->initial, "false") == 0);
    }
}

static void each_is_found_by_its_name_and_documents_its_options(void **state)
{
    const an_sink_type *type;
    (void)state;
    check_options(an_sink_common_get());
    for (size_t i = 0; (type = an_sink_type_at(i)); i++) {
        assert_ptr_equal(an_sink_type_find(type->name), type);
        assert_true(type->meaning[0] != '\0');
        assert_true(type->state_size > 0);
        assert_non_null(type->open);
        assert_non_null(type->send);
        check_options(type->options);
    }
    assert_true(an_sink_type_at(0) != NULL);
    assert_null(an_sink_type_find("no such sink"));
    assert_null(an_sink_type_find(NULL));
}

/* A key of the common table would hide one of the sink's own. */
static void no_option_has_the_name_of_a_common_one(void **state)
{
    const an_sink_type *type;
    (void)state;
    for (size_t i = 0; (type = an_sink_type_at(i)); i++)
        for (const an_option *o = type->options; o->key; o++)
            for (const an_option *c = an_sink_common_get(); c->key; c++)
                assert_string_not_equal(o->key, c->key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_found_by_its_name_and_documents_its_options),
        cmocka_unit_test(no_option_has_the_name_of_a_common_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
