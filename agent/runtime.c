/* The link thread: sockets, session, spool, and the orders that lines and trainer are given. */
#include "agent/runtime.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/runtime_link.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/poll.h"

#define TICK_MS 1000
#define GREET_MS 200  /* between two looks whether a coordinator can be reached */
#define STOP_MS 20000 /* lines save their pools */
#define OWED_MAX 4096 /* facts in memory while the disk is full */

/* ---- what lines say ---- */

static void keep_marks(an_agent *a)
{
    if (!an_agent_alarms_keep(a) || !an_agent_pieces_keep(a))
        return;
    for (size_t i = 0; i < a->n_lines && a->n_owed == 0; i++) {
        char name[AN_NAME_MAX + 16];
        an_note why = {{0}};
        if (a->marks[i].len == 0)
            continue;
        snprintf(name, sizeof name, "position.%s", a->lines[i].conf->name);
        if (an_spool_value_set(a->spool, name, a->marks[i].data, a->marks[i].len, &why) != AN_OK) {
            an_agent_fault(a, "position_not_kept", why.text);
            return;
        }
        an_buf_done(&a->marks[i]);
    }
}

/* A position is kept after the facts of the rows before it: without them a restart would read on
 * behind an alarm that nobody was told of. */
static void take_mark(an_agent *a, size_t i, an_buf *mark)
{
    an_buf_done(&a->marks[i]);
    a->marks[i] = *mark;
    keep_marks(a);
}

/* True: it is kept, or can never be. */
static bool keep_fact(an_agent *a, const an_msg *fact)
{
    an_note why = {{0}};
    an_err err = an_session_post(a->session, fact, &why);
    if (err == AN_OK)
        return true;
    an_agent_fault(a, "fact_not_kept", why.text[0] ? why.text : an_err_text(err));
    return err == AN_ERR_INVAL || err == AN_ERR_LIMIT;
}

/* What could not be kept, when the disk was full, in its order; then the positions. */
static void pay(an_agent *a)
{
    size_t n = 0;
    while (n < a->n_owed && keep_fact(a, a->owed[n]))
        an_free(a->owed[n++]);
    a->n_owed -= n;
    if (n > 0)
        memmove(a->owed, a->owed + n, a->n_owed * sizeof *a->owed);
    keep_marks(a);
}

static void take_fact(an_agent *a, an_msg *fact)
{
    if (a->n_owed == 0 && keep_fact(a, fact)) {
        an_free(fact);
    } else if (a->n_owed < OWED_MAX && an_grow(&a->owed, &a->owed_cap, a->n_owed + 1, sizeof *a->owed)) {
        a->owed[a->n_owed++] = fact;
    } else {
        an_agent_fault(a, "fact_lost", "too many wait for room on the disk");
        an_free(fact);
    }
}

/* The line has found its new version worse than the one before it: needs no link, and nobody's leave. */
static void go_back(an_agent *a, const an_line *l, const an_say *s)
{
    an_note why = {{0}};
    an_err err =
        an_session_return(a->session, l->conf->name, &s->u.worsened.version, s->u.worsened.reason, &why);
    if (err == AN_OK)
        an_log(AN_LOG_WARN, "went_back", "line=%s reason=\"%s\"", l->conf->name, s->u.worsened.reason);
    else if (err != AN_ERR_STATE) /* it has gone back already */
        an_agent_fault(a, "not_gone_back", why.text[0] ? why.text : an_err_text(err));
}

