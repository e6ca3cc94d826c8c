#include "tests/support/pumps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/live.h"
#include "agent/live_report.h"
#include "base/mem.h"
#include "base/rng.h"

#define PUMP_WINDOW 4
#define NORMAL 9000 /* rows that the first version learns */
#define DEMO_NORMAL 8000
#define DEMO_SLOW 12 /* four sites train one after the other: a round of 48 rows, 0.24 s */
#define START_MS INT64_C(1780000000000)

static const char arch[] = "model: pump\n"
                           "input: {features: features, window: 4}\n"
                           "layers:\n"
                           "  - flatten\n"
                           "  - dense: {units: 64}\n"
                           "  - relu\n"
                           "  - dense: {units: 8}\n"
                           "  - relu\n"
                           "  - dense: {units: 64}\n"
                           "  - relu\n"
                           "  - dense: {units: input}\n"
                           "loss: mse\n"
                           "target: input\n";

static const char *const policy[][2] = {
    {"train.rounds", "3"},       {"train.epochs", "6"},         {"train.batch", "64"},
    {"train.lr", "0.003"},       {"promote.automatic", "true"}, {"min_cohort", "3"},
    {"drift.automatic", "true"}, {"drift.quorum", "1"},         {"drift.use_held", "true"},
    {"drift.rounds", "3"},       {"drift.epochs", "4"},         {"drift.lr", "0.001"},
    {"drift.cooldown", "10m"},   {"drift.gather", "0"},         {"drift.false_month", "0"},
    {"privacy", "trusted"}};

static const char *const demo_policy[][2] = {
    {"train.rounds", "12"},      {"train.epochs", "6"},         {"train.batch", "32"},
    {"train.lr", "0.002"},       {"promote.automatic", "true"}, {"min_cohort", "4"},
    {"drift.automatic", "true"}, {"drift.cooldown", "1000s"},   {"drift.rounds", "4"},
    {"drift.epochs", "6"},       {"drift.lr", "0.001"},         {"round.upload", "60000s"},
    {"drift.gather", "800s"},    {"round.invite", "20000s"},    {"drift.false_month", "0"},
    {"privacy", "trusted"}};

static const char *names[AN_SIM_SENSORS_MAX], *units[AN_SIM_SENSORS_MAX]; /* of the simulated ones */
static an_model_spec spec = {.name = "pump",
                             .arch = arch,
                             .sensors = names,
                             .units = units,
                             .rate_hz = 1,
                             .window = PUMP_WINDOW,
                             .stride = 1,
                             .smooth = 1,
                             .threshold = "quantile:0.999*1.33",
                             .policy = policy,
                             .n_policy = sizeof policy / sizeof *policy};

pump *pump_of(world *w, size_t i)
{
    return w->sites[i].own;
}

/* ---- what a line says ---- */

