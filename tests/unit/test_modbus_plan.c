/* What is asked of a slave: few questions, within bounds, parted where the slave has a hole; and what the answers
 * mean. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sources/modbus_internal.h"
#include "base/mem.h"
#include "base/rng.h"

static modbus_plan plan_of(const modbus_tag *tags, size_t n, int gap)
{
    modbus_plan p;
    modbus_tag *copy = an_alloc(n, sizeof *copy);
    memcpy(copy, tags, n * sizeof *copy);
    assert_int_equal(modbus_plan_make(&p, copy, n, gap, 125, 2000), AN_OK);
    return p;
}

static void joins_what_lies_close_together(void **state)
{
    (void)state;
    const modbus_tag tags[] = {{.tag = 0, .table = AN_MODBUS_HOLDING, .address = 110, .kind = MODBUS_INT16},
                               {.tag = 1, .table = AN_MODBUS_HOLDING, .address = 100, .kind = MODBUS_FLOAT32},
                               {.tag = 2, .table = AN_MODBUS_HOLDING, .address = 111, .kind = MODBUS_FLOAT64},
                               {.tag = 3, .table = AN_MODBUS_INPUT, .address = 115, .kind = MODBUS_INT16},
                               {.tag = 4, .table = AN_MODBUS_HOLDING, .address = 400, .kind = MODBUS_INT16}};
    modbus_plan p = plan_of(tags, 5, 8);
    assert_int_equal(p.n_blocks, 3);
    assert_int_equal(p.blocks[0].address, 100);
    assert_int_equal(p.blocks[0].n, 15);
    assert_int_equal(p.blocks[0].count, 3);
    assert_int_equal(p.blocks[1].address, 400);
    assert_int_equal(p.blocks[2].table, AN_MODBUS_INPUT);
    modbus_plan_done(&p);
    p = plan_of(tags, 5, 7);
    assert_int_equal(p.n_blocks, 4);
    modbus_plan_done(&p);
}

static void asks_for_no_more_than_a_frame_holds(void **state)
{
    (void)state;
    modbus_tag tags[200];
    for (size_t i = 0; i < 200; i++)
        tags[i] = (modbus_tag){.table = AN_MODBUS_INPUT, .address = (int)(2 * i), .kind = MODBUS_FLOAT32};
    modbus_plan p = plan_of(tags, 200, 124);
    assert_int_equal(p.n_blocks, 4);
    for (size_t i = 0; i < p.n_blocks; i++)
        assert_in_range(p.blocks[i].n, 2, 125);
    modbus_plan_done(&p);
}

static void parts_at_the_largest_hole(void **state)
{
    (void)state;
    const modbus_tag tags[] = {{.table = AN_MODBUS_HOLDING, .address = 0, .kind = MODBUS_INT32},
                               {.table = AN_MODBUS_HOLDING, .address = 3, .kind = MODBUS_INT16},
                               {.table = AN_MODBUS_HOLDING, .address = 9, .kind = MODBUS_INT16},
                               {.table = AN_MODBUS_HOLDING, .address = 10, .kind = MODBUS_INT16}};
    modbus_plan p = plan_of(tags, 4, 8);
    assert_int_equal(p.n_blocks, 1);
    assert_true(modbus_plan_split(&p, 0));
    assert_int_equal(p.n_blocks, 2);
    assert_int_equal(p.blocks[0].n, 4);
    assert_int_equal(p.blocks[1].address, 9);
    assert_int_equal(p.blocks[1].n, 2);
    assert_true(modbus_plan_split(&p, 1));
    assert_false(modbus_plan_split(&p, 1)); /* one tag alone */
    modbus_plan_done(&p);
    const modbus_tag same[] = {{.table = AN_MODBUS_HOLDING, .address = 5, .kind = MODBUS_BOOL, .bit = 0},
                               {.table = AN_MODBUS_HOLDING, .address = 5, .kind = MODBUS_BOOL, .bit = 1}};
    p = plan_of(same, 2, 8);
    assert_false(modbus_plan_split(&p, 0)); /* two bits of one register */
    modbus_plan_done(&p);
}

