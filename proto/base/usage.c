#include "base/usage.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* False: it cannot be read.  What is longer is cut. */
static bool read_text(const char *path, char *ret, size_t cap)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, ret, cap - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    ret[n] = '\0';
    return true;
}

uint64_t an_usage_memory(void)
{
    char text[128];
    if (!read_text("/proc/self/statm", text, sizeof text))
        return 0;
    const char *second = strchr(text, ' '); /* pages: all, in memory ... */
    const long page = sysconf(_SC_PAGESIZE);
    return second && page > 0 ? (uint64_t)strtoull(second, NULL, 10) * (uint64_t)page : 0;
}

#define STARTED_FIELD                                                                                        \
    20 /* of /proc/self/stat, after the name: ticks from the system's start to the process's */

double an_usage_start_s(void)
{
    static _Atomic double once; /* the clock may be set later; the process has started when it has */
    char stat[1024];
    double start_s = once;
    if (start_s > 0 || !read_text("/proc/self/stat", stat, sizeof stat))
        return start_s;
    const char *at = strrchr(stat, ')'); /* the name may hold blanks */
    for (int i = 0; at && i < STARTED_FIELD; i++)
        at = strchr(at + 1, ' ');
    const long hz = sysconf(_SC_CLK_TCK);
    if (!at || hz <= 0)
        return 0;
    start_s =
        an_usage_clock_s(CLOCK_REALTIME) - an_usage_clock_s(CLOCK_BOOTTIME) + strtod(at, NULL) / (double)hz;
    once = start_s;
    return start_s;
}

double an_usage_clock_s(clockid_t clock)
{
    struct timespec t;
    return clock_gettime(clock, &t) == 0 ? (double)t.tv_sec + (double)t.tv_nsec / 1e9 : 0;
}

double an_usage_cpu_s(void)
{
    return an_usage_clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

bool an_usage_thread_clock(clockid_t *ret)
{
    return pthread_getcpuclockid(pthread_self(), ret) == 0;
}
