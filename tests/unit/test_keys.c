#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "net/keys.h"

static char dir[64], path[128];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/andon-keys-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/identity", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void an_identity_is_made_once_and_stays(void **state)
{
    an_identity *a = NULL, *b = NULL;
    struct stat st;
    (void)state;
    assert_int_equal(an_identity_open(path, &a, NULL), AN_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(an_identity_open(path, &b, NULL), AN_OK);
    assert_memory_equal(a, b, sizeof *a);
    an_identity_free(a);
    an_identity_free(b);
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    static const mode_t wide[] = {0640, 0604, 0660, 0601};
    an_identity *id = NULL;
    an_note why = {0};
    (void)state;
    assert_int_equal(an_identity_open(path, &id, NULL), AN_OK);
    an_identity_free(id);
    id = NULL;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        assert_int_equal(chmod(path, wide[i]), 0);
        assert_int_equal(an_identity_open(path, &id, &why), AN_ERR_REFUSED);
        assert_non_null(strstr(why.text, path));
        assert_null(id);
    }
}

static void a_link_to_a_file_is_refused(void **state)
{
    an_identity *id = NULL;
    char target[160];
    (void)state;
    snprintf(target, sizeof target, "%s/other", dir);
    assert_int_equal(an_identity_open(target, &id, NULL), AN_OK);
    an_identity_free(id);
    id = NULL;
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(an_identity_open(path, &id, NULL), AN_ERR_REFUSED);
    unlink(target);
}

static void every_flipped_byte_is_noticed(void **state)
{
    an_identity *id = NULL;
    an_buf whole;
    (void)state;
    assert_int_equal(an_identity_open(path, &id, NULL), AN_OK);
    an_identity_free(id);
    id = NULL;
    an_buf_init(&whole, 4096);
    assert_int_equal(an_file_read(&whole, path, NULL), AN_OK);
    for (size_t i = 0; i < whole.len; i += 3) {
        whole.data[i] ^= 4;
        assert_int_equal(an_file_write(path, whole.data, whole.len, 0600, NULL), AN_OK);
        assert_int_equal(an_identity_open(path, &id, NULL), AN_ERR_PROTO);
        whole.data[i] ^= 4;
    }
    assert_int_equal(an_file_write(path, whole.data, whole.len - 1, 0600, NULL), AN_OK);
    assert_int_equal(an_identity_open(path, &id, NULL), AN_ERR_PROTO);
    assert_null(id);
    an_buf_done(&whole);
}

static void halves_of_two_identities_are_refused(void **state)
{
    an_identity *id = NULL;
    an_buf whole;
    uint8_t stranger_public[32], stranger_secret[32];
    an_hash check;
    (void)state;
    assert_int_equal(an_identity_open(path, &id, NULL), AN_OK);
    an_identity_free(id);
    id = NULL;
    an_buf_init(&whole, 4096);
    assert_int_equal(an_file_read(&whole, path, NULL), AN_OK);
    an_link_keypair(stranger_public, stranger_secret);
    memcpy(whole.data + 12, stranger_secret, 32);
    an_hash_of(&check, whole.data, whole.len - 32);
    memcpy(whole.data + whole.len - 32, check.b, 32);
    assert_int_equal(an_file_write(path, whole.data, whole.len, 0600, NULL), AN_OK);
    assert_int_equal(an_identity_open(path, &id, NULL), AN_ERR_PROTO);
    an_buf_done(&whole);
}

static void the_next_identity_takes_the_place_of_the_present_one(void **state)
{
    an_identity *id = NULL, *second = NULL, *now = NULL;
    char next[160];
    (void)state;
    snprintf(next, sizeof next, "%s/next", dir);
    assert_int_equal(an_identity_open(path, &id, NULL), AN_OK);
    assert_int_equal(an_identity_adopt(path, next, NULL), AN_ERR_IO); /* there is none */
    assert_int_equal(an_identity_open(path, &now, NULL), AN_OK);
    assert_memory_equal(now->sign_public, id->sign_public, sizeof id->sign_public);
    an_identity_free(now);
    now = NULL;
    assert_int_equal(an_identity_open(next, &second, NULL), AN_OK);
    assert_int_equal(an_identity_adopt(path, next, NULL), AN_OK);
    assert_false(an_file_exists(next));
    assert_int_equal(an_identity_open(path, &now, NULL), AN_OK);
    assert_memory_equal(now->sign_public, second->sign_public, sizeof second->sign_public);
    assert_memory_equal(now->link_secret, second->link_secret, sizeof second->link_secret);
    an_identity_free(id);
    an_identity_free(second);
    an_identity_free(now);
}

