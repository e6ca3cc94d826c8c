#include "base/usage.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t an_usage_memory(void)
{
    char text[128];
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *second = strchr(text, ' '); /* pages: all, in memory ... */
    const long page = sysconf(_SC_PAGESIZE);
    return second && page > 0 ? (uint64_t)strtoull(second, NULL, 10) * (uint64_t)page : 0;
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
