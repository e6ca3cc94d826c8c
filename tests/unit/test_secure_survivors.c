/* That all honest sites of a secure sum reveal for one list of survivors, who masked in one graph. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/secure_craft.h"

static void begin(an_secure_world *w, uint32_t n, size_t phases)
{
    an_note why;
    an_secure_world_init(w, n, 0, 300);
    assert_int_equal(an_secure_world_begin(w, &why), AN_OK);
    if (phases > 0)
        assert_int_equal(an_secure_world_phases(w, 0, phases - 1, &why), AN_OK);
}

static void a_survivor_list_is_signed_once_and_only_if_it_is_fair(void **state)
{
    an_secure_world w;
    an_buf b;
    an_note why;
    (void)state;
    begin(&w, 5, 1);
    an_secure_world_lose(&w, 4); /* has not shared */
    assert_int_equal(an_secure_world_phases(&w, 1, 1, &why), AN_OK);
    an_secure_world_craft_survivors(&w, 0x0f, 5, &b);
    an_secure_site_expect(w.sites[0], &b, AN_ERR_STATE, "at the wrong time");
    an_buf_done(&b);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(an_secure_world_mask(&w, i, &why), AN_OK);
    static const struct {
        uint32_t bits;
        const char *text;
    } bad[] = {{0x0e, "site 0, to which it was sent, is not in it"},
               {0x03, "2 parties have survived, and the least cohort is 3"},
               {0x1f, "site 4 is in it, which was said not to have shared"}};
    for (size_t i = 0; i < 3; i++) {
        an_secure_world_craft_survivors(&w, bad[i].bits, 5, &b);
        an_secure_site_expect(w.sites[0], &b, AN_ERR_REFUSED, bad[i].text);
        an_buf_done(&b);
    }
    an_secure_world_craft_survivors(&w, 0x0f, 5, &b);
    an_secure_site_expect(w.sites[0], &b, AN_OK, "");
    an_buf_done(&b);
    assert_int_equal(an_secure_world_restart_site(&w, 0, &why), AN_OK);
    an_secure_world_craft_survivors(&w, 0x07, 5, &b); /* fair, too, but another */
    an_secure_site_expect(w.sites[0], &b, AN_ERR_EXISTS, "a second, different SURVIVORS");
    an_buf_done(&b);
    an_secure_world_done(&w);
}

/* Half of the sites are told that site 4 has survived, half that it has not: both of its secrets would be
 * the coordinator's. */
static void both_shares_of_a_neighbour_are_never_given(void **state)
{
    an_secure_world w;
    an_buf sig, b, with, without;
    an_note why;
    (void)state;
    begin(&w, 5, 2);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(an_secure_world_mask(&w, i, &why), AN_OK);
    an_secure_world_craft_survivors(&w, 0x1f, 5, &with);
    an_secure_world_craft_survivors(&w, 0x0f, 5, &without);
    for (uint32_t i = 0; i < 5; i++)
        an_secure_site_expect(w.sites[i], i % 2 == 0 ? &with : &without, AN_OK, "");
    an_buf_init(&b, AN_SECURE_MESSAGE_MAX);
    an_secure_head_put(&b, AN_SECURE_SIGNATURES, w.p.round);
    an_buf_u16(&b, 4); /* four signatures are needed; 1 and 3 have signed the other list */
    for (uint32_t i = 0; i < 4; i++) {
        an_buf_init(&sig, AN_SECURE_MESSAGE_MAX);
        assert_int_equal(an_secure_site_message(w.sites[i], &sig), AN_OK);
        an_buf_u16(&b, (uint16_t)i);
        an_buf_put(&b, sig.data + AN_SECURE_HEAD_BYTES, AN_SIGN_BYTES);
        an_buf_done(&sig);
    }
    an_secure_site_expect(w.sites[1], &b, AN_ERR_AUTH, "SIGNED of site 0: the signature is not that site's");
    b.data[AN_SECURE_HEAD_BYTES] = 1; /* its own and one more do not suffice */
    b.len = AN_SECURE_HEAD_BYTES + 2 + 2 + AN_SIGN_BYTES;
    an_secure_site_expect(w.sites[4], &b, AN_ERR_REFUSED, "2 of 5 sites have signed, and 4 are needed");
    b.data[AN_SECURE_HEAD_BYTES] = 0;
    b.len = AN_SECURE_HEAD_BYTES + 2;
    an_secure_site_expect(w.sites[3], &b, AN_ERR_REFUSED, "1 of 5 sites have signed");
    an_buf_done(&b);
    an_buf_done(&with);
    an_buf_done(&without);
    an_secure_world_done(&w);
}

