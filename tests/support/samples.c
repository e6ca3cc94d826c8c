#include "tests/support/samples.h"

#include <string.h>

static void fill(uint8_t *ret, size_t n, uint8_t seed)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = (uint8_t)(seed + i);
}
#define FILL(array, seed) fill((array), sizeof(array), (seed))
#define TEXT(array, text) an_text_set((array), sizeof(array), (text))

void an_sample_hash(an_hash *ret, uint8_t seed)
{
    fill(ret->b, sizeof ret->b, seed);
}

static void sample_hello(an_msg_hello *h)
{
    TEXT(h->agent_version, "0.1.0");
    TEXT(h->site, "plant-a");
    FILL(h->statement_key, 1);
    h->instance = UINT64_C(0x1122334455667788);
    h->n_lines = 2;
    for (uint8_t i = 0; i < 2; i++) {
        TEXT(h->lines[i].line, i ? "press-2" : "pump-1");
        TEXT(h->lines[i].model, "pump");
        an_sample_hash(&h->lines[i].schema, 2);
        if (i)
            an_sample_hash(&h->lines[i].version, 3);
    }
    h->n_capabilities = 2;
    TEXT(h->capabilities[0], "train");
    TEXT(h->capabilities[1], "secure-sum");
    h->n_held = 1;
    h->held[0].round = 41;
    an_sample_hash(&h->held[0].update, 4);
    an_sample_hash(&h->roster, 5);
    h->root_number = 1;
}

static void sample_welcome(an_msg_welcome *w)
{
    w->instance = 9;
    w->epoch = 3;
    w->lease_ms = 30000;
    w->wall_ms = INT64_C(1767225600000);
    TEXT(w->bulk_endpoint, "tcp://127.0.0.1:7402");
    w->n_models = 1;
    TEXT(w->models[0].model, "pump");
    an_sample_hash(&w->models[0].version, 5);
    w->models[0].size = 123456;
    w->models[0].counter = 7;
    an_sample_hash(&w->models[0].schema, 6);
    an_sample_hash(&w->models[0].blank, 7);
    w->n_coordinators = 2;
    TEXT(w->coordinators[0].control, "tcp://127.0.0.1:7401");
    TEXT(w->coordinators[1].control, "tcp://127.0.0.1:7411");
}

static void sample_session(an_msg *m)
{
    switch (m->type) {
    case AN_MSG_HELLO:
        sample_hello(&m->u.hello);
        break;
    case AN_MSG_WELCOME:
        sample_welcome(&m->u.welcome);
        break;
    case AN_MSG_HEARTBEAT:
        m->u.heartbeat = (an_msg_heartbeat){.instance = 5,
                                            .state = "training",
                                            .queued_alarms = 2,
                                            .n_windows = 1,
                                            .windows = {{"line-1", 12, AN_WINDOWS_TOLD}}};
        break;
    case AN_MSG_HEARTBEAT_ACK:
        m->u.heartbeat_ack = (an_msg_heartbeat_ack){.instance = 9, .wall_ms = INT64_C(1767225600123)};
        break;
    default:
        m->u.ack = (an_msg_ack){.of = 77, .code = 4, .text = "Größe unbekannt"};
        break;
    }
}

