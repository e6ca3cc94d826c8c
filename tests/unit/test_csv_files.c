/* The csv source over files that come, go and change: rotation in every manner, shares that vanish, and restarts in
 * between.  Every row once, in order. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "tests/support/sources.h"

#define SINGLE "path: %s/a.csv"
#define FOLDER "path: %s/share"
#define NAMED "{path: %s/a.csv, columns: [x, y]}"

static char seen[512];

static void must_give(an_source *s, const char *rows)
{
    assert_int_equal(sources_drain(s, 0, seen, sizeof seen), AN_ERR_AGAIN);
    assert_string_equal(seen, rows);
}

static void in_folder(const char *name, char out[static AN_PATH_MAX])
{
    assert_int_equal(an_path_join(out, sources_dir, name), AN_OK);
}

/* cp a b; : > a */
static void copy_and_cut(const char *name, const char *copy)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_buf_init(&b, 1 << 20);
    in_folder(name, path);
    assert_int_equal(an_file_read(&b, path, NULL), AN_OK);
    sources_put_bytes(copy, b.data, b.len);
    assert_int_equal(truncate(path, 0), 0);
    an_buf_done(&b);
}

static void files_made_and_renamed_between_two_looks_are_all_read(void **state)
{
    (void)state;
    sources_put("a.csv", "w", "x,y\n1,1\n");
    an_source *s = sources_open("csv", SINGLE);
    must_give(s, "|1");
    sources_put("a.csv", "a", "2,2\n");
    sources_move("a.csv", "a.csv.1");
    sources_put("a.csv", "w", "x,y\n3,3\n");
    sources_move("a.csv.1", "a.csv.2");
    sources_move("a.csv", "a.csv.1");
    sources_put("a.csv", "w", "x,y\n4,4\n");
    sources_put("a.csv.3.gz", "w", "packed");
    must_give(s, "2 |3 |4");
    assert_int_equal(sources_count(s, "rotated"), 2);
    an_source_close(s);
}

static void an_old_file_is_read_while_the_new_one_is_empty(void **state)
{
    (void)state;
    sources_put("a.csv", "w", "x,y\n1,1\n");
    an_source *s = sources_open("csv", SINGLE);
    must_give(s, "|1");
    sources_move("a.csv", "a.csv.1");
    sources_put("a.csv", "w", "");
    must_give(s, "");
    sources_put("a.csv.1", "a", "2,2\n"); /* its writer has not opened the new one yet */
    must_give(s, "2");
    sources_put("a.csv", "a", "x,y\n3,3\n");
    must_give(s, "|3");
    an_source_close(s);
}

static void a_file_that_is_copied_and_cut_is_read_on_in_the_copy(void **state)
{
    (void)state;
    sources_put("a.csv", "w", "x,y\n1,1\n");
    an_source *s = sources_open("csv", SINGLE);
    must_give(s, "|1");
    sources_put("a.csv", "a", "2,2\n3,3\n44");
    copy_and_cut("a.csv", "a.csv.1");
    sources_put("a.csv", "a", "5,5\n6,6\n"); /* without a header: its writer goes on */
    must_give(s, "2 3 |5 6");
    assert_int_equal(sources_count(s, "cut"), 1);
    assert_int_equal(sources_count(s, "copies"), 1);
    assert_int_equal(sources_count(s, "torn_lines"), 1);
    an_source_close(s);
}

