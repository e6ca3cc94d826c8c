/* Maps and boxes on images whose faults are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "models/heatmap.h"

enum { H = 40, W = 60, N = H * W, MOST = 4 };

static float map[N], scratch[N];
static uint32_t labels[2 * N];
static an_heatmap_box boxes[MOST];

static void clear(void)
{
    memset(map, 0, sizeof map);
}

static void paint(size_t x0, size_t y0, size_t x1, size_t y1, float value)
{
    for (size_t y = y0; y <= y1; y++)
        for (size_t x = x0; x <= x1; x++)
            map[y * W + x] = value;
}

static size_t find(double threshold, size_t least)
{
    return an_heatmap_boxes(map, H, W, threshold, least, boxes, MOST, labels);
}

static void a_box_is_where_the_fault_is(void **state)
{
    (void)state;
    clear();
    paint(10, 5, 14, 9, 2.0f);
    paint(30, 20, 35, 21, 3.0f);
    map[20 * W + 33] = 5.0f;
    assert_int_equal(find(1.0, 1), 2);
    assert_true(boxes[0].x0 == 30 && boxes[0].y0 == 20 && boxes[0].x1 == 35 && boxes[0].y1 == 21);
    assert_int_equal(boxes[0].area, 12);
    assert_true(boxes[0].peak == 5.0 && boxes[0].peak_x == 33 && boxes[0].peak_y == 20);
    assert_true(fabs(boxes[0].mean - (11 * 3.0 + 5.0) / 12) < 1e-9);
    assert_true(boxes[1].area == 25 && boxes[1].peak_x == 10 && boxes[1].peak_y == 5);
    assert_int_equal(find(2.0, 1), 1); /* above, not at */
    assert_int_equal(find(1.0, 13), 1);
    assert_int_equal(boxes[0].area, 25);
    assert_int_equal(find(9.0, 1), 0);
}

static void corners_touch_and_edges_are_borders(void **state)
{
    (void)state;
    clear();
    for (size_t i = 0; i < H; i++)
        map[i * W + i] = 1.0f; /* a diagonal */
    map[W - 1] = 1.0f;         /* the end of a row does not touch the beginning of the next */
    map[W] = 0.5f;
    assert_int_equal(find(0.9, 1), 2);
    assert_true(boxes[0].area == H && boxes[0].x1 == H - 1 && boxes[0].y1 == H - 1);
    assert_true(boxes[1].area == 1 && boxes[1].x0 == W - 1 && boxes[1].y0 == 0);
    paint(0, 0, W - 1, H - 1, 1.0f); /* all of it */
    assert_int_equal(find(0.5, 1), 1);
    assert_int_equal(boxes[0].area, N);
}

static void of_many_boxes_the_highest_are_kept(void **state)
{
    (void)state;
    clear();
    for (size_t i = 0; i < 10; i++)
        map[3 * W + 5 * i] = 1.0f + (float)((i * 7) % 10);
    assert_int_equal(find(0.5, 1), 10);
    for (size_t i = 0; i < MOST; i++)
        assert_true(boxes[i].peak == 10.0 - (double)i);
    for (size_t i = 0; i < 10; i++)
        map[3 * W + 5 * i] = 1.0f; /* ties: from the left */
    assert_int_equal(find(0.5, 1), 10);
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(boxes[i].x0, 5 * i);
}

/* A slow search that cannot be wrong: labels spread until nothing changes. */
static size_t count_slowly(double threshold)
{
    static uint32_t label[N];
    size_t n = 0;
    int changed = 1;
    for (size_t i = 0; i < N; i++)
        label[i] = (double)map[i] > threshold ? (uint32_t)i + 1 : 0;
    while (changed) {
        changed = 0;
        for (size_t i = 0; i < N; i++)
            for (int dy = -1; label[i] && dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++) {
                    const int x = (int)(i % W) + dx, y = (int)(i / W) + dy;
                    if (x < 0 || y < 0 || x >= W || y >= H || label[y * W + x] <= label[i])
                        continue;
                    label[i] = label[y * W + x];
                    changed = 1;
                }
    }
    for (size_t i = 0; i < N; i++)
        n += label[i] == (uint32_t)i + 1;
    return n;
}

