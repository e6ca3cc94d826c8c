/* The core thread at work: messages, answers, time. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "coordinator/meters.h"
#include "coordinator/runtime_core.h"
#include "net/poll.h"

#define TICK_MS 1000  /* the longest sleep */
#define TELL_MS 5000  /* between two looks for `systemctl status` */
#define ANSWER_MS 100 /* people are answered so long in a turn, and then for one answer more */
#define KEEP_MS 1000  /* between two renewals of the lease */
#define VALID_MS 3000 /* so long it holds (store.h): after that another coordinator may be active */

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

/* One that cannot renew its lease says nothing: its sites are to find the one that can, and what it says of rounds
 * may be no longer so. */
static bool may_speak(const an_core *c)
{
    return mono() - c->kept_ms < VALID_MS;
}

/* ---- what the hub asks for ---- */

static an_err send_to(an_core *c, an_server *srv, const an_peer *peer, const an_msg *msg)
{
    an_buf b;
    an_note why = {{0}};
    if (!may_speak(c))
        return AN_ERR_AGAIN;
    an_buf_init(&b, AN_MSG_LARGE_MAX);
    an_err err = an_msg_encode(msg, &b, &why);
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "message_not_encoded", "type=%d why=\"%s\"", (int)msg->type, why.text);
    else
        err = an_server_send(srv, peer, b.data, b.len, NULL, 0);
    if (err == AN_OK)
        an_tick_add(&c->args->vitals->bytes_out[AN_VITALS_CONTROL], b.len);
    an_buf_done(&b);
    return err;
}

/* Before a site can hear of a version, the bulk thread knows it: else the site is refused, and
 * asks again only a while later. */
static void serve_versions(an_core *c)
{
    const an_state *st = c->hub ? an_hub_state(c->hub) : NULL;
    while (st && c->n_served < st->versions.n) {
        an_bulk_order order = {.what = AN_BULK_SERVE,
                               .hash = st->versions.items[c->n_served].hash,
                               .size = st->versions.items[c->n_served].size};
        if (an_pipe_send(an_actor_pipe(c->bulk), &order, sizeof order) != AN_OK)
            break;
        c->n_served++;
    }
}

static an_err io_send(void *ctx, const char *site, const an_msg *msg)
{
    an_core *c = ctx;
    serve_versions(c);
    const an_peer *peer = an_peers_find(c->peers, site, NULL);
    if (!peer)
        return AN_ERR_NOTFOUND;
    an_err err = send_to(c, c->control, peer, msg);
    if (err == AN_ERR_NOTFOUND)
        an_peers_drop(c->peers, site); /* the connection is gone; the lease says so to the hub */
    return err;
}

static void order_bulk(an_core *c, const an_bulk_order *order)
{
    an_err err = an_pipe_send(an_actor_pipe(c->bulk), order, sizeof *order);
    if (err != AN_OK) /* the site offers again */
        an_log(AN_LOG_WARN, "bulk_order_lost", "site=%s err=%s", order->site, an_err_name(err));
}

static void io_fetch(void *ctx, const char *site, uint64_t round, const an_hash *update, uint64_t size)
{
    an_bulk_order order = {.what = AN_BULK_FETCH, .round = round, .hash = *update, .size = size};
    snprintf(order.site, sizeof order.site, "%s", site);
    order_bulk(ctx, &order);
}

/* Queued: the hub must not hear of the result from inside its own call. */
static an_err io_combine(void *ctx, an_combine_job *job)
{
    an_core *c = ctx;
    an_work *w = an_alloc(1, sizeof *w);
    if (!w || !an_grow(&c->works, &c->works_cap, c->n_works + 1, sizeof *c->works)) {
        an_free(w);
        return AN_ERR_NOMEM;
    }
    w->job = job;
    c->works[c->n_works++] = w;
    return AN_OK;
}

