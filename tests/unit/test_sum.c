/* Fixed point, limbs, and the vector's file. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "sum/fixed.h"
#include "sum/limbs.h"
#include "sum/vector.h"
#include "tests/support/folder.h"
#include "tests/support/samples.h"

/* ---- fixed ---- */

static void no_cohort_can_leave_the_ring(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 5000; n++) {
        uint32_t b = an_fixed_bits(n);
        assert_true(b >= 1 && b <= AN_VALUE_BITS_MAX);
        assert_true(((uint64_t)n << b) <= UINT64_C(1) << 31);
        assert_true(b == AN_VALUE_BITS_MAX || ((uint64_t)n << (b + 1)) > UINT64_C(1) << 31);
    }
    assert_int_equal(an_fixed_bits(3), 29);
    assert_int_equal(an_fixed_bits(1000), 21);
    assert_int_equal(an_fixed_bits(0), 0);
}

static void the_unit_is_the_smallest_that_holds_the_range(void **state)
{
    (void)state;
    an_rng rng;
    an_rng_init(&rng, 5, 0);
    for (int i = 0; i < 2000; i++) {
        uint32_t bits = 1 + (uint32_t)an_rng_below(&rng, AN_VALUE_BITS_MAX);
        double range = ldexp(1.0 + an_rng_unit(&rng), (int)an_rng_below(&rng, 40) - 20);
        double most = (double)((UINT32_C(1) << bits) - 1);
        int e = an_fixed_unit_exp(range, bits);
        assert_true(ldexp(most, e) >= range);
        assert_true(ldexp(most, e - 1) < range);
    }
    assert_int_equal(an_fixed_unit_exp(1e-300, 8), -AN_UNIT_EXP_MAX);
    assert_int_equal(an_fixed_unit_exp(1e300, 8), AN_UNIT_EXP_MAX);
}

static void the_full_range_of_the_largest_cohort_adds_without_wrapping(void **state)
{
    (void)state;
    const uint32_t n = 1000, b = an_fixed_bits(1000);
    const int32_t e = an_fixed_unit_exp(1.5, b);
    const float x[2] = {1.5f, -1.5f};
    uint32_t acc[2] = {0}, q[2];
    double out[2];
    for (uint32_t s = 0; s < n; s++) {
        char site[8] = {(char)('a' + s / 100), (char)('a' + s / 10 % 10), (char)('a' + s % 10)};
        an_fixed_draw draw = an_fixed_draw_of(1, site);
        assert_int_equal(an_fixed_encode(q, x, 2, 1.0, e, b, &draw, 0), 0);
        an_sum_add(acc, q, 2);
    }
    an_fixed_decode(out, acc, 2, e);
    assert_true(fabs(out[0] - 1500.0) < n * ldexp(1.0, e));
    assert_true(fabs(out[1] + 1500.0) < n * ldexp(1.0, e));
}

static void stochastic_rounding_is_unbiased(void **state)
{
    (void)state;
    enum { N = 40000 };
    static float x[N];
    static uint32_t q[N];
    static double out[N];
    const double values[] = {0.1, 0.5, -0.3, 7.75, -1e-3};
    an_fixed_draw draw = an_fixed_draw_of(42, "plant-a");
    for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
        for (size_t i = 0; i < N; i++)
            x[i] = (float)values[k];
        assert_int_equal(an_fixed_encode(q, x, N, 1.0, 0, 20, &draw, k * N), 0);
        an_fixed_decode(out, q, N, 0);
        double mean = 0.0;
        for (size_t i = 0; i < N; i++) {
            assert_true(fabs(out[i] - values[k]) < 1.0);
            mean += out[i] / N;
        }
        /* Five standard errors of a coin with variance at most 1/4. */
        assert_true(fabs(mean - (double)(float)values[k]) < 5.0 * 0.5 / sqrt(N));
    }
}

static void a_coordinate_rounds_the_same_however_the_vector_is_cut(void **state)
{
    (void)state;
    float x[103];
    uint32_t whole[103], parts[103];
    an_fixed_draw draw = an_fixed_draw_of(UINT64_C(0x123456789abcdef0), "plant-b");
    for (size_t i = 0; i < 103; i++)
        x[i] = (float)i * 0.37f - 11.0f;
    an_fixed_encode(whole, x, 103, 0.5, -3, 16, &draw, 0);
    for (size_t at = 0, n = 1; at < 103; at += n, n = n % 7 + 1) {
        n = n < 103 - at ? n : 103 - at;
        an_fixed_encode(parts + at, x + at, n, 0.5, -3, 16, &draw, at);
    }
    assert_memory_equal(whole, parts, sizeof whole);
    for (size_t i = 0; i < 103; i++)
        assert_int_equal(an_fixed_encode_one((double)x[i] * 0.5, -3, 16, &draw, i), whole[i]);
    an_fixed_draw other = an_fixed_draw_of(UINT64_C(0x123456789abcdef0), "plant-c");
    an_fixed_encode(parts, x, 103, 0.5, -3, 16, &other, 0);
    assert_memory_not_equal(whole, parts, sizeof whole);
}

