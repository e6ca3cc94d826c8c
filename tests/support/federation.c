#include "tests/support/federation.h"

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

static bool excused(const world *w, an_err err)
{
    return (w->scarce && err == AN_ERR_NOMEM) || (w->full && err == AN_ERR_IO);
}

static event *put(world *w, event_type type, size_t i)
{
    event *e = &w->events[w->tail++ % EVENTS_MAX];
    assert_true(w->tail - w->head < EVENTS_MAX);
    memset(e, 0, sizeof *e);
    e->type = type;
    e->site = i;
    return e;
}

static an_err post(world *w, event_type type, size_t i, const an_msg *msg)
{
    an_note why = {{0}};
    if (w->sites[i].cut || (w->lost && ++w->sent % w->lost == 0))
        return AN_OK; /* a network does not say that it lost something */
    an_buf bytes;
    an_buf_init(&bytes, AN_MSG_LARGE_MAX);
    an_err err = an_msg_encode(msg, &bytes, &why);
    if (err != AN_OK) {
        an_buf_done(&bytes);
        if (!w->scarce || err != AN_ERR_NOMEM)
            fail_msg("encode: %s", why.text);
        return err;
    }
    put(w, type, i)->bytes = bytes;
    return AN_OK;
}

static size_t site_find(const world *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->sites[i].name, name) == 0)
            return i;
    fail_msg("no site %s", name);
    return 0;
}

/* ---- the hub's outside ---- */

static an_err hub_send(void *ctx, const char *name, const an_msg *msg)
{
    world *w = ctx;
    return post(w, TO_SITE, site_find(w, name), msg);
}

static void hub_fetch(void *ctx, const char *name, uint64_t round, const an_hash *update, uint64_t size)
{
    world *w = ctx;
    event *e = put(w, HUB_FETCH, site_find(w, name));
    (void)size;
    e->round = round;
    e->hash = *update;
}

static an_err hub_combine(void *ctx, an_combine_job *job)
{
    world *w = ctx;
    if (w->no_sums > 0) {
        w->no_sums--;
        return AN_ERR_NOMEM;
    }
    put(w, COMBINE, 0)->combine = job;
    return AN_OK;
}

static void hub_admit(void *ctx, const an_site *s, bool admitted)
{
    (void)ctx;
    (void)s;
    (void)admitted;
}

/* ---- a site's outside ---- */

static an_err site_send(void *ctx, const an_msg *msg)
{
    site *s = ctx;
    return post(s->w, TO_HUB, s->i, msg);
}

static void site_fetch(void *ctx, const an_hash *version, uint64_t size, const char *path)
{
    site *s = ctx;
    event *e = put(s->w, SITE_FETCH, s->i);
    (void)size;
    e->hash = *version;
    snprintf(e->path, sizeof e->path, "%s", path);
}

static void site_run(void *ctx, an_job *job)
{
    site *s = ctx;
    s->jobs++;
    put(s->w, JOB, s->i)->job = job;
}

static an_err site_go_live(void *ctx, const char *line, const an_running *running, an_note *why)
{
    site *s = ctx;
    assert_string_equal(line, "line-1");
    assert_true(running->values->has_threshold);
    s->live++;
    s->with_held = running->with_held;
    s->runs = running->version;
    return s->w->kind.go_live ? s->w->kind.go_live(s, running, why) : AN_OK;
}

static an_err site_shadow(void *ctx, const char *line, const an_running *running, uint64_t rows, an_note *why)
{
    site *s = ctx;
    (void)line;
    (void)rows;
    return s->w->kind.shadow(s, running, why);
}

static void site_shadow_end(void *ctx, const char *line)
{
    site *s = ctx;
    (void)line;
    s->w->kind.shadow_end(s);
}

static void site_windows(void *ctx, const char *line, size_t *ret_train, size_t *ret_held_back)
{
    const site *s = ctx;
    (void)line;
    *ret_train = s->data.train.n;
    *ret_held_back = s->data.old.n + s->data.fresh.n;
}

/* ---- events ---- */

static an_err copy_file(const world *w, const char *from, const char *to)
{
    an_buf b;
    an_buf_init(&b, AN_BUNDLE_BYTES_MAX);
    an_err err = an_file_read(&b, from, NULL);
    if (err == AN_OK)
        err = an_file_write(to, b.data, b.len, 0644, NULL);
    an_buf_done(&b);
    assert_true(err == AN_OK || excused(w, err));
    return err;
}

