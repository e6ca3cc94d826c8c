#include "base/utf8.h"

#include <string.h>

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t an_utf8_size(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xc2 && p[0] < 0xe0   ? 2
               : (p[0] & 0xf0) == 0xe0       ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;
    if (n == 0 || left < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (!is_tail(p[i]))
            return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
    bool too_high = p[0] == 0xf4 && p[1] >= 0x90;
    return overlong || surrogate || too_high ? 0 : n;
}

size_t an_utf8_count(const char *text)
{
    size_t count = 0;
    for (size_t left = strlen(text); left > 0; count++) {
        const size_t n = an_utf8_size(text, left);
        text += n ? n : 1;
        left -= n ? n : 1;
    }
    return count;
}

int an_utf8_width(const char *text, int columns)
{
    return columns + (int)(strlen(text) - an_utf8_count(text));
}

bool an_utf8_check(const char *text, size_t len, size_t *ret_at)
{
    for (size_t at = 0; at < len;) {
        size_t n = an_utf8_size(text + at, len - at);
        if (n == 0) {
            if (ret_at)
                *ret_at = at;
            return false;
        }
        at += n;
    }
    return true;
}
