#include "base/progress.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define TTY_EVERY_MS 100
#define PLAIN_EVERY_MS 10000
#define BAR 20

static atomic_bool quiet_all;

void an_progress_quiet(bool quiet)
{
    atomic_store(&quiet_all, quiet);
}

void an_progress_start(an_progress *p, const char *label, uint64_t total)
{
    FILE *out = atomic_load(&quiet_all) ? NULL : stderr;
    an_progress_start_on(p, label, total, out, out && isatty(STDERR_FILENO) == 1, an_clock_system());
}

void an_progress_start_on(an_progress *p, const char *label, uint64_t total, FILE *out, bool tty,
                          const an_clock *clock)
{
    *p = (an_progress){.total = total, .out = out, .tty = tty, .clock = clock};
    snprintf(p->label, sizeof p->label, "%s", label);
    p->start_ms = clock->mono_ms(clock);
    p->next_ms = p->start_ms + (tty ? TTY_EVERY_MS : PLAIN_EVERY_MS);
}

/* "0:42", "12:05" or "3:07:00" */
static void duration_text(char *out, size_t cap, double seconds)
{
    if (!(seconds < 359999.0))
        seconds = 359999.0;
    unsigned long s = (unsigned long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(out, cap, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, cap, "%lu:%02lu", s / 60, s % 60);
}

static void show(an_progress *p, int64_t now_ms, bool last)
{
    char time_text[32], rate_text[32] = "", line[256];
    double seconds = (double)(now_ms - p->start_ms) / 1000.0;
    double rate = seconds > 0 ? (double)p->done / seconds : 0;
    int n;
    if (!p->no_rate)
        snprintf(rate_text, sizeof rate_text, rate < 100 ? "%.3g/s  " : "%.0f/s  ", rate);
    if (p->total == 0) {
        duration_text(time_text, sizeof time_text, seconds);
        n = snprintf(line, sizeof line, "%s  %llu  %s%s", p->label, (unsigned long long)p->done, rate_text,
                     time_text);
    } else {
        double part = (double)p->done / (double)p->total;
        part = part > 1 ? 1 : part;
        char bar[BAR + 1];
        size_t full = (size_t)(part * BAR);
        memset(bar, ' ', BAR);
        memset(bar, '=', full);
        if (full < BAR)
            bar[full] = '>';
        bar[BAR] = '\0';
        double left = rate > 0 && !last ? (double)(p->total - p->done) / rate : seconds;
        duration_text(time_text, sizeof time_text, left);
        n = snprintf(line, sizeof line, "%s  [%s] %3.0f %%  %s%s%s", p->label, bar, 100 * part, rate_text,
                     last ? "" : "ETA ", last || rate > 0 ? time_text : "?");
    }
    if (n < 0)
        return;
    /* \033[K clears what a longer line left behind. */
    if (p->tty)
        fprintf(p->out, "\r%s\033[K%s", line, last ? "\n" : "");
    else
        fprintf(p->out, "%s\n", line);
    fflush(p->out);
    p->shown = true;
}

void an_progress_set(an_progress *p, uint64_t done)
{
    p->done = p->total != 0 && done > p->total ? p->total : done;
    if (!p->out)
        return;
    int64_t now_ms = p->clock->mono_ms(p->clock);
    if (now_ms < p->next_ms)
        return;
    p->next_ms = now_ms + (p->tty ? TTY_EVERY_MS : PLAIN_EVERY_MS);
    show(p, now_ms, false);
}

void an_progress_step(an_progress *p, uint64_t n)
{
    an_progress_set(p, p->done + n);
}

void an_progress_end(an_progress *p)
{
    if (p->out && p->shown)
        show(p, p->clock->mono_ms(p->clock), true);
    p->out = NULL;
}
