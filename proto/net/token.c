/* token.c - enrolment tokens (format in keys.h). */
#include <string.h>

#include "net/keys.h"

#define PREFIX "andon1-"
#define FIXED_BYTES (AN_TOKEN_ID_BYTES + AN_TOKEN_SECRET_BYTES + AN_LINK_KEY_BYTES + AN_HASH_BYTES + 1)
#define CHECK_BYTES 5
#define TOKEN_BYTES_MAX (FIXED_BYTES + AN_ENDPOINT_TEXT - 1 + CHECK_BYTES)

_Static_assert(sizeof PREFIX + (8 * TOKEN_BYTES_MAX + 4) / 5 <= AN_TOKEN_TEXT, "AN_TOKEN_TEXT");

static bool endpoint_good(const char *text, size_t len)
{
    if (len < sizeof "tcp://" || len >= AN_ENDPOINT_TEXT || strncmp(text, "tcp://", 6) != 0)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}

static uint8_t *append(uint8_t *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

an_err an_token_text(char ret_text[static AN_TOKEN_TEXT], const an_token *token)
{
    uint8_t raw[TOKEN_BYTES_MAX], *at = raw;
    an_hash check;
    size_t len = strnlen(token->endpoint, sizeof token->endpoint);
    if (!endpoint_good(token->endpoint, len))
        return AN_ERR_INVAL;
    at = append(at, token->id, sizeof token->id);
    at = append(at, token->secret, sizeof token->secret);
    at = append(at, token->link_key, sizeof token->link_key);
    at = append(at, token->root.b, sizeof token->root.b);
    *at++ = (uint8_t)len;
    at = append(at, token->endpoint, len);
    an_hash_of(&check, raw, (size_t)(at - raw));
    at = append(at, check.b, CHECK_BYTES);
    memcpy(ret_text, PREFIX, sizeof PREFIX - 1);
    an_base32(ret_text + sizeof PREFIX - 1, raw, (size_t)(at - raw));
    an_wipe(raw, sizeof raw);
    return AN_OK;
}

/* How many bytes have exactly so many digits; 0: none do. */
static size_t bytes_of_digits(size_t n)
{
    size_t len = n * 5 / 8;
    return (8 * len + 4) / 5 == n ? len : 0;
}

static bool unpack(an_token *ret, const uint8_t *raw, size_t len)
{
    an_hash check;
    const uint8_t *at = raw;
    size_t endpoint_len = raw[FIXED_BYTES - 1];
    if (FIXED_BYTES + endpoint_len + CHECK_BYTES != len)
        return false;
    an_hash_of(&check, raw, len - CHECK_BYTES);
    if (!an_secret_equal(check.b, raw + len - CHECK_BYTES, CHECK_BYTES) ||
        !endpoint_good((const char *)raw + FIXED_BYTES, endpoint_len))
        return false;
    memcpy(ret->id, at, sizeof ret->id);
    memcpy(ret->secret, at += sizeof ret->id, sizeof ret->secret);
    memcpy(ret->link_key, at += sizeof ret->secret, sizeof ret->link_key);
    memcpy(ret->root.b, at += sizeof ret->link_key, sizeof ret->root.b);
    memcpy(ret->endpoint, raw + FIXED_BYTES, endpoint_len);
    return true;
}

an_err an_token_parse(an_token *ret, const char *text, an_note *why)
{
    uint8_t raw[TOKEN_BYTES_MAX];
    size_t text_len = strnlen(text, AN_TOKEN_TEXT), prefix = sizeof PREFIX - 1;
    *ret = (an_token){0};
    if (text_len >= AN_TOKEN_TEXT || strncmp(text, PREFIX, prefix) != 0)
        return an_fail(AN_ERR_PROTO, why, "this is not an enrolment token: it must begin with " PREFIX);
    size_t len = bytes_of_digits(text_len - prefix);
    bool good = len > FIXED_BYTES + CHECK_BYTES && len <= TOKEN_BYTES_MAX &&
                an_unbase32(raw, len, text + prefix, text_len - prefix) && unpack(ret, raw, len);
    an_wipe(raw, sizeof raw);
    if (!good)
        return an_fail(AN_ERR_PROTO, why, "the enrolment token is mistyped or cut short; copy it whole");
    return AN_OK;
}

void an_token_done(an_token *token)
{
    an_wipe(token, sizeof *token);
}

void an_token_key(uint8_t ret[static 32], const uint8_t secret[static AN_TOKEN_SECRET_BYTES])
{
    static const char purpose[] = "andon-enrol-key-1";
    an_hash key;
    an_mac_of(&key, secret, purpose, sizeof purpose - 1);
    memcpy(ret, key.b, sizeof key.b);
    an_wipe(&key, sizeof key);
}