static void base32_is_its_own_inverse_and_strict(void **state)
{
    uint8_t in[40], out[40];
    char text[65];
    (void)state;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof in; len++) {
        an_base32(text, in, len);
        assert_int_equal(strlen(text), (8 * len + 4) / 5);
        assert_true(an_unbase32(out, len, text, strlen(text)));
        assert_memory_equal(in, out, len);
    }
    assert_true(an_unbase32(out, 1, "zw", 2));
    assert_int_equal(out[0], 0xff);
    assert_false(an_unbase32(out, 1, "zz", 2)); /* spare bits */
    assert_false(an_unbase32(out, 1, "Zw", 2));
    assert_false(an_unbase32(out, 1, "lw", 2));
    assert_false(an_unbase32(out, 1, "z", 1));
    assert_false(an_unbase32(out, 1, "zw0", 3));
}

static an_token sample(void)
{
    an_token t = {.endpoint = "tcp://plant-hub.example:7703"};
    for (size_t i = 0; i < 32; i++) {
        t.id[i % AN_TOKEN_ID_BYTES] = (uint8_t)i;
        t.secret[i] = (uint8_t)(i * 3);
        t.link_key[i] = (uint8_t)(i * 5 + 1);
        t.root.b[i] = (uint8_t)(i * 7 + 2);
    }
    return t;
}

static void a_token_is_read_as_written(void **state)
{
    an_token in = sample(), out;
    char text[AN_TOKEN_TEXT];
    (void)state;
    assert_int_equal(an_token_text(text, &in), AN_OK);
    assert_int_equal(strncmp(text, "andon1-", 7), 0);
    assert_int_equal(an_token_parse(&out, text, NULL), AN_OK);
    assert_memory_equal(&in, &out, sizeof in);
    memset(in.endpoint + 6, 'x', sizeof in.endpoint - 7);
    assert_int_equal(an_token_text(text, &in), AN_OK);
    assert_int_equal(an_token_parse(&out, text, NULL), AN_OK);
    assert_memory_equal(&in, &out, sizeof in);
}

static void every_mistyped_or_missing_digit_is_noticed(void **state)
{
    an_token in = sample(), out, zero = {0};
    char text[AN_TOKEN_TEXT + 2];
    (void)state;
    assert_int_equal(an_token_text(text, &in), AN_OK);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        text[i] = was == 'q' ? 'r' : 'q';
        assert_int_equal(an_token_parse(&out, text, NULL), AN_ERR_PROTO);
        assert_memory_equal(&out, &zero, sizeof out);
        text[i] = '\0';
        assert_int_equal(an_token_parse(&out, text, NULL), AN_ERR_PROTO);
        text[i] = was;
    }
    text[len] = '0';
    text[len + 1] = '\0';
    assert_int_equal(an_token_parse(&out, text, NULL), AN_ERR_PROTO);
    text[len] = '\n';
    assert_int_equal(an_token_parse(&out, text, NULL), AN_ERR_PROTO);
}

static void a_token_needs_an_endpoint(void **state)
{
    static const char *const bad[] = {"", "tcp://", "ipc:///tmp/x", "tcp://a b:1", "tcp://a\n:1"};
    an_token in = sample();
    char text[AN_TOKEN_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(in.endpoint, sizeof in.endpoint, "%s", bad[i]);
        assert_int_equal(an_token_text(text, &in), AN_ERR_INVAL);
    }
    memset(in.endpoint, 'x', sizeof in.endpoint);
    assert_int_equal(an_token_text(text, &in), AN_ERR_INVAL);
}

static void a_fingerprint_depends_on_both_keys(void **state)
{
    uint8_t a[32] = {1}, b[32] = {2};
    char ab[AN_FINGERPRINT_TEXT], ba[AN_FINGERPRINT_TEXT], aa[AN_FINGERPRINT_TEXT];
    (void)state;
    an_fingerprint(ab, a, b);
    an_fingerprint(ba, b, a);
    an_fingerprint(aa, a, a);
    assert_int_equal(strlen(ab), 39);
    for (size_t i = 4; i < 39; i += 5)
        assert_int_equal(ab[i], '-');
    assert_string_not_equal(ab, ba);
    assert_string_not_equal(ab, aa);
}

#define WITH_FILE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(an_identity_is_made_once_and_stays),
        WITH_FILE(a_file_that_others_may_read_is_refused),
        WITH_FILE(a_link_to_a_file_is_refused),
        WITH_FILE(every_flipped_byte_is_noticed),
        WITH_FILE(halves_of_two_identities_are_refused),
        WITH_FILE(the_next_identity_takes_the_place_of_the_present_one),
        cmocka_unit_test(base32_is_its_own_inverse_and_strict),
        cmocka_unit_test(a_token_is_read_as_written),
        cmocka_unit_test(every_mistyped_or_missing_digit_is_noticed),
        cmocka_unit_test(a_token_needs_an_endpoint),
        cmocka_unit_test(a_fingerprint_depends_on_both_keys),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
