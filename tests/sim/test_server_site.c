/* The coordinator as it runs, as a site sees it that is played by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "doors/crypto.h"
#include "msg/plan.h"
#include "net/bulk.h"
#include "sum/payload.h"
#include "sum/vector.h"
#include "tests/support/hand.h"
#include "tests/support/updates.h"

static void whoever_has_no_session_is_told_to_say_hello(void **state)
{
    server *f = *state;
    hand h;
    hand_enrol(f, &h);
    an_msg beat = {.type = AN_MSG_HEARTBEAT};
    beat.u.heartbeat.instance = 5;
    hand_say(&h, h.control, &beat, NULL, 0);
    an_msg *m = hand_must_hear(&h, h.control, AN_MSG_HEARTBEAT_ACK);
    assert_true(m->u.heartbeat_ack.instance != 0);
    an_msg_free(m);
    hand_hello(&h);
    an_json_doc *doc = server_http(f, "GET", "/sites/plant-a", NULL, f->authorization, 200);
    bool connected = false;
    assert_int_equal(an_jval_bool(an_jval_get(an_json_root(doc), "site"), "connected", &connected, NULL),
                     AN_OK);
    assert_true(connected);
    an_json_doc_free(doc);
    hand_done(&h);
}

static void a_line_of_other_sensors_is_named_where_its_campaign_waits(void **state)
{
    server *f = *state;
    hand h;
    server_model(f, 1);
    hand_enrol(f, &h);
    hand_hello(&h); /* with a schema of its own */
    server_expect(f, "POST", "/campaigns", "{\"model\":\"pumps\"}", 201);
    an_json_doc *doc = server_http(f, "GET", "/campaigns/1", NULL, f->authorization, 200);
    assert_string_equal(
        server_text(doc, "campaign", "waiting"),
        "waiting for sites: 0 of at least 1 are connected; plant-a line line-1 is none of them: "
        "names, units or order of its sensors, rate_hz or window are not the model's");
    an_json_doc_free(doc);
    hand_done(&h);
}

static void a_revoked_site_is_dropped_at_once(void **state)
{
    server *f = *state;
    hand h;
    hand_enrol(f, &h);
    hand_hello(&h);
    server_expect(f, "POST", "/sites/plant-a/revoke", "{\"reason\":\"test\"}", 200);
    an_msg beat = {.type = AN_MSG_HEARTBEAT};
    beat.u.heartbeat.instance = 5;
    hand_say(&h, h.control, &beat, NULL, 0);
    an_msg *m = hand_hear(&h, h.control, AN_MSG_HEARTBEAT_ACK, 500);
    assert_null(m);
    hand_done(&h);
}

/* ---- objects ---- */

static void a_site_fetches_a_version_and_nothing_else(void **state)
{
    server *f = *state;
    hand h;
    an_hash blank, other = {{1}};
    server_model(f, 2);
    hand_enrol(f, &h);
    an_json_doc *doc = server_http(f, "GET", "/models/pumps", NULL, f->authorization, 200);
    assert_true(an_hash_parse(&blank, server_text(doc, "model", "blank")));
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
        hand_say(&h, h.bulk, &m, NULL, 0);
        an_msg *a = hand_must_hear(&h, h.bulk, asks[i].answer);
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
    hand_say(h, h->control, &m, NULL, 0);
    /* The greeting at the bulk socket: see runtime_internal.h. */
    an_msg greet = {.type = AN_MSG_CHUNK_REQUEST};
    greet.u.chunk_request = (an_msg_chunk_request){.object = *update, .kind = AN_OBJECT_UPDATE, .len = 1};
    hand_say(h, h->bulk, &greet, NULL, 0);
}

static void an_update_is_pulled_acknowledged_and_summed(void **state)
{
    server *f = *state;
    hand h;
    char path[AN_PATH_MAX];
    an_plan *plan = NULL;
    an_hash update;
    an_buf bytes;
    server_model(f, 1);
    hand_enrol(f, &h);
    an_json_doc *doc = server_http(f, "GET", "/models/pumps", NULL, f->authorization, 200);
    assert_true(an_hash_parse(&h.schema, server_text(doc, "model", "schema")));
    an_json_doc_free(doc);
    hand_hello(&h);
    server_expect(f, "POST", "/campaigns", "{\"model\":\"pumps\"}", 201);
    an_msg *p = hand_must_hear(&h, h.control, AN_MSG_PLAN);
    assert_int_equal(an_plan_decode(p->u.plan.plan.data, p->u.plan.plan.len, &plan, NULL), AN_OK);
    an_msg yes = {.type = AN_MSG_PLAN_REPLY};
    yes.u.plan_reply =
        (an_msg_plan_reply){.round = plan->round, .plan_hash = p->u.plan.plan_hash, .accept = true};
    hand_say(&h, h.control, &yes, NULL, 0);
    assert_int_equal(an_path_join(path, f->dir, "update"), AN_OK);
    an_buf_init(&bytes, (size_t)1 << 24);
    write_update(plan, &p->u.plan.plan_hash, path, &update, &bytes);
    offer(&h, plan, &p->u.plan.plan_hash, &update, bytes.len);
    an_msg *ask = hand_must_hear(&h, h.bulk, AN_MSG_CHUNK_REQUEST);
    const an_msg_chunk_request *q = &ask->u.chunk_request;
    assert_memory_equal(q->object.b, update.b, sizeof update.b);
    an_msg chunk = {.type = AN_MSG_CHUNK};
    chunk.u.chunk = (an_msg_chunk){.object = update, .offset = q->offset, .len = q->len, .total = bytes.len};
    hand_say(&h, h.bulk, &chunk, bytes.data + q->offset, q->len);
    an_msg *ack = hand_must_hear(&h, h.control, AN_MSG_UPDATE_ACK);
    assert_int_equal(ack->u.update_ack.status, AN_UPDATE_ACCEPTED);
    an_msg *end = hand_must_hear(&h, h.control, AN_MSG_ROUND_END);
    assert_int_equal(end->u.round_end.result, AN_ROUND_RESULT_COMMITTED);
    an_msg *next = hand_must_hear(&h, h.control, AN_MSG_PLAN); /* of the VARIANCE round */
    snprintf(path, sizeof path, "/rounds/%llu/replay", (unsigned long long)plan->round);
    doc = server_http(f, "POST", path, "{}", f->authorization, 200);
    bool same = false;
    assert_int_equal(an_jval_bool(an_json_root(doc), "same", &same, NULL), AN_OK);
    assert_true(same);
    an_json_doc_free(doc);
    snprintf(path, sizeof path, "/rounds/%llu", (unsigned long long)plan->round);
    doc = server_http(f, "GET", path, NULL, f->authorization, 200);
    assert_string_equal(server_text(doc, "round", "state"), "COMMITTED");
    an_json_doc_free(doc);
    /* Killed or stopped, an open round is there again. */
    server_stop(f);
    server_start(f);
    doc = server_http(f, "GET", "/campaigns/1", NULL, f->authorization, 200);
    assert_non_null(strstr(server_text(doc, "campaign", "waiting"), "missing plant-a"));
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

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        CASE(whoever_has_no_session_is_told_to_say_hello),
        CASE(a_line_of_other_sensors_is_named_where_its_campaign_waits),
        CASE(a_revoked_site_is_dropped_at_once),
        CASE(a_site_fetches_a_version_and_nothing_else),
        CASE(an_update_is_pulled_acknowledged_and_summed),
    };
    if (!server_begin("test_server_site"))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    server_end();
    return failed;
}
