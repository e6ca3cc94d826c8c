/* People, their roles and tokens: the plain part, and what records make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "coordinator/state.h"
#include "doors/crypto.h"
#include "doors/json.h"

static uint64_t seq;
static int64_t now = 1000;

static an_err apply(an_state *st, const char *kind, const char *subject, const char *body)
{
    an_note why = {{0}};
    const an_record r = {.seq = ++seq,
                         .time_ms = now,
                         .kind = kind,
                         .subject = subject,
                         .actor = "user/admin",
                         .body = body,
                         .body_len = strlen(body)};
    an_err err = an_state_check(st, &r, 0, &why);
    return err == AN_OK ? an_state_apply(st, &r, &why) : err;
}

static an_err token(an_state *st, const char *name, unsigned id, const char *role, int64_t expires_ms)
{
    char body[512];
    snprintf(body, sizeof body,
             "{\"token_id\":\"%016x\",\"label\":\"grafana\",\"role\":\"%s\",\"hash\":\"%064x\",\"expires_"
             "ms\":%lld}",
             id, role, id, (long long)expires_ms);
    return apply(st, "user.token", name, body);
}

static an_hash hash_of(unsigned id)
{
    an_hash h;
    char hex[AN_HASH_TEXT];
    snprintf(hex, sizeof hex, "%064x", id);
    assert_true(an_hash_parse(&h, hex));
    return h;
}

static void roles_are_in_order_and_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"viewer", "operator", "engineer", "releaser", "administrator"};
    an_role last = AN_ROLE_NONE, role;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(an_role_find(names[i], &role));
        assert_true(role > last);
        assert_string_equal(an_role_name(role), names[i]);
        last = role;
    }
    assert_false(an_role_find("none", &role));
    assert_false(an_role_find("root", &role));
    assert_string_equal(an_role_name((an_role)99), "?");
}

static void a_user_sees_their_sites_and_an_empty_list_is_all(void **state)
{
    (void)state;
    an_state st;
    an_state_init(&st);
    assert_int_equal(apply(&st, "user.set", "mia", "{\"role\":\"operator\",\"sites\":[\"a\",\"b\"]}"), AN_OK);
    assert_int_equal(apply(&st, "user.set", "tom", "{\"role\":\"viewer\",\"sites\":[]}"), AN_OK);
    an_who mia = an_user_who(an_users_find(&st.users, "mia"), NULL);
    an_who tom = an_user_who(an_users_find(&st.users, "tom"), NULL);
    assert_true(an_who_sees(&mia, "a") && an_who_sees(&mia, "b"));
    assert_false(an_who_sees(&mia, "c") || an_who_sees(&mia, "") || an_who_sees_all(&mia));
    assert_true(an_who_sees(&tom, "c") && an_who_sees_all(&tom));
    assert_int_equal(mia.role, AN_ROLE_OPERATOR);
    an_state_done(&st);
}

static void nobody_is_called_as_the_administrator_s_token(void **state)
{
    (void)state;
    an_state st;
    an_state_init(&st);
    assert_int_equal(apply(&st, "user.set", "admin", "{\"role\":\"viewer\",\"sites\":[]}"), AN_ERR_PROTO);
    assert_int_equal(apply(&st, "user.set", "../x", "{\"role\":\"viewer\",\"sites\":[]}"), AN_ERR_PROTO);
    assert_int_equal(apply(&st, "user.set", "mia", "{\"role\":\"none\",\"sites\":[]}"), AN_ERR_PROTO);
    assert_int_equal(apply(&st, "user.set", "mia", "{\"role\":\"viewer\",\"sites\":[\"a/b\"]}"),
                     AN_ERR_PROTO);
    assert_int_equal(apply(&st, "user.password", "mia", "{\"verifier\":\"\"}"), AN_ERR_PROTO);
    assert_int_equal(st.users.n, 0);
    an_state_done(&st);
}

static void what_ends_a_session_is_a_change_of_role_sites_or_password(void **state)
{
    (void)state;
    an_state st;
    char body[128];
    an_state_init(&st);
    assert_int_equal(apply(&st, "user.set", "mia", "{\"role\":\"operator\",\"sites\":[]}"), AN_OK);
    const an_user *u = an_users_find(&st.users, "mia");
    uint64_t changed = u->changed, changes = st.users.changes;
    assert_int_equal(token(&st, "mia", 1, "viewer", now + 10), AN_OK);
    assert_int_equal(u->changed, changed);
    assert_true(st.users.changes > changes);
    snprintf(body, sizeof body, "{\"verifier\":\"%064x\"}", 7u);
    assert_int_equal(apply(&st, "user.password", "mia", body), AN_OK);
    assert_true(u->changed > changed);
    changed = u->changed;
    assert_int_equal(apply(&st, "user.set", "mia", "{\"role\":\"viewer\",\"sites\":[]}"), AN_OK);
    assert_true(u->changed > changed);
    assert_false(an_hash_is_zero(&u->verifier)); /* the password stays */
    assert_int_equal(u->n_tokens, 1);
    an_state_done(&st);
}

