/* Every message type: round trip, limits, and what strangers may send. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "msg/msg.h"
#include "tests/support/samples.h"

static void encode(const an_msg *m, an_buf *b)
{
    an_note why = {0};
    an_buf_init(b, AN_MSG_LARGE_MAX);
    an_err err = an_msg_encode(m, b, &why);
    if (err)
        print_error("type %d: %s\n", (int)m->type, why.text);
    assert_int_equal(err, AN_OK);
}

static void every_type_comes_back_as_it_was_sent(void **state)
{
    (void)state;
    for (size_t i = 0; an_msg_type_at(i); i++) {
        const an_msg_type_info *info = an_msg_type_at(i);
        an_msg m, *back = NULL;
        an_buf b, again;
        an_note why = {0};
        an_sample_msg(&m, info->type);
        encode(&m, &b);
        an_err err = an_msg_decode(b.data, b.len, &back, &why);
        if (err)
            print_error("%s: %s\n", info->name, why.text);
        assert_int_equal(err, AN_OK);
        assert_int_equal(back->type, info->type);
        assert_true(back->msg_id == m.msg_id && back->epoch == 3);
        err = an_msg_expect(back, info->door, info->way, NULL);
        assert_int_equal(err, AN_OK);
        encode(back, &again);
        assert_int_equal(again.len, b.len);
        assert_memory_equal(again.data, b.data, b.len);
        an_msg_free(back);
        an_buf_done(&b);
        an_buf_done(&again);
    }
}

static void the_fields_of_a_decoded_message_hold_their_values(void **state)
{
    (void)state;
    an_msg m, *back = NULL;
    an_buf b;
    an_sample_msg(&m, AN_MSG_HELLO);
    encode(&m, &b);
    an_err err = an_msg_decode(b.data, b.len, &back, NULL);
    assert_int_equal(err, AN_OK);
    const an_msg_hello *h = &back->u.hello;
    assert_string_equal(h->site, "plant-a");
    assert_true(h->instance == UINT64_C(0x1122334455667788));
    assert_int_equal(h->n_lines, 2);
    assert_string_equal(h->lines[1].line, "press-2");
    assert_memory_equal(&h->lines[1].version, &m.u.hello.lines[1].version, sizeof(an_hash));
    assert_string_equal(h->capabilities[1], "secure-sum");
    assert_int_equal(h->held[0].round, 41);
    an_msg_free(back);
    an_buf_done(&b);

    back = NULL;
    an_sample_msg(&m, AN_MSG_DRIFT_ALERT);
    encode(&m, &b);
    err = an_msg_decode(b.data, b.len, &back, NULL);
    assert_int_equal(err, AN_OK);
    assert_string_equal(back->u.drift_alert.subject, "Öldruck [bar]");
    assert_int_equal(back->u.drift_alert.sign, -1);
    assert_true(back->u.drift_alert.effect == 0.31);
    an_msg_free(back);
    an_buf_done(&b);
}

static void a_blob_outlives_the_bytes_it_came_in(void **state)
{
    (void)state;
    an_msg m, *back = NULL;
    an_buf b;
    an_sample_msg(&m, AN_MSG_VERSION);
    encode(&m, &b);
    an_err err = an_msg_decode(b.data, b.len, &back, NULL);
    assert_int_equal(err, AN_OK);
    memset(b.data, 0xff, b.len);
    an_buf_done(&b);
    assert_int_equal(back->u.version.statement.len, m.u.version.statement.len);
    assert_memory_equal(back->u.version.statement.data, m.u.version.statement.data,
                        m.u.version.statement.len);
    an_msg_free(back);
}

/* Decodes bytes that may be anything; what is accepted must encode again. */
static an_err decode_hostile(const uint8_t *bytes, size_t len)
{
    an_msg *m = NULL;
    uint8_t *exact = an_alloc(len, 1); /* so that the sanitizer sees a read past the end */
    assert_non_null(exact);
    if (len)
        memcpy(exact, bytes, len);
    an_err err = an_msg_decode(exact, len, &m, NULL);
    an_free(exact);
    assert_true((err == AN_OK) == (m != NULL));
    if (m) {
        an_buf b;
        encode(m, &b);
        an_buf_done(&b);
        an_msg_free(m);
    }
    return err;
}