static void what_does_not_fit_is_cut_and_counted(void **state)
{
    (void)state;
    const float x[] = {300.0f, -300.0f, 1.0f, INFINITY, NAN, -INFINITY, 255.0f};
    uint32_t q[7];
    double out[7];
    an_fixed_draw draw = an_fixed_draw_of(1, "a");
    assert_int_equal(an_fixed_encode(q, x, 7, 1.0, 0, 8, &draw, 0), 5);
    an_fixed_decode(out, q, 7, 0);
    assert_true(out[0] == 255.0 && out[1] == -255.0 && out[2] == 1.0 && out[6] == 255.0);
    assert_true(out[3] == 0.0 && out[4] == 0.0 && out[5] == 0.0);
}

static void rounding_gives_the_bits_it_always_gave(void **state)
{
    (void)state;
    const float x[] = {0.1f, -0.1f, 3.14159f, -2.71828f, 1e-6f, 0.0f, 0.999f, -1.0f};
    /* From an implementation of its own in another language. */
    const uint32_t want[8] = {0x4d, 0xffffffb3, 0x96d, 0xfffff7d8, 0, 0, 0x2ff, 0xfffffd00};
    uint32_t q[8];
    an_fixed_draw draw = an_fixed_draw_of(UINT64_C(0xfeedfacecafebeef), "plant-a");
    an_fixed_encode(q, x, 8, 0.75, -10, 20, &draw, 3);
    for (size_t i = 0; i < 8; i++) {
        if (q[i] != want[i])
            print_error("%zu: 0x%08x\n", i, q[i]);
    }
    assert_memory_equal(q, want, sizeof q);
}

/* ---- limbs ---- */

static void numbers_of_every_size_come_back(void **state)
{
    (void)state;
    const double values[] = {0.0,        1.0,     -1.0,    0.5,      -0.25,      17.25,
                             1e15 + 0.5, -9.2e18, 0x1p-48, -0x1p-48, 123456789.0};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        an_i128 v;
        uint32_t limbs[AN_LIMBS];
        assert_int_equal(an_i128_of_double(&v, values[i]), AN_OK);
        an_limbs_put(limbs, v);
        for (size_t k = 0; k < AN_LIMBS; k++)
            assert_true(limbs[k] <= 0xffff);
        assert_true(an_i128_to_double(an_limbs_get(limbs)) == values[i]);
    }
    an_i128 v;
    assert_int_equal(an_i128_of_double(&v, NAN), AN_ERR_NUMERIC);
    assert_int_equal(an_i128_of_double(&v, -INFINITY), AN_ERR_NUMERIC);
    assert_int_equal(an_i128_of_double(&v, 0x1p63), AN_ERR_LIMIT);
    assert_int_equal(an_i128_of_double(&v, -0x1p63), AN_ERR_LIMIT);
}

static void what_is_below_the_unit_rounds_to_nearest_even(void **state)
{
    (void)state;
    const struct {
        double in, out;
    } rows[] = {
        {0x1p-49, 0.0}, {0x1.8p-48, 0x1p-47},   {0x1.000001p-49, 0x1p-48},
        {0x1p-50, 0.0}, {-0x1.8p-48, -0x1p-47}, {0x1.4p-47, 0x1p-47},
        {1e-300, 0.0},  {0x1p-102, 0.0},        {0x1.fffffffffffffp-49, 0x1p-48},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        an_i128 v;
        assert_int_equal(an_i128_of_double(&v, rows[i].in), AN_OK);
        assert_true(an_i128_to_double(v) == rows[i].out);
    }
}