static void on_line(an_agent *a, size_t i)
{
    an_line *l = &a->lines[i];
    an_say s;
    size_t len;
    while (an_pipe_recv(an_actor_pipe(l->actor), &s, sizeof s, &len) == AN_OK) {
        switch (s.kind) {
        case AN_SAY_FACT:
            take_fact(a, s.u.fact);
            break;
        case AN_SAY_EXHIBIT:
            an_agent_alarms_show(a, s.u.exhibit);
            break;
        case AN_SAY_ALARM:
            an_agent_alarms_take(a, s.u.alarm);
            break;
        case AN_SAY_ADVICE:
            an_agent_advice_take(a, l, s.u.advised);
            break;
        case AN_SAY_PIECES:
            an_agent_pieces_take(a, s.u.pieces.items, s.u.pieces.n);
            break;
        case AN_SAY_MARK:
            take_mark(a, i, &s.u.mark);
            break;
        case AN_SAY_STATUS:
            l->status = s.u.status;
            break;
        case AN_SAY_SNAPSHOT:
            a->wanted[i] = false;
            an_snapshot_free(a->copies[i]);
            a->copies[i] = s.u.snapshot;
            if (a->job && !a->training && !a->stopping && !a->declined.text[0])
                an_agent_train(a);
            break;
        case AN_SAY_WORSENED:
            go_back(a, l, &s);
            break;
        case AN_SAY_SHADOW:
            an_session_shadowed(a->session, l->conf->name, &s.u.shadow.candidate, s.u.shadow.counts);
            an_free(s.u.shadow.counts);
            break;
        case AN_SAY_LIVE:
            an_session_live(a->session, l->conf->name, &s.u.live.version, &s.u.live.overlay);
            break;
        case AN_SAY_STOPPED:
            l->stopped = true;
            break;
        }
    }
}

/* ---- the coordinator and people ---- */

static an_err on_welcome(an_agent *a, const an_msg_welcome *w, size_t from, an_note *why)
{
    an_err err = an_control_settle(a->control, from) ? an_bulk_move(a->bulk, w->bulk_endpoint, why) : AN_OK;
    if (err == AN_OK && an_control_learn(a->control, w))
        err = an_coordinator_write(a->conf->data, &a->coordinator, why);
    return err;
}

static void on_control(an_agent *a)
{
    for (int i = 0; i < 256; i++) {
        an_note why = {{0}};
        an_msg *msg = NULL;
        size_t from = 0;
        an_err err = an_control_recv(a->control, &a->in, &from);
        if (err == AN_ERR_AGAIN || err == AN_ERR_IO)
            break;
        if (err == AN_OK && (err = an_msg_decode(a->in.head, a->in.head_len, &msg, &why)) == AN_OK &&
            (err = an_session_message(a->session, msg, &why)) == AN_OK && msg->type == AN_MSG_WELCOME)
            err = on_welcome(a, &msg->u.welcome, from, &why);
        if (err != AN_OK && err != AN_ERR_STATE) /* STATE: of the session before */
            an_agent_fault(a, "message_refused", why.text[0] ? why.text : an_err_text(err));
        an_msg_free(msg);
    }
    if (an_session_look(a->session).greeted ? an_control_is_lost(a->control) : an_control_greet(a->control))
        an_session_connected(a->session); /* says HELLO */
}

static void on_bulk(an_agent *a)
{
    an_hash version;
    an_err err;
    an_note why;
    an_bulk_step(a->bulk);
    while (an_bulk_ended(a->bulk, &version, &err, &why))
        an_session_fetched(a->session, &version, err, &why);
}

static void each_second(an_agent *a)
{
    an_command c;
    an_note why = {{0}};
    an_err err;
    if (a->clock->mono_ms(a->clock) < a->status_ms)
        return;
    pay(a);
    an_agent_alarms_tick(a);
    an_agent_verdicts_tick(a);
    a->status_ms = a->clock->mono_ms(a->clock) + TICK_MS;
    while ((err = an_inbox_take(a->conf->data, &c, &why)) == AN_OK)
        an_agent_obey(a, &c);
    if (err != AN_ERR_NOTFOUND)
        an_agent_fault(a, "command_not_read", why.text);
    an_agent_budget_look(a);
    an_agent_tell(a);
}

/* ---- the loop ---- */

