/* Trees of sums: sites' sums, added up as a FIT round adds them, grow the trees of all rows in one place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/boost.h"
#include "models/histogram.h"
#include "sum/payload.h"
#include "sum/vector.h"

enum {
    WIDTH = 4,
    BINS = 16,
    ROWS = 900,
    SITES = 5,
    SUMS = 4 * WIDTH * (BINS + 1) * 2,
    WORDS = (1 + SUMS) * 16
};

static float x[2 * ROWS * WIDTH], y[2 * ROWS], edges[WIDTH * (BINS - 1)];
static double sums[SUMS];
static uint32_t one[WORDS], total[WORDS];

static const an_boost_conf squares = {
    .width = WIDTH, .bins = BINS, .depth = 3, .trees = 40, .rate = 0.2, .ridge = 1.0, .least = 5.0};

/* A product, a step and a value that is missing where it matters; the second half of the rows is for judging. */
static void draw(bool yes_no)
{
    an_rng r;
    an_rng_init(&r, 5, 0);
    for (size_t i = 0; i < (size_t)2 * ROWS; i++) {
        float *row = x + i * WIDTH;
        for (size_t j = 0; j < WIDTH; j++)
            row[j] = (float)an_rng_normal(&r);
        const bool missing = an_rng_unit(&r) < 0.2;
        const float f = (row[0] > 0.2f ? row[1] : -row[1]) + (missing ? 2.0f : 0.0f);
        y[i] = yes_no ? (f > 0.0f ? 1.0f : 0.0f) : f + (float)(0.1 * an_rng_normal(&r));
        row[3] = missing ? NAN : row[3];
    }
    for (size_t j = 0; j < WIDTH; j++)
        assert_int_equal(an_hist_edges(edges + j * (BINS - 1), BINS, x, ROWS, WIDTH, j), AN_OK);
}

static an_boost *fresh(const an_boost_conf *c)
{
    an_boost *b = NULL;
    assert_int_equal(an_boost_new(c, edges, &b, NULL), AN_OK);
    return b;
}

static an_boost *pooled(const an_boost_conf *c)
{
    an_boost *b = fresh(c);
    while (an_boost_n_sums(b) > 0) {
        memset(sums, 0, sizeof sums);
        assert_int_equal(an_boost_add(b, x, y, ROWS, sums, NULL), AN_OK);
        assert_int_equal(an_boost_grow(b, sums, NULL), AN_OK);
    }
    return b;
}

/* Sites of very different sizes, the last with no row at all. */
static an_boost *federated(const an_boost_conf *c)
{
    static const size_t from[SITES + 1] = {0, 3, 100, 700, ROWS, ROWS};
    const an_payload_type *fit = an_payload_find(AN_PAYLOAD_FIT);
    an_boost *b = fresh(c);
    size_t n;
    while ((n = an_boost_n_sums(b)) > 0) {
        const an_payload_facts facts = {.n_cohort = SITES, .n_sums = (uint32_t)n};
        const uint64_t dim = fit->dim(&facts);
        assert_true(dim > 0 && dim <= WORDS);
        memset(total, 0, sizeof total);
        for (size_t s = SITES; s-- > 0;) {
            const an_payload_in in = {.fit = {.n = from[s + 1] - from[s], .sums = sums}};
            memset(sums, 0, sizeof sums);
            assert_int_equal(an_boost_add(b, x + from[s] * WIDTH, y + from[s], in.fit.n, sums, NULL), AN_OK);
            assert_int_equal(fit->encode(one, &facts, &in, NULL), AN_OK);
            assert_int_equal(fit->check(&facts, dim, 0, one, dim, NULL), AN_OK);
            an_sum_add(total, one, dim);
        }
        an_payload_out out = {.fit = {.sums = sums}};
        assert_int_equal(fit->decode(&out, &facts, total, NULL), AN_OK);
        assert_int_equal(out.fit.n, ROWS);
        assert_int_equal(an_boost_grow(b, sums, NULL), AN_OK);
    }
    return b;
}

static void sums_of_sites_grow_the_trees_of_all_rows(void **state)
{
    (void)state;
    for (int yes_no = 0; yes_no < 2; yes_no++) {
        an_boost_conf c = squares;
        c.yes_no = yes_no == 1;
        c.least = 1.0;
        draw(c.yes_no);
        an_boost *a = pooled(&c), *b = federated(&c);
        for (size_t i = 0; i < (size_t)2 * ROWS; i++) {
            const double at_once = an_boost_predict(a, x + i * WIDTH);
            assert_true(isfinite(at_once));
            assert_true(at_once == an_boost_predict(b, x + i * WIDTH));
        }
        an_boost_free(a);
        an_boost_free(b);
    }
}