static void a_message_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; an_msg_type_at(i); i++) {
        an_msg m;
        an_buf b;
        an_sample_msg(&m, an_msg_type_at(i)->type);
        encode(&m, &b);
        for (size_t len = 0; len < b.len; len++)
            assert_int_not_equal(decode_hostile(b.data, len), AN_OK);
        an_buf_done(&b);
    }
}

static void a_message_with_any_byte_changed_is_refused_or_well_formed(void **state)
{
    (void)state;
    an_rng rng;
    an_rng_init(&rng, 1, 0);
    size_t refused = 0;
    for (size_t i = 0; an_msg_type_at(i); i++) {
        an_msg m;
        an_buf b;
        an_sample_msg(&m, an_msg_type_at(i)->type);
        encode(&m, &b);
        for (size_t at = 0; at < b.len; at++) {
            const uint8_t old = b.data[at];
            const uint8_t tries[] = {(uint8_t)~old, (uint8_t)(old ^ 1), (uint8_t)(old ^ 0x80), 0,
                                     (uint8_t)an_rng_u64(&rng)};
            for (size_t k = 0; k < sizeof tries; k++) {
                b.data[at] = tries[k];
                refused += decode_hostile(b.data, b.len) != AN_OK;
            }
            b.data[at] = old;
        }
        an_buf_done(&b);
    }
    assert_true(refused > 100);
}

static an_err encode_err(const an_msg *m)
{
    an_buf b;
    an_buf_init(&b, AN_MSG_LARGE_MAX);
    an_err err = an_msg_encode(m, &b, NULL);
    assert_true(err == AN_OK || b.len == 0);
    an_buf_done(&b);
    return err;
}

static void a_field_out_of_bounds_is_refused_by_the_sender(void **state)
{
    (void)state;
    an_msg m;
    an_sample_msg(&m, AN_MSG_PROGRESS);
    m.u.progress.fraction = NAN;
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);
    m.u.progress.fraction = 1.5;
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);
    m.u.progress.fraction = 1.0;
    m.u.progress.phase = (an_progress_phase)9;
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);

    an_sample_msg(&m, AN_MSG_DRIFT_ALERT);
    m.u.drift_alert.effect = INFINITY;
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);
    an_sample_msg(&m, AN_MSG_DRIFT_ALERT);
    m.u.drift_alert.sign = -2;
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);
    an_sample_msg(&m, AN_MSG_DRIFT_ALERT);
    memcpy(m.u.drift_alert.subject, "a\nb", 4);
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);
    memset(m.u.drift_alert.subject, 'x', sizeof m.u.drift_alert.subject);
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);

    an_sample_msg(&m, AN_MSG_HELLO);
    m.u.hello.n_lines = AN_LINES_MAX + 1;
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);
    an_sample_msg(&m, AN_MSG_HELLO);
    memcpy(m.u.hello.site, "../x", 5);
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);

    an_sample_msg(&m, AN_MSG_CHUNK);
    m.u.chunk.total = m.u.chunk.offset + m.u.chunk.len - 1;
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);
    an_sample_msg(&m, AN_MSG_CHUNK);
    m.u.chunk.offset = UINT64_MAX;
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);

    an_sample_msg(&m, AN_MSG_ACK);
    m.type = (an_msg_type)99;
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);
}

static void the_largest_messages_of_each_door_fit(void **state)
{
    (void)state;
    static uint8_t plan[60 * 1024];
    an_msg m;
    an_sample_msg(&m, AN_MSG_PLAN);
    m.u.plan.plan = (an_bytes){plan, sizeof plan};
    memset(plan, 7, sizeof plan);
    an_buf b;
    encode(&m, &b);
    assert_true(b.len <= AN_MSG_CONTROL_MAX);
    an_msg *back = NULL;
    an_err err = an_msg_decode(b.data, b.len, &back, NULL);
    assert_int_equal(err, AN_OK);
    an_msg_free(back);
    an_buf_done(&b);
    m.u.plan.plan.len++;
    assert_int_equal(encode_err(&m), AN_ERR_INVAL);

    an_sample_msg(&m, AN_MSG_ENROL_REPLY);
    memset(m.u.enrol_reply.text, 'a', AN_REASON_MAX - 1);
    memset(m.u.enrol_reply.fingerprint, 'b', AN_FINGERPRINT_MAX - 1);
    memset(m.u.enrol_reply.control_endpoint, 'c', AN_ENDPOINT_MAX - 1);
    assert_int_equal(encode_err(&m), AN_OK);
}