static void a_token_is_its_user_s_with_no_more_than_their_role(void **state)
{
    (void)state;
    an_state st;
    const an_user_token *t = NULL;
    const an_hash h = hash_of(1), other = hash_of(2);
    an_state_init(&st);
    assert_int_equal(apply(&st, "user.set", "mia", "{\"role\":\"engineer\",\"sites\":[\"a\"]}"), AN_OK);
    assert_int_equal(token(&st, "mia", 1, "engineer", now + 10), AN_OK);
    const an_user *u = an_users_by_token(&st.users, &h, now, &t);
    assert_non_null(u);
    an_who who = an_user_who(u, t);
    assert_true(who.by_token && who.role == AN_ROLE_ENGINEER && !an_who_sees(&who, "b"));
    assert_null(an_users_by_token(&st.users, &other, now, &t));
    assert_null(an_users_by_token(&st.users, &h, now + 10, &t)); /* expired */
    assert_int_equal(apply(&st, "user.set", "mia", "{\"role\":\"viewer\",\"sites\":[\"a\"]}"), AN_OK);
    u = an_users_by_token(&st.users, &h, now, &t);
    assert_int_equal(an_user_who(u, t).role, AN_ROLE_VIEWER); /* she is less now, and so is it */
    assert_int_equal(
        apply(&st, "user.token_revoked", "mia", "{\"token_id\":\"0000000000000001\",\"label\":\"x\"}"),
        AN_OK);
    assert_null(an_users_by_token(&st.users, &h, now, &t));
    an_state_done(&st);
}

static void tokens_and_users_have_a_bound(void **state)
{
    (void)state;
    an_state st;
    char name[32];
    an_state_init(&st);
    for (unsigned i = 0; i < AN_USERS_MAX; i++) {
        snprintf(name, sizeof name, "user-%u", i);
        assert_int_equal(apply(&st, "user.set", name, "{\"role\":\"viewer\",\"sites\":[]}"), AN_OK);
    }
    assert_int_equal(apply(&st, "user.set", "more", "{\"role\":\"viewer\",\"sites\":[]}"), AN_ERR_LIMIT);
    assert_int_equal(apply(&st, "user.set", "user-3", "{\"role\":\"operator\",\"sites\":[]}"), AN_OK);
    for (unsigned i = 0; i < AN_USER_TOKENS_MAX; i++)
        assert_int_equal(token(&st, "user-3", i + 1, "viewer", now + 10 + i), AN_OK);
    assert_int_equal(token(&st, "user-3", 99, "viewer", now + 1000), AN_ERR_LIMIT);
    now += 11; /* two have expired, and make room for two */
    assert_int_equal(token(&st, "user-3", 99, "viewer", now + 1000), AN_OK);
    assert_int_equal(token(&st, "user-3", 98, "viewer", now + 1000), AN_OK);
    assert_int_equal(token(&st, "user-3", 97, "viewer", now + 1000), AN_ERR_LIMIT);
    assert_int_equal(apply(&st, "user.removed", "user-3", "{\"before\":\"operator\"}"), AN_OK);
    assert_null(an_users_find(&st.users, "user-3"));
    assert_int_equal(apply(&st, "user.set", "more", "{\"role\":\"viewer\",\"sites\":[]}"), AN_OK);
    an_state_done(&st);
}

static void a_copy_is_another_and_needs_memory(void **state)
{
    (void)state;
    an_state st;
    an_users copy = {.items = NULL};
    an_state_init(&st);
    assert_int_equal(apply(&st, "user.set", "mia", "{\"role\":\"viewer\",\"sites\":[]}"), AN_OK);
    an_mem_fail_after(0);
    assert_int_equal(an_users_copy(&copy, &st.users), AN_ERR_NOMEM);
    an_mem_fail_never();
    assert_int_equal(copy.n, 0);
    assert_int_equal(an_users_copy(&copy, &st.users), AN_OK);
    an_state_done(&st);
    assert_non_null(an_users_find(&copy, "mia"));
    an_users_done(&copy);
}

static void a_password_is_checked_by_a_text_that_does_not_hold_it(void **state)
{
    (void)state;
    char text[AN_PASSWORD_TEXT], again[AN_PASSWORD_TEXT], longest[AN_PASSWORD_MAX + 2];
    const char *password = "correct horse battery";
    an_note why;
    assert_int_equal(an_password_hash(text, password, strlen(password)), AN_OK);
    assert_int_equal(strncmp(text, "$argon2id$", 10), 0);
    assert_null(strstr(text, "horse"));
    assert_int_equal(an_password_check(text, password, strlen(password)), AN_OK);
    assert_int_equal(an_password_check(text, "correct horse batterz", strlen(password)), AN_ERR_AUTH);
    assert_int_equal(an_password_check("", password, strlen(password)), AN_ERR_AUTH);
    assert_int_equal(an_password_hash(again, password, strlen(password)), AN_OK);
    assert_string_not_equal(text, again); /* a salt of its own */
    /* Nobody's is as dear. */
    assert_int_equal(strncmp(text, AN_PASSWORD_NOBODY, strlen("$argon2id$v=19$m=65536,t=2,p=1$")), 0);
    assert_int_equal(an_password_check(AN_PASSWORD_NOBODY, password, strlen(password)), AN_ERR_AUTH);
    assert_int_equal(an_password_ok("eleven byte", &why), AN_ERR_INVAL);
    assert_int_equal(an_password_ok("twelve bytes", &why), AN_OK);
    memset(longest, 'x', sizeof longest);
    longest[AN_PASSWORD_MAX + 1] = '\0';
    assert_int_equal(an_password_ok(longest, &why), AN_ERR_INVAL);
    longest[AN_PASSWORD_MAX] = '\0';
    assert_int_equal(an_password_ok(longest, &why), AN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_are_in_order_and_have_names),
        cmocka_unit_test(a_user_sees_their_sites_and_an_empty_list_is_all),
        cmocka_unit_test(nobody_is_called_as_the_administrator_s_token),
        cmocka_unit_test(what_ends_a_session_is_a_change_of_role_sites_or_password),
        cmocka_unit_test(a_token_is_its_user_s_with_no_more_than_their_role),
        cmocka_unit_test(tokens_and_users_have_a_bound),
        cmocka_unit_test(a_copy_is_another_and_needs_memory),
        cmocka_unit_test(a_password_is_checked_by_a_text_that_does_not_hold_it),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
