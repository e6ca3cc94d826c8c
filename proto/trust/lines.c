#include "trust/lines.h"

#include <string.h>

#include "doors/crypto.h"

an_lines an_lines_of(const void *text, size_t len, const char *first)
{
    an_lines l = {.at = text, .left = len};
    const size_t n = strlen(first);
    if (len <= n || !an_secret_equal(text, first, n) || l.at[n] != '\n') {
        l.failed = true;
        return l;
    }
    l.at += n + 1;
    l.left -= n + 1;
    return l;
}

void an_lines_text(an_lines *l, const char *key, char *ret, size_t size)
{
    const size_t n = strlen(key);
    ret[0] = '\0';
    const char *end = l->failed || l->left == 0 ? NULL : memchr(l->at, '\n', l->left);
    const size_t line = end ? (size_t)(end - l->at) : 0;
    if (!end || line < n + 2 || line - n - 1 >= size || !an_secret_equal(l->at, key, n) || l->at[n] != ' ') {
        l->failed = true;
        return;
    }
    const size_t len = line - n - 1;
    for (size_t i = 0; i < len; i++) {
        const char c = l->at[n + 1 + i];
        if (c < ' ' || c > '~') {
            l->failed = true;
            return;
        }
    }
    memcpy(ret, l->at + n + 1, len);
    ret[len] = '\0';
    l->at = end + 1;
    l->left -= line + 1;
}

uint64_t an_lines_u64(an_lines *l, const char *key)
{
    char text[24];
    uint64_t v = 0;
    an_lines_text(l, key, text, sizeof text);
    for (const char *p = text; *p && !l->failed; p++) {
        const unsigned digit = (unsigned)(*p - '0');
        if (digit > 9 || v > (UINT64_MAX - digit) / 10)
            l->failed = true;
        else
            v = v * 10 + digit;
    }
    return l->failed ? 0 : v;
}

int64_t an_lines_i64(an_lines *l, const char *key)
{
    const uint64_t v = an_lines_u64(l, key);
    if (v > INT64_MAX)
        l->failed = true;
    return l->failed ? 0 : (int64_t)v;
}

void an_lines_hex(an_lines *l, const char *key, uint8_t *ret, size_t len)
{
    char text[129];
    memset(ret, 0, len);
    an_lines_text(l, key, text, sizeof text);
    if (!l->failed && !an_unhex(ret, len, text)) {
        memset(ret, 0, len);
        l->failed = true;
    }
}

bool an_lines_end(const an_lines *l)
{
    return !l->failed && l->left == 0;
}

an_err an_lines_bad(const char *what, an_note *why)
{
    return an_fail(AN_ERR_PROTO, why, "this is not %s", what);
}

an_err an_lines_same(an_buf *again, const void *text, size_t len, const char *what, an_note *why)
{
    an_err err = an_buf_err(again);
    if (err == AN_ERR_LIMIT ||
        (err == AN_OK && (again->len != len || !an_secret_equal(again->data, text, len))))
        err = an_lines_bad(what, why);
    an_buf_done(again);
    return err;
}
