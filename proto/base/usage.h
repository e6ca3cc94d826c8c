/* usage.h - what this process has taken so far: memory and processor time, as the system counts them.
 *
 * Threads: call from anywhere. */
#ifndef AN_BASE_USAGE_H
#define AN_BASE_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

uint64_t an_usage_memory(void); /* bytes that are in memory (RSS); 0: the system does not say */
double an_usage_start_s(
    void); /* when the process started, since 1970, to a second or so; 0: the system does not say */
double an_usage_cpu_s(void); /* of all threads, those that have ended too */

/* The clock that counts the calling thread's time, for others to read. False: there is none. */
bool an_usage_thread_clock(clockid_t *ret);
double an_usage_clock_s(clockid_t clock); /* 0: the thread has ended */

#endif
