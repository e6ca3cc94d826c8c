/* A threshold that moves with the line: what it learns from, what it does to scores, and a restart. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pipeline.h"
#include "agent/source.h"
#include "base/mem.h"

#define W 2

/* The score is the first value of the row. */
static an_err first_push(void *ctx, const float *row, double *ret_raw, float *ret_contribution)
{
    (void)ctx;
    *ret_raw = isnan(row[0]) ? 0 : (double)row[0];
    ret_contribution[0] = 1;
    ret_contribution[1] = 0;
    return AN_OK;
}

static void first_reset(void *ctx)
{
    (void)ctx;
}

static an_live make_live(const char *policy, double threshold, uint8_t id)
{
    an_live l = {.width = W,
                 .history = 1,
                 .threshold = threshold,
                 .version = {id},
                 .push = first_push,
                 .reset = first_reset};
    assert_int_equal(an_threshold_stream_new(policy, threshold, &l.moving, NULL), AN_OK);
    return l;
}

typedef struct seen {
    size_t moves;
    double before, now;
} seen;

static void on_threshold(void *ctx, double before, double now)
{
    seen *s = ctx;
    s->moves++;
    s->before = before;
    s->now = now;
}

static an_pipeline *pipe_of(seen *s, const char *policy, uint8_t id)
{
    const an_pipeline_conf conf = {
        .width = W,
        .window = 1,
        .bad_share_max = 0.9,
        .alarm = {.k = 3, .n = 5, .clear_level = 0.8},
        .quality = {.missing_rows = 1, .stuck_rows = 0, .range_rows = 2, .clear_rows = 1},
        .hooks = {.ctx = s, .threshold = on_threshold},
    };
    an_pipeline *p = NULL;
    an_note why = {{0}};
    an_live live = make_live(policy, 1.0, id);
    assert_int_equal(an_pipeline_new(&conf, &p, &why), AN_OK);
    assert_true(an_pipeline_threshold(p) == 0);
    assert_int_equal(an_pipeline_swap(p, &live, false, &why), AN_OK);
    return p;
}

static an_pipeline_out feed(an_pipeline *p, size_t n, float first, float second)
{
    static uint64_t row;
    an_pipeline_out out = {0};
    for (size_t i = 0; i < n; i++, row++) {
        const float values[W] = {first, second};
        const an_pipeline_in in = {.row = row, .time_ms = 1000 * (int64_t)row, .values = values};
        assert_int_equal(an_pipeline_row(p, &in, &out, NULL), AN_OK);
    }
    return out;
}

static void scores_are_held_against_the_threshold_in_use(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline *p = pipe_of(&s, "adaptive:0.01,0.05", 1);
    assert_true(feed(p, 1, 0.5f, 0).score == 0.5);
    (void)feed(p, 2000, 0.01f, 0);
    const double low = an_pipeline_threshold(p);
    assert_true(low < 0.6 && low >= 0.5 - 1e-9);
    assert_true(fabs(feed(p, 1, 0.5f, 0).score - 0.5 / an_pipeline_threshold(p)) < 1e-3);
    assert_true(s.moves > 5 && s.now < s.before);
    assert_int_equal(an_pipeline_stats_get(p).threshold_moves, s.moves);
    an_pipeline_free(p);
}

static void nothing_is_learned_of_an_open_alarm_or_bad_data(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline *p = pipe_of(&s, "adaptive:0.01,0.05", 1);
    an_pipeline_out out = feed(p, 3, 5.0f, 0);
    assert_true(out.alarm_open);
    const double at = an_pipeline_threshold(p);
    assert_true(at > 1.0 && at < 1.2); /* the two rows before it was raised */
    (void)feed(p, 500, 5.0f, 0);
    assert_true(an_pipeline_threshold(p) == at);
    out = feed(p, 20, 0.1f, 0);
    assert_false(out.alarm_open);
    const double cleared = an_pipeline_threshold(p);
    assert_true(cleared < at);
    out = feed(p, 500, 0.1f, NAN); /* a sensor is missing: scored, not learned from */
    assert_true(out.scored);
    assert_true(fabs(an_pipeline_threshold(p) - cleared) < 1e-3);
    an_pipeline_free(p);
}

