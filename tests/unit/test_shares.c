/* Shares of secrets: any t give it back, the arithmetic is that of GF(2^8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "doors/cipher.h"
#include "doors/crypto.h"
#include "sum/shares.h"

/* Schoolbook: multiply the polynomials, then divide. */
static unsigned slow_times(unsigned a, unsigned b)
{
    unsigned r = 0;
    for (unsigned i = 0; i < 8; i++)
        if (b & (1u << i))
            r ^= a << i;
    for (unsigned i = 15; i >= 8; i--)
        if (r & (1u << i))
            r ^= 0x11bu << (i - 8);
    return r;
}

static void shares_are_the_polynomial_s_values(void **state)
{
    an_share secret, coins, got[AN_SHARES_MAX], c[6];
    an_stream *s = NULL;
    (void)state;
    an_random(&secret, sizeof secret);
    an_random(&coins, sizeof coins);
    assert_int_equal(an_shares_split(got, AN_SHARES_MAX, 7, &secret, &coins), AN_OK);
    assert_int_equal(an_stream_open(AN_CIPHER_CHACHA20, &s), AN_OK);
    assert_int_equal(an_stream_bytes(s, coins.b, 0, c[0].b, sizeof c), AN_OK);
    an_stream_close(s);
    for (unsigned x = 1; x <= AN_SHARES_MAX; x++)
        for (size_t byte = 0; byte < AN_SHARE_BYTES; byte++) {
            unsigned v = 0;
            for (size_t i = 6; i-- > 0;)
                v = slow_times(v ^ c[i].b[byte], x);
            assert_int_equal(got[x - 1].b[byte], v ^ secret.b[byte]);
        }
}

static void try_subsets(size_t n, size_t t, an_rng *rng)
{
    an_share secret, coins, all[AN_SHARES_MAX], some[AN_SHARES_MAX], got;
    uint8_t xs[AN_SHARES_MAX];
    uint32_t order[AN_SHARES_MAX];
    an_random(&secret, sizeof secret);
    an_random(&coins, sizeof coins);
    assert_int_equal(an_shares_split(all, n, t, &secret, &coins), AN_OK);
    for (unsigned trial = 0; trial < 5; trial++) {
        for (uint32_t i = 0; i < n; i++)
            order[i] = i;
        an_rng_shuffle(rng, order, n);
        for (size_t i = 0; i < t; i++) {
            xs[i] = (uint8_t)(order[i] + 1);
            some[i] = all[order[i]];
        }
        assert_int_equal(an_shares_at(&got, xs, some, t, 0), AN_OK);
        assert_memory_equal(&got, &secret, sizeof got);
        assert_int_equal(an_shares_at(&got, xs, some, t, (uint8_t)(order[n - 1] + 1)), AN_OK);
        assert_memory_equal(&got, &all[order[n - 1]], sizeof got);
        if (t > 1) { /* one short, or one wrong: another secret */
            assert_int_equal(an_shares_at(&got, xs, some, t - 1, 0), AN_OK);
            assert_memory_not_equal(&got, &secret, sizeof got);
            some[0].b[31] ^= 1;
            assert_int_equal(an_shares_at(&got, xs, some, t, 0), AN_OK);
            assert_memory_not_equal(&got, &secret, sizeof got);
        }
    }
}

static void any_t_shares_give_the_secret_back(void **state)
{
    static const size_t cases[][2] = {{1, 1},  {2, 2},   {3, 2},     {5, 3},
                                      {10, 7}, {40, 23}, {255, 170}, {255, 255}};
    an_rng rng;
    (void)state;
    an_rng_init(&rng, 3, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        try_subsets(cases[i][0], cases[i][1], &rng);
}

static void bad_numbers_are_refused(void **state)
{
    an_share s[3] = {{{0}}}, got;
    const uint8_t zero[2] = {1, 0}, twice[2] = {4, 4};
    (void)state;
    assert_int_equal(an_shares_split(s, 2, 3, s, s), AN_ERR_INVAL);
    assert_int_equal(an_shares_split(s, 2, 0, s, s), AN_ERR_INVAL);
    assert_int_equal(an_shares_split(s, 256, 3, s, s), AN_ERR_INVAL);
    assert_int_equal(an_shares_at(&got, zero, s, 2, 0), AN_ERR_INVAL);
    assert_int_equal(an_shares_at(&got, twice, s, 2, 0), AN_ERR_INVAL);
    assert_int_equal(an_shares_at(&got, twice, s, 0, 0), AN_ERR_INVAL);
}

static void too_little_memory_is_an_error(void **state)
{
    an_share s[3] = {{{0}}};
    (void)state;
    an_mem_fail_after(0);
    an_err err = an_shares_split(s, 3, 2, &s[0], &s[1]);
    an_mem_fail_never();
    assert_int_equal(err, AN_ERR_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_the_polynomial_s_values),
        cmocka_unit_test(any_t_shares_give_the_secret_back),
        cmocka_unit_test(bad_numbers_are_refused),
        cmocka_unit_test(too_little_memory_is_an_error),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