/* Times of files are as coarse as the system's clock. */
static void written_at(const char *name, long second)
{
    char path[AN_PATH_MAX];
    const struct timespec times[2] = {{.tv_sec = second}, {.tv_sec = second}};
    in_folder(name, path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Cut, filled, copied and cut again between two looks, or before the agent is back: what it held is in the copy. */
static void what_a_file_held_between_two_cuts_is_read(void **state)
{
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        sources_put("a.csv", "w", "x,y\n1,1\n");
        an_source *s = sources_open("csv", NAMED);
        must_give(s, "|1");
        sources_put("a.csv", "w", ""); /* and no copy */
        written_at("a.csv", 1000);
        must_give(s, "");
        sources_put("a.csv", "a", "x,y\n2,2\n3,3\n");
        copy_and_cut("a.csv", "a.csv.1");
        written_at("a.csv.1", 2000);
        written_at("a.csv", 2000);
        if (restart)
            s = sources_reopen(s, "csv", NAMED);
        must_give(s, "|2 3");
        sources_put("a.csv", "a", "x,y\n4,4\n");
        must_give(s, "|4");
        an_source_close(s);
        sources_move("a.csv.1", "old");
    }
}

/* All that was seen of the file is a header, as all of them have; it was copied and cut twice since. */
static void files_that_begin_with_a_header_alone_are_told_apart_by_their_times(void **state)
{
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        sources_put("a.csv.0", "w", "x,y\n0,0\n"); /* older */
        written_at("a.csv.0", 500);
        sources_put("a.csv", "w", "x,y\n");
        written_at("a.csv", 1000);
        an_source *s = sources_open("csv", NAMED);
        must_give(s, "");
        sources_put("a.csv", "a", "2,2\n3,3\n");
        sources_put("a.csv.9", "w", "x,y\n2,2\n"); /* a copy that somebody has made in between */
        written_at("a.csv.9", 1500);
        copy_and_cut("a.csv", "a.csv.1");
        written_at("a.csv.1", 2000);
        sources_put("a.csv", "a", "x,y\n4,4\n");
        copy_and_cut("a.csv", "a.csv.2");
        written_at("a.csv.2", 3000);
        sources_put("a.csv", "a", "x,y\n5,5\n");
        if (restart)
            s = sources_reopen(s, "csv", NAMED);
        must_give(s, "|2 3 |4 |5");
        an_source_close(s);
    }
}

static void a_cut_file_that_has_grown_longer_again_is_seen_to_be_another(void **state)
{
    (void)state;
    sources_put("a.csv", "w", "x,y\n1,1\n");
    an_source *s = sources_open("csv", SINGLE);
    must_give(s, "|1");
    sources_put("a.csv", "w", "x,y\n7,1\n8,1\n9,1\n");
    must_give(s, "|7 8 9");
    assert_int_equal(sources_count(s, "cut"), 1);
    an_source_close(s);
}

/* A line of a hundred sensors: 0: the header. */
static void put_wide(const char *how, int first, int last)
{
    char line[4096];
    for (int row = first; row <= last; row++) {
        size_t n = (size_t)(row == 0 ? snprintf(line, sizeof line, "x,y")
                                     : snprintf(line, sizeof line, "%d,%d", row, row));
        for (int i = 0; i < 100; i++)
            n += (size_t)(row == 0 ? snprintf(line + n, sizeof line - n, ",temperature_%d", i)
                                   : snprintf(line + n, sizeof line - n, ",0"));
        snprintf(line + n, sizeof line - n, "\n");
        sources_put("a.csv", row == first ? how : "a", line);
    }
}

/* Files under such a header are told apart by what comes behind it. */
static void files_under_a_wide_header_are_told_apart(void **state)
{
    (void)state;
    put_wide("w", 0, 1);
    written_at("a.csv", 1000);
    an_source *s = sources_open("csv", NAMED);
    must_give(s, "|1");
    put_wide("a", 2, 2);
    copy_and_cut("a.csv", "a.csv.2");
    written_at("a.csv.2", 2000);
    put_wide("a", 0, 0);
    put_wide("a", 3, 6);
    copy_and_cut("a.csv", "a.csv.1");
    written_at("a.csv.1", 3000);
    put_wide("a", 0, 0);
    put_wide("a", 7, 12);
    must_give(s, "2 |3 4 5 6 |7 8 9 10 11 12");
    an_source_close(s);
}

/* a-2.csv is the file of another line of the same kind: never a part of a.csv, whatever is done with that. */
static void a_file_of_a_like_name_is_no_part_of_it(void **state)
{
    (void)state;
    static const char header[] = "x,y\n";
    for (int restart = 0; restart < 2; restart++) {
        sources_put("a.csv", "w", "x,y\n1,1\n");
        written_at("a.csv", 1000);
        sources_put("a-2.csv", "w", "x,y\n70,70\n");
        written_at("a-2.csv", 2000);
        an_source *s = sources_open("csv", NAMED);
        must_give(s, "|1");
        sources_move("a.csv", "a.csv.1");
        sources_put("a.csv", "w", "x,y\n2,2\n");
        if (restart)
            s = sources_reopen(s, "csv", NAMED);
        must_give(s, "|2");
        sources_put("a.csv", "w", ""); /* a new day */
        written_at("a.csv", 3000);
        must_give(s, "");
        sources_put("a-2.csv", "a", "71,71\n");
        written_at("a-2.csv", 4000);
        written_at("a.csv", 5000); /* its writer has begun again before the first row */
        if (restart)
            s = sources_reopen(s, "csv", NAMED);
        must_give(s, "");
        sources_put("a.csv", "a", header);
        sources_put("a.csv", "a", "3,3\n");
        must_give(s, "|3");
        an_source_close(s);
    }
}

