/* A site's keys in a whole federation: rotated, offered by somebody else, lost, revoked. */
#include <stdio.h>
#include <string.h>

#include "coordinator/hub.h"
#include "doors/crypto.h"
#include "net/keys.h"
#include "tests/support/federation.h"

typedef struct pair {
    uint8_t link[AN_LINK_KEY], link_secret[AN_LINK_KEY];
    uint8_t sign[AN_SIGN_PUBLIC_BYTES], sign_secret[AN_SIGN_SECRET_BYTES];
} pair;

static void make_pair(pair *p)
{
    an_link_keypair(p->link, p->link_secret);
    an_sign_keypair(p->sign, p->sign_secret);
}

static const an_site *known(const world *w, size_t i)
{
    return an_state_site((an_state *)(uintptr_t)an_hub_state(w->hub), w->sites[i].name);
}

static int offline_setup(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 4, .offline = true});
    connect_all(*state);
    return 0;
}

static int online_setup(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 4});
    connect_all(*state);
    return 0;
}

static void offer(world *w, size_t i, const pair *next)
{
    const an_session_keys keys = {.link_public = next->link,
                                  .sign_public = next->sign,
                                  .sign_secret = next->sign_secret,
                                  .present_link_public = w->sites[i].link_public};
    an_session_offer_keys(w->sites[i].session, &keys);
}

/* What the agent does when its session says so. */
static void go_over(world *w, size_t i, const pair *next)
{
    site *s = &w->sites[i];
    assert_true(an_session_keys_due(s->session));
    memcpy(s->link_public, next->link, sizeof s->link_public);
    memcpy(s->sign_public, next->sign, sizeof s->sign_public);
    memcpy(s->sign_secret, next->sign_secret, sizeof s->sign_secret);
    an_session_rekeyed(s->session);
    an_session_connected(s->session);
    settle(w);
}

static void train(world *w)
{
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    for (int i = 0; i < 400 && !an_campaign_is_over(an_state_campaign(an_hub_state(w->hub), id)); i++)
        pass(w, 1000);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    if (c->state != AN_CAMPAIGN_PROMOTED && c->state != AN_CAMPAIGN_PASSED)
        fail_msg("campaign is %s: %s", an_campaign_state_name(c->state), c->reason);
    if (c->state == AN_CAMPAIGN_PASSED) /* what it made waits for the root's signature */
        assert_int_equal(an_hub_campaign_stop(w->hub, "user/admin", id, "", NULL), AN_OK);
    for (size_t i = 0; i < an_hub_state(w->hub)->rounds.n; i++)
        assert_int_equal(an_hub_state(w->hub)->rounds.items[i].n_updates, w->n); /* nobody was left out */
}

static void the_second_pair_is_admitted_before_the_first_goes(void **state)
{
    world *w = *state;
    pair next;
    uint8_t former[AN_SIGN_PUBLIC_BYTES];
    make_pair(&next);
    memcpy(former, w->sites[1].sign_public, sizeof former);
    offer(w, 1, &next);
    settle(w);
    assert_true(known(w, 1)->rotates);
    assert_memory_equal(known(w, 1)->keys.sign_key, former, sizeof former);
    assert_memory_equal(known(w, 1)->next.link_key, next.link, sizeof next.link);
    assert_false(an_session_keys_due(w->sites[1].session)); /* no roster names them */
    assert_string_equal(an_session_look(w->sites[1].session).rotation,
                        "a roster with them, signed by the release root");
    train(w); /* with the first pair, which the roster in force has */
    sign_roster(w);
    settle(w);
    go_over(w, 1, &next);
    assert_false(known(w, 1)->rotates);
    assert_memory_equal(known(w, 1)->keys.sign_key, next.sign, sizeof next.sign);
    assert_memory_equal(known(w, 1)->keys.link_key, next.link, sizeof next.link);
    assert_string_equal(an_session_look(w->sites[1].session).rotation, "");
    train(w);
}

static void a_coordinator_that_is_the_root_signs_by_itself(void **state)
{
    world *w = *state;
    pair next;
    make_pair(&next);
    offer(w, 2, &next);
    settle(w);
    go_over(w, 2, &next);
    assert_false(known(w, 2)->rotates);
    train(w);
}

