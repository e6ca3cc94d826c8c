/* Two models in one pipeline: a watch that goes on after a restart, a candidate that ends with a swap, memory that
 * runs out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pipeline.h"
#include "base/mem.h"
#include "sum/payload.h"

/* Its score is the row's value times a factor. */
typedef struct fake {
    double factor;
} fake;

static an_err fake_push(void *ctx, const float *row, double *ret_raw, float *ret_contribution)
{
    *ret_raw = (double)row[0] * ((fake *)ctx)->factor;
    ret_contribution[0] = 1;
    return AN_OK;
}

static void fake_reset(void *ctx)
{
    (void)ctx;
}

static void fake_free(void *ctx)
{
    an_free(ctx);
}

static an_err fake_live(uint8_t version, double factor, an_live *ret)
{
    fake *f = an_alloc(1, sizeof *f);
    if (!f)
        return AN_ERR_NOMEM;
    f->factor = factor;
    *ret = (an_live){.ctx = f,
                     .width = 1,
                     .history = 1,
                     .threshold = 1,
                     .push = fake_push,
                     .reset = fake_reset,
                     .free = fake_free};
    memset(ret->version, version, sizeof ret->version);
    return AN_OK;
}

typedef struct heard {
    an_live_verdict last;
    unsigned n;
    bool paired;
    uint64_t rows;
} heard;

static void on_watch(void *ctx, const an_watch_news *news)
{
    heard *h = ctx;
    h->last = news->verdict;
    h->paired = news->paired;
    h->rows = news->counts->rows;
    h->n++;
}

static an_err new_pipe(heard *h, an_pipeline **ret)
{
    an_pipeline_conf conf = {.width = 1,
                             .alarm = AN_ALARM_CONF_DEFAULT,
                             .quality = AN_QUALITY_CONF_DEFAULT,
                             .watch = AN_WATCH_CONF_DEFAULT,
                             .hooks = {.ctx = h, .watch = on_watch}};
    conf.quality.stuck_rows = 0;
    conf.watch.time_ms = 1000000;
    conf.watch.report_ms = 0;
    return an_pipeline_new(&conf, ret, NULL);
}

static an_err swap(an_pipeline *p, uint8_t version, double factor, bool watched)
{
    an_live live = {0};
    an_err err = fake_live(version, factor, &live);
    if (err == AN_OK)
        err = an_pipeline_swap(p, &live, watched, NULL);
    an_live_done(&live);
    return err;
}

/* One row a second; every fourth has 0.9, which a factor of 1.5 lifts over the threshold. */
static void feed(an_pipeline *p, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        const float value = i % 40 < 4 ? 0.9f : 0.1f;
        const an_pipeline_in in = {.row = i, .time_ms = (int64_t)i * 1000, .values = &value};
        assert_int_equal(an_pipeline_row(p, &in, NULL, NULL), AN_OK);
    }
}

static void a_worse_version_is_told_at_once(void **state)
{
    (void)state;
    heard h = {.n = 0};
    an_pipeline *p = NULL;
    assert_int_equal(new_pipe(&h, &p), AN_OK);
    assert_int_equal(swap(p, 1, 1, true), AN_OK); /* the first has nothing before it */
    assert_false(an_pipeline_is_watched(p));
    feed(p, 0, 100);
    assert_int_equal(swap(p, 2, 1.5, true), AN_OK);
    assert_true(an_pipeline_is_watched(p));
    feed(p, 100, 1100);
    assert_int_equal(h.last, AN_LIVE_WORSENED);
    assert_int_equal(h.n, 2); /* that it begins, and that it is worse */
    assert_true(h.paired && h.rows < 1000);
    assert_int_equal(swap(p, 1, 1, false), AN_OK); /* gone back: not watched */
    assert_false(an_pipeline_is_watched(p));
    an_pipeline_free(p);
}

static an_pipeline *restarted(const an_buf *mark, bool before, heard *h)
{
    an_pipeline *p = NULL;
    an_live former = {0};
    an_reader in = an_reader_of(mark->data, mark->len);
    assert_int_equal(new_pipe(h, &p), AN_OK);
    assert_int_equal(swap(p, 2, 1, false), AN_OK);
    assert_int_equal(fake_live(1, 1, &former), AN_OK);
    assert_int_equal(an_pipeline_watch_resume(p, &in, before ? &former : NULL, NULL), AN_OK);
    an_live_done(&former);
    return p;
}

