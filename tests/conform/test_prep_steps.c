/* What every step of preprocessing must do: what comes out is a function of as many rows as it says, stream,
 * table and stored windows agree to the bit, what is read is written, and what is missing is missing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/samples.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/prep.h"
#include "models/prep_step.h"

enum { WIDTH = 3, ROWS = 260, FEATURES_MAX = 64 };

static const char *const names[WIDTH] = {"speed", "it's \"oil\" \\ 2", "99"};

/* Noise with what real rows have: gaps of all lengths, infinities, sensors that stand still. */
static void make_rows(float *rows, uint64_t seed)
{
    an_rng r;
    an_rng_init(&r, seed, 0);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        const double what = an_rng_unit(&r);
        rows[i] = (float)an_rng_normal(&r);
        if (what < 0.15)
            rows[i] = what < 0.02 ? INFINITY : what < 0.04 ? -INFINITY : NAN;
        else if (what < 0.5 && i >= WIDTH)
            rows[i] = rows[i - WIDTH];
    }
}

static an_prep_chain *chain_of(const char *text)
{
    an_note why = {{0}};
    an_prep_chain *c = NULL;
    if (an_chain_parse(text, strlen(text), NULL, WIDTH, &c, &why) != AN_OK)
        fail_msg("%s: %s", text, why.text);
    return c;
}

/* Of the k-th example of a step; NULL: there are no more. */
static an_prep_chain *example(const an_prep_step_type *type, size_t k)
{
    char text[512];
    if (!type->examples[k])
        return NULL;
    snprintf(text, sizeof text, "steps:\n  - %s: {%s}\n", type->name, type->examples[k]);
    return chain_of(text);
}

/* A chain of the state's step alone, or (state NULL) one of all steps. */
static an_prep_chain *next_chain(const an_prep_step_type *type, size_t k)
{
    static const char *const all[] = {
        "steps: [convert: {sensors: [0], gain: 2, offset: 1}, range: {below: -3, above: 4}, stuck: {rows: "
        "4}, "
        "hold: {limit: 2}, interpolate: {sensors: [1, 2], limit: 3}, median: {rows: 3}, "
        "lowpass: {sensors: [2], taps: 7, cutoff: 0.2}, resample: {rows: 2, by: mean}, "
        "resample: {rows: 3, by: max}, lag: {sensors: [0, 2], rows: [1, 3]}, "
        "regime: {sensor: 0, edges: [0.5, 2], names: [a, b, c], ignore: [c]}]",
        "steps: [interpolate: {limit: 2}, interpolate: {limit: 1}, lag: {rows: [4]}]",
        "steps: [resample: {rows: 5, by: last}, stuck: {rows: 2}, hold: {limit: 1}]"};
    if (type)
        return example(type, k);
    return k < sizeof all / sizeof *all ? chain_of(all[k]) : NULL;
}

static bool same_bits(const float *a, const float *b, size_t n)
{
    return memcmp(a, b, n * sizeof *a) == 0;
}

static void what_comes_out_depends_on_so_many_rows_and_no_more(void **state)
{
    static float rows[ROWS * WIDTH];
    an_prep_chain *c;
    make_rows(rows, 3);
    for (size_t k = 0; (c = next_chain(*state, k)); k++) {
        const size_t need = an_chain_rows(c, 1), features = an_chain_features(c, WIDTH);
        an_chain_stream *live = NULL, *fresh = NULL;
        size_t seen = 0;
        assert_true(need >= 1 && need < ROWS / 2 && features <= FEATURES_MAX);
        assert_int_equal(an_chain_stream_new(c, &live), AN_OK);
        assert_int_equal(an_chain_stream_new(c, &fresh), AN_OK);
        for (size_t i = 0; i < ROWS; i++) {
            const float *out = NULL, *again = NULL;
            size_t regime = 0, regime_again = 0;
            const an_chain_out got = an_chain_push(live, rows + i * WIDTH, &out, &regime);
            if (i + 1 < need)
                assert_int_equal(got, AN_CHAIN_NONE);
            if (got == AN_CHAIN_NONE)
                continue;
            an_chain_out last = AN_CHAIN_NONE;
            an_chain_stream_reset(fresh);
            for (size_t r = i + 1 - need; r <= i; r++) {
                assert_int_equal(last, AN_CHAIN_NONE);
                last = an_chain_push(fresh, rows + r * WIDTH, &again, &regime_again);
            }
            assert_int_equal(last, got);
            if (got == AN_CHAIN_ROW) {
                assert_int_equal(regime, regime_again);
                assert_true(regime < an_chain_regimes(c));
                assert_true(same_bits(out, again, features));
            }
            seen++;
        }
        assert_int_equal(seen, (ROWS - need) / an_chain_rate(c) + 1);
        an_chain_stream_free(live);
        an_chain_stream_free(fresh);
        an_chain_free(c);
    }
}

