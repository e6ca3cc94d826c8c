#define _GNU_SOURCE
#include "base/thread.h"

#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SHORT_NS 100000u /* the shortest that Linux takes */
#define LONG_NS 20000000u

/* As the kernel has it (sched_setattr(2)); the C library of Debian 12 does not. */
typedef struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
} scheduling;

static bool set_slice(int nice, uint64_t slice_ns)
{
    const scheduling s = {.size = sizeof s, .nice = nice, .runtime = slice_ns};
    return syscall(SYS_sched_setattr, 0, &s, 0) == 0;
}

bool an_thread_prompt(void)
{
    return set_slice(getpriority(PRIO_PROCESS, 0), SHORT_NS);
}

bool an_thread_stand_back(int nice)
{
    return set_slice(nice, LONG_NS) || setpriority(PRIO_PROCESS, 0, nice) == 0;
}
