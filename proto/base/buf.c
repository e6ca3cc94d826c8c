#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void an_buf_init(an_buf *b, size_t max)
{
    *b = (an_buf){.max = max};
}

void an_buf_done(an_buf *b)
{
    an_free(b->data);
    *b = (an_buf){0};
}

void an_buf_clear(an_buf *b)
{
    b->len = 0;
    b->failed = b->over_max = false;
}

static uint8_t *room(an_buf *b, size_t len)
{
    if (b->failed)
        return NULL;
    if (len > b->max - b->len) {
        b->failed = b->over_max = true;
        return NULL;
    }
    if (!an_grow(&b->data, &b->cap, b->len + len, 1)) {
        b->failed = true;
        return NULL;
    }
    uint8_t *at = b->data ? b->data + b->len : NULL; /* NULL + 0 is undefined in C */
    b->len += len;
    return at;
}

void an_buf_reserve(an_buf *b, size_t more)
{
    if (b->failed || more > b->max - b->len || b->len + more <= b->cap)
        return; /* too much is said when it is put */
    size_t cap = b->len + more;
    uint8_t *data = an_alloc(cap, 1);
    if (!data) {
        b->failed = true;
        return;
    }
    if (b->len)
        memcpy(data, b->data, b->len);
    an_free(b->data);
    b->data = data;
    b->cap = cap;
}

void an_buf_put(an_buf *b, const void *bytes, size_t len)
{
    uint8_t *at = room(b, len);
    if (at && len)
        memcpy(at, bytes, len);
}

static void put_le(an_buf *b, uint64_t v, size_t n)
{
    uint8_t *at = room(b, n);
    for (size_t i = 0; at && i < n; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

void an_buf_u8(an_buf *b, uint8_t v)
{
    put_le(b, v, 1);
}

void an_buf_u16(an_buf *b, uint16_t v)
{
    put_le(b, v, 2);
}

void an_buf_u32(an_buf *b, uint32_t v)
{
    put_le(b, v, 4);
}

void an_buf_u64(an_buf *b, uint64_t v)
{
    put_le(b, v, 8);
}

void an_buf_f32(an_buf *b, float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    put_le(b, u, 4);
}

void an_buf_f64(an_buf *b, double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    put_le(b, u, 8);
}

void an_buf_text(an_buf *b, const char *text)
{
    an_buf_put(b, text, strlen(text));
}

void an_buf_printf(an_buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) {
        b->failed = true;
    } else {
        uint8_t *at = room(b, (size_t)n + 1); /* vsnprintf wants its terminator */
        if (at) {
            vsnprintf((char *)at, (size_t)n + 1, fmt, again);
            b->len--;
        }
    }
    va_end(again);
}

an_err an_buf_err(const an_buf *b)
{
    if (!b->failed)
        return AN_OK;
    return b->over_max ? AN_ERR_LIMIT : AN_ERR_NOMEM;
}

an_reader an_reader_of(const void *bytes, size_t len)
{
    return (an_reader){.at = bytes, .left = len};
}

const uint8_t *an_read_bytes(an_reader *r, size_t len)
{
    if (r->failed || len > r->left) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += len;
    r->left -= len;
    return at;
}

static uint64_t get_le(an_reader *r, size_t n)
{
    const uint8_t *at = an_read_bytes(r, n);
    uint64_t v = 0;
    for (size_t i = 0; at && i < n; i++)
        v |= (uint64_t)at[i] << (8 * i);
    return v;
}

uint8_t an_read_u8(an_reader *r)
{
    return (uint8_t)get_le(r, 1);
}

uint16_t an_read_u16(an_reader *r)
{
    return (uint16_t)get_le(r, 2);
}

uint32_t an_read_u32(an_reader *r)
{
    return (uint32_t)get_le(r, 4);
}

uint64_t an_read_u64(an_reader *r)
{
    return get_le(r, 8);
}

float an_read_f32(an_reader *r)
{
    uint32_t u = an_read_u32(r);
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

double an_read_f64(an_reader *r)
{
    uint64_t u = an_read_u64(r);
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

void an_put_u32(uint8_t out[static 4], uint32_t v)
{
    for (size_t i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

uint32_t an_get_u32(const uint8_t in[static 4])
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

void an_hex(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool an_unhex(uint8_t *out, size_t len, const char *text)
{
    if (strlen(text) != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int hi = nibble(text[2 * i]), lo = nibble(text[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}
