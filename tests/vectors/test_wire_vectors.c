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
#include "sum/vector.h"
#include "tests/support/samples.h"

static void put_line(an_buf *out, const char *kind, const char *name, const uint8_t *bytes,
                     size_t len)
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
        an_buf_init(&b, AN_MSG_CONTROL_MAX);
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

static void put_all(an_buf *out)
{
    an_buf_init(out, 1 << 20);
    put_messages(out);
    put_plans(out);
    put_sums(out);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_over_the_wire_is_what_always_went)};
    return cmocka_run_group_tests_name("wire_vectors", tests, NULL, NULL);
}
