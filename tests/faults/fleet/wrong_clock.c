/* A wall clock that can be set wrong while a program runs: preloaded, it adds the seconds that stand in the file
 * $AN_WRONG_CLOCK (8 bytes, the machine's order).  The monotonic clock stays what it is, as on a machine whose date is
 * set. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic(const volatile int64_t *) seconds;

static const volatile int64_t *map_file(void)
{
    const char *path = getenv("AN_WRONG_CLOCK");
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return NULL;
    void *at = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return at == MAP_FAILED ? NULL : at;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    if (syscall(SYS_clock_gettime, id, ret) != 0)
        return -1;
    if (id == CLOCK_REALTIME && !seconds)
        seconds = map_file();
    if (id == CLOCK_REALTIME && seconds)
        ret->tv_sec += *seconds;
    return 0;
}
