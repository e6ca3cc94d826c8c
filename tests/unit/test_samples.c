/* Raw windows: the same inputs as the live stream gives, cut from tables, shared out by blocks.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/data.h"
#include "agent/samples.h"
#include "base/mem.h"
#include "tests/support/toy.h"

static void a_window_gives_the_input_that_the_stream_gives_at_its_last_row(void **state)
{
    an_bundle b;
    an_prep_stream *stream = NULL;
    an_note why;
    float *x = NULL, live[AN_TOY_WINDOW * AN_TOY_WIDTH];
    float *raw = an_toy_windows(10, 5);
    size_t n = 0;
    (void)state;
    an_toy_bundle(&b, false);
    assert_int_equal(an_samples_context(&b.prep), AN_TOY_CONTEXT);
    assert_int_equal(an_samples_inputs(&b.prep, raw, 10, AN_TOY_CONTEXT, &x, &n, NULL, &why), AN_OK);
    assert_int_equal(an_prep_stream_new(&b.prep, &stream), AN_OK);
    for (size_t i = 0; i < 10; i++) {
        bool complete = false;
        an_prep_stream_reset(stream);
        for (size_t r = 0; r < AN_TOY_CONTEXT; r++)
            complete = an_prep_push(stream, raw + (i * AN_TOY_CONTEXT + r) * AN_TOY_WIDTH, live);
        assert_true(complete);
        assert_memory_equal(live, x + i * AN_TOY_WINDOW * AN_TOY_WIDTH, sizeof live);
    }
    an_prep_stream_free(stream);
    an_free(x);
    x = NULL;
    /* A stride of the stream does not matter: each window is one sample. */
    b.prep.conf.stride = 7;
    assert_int_equal(an_samples_inputs(&b.prep, raw, 10, AN_TOY_CONTEXT, &x, &n, NULL, &why), AN_OK);
    assert_memory_equal(live, x + 9 * AN_TOY_WINDOW * AN_TOY_WIDTH, sizeof live);
    an_free(x);
    assert_int_equal(an_samples_inputs(&b.prep, raw, 10, AN_TOY_CONTEXT - 1, &x, &n, NULL, &why),
                     AN_ERR_INVAL);
    an_bundle_done(&b);
    an_free(raw);
}

static void a_table_is_cut_where_no_value_is_missing(void **state)
{
    float rows[10 * 2], *raw = NULL;
    size_t n = 0;
    an_note why;
    (void)state;
    for (size_t i = 0; i < 20; i++)
        rows[i] = (float)i;
    assert_int_equal(an_samples_cut(rows, 10, 2, 3, 2, false, &raw, &n, &why), AN_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(raw + 3 * 6, rows + 6 * 2, 6 * sizeof *rows);
    an_free(raw);
    rows[2 * 2 + 1] = NAN; /* row 2: out of the windows at rows 0 and 2 */
    assert_int_equal(an_samples_cut(rows, 10, 2, 3, 2, false, &raw, &n, &why), AN_OK);
    assert_int_equal(n, 2);
    assert_memory_equal(raw, rows + 4 * 2, 6 * sizeof *rows);
    an_free(raw);
    assert_int_equal(an_samples_cut(rows, 2, 2, 3, 1, false, &raw, &n, &why), AN_OK);
    assert_int_equal(n, 0);
    an_free(raw);
    assert_int_equal(an_samples_cut(rows, 10, 2, 0, 1, false, &raw, &n, &why), AN_ERR_INVAL);
}

/* Every held window is fitted on or held out, none both; the halves of a holdout share none. */
static void parts_are_shared_out_without_overlap(void **state)
{
    enum { N = 100 };
    float value[N];
    unsigned times[N] = {0};
    an_data_set s = {.n = 0};
    size_t sum = 0;
    (void)state;
    for (size_t i = 0; i < N; i++)
        value[i] = (float)i;
    const an_site_data d = {
        .width = 1, .context = 1, .held = {.raw = value, .n = N}, .old = {.raw = value, .n = N}};
    assert_int_equal(an_data_fit(&d, true, &s), AN_OK);
    assert_int_equal(s.n, 80);
    for (size_t i = 0; i < s.n; i++)
        times[(size_t)s.raw[i]]++;
    an_data_set_done(&s);
    for (int half = 0; half < 2; half++) {
        assert_int_equal(an_data_holdout_new(&d, true, half, &s), AN_OK);
        for (size_t i = 0; i < s.n; i++)
            times[(size_t)s.raw[i]]++;
        an_data_set_done(&s);
    }
    for (size_t i = 0; i < N; i++)
        assert_int_equal(times[i], 1);
    for (int half = 0; half < 2; half++) {
        assert_int_equal(an_data_holdout_old(&d, half, &s), AN_OK);
        for (size_t i = 0; i < s.n; i++)
            times[(size_t)s.raw[i]]++;
        sum += s.n;
        an_data_set_done(&s);
    }
    assert_int_equal(sum, N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(times[i], 2);
    assert_int_equal(an_data_fit(&d, false, &s), AN_OK);
    assert_int_equal(s.n, 0); /* held windows are not touched unless asked for */
    an_data_set_done(&s);
}

static void nothing_is_lost_when_memory_runs_out(void **state)
{
    an_bundle b;
    float *raw = an_toy_windows(10, 5), *x = NULL;
    an_err err = AN_ERR_NOMEM;
    size_t used = 0;
    (void)state;
    an_toy_bundle(&b, false);
    const size_t live = an_mem_live();
    for (size_t n = 0; err != AN_OK; n++) {
        an_mem_fail_after(n);
        err = an_samples_inputs(&b.prep, raw, 10, AN_TOY_CONTEXT, &x, &used, NULL, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        if (err != AN_OK)
            assert_int_equal(an_mem_live(), live);
    }
    an_free(x);
    an_bundle_done(&b);
    an_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_gives_the_input_that_the_stream_gives_at_its_last_row),
        cmocka_unit_test(a_table_is_cut_where_no_value_is_missing),
        cmocka_unit_test(parts_are_shared_out_without_overlap),
        cmocka_unit_test(nothing_is_lost_when_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