static void do_hub_fetch(world *w, const event *e)
{
    char from[AN_PATH_MAX], to[AN_PATH_MAX], name[80];
    site *s = &w->sites[e->site];
    if (!w->hub)
        return;
    snprintf(name, sizeof name, "in-%s", s->name);
    assert_int_equal(an_path_join(to, an_store_spool_dir(w->store), name), AN_OK);
    an_err err = s->session && !s->cut ? an_session_upload(s->session, &e->hash, from) : AN_ERR_IO;
    an_buf b;
    an_buf_init(&b, AN_OBJECT_SMALL);
    if (err == AN_OK && an_file_read(&b, from, NULL) == AN_OK) { /* as the coordinator's bulk thread has it */
        an_hub_fetched_small(w->hub, s->name, e->round, &e->hash, b.data, b.len);
    } else {
        if (err == AN_OK)
            err = copy_file(w, from, to);
        an_hub_fetched(w->hub, s->name, e->round, &e->hash, to, err, NULL);
    }
    an_buf_done(&b);
}

static void do_site_fetch(world *w, const event *e)
{
    char from[AN_PATH_MAX];
    site *s = &w->sites[e->site];
    if (!s->session)
        return;
    an_err err = s->cut || !w->hub ? AN_ERR_IO : an_store_object_file(w->store, &e->hash, from, NULL);
    if (err == AN_OK)
        err = copy_file(w, from, e->path);
    an_session_fetched(s->session, &e->hash, err, NULL);
}

static void do_job(world *w, const event *e)
{
    an_note why = {{0}};
    site *s = &w->sites[e->site];
    if (!e->job || !s->session) { /* it was killed meanwhile */
        an_job_free(e->job);
        return;
    }
    an_err err = s->w->kind.run ? s->w->kind.run(s, e->job, &why) : an_job_run(e->job, &s->data, &why);
    an_session_done(s->session, e->job, err, &why);
}

static void do_message(world *w, event *e)
{
    an_note why = {{0}};
    an_msg *msg = NULL;
    site *s = &w->sites[e->site];
    an_err err = an_msg_decode(e->bytes.data, e->bytes.len, &msg, &why);
    an_buf_done(&e->bytes);
    assert_true(err == AN_OK || excused(w, err));
    if (err != AN_OK)
        return;
    if (e->type == TO_HUB && w->hub) {
        err = an_hub_message(w->hub, s->name, msg, &why);
        w->strange += err == AN_ERR_PROTO;
        assert_true(err == AN_OK || err == AN_ERR_STATE || err == AN_ERR_PROTO || err == AN_ERR_REFUSED ||
                    excused(w, err));
    } else if (e->type == TO_SITE && s->session) {
        err = an_session_message(s->session, msg, &why);
        assert_true(err == AN_OK || err == AN_ERR_STATE || excused(w, err));
    }
    an_msg_free(msg);
}

void step(world *w)
{
    an_note why = {{0}};
    assert_true(w->head != w->tail);
    event e = w->events[w->head++ % EVENTS_MAX];
    switch (e.type) {
    case TO_HUB:
    case TO_SITE:
        do_message(w, &e);
        break;
    case HUB_FETCH:
        do_hub_fetch(w, &e);
        break;
    case SITE_FETCH:
        do_site_fetch(w, &e);
        break;
    case COMBINE: {
        if (!w->hub) {
            an_combine_done(e.combine);
            an_free(e.combine);
            break;
        }
        an_err err = an_combine_run(e.combine, &why);
        an_hub_combined(w->hub, e.combine, err, &why);
        break;
    }
    case JOB:
        do_job(w, &e);
        break;
    }
}

void settle(world *w)
{
    while (w->head != w->tail)
        step(w);
}

an_err replay(world *w, uint64_t round, an_hash *ret_result, bool *ret_same, an_note *why)
{
    an_err err;
    while ((err = an_hub_round_replay(w->hub, round, ret_result, ret_same, why)) == AN_ERR_AGAIN)
        step(w);
    return err;
}

void tick(world *w)
{
    an_clock_fake_advance(&w->clock, 1000);
    if (w->hub)
        an_hub_tick(w->hub);
    for (size_t i = 0; i < w->n; i++)
        if (w->sites[w->kind.backwards ? w->n - 1 - i : i].session)
            an_session_tick(w->sites[w->kind.backwards ? w->n - 1 - i : i].session);
}

void pass(world *w, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += 1000) {
        tick(w);
        settle(w);
    }
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
    s->data.train = (an_data_part){s->rows, WINDOWS};
    s->data.recent = (an_data_part){s->rows + WINDOWS * WIDTH, WINDOWS / 2};
    s->data.old = (an_data_part){s->rows + 3 * WINDOWS / 2 * WIDTH, WINDOWS / 2};
    s->data.fresh = (an_data_part){s->rows + 2 * WINDOWS * WIDTH, WINDOWS / 2};
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
        .io = {.ctx = s,
               .send = site_send,
               .fetch = site_fetch,
               .run = site_run,
               .go_live = site_go_live,
               .shadow = s->w->kind.shadow ? site_shadow : NULL,
               .shadow_end = site_shadow_end,
               .windows = site_windows},
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
                              .io = {w, hub_send, hub_fetch, hub_combine, hub_admit},
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