/* Five of seven signatures are needed, its own among them: a wrong one of the first four is found, and the
 * last two prove nothing more. */
static void no_signature_counts_unless_it_holds(void **state)
{
    enum { N = 7, ENTRY = 2 + AN_SIGN_BYTES };
    an_secure_world w;
    an_buf sig, b, list;
    an_note why;
    (void)state;
    begin(&w, N, 2);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(an_secure_world_mask(&w, i, &why), AN_OK);
    an_secure_world_craft_survivors(&w, 0x7f, N, &list);
    for (uint32_t i = 0; i < N; i++)
        an_secure_site_expect(w.sites[i], &list, AN_OK, "");
    an_buf_init(&b, AN_SECURE_MESSAGE_MAX);
    an_secure_head_put(&b, AN_SECURE_SIGNATURES, w.p.round);
    an_buf_u16(&b, N - 1);
    for (uint32_t i = 1; i < N; i++) {
        an_buf_init(&sig, AN_SECURE_MESSAGE_MAX);
        assert_int_equal(an_secure_site_message(w.sites[i], &sig), AN_OK);
        an_buf_u16(&b, (uint16_t)i);
        an_buf_put(&b, sig.data + AN_SECURE_HEAD_BYTES, AN_SIGN_BYTES);
        an_buf_done(&sig);
    }
    uint8_t *first = b.data + AN_SECURE_HEAD_BYTES + 2;
    for (size_t i = 0; i < 4; i++) {
        first[ENTRY * i + 9] ^= 1;
        an_secure_site_expect(w.sites[0], &b, AN_ERR_AUTH, "the signature is not that site's");
        first[ENTRY * i + 9] ^= 1;
    }
    first[ENTRY * 5] = 3; /* places are looked at all the same */
    an_secure_site_expect(w.sites[0], &b, AN_ERR_PROTO, "place 3 is not among the survivors, or twice");
    first[ENTRY * 5] = 6;
    first[ENTRY * 4 + 9] ^= 1;
    an_secure_site_expect(w.sites[0], &b, AN_OK, "");
    an_buf_done(&b);
    an_buf_done(&list);
    an_secure_world_done(&w);
}

/* Half of the honest sites are told one list and half the other, and a colluder signs both. */
static void one_colluder_cannot_make_two_lists_of_survivors(void **state)
{
    static const uint32_t sizes[] = {3, 5, 10};
    (void)state;
    for (size_t c = 0; c < 3; c++) {
        uint32_t n = sizes[c], colluder = n - 1, middle = (n - 1) / 2, first = 0, second = 0;
        an_secure_world w;
        an_note why;
        an_secure_world_init(&w, n, 100, 0);
        assert_int_equal(an_secure_world_begin(&w, &why), AN_OK);
        assert_int_equal(an_secure_world_phases(&w, 0, 1, &why), AN_OK);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(an_secure_world_mask(&w, i, &why), AN_OK);
        an_buf lists[2];
        const uint32_t low = (1u << middle) - 1, all = (1u << colluder) - 1;
        an_secure_world_craft_survivors(&w, low | 1u << colluder, n, &lists[0]);
        an_secure_world_craft_survivors(&w, (all & ~low) | 1u << colluder, n, &lists[1]);
        for (uint32_t i = 0; i < colluder; i++) {
            const an_buf *b = &lists[i >= middle];
            bool is_taken = an_secure_site_feed(w.sites[i], b->data, b->len, &why) == AN_OK;
            first += i < middle && is_taken;
            second += i >= middle && is_taken;
        }
        an_buf_done(&lists[0]);
        an_buf_done(&lists[1]);
        assert_true(first == 0 || second == 0);
        an_secure_world_done(&w);
    }
}

/* Site 4 is told that site 5 has not shared, the rest that it has: site 4's vector lacks a mask that the
 * others' have.  Its statement gives that away, and no list with it is signed. */
