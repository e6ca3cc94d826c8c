#include "base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static an_log_level least_level = AN_LOG_INFO;
static const char *program_name = "andon";
static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

void an_log_init(an_log_level least, const char *program)
{
    least_level = least;
    program_name = program;
}

bool an_log_level_find(const char *name, an_log_level *ret)
{
    for (int i = AN_LOG_DEBUG; i <= AN_LOG_OFF; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (an_log_level)i;
            return true;
        }
    }
    return false;
}

/* ---- what came from outside stays inside its value ----
 *
 * The arguments are filled in twice, with other bytes in place of the format's own quotes and blanks.  Where the two
 * texts differ stands a byte of the format; whatever is alike, a quote too, belongs to a key or a value.  So callers
 * write formats as ever, and no value can end itself, begin a pair or break the line. */

#define LINE_MAX_BYTES 2048
#define FORMAT_MAX 1024

typedef struct filled {
    char a[LINE_MAX_BYTES], b[LINE_MAX_BYTES];
    size_t len;
} filled;

typedef struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool full;
} line;

static void fill(char ret[static LINE_MAX_BYTES], const char *fmt, char quote, char blank, va_list args)
{
    char own[FORMAT_MAX];
    size_t i = 0;
    for (; fmt[i] && i < sizeof own - 1; i++)
        own[i] = fmt[i] == '"' ? quote : fmt[i] == ' ' ? blank : fmt[i];
    assert(!fmt[i]); /* formats are written in the source */
    own[i] = '\0';
    if (vsnprintf(ret, LINE_MAX_BYTES, own, args) < 0)
        ret[0] = '\0';
}

/* The format's quote or blank at i, 0 if a key's or a value's byte stands there. */
static char own_at(const filled *f, size_t i)
{
    if (i >= f->len || f->a[i] == f->b[i])
        return '\0';
    return f->a[i] == '\1' ? '"' : ' ';
}

/* A line that is cut has no half an escape; a closing quote and the newline always find room. */
static bool put(line *l, const char *bytes, size_t len)
{
    l->full = l->full || l->len + len > sizeof l->text - 2;
    if (l->full)
        return false;
    memcpy(l->text + l->len, bytes, len);
    l->len += len;
    return true;
}

/* Escaped as in JSON, which is how readers of logfmt take it. */
static void put_escaped(line *l, char c)
{
    static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
    char out[8] = {'\\', c};
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        out[1] = to[at - from];
        put(l, out, 2);
    } else if ((unsigned char)c < 0x20 || c == 0x7f) {
        snprintf(out, sizeof out, "\\u%04x", (unsigned)c);
        put(l, out, 6);
    } else {
        put(l, &c, 1);
    }
}

/* The value from i up to end. */
static void put_value(line *l, const filled *f, size_t i, size_t end, bool quoted)
{
    for (size_t k = i; k < end && !quoted; k++)
        quoted = (unsigned char)f->a[k] <= ' ' || strchr("\"=\\\x7f", f->a[k]);
    quoted = quoted && put(l, "\"", 1);
    for (; i < end; i++)
        put_escaped(l, own_at(f, i) ? own_at(f, i) : f->a[i]);
    if (quoted)
        l->text[l->len++] = '"';
}

static void put_pairs(line *l, const filled *f)
{
    for (size_t i = 0; i < f->len && !l->full;) {
        size_t end = i;
        while (end < f->len && !own_at(f, end) && f->a[end] != '=')
            end++;
        put(l, f->a + i, end - i); /* a key: the source's own word */
        if (end < f->len && !own_at(f, end))
            put(l, "=", 1);
        i = end + !own_at(f, end);
        const bool quoted = own_at(f, i) == '"';
        const char stop = quoted ? '"' : ' ';
        for (end = i += quoted; end < f->len && own_at(f, end) != stop;)
            end++;
        put_value(l, f, i, end, quoted);
        i = end + quoted;
        if (own_at(f, i) == ' ')
            put(l, " ", 1);
        i++;
    }
}

void an_log(an_log_level level, const char *event, const char *fmt, ...)
{
    if (level < least_level || level >= AN_LOG_OFF)
        return;
    char stamp[25];
    filled f;
    line l = {.len = 0};
    va_list args;
    an_time_text(stamp, an_clock_system()->wall_ms(an_clock_system()));
    int n = snprintf(l.text, sizeof l.text - 1, "ts=%s level=%s program=%s event=%s ", stamp,
                     level_names[level], program_name, event);
    l.len = n < 0 ? 0 : (size_t)n < sizeof l.text - 2 ? (size_t)n : sizeof l.text - 2;
    va_start(args, fmt);
    fill(f.a, fmt, '\1', '\3', args);
    va_end(args);
    va_start(args, fmt);
    fill(f.b, fmt, '\2', '\4', args);
    va_end(args);
    f.len = strlen(f.a);
    put_pairs(&l, &f);
    l.text[l.len++] = '\n';
    /* One write keeps a line whole; a log that cannot be written has nowhere to complain. */
    ssize_t done = write(STDERR_FILENO, l.text, l.len);
    (void)done;
}

bool an_log_allow(an_log_quota *q, int64_t now_ms)
{
    if (q->n == 0 || now_ms - q->since_ms >= 60000 || now_ms < q->since_ms) {
        if (q->n > AN_LOG_QUOTA_MINUTE)
            an_log(AN_LOG_WARN, "lines_left_out", "lines=%llu",
                   (unsigned long long)(q->n - AN_LOG_QUOTA_MINUTE));
        *q = (an_log_quota){.since_ms = now_ms};
    }
    return ++q->n <= AN_LOG_QUOTA_MINUTE;
}
