/* The release root: its key file, and the chain of rotations. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/support/folder.h"
#include "trust/root.h"

static int begin(void **state)
{
    assert_int_equal(an_crypto_init(), AN_OK);
    static char dir[AN_PATH_MAX];
    an_test_folder_make(dir);
    *state = dir;
    return 0;
}

static int end(void **state)
{
    an_test_folder_remove(*state);
    assert_int_equal(an_mem_live(), 0);
    return 0;
}

/* ---- the key file ---- */

static void make_key(const char *dir, char path[static AN_PATH_MAX], an_root_key **ret)
{
    an_note why = {{0}};
    assert_int_equal(an_path_join(path, dir, "release.key"), AN_OK);
    assert_int_equal(an_root_key_new(path, ret, &why), AN_OK);
}

static void a_key_is_read_again_from_a_file_that_only_its_owner_may_read(void **state)
{
    char path[AN_PATH_MAX];
    an_root_key *made = NULL, *read = NULL, *other = NULL;
    struct stat st;
    make_key(*state, path, &made);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(an_root_key_read(path, &read, NULL), AN_OK);
    assert_memory_equal(made, read, sizeof *made);
    assert_int_equal(an_root_key_new(path, &other, NULL), AN_ERR_EXISTS);
    assert_null(other);
    an_root_key_free(made);
    an_root_key_free(read);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0644, 0666};
    char path[AN_PATH_MAX];
    an_root_key *key = NULL;
    make_key(*state, path, &key);
    an_root_key_free(key);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        an_note why = {{0}};
        key = NULL;
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(an_root_key_read(path, &key, &why), AN_ERR_REFUSED);
        assert_null(key);
        assert_non_null(strstr(why.text, "others may use this release key"));
    }
}

static void a_key_file_with_any_byte_changed_or_missing_is_refused(void **state)
{
    char path[AN_PATH_MAX];
    an_root_key *key = NULL;
    an_buf b;
    an_buf_init(&b, 4096);
    make_key(*state, path, &key);
    an_root_key_free(key);
    assert_int_equal(an_file_read(&b, path, NULL), AN_OK);
    for (size_t i = 0; i < b.len; i++) {
        key = NULL;
        b.data[i] ^= 1;
        assert_int_equal(an_file_write(path, b.data, b.len, 0600, NULL), AN_OK);
        assert_int_equal(an_root_key_read(path, &key, NULL), AN_ERR_PROTO);
        b.data[i] ^= 1;
    }
    for (size_t len = 0; len < b.len; len += 13) {
        assert_int_equal(an_file_write(path, b.data, len, 0600, NULL), AN_OK);
        assert_int_equal(an_root_key_read(path, &key, NULL), AN_ERR_PROTO);
    }
    an_buf_u8(&b, '\n');
    assert_int_equal(an_file_write(path, b.data, b.len, 0600, NULL), AN_OK);
    assert_int_equal(an_root_key_read(path, &key, NULL), AN_ERR_PROTO);
    assert_int_equal(an_root_key_read(*state, &key, NULL), AN_ERR_REFUSED); /* a folder */
    assert_int_equal(remove(path), 0);
    assert_int_equal(an_root_key_read(path, &key, NULL), AN_ERR_NOTFOUND);
    assert_null(key);
    an_buf_done(&b);
}

/* ---- the chain ---- */

typedef struct pair {
    uint8_t public_key[AN_SIGN_PUBLIC_BYTES], secret[AN_SIGN_SECRET_BYTES];
} pair;

static void link_of(an_signed *ret, uint64_t number, const pair *from, const pair *to, const pair *by_old,
                    const pair *by_new)
{
    an_root_link link = {.number = number, .issued_ms = 1795282800000};
    an_buf b;
    an_buf_init(&b, AN_TRUST_TEXT_MAX);
    memcpy(link.from, from->public_key, sizeof link.from);
    memcpy(link.to, to->public_key, sizeof link.to);
    assert_int_equal(an_root_link_text(&link, &b), AN_OK);
    assert_int_equal(an_signed_set(ret, b.data, b.len, NULL, 0, NULL), AN_OK);
    if (by_old)
        assert_int_equal(an_signed_add(ret, AN_ROOT_CONTEXT, by_old->public_key, by_old->secret), AN_OK);
    if (by_new)
        assert_int_equal(an_signed_add(ret, AN_ROOT_CONTEXT, by_new->public_key, by_new->secret), AN_OK);
    an_buf_done(&b);
}

typedef struct chain {
    pair k[4];
    an_root root;
} chain;

static void chain_make(chain *c)
{
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < 4; i++)
        an_sign_keypair(c->k[i].public_key, c->k[i].secret);
    memcpy(c->root.key, c->k[0].public_key, sizeof c->root.key);
}

static void refuse(chain *c, const an_signed *link, an_err expected, const char *said)
{
    const an_root before = c->root;
    an_note why = {{0}};
    assert_int_equal(an_root_follow(&c->root, link, &why), expected);
    assert_non_null(strstr(why.text, said));
    assert_memory_equal(&before, &c->root, sizeof before);
}

