/* The sites: few to a thread, because with each message libzmq looks at all sockets that the thread waits for. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/control.h"
#include "base/mem.h"
#include "net/poll.h"
#include "sum/payload.h"
#include "sum/vector.h"
#include "tests/bench/bench.h"
#include "tests/support/updates.h"

#define PER_THREAD 5

typedef struct light {
    bench *b;
    const bench_site *site;
    an_session_line line;
    an_calibrate_opts calibrate;
    an_site_policy policy;
    an_session *session;
    an_coordinator coordinator; /* its own list */
    an_control *control;
    uint64_t welcomed; /* the bench's generation that it has been greeted in */
    an_bulk *bulk;
    an_job *job;
    an_in in;
    int64_t due_ms;
    bool taken; /* a version lies in place */
    an_hash version;
} light;

typedef struct group {
    bench *b;
    size_t first, n;
    light sites[PER_THREAD];
} group;

static an_err io_send(void *ctx, const an_msg *msg)
{
    light *l = ctx;
    an_buf b;
    an_buf_init(&b, AN_MSG_CONTROL_MAX);
    an_err err = an_msg_encode(msg, &b, NULL);
    if (err == AN_OK)
        err = an_control_send(l->control, b.data, b.len);
    an_buf_done(&b);
    if (msg->type == AN_MSG_UPDATE_OFFER)
        an_bulk_greet(l->bulk, &msg->u.update_offer.update);
    return err;
}

static void io_fetch(void *ctx, const an_hash *version, uint64_t size, const char *path)
{
    light *l = ctx;
    (void)size;
    if (l->b->conf.share_versions) {
        char hex[AN_HASH_TEXT], from[AN_PATH_MAX + 200];
        an_hash_text(hex, version);
        snprintf(from, sizeof from, "%s/store/objects/%.2s/%s", l->b->conf.dir, hex, hex);
        unlink(path);
        if (link(from, path) == 0) {
            l->taken = true;
            l->version = *version;
            return;
        }
    }
    an_bulk_fetch(l->bulk, version, path);
}

static void io_run(void *ctx, an_job *job)
{
    ((light *)ctx)->job = job;
}

static an_err io_go_live(void *ctx, const char *line, const an_running *running, an_note *why)
{
    (void)ctx;
    (void)line;
    (void)running;
    (void)why;
    return AN_OK;
}

static an_err find_upload(void *ctx, const an_hash *update, char out[static AN_PATH_MAX])
{
    return an_session_upload(((light *)ctx)->session, update, out);
}

/* What a training of no length comes to. */
static an_err pretend_train(light *l, an_job *job, an_note *why)
{
    const an_plan *p = job->plan;
    const an_payload_facts facts = {.n_cohort = p->n_cohort,
                                    .value_bits = p->value_bits,
                                    .seed = p->seed,
                                    .site = job->site,
                                    .tensors = p->tensors,
                                    .n_tensors = p->n_tensors,
                                    .clip_norm = p->clip_norm,
                                    .weight_cap = p->weight_cap};
    const an_payload_in in = {.train = {.delta = l->b->delta, .weight = 100, .loss = 0.5}};
    an_update_header header = {.round = p->round, .dim = p->dim, .plan_hash = job->plan_hash};
    uint32_t *vector = an_alloc(p->dim, sizeof *vector);
    if (!vector)
        return AN_ERR_NOMEM;
    memcpy(header.site, job->site, sizeof header.site);
    an_err err = an_payload_n_params(&facts) == l->b->n_delta
                     ? an_payload_find(AN_PAYLOAD_TRAIN)->encode(vector, &facts, &in, why)
                     : AN_ERR_INVAL;
    if (err == AN_OK && p->privacy == AN_PRIVACY_SECURE_SUM) {
        job->vector = vector;
        return AN_OK;
    }
    if (err == AN_OK)
        err = an_test_update_write(job->out_path, p, &header, vector, &job->result, &job->size, why);
    an_free(vector);
    return err;
}

