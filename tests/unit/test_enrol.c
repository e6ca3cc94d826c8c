/* What a site keeps of its coordinator, and what it refuses to begin with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/enrol.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/folder.h"

static int setup(void **state)
{
    static char dir[AN_PATH_MAX];
    an_test_folder_make(dir);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    an_test_folder_remove(*state);
    return 0;
}

static void what_is_kept_is_read_again(void **state)
{
    an_coordinator c = {.site = "plant-b",
                        .control = {"tcp://c:7701", "tcp://d:7701"},
                        .n_control = 2,
                        .bulk = "",
                        .root.number = 3},
                   got;
    memset(c.link_key, 7, sizeof c.link_key);
    memset(c.statement_key, 9, sizeof c.statement_key);
    memset(c.root.key, 11, sizeof c.root.key);
    assert_int_equal(an_coordinator_write(*state, &c, NULL), AN_OK);
    assert_int_equal(an_coordinator_read(*state, &got, NULL), AN_OK);
    assert_string_equal(got.site, c.site);
    assert_int_equal(got.n_control, 2);
    for (size_t i = 0; i < got.n_control; i++)
        assert_string_equal(got.control[i], c.control[i]);
    assert_string_equal(got.bulk, "");
    assert_int_equal(got.root.number, 3);
    assert_memory_equal(got.root.key, c.root.key, sizeof c.root.key);
    assert_memory_equal(got.link_key, c.link_key, sizeof c.link_key);
    assert_memory_equal(got.statement_key, c.statement_key, sizeof c.statement_key);
}

static void a_site_that_is_not_enrolled_is_told_what_to_do(void **state)
{
    an_coordinator got;
    an_note why = {{0}};
    assert_int_equal(an_coordinator_read(*state, &got, &why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(why.text, "not enrolled"));
}

static void a_damaged_file_is_refused(void **state)
{
    static const char *const wrong[] = {"", "{}", "{\"site\":\"a\",\"control\":3}",
                                        /* keys that are too short */
                                        ("{\"site\":\"a\",\"control\":\"c\",\"bulk\":\"b\","
                                         "\"link_key\":\"00\",\"statement_key\":\"00\"}")};
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, *state, "coordinator.json"), AN_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_coordinator got;
        assert_int_equal(an_file_write(path, wrong[i], strlen(wrong[i]), 0600, NULL), AN_OK);
        assert_int_equal(an_coordinator_read(*state, &got, NULL), AN_ERR_PROTO);
    }
    assert_int_equal(an_mem_live(), 0);
}

static void nothing_is_opened_for_a_wrong_token_or_name(void **state)
{
    char path[AN_PATH_MAX];
    an_coordinator got;
    an_enrol_conf conf = {.dir = *state, .site = "plant b", .token = "andon1-x", .timeout_ms = 100};
    assert_int_equal(an_path_join(path, *state, "identity"), AN_OK);
    assert_int_equal(an_enrol(&conf, &got, NULL), AN_ERR_INVAL);
    conf.site = "plant-b";
    assert_int_equal(an_enrol(&conf, &got, NULL), AN_ERR_PROTO);
    assert_false(an_file_exists(path));
}

static void write_token(char text[static AN_TOKEN_TEXT])
{
    an_token token = {.endpoint = "tcp://127.0.0.1:9"};
    uint8_t secret[AN_LINK_KEY];
    an_link_keypair(token.link_key, secret);
    an_random(token.id, sizeof token.id);
    an_random(token.secret, sizeof token.secret);
    assert_int_equal(an_token_text(text, &token), AN_OK);
}

/* Who enrols anew because keys were stolen must not go over to stolen ones. */
static void next_keys_go_with_the_identity_that_made_them(void **state)
{
    an_coordinator got;
    an_identity *id = NULL;
    char text[AN_TOKEN_TEXT], path[AN_PATH_MAX], next[AN_PATH_MAX];
    write_token(text);
    const an_enrol_conf conf = {.dir = *state, .site = "plant-b", .token = text, .timeout_ms = 1};
    assert_int_equal(an_path_join(path, *state, "identity"), AN_OK);
    assert_int_equal(an_path_join(next, *state, "identity.next"), AN_OK);
    for (int present = 0; present < 2; present++) {
        assert_int_equal(an_identity_open(next, &id, NULL), AN_OK);
        an_identity_free(id);
        assert_int_equal(an_enrol(&conf, &got, NULL), AN_ERR_AGAIN);
        assert_true(an_file_exists(path));
        assert_int_equal(an_file_exists(next), present);
    }
}

static void a_door_that_does_not_answer_is_given_up(void **state)
{
    an_coordinator got;
    char text[AN_TOKEN_TEXT];
    an_note why = {{0}};
    write_token(text);
    const an_enrol_conf conf = {.dir = *state, .site = "plant-b", .token = text, .timeout_ms = 300};
    const an_err err = an_enrol(&conf, &got, &why);
    if (err != AN_ERR_AGAIN)
        fail_msg("%s: %s", an_err_name(err), why.text);
    assert_non_null(strstr(why.text, "same token"));
}

static void a_root_that_the_token_does_not_name_is_refused(void **state)
{
    (void)state;
    an_coordinator got;
    an_note why = {{0}};
    uint8_t online[AN_KEY_BYTES], root[AN_KEY_BYTES], secret[AN_SIGN_SECRET_BYTES];
    an_token token = {.link_key = {3}};
    an_msg_enrol_reply r = {
        .status = AN_ENROL_APPROVED, .control_endpoint = "tcp://c:7701", .root_number = 2};
    an_sign_keypair(online, secret);
    an_sign_keypair(root, secret);
    an_root_fingerprint(&token.root, root);
    memcpy(r.root_key, root, sizeof root);
    assert_int_equal(an_enrol_accept(&token, "plant-b", &r, &got, &why), AN_ERR_AUTH); /* no online key */
    memcpy(r.coordinator_key, online, sizeof online);
    assert_int_equal(an_enrol_accept(&token, "plant-b", &r, &got, &why), AN_OK);
    assert_memory_equal(got.root.key, root, sizeof root);
    assert_memory_equal(got.statement_key, online, sizeof online);
    assert_int_equal(got.root.number, 2);
    memcpy(r.root_key, online, sizeof online); /* the coordinator would be its own root */
    assert_int_equal(an_enrol_accept(&token, "plant-b", &r, &got, &why), AN_ERR_AUTH);
    assert_non_null(strstr(why.text, "not the one the token names"));
    memset(r.root_key, 0, sizeof r.root_key);
    assert_int_equal(an_enrol_accept(&token, "plant-b", &r, &got, &why), AN_ERR_AUTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_kept_is_read_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_site_that_is_not_enrolled_is_told_what_to_do, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_refused, setup, teardown),
        cmocka_unit_test(a_root_that_the_token_does_not_name_is_refused),
        cmocka_unit_test_setup_teardown(nothing_is_opened_for_a_wrong_token_or_name, setup, teardown),
        cmocka_unit_test_setup_teardown(next_keys_go_with_the_identity_that_made_them, setup, teardown),
        cmocka_unit_test_setup_teardown(a_door_that_does_not_answer_is_given_up, setup, teardown),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
