/* What travels to PostgreSQL: values and arrays of them, in its binary form. */
#include <string.h>

#include "doors/pq.h"

static void add(an_pq_args *a, const void *bytes, size_t len, bool is_num)
{
    if (a->n == AN_PQ_ARGS_MAX || len > INT32_MAX / 2) {
        a->failed = true;
        return;
    }
    a->bytes[a->n] = is_num ? NULL : bytes;
    a->len[a->n] = (int)len;
    a->is_num[a->n] = is_num;
    if (is_num)
        memcpy(a->num[a->n], bytes, len);
    a->n++;
}

void an_pq_int(an_pq_args *a, int64_t v)
{
    uint8_t be[8];
    for (size_t i = 0; i < sizeof be; i++)
        be[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
    add(a, be, sizeof be, true);
}

void an_pq_bool(an_pq_args *a, bool v)
{
    uint8_t byte = v;
    add(a, &byte, 1, true);
}

void an_pq_text(an_pq_args *a, const char *text)
{
    add(a, text, text ? strlen(text) : 0, false);
}

void an_pq_bytes(an_pq_args *a, const void *bytes, size_t len)
{
    add(a, len ? bytes : "", len, false);
}

/* The binary form: dimensions, nulls?, type, length, first index; then each value's length and bytes. */
#define ARRAY_HEAD 20

static void put_be32(uint8_t out[static 4], uint32_t v)
{
    for (size_t i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> (24 - 8 * i));
}

void an_pq_array_init(an_pq_array *x, size_t max)
{
    *x = (an_pq_array){.n = 0};
    an_buf_init(&x->b, max);
}

void an_pq_array_clear(an_pq_array *x, an_pq_type type)
{
    uint8_t head[ARRAY_HEAD] = {0};
    put_be32(head, 1);
    put_be32(head + 8, (uint32_t)type);
    put_be32(head + 16, 1);
    an_buf_clear(&x->b);
    an_buf_put(&x->b, head, sizeof head);
    x->n = 0;
    x->nulls = false;
}

void an_pq_array_put(an_pq_array *x, const void *bytes, size_t len)
{
    uint8_t be[4];
    put_be32(be, bytes ? (uint32_t)len : UINT32_MAX);
    an_buf_put(&x->b, be, sizeof be);
    if (bytes)
        an_buf_put(&x->b, bytes, len);
    x->nulls = x->nulls || !bytes;
    x->n++;
}

void an_pq_array_int(an_pq_array *x, int64_t v)
{
    uint8_t be[8];
    put_be32(be, (uint32_t)((uint64_t)v >> 32));
    put_be32(be + 4, (uint32_t)v);
    an_pq_array_put(x, be, sizeof be);
}

void an_pq_array_done(an_pq_array *x)
{
    an_buf_done(&x->b);
}

void an_pq_array_bind(an_pq_args *a, an_pq_array *x)
{
    if (an_buf_err(&x->b) != AN_OK) {
        a->failed = true;
        return;
    }
    put_be32(x->b.data + 4, x->nulls);
    put_be32(x->b.data + 12, x->n);
    an_pq_bytes(a, x->b.data, x->b.len);
}
