/* A line over two devices, one that speaks ten times a second and one that speaks once, with gaps: rows at the fast rate, the
 * slow sensor missing in between, drawn through by the version's steps and brought to one rate.  What is trained on, from
 * windows of the pool, is to the bit what is scored live. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/live.h"
#include "agent/pipeline.h"
#include "agent/samples.h"
#include "agent/tags.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/kernels/kernels.h"
#include "models/scorer.h"

#define T0 INT64_C(1700000000000)
enum { SLOW, FAST, WINDOW = 4 };
#define SENSORS ((size_t)2)
#define ROWS ((size_t)4000)
#define RATE ((size_t)5)

static const char *const names[] = {"heat", "force"};
/* A heat a second, force ten times: a gap of nine rows becomes a line, then five rows become one. */
static const char steps[] = "steps: [interpolate: {sensors: [heat], limit: 10}, resample: {rows: 5, by: "
                            "mean}, lag: {sensors: [force], rows: [1]}]";

typedef struct line {
    an_clock_fake clock;
    an_tags *tags;
    an_rng rng;
    float rows[ROWS][SENSORS];
    uint8_t quality[ROWS][SENSORS];
    int64_t time_ms[ROWS];
    size_t n;
} line;

/* Each device by its own clock and pace; now and then one says nothing for a while. */
static void speak(line *l, int64_t ms, int64_t *next, uint32_t tag, int64_t every)
{
    for (; *next <= ms; *next += every) {
        if (an_rng_below(&l->rng, 40) == 0)
            continue;
        const int64_t at = *next + (int64_t)an_rng_below(&l->rng, (uint64_t)every / 4);
        const double v = (tag == SLOW ? 60 : 5) + an_rng_normal(&l->rng);
        assert_true(an_tags_put(l->tags, tag, tag, at, v, AN_VALUE_GOOD));
        assert_true(an_tags_flush(l->tags, tag, at));
    }
}

static void take_rows(line *l, an_batch *b)
{
    int64_t wait_ms = 0;
    while (l->n < ROWS && an_tags_next(l->tags, b, &wait_ms) == AN_OK)
        for (size_t i = 0; i < b->n && l->n < ROWS; i++, l->n++) {
            memcpy(l->rows[l->n], b->values + i * SENSORS, sizeof l->rows[0]);
            memcpy(l->quality[l->n], b->quality + i * SENSORS, sizeof l->quality[0]);
            l->time_ms[l->n] = b->time_ms[i];
        }
}

/* As a source of devices makes them: a row each 100 ms, a value that is older than that is stale. */
static void make_rows(line *l)
{
    static const an_tag tags[] = {{.scale = 1, .port = SLOW}, {.scale = 1, .port = FAST}};
    int64_t slow = T0 + 17, fast = T0 + 3;
    an_batch b;
    an_clock_fake_init(&l->clock, T0);
    const an_tags_conf conf = {
        .tags = tags, .n = SENSORS, .ports = 2, .step_ms = 100, .stale_ms = 99, .clock = &l->clock.clock};
    assert_int_equal(an_tags_new(&conf, &l->tags), AN_OK);
    assert_int_equal(an_batch_init(&b, SENSORS, 16), AN_OK);
    for (int64_t ms = T0; l->n < ROWS; ms += 50) {
        an_clock_fake_advance(&l->clock, 50);
        speak(l, ms, &slow, SLOW, 1000);
        speak(l, ms, &fast, FAST, 100);
        take_rows(l, &b);
    }
    an_batch_done(&b);
    an_tags_free(l->tags);
}

