#include "base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

const char *const an_log_formats[] = {"text", "json", "systemd-prefix", NULL};

static an_log_level least_level = AN_LOG_INFO;
static const char *program_name = "andon";
static char site_name[128];
static an_log_format log_format = AN_LOG_TEXT;
static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

void an_log_init(an_log_level least, const char *program)
{
    least_level = least;
    program_name = program;
    log_format = AN_LOG_TEXT;
    site_name[0] = '\0';
}

void an_log_form(an_log_format format, const char *site)
{
    log_format = format;
    snprintf(site_name, sizeof site_name, "%s", site ? site : "");
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

/* A line that is cut has no half an escape; what closes it and the newline always find room. */
#define CLOSING 4

static bool put(line *l, const char *bytes, size_t len)
{
    l->full = l->full || l->len + len > sizeof l->text - CLOSING;
    if (l->full)
        return false;
    memcpy(l->text + l->len, bytes, len);
    l->len += len;
    return true;
}

static void close_with(line *l, char c)
{
    l->text[l->len++] = c;
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

/* ---- pairs ---- */

typedef struct pair {
    size_t key, key_len, value, end; /* of the filled text */
    bool quoted;                     /* by the format */
    bool number;                     /* the format prints one */
} pair;

/* The next pair of the format itself: is its value one conversion of a number? */
static bool next_is_number(const char **fmt)
{
    const char *at = *fmt + strcspn(*fmt, "= ");
    if (*at != '=') {
        *fmt = *at ? at + 1 : at;
        return false;
    }
    at++;
    if (*at == '"') {
        const char *end = strchr(at + 1, '"');
        *fmt = end ? end + 1 + (end[1] == ' ') : at + strlen(at);
        return false;
    }
    const size_t len = strcspn(at, " ");
    const size_t flags = at[0] == '%' ? 1 + strspn(at + 1, "0123456789.+-hljzt") : 0;
    *fmt = at + len + (at[len] == ' ');
    return flags > 0 && flags + 1 == len && strchr("diugfe", at[flags]);
}

/* False: there is none any more. */
static bool next_pair(const filled *f, size_t *i, const char **fmt, pair *ret)
{
    if (*i >= f->len)
        return false;
    size_t end = *i;
    while (end < f->len && !own_at(f, end) && f->a[end] != '=')
        end++;
    *ret = (pair){.key = *i, .key_len = end - *i, .number = next_is_number(fmt)};
    size_t at = end + (end < f->len && !own_at(f, end));
    ret->quoted = own_at(f, at) == '"';
    const char stop = ret->quoted ? '"' : ' ';
    at += ret->quoted;
    for (end = at; end < f->len && own_at(f, end) != stop;)
        end++;
    ret->value = at;
    ret->end = end;
    *i = end + ret->quoted + 1;
    return true;
}

static char byte_at(const filled *f, size_t i)
{
    return own_at(f, i) ? own_at(f, i) : f->a[i];
}

/* ---- as text ---- */

static void text_value(line *l, const filled *f, const pair *p)
{
    bool quoted = p->quoted;
    for (size_t k = p->value; k < p->end && !quoted; k++)
        quoted = (unsigned char)f->a[k] <= ' ' || strchr("\"=\\\x7f", f->a[k]);
    quoted = quoted && put(l, "\"", 1);
    for (size_t i = p->value; i < p->end; i++)
        put_escaped(l, byte_at(f, i));
    if (quoted)
        close_with(l, '"');
}

static void text_pairs(line *l, const filled *f, const char *fmt)
{
    pair p;
    for (size_t i = 0; !l->full && next_pair(f, &i, &fmt, &p);) {
        put(l, f->a + p.key, p.key_len); /* a key: the source's own word */
        if (p.value > p.key + p.key_len)
            put(l, "=", 1);
        text_value(l, f, &p);
        if (own_at(f, i - 1) == ' ')
            put(l, " ", 1);
    }
}

/* ---- as JSON ---- */

static bool is_reserved(const char *key, size_t len)
{
    static const char *const own[] = {"ts", "level", "event", "component"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strlen(own[i]) == len && strncmp(key, own[i], len) == 0)
            return true;
    return false;
}

static void json_text(line *l, const filled *f, const pair *p)
{
    for (size_t i = p->value; i < p->end;) {
        char bytes[4];
        const size_t left = p->end - i < sizeof bytes ? p->end - i : sizeof bytes;
        for (size_t k = 0; k < left; k++)
            bytes[k] = byte_at(f, i + k);
        const size_t size = an_utf8_size(bytes, left);
        if (size == 0)
            put(l, "\\ufffd", 6);
        else if (size == 1)
            put_escaped(l, bytes[0]);
        else
            put(l, bytes, size);
        i += size ? size : 1;
    }
}

/* ,"key":value; a key that is ours already gets an underscore. */
static void json_pair(line *l, const filled *f, const pair *p)
{
    char text[160];
    const int key = (int)(p->key_len < 80 ? p->key_len : 80), len = (int)(p->end - p->value);
    const char *mark = is_reserved(f->a + p->key, p->key_len) ? "_" : "";
    const char first = f->a[p->value] == '-' ? f->a[p->value + 1] : f->a[p->value];
    const bool number = p->number && len > 0 && len < 60 && first >= '0' && first <= '9'; /* not "nan" */
    int n = number ? snprintf(text, sizeof text, ",\"%.*s%s\":%.*s", key, f->a + p->key, mark, len,
                              f->a + p->value)
                   : snprintf(text, sizeof text, ",\"%.*s%s\":\"", key, f->a + p->key, mark);
    if (n < 0 || !put(l, text, (size_t)n) || number)
        return;
    json_text(l, f, p);
    close_with(l, '"');
}

static bool names_site(const char *fmt)
{
    const char *at = strstr(fmt, "site=");
    return at && (at == fmt || at[-1] == ' ');
}

static void json_pairs(line *l, const filled *f, const char *fmt)
{
    pair p;
    const char *at = fmt;
    if (site_name[0] && !names_site(fmt) && put(l, ",\"site\":\"", 9)) {
        for (const char *c = site_name; *c; c++)
            put_escaped(l, *c);
        close_with(l, '"');
    }
    for (size_t i = 0; !l->full && next_pair(f, &i, &at, &p);)
        if (p.key_len > 0)
            json_pair(l, f, &p);
    close_with(l, '}');
}

/* ---- a line ---- */

static void begin_line(line *l, an_log_level level, const char *event)
{
    static const int priorities[] = {7, 6, 4, 3}; /* sd-daemon(3) */
    char stamp[25];
    int n = 0;
    an_time_text(stamp, an_clock_system()->wall_ms(an_clock_system()));
    switch (log_format) {
    case AN_LOG_TEXT:
        n = snprintf(l->text, sizeof l->text, "ts=%s level=%s program=%s event=%s ", stamp,
                     level_names[level], program_name, event);
        break;
    case AN_LOG_JSON:
        n = snprintf(l->text, sizeof l->text,
                     "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":\"%s\",\"component\":\"%s\"", stamp,
                     level_names[level], event, program_name);
        break;
    case AN_LOG_JOURNALD:
        n = snprintf(l->text, sizeof l->text, "<%d>event=%s ", priorities[level], event);
        break;
    }
    l->len = n < 0 ? 0 : (size_t)n < sizeof l->text - CLOSING ? (size_t)n : sizeof l->text - CLOSING;
}

void an_log(an_log_level level, const char *event, const char *fmt, ...)
{
    if (level < least_level || level >= AN_LOG_OFF)
        return;
    filled f;
    line l = {.len = 0};
    va_list args;
    begin_line(&l, level, event);
    va_start(args, fmt);
    fill(f.a, fmt, '\1', '\3', args);
    va_end(args);
    va_start(args, fmt);
    fill(f.b, fmt, '\2', '\4', args);
    va_end(args);
    f.len = strlen(f.a);
    if (log_format == AN_LOG_JSON)
        json_pairs(&l, &f, fmt);
    else
        text_pairs(&l, &f, fmt);
    close_with(&l, '\n');
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