static void a_hello_with_every_list_full_comes_back(void **state)
{
    (void)state;
    an_msg m, *back = NULL;
    an_sample_msg(&m, AN_MSG_HELLO);
    an_msg_hello *h = &m.u.hello;
    h->n_lines = AN_LINES_MAX;
    h->n_capabilities = AN_CAPABILITIES_MAX;
    h->n_held = AN_HELD_MAX;
    for (size_t i = 0; i < AN_LINES_MAX; i++)
        h->lines[i] = h->lines[1];
    for (size_t i = 0; i < AN_CAPABILITIES_MAX; i++)
        memset(h->capabilities[i], 'c', AN_SHORT_MAX - 1);
    for (size_t i = 0; i < AN_HELD_MAX; i++)
        h->held[i] = h->held[0];
    an_buf b;
    encode(&m, &b);
    an_err err = an_msg_decode(b.data, b.len, &back, NULL);
    assert_int_equal(err, AN_OK);
    assert_int_equal(back->u.hello.n_held, AN_HELD_MAX);
    assert_memory_equal(back->u.hello.lines, h->lines, sizeof h->lines);
    an_msg_free(back);
    an_buf_done(&b);
}

/* An envelope around a body of our choosing. */
static an_err decode_body(an_msg_type type, const uint8_t *body, size_t len)
{
    an_buf b;
    an_buf_init(&b, 1 << 20);
    an_buf_u8(&b, 0x08);
    an_buf_u8(&b, (uint8_t)type);
    an_buf_u8(&b, 0x22);
    size_t left = len;
    for (; left >= 0x80; left >>= 7)
        an_buf_u8(&b, (uint8_t)(left | 0x80));
    an_buf_u8(&b, (uint8_t)left);
    an_buf_put(&b, body, len);
    an_buf_u8(&b, 0x28);
    an_buf_u8(&b, AN_PROTOCOL_VERSION);
    an_err err = decode_hostile(b.data, b.len);
    an_buf_done(&b);
    return err;
}

static void bytes_that_would_unfold_to_megabytes_are_refused(void **state)
{
    (void)state;
    static uint8_t empty_lines[60000];
    for (size_t i = 0; i < sizeof empty_lines; i += 2) {
        empty_lines[i] = 0x2a; /* HELLO.lines, length 0 */
        empty_lines[i + 1] = 0;
    }
    assert_int_equal(decode_body(AN_MSG_HELLO, empty_lines, sizeof empty_lines), AN_ERR_PROTO);
    static uint8_t unknown[60000];
    for (size_t i = 0; i < sizeof unknown; i += 2) {
        unknown[i] = 0x78; /* field 15, varint */
        unknown[i + 1] = 1;
    }
    assert_int_equal(decode_body(AN_MSG_HELLO, unknown, sizeof unknown), AN_ERR_PROTO);
}

static void a_string_with_an_embedded_zero_is_refused(void **state)
{
    (void)state;
    const uint8_t good[] = {0x09, 1, 0, 0, 0, 0, 0, 0, 0, 0x12, 3, 'a', 'b', 'c'};
    const uint8_t bad[] = {0x09, 1, 0, 0, 0, 0, 0, 0, 0, 0x12, 3, 'a', 0, 'c'};
    const uint8_t bad_utf8[] = {0x09, 1, 0, 0, 0, 0, 0, 0, 0, 0x12, 2, 0xc3, 0x28};
    const uint8_t newer[] = {0x09, 1, 0, 0, 0, 0, 0, 0, 0, 0x78, 5};
    assert_int_equal(decode_body(AN_MSG_HEARTBEAT, good, sizeof good), AN_OK);
    assert_int_equal(decode_body(AN_MSG_HEARTBEAT, bad, sizeof bad), AN_ERR_PROTO);
    assert_int_equal(decode_body(AN_MSG_HEARTBEAT, bad_utf8, sizeof bad_utf8), AN_ERR_PROTO);
    /* A field that a newer peer adds is passed over. */
    assert_int_equal(decode_body(AN_MSG_HEARTBEAT, newer, sizeof newer), AN_OK);
}

