/* Objects as files: whole or absent, named by their hash, checked when read. */
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

#include "base/mem.h"
#include "coordinator/store/store_internal.h"
#include "tests/support/folder.h"

typedef struct fixture {
    char dir[AN_PATH_MAX];
    an_objects objects;
    an_note why;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    an_test_folder_make(f.dir);
    *state = &f;
    return an_objects_init(&f.objects, f.dir, &f.why) == AN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    an_test_folder_remove(f->dir);
    return 0;
}

static an_hash put(fixture *f, const char *text)
{
    an_hash hash = {0};
    an_err err = an_objects_put(&f->objects, text, strlen(text), &hash, &f->why);
    assert_int_equal(err, AN_OK);
    return hash;
}

static bool has(const an_objects *o, const an_hash *hash)
{
    uint64_t len;
    return an_objects_size(o, hash, &len, NULL) == AN_OK;
}

static void overwrite(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    ssize_t n = write(fd, text, strlen(text));
    assert_int_equal(n, (ssize_t)strlen(text));
    close(fd);
}

static void an_object_comes_back_under_its_hash(void **state)
{
    fixture *f = *state;
    an_hash expected, hash = put(f, "weights");
    an_hash_of(&expected, "weights", 7);
    assert_true(an_hash_equal(&hash, &expected));
    assert_true(has(&f->objects, &hash));
    uint64_t len = 0;
    an_err err = an_objects_size(&f->objects, &hash, &len, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(len == 7);
    an_buf b;
    an_buf_init(&b, 64);
    an_buf_text(&b, "before ");
    err = an_objects_get(&f->objects, &hash, &b, &f->why);
    assert_int_equal(err, AN_OK);
    assert_int_equal(b.len, 14);
    assert_memory_equal(b.data, "before weights", 14);
    an_buf_done(&b);
}

static void the_path_of_an_object_is_folder_and_hash(void **state)
{
    fixture *f = *state;
    an_hash hash = put(f, "weights");
    char path[AN_PATH_MAX], text[AN_HASH_TEXT], expected[AN_PATH_MAX + 80];
    an_err err = an_objects_path(&f->objects, &hash, path);
    assert_int_equal(err, AN_OK);
    an_hash_text(text, &hash);
    snprintf(expected, sizeof expected, "%s/objects/%c%c/%s", f->dir, text[0], text[1], text);
    assert_string_equal(path, expected);
    assert_true(an_file_exists(path));
}

static void the_empty_object_is_an_object(void **state)
{
    fixture *f = *state;
    an_hash hash;
    an_err err = an_objects_put(&f->objects, NULL, 0, &hash, &f->why);
    assert_int_equal(err, AN_OK);
    an_buf b;
    an_buf_init(&b, 1);
    err = an_objects_get(&f->objects, &hash, &b, &f->why);
    assert_int_equal(err, AN_OK);
    assert_int_equal(b.len, 0);
    an_buf_done(&b);
}

static void a_damaged_object_is_found_and_the_buffer_left_as_it_was(void **state)
{
    fixture *f = *state;
    an_hash hash = put(f, "weights");
    char path[AN_PATH_MAX];
    an_err err = an_objects_path(&f->objects, &hash, path);
    assert_int_equal(err, AN_OK);
    overwrite(path, "weighte");
    an_buf b;
    an_buf_init(&b, 64);
    err = an_objects_get(&f->objects, &hash, &b, &f->why);
    assert_int_equal(err, AN_ERR_PROTO);
    assert_non_null(strstr(f->why.text, "damaged"));
    assert_int_equal(b.len, 0);
    an_buf_done(&b);
}

static void putting_the_bytes_again_heals_a_damaged_object(void **state)
{
    fixture *f = *state;
    an_hash hash = put(f, "weights");
    char path[AN_PATH_MAX];
    an_err err = an_objects_path(&f->objects, &hash, path);
    assert_int_equal(err, AN_OK);
    const char *const damage[] = {"weighte", "weigh", ""};
    for (size_t i = 0; i < 3; i++) {
        overwrite(path, damage[i]);
        put(f, "weights");
        an_buf b;
        an_buf_init(&b, 64);
        err = an_objects_get(&f->objects, &hash, &b, &f->why);
        assert_int_equal(err, AN_OK);
        an_buf_done(&b);
    }
}

static void the_same_bytes_twice_are_one_file_not_written_again(void **state)
{
    fixture *f = *state;
    an_hash hash = put(f, "weights");
    char path[AN_PATH_MAX];
    struct stat first, second;
    an_err err = an_objects_path(&f->objects, &hash, path);
    assert_int_equal(err, AN_OK);
    assert_int_equal(stat(path, &first), 0);
    put(f, "weights");
    assert_int_equal(stat(path, &second), 0);
    assert_true(first.st_ino == second.st_ino);
}

static void an_object_larger_than_the_buffer_allows_is_a_limit(void **state)
{
    fixture *f = *state;
    an_hash hash = put(f, "weights");
    an_buf b;
    an_buf_init(&b, 6);
    an_err err = an_objects_get(&f->objects, &hash, &b, &f->why);
    assert_int_equal(err, AN_ERR_LIMIT);
    assert_false(b.failed);
    an_buf_done(&b);
}

static void an_absent_object_is_not_found_and_may_be_removed(void **state)
{
    fixture *f = *state;
    an_hash hash = {{1, 2, 3}};
    uint64_t len = 99;
    an_buf b;
    an_buf_init(&b, 64);
    assert_false(has(&f->objects, &hash));
    an_err err = an_objects_get(&f->objects, &hash, &b, &f->why);
    assert_int_equal(err, AN_ERR_NOTFOUND);
    err = an_objects_size(&f->objects, &hash, &len, &f->why);
    assert_int_equal(err, AN_ERR_NOTFOUND);
    assert_true(len == 99);
    err = an_objects_remove(&f->objects, &hash, &f->why);
    assert_int_equal(err, AN_OK);
    hash = put(f, "weights");
    err = an_objects_remove(&f->objects, &hash, &f->why);
    assert_int_equal(err, AN_OK);
    assert_false(has(&f->objects, &hash));
    an_buf_done(&b);
}

static void a_received_file_is_taken_over_by_renaming_it(void **state)
{
    fixture *f = *state;
    char path[AN_PATH_MAX];
    an_err err = an_path_join(path, f->objects.spool, "upload-1");
    assert_int_equal(err, AN_OK);
    err = an_file_write(path, "update", 6, 0600, &f->why);
    assert_int_equal(err, AN_OK);
    an_hash hash;
    an_hash_of(&hash, "update", 6);
    err = an_objects_adopt(&f->objects, path, &hash, &f->why);
    assert_int_equal(err, AN_OK);
    assert_false(an_file_exists(path));
    assert_true(has(&f->objects, &hash));
    err = an_objects_adopt(&f->objects, path, &hash, &f->why);
    assert_int_equal(err, AN_ERR_NOTFOUND);
    assert_true(has(&f->objects, &hash));
}

static void what_a_crash_left_half_written_is_cleared_and_the_spool_kept(void **state)
{
    fixture *f = *state;
    char half[AN_PATH_MAX], dir[AN_PATH_MAX], upload[AN_PATH_MAX];
    an_hash hash = put(f, "weights");
    assert_true(an_path_join(dir, f->objects.dir, "new") == AN_OK);
    assert_true(an_path_join(half, dir, "abc.part") == AN_OK);
    assert_true(an_path_join(upload, f->objects.spool, "upload-1") == AN_OK);
    an_err err = an_file_write(half, "wei", 3, 0600, &f->why);
    assert_int_equal(err, AN_OK);
    err = an_file_write(upload, "upd", 3, 0600, &f->why);
    assert_int_equal(err, AN_OK);
    err = an_objects_init(&f->objects, f->dir, &f->why);
    assert_int_equal(err, AN_OK);
    assert_false(an_file_exists(half));
    assert_true(an_file_exists(upload));
    assert_true(has(&f->objects, &hash));
}

static void a_folder_in_an_objects_place_is_not_an_object(void **state)
{
    fixture *f = *state;
    an_hash hash = {{7}};
    char path[AN_PATH_MAX];
    an_err err = an_objects_path(&f->objects, &hash, path);
    assert_int_equal(err, AN_OK);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_false(has(&f->objects, &hash));
    an_buf b;
    an_buf_init(&b, 64);
    err = an_objects_get(&f->objects, &hash, &b, &f->why);
    assert_int_equal(err, AN_ERR_IO);
    an_buf_done(&b);
}

static void too_long_a_folder_is_a_limit(void **state)
{
    fixture *f = *state;
    char dir[AN_PATH_MAX];
    memset(dir, 'd', sizeof dir);
    dir[sizeof dir - 60] = '\0';
    an_objects o;
    an_err err = an_objects_init(&o, dir, &f->why);
    assert_int_equal(err, AN_ERR_LIMIT);
}

static void survives_every_allocation_failure(void **state)
{
    fixture *f = *state;
    an_hash hash = put(f, "weights");
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        an_objects o;
        an_buf b;
        an_buf_init(&b, 64);
        an_mem_fail_after(n++);
        err = an_objects_init(&o, f->dir, &f->why);
        if (err == AN_OK)
            err = an_objects_get(&o, &hash, &b, &f->why);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && b.len == 0));
        an_buf_done(&b);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 1);
}

