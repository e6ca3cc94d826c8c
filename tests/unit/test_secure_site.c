/* What a site refuses of a malicious coordinator in a secure sum, each with its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sum/secure_internal.h"
#include "tests/support/secure_craft.h"

static void begin(an_secure_world *w, uint32_t n, size_t phases)
{
    an_note why;
    an_secure_world_init(w, n, 0, 300);
    assert_int_equal(an_secure_world_begin(w, &why), AN_OK);
    if (phases > 0)
        assert_int_equal(an_secure_world_phases(w, 0, phases - 1, &why), AN_OK);
}

/* A list of these sites with the keys that they have sent, and any graph. */
static void craft_list(an_secure_world *w, const uint32_t *sites, uint32_t m, uint32_t k, uint32_t t,
                       an_buf *ret)
{
    an_buf_init(ret, AN_SECURE_MESSAGE_MAX);
    an_secure_head_put(ret, AN_SECURE_LIST, w->p.round);
    an_buf_u16(ret, (uint16_t)m);
    an_buf_u16(ret, (uint16_t)k);
    an_buf_u16(ret, (uint16_t)t);
    for (uint32_t i = 0; i < m; i++) {
        an_buf keys;
        an_buf_init(&keys, AN_SECURE_MESSAGE_MAX);
        assert_int_equal(an_secure_site_message(w->sites[sites[i]], &keys), AN_OK);
        an_buf_u16(ret, (uint16_t)sites[i]);
        an_buf_put(ret, keys.data + AN_SECURE_HEAD_BYTES, AN_SECURE_KEYS_BODY);
        an_buf_done(&keys);
    }
    assert_int_equal(an_buf_err(ret), AN_OK);
}

static const uint32_t five[] = {0, 1, 2, 3, 4}, others[] = {0, 1, 2, 3, 5};

static void a_second_key_list_is_refused_also_after_a_restart(void **state)
{
    an_secure_world w;
    an_buf first, second;
    an_note why;
    (void)state;
    begin(&w, 6, 0);
    craft_list(&w, five, 5, 4, 4, &first);
    craft_list(&w, others, 5, 4, 4, &second);
    an_secure_site_expect(w.sites[0], &first, AN_OK, "");
    an_secure_site_expect(w.sites[0], &second, AN_ERR_EXISTS, "a second, different LIST");
    assert_int_equal(an_secure_world_restart_site(&w, 0, &why), AN_OK);
    an_secure_site_expect(w.sites[0], &second, AN_ERR_EXISTS, "a second, different LIST");
    an_secure_site_expect(w.sites[0], &first, AN_OK, "");
    an_buf_done(&first);
    an_buf_done(&second);
    an_secure_world_done(&w);
}

static void a_site_with_another_key_list_cannot_be_joined_to_the_rest(void **state)
{
    an_secure_world w;
    an_buf list, inbox;
    an_note why;
    (void)state;
    begin(&w, 6, 0);
    craft_list(&w, others, 5, 4, 4, &list);
    an_secure_site_expect(w.sites[0], &list, AN_OK, "");
    for (uint32_t i = 1; i < 5; i++) {
        assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
    }
    /* The coordinator takes what the site said for the one list as said for the other. */
    assert_int_equal(an_secure_sum_close(w.sum, &why), AN_OK);
    for (uint32_t i = 1; i < 5; i++)
        assert_int_equal(an_secure_world_receive(&w, i, &why), AN_OK);
    for (uint32_t i = 1; i < 5; i++)
        assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
    assert_int_equal(an_secure_sum_close(w.sum, &why), AN_OK);
    /* The boxes of places 1, 2 and 3 for place 0, closed for the other list. */
    an_secure_world_message_for(&w, 1, &inbox);
    an_buf forged;
    an_secure_world_craft_set(&w, AN_SECURE_INBOX, 0x0f, 5, &forged);
    an_buf_u16(&forged, 3);
    for (uint32_t i = 0; i < 3; i++) {
        an_buf_u16(&forged, (uint16_t)(i + 1));
        an_buf_put(&forged, inbox.data + AN_SECURE_HEAD_BYTES + 1 + 2 + i * (2 + AN_SECURE_BOX_BYTES) + 2,
                   AN_SECURE_BOX_BYTES);
    }
    an_secure_site_expect(w.sites[0], &forged, AN_ERR_AUTH, "was not closed by it for this site and round");
    an_buf_done(&forged);
    an_buf_done(&inbox);
    an_buf_done(&list);
    an_secure_world_done(&w);
}