static void another_protocol_version_is_told_apart_from_rubbish(void **state)
{
    (void)state;
    an_msg m;
    an_buf b;
    an_sample_msg(&m, AN_MSG_ACK);
    m.version = 2;
    encode(&m, &b);
    assert_int_equal(decode_hostile(b.data, b.len), AN_ERR_UNSUPPORTED);
    an_buf_done(&b);
    static uint8_t large[AN_MSG_LARGE_MAX + 1];
    assert_int_equal(decode_hostile(large, sizeof large), AN_ERR_LIMIT);
    assert_int_not_equal(decode_hostile(large, 0), AN_OK);
}

static void a_message_is_refused_at_the_wrong_door_or_in_the_wrong_direction(void **state)
{
    (void)state;
    an_msg m;
    an_sample_msg(&m, AN_MSG_HELLO);
    assert_int_equal(an_msg_expect(&m, AN_DOOR_CONTROL, AN_WAY_UP, NULL), AN_OK);
    assert_int_equal(an_msg_expect(&m, AN_DOOR_CONTROL, AN_WAY_DOWN, NULL), AN_ERR_PROTO);
    assert_int_equal(an_msg_expect(&m, AN_DOOR_ENROL, AN_WAY_UP, NULL), AN_ERR_PROTO);
    an_sample_msg(&m, AN_MSG_CHUNK);
    assert_int_equal(an_msg_expect(&m, AN_DOOR_BULK, AN_WAY_UP, NULL), AN_OK);
    assert_int_equal(an_msg_expect(&m, AN_DOOR_BULK, AN_WAY_DOWN, NULL), AN_OK);
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    size_t live = an_mem_live();
    for (size_t i = 0; an_msg_type_at(i); i++) {
        an_msg m, *back = NULL;
        an_buf b;
        an_err err;
        an_sample_msg(&m, an_msg_type_at(i)->type);
        size_t n = 0;
        do {
            an_buf_init(&b, AN_MSG_LARGE_MAX);
            an_mem_fail_after(n++);
            err = an_msg_encode(&m, &b, NULL);
            an_mem_fail_never();
            assert_true(err == AN_OK || err == AN_ERR_NOMEM);
            if (err)
                an_buf_done(&b);
        } while (err != AN_OK);
        assert_true(n > 1);
        n = 0;
        do {
            an_mem_fail_after(n++);
            err = an_msg_decode(b.data, b.len, &back, NULL);
            an_mem_fail_never();
            assert_true(err == AN_OK || (err == AN_ERR_NOMEM && back == NULL));
        } while (err != AN_OK);
        assert_true(n > 1);
        an_msg_free(back);
        an_buf_done(&b);
    }
    assert_int_equal(an_mem_live(), live);
}

static void text_is_cut_between_characters_and_cleaned(void **state)
{
    (void)state;
    char out[6];
    an_text_set(out, sizeof out, "abcdö");
    assert_string_equal(out, "abcd");
    an_text_set(out, sizeof out,
                "a\n\xff"
                "b");
    assert_string_equal(out, "a??b");
    assert_true(an_text_ok("10 °C €\xF0\x9F\x98\x80", 32));
    assert_false(an_text_ok("\xc0\x80", 3));         /* overlong */
    assert_false(an_text_ok("\xed\xa0\x80", 4));     /* surrogate */
    assert_false(an_text_ok("\xf4\x90\x80\x80", 5)); /* beyond Unicode */
    assert_false(an_text_ok("\xc2\x85", 3));         /* C1 control */
    assert_false(an_text_ok("\xe2\x82", 3));         /* cut */
    assert_true(an_name_ok("plant-7.b_x"));
    assert_false(an_name_ok(""));
    assert_false(an_name_ok(".hidden"));
    assert_false(an_name_ok("a/b"));
}