static void io_admit(void *ctx, const an_site *site, bool admitted)
{
    an_core *c = ctx;
    if (admitted) {
        const uint8_t *const keys[] = {site->keys.link_key, site->next.link_key};
        const size_t n = site->rotates ? 2 : 1;
        an_err err = AN_OK;
        for (size_t i = 0; i < n && err == AN_OK; i++)
            err = an_zap_allow(c->args->zap, keys[i], site->name);
        if (err != AN_OK)
            an_log(AN_LOG_ERROR, "site_not_admitted", "site=%s err=%s", site->name, an_err_name(err));
        else
            an_zap_revoke_site(c->args->zap, site->name, keys, n);
        return;
    }
    an_zap_revoke_site(c->args->zap, site->name, NULL, 0);
    an_peers_drop(c->peers, site->name);
    an_bulk_order order = {.what = AN_BULK_DROP};
    snprintf(order.site, sizeof order.site, "%s", site->name);
    order_bulk(c, &order);
}

const an_hub_io an_core_io = {.send = io_send, .fetch = io_fetch, .combine = io_combine, .admit = io_admit};

/* ---- messages from sites ---- */

/* Whoever speaks in the present session, or opens one, speaks for the site. */
static void note_peer(an_core *c, const an_msg *msg)
{
    uint64_t epoch;
    const an_hub_live *live = an_hub_live_find(c->hub, c->in.site);
    if (msg->type != AN_MSG_HELLO && (!live || msg->epoch != live->epoch))
        return;
    an_err err = an_peers_hello(c->peers, c->in.site, &c->in.peer, &epoch);
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "peer_not_kept", "site=%s err=%s", c->in.site, an_err_name(err));
}

static void on_control(an_core *c)
{
    an_msg *msg = NULL;
    an_note why = {{0}};
    an_tick_add(&c->args->vitals->bytes_in[AN_VITALS_CONTROL], c->in.head_len);
    an_err err = c->in.body ? AN_ERR_PROTO : an_msg_decode(c->in.head, c->in.head_len, &msg, &why);
    if (err == AN_OK) {
        note_peer(c, msg);
        err = an_hub_message(c->hub, c->in.site, msg, &why);
    }
    if (err == AN_ERR_STATE) {
        /* Who has no session hears the coordinator's instance, and says HELLO. */
        an_msg m = {.type = AN_MSG_HEARTBEAT_ACK};
        m.u.heartbeat_ack = (an_msg_heartbeat_ack){.instance = c->instance,
                                                   .wall_ms = an_clock_system()->wall_ms(an_clock_system())};
        err = send_to(c, c->control, &c->in.peer, &m);
    } else if (err != AN_OK) {
        an_tick_add(&c->args->vitals->refused, 1);
        if (an_log_allow(&c->refused, mono()))
            an_log(AN_LOG_WARN, "message_refused", "site=%s err=%s why=\"%s\"", c->in.site, an_err_name(err),
                   why.text);
    }
    an_msg_free(msg);
}

static void on_enrol(an_core *c)
{
    an_msg *msg = NULL;
    an_err err = c->in.body || c->in.head_len > AN_MSG_ENROL_MAX
                     ? AN_ERR_PROTO
                     : an_msg_decode(c->in.head, c->in.head_len, &msg, NULL);
    if (err == AN_OK)
        err = an_msg_expect(msg, AN_DOOR_ENROL, AN_WAY_UP, NULL);
    if (err == AN_OK) {
        an_msg m = {.type = AN_MSG_ENROL_REPLY};
        an_hub_enrol(c->hub, c->in.key, &msg->u.enrol, &m.u.enrol_reply);
        err = send_to(c, c->enrol, &c->in.peer, &m);
    }
    if (err != AN_OK && an_log_allow(&c->refused, mono()))
        an_log(AN_LOG_WARN, "enrolment_refused", "address=%s err=%s", c->in.address, an_err_name(err));
    an_msg_free(msg);
}

/* ---- messages from the other threads ---- */

static void on_work(an_core *c)
{
    an_work *w;
    size_t len;
    while (an_pipe_recv(an_actor_pipe(c->worker), &w, sizeof w, &len) == AN_OK) {
        an_hub_combined(c->hub, w->job, w->err, &w->why);
        for (size_t i = 0; i < c->n_works; i++) {
            if (c->works[i] == w) {
                c->works[i] = c->works[--c->n_works];
                break;
            }
        }
        an_free(w);
    }
}