static void post(pump *p, const an_msg *m)
{
    an_note why = {{0}};
    if (an_session_post(p->s->session, m, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void on_alarm(void *ctx, const an_alarm_event *e)
{
    pump *p = ctx;
    an_msg m = {.type = AN_MSG_ALARM_SUMMARY};
    an_msg_alarm_summary *a = &m.u.alarm_summary;
    an_held_alarm(&p->held, e);
    if (e->kind == AN_ALARM_UPDATED)
        return;
    p->raised += e->kind == AN_ALARM_RAISED;
    if (e->kind == AN_ALARM_RAISED) {
        p->last_alarm = e->id;
        an_tally_alarm(&p->tally, e->id);
    }
    p->cleared += e->kind == AN_ALARM_CLEARED;
    an_text_set(a->line, sizeof a->line, "line-1");
    a->alarm_id = e->id;
    memcpy(a->version.b, e->version, sizeof a->version.b);
    a->raised_ms = e->since_ms;
    a->cleared_ms = e->kind == AN_ALARM_CLEARED ? e->time_ms : 0;
    a->peak = e->peak;
    post(p, &m);
}

static void on_drift(void *ctx, const an_drift_alert *d)
{
    static const char *const tests[] = {"psi", "adwin", "page-hinkley"};
    pump *p = ctx;
    an_msg m = {.type = AN_MSG_DRIFT_ALERT};
    an_msg_drift_alert *a = &m.u.drift_alert;
    const bool input = d->kind == AN_DRIFT_INPUT && d->n_top > 0;
    p->drifts++;
    an_held_drift(&p->held, d);
    if (p->told)
        print_message("%s row %llu: %s, effect %.3g, limit %.3g\n", p->s->name, (unsigned long long)p->row,
                      an_drift_kind_name(d->kind), d->effect, d->limit);
    an_text_set(a->model, sizeof a->model, p->s->line.model);
    an_text_set(a->line, sizeof a->line, "line-1");
    memcpy(a->version.b, an_pipeline_live(p->pipe)->version, sizeof a->version.b);
    an_text_set(a->test, sizeof a->test, tests[d->kind]);
    an_text_set(a->subject, sizeof a->subject, input ? p->names[d->top[0].sensor] : "score");
    a->sign = d->sign;
    a->effect = a->statistic = d->effect;
    a->threshold = d->limit;
    a->n_current = d->rows;
    a->n_reference = d->reference_rows;
    a->since_ms = d->since_ms;
    post(p, &m);
}

static void on_watch(void *ctx, const an_watch_news *news)
{
    pump *p = ctx;
    an_msg m;
    an_live_report(&m, p->s->line.model, "line-1", an_pipeline_live(p->pipe), news);
    if (p->told)
        print_message("%s row %llu: %s, %s\n", p->s->name, (unsigned long long)p->row,
                      an_live_verdict_name(news->verdict), news->reason);
    p->watched = news->verdict;
    snprintf(p->watch_reason, sizeof p->watch_reason, "%s", news->reason);
    post(p, &m);
}

/* As the runtime does: the line has said that it wants to go back. */
static void go_back(pump *p)
{
    an_note why = {{0}};
    an_hash version;
    if (p->watched != AN_LIVE_WORSENED)
        return;
    memcpy(version.b, an_pipeline_live(p->pipe)->version, sizeof version.b);
    p->watched = (an_live_verdict)0;
    p->returns++;
    if (an_session_return(p->s->session, "line-1", &version, p->watch_reason, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static int64_t wall_ms(const pump *p)
{
    const an_clock *clock = &p->s->w->clock.clock;
    return clock->wall_ms(clock);
}

static void say_counts(pump *p)
{
    an_msg m;
    if (!an_tally_due(&p->tally, wall_ms(p)))
        return;
    an_tally_report(&m, &p->tally, p->s->line.model, "line-1");
    post(p, &m);
}

void pump_judge(pump *p, uint64_t alarm, an_verdict verdict)
{
    if (verdict == AN_VERDICT_TRUE)
        (void)an_pool_confirm(p->pool, alarm);
    else if (verdict == AN_VERDICT_FALSE)
        (void)an_pool_release(p->pool, alarm);
    (void)an_tally_verdict(&p->tally, alarm, verdict);
    say_counts(p);
}

void pump_missed(pump *p)
{
    an_tally_missed(&p->tally);
    say_counts(p);
}

/* ---- what a site does ---- */

static an_err go_live(site *s, const an_running *running, an_note *why)
{
    pump *p = s->own;
    const an_bundle *b = running->bundle;
    an_live live = {0};
    an_note note = {{0}};
    an_err err = an_live_make(b, &running->version, running->values, &running->overlay, &live, why);
    if (err != AN_OK)
        return err;
    p->released += an_held_live(&p->held, running->with_held);
    if (an_live_reference(&live, &p->drift, p->pool, p->held.settled_ms, b->edges, b->n_edges + 1,
                          &live.reference, &note) != AN_OK)
        p->unwatched++;
    const an_alarm *alarm = an_pipeline_alarm(p->pipe);
    err = an_pipeline_swap(p->pipe, &live, running->watched, why);
    if (err == AN_OK)
        an_tally_live(&p->tally, running->version.b, running->overlay.b,
                      an_alarm_id(alarm) + an_alarm_is_open(alarm), wall_ms(p));
    an_live_done(&live);
    return err;
}

static an_err shadow(site *s, const an_running *running, an_note *why)
{
    pump *p = s->own;
    an_live live = {0};
    an_err err =
        an_live_make(running->bundle, &running->version, running->values, &running->overlay, &live, why);
    if (err == AN_OK)
        err = an_pipeline_shadow(p->pipe, &live, why);
    an_live_done(&live);
    p->candidate = running->version;
    return err;
}

static void shadow_end(site *s)
{
    ((pump *)s->own)->shadow_ends = true;
}

/* What a callback must not say itself. */
static void say_shadow(pump *p)
{
    const an_shadow_counts *c = an_pipeline_shadow_look(p->pipe);
    an_shadow_counts copy;
    if (!p->shadow_ends)
        return;
    if (c)
        copy = *c;
    p->shadow_ends = false;
    an_pipeline_shadow_end(p->pipe);
    an_session_shadowed(p->s->session, "line-1", &p->candidate, c ? &copy : NULL);
}

/* As if every sensor had been wired to another's place, and back again at random. */
static void make_noise(const pump *p, const an_data_part *parts)
{
    an_rng r;
    an_rng_init(&r, 99, p->s->i);
    for (unsigned i = 0; i < AN_POOL_PARTS; i++) {
        float *raw = (float *)(uintptr_t)parts[i].raw;
        for (size_t k = 0; raw && k < parts[i].n * p->window * p->width; k++) {
            const size_t other = (size_t)an_rng_below(&r, parts[i].n * p->window) * p->width +
                                 (size_t)an_rng_below(&r, p->width);
            const float x = raw[k];
            raw[k] = raw[other];
            raw[other] = x;
        }
    }
}

/* As if for weeks the cable of each sensor had been plugged one place further, and scaled like its neighbour there. */
static void misplug(const pump *p, const an_data_part *parts)
{
    double mean[PUMP_WIDTH_MAX], deviation[PUMP_WIDTH_MAX];
    for (unsigned i = 0; i < AN_POOL_PARTS; i++) {
        float *raw = (float *)(uintptr_t)parts[i].raw; /* the copy of this job alone */
        const size_t n = raw ? parts[i].n * p->window : 0;
        for (size_t j = 0; j < p->width; j++) {
            double sum = 0, squares = 0;
            for (size_t k = 0; k < n; k++) {
                const double x = (double)raw[k * p->width + j];
                sum += x;
                squares += x * x;
            }
            mean[j] = n ? sum / (double)n : 0;
            deviation[j] = n ? sqrt(fmax(1e-12, squares / (double)n - mean[j] * mean[j])) : 1;
        }
        for (size_t k = 0; k < n; k++) {
            float *row = raw + k * p->width;
            const float first = row[0];
            for (size_t j = 0; j < p->width; j++) {
                const size_t from = (j + 1) % p->width;
                const double z = ((double)(from ? row[from] : first) - mean[from]) / deviation[from];
                row[j] = (float)(mean[j] + z * deviation[j]);
            }
        }
    }
}

static void spoil(const pump *p, const an_job *job, const an_data_part *parts)
{
    if (p->spoiled == PUMP_MISPLUGGED)
        misplug(p, parts);
    if (p->spoiled == PUMP_TRAINS_ON_NOISE && job->kind == AN_JOB_ROUND &&
        job->plan->kind == AN_PAYLOAD_TRAIN)
        make_noise(p, parts);
}

static an_err run(site *s, an_job *job, an_note *why)
{
    pump *p = s->own;
    float *raw[AN_POOL_PARTS] = {NULL};
    an_data_part part[AN_POOL_PARTS], changed;
    float *since = NULL;
    for (unsigned i = 0; i < AN_POOL_PARTS; i++) {
        assert_int_equal(i == AN_POOL_HELD ? an_held_copy(&p->held, &raw[i], &part[i].n)
                                           : an_pool_copy(p->pool, 1u << i, INT64_MIN, &raw[i], &part[i].n),
                         AN_OK);
        part[i].raw = part[i].n ? raw[i] : NULL;
    }
    assert_int_equal(an_held_changed(&p->held, &since, &changed.n), AN_OK);
    changed.raw = changed.n ? since : NULL;
    spoil(p, job, part);
    const an_site_data data = {.width = p->width,
                               .context = p->window,
                               .train = part[AN_POOL_TRAIN],
                               .recent = part[AN_POOL_RECENT],
                               .old = part[AN_POOL_OLD],
                               .fresh = part[AN_POOL_NEW],
                               .held = part[AN_POOL_HELD],
                               .changed = changed,
                               .recent_since = an_held_since(&p->held, AN_POOL_RECENT),
                               .fresh_since = an_held_since(&p->held, AN_POOL_NEW),
                               .confirmed = part[AN_POOL_CONFIRMED],
                               .sensors = p->names,
                               .modes = p->modes,
                               .n_modes = p->n_modes};
    an_err err = an_job_run(job, &data, why);
    if (err == AN_OK && job->kind == AN_JOB_ROUND && job->plan->kind == AN_PAYLOAD_EVALUATE && p->told)
        print_message("%s row %llu: shift %.2f, cosine %.2f with mode %zu, %zu windows since\n", s->name,
                      (unsigned long long)p->row, job->task.suspect.shift, job->task.suspect.cosine,
                      job->task.suspect.mode + 1, changed.n);
    an_free(since);
    for (unsigned i = 0; i < AN_POOL_PARTS; i++)
        an_free(raw[i]);
    return err;
}

/* Pool and pipeline of what p says. */
static void make_line(pump *p, uint64_t seed, uint32_t block)
{
    an_note why = {{0}};
    const an_pool_conf pool = {.width = p->width, .window = p->window, .block = block, .seed = seed};
    if (an_pool_new(&pool, &p->pool, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_held_init(&p->held, p->pool, &p->drift, p->window);
    an_watch_conf watch = AN_WATCH_CONF_DEFAULT;
    watch.time_ms = p->s->w->kind.watch_ms;
    const an_pipeline_conf conf = {
        .width = p->width,
        .window = p->window,
        .alarm = AN_ALARM_CONF_DEFAULT,
        .quality = p->quality,
        .drift = p->drift,
        .pool = p->pool,
        .watch = watch,
        .hooks = {.ctx = p, .alarm = on_alarm, .drift = on_drift, .watch = on_watch}};
    if (an_pipeline_new(&conf, &p->pipe, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static pump *new_pump(site *s)
{
    pump *p = an_alloc(1, sizeof *p);
    assert_non_null(p);
    s->own = p;
    p->s = s;
    return p;
}

static void open_pump(site *s)
{
    pump *p = new_pump(s);
    p->told = s->w->kind.sites == 0 || getenv("ANDON_VERBOSE");
    const an_sim_line *line = an_sim_line_find("pump");
    p->width = line->n_sensors;
    p->window = PUMP_WINDOW;
    p->modes = line->modes;
    p->n_modes = line->n_modes;
    p->quality = (an_quality_conf)AN_QUALITY_CONF_DEFAULT;
    for (size_t i = 0; i < line->n_sensors; i++)
        p->names[i] = line->sensors[i].name;
    s->calibrate.site_scaler = true;
    if (s->w->kind.sites) { /* as in deploy/examples/agent-pump.yaml */
        s->calibrate.tune_epochs = 5;
        s->calibrate.tune_all = true;
    }
    p->script = (an_sim_conf){.line = "pump",
                              .seed = s->w->kind.seed,
                              .site = s->i + 1,
                              .start_ms = START_MS - (int64_t)s->w->kind.normal * 1000,
                              .step_ms = 1000,
                              .steady = true};
    make_line(p, s->i + 1, s->w->kind.sites ? 0 : 16);
}

static const pumps_recorded *recordings;

static void open_recorded(site *s)
{
    pump *p = new_pump(s);
    p->told = getenv("ANDON_VERBOSE") != NULL;
    p->table = &recordings->sites[s->i];
    p->width = recordings->spec->n_sensors;
    p->window = recordings->spec->window;
    p->drift = recordings->drift;
    p->quality = recordings->quality;
    for (size_t i = 0; i < p->width; i++)
        p->names[i] = recordings->spec->sensors[i];
    s->calibrate = recordings->calibrate;
    make_line(p, s->i + 1, 0);
}

static void close_pump(site *s)
{
    pump *p = s->own;
    if (!p)
        return;
    an_pipeline_free(p->pipe);
    an_pool_free(p->pool);
    an_sim_free(p->sim);
    an_free(p);
    s->own = NULL;
}

static an_federation_kind kind_of(uint64_t seed, size_t n_policy, const char *const (*rows)[2])
{
    const an_sim_line *line = an_sim_line_find("pump");
    for (size_t i = 0; i < line->n_sensors; i++) {
        names[i] = line->sensors[i].name;
        units[i] = line->sensors[i].unit;
    }
    spec.n_sensors = (uint32_t)line->n_sensors;
    spec.policy = rows;
    spec.n_policy = n_policy;
    return (an_federation_kind){.spec = &spec,
                                .open = open_pump,
                                .close = close_pump,
                                .run = run,
                                .go_live = go_live,
                                .shadow = shadow,
                                .shadow_end = shadow_end,
                                .seed = seed,
                                .normal = NORMAL};
}

an_federation_kind an_pumps_recorded(const pumps_recorded *conf)
{
    assert_true(conf->spec->n_sensors <= PUMP_WIDTH_MAX);
    recordings = conf;
    return (an_federation_kind){.spec = conf->spec,
                                .open = open_recorded,
                                .close = close_pump,
                                .run = run,
                                .go_live = go_live,
                                .shadow = shadow,
                                .shadow_end = shadow_end,
                                .sites = conf->n_sites};
}

an_federation_kind an_pumps(uint64_t seed, bool backwards)
{
    an_federation_kind kind = kind_of(seed, sizeof policy / sizeof *policy, policy);
    kind.backwards = backwards;
    return kind;
}

an_federation_kind an_pumps_demo(uint64_t seed)
{
    an_federation_kind kind = kind_of(seed, sizeof demo_policy / sizeof *demo_policy, demo_policy);
    kind.sites = 4;
    kind.normal = DEMO_NORMAL;
    kind.slow = DEMO_SLOW;
    return kind;
}

/* ---- time ---- */

void pumps_script(world *w, size_t i, const char *name, uint64_t start, uint64_t length)
{
    an_sim_conf *c = &pump_of(w, i)->script;
    an_sim_event *e = &c->events[c->n_events++];
    snprintf(e->name, sizeof e->name, "%s", name);
    e->start = w->kind.normal + start;
    e->length = length;
    e->size = 1;
}

/* False: a recording has come to its end. */
static bool next_row(pump *p, float *values, an_sim_info *info)
{
    if (!p->table)
        return an_sim_next(p->sim, values, info);
    if (p->next == p->table->n)
        return false;
    memcpy(values, p->table->rows + p->next * p->width, p->width * sizeof *values);
    *info = (an_sim_info){.row = p->next,
                          .time_ms = START_MS + ((int64_t)p->next - (int64_t)p->table->normal) * 1000,
                          .label = p->table->labels ? (int8_t)p->table->labels[p->next] : 0};
    p->next++;
    return true;
}

static bool one_row(pump *p)
{
    an_note why = {{0}};
    float values[PUMP_WIDTH_MAX];
    an_sim_info info;
    an_pipeline_out out;
    p->score = NAN;
    if (!next_row(p, values, &info))
        return false;
    const an_pipeline_in in = {
        .row = info.row, .time_ms = info.time_ms, .values = values, .label = info.label};
    if (an_pipeline_row(p->pipe, &in, &out, &why) != AN_OK)
        fail_msg("%s", why.text);
    go_back(p);
    say_shadow(p);
    p->row = info.row;
    p->score = out.scored ? out.score : NAN;
    p->label = info.label;
    if (!out.scored)
        return true;
    p->scored++;
    an_tally_rows(&p->tally, 1);
    say_counts(p);
    p->over += out.score >= 1;
    p->sum += log(out.score);
    return true;
}

void pumps_begin(world *w)
{
    an_note why = {{0}};
    for (size_t i = 0; i < w->n; i++) {
        pump *p = pump_of(w, i);
        if (!p->table && an_sim_new(&p->script, &p->sim, &why) != AN_OK)
            fail_msg("%s", why.text);
        for (size_t k = p->table ? p->table->normal : w->kind.normal; k > 0; k--)
            assert_true(one_row(p));
    }
}

/* All that may happen at this row; work at a site takes some, and one works at a time. */
static void settle_slowly(world *w)
{
    size_t jobs = 0; /* that wait, one after the other at the head of the queue */
    bool due = ++w->waited >= w->kind.slow;
    while (w->tail - w->head > jobs) {
        if (w->events[w->head % EVENTS_MAX].type == JOB && !due) {
            w->events[w->tail++ % EVENTS_MAX] = w->events[w->head++ % EVENTS_MAX];
            jobs++;
            continue;
        }
        if (w->events[w->head % EVENTS_MAX].type == JOB) {
            due = false;
            w->waited = 0;
        }
        step(w);
        jobs = 0;
    }
}

const an_campaign *pumps_first_version(world *w)
{
    pumps_begin(w);
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pass(w, 5000);
    const an_campaign *k = an_state_campaign(an_hub_state(w->hub), id);
    if (k->state != AN_CAMPAIGN_PROMOTED)
        fail_msg("first version: %s", k->reason);
    return k;
}

void pumps_run(world *w, uint64_t rows)
{
    for (uint64_t k = 0; k < rows; k++) {
        tick(w);
        for (size_t i = 0; i < w->n; i++)
            (void)one_row(pump_of(w, w->kind.backwards ? w->n - 1 - i : i));
        if (w->kind.slow)
            settle_slowly(w);
        else
            settle(w);
    }
}

void pumps_count_anew(world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        pump *p = pump_of(w, i);
        p->scored = p->over = 0;
        p->sum = 0;
    }
}

double pump_over(const pump *p)
{
    return p->scored ? (double)p->over / (double)p->scored : NAN;
}
