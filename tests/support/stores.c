#include "tests/support/stores.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/postgresql.h"

static store_fixture fix;

an_err store_open_as(store_fixture *f, an_store **ret)
{
    const an_store_place place = {
        .url = f->url, .folder = f->folder, .holder = "tcp://first:7701", .hung_ms = f->hung_ms};
    return an_store_open(&place, &f->clock.clock, ret, &f->why);
}

an_err store_open_second(store_fixture *f, int64_t wait_ms, an_store **ret)
{
    char folder[AN_PATH_MAX];
    snprintf(folder, sizeof folder, "%.900s/second", f->dir);
    const an_store_place place = {
        .url = f->url, .folder = folder, .holder = "tcp://second:7701", .wait_ms = wait_ms};
    return an_store_open(&place, &f->clock.clock, ret, &f->why);
}

void store_open(store_fixture *f)
{
    an_err err = store_open_as(f, &f->store);
    if (err != AN_OK)
        print_message("%s: %s\n", an_err_name(err), f->why.text);
    assert_int_equal(err, AN_OK);
}

void store_reopen(store_fixture *f)
{
    store_close(f);
    store_open(f);
}

int store_set_up(void **state)
{
    const an_store_backend *backend = fix.backend;
    fix = (store_fixture){.backend = backend};
    an_test_folder_make(fix.dir);
    snprintf(fix.folder, sizeof fix.folder, "%.*s/store", (int)sizeof fix.folder - 16, fix.dir);
    if (backend->shared) {
        pg_server_clear();
        snprintf(fix.url, sizeof fix.url, "%s:%s", backend->name, pg_server_address());
    } else {
        snprintf(fix.url, sizeof fix.url, "%s:%s", backend->name, fix.folder);
    }
    an_clock_fake_init(&fix.clock, STORE_NOON);
    *state = &fix;
    store_open(&fix);
    return 0;
}

int store_tear_down(void **state)
{
    store_fixture *f = *state;
    an_store_close(f->store);
    an_test_folder_remove(f->dir);
    return 0;
}

an_record store_record(const char *kind, const char *subject, const char *idem)
{
    static const char body[] = "{\"state\":\"well\"}";
    return (an_record){.kind = kind,
                       .subject = subject,
                       .actor = "user/admin",
                       .idem = idem,
                       .body = body,
                       .body_len = sizeof body - 1};
}

uint64_t store_append(store_fixture *f, const char *kind, const char *subject, const char *idem)
{
    an_record r = store_record(kind, subject, idem);
    uint64_t seq = 0;
    an_err err = an_store_append(f->store, &r, 1, &seq, &f->why);
    assert_int_equal(err, AN_OK);
    return seq;
}

an_err store_try(store_fixture *f, const an_record *r)
{
    uint64_t before = 0, after = 0, untouched = 77;
    an_err err = an_store_head_get(f->store, &before, NULL, &f->why);
    assert_int_equal(err, AN_OK);
    an_err result = an_store_append(f->store, r, 1, &untouched, &f->why);
    err = an_store_head_get(f->store, &after, NULL, &f->why);
    assert_int_equal(err, AN_OK);
    if (result != AN_OK) {
        assert_true(untouched == 77);
        assert_true(before == after);
        assert_true(f->why.text[0] != '\0');
    }
    return result;
}

an_err store_see(void *ctx, const an_record *r, an_note *why)
{
    (void)why;
    store_seen *s = ctx;
    size_t len = strlen(s->text);
    snprintf(s->text + len, sizeof s->text - len, "%llu ", (unsigned long long)r->seq);
    s->n++;
    return AN_OK;
}

void store_close(store_fixture *f)
{
    an_store_close(f->store);
    f->store = NULL;
}

void store_use_backend(const an_store_backend *backend)
{
    fix.backend = backend;
}

int store_each_backend(int (*run)(const char *backend))
{
    int failed = 0;
    bool skipped = false;
    for (size_t i = 0; an_store_backend_at(i); i++) {
        store_use_backend(an_store_backend_at(i));
        if (fix.backend->shared && !pg_server_start()) {
            skipped = true;
            continue;
        }
        failed += run(fix.backend->name);
        if (fix.backend->shared)
            pg_server_stop();
    }
    return failed ? 1 : skipped ? 77 : 0;
}

bool store_with_server(void)
{
    for (size_t i = 0; an_store_backend_at(i); i++)
        if (an_store_backend_at(i)->shared)
            store_use_backend(an_store_backend_at(i));
    return an_crypto_init() == AN_OK && pg_server_start();
}

int store_end_server(void **state)
{
    (void)state;
    pg_server_stop();
    return 0;
}