static void sample_round(an_msg *m)
{
    static const uint8_t plan_bytes[] = {1, 2, 3, 4, 5};
    an_hash plan_hash, update;
    an_sample_hash(&plan_hash, 10);
    an_sample_hash(&update, 20);
    switch (m->type) {
    case AN_MSG_PLAN:
        m->u.plan = (an_msg_plan){.plan = {plan_bytes, sizeof plan_bytes}, .plan_hash = plan_hash};
        FILL(m->u.plan.candidate, 21);
        break;
    case AN_MSG_PLAN_REPLY:
        m->u.plan_reply = (an_msg_plan_reply){
            .round = 12, .plan_hash = plan_hash, .reason = "0 of 1 windows", .not_yet = true};
        break;
    case AN_MSG_PROGRESS:
        m->u.progress = (an_msg_progress){12, AN_PROGRESS_TRAINING, 0.25, 4000};
        break;
    case AN_MSG_UPDATE_OFFER:
        m->u.update_offer =
            (an_msg_update_offer){.round = 12, .plan_hash = plan_hash, .update = update, .size = 4096};
        FILL(m->u.update_offer.signature, 30);
        break;
    case AN_MSG_UPDATE_ACK:
        m->u.update_ack = (an_msg_update_ack){12, update, AN_UPDATE_DUPLICATE, ""};
        break;
    case AN_MSG_UPDATE_REQUEST:
        m->u.update_request = (an_msg_update_request){12, update};
        break;
    default:
        m->u.round_end = (an_msg_round_end){12, AN_ROUND_RESULT_COMMITTED, "3 of 3 updates", update};
        break;
    }
}

static void sample_version(an_msg_version *v)
{
    static const uint8_t statement[] = "model pump version ...", delegation[] = "andon-delegation-1\n";
    TEXT(v->model, "pump");
    an_sample_hash(&v->version, 40);
    v->size = 987654321;
    v->alias = AN_ALIAS_PRODUCTION;
    v->counter = 8;
    v->statement = (an_bytes){statement, sizeof statement};
    v->n_signatures = 2;
    for (uint8_t i = 0; i < 2; i++) {
        FILL(v->signatures[i].key, (uint8_t)(50 + i));
        FILL(v->signatures[i].signature, (uint8_t)(60 + i));
    }
    v->delegation = (an_bytes){delegation, sizeof delegation - 1};
    v->n_delegation_signatures = 1;
    v->delegation_signatures[0] = v->signatures[1];
}

static void sample_trust(an_msg_trust *t)
{
    static const uint8_t statement[] = "andon-root-1\nnumber 1\n";
    t->statement = (an_bytes){statement, sizeof statement - 1};
    t->n_signatures = 2;
    for (uint8_t i = 0; i < 2; i++) {
        FILL(t->signatures[i].key, (uint8_t)(52 + i));
        FILL(t->signatures[i].signature, (uint8_t)(62 + i));
    }
}

static void sample_report(an_msg *m)
{
    an_hash version;
    an_sample_hash(&version, 70);
    switch (m->type) {
    case AN_MSG_VERSION:
        sample_version(&m->u.version);
        break;
    case AN_MSG_VERSION_REPORT:
        m->u.version_report = (an_msg_version_report){.model = "pump",
                                                      .line = "pump-1",
                                                      .version = version,
                                                      .state = AN_VERSION_REFUSED,
                                                      .reason = "schema",
                                                      .at_ms = INT64_C(1767225600000)};
        FILL(m->u.version_report.signature, 77);
        break;
    case AN_MSG_DRIFT_ALERT:
        m->u.drift_alert = (an_msg_drift_alert){.alert_id = 5,
                                                .model = "pump",
                                                .line = "pump-1",
                                                .version = version,
                                                .test = "psi",
                                                .subject = "Öldruck [bar]",
                                                .sign = -1,
                                                .effect = 0.31,
                                                .statistic = 0.42,
                                                .threshold = 0.25,
                                                .n_reference = 10000,
                                                .n_current = 500,
                                                .since_ms = INT64_C(1767225000000)};
        break;
    default:
        m->u.alarm_summary = (an_msg_alarm_summary){.line = "pump-1",
                                                    .alarm_id = 6,
                                                    .version = version,
                                                    .raised_ms = INT64_C(1767225000000),
                                                    .cleared_ms = INT64_C(1767225060000),
                                                    .peak = 3.5,
                                                    .n_shares = 2,
                                                    .shares = {{"pressure", 0.75}, {"temperature", 0.125}}};
        break;
    }
}

