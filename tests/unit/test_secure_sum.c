/* What the coordinator of a secure sum refuses of malicious sites, and how it finds who lied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sum/secure_internal.h"
#include "sum/secure_site_internal.h"
#include "tests/support/secure.h"

static void begin(an_secure_world *w, uint32_t n, uint32_t colluders, size_t phases)
{
    an_note why;
    an_secure_world_init(w, n, colluders, 300);
    assert_int_equal(an_secure_world_begin(w, &why), AN_OK);
    if (phases > 0)
        assert_int_equal(an_secure_world_phases(w, 0, phases - 1, &why), AN_OK);
}

static void message_of(const an_secure_world *w, uint32_t site, an_buf *ret)
{
    an_buf_init(ret, AN_SECURE_MESSAGE_MAX);
    assert_int_equal(an_secure_site_message(w->sites[site], ret), AN_OK);
}

static void expect(an_secure_world *w, uint32_t site, const an_buf *b, an_err err, const char *text)
{
    an_note why = {{0}};
    assert_int_equal(an_secure_sum_feed(w->sum, site, b->data, b->len, &why), err);
    if (err != AN_OK && !strstr(why.text, text))
        fail_msg("the reason is \"%s\", not \"%s\"", why.text, text);
}

/* A liar signs what it has changed, with its own key. */
static void sign_again(an_secure_world *w, const an_buf *list, an_secure_kind kind, uint32_t site, an_buf *b)
{
    an_secure_ground g;
    an_note why;
    size_t body = b->len - AN_SECURE_HEAD_BYTES - AN_SIGN_BYTES;
    assert_int_equal(an_secure_ground_init(&g, &w->p, &why), AN_OK);
    assert_int_equal(an_secure_list_read(&g, list->data, list->len, &why), AN_OK);
    an_secure_sign(b->data + b->len - AN_SIGN_BYTES, &g, kind, site, b->data + AN_SECURE_HEAD_BYTES, body,
                   w->keys[site]);
    an_secure_ground_done(&g);
}

static void take_list(const an_secure_world *w, an_buf *ret)
{
    an_buf_init(ret, AN_SECURE_MESSAGE_MAX);
    assert_int_equal(an_secure_sum_message(w->sum, 0, ret), AN_OK);
}

/* Up to the reveals, of which those of the first `liars` sites hold wrong shares, signed. */
static void begin_with_liars(an_secure_world *w, uint32_t n, uint32_t liars)
{
    an_buf list, b;
    an_note why;
    an_secure_world_init(w, n, 100, 300);
    assert_int_equal(an_secure_world_begin(w, &why), AN_OK);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(an_secure_world_send(w, i, &why), AN_OK);
    assert_int_equal(an_secure_sum_close(w->sum, &why), AN_OK);
    take_list(w, &list);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(an_secure_world_receive(w, i, &why), AN_OK);
    assert_int_equal(an_secure_world_phases(w, 1, 3, &why), AN_OK);
    for (uint32_t i = 0; i < liars; i++) {
        message_of(w, i, &b);
        for (size_t at = AN_SECURE_HEAD_BYTES + 2 + 3; at < b.len - AN_SIGN_BYTES; at += 35)
            b.data[at] ^= 0x55;
        sign_again(w, &list, AN_SECURE_REVEAL, i, &b);
        expect(w, i, &b, AN_OK, "");
        an_buf_done(&b);
        an_secure_world_lose(w, i);
    }
    an_buf_done(&list);
}

static void wrong_shares_are_found_and_the_sum_is_right(void **state)
{
    (void)state;
    for (uint32_t liars = 1; liars <= 3; liars++) {
        an_secure_world w;
        an_note why = {{0}};
        begin_with_liars(&w, 10, liars);
        for (uint32_t i = liars; i < 10; i++)
            assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
        if (an_secure_world_finish(&w, &why) != AN_OK)
            fail_msg("%s", why.text);
        assert_true(an_secure_world_is_right(&w));
        for (uint32_t i = liars; i < 10; i++) { /* all that the liars hold of honest dealers */
            uint32_t holder = 99;
            assert_int_equal(an_secure_sum_wrong_shares(w.sum, i, &holder), liars);
            assert_int_equal(holder, 0);
        }
        an_secure_world_done(&w);
    }
}

/* Site 3 seals a wrong share for site 0, which gives it on in good faith: both are named, site 0 alone by
 * nothing, and no other. */
