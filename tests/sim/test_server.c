/* The coordinator as it runs: real sockets and threads in this process, a temporary folder, and
 * a site played by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/runtime.h"
#include "doors/crypto.h"
#include "doors/http_client.h"
#include "doors/json.h"
#include "msg/plan.h"
#include "net/bulk.h"
#include "net/keys.h"
#include "net/poll.h"
#include "sum/payload.h"
#include "sum/vector.h"
#include "tests/support/folder.h"
#include "tests/support/updates.h"

#define PATIENCE_MS 20000 /* for a loaded machine; nothing waits so long when all is well */

typedef struct fixture {
    char dir[AN_PATH_MAX];
    an_coordinator_conf conf;
    an_runtime *rt;
    char authorization[128];
    pthread_barrier_t barrier;
} fixture;

static void set(fixture *f, const char *key, const char *value)
{
    assert_int_equal(
        an_opt_set(an_coordinator_rows, an_coordinator_n_rows, &f->conf, key, value, "test", NULL), AN_OK);
}

static void start(fixture *f)
{
    an_note why = {{0}};
    an_buf b;
    if (an_runtime_start(&f->conf, NULL, &f->rt, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_buf_init(&b, 256);
    assert_int_equal(an_file_read(&b, an_runtime_endpoints_get(f->rt)->token_file, &why), AN_OK);
    snprintf(f->authorization, sizeof f->authorization, "Authorization: Bearer %.64s", (const char *)b.data);
    an_buf_done(&b);
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    assert_int_equal(an_coordinator_conf_init(&f->conf), AN_OK);
    set(f, "data", f->dir);
    set(f, "http.port", "0");
    set(f, "listen.control", "tcp://127.0.0.1:*");
    set(f, "listen.bulk", "tcp://127.0.0.1:*");
    set(f, "listen.enrol", "tcp://127.0.0.1:*");
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_runtime_stop(f->rt);
    an_coordinator_conf_done(&f->conf);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

/* ---- HTTP ---- */

static an_json_doc *http(const fixture *f, const char *method, const char *path, const char *body,
                         const char *authorization, unsigned want)
{
    char url[512];
    an_note why = {{0}};
    an_http_answer answer = {0};
    an_json_doc *doc = NULL;
    const char *const headers[] = {authorization, NULL};
    snprintf(url, sizeof url, "%s/api/v1%s", an_runtime_endpoints_get(f->rt)->http, path);
    an_http_ask ask = {.method = method,
                       .url = url,
                       .headers = headers,
                       .body = body,
                       .body_len = body ? strlen(body) : 0,
                       .timeout_ms = 60000};
    if (an_http_call(&ask, &answer, &why) != AN_OK)
        fail_msg("%s %s: %s", method, path, why.text);
    if (answer.status != want)
        fail_msg("%s %s: %u, not %u: %s", method, path, answer.status, want, answer.body);
    assert_int_equal(an_json_parse(answer.body, answer.body_len, path, &doc, &why), AN_OK);
    an_http_answer_done(&answer);
    return doc;
}

static void expect(const fixture *f, const char *method, const char *path, const char *body, unsigned want)
{
    an_json_doc_free(http(f, method, path, body, f->authorization, want));
}

static const char *text_at(const an_json_doc *doc, const char *outer, const char *key)
{
    const char *text = "";
    const an_jval *o = outer ? an_jval_get(an_json_root(doc), outer) : an_json_root(doc);
    assert_int_equal(an_jval_text(o, key, &text, NULL), AN_OK);
    return text;
}

#define ARCH                                                                                                 \
    "model: ae\\ninput: {features: input, window: 1}\\nlayers:\\n  - dense: {units: 2}\\n  - "               \
    "relu\\n"                                                                                                \
    "  - dense: {units: input, name: out}\\nloss: mse\\ntarget: input\\n"
#define MODEL                                                                                                \
    "{\"name\":\"pumps\",\"arch\":\"" ARCH "\",\"sensors\":[\"a\",\"b\",\"c\"],\"window\":1,"                \
    "\"policy\":{\"privacy\":\"trusted\",\"min_cohort\":%d,\"round.invite\":\"20s\"}}"

static void make_model(const fixture *f, int min_cohort)
{
    char body[1024];
    snprintf(body, sizeof body, MODEL, min_cohort);
    expect(f, "POST", "/models", body, 201);
}

static void the_api_says_what_is_wrong(void **state)
{
    fixture *f = *state;
    an_json_doc_free(http(f, "GET", "/status", NULL, "Authorization: Bearer 00", 401));
    an_json_doc_free(http(f, "GET", "/status", NULL, "X-None: 1", 401));
    expect(f, "GET", "/nothing", NULL, 404);
    an_json_doc *doc = http(f, "POST", "/models", "{\"name\": pumps}", f->authorization, 400);
    assert_non_null(strstr(text_at(doc, NULL, "detail"), "request body:1:"));
    an_json_doc_free(doc);
}

static void a_model_waits_for_its_sites_and_is_there_after_a_restart(void **state)
{
    fixture *f = *state;
    make_model(f, 2);
    expect(f, "POST", "/models/pumps/policy", "{\"train.rounds\": 6}", 200);
    expect(f, "POST", "/campaigns", "{\"model\":\"pumps\"}", 201);
    for (int life = 0; life < 2; life++) {
        an_json_doc *doc = http(f, "GET", "/campaigns/1", NULL, f->authorization, 200);
        assert_string_equal(text_at(doc, "campaign", "waiting"),
                            "waiting for sites: 0 of at least 2 are connected");
        an_json_doc_free(doc);
        doc = http(f, "GET", "/journal/verify", NULL, f->authorization, 200);
        bool intact = false;
        assert_int_equal(an_jval_bool(an_json_root(doc), "intact", &intact, NULL), AN_OK);
        assert_true(intact);
        an_json_doc_free(doc);
        an_runtime_stop(f->rt);
        f->rt = NULL;
        start(f);
    }
}

static void *wait_for_news(void *arg)
{
    const fixture *f = arg;
    return http(f, "GET", "/journal?after=1&wait_ms=15000", NULL, f->authorization, 200);
}

static void whoever_waits_for_the_journal_holds_up_nobody(void **state)
{
    fixture *f = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_news, f), 0);
    for (int i = 0; i < 20; i++)
        expect(f, "GET", "/status", NULL, 200);
    expect(f, "POST", "/tokens", "{}", 201);
    for (size_t i = 0; i < 4; i++) {
        void *doc = NULL;
        assert_int_equal(pthread_join(threads[i], &doc), 0);
        assert_int_equal(an_jval_count(an_jval_get(an_json_root(doc), "records")), 1);
        an_json_doc_free(doc);
    }
}

/* 503 if it came in time to wait, 0 if the door was shut already. */
static void *wait_for_the_end(void *arg)
{
    fixture *f = arg;
    char url[512];
    an_http_answer answer = {0};
    const char *const headers[] = {f->authorization, NULL};
    snprintf(url, sizeof url, "%s/api/v1/journal?after=99&wait_ms=30000",
             an_runtime_endpoints_get(f->rt)->http);
    pthread_barrier_wait(&f->barrier);
    an_err err =
        an_http_call(&(an_http_ask){.url = url, .headers = headers, .timeout_ms = 60000}, &answer, NULL);
    unsigned status = err == AN_OK ? answer.status : 0;
    an_http_answer_done(&answer);
    return status == 503 || status == 0 ? NULL : arg;
}

static void whoever_waits_does_not_hold_up_the_end(void **state)
{
    fixture *f = *state;
    pthread_t thread;
    const an_clock *clock = an_clock_system();
    assert_int_equal(pthread_barrier_init(&f->barrier, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_the_end, f), 0);
    pthread_barrier_wait(&f->barrier);
    for (int i = 0; i < 10; i++) /* time enough for the other to be waiting, as a rule */
        expect(f, "GET", "/status", NULL, 200);
    int64_t before = clock->mono_ms(clock);
    an_runtime_stop(f->rt);
    assert_true(clock->mono_ms(clock) - before < 10000);
    void *wrong = f;
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    pthread_barrier_destroy(&f->barrier);
    f->rt = NULL;
}

static void a_second_coordinator_does_not_take_the_store(void **state)
{
    fixture *f = *state;
    an_runtime *other = NULL;
    an_note why = {{0}};
    assert_int_equal(an_runtime_start(&f->conf, NULL, &other, &why), AN_ERR_STATE);
    assert_null(other);
    assert_true(why.text[0] != '\0');
    expect(f, "GET", "/status", NULL, 200);
}

/* ---- a site, by hand ---- */

typedef struct hand {
    an_net *net;
    an_identity *id;
    an_token token;
    an_msg_enrol_reply reply; /* the last */
    an_client *control, *bulk;
    an_in in;
    uint64_t epoch, next_id;
    an_hash schema; /* of its line */
} hand;

static void say(hand *h, an_client *to, an_msg *msg, const void *bytes, size_t len)
{
    an_buf b;
    an_note why = {{0}};
    an_buf_init(&b, AN_MSG_CONTROL_MAX);
    msg->msg_id = ++h->next_id;
    if (to == h->control && msg->type != AN_MSG_HELLO)
        msg->epoch = h->epoch;
    if (an_msg_encode(msg, &b, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_err err = AN_ERR_AGAIN;
    const an_clock *clock = an_clock_system();
    for (int64_t until = clock->mono_ms(clock) + PATIENCE_MS;
         err == AN_ERR_AGAIN && clock->mono_ms(clock) < until;) {
        err = an_client_send(to, b.data, b.len, bytes, len);
        an_wait w = {.client = to, .want_send = true};
        if (err == AN_ERR_AGAIN && an_poll(&w, 1, 50) == AN_ERR_IO)
            fail_msg("poll");
    }
    assert_int_equal(err, AN_OK);
    an_buf_done(&b);
}

/* The next message of this type; others are passed over.  NULL: none came in time. */
static an_msg *hear(hand *h, an_client *from, an_msg_type type, int64_t patience_ms)
{
    const an_clock *clock = an_clock_system();
    for (int64_t until = clock->mono_ms(clock) + patience_ms; clock->mono_ms(clock) < until;) {
        an_msg *m = NULL;
        an_wait w = {.client = from};
        if (an_client_recv(from, &h->in) != AN_OK) {
            if (an_poll(&w, 1, 100) == AN_ERR_IO)
                fail_msg("poll");
            continue;
        }
        assert_int_equal(an_msg_decode(h->in.head, h->in.head_len, &m, NULL), AN_OK);
        if (m->type == type)
            return m;
        an_msg_free(m);
    }
    return NULL;
}

static an_msg *must_hear(hand *h, an_client *from, an_msg_type type)
{
    an_msg *m = hear(h, from, type, PATIENCE_MS);
    if (!m)
        fail_msg("no %s came", an_msg_type_find(type)->name);
    return m;
}

static an_client *dial(hand *h, an_port port, const char *endpoint)
{
    an_client *cli = NULL;
    an_note why = {{0}};
    an_client_conf conf = {.port = port,
                           .endpoint = endpoint,
                           .server_key = h->token.link_key,
                           .link_public = h->id->link_public,
                           .link_secret = h->id->link_secret};
    if (an_client_open(h->net, &conf, &cli, &why) != AN_OK)
        fail_msg("%s", why.text);
    return cli;
}

static void ask_to_enrol(hand *h)
{
    an_client *door = dial(h, AN_PORT_ENROL, h->token.endpoint);
    an_msg m = {.type = AN_MSG_ENROL};
    an_msg_enrol *e = &m.u.enrol;
    uint8_t key[32], statement[AN_ENROL_STATEMENT_BYTES];
    an_hash mac;
    snprintf(e->site, sizeof e->site, "plant-a");
    snprintf(e->agent_version, sizeof e->agent_version, "hand-1");
    memcpy(e->token_id, h->token.id, sizeof e->token_id);
    memcpy(e->link_key, h->id->link_public, sizeof e->link_key);
    memcpy(e->statement_key, h->id->sign_public, sizeof e->statement_key);
    an_token_key(key, h->token.secret);
    an_enrol_statement(statement, e);
    an_mac_of(&mac, key, statement, sizeof statement);
    memcpy(e->mac, mac.b, sizeof e->mac);
    say(h, door, &m, NULL, 0);
    an_msg *reply = must_hear(h, door, AN_MSG_ENROL_REPLY);
    h->reply = reply->u.enrol_reply;
    an_msg_free(reply);
    an_client_close(door);
}

static void hand_enrol(const fixture *f, hand *h)
{
    char path[AN_PATH_MAX], body[512], fingerprint[AN_FINGERPRINT_TEXT];
    an_note why = {{0}};
    *h = (hand){.schema = {{1}}};
    assert_int_equal(an_path_join(path, f->dir, "hand"), AN_OK);
    assert_int_equal(an_net_open(1, &h->net, &why), AN_OK);
    assert_int_equal(an_identity_open(path, &h->id, &why), AN_OK);
    an_json_doc *doc = http(f, "POST", "/tokens", "{}", f->authorization, 201);
    assert_int_equal(an_token_parse(&h->token, text_at(doc, NULL, "token"), &why), AN_OK);
    an_json_doc_free(doc);
    ask_to_enrol(h);
    assert_int_equal(h->reply.status, AN_ENROL_PENDING);
    an_fingerprint(fingerprint, h->id->link_public, h->id->sign_public);
    assert_string_equal(h->reply.fingerprint, fingerprint);
    expect(f, "POST", "/sites/plant-a/approve", "{\"fingerprint\":\"0000-0000\"}", 409);
    snprintf(body, sizeof body, "{\"fingerprint\":\"%s\"}", fingerprint);
    expect(f, "POST", "/sites/plant-a/approve", body, 200);
    ask_to_enrol(h);
    assert_int_equal(h->reply.status, AN_ENROL_APPROVED);
    h->control = dial(h, AN_PORT_CONTROL, h->reply.control_endpoint);
    h->bulk = dial(h, AN_PORT_BULK, h->reply.bulk_endpoint);
}

static void hand_done(hand *h)
{
    an_in_done(&h->in);
    an_client_close(h->control);
    an_client_close(h->bulk);
    an_token_done(&h->token);
    an_identity_free(h->id);
    an_net_close(h->net);
}

static void hand_hello(hand *h)
{
    an_msg m = {.type = AN_MSG_HELLO};
    an_msg_hello *o = &m.u.hello;
    snprintf(o->agent_version, sizeof o->agent_version, "hand-1");
    snprintf(o->site, sizeof o->site, "plant-a");
    memcpy(o->statement_key, h->id->sign_public, sizeof o->statement_key);
    o->instance = 5;
    o->n_lines = 1;
    snprintf(o->lines[0].line, AN_NAME_MAX, "line-1");
    snprintf(o->lines[0].model, AN_NAME_MAX, "pumps");
    o->lines[0].schema = h->schema;
    say(h, h->control, &m, NULL, 0);
    an_msg *w = must_hear(h, h->control, AN_MSG_WELCOME);
    h->epoch = w->u.welcome.epoch;
    an_msg_free(w);
}

static void whoever_has_no_session_is_told_to_say_hello(void **state)
{
    fixture *f = *state;
    hand h;
    hand_enrol(f, &h);
    an_msg beat = {.type = AN_MSG_HEARTBEAT};
    beat.u.heartbeat.instance = 5;
    say(&h, h.control, &beat, NULL, 0);
    an_msg *m = must_hear(&h, h.control, AN_MSG_HEARTBEAT_ACK);
    assert_true(m->u.heartbeat_ack.instance != 0);
    an_msg_free(m);
    hand_hello(&h);
    an_json_doc *doc = http(f, "GET", "/sites/plant-a", NULL, f->authorization, 200);
    bool connected = false;
    assert_int_equal(an_jval_bool(an_jval_get(an_json_root(doc), "site"), "connected", &connected, NULL),
                     AN_OK);
    assert_true(connected);
    an_json_doc_free(doc);
    hand_done(&h);
}

static void a_line_of_other_sensors_is_named_where_its_campaign_waits(void **state)
{
    fixture *f = *state;
    hand h;
    make_model(f, 1);
    hand_enrol(f, &h);
    hand_hello(&h); /* with a schema of its own */
    expect(f, "POST", "/campaigns", "{\"model\":\"pumps\"}", 201);
    an_json_doc *doc = http(f, "GET", "/campaigns/1", NULL, f->authorization, 200);
    assert_string_equal(
        text_at(doc, "campaign", "waiting"),
        "waiting for sites: 0 of at least 1 are connected; plant-a line line-1 is none of them: "
        "names, units or order of its sensors, rate_hz or window are not the model's");
    an_json_doc_free(doc);
    hand_done(&h);
}

static void a_revoked_site_is_dropped_at_once(void **state)
{
    fixture *f = *state;
    hand h;
    hand_enrol(f, &h);
    hand_hello(&h);
    expect(f, "POST", "/sites/plant-a/revoke", "{\"reason\":\"test\"}", 200);
    an_msg beat = {.type = AN_MSG_HEARTBEAT};
    beat.u.heartbeat.instance = 5;
    say(&h, h.control, &beat, NULL, 0);
    an_msg *m = hear(&h, h.control, AN_MSG_HEARTBEAT_ACK, 500);
    assert_null(m);
    hand_done(&h);
}

/* ---- objects ---- */

static void a_site_fetches_a_version_and_nothing_else(void **state)
{
    fixture *f = *state;
    hand h;
    an_hash blank, other = {{1}};
    make_model(f, 2);
    hand_enrol(f, &h);
    an_json_doc *doc = http(f, "GET", "/models/pumps", NULL, f->authorization, 200);
    assert_true(an_hash_parse(&blank, text_at(doc, "model", "blank")));
    an_json_doc_free(doc);
    const struct {
        an_hash object;
        an_object_kind kind;
        an_msg_type answer;
    } asks[] = {{blank, AN_OBJECT_VERSION, AN_MSG_CHUNK},
                {blank, AN_OBJECT_UPDATE, AN_MSG_CHUNK_REFUSE},
                {other, AN_OBJECT_VERSION, AN_MSG_CHUNK_REFUSE}};
    for (size_t i = 0; i < 3; i++) {
        an_msg m = {.type = AN_MSG_CHUNK_REQUEST};
        m.u.chunk_request =
            (an_msg_chunk_request){.object = asks[i].object, .kind = asks[i].kind, .len = 100};
        say(&h, h.bulk, &m, NULL, 0);
        an_msg *a = must_hear(&h, h.bulk, asks[i].answer);
        if (a->type == AN_MSG_CHUNK) {
            assert_int_equal(h.in.body_len, 100);
            assert_true(a->u.chunk.total > 100);
        }
        an_msg_free(a);
    }
    hand_done(&h);
}

/* Writes the update of a MEAN round by hand: a hundred rows of each of three sensors. */
static void write_update(const an_plan *plan, const an_hash *plan_hash, const char *path, an_hash *ret,
                         an_buf *bytes)
{
    an_update_header header = {.round = plan->round, .dim = plan->dim, .plan_hash = *plan_hash};
    snprintf(header.site, sizeof header.site, "plant-a");
    uint32_t *v = an_alloc(plan->dim, sizeof *v);
    static const uint64_t n[] = {100, 100, 100};
    static const double sum[] = {1000, -50, 0.25};
    const an_payload_facts facts = {
        .n_cohort = plan->n_cohort, .value_bits = plan->value_bits, .seed = plan->seed, .n_features = 3};
    const an_payload_in in = {.mean = {.n = n, .sum = sum}};
    assert_int_equal(plan->kind, AN_PAYLOAD_MEAN);
    assert_int_equal(an_payload_find(AN_PAYLOAD_MEAN)->dim(&facts), plan->dim);
    assert_int_equal(an_payload_find(AN_PAYLOAD_MEAN)->encode(v, &facts, &in, NULL), AN_OK);
    uint64_t size = 0;
    assert_int_equal(an_test_update_write(path, plan, &header, v, ret, &size, NULL), AN_OK);
    an_free(v);
    assert_int_equal(an_file_read(bytes, path, NULL), AN_OK);
}

static void offer(hand *h, const an_plan *plan, const an_hash *plan_hash, const an_hash *update,
                  uint64_t size)
{
    uint8_t statement[AN_UPDATE_STATEMENT_BYTES];
    an_msg m = {.type = AN_MSG_UPDATE_OFFER};
    m.u.update_offer =
        (an_msg_update_offer){.round = plan->round, .plan_hash = *plan_hash, .update = *update, .size = size};
    an_update_statement(statement, &m.u.update_offer);
    an_sign(m.u.update_offer.signature, AN_UPDATE_CONTEXT, statement, sizeof statement, h->id->sign_secret);
    say(h, h->control, &m, NULL, 0);
    /* The greeting at the bulk socket: see runtime_internal.h. */
    an_msg greet = {.type = AN_MSG_CHUNK_REQUEST};
    greet.u.chunk_request = (an_msg_chunk_request){.object = *update, .kind = AN_OBJECT_UPDATE, .len = 1};
    say(h, h->bulk, &greet, NULL, 0);
}

static void an_update_is_pulled_acknowledged_and_summed(void **state)
{
    fixture *f = *state;
    hand h;
    char path[AN_PATH_MAX];
    an_plan *plan = NULL;
    an_hash update;
    an_buf bytes;
    make_model(f, 1);
    hand_enrol(f, &h);
    an_json_doc *doc = http(f, "GET", "/models/pumps", NULL, f->authorization, 200);
    assert_true(an_hash_parse(&h.schema, text_at(doc, "model", "schema")));
    an_json_doc_free(doc);
    hand_hello(&h);
    expect(f, "POST", "/campaigns", "{\"model\":\"pumps\"}", 201);
    an_msg *p = must_hear(&h, h.control, AN_MSG_PLAN);
    assert_int_equal(an_plan_decode(p->u.plan.plan.data, p->u.plan.plan.len, &plan, NULL), AN_OK);
    an_msg yes = {.type = AN_MSG_PLAN_REPLY};
    yes.u.plan_reply =
        (an_msg_plan_reply){.round = plan->round, .plan_hash = p->u.plan.plan_hash, .accept = true};
    say(&h, h.control, &yes, NULL, 0);
    assert_int_equal(an_path_join(path, f->dir, "update"), AN_OK);
    an_buf_init(&bytes, (size_t)1 << 24);
    write_update(plan, &p->u.plan.plan_hash, path, &update, &bytes);
    offer(&h, plan, &p->u.plan.plan_hash, &update, bytes.len);
    an_msg *ask = must_hear(&h, h.bulk, AN_MSG_CHUNK_REQUEST);
    const an_msg_chunk_request *q = &ask->u.chunk_request;
    assert_memory_equal(q->object.b, update.b, sizeof update.b);
    an_msg chunk = {.type = AN_MSG_CHUNK};
    chunk.u.chunk = (an_msg_chunk){.object = update, .offset = q->offset, .len = q->len, .total = bytes.len};
    say(&h, h.bulk, &chunk, bytes.data + q->offset, q->len);
    an_msg *ack = must_hear(&h, h.control, AN_MSG_UPDATE_ACK);
    assert_int_equal(ack->u.update_ack.status, AN_UPDATE_ACCEPTED);
    an_msg *end = must_hear(&h, h.control, AN_MSG_ROUND_END);
    assert_int_equal(end->u.round_end.result, AN_ROUND_RESULT_COMMITTED);
    an_msg *next = must_hear(&h, h.control, AN_MSG_PLAN); /* of the VARIANCE round */
    snprintf(path, sizeof path, "/rounds/%llu/replay", (unsigned long long)plan->round);
    doc = http(f, "POST", path, "{}", f->authorization, 200);
    bool same = false;
    assert_int_equal(an_jval_bool(an_json_root(doc), "same", &same, NULL), AN_OK);
    assert_true(same);
    an_json_doc_free(doc);
    snprintf(path, sizeof path, "/rounds/%llu", (unsigned long long)plan->round);
    doc = http(f, "GET", path, NULL, f->authorization, 200);
    assert_string_equal(text_at(doc, "round", "state"), "COMMITTED");
    an_json_doc_free(doc);
    /* Killed or stopped, an open round is there again. */
    an_runtime_stop(f->rt);
    f->rt = NULL;
    start(f);
    doc = http(f, "GET", "/campaigns/1", NULL, f->authorization, 200);
    assert_non_null(strstr(text_at(doc, "campaign", "waiting"), "missing plant-a"));
    an_json_doc_free(doc);
    an_msg_free(next);
    an_msg_free(end);
    an_msg_free(ack);
    an_msg_free(ask);
    an_msg_free(p);
    an_plan_free(plan);
    an_buf_done(&bytes);
    hand_done(&h);
}

/* ---- people who are slow ---- */

#define SLOW 128

static int slow_dial(const fixture *f)
{
    const char *port = strrchr(an_runtime_endpoints_get(f->rt)->http, ':') + 1;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

/* As many connections as there may be, one idle, the next with half a request to which a byte comes now and then. */
static void slow_clients_do_not_keep_sites_waiting(void **state)
{
    fixture *f = *state;
    static const char half[] = "POST /api/v1/models HTTP/1.1\r\nHost: h\r\nX-Long: ";
    int fds[SLOW];
    hand h;
    hand_enrol(f, &h);
    hand_hello(&h);
    for (size_t i = 0; i < SLOW; i++) {
        fds[i] = slow_dial(f);
        if (i % 2)
            assert_int_equal(send(fds[i], half, sizeof half - 1, MSG_NOSIGNAL), sizeof half - 1);
    }
    const int64_t began = an_clock_system()->mono_ms(an_clock_system());
    for (int beat = 0; beat < 50; beat++) {
        an_msg m = {.type = AN_MSG_HEARTBEAT};
        m.u.heartbeat.instance = 5;
        for (size_t i = 1; i < SLOW; i += 2)
            (void)!send(fds[i], "x", 1, MSG_NOSIGNAL);
        say(&h, h.control, &m, NULL, 0);
        an_msg_free(must_hear(&h, h.control, AN_MSG_HEARTBEAT_ACK));
    }
    /* Fifty round trips: with one stall of what a request may take, it would be longer. */
    assert_true(an_clock_system()->mono_ms(an_clock_system()) - began < f->conf.answer_ms);
    for (size_t i = 0; i < SLOW; i++)
        close(fds[i]);
    expect(f, "GET", "/status", NULL, 200);
    hand_done(&h);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_api_says_what_is_wrong),
        CASE(a_model_waits_for_its_sites_and_is_there_after_a_restart),
        CASE(whoever_waits_for_the_journal_holds_up_nobody),
        CASE(whoever_waits_does_not_hold_up_the_end),
        CASE(a_second_coordinator_does_not_take_the_store),
        CASE(whoever_has_no_session_is_told_to_say_hello),
        CASE(a_line_of_other_sensors_is_named_where_its_campaign_waits),
        CASE(a_revoked_site_is_dropped_at_once),
        CASE(a_site_fetches_a_version_and_nothing_else),
        CASE(an_update_is_pulled_acknowledged_and_summed),
        CASE(slow_clients_do_not_keep_sites_waiting),
    };
    an_log_init(AN_LOG_OFF, "test_server");
    if (an_crypto_init() != AN_OK || an_http_client_init() != AN_OK)
        return 1;
    an_json_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    an_http_client_done();
    return failed;
}
