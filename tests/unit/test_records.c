/* The table of record kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/records.h"
#include "coordinator/store.h"

static void every_kind_is_found_by_its_name_and_only_once(void **state)
{
    (void)state;
    size_t n = 0;
    for (const an_record_kind *kind; (kind = an_record_kind_at(n)) != NULL; n++)
        assert_ptr_equal(an_record_kind_find(kind->name), kind);
    assert_true(n >= 24);
    assert_null(an_record_kind_at(n));
    assert_null(an_record_kind_at(SIZE_MAX));
}

static void an_unknown_kind_is_not_found(void **state)
{
    (void)state;
    assert_null(an_record_kind_find(""));
    assert_null(an_record_kind_find("site."));
    assert_null(an_record_kind_find("site.approved "));
}

/* "area.event": lower-case letters with one dot, so that a filter "area." finds it. */
static void every_row_is_well_formed_and_says_what_it_means(void **state)
{
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    for (size_t i = 0; an_record_kind_at(i); i++) {
        const an_record_kind *kind = an_record_kind_at(i);
        size_t area = strspn(kind->name, letters);
        assert_true(area > 0 && kind->name[area] == '.');
        size_t event = strspn(kind->name + area + 1, letters);
        assert_true(event > 0 && kind->name[area + 1 + event] == '\0');
        assert_true(strlen(kind->name) <= AN_RECORD_NAME_MAX);
        assert_true(kind->subject[0] && kind->fields[0] && kind->meaning[0]);
        for (const char *at = kind->fields; *at;) {
            size_t len = strspn(at, letters);
            assert_true(len > 0);
            at += len + (at[len] == '?');
            assert_true(*at == '\0' || (*at == ' ' && at[1] != '\0'));
            at += *at == ' ';
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_found_by_its_name_and_only_once),
        cmocka_unit_test(an_unknown_kind_is_not_found),
        cmocka_unit_test(every_row_is_well_formed_and_says_what_it_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
