/* Advice at a line: when an alarm opens, or the prediction is past its limit, a copy of the row goes to a thread that
 * stands back, and what comes of it to the link thread, for people.
 *
 *     alarm opens -> waiting row --+
 *                                  +-- at most one in `every` --> out, with the adviser --> back: told
 *     last row, every `every` -----+
 *
 * The line's thread copies a row at most so often, allocates nothing and waits for nobody. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "agent/advised.h"
#include "agent/runtime_line.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "models/data/table.h"

#define KNOWN_MAX 100000 /* rows */

/* It is either at home or out: who has it may change it. */
typedef struct asked {
    float *row; /* (line's width) */
    uint64_t alarm;
    int64_t time_ms;
    an_advised *said; /* by the adviser; NULL: out of memory */
} asked;

struct an_line_advice {
    asked asked;
    bool out;
    float *waiting; /* (line's width) of an alarm that has opened */
    bool waits;
    uint64_t alarm;
    int64_t waiting_ms; /* of its row */
    int64_t next_ms;    /* nothing is asked before; monotonic */
    int64_t asked_ms;   /* of the row that was asked about last */
    bool told;          /* something was, last of all `kind` */
    an_advised_kind kind;
};

an_err an_line_advice_open(an_line *l, an_note *why)
{
    if (!l->conf->advice)
        return AN_OK;
    if (l->frame.rows > 0)
        return an_fail(AN_ERR_INVAL, why, "line %s: advice is given on rows, and its source has images",
                       l->conf->name);
    if (!(l->advice = an_alloc(1, sizeof *l->advice)))
        return AN_ERR_NOMEM;
    l->advice->asked_ms = INT64_MIN;
    l->advice->asked.row = an_alloc(l->width, sizeof *l->advice->asked.row);
    l->advice->waiting = an_alloc(l->width, sizeof *l->advice->waiting);
    return l->advice->asked.row && l->advice->waiting ? AN_OK : AN_ERR_NOMEM;
}

void an_line_advice_close(an_line *l)
{
    if (!l->advice)
        return;
    an_advised_free(l->advice->asked.said);
    an_free(l->advice->asked.row);
    an_free(l->advice->waiting);
    an_free(l->advice);
}

/* ---- the adviser's thread ---- */

typedef struct adviser {
    const an_line *l;
    an_advice_versions versions;
    size_t *at;   /* (sensors) of the goal's in a row of the line */
    float *known; /* (n, sensors) */
    float *now, *then;
    an_err err; /* OK: it is ready */
    an_note why;
} adviser;

static an_err find_sensors(adviser *a)
{
    const an_schema *s = &a->versions.goal.schema;
    a->at = an_alloc(s->n, sizeof *a->at);
    a->now = an_alloc(s->n, sizeof *a->now);
    a->then = an_alloc(s->n, sizeof *a->then);
    if (!a->at || !a->now || !a->then)
        return AN_ERR_NOMEM;
    for (size_t j = 0; j < s->n; j++) {
        while (a->at[j] < a->l->width && strcmp(a->l->sensors[a->at[j]], s->sensors[j].name) != 0)
            a->at[j]++;
        if (a->at[j] == a->l->width)
            return an_fail(AN_ERR_INVAL, &a->why, "the line has no sensor %.90s, which the version wants",
                           s->sensors[j].name);
    }
    return AN_OK;
}

/* Rows with a value for each sensor. */
static an_err read_known(adviser *a)
{
    an_advice_ask *ask = &a->versions.ask;
    const size_t width = a->versions.goal.schema.n;
    an_table_conf conf;
    an_table t = {0};
    an_table_conf_init(&conf);
    conf.columns = ask->names;
    conf.n_columns = width;
    conf.max_rows = KNOWN_MAX;
    const an_err err = an_table_read(a->l->conf->advice->known, &conf, &t, &a->why);
    if (err != AN_OK)
        return err;
    for (size_t i = 0; i < t.n; i++) {
        bool whole = true;
        for (size_t j = 0; j < width; j++)
            whole = whole && isfinite(t.rows[i * width + j]);
        if (whole)
            memmove(t.rows + ask->n_known++ * width, t.rows + i * width, width * sizeof *t.rows);
    }
    a->known = t.rows;
    t.rows = NULL;
    an_table_done(&t);
    ask->known = a->known;
    return AN_OK;
}

static an_err get_ready(adviser *a)
{
    const an_advice_conf *c = a->l->conf->advice;
    an_err err = an_advice_versions_read(&a->versions, c, c->version, &a->why);
    if (err == AN_OK)
        err = find_sensors(a);
    if (err == AN_OK)
        err = read_known(a);
    if (err == AN_OK)
        err = an_advice_learn(&a->versions.ask, &a->why);
    if (err != AN_OK && !a->why.text[0])
        an_note_set(&a->why, "%s", an_err_text(err));
    return err;
}

