#include "tests/support/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "tests/support/folder.h"

static an_err send_nothing(void *ctx, const char *site, const an_msg *msg)
{
    (void)ctx, (void)site, (void)msg;
    return AN_ERR_NOTFOUND;
}

static void fetch_nothing(void *ctx, const char *site, uint64_t round, const an_hash *update, uint64_t size)
{
    (void)ctx, (void)site, (void)round, (void)update, (void)size;
}

static an_err combine_nothing(void *ctx, an_combine_job *job)
{
    (void)ctx;
    an_combine_done(job);
    an_free(job);
    return AN_OK;
}

static void admit_nothing(void *ctx, const an_site *site, bool admitted)
{
    (void)ctx, (void)site, (void)admitted;
}

static void begin(an_test_api *f)
{
    char url[AN_PATH_MAX + 8];
    an_note why = {{0}};
    snprintf(url, sizeof url, "sqlite:%s", f->dir);
    assert_int_equal(an_store_open(&(an_store_place){.url = url}, &f->clock.clock, &f->store, &why), AN_OK);
    an_hub_conf hub = {.store = f->store,
                       .clock = &f->clock.clock,
                       .io = {NULL, send_nothing, fetch_nothing, combine_nothing, admit_nothing},
                       .sign_secret = f->keys[1],
                       .sign_public = f->keys[0],
                       .lease_ms = 10000,
                       .instance = 7};
    if (an_hub_new(&hub, &f->hub, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_api_conf api = {.hub = f->hub,
                       .clock = &f->clock.clock,
                       .link_public = f->keys[2],
                       .control = "tcp://127.0.0.1:1",
                       .bulk = "tcp://127.0.0.1:2",
                       .enrol = "tcp://127.0.0.1:3",
                       .instance = 7,
                       .people = f->people};
    assert_int_equal(an_api_new(&api, &f->api), AN_OK);
}

static void end(an_test_api *f)
{
    an_api_free(f->api);
    an_hub_free(f->hub);
    an_store_close(f->store);
}

void an_test_api_open(an_test_api *f)
{
    an_test_folder_make(f->dir);
    an_clock_fake_init(&f->clock, 1700000000000);
    an_sign_keypair(f->keys[0], f->keys[1]);
    begin(f);
}

void an_test_api_again(an_test_api *f)
{
    end(f);
    begin(f);
}

void an_test_api_close(an_test_api *f)
{
    end(f);
    an_test_folder_remove(f->dir);
}

an_api_answer an_test_api_ask(an_test_api *f, const an_who *who, const char *method, const char *path,
                              const char *body, const char *idem)
{
    an_api_request req = {.who = *who};
    an_api_answer answer = {0};
    snprintf(req.actor, sizeof req.actor, "user/%s", who->name);
    snprintf(req.method, sizeof req.method, "%s", method);
    snprintf(req.path, sizeof req.path, "%s", path);
    snprintf(req.idem, sizeof req.idem, "%s", idem);
    req.body = an_strdup(body);
    req.body_len = strlen(body);
    assert_int_equal(an_api_handle(f->api, &req, 0, &answer), AN_OK);
    assert_non_null(answer.body);
    an_free(req.body);
    return answer;
}

void an_test_api_expect(an_test_api *f, const an_who *who, const char *method, const char *path,
                        const char *body, unsigned status, const char *says)
{
    char full[512];
    snprintf(full, sizeof full, "/api/v1%s", path);
    an_api_answer a = an_test_api_ask(f, who, method, full, body, "");
    if (a.status != status || !strstr(a.body, says))
        fail_msg("%s %s by %s: %u %s, not %u with %s", method, path, who->name, a.status, a.body, status,
                 says);
    assert_string_equal(a.type, status < 300 ? "application/json" : "application/problem+json");
    an_api_answer_done(&a);
}

an_who an_test_who(const char *name, an_role role, const char *site)
{
    an_who who = {.role = role, .n_sites = site[0] != '\0'};
    snprintf(who.name, sizeof who.name, "%s", name);
    snprintf(who.sites[0], sizeof who.sites[0], "%s", site);
    return who;
}

void an_test_api_record(an_test_api *f, const char *kind, const char *subject, const char *actor,
                        const char *body)
{
    an_note why = {{0}};
    an_json_doc *doc = NULL;
    an_record_batch b = {.n = 0};
    if (an_json_parse(body, strlen(body), kind, &doc, &why) != AN_OK)
        fail_msg("%s: %s", body, why.text);
    an_batch_add(&b, kind, subject, actor, NULL, an_json_copy(an_json_root(doc)));
    an_json_doc_free(doc);
    if (an_hub_commit(f->hub, &b, &why) != AN_OK)
        fail_msg("%s", why.text);
}

void an_test_api_site(an_test_api *f, const char *name, unsigned id, const char *version)
{
    char token[2 * AN_TOKEN_ID_BYTES + 1], actor[80], body[700];
    snprintf(token, sizeof token, "%0*x", 2 * AN_TOKEN_ID_BYTES, id);
    snprintf(actor, sizeof actor, "site/%s", name);
    snprintf(body, sizeof body, "{\"token_id\":\"%s\",\"key\":\"%064x\",\"expires_ms\":1}", token, 1u);
    an_test_api_record(f, "site.token", token, "user/admin", body);
    snprintf(body, sizeof body,
             "{\"token_id\":\"%s\",\"link_key\":\"%064x\",\"sign_key\":\"%064x\",\"fingerprint\":\"f\","
             "\"agent\":\"1\"}",
             token, 2 * id, 2 * id + 1);
    an_test_api_record(f, "site.requested", name, actor, body);
    an_test_api_record(f, "site.approved", name, "user/admin", "{\"fingerprint\":\"f\"}");
    for (int cleared = 0; cleared < 2; cleared++) {
        snprintf(body, sizeof body,
                 "{\"line\":\"l\",\"alarm\":1,\"raised_ms\":1,\"cleared_ms\":%d,\"peak\":1,\"sensors\":[]}",
                 2 * cleared);
        an_test_api_record(f, "alarm.summary", name, actor, body);
    }
    an_test_api_record(f, "drift.alert", name, actor,
                       "{\"model\":\"pumps\",\"line\":\"l\",\"test\":\"psi\",\"subject\":\"t\",\"sign\":1}");
    snprintf(body, sizeof body,
             "{\"model\":\"pumps\",\"line\":\"l\",\"version\":\"%s\",\"state\":\"running\"}", version);
    an_test_api_record(f, "site.report", name, actor, body);
    snprintf(body, sizeof body,
             "{\"model\":\"pumps\",\"line\":\"l\",\"version\":\"%s\",\"since_ms\":1,\"rows\":9,\"alarms\":1,"
             "\"confirmed\":1,\"refuted\":0,\"unsure\":0,\"missed\":0}",
             version);
    an_test_api_record(f, "site.counts", name, actor, body);
    snprintf(body, sizeof body,
             "{\"model\":\"pumps\",\"line\":\"l\",\"version\":\"%s\",\"verdict\":\"fine\"}", version);
    an_test_api_record(f, "site.live", name, actor, body);
}
