/* The door to zstd: what goes in comes out, and a bomb does not go off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "doors/zstd.h"

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, 65536, 300000};
    static uint8_t bytes[300000];
    an_rng rng;
    an_rng_init(&rng, 1, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)an_rng_below(&rng, 7);
    for (size_t k = 0; k < 5; k++) {
        an_buf packed, back;
        an_buf_init(&packed, 1 << 20);
        an_buf_init(&back, sizes[k] + 3);
        an_buf_text(&back, "old");
        assert_int_equal(an_zstd_pack(&packed, bytes, sizes[k], (int)(1 + k)), AN_OK);
        assert_int_equal(an_zstd_unpack(&back, packed.data, packed.len), AN_OK);
        assert_int_equal(back.len, sizes[k] + 3);
        assert_memory_equal(back.data, "old", 3);
        if (sizes[k] > 0)
            assert_memory_equal(back.data + 3, bytes, sizes[k]);
        an_buf_done(&packed);
        an_buf_done(&back);
    }
}

static void a_bomb_stops_at_the_maximum(void **state)
{
    (void)state;
    size_t huge = (size_t)64 << 20;
    uint8_t *zeros = an_alloc(huge, 1);
    assert_non_null(zeros);
    an_buf packed, back;
    an_buf_init(&packed, 1 << 20);
    assert_int_equal(an_zstd_pack(&packed, zeros, huge, 3), AN_OK);
    an_free(zeros);
    assert_true(packed.len < 10000);
    an_buf_init(&back, 100000);
    an_buf_text(&back, "kept");
    assert_int_equal(an_zstd_unpack(&back, packed.data, packed.len), AN_ERR_LIMIT);
    assert_int_equal(back.len, 4);
    assert_true(back.cap <= 262144);
    assert_false(back.failed);
    an_buf_done(&back);
    an_buf_done(&packed);
}

static void a_damaged_frame_is_refused(void **state)
{
    (void)state;
    static const char text[] = "three sites, one sum; three sites, one sum; three sites, one sum";
    an_buf packed, back;
    an_buf_init(&packed, 1 << 20);
    an_buf_init(&back, 1 << 20);
    assert_int_equal(an_zstd_pack(&packed, text, sizeof text, 3), AN_OK);
    for (size_t len = 0; len < packed.len; len++)
        assert_int_equal(an_zstd_unpack(&back, packed.data, len), AN_ERR_PROTO);
    for (size_t i = 4; i < packed.len; i++) {
        packed.data[i] ^= 0x10;
        an_err err = an_zstd_unpack(&back, packed.data, packed.len);
        assert_true(err == AN_ERR_PROTO || err == AN_ERR_LIMIT || err == AN_OK);
        if (err == AN_OK) /* a bit of the header that says nothing of the content */
            assert_memory_equal(back.data, text, sizeof text);
        back.len = 0;
        packed.data[i] ^= 0x10;
    }
    an_buf_u8(&packed, 0);
    assert_int_equal(an_zstd_unpack(&back, packed.data, packed.len), AN_ERR_PROTO);
    assert_int_equal(an_zstd_unpack(&back, "not a frame", 11), AN_ERR_PROTO);
    assert_int_equal(back.len, 0);
    an_buf_done(&packed);
    an_buf_done(&back);
}

static void a_window_too_large_is_a_limit(void **state)
{
    (void)state;
    /* Magic, no single segment, window descriptor exponent 20 (1 GiB), then an empty last raw
     * block. */
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0x00, 0x00};
    an_buf back;
    an_buf_init(&back, 1 << 20);
    assert_int_equal(an_zstd_unpack(&back, frame, sizeof frame), AN_ERR_LIMIT);
    an_buf_done(&back);
}

static void a_senseless_level_or_a_full_buffer_is_refused(void **state)
{
    (void)state;
    an_buf out;
    an_buf_init(&out, 5);
    assert_int_equal(an_zstd_pack(&out, "abc", 3, 0), AN_ERR_INVAL);
    assert_int_equal(an_zstd_pack(&out, "abc", 3, 20), AN_ERR_INVAL);
    assert_int_equal(an_zstd_pack(&out, "abc", 3, 1), AN_ERR_LIMIT);
    assert_int_equal(out.len, 0);
    an_buf_done(&out);
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        an_buf packed, back;
        an_buf_init(&packed, 1 << 20);
        an_buf_init(&back, 1 << 20);
        an_mem_fail_after(n++);
        err = an_zstd_pack(&packed, "abcabcabc", 9, 3);
        if (err == AN_OK)
            err = an_zstd_unpack(&back, packed.data, packed.len);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        an_buf_done(&packed);
        an_buf_done(&back);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(a_bomb_stops_at_the_maximum),
        cmocka_unit_test(a_damaged_frame_is_refused),
        cmocka_unit_test(a_window_too_large_is_a_limit),
        cmocka_unit_test(a_senseless_level_or_a_full_buffer_is_refused),
        cmocka_unit_test(every_allocation_failure_is_survived),
    };
    return cmocka_run_group_tests_name("zstd", tests, NULL, NULL);
}
