/* The spool: order, acknowledgement, quota, journal, ledger, values, pending uploads, crashes.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/spool.h"
#include "agent/spool_internal.h"
#include "base/mem.h"

static char path[64];

static int fresh(void **state)
{
    (void)state;
    char side[80];
    snprintf(path, sizeof path, "/tmp/andon-spool-%ld", (long)getpid());
    unlink(path);
    snprintf(side, sizeof side, "%s-wal", path);
    unlink(side);
    snprintf(side, sizeof side, "%s-shm", path);
    unlink(side);
    return 0;
}

static an_spool *make(uint64_t quota)
{
    an_spool_conf c = {.quota_bytes = quota, .ledger_rows = 5};
    an_spool *s = NULL;
    an_note why = {0};
    an_err err = an_spool_open(path, &c, &s, &why);
    if (err)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    return s;
}

/* All waiting items as text, oldest first. */
static void waiting(an_spool *s, char *ret, size_t cap)
{
    an_spool_item item;
    uint64_t after = 0;
    size_t len = 0;
    ret[0] = '\0';
    while (an_spool_next(s, after, &item, NULL) == AN_OK) {
        len += (size_t)snprintf(ret + len, cap - len, "%s%.*s", len ? " " : "", (int)item.len,
                                (char *)item.bytes);
        after = item.id;
        an_spool_item_done(&item);
    }
}

static void items_leave_in_their_order_and_go_only_when_acknowledged(void **state)
{
    (void)state;
    char text[64];
    an_spool_item item;
    an_spool *s = make(0);
    assert_int_equal(an_spool_append(s, AN_SPOOL_ALARM, 1, "one", 3, NULL), AN_OK);
    assert_int_equal(an_spool_append(s, AN_SPOOL_DRIFT, 2, "two", 3, NULL), AN_OK);
    assert_int_equal(an_spool_append(s, AN_SPOOL_ALARM, 3, "three", 5, NULL), AN_OK);
    an_spool_close(s);
    s = make(0);
    assert_int_equal(an_spool_next(s, 0, &item, NULL), AN_OK);
    assert_int_equal(item.kind, AN_SPOOL_ALARM);
    assert_int_equal(item.time_ms, 1);
    assert_int_equal(an_spool_ack(s, item.id, NULL), AN_OK);
    assert_int_equal(an_spool_ack(s, item.id, NULL), AN_OK);
    an_spool_item_done(&item);
    waiting(s, text, sizeof text);
    assert_string_equal(text, "two three");
    an_spool_close(s);
}

static void the_quota_drops_the_oldest_of_the_least_important_and_counts(void **state)
{
    (void)state;
    char text[64];
    an_spool_stats stats;
    an_spool *s = make(8);
    assert_int_equal(an_spool_append(s, AN_SPOOL_ALARM, 1, "a1", 2, NULL), AN_OK);
    assert_int_equal(an_spool_append(s, AN_SPOOL_HEALTH, 2, "h1", 2, NULL), AN_OK);
    assert_int_equal(an_spool_append(s, AN_SPOOL_HEALTH, 3, "h2", 2, NULL), AN_OK);
    assert_int_equal(an_spool_append(s, AN_SPOOL_DRIFT, 4, "d1", 2, NULL), AN_OK);
    assert_int_equal(an_spool_append(s, AN_SPOOL_HEALTH, 5, "h3", 2, NULL), AN_OK);
    waiting(s, text, sizeof text);
    assert_string_equal(text, "a1 h2 d1 h3");
    assert_int_equal(an_spool_append(s, AN_SPOOL_ALARM, 6, "a2a3", 4, NULL), AN_OK);
    waiting(s, text, sizeof text);
    assert_string_equal(text, "a1 d1 a2a3");
    assert_int_equal(an_spool_append(s, AN_SPOOL_HEALTH, 7, "h4", 2, NULL), AN_ERR_LIMIT);
    assert_int_equal(an_spool_append(s, AN_SPOOL_VERDICT, 8, "123456789", 9, NULL), AN_ERR_LIMIT);
    assert_int_equal(an_spool_stats_get(s, &stats, NULL), AN_OK);
    assert_int_equal(stats.waiting, 3);
    assert_int_equal(stats.waiting_bytes, 8);
    assert_int_equal(stats.dropped[AN_SPOOL_HEALTH], 4);
    assert_int_equal(stats.dropped[AN_SPOOL_VERDICT], 1);
    assert_int_equal(stats.dropped[AN_SPOOL_ALARM], 0);
    an_spool_close(s);
}

static void ids_are_never_used_twice(void **state)
{
    (void)state;
    an_spool_item item;
    an_spool *s = make(0);
    assert_int_equal(an_spool_append(s, AN_SPOOL_ALARM, 1, "x", 1, NULL), AN_OK);
    assert_int_equal(an_spool_next(s, 0, &item, NULL), AN_OK);
    uint64_t first = item.id;
    an_spool_item_done(&item);
    assert_int_equal(an_spool_ack(s, first, NULL), AN_OK);
    an_spool_close(s);
    s = make(0);
    assert_int_equal(an_spool_append(s, AN_SPOOL_ALARM, 1, "y", 1, NULL), AN_OK);
    assert_int_equal(an_spool_next(s, 0, &item, NULL), AN_OK);
    assert_true(item.id > first);
    an_spool_item_done(&item);
    an_spool_close(s);
}

