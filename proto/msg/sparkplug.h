/* sparkplug.h - payloads of Sparkplug B <-> plain structs.  What the messages mean to each other (births, aliases,
 * deaths) is the reader's affair: agent/sources/mqtt_sparkplug.c.
 *
 *     an_spb *p = NULL;
 *     err = an_spb_get(payload, len, &p, &why);
 *     for (size_t i = 0; i < p->n; i++)
 *         use(&p->metrics[i]);                         texts are borrowed from p
 *     an_spb_free(p);
 *
 * Threads: plain functions. */
#ifndef AN_MSG_SPARKPLUG_H
#define AN_MSG_SPARKPLUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define AN_SPB_BYTES_MAX ((size_t)4 << 20)

/* The specification's numbers of the types that can be values here. */
enum {
    AN_SPB_INT8 = 1,
    AN_SPB_INT16,
    AN_SPB_INT32,
    AN_SPB_INT64,
    AN_SPB_UINT8,
    AN_SPB_UINT16,
    AN_SPB_UINT32,
    AN_SPB_UINT64,
    AN_SPB_FLOAT,
    AN_SPB_DOUBLE,
    AN_SPB_BOOLEAN,
    AN_SPB_STRING,
    AN_SPB_DATETIME,
    AN_SPB_TEXT
};

/* Of the property "Quality". */
enum { AN_SPB_QUALITY_BAD = 0, AN_SPB_QUALITY_GOOD = 192, AN_SPB_QUALITY_STALE = 500 };

typedef enum an_spb_kind {
    AN_SPB_IS_NONE, /* null, or of a kind that is not read here */
    AN_SPB_IS_INT,  /* u.whole has the bits as they came, of int_value or long_value */
    AN_SPB_IS_REAL,
    AN_SPB_IS_BOOL, /* u.whole is 0 or 1 */
    AN_SPB_IS_TEXT
} an_spb_kind;

typedef struct an_spb_metric {
    const char *name; /* NULL: by alias alone */
    bool has_alias, has_time;
    uint64_t alias;
    int64_t time_ms;
    uint32_t datatype; /* 0: not said */
    bool historical, null;
    an_spb_kind kind;
    union {
        uint64_t whole;
        double real;
        const char *text;
    } u;
    const char *unit; /* the property engUnit; NULL: none */
    int quality;      /* the property Quality; -1: none */
} an_spb_metric;

typedef struct an_spb {
    bool has_time, has_seq;
    int64_t time_ms;
    uint64_t seq;
    size_t n;
    an_spb_metric *metrics; /* (n) */
    void *memory;           /* of an_spb_get */
} an_spb;

/* Errors: PROTO malformed, or asking for more memory than its length justifies; LIMIT longer than
 * AN_SPB_BYTES_MAX; NOMEM. */
an_err an_spb_get(const void *bytes, size_t len, an_spb **ret, an_note *why);
void an_spb_free(an_spb *p); /* of an_spb_get; NULL is fine */

/* Appends the payload.  A metric of kind INT is written as its datatype says.  Errors: NOMEM, LIMIT ret is full. */
an_err an_spb_put(const an_spb *p, an_buf *ret);

/* The metric's value as a number, by its datatype, or by `datatype` if it says none.  NaN: it is none. */
double an_spb_number(const an_spb_metric *m, uint32_t datatype);

#endif