static void what_was_rotated_while_the_agent_was_down_is_read(void **state)
{
    (void)state;
    sources_put("a.csv", "w", "x,y\n1,1\n2,2\n");
    an_source *s = sources_open("csv", SINGLE);
    must_give(s, "|1 2");
    sources_put("a.csv", "a", "3,3\n");
    sources_move("a.csv", "a.csv.1");
    sources_put("a.csv", "w", "x,y\n4,4\n");
    s = sources_reopen(s, "csv", SINGLE);
    must_give(s, "3 |4");
    sources_put("a.csv", "a", "5,5\n");
    copy_and_cut("a.csv", "a.csv-2");
    sources_put("a.csv", "a", "x,y\n6,6\n");
    s = sources_reopen(s, "csv", SINGLE);
    must_give(s, "5 |6");
    char path[AN_PATH_MAX]; /* the file itself is gone, and one after it has been rotated */
    in_folder("a.csv", path);
    assert_int_equal(unlink(path), 0);
    sources_put("a.csv", "w", "x,y\n7,7\n");
    sources_move("a.csv", "a.csv.9");
    sources_put("a.csv", "w", "x,y\n8,8\n");
    s = sources_reopen(s, "csv", SINGLE);
    must_give(s, "|7 |8");
    assert_int_equal(sources_count(s, "positions_gone"), 1);
    an_source_close(s);
}

static void files_of_the_same_rows_are_told_apart(void **state)
{
    (void)state;
    sources_put("a.csv", "w", "x,y\n0,0\n0,0\n");
    an_source *s = sources_open("csv", SINGLE);
    must_give(s, "|0 0");
    sources_move("a.csv", "a.csv.1");
    sources_put("a.csv", "w", "x,y\n0,0\n0,0\n0,0\n");
    must_give(s, "|0 0 0");
    sources_move("a.csv", "a.csv.2");
    sources_put("a.csv", "w", "x,y\n0,0\n0,0\n0,0\n0,0\n");
    s = sources_reopen(s, "csv", SINGLE);
    must_give(s, "|0 0 0 0");
    an_source_close(s);
}

static void a_share_that_vanishes_and_comes_back_loses_no_row(void **state)
{
    (void)state;
    char path[AN_PATH_MAX];
    in_folder("share", path);
    assert_int_equal(mkdir(path, 0755), 0);
    sources_put("share/1.csv", "w", "x,y\n1,1\n");
    an_source *s = sources_open("csv", FOLDER);
    must_give(s, "|1");
    sources_move("share", "gone");
    must_give(s, "");
    must_give(s, "");
    assert_int_equal(sources_count(s, "away"), 1);
    /* It comes back as another file system would: same names, same bytes, other inodes. */
    assert_int_equal(mkdir(path, 0755), 0);
    sources_put("share/1.csv", "w", "x,y\n1,1\n2,2\n");
    sources_put("share/2.csv", "w", "x,y\n3,3\n");
    must_give(s, "2 |3");
    an_source_close(s);
}

/* It is there when the agent opens it, and away when the agent looks for its place in it. */
static void a_share_that_goes_away_during_a_restart_repeats_no_row(void **state)
{
    (void)state;
    char path[AN_PATH_MAX];
    an_buf saved;
    an_buf_init(&saved, 1 << 16);
    in_folder("share", path);
    assert_int_equal(mkdir(path, 0755), 0);
    sources_put("share/1.csv", "w", "x,y\n1,1\n2,2\n");
    an_source *s = sources_open("csv", FOLDER);
    must_give(s, "|1 2");
    assert_int_equal(an_source_save(s, &saved), AN_OK);
    an_source_close(s);
    s = sources_open("csv", FOLDER);
    sources_move("share", "gone");
    an_reader in = an_reader_of(saved.data, saved.len);
    assert_int_equal(an_source_restore(s, &in, NULL), AN_OK);
    must_give(s, "");
    sources_move("gone", "share");
    sources_put("share/1.csv", "a", "3,3\n");
    must_give(s, "3");
    an_source_close(s);
    an_buf_done(&saved);
}