static an_prep prep_of(an_prep_chain *c, uint32_t window, uint32_t smooth, an_missing missing)
{
    static float rows[ROWS * WIDTH];
    an_note why = {{0}};
    an_prep p = {0};
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    conf.window = window;
    conf.smooth = smooth;
    conf.missing = missing;
    an_prep_conf_chain(&conf, c);
    make_rows(rows, 5);
    if (an_prep_fit(&p, &conf, rows, 1, ROWS, WIDTH, &why) != AN_OK)
        fail_msg("%s", why.text);
    return p;
}

/* Live, as a table, and from windows stored at each row: the same model inputs. */
static void stream_table_and_stored_windows_give_the_same_bits(void **state)
{
    static float rows[ROWS * WIDTH];
    an_prep_chain *c;
    make_rows(rows, 4);
    for (size_t k = 0; (c = next_chain(*state, k)); k++) {
        an_prep p = prep_of(c, 2, 2, k % 2 ? AN_MISSING_SKIP : AN_MISSING_MEAN);
        const size_t input = an_prep_input(&p), need = an_samples_context(&p), context = need + 3;
        an_windows w;
        an_prep_stream *live = NULL, *beside = NULL;
        float one[2 * FEATURES_MAX], other[2 * FEATURES_MAX];
        size_t at = 0;
        assert_int_equal(an_prep_windows(&p, rows, ROWS, &w), AN_OK);
        assert_int_equal(an_prep_stream_new(&p, &live), AN_OK);
        assert_int_equal(an_prep_stream_new(&p, &beside), AN_OK);
        for (size_t i = 0; i < ROWS; i++) {
            (void)an_prep_push(beside, rows + (ROWS - 1 - i) * WIDTH, other); /* streams share nothing */
            if (!an_prep_push(live, rows + i * WIDTH, one))
                continue;
            assert_true(at < w.n && w.last[at] == i && i + 1 >= need);
            assert_true(same_bits(one, w.x + at * input, input));
            at++;
            for (size_t j = 0; j < input; j++)
                assert_true(isfinite(one[j]));
            if (i + 1 < context)
                continue;
            float *x = NULL;
            size_t n = 0, which = 9;
            assert_int_equal(
                an_samples_inputs(&p, rows + (i + 1 - context) * WIDTH, 1, context, &x, &n, &which, NULL),
                AN_OK);
            assert_true(n == 1 && which == 0);
            assert_true(same_bits(one, x, input));
            an_free(x);
        }
        assert_int_equal(at, w.n);
        an_prep_stream_free(live);
        an_prep_stream_free(beside);
        an_windows_done(&w);
        an_prep_done(&p);
        an_chain_free(c);
    }
}

static void a_reset_forgets_and_pushing_takes_no_memory(void **state)
{
    static float rows[ROWS * WIDTH];
    an_prep_chain *c;
    make_rows(rows, 6);
    for (size_t k = 0; (c = next_chain(*state, k)); k++) {
        const size_t features = an_chain_features(c, WIDTH);
        an_chain_stream *used = NULL, *fresh = NULL;
        assert_int_equal(an_chain_stream_new(c, &used), AN_OK);
        assert_int_equal(an_chain_stream_new(c, &fresh), AN_OK);
        an_mem_fail_after(0);
        for (size_t from = 0; from < 90; from += 29) {
            an_chain_stream_reset(used);
            an_chain_stream_reset(fresh);
            for (size_t i = from; i < ROWS; i++) {
                const float *a = NULL, *b = NULL;
                size_t ra = 0, rb = 0;
                const an_chain_out out = an_chain_push(fresh, rows + i * WIDTH, &b, &rb);
                assert_int_equal(an_chain_push(used, rows + i * WIDTH, &a, &ra), out);
                if (out == AN_CHAIN_ROW)
                    assert_true(ra == rb && same_bits(a, b, features));
            }
            an_chain_stream_free(fresh);
            an_mem_fail_never();
            assert_int_equal(an_chain_stream_new(c, &fresh), AN_OK);
            an_mem_fail_after(0);
        }
        an_mem_fail_never();
        an_chain_stream_free(used);
        an_chain_stream_free(fresh);
        an_chain_free(c);
    }
}

