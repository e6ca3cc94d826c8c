/* Masks of the secure sum, and the streams and boxes under them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "doors/cipher.h"
#include "doors/crypto.h"
#include "doors/seal.h"
#include "sum/mask.h"

static const an_cipher ciphers[] = {AN_CIPHER_CHACHA20, AN_CIPHER_AES256CTR};

static void streams_give_the_published_bytes(void **state)
{
    static const char *const want[] = {
        /* RFC 7539, A.1: key, nonce and counter zero */
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7",
        /* McGrew and Viega, "The Galois/Counter Mode", test cases 13 and 14: AES-256 of 0 and of 1 */
        "dc95c078a2408989ad48a21492842087530f8afbc74536b9a963b4f1c4cb738b"};
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        uint8_t seed[32] = {0}, got[32], expected[32];
        an_stream *s = NULL;
        assert_int_equal(an_stream_open(ciphers[c], &s), AN_OK);
        assert_int_equal(an_stream_bytes(s, seed, 0, got, sizeof got), AN_OK);
        an_stream_close(s);
        assert_true(an_unhex(expected, sizeof expected, want[c]));
        assert_memory_equal(got, expected, sizeof got);
    }
}

static void a_part_of_a_stream_is_the_same_as_in_the_whole(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        uint8_t seed[32] = {7}, whole[1024], part[256];
        an_stream *s = NULL;
        assert_int_equal(an_stream_open(ciphers[c], &s), AN_OK);
        assert_int_equal(an_stream_bytes(s, seed, 0, whole, sizeof whole), AN_OK);
        for (uint64_t block = 0; block <= 12; block++) {
            assert_int_equal(an_stream_bytes(s, seed, block, part, sizeof part), AN_OK);
            assert_memory_equal(part, whole + 64 * block, sizeof part);
        }
        an_stream_close(s);
    }
}

/* Any library against the plainest one, on parts of any offset and length, also behind a counter of 2^64. */
static void every_library_makes_the_same_aes(void **state)
{
    enum { MOST = 40000 };
    static uint8_t want[MOST], got[MOST + 1];
    an_rng rng;
    size_t compared = 0;
    (void)state;
    assert_true(an_aes_is_here(AN_AES_LIBCRYPTO));
    assert_true(an_aes_is_here(an_aes_fastest()));
    assert_null(an_aes_name(AN_AES_N));
    assert_false(an_aes_is_here(AN_AES_N));
    for (unsigned a = 0; a < AN_AES_N; a++) {
        an_stream *s = NULL, *plain = NULL;
        if (!an_aes_is_here((an_aes)a)) {
            print_message("%s is not here\n", an_aes_name((an_aes)a));
            assert_int_equal(an_stream_open_aes((an_aes)a, &s), AN_ERR_UNSUPPORTED);
            continue;
        }
        assert_int_equal(an_stream_open_aes((an_aes)a, &s), AN_OK);
        assert_int_equal(an_stream_open_aes(AN_AES_LIBCRYPTO, &plain), AN_OK);
        an_rng_init(&rng, 29, 0);
        for (size_t i = 0; i < 300; i++) {
            uint8_t seed[32];
            size_t len = i < 130 ? i : an_rng_below(&rng, MOST + 1);
            uint64_t block = i % 3 == 0   ? an_rng_below(&rng, 5000)
                             : i % 3 == 1 ? an_rng_u64(&rng)
                                          : (UINT64_C(1) << 62) - an_rng_below(&rng, 400);
            for (size_t j = 0; j < sizeof seed; j++)
                seed[j] = (uint8_t)an_rng_below(&rng, 256);
            memset(got, 0xa5, sizeof got);
            assert_int_equal(an_stream_bytes(plain, seed, block, want, len), AN_OK);
            assert_int_equal(an_stream_bytes(s, seed, block, got, len), AN_OK);
            assert_memory_equal(got, want, len);
            assert_int_equal(got[len], 0xa5);
            compared += len;
        }
        an_stream_close(plain);
        an_stream_close(s);
    }
    assert_true(compared > MOST);
}

static void an_unknown_cipher_is_refused(void **state)
{
    uint32_t v[4] = {0};
    an_mask m = {{0}, false};
    (void)state;
    assert_int_equal(an_masks_add(v, 0, 4, &m, 1, (an_cipher)9), AN_ERR_INVAL);
    assert_null(an_cipher_name((an_cipher)9));
    assert_string_equal(an_cipher_name(AN_CIPHER_CHACHA20), "chacha20");
}

enum { N = 3 * AN_MASK_TILE + 37, SEEDS = 5 };

static void fill_masks(an_mask *masks)
{
    an_rng rng;
    an_rng_init(&rng, 11, 0);
    for (size_t i = 0; i < SEEDS; i++) {
        for (size_t j = 0; j < 32; j++)
            masks[i].seed[j] = (uint8_t)an_rng_below(&rng, 256);
        masks[i].subtract = i % 2 == 1;
    }
}

/* Word by word, straight from the definition. */
static void naive(uint32_t *v, const an_mask *masks, an_cipher cipher)
{
    an_stream *s = NULL;
    assert_int_equal(an_stream_open(cipher, &s), AN_OK);
    for (size_t k = 0; k < SEEDS; k++)
        for (size_t i = 0; i < N; i += 16) {
            uint8_t block[64];
            assert_int_equal(an_stream_bytes(s, masks[k].seed, i / 16, block, 64), AN_OK);
            for (size_t j = i; j < i + 16 && j < N; j++)
                v[j] += masks[k].subtract ? 0u - an_get_u32(block + 4 * (j - i))
                                          : an_get_u32(block + 4 * (j - i));
        }
    an_stream_close(s);
}

