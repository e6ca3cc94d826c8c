/* One line's thread: rows in, scores out, whatever the rest of the agent does.  It owns the
 * source, the pipeline and the sample pool; the link thread asks it for copies and hands it new
 * versions. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/runtime_line.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/poll.h"

#define BATCH_ROWS 64
#define STATUS_MS 1000
#define RETRY_MS 5000
#define ROOM_MS 5 /* until those that share the source have taken some of what they have */
#define MARK_BYTES_MAX (1 << 20)

const char *an_line_phase_name(an_line_phase phase)
{
    static const char *const names[] = {"waiting for a version", "reading", "ended", "failing"};
    return names[phase];
}

void an_going_free(an_going *g)
{
    if (!g)
        return;
    an_live_done(&g->live);
    an_live_done(&g->before);
    an_free(g->edges);
    an_free(g);
}

uint64_t an_line_alarm_id(const char *line, uint64_t alarm)
{
    an_hash h;
    an_hash_of(&h, line, strlen(line));
    return (uint64_t)(h.b[0] | (h.b[1] & 0x7fu) << 8) << 48 | (alarm & AN_ALARM_OF_LINE);
}

/* ---- to the link thread ---- */

/* Waits while the pipe is full: a fact must not be lost. */
static void say(an_pipe *pipe, const an_say *s)
{
    while (an_pipe_send(pipe, s, sizeof *s) == AN_ERR_AGAIN) {
        an_wait wait = {.pipe = pipe, .want_send = true};
        an_err err = an_poll(&wait, 1, 50);
        (void)err; /* tried again in any case */
    }
}

static void say_fact(an_line_run *r, const an_msg *m)
{
    an_say s = {.kind = AN_SAY_FACT, .u.fact = an_alloc(1, sizeof *m)};
    if (!s.u.fact) {
        an_log(AN_LOG_ERROR, "fact_lost", "line=%s why=\"out of memory\"", r->l->conf->name);
        return;
    }
    *s.u.fact = *m;
    say(r->pipe, &s);
}

void an_line_mark(an_line_run *r)
{
    static const uint8_t nothing[AN_ALARM_HASH];
    const an_live *live = an_pipeline_live(r->l->pipe);
    an_say s = {.kind = AN_SAY_MARK};
    an_buf source, alarm;
    /* Who goes on behind a row finds it in the file; an error shows at the next row. */
    if (r->l->scores)
        (void)fflush(r->l->scores);
    an_line_pieces_say(r->l);
    an_buf_init(&source, MARK_BYTES_MAX);
    an_buf_init(&alarm, MARK_BYTES_MAX);
    an_buf_init(&s.u.mark, 3 * MARK_BYTES_MAX);
    an_err err = an_source_save(r->l->source, &source);
    if (err == AN_OK)
        err = an_alarm_save(an_pipeline_alarm(r->l->pipe), &alarm);
    if (err == AN_OK)
        err = an_pipeline_rules_save(r->l->pipe, &alarm);
    if (err == AN_OK) {
        an_buf_u64(&s.u.mark, r->l->next_row);
        an_buf_u64(&s.u.mark, r->l->source_run);
        an_buf_u32(&s.u.mark, (uint32_t)source.len);
        an_buf_put(&s.u.mark, source.data, source.len);
        an_buf_put(&s.u.mark, alarm.data, alarm.len);
        an_held_save(&r->held, live ? live->version : nothing, &s.u.mark);
        an_tally_save(&r->l->tally, &s.u.mark);
        an_line_rest_save(r->l, &s.u.mark);
        err = an_buf_err(&s.u.mark);
    }
    an_buf_done(&source);
    an_buf_done(&alarm);
    if (err != AN_OK) {
        an_log(AN_LOG_ERROR, "position_not_kept", "line=%s err=%s", r->l->conf->name, an_err_name(err));
        an_buf_done(&s.u.mark);
        return;
    }
    r->marked = true;
    say(r->pipe, &s);
}

static void copy_answers(const an_live *live, an_line_status *s)
{
    const an_live_answer *answers = NULL;
    s->n_answers = live && live->answers ? live->answers(live->ctx, &answers) : 0;
    for (size_t i = 0; i < s->n_answers; i++)
        s->answers[i] = answers[i];
}