static void random_maps_have_as_many_boxes_as_a_slow_search_finds(void **state)
{
    (void)state;
    an_rng rng;
    an_rng_init(&rng, 3, 0);
    for (size_t trial = 0; trial < 20; trial++) {
        for (size_t i = 0; i < N; i++)
            map[i] = (float)an_rng_unit(&rng);
        const double threshold = 0.5 + 0.02 * (double)trial;
        size_t above = 0;
        for (size_t i = 0; i < N; i++)
            above += (double)map[i] > threshold;
        assert_int_equal(find(threshold, 1), count_slowly(threshold));
        assert_true(boxes[0].area <= above);
        assert_true(boxes[0].peak == (double)an_heatmap_peak(map, H, W));
    }
}

static void smoothing_spreads_and_keeps_what_is_even(void **state)
{
    (void)state;
    paint(0, 0, W - 1, H - 1, 0.25f);
    an_heatmap_smooth(map, H, W, 4.0, scratch);
    for (size_t i = 0; i < N; i++)
        assert_true(fabsf(map[i] - 0.25f) < 1e-6f); /* at the edges too */
    clear();
    map[20 * W + 30] = 1.0f;
    an_heatmap_smooth(map, H, W, 2.0, scratch);
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += (double)map[i];
    assert_true(fabs(sum - 1) < 1e-3);
    const double peak = (double)map[20 * W + 30];
    assert_true(fabs(peak - 1 / (2 * 3.14159265 * 4.0)) < 1e-4);
    assert_true(fabs((double)map[22 * W + 30] / peak - exp(-0.5)) < 1e-3);
    assert_true(map[20 * W + 28] == map[20 * W + 32] && map[18 * W + 30] == map[20 * W + 28]);
    const float before = map[0];
    an_heatmap_smooth(map, H, W, 0.0, scratch);
    assert_true(map[0] == before);
    an_heatmap_smooth(map, H, W, 1e9, scratch); /* bounded */
    assert_true(isfinite(an_heatmap_peak(map, H, W)));
}

static void residuals_are_in_units_of_what_is_usual_there(void **state)
{
    (void)state;
    float x[2 * 3 * 3], y[2 * 3 * 3], out[6], usual[6];
    double sum[6] = {0};
    for (size_t i = 0; i < 18; i++) {
        x[i] = 0.5f;
        y[i] = 0.5f;
    }
    for (size_t c = 0; c < 3; c++) {
        y[3 * 1 + c] = 0.7f; /* pixel 1 is never well made */
        y[3 * 4 + c] = 0.6f;
    }
    an_heatmap_learn(x, y, 2, 3, 3, sum);
    an_heatmap_learn(x, y, 2, 3, 3, sum);
    for (size_t i = 0; i < 6; i++)
        usual[i] = (float)(sum[i] / 2);
    an_heatmap_residual(x, y, NULL, 2, 3, 3, out);
    assert_true(fabsf(out[1] - 0.04f) < 1e-6f && fabsf(out[4] - 0.01f) < 1e-6f && out[0] == 0);
    an_heatmap_residual(x, y, usual, 2, 3, 3, out);
    assert_true(fabsf(out[1] - 1) < 1e-5f && fabsf(out[4] - 1) < 1e-5f && out[0] == 0);
    y[0] = 0.6f; /* where nothing ever differs a little is not everything */
    an_heatmap_residual(x, y, usual, 2, 3, 3, out);
    assert_true(out[0] > 30 && out[0] < 40);
    out[2] = NAN;
    assert_true(isnan(an_heatmap_peak(out, 2, 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_box_is_where_the_fault_is),
        cmocka_unit_test(corners_touch_and_edges_are_borders),
        cmocka_unit_test(of_many_boxes_the_highest_are_kept),
        cmocka_unit_test(random_maps_have_as_many_boxes_as_a_slow_search_finds),
        cmocka_unit_test(smoothing_spreads_and_keeps_what_is_even),
        cmocka_unit_test(residuals_are_in_units_of_what_is_usual_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
