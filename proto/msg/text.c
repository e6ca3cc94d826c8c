#include <string.h>

#include "msg/msg.h"

/* Length of the well-formed UTF-8 character at s (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF), or 0.  Control characters are 0 too: C0, DEL and C1. */
static size_t char_len(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f;
    size_t n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
               : (s[0] & 0xf0) == 0xe0        ? 3
               : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                              : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if (s[0] == 0xc2 && s[1] < 0xa0) /* C1 */
        return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
        return 0;
    if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

bool an_text_ok(const char *text, size_t size)
{
    const char *end = memchr(text, 0, size);
    if (!end)
        return false;
    while (text < end) {
        size_t n = char_len((const unsigned char *)text, (size_t)(end - text));
        if (n == 0)
            return false;
        text += n;
    }
    return true;
}

void an_text_set(char *ret, size_t size, const char *text)
{
    size_t at = 0, left = strlen(text);
    while (left > 0) {
        size_t n = char_len((const unsigned char *)text, left);
        size_t take = n ? n : 1;
        if (at + take >= size)
            break;
        if (n)
            memcpy(ret + at, text, n);
        else
            ret[at] = '?';
        at += take;
        text += take;
        left -= take;
    }
    memset(ret + at, 0, size - at);
}

bool an_name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return n > 0 && n < AN_NAME_MAX && name[n] == 0 && name[0] != '.';
}