static int64_t sleep_ms(const an_agent *a)
{
    int64_t next = a->status_ms;
    const int64_t session = an_session_deadline(a->session), bulk = an_bulk_deadline(a->bulk);
    const int64_t control = an_control_deadline(a->control);
    next = session < next ? session : next;
    next = bulk < next ? bulk : next;
    next = control < next ? control : next;
    const int64_t now = a->clock->mono_ms(a->clock);
    return next <= now ? 0 : next - now < TICK_MS ? next - now : TICK_MS;
}

static size_t watch(an_agent *a, an_wait *items, int stop_fd)
{
    size_t n = 0;
    items[n++] = (an_wait){.fd = stop_fd};
    items[n++] = (an_wait){.pipe = an_actor_pipe(a->trainer)};
    n += an_control_wait(a->control, items + n);
    for (size_t i = 0; i < a->n_lines; i++)
        items[n++] = (an_wait){.pipe = an_actor_pipe(a->lines[i].actor)};
    if (an_bulk_client(a->bulk))
        items[n++] = (an_wait){.client = an_bulk_client(a->bulk)};
    return n;
}

static an_err serve(an_agent *a, int stop_fd, an_note *why)
{
    an_wait items[AN_LINES_MAX + AN_COORDINATORS_MAX + 3];
    for (;;) {
        const size_t n = watch(a, items, stop_fd);
        an_err err = an_poll(items, n, sleep_ms(a));
        if (err != AN_OK && err != AN_ERR_AGAIN)
            return an_fail(err, why, "the agent cannot wait for its sockets");
        if (items[0].ready)
            return AN_OK;
        an_agent_tell_turn(a);
        on_control(a);
        an_agent_keys_tick(a);
        on_bulk(a);
        for (size_t i = 0; i < a->n_lines; i++)
            on_line(a, i);
        an_agent_trained(a);
        an_agent_declined(a);
        if (a->clock->mono_ms(a->clock) >= an_session_deadline(a->session))
            an_session_tick(a->session);
        each_second(a);
    }
}

/* Lines save what they have; what they still say is kept. */
static void stop_lines(an_agent *a)
{
    const int64_t until = a->clock->mono_ms(a->clock) + STOP_MS;
    const an_order o = {.kind = AN_ORDER_STOP};
    size_t running = 0;
    for (size_t i = 0; i < a->n_lines; i++)
        if (a->lines[i].actor)
            an_agent_order(&a->lines[i], &o);
    do {
        an_wait items[AN_LINES_MAX];
        running = 0;
        for (size_t i = 0; i < a->n_lines; i++)
            if (a->lines[i].actor && !a->lines[i].stopped)
                items[running++] = (an_wait){.pipe = an_actor_pipe(a->lines[i].actor)};
        an_err err = running > 0 ? an_poll(items, running, 100) : AN_OK;
        (void)err; /* asked again until the time is over */
        for (size_t i = 0; i < a->n_lines; i++)
            if (a->lines[i].actor && a->session)
                on_line(a, i);
    } while (running > 0 && a->clock->mono_ms(a->clock) < until);
    for (size_t i = 0; i < a->n_lines; i++) {
        an_actor_stop(a->lines[i].actor);
        an_actor_stop(a->lines[i].errands);
        an_actor_stop(a->lines[i].adviser);
        a->lines[i].actor = a->lines[i].errands = a->lines[i].adviser = NULL;
    }
}

/* ---- start and end ---- */