static void invented_sites_and_other_keys_are_refused(void **state)
{
    an_secure_world w;
    an_buf b;
    const size_t entry = 2 + AN_SECURE_KEYS_BODY, at = AN_SECURE_HEAD_BYTES + 6;
    (void)state;
    begin(&w, 6, 0);
    craft_list(&w, five, 5, 4, 4, &b);
    b.data[at + 2 * entry + 2] ^= 1; /* another mask key for site 2 */
    an_secure_site_expect(w.sites[0], &b, AN_ERR_AUTH, "KEYS of site 2: the signature is not that site's");
    b.data[at + 2 * entry + 2] ^= 1;
    b.data[at + 4 * entry] = 5; /* site 4's keys as site 5's: a stranger under a name of the roster */
    an_secure_site_expect(w.sites[0], &b, AN_ERR_AUTH, "KEYS of site 5");
    b.data[at + 4 * entry] = 77; /* ... and under a name that is none */
    an_secure_site_expect(w.sites[0], &b, AN_ERR_PROTO, "site 77 is not in the cohort");
    b.data[at + 4 * entry] = 3; /* ... and one twice */
    an_secure_site_expect(w.sites[0], &b, AN_ERR_PROTO, "not in order");
    b.data[at + 4 * entry] = 4;
    an_secure_site_expect(w.sites[5], &b, AN_ERR_REFUSED, "site 5, to which it was sent, is not in it");
    an_buf_done(&b);

    /* Its own keys of an earlier life, still signed by itself, for which it has no secret any more. */
    craft_list(&w, five, 5, 4, 4, &b);
    an_note why;
    an_secure_world_lose(&w, 0);
    assert_int_equal(an_secure_site_new(&w.p, 0, w.keys[0], &w.sites[0], &why), AN_OK);
    an_secure_site_expect(w.sites[0], &b, AN_ERR_REFUSED, "other keys for site 0");
    an_buf_done(&b);
    an_secure_world_done(&w);
}

static void a_cohort_below_the_least_is_refused(void **state)
{
    an_secure_world w;
    an_buf b;
    an_note why;
    (void)state;
    begin(&w, 6, 0);
    craft_list(&w, five, 2, 1, 2, &b);
    an_secure_site_expect(w.sites[0], &b, AN_ERR_REFUSED, "over 3 to 1000 sites, not 2");
    an_buf_done(&b);
    an_secure_world_done(&w);

    an_secure_world_init(&w, 5, 0, 0); /* five sites of two parties */
    for (uint32_t i = 0; i < 5; i++)
        w.members[i].party = i / 3;
    assert_int_equal(an_secure_world_begin(&w, &why), AN_OK);
    craft_list(&w, five, 5, 4, 5, &b);
    an_secure_site_expect(w.sites[0], &b, AN_ERR_REFUSED, "2 parties, and the least cohort is 3");
    an_buf_done(&b);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
    assert_int_equal(an_secure_sum_close(w.sum, &why), AN_ERR_AGAIN); /* nor is it asked for */
    an_secure_world_done(&w);
}