/* Infinite is missing; where nothing is there nothing comes out; the largest numbers do no harm. */
static void what_is_not_finite_is_missing(void **state)
{
    static float rows[ROWS * WIDTH], marked[ROWS * WIDTH];
    an_prep_chain *c;
    make_rows(rows, 7);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        rows[i] = i % 11 == 0 ? (i % 2 ? 3e38f : -3e38f) : rows[i];
        marked[i] = isfinite(rows[i]) ? rows[i] : i % 2 ? -NAN : -INFINITY;
    }
    for (size_t k = 0; (c = next_chain(*state, k)); k++) {
        const float nothing[WIDTH] = {NAN, INFINITY, -INFINITY};
        const size_t features = an_chain_features(c, WIDTH);
        an_chain_stream *a = NULL, *b = NULL;
        assert_int_equal(an_chain_stream_new(c, &a), AN_OK);
        assert_int_equal(an_chain_stream_new(c, &b), AN_OK);
        for (size_t i = 0; i < ROWS; i++) {
            const float *x = NULL, *y = NULL;
            size_t rx = 0, ry = 0;
            const an_chain_out out = an_chain_push(a, rows + i * WIDTH, &x, &rx);
            assert_int_equal(an_chain_push(b, marked + i * WIDTH, &y, &ry), out);
            for (size_t j = 0; out == AN_CHAIN_ROW && j < features; j++)
                assert_true(isfinite(x[j]) || isnan(x[j]));
            if (out == AN_CHAIN_ROW)
                assert_true(rx == ry && same_bits(x, y, features));
        }
        for (size_t i = 0; i < ROWS; i++) {
            const float *x = NULL;
            size_t regime = 0;
            const an_chain_out out = an_chain_push(a, nothing, &x, &regime);
            if (an_chain_regimes(c) > 1 && i > an_chain_rows(c, 1))
                assert_true(out != AN_CHAIN_ROW); /* nobody knows the regime */
            for (size_t j = 0; out == AN_CHAIN_ROW && i > an_chain_rows(c, 1) && j < features; j++)
                assert_true(isnan(x[j]));
        }
        an_chain_stream_free(a);
        an_chain_stream_free(b);
        an_chain_free(c);
    }
}

/* A sensor that a step is not about comes out as it was `delay` rows ago, so that rows stay rows. */
static void a_step_is_about_its_sensors_and_delays_all_alike(void **state)
{
    static float rows[ROWS * WIDTH];
    const an_prep_step_type *type = *state;
    char text[512];
    make_rows(rows, 8);
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        rows[i] = isfinite(rows[i]) ? rows[i] : NAN;
    for (size_t k = 0; type && type->about == AN_PREP_ABOUT_SENSORS && type->examples[k]; k++) {
        const char *rest = strchr(type->examples[k], ']');
        const bool listed = strncmp(type->examples[k], "sensors: [", 10) == 0;
        snprintf(text, sizeof text, "steps: [%s: {sensors: [1], %s}]", type->name,
                 listed ? rest + 3 : type->examples[k]);
        an_prep_chain *c = chain_of(text);
        an_chain_stream *s = NULL;
        assert_int_equal(an_chain_rate(c), 1);
        assert_int_equal(an_chain_stream_new(c, &s), AN_OK);
        for (size_t i = 0; i < ROWS; i++) {
            const float *out = NULL, *then = rows + (i - an_chain_delay(c)) * WIDTH;
            size_t regime = 0;
            if (an_chain_push(s, rows + i * WIDTH, &out, &regime) == AN_CHAIN_ROW)
                assert_true(same_bits(out, then, 1) && same_bits(out + 2, then + 2, 1));
        }
        an_chain_stream_free(s);
        an_chain_free(c);
    }
}

