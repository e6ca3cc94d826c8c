/* A federation's life: its hub and sites begin and end. */
#include "tests/support/federation_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/kernels/kernels.h"
#include "net/keys.h"
#include "tests/support/folder.h"

#define START_MS INT64_C(1780000000000)

static const char *const sensors[WIDTH] = {"flow", "pressure", "temp", "current", "speed", "level"};
static const char arch[] = "model: pump\ninput: {features: features}\n"
                           "layers: [{dense: {units: 8}}, tanh, {dense: {units: 2}},\n"
                           "  {dense: {units: 8}}, tanh, {dense: {units: features}}]\n"
                           "loss: mse\ntarget: input\n";

static const char *model_of(const world *w)
{
    return w->kind.spec ? w->kind.spec->name : "pump";
}

/* ---- life ---- */

/* Points of a curved sheet, at each site in another place of it. */
static void make_data(site *s)
{
    an_rng r;
    const size_t n = 5 * WINDOWS / 2;
    s->rows = an_alloc(n * WIDTH, sizeof *s->rows);
    an_rng_init(&r, 11, s->i);
    for (size_t i = 0; i < n; i++) {
        double a = an_rng_normal(&r) + 0.3 * (double)s->i, b = an_rng_normal(&r);
        for (size_t k = 0; k < WIDTH; k++)
            s->rows[i * WIDTH + k] = (float)(20.0 * (double)k + 3.0 * sin(0.7 * (double)k) * a +
                                             2.0 * cos(1.3 * (double)k) * b + 0.1 * an_rng_normal(&r));
    }
    s->data = (an_site_data){.width = WIDTH, .context = 1, .sensors = sensors};
    s->data.train = (an_data_part){.raw = s->rows, .n = WINDOWS};
    s->data.recent = (an_data_part){.raw = s->rows + WINDOWS * WIDTH, .n = WINDOWS / 2};
    s->data.old = (an_data_part){.raw = s->rows + 3 * WINDOWS / 2 * WIDTH, .n = WINDOWS / 2};
    s->data.fresh = (an_data_part){.raw = s->rows + 2 * WINDOWS * WIDTH, .n = WINDOWS / 2};
}

an_session_conf an_federation_conf(site *s)
{
    return (an_session_conf){
        .site = s->name,
        .sign_public = s->sign_public,
        .sign_secret = s->sign_secret,
        .coordinator_key = s->w->sign_public,
        .root_key = s->w->root_public,
        .lines = &s->line,
        .n_lines = 1,
        .policy = &s->policy,
        .calibrate = &s->calibrate,
        .spool = s->spool,
        .dir = s->dir,
        .n_threads = 1,
        .clock = &s->w->clock.clock,
        .io = an_federation_site_io(s),
        .instance = 7,
    };
}

void start_site(site *s)
{
    an_note why = {{0}};
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, s->dir, "spool.db"), AN_OK);
    assert_int_equal(an_spool_open(path, &(an_spool_conf){0}, &s->spool, &why), AN_OK);
    const an_session_conf conf = an_federation_conf(s);
    if (an_session_new(&conf, &s->session, &why) != AN_OK)
        fail_msg("%s", why.text);
}

void kill_site(site *s)
{
    an_session_free(s->session);
    s->session = NULL;
    an_spool_close(s->spool);
    s->spool = NULL;
    for (size_t i = s->w->head; i != s->w->tail; i++) { /* its work goes with it */
        event *e = &s->w->events[i % EVENTS_MAX];
        if (e->type != JOB || e->site != s->i)
            continue;
        an_job_free(e->job);
        e->job = NULL;
    }
}

an_enrol_status ask_to_enrol(world *w, const char *name, const uint8_t link_public[static AN_KEY_BYTES],
                             const uint8_t sign_public[static AN_SIGN_PUBLIC_BYTES],
                             const uint8_t token_id[static AN_TOKEN_ID_BYTES],
                             const uint8_t secret[static 32])
{
    an_msg_enrol e = {.agent_version = "0.1"};
    an_msg_enrol_reply r;
    uint8_t key[32], statement[AN_ENROL_STATEMENT_BYTES];
    an_hash mac;
    memcpy(e.token_id, token_id, sizeof e.token_id);
    snprintf(e.site, sizeof e.site, "%s", name);
    memcpy(e.link_key, link_public, sizeof e.link_key);
    memcpy(e.statement_key, sign_public, sizeof e.statement_key);
    an_token_key(key, secret);
    an_enrol_statement(statement, &e);
    an_mac_of(&mac, key, statement, sizeof statement);
    memcpy(e.mac, mac.b, sizeof e.mac);
    an_hub_enrol(w->hub, link_public, &e, &r);
    return r.status;
}

