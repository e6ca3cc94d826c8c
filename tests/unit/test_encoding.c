/* Encodings say what is left of a vector without loss, lengthen nothing, and believe no bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "doors/zstd.h"
#include "sum/encoding_internal.h"

#define N (2 * AN_CHUNK + 300)

static uint32_t exact[N], rounded[N], back[AN_CHUNK];

/* Deltas as training makes them: many small, few large, of both signs, and the extremes. */
static void sample(uint64_t seed)
{
    an_rng r;
    an_rng_init(&r, seed, 0);
    for (size_t i = 0; i < N; i++) {
        const double x = an_rng_normal(&r), scale = i % 700 < 20 ? 1e6 : 300;
        exact[i] = (uint32_t)(int32_t)(x * scale);
    }
    exact[0] = (1u << 28) - 1;
    exact[1] = 0 - exact[0];
    exact[2] = 0;
}

static void every_encoding_brings_over_what_it_has_left(void **state)
{
    (void)state;
    for (size_t e = 0; an_encoding_at(e); e++) {
        const an_encoding *row = an_encoding_at(e);
        sample(e + 1);
        memcpy(rounded, exact, sizeof rounded);
        an_encoding_round(row, rounded, N - 12, 0.05);
        for (size_t i = 0; i < N; i++) {
            assert_true(an_magnitude(rounded[i]) <= an_magnitude(exact[i]));
            assert_true(rounded[i] == 0 || rounded[i] >> 31 == exact[i] >> 31);
            assert_true(i < N - 12 || rounded[i] == exact[i]);
        }
        for (size_t at = 0; at < N; at += AN_CHUNK) {
            const size_t n = N - at < AN_CHUNK ? N - at : AN_CHUNK, coded = at + n == N ? n - 12 : n;
            an_buf b;
            an_buf_init(&b, an_encoding_most(row, n, coded));
            assert_int_equal(an_encoding_pack(row, rounded + at, n, coded, &b), AN_OK);
            assert_int_equal(an_encoding_unpack(row, back, n, coded, b.data, b.len, NULL), AN_OK);
            assert_memory_equal(back, rounded + at, n * sizeof *back);
            for (size_t cut = 1; cut <= b.len && cut < 40; cut++)
                assert_int_not_equal(an_encoding_unpack(row, back, n, coded, b.data, b.len - cut, NULL),
                                     AN_OK);
            an_buf_done(&b);
        }
    }
}

static void int8_is_true_to_one_part_in_64_of_a_block(void **state)
{
    (void)state;
    sample(9);
    memcpy(rounded, exact, sizeof rounded);
    an_encoding_round(an_encoding_find("int8"), rounded, N, 0);
    for (size_t at = 0; at < N; at += 256) {
        uint32_t largest = 0;
        for (size_t i = at; i < N && i < at + 256; i++)
            largest = an_magnitude(exact[i]) > largest ? an_magnitude(exact[i]) : largest;
        for (size_t i = at; i < N && i < at + 256; i++)
            assert_true(an_magnitude(exact[i]) - an_magnitude(rounded[i]) <= largest / 64);
    }
}

static void topk_keeps_the_largest_and_as_many_as_it_says(void **state)
{
    (void)state;
    const double shares[] = {1e-9, 0.01, 0.5, 1};
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        size_t kept = 0;
        uint32_t least = UINT32_MAX, lost = 0;
        sample(4);
        for (size_t i = 100; i < N; i++)
            exact[i] = exact[i] == 0 ? 1 : exact[i]; /* so that what is zero was taken out */
        exact[2] = 1;
        for (size_t i = 500; i < 900; i++)
            exact[i] = 77; /* equal ones */
        for (size_t i = 0; i < 100; i++)
            exact[i] = exact[i] == 0 ? 1 : exact[i];
        memcpy(rounded, exact, sizeof rounded);
        an_encoding_round(an_encoding_find("topk"), rounded, N, shares[s]);
        for (size_t i = 0; i < N; i++) {
            if (rounded[i] != 0) {
                kept++;
                least = an_magnitude(exact[i]) < least ? an_magnitude(exact[i]) : least;
                assert_int_equal(rounded[i], exact[i]);
            } else {
                lost = an_magnitude(exact[i]) > lost ? an_magnitude(exact[i]) : lost;
            }
        }
        const double want = shares[s] * N;
        assert_int_equal(kept, want < 1 ? 1 : (size_t)want + (want > (double)(size_t)want));
        assert_true(lost <= least);
    }
}

