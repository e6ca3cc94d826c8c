/* Versions whose rows go through steps: bytes there and back, overlays behind the same steps only, and
 * contributions by sensor.  A seed of the bundle fuzzer is made by
 *
 *     test_prep_bundle --write tests/fuzz/corpus/bundle/steps */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/bundle.h"
#include "models/overlay.h"
#include "models/scorer.h"

enum { WIDTH = 3, WINDOW = 2, FEATURES = 7, INPUT = WINDOW * FEATURES, N = 400, CONTEXT = 20 };

static const char steps[] =
    "steps: [range: {above: 50}, hold: {limit: 2}, lag: {sensors: [0, 2], rows: [1, 3]}, "
    "regime: {sensor: 1, edges: [0], names: [low, high]}]";

static void make_rows(float *rows)
{
    an_rng r;
    an_rng_init(&r, 3, 0);
    for (size_t i = 0; i < N * CONTEXT * WIDTH; i++)
        rows[i] = (float)an_rng_normal(&r);
}

static an_err make(an_bundle *ret, const char *text, const float *rows)
{
    static const char *const names[WIDTH] = {"flow", "speed", "oil"};
    an_bundle b = {.model = "stepped", .threshold = 1.5, .policy = "quantile:0.999*1.33", .n_edges = 2};
    an_prep_chain *c = NULL;
    an_windows w = {0};
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    conf.window = WINDOW;
    an_err err = an_chain_parse(text, strlen(text), NULL, WIDTH, &c, NULL);
    an_prep_conf_chain(&conf, c);
    if (err == AN_OK)
        err = an_schema_new(&b.schema, names, NULL, WIDTH, 1.0, WINDOW, NULL);
    if (err == AN_OK)
        err = an_prep_fit(&b.prep, &conf, rows, N, CONTEXT, WIDTH, NULL);
    if (err == AN_OK)
        err = an_prep_windows(&b.prep, rows, N, &w);
    if (err == AN_OK)
        err = an_detector_new("mahalanobis", WINDOW, b.prep.features, &b.detector, NULL);
    if (err == AN_OK)
        err = an_detector_fit(b.detector, w.x, NULL, w.n, NULL);
    b.edges = an_alloc((size_t)WIDTH * 2, sizeof *b.edges);
    b.score_edges = an_alloc(2, sizeof *b.score_edges);
    b.arch = an_strdup("");
    if (err == AN_OK && (!b.edges || !b.score_edges || !b.arch))
        err = AN_ERR_NOMEM;
    an_windows_done(&w);
    an_chain_free(c);
    if (err == AN_OK)
        *ret = b;
    else
        an_bundle_done(&b);
    return err;
}

static an_bundle whole(const char *text)
{
    static float rows[N * CONTEXT * WIDTH];
    an_bundle b = {.arch = NULL};
    make_rows(rows);
    assert_int_equal(make(&b, text, rows), AN_OK);
    return b;
}

static an_buf encoded(const an_bundle *b)
{
    an_buf out;
    an_note why = {{0}};
    an_buf_init(&out, 1 << 20);
    if (an_bundle_encode(b, &out, &why) != AN_OK)
        fail_msg("%s", why.text);
    return out;
}

static void steps_travel_in_the_bundle_and_make_another_version(void **state)
{
    (void)state;
    an_bundle b = whole(steps), c = {.arch = NULL};
    assert_true(b.prep.features == FEATURES && b.prep.regimes == 2);
    an_buf bytes = encoded(&b);
    assert_int_equal(an_bundle_decode(&c, bytes.data, bytes.len, NULL), AN_OK);
    assert_true(an_prep_equal(&b.prep, &c.prep));
    assert_string_equal(
        an_chain_canonical(c.prep.conf.chain),
        "version: 1\nsteps:\n  - range: {above: 50}\n  - hold: {limit: 2}\n  - lag: {sensors: [0, "
        "2], rows: [1, 3]}\n  - regime: {sensor: 1, edges: [0], names: [\"low\", \"high\"]}\n");
    an_buf again = encoded(&c);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
    an_buf_done(&again);
    an_bundle_done(&c);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(an_bundle_decode(&c, bytes.data, len, NULL), AN_ERR_PROTO);
    /* A setting alone makes another hash. */
    an_bundle other = whole("steps: [range: {above: 51}, hold: {limit: 2}, lag: {sensors: [0, 2], rows: [1, "
                            "3]}, regime: {sensor: 1, "
                            "edges: [0], names: [low, high]}]");
    an_buf different = encoded(&other);
    an_hash one, two;
    an_bundle_hash(&one, bytes.data, bytes.len);
    an_bundle_hash(&two, different.data, different.len);
    assert_false(an_hash_equal(&one, &two));
    an_buf_done(&different);
    an_bundle_done(&other);
    an_buf_done(&bytes);
    an_bundle_done(&b);
}

static void a_flipped_bit_is_refused_or_gives_exactly_these_bytes_again(void **state)
{
    (void)state;
    an_bundle b = whole(steps);
    an_buf bytes = encoded(&b);
    size_t taken = 0;
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        an_bundle c = {.arch = NULL};
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (bit % 5 == 0 && an_bundle_decode(&c, bytes.data, bytes.len, NULL) == AN_OK) {
            an_buf again = encoded(&c);
            assert_true(again.len == bytes.len && memcmp(again.data, bytes.data, bytes.len) == 0);
            an_buf_done(&again);
            an_bundle_done(&c);
            taken++;
        }
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(taken > 0);
    an_buf_done(&bytes);
    an_bundle_done(&b);
}