static double rmse(const an_boost *b, size_t from)
{
    double sum = 0.0;
    for (size_t i = from; i < from + ROWS; i++) {
        const double e = an_boost_predict(b, x + i * WIDTH) - (double)y[i];
        sum += e * e;
    }
    return sqrt(sum / ROWS);
}

static void trees_learn_what_no_plane_can_and_each_makes_it_better(void **state)
{
    (void)state;
    draw(false);
    an_boost *b = fresh(&squares);
    double before = INFINITY, mean = 0.0;
    while (an_boost_n_sums(b) > 0) {
        memset(sums, 0, sizeof sums);
        assert_int_equal(an_boost_add(b, x, y, ROWS, sums, NULL), AN_OK);
        assert_int_equal(an_boost_grow(b, sums, NULL), AN_OK);
        const double now = rmse(b, 0);
        assert_true(now <= before + 1e-9);
        mean = isfinite(before) ? mean : rmse(b, ROWS); /* of the constant; a plane is hardly better */
        before = now;
    }
    assert_true(mean > 1.0);
    const double after = rmse(b, ROWS);
    print_message("rmse %.3f, of the constant %.3f\n", after, mean);
    assert_true(after < 0.5 * mean);
    an_boost_free(b);
}

static void yes_and_no_are_told_apart(void **state)
{
    (void)state;
    an_boost_conf c = squares;
    size_t right = 0;
    c.yes_no = true;
    c.least = 1.0;
    draw(true);
    an_boost *b = pooled(&c);
    for (size_t i = ROWS; i < (size_t)2 * ROWS; i++) {
        const double p = an_boost_predict(b, x + i * WIDTH);
        assert_true(p >= 0.0 && p <= 1.0);
        right += (p > 0.5) == (y[i] > 0.5f);
    }
    assert_true(right > ROWS * 9 / 10);
    an_boost_free(b);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    an_boost *b = NULL;
    draw(false);
    an_boost_conf c = squares;
    c.bins = AN_BINS_MAX + 1;
    assert_int_equal(an_boost_new(&c, edges, &b, NULL), AN_ERR_INVAL);
    c = squares;
    c.depth = AN_BOOST_DEPTH_MAX + 1;
    assert_int_equal(an_boost_new(&c, edges, &b, NULL), AN_ERR_INVAL);
    c = squares;
    c.ridge = NAN;
    assert_int_equal(an_boost_new(&c, edges, &b, NULL), AN_ERR_INVAL);
    c = squares;
    c.width = UINT32_MAX; /* judged before any edge is read */
    assert_int_equal(an_boost_new(&c, edges, &b, NULL), AN_ERR_LIMIT);
    edges[1] = edges[2] + 1.0f;
    assert_int_equal(an_boost_new(&squares, edges, &b, NULL), AN_ERR_INVAL);
    assert_null(b);

    draw(false);
    b = fresh(&squares);
    const double none[2] = {0.0, 0.0}, wrong[2] = {NAN, 3.0}, negative[2] = {1.0, -3.0}, good[2] = {3.0, 3.0};
    assert_int_equal(an_boost_grow(b, none, NULL), AN_ERR_NUMERIC);
    assert_int_equal(an_boost_grow(b, wrong, NULL), AN_ERR_NUMERIC);
    assert_int_equal(an_boost_grow(b, negative, NULL), AN_ERR_NUMERIC);
    assert_int_equal(an_boost_n_sums(b), 2);
    assert_int_equal(an_boost_grow(b, good, NULL), AN_OK);
    assert_true(an_boost_predict(b, x) == -1.0);
    y[7] = INFINITY;
    memset(sums, 0, sizeof sums);
    assert_int_equal(an_boost_add(b, x, y, ROWS, sums, NULL), AN_ERR_NUMERIC);
    an_boost_free(b);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    draw(false);
    const size_t live = an_mem_live();
    for (size_t n = 0; n < 3; n++) {
        an_boost *b = NULL;
        an_mem_fail_after(n);
        const an_err err = an_boost_new(&squares, edges, &b, NULL);
        an_mem_fail_never();
        assert_int_equal(err, AN_ERR_NOMEM);
        assert_null(b);
        assert_int_equal(an_mem_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_sites_grow_the_trees_of_all_rows),
        cmocka_unit_test(trees_learn_what_no_plane_can_and_each_makes_it_better),
        cmocka_unit_test(yes_and_no_are_told_apart),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
