/* What happens in a federation: messages, fetches, sums and jobs as events in a queue, one after the other. */
#include "tests/support/federation_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

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

an_hub_io an_federation_hub_io(world *w)
{
    return (an_hub_io){w, hub_send, hub_fetch, hub_combine, hub_admit};
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

an_session_io an_federation_site_io(site *s)
{
    return (an_session_io){.ctx = s,
                           .send = site_send,
                           .fetch = site_fetch,
                           .run = site_run,
                           .go_live = site_go_live,
                           .shadow = s->w->kind.shadow ? site_shadow : NULL,
                           .shadow_end = site_shadow_end,
                           .windows = site_windows};
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