static void refuse(const char *encoding, const void *raw, size_t len, size_t n, size_t coded)
{
    an_buf b;
    an_note why = {{0}};
    an_buf_init(&b, 1 << 20);
    assert_int_equal(an_zstd_pack(&b, raw, len, 3), AN_OK);
    assert_int_equal(an_encoding_unpack(an_encoding_find(encoding), back, n, coded, b.data, b.len, &why),
                     AN_ERR_PROTO);
    assert_true(why.text[0] != '\0');
    an_buf_done(&b);
}

static void bytes_that_no_site_writes_are_refused(void **state)
{
    (void)state;
    static const uint8_t zeros[1 << 19];
    refuse("int8", zeros, sizeof zeros, 8, 8);                /* a bomb */
    refuse("int8", "\x1a\1\2\3\4\5\6\7\1", 9, 8, 8);          /* a scale beyond the ring */
    refuse("int8", "\x00\1\2\3\4\5\6\7\x80", 9, 8, 8);        /* -128 */
    refuse("int8", "\x00\1\2\3\4\5\6\7\1\1", 10, 8, 8);       /* one too many */
    refuse("topk", zeros, sizeof zeros, 8, 8);                /* a bomb */
    refuse("topk", "\x09\x00", 2, 8, 8);                      /* more than there are */
    refuse("topk", "\1\0\x08\0\1\0\0\0", 8, 8, 8);            /* outside the chunk */
    refuse("topk", "\2\0\3\0\3\0\1\0\0\0\1\0\0\0", 14, 8, 8); /* a place twice */
    refuse("topk", "\2\0\4\0\3\0\1\0\0\0\1\0\0\0", 14, 8, 8); /* descending */
    refuse("topk", "\1\0\3\0\0\0\0\0", 8, 8, 8);              /* zero said */
    refuse("topk", "\1\0\3\0\1\0\0", 7, 8, 8);                /* cut short */
    refuse("topk", "\0\0", 2, 8, 4);                          /* the whole words are missing */
    assert_int_equal(an_encoding_unpack(an_encoding_find("topk"), back, 8, 8, "no frame", 8, NULL),
                     AN_ERR_PROTO);
    assert_int_equal(an_encoding_unpack(an_encoding_find("plain"), back, 8, 8, zeros, 31, NULL),
                     AN_ERR_PROTO);
    assert_int_equal(an_encoding_unpack(an_encoding_find("plain"), back, 8, 9, zeros, 32, NULL),
                     AN_ERR_INVAL);
}

static void packing_survives_a_lack_of_memory(void **state)
{
    (void)state;
    sample(2);
    for (size_t e = 0; an_encoding_at(e); e++) {
        an_err err = AN_ERR_NOMEM;
        for (size_t k = 0; err == AN_ERR_NOMEM; k++) {
            an_buf b;
            an_buf_init(&b, an_encoding_most(an_encoding_at(e), AN_CHUNK, AN_CHUNK));
            memcpy(rounded, exact, sizeof rounded);
            an_encoding_round(an_encoding_at(e), rounded, N, 0.1);
            an_mem_fail_after(k);
            err = an_encoding_pack(an_encoding_at(e), rounded, AN_CHUNK, AN_CHUNK, &b);
            if (err == AN_OK)
                err = an_encoding_unpack(an_encoding_at(e), back, AN_CHUNK, AN_CHUNK, b.data, b.len, NULL);
            an_mem_fail_never();
            an_buf_done(&b);
        }
        assert_int_equal(err, AN_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_encoding_brings_over_what_it_has_left),
        cmocka_unit_test(int8_is_true_to_one_part_in_64_of_a_block),
        cmocka_unit_test(topk_keeps_the_largest_and_as_many_as_it_says),
        cmocka_unit_test(bytes_that_no_site_writes_are_refused),
        cmocka_unit_test(packing_survives_a_lack_of_memory),
    };
    return an_crypto_init() == AN_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