/* Whatever is parted, each tag stays in exactly one question, and whole. */
static void keeps_each_tag_whole_in_one_block(void **state)
{
    (void)state;
    an_rng rng;
    an_rng_init(&rng, 11, 0);
    for (int round = 0; round < 300; round++) {
        modbus_tag tags[60];
        const size_t n = 1 + an_rng_u64(&rng) % 60;
        for (size_t i = 0; i < n; i++)
            tags[i] = (modbus_tag){.tag = (uint32_t)i,
                                   .table = (an_modbus_table)(2 + an_rng_u64(&rng) % 2),
                                   .address = (int)(an_rng_u64(&rng) % 300),
                                   .kind = (modbus_kind)(an_rng_u64(&rng) % (MODBUS_FLOAT64 + 1))};
        modbus_plan p = plan_of(tags, n, (int)(an_rng_u64(&rng) % 20));
        for (int i = 0; i < 40; i++)
            modbus_plan_split(&p, an_rng_u64(&rng) % p.n_blocks);
        size_t seen = 0;
        for (size_t b = 0; b < p.n_blocks; b++) {
            assert_int_equal(p.blocks[b].first, seen);
            assert_in_range(p.blocks[b].n, 1, 125);
            for (size_t i = seen; i < seen + p.blocks[b].count; i++) {
                const modbus_tag *t = &p.tags[i];
                assert_int_equal(t->table, p.blocks[b].table);
                assert_true(t->address >= p.blocks[b].address);
                assert_true(t->address + modbus_tag_size(t) <= p.blocks[b].address + p.blocks[b].n);
            }
            seen += p.blocks[b].count;
        }
        assert_int_equal(seen, n);
        modbus_plan_done(&p);
    }
}

static double read_as(modbus_kind kind, modbus_order order, const uint16_t *words)
{
    return modbus_tag_value(&(modbus_tag){.kind = kind, .order = order, .bit = -1}, words);
}

static void knows_every_type_in_every_order(void **state)
{
    (void)state;
    /* 0x01020304 in the four orders */
    const uint16_t abcd[] = {0x0102, 0x0304}, dcba[] = {0x0403, 0x0201}, badc[] = {0x0201, 0x0403},
                   cdab[] = {0x0304, 0x0102};
    assert_true(read_as(MODBUS_UINT32, MODBUS_ABCD, abcd) == 0x01020304);
    assert_true(read_as(MODBUS_UINT32, MODBUS_DCBA, dcba) == 0x01020304);
    assert_true(read_as(MODBUS_UINT32, MODBUS_BADC, badc) == 0x01020304);
    assert_true(read_as(MODBUS_UINT32, MODBUS_CDAB, cdab) == 0x01020304);
    const uint16_t minus[] = {0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE};
    assert_true(read_as(MODBUS_INT16, MODBUS_ABCD, minus) == -1);
    assert_true(read_as(MODBUS_UINT16, MODBUS_ABCD, minus) == 65535);
    assert_true(read_as(MODBUS_INT32, MODBUS_ABCD, minus + 2) == -2);
    assert_true(read_as(MODBUS_INT64, MODBUS_ABCD, minus) == -2);
    assert_true(read_as(MODBUS_UINT64, MODBUS_ABCD, minus) == 18446744073709551614.0);
    const uint16_t one[] = {0x3F80, 0}, eight[] = {0x4020, 0, 0, 0}, turned[] = {0, 0, 0, 0x4020};
    assert_true(read_as(MODBUS_FLOAT32, MODBUS_ABCD, one) == 1);
    assert_true(read_as(MODBUS_FLOAT64, MODBUS_ABCD, eight) == 8);
    assert_true(read_as(MODBUS_FLOAT64, MODBUS_CDAB, turned) == 8);
    const uint16_t nan_words[] = {0x7FC0, 1}, infinite[] = {0x7F80, 0};
    assert_true(isnan(read_as(MODBUS_FLOAT32, MODBUS_ABCD, nan_words)));
    assert_true(isnan(read_as(MODBUS_FLOAT32, MODBUS_ABCD, infinite)));
}

static void knows_bits_and_values_that_stand_for_none(void **state)
{
    (void)state;
    const uint16_t word = 0x8004;
    modbus_tag t = {.kind = MODBUS_BOOL, .bit = 2};
    assert_true(modbus_tag_value(&t, &word) == 1);
    t.bit = 15;
    assert_true(modbus_tag_value(&t, &word) == 1);
    t.bit = 3;
    assert_true(modbus_tag_value(&t, &word) == 0);
    t.bit = -1;
    assert_true(modbus_tag_value(&t, &word) == 1);
    t = (modbus_tag){.kind = MODBUS_INT16, .invalid = {32767, -32764}, .n_invalid = 2};
    assert_true(isnan(modbus_tag_value(&t, &word)));
    t.n_invalid = 1;
    assert_true(modbus_tag_value(&t, &word) == -32764);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_what_lies_close_together),
        cmocka_unit_test(asks_for_no_more_than_a_frame_holds),
        cmocka_unit_test(parts_at_the_largest_hole),
        cmocka_unit_test(keeps_each_tag_whole_in_one_block),
        cmocka_unit_test(knows_every_type_in_every_order),
        cmocka_unit_test(knows_bits_and_values_that_stand_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