static void the_sum_of_limbs_is_exact_at_the_limit_of_sites(void **state)
{
    (void)state;
    uint32_t acc[AN_LIMBS] = {0}, limbs[AN_LIMBS];
    an_i128 v;
    assert_int_equal(an_i128_of_double(&v, -0x1p-48), AN_OK); /* all limbs 0xffff */
    an_limbs_put(limbs, v);
    for (uint32_t i = 0; i < AN_LIMBS_SITES_MAX; i++)
        an_sum_add(acc, limbs, AN_LIMBS);
    assert_true(an_i128_to_double(an_limbs_get(acc)) == -0x1p-32);

    memset(acc, 0, sizeof acc);
    assert_int_equal(an_i128_of_double(&v, 0x1.fffffffffffffp62), AN_OK);
    an_limbs_put(limbs, v);
    for (uint32_t i = 0; i < AN_LIMBS_SITES_MAX; i++)
        an_sum_add(acc, limbs, AN_LIMBS);
    assert_true(an_i128_to_double(an_limbs_get(acc)) == 0x1.fffffffffffffp78);
}

static void a_sum_that_doubles_would_lose_is_exact_in_any_order(void **state)
{
    (void)state;
    const double values[] = {1e17, 1.0, -1e17, 0.25, 3e16, -3e16, 1e-9};
    const size_t n = sizeof values / sizeof values[0];
    uint32_t forward[AN_LIMBS] = {0}, backward[AN_LIMBS] = {0}, limbs[AN_LIMBS];
    an_i128 v;
    for (size_t i = 0; i < 2 * n; i++) {
        assert_int_equal(an_i128_of_double(&v, values[i < n ? i : 2 * n - 1 - i]), AN_OK);
        an_limbs_put(limbs, v);
        an_sum_add(i < n ? forward : backward, limbs, AN_LIMBS);
    }
    assert_true(fabs(an_i128_to_double(an_limbs_get(forward)) - (1.25 + 1e-9)) < 0x1p-48);
    assert_true(an_i128_to_double(an_limbs_get(backward)) == an_i128_to_double(an_limbs_get(forward)));
}

static void a_wide_number_becomes_the_nearest_double(void **state)
{
    (void)state;
    /* 2^53 + 1 units of 2^64: halfway between two doubles, and just above it. */
    an_i128 half = {.lo = 0, .hi = (UINT64_C(1) << 53) + 1};
    an_i128 above = {.lo = 1, .hi = (UINT64_C(1) << 53) + 1};
    assert_true(an_i128_to_double(half) == ldexp(0x1p53, 64 - 48));
    assert_true(an_i128_to_double(above) == ldexp(0x1p53 + 2.0, 64 - 48));
    assert_true(an_i128_to_double(an_i128_neg(above)) == -ldexp(0x1p53 + 2.0, 64 - 48));
    an_i128 least = {.lo = 0, .hi = UINT64_C(1) << 63};
    assert_true(an_i128_to_double(least) == -0x1p79);
    uint64_t n = 0;
    assert_int_equal(an_i128_to_count(&n, an_i128_of_count(UINT64_MAX)), AN_OK);
    assert_true(n == UINT64_MAX);
    assert_int_equal(an_i128_to_count(&n, an_i128_neg(an_i128_of_count(1))), AN_ERR_PROTO);
}

/* ---- vector and its file ---- */

enum { DIM = 300 };

static void sample_update(an_update_header *h, uint32_t *v, an_buf *file)
{
    *h = (an_update_header){.round = 12, .dim = DIM, .site = "plant-a"};
    an_sample_hash(&h->plan_hash, 9);
    an_rng rng;
    an_rng_init(&rng, 3, 0);
    uint8_t bytes[AN_UPDATE_HEADER_BYTES];
    an_update_header_put(bytes, h);
    an_buf_init(file, 1 << 20);
    an_buf_put(file, bytes, sizeof bytes);
    for (size_t i = 0; i < DIM; i++) {
        v[i] = (uint32_t)an_rng_u64(&rng);
        an_buf_u32(file, v[i]);
    }
}

static void a_file_folds_the_same_in_pieces_of_any_size(void **state)
{
    (void)state;
    an_update_header h;
    uint32_t v[DIM];
    an_buf file;
    an_hash want;
    sample_update(&h, v, &file);
    assert_int_equal(file.len, an_update_size(DIM));
    an_hash_of(&want, file.data, file.len);
    for (size_t piece = 1; piece <= file.len; piece = piece < 12 ? piece + 1 : piece * 2 + 3) {
        uint32_t acc[DIM] = {0};
        an_fold f;
        an_hash hash;
        an_fold_init(&f, &h, acc);
        for (size_t at = 0; at < file.len; at += piece) {
            size_t n = file.len - at < piece ? file.len - at : piece;
            assert_int_equal(an_fold_feed(&f, file.data + at, n, NULL), AN_OK);
        }
        assert_int_equal(an_fold_end(&f, &hash, NULL), AN_OK);
        assert_true(an_hash_equal(&hash, &want));
        assert_memory_equal(acc, v, sizeof v);
        assert_int_equal(an_fold_feed(&f, "x", 1, NULL), AN_ERR_PROTO);
    }
    an_buf_done(&file);
}

