/* Payloads of Sparkplug B: what is put comes back, numbers are what their types say, strangers' bytes are bounded. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "msg/sparkplug.h"

static an_spb *again(const an_spb *p)
{
    an_buf b;
    an_spb *q = NULL;
    an_buf_init(&b, 1 << 16);
    assert_int_equal(an_spb_put(p, &b), AN_OK);
    assert_int_equal(an_spb_get(b.data, b.len, &q, NULL), AN_OK);
    an_buf_done(&b);
    return q;
}

static void what_is_put_comes_back(void **state)
{
    (void)state;
    an_spb_metric m[] = {
        {.name = "a/b",
         .datatype = AN_SPB_FLOAT,
         .kind = AN_SPB_IS_REAL,
         .u.real = 1.5,
         .unit = "bar",
         .quality = 192},
        {.has_alias = true,
         .alias = 7,
         .has_time = true,
         .time_ms = 99,
         .kind = AN_SPB_IS_INT,
         .u.whole = 5,
         .quality = -1},
        {.name = "n",
         .datatype = AN_SPB_INT64,
         .kind = AN_SPB_IS_INT,
         .u.whole = UINT64_MAX,
         .historical = true,
         .quality = -1},
        {.name = "t", .datatype = AN_SPB_STRING, .kind = AN_SPB_IS_TEXT, .u.text = "part-1", .quality = -1},
        {.name = "x", .datatype = AN_SPB_DOUBLE, .null = true, .quality = -1},
        {.name = "f", .datatype = AN_SPB_BOOLEAN, .kind = AN_SPB_IS_BOOL, .u.whole = 1, .quality = 500}};
    const an_spb p = {
        .has_time = true, .time_ms = 1234567890123, .has_seq = true, .seq = 255, .n = 6, .metrics = m};
    an_spb *q = again(&p);
    assert_int_equal(q->time_ms, p.time_ms);
    assert_int_equal(q->seq, 255);
    assert_int_equal(q->n, 6);
    for (size_t i = 0; i < 6; i++) {
        const an_spb_metric *x = &q->metrics[i];
        assert_int_equal(x->has_alias, m[i].has_alias);
        assert_int_equal(x->alias, m[i].alias);
        assert_int_equal(x->time_ms, m[i].time_ms);
        assert_int_equal(x->datatype, m[i].datatype);
        assert_int_equal(x->historical, m[i].historical);
        assert_int_equal(x->null, m[i].null);
        assert_int_equal(x->kind, m[i].kind);
        assert_int_equal(x->quality, m[i].quality);
        if (m[i].name)
            assert_string_equal(x->name, m[i].name);
        else
            assert_null(x->name);
    }
    assert_string_equal(q->metrics[0].unit, "bar");
    assert_true(an_spb_number(&q->metrics[0], 0) == 1.5);
    assert_true(an_spb_number(&q->metrics[2], 0) == -1);
    assert_string_equal(q->metrics[3].u.text, "part-1");
    assert_true(isnan(an_spb_number(&q->metrics[3], 0)));
    assert_true(isnan(an_spb_number(&q->metrics[4], 0)));
    assert_true(an_spb_number(&q->metrics[5], 0) == 1);
    an_spb_free(q);
}

static double as(uint32_t datatype, uint64_t bits)
{
    const an_spb_metric m = {.kind = AN_SPB_IS_INT, .u.whole = bits};
    return an_spb_number(&m, datatype);
}

static void numbers_are_what_their_type_says(void **state)
{
    (void)state;
    assert_true(as(AN_SPB_INT8, 0xFF) == -1);
    assert_true(as(AN_SPB_INT8, 0xFFFFFFFF) == -1); /* as some write it */
    assert_true(as(AN_SPB_UINT8, 0xFF) == 255);
    assert_true(as(AN_SPB_INT16, 0xFFFE) == -2);
    assert_true(as(AN_SPB_INT32, 0xFFFFFFFD) == -3);
    assert_true(as(AN_SPB_UINT32, 0xFFFFFFFD) == 4294967293.0);
    assert_true(as(AN_SPB_INT64, UINT64_MAX) == -1);
    assert_true(as(AN_SPB_UINT64, UINT64_MAX) == 18446744073709551615.0);
    assert_true(isnan(as(AN_SPB_DOUBLE, 3))); /* said to be one thing, sent as another */
    assert_true(
        isnan(an_spb_number(&(an_spb_metric){.kind = AN_SPB_IS_REAL, .u.real = INFINITY}, AN_SPB_DOUBLE)));
}

static void knows_the_bytes_of_the_specification(void **state)
{
    (void)state;
    /* timestamp 1, one metric (name "T", datatype 10, double 21.5), seq 3: field numbers and wire types by hand */
    static const uint8_t bytes[] = {0x08, 0x01, 0x12, 0x0E, 0x0A, 0x01, 'T',  0x20, 0x0A, 0x69,
                                    0,    0,    0,    0,    0,    0x80, 0x35, 0x40, 0x18, 0x03};
    an_spb *p = NULL;
    assert_int_equal(an_spb_get(bytes, sizeof bytes, &p, NULL), AN_OK);
    assert_int_equal(p->seq, 3);
    assert_string_equal(p->metrics[0].name, "T");
    assert_true(an_spb_number(&p->metrics[0], 0) == 21.5);
    an_spb_free(p);
}

static void strangers_bytes_are_bounded(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 18];
    an_spb *p = NULL;
    an_note why = {{0}};
    for (size_t i = 0; i < sizeof bytes;
         i += 2) { /* metrics of no bytes: a hundred times their size in memory */
        bytes[i] = 0x12;
        bytes[i + 1] = 0;
    }
    assert_int_equal(an_spb_get(bytes, sizeof bytes, &p, &why), AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "memory"));
    assert_int_equal(an_spb_get(bytes, AN_SPB_BYTES_MAX + 1, &p, NULL), AN_ERR_LIMIT);
    an_rng rng;
    an_rng_init(&rng, 3, 0);
    for (int round = 0; round < 20000; round++) {
        const size_t n = an_rng_u64(&rng) % 64;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)an_rng_u64(&rng);
        p = NULL;
        if (an_spb_get(bytes, n, &p, NULL) == AN_OK)
            an_spb_free(again(p));
        an_spb_free(p);
    }
    assert_int_equal(an_mem_live(), 0);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    an_spb_metric m = {.name = "a", .kind = AN_SPB_IS_INT, .u.whole = 5, .quality = -1};
    const an_spb p = {.n = 1, .metrics = &m};
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err == AN_ERR_NOMEM; n++) {
        an_buf b;
        an_spb *q = NULL;
        an_buf_init(&b, 1024);
        an_mem_fail_after(n);
        err = an_spb_put(&p, &b);
        if (!err)
            err = an_spb_get(b.data, b.len, &q, NULL);
        an_mem_fail_never();
        an_spb_free(q);
        an_buf_done(&b);
        assert_int_equal(an_mem_live(), 0);
    }
    assert_int_equal(err, AN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_comes_back),
        cmocka_unit_test(numbers_are_what_their_type_says),
        cmocka_unit_test(knows_the_bytes_of_the_specification),
        cmocka_unit_test(strangers_bytes_are_bounded),
        cmocka_unit_test(survives_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
