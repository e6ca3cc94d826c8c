/* Every backend of the store is held to the same contract: the rows of stores.def are walked,
 * each on a folder of its own.  Opening, dying and running out of memory: test_stores_crash.c.
 */
#include "tests/support/objects.h"
#include "tests/support/stores.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/records.h"

static void assert_scan(store_fixture *f, an_store_filter filter, const char *expected)
{
    store_seen s = {0};
    an_err err = an_store_scan(f->store, &filter, store_see, &s, &f->why);
    assert_int_equal(err, AN_OK);
    assert_string_equal(s.text, expected);
}

/* ---- Records -------------------------------------------------------------------------------
 */

static an_err compare_first(void *ctx, const an_record *r, an_note *why)
{
    (void)why;
    const an_record *expected = ctx;
    assert_true(r->seq == 1);
    assert_true(r->time_ms == expected->time_ms);
    assert_string_equal(r->kind, expected->kind);
    assert_string_equal(r->subject, expected->subject);
    assert_string_equal(r->actor, expected->actor);
    if (expected->idem)
        assert_string_equal(r->idem, expected->idem);
    else
        assert_null(r->idem);
    assert_int_equal(r->body_len, expected->body_len);
    assert_memory_equal(r->body, expected->body, r->body_len);
    an_hash chain, zero = {0};
    an_record_chain(&chain, &zero, r);
    assert_true(an_hash_equal(&chain, &r->chain));
    return AN_OK;
}

static void a_record_is_the_same_after_reopening(void **state)
{
    store_fixture *f = *state;
    an_record r = store_record("site.report", "plant-\xc3\xa4 'x\"", "key-1");
    r.body = "{\"detail\":\"\0;--\"}"; /* also what no JSON writer makes */
    r.body_len = 17;
    r.time_ms = 12345;
    assert_int_equal(store_try(f, &r), AN_OK);
    store_reopen(f);
    an_err err = an_store_scan(f->store, NULL, compare_first, &r, &f->why);
    assert_int_equal(err, AN_OK);
}