static void say_status(an_line_run *r)
{
    const an_line *l = r->l;
    an_line_status *s = &r->status;
    const an_source_stats source = an_source_stats_get(l->source);
    const an_live *live = an_pipeline_live(l->pipe);
    if (s->phase != r->phase_said || s->phase_ms == 0)
        s->phase_ms = r->clock->wall_ms(r->clock);
    r->phase_said = s->phase;
    s->stats = an_pipeline_stats_get(l->pipe);
    s->source_rows = l->next_row;
    s->source = source;
    s->source.bad_last = NULL;
    snprintf(s->bad_last, sizeof s->bad_last, "%.110s", source.bad_last);
    s->live = live != NULL;
    s->drift_watched = live && live->reference;
    s->drift_ratio = an_pipeline_drift_ratio(l->pipe);
    s->since_ms = live ? l->tally.since_ms : 0;
    s->threshold = an_pipeline_threshold(l->pipe);
    s->calibrated = live ? live->threshold : 0;
    s->factor = an_pipeline_factor(l->pipe);
    copy_answers(live, s);
    an_tally_sum(&l->tally, &s->verdicts);
    s->alarm_open = an_alarm_is_open(an_pipeline_alarm(l->pipe));
    s->alarm = an_alarm_id(an_pipeline_alarm(l->pipe));
    s->alarm_last = an_alarm_last(an_pipeline_alarm(l->pipe));
    for (size_t i = 0; i < AN_POOL_PARTS; i++)
        s->pool[i] = an_pool_n(l->pool, (an_pool_part)i);
    an_say out = {.kind = AN_SAY_STATUS, .u.status = *s};
    say(r->pipe, &out);
}

/* ---- events of the pipeline ---- */

static void on_alarm(void *ctx, const an_alarm_event *e)
{
    const an_line *l = ctx;
    an_line_run *r = l->run;
    r->marked = false;
    an_held_alarm(&r->held, e);
    if (e->kind == AN_ALARM_RAISED)
        an_tally_alarm(&r->l->tally, e->id);
}

static void on_quality(void *ctx, const an_quality_event *e)
{
    an_line *l = ctx;
    l->run->status.quality[e->kind] += e->begins;
    an_line_quality(l, e);
    if (e->kind == AN_QUALITY_IMAGE) {
        an_log(AN_LOG_WARN, e->begins ? "image_bad" : "image_good",
               "line=%s image=\"%s\" part=\"%s\" why=\"%s\"", l->conf->name, e->image, e->part ? e->part : "",
               an_value_quality_name(e->said));
        return;
    }
    an_log(AN_LOG_WARN, e->begins ? "sensor_bad" : "sensor_good",
           "line=%s sensor=\"%s\" kind=\"%s\" source=\"%s\" rows=%" PRIu64, l->conf->name,
           l->sensors[e->sensor], an_quality_kind_name(e->kind), an_value_quality_name(e->said), e->rows);
}

static const char *drift_test(an_drift_kind kind)
{
    return kind == AN_DRIFT_INPUT ? "psi" : kind == AN_DRIFT_SCORE_STEP ? "adwin" : "page-hinkley";
}

static void on_drift(void *ctx, const an_drift_alert *d)
{
    const an_line *l = ctx;
    an_line_run *r = l->run;
    const an_live *live = an_pipeline_live(l->pipe);
    an_msg m = {.type = AN_MSG_DRIFT_ALERT};
    an_msg_drift_alert *a = &m.u.drift_alert;
    const bool input = d->kind == AN_DRIFT_INPUT && d->n_top > 0;
    r->marked = false;
    an_held_drift(&r->held, d);
    an_text_set(a->model, sizeof a->model, l->conf->model);
    an_text_set(a->line, sizeof a->line, l->conf->name);
    if (live)
        memcpy(a->version.b, live->version, sizeof a->version.b);
    an_text_set(a->test, sizeof a->test, drift_test(d->kind));
    an_text_set(a->subject, sizeof a->subject, input ? l->sensors[d->top[0].sensor] : "score");
    a->sign = d->sign;
    a->effect = d->effect;
    a->statistic = input ? d->top[0].psi : d->effect;
    a->threshold = d->limit;
    a->n_current = d->rows;
    a->n_reference = d->reference_rows;
    a->since_ms = d->since_ms;
    an_text_set(r->status.drift.test, sizeof r->status.drift.test, a->test);
    an_text_set(r->status.drift.subject, sizeof r->status.drift.subject, a->subject);
    r->status.drift.effect = d->effect;
    r->status.drift.limit = d->limit;
    r->status.drift.since_ms = d->since_ms;
    an_log(AN_LOG_WARN, "drift", "line=%s test=%s subject=\"%s\" effect=%.3g limit=%.3g", l->conf->name,
           a->test, a->subject, d->effect, d->limit);
    say_fact(r, &m);
}

void an_line_fact(an_line *l, const an_msg *m)
{
    l->run->marked = false;
    say_fact(l->run, m);
}