static void a_folder_goes_on_after_files_that_were_cleaned_away(void **state)
{
    (void)state;
    char path[AN_PATH_MAX];
    in_folder("share", path);
    assert_int_equal(mkdir(path, 0755), 0);
    sources_put("share/1.csv", "w", "x,y\n1,1\n");
    sources_put("share/2.csv", "w", "x,y\n2,2\n");
    an_source *s = sources_open("csv", FOLDER);
    must_give(s, "|1 |2");
    in_folder("share/1.csv", path);
    assert_int_equal(unlink(path), 0);
    in_folder("share/2.csv", path);
    assert_int_equal(unlink(path), 0);
    sources_put("share/3.csv", "w", "x,y\n3,3\n");
    s = sources_reopen(s, "csv", FOLDER);
    must_give(s, "|3");
    assert_int_equal(sources_count(s, "positions_gone"), 1);
    an_source_close(s);
}

static void a_daily_file_ends_when_the_next_one_has_a_line(void **state)
{
    (void)state;
    char path[AN_PATH_MAX];
    in_folder("share", path);
    assert_int_equal(mkdir(path, 0755), 0);
    sources_put("share/2026-01-01.csv", "w", "x,y\n1,1\n2,2");
    an_source *s = sources_open("csv", FOLDER);
    must_give(s, "|1");
    sources_put("share/2026-01-02.csv", "w", "");
    sources_put("share/2026-01-01.csv", "a", "2\n3,3");
    must_give(s, "2");
    sources_put("share/2026-01-02.csv", "w", "x,y\n4,4\n");
    must_give(s, "3 |4");
    sources_put("share/2026-01-01.csv", "a", "\n99,9\n");
    sources_put("share/2026-01-02.csv", "a", "5,5\n");
    must_give(s, "5");
    assert_int_equal(sources_count(s, "late"), 1);
    an_source_close(s);
}

static void sensors_that_are_named_need_no_file_yet(void **state)
{
    (void)state;
    static const char options[] = "{path: %s/a.csv, columns: [y, x], time: none}";
    an_source *s = sources_open("csv", options);
    assert_int_equal(an_source_width(s), 2);
    assert_string_equal(an_source_sensor(s, 0), "y");
    must_give(s, "");
    sources_put("a.csv", "w",
                "p,q\n1,2\n"); /* not what was asked for: refused, and the next one is waited for */
    must_give(s, "");
    assert_int_equal(sources_count(s, "files_refused"), 1);
    sources_move("a.csv", "b.csv");
    sources_put("a.csv", "w", "x,z,y\n1,2,3\n");
    must_give(s, "|3");
    sources_put("a.csv", "a", "1,2,4\n");
    s = sources_reopen(s, "csv", options);
    must_give(s, "4");
    an_source_close(s);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, sources_make_dir, sources_remove_dir)
    const struct CMUnitTest tests[] = {
        ROW(files_made_and_renamed_between_two_looks_are_all_read),
        ROW(an_old_file_is_read_while_the_new_one_is_empty),
        ROW(a_file_that_is_copied_and_cut_is_read_on_in_the_copy),
        ROW(what_a_file_held_between_two_cuts_is_read),
        ROW(files_that_begin_with_a_header_alone_are_told_apart_by_their_times),
        ROW(a_cut_file_that_has_grown_longer_again_is_seen_to_be_another),
        ROW(files_under_a_wide_header_are_told_apart),
        ROW(a_file_of_a_like_name_is_no_part_of_it),
        ROW(what_was_rotated_while_the_agent_was_down_is_read),
        ROW(files_of_the_same_rows_are_told_apart),
        ROW(a_share_that_vanishes_and_comes_back_loses_no_row),
        ROW(a_share_that_goes_away_during_a_restart_repeats_no_row),
        ROW(a_folder_goes_on_after_files_that_were_cleaned_away),
        ROW(a_daily_file_ends_when_the_next_one_has_a_line),
        ROW(sensors_that_are_named_need_no_file_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