/* The old pair is signed with until the round is over; no new one is begun meanwhile. */
static void a_rotation_waits_for_the_end_of_a_round(void **state)
{
    world *w = *state;
    pair next;
    make_pair(&next);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    offer(w, 0, &next);
    bool waited = false, over = false;
    for (int i = 0; i < 100000 && !over; i++) {
        if (w->head == w->tail)
            tick(w);
        else
            step(w);
        waited = waited || strcmp(an_session_look(w->sites[0].session).rotation, "the end of a round") == 0;
        if (an_session_keys_due(w->sites[0].session))
            go_over(w, 0, &next);
        c = an_state_campaign(an_hub_state(w->hub), id);
        over = an_campaign_is_over(c);
    }
    assert_true(waited);
    assert_memory_equal(known(w, 0)->keys.sign_key, next.sign, sizeof next.sign);
    if (c->state != AN_CAMPAIGN_PROMOTED)
        fail_msg("campaign is %s: %s", an_campaign_state_name(c->state), c->reason);
}

/* ---- restarts ---- */

static void restart_site(world *w, size_t i, const pair *next)
{
    kill_site(&w->sites[i]);
    start_site(&w->sites[i]);
    offer(w, i, next); /* its file is there */
    an_session_connected(w->sites[i].session);
}

static void restarts_between_the_steps_change_nothing(void **state)
{
    world *w = *state;
    pair next;
    make_pair(&next);
    for (int at = 0; at < 4; at++) {
        if (at == 0)
            offer(w, 3, &next);
        if (at == 1)
            sign_roster(w);
        settle(w);
        kill_hub(w);
        start_hub(w);
        restart_site(w, 3, &next);
        for (size_t i = 0; i < 3; i++)
            an_session_connected(w->sites[i].session);
        settle(w);
        assert_true(known(w, 3)->rotates);
    }
    go_over(w, 3, &next);
    kill_hub(w);
    start_hub(w);
    assert_false(known(w, 3)->rotates);
    assert_memory_equal(known(w, 3)->keys.sign_key, next.sign, sizeof next.sign);
    connect_all(w);
    train(w);
}

/* ---- who may not ---- */

static uint64_t greet(world *w, size_t i, const uint8_t sign_key[static AN_KEY_BYTES], an_err want)
{
    an_msg m = {.type = AN_MSG_HELLO};
    snprintf(m.u.hello.site, sizeof m.u.hello.site, "%s", w->sites[i].name);
    memcpy(m.u.hello.statement_key, sign_key, AN_KEY_BYTES);
    assert_int_equal(an_hub_message(w->hub, w->sites[i].name, &m, NULL), want);
    const an_hub_live *live = an_hub_live_find(w->hub, w->sites[i].name);
    return live ? live->epoch : 0;
}

static an_err say(world *w, size_t i, uint64_t epoch, const pair *present, const pair *next, int spoil)
{
    an_msg m = {.type = AN_MSG_KEYS, .msg_id = 9, .epoch = epoch};
    an_msg_keys *k = &m.u.keys;
    uint8_t statement[AN_KEYS_STATEMENT_BYTES];
    memcpy(k->link_key, next->link, sizeof k->link_key);
    memcpy(k->statement_key, next->sign, sizeof k->statement_key);
    an_keys_statement(statement, w->sites[i].name, present->link, present->sign, k);
    an_sign(k->signature, AN_KEYS_CONTEXT, statement, sizeof statement, present->sign_secret);
    an_sign(k->next_signature, AN_KEYS_CONTEXT, statement, sizeof statement, next->sign_secret);
    k->signature[5] ^= spoil == 1;
    k->next_signature[5] ^= spoil == 2;
    k->link_key[5] ^= spoil == 3;
    an_note why = {{0}};
    an_err err = an_hub_message(w->hub, w->sites[i].name, &m, &why);
    assert_true(err == AN_OK || why.text[0]);
    return err;
}

static pair pair_of(const site *s)
{
    pair p;
    memcpy(p.link, s->link_public, sizeof p.link);
    memcpy(p.link_secret, s->link_secret, sizeof p.link_secret);
    memcpy(p.sign, s->sign_public, sizeof p.sign);
    memcpy(p.sign_secret, s->sign_secret, sizeof p.sign_secret);
    return p;
}

