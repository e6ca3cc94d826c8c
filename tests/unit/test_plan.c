/* The plan: canonical bytes, bounds, and what holds between fields. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "msg/plan.h"
#include "tests/support/samples.h"

static an_plan plan;

static void encode(an_buf *b)
{
    an_note why = {0};
    an_buf_init(b, AN_PLAN_BYTES_MAX);
    an_err err = an_plan_encode(&plan, b, &why);
    if (err)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
}

static void every_kind_of_plan_comes_back_to_the_same_bytes(void **state)
{
    (void)state;
    for (int kind = 1; kind <= AN_PAYLOAD_KIND_MAX; kind++) {
        an_plan *back = NULL;
        an_buf b, again;
        an_sample_plan(&plan, (an_payload_kind)kind);
        encode(&b);
        an_err err = an_plan_decode(b.data, b.len, &back, NULL);
        assert_int_equal(err, AN_OK);
        assert_string_equal(back->cohort[2], "plant-c");
        assert_int_equal(back->n_tensors, plan.n_tensors);
        assert_true(back->seed == plan.seed && back->upload.deadline_ms == 60000);
        assert_memory_equal(&back->base, &plan.base, sizeof plan.base);
        if (kind == AN_PAYLOAD_TRAIN)
            assert_true(back->tensors[2].local && back->tensors[2].unit_exp == -28);
        plan = *back;
        encode(&again);
        assert_int_equal(again.len, b.len);
        assert_memory_equal(again.data, b.data, b.len);
        an_plan_free(back);
        an_buf_done(&b);
        an_buf_done(&again);
    }
}

static void bytes_in_another_order_are_not_a_plan(void **state)
{
    (void)state;
    an_plan *back = NULL;
    an_buf b, swapped;
    an_sample_plan(&plan, AN_PAYLOAD_MEAN);
    encode(&b);
    /* round (08 0c) and campaign (10 03) change places: same meaning, other bytes. */
    const uint8_t head[] = {0x08, 12, 0x10, 3}, other[] = {0x10, 3, 0x08, 12};
    assert_memory_equal(b.data, head, 4);
    memcpy(b.data, other, 4);
    assert_int_equal(an_plan_decode(b.data, b.len, &back, NULL), AN_ERR_PROTO);
    memcpy(b.data, head, 4);
    /* An unknown field behind the last one. */
    an_buf_init(&swapped, AN_PLAN_BYTES_MAX);
    an_buf_put(&swapped, b.data, b.len);
    an_buf_u16(&swapped, 0x07e8 | 0x8000);
    an_buf_u8(&swapped, 1);
    assert_int_equal(an_plan_decode(swapped.data, swapped.len, &back, NULL), AN_ERR_PROTO);
    assert_null(back);
    an_buf_done(&swapped);
    an_buf_done(&b);
}

#define REFUSES(kind, change)                                                                                \
    do {                                                                                                     \
        an_sample_plan(&plan, (kind));                                                                       \
        assert_int_equal(an_plan_check(&plan, NULL), AN_OK);                                                 \
        change;                                                                                              \
        assert_int_equal(an_plan_check(&plan, NULL), AN_ERR_INVAL);                                          \
    } while (0)

static void trust(an_plan *p)
{
    p->privacy = AN_PRIVACY_TRUSTED;
    p->secure = (an_plan_secure){.groups = 0};
}

static void only_training_in_trusted_mode_takes_late_updates(void **state)
{
    (void)state;
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    trust(&plan);
    plan.staleness_max = AN_STALENESS_MAX;
    assert_int_equal(an_plan_check(&plan, NULL), AN_OK);
    plan.staleness_max++;
    assert_int_equal(an_plan_check(&plan, NULL), AN_ERR_INVAL);
    REFUSES(AN_PAYLOAD_TRAIN, plan.staleness_max = 1); /* a secure sum */
    an_sample_plan(&plan, AN_PAYLOAD_MEAN);
    trust(&plan);
    assert_int_equal(an_plan_check(&plan, NULL), AN_OK);
    plan.staleness_max = 1;
    assert_int_equal(an_plan_check(&plan, NULL), AN_ERR_INVAL);
}

static void only_training_has_control_variates(void **state)
{
    (void)state;
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    plan.control = 10000;
    assert_int_equal(an_plan_check(&plan, NULL), AN_OK);
    REFUSES(AN_PAYLOAD_TRAIN, plan.control = 10001);
    REFUSES(AN_PAYLOAD_MEAN, plan.control = 1);
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    trust(&plan);
    plan.control = plan.staleness_max = 1; /* a late update is none of its round */
    assert_int_equal(an_plan_check(&plan, NULL), AN_ERR_INVAL);
}