static void an_overlay_is_made_behind_the_same_steps(void **state)
{
    (void)state;
    an_bundle b = whole(steps), other = whole("steps: [lag: {sensors: [0, 2], rows: [1, 3]}]");
    const an_hash base = {.b = {1}};
    an_overlay o = {.base = base, .has_prep = true}, again = {.created_ms = 0};
    an_scorer *s = NULL;
    an_buf bytes;
    an_note why = {{0}};
    an_buf_init(&bytes, 1 << 20);
    assert_int_equal(an_prep_copy(&o.prep, &b.prep), AN_OK);
    o.prep.mean[FEATURES + 1] = 77;
    assert_int_equal(an_overlay_fits(&o, &b, &base, NULL), AN_OK);
    assert_int_equal(an_overlay_encode(&o, &bytes, NULL), AN_OK);
    assert_int_equal(an_overlay_decode(&again, bytes.data, bytes.len, NULL), AN_OK);
    assert_true(an_prep_equal(&o.prep, &again.prep));
    assert_int_equal(an_scorer_new(&b, &again, &s, NULL), AN_OK);
    assert_true(an_scorer_prep(s)->mean[FEATURES + 1] == 77);
    an_scorer_free(s);
    s = NULL;
    an_prep_done(&o.prep);
    assert_int_equal(an_prep_copy(&o.prep, &other.prep), AN_OK);
    assert_int_equal(an_overlay_fits(&o, &b, &base, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "steps"));
    assert_int_equal(an_scorer_new(&b, &o, &s, NULL), AN_ERR_INVAL);
    an_overlay_done(&o);
    an_overlay_done(&again);
    an_buf_done(&bytes);
    an_bundle_done(&b);
    an_bundle_done(&other);
}

/* Of each sensor its own feature and its lags. */
static void contributions_are_those_of_sensors(void **state)
{
    (void)state;
    an_bundle b = whole(steps);
    an_scorer *s = NULL;
    an_scorer_work *w = NULL;
    an_rng r;
    float x[2 * INPUT], scores[2], single[2], by_sensor[2 * WIDTH], by_feature[FEATURES];
    double *scratch = an_alloc(an_detector_scratch(b.detector), sizeof *scratch);
    an_rng_init(&r, 5, 0);
    for (size_t i = 0; i < 2 * INPUT; i++)
        x[i] = (float)an_rng_normal(&r);
    assert_int_equal(an_scorer_new(&b, NULL, &s, NULL), AN_OK);
    assert_int_equal(an_scorer_width(s), WIDTH);
    assert_int_equal(an_scorer_work_new(s, 2, &w), AN_OK);
    an_mem_fail_after(0);
    assert_int_equal(an_scorer_score(s, w, x, 2, scores, by_sensor), AN_OK);
    assert_int_equal(an_scorer_score(s, w, x, 2, single, NULL), AN_OK);
    an_mem_fail_never();
    assert_memory_equal(scores, single, sizeof scores);
    for (size_t i = 0; i < 2; i++) {
        an_detector_score(b.detector, x + i * INPUT, NULL, 1, single, by_feature, scratch);
        assert_memory_equal(single, scores + i, sizeof *single);
        const float *of = by_sensor + i * WIDTH;
        assert_true(fabsf(of[0] - (by_feature[0] + by_feature[3] + by_feature[5])) < 1e-5f);
        assert_true(fabsf(of[1] - by_feature[1]) < 1e-5f);
        assert_true(fabsf(of[2] - (by_feature[2] + by_feature[4] + by_feature[6])) < 1e-5f);
    }
    an_free(scratch);
    an_scorer_work_free(w);
    an_scorer_free(s);
    an_bundle_done(&b);
}

static void running_out_of_memory_at_any_point_leaks_nothing(void **state)
{
    (void)state;
    const size_t live = an_mem_live();
    an_bundle b = whole(steps);
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err != AN_OK; n++) {
        an_bundle copy = {.arch = NULL};
        an_scorer *s = NULL;
        an_scorer_work *w = NULL;
        an_mem_fail_after(n);
        err = an_bundle_copy(&copy, &b);
        if (err == AN_OK)
            err = an_scorer_new(&copy, NULL, &s, NULL);
        if (err == AN_OK)
            err = an_scorer_work_new(s, 1, &w);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_scorer_work_free(w);
        an_scorer_free(s);
        an_bundle_done(&copy);
    }
    an_bundle_done(&b);
    assert_int_equal(an_mem_live(), live);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_travel_in_the_bundle_and_make_another_version),
        cmocka_unit_test(a_flipped_bit_is_refused_or_gives_exactly_these_bytes_again),
        cmocka_unit_test(an_overlay_is_made_behind_the_same_steps),
        cmocka_unit_test(contributions_are_those_of_sensors),
        cmocka_unit_test(running_out_of_memory_at_any_point_leaks_nothing),
    };
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        static float rows[N * CONTEXT * WIDTH];
        an_bundle b = {.arch = NULL};
        make_rows(rows);
        an_err err = make(&b, steps, rows);
        if (err == AN_OK)
            err = an_bundle_write(&b, argv[2], NULL, NULL);
        an_bundle_done(&b);
        return err != AN_OK;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