static void keys_that_the_present_ones_have_not_signed_are_refused(void **state)
{
    world *w = *state;
    pair next, thief;
    const pair mine = pair_of(&w->sites[0]), other = pair_of(&w->sites[1]);
    make_pair(&next);
    make_pair(&thief);
    const uint64_t epoch = greet(w, 0, mine.sign, AN_OK);
    assert_int_equal(say(w, 0, epoch, &mine, &next, 1), AN_ERR_AUTH);
    assert_int_equal(say(w, 0, epoch, &mine, &next, 2), AN_ERR_AUTH); /* whose secret is not there */
    assert_int_equal(say(w, 0, epoch, &mine, &next, 3), AN_ERR_AUTH);
    assert_int_equal(say(w, 0, epoch, &thief, &next, 0), AN_ERR_AUTH);
    assert_int_equal(say(w, 0, epoch, &other, &next, 0), AN_ERR_AUTH); /* as another site's */
    assert_int_equal(say(w, 0, epoch, &mine, &other, 0), AN_ERR_REFUSED);
    assert_int_equal(say(w, 0, epoch, &mine, &mine, 0), AN_ERR_REFUSED);
    pair half = next;
    memcpy(half.link, mine.link, sizeof half.link);
    assert_int_equal(say(w, 0, epoch, &mine, &half, 0), AN_ERR_REFUSED); /* one old, one new */
    assert_false(known(w, 0)->rotates);
    greet(w, 0, thief.sign, AN_ERR_AUTH);

    assert_int_equal(say(w, 0, epoch, &mine, &next, 0), AN_OK);
    assert_int_equal(say(w, 0, epoch, &mine, &next, 0), AN_OK); /* said again */
    assert_int_equal(say(w, 0, epoch, &mine, &thief, 0), AN_ERR_AGAIN);
    assert_memory_equal(known(w, 0)->next.sign_key, next.sign, sizeof next.sign);
    const uint64_t epoch_1 = greet(w, 1, other.sign, AN_OK);
    assert_int_equal(say(w, 1, epoch_1, &other, &next, 0),
                     AN_ERR_REFUSED); /* keys that one offers are its own */
    an_clock_fake_advance(&w->clock, 3600000);
    assert_int_equal(say(w, 0, epoch, &mine, &thief, 0), AN_OK); /* it has lost the file, and made another */
    greet(w, 0, next.sign, AN_ERR_AUTH);
    const uint64_t rotated = greet(w, 0, thief.sign, AN_OK);
    greet(w, 0, mine.sign, AN_ERR_AUTH);
    an_clock_fake_advance(&w->clock, 3600000);
    assert_int_equal(say(w, 0, rotated, &mine, &next, 0), AN_ERR_AUTH); /* the former pair speaks no longer */
}

static void a_clock_that_is_put_back_keeps_no_keys_out(void **state)
{
    world *w = *state;
    pair next, other;
    const pair mine = pair_of(&w->sites[0]);
    make_pair(&next);
    make_pair(&other);
    an_clock_fake_advance(&w->clock, INT64_C(86400000));
    const uint64_t epoch = greet(w, 0, mine.sign, AN_OK);
    assert_int_equal(say(w, 0, epoch, &mine, &next, 0), AN_OK);
    an_clock_fake_advance(&w->clock, -INT64_C(80000000));
    assert_int_equal(say(w, 0, epoch, &mine, &other, 0), AN_OK);
}

/* The agent's journal has a row for each text of a refusal. */
static void an_offer_of_keys_has_one_answer(void **state)
{
    world *w = *state;
    pair next = pair_of(&w->sites[1]);
    an_session *s = w->sites[0].session;
    offer(w, 0, &next);
    settle(w);
    const char *first = "a key speaks for one site, and one of these speaks for another";
    assert_string_equal(an_session_look(s).rotation, first);
    an_msg m = {.type = AN_MSG_ACK, .epoch = an_session_look(s).epoch};
    m.u.ack.code = AN_ERR_AUTH;
    an_text_set(m.u.ack.text, sizeof m.u.ack.text, "something else each time");
    for (uint64_t i = 0; i < 1000; i++) {
        m.u.ack.of = (UINT64_C(1) << 63) + i; /* where the session's own numbers begin */
        m.msg_id = 100000 + i;
        assert_int_equal(an_session_message(s, &m, NULL), AN_OK);
    }
    assert_string_equal(an_session_look(s).rotation, first);
}

static void a_site_is_told_why_its_keys_are_refused(void **state)
{
    world *w = *state;
    pair next = pair_of(&w->sites[1]);
    offer(w, 0, &next);
    settle(w);
    assert_string_equal(an_session_look(w->sites[0].session).rotation,
                        "a key speaks for one site, and one of these speaks for another");
}

/* ---- lost and revoked ---- */

