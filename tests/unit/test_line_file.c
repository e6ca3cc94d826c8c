/* A file of lines: pieces by size, whole lines after a crash, the last line. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/line_file.h"
#include "base/mem.h"
#include "tests/support/folder.h"

typedef struct fixture {
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_line_file f;
    an_buf text;
    an_note why;
} fixture;

static int setup(void **state)
{
    fixture *x = an_alloc(1, sizeof *x);
    an_test_folder_make(x->dir);
    assert_int_equal(an_path_join(x->path, x->dir, "lines"), AN_OK);
    an_buf_init(&x->text, 1u << 20);
    x->f.fd = -1;
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    fixture *x = *state;
    an_line_file_close(&x->f);
    an_buf_done(&x->text);
    an_test_folder_remove(x->dir);
    an_free(x);
    return 0;
}

static an_err begin(fixture *x, uint64_t max_bytes, unsigned keep)
{
    an_line_file_close(&x->f);
    return an_line_file_open(&x->f, x->path, max_bytes, keep, &x->why);
}

static void add(fixture *x, const char *line)
{
    assert_int_equal(an_line_file_add(&x->f, line, strlen(line), &x->why), AN_OK);
}

static const char *content(fixture *x, const char *suffix)
{
    char path[AN_PATH_MAX];
    snprintf(path, sizeof path, "%.1000s%s", x->path, suffix);
    an_buf_clear(&x->text);
    if (an_file_read(&x->text, path, NULL) != AN_OK)
        return NULL;
    an_buf_u8(&x->text, 0);
    return (const char *)x->text.data;
}

static const char *last(fixture *x)
{
    an_buf_clear(&x->text);
    if (an_line_file_last(&x->f, &x->text, &x->why) != AN_OK)
        return NULL;
    an_buf_u8(&x->text, 0);
    return (const char *)x->text.data;
}

static void appends_over_restarts_and_knows_its_last_line(void **state)
{
    fixture *x = *state;
    assert_int_equal(begin(x, 1000, 1), AN_OK);
    assert_null(last(x));
    add(x, "{1}");
    add(x, "{2}");
    assert_int_equal(an_line_file_sync(&x->f, &x->why), AN_OK);
    assert_string_equal(last(x), "{2}");
    assert_int_equal(begin(x, 1000, 1), AN_OK);
    assert_string_equal(last(x), "{2}");
    add(x, "{3}");
    assert_string_equal(content(x, ""), "{1}\n{2}\n{3}\n");
}

static void begins_a_new_piece_at_its_size_and_keeps_so_many(void **state)
{
    fixture *x = *state;
    assert_int_equal(begin(x, 8, 2), AN_OK);
    for (int i = 1; i <= 7; i++) {
        char line[8];
        snprintf(line, sizeof line, "{%d}", i);
        add(x, line);
    }
    assert_string_equal(content(x, ""), "{7}\n");
    assert_string_equal(content(x, ".1"), "{5}\n{6}\n");
    assert_string_equal(content(x, ".2"), "{3}\n{4}\n");
    assert_null(content(x, ".3"));
    assert_int_equal(begin(x, 8, 0), AN_OK);
    add(x, "{8}");
    add(x, "{9}");
    assert_string_equal(content(x, ""), "{9}\n");
}

static void finds_its_last_line_in_the_piece_before(void **state)
{
    fixture *x = *state;
    char before[AN_PATH_MAX];
    assert_int_equal(begin(x, 1000, 2), AN_OK);
    add(x, "{1}");
    add(x, "{22}");
    an_line_file_close(&x->f);
    snprintf(before, sizeof before, "%.1000s.1", x->path);
    assert_int_equal(rename(x->path, before), 0); /* the crash came between the two steps */
    assert_int_equal(begin(x, 1000, 2), AN_OK);
    assert_string_equal(last(x), "{22}");
}

static void cuts_off_what_a_crash_has_left_of_a_line(void **state)
{
    fixture *x = *state;
    assert_int_equal(an_file_write(x->path, "{1}\n{2}\n{\"se", 12, 0644, NULL), AN_OK);
    assert_int_equal(begin(x, 1000, 1), AN_OK);
    assert_string_equal(last(x), "{2}");
    add(x, "{3}");
    assert_string_equal(content(x, ""), "{1}\n{2}\n{3}\n");
    /* the first line of all */
    assert_int_equal(an_file_write(x->path, "{\"se", 4, 0644, NULL), AN_OK);
    assert_int_equal(begin(x, 1000, 1), AN_OK);
    assert_null(last(x));
}

static void does_not_cut_a_file_of_somebody_else(void **state)
{
    fixture *x = *state;
    assert_int_equal(an_file_write(x->path, "root:x:0\nuser", 13, 0644, NULL), AN_OK);
    assert_int_equal(begin(x, 1000, 1), AN_ERR_INVAL);
    assert_string_equal(content(x, ""), "root:x:0\nuser");
}

static void says_that_it_was_moved_away(void **state)
{
    fixture *x = *state;
    char other[AN_PATH_MAX];
    assert_int_equal(begin(x, 1000, 1), AN_OK);
    assert_true(an_line_file_is_there(&x->f));
    snprintf(other, sizeof other, "%.1000s.away", x->path);
    assert_int_equal(rename(x->path, other), 0);
    assert_false(an_line_file_is_there(&x->f));
}

static void refuses_a_line_that_is_too_long(void **state)
{
    fixture *x = *state;
    char *line = an_alloc(AN_LINE_FILE_LINE_MAX, 1);
    memset(line, 'a', AN_LINE_FILE_LINE_MAX);
    assert_int_equal(begin(x, 1000, 1), AN_OK);
    assert_int_equal(an_line_file_add(&x->f, line, AN_LINE_FILE_LINE_MAX, &x->why), AN_ERR_LIMIT);
    line[0] = '{';
    assert_int_equal(an_line_file_add(&x->f, line, AN_LINE_FILE_LINE_MAX - 1, &x->why), AN_OK);
    an_free(line);
    assert_int_equal(strlen(last(x)), AN_LINE_FILE_LINE_MAX - 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(appends_over_restarts_and_knows_its_last_line),
        T(begins_a_new_piece_at_its_size_and_keeps_so_many),
        T(finds_its_last_line_in_the_piece_before),
        T(cuts_off_what_a_crash_has_left_of_a_line),
        T(does_not_cut_a_file_of_somebody_else),
        T(says_that_it_was_moved_away),
        T(refuses_a_line_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