static void a_record_may_lack_key_and_body_and_gets_the_clocks_time(void **state)
{
    store_fixture *f = *state;
    an_record r = store_record("site.report", "plant-a", NULL);
    r.body = NULL;
    r.body_len = 0;
    assert_int_equal(store_try(f, &r), AN_OK);
    r.time_ms = STORE_NOON;
    an_err err = an_store_scan(f->store, NULL, compare_first, &r, &f->why);
    assert_int_equal(err, AN_OK);
    uint64_t seq = 0;
    r.time_ms = 0;
    err = an_store_append(f->store, &r, 1, &seq, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(seq == 2);
}

static void several_records_are_appended_together_or_not_at_all(void **state)
{
    store_fixture *f = *state;
    an_record r[3] = {store_record("round.opened", "round/1", "a"),
                      store_record("round.event", "round/1", "b"),
                      store_record("round.ended", "round/1", "c")};
    uint64_t last = 0;
    an_err err = an_store_append(f->store, r, 3, &last, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(last == 3);
    r[0].idem = "d";
    r[1].idem = "e";
    err = an_store_append(f->store, r, 3, &last, &f->why); /* the third key is taken */
    assert_int_equal(err, AN_ERR_EXISTS);
    assert_non_null(strstr(f->why.text, "key c"));
    assert_true(last == 3);
    r[2].idem = "d"; /* twice in one append */
    err = an_store_append(f->store, r, 3, &last, &f->why);
    assert_int_equal(err, AN_ERR_EXISTS);
    assert_scan(f, (an_store_filter){0}, "1 2 3 ");
    r[2].idem = "f";
    err = an_store_append(f->store, r, 3, &last, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(last == 6);
    err = an_store_append(f->store, r, 0, &last, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(last == 6);
}

static void a_key_is_taken_for_its_actor_only_and_for_ever(void **state)
{
    store_fixture *f = *state;
    an_record r = store_record("site.report", "plant-a", "key");
    assert_int_equal(store_try(f, &r), AN_OK);
    assert_int_equal(store_try(f, &r), AN_ERR_EXISTS);
    r.actor = "site/plant-a";
    assert_int_equal(store_try(f, &r), AN_OK);
    store_reopen(f);
    assert_int_equal(store_try(f, &r), AN_ERR_EXISTS);
    r.idem = NULL;
    assert_int_equal(store_try(f, &r), AN_OK);
    assert_int_equal(store_try(f, &r), AN_OK);
}

static void a_record_of_an_unknown_kind_is_refused(void **state)
{
    store_fixture *f = *state;
    const char *const kinds[] = {"site.approve", "site.", "SITE.APPROVED", "x", "", NULL};
    for (size_t i = 0; i < 6; i++) {
        an_record r = store_record(kinds[i], "plant-a", NULL);
        assert_int_equal(store_try(f, &r), AN_ERR_INVAL);
    }
}

static void a_record_of_every_known_kind_is_taken(void **state)
{
    store_fixture *f = *state;
    uint64_t n = 0;
    for (size_t i = 0; an_record_kind_at(i); i++)
        assert_true(store_append(f, an_record_kind_at(i)->name, "x", NULL) == ++n);
    assert_true(n > 20);
    uint64_t seen_n = 0;
    an_err err = an_store_verify(f->store, &seen_n, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(seen_n == n);
}

static void names_are_bounded_present_and_printable(void **state)
{
    store_fixture *f = *state;
    char longest[AN_RECORD_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    longest[AN_RECORD_NAME_MAX + 1] = '\0';
    const struct {
        const char *name;
        an_err err;
    } cases[] = {{longest + 1, AN_OK},   {longest, AN_ERR_LIMIT}, {"", AN_ERR_INVAL},
                 {"a\nb", AN_ERR_INVAL}, {"\x7f", AN_ERR_INVAL},  {"a b", AN_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        an_record r = store_record("site.report", cases[i].name, NULL);
        assert_int_equal(store_try(f, &r), cases[i].err);
        r = store_record("site.report", "plant-a", cases[i].name);
        assert_int_equal(store_try(f, &r), cases[i].err);
        r = store_record("site.report", "plant-a", NULL);
        r.actor = cases[i].name;
        assert_int_equal(store_try(f, &r), cases[i].err);
    }
    an_record r = store_record("site.report", NULL, NULL);
    assert_int_equal(store_try(f, &r), AN_ERR_INVAL);
    r = store_record("site.report", "plant-a", NULL);
    r.actor = NULL;
    assert_int_equal(store_try(f, &r), AN_ERR_INVAL);
}

static void bodies_batches_and_times_are_bounded(void **state)
{
    store_fixture *f = *state;
    char *body = an_alloc(AN_RECORD_BODY_MAX + 1, 1);
    an_record *many = an_alloc(AN_RECORD_BATCH_MAX + 1, sizeof *many);
    assert_non_null(body);
    assert_non_null(many);
    memset(body, ' ', AN_RECORD_BODY_MAX + 1);
    an_record r = store_record("site.report", "plant-a", NULL);
    r.body = body;
    r.body_len = AN_RECORD_BODY_MAX + 1;
    assert_int_equal(store_try(f, &r), AN_ERR_LIMIT);
    r.body_len--;
    assert_int_equal(store_try(f, &r), AN_OK);
    r.body = NULL;
    assert_int_equal(store_try(f, &r), AN_ERR_INVAL);
    r = store_record("site.report", "plant-a", NULL);
    r.time_ms = -1;
    assert_int_equal(store_try(f, &r), AN_ERR_INVAL);
    for (size_t i = 0; i <= AN_RECORD_BATCH_MAX; i++)
        many[i] = store_record("site.report", "plant-a", NULL);
    an_err err = an_store_append(f->store, many, AN_RECORD_BATCH_MAX + 1, NULL, &f->why);
    assert_int_equal(err, AN_ERR_LIMIT);
    err = an_store_append(f->store, many, AN_RECORD_BATCH_MAX, NULL, &f->why);
    assert_int_equal(err, AN_OK);
    uint64_t n = 0;
    err = an_store_verify(f->store, &n, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(n == AN_RECORD_BATCH_MAX + 1);
    an_free(body);
    an_free(many);
}

/* ---- Scanning ------------------------------------------------------------------------------
 */

static void a_filter_selects_by_kind_subject_seq_time_and_number(void **state)
{
    store_fixture *f = *state;
    store_append(f, "site.token", "plant-a", NULL);     /* 1 */
    store_append(f, "site.requested", "plant-a", NULL); /* 2 */
    store_append(f, "round.opened", "round/1", NULL);   /* 3 */
    an_clock_fake_advance(&f->clock, 1000);
    store_append(f, "site.requested", "plant-b", NULL); /* 4 */
    store_append(f, "release.signed", "pumps", NULL);   /* 5 */
    an_clock_fake_advance(&f->clock, 1000);
    store_append(f, "site.approved", "plant-b", NULL); /* 6 */
    const struct {
        an_store_filter filter;
        const char *expected;
    } cases[] = {
        {{0}, "1 2 3 4 5 6 "},
        {{.newest_first = true}, "6 5 4 3 2 1 "},
        {{.kind = "site.requested"}, "2 4 "},
        {{.kind = "site."}, "1 2 4 6 "},
        {{.kind = "site"}, ""},
        {{.kind = "r"}, ""},
        {{.kind = "re."}, ""},
        {{.kind = "."}, ""},
        {{.kind = ""}, ""},
        {{.subject = "plant-b"}, "4 6 "},
        {{.subject = "plant-"}, ""},
        {{.kind = "site.", .subject = "plant-a"}, "1 2 "},
        {{.kind = "site.", .newest_first = true, .limit = 2}, "6 4 "},
        {{.after_seq = 4}, "5 6 "},
        {{.after_seq = 6}, ""},
        {{.after_seq = UINT64_MAX}, ""},
        {{.until_ms = STORE_NOON}, "1 2 3 "},
        {{.until_ms = STORE_NOON + 999}, "1 2 3 "},
        {{.until_ms = STORE_NOON + 1000}, "1 2 3 4 5 "},
        {{.until_ms = STORE_NOON - 1}, ""},
        {{.before_seq = 3}, "1 2 "},
        {{.before_seq = 1}, ""},
        {{.before_seq = UINT64_MAX}, "1 2 3 4 5 6 "},
        {{.after_seq = 1, .before_seq = 6, .newest_first = true, .limit = 2}, "5 4 "},
        {{.before_seq = 6, .kind = "site.", .newest_first = true}, "4 2 1 "},
        {{.limit = 2}, "1 2 "},
        {{.limit = SIZE_MAX}, "1 2 3 4 5 6 "},
        {{.after_seq = 1, .until_ms = STORE_NOON + 1000, .kind = "site.", .limit = 1}, "2 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_scan(f, cases[i].filter, cases[i].expected);
    char longest[AN_RECORD_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    longest[AN_RECORD_NAME_MAX + 1] = '\0';
    store_seen s = {0};
    an_err err = an_store_scan(f->store, &(an_store_filter){.kind = longest}, store_see, &s, &f->why);
    assert_int_equal(err, AN_ERR_INVAL);
}

static an_err stop_at_two(void *ctx, const an_record *r, an_note *why)
{
    (void)store_see(ctx, r, why);
    return r->seq == 2 ? an_fail(AN_ERR_CANCELLED, why, "enough") : AN_OK;
}

static void a_visit_may_end_the_scan_with_its_own_error(void **state)
{
    store_fixture *f = *state;
    for (int i = 0; i < 4; i++)
        store_append(f, "site.report", "plant-a", NULL);
    store_seen s = {0};
    an_err err = an_store_scan(f->store, NULL, stop_at_two, &s, &f->why);
    assert_int_equal(err, AN_ERR_CANCELLED);
    assert_string_equal(f->why.text, "enough");
    assert_string_equal(s.text, "1 2 ");
    assert_true(store_append(f, "site.report", "plant-a", NULL) == 5);
}

static an_err scan_within(void *ctx, const an_record *r, an_note *why)
{
    store_fixture *f = ctx;
    store_seen s = {0};
    an_record another = store_record("site.report", "plant-a", NULL);
    an_err err = an_store_append(f->store, &another, 1, NULL, why);
    assert_int_equal(err, AN_ERR_STATE);
    err = an_store_scan(f->store, NULL, store_see, &s, why);
    assert_int_equal(s.n, 3);
    assert_true(r->seq <= 3);
    return err;
}

static void a_visit_may_scan_but_not_append(void **state)
{
    store_fixture *f = *state;
    for (int i = 0; i < 3; i++)
        store_append(f, "site.report", "plant-a", NULL);
    an_err err = an_store_scan(f->store, NULL, scan_within, f, &f->why);
    assert_int_equal(err, AN_OK);
}

static void an_empty_journal_is_whole(void **state)
{
    store_fixture *f = *state;
    uint64_t n = 77, seq = 77;
    an_hash chain;
    an_err err = an_store_verify(f->store, &n, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(n == 0);
    err = an_store_head_get(f->store, &seq, &chain, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(seq == 0 && an_hash_is_zero(&chain));
}

static void the_chain_binds_every_field_to_its_place(void **state)
{
    (void)state;
    an_hash zero = {0}, base, other;
    an_record r = store_record("site.report", "plant-a", "key");
    r.seq = 1;
    r.time_ms = STORE_NOON;
    an_record_chain(&base, &zero, &r);
    for (int field = 0; field < 9; field++) {
        an_record c = r;
        an_hash before = zero;
        c.seq += field == 0;
        c.time_ms += field == 1;
        c.kind = field == 2 ? "site.reporT" : c.kind;
        c.subject = field == 3 ? "plant-b" : c.subject;
        c.actor = field == 4 ? "user/root" : c.actor;
        c.idem = field == 5 ? NULL : c.idem;
        c.body_len -= field == 6;
        before.b[31] = field == 7;
        if (field == 8) { /* a byte that moves from one field to the next */
            c.kind = "site.reportp";
            c.subject = "lant-a";
        }
        an_record_chain(&other, &before, &c);
        assert_false(an_hash_equal(&base, &other));
    }
}

/* ---- Objects -------------------------------------------------------------------------------
 */

static void objects_are_kept_checked_and_removed(void **state)
{
    store_fixture *f = *state;
    an_hash hash, expected;
    an_err err = an_store_object_put(f->store, "weights", 7, &hash, &f->why);
    assert_int_equal(err, AN_OK);
    err = an_store_object_put(f->store, "weights", 7, &expected, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(an_hash_equal(&hash, &expected));
    store_reopen(f);
    assert_true(an_test_store_has(f->store, &hash));
    uint64_t len = 0;
    err = an_store_object_size(f->store, &hash, &len, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(len == 7);
    an_buf b;
    an_buf_init(&b, 64);
    err = an_store_object_get(f->store, &hash, &b, &f->why);
    assert_int_equal(err, AN_OK);
    assert_memory_equal(b.data, "weights", 7);
    char path[AN_PATH_MAX];
    err = an_store_object_path(f->store, &hash, path);
    assert_int_equal(err, AN_OK);
    an_buf_clear(&b);
    err = an_file_read(&b, path, &f->why);
    assert_int_equal(err, AN_OK);
    assert_int_equal(b.len, 7);
    an_buf_done(&b);
    err = an_store_object_remove(f->store, &hash, &f->why);
    assert_int_equal(err, AN_OK);
    assert_false(an_test_store_has(f->store, &hash));
    err = an_store_object_remove(f->store, &hash, &f->why);
    assert_int_equal(err, AN_OK);
}

static void expect_object(store_fixture *f, const an_hash *hash, const char *bytes)
{
    an_buf b;
    uint64_t len = 0;
    assert_true(an_test_store_has(f->store, hash));
    assert_int_equal(an_store_object_size(f->store, hash, &len, &f->why), AN_OK);
    assert_int_equal(len, strlen(bytes));
    an_buf_init(&b, strlen(bytes));
    assert_int_equal(an_store_object_get(f->store, hash, &b, &f->why), AN_OK);
    assert_memory_equal(b.data, bytes, len);
    assert_int_equal(an_store_object_get(f->store, hash, &b, &f->why), AN_ERR_LIMIT); /* b is full */
    assert_int_equal(b.len, len);
    an_buf_done(&b);
}

static void a_small_object_without_a_file_lives_and_goes_with_the_records(void **state)
{
    store_fixture *f = *state;
    char path[AN_PATH_MAX];
    static const uint8_t large[AN_OBJECT_SMALL + 1];
    const an_record r = {.kind = "site.approved", .subject = "a", .actor = "user/admin"};
    an_hash lost, kept, none;
    assert_int_equal(an_store_object_put_row(f->store, "lost", 4, &lost, &f->why), AN_OK);
    expect_object(f, &lost, "lost");
    store_reopen(f); /* no record was appended */
    assert_false(an_test_store_has(f->store, &lost));

    assert_int_equal(an_store_object_put_row(f->store, "kept", 4, &kept, &f->why), AN_OK);
    assert_int_equal(an_store_append(f->store, &r, 1, NULL, &f->why), AN_OK);
    expect_object(f, &kept, "kept");
    store_reopen(f);
    expect_object(f, &kept, "kept");
    assert_int_equal(an_store_object_file(f->store, &kept, path, &f->why), AN_ERR_NOTFOUND);
    assert_int_equal(an_store_object_path(f->store, &kept, path), AN_OK);
    assert_false(an_file_exists(path));

    /* Put as a file as well, it has one from then on. */
    assert_int_equal(an_store_object_put(f->store, "kept", 4, &none, &f->why), AN_OK);
    assert_int_equal(an_store_append(f->store, &r, 1, NULL, &f->why), AN_OK);
    assert_int_equal(an_file_remove(path, &f->why), AN_OK);
    store_reopen(f);
    assert_int_equal(an_store_object_file(f->store, &kept, path, &f->why), AN_OK);
    assert_true(an_file_exists(path));

    assert_int_equal(an_store_object_remove(f->store, &kept, &f->why), AN_OK);
    assert_false(an_test_store_has(f->store, &kept));
    assert_int_equal(an_store_append(f->store, &r, 1, NULL, &f->why), AN_OK);
    store_reopen(f);
    assert_false(an_test_store_has(f->store, &kept));
    assert_false(an_file_exists(path));
    assert_int_equal(an_store_object_put_row(f->store, large, sizeof large, &none, &f->why), AN_ERR_LIMIT);
}

static void a_file_in_the_spool_becomes_an_object(void **state)
{
    store_fixture *f = *state;
    char path[AN_PATH_MAX];
    an_hash hash;
    an_hash_of(&hash, "update", 6);
    assert_true(an_path_join(path, an_store_spool_dir(f->store), "upload-1") == AN_OK);
    an_err err = an_file_write(path, "update", 6, 0600, &f->why);
    assert_int_equal(err, AN_OK);
    store_reopen(f);
    assert_true(an_file_exists(path));
    err = an_store_object_adopt(f->store, path, &hash, &f->why);
    assert_int_equal(err, AN_OK);
    assert_true(an_test_store_has(f->store, &hash));
    assert_false(an_file_exists(path));
}

static int run(const char *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_record_is_the_same_after_reopening),
        STORE_TEST(a_record_may_lack_key_and_body_and_gets_the_clocks_time),
        STORE_TEST(several_records_are_appended_together_or_not_at_all),
        STORE_TEST(a_key_is_taken_for_its_actor_only_and_for_ever),
        STORE_TEST(a_record_of_an_unknown_kind_is_refused),
        STORE_TEST(a_record_of_every_known_kind_is_taken),
        STORE_TEST(names_are_bounded_present_and_printable),
        STORE_TEST(bodies_batches_and_times_are_bounded),
        STORE_TEST(a_filter_selects_by_kind_subject_seq_time_and_number),
        STORE_TEST(a_visit_may_end_the_scan_with_its_own_error),
        STORE_TEST(a_visit_may_scan_but_not_append),
        STORE_TEST(an_empty_journal_is_whole),
        STORE_TEST(the_chain_binds_every_field_to_its_place),
        STORE_TEST(objects_are_kept_checked_and_removed),
        STORE_TEST(a_small_object_without_a_file_lives_and_goes_with_the_records),
        STORE_TEST(a_file_in_the_spool_becomes_an_object),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}

int main(void)
{
    return an_crypto_init() != AN_OK ? 1 : store_each_backend(run);
}
