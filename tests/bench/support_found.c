/* The coordinator's folder before it starts: written by a hub without sockets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/hub.h"
#include "tests/bench/bench.h"

const char *const bench_sensors[BENCH_WIDTH] = {"flow",  "pressure", "temp",  "current",
                                                "speed", "level",    "power", "noise"};

void bench_need(an_err err, const char *what, const an_note *why)
{
    if (err == AN_OK)
        return;
    fprintf(stderr, "bench: %s: %s\n", what, why && why->text[0] ? why->text : an_err_text(err));
    exit(1);
}

static an_err no_send(void *ctx, const char *site, const an_msg *msg)
{
    (void)ctx;
    (void)site;
    (void)msg;
    return AN_ERR_NOTFOUND;
}

static void no_admit(void *ctx, const an_site *site, bool admitted)
{
    (void)ctx;
    (void)site;
    (void)admitted;
}

static void enrol(an_hub *hub, const bench_site *s)
{
    an_note why = {{0}};
    an_msg_enrol e = {.agent_version = "0.1"};
    an_msg_enrol_reply r;
    uint8_t secret[32], key[32], statement[AN_ENROL_STATEMENT_BYTES];
    an_hash mac;
    bench_need(an_hub_token(hub, "user/bench", "", 3600000, e.token_id, secret, &why), "token", &why);
    snprintf(e.site, sizeof e.site, "%s", s->name);
    memcpy(e.link_key, s->id.link_public, sizeof e.link_key);
    memcpy(e.statement_key, s->id.sign_public, sizeof e.statement_key);
    an_token_key(key, secret);
    an_enrol_statement(statement, &e);
    an_mac_of(&mac, key, statement, sizeof statement);
    memcpy(e.mac, mac.b, sizeof e.mac);
    an_hub_enrol(hub, s->id.link_public, &e, &r);
    bench_need(an_hub_site_decide(hub, "user/bench", s->name, true, "", &why), "approval", &why);
}

static void open_campaign(const bench *b, an_hub *hub)
{
    char arch[400], rounds[24], sites[24];
    an_note why = {{0}};
    uint64_t id;
    snprintf(arch, sizeof arch,
             "model: pump\ninput: {features: features}\n"
             "layers: [{dense: {units: %zu}}, tanh, {dense: {units: %zu}}, tanh,\n"
             "  {dense: {units: features}}]\nloss: mse\ntarget: input\n",
             b->conf.hidden, b->conf.hidden);
    snprintf(rounds, sizeof rounds, "%zu", b->conf.n_rounds);
    snprintf(sites, sizeof sites, "%zu", b->conf.n_sites);
    const char *const policy[][2] = {{"train.rounds", rounds},
                                     {"privacy", b->conf.secure ? "secure-sum" : "trusted"},
                                     {"min_cohort", sites},
                                     {"server.momentum", b->conf.momentum ? "0.9" : "0"}};
    const an_model_spec spec = {.name = BENCH_MODEL,
                                .arch = arch,
                                .sensors = bench_sensors,
                                .n_sensors = BENCH_WIDTH,
                                .rate_hz = 1,
                                .window = 1,
                                .stride = 1,
                                .smooth = 1,
                                .threshold = "quantile:0.99*1.2",
                                .policy = policy,
                                .n_policy = sizeof policy / sizeof *policy};
    bench_need(an_hub_model_create(hub, "user/bench", &spec, &why), "model", &why);
    bench_need(an_hub_campaign_open(hub, "user/bench", BENCH_MODEL, AN_CAMPAIGN_TRAINING, 0, "a measurement",
                                    &id, &why),
               "campaign", &why);
}

static void make_data(bench *b)
{
    enum { ROWS = 160 };
    an_rng r;
    an_rng_init(&r, 11, 0);
    b->rows = an_alloc((size_t)ROWS * BENCH_WIDTH, sizeof *b->rows);
    const size_t h = b->conf.hidden;
    b->n_delta = (BENCH_WIDTH + 1) * h + h * (h + 1) + (h + 1) * BENCH_WIDTH;
    b->delta = an_alloc(b->n_delta, sizeof *b->delta);
    if (!b->rows || !b->delta)
        bench_need(AN_ERR_NOMEM, "data", NULL);
    for (size_t i = 0; i < (size_t)ROWS * BENCH_WIDTH; i++)
        b->rows[i] = (float)an_rng_normal(&r);
    for (size_t i = 0; i < b->n_delta; i++)
        b->delta[i] = 1e-4F * (float)((int)(i % 201) - 100);
    b->data = (an_site_data){.width = BENCH_WIDTH, .context = 1, .sensors = bench_sensors};
    b->data.train = (an_data_part){.raw = b->rows, .n = ROWS};
    b->data.recent = b->data.old = b->data.fresh = b->data.train;
}

void bench_found(bench *b)
{
    an_note why = {{0}};
    char path[AN_PATH_MAX], url[AN_PATH_MAX + 16];
    an_identity *id = NULL;
    an_store *store = NULL;
    an_hub *hub = NULL;
    bench_need(an_dir_make(b->conf.dir, &why), "folder", &why);
    bench_need(an_path_join(path, b->conf.dir, "identity"), "folder", NULL);
    bench_need(an_identity_open(path, &id, &why), "identity", &why);
    snprintf(url, sizeof url, "sqlite:%s/store", b->conf.dir);
    bench_need(an_store_open(&(an_store_place){.url = url}, an_clock_system(), &store, &why), "store", &why);
    const an_hub_conf conf = {.store = store,
                              .clock = an_clock_system(),
                              .io = {.send = no_send, .admit = no_admit},
                              .sign_secret = id->sign_secret,
                              .sign_public = id->sign_public,
                              .lease_ms = 15000,
                              .instance = 1};
    bench_need(an_hub_new(&conf, &hub, &why), "hub", &why);
    memcpy(b->coordinator.link_key, id->link_public, sizeof b->coordinator.link_key);
    memcpy(b->coordinator.statement_key, id->sign_public, sizeof b->coordinator.statement_key);
    make_data(b);
    bench_need(an_schema_new(&b->schema, bench_sensors, NULL, BENCH_WIDTH, 1, 1, &why), "schema", &why);
    for (size_t i = 0; i < b->conf.n_sites; i++) {
        bench_site *s = &b->sites[i];
        snprintf(s->name, sizeof s->name, "plant-%03zu", i);
        bench_need(an_path_join(s->dir, b->conf.sites_dir, s->name), "folder", NULL);
        bench_need(an_dir_make(s->dir, &why), "folder", &why);
        an_link_keypair(s->id.link_public, s->id.link_secret);
        an_sign_keypair(s->id.sign_public, s->id.sign_secret);
        enrol(hub, s);
    }
    if (b->conf.n_rounds > 0)
        open_campaign(b, hub);
    an_hub_free(hub);
    an_store_close(store);
    an_identity_free(id);
}