static void a_file_of_another_round_plan_site_or_size_is_refused(void **state)
{
    (void)state;
    an_update_header h;
    uint32_t v[DIM];
    an_buf file;
    sample_update(&h, v, &file);
    for (int change = 0; change < 4; change++) {
        an_update_header other = h;
        an_fold f;
        if (change == 0)
            other.round++;
        else if (change == 1)
            other.dim--;
        else if (change == 2)
            other.plan_hash.b[31] ^= 1;
        else
            other.site[6] = 'b';
        an_fold_init(&f, &other, NULL);
        assert_int_equal(an_fold_feed(&f, file.data, AN_UPDATE_HEADER_BYTES, NULL), AN_ERR_PROTO);
    }
    /* Every changed byte of the header is found by the header alone. */
    for (size_t at = 0; at < AN_UPDATE_HEADER_BYTES; at++) {
        an_fold f;
        file.data[at] ^= 0x20;
        an_fold_init(&f, &h, NULL);
        assert_int_equal(an_fold_feed(&f, file.data, file.len, NULL), AN_ERR_PROTO);
        file.data[at] ^= 0x20;
    }
    for (size_t len = 0; len < file.len; len += 7) {
        an_fold f;
        an_hash hash;
        an_fold_init(&f, &h, NULL);
        assert_int_equal(an_fold_feed(&f, file.data, len, NULL), AN_OK);
        assert_int_equal(an_fold_end(&f, &hash, NULL), AN_ERR_PROTO);
    }
    an_buf_done(&file);
}

static void a_written_file_is_what_was_announced_or_nothing_is_added(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX];
    an_test_folder_make(dir);
    an_update_header h;
    uint32_t v[DIM], acc[DIM] = {0};
    an_buf file, read;
    an_hash hash, again;
    char path[AN_PATH_MAX];
    sample_update(&h, v, &file);
    assert_int_equal(an_path_join(path, dir, "update"), AN_OK);
    assert_int_equal(an_update_write(path, &h, v, &hash, NULL), AN_OK);
    an_buf_init(&read, 1 << 20);
    assert_int_equal(an_file_read(&read, path, NULL), AN_OK);
    assert_int_equal(read.len, file.len);
    assert_memory_equal(read.data, file.data, file.len);

    assert_int_equal(an_fold_file(path, &h, &hash, acc, &again, NULL), AN_OK);
    assert_memory_equal(acc, v, sizeof v);
    assert_true(an_hash_equal(&hash, &again));
    an_hash wrong = hash;
    wrong.b[0] ^= 1;
    assert_int_equal(an_fold_file(path, &h, &wrong, acc, &again, NULL), AN_ERR_PROTO);
    assert_memory_equal(acc, v, sizeof v);
    assert_int_equal(an_fold_file("/nowhere/at/all", &h, NULL, acc, &again, NULL), AN_ERR_NOTFOUND);

    memset(acc, 0, sizeof acc);
    assert_int_equal(an_fold_bytes(file.data, file.len, &h, &hash, acc, NULL), AN_OK);
    assert_memory_equal(acc, v, sizeof v);
    assert_int_equal(an_fold_bytes(file.data, file.len, &h, &wrong, acc, NULL), AN_ERR_PROTO);
    assert_int_equal(an_fold_bytes(file.data, file.len - 1, &h, NULL, acc, NULL), AN_ERR_PROTO);
    assert_memory_equal(acc, v, sizeof v);

    size_t n = 0;
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = an_update_write(path, &h, v, &hash, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
    } while (err != AN_OK);
    assert_true(n > 1);
    an_mem_fail_after(0);
    assert_int_equal(an_fold_file(path, &h, NULL, NULL, &again, NULL), AN_ERR_NOMEM);
    an_mem_fail_never();
    an_buf_done(&read);
    an_buf_done(&file);
    an_test_folder_remove(dir);
}

