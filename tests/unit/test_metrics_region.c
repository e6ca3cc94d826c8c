/* The area below the per-region overlap, against one that goes through all thresholds and all regions by themselves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "models/metrics_region.h"

#define H 9
#define W 11
#define N 3
#define ALL (N * H * W)

/* Numbers pixels of regions from 1 by letting the smaller number spread until nothing moves. */
static size_t number_regions(const uint8_t *mask, int *region)
{
    for (int i = 0; i < ALL; i++)
        region[i] = mask[i] ? i + 1 : 0;
    for (int moved = 1; moved;) {
        moved = 0;
        for (int a = 0; a < ALL; a++)
            for (int b = 0; b < ALL; b++) {
                const int ya = a / W % H, xa = a % W, yb = b / W % H, xb = b % W;
                if (a / (H * W) != b / (H * W) || !mask[a] || !mask[b] || ya - yb > 1 || yb - ya > 1 ||
                    xa - xb > 1 || xb - xa > 1 || region[b] <= region[a])
                    continue;
                region[b] = region[a];
                moved = 1;
            }
    }
    size_t n = 0;
    for (int i = 0; i < ALL; i++)
        n += region[i] == i + 1;
    return n;
}

static void point_of(const float *s, const int *region, double threshold, double *ret_far,
                     double *ret_overlap)
{
    double fp = 0, normal = 0, overlap = 0, regions = 0;
    for (int i = 0; i < ALL; i++) {
        normal += region[i] == 0;
        fp += region[i] == 0 && (double)s[i] >= threshold;
        if (region[i] != i + 1)
            continue;
        double size = 0, hit = 0;
        for (int k = 0; k < ALL; k++) {
            size += region[k] == i + 1;
            hit += region[k] == i + 1 && (double)s[k] >= threshold;
        }
        overlap += hit / size;
        regions++;
    }
    *ret_far = fp / normal;
    *ret_overlap = overlap / regions;
}

/* Scores are whole numbers of 0..levels - 1. */
static double reference(const float *s, const int *region, int levels, double max_far)
{
    double far = 0, overlap = 0, sum = 0;
    for (int t = levels - 1; t >= 0; t--) {
        double f, o;
        point_of(s, region, t, &f, &o);
        if (f > max_far) {
            const double at = overlap + (o - overlap) * (max_far - far) / (f - far);
            return (sum + (max_far - far) * (overlap + at) / 2) / max_far;
        }
        sum += (f - far) * (overlap + o) / 2;
        far = f;
        overlap = o;
    }
    return sum / max_far;
}

static void it_is_what_all_thresholds_and_regions_by_themselves_give(void **state)
{
    (void)state;
    an_rng r;
    an_rng_init(&r, 5, 1);
    for (int round = 0; round < 30; round++) {
        float s[ALL];
        uint8_t mask[ALL];
        int region[ALL];
        const int levels = round % 2 ? 4 : 60; /* many ties, or few */
        for (int i = 0; i < ALL; i++) {
            mask[i] = an_rng_unit(&r) < 0.05 + 0.01 * round;
            s[i] = (float)an_rng_below(&r, (uint64_t)levels / (mask[i] ? 1 : 1 + (uint64_t)round % 3));
        }
        assert_true(number_regions(mask, region) > 0);
        for (int k = 0; k < 3; k++) {
            const double max_far = k == 0 ? 0.05 : k == 1 ? AN_AUPRO_FAR : 1;
            double got;
            assert_int_equal(an_aupro(s, mask, N, H, W, max_far, &got), AN_OK);
            assert_true(fabs(got - reference(s, region, levels, max_far)) < 1e-12);
        }
    }
}

/* A large region that is found and a small one that is not: by pixels nearly all, by regions a half. */
static void a_small_region_counts_as_much_as_a_large_one(void **state)
{
    (void)state;
    float s[H * W] = {0};
    uint8_t mask[H * W] = {0};
    double pro;
    for (int y = 0; y < 5; y++)
        for (int x = 0; x < W; x++) {
            mask[y * W + x] = 1;
            s[y * W + x] = 1;
        }
    mask[8 * W] = 1;
    s[8 * W] = -1;
    assert_int_equal(an_aupro(s, mask, 1, H, W, AN_AUPRO_FAR, &pro), AN_OK);
    assert_true(fabs(pro - 0.5) < 1e-12);
    s[8 * W] = 1;
    assert_int_equal(an_aupro(s, mask, 1, H, W, AN_AUPRO_FAR, &pro), AN_OK);
    assert_true(fabs(pro - 1) < 1e-12);
}

static void what_is_not_defined_is_not_a_number(void **state)
{
    (void)state;
    float s[H * W] = {0};
    uint8_t mask[H * W] = {0};
    double pro = 0;
    assert_int_equal(an_aupro(s, mask, 1, H, W, AN_AUPRO_FAR, &pro), AN_OK);
    assert_true(isnan(pro));
    memset(mask, 1, sizeof mask);
    assert_int_equal(an_aupro(s, mask, 1, H, W, AN_AUPRO_FAR, &pro), AN_OK);
    assert_true(isnan(pro));
    assert_int_equal(an_aupro(s, mask, 1, H, W, 0, &pro), AN_ERR_INVAL);
    assert_int_equal(an_aupro(s, mask, 1, H, W, (double)NAN, &pro), AN_ERR_INVAL);
    s[3] = NAN;
    assert_int_equal(an_aupro(s, mask, 1, H, W, 1, &pro), AN_ERR_NUMERIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_all_thresholds_and_regions_by_themselves_give),
        cmocka_unit_test(a_small_region_counts_as_much_as_a_large_one),
        cmocka_unit_test(what_is_not_defined_is_not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