static void a_watch_goes_on_after_a_restart(void **state)
{
    (void)state;
    heard h = {.n = 0};
    an_pipeline *p = NULL;
    an_buf mark;
    an_buf_init(&mark, 1 << 16);
    assert_int_equal(new_pipe(&h, &p), AN_OK);
    assert_int_equal(swap(p, 1, 1, true), AN_OK);
    an_pipeline_watch_save(p, &mark);
    assert_int_equal(mark.len, 0); /* nothing is watched */
    feed(p, 0, 10);
    assert_int_equal(swap(p, 2, 1, true), AN_OK);
    feed(p, 10, 610);
    an_pipeline_watch_save(p, &mark);
    an_pipeline_free(p);
    assert_true(h.n == 1 && h.last == AN_LIVE_WATCHING);

    p = restarted(&mark, true, &h);
    feed(p, 610, 1009);
    assert_true(h.n == 2 && h.last == AN_LIVE_WATCHING); /* said again: it goes on */
    feed(p, 1009, 1011);
    assert_int_equal(h.last, AN_LIVE_FINE);
    assert_true(h.paired && h.rows > 990);
    an_pipeline_free(p);

    h = (heard){.n = 0};
    p = restarted(&mark, false, &h); /* the version before is gone: its figures are not */
    feed(p, 610, 1011);
    assert_int_equal(h.last, AN_LIVE_FINE);
    assert_false(h.paired);
    an_pipeline_free(p);

    assert_int_equal(new_pipe(&h, &p), AN_OK); /* of another version: forgotten */
    assert_int_equal(swap(p, 3, 1, false), AN_OK);
    an_reader in = an_reader_of(mark.data, mark.len);
    assert_int_equal(an_pipeline_watch_resume(p, &in, NULL, NULL), AN_OK);
    assert_false(an_pipeline_is_watched(p));
    for (size_t len = 0; len < mark.len; len += 7) { /* cut short */
        in = an_reader_of(mark.data, len);
        assert_int_equal(an_pipeline_watch_resume(p, &in, NULL, NULL), AN_ERR_PROTO);
    }
    an_pipeline_free(p);
    an_buf_done(&mark);
}

static void a_candidate_counts_and_ends_with_a_swap(void **state)
{
    (void)state;
    heard h = {.n = 0};
    an_pipeline *p = NULL;
    an_live candidate = {0};
    assert_int_equal(new_pipe(&h, &p), AN_OK);
    assert_int_equal(fake_live(9, 1.5, &candidate), AN_OK);
    assert_int_equal(an_pipeline_shadow(p, &candidate, NULL), AN_ERR_INVAL); /* nothing runs */
    assert_int_equal(swap(p, 1, 1, false), AN_OK);
    assert_int_equal(an_pipeline_shadow(p, &candidate, NULL), AN_OK);
    an_live_done(&candidate);
    feed(p, 0, 640);
    const an_shadow_counts *c = an_pipeline_shadow_look(p);
    assert_non_null(c);
    assert_int_equal(c->rows, 640);
    assert_int_equal(c->candidate.over, 64);
    assert_int_equal(c->production.over, 0);
    assert_int_equal(c->blocks, 40);
    assert_true(c->candidate_only == c->candidate.blocks_over && c->candidate_only > 10 && c->both == 0);
    assert_true(c->candidate.alarms > 0 && c->production.alarms == 0);
    assert_int_equal(an_pipeline_stats_get(p).alarms, 0); /* nothing follows from it */
    assert_int_equal(swap(p, 2, 1, false), AN_OK);
    assert_null(an_pipeline_shadow_look(p));
    an_pipeline_free(p);
}

static void memory_that_runs_out_leaves_what_runs(void **state)
{
    (void)state;
    heard h = {.n = 0};
    for (size_t n = 0;; n++) {
        an_pipeline *p = NULL;
        assert_int_equal(new_pipe(&h, &p), AN_OK);
        assert_int_equal(swap(p, 1, 1, false), AN_OK);
        an_mem_fail_after(n);
        an_err err = swap(p, 2, 1, true);
        an_mem_fail_after(SIZE_MAX);
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_pipeline_live(p)->version[0], err == AN_OK ? 2 : 1);
        feed(p, 0, 50);
        assert_int_equal(an_pipeline_stats_get(p).scored, 50);
        an_pipeline_free(p);
        if (err == AN_OK)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worse_version_is_told_at_once),
        cmocka_unit_test(a_watch_goes_on_after_a_restart),
        cmocka_unit_test(a_candidate_counts_and_ends_with_a_swap),
        cmocka_unit_test(memory_that_runs_out_leaves_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