/* Where a line was before a restart; nothing in it at a first start. */
static an_err read_mark(an_agent *a, const char *line, an_buf *ret, an_note *why)
{
    char name[AN_NAME_MAX + 16];
    snprintf(name, sizeof name, "position.%s", line);
    const an_err err = an_spool_value_get(a->spool, name, ret, why);
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

static an_err open_line(an_agent *a, size_t i, const an_buf *marks, an_note *why)
{
    an_line *l = &a->lines[i];
    l->governor = a->governor;
    a->n_lines = i + 1;
    an_err err = an_line_open(a->lines, a->conf, i, &a->board, marks, why);
    if (err != AN_OK || (err = an_agent_alarms_begin(a, l, why)) != AN_OK)
        return err;
    l->status.alarm_open = an_alarm_is_open(an_pipeline_alarm(l->pipe));
    l->status.alarm = an_alarm_id(an_pipeline_alarm(l->pipe));
    l->status.alarm_last = an_alarm_last(an_pipeline_alarm(l->pipe));
    a->session_lines[i] =
        (an_session_line){.line = l->conf->name, .model = l->conf->model, .schema = &l->schema};
    return AN_OK;
}

static an_err open_lines(an_agent *a, an_note *why)
{
    an_buf marks[AN_LINES_MAX];
    an_err err = AN_OK;
    an_board_init(&a->board);
    for (size_t i = 0; i < a->conf->n_lines; i++)
        an_buf_init(&marks[i], 4u << 20);
    for (size_t i = 0; i < a->conf->n_lines && err == AN_OK; i++)
        err = read_mark(a, a->conf->lines[i].name, &marks[i], why);
    for (size_t i = 0; i < a->conf->n_lines && err == AN_OK; i++)
        err = open_line(a, i, marks, why);
    for (size_t i = 0; i < a->conf->n_lines; i++)
        an_buf_done(&marks[i]);
    return err;
}

static an_err start_lines(an_agent *a, an_note *why)
{
    an_err others = an_agent_alarms_of_others(a, why);
    if (others != AN_OK)
        return others;
    for (size_t i = 0; i < a->n_lines; i++) {
        an_line *l = &a->lines[i];
        an_err err = an_actor_start(a->net, an_errand_main, l, &l->errands, why);
        if (err == AN_OK && l->advice)
            err = an_actor_start(a->net, an_adviser_main, l, &l->adviser, why);
        if (err == AN_OK)
            err = an_actor_start(a->net, an_line_main, l, &l->actor, why);
        if (err != AN_OK)
            return err;
    }
    return AN_OK;
}

static an_err open_session(an_agent *a, an_note *why)
{
    uint64_t instance;
    an_random(&instance, sizeof instance);
    a->calibrate = an_calibrate_defaults();
    const an_session_conf conf = {.site = a->conf->site,
                                  .sign_public = a->id->sign_public,
                                  .sign_secret = a->id->sign_secret,
                                  .coordinator_key = a->coordinator.statement_key,
                                  .root_key = a->coordinator.root.key,
                                  .root_number = a->coordinator.root.number,
                                  .lines = a->session_lines,
                                  .n_lines = a->n_lines,
                                  .policy = &a->conf->policy,
                                  .calibrate = &a->calibrate,
                                  .spool = a->spool,
                                  .dir = a->conf->data,
                                  .versions_quota = (uint64_t)a->conf->versions_quota,
                                  .n_threads = (size_t)a->conf->threads,
                                  .clock = a->clock,
                                  .io = an_agent_io(a),
                                  .instance = instance};
    return an_session_new(&conf, &a->session, why);
}

static an_err open_links(an_agent *a, an_note *why)
{
    const an_bulk_conf bulk = {.net = a->net,
                               .coordinator = &a->coordinator,
                               .id = a->id,
                               .clock = a->clock,
                               .find = an_agent_find_upload,
                               .ctx = a};
    const an_control_conf control = {.net = a->net, .coordinator = &a->coordinator, .id = a->id};
    an_err err = an_control_open(&control, &a->control, why);
    return err == AN_OK ? an_bulk_open(&bulk, &a->bulk, why) : err;
}

static an_err open_all(an_agent *a, an_note *why)
{
    char path[AN_PATH_MAX];
    const char *dir = a->conf->data;
    const an_spool_conf spool = {.quota_bytes = (uint64_t)a->conf->spool_quota};
    an_err err;
    if ((err = an_dir_make(dir, why)) != AN_OK ||
        (err = an_dir_lock(dir, "agent", &a->lock_fd, why)) != AN_OK ||
        (err = an_coordinator_read(dir, &a->coordinator, why)) != AN_OK)
        return err;
    if (strcmp(a->coordinator.site, a->conf->site) != 0)
        return an_fail(AN_ERR_INVAL, why, "the configuration says site %s, but %s was enrolled",
                       a->conf->site, a->coordinator.site);
    if ((err = an_agent_identity(dir, &a->id, why)) != AN_OK ||
        (err = an_path_join(path, dir, "spool.db")) != AN_OK ||
        (err = an_spool_open(path, &spool, &a->spool, why)) != AN_OK ||
        (err = an_agent_alarms_open(a, why)) != AN_OK || (err = an_agent_sinks_start(a, why)) != AN_OK ||
        (err = an_path_join(a->status_path, dir, "status.json")) != AN_OK ||
        (err = an_net_open(1, &a->net, why)) != AN_OK)
        return err;
    const an_governor_conf governor = {.share = (double)a->conf->train_share / 100,
                                       .idle_only = a->conf->train_when == AN_TRAIN_IDLE,
                                       .n_lines = a->conf->n_lines,
                                       .cpu = a->conf->budget_cpu,
                                       .clock = a->clock};
    a->train = (an_trainer_conf){.nice = a->conf->nice, .budget = &a->budget};
    if ((err = an_governor_new(&governor, &a->governor)) != AN_OK)
        return err;
    if ((err = an_actor_start(a->net, an_train_main, &a->train, &a->trainer, why)) != AN_OK ||
        (err = open_lines(a, why)) != AN_OK || (err = an_agent_budget_open(a, why)) != AN_OK ||
        (err = start_lines(a, why)) != AN_OK || (err = open_links(a, why)) != AN_OK ||
        (err = open_session(a, why)) != AN_OK)
        return err;
    err = an_agent_keys_open(a, why);
    return err == AN_OK ? an_agent_api_start(a, why) : err;
}

static void close_all(an_agent *a)
{
    an_agent_tell_stopping();
    an_agent_api_stop(a);
    an_agent_tell_close(a);
    a->stopping = true;
    if (a->job)
        atomic_store(&a->job->cancel, true);
    if (a->governor)
        an_governor_stop(a->governor);
    stop_lines(a);
    if (a->session)
        pay(a);
    for (size_t i = 0; i < a->n_owed; i++)
        an_free(a->owed[i]);
    an_free(a->owed);
    for (size_t i = 0; i < AN_LINES_MAX; i++)
        an_buf_done(&a->marks[i]);
    an_actor_stop(a->trainer);
    an_agent_drop_copies(a);
    if (a->training)
        an_snapshot_free(a->training->data);
    an_free(a->training);
    an_session_free(a->session);
    an_job_free(a->job);
    an_in_done(&a->in);
    an_bulk_close(a->bulk);
    an_control_close(a->control);
    for (size_t i = 0; i < a->n_lines; i++)
        an_line_close(&a->lines[i]);
    an_sinks_stop(a->sinks);
    an_governor_free(a->governor);
    an_agent_alarms_close(a);
    an_spool_close(a->spool);
    an_net_close(a->net);
    an_identity_free(a->next);
    an_identity_free(a->id);
    if (a->lock_fd >= 0)
        close(a->lock_fd);
    an_free(a);
}

an_err an_agent_run(const an_agent_conf *conf, int stop_fd, an_note *why)
{
    an_agent *a = an_alloc(1, sizeof *a);
    if (!a)
        return AN_ERR_NOMEM;
    a->conf = conf;
    a->clock = an_clock_system();
    a->lock_fd = -1;
    an_err err = an_agent_tell_open(a);
    if (err == AN_OK)
        err = open_all(a, why);
    if (err == AN_OK) {
        an_log(AN_LOG_INFO, "agent_started", "site=%s lines=%zu", conf->site, a->n_lines);
        an_session_connected(a->session);
        an_agent_keys_tick(a);
        const an_order go = {.kind = AN_ORDER_GO};
        for (size_t i = 0; i < a->n_lines; i++)
            an_agent_order(&a->lines[i], &go);
        err = serve(a, stop_fd, why);
    }
    close_all(a);
    return err;
}