static void survivors_who_masked_among_other_sharers_are_refused(void **state)
{
    an_secure_world w;
    an_buf inbox, list;
    an_note why;
    const size_t set = AN_SECURE_HEAD_BYTES, boxes = set + 1;
    (void)state;
    an_secure_world_init(&w, 6, 100, 200);
    assert_int_equal(an_secure_world_begin(&w, &why), AN_OK);
    assert_int_equal(an_secure_world_phases(&w, 0, 0, &why), AN_OK);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
    assert_int_equal(an_secure_sum_close(w.sum, &why), AN_OK);
    an_secure_world_message_for(&w, 4, &inbox);
    assert_int_equal(inbox.data[boxes], 5);
    inbox.data[set] = 0x1f; /* the last box is that of place 5 */
    inbox.data[boxes] = 4;
    inbox.len -= 2 + AN_SECURE_BOX_BYTES;
    an_secure_site_expect(w.sites[4], &inbox, AN_OK, "");
    for (uint32_t i = 0; i < 6; i++) {
        if (i != 4)
            assert_int_equal(an_secure_world_receive(&w, i, &why), AN_OK);
        assert_int_equal(an_secure_world_mask(&w, i, &why), AN_OK);
    }
    assert_int_equal(an_secure_world_send(&w, 4, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "MASKED of site 4: among other sharers"));
    an_secure_world_craft_survivors(&w, 0x1f, 6, &list);
    an_secure_site_expect(w.sites[0], &list, AN_ERR_AUTH,
                          "site 4 has not signed a vector masked among the sharers");
    an_secure_site_expect(w.sites[4], &list, AN_ERR_AUTH,
                          "site 0 has not signed a vector masked among the sharers");
    an_buf_done(&list);
    an_secure_world_craft_survivors(&w, 0x2f, 6, &list); /* without it there is nothing against the rest */
    list.data[list.len - 1] ^= 1;
    an_secure_site_expect(w.sites[0], &list, AN_ERR_AUTH, "site 5 has not signed");
    list.data[list.len - 1] ^= 1;
    list.len--;
    an_secure_site_expect(w.sites[0], &list, AN_ERR_PROTO, "SURVIVORS: wrong length");
    list.len++;
    an_secure_site_expect(w.sites[0], &list, AN_OK, "");
    an_buf_done(&list);
    an_buf_done(&inbox);
    an_secure_world_done(&w);
}

static void after_the_reveal_nothing_else_can_be_had_also_after_a_restart(void **state)
{
    an_secure_world w;
    an_buf other, sent, saved;
    an_note why;
    uint8_t master[AN_KEY_BYTES];
    (void)state;
    begin(&w, 5, 3);
    an_buf_init(&saved, 1u << 20);
    assert_int_equal(an_secure_site_save(w.sites[0], &saved), AN_OK);
    memcpy(master, saved.data + 8 + 8 + AN_HASH_BYTES + 4 + 1, sizeof master); /* whence all secrets come */
    an_buf_done(&saved);
    assert_int_equal(an_secure_world_phases(&w, 3, 3, &why), AN_OK);
    an_secure_world_craft_survivors(&w, 0x0f, 5, &other);
    for (size_t life = 0; life < 2; life++) {
        an_secure_site_expect(w.sites[0], &other, AN_ERR_EXISTS, "a second, different SURVIVORS");
        an_buf_init(&sent, AN_SECURE_MESSAGE_MAX);
        assert_int_equal(an_secure_site_message(w.sites[0], &sent), AN_OK);
        /* Five seeds, no key: all have survived. */
        assert_int_equal(sent.data[AN_SECURE_HEAD_BYTES], 5);
        for (size_t i = 0; i < 5; i++)
            assert_int_equal(sent.data[AN_SECURE_HEAD_BYTES + 2 + 35 * i + 2], AN_SECURE_SECRET_SEED);
        an_buf_done(&sent);
        an_buf_init(&saved, 1u << 20);
        assert_int_equal(an_secure_site_save(w.sites[0], &saved), AN_OK);
        for (size_t i = 0; i + sizeof master <= saved.len; i++)
            assert_memory_not_equal(saved.data + i, master, sizeof master);
        an_buf_done(&saved);
        assert_int_equal(an_secure_world_restart_site(&w, 0, &why), AN_OK);
    }
    an_buf_done(&other);
    an_secure_world_done(&w);
}