static void an_object_that_is_to_be_forgotten_waits_for_it_once(void **state)
{
    fixture *f = *state;
    an_small waiting = {.n = 0};
    const an_hash one = put(f, "one"), two = put(f, "two");
    for (int i = 0; i < 3; i++) { /* nothing can be appended meanwhile */
        assert_int_equal(an_small_remove(&waiting, &f->objects, &one, &f->why), AN_OK);
        assert_int_equal(an_small_remove(&waiting, &f->objects, &two, &f->why), AN_OK);
    }
    assert_int_equal(waiting.n, 2);
    assert_int_equal(an_small_keep(&waiting, &one, "one", 3, true), AN_OK);         /* it is wanted again, */
    assert_int_equal(an_small_remove(&waiting, &f->objects, &one, &f->why), AN_OK); /* and not any more */
    assert_int_equal(waiting.n, 4);
    assert_null(an_small_find(&waiting, &one)->bytes);
    an_small_done(&waiting);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_object_comes_back_under_its_hash),
        TEST(the_path_of_an_object_is_folder_and_hash),
        TEST(the_empty_object_is_an_object),
        TEST(a_damaged_object_is_found_and_the_buffer_left_as_it_was),
        TEST(putting_the_bytes_again_heals_a_damaged_object),
        TEST(the_same_bytes_twice_are_one_file_not_written_again),
        TEST(an_object_larger_than_the_buffer_allows_is_a_limit),
        TEST(an_absent_object_is_not_found_and_may_be_removed),
        TEST(a_received_file_is_taken_over_by_renaming_it),
        TEST(what_a_crash_left_half_written_is_cleared_and_the_spool_kept),
        TEST(a_folder_in_an_objects_place_is_not_an_object),
        TEST(too_long_a_folder_is_a_limit),
        TEST(an_object_that_is_to_be_forgotten_waits_for_it_once),
        TEST(survives_every_allocation_failure),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
