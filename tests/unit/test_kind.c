/* What a file seems to be is said without taking it from who reads it next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/lab/kind.h"
#include "tests/support/folder.h"

static void a_file_is_told_by_what_it_holds(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    static const char table[] = "a,b\n1,2\n";
    an_note why = {{0}};
    an_test_folder_make(dir);
    assert_int_equal(an_path_join(path, dir, "t"), AN_OK);
    assert_int_equal(an_file_write(path, table, sizeof table - 1, 0644, NULL), AN_OK);
    assert_string_equal(an_lab_kind_of(path), "a table");
    assert_string_equal(an_lab_kind_of(dir), "a folder");
    assert_int_equal(an_lab_expect_version(path, &why), AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "this seems to be a table"));
    an_test_folder_remove(dir);
}

static void a_pipe_is_left_to_who_reads_it(void **state)
{
    (void)state;
    static const char text[] = "model: m\nlayers: []\n";
    char path[64], back[sizeof text] = "";
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, sizeof text), sizeof text);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(an_lab_expect_description(path, NULL), AN_OK);
    assert_int_equal(read(ends[0], back, sizeof back), sizeof text);
    assert_string_equal(back, text);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_told_by_what_it_holds),
        cmocka_unit_test(a_pipe_is_left_to_who_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
