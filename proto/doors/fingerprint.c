#include "doors/fingerprint.h"

#include <string.h>

#define FINGERPRINT_BYTES 20

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

void an_base32(char *out, const uint8_t *bytes, size_t len)
{
    uint32_t acc = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < len; i++) {
        acc = acc << 8 | bytes[i];
        for (bits += 8; bits >= 5; bits -= 5)
            *out++ = digits[acc >> (bits - 5) & 31];
    }
    if (bits)
        *out++ = digits[acc << (5 - bits) & 31];
    *out = '\0';
}

bool an_unbase32(uint8_t *ret, size_t len, const char *text, size_t text_len)
{
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t at = 0;
    if (text_len != (8 * len + 4) / 5)
        return false;
    for (size_t i = 0; i < text_len; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        acc = acc << 5 | (uint32_t)(digit - digits);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            ret[at++] = (uint8_t)(acc >> bits);
        }
    }
    return at == len && (acc & ((1u << bits) - 1)) == 0;
}

void an_fingerprint(char ret_text[static AN_FINGERPRINT_TEXT],
                    const uint8_t link_public[static AN_LINK_KEY_BYTES],
                    const uint8_t sign_public[static AN_SIGN_PUBLIC_BYTES])
{
    an_hasher hasher;
    an_hash h;
    char plain[FINGERPRINT_BYTES * 8 / 5 + 1];
    size_t at = 0;
    an_hasher_init(&hasher);
    an_hasher_add(&hasher, link_public, AN_LINK_KEY_BYTES);
    an_hasher_add(&hasher, sign_public, AN_SIGN_PUBLIC_BYTES);
    an_hasher_end(&hasher, &h);
    an_base32(plain, h.b, FINGERPRINT_BYTES);
    for (size_t i = 0; plain[i]; i++) {
        if (i && i % 4 == 0)
            ret_text[at++] = '-';
        ret_text[at++] = plain[i];
    }
    ret_text[at] = '\0';
}