/* Up to the masked vectors, of five; the box of site 1 for site 0 is damaged. */
static void begin_with_bad_box(an_secure_world *w)
{
    an_buf inbox;
    an_note why;
    uint32_t dealer = 99;
    an_secure_world_init(w, 5, 100, 200);
    w->is_restarting = true;
    assert_int_equal(an_secure_world_begin(w, &why), AN_OK);
    assert_int_equal(an_secure_world_phases(w, 0, 0, &why), AN_OK);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(an_secure_world_send(w, i, &why), AN_OK);
    assert_int_equal(an_secure_sum_close(w->sum, &why), AN_OK);
    an_secure_world_message_for(w, 0, &inbox);
    inbox.data[AN_SECURE_HEAD_BYTES + 1 + 2 + 2 + 40] ^= 1;
    an_secure_site_expect(w->sites[0], &inbox, AN_OK, "");
    assert_int_equal(an_secure_site_complaints(w->sites[0], &dealer), 1);
    assert_int_equal(dealer, 1);
    for (uint32_t i = 1; i < 5; i++) {
        assert_int_equal(an_secure_world_receive(w, i, &why), AN_OK);
        assert_int_equal(an_secure_site_complaints(w->sites[i], &dealer), 0);
    }
    an_buf_done(&inbox);
}

static void a_box_that_does_not_open_is_complained_of_and_the_round_goes_on(void **state)
{
    an_secure_world w;
    an_note why = {{0}};
    uint32_t holder = 99;
    (void)state;
    begin_with_bad_box(&w);
    if (an_secure_world_phases(&w, 2, 4, &why) != AN_OK || an_secure_world_finish(&w, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_secure_world_is_right(&w));
    assert_int_equal(an_secure_sum_complaints(w.sum, 1, &holder), 1);
    assert_int_equal(holder, 0);
    assert_int_equal(an_secure_sum_complaints(w.sum, 0, &holder), 0);
    assert_int_equal(an_secure_sum_complaints(w.sum, 9, &holder), 0);
    an_secure_world_done(&w);

    begin_with_bad_box(&w); /* one holder less than t, if one is lost besides */
    an_secure_world_lose(&w, 4);
    assert_int_equal(an_secure_world_phases(&w, 2, 2, &why), AN_ERR_AGAIN);
    assert_non_null(strstr(why.text, "of the holders of site 1's shares 3"));
    an_secure_world_done(&w);
}

static void a_complaint_is_signed_and_of_a_box_that_was_sent(void **state)
{
    an_secure_world w;
    an_buf b;
    an_note why = {{0}};
    const size_t at = AN_SECURE_HEAD_BYTES + AN_SECURE_MASKED_BODY;
    (void)state;
    begin_with_bad_box(&w);
    assert_int_equal(an_secure_world_mask(&w, 0, &why), AN_OK);
    an_buf_init(&b, AN_SECURE_MESSAGE_MAX);
    assert_int_equal(an_secure_site_message(w.sites[0], &b), AN_OK);
    b.data[at + 2] = 2; /* the coordinator's wish, or a stranger's */
    assert_int_equal(an_secure_sum_feed(w.sum, 0, b.data, b.len, &why), AN_ERR_AUTH);
    assert_non_null(strstr(why.text, "COMPLAINT of site 0"));
    b.data[at + 2] = 0; /* of itself, and of nobody */
    assert_int_equal(an_secure_sum_feed(w.sum, 0, b.data, b.len, &why), AN_ERR_PROTO);
    b.data[at + 2] = 77;
    assert_int_equal(an_secure_sum_feed(w.sum, 0, b.data, b.len, &why), AN_ERR_PROTO);
    b.data[at + 2] = 1;
    for (size_t cut = 1; cut < b.len - at; cut++)
        assert_int_equal(an_secure_sum_feed(w.sum, 0, b.data, b.len - cut, &why), AN_ERR_PROTO);
    assert_int_equal(an_secure_sum_feed(w.sum, 0, b.data, b.len, &why), AN_OK);
    an_buf_done(&b);
    an_secure_world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_survivor_list_is_signed_once_and_only_if_it_is_fair),
        cmocka_unit_test(both_shares_of_a_neighbour_are_never_given),
        cmocka_unit_test(no_signature_counts_unless_it_holds),
        cmocka_unit_test(one_colluder_cannot_make_two_lists_of_survivors),
        cmocka_unit_test(survivors_who_masked_among_other_sharers_are_refused),
        cmocka_unit_test(after_the_reveal_nothing_else_can_be_had_also_after_a_restart),
        cmocka_unit_test(a_box_that_does_not_open_is_complained_of_and_the_round_goes_on),
        cmocka_unit_test(a_complaint_is_signed_and_of_a_box_that_was_sent),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