void an_line_logged(an_line *l, an_alarm_record *r)
{
    const an_say s = {.kind = AN_SAY_ALARM, .u.alarm = r};
    l->run->marked = false;
    say(l->run->pipe, &s);
}

void an_line_say(an_line *l, const an_say *s)
{
    say(l->run->pipe, s);
}

an_line_status *an_line_status_of(an_line *l)
{
    return &l->run->status;
}

const an_pipeline_hooks an_line_hooks = {.alarm = on_alarm,
                                         .spoken = an_line_spoken,
                                         .quality = on_quality,
                                         .drift = on_drift,
                                         .watch = an_line_watched,
                                         .threshold = an_line_threshold_moved};

/* ---- rows ---- */

static uint64_t known(const an_line *l)
{
    return (uint64_t)l->conf->known_normal_rows;
}

/* Recorded data: what is to be judged is not read before there is a judge.  What can wait, waits for a version that is
 * made ready; so does what has no other. */
static bool must_wait(const an_line_run *r)
{
    const an_line *l = r->l;
    const bool runs = an_pipeline_live(l->pipe) != NULL;
    if (an_line_is_readying(r))
        return !runs || !an_source_is_paced(l->source);
    return l->conf->wait_for_version && !runs && l->next_row >= known(l);
}

static an_err read_rows(an_line_run *r, int64_t *ret_wait_ms, an_note *why)
{
    an_line *l = r->l;
    size_t cap = BATCH_ROWS;
    /* A batch ends where the known-normal rows end. */
    if (l->next_row < known(l) && known(l) - l->next_row < cap)
        cap = (size_t)(known(l) - l->next_row);
    l->batch.cap = cap;
    l->batch.n = 0;
    an_err err = an_source_next(l->source, &l->batch, ret_wait_ms, why);
    l->batch.cap = BATCH_ROWS;
    return err;
}

static void process(an_line_run *r)
{
    an_line *l = r->l;
    an_note why = {{0}};
    const an_batch *b = &l->batch;
    const int64_t now_ms = l->recent ? r->clock->wall_ms(r->clock) : 0;
    const an_pipeline_stats before = an_pipeline_stats_get(l->pipe);
    for (size_t i = 0; i < b->n; i++) {
        if (b->row[i] < l->next_row) /* read anew for a line that shares the source */
            continue;
        const an_pipeline_in in = {.row = b->row[i],
                                   .time_ms = b->time_ms[i],
                                   .values = b->values + i * b->width,
                                   .quality = b->quality + i * b->width,
                                   .part = b->part[i],
                                   .image = l->frame.rows > 0 ? &b->image[i] : NULL,
                                   .flags = b->flags[i],
                                   .label = b->label[i]};
        an_pipeline_learn(l->pipe, an_pipeline_live(l->pipe) || known(l) == 0 || l->next_row < known(l));
        if (l->trace)
            an_trace_row(l->trace, in.time_ms, in.values);
        an_pipeline_out out = {.scored = false};
        const uint64_t since_ns = an_clock_ns();
        if (an_pipeline_row(l->pipe, &in, &out, &why) != AN_OK)
            snprintf(r->status.error, sizeof r->status.error, "%.150s", why.text);
        if (out.scored)
            an_times_add(&l->decision, an_times_short, (an_clock_ns() - since_ns) / 1000);
        if (l->trace && out.scored)
            an_trace_score(l->trace, out.score);
        if (l->recent)
            an_recent_add(l->recent, now_ms,
                          &(an_recent_row){in.time_ms, out.scored ? out.score : (double)NAN, out.alarm_open});
        an_line_piece(l, &in, &out);
        l->next_row = b->row[i] + 1;
    }
    const an_pipeline_stats after = an_pipeline_stats_get(l->pipe);
    an_tally_rows(&r->l->tally, after.scored - before.scored);
    if (!r->marked || before.alarms != after.alarms)
        an_line_mark(r);
    r->marked = true;
}