static void sample_live(an_msg *m)
{
    an_hash version, other;
    an_sample_hash(&version, 71);
    an_sample_hash(&other, 72);
    if (m->type == AN_MSG_RETURN) {
        m->u.return_to = (an_msg_return_to){
            .model = "pump", .version = version, .to = other, .reason = "stage 1: 2 of 3 sites worsened"};
        return;
    }
    if (m->type == AN_MSG_COUNTS) {
        m->u.counts = (an_msg_counts){.model = "pump",
                                      .line = "pump-1",
                                      .version = version,
                                      .since_ms = INT64_C(1767225000000),
                                      .rows = 36000,
                                      .alarms = 9,
                                      .confirmed = 2,
                                      .refuted = 5,
                                      .unsure = 1,
                                      .missed = 1};
        return;
    }
    m->u.live = (an_msg_live){.model = "pump",
                              .line = "pump-1",
                              .version = version,
                              .before = other,
                              .since_ms = INT64_C(1767225000000),
                              .span_ms = 600000,
                              .rows = 36000,
                              .over = 900,
                              .alarms = 7,
                              .non_finite = 1,
                              .latency_us = 42,
                              .score_mean = 0.5,
                              .score_p95 = 1.25,
                              .paired = true,
                              .before_rows = 36000,
                              .before_over = 90,
                              .before_alarms = 1,
                              .before_latency_us = 40,
                              .before_score_mean = 0.25,
                              .before_score_p95 = 0.75,
                              .verdict = AN_LIVE_WORSENED,
                              .reason = "7 alarms against 1"};
}

static void sample_refit(an_msg *m)
{
    an_hash version, overlay;
    an_sample_hash(&version, 73);
    an_sample_hash(&overlay, 74);
    if (m->type == AN_MSG_REFIT)
        m->u.refit = (an_msg_refit){.campaign = 7,
                                    .model = "pump",
                                    .line = "pump-1",
                                    .version = version,
                                    .use_held = true,
                                    .reason = "drift of one line"};
    else
        m->u.refitted = (an_msg_refitted){
            .campaign = 7, .model = "pump", .line = "pump-1", .version = version, .overlay = overlay};
}

static void sample_enrol(an_msg *m)
{
    if (m->type == AN_MSG_ENROL) {
        an_msg_enrol *e = &m->u.enrol;
        FILL(e->token_id, 80);
        FILL(e->mac, 81);
        TEXT(e->site, "plant-a");
        FILL(e->link_key, 82);
        FILL(e->statement_key, 83);
        TEXT(e->agent_version, "0.1.0");
        return;
    }
    an_msg_enrol_reply *r = &m->u.enrol_reply;
    r->status = AN_ENROL_APPROVED;
    TEXT(r->fingerprint, "amber-fox-1234");
    TEXT(r->release_root, "blue-owl-5678");
    TEXT(r->control_endpoint, "tcp://127.0.0.1:7401");
    TEXT(r->bulk_endpoint, "tcp://127.0.0.1:7402");
    FILL(r->coordinator_key, 84);
    FILL(r->root_key, 85);
    r->root_number = 2;
}

static void sample_keys(an_msg_keys *k)
{
    FILL(k->link_key, 86);
    FILL(k->statement_key, 87);
    FILL(k->signature, 88);
    FILL(k->next_signature, 89);
}

static void sample_bulk(an_msg *m)
{
    an_hash object;
    an_sample_hash(&object, 90);
    if (m->type == AN_MSG_CHUNK_REQUEST)
        m->u.chunk_request = (an_msg_chunk_request){object, AN_OBJECT_UPDATE, 1 << 20, AN_CHUNK_MAX};
    else if (m->type == AN_MSG_CHUNK)
        m->u.chunk = (an_msg_chunk){object, 1 << 20, 1000, (1 << 20) + 1000};
    else
        m->u.chunk_refuse = (an_msg_chunk_refuse){object, 0, AN_CHUNK_BUSY};
}

static void sample_secure(an_msg *m)
{
    static const uint8_t bytes[] = "andon-roster-1\ncounter 1\n";
    if (m->type == AN_MSG_SECURE) {
        m->u.secure = (an_msg_secure){.round = 12, .content = {bytes, 9}};
        an_sample_hash(&m->u.secure.plan_hash, 10);
        return;
    }
    m->u.roster.text = (an_bytes){bytes, sizeof bytes - 1};
    FILL(m->u.roster.signature, 110);
}

