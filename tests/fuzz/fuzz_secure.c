/* Strangers' bytes for both machines of a secure sum.  The first byte says who reads and in which phase;
 * the rest is patched over a right message (offset, length, bytes), so that the fuzzer comes past the
 * signatures' lengths, or taken as it is.  A machine must refuse or go on, never break, and what it
 * accepts it must be able to save and restore. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sum/secure_site.h"
#include "sum/secure_sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { SITES = 3, PHASES = 5 };

static an_secure_params params;
static an_secure_member members[SITES];
static uint8_t keys[SITES][AN_SIGN_SECRET_BYTES];
/* How things stand before each phase: the machines' saved states, and the message that is due. */
static an_buf site_state[PHASES], sum_state[PHASES], to_site[PHASES], to_sum[PHASES];

static void must(an_err err)
{
    if (err != AN_OK)
        abort();
}

static void keep_sum(const an_secure_sum *s, an_buf *ret)
{
    const uint8_t *saved;
    size_t n;
    an_secure_sum_save(s, &saved, &n);
    an_buf_init(ret, 1u << 20);
    an_buf_put(ret, saved, n);
}

static void feed_site(an_secure_sum *sum, an_secure_site *s, uint32_t i, an_buf *ret)
{
    an_buf_init(ret, AN_SECURE_MESSAGE_MAX);
    must(an_secure_sum_message(sum, i, ret));
    must(an_secure_site_feed(s, ret->data, ret->len, NULL));
}

static void record(void)
{
    an_secure_site *sites[SITES];
    an_secure_sum *sum;
    an_hash update = {{3}};
    params = (an_secure_params){
        .round = 1, .dim = 4, .cipher = AN_CIPHER_CHACHA20, .n = SITES, .members = members};
    params.min_parties = 3;
    params.colluding = 1;
    params.security_bits = 40;
    params.correctness_bits = 30;
    must(an_crypto_init());
    for (uint32_t i = 0; i < SITES; i++) {
        an_sign_keypair(members[i].statement_key, keys[i]);
        members[i].party = i;
    }
    for (uint32_t i = 0; i < SITES; i++)
        must(an_secure_site_new(&params, i, keys[i], &sites[i], NULL));
    must(an_secure_sum_new(&params, &sum, NULL));
    for (size_t phase = 0; phase < PHASES; phase++) {
        for (uint32_t i = 0; i < SITES; i++) {
            an_buf b;
            if (phase == 2)
                must(an_secure_site_commit(sites[i], &update, NULL));
            an_buf_init(&b, AN_SECURE_MESSAGE_MAX);
            must(an_secure_site_message(sites[i], &b));
            if (i == 0) {
                an_buf_init(&site_state[phase], 1u << 20);
                must(an_secure_site_save(sites[0], &site_state[phase]));
                keep_sum(sum, &sum_state[phase]);
                to_sum[phase] = b;
            }
            must(an_secure_sum_feed(sum, i, b.data, b.len, NULL));
            if (i > 0)
                an_buf_done(&b);
        }
        if (phase + 1 == PHASES)
            break;
        must(an_secure_sum_close(sum, NULL));
        for (uint32_t i = 0; i < SITES; i++) {
            an_buf b;
            feed_site(sum, sites[i], i, i == 0 ? &to_site[phase] : &b);
            if (i > 0)
                an_buf_done(&b);
        }
    }
    for (uint32_t i = 0; i < SITES; i++)
        an_secure_site_free(sites[i]);
    an_secure_sum_free(sum);
}

static void patched(an_buf *ret, const an_buf *base, const uint8_t *bytes, size_t len, int as_it_is)
{
    an_buf_init(ret, 1u << 20);
    if (!as_it_is)
        an_buf_put(ret, base->data, base->len);
    if (as_it_is || len < 2) {
        an_buf_put(ret, bytes, len);
        return;
    }
    size_t at = (bytes[0] | (size_t)bytes[1] << 8) % (ret->len + 1);
    for (size_t i = 2; i < len && at + i - 2 < ret->len; i++)
        ret->data[at + i - 2] = bytes[i];
    if (len % 7 == 0)
        ret->len = at;
}

static void try_site(size_t phase, const an_buf *message)
{
    an_secure_site *s = NULL, *again = NULL;
    an_note why;
    must(
        an_secure_site_restore(&params, 0, keys[0], site_state[phase].data, site_state[phase].len, &s, &why));
    if (an_secure_site_feed(s, message->data, message->len, &why) == AN_OK) {
        an_buf b;
        an_buf_init(&b, 1u << 20);
        must(an_secure_site_save(s, &b));
        must(an_secure_site_restore(&params, 0, keys[0], b.data, b.len, &again, &why));
        an_buf_done(&b);
    }
    an_secure_site_free(again);
    an_secure_site_free(s);
}

static void try_sum(size_t phase, const an_buf *message)
{
    an_secure_sum *s = NULL, *again = NULL;
    an_note why;
    must(an_secure_sum_restore(&params, sum_state[phase].data, sum_state[phase].len, &s, &why));
    if (an_secure_sum_feed(s, 0, message->data, message->len, &why) == AN_OK) {
        an_buf b;
        keep_sum(s, &b);
        must(an_secure_sum_restore(&params, b.data, b.len, &again, &why));
        an_buf_done(&b);
    }
    an_secure_sum_free(again);
    an_secure_sum_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static int recorded;
    an_secure_site *site = NULL;
    an_secure_sum *sum = NULL;
    an_buf b;
    an_note why;
    if (!recorded)
        record();
    recorded = 1;
    if (len < 1)
        return 0;
    size_t phase = bytes[0] / 8 % PHASES;
    int as_it_is = bytes[0] & 4;
    switch (bytes[0] & 3) {
    case 0:
        if (phase + 1 == PHASES)
            break;
        patched(&b, &to_site[phase], bytes + 1, len - 1, as_it_is);
        try_site(phase, &b);
        an_buf_done(&b);
        break;
    case 1:
        patched(&b, &to_sum[phase], bytes + 1, len - 1, as_it_is);
        try_sum(phase, &b);
        an_buf_done(&b);
        break;
    case 2:
        patched(&b, &site_state[phase], bytes + 1, len - 1, as_it_is);
        if (an_secure_site_restore(&params, 0, keys[0], b.data, b.len, &site, &why) == AN_OK)
            an_secure_site_free(site);
        an_buf_done(&b);
        break;
    default:
        patched(&b, &sum_state[phase], bytes + 1, len - 1, as_it_is);
        if (an_secure_sum_restore(&params, b.data, b.len, &sum, &why) == AN_OK)
            an_secure_sum_free(sum);
        an_buf_done(&b);
    }
    return 0;
}