static void a_policy_that_stands_still_is_not_kept(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline *p = pipe_of(&s, "quantile:0.999", 1);
    an_buf saved;
    an_buf_init(&saved, 1 << 20);
    (void)feed(p, 100, 0.1f, 0);
    an_pipeline_threshold_save(p, &saved);
    assert_int_equal(saved.len, 0);
    assert_true(an_pipeline_threshold(p) == 1.0 && s.moves == 0);
    an_buf_done(&saved);
    an_pipeline_free(p);
}

static void a_persons_factor_holds_over_a_restart_and_until_another_version(void **state)
{
    (void)state;
    static const char *const policies[] = {"quantile:0.999", "adaptive:0.01,0.05"};
    for (size_t i = 0; i < 2; i++) {
        seen s = {0};
        an_pipeline *p = pipe_of(&s, policies[i], 1), *q = pipe_of(&s, policies[i], 1);
        an_live other = make_live(policies[i], 1.0, 2), same = make_live(policies[i], 1.0, 1);
        an_buf saved;
        an_buf_init(&saved, 1 << 20);
        const double before = an_pipeline_threshold(p);
        an_pipeline_factor_set(p, 0.5);
        assert_true(an_pipeline_threshold(p) == before / 2);
        assert_true(fabs(feed(p, 1, 0.75f, 0).score - 1.5 / before) < 1e-6);
        an_pipeline_threshold_save(p, &saved);
        an_reader in = an_reader_of(saved.data, saved.len);
        assert_int_equal(an_pipeline_threshold_resume(q, &in), AN_OK);
        assert_true(an_pipeline_factor(q) == 0.5);
        assert_true(an_pipeline_threshold(q) == an_pipeline_threshold(p));
        for (size_t len = 0; len < 2 * AN_ALARM_HASH + 8; len++) { /* cut short */
            in = an_reader_of(saved.data, len);
            assert_int_equal(an_pipeline_threshold_resume(q, &in), AN_ERR_PROTO);
        }
        assert_int_equal(an_pipeline_swap(p, &same, false, NULL), AN_OK);
        assert_true(an_pipeline_factor(p) == 0.5);
        assert_int_equal(an_pipeline_swap(p, &other, false, NULL), AN_OK);
        assert_true(an_pipeline_factor(p) == 1 && an_pipeline_threshold(p) == 1.0);
        an_buf_done(&saved);
        an_pipeline_free(p);
        an_pipeline_free(q);
    }
}

static void it_goes_on_after_a_restart_of_the_same_version_alone(void **state)
{
    (void)state;
    seen s = {0};
    an_pipeline *p = pipe_of(&s, "adaptive", 1), *same = pipe_of(&s, "adaptive", 1),
                *other = pipe_of(&s, "adaptive", 2);
    an_buf saved;
    an_buf_init(&saved, 1 << 20);
    (void)feed(p, 300, 0.1f, 0);
    an_pipeline_threshold_save(p, &saved);
    an_reader in = an_reader_of(saved.data, saved.len);
    assert_int_equal(an_pipeline_threshold_resume(same, &in), AN_OK);
    assert_true(an_pipeline_threshold(same) == an_pipeline_threshold(p));
    assert_true(an_pipeline_threshold(same) < 1.0);
    in = an_reader_of(saved.data, saved.len);
    assert_int_equal(an_pipeline_threshold_resume(other, &in), AN_OK);
    assert_true(an_pipeline_threshold(other) == 1.0);
    in = an_reader_of(saved.data, saved.len - 1);
    assert_int_equal(an_pipeline_threshold_resume(same, &in), AN_ERR_PROTO);
    /* A swap begins anew. */
    an_live next = make_live("adaptive", 1.0, 3);
    assert_int_equal(an_pipeline_swap(p, &next, false, NULL), AN_OK);
    assert_true(an_pipeline_threshold(p) == 1.0);
    an_buf_done(&saved);
    an_pipeline_free(p);
    an_pipeline_free(same);
    an_pipeline_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_held_against_the_threshold_in_use),
        cmocka_unit_test(nothing_is_learned_of_an_open_alarm_or_bad_data),
        cmocka_unit_test(a_policy_that_stands_still_is_not_kept),
        cmocka_unit_test(a_persons_factor_holds_over_a_restart_and_until_another_version),
        cmocka_unit_test(it_goes_on_after_a_restart_of_the_same_version_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
