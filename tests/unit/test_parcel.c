/* A release on a stick: what was packed is read, and nothing that anybody has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/support/samples.h"
#include "trust/parcel.h"

typedef struct packed {
    uint8_t public_key[AN_SIGN_PUBLIC_BYTES], secret[AN_SIGN_SECRET_BYTES];
    an_msg trust, version;
    an_msg *messages[2];
    an_parcel_bundle bundles[2];
    an_buf bytes;
} packed;

static packed made;

static packed *pack(void)
{
    packed *p = &made;
    an_note why = {{0}};
    memset(p, 0, sizeof *p);
    an_sign_keypair(p->public_key, p->secret);
    an_sample_msg(&p->trust, AN_MSG_TRUST);
    an_sample_msg(&p->version, AN_MSG_VERSION);
    p->messages[0] = &p->trust;
    p->messages[1] = &p->version;
    p->bundles[0] =
        (an_parcel_bundle){.hash = p->version.u.version.version, .size = p->version.u.version.size};
    p->bundles[1] = (an_parcel_bundle){.size = 7};
    memset(p->bundles[1].hash.b, 9, sizeof p->bundles[1].hash.b);
    an_buf_init(&p->bytes, AN_PARCEL_HEAD_MAX);
    if (an_parcel_encode(p->messages, 2, p->bundles, 2, "# A card\n", p->secret, &p->bytes, &why) != AN_OK)
        fail_msg("%s", why.text);
    return p;
}

static void what_was_packed_is_read(void **state)
{
    (void)state;
    packed *p = pack();
    an_parcel *got = NULL;
    an_note why = {{0}};
    const size_t head = p->bytes.len;
    an_buf_put(&p->bytes, "bundles", 7); /* what comes after the head */
    if (an_parcel_decode(p->bytes.data, p->bytes.len, p->public_key, &got, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(got->head, head);
    assert_int_equal(got->n_messages, 2);
    assert_int_equal(got->messages[1]->u.version.counter, p->version.u.version.counter);
    assert_int_equal(got->n_bundles, 2);
    assert_memory_equal(got->bundles, p->bundles, sizeof p->bundles);
    assert_string_equal(got->card, "# A card\n");
    an_parcel_free(got);
    if (getenv("ANDON_GOLDEN"))
        assert_int_equal(an_file_write(AN_TEST_DIR "/fuzz/corpus/parcel/head", p->bytes.data,
                                       head - AN_SIGN_BYTES, 0644, NULL),
                         AN_OK);
    an_buf_done(&p->bytes);
}

static void a_parcel_that_was_cut_or_changed_is_refused(void **state)
{
    (void)state;
    packed *p = pack();
    an_parcel *got = NULL;
    for (size_t len = 0; len < p->bytes.len; len++)
        assert_true(an_parcel_decode(p->bytes.data, len, p->public_key, &got, NULL) != AN_OK);
    for (size_t i = 0; i < p->bytes.len; i++) {
        p->bytes.data[i] ^= 1;
        an_err err = an_parcel_decode(p->bytes.data, p->bytes.len, p->public_key, &got, NULL);
        assert_true(err == AN_ERR_PROTO || err == AN_ERR_AUTH);
        p->bytes.data[i] ^= 1;
    }
    p->public_key[0] ^= 1;
    assert_int_equal(an_parcel_decode(p->bytes.data, p->bytes.len, p->public_key, &got, NULL), AN_ERR_AUTH);
    assert_null(got);
    an_buf_done(&p->bytes);
}

static void what_would_not_be_read_again_is_not_packed(void **state)
{
    (void)state;
    packed *p = pack();
    an_buf out;
    an_buf_init(&out, AN_PARCEL_HEAD_MAX);
    an_msg *swapped[2] = {&p->version, &p->trust};
    assert_int_equal(an_parcel_encode(swapped, 2, p->bundles, 2, "", p->secret, &out, NULL), AN_ERR_INVAL);
    assert_int_equal(an_parcel_encode(p->messages, 1, p->bundles, 2, "", p->secret, &out, NULL),
                     AN_ERR_INVAL);
    assert_int_equal(an_parcel_encode(p->messages, 0, p->bundles, 2, "", p->secret, &out, NULL),
                     AN_ERR_INVAL);
    assert_int_equal(an_parcel_encode(p->messages, 2, p->bundles, 0, "", p->secret, &out, NULL),
                     AN_ERR_INVAL);
    assert_int_equal(an_parcel_encode(p->messages, 2, p->bundles + 1, 1, "", p->secret, &out, NULL),
                     AN_ERR_INVAL);
    p->bundles[0].size++;
    assert_int_equal(an_parcel_encode(p->messages, 2, p->bundles, 2, "", p->secret, &out, NULL),
                     AN_ERR_INVAL);
    an_buf_done(&out);
    an_buf_done(&p->bytes);
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    packed *p = pack();
    an_parcel *got = NULL;
    an_err err = AN_ERR_NOMEM;
    unsigned n = 0;
    for (; err == AN_ERR_NOMEM; n++) {
        an_mem_fail_after(n);
        err = an_parcel_decode(p->bytes.data, p->bytes.len, p->public_key, &got, NULL);
        an_mem_fail_never();
    }
    assert_int_equal(err, AN_OK);
    assert_true(n > 3);
    an_parcel_free(got);
    an_buf_done(&p->bytes);
}

int main(void)
{
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_is_read),
        cmocka_unit_test(a_parcel_that_was_cut_or_changed_is_refused),
        cmocka_unit_test(what_would_not_be_read_again_is_not_packed),
        cmocka_unit_test(every_allocation_failure_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