static void a_plan_that_could_leave_the_ring_is_refused(void **state)
{
    (void)state;
    REFUSES(AN_PAYLOAD_TRAIN, plan.value_bits = 30);
    REFUSES(AN_PAYLOAD_TRAIN, plan.value_bits = 0);
    REFUSES(AN_PAYLOAD_TRAIN, plan.value_bits = 40);
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    plan.n_cohort = 1000;
    for (int i = 0; i < 1000; i++)
        snprintf(plan.cohort[i], AN_NAME_MAX, "site-%04d", i);
    plan.value_bits = 21;
    assert_int_equal(an_plan_check(&plan, NULL), AN_OK);
    assert_int_equal(an_plan_find_site(&plan, "site-0777"), 777);
    assert_int_equal(an_plan_find_site(&plan, "site-1000"), -1);
    plan.value_bits = 22;
    assert_int_equal(an_plan_check(&plan, NULL), AN_ERR_INVAL);
}

static void a_plan_at_odds_with_itself_is_refused(void **state)
{
    (void)state;
    REFUSES(AN_PAYLOAD_TRAIN, plan.dim++);
    REFUSES(AN_PAYLOAD_TRAIN, plan.tensors[0].n = 0);
    REFUSES(AN_PAYLOAD_TRAIN, plan.tensors[0].unit_exp = 101);
    REFUSES(AN_PAYLOAD_TRAIN, plan.n_tensors = 0);
    REFUSES(AN_PAYLOAD_TRAIN, plan.n_tensors = AN_TENSORS_MAX + 1);
    REFUSES(AN_PAYLOAD_TRAIN, plan.clip_norm = 0.0);
    REFUSES(AN_PAYLOAD_TRAIN, plan.clip_norm = NAN);
    REFUSES(AN_PAYLOAD_TRAIN, plan.weight_cap = 0.5);
    REFUSES(AN_PAYLOAD_TRAIN, plan.replay_share = 1.01);
    REFUSES(AN_PAYLOAD_TRAIN, plan.lr = -1.0);
    REFUSES(AN_PAYLOAD_TRAIN, plan.optimiser[0] = 0);
    REFUSES(AN_PAYLOAD_TRAIN, plan.base = (an_hash){0});
    REFUSES(AN_PAYLOAD_TRAIN, plan.candidate.b[0] = 1);
    REFUSES(AN_PAYLOAD_TRAIN, plan.kind = (an_payload_kind)6);
    REFUSES(AN_PAYLOAD_TRAIN, plan.privacy = (an_privacy)0);
    REFUSES(AN_PAYLOAD_TRAIN, plan.min_cohort = 4);
    REFUSES(AN_PAYLOAD_TRAIN, plan.upload.count_min = 1);
    REFUSES(AN_PAYLOAD_TRAIN, plan.upload.count_max = 4);
    REFUSES(AN_PAYLOAD_TRAIN, plan.upload.time_min_ms = 60001);
    REFUSES(AN_PAYLOAD_TRAIN, plan.invite.deadline_ms = 0);
    REFUSES(AN_PAYLOAD_TRAIN, memcpy(plan.cohort[0], "plant-b", 8));
    REFUSES(AN_PAYLOAD_TRAIN, memcpy(plan.cohort[0], "plant-z", 8));
    REFUSES(AN_PAYLOAD_TRAIN, memcpy(plan.model, "a b", 4));
    REFUSES(AN_PAYLOAD_TRAIN, plan.round = 0);
    REFUSES(AN_PAYLOAD_MEAN, plan.dim++);
    REFUSES(AN_PAYLOAD_MEAN, plan.n_tensors = 1);
    REFUSES(AN_PAYLOAD_VARIANCE, plan.base = (an_hash){0});
    REFUSES(AN_PAYLOAD_HISTOGRAM, plan.dim = 0);
    REFUSES(AN_PAYLOAD_FIT, plan.dim = 9);
    REFUSES(AN_PAYLOAD_FIT, plan.dim = 8);
    REFUSES(AN_PAYLOAD_EVALUATE, plan.dim++);
    REFUSES(AN_PAYLOAD_EVALUATE, plan.candidate = (an_hash){0});
}

/* What is accepted must be the canonical bytes of what was understood. */
static size_t decode_hostile(const uint8_t *bytes, size_t len)
{
    an_plan *back = NULL;
    an_err err = an_plan_decode(bytes, len, &back, NULL);
    assert_true((err == AN_OK) == (back != NULL));
    if (back) {
        an_buf again;
        plan = *back;
        encode(&again);
        assert_int_equal(again.len, len);
        assert_memory_equal(again.data, bytes, len);
        an_buf_done(&again);
    }
    an_plan_free(back);
    return err != AN_OK;
}