/* Longer than what is in memory at a time, on, below and above its bound. */
static void a_long_file_is_folded_in_pieces(void **state)
{
    (void)state;
    const size_t dims[] = {65535, 65536 - AN_UPDATE_HEADER_BYTES / 4, 65536, 200001};
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_test_folder_make(dir);
    assert_int_equal(an_path_join(path, dir, "update"), AN_OK);
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        an_update_header h = {.round = 3, .dim = dims[d], .site = "plant-a"};
        an_hash hash, again;
        memset(h.plan_hash.b, 7, sizeof h.plan_hash.b);
        uint32_t *v = an_alloc(dims[d], sizeof *v), *acc = an_alloc(dims[d], sizeof *acc);
        for (size_t i = 0; i < dims[d]; i++)
            v[i] = (uint32_t)i * 2654435761u;
        assert_int_equal(an_update_write(path, &h, v, &hash, NULL), AN_OK);
        assert_int_equal(an_fold_file(path, &h, &hash, acc, &again, NULL), AN_OK);
        assert_true(an_hash_equal(&hash, &again));
        assert_memory_equal(acc, v, dims[d] * sizeof *v);
        h.dim++; /* cut short */
        assert_int_equal(an_fold_file(path, &h, NULL, acc, &again, NULL), AN_ERR_PROTO);
        h.dim -= 2; /* too long */
        assert_int_equal(an_fold_file(path, &h, NULL, acc, &again, NULL), AN_ERR_PROTO);
        assert_memory_equal(acc, v, dims[d] * sizeof *v);
        an_free(v);
        an_free(acc);
    }
    an_test_folder_remove(dir);
}

static void words_may_be_written_in_place(void **state)
{
    (void)state;
    uint32_t v[3] = {1, 0x01020304, 0xffffffff};
    const uint8_t want[12] = {1, 0, 0, 0, 4, 3, 2, 1, 255, 255, 255, 255};
    an_words_put((uint8_t *)v, v, 3);
    assert_memory_equal(v, want, 12);
    uint32_t a[2] = {5, 0}, b[2] = {7, 1};
    an_sum_sub(a, b, 2);
    assert_true(a[0] == UINT32_MAX - 1 && a[1] == UINT32_MAX);
    an_sum_add(a, b, 2);
    assert_true(a[0] == 5 && a[1] == 0);
}

static void vectors_of_any_length_add_up_word_by_word(void **state)
{
    enum { MOST = 100 };
    uint32_t a[MOST + 2], v[MOST + 1], want[MOST + 2];
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 3, 0);
    for (size_t n = 0; n <= MOST; n++)
        for (size_t at = 0; at < 2; at++) {
            for (size_t i = 0; i < MOST + 2; i++)
                a[i] = want[i] = (uint32_t)an_rng_u64(&rng);
            for (size_t i = 0; i <= MOST; i++)
                v[i] = (uint32_t)an_rng_u64(&rng);
            for (size_t i = 0; i < n; i++)
                want[at + i] += v[i];
            an_sum_add(a + at, v, n);
            assert_memory_equal(a, want, sizeof a);
            for (size_t i = 0; i < n; i++)
                want[at + i] -= 2 * v[i];
            an_sum_sub(a + at, v, n);
            an_sum_sub(a + at, v, n);
            assert_memory_equal(a, want, sizeof a);
        }
}

int main(void)
{
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_cohort_can_leave_the_ring),
        cmocka_unit_test(the_unit_is_the_smallest_that_holds_the_range),
        cmocka_unit_test(the_full_range_of_the_largest_cohort_adds_without_wrapping),
        cmocka_unit_test(stochastic_rounding_is_unbiased),
        cmocka_unit_test(a_coordinate_rounds_the_same_however_the_vector_is_cut),
        cmocka_unit_test(what_does_not_fit_is_cut_and_counted),
        cmocka_unit_test(rounding_gives_the_bits_it_always_gave),
        cmocka_unit_test(numbers_of_every_size_come_back),
        cmocka_unit_test(what_is_below_the_unit_rounds_to_nearest_even),
        cmocka_unit_test(the_sum_of_limbs_is_exact_at_the_limit_of_sites),
        cmocka_unit_test(a_sum_that_doubles_would_lose_is_exact_in_any_order),
        cmocka_unit_test(a_wide_number_becomes_the_nearest_double),
        cmocka_unit_test(a_file_folds_the_same_in_pieces_of_any_size),
        cmocka_unit_test(a_file_of_another_round_plan_site_or_size_is_refused),
        cmocka_unit_test(a_written_file_is_what_was_announced_or_nothing_is_added),
        cmocka_unit_test(a_long_file_is_folded_in_pieces),
        cmocka_unit_test(words_may_be_written_in_place),
        cmocka_unit_test(vectors_of_any_length_add_up_word_by_word),
    };
    return cmocka_run_group_tests_name("sum", tests, NULL, NULL);
}