static an_bundle make_bundle(const line *l)
{
    an_bundle b = {.model = "mixed", .threshold = 60, .policy = "quantile"};
    an_prep_conf conf;
    an_prep_chain *chain = NULL;
    an_note why = {{0}};
    float *raw = NULL, *x = NULL;
    size_t n = 0, n_x = 0;
    an_prep_conf_init(&conf);
    conf.window = WINDOW;
    if (an_chain_parse(steps, strlen(steps), names, SENSORS, &chain, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_prep_conf_chain(&conf, chain);
    const size_t context = an_prep_rows(&conf);
    assert_int_equal(an_samples_cut(l->rows[0], ROWS, SENSORS, context, context, true, &raw, &n, &why),
                     AN_OK);
    assert_int_equal(an_prep_fit(&b.prep, &conf, raw, n, context, SENSORS, &why), AN_OK);
    assert_int_equal(an_schema_new(&b.schema, names, NULL, SENSORS, 10, WINDOW, &why), AN_OK);
    assert_int_equal(an_detector_new("mahalanobis", WINDOW, b.prep.features, &b.detector, &why), AN_OK);
    assert_int_equal(an_samples_inputs(&b.prep, raw, n, context, &x, &n_x, NULL, &why), AN_OK);
    assert_int_equal(an_detector_fit(b.detector, x, NULL, n_x, &why), AN_OK);
    an_chain_free(chain);
    an_free(raw);
    an_free(x);
    return b;
}

static int64_t index_of(const line *l, int64_t time_ms)
{
    for (size_t i = 0; i < ROWS; i++)
        if (l->time_ms[i] == time_ms)
            return (int64_t)i;
    fail_msg("no row of that time");
    return -1;
}

static void training_and_live_see_the_same_bits(void **state)
{
    (void)state;
    static line l;
    static double live_raw[ROWS];
    an_note why = {{0}};
    an_rng_init(&l.rng, 5, 0);
    make_rows(&l);
    size_t gaps = 0, heats = 0;
    for (size_t i = 0; i < ROWS; i++) {
        gaps += isnan(l.rows[i][SLOW]) ? 1 : 0;
        heats += isfinite(l.rows[i][SLOW]) ? 1 : 0;
    }
    assert_true(heats > ROWS / 12 && gaps > ROWS * 8 / 10); /* the slow one is there once a second */

    an_bundle b = make_bundle(&l);
    const size_t context = an_prep_rows(&b.prep.conf);
    an_pool *pool = NULL;
    an_pipeline *pipe = NULL;
    an_live live = {0};
    an_hash hash = {{1}};
    const an_pool_conf pool_conf = {.width = SENSORS, .window = context, .seed = 2, .gaps = true};
    assert_int_equal(an_pool_new(&pool_conf, &pool, &why), AN_OK);
    const an_pipeline_conf conf = {.width = SENSORS,
                                   .window = context,
                                   .pool_stride = 3 * RATE,
                                   .alarm = AN_ALARM_CONF_DEFAULT,
                                   .quality = {.missing_rows = 100, .range_rows = 1, .clear_rows = 1},
                                   .pool = pool};
    assert_int_equal(an_live_make(&b, &hash, NULL, NULL, &live, &why), AN_OK);
    assert_int_equal(an_pipeline_new(&conf, &pipe, &why), AN_OK);
    assert_int_equal(an_pipeline_swap(pipe, &live, false, &why), AN_OK);
    size_t scored = 0;
    for (size_t i = 0; i < ROWS; i++) {
        an_pipeline_out out;
        const an_pipeline_in in = {
            .row = i, .time_ms = l.time_ms[i], .values = l.rows[i], .quality = l.quality[i]};
        assert_int_equal(an_pipeline_row(pipe, &in, &out, &why), AN_OK);
        live_raw[i] = out.scored ? out.raw : (double)NAN;
        scored += out.scored;
    }
    assert_true(scored > ROWS / RATE - context && scored <= ROWS / RATE); /* one rate for both */

    /* Whatever part of the pool: each stored window gives the score that the line had at its last row. */
    an_scorer *scorer = NULL;
    an_scorer_work *work = NULL;
    assert_int_equal(an_scorer_new(&b, NULL, &scorer, &why), AN_OK);
    assert_int_equal(an_scorer_work_new(scorer, 1, &work), AN_OK);
    size_t compared = 0;
    for (an_pool_part part = AN_POOL_TRAIN; part <= AN_POOL_NEW; part++)
        for (size_t i = 0; i < an_pool_n(pool, part); i++) {
            float *x = NULL, score = 0;
            size_t n = 0;
            const size_t at = (size_t)index_of(&l, an_pool_time(pool, part, i));
            assert_int_equal(
                an_samples_inputs(&b.prep, an_pool_get(pool, part, i), 1, context, &x, &n, NULL, &why),
                AN_OK);
            assert_int_equal(n, 1);
            assert_int_equal(an_scorer_score(scorer, work, x, 1, &score, NULL), AN_OK);
            if (!((double)score == live_raw[at]))
                fail_msg("row %zu: %.9g live, %.9g from the pool", at, live_raw[at], (double)score);
            an_free(x);
            compared++;
        }
    assert_true(compared > ROWS / (3 * RATE) / 2);
    an_scorer_work_free(work);
    an_scorer_free(scorer);
    an_pipeline_free(pipe);
    an_pool_free(pool);
    an_bundle_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(training_and_live_see_the_same_bits)};
    an_kernels_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