/* The enrolment door is open while a token is. */
static void set_door(an_core *c)
{
    const bool open = an_hub_enrolment_open(c->hub);
    if (open != c->enrol_open)
        an_zap_enrol(c->args->zap, open ? (unsigned)c->args->conf->enrol_rate : 0);
    c->enrol_open = open;
}

/* The core's share; the HTTP thread adds its own. */
static void answer_meters(an_core *c, an_http_job *job)
{
    an_buf b;
    an_meter_page p;
    an_buf_init(&b, AN_METER_PAGE_MAX);
    an_meter_begin(&p, an_coordinator_meters, AN_COORDINATOR_METERS, &b);
    an_err err = an_meters_core(c->hub, &p);
    an_buf_u8(&b, 0);
    if (err == AN_OK && an_meter_end(&p) == AN_OK)
        job->answer = (an_api_answer){.status = 200, .type = AN_METER_TYPE, .body = (char *)b.data};
    else
        an_buf_done(&b);
}

/* False: it waits for the journal.  Whoever gets a token finds the door open: a refused handshake is
 * tried again only after half a minute. */
/* What checks a password is read once, when it is new. */
static an_err read_verifier(an_core *c, const an_user *u, char ret[static AN_PASSWORD_TEXT], an_note *why)
{
    an_buf b;
    an_auth_verifier(c->auth, u->name, &u->verifier, ret);
    if (ret[0] || an_hash_is_zero(&u->verifier))
        return AN_OK;
    an_buf_init(&b, AN_PASSWORD_TEXT - 1);
    an_err err = an_store_object_get(c->store, &u->verifier, &b, why);
    if (err == AN_OK)
        memcpy(ret, b.data, b.len);
    else if (err == AN_ERR_NOTFOUND || err == AN_ERR_PROTO || err == AN_ERR_LIMIT) {
        an_log(AN_LOG_ERROR, "password_lost", "user=%s err=%s", u->name, an_err_name(err));
        err = AN_OK; /* they cannot log in until they have another one */
    }
    an_buf_done(&b);
    return err;
}

an_err an_core_tell_users(an_core *c, an_note *why)
{
    const an_users *users = &an_hub_state(c->hub)->users;
    if (c->users_told == users->changes)
        return AN_OK;
    char(*verifiers)[AN_PASSWORD_TEXT] = an_alloc(users->n + 1, sizeof *verifiers);
    an_err err = verifiers ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < users->n && err == AN_OK; i++)
        err = read_verifier(c, &users->items[i], verifiers[i], why);
    if (err == AN_OK)
        err = an_auth_publish(c->auth, users, (const char(*)[AN_PASSWORD_TEXT])verifiers);
    if (err == AN_OK)
        c->users_told = users->changes;
    if (verifiers)
        an_wipe(verifiers, (users->n + 1) * sizeof *verifiers);
    an_free(verifiers);
    return err;
}

static void tell_users(an_core *c)
{
    an_note why = {{0}};
    an_err err = an_core_tell_users(c, &why);
    if (err != AN_OK && an_log_allow(&c->refused, mono()))
        an_log(AN_LOG_ERROR, "users_not_told", "err=%s why=\"%s\"", an_err_name(err), why.text);
}

static bool answer_http(an_core *c, an_http_job *job)
{
    int64_t waited = mono() - job->since_ms;
    if (c->n_parked == AN_PARKED_MAX)
        waited = INT64_MAX;
    job->req.rest = c->n_parked < AN_PARKED_MAX ? &job->rest : NULL;
    if (strcmp(job->req.path, AN_METRICS_PATH) == 0)
        answer_meters(c, job);
    else if (an_api_handle(c->api, &job->req, waited, &job->answer) == AN_ERR_AGAIN)
        return false;
    set_door(c);
    tell_users(c); /* before it is said that somebody may ask no more */
    an_bridge_answer(c->bridge, job);
    return true;
}

/* Between messages and transactions too: the state is then what is stored.  What people change comes after what sites
 * said before it.  Bounded as drain is: many who ask at once, again and again, would else keep sites waiting. */