static void masks_are_what_the_definition_says_in_any_ranges(void **state)
{
    static uint32_t want[N], got[N];
    static const size_t pieces[] = {1, 15, 16, 17, 4095, 4096, 4097, N};
    an_mask masks[SEEDS];
    (void)state;
    fill_masks(masks);
    for (size_t c = 0; c < 2; c++) {
        memset(want, 0, sizeof want);
        naive(want, masks, ciphers[c]);
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
            /* One coordinate at a time costs a stream each: a part of the vector is enough. */
            size_t n = pieces[p] < 100 ? 600 : N;
            memset(got, 0, sizeof got);
            for (size_t at = 0; at < n; at += pieces[p])
                assert_int_equal(an_masks_add(got + at, at, n - at < pieces[p] ? n - at : pieces[p], masks,
                                              SEEDS, ciphers[c]),
                                 AN_OK);
            assert_memory_equal(got, want, 4 * n);
        }
    }
}

static void opposite_signs_and_any_number_of_workers_cancel(void **state)
{
    enum { LONG = 9 * AN_MASK_TILE + 5 };
    static uint32_t v[LONG];
    an_mask masks[SEEDS];
    an_workers *w = NULL;
    (void)state;
    fill_masks(masks);
    assert_int_equal(an_workers_new(3, &w), AN_OK);
    for (uint32_t i = 0; i < LONG; i++)
        v[i] = i;
    assert_int_equal(an_masks_add_all(v, LONG, masks, SEEDS, AN_CIPHER_CHACHA20, w), AN_OK);
    assert_int_not_equal(v[LONG - 1], LONG - 1);
    for (size_t i = 0; i < SEEDS; i++)
        masks[i].subtract = !masks[i].subtract;
    assert_int_equal(an_masks_add_all(v, LONG, masks, SEEDS, AN_CIPHER_CHACHA20, NULL), AN_OK);
    for (uint32_t i = 0; i < LONG; i++)
        assert_int_equal(v[i], i);
    an_workers_free(w);
}

static void too_little_memory_is_an_error(void **state)
{
    uint32_t v[64] = {0};
    an_mask masks[SEEDS];
    size_t live = an_mem_live(), n = 0;
    an_err err;
    (void)state;
    fill_masks(masks);
    do {
        an_mem_fail_after(n++);
        err = an_masks_add_all(v, 64, masks, SEEDS, AN_CIPHER_AES256CTR, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 1);
}

static void both_ends_agree_on_a_secret_and_no_one_on_a_small_point(void **state)
{
    uint8_t a[32], b[32], a_public[32], b_public[32], ab[32], ba[32], zero[32] = {0};
    (void)state;
    an_random(a, sizeof a);
    an_random(b, sizeof b);
    an_agree_public(a_public, a);
    an_agree_public(b_public, b);
    assert_int_equal(an_agree(ab, a, b_public), AN_OK);
    assert_int_equal(an_agree(ba, b, a_public), AN_OK);
    assert_memory_equal(ab, ba, sizeof ab);
    assert_int_equal(an_agree(ab, a, zero), AN_ERR_AUTH);
}

static void keys_differ_by_context_and_by_what_they_are_bound_to(void **state)
{
    uint8_t key[32] = {1}, one[32], two[32];
    (void)state;
    an_kdf(one, key, "self", "x", 1);
    an_kdf(two, key, "self", "x", 1);
    assert_memory_equal(one, two, 32);
    an_kdf(two, key, "pair", "x", 1);
    assert_memory_not_equal(one, two, 32);
    an_kdf(two, key, "self", "y", 1);
    assert_memory_not_equal(one, two, 32);
    an_kdf(two, key, "sel", "fx", 2); /* the border between both is part of it */
    assert_memory_not_equal(one, two, 32);
}

static void a_box_opens_only_as_it_was_closed(void **state)
{
    uint8_t key[32] = {3}, nonce[24] = {4}, box[5 + AN_SEAL_MORE_BYTES], plain[5];
    (void)state;
    an_seal(box, key, nonce, "ad", 2, "hello", 5);
    assert_int_equal(an_seal_open(plain, key, nonce, "ad", 2, box, 5), AN_OK);
    assert_memory_equal(plain, "hello", 5);
    assert_int_equal(an_seal_open(plain, key, nonce, "aD", 2, box, 5), AN_ERR_AUTH);
    for (size_t i = 0; i < sizeof box; i++) {
        box[i] ^= 1;
        assert_int_equal(an_seal_open(plain, key, nonce, "ad", 2, box, 5), AN_ERR_AUTH);
        box[i] ^= 1;
    }
    assert_memory_equal(plain, "\0\0\0\0\0", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_give_the_published_bytes),
        cmocka_unit_test(a_part_of_a_stream_is_the_same_as_in_the_whole),
        cmocka_unit_test(every_library_makes_the_same_aes),
        cmocka_unit_test(an_unknown_cipher_is_refused),
        cmocka_unit_test(masks_are_what_the_definition_says_in_any_ranges),
        cmocka_unit_test(opposite_signs_and_any_number_of_workers_cancel),
        cmocka_unit_test(too_little_memory_is_an_error),
        cmocka_unit_test(both_ends_agree_on_a_secret_and_no_one_on_a_small_point),
        cmocka_unit_test(keys_differ_by_context_and_by_what_they_are_bound_to),
        cmocka_unit_test(a_box_opens_only_as_it_was_closed),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
