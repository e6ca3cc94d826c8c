#include "base/log.h"

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

void an_log(an_log_level level, const char *event, const char *fmt, ...)
{
    if (level < least_level || level >= AN_LOG_OFF)
        return;
    char line[2048], stamp[25];
    const size_t room = sizeof line - 1; /* one byte stays for the newline */
    an_time_text(stamp, an_clock_system()->wall_ms(an_clock_system()));
    int n = snprintf(line, room, "ts=%s level=%s program=%s event=%s ", stamp, level_names[level],
                     program_name, event);
    size_t len = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    va_list args;
    va_start(args, fmt);
    n = vsnprintf(line + len, room - len, fmt, args);
    va_end(args);
    if (n > 0)
        len += (size_t)n < room - len ? (size_t)n : room - len - 1;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    /* One write keeps a line whole; a log that cannot be written has nowhere to complain. */
    ssize_t done = write(STDERR_FILENO, line, len);
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