static void statements_are_the_same_bytes_for_ever(void **state)
{
    (void)state;
    an_msg m;
    uint8_t update[AN_UPDATE_STATEMENT_BYTES], enrol[AN_ENROL_STATEMENT_BYTES];
    an_sample_msg(&m, AN_MSG_UPDATE_OFFER);
    an_update_statement(update, &m.u.update_offer);
    const uint8_t round[8] = {12};
    assert_memory_equal(update, round, 8);
    assert_memory_equal(update + 8, m.u.update_offer.plan_hash.b, 32);
    assert_memory_equal(update + 40, m.u.update_offer.update.b, 32);
    an_sample_msg(&m, AN_MSG_ENROL);
    memset(m.u.enrol.site + 8, 'z', 20); /* behind the terminator */
    an_enrol_statement(enrol, &m.u.enrol);
    assert_memory_equal(enrol, "andon-enrol-1\0\0\0", 16);
    assert_memory_equal(enrol + 32, m.u.enrol.link_key, 32);
    assert_memory_equal(enrol + 96, "plant-a\0\0\0", 10);
    uint8_t keys[AN_KEYS_STATEMENT_BYTES], link_key[32], statement_key[32];
    memset(link_key, 1, sizeof link_key);
    memset(statement_key, 2, sizeof statement_key);
    an_sample_msg(&m, AN_MSG_KEYS);
    an_keys_statement(keys, "plant-a", link_key, statement_key, &m.u.keys);
    assert_memory_equal(keys, "plant-a\0\0\0", 10);
    assert_memory_equal(keys + 64, link_key, 32);
    assert_memory_equal(keys + 96, statement_key, 32);
    assert_memory_equal(keys + 128, m.u.keys.link_key, 32);
    assert_memory_equal(keys + 160, m.u.keys.statement_key, 32);
    uint8_t report[AN_REPORT_STATEMENT_BYTES];
    an_sample_msg(&m, AN_MSG_VERSION_REPORT);
    m.u.version_report.at_ms = 0x0102030405060708;
    memset(m.u.version_report.line + 8, 'z', 20);
    memset(m.u.version_report.reason + 8, 'z', 20);
    an_report_statement(report, "plant-a", &m.u.version_report);
    assert_memory_equal(report, "plant-a\0\0\0", 10);
    assert_memory_equal(report + 64, "pump\0\0\0", 7);
    assert_memory_equal(report + 128, "pump-1\0\0\0", 9);
    assert_memory_equal(report + 192, m.u.version_report.version.b, 32);
    assert_memory_equal(report + 224, m.u.version_report.overlay.b, 32);
    assert_memory_equal(report + 256, "\4\10\7\6\5\4\3\2\1schema\0\0\0", 18);
    assert_int_equal(report[sizeof report - 1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back_as_it_was_sent),
        cmocka_unit_test(the_fields_of_a_decoded_message_hold_their_values),
        cmocka_unit_test(a_blob_outlives_the_bytes_it_came_in),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
        cmocka_unit_test(a_message_with_any_byte_changed_is_refused_or_well_formed),
        cmocka_unit_test(a_field_out_of_bounds_is_refused_by_the_sender),
        cmocka_unit_test(the_largest_messages_of_each_door_fit),
        cmocka_unit_test(a_hello_with_every_list_full_comes_back),
        cmocka_unit_test(bytes_that_would_unfold_to_megabytes_are_refused),
        cmocka_unit_test(a_string_with_an_embedded_zero_is_refused),
        cmocka_unit_test(another_protocol_version_is_told_apart_from_rubbish),
        cmocka_unit_test(a_message_is_refused_at_the_wrong_door_or_in_the_wrong_direction),
        cmocka_unit_test(every_allocation_failure_is_survived),
        cmocka_unit_test(text_is_cut_between_characters_and_cleaned),
        cmocka_unit_test(statements_are_the_same_bytes_for_ever),
    };
    return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
