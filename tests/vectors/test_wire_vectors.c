/* The bytes of every message, plan, update file and limb, fixed for ever: they are compared
 * with tests/vectors/wire.hex, one `name hex` a line.  With --print the program writes such a
 * file of what the tree makes now; a changed line is a changed protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "sum/limbs.h"
#include "sum/payload.h"
#include "sum/vector.h"
#include "tests/support/samples.h"

static void put_line(an_buf *out, const char *kind, const char *name, const uint8_t *bytes, size_t len)
{
    char *hex = an_alloc(2 * len + 1, 1);
    assert_non_null(hex);
    an_hex(hex, bytes, len);
    an_buf_printf(out, "%s.%s %s\n", kind, name, hex);
    an_free(hex);
}

static void put_messages(an_buf *out)
{
    for (size_t i = 0; an_msg_type_at(i); i++) {
        an_msg m;
        an_buf b;
        an_buf_init(&b, AN_MSG_LARGE_MAX);
        an_sample_msg(&m, an_msg_type_at(i)->type);
        assert_int_equal(an_msg_encode(&m, &b, NULL), AN_OK);
        put_line(out, "msg", an_msg_type_at(i)->name, b.data, b.len);
        an_buf_done(&b);
    }
}

static void put_plans(an_buf *out)
{
    static an_plan plan;
    for (int kind = 1; kind <= AN_PAYLOAD_KIND_MAX; kind++) {
        an_buf b;
        an_hash hash;
        an_buf_init(&b, AN_PLAN_BYTES_MAX);
        an_sample_plan(&plan, (an_payload_kind)kind);
        assert_int_equal(an_plan_encode(&plan, &b, NULL), AN_OK);
        an_hash_of(&hash, b.data, b.len);
        put_line(out, "plan", an_payload_kind_name(plan.kind), b.data, b.len);
        put_line(out, "plan_hash", an_payload_kind_name(plan.kind), hash.b, sizeof hash.b);
        an_buf_done(&b);
    }
}

static void put_sums(an_buf *out)
{
    const double values[] = {1.0, -1.0, 17.25, -0x1p-48, 1e18};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        an_i128 v;
        uint32_t limbs[AN_LIMBS];
        char name[32];
        snprintf(name, sizeof name, "%g", values[i]);
        assert_int_equal(an_i128_of_double(&v, values[i]), AN_OK);
        an_limbs_put(limbs, v);
        an_words_put((uint8_t *)limbs, limbs, AN_LIMBS);
        put_line(out, "limbs", name, (const uint8_t *)limbs, sizeof limbs);
    }
    an_update_header h = {.round = 12, .dim = 36, .site = "plant-a"};
    uint8_t bytes[AN_UPDATE_HEADER_BYTES];
    an_sample_hash(&h.plan_hash, 10);
    an_update_header_put(bytes, &h);
    put_line(out, "update", "header", bytes, sizeof bytes);
}

static void put_payload(an_buf *out, an_payload_kind kind, const an_payload_facts *f, const an_payload_in *in)
{
    const an_payload_type *type = an_payload_find(kind);
    const size_t dim = (size_t)type->dim(f);
    uint32_t *v = an_alloc(dim, sizeof *v);
    assert_non_null(v);
    assert_int_equal(type->encode(v, f, in, NULL), AN_OK);
    an_words_put((uint8_t *)v, v, dim);
    put_line(out, "payload", type->name, (const uint8_t *)v, 4 * dim);
    an_free(v);
}

static void put_payloads(an_buf *out)
{
    const an_tensor_scale tensors[] = {{3, -28, false}, {2, -28, true}, {2, -27, false}};
    const float delta[] = {0.5f, -0.25f, 1.0f / 3.0f, 9.0f, 9.0f, 0.0f, -1.5f};
    const uint64_t n[] = {100, 99};
    const double sums[] = {12.5, 0.0625};
    const uint32_t counts[] = {1, 2, 3, 4, 5, 6};
    const an_payload_facts f = {.n_cohort = 3,
                                .value_bits = 29,
                                .seed = 7,
                                .site = "plant-a",
                                .tensors = tensors,
                                .n_tensors = 3,
                                .clip_norm = 1.25,
                                .weight_cap = 1000.0,
                                .n_features = 2,
                                .n_bins = 3,
                                .n_sums = 2};
    const an_payload_in train = {.train = {.delta = delta, .weight = 640.0, .loss = 0.125}};
    const an_payload_in moments = {.mean = {.n = n, .sum = sums}};
    const an_payload_in histogram = {.histogram = {.counts = counts}};
    put_payload(out, AN_PAYLOAD_TRAIN, &f, &train);
    put_payload(out, AN_PAYLOAD_MEAN, &f, &moments);
    put_payload(out, AN_PAYLOAD_VARIANCE, &f, &moments);
    put_payload(out, AN_PAYLOAD_HISTOGRAM, &f, &histogram);
    an_payload_in evaluate = {
        .evaluate = {.candidate = {.n = 1, .loss_sum = 0.5, .tp = 2, .fp = 3, .sites = 1}}};
    evaluate.evaluate.production.modes[15].total = 4;
    put_payload(out, AN_PAYLOAD_EVALUATE, &f, &evaluate);
    an_payload_in shadow = {.shadow = {.candidate = {.score_sum = 0.5, .rows = 7, .over = 2},
                                       .production = {.rows = 6, .non_finite = 1},
                                       .rows = 7,
                                       .sites = 1}};
    shadow.shadow.candidate.scores[15] = 1;
    shadow.shadow.production.latency[31] = 3;
    put_payload(out, AN_PAYLOAD_SHADOW, &f, &shadow);
    const an_payload_in fit = {.fit = {.n = 41, .sums = sums}};
    put_payload(out, AN_PAYLOAD_FIT, &f, &fit);
}

static void put_all(an_buf *out)
{
    an_buf_init(out, 1 << 20);
    put_messages(out);
    put_plans(out);
    put_sums(out);
    put_payloads(out);
    an_buf_u8(out, 0);
    assert_false(out->failed);
}

static void what_goes_over_the_wire_is_what_always_went(void **state)
{
    (void)state;
    an_buf now, then;
    put_all(&now);
    an_buf_init(&then, 1 << 20);
    assert_int_equal(an_file_read(&then, AN_TEST_DIR "/vectors/wire.hex", NULL), AN_OK);
    an_buf_u8(&then, 0);
    assert_string_equal((const char *)now.data, (const char *)then.data);
    an_buf_done(&now);
    an_buf_done(&then);
}

int main(int argc, char **argv)
{
    if (an_crypto_init() != AN_OK)
        return 1;
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        an_buf now;
        put_all(&now);
        fputs((const char *)now.data, stdout);
        an_buf_done(&now);
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_goes_over_the_wire_is_what_always_went)};
    return cmocka_run_group_tests_name("wire_vectors", tests, NULL, NULL);
}