static void on_http(an_core *c, int64_t ms)
{
    an_http_job *job;
    size_t len;
    for (const int64_t until = mono() + ms;
         mono() <= until && an_pipe_recv(c->http, &job, sizeof job, &len) == AN_OK;) {
        if (strcmp(job->req.method, "GET") != 0)
            an_hub_settle(c->hub);
        if (!answer_http(c, job))
            c->parked[c->n_parked++] = job;
    }
}

/* All parked requests, when the journal has grown; else those whose time is over.  Of answers that are made in pieces
 * the first goes on by one, so that many of them take no more of a turn than one. */
static void look_at_parked(an_core *c)
{
    uint64_t seq = an_hub_state(c->hub)->last_seq;
    size_t n = c->n_parked, kept = 0;
    bool grown = seq != c->parked_seq, worked = false;
    c->parked_seq = seq;
    c->n_parked = 0; /* so that answer_http sees room */
    for (size_t i = 0; i < n; i++) {
        an_http_job *job = c->parked[i];
        int64_t wait_ms = 0;
        bool late = !an_parse_int(job->req.wait_ms, &wait_ms) || mono() - job->since_ms >= wait_ms;
        const bool turn = job->rest ? !worked : grown || late;
        worked = worked || job->rest;
        if (job->rest && turn && !an_bridge_waits(c->bridge, job))
            an_bridge_answer(c->bridge, job); /* nobody is there any more */
        else if (!turn || !answer_http(c, job))
            c->parked[kept++] = job;
    }
    c->n_parked = kept;
}

#define PEOPLE_EVERY 16 /* messages: so many are a few milliseconds, and people see no stop */
#define BETWEEN_MS 10   /* then, sites go first */

static void look_at_people(an_core *c)
{
    on_http(c, BETWEEN_MS);
    an_hub_gather(c->hub);
}

static void drain(an_core *c, an_server *srv, void (*on)(an_core *c))
{
    /* Bounded, so that one loud peer does not starve the rest of the loop. */
    for (int i = 1; i <= 256; i++) {
        an_err err = an_server_recv(srv, &c->in);
        if (err == AN_OK)
            on(c);
        else if (err == AN_ERR_AGAIN || err == AN_ERR_IO)
            return;
        if (i % PEOPLE_EVERY == 0)
            look_at_people(c);
    }
}

static void on_bulk(an_core *c)
{
    an_bulk_report r;
    size_t len;
    for (int i = 1; an_pipe_recv(an_actor_pipe(c->bulk), &r, sizeof r, &len) == AN_OK; i++) {
        if (r.n_small)
            an_hub_fetched_small(c->hub, r.site, r.round, &r.hash, r.small, r.n_small);
        else
            an_hub_fetched(c->hub, r.site, r.round, &r.hash, r.path, r.err, &r.why);
        if (i % PEOPLE_EVERY == 0)
            look_at_people(c);
    }
}

static void on_sites(an_core *c)
{
    an_hub_gather(c->hub);
    drain(c, c->control, on_control);
    drain(c, c->enrol, on_enrol);
    on_bulk(c);
    while (an_hub_settle_some(c->hub))
        on_http(c, BETWEEN_MS);
}

/* ---- after each turn ---- */

static void flush(an_core *c)
{
    c->works_wait = false;
    for (size_t i = 0; i < c->n_works && !c->works_wait; i++) {
        if (!c->works[i]->sent)
            c->works_wait = an_pipe_send(an_actor_pipe(c->worker), &c->works[i], sizeof *c->works) != AN_OK;
        c->works[i]->sent = !c->works_wait;
    }
    serve_versions(c);
    set_door(c);
    tell_users(c);
}

static int64_t sleep_ms(const an_core *c)
{
    const an_clock *clock = an_clock_system();
    int64_t ms = an_hub_deadline(c->hub) - clock->wall_ms(clock);
    for (size_t i = 0; i < c->n_parked; i++) {
        int64_t wait_ms = 0;
        if (c->parked[i]->rest)
            return 0;
        if (!an_parse_int(c->parked[i]->req.wait_ms, &wait_ms))
            continue;
        int64_t left = c->parked[i]->since_ms + wait_ms - mono();
        ms = left < ms ? left : ms;
    }
    if (c->works_wait && ms > 50)
        ms = 50;
    return ms < 0 ? 0 : ms > TICK_MS ? TICK_MS : ms;
}

