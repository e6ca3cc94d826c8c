/* Uploads of a site that is killed, or that cannot read what it has written: delivered once, or put aside, never lost. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"
#include "trust/release.h"

/* Until the site has written its first upload; its link goes before it can be fetched. */
static site *hold_an_upload(world *w)
{
    site *s = &w->sites[1];
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    while (an_session_look(s->session).uploads == 0) {
        const event *e = &w->events[w->head % EVENTS_MAX];
        s->cut = e->type == JOB && e->site == s->i;
        step(w);
    }
    s->cut = true;
    return s;
}

static void a_killed_site_offers_the_same_upload_again(void **state)
{
    world *w = *state;
    site *s = hold_an_upload(w);
    an_pending before, after;
    assert_int_equal(an_pending_next(s->spool, "", &before, NULL), AN_OK);
    settle(w);
    kill_site(s);
    start_site(s);
    assert_int_equal(an_session_look(s->session).uploads, 1);
    unsigned jobs = s->jobs;
    s->cut = false;
    an_session_connected(s->session);
    assert_int_equal(an_pending_next(s->spool, "", &after, NULL), AN_OK);
    assert_memory_equal(before.hash, after.hash, sizeof after.hash);
    settle(w);
    pass(w, 120000);
    assert_int_equal(s->jobs, jobs + 7); /* the mean was not computed again */
    assert_promoted(w, an_hub_state(w->hub)->campaigns.items[0].id);
}

/* A name that leads to one that leads to itself stands for a disk or a process that cannot open it now.  away: where the upload is then. */
static void make_unreadable(site *s, char path[static AN_PATH_MAX + 300], char away[static AN_PATH_MAX + 10])
{
    char loop[AN_PATH_MAX + 10];
    an_pending row;
    assert_int_equal(an_pending_next(s->spool, "", &row, NULL), AN_OK);
    settle(s->w);
    kill_site(s);
    snprintf(path, AN_PATH_MAX + 300, "%s/uploads/%s", s->dir, row.file);
    snprintf(away, AN_PATH_MAX + 10, "%s.away", s->dir);
    assert_int_equal(rename(path, away), 0);
    snprintf(loop, sizeof loop, "%s.loop", s->dir);
    assert_int_equal(symlink(loop, loop), 0);
    assert_int_equal(symlink(loop, path), 0);
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void an_upload_that_cannot_be_read_is_put_aside_and_the_site_works_on(void **state)
{
    world *w = *state;
    site *s = hold_an_upload(w);
    char path[AN_PATH_MAX + 300], away[AN_PATH_MAX + 10], aside[AN_PATH_MAX + 320];
    an_pending row;
    make_unreadable(s, path, away);
    snprintf(aside, sizeof aside, "%s.unreadable", path);
    start_site(s);
    assert_false(is_there(path));
    assert_true(is_there(aside));
    assert_true(journal_says(s, "cannot be read; it is kept as "));
    assert_true(journal_says(s, ".update.unreadable"));
    assert_int_equal(an_session_look(s->session).uploads, 1);
    kill_site(s);
    start_site(s); /* the same again */
    assert_true(is_there(aside));

    /* The same plan comes again: nothing else is trained for it, and the round ends without the site. */
    const unsigned jobs = s->jobs;
    const uint64_t round = an_hub_state(w->hub)->rounds.items[0].id;
    s->cut = false;
    an_session_connected(s->session);
    settle(w);
    pass(w, 5000);
    assert_int_equal(s->jobs, jobs);
    assert_false(an_state_round(an_hub_state(w->hub), round)->over);
    for (int i = 0; i < 60 && !an_state_round(an_hub_state(w->hub), round)->over; i++)
        pass(w, 60000);
    assert_true(an_state_round(an_hub_state(w->hub), round)->over);
    pass(w, 600000);
    assert_true(s->jobs > jobs); /* of the rounds that followed */
    while (an_pending_next(s->spool, "", &row, NULL) == AN_OK)
        pass(w, 60000);
    assert_true(is_there(aside));
    kill_site(s);
    start_site(s);
    assert_true(is_there(aside));
}

static void one_that_is_damaged_is_kept_and_trained_anew(void **state)
{
    world *w = *state;
    site *s = hold_an_upload(w);
    char path[AN_PATH_MAX + 300], aside[AN_PATH_MAX + 320];
    an_pending row;
    assert_int_equal(an_pending_next(s->spool, "", &row, NULL), AN_OK);
    settle(w);
    kill_site(s);
    snprintf(path, sizeof path, "%s/uploads/%s", s->dir, row.file);
    snprintf(aside, sizeof aside, "%s.unreadable", path);
    assert_int_equal(truncate(path, 10), 0);
    start_site(s);
    assert_false(is_there(path));
    assert_true(is_there(aside));
    assert_int_equal(an_session_look(s->session).uploads, 0);
    s->cut = false;
    an_session_connected(s->session);
    pass(w, 120000);
    assert_promoted(w, an_hub_state(w->hub)->campaigns.items[0].id);
    assert_true(is_there(aside));
}

static void an_upload_that_can_be_read_again_is_delivered(void **state)
{
    world *w = *state;
    site *s = hold_an_upload(w);
    char path[AN_PATH_MAX + 300], away[AN_PATH_MAX + 10], aside[AN_PATH_MAX + 320];
    an_pending before, row;
    assert_int_equal(an_pending_next(s->spool, "", &before, NULL), AN_OK);
    make_unreadable(s, path, away);
    snprintf(aside, sizeof aside, "%s.unreadable", path);
    start_site(s);
    const unsigned jobs = s->jobs;
    s->cut = false;
    an_session_connected(s->session);
    settle(w);
    assert_int_equal(an_pending_next(s->spool, "", &row, NULL), AN_OK);
    assert_memory_equal(before.hash, row.hash, sizeof row.hash);
    assert_int_equal(rename(away, aside), 0);
    pass(w, 300000);
    assert_int_equal(s->jobs, jobs + 7); /* the mean was not computed again */
    assert_promoted(w, an_hub_state(w->hub)->campaigns.items[0].id);
    assert_false(is_there(aside)); /* an upload like others */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, an_federation_setup, an_federation_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_killed_site_offers_the_same_upload_again),
        TEST(an_upload_that_cannot_be_read_is_put_aside_and_the_site_works_on),
        TEST(one_that_is_damaged_is_kept_and_trained_anew),
        TEST(an_upload_that_can_be_read_again_is_delivered),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_OFF, "test_session_uploads");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
