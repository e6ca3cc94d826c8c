/* Versions at hand: files whose content is what their name says, within a quota. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/versions.h"
#include "base/mem.h"
#include "tests/support/folder.h"

static an_hash add(an_versions *v, const char *text)
{
    an_hash h;
    char path[AN_PATH_MAX];
    an_note why = {{0}};
    an_hash_of(&h, text, strlen(text));
    assert_int_equal(an_versions_part(v, &h, path), AN_OK);
    assert_int_equal(an_file_write(path, text, strlen(text), 0644, &why), AN_OK);
    assert_int_equal(an_versions_adopt(v, &h, path, &why), AN_OK);
    assert_false(an_file_exists(path));
    return h;
}

static void a_file_is_taken_only_under_the_name_of_its_content(void **state)
{
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_versions *v = NULL;
    (void)state;
    an_test_folder_make(dir);
    assert_int_equal(an_versions_open(dir, 0, &v, NULL), AN_OK);
    an_hash good = add(v, "a version"), bad = {{1}};
    assert_int_equal(an_versions_path(v, &good, path), AN_OK);
    assert_int_equal(an_versions_path(v, &bad, path), AN_ERR_NOTFOUND);
    assert_int_equal(an_versions_part(v, &bad, path), AN_OK);
    assert_int_equal(an_versions_adopt(v, &bad, path, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_file_write(path, "something else", 14, 0644, NULL), AN_OK);
    assert_int_equal(an_versions_adopt(v, &bad, path, NULL), AN_ERR_PROTO);
    assert_false(an_file_exists(path)); /* or the next fetch would go on from it */
    an_versions_close(v);
    an_test_folder_remove(dir);
}

static void what_is_needed_stays_when_the_quota_is_reached(void **state)
{
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_versions *v = NULL;
    (void)state;
    an_test_folder_make(dir);
    assert_int_equal(an_versions_open(dir, 20, &v, NULL), AN_OK);
    an_hash keep = add(v, "0123456789"), other = add(v, "abcdefghij"), overlay = {{9}};
    assert_int_equal(an_versions_overlay_path(v, &other, &overlay, path), AN_OK);
    assert_int_equal(an_file_write(path, "overlay", 7, 0644, NULL), AN_OK);
    assert_int_equal(an_versions_bytes(v), 27);
    assert_int_equal(an_versions_trim(v, &keep, 1, NULL), AN_OK);
    assert_int_equal(an_versions_bytes(v), 10);
    assert_false(an_file_exists(path));
    assert_int_equal(an_versions_path(v, &keep, path), AN_OK);
    assert_int_equal(an_versions_path(v, &other, path), AN_ERR_NOTFOUND);
    add(v, "0123456789012345678901234567890");
    an_hash both[2] = {keep, {{0}}};
    an_hash_of(&both[1], "0123456789012345678901234567890", 31);
    assert_int_equal(an_versions_trim(v, both, 2, NULL), AN_OK); /* above the quota, but needed */
    assert_int_equal(an_versions_bytes(v), 41);
    an_versions_close(v);
    an_test_folder_remove(dir);
}

static void nothing_is_lost_when_memory_runs_out(void **state)
{
    char dir[AN_PATH_MAX];
    an_versions *v = NULL;
    an_err err = AN_ERR_NOMEM;
    (void)state;
    an_test_folder_make(dir);
    assert_int_equal(an_versions_open(dir, 5, &v, NULL), AN_OK);
    add(v, "0123456789");
    const size_t live = an_mem_live();
    for (size_t n = 0; err != AN_OK; n++) {
        an_mem_fail_after(n);
        err = an_versions_trim(v, NULL, 0, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    }
    assert_int_equal(an_versions_bytes(v), 0);
    an_versions_close(v);
    an_test_folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_taken_only_under_the_name_of_its_content),
        cmocka_unit_test(what_is_needed_stays_when_the_quota_is_reached),
        cmocka_unit_test(nothing_is_lost_when_memory_runs_out),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