static void answer(adviser *a, asked *q)
{
    const an_advised_about about = {a->l->conf->name, q->alarm, q->time_ms};
    an_advice advice;
    an_note why = a->why;
    an_err err = a->err;
    for (size_t j = 0; j < a->versions.goal.schema.n && err == AN_OK; j++)
        a->now[j] = q->row[a->at[j]];
    if (err == AN_OK)
        err = an_advice_find(&a->versions.ask, a->now, a->then, &advice, &why);
    q->said = err == AN_OK ? an_advised_new(&about, &a->versions, a->now, a->then, &advice)
                           : an_advised_refused(&about, why.text[0] ? why.text : an_err_text(err));
}

static void adviser_done(adviser *a)
{
    an_advice_versions_done(&a->versions);
    an_free(a->at);
    an_free(a->known);
    an_free(a->now);
    an_free(a->then);
    an_free(a);
}

void an_adviser_main(an_pipe *pipe, void *line)
{
    const an_line *l = line;
    adviser *a = an_alloc(1, sizeof *a);
    asked *q;
    size_t len;
    an_err err = AN_OK;
    an_actor_ready(pipe, a ? AN_OK : AN_ERR_NOMEM, NULL);
    if (!a)
        return;
    (void)an_thread_stand_back((int)l->agent->nice); /* as it stands otherwise */
    a->l = l;
    if ((a->err = get_ready(a)) != AN_OK)
        an_log(AN_LOG_ERROR, "no_advice", "line=%s why=\"%s\"", l->conf->name, a->why.text);
    while (err != AN_ERR_CANCELLED) {
        while ((err = an_pipe_recv(pipe, &q, sizeof q, &len)) == AN_OK) {
            answer(a, q);
            if (an_pipe_send(pipe, &q, sizeof q) != AN_OK) /* one at a time: there is room */
                an_log(AN_LOG_ERROR, "advice_lost", "line=%s", l->conf->name);
        }
        if (err == AN_ERR_AGAIN && (err = an_pipe_wait(pipe, -1)) == AN_ERR_IO)
            break;
    }
    adviser_done(a);
}

/* ---- the line's thread ---- */

void an_line_advice_alarm(an_line *l, const an_spoken *s)
{
    an_line_advice *a = l->advice;
    const bool opens =
        (s->kind == AN_LOGGED_RAISED || s->kind == AN_LOGGED_RELEASED) && !s->suppressed && !s->shown;
    if (!a || !opens)
        return;
    memcpy(a->waiting, an_pipeline_seen(l->pipe, &a->waiting_ms), l->width * sizeof *a->waiting);
    a->alarm = s->event->id;
    a->waits = true;
}

/* That it is as wished is worth a word only after something else. */
static void tell(an_line *l, an_line_advice *a)
{
    an_advised *said = a->asked.said;
    a->asked.said = NULL;
    const bool news =
        said && (said->alarm || said->kind != AN_ADVISED_MET || (a->told && a->kind != said->kind));
    if (!news) {
        an_advised_free(said);
        return;
    }
    a->told = true;
    a->kind = said->kind;
    an_log(AN_LOG_INFO, "advice", "line=%s alarm=%" PRIu64 " outcome=\"%s\"", l->conf->name, said->alarm,
           an_advised_name(said->kind));
    const an_say s = {.kind = AN_SAY_ADVICE, .u.advised = said};
    an_line_say(l, &s);
}

/* What is to be asked now.  False: nothing. */
static bool choose(an_line *l, an_line_advice *a)
{
    int64_t time_ms;
    const float *row = an_pipeline_seen(l->pipe, &time_ms);
    if (a->waits) {
        memcpy(a->asked.row, a->waiting, l->width * sizeof *a->waiting);
        a->asked.alarm = a->alarm;
        a->asked.time_ms = a->waiting_ms;
        a->waits = false;
        return true;
    }
    if (!row || !an_advice_has_limit(l->conf->advice) || time_ms == a->asked_ms)
        return false;
    memcpy(a->asked.row, row, l->width * sizeof *row);
    a->asked.alarm = 0;
    a->asked.time_ms = a->asked_ms = time_ms;
    return true;
}

void an_line_advice_look(an_line *l, int64_t now_ms)
{
    an_line_advice *a = l->advice;
    asked *q;
    size_t len;
    if (!a)
        return;
    if (a->out && an_pipe_recv(an_actor_pipe(l->adviser), &q, sizeof q, &len) == AN_OK) {
        a->out = false;
        tell(l, a);
    }
    if (a->out || now_ms < a->next_ms || !choose(l, a))
        return;
    q = &a->asked;
    a->next_ms = now_ms + l->conf->advice->every_ms;
    a->out =
        an_pipe_send(an_actor_pipe(l->adviser), &q, sizeof q) == AN_OK; /* one at a time: there is room */
    if (!a->out)
        an_log(AN_LOG_ERROR, "advice_lost", "line=%s", l->conf->name);
}

an_pipe *an_line_advice_awaited(const an_line *l)
{
    return l->advice && l->advice->out ? an_actor_pipe(l->adviser) : NULL;
}
