#include "agent/sources/camera_count.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define IDS_16 65535u /* numbers that GigE Vision has: 1 .. 65535 */
#define RUN_LEN 19    /* 20260309T101433.250 */
#define NUMBER_LEN 20

/* Numbers from the last one on to this one; 0: the same. */
static uint64_t distance(const an_frame_ids *f, uint64_t id, unsigned bits)
{
    if (bits == 16 && !f->wide) {
        const uint64_t modulo = IDS_16 + (f->zero ? 1 : 0);
        return (id + modulo - f->last) % modulo;
    }
    return bits == 32 ? (id - f->last) & UINT32_MAX : id - f->last;
}

an_count_is an_frame_ids_next(an_frame_ids *f, uint64_t id, unsigned bits, uint64_t *ret_missing)
{
    *ret_missing = 0;
    f->zero = f->zero || id == 0;
    f->wide = f->wide || id > IDS_16;
    const uint64_t half = bits == 16 && !f->wide ? IDS_16 / 2 : bits == 32 ? UINT32_MAX / 2 : UINT64_MAX / 2;
    const uint64_t d = f->begun ? distance(f, id, bits) : 1;
    const bool first = !f->begun;
    if (d == 0)
        return AN_COUNT_REPEATED;
    f->begun = true;
    f->last = id;
    if (first)
        return AN_COUNT_FIRST;
    if (d > half)
        return AN_COUNT_RESET;
    *ret_missing = d - 1;
    return AN_COUNT_NEXT;
}

an_count_is an_part_count_next(an_part_count *c, uint64_t value, uint64_t *ret_missing)
{
    const uint64_t per = c->per_part > 0 ? c->per_part : 1;
    const uint64_t n = value / per + (value % per >= per - per / 2 ? 1 : 0), before = c->n;
    const bool first = !c->begun;
    *ret_missing = 0;
    if (!first && n == before)
        return AN_COUNT_REPEATED;
    c->begun = true;
    c->n = n;
    if (first)
        return AN_COUNT_FIRST;
    if (n < before)
        return AN_COUNT_RESET;
    *ret_missing = n - before - 1;
    return AN_COUNT_NEXT;
}

/* ---- the pattern ---- */

typedef enum piece { PLAIN, NUMBER, RUN, WRONG } piece;

/* What stands at *at, which goes on behind it. */
static piece next_piece(const char **at, int *ret_digits)
{
    const char *p = *at;
    *ret_digits = 1;
    if (*p != '{') {
        *at = p + 1;
        return PLAIN;
    }
    if (strncmp(p, "{run}", 5) == 0) {
        *at = p + 5;
        return RUN;
    }
    if (strncmp(p, "{n", 2) != 0)
        return WRONG;
    p += 2;
    if (*p == ':') {
        int digits = 0;
        for (p++; *p >= '0' && *p <= '9' && digits <= NUMBER_LEN; p++)
            digits = digits * 10 + (*p - '0');
        *ret_digits = digits;
        if (digits < 1 || digits > NUMBER_LEN)
            return WRONG;
    }
    *at = p + 1;
    return *p == '}' ? NUMBER : WRONG;
}

an_err an_part_pattern_check(const char *pattern, bool need_run, an_note *why)
{
    size_t len = 1, numbers = 0, runs = 0;
    for (const char *at = pattern; *at;) {
        int digits;
        switch (next_piece(&at, &digits)) {
        case PLAIN:
            len++;
            break;
        case NUMBER:
            len += NUMBER_LEN, numbers++;
            break;
        case RUN:
            len += RUN_LEN, runs++;
            break;
        case WRONG:
            return an_fail(AN_ERR_INVAL, why, "part: \"%.60s\": in braces stand n, n:1 to n:20, or run",
                           pattern);
        }
        if (len > AN_PART_MAX)
            return an_fail(AN_ERR_INVAL, why, "part: \"%.60s\" is too long", pattern);
    }
    if (numbers == 0)
        return an_fail(AN_ERR_INVAL, why, "part: there is no {n} in \"%.60s\"", pattern);
    if (need_run && runs == 0)
        return an_fail(AN_ERR_INVAL, why,
                       "part: \"%.60s\" needs {run}: with this count the numbers begin anew after a break",
                       pattern);
    return AN_OK;
}

/* 2026-03-09T10:14:33.250Z without its separators. */
static void put_run(char *out, int64_t run_ms)
{
    char text[25];
    size_t n = 0;
    an_time_text(text, run_ms);
    for (const char *p = text; *p; p++)
        if (*p != '-' && *p != ':' && *p != 'Z' && n < RUN_LEN)
            out[n++] = *p;
    out[n] = '\0';
}

void an_part_text(char out[static AN_PART_MAX], const char *pattern, uint64_t n, int64_t run_ms)
{
    size_t len = 0;
    for (const char *at = pattern; *at && len + 1 < AN_PART_MAX;) {
        char text[32];
        int digits;
        const char *from = at;
        switch (next_piece(&at, &digits)) {
        case NUMBER:
            snprintf(text, sizeof text, "%0*" PRIu64, digits, n);
            break;
        case RUN:
            put_run(text, run_ms);
            break;
        case PLAIN:
        case WRONG:
            at = from + 1;
            text[0] = *from;
            text[1] = '\0';
            break;
        }
        const size_t add = strlen(text);
        if (len + add >= AN_PART_MAX)
            break;
        memcpy(out + len, text, add);
        len += add;
    }
    out[len] = '\0';
}