void admit_site(world *w, site *s)
{
    an_note why = {{0}};
    uint8_t id[AN_TOKEN_ID_BYTES], secret[32];
    assert_int_equal(an_hub_token(w->hub, "user/admin", "", 3600000, id, secret, &why), AN_OK);
    assert_int_equal(ask_to_enrol(w, s->name, s->link_public, s->sign_public, id, secret), AN_ENROL_PENDING);
    assert_int_equal(an_hub_site_decide(w->hub, "user/admin", s->name, true, "", &why), AN_OK);
}

void sign_roster(world *w)
{
    an_note why = {{0}};
    an_buf text;
    bool differs = false;
    uint8_t signature[AN_SIGN_BYTES];
    an_buf_init(&text, AN_ROSTER_TEXT_MAX);
    assert_int_equal(an_hub_roster_proposal(w->hub, &text, &differs, &why), AN_OK);
    assert_true(differs);
    an_roster_sign(signature, text.data, text.len, w->root_secret);
    if (an_hub_roster_sign(w->hub, "user/admin", text.data, text.len, signature, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_buf_done(&text);
}

static void make_model(world *w)
{
    an_note why = {{0}};
    static const char *const policy[][2] = {
        {"train.rounds", "3"},       {"train.epochs", "20"},        {"train.batch", "32"},
        {"train.lr", "0.01"},        {"promote.automatic", "true"}, {"min_cohort", "3"},
        {"drift.automatic", "true"}, {"gate.alarms", "0.2"},        {"round.upload", "2m"},
        {"drift.cooldown", "0"},     {"drift.gather", "0"},         {"drift.false_month", "0"}};
    const an_model_spec spec = {.name = "pump",
                                .arch = arch,
                                .sensors = sensors,
                                .n_sensors = WIDTH,
                                .rate_hz = 1,
                                .window = 1,
                                .stride = 1,
                                .smooth = 1,
                                .threshold = "quantile:0.99*1.2",
                                .policy = policy,
                                .n_policy = sizeof policy / sizeof *policy};
    if (an_hub_model_create(w->hub, "user/admin", w->kind.spec ? w->kind.spec : &spec, &why) != AN_OK)
        fail_msg("%s", why.text);
}

void start_hub(world *w)
{
    an_note why = {{0}};
    char dir[AN_PATH_MAX], url[AN_PATH_MAX + 8];
    assert_int_equal(an_path_join(dir, w->dir, "coordinator"), AN_OK);
    snprintf(url, sizeof url, "sqlite:%s", dir);
    assert_int_equal(an_store_open(&(an_store_place){.url = url}, &w->clock.clock, &w->store, &why), AN_OK);
    static const uint8_t seal_secret[AN_AGREE_BYTES] = "the same in every test";
    w->instance = 1 + (uint64_t)w->clock.now_ms;
    const an_hub_conf conf = {.store = w->store,
                              .clock = &w->clock.clock,
                              .io = an_federation_hub_io(w),
                              .sign_secret = w->sign_secret,
                              .sign_public = w->sign_public,
                              .seal_secret = seal_secret,
                              .root_public = w->kind.offline ? w->root_public : NULL,
                              .lease_ms = 30000,
                              .instance = w->instance};
    if (an_hub_new(&conf, &w->hub, &why) != AN_OK)
        fail_msg("%s", why.text);
}

void kill_hub(world *w)
{
    an_hub_free(w->hub);
    an_store_close(w->store);
    w->hub = NULL;
    w->store = NULL;
}

int an_federation_setup(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.spec = NULL});
    return 0;
}

static void make_schema(site *s)
{
    an_note why = {{0}};
    const an_model_spec *spec = s->w->kind.spec;
    assert_int_equal(an_schema_new(&s->schema, spec ? spec->sensors : sensors, spec ? spec->units : NULL,
                                   spec ? spec->n_sensors : WIDTH, 1, spec ? spec->window : 1, &why),
                     AN_OK);
}