static void a_site_that_lost_its_disk_comes_back_under_its_name(void **state)
{
    world *w = *state;
    site *s = &w->sites[2];
    pair fresh;
    uint8_t id[AN_TOKEN_ID_BYTES], secret[32];
    const pair lost = pair_of(s);
    make_pair(&fresh);
    assert_int_equal(an_hub_site_party(w->hub, "user/admin", s->name, "north", NULL), AN_OK);
    assert_int_equal(an_hub_site_replace(w->hub, "user/admin", "nobody", "", 60000, id, secret, NULL),
                     AN_ERR_NOTFOUND);
    assert_int_equal(an_hub_site_replace(w->hub, "user/admin", s->name, "disk", 60000, id, secret, NULL),
                     AN_OK);
    assert_int_equal(known(w, 2)->status, AN_SITE_REVOKED);
    greet(w, 2, lost.sign, AN_ERR_AUTH); /* from now on */
    assert_int_equal(ask_to_enrol(w, "plant-z", fresh.link, fresh.sign, id, secret),
                     AN_ENROL_DENIED); /* a token for this site alone */
    assert_int_equal(ask_to_enrol(w, s->name, fresh.link, fresh.sign, id, secret), AN_ENROL_PENDING);
    assert_int_equal(an_hub_site_decide(w->hub, "user/admin", s->name, true, "", NULL), AN_OK);
    assert_string_equal(known(w, 2)->party, "north");
    greet(w, 2, lost.sign, AN_ERR_AUTH);

    kill_site(s);
    char roster[AN_PATH_MAX], spool[AN_PATH_MAX];
    assert_int_equal(an_path_join(roster, s->dir, "roster"), AN_OK);
    assert_int_equal(an_path_join(spool, s->dir, "spool.db"), AN_OK);
    assert_int_equal(an_file_remove(roster, NULL), AN_OK);
    assert_int_equal(an_file_remove(spool, NULL), AN_OK);
    memcpy(s->link_public, fresh.link, sizeof s->link_public);
    memcpy(s->sign_public, fresh.sign, sizeof s->sign_public);
    memcpy(s->sign_secret, fresh.sign_secret, sizeof s->sign_secret);
    start_site(s);
    an_session_connected(s->session);
    settle(w);
    train(w);
}

/* Its message was on its way when it was revoked: to admit the next pair would admit the first one again. */
static void a_revoked_site_offers_no_keys(void **state)
{
    world *w = *state;
    pair next;
    const pair mine = pair_of(&w->sites[1]);
    make_pair(&next);
    const uint64_t epoch = greet(w, 1, mine.sign, AN_OK);
    assert_int_equal(an_hub_site_revoke(w->hub, "user/admin", w->sites[1].name, "", NULL), AN_OK);
    an_msg m = {.type = AN_MSG_KEYS, .msg_id = 9, .epoch = epoch};
    an_msg_keys *k = &m.u.keys;
    uint8_t statement[AN_KEYS_STATEMENT_BYTES];
    memcpy(k->link_key, next.link, sizeof k->link_key);
    memcpy(k->statement_key, next.sign, sizeof k->statement_key);
    an_keys_statement(statement, w->sites[1].name, mine.link, mine.sign, k);
    an_sign(k->signature, AN_KEYS_CONTEXT, statement, sizeof statement, mine.sign_secret);
    an_sign(k->next_signature, AN_KEYS_CONTEXT, statement, sizeof statement, next.sign_secret);
    assert_int_equal(an_hub_message(w->hub, w->sites[1].name, &m, NULL), AN_ERR_AUTH);
    assert_false(known(w, 1)->rotates);
    greet(w, 1, next.sign, AN_ERR_AUTH);
}

static void a_site_that_is_revoked_while_it_rotates_has_no_key_left(void **state)
{
    world *w = *state;
    pair next;
    const pair mine = pair_of(&w->sites[1]);
    make_pair(&next);
    offer(w, 1, &next);
    settle(w);
    assert_int_equal(an_hub_site_revoke(w->hub, "user/admin", w->sites[1].name, "", NULL), AN_OK);
    assert_false(known(w, 1)->rotates);
    greet(w, 1, mine.sign, AN_ERR_AUTH);
    greet(w, 1, next.sign, AN_ERR_AUTH);
    kill_hub(w);
    start_hub(w);
    greet(w, 1, next.sign, AN_ERR_AUTH);
}

int main(void)
{
#define OFFLINE(name) cmocka_unit_test_setup_teardown(name, offline_setup, an_federation_teardown)
#define ONLINE(name) cmocka_unit_test_setup_teardown(name, online_setup, an_federation_teardown)
    const struct CMUnitTest tests[] = {
        OFFLINE(the_second_pair_is_admitted_before_the_first_goes),
        ONLINE(a_coordinator_that_is_the_root_signs_by_itself),
        ONLINE(a_rotation_waits_for_the_end_of_a_round),
        OFFLINE(restarts_between_the_steps_change_nothing),
        OFFLINE(keys_that_the_present_ones_have_not_signed_are_refused),
        OFFLINE(a_clock_that_is_put_back_keeps_no_keys_out),
        OFFLINE(an_offer_of_keys_has_one_answer),
        OFFLINE(a_site_is_told_why_its_keys_are_refused),
        ONLINE(a_site_that_lost_its_disk_comes_back_under_its_name),
        OFFLINE(a_revoked_site_offers_no_keys),
        OFFLINE(a_site_that_is_revoked_while_it_rotates_has_no_key_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