static void work(light *l)
{
    an_note why = {{0}};
    an_job *job = l->job;
    l->job = NULL;
    an_err err = job->kind == AN_JOB_ROUND && job->plan->kind == AN_PAYLOAD_TRAIN
                     ? pretend_train(l, job, &why)
                     : an_job_run(job, &l->b->data, &why);
    if (err != AN_OK)
        fprintf(stderr, "bench: %s: %s\n", job->site, why.text);
    an_session_done(l->session, job, err, &why);
}

/* Once for each process of the coordinator. */
static void count_welcome(light *l, uint64_t instance)
{
    if (l->welcomed == instance)
        return;
    l->welcomed = instance;
    atomic_fetch_add(&l->b->welcomes, 1);
}

static void hear(light *l)
{
    for (int i = 0; i < 64; i++) {
        an_msg *msg = NULL;
        size_t from = 0;
        an_err err = an_control_recv(l->control, &l->in, &from);
        if (err == AN_ERR_AGAIN || err == AN_ERR_IO)
            break;
        if (err == AN_OK && (err = an_msg_decode(l->in.head, l->in.head_len, &msg, NULL)) == AN_OK &&
            (err = an_session_message(l->session, msg, NULL)) == AN_OK && msg->type == AN_MSG_WELCOME &&
            an_control_settle(l->control, from)) {
            count_welcome(l, msg->u.welcome.instance);
            err = an_bulk_move(l->bulk, msg->u.welcome.bulk_endpoint, NULL);
        }
        if (err != AN_OK && err != AN_ERR_STATE)
            fprintf(stderr, "bench: %s: %s\n", l->site->name, an_err_text(err));
        an_msg_free(msg);
    }
    if (an_session_look(l->session).greeted ? an_control_is_lost(l->control) : an_control_greet(l->control))
        an_session_connected(l->session);
}

static int64_t deadline_of(const light *l)
{
    const int64_t session = an_session_deadline(l->session), bulk = an_bulk_deadline(l->bulk),
                  control = an_control_deadline(l->control);
    const int64_t sooner = session < bulk ? session : bulk;
    return sooner < control ? sooner : control;
}

static void turn(light *l)
{
    an_hash version;
    an_err err;
    an_note why = {{0}};
    hear(l);
    an_bulk_step(l->bulk);
    while (an_bulk_ended(l->bulk, &version, &err, &why))
        an_session_fetched(l->session, &version, err, &why);
    for (bool more = true; more;) {
        more = false;
        if (l->taken) {
            l->taken = false;
            version = l->version;
            an_session_fetched(l->session, &version, AN_OK, NULL);
            more = true;
        }
        if (l->job) {
            work(l);
            more = true;
        }
    }
    if (an_clock_system()->mono_ms(an_clock_system()) >= an_session_deadline(l->session))
        an_session_tick(l->session);
    l->due_ms = deadline_of(l);
}

static an_err open_site(group *g, size_t i, an_note *why)
{
    light *l = &g->sites[i];
    bench *b = g->b;
    const bench_site *s = &b->sites[g->first + i];
    l->b = b;
    l->site = s;
    l->line = (an_session_line){.line = "line-1", .model = BENCH_MODEL, .schema = &b->schema};
    l->calibrate = an_calibrate_defaults();
    l->coordinator = b->coordinator;
    const an_control_conf control = {.net = b->net, .coordinator = &l->coordinator, .id = &s->id};
    const an_bulk_conf bulk = {.net = b->net,
                               .coordinator = &b->coordinator,
                               .id = &s->id,
                               .clock = an_clock_system(),
                               .find = find_upload,
                               .ctx = l};
    const an_session_conf session = {.site = s->name,
                                     .sign_public = s->id.sign_public,
                                     .sign_secret = s->id.sign_secret,
                                     .coordinator_key = b->coordinator.statement_key,
                                     .root_key = b->coordinator.statement_key,
                                     .lines = &l->line,
                                     .n_lines = 1,
                                     .policy = &l->policy,
                                     .calibrate = &l->calibrate,
                                     .dir = s->dir,
                                     .n_threads = 1,
                                     .clock = an_clock_system(),
                                     .io = {l, io_send, io_fetch, io_run, io_go_live},
                                     .instance = 7};
    an_err err = an_site_policy_init(&l->policy);
    l->policy.allow_trusted = true;
    l->policy.min_cohort = 1;
    if (err == AN_OK)
        err = an_control_open(&control, &l->control, why);
    if (err == AN_OK)
        err = an_bulk_open(&bulk, &l->bulk, why);
    if (err == AN_OK)
        err = an_session_new(&session, &l->session, why);
    if (err == AN_OK)
        an_session_connected(l->session);
    return err;
}