/* Returns how long there is nothing to do. */
static int64_t turn(an_line_run *r)
{
    an_note why = {{0}};
    int64_t wait_ms = STATUS_MS;
    const int64_t now = r->clock->mono_ms(r->clock);
    if (r->status.phase == AN_LINE_ENDED || (r->status.phase == AN_LINE_FAILING && now < r->retry_ms))
        return STATUS_MS;
    if (must_wait(r)) {
        r->status.phase = AN_LINE_WAITING;
        return STATUS_MS;
    }
    r->status.phase = AN_LINE_READING;
    if (!an_line_stream_room(r->l))
        return ROOM_MS;
    an_err err = read_rows(r, &wait_ms, &why);
    if (err == AN_OK) {
        an_line_pace_rows(r->l, now);
        an_line_stream_put(r->l);
        process(r);
        return 0;
    }
    if (err == AN_ERR_AGAIN)
        return wait_ms < STATUS_MS ? wait_ms : STATUS_MS;
    if (err == AN_ERR_NOTFOUND) {
        r->status.phase = AN_LINE_ENDED;
        an_line_stream_end(r->l);
        an_board_clear(r->l->board, r->l->number);
        an_line_mark(r);
        an_line_save_pool(r);
        an_log(AN_LOG_INFO, "source_ended", "line=%s rows=%" PRIu64, r->l->conf->name, r->l->next_row);
        if (r->l->scores && fflush(r->l->scores) != 0)
            an_log(AN_LOG_ERROR, "scores_not_written", "line=%s", r->l->conf->name);
        return 0;
    }
    r->status.phase = AN_LINE_FAILING;
    an_board_clear(r->l->board, r->l->number);
    r->retry_ms = now + RETRY_MS;
    snprintf(r->status.error, sizeof r->status.error, "%.150s", why.text[0] ? why.text : an_err_text(err));
    an_log(AN_LOG_ERROR, "source_failing", "line=%s why=\"%s\"", r->l->conf->name, r->status.error);
    return STATUS_MS;
}

static void housekeep(an_line_run *r)
{
    const int64_t now = r->clock->mono_ms(r->clock);
    an_line_shadow_look(r->l, r->status.phase == AN_LINE_ENDED);
    an_line_pace_look(r->l, now);
    an_line_advice_look(r->l, now);
    an_line_counts_say(r->l, r->clock->wall_ms(r->clock));
    if (now >= r->status_ms) {
        say_status(r);
        an_line_mark(r);
        r->status_ms = now + STATUS_MS;
    }
    if (now >= r->save_ms) {
        an_line_save_pool(r);
        r->save_ms = now + r->l->agent->save_ms;
    }
}

/* Until the time is over, there is an order, or the source has something. */
static void rest(an_line_run *r, int64_t wait_ms)
{
    const bool reads = r->go && !must_wait(r) && an_line_stream_room(r->l);
    const int fd = reads ? an_source_fd(r->l->source) : -1;
    an_pipe *advice = an_line_advice_awaited(r->l);
    an_wait items[4];
    size_t n = 0;
    if (!an_line_is_readying(r)) /* orders wait then */
        items[n++] = (an_wait){.pipe = r->pipe};
    if (r->errand)
        items[n++] = (an_wait){.pipe = an_actor_pipe(r->l->errands)};
    if (advice)
        items[n++] = (an_wait){.pipe = advice};
    if (fd >= 0)
        items[n++] = (an_wait){.fd = fd};
    an_err err = an_poll(items, n, wait_ms);
    (void)err; /* looked at in any case */
}

void an_line_main(an_pipe *pipe, void *line)
{
    an_line_run r = {.l = line, .pipe = pipe, .clock = an_clock_system(), .marked = true};
    an_line *l = line;
    const an_driftwatch_conf drift = an_agent_line_drift(l->conf);
    an_held_init(&r.held, l->pool, &drift, l->context);
    an_reader kept = an_reader_of(l->kept.data, l->kept.len);
    if (l->kept.len > 0 && an_held_restore(&r.held, &kept) != AN_OK)
        an_log(AN_LOG_WARN, "drift_not_taken_up", "line=%s", l->conf->name);
    else if (l->kept.len > 0 && an_tally_restore(&l->tally, &kept) != AN_OK)
        an_log(AN_LOG_WARN, "counts_not_taken_up", "line=%s", l->conf->name);
    an_line_rest_find(l, &kept);
    l->run = &r;
    r.save_ms = r.clock->mono_ms(r.clock) + l->agent->save_ms;
    (void)an_thread_prompt(); /* an older system knows nothing of it */
    an_actor_ready(pipe, AN_OK, NULL);
    while (!r.stop) {
        an_line_obey(&r);
        if (r.stop)
            break;
        const int64_t wait_ms = r.go ? turn(&r) : STATUS_MS;
        if (r.go)
            housekeep(&r);
        if (!an_line_errands(&r) && wait_ms > 0)
            rest(&r, wait_ms);
    }
    an_line_errands_end(&r);
    if (r.go) {
        an_line_mark(&r);
        an_line_save_pool_now(&r);
        say_status(&r);
    }
    const an_say stopped = {.kind = AN_SAY_STOPPED};
    say(pipe, &stopped);
}