static void the_journal_says_what_ran_when(void **state)
{
    (void)state;
    an_journal_row row = {
        .time_ms = 100, .version = {1}, .overlay = {2}, .model = "pump", .what = "promoted"};
    an_journal_row found;
    an_spool *s = make(0);
    assert_int_equal(an_journal_add(s, &row, NULL), AN_OK);
    row.time_ms = 200;
    row.version[0] = 3;
    assert_int_equal(an_journal_add(s, &row, NULL), AN_OK);
    assert_int_equal(an_journal_find(s, "pump", 150, &found, NULL), AN_OK);
    assert_int_equal(found.version[0], 1);
    assert_int_equal(found.overlay[0], 2);
    assert_string_equal(found.what, "promoted");
    assert_int_equal(an_journal_find(s, "pump", 200, &found, NULL), AN_OK);
    assert_int_equal(found.version[0], 3);
    assert_int_equal(an_journal_find(s, "pump", 99, &found, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_journal_find(s, "press", 999, &found, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_journal_next(s, 0, &found, NULL), AN_OK);
    assert_int_equal(an_journal_next(s, found.id, &found, NULL), AN_OK);
    assert_int_equal(an_journal_next(s, found.id, &found, NULL), AN_ERR_NOTFOUND);
    an_spool_close(s);
}

static void add_entry(an_spool *s, int64_t time_ms)
{
    const an_ledger_row row = {.time_ms = time_ms,
                               .kind = "update",
                               .bytes = 100,
                               .round = 7,
                               .protection = "masked",
                               .words = "one masked vector"};
    assert_int_equal(an_ledger_add(s, &row, NULL), AN_OK);
}

static void run_sql(an_spool *s, const char *sql)
{
    an_stmt *q = NULL;
    assert_int_equal(an_db_stmt(s->db, sql, &q, NULL), AN_OK);
    assert_int_equal(an_stmt_run(q, NULL), AN_OK);
}

/* Of the ledger as it is, the error that verifying ends with. */
static an_err verify(an_spool *s, uint64_t want_rows)
{
    uint64_t rows = 0, before = 0;
    uint8_t head[AN_SPOOL_HASH];
    an_note why = {{0}};
    an_err err = an_ledger_verify(s, &rows, &before, head, &why);
    assert_true(err == AN_OK || why.text[0]);
    if (err == AN_OK)
        assert_int_equal(rows, want_rows);
    return err;
}

static void the_ledgers_chain_shows_what_was_changed_or_taken_out(void **state)
{
    static const char *const crimes[] = {"UPDATE ledger SET words = 'nothing' WHERE id = 6",
                                         "UPDATE ledger SET bytes = 1 WHERE id = 5",
                                         "UPDATE ledger SET protection = 'none' WHERE id = 7",
                                         "UPDATE ledger SET round = 8 WHERE id = 6",
                                         "UPDATE ledger SET time_ms = 1 WHERE id = 4",
                                         "DELETE FROM ledger WHERE id = 6",
                                         "DELETE FROM ledger WHERE id = 4",
                                         "DELETE FROM ledger WHERE id = 8",
                                         "UPDATE ledger SET id = 60 WHERE id = 6",
                                         "DELETE FROM ledger"};
    (void)state;
    for (size_t i = 0; i < sizeof crimes / sizeof *crimes; i++) {
        fresh(state);
        an_spool *s = make(0);
        assert_int_equal(verify(s, 0), AN_OK);
        for (int k = 1; k <= 8; k++) { /* of which five are kept */
            add_entry(s, k * 10);
            assert_int_equal(verify(s, k < 5 ? (uint64_t)k : 5), AN_OK);
        }
        run_sql(s, crimes[i]);
        if (verify(s, 0) != AN_ERR_AUTH)
            fail_msg("not seen: %s", crimes[i]);
        an_spool_close(s);
    }
}

static void entries_from_before_the_chain_are_counted_apart(void **state)
{
    (void)state;
    uint64_t rows = 0, before = 0;
    uint8_t head[AN_SPOOL_HASH];
    an_spool *s = make(0);
    for (int i = 1; i <= 2; i++)
        run_sql(s, "INSERT INTO ledger(time_ms, kind, bytes, words) VALUES(1, 'update', 9, 'old')");
    add_entry(s, 10);
    assert_int_equal(an_ledger_verify(s, &rows, &before, head, NULL), AN_OK);
    assert_true(rows == 1 && before == 2);
    for (int k = 0; k < 6; k++)
        add_entry(s, 20);
    assert_int_equal(verify(s, 5), AN_OK);
    an_spool_close(s);
}

static void the_ledger_sums_what_left_and_keeps_its_newest_rows(void **state)
{
    (void)state;
    an_ledger_row row;
    uint64_t rows, bytes;
    an_spool *s = make(0);
    for (int i = 1; i <= 8; i++)
        add_entry(s, i * 10);
    assert_int_equal(an_ledger_sum(s, 0, &rows, &bytes, NULL), AN_OK);
    assert_int_equal(rows, 5);
    assert_int_equal(bytes, 500);
    assert_int_equal(an_ledger_sum(s, 70, &rows, &bytes, NULL), AN_OK);
    assert_int_equal(rows, 2);
    assert_int_equal(an_ledger_next(s, 0, &row, NULL), AN_OK);
    assert_int_equal(row.time_ms, 40);
    assert_string_equal(row.kind, "update");
    assert_string_equal(row.words, "one masked vector");
    an_spool_close(s);
}

static void values_and_pending_uploads_are_kept_until_removed(void **state)
{
    (void)state;
    an_buf b;
    an_pending p = {.round = "r1", .plan = {1}, .hash = {2}, .file = "up-1", .time_ms = 5}, q;
    an_spool *s = make(0);
    assert_int_equal(an_spool_value_set(s, "source", "abc", 3, NULL), AN_OK);
    assert_int_equal(an_spool_value_set(s, "source", "defg", 4, NULL), AN_OK);
    assert_int_equal(an_pending_set(s, &p, NULL), AN_OK);
    memcpy(p.round, "r2", 3);
    assert_int_equal(an_pending_set(s, &p, NULL), AN_OK);
    an_spool_close(s);
    s = make(0);
    an_buf_init(&b, 100);
    assert_int_equal(an_spool_value_get(s, "source", &b, NULL), AN_OK);
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, "defg", 4);
    an_buf_done(&b);
    assert_int_equal(an_spool_value_remove(s, "source", NULL), AN_OK);
    an_buf_init(&b, 100);
    assert_int_equal(an_spool_value_get(s, "source", &b, NULL), AN_ERR_NOTFOUND);
    an_buf_done(&b);
    assert_int_equal(an_pending_next(s, "", &q, NULL), AN_OK);
    assert_string_equal(q.round, "r1");
    assert_int_equal(q.hash[0], 2);
    assert_string_equal(q.file, "up-1");
    assert_int_equal(an_pending_next(s, q.round, &q, NULL), AN_OK);
    assert_string_equal(q.round, "r2");
    assert_int_equal(an_pending_remove(s, "r1", NULL), AN_OK);
    assert_int_equal(an_pending_get(s, "r1", &q, NULL), AN_ERR_NOTFOUND);
    assert_int_equal(an_pending_get(s, "r2", &q, NULL), AN_OK);
    an_spool_close(s);
}

static void what_was_appended_is_there_after_a_process_was_killed(void **state)
{
    (void)state;
    char text[64];
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        an_spool_conf c = {0};
        an_spool *s = NULL;
        if (an_spool_open(path, &c, &s, NULL) == AN_OK &&
            an_spool_append(s, AN_SPOOL_ALARM, 1, "kept", 4, NULL) == AN_OK)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    an_spool *s = make(0);
    waiting(s, text, sizeof text);
    assert_string_equal(text, "kept");
    an_spool_close(s);
}

static void a_file_that_is_no_spool_is_refused(void **state)
{
    (void)state;
    an_spool_conf c = {0};
    an_spool *s = NULL;
    an_note why = {0};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 500; i++)
        assert_true(fputs("this is not a database ", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(an_spool_open(path, &c, &s, &why), AN_ERR_PROTO);
    assert_null(s);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    an_err err;
    size_t n = 0, live = an_mem_live();
    an_spool_conf c = {0};
    do {
        an_spool *s = NULL;
        an_spool_item item = {0};
        an_mem_fail_after(n++);
        err = an_spool_open(path, &c, &s, NULL);
        if (!err)
            err = an_spool_append(s, AN_SPOOL_ALARM, 1, "x", 1, NULL);
        if (!err)
            err = an_spool_next(s, 0, &item, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_spool_item_done(&item);
        an_spool_close(s);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 3);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, fresh, fresh)
    const struct CMUnitTest tests[] = {
        ROW(items_leave_in_their_order_and_go_only_when_acknowledged),
        ROW(the_quota_drops_the_oldest_of_the_least_important_and_counts),
        ROW(ids_are_never_used_twice),
        ROW(the_journal_says_what_ran_when),
        ROW(the_ledger_sums_what_left_and_keeps_its_newest_rows),
        ROW(the_ledgers_chain_shows_what_was_changed_or_taken_out),
        ROW(entries_from_before_the_chain_are_counted_apart),
        ROW(values_and_pending_uploads_are_kept_until_removed),
        ROW(what_was_appended_is_there_after_a_process_was_killed),
        ROW(a_file_that_is_no_spool_is_refused),
        ROW(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