static void close_site(light *l)
{
    an_session_free(l->session);
    an_job_free(l->job);
    an_bulk_close(l->bulk);
    an_control_close(l->control);
    an_site_policy_done(&l->policy);
    an_in_done(&l->in);
}

static int64_t sleep_ms(const group *g)
{
    int64_t now = an_clock_system()->mono_ms(an_clock_system()), next = now + 1000;
    for (size_t i = 0; i < g->n; i++)
        next = g->sites[i].due_ms < next ? g->sites[i].due_ms : next;
    return next <= now ? 0 : next - now;
}

static void group_main(an_pipe *pipe, void *arg)
{
    group *g = arg;
    an_note why = {{0}};
    an_err err = AN_OK;
    for (size_t i = 0; i < g->n && err == AN_OK; i++)
        err = open_site(g, i, &why);
    an_actor_ready(pipe, err, &why);
    while (err == AN_OK) {
        an_wait items[(AN_COORDINATORS_MAX + 1) * PER_THREAD + 1] = {{.pipe = pipe}};
        size_t n = 1, len;
        uint8_t byte;
        for (size_t i = 0; i < g->n; i++) {
            n += an_control_wait(g->sites[i].control, items + n); /* the bench has one coordinator */
            if (an_bulk_client(g->sites[i].bulk))
                items[n++] = (an_wait){.client = an_bulk_client(g->sites[i].bulk)};
        }
        err = an_poll(items, n, sleep_ms(g));
        err = err == AN_ERR_AGAIN ? AN_OK : err;
        if (items[0].ready && an_pipe_recv(pipe, &byte, 1, &len) == AN_ERR_CANCELLED)
            break;
        int64_t now = an_clock_system()->mono_ms(an_clock_system());
        for (size_t i = 0, at = 1; i < g->n; i++) {
            light *l = &g->sites[i];
            bool ready = items[at++].ready;
            if (at < n && items[at].client == an_bulk_client(l->bulk))
                ready = items[at++].ready || ready;
            /* Asking a socket that has nothing is a system call, and there are many. */
            if (ready || l->due_ms <= now)
                turn(l);
        }
    }
    for (size_t i = 0; i < g->n; i++)
        close_site(&g->sites[i]);
    an_free(g);
}

void bench_sites_start(bench *b)
{
    an_note why = {{0}};
    bench_need(an_net_open(1, &b->net, &why), "sockets", &why);
    for (size_t at = 0; at < b->conf.n_sites; at += PER_THREAD) {
        group *g = an_alloc(1, sizeof *g);
        if (!g)
            bench_need(AN_ERR_NOMEM, "sites", NULL);
        g->b = b;
        g->first = at;
        g->n = b->conf.n_sites - at < PER_THREAD ? b->conf.n_sites - at : PER_THREAD;
        bench_need(an_actor_start(b->net, group_main, g, &b->actors[b->n_actors++], &why), "sites", &why);
    }
}

void bench_sites_stop(bench *b)
{
    for (size_t i = 0; i < b->n_actors; i++)
        an_actor_stop(b->actors[i]);
    an_net_close(b->net);
    an_schema_done(&b->schema);
    an_free(b->rows);
    an_free(b->delta);
}
