/* The feed of records: what a listener is given, and when it has to read a page instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/feed.h"

static void put(an_feed *f, uint64_t seq, const char *text)
{
    const an_record r = {.seq = seq, .kind = "site.approved", .subject = "plant-a", .actor = "user/admin"};
    an_feed_put(f, &r, text, strlen(text));
}

static void assert_next(an_feed *f, uint64_t after, const char *text)
{
    an_event *e = NULL;
    assert_int_equal(an_feed_next(f, after, 0, &e), AN_OK);
    assert_int_equal(e->seq, after + 1);
    assert_string_equal(e->kind, "site.approved");
    assert_string_equal(e->subject, "plant-a");
    assert_string_equal(e->actor, "user/admin");
    assert_int_equal(e->len, strlen(text));
    assert_memory_equal(e->text, text, e->len);
    an_event_drop(e);
}

static void nothing_is_made_while_nobody_listens(void **state)
{
    (void)state;
    an_feed *f = NULL;
    an_event *e = NULL;
    uint64_t after, last;
    assert_int_equal(an_feed_new(&f), AN_OK);
    assert_false(an_feed_wants(f, 70, &after));
    an_feed_listen(f, &last);
    assert_int_equal(last, 70);
    assert_false(an_feed_wants(f, 70, &after));
    assert_int_equal(an_feed_next(f, 70, 0, &e), AN_ERR_AGAIN);
    assert_int_equal(an_feed_next(f, 69, 0, &e), AN_ERR_NOTFOUND); /* a page has it */
    assert_true(an_feed_wants(f, 72, &after));
    assert_int_equal(after, 70);
    put(f, 71, "one");
    put(f, 72, "two");
    assert_next(f, 70, "one");
    assert_next(f, 71, "two");
    assert_next(f, 70, "one"); /* another listener */
    an_feed_leave(f);
    assert_false(an_feed_wants(f, 73, &after));
    assert_int_equal(an_feed_next(f, 71, 0, &e), AN_ERR_NOTFOUND);
    an_feed_free(f);
    an_feed_free(NULL);
    assert_int_equal(an_mem_live(), 0);
}

static void the_oldest_make_room_and_a_gap_is_no_secret(void **state)
{
    (void)state;
    an_feed *f = NULL;
    an_event *e = NULL, *kept = NULL;
    uint64_t after, last;
    assert_int_equal(an_feed_new(&f), AN_OK);
    an_feed_listen(f, &last);
    for (uint64_t seq = 1; seq <= AN_FEED_EVENTS; seq++)
        put(f, seq, "x");
    assert_int_equal(an_feed_next(f, 0, 0, &kept), AN_OK);
    put(f, AN_FEED_EVENTS + 1, "y");
    assert_int_equal(an_feed_next(f, 0, 0, &e), AN_ERR_NOTFOUND);
    assert_next(f, 1, "x");
    assert_int_equal(kept->seq, 1); /* who has it may finish */
    an_event_drop(kept);

    const size_t half = AN_FEED_BYTES / 2 + 1;
    char *big = calloc(1, half + 1);
    assert_non_null(big);
    memset(big, 'b', half);
    put(f, AN_FEED_EVENTS + 2, big);
    put(f, AN_FEED_EVENTS + 3, big);
    assert_int_equal(an_feed_next(f, AN_FEED_EVENTS + 1, 0, &e), AN_ERR_NOTFOUND);
    assert_next(f, AN_FEED_EVENTS + 2, big);
    free(big);

    put(f, AN_FEED_EVENTS + 9, "later"); /* some were left out */
    assert_int_equal(an_feed_next(f, AN_FEED_EVENTS + 3, 0, &e), AN_ERR_NOTFOUND);
    assert_false(an_feed_wants(f, 4 * AN_FEED_EVENTS, &after)); /* too many to be worth it */
    an_feed_skip(f, 5 * AN_FEED_EVENTS);
    assert_int_equal(an_feed_next(f, 5 * AN_FEED_EVENTS, 0, &e), AN_ERR_AGAIN);
    an_feed_leave(f);
    an_feed_free(f);
}

typedef struct waiter {
    an_feed *feed;
    an_err err;
    size_t n;
} waiter;

static void *wait_for_all(void *arg)
{
    waiter *w = arg;
    an_event *e = NULL;
    uint64_t after;
    an_feed_listen(w->feed, &after);
    while ((w->err = an_feed_next(w->feed, after, 60000, &e)) == AN_OK) {
        if (e->seq == after + 1)
            w->n++;
        after = e->seq;
        an_event_drop(e);
    }
    an_feed_leave(w->feed);
    return NULL;
}

#define WAITERS 8
#define RECORDS 500

static void who_waits_is_woken_and_hears_the_end(void **state)
{
    (void)state;
    an_feed *f = NULL;
    waiter waiters[WAITERS];
    pthread_t threads[WAITERS];
    an_event *e = NULL;
    assert_int_equal(an_feed_new(&f), AN_OK);
    put(f, 1, "first"); /* before some listen, maybe */
    for (size_t i = 0; i < WAITERS; i++) {
        waiters[i] = (waiter){.feed = f};
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_all, &waiters[i]), 0);
    }
    for (uint64_t seq = 2; seq <= RECORDS; seq++)
        put(f, seq, "record");
    an_feed_close(f);
    for (size_t i = 0; i < WAITERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(waiters[i].err, AN_ERR_CANCELLED);
        assert_true(waiters[i].n < RECORDS);
    }
    assert_int_equal(an_feed_next(f, 3, 60000, &e), AN_ERR_CANCELLED);
    an_feed_free(f);
    assert_int_equal(an_mem_live(), 0);
}

static void a_record_without_memory_is_a_gap(void **state)
{
    (void)state;
    an_feed *f = NULL;
    an_event *e = NULL;
    uint64_t last;
    an_mem_fail_after(0);
    assert_int_equal(an_feed_new(&f), AN_ERR_NOMEM);
    an_mem_fail_never();
    assert_int_equal(an_feed_new(&f), AN_OK);
    an_feed_listen(f, &last);
    an_mem_fail_after(0);
    put(f, 1, "one");
    an_mem_fail_never();
    assert_int_equal(an_feed_next(f, 0, 0, &e), AN_ERR_NOTFOUND);
    put(f, 2, "two");
    assert_next(f, 1, "two");
    an_feed_leave(f);
    an_feed_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_made_while_nobody_listens),
        cmocka_unit_test(the_oldest_make_room_and_a_gap_is_no_secret),
        cmocka_unit_test(who_waits_is_woken_and_hears_the_end),
        cmocka_unit_test(a_record_without_memory_is_a_gap),
    };
    return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