static void a_plan_cut_or_changed_anywhere_is_refused_or_another_plan(void **state)
{
    (void)state;
    for (int kind = 1; kind <= AN_PAYLOAD_KIND_MAX; kind += 4) {
        an_buf b;
        size_t refused = 0;
        an_sample_plan(&plan, (an_payload_kind)kind);
        encode(&b);
        for (size_t len = 0; len < b.len; len++)
            refused += decode_hostile(b.data, len);
        /* The last fields may be zero: a cut at one of their ends gives another plan. */
        assert_true(refused + 5 >= b.len);
        for (size_t at = 0; at < b.len; at++) {
            const uint8_t old = b.data[at];
            for (unsigned bit = 0; bit < 8; bit++) {
                b.data[at] = (uint8_t)(old ^ 1u << bit);
                refused += decode_hostile(b.data, b.len);
            }
            b.data[at] = old;
        }
        an_buf_done(&b);
    }
}

static void the_largest_plan_is_refused_by_its_size_alone(void **state)
{
    (void)state;
    an_note why = {0};
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    plan.n_cohort = AN_COHORT_MAX;
    plan.value_bits = 21;
    for (int i = 0; i < AN_COHORT_MAX; i++)
        snprintf(plan.cohort[i], AN_NAME_MAX, "a-site-with-quite-a-long-name-that-goes-on-and-on-and-on-%04d",
                 i);
    assert_int_equal(an_plan_check(&plan, &why), AN_ERR_LIMIT);
    assert_non_null(strstr(why.text, "shorten"));

    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    plan.n_tensors = AN_TENSORS_MAX;
    plan.n_cohort = 700;
    plan.value_bits = 21;
    for (int i = 0; i < 700; i++)
        snprintf(plan.cohort[i], AN_NAME_MAX, "a-site-with-a-name-of-usual-length-%04d", i);
    for (int i = 0; i < AN_TENSORS_MAX; i++)
        plan.tensors[i] = (an_tensor_scale){1, -30, false};
    plan.dim = AN_TENSORS_MAX + AN_TRAIN_EXTRA;
    an_buf b;
    encode(&b);
    an_plan *back = NULL;
    assert_int_equal(an_plan_decode(b.data, b.len, &back, NULL), AN_OK);
    assert_int_equal(back->n_tensors, AN_TENSORS_MAX);
    an_plan_free(back);
    an_buf_done(&b);

    /* The least bytes per tensor: the arena's ceiling must not be met by an honest plan. */
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    plan.n_tensors = AN_TENSORS_MAX;
    for (int i = 0; i < AN_TENSORS_MAX; i++)
        plan.tensors[i] = (an_tensor_scale){1, 0, false};
    plan.dim = AN_TENSORS_MAX + AN_TRAIN_EXTRA;
    encode(&b);
    assert_int_equal(an_plan_decode(b.data, b.len, &back, NULL), AN_OK);
    an_plan_free(back);
    an_buf_done(&b);
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    size_t live = an_mem_live(), n = 0;
    an_plan *back = NULL;
    an_buf b;
    an_err err;
    an_sample_plan(&plan, AN_PAYLOAD_TRAIN);
    do {
        an_buf_init(&b, AN_PLAN_BYTES_MAX);
        an_mem_fail_after(n++);
        err = an_plan_encode(&plan, &b, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        if (err)
            an_buf_done(&b);
    } while (err != AN_OK);
    assert_true(n > 1);
    n = 0;
    do {
        an_mem_fail_after(n++);
        err = an_plan_decode(b.data, b.len, &back, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && back == NULL));
    } while (err != AN_OK);
    assert_true(n > 1);
    an_plan_free(back);
    an_buf_done(&b);
    assert_int_equal(an_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_plan_comes_back_to_the_same_bytes),
        cmocka_unit_test(bytes_in_another_order_are_not_a_plan),
        cmocka_unit_test(only_training_in_trusted_mode_takes_late_updates),
        cmocka_unit_test(only_training_has_control_variates),
        cmocka_unit_test(a_plan_that_could_leave_the_ring_is_refused),
        cmocka_unit_test(a_plan_at_odds_with_itself_is_refused),
        cmocka_unit_test(a_plan_cut_or_changed_anywhere_is_refused_or_another_plan),
        cmocka_unit_test(the_largest_plan_is_refused_by_its_size_alone),
        cmocka_unit_test(every_allocation_failure_is_survived),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