void an_federation_setup_kind(void **state, const an_federation_kind *kind)
{
    assert_int_equal(an_crypto_init(), AN_OK);
    an_note why = {{0}};
    world *w = an_alloc(1, sizeof *w);
    w->kind = *kind;
    w->n = kind->sites ? kind->sites : SITES;
    assert_true(w->n <= SITES_MAX);
    assert_true(an_kernels_init()); /* sites and hub compute as the programs do */
    an_test_folder_make(w->dir);
    w->events = an_alloc(EVENTS_MAX, sizeof *w->events);
    an_clock_fake_init(&w->clock, START_MS);
    an_sign_keypair(w->sign_public, w->sign_secret);
    memcpy(w->root_public, w->sign_public, sizeof w->root_public);
    memcpy(w->root_secret, w->sign_secret, sizeof w->root_secret);
    if (kind->offline)
        an_sign_keypair(w->root_public, w->root_secret);
    start_hub(w);
    for (size_t i = 0; i < w->n; i++) {
        site *s = &w->sites[i];
        s->w = w;
        s->i = i;
        snprintf(s->name, sizeof s->name, "plant-%c", (int)('a' + i));
        assert_int_equal(an_path_join(s->dir, w->dir, s->name), AN_OK);
        assert_int_equal(an_dir_make(s->dir, &why), AN_OK);
        an_sign_keypair(s->sign_public, s->sign_secret);
        an_link_keypair(s->link_public, s->link_secret);
        make_schema(s);
        s->line = (an_session_line){.line = "line-1", .model = model_of(w), .schema = &s->schema};
        s->calibrate = an_calibrate_defaults();
        assert_int_equal(an_site_policy_init(&s->policy), AN_OK);
        s->policy.allow_trusted = true;
        s->policy.min_cohort = 1;
        if (kind->open)
            kind->open(s);
        else
            make_data(s);
        admit_site(w, s);
        start_site(s);
    }
    if (kind->offline)
        sign_roster(w);
    make_model(w);
    *state = w;
}

int an_federation_teardown(void **state)
{
    world *w = *state;
    settle(w);
    for (size_t i = 0; i < w->n; i++) {
        site *s = &w->sites[i];
        kill_site(s);
        if (w->kind.close)
            w->kind.close(s);
        an_site_policy_done(&s->policy);
        an_schema_done(&s->schema);
        an_free(s->rows);
    }
    kill_hub(w);
    an_test_folder_remove(w->dir);
    an_free(w->events);
    an_free(w);
    return 0;
}

void connect_all(world *w)
{
    for (size_t i = 0; i < w->n; i++)
        an_session_connected(w->sites[w->kind.backwards ? w->n - 1 - i : i].session);
    settle(w);
}

uint64_t campaign(world *w, an_campaign_kind kind)
{
    an_note why = {{0}};
    uint64_t id = 0;
    if (an_hub_campaign_open(w->hub, "user/admin", model_of(w), kind, 0, "a test", &id, &why) != AN_OK)
        fail_msg("%s", why.text);
    return id;
}

void assert_promoted(world *w, uint64_t id)
{
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    if (c->state != AN_CAMPAIGN_PROMOTED)
        fail_msg("campaign is %s: %s", an_campaign_state_name(c->state), c->reason);
    assert_int_equal(w->strange, 0);
    for (size_t i = 0; i < w->n; i++) {
        site *s = &w->sites[i];
        an_hash version, overlay;
        assert_true(an_session_running(s->session, "line-1", &version, &overlay));
        assert_true(an_hash_equal(&version, &c->head));
        assert_true(an_hash_equal(&s->runs, &c->head));
        assert_int_equal(an_session_look(s->session).uploads, 0);
        const an_hub_live *live = an_hub_live_find(w->hub, s->name);
        assert_true(an_hash_equal(&live->lines[0].version, &version));
        assert_true(an_hash_equal(&live->lines[0].overlay, &overlay));
    }
}

bool journal_says(const site *s, const char *what)
{
    an_journal_row row;
    for (uint64_t at = 0; an_journal_next(s->spool, at, &row, NULL) == AN_OK; at = row.id)
        if (strstr(row.what, what))
            return true;
    return false;
}