static void what_is_read_is_written_and_read_again(void **state)
{
    an_prep_chain *c;
    for (size_t k = 0; (c = next_chain(*state, k)); k++) {
        an_prep_chain *again = NULL, *named = NULL, *copy = NULL;
        const char *text = an_chain_canonical(c);
        const size_t len = strlen(text);
        an_buf people;
        an_note why = {{0}};
        assert_int_equal(an_chain_restore(text, len, WIDTH, &again, NULL), AN_OK);
        assert_string_equal(an_chain_canonical(again), text);
        assert_int_equal(an_chain_copy(c, &copy), AN_OK);
        assert_true(an_chain_equal(c, copy) && an_chain_equal(again, copy));
        an_buf_init(&people, AN_CHAIN_TEXT_MAX);
        an_chain_text(c, names, &people);
        if (an_chain_parse((const char *)people.data, people.len, names, WIDTH, &named, &why) != AN_OK)
            fail_msg("%.*s: %s", (int)people.len, (const char *)people.data, why.text);
        assert_true(an_chain_equal(named, c));
        an_buf_done(&people);
        for (size_t cut = 0; cut < len; cut++) {
            an_prep_chain *part = NULL;
            if (an_chain_restore(text, cut, WIDTH, &part, NULL) == AN_OK) /* fewer steps, and these whole */
                assert_true(cut > 20 && text[cut - 1] == '\n' && strlen(an_chain_canonical(part)) == cut);
            an_chain_free(part);
        }
        an_chain_free(copy);
        an_chain_free(named);
        an_chain_free(again);
        an_chain_free(c);
    }
}

static void wrong_settings_are_refused_with_a_reason(void **state)
{
    const an_prep_step_type *type = *state;
    static const char *const wrong[] = {"steps: [%s: {unheard: 1}]", "steps: [%s: {sensors: [3]}]",
                                        "steps: [%s: 3]", "steps: [%s]", "version: 2\nsteps: [%s: {%s}]"};
    for (size_t i = 0; type && i < sizeof wrong / sizeof *wrong; i++) {
        char text[300];
        an_note why = {{0}};
        an_prep_chain *c = NULL;
        const char *mark = strstr(wrong[i], "%s");
        const bool later = i + 1 == sizeof wrong / sizeof *wrong;
        snprintf(text, sizeof text, "%.*s%s%s%s%s", (int)(mark - wrong[i]), wrong[i], type->name,
                 later ? ": {" : mark + 2, later ? type->examples[0] : "", later ? "}]" : "");
        an_err err = an_chain_parse(text, strlen(text), NULL, WIDTH, &c, &why);
        assert_int_equal(err, later ? AN_ERR_UNSUPPORTED : AN_ERR_INVAL);
        assert_true(why.text[0] && !c);
    }
}

static void running_out_of_memory_leaks_nothing(void **state)
{
    const an_prep_step_type *type = *state;
    const size_t live = an_mem_live();
    an_prep_chain *from = next_chain(type, 0);
    an_err err = AN_ERR_NOMEM;
    size_t n = 0;
    for (; err != AN_OK; n++) {
        an_prep_chain *c = NULL;
        an_chain_stream *s = NULL;
        an_mem_fail_after(n);
        err = an_chain_copy(from, &c);
        if (err == AN_OK)
            err = an_chain_stream_new(c, &s);
        an_mem_fail_never();
        an_chain_stream_free(s);
        an_chain_free(c);
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
    }
    assert_true(n > 5);
    an_chain_free(from);
    assert_int_equal(an_mem_live(), live);
}

int main(void)
{
    int failed = 0;
    bool more = true;
    for (size_t i = 0; more; i++) { /* the last: chains of several steps */
        void *type = (void *)(uintptr_t)an_prep_step_at(i);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(what_comes_out_depends_on_so_many_rows_and_no_more, type),
            cmocka_unit_test_prestate(stream_table_and_stored_windows_give_the_same_bits, type),
            cmocka_unit_test_prestate(a_reset_forgets_and_pushing_takes_no_memory, type),
            cmocka_unit_test_prestate(what_is_not_finite_is_missing, type),
            cmocka_unit_test_prestate(a_step_is_about_its_sensors_and_delays_all_alike, type),
            cmocka_unit_test_prestate(what_is_read_is_written_and_read_again, type),
            cmocka_unit_test_prestate(wrong_settings_are_refused_with_a_reason, type),
            cmocka_unit_test_prestate(running_out_of_memory_leaks_nothing, type),
        };
        more = type != NULL;
        failed += cmocka_run_group_tests_name(more ? an_prep_step_at(i)->name : "chains", tests, NULL, NULL);
    }
    return failed;
}