static void a_chain_is_followed_link_by_link(void **state)
{
    (void)state;
    chain c;
    an_signed link;
    chain_make(&c);
    for (uint64_t i = 0; i < 3; i++) {
        link_of(&link, i + 1, &c.k[i], &c.k[i + 1], &c.k[i], &c.k[i + 1]);
        assert_int_equal(an_root_follow(&c.root, &link, NULL), AN_OK);
        assert_int_equal(c.root.number, i + 1);
        assert_memory_equal(c.root.key, c.k[i + 1].public_key, sizeof c.root.key);
    }
}

static void a_replayed_or_skipping_rotation_is_refused(void **state)
{
    (void)state;
    chain c;
    an_signed first, second;
    chain_make(&c);
    link_of(&first, 1, &c.k[0], &c.k[1], &c.k[0], &c.k[1]);
    link_of(&second, 2, &c.k[1], &c.k[2], &c.k[1], &c.k[2]);
    refuse(&c, &second, AN_ERR_STATE, "does not follow number 0");
    assert_int_equal(an_root_follow(&c.root, &first, NULL), AN_OK);
    refuse(&c, &first, AN_ERR_STATE, "does not follow number 1");
    assert_int_equal(an_root_follow(&c.root, &second, NULL), AN_OK);
    refuse(&c, &first, AN_ERR_STATE, "does not follow number 2");
}

static void a_forged_rotation_is_refused(void **state)
{
    (void)state;
    chain c;
    an_signed link;
    chain_make(&c);
    const pair *k = c.k;
    link_of(&link, 1, &k[2], &k[3], &k[2], &k[3]);
    refuse(&c, &link, AN_ERR_AUTH, "another key than the one known here");
    link_of(&link, 1, &k[0], &k[3], NULL, &k[3]);
    refuse(&c, &link, AN_ERR_AUTH, "not signed by the old key");
    link_of(&link, 1, &k[0], &k[3], &k[3], &k[3]);
    refuse(&c, &link, AN_ERR_AUTH, "not signed by the old key");
    link_of(&link, 1, &k[0], &k[1], &k[0], NULL);
    refuse(&c, &link, AN_ERR_AUTH, "not signed by the new key");
    link_of(&link, 1, &k[0], &k[1], &k[0], &k[1]);
    link.signatures[0].signature[5] ^= 1;
    refuse(&c, &link, AN_ERR_AUTH, "not signed by the old key");
    /* Signed with the right key for another purpose. */
    link_of(&link, 1, &k[0], &k[1], NULL, &k[1]);
    assert_int_equal(an_signed_add(&link, "andon-release-2", k[0].public_key, k[0].secret), AN_OK);
    refuse(&c, &link, AN_ERR_AUTH, "not signed by the old key");
    /* A third signature has no place. */
    assert_int_equal(an_signed_add(&link, AN_ROOT_CONTEXT, k[0].public_key, k[0].secret), AN_ERR_LIMIT);
}

static void malformed_rotations_are_refused(void **state)
{
    (void)state;
    chain c;
    an_signed link;
    an_root_link read;
    chain_make(&c);
    link_of(&link, 1, &c.k[0], &c.k[1], &c.k[0], &c.k[1]);
    assert_int_equal(an_root_link_parse(link.text, link.len, &read, NULL), AN_OK);
    for (size_t len = 0; len < link.len; len++)
        assert_int_equal(an_root_link_parse(link.text, len, &read, NULL), AN_ERR_PROTO);
    for (size_t i = 0; i < link.len; i++) {
        static const uint8_t bytes[] = {0, '\n', ' ', 0xff, 'A', '-'};
        for (size_t k = 0; k < sizeof bytes; k++) {
            an_signed bad = link;
            if (bad.text[i] == bytes[k])
                continue;
            bad.text[i] = bytes[k];
            assert_int_equal(an_root_link_parse(bad.text, bad.len, &read, NULL), AN_ERR_PROTO);
        }
    }
    static const char *const wrong[] = {"andon-root-1\nnumber 01\n",
                                        "andon-root-1\nnumber 99999999999999999999\n", "andon-root-2\n",
                                        "andon-root-1", "andon-root-1\nnumber -1\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(an_root_link_parse(wrong[i], strlen(wrong[i]), &read, NULL), AN_ERR_PROTO);
}

static void reading_survives_every_failed_allocation(void **state)
{
    (void)state;
    chain c;
    an_signed link;
    chain_make(&c);
    link_of(&link, 1, &c.k[0], &c.k[1], &c.k[0], &c.k[1]);
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err != AN_OK; n++) {
        assert_true(n < 50);
        an_mem_fail_after(n);
        err = an_root_follow(&c.root, &link, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(c.root.number, err == AN_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_read_again_from_a_file_that_only_its_owner_may_read, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_key_that_others_may_read_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_key_file_with_any_byte_changed_or_missing_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_chain_is_followed_link_by_link, begin, end),
        cmocka_unit_test_setup_teardown(a_replayed_or_skipping_rotation_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_forged_rotation_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(malformed_rotations_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(reading_survives_every_failed_allocation, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