/* Of eleven parties two may collude; a third alone would have its vector read by them. */
static void colluding_parties_leave_two_others(void **state)
{
    an_secure_world w;
    an_secure_ground g;
    an_note why;
    (void)state;
    an_secure_world_init(&w, 11, 100, 0);
    w.p.members = w.members;
    assert_int_equal(an_secure_ground_init(&g, &w.p, &why), AN_OK);
    assert_int_equal(g.least, 4);
    an_secure_ground_done(&g);
    w.p.min_parties = 7;
    assert_int_equal(an_secure_ground_init(&g, &w.p, &why), AN_OK);
    assert_int_equal(g.least, 7);
    an_secure_ground_done(&g);
    an_secure_world_done(&w);
}

static void one_statement_key_does_not_count_twice(void **state)
{
    an_secure_world w;
    an_secure_sum *sum = NULL;
    an_secure_site *site = NULL;
    an_note why = {{0}};
    (void)state;
    an_secure_world_init(&w, 5, 0, 300);
    w.p.members = w.members;
    memcpy(w.members[4].statement_key, w.members[1].statement_key, AN_SIGN_PUBLIC_BYTES);
    assert_int_equal(an_secure_site_new(&w.p, 0, w.keys[0], &site, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "sites 1 and 4 have the same statement key");
    assert_int_equal(an_secure_sum_new(&w.p, &sum, &why), AN_ERR_INVAL);
    w.members[1].party = w.members[4].party; /* nor for one party */
    assert_int_equal(an_secure_sum_new(&w.p, &sum, &why), AN_ERR_INVAL);
    an_secure_world_done(&w);
}

static void a_chosen_graph_is_refused(void **state)
{
    an_secure_world w;
    an_buf b, inbox;
    (void)state;
    begin(&w, 6, 0);
    craft_list(&w, five, 5, 4, 2, &b); /* two holders would do */
    an_secure_site_expect(w.sites[0], &b, AN_ERR_REFUSED, "do not protect");
    an_buf_done(&b);
    craft_list(&w, five, 5, 2, 2, &b); /* two neighbours would do */
    an_secure_site_expect(w.sites[0], &b, AN_ERR_REFUSED, "do not protect");
    an_buf_done(&b);
    craft_list(&w, five, 5, 9, 3, &b);
    an_secure_site_expect(w.sites[0], &b, AN_ERR_REFUSED, "are no graph");
    an_buf_done(&b);
    an_secure_world_done(&w);

    begin(&w, 5, 1);
    an_note why;
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(an_secure_world_send(&w, i, &why), AN_OK);
    assert_int_equal(an_secure_sum_close(w.sum, &why), AN_OK);
    an_secure_world_message_for(&w, 0, &inbox);
    const size_t boxes = AN_SECURE_HEAD_BYTES + 1 + 2;
    const size_t next = 2 + AN_SECURE_BOX_BYTES;
    inbox.data[boxes + 2 + 40] ^= 1; /* edges that sites 1 and 2 have not drawn */
    inbox.data[boxes + next + 2 + 40] ^= 1;
    an_secure_site_expect(w.sites[0], &inbox, AN_ERR_AUTH, "the box of site 2");
    inbox.data[boxes + 2 + 40] ^= 1;
    inbox.data[boxes + next + 2 + 40] ^= 1;
    inbox.data[boxes - 2] = 3; /* an edge left out */
    inbox.len -= 2 + AN_SECURE_BOX_BYTES;
    an_secure_site_expect(w.sites[0], &inbox, AN_ERR_REFUSED, "every sharer sends a share");
    inbox.data[boxes - 2] = 4;
    inbox.len += 2 + AN_SECURE_BOX_BYTES;
    an_secure_site_expect(w.sites[1], &inbox, AN_ERR_PROTO,
                          "not among the sharers, or twice"); /* another site's inbox */
    inbox.data[AN_SECURE_HEAD_BYTES] = 0x1e;
    an_secure_site_expect(w.sites[0], &inbox, AN_ERR_REFUSED, "is not among the sharers");
    inbox.data[AN_SECURE_HEAD_BYTES] = 0x03;
    an_secure_site_expect(w.sites[0], &inbox, AN_ERR_REFUSED,
                          "fewer than 4 of this site's neighbours have shared");
    inbox.data[AN_SECURE_HEAD_BYTES] = 0x3f; /* a place behind the list */
    an_secure_site_expect(w.sites[0], &inbox, AN_ERR_PROTO, "no set of places");
    inbox.data[AN_SECURE_HEAD_BYTES] = 0x1f;
    an_secure_site_expect(w.sites[0], &inbox, AN_OK, "");
    an_buf_done(&inbox);
    an_secure_world_done(&w);
}

static void only_one_vector_is_signed(void **state)
{
    an_secure_world w;
    an_note why = {{0}};
    an_hash other = {{1}};
    uint32_t v[4] = {0};
    (void)state;
    begin(&w, 5, 2);
    assert_int_equal(an_secure_site_mask(w.sites[0], v, w.p.dim - 3, 4), AN_ERR_INVAL);
    assert_int_equal(an_secure_world_mask(&w, 0, &why), AN_OK);
    assert_int_equal(an_secure_site_commit(w.sites[0], &other, &why), AN_ERR_EXISTS);
    assert_int_equal(an_secure_world_restart_site(&w, 0, &why), AN_OK);
    assert_int_equal(an_secure_site_commit(w.sites[0], &other, &why), AN_ERR_EXISTS);
    assert_int_equal(an_secure_site_mask(w.sites[0], v, 0, 4), AN_ERR_STATE);
    an_secure_world_done(&w);
}

static void other_rounds_plans_and_damaged_states_are_refused(void **state)
{
    an_secure_world w;
    an_buf b, saved;
    an_note why = {{0}};
    an_secure_site *s = NULL;
    (void)state;
    begin(&w, 5, 0);
    craft_list(&w, five, 5, 4, 4, &b);
    b.data[1] ^= 1;
    an_secure_site_expect(w.sites[0], &b, AN_ERR_PROTO, "LIST of another round");
    b.data[1] ^= 1;
    an_buf_init(&saved, 1u << 20);
    assert_int_equal(an_secure_site_save(w.sites[0], &saved), AN_OK);
    w.p.plan.b[5] ^= 1; /* a changed plan, the rest alike */
    assert_int_equal(an_secure_site_restore(&w.p, 0, w.keys[0], saved.data, saved.len, &s, &why),
                     AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "another plan or roster"));
    an_secure_world_lose(&w, 1);
    assert_int_equal(an_secure_site_new(&w.p, 1, w.keys[1], &w.sites[1], &why), AN_OK);
    an_secure_site_expect(w.sites[1], &b, AN_ERR_AUTH, "KEYS of site 0");
    w.p.plan.b[5] ^= 1;
    for (size_t len = 0; len < saved.len; len++)
        assert_int_equal(an_secure_site_restore(&w.p, 0, w.keys[0], saved.data, len, &s, &why), AN_ERR_PROTO);
    assert_int_equal(an_secure_site_restore(&w.p, 1, w.keys[1], saved.data, saved.len, &s, &why),
                     AN_ERR_PROTO);
    assert_int_equal(an_secure_site_new(&w.p, 0, w.keys[1], &s, &why), AN_ERR_INVAL);
    assert_int_equal(an_secure_site_new(&w.p, 9, w.keys[1], &s, &why), AN_ERR_INVAL);
    an_buf_done(&saved);
    an_buf_done(&b);
    an_secure_world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_key_list_is_refused_also_after_a_restart),
        cmocka_unit_test(a_site_with_another_key_list_cannot_be_joined_to_the_rest),
        cmocka_unit_test(invented_sites_and_other_keys_are_refused),
        cmocka_unit_test(a_cohort_below_the_least_is_refused),
        cmocka_unit_test(colluding_parties_leave_two_others),
        cmocka_unit_test(one_statement_key_does_not_count_twice),
        cmocka_unit_test(a_chosen_graph_is_refused),
        cmocka_unit_test(only_one_vector_is_signed),
        cmocka_unit_test(other_rounds_plans_and_damaged_states_are_refused),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