void an_sample_msg(an_msg *ret, an_msg_type type)
{
    memset(ret, 0, sizeof *ret);
    ret->type = type;
    ret->version = AN_PROTOCOL_VERSION;
    ret->msg_id = UINT64_C(0xa1a2a3a4a5a6a7a8);
    ret->epoch = 3;
    if (type <= AN_MSG_HEARTBEAT_ACK || type == AN_MSG_ACK)
        sample_session(ret);
    else if (type <= AN_MSG_ROUND_END)
        sample_round(ret);
    else if (type <= AN_MSG_ALARM_SUMMARY)
        sample_report(ret);
    else if (type <= AN_MSG_ENROL_REPLY)
        sample_enrol(ret);
    else if (type <= AN_MSG_CHUNK_REFUSE)
        sample_bulk(ret);
    else if (type == AN_MSG_KEYS)
        sample_keys(&ret->u.keys);
    else if (type == AN_MSG_TRUST)
        sample_trust(&ret->u.trust);
    else if (type >= AN_MSG_LIVE && type <= AN_MSG_COUNTS)
        sample_live(ret);
    else if (type == AN_MSG_REFIT || type == AN_MSG_REFITTED)
        sample_refit(ret);
    else
        sample_secure(ret);
}

static void sample_train(an_plan *p)
{
    p->dim = 20 + 4 + AN_TRAIN_EXTRA;
    p->n_tensors = 3;
    p->tensors[0] = (an_tensor_scale){20, -28, false};
    p->tensors[1] = (an_tensor_scale){4, -27, false};
    p->tensors[2] = (an_tensor_scale){6, -28, true};
    p->clip_norm = 1.5;
    p->weight_cap = 1000.0;
    p->local_epochs = 2;
    p->batch = 32;
    p->lr = 0.01;
    TEXT(p->optimiser, "adam");
    p->l2sp = 0.001;
    p->replay_share = 0.5;
}

void an_sample_plan(an_plan *ret, an_payload_kind kind)
{
    static const char *const sites[] = {"plant-a", "plant-b", "plant-c"};
    memset(ret, 0, sizeof *ret);
    ret->round = 12;
    ret->campaign = 3;
    TEXT(ret->model, "pump");
    ret->kind = kind;
    an_sample_hash(&ret->base, 100);
    an_sample_hash(&ret->schema, 101);
    an_sample_hash(&ret->layout, 102);
    ret->dim = 6 * AN_MOMENT_COORDS;
    ret->value_bits = 29;
    ret->n_cohort = 3;
    for (size_t i = 0; i < 3; i++)
        TEXT(ret->cohort[i], sites[i]);
    ret->min_cohort = 3;
    ret->privacy = AN_PRIVACY_SECURE_SUM;
    ret->invite = (an_plan_phase){3, 3, 500, 10000};
    ret->upload = (an_plan_phase){3, 3, 1000, 60000};
    ret->secure = (an_plan_secure){.cipher = 1,
                                   .groups = 1,
                                   .colluders_permille = 100,
                                   .dropouts_permille = 300,
                                   .security_bits = 40,
                                   .correctness_bits = 30,
                                   .exchange_ms = 30000};
    an_sample_hash(&ret->secure.roster, 105);
    ret->seed = UINT64_C(0xfeedfacecafebeef);
    TEXT(ret->reason, "drift at plant-b");
    if (kind == AN_PAYLOAD_TRAIN)
        sample_train(ret);
    if (kind == AN_PAYLOAD_SHADOW) {
        ret->shadow_ms = 600000;
        ret->shadow_rows = 5000;
    }
    if (an_payload_judges(kind)) {
        ret->dim = kind == AN_PAYLOAD_SHADOW ? AN_SHADOW_DIM : AN_EVALUATE_DIM;
        an_sample_hash(&ret->candidate, 103);
        an_sample_hash(&ret->production, 104);
    }
}
