#include "tests/support/secure_craft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void an_secure_site_expect(an_secure_site *s, const an_buf *b, an_err err, const char *text)
{
    an_note why = {{0}};
    an_secure_site_phase before = an_secure_site_phase_of(s);
    assert_int_equal(an_secure_site_feed(s, b->data, b->len, &why), err);
    if (err != AN_OK && !strstr(why.text, text))
        fail_msg("the reason is \"%s\", not \"%s\"", why.text, text);
    if (err != AN_OK)
        assert_int_equal(an_secure_site_phase_of(s), before);
}

void an_secure_world_message_for(const an_secure_world *w, uint32_t site, an_buf *ret)
{
    an_buf_init(ret, AN_SECURE_MESSAGE_MAX);
    assert_int_equal(an_secure_sum_message(w->sum, site, ret), AN_OK);
}

void an_secure_world_craft_set(const an_secure_world *w, an_secure_kind kind, uint32_t bits, uint32_t m,
                               an_buf *ret)
{
    an_secure_set set = {{(uint8_t)bits, (uint8_t)(bits >> 8)}};
    an_buf_init(ret, AN_SECURE_MESSAGE_MAX);
    an_secure_head_put(ret, kind, w->p.round);
    an_secure_set_put(ret, &set, m);
}

void an_secure_world_craft_survivors(const an_secure_world *w, uint32_t bits, uint32_t m, an_buf *ret)
{
    an_secure_world_craft_set(w, AN_SECURE_SURVIVORS, bits, m, ret);
    for (uint32_t i = 0; i < m; i++) {
        uint8_t proof[AN_SECURE_MASKED_PROOF] = {0};
        an_buf b;
        if (!(bits >> i & 1))
            continue;
        an_buf_init(&b, AN_SECURE_MESSAGE_MAX);
        if (w->sites[i] && an_secure_site_phase_of(w->sites[i]) == AN_SECURE_SITE_MASKED) {
            const size_t at = AN_SECURE_HEAD_BYTES;
            assert_int_equal(an_secure_site_message(w->sites[i], &b), AN_OK);
            memcpy(proof, b.data + at, AN_HASH_BYTES);
            memcpy(proof + AN_HASH_BYTES, b.data + at + AN_SECURE_MASKED_BYTES, AN_SIGN_BYTES);
        }
        an_buf_put(ret, proof, sizeof proof);
        an_buf_done(&b);
    }
    assert_int_equal(an_buf_err(ret), AN_OK);
}