static void a_share_dealt_wrong_is_the_dealer_s_as_well_as_the_holder_s(void **state)
{
    an_secure_world w;
    an_note why = {{0}};
    uint32_t holder = 99;
    (void)state;
    begin(&w, 10, 100, 2);
    assert_int_equal(w.sites[0]->in[2], 3);
    w.sites[0]->in_shares[2 * 2 + AN_SECURE_SECRET_SEED].b[0] ^= 1;
    assert_int_equal(an_secure_world_phases(&w, 2, 4, &why), AN_OK);
    if (an_secure_world_finish(&w, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_secure_world_is_right(&w));
    assert_int_equal(an_secure_sum_wrong_shares(w.sum, 3, &holder), 1);
    assert_int_equal(holder, 0);
    for (uint32_t i = 0; i < 10; i++)
        if (i != 3)
            assert_int_equal(an_secure_sum_wrong_shares(w.sum, i, &holder), 0);
    assert_int_equal(an_secure_sum_wrong_shares(w.sum, 99, &holder), 0);
    an_secure_world_done(&w);
}

static void wrong_shares_without_any_to_spare_end_the_round(void **state)
{
    an_secure_world w;
    an_note why = {{0}};
    (void)state;
    begin_with_liars(&w, 10, 1);
    for (uint32_t i = 1; i < 5; i++)
        assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
    assert_int_equal(an_secure_sum_rebuild(w.sum, NULL, &why), AN_ERR_AGAIN);
    assert_non_null(strstr(why.text, "fewer than 6 shares"));
    assert_int_equal(an_secure_sum_unmask(w.sum, NULL, w.acc, &why), AN_ERR_STATE);
    assert_int_equal(an_secure_world_send(&w, 5, &why), AN_OK);
    assert_int_equal(an_secure_sum_rebuild(w.sum, NULL, &why), AN_ERR_AUTH);
    assert_non_null(strstr(why.text, "does not come out of its shares"));
    assert_int_equal(an_secure_sum_unmask(w.sum, NULL, w.acc, &why), AN_ERR_STATE);
    /* One more share tells. */
    assert_int_equal(an_secure_world_send(&w, 6, &why), AN_OK);
    assert_int_equal(an_secure_world_finish(&w, &why), AN_OK);
    assert_true(an_secure_world_is_right(&w));
    uint32_t holder = 99;
    assert_int_equal(an_secure_sum_wrong_shares(w.sum, 5, &holder), 1);
    assert_int_equal(holder, 0);
    an_secure_world_done(&w);
}

static void a_commitment_that_is_not_of_the_seed_ends_the_round(void **state)
{
    an_secure_world w;
    an_buf list, b;
    an_note why = {{0}};
    (void)state;
    begin(&w, 5, 0, 0);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
    assert_int_equal(an_secure_sum_close(w.sum, &why), AN_OK);
    take_list(&w, &list);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(an_secure_world_receive(&w, i, &why), AN_OK);
    message_of(&w, 0, &b);
    b.data[AN_SECURE_HEAD_BYTES + 2 * 4] ^= 1;
    expect(&w, 0, &b, AN_ERR_AUTH, "SHARES of site 0: the signature is not that site's");
    sign_again(&w, &list, AN_SECURE_SHARES, 0, &b);
    expect(&w, 0, &b, AN_OK, "");
    for (uint32_t i = 1; i < 5; i++)
        assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
    assert_int_equal(an_secure_sum_close(w.sum, &why), AN_OK);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(an_secure_world_receive(&w, i, &why), AN_OK);
    assert_int_equal(an_secure_world_phases(&w, 2, 4, &why), AN_OK);
    assert_int_equal(an_secure_sum_rebuild(w.sum, NULL, &why), AN_ERR_AUTH);
    assert_non_null(strstr(why.text, "the seed of site 0 does not come out"));
    an_buf_done(&b);
    an_buf_done(&list);
    an_secure_world_done(&w);
}

/* In every phase: another's signature, another's message, a second message, a damaged one. */
static void forgeries_and_replays_are_refused_in_every_phase(void **state)
{
    an_secure_world w;
    an_note why;
    (void)state;
    begin(&w, 5, 0, 0);
    for (size_t phase = 0; phase < AN_SECURE_WORLD_PHASES; phase++) {
        an_buf b;
        for (uint32_t i = 0; phase == 2 && i < 5; i++)
            assert_int_equal(an_secure_world_mask(&w, i, &why), AN_OK);
        message_of(&w, 1, &b);
        b.data[b.len - 1] ^= 1;
        expect(&w, 1, &b, AN_ERR_AUTH, "of site 1: the signature is not that site's");
        b.data[b.len - 1] ^= 1;
        b.data[1] ^= 1;
        expect(&w, 1, &b, AN_ERR_PROTO, "of another round");
        b.data[1] ^= 1;
        b.len--;
        expect(&w, 1, &b, AN_ERR_PROTO, "wrong length");
        b.len++;
        an_note text;
        an_err err = an_secure_sum_feed(w.sum, 2, b.data, b.len, &text); /* another site's message */
        assert_true(err == AN_ERR_AUTH || err == AN_ERR_PROTO || err == AN_ERR_REFUSED);
        expect(&w, 9, &b, AN_ERR_PROTO, "a message of");
        assert_int_equal(an_secure_sum_missing(w.sum), 5);
        expect(&w, 1, &b, AN_OK, "");
        expect(&w, 1, &b, AN_OK, ""); /* sent again */
        assert_true(an_secure_sum_has_heard(w.sum, 1));
        assert_int_equal(an_secure_sum_missing(w.sum), 4);
        b.data[b.len - 1] ^= 1;
        expect(&w, 1, &b, AN_ERR_EXISTS, "a second, different one");
        b.data[0] = (uint8_t)(phase == 4 ? AN_SECURE_KEYS : AN_SECURE_REVEAL);
        err = an_secure_sum_feed(w.sum, 3, b.data, b.len, &text); /* at the wrong time */
        assert_true(err == AN_ERR_STATE || err == AN_ERR_EXISTS);
        b.data[0] = AN_SECURE_LIST;
        expect(&w, 3, &b, AN_ERR_PROTO, "is not for the coordinator");
        an_buf_done(&b);
        for (uint32_t i = 0; i < 5; i++)
            assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
        assert_int_equal(an_secure_sum_close(w.sum, &why), phase < 4 ? AN_OK : AN_ERR_STATE);
        for (uint32_t i = 0; phase < 4 && i < 5; i++)
            assert_int_equal(an_secure_world_receive(&w, i, &why), AN_OK);
    }
    assert_int_equal(an_secure_world_finish(&w, &why), AN_OK);
    assert_true(an_secure_world_is_right(&w));
    an_secure_world_done(&w);
}

static void keys_of_small_order_are_refused(void **state)
{
    an_secure_world w;
    an_buf b;
    (void)state;
    begin(&w, 3, 0, 0);
    message_of(&w, 0, &b);
    memset(b.data + AN_SECURE_HEAD_BYTES, 0, AN_AGREE_BYTES);
    expect(&w, 0, &b, AN_ERR_PROTO, "points of small order");
    an_buf_done(&b);
    an_secure_world_done(&w);
}

static void a_site_that_is_late_is_out_of_the_round(void **state)
{
    an_secure_world w;
    an_buf b;
    an_note why;
    (void)state;
    begin(&w, 5, 0, 1);
    message_of(&w, 4, &b);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
    assert_int_equal(an_secure_sum_close(w.sum, &why), AN_OK);
    expect(&w, 4, &b, AN_ERR_STATE, "too late, the phase is over");
    assert_false(an_secure_sum_is_in(w.sum, 4));
    assert_null(an_secure_sum_update(w.sum, 4));
    b.data[0] = AN_SECURE_MASKED;
    expect(&w, 4, &b, AN_ERR_NOTFOUND, "out of the round");
    an_buf none;
    an_buf_init(&none, 100);
    assert_int_equal(an_secure_sum_message(w.sum, 4, &none), AN_ERR_NOTFOUND);
    an_buf_done(&none);
    an_buf_done(&b);
    an_secure_world_done(&w);
}

static void reveals_hold_exactly_what_was_asked_for(void **state)
{
    an_secure_world w;
    an_buf b;
    an_note why;
    (void)state;
    begin(&w, 5, 0, 2);
    an_secure_world_lose(&w, 4); /* shared, but sent no vector */
    assert_int_equal(an_secure_world_phases(&w, 2, 3, &why), AN_OK);
    message_of(&w, 0, &b);
    const size_t first = AN_SECURE_HEAD_BYTES + 2, entry = 35;
    assert_int_equal(b.data[first + 4 * entry], 4);
    assert_int_equal(b.data[first + 4 * entry + 2], AN_SECURE_SECRET_KEY);
    assert_int_equal(b.data[first + 3 * entry + 2], AN_SECURE_SECRET_SEED);
    b.data[first + 4 * entry + 2] = AN_SECURE_SECRET_SEED;
    expect(&w, 0, &b, AN_ERR_REFUSED, "not the shares that were asked for");
    b.data[first + 4 * entry + 2] = AN_SECURE_SECRET_KEY;
    b.data[first + entry] = 0; /* one place twice */
    expect(&w, 0, &b, AN_ERR_REFUSED, "not the shares that were asked for");
    b.data[first + entry] = 1;
    b.data[AN_SECURE_HEAD_BYTES] = 4; /* one left out */
    b.len -= entry;
    expect(&w, 0, &b, AN_ERR_REFUSED, "not the shares that were asked for");
    b.len += entry;
    b.data[AN_SECURE_HEAD_BYTES] = 5;
    expect(&w, 0, &b, AN_OK, "");
    an_buf_done(&b);
    an_secure_world_done(&w);
}

/* Another machine's log2 may plan another graph: what was sent to the sites holds. */
static void a_restart_keeps_the_graph_that_was_sent(void **state)
{
    an_secure_world w;
    an_secure_sum *s = NULL;
    an_note why = {{0}};
    const uint8_t *saved;
    uint8_t *copy;
    size_t len;
    (void)state;
    begin(&w, 10, 100, 1);
    assert_int_equal(an_secure_sum_graph(w.sum)->t, 6);
    an_secure_sum_save(w.sum, &saved, &len);
    copy = test_malloc(len);
    memcpy(copy, saved, len);
    copy[len - 2] = 7; /* the threshold: a little more than is planned here, and good, too */
    if (an_secure_sum_restore(&w.p, copy, len, &s, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_secure_sum_graph(s)->t, 7);
    an_secure_sum_free(s);
    copy[len - 2] = 5; /* below the bound: damaged */
    assert_int_equal(an_secure_sum_restore(&w.p, copy, len, &s, &why), AN_ERR_AGAIN);
    assert_int_equal(an_secure_sum_restore(&w.p, copy, len - 1, &s, &why), AN_ERR_PROTO);
    test_free(copy);
    an_secure_world_done(&w);
}

static void too_few_do_not_end_a_phase_and_damaged_states_are_refused(void **state)
{
    an_secure_world w;
    an_secure_sum *s = NULL;
    an_note why = {{0}};
    const uint8_t *saved;
    size_t len;
    (void)state;
    begin(&w, 5, 0, 1);
    an_secure_world_lose(&w, 0);
    an_secure_world_lose(&w, 1);
    an_secure_world_lose(&w, 2);
    assert_int_equal(an_secure_world_phases(&w, 1, 1, &why), AN_ERR_AGAIN);
    assert_non_null(strstr(why.text, "2 parties have shared, and the least cohort is 3"));
    assert_int_equal(an_secure_sum_waits_for(w.sum), AN_SECURE_SHARES);
    an_secure_sum_save(w.sum, &saved, &len);
    for (size_t cut = 33; cut < 32 + 7 + 137; cut += 7) /* within the first message */
        assert_int_equal(an_secure_sum_restore(&w.p, saved, cut, &s, &why), AN_ERR_PROTO);
    assert_null(s);
    w.p.round++;
    assert_int_equal(an_secure_sum_restore(&w.p, saved, len, &s, &why), AN_ERR_PROTO);
    an_secure_world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_shares_are_found_and_the_sum_is_right),
        cmocka_unit_test(a_share_dealt_wrong_is_the_dealer_s_as_well_as_the_holder_s),
        cmocka_unit_test(wrong_shares_without_any_to_spare_end_the_round),
        cmocka_unit_test(a_commitment_that_is_not_of_the_seed_ends_the_round),
        cmocka_unit_test(forgeries_and_replays_are_refused_in_every_phase),
        cmocka_unit_test(keys_of_small_order_are_refused),
        cmocka_unit_test(a_site_that_is_late_is_out_of_the_round),
        cmocka_unit_test(reveals_hold_exactly_what_was_asked_for),
        cmocka_unit_test(a_restart_keeps_the_graph_that_was_sent),
        cmocka_unit_test(too_few_do_not_end_a_phase_and_damaged_states_are_refused),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