/* False: this coordinator may not go on. */
static bool keep_lease(an_core *c)
{
    an_note why = {{0}};
    an_err err = an_hub_is_deposed(c->hub) ? AN_ERR_STATE : AN_OK;
    const int64_t now = mono();
    if (err == AN_OK && now >= c->keep_ms) {
        err = an_store_keep(c->store, &why);
        c->keep_ms = mono() + KEEP_MS;
        if (err == AN_OK)
            c->kept_ms = now;
        atomic_store(&c->args->vitals->store_ok, err == AN_OK);
        atomic_store(&c->args->vitals->kept_ms, c->kept_ms);
    }
    if (err == AN_ERR_STATE) {
        an_log(AN_LOG_ERROR, "deposed", "why=\"%s\"",
               why.text[0] ? why.text : "another coordinator has taken the store over");
        return false;
    }
    if (err != AN_OK && an_log_allow(&c->refused, mono()))
        an_log(AN_LOG_WARN, "lease_not_renewed", "err=%s why=\"%s\"", an_err_name(err), why.text);
    return true;
}

/* What it does, in words, when that has changed. */
static void tell_systemd(an_core *c)
{
    const an_state *st = an_hub_state(c->hub);
    size_t sites = 0, here = 0, rounds = 0;
    char text[sizeof c->told];
    if (mono() < c->tell_ms)
        return;
    c->tell_ms = mono() + TELL_MS;
    for (size_t i = 0; i < st->sites.n; i++)
        sites += st->sites.items[i].status == AN_SITE_APPROVED;
    const an_hub_live *live;
    for (size_t i = 0; (live = an_hub_live_at(c->hub, i)); i++)
        here += live->connected;
    for (size_t i = 0; i < st->rounds.n; i++)
        rounds += !st->rounds.items[i].over;
    snprintf(text, sizeof text, "STATUS=active: %zu of %zu sites connected, %zu rounds open", here, sites,
             rounds);
    if (strcmp(text, c->told) != 0)
        (void)an_notify(text);
    memcpy(c->told, text, sizeof text);
}

static void give_up(an_core *c, an_err err)
{
    if (c->args->calls.failed)
        c->args->calls.failed(c->args->calls.ctx, err);
}

void an_core_run(an_core *c, an_pipe *pipe)
{
    for (;;) {
        an_vitals_turned(c->args->vitals);
        an_notify_alive(mono());
        an_wait items[] = {{.pipe = pipe},
                           {.server = c->control},
                           {.server = c->enrol},
                           {.pipe = an_actor_pipe(c->bulk)},
                           {.pipe = an_actor_pipe(c->worker)},
                           {.pipe = c->http}};
        an_err err = an_poll(items, sizeof items / sizeof *items, sleep_ms(c));
        if (err != AN_OK && err != AN_ERR_AGAIN) {
            an_log(AN_LOG_ERROR, "core_cannot_wait", "err=%s", an_err_name(err));
            give_up(c, err);
            return;
        }
        uint8_t byte;
        size_t len;
        if (items[0].ready && an_pipe_recv(pipe, &byte, sizeof byte, &len) == AN_ERR_CANCELLED)
            return;
        if (!keep_lease(c)) { /* before anything is said: this process may have been stopped for long */
            give_up(c, AN_ERR_STATE);
            return;
        }
        on_sites(c);
        on_work(c);
        on_http(c, ANSWER_MS);
        if (an_clock_system()->wall_ms(an_clock_system()) >= an_hub_deadline(c->hub))
            an_hub_tick(c->hub);
        flush(c);
        an_feed_journal(an_bridge_feed(c->bridge), c->store, an_hub_state(c->hub)->last_seq);
        look_at_parked(c);
        tell_systemd(c);
    }
}
