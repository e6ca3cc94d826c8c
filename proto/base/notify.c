#include "base/notify.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/opt.h"

static int channel = -1;
static struct sockaddr_un address;
static socklen_t address_len;
static int64_t every_ms; /* 0: no watchdog */
static atomic_int_least64_t next_ms;

/* "/run/x" is a file, "@x" a name of the abstract kind, whose first byte is zero.  Other kinds (vsock) are not ours. */
static bool set_address(const char *path)
{
    const size_t len = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof address.sun_path)
        return false;
    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
    return true;
}

void an_notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t us = 0, whose = 0;
    an_notify_close();
    if (!path || !set_address(path))
        return;
    channel = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool ours = !pid || (an_parse_int(pid, &whose) && whose == (int64_t)getpid());
    if (channel >= 0 && ours && usec && an_parse_int(usec, &us) && us > 0)
        every_ms = us / 2000 > 0 ? us / 2000 : 1;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void an_notify_close(void)
{
    if (channel >= 0)
        close(channel);
    channel = -1;
    every_ms = 0;
    atomic_store(&next_ms, 0);
}

bool an_notify(const char *text)
{
    const size_t len = strlen(text);
    return channel >= 0 && sendto(channel, text, len, MSG_NOSIGNAL, (const struct sockaddr *)&address,
                                  address_len) == (ssize_t)len;
}

void an_notify_alive(int64_t mono_ms)
{
    if (every_ms == 0 || mono_ms < atomic_load_explicit(&next_ms, memory_order_relaxed))
        return;
    atomic_store_explicit(&next_ms, mono_ms + every_ms, memory_order_relaxed);
    (void)an_notify("WATCHDOG=1"); /* the next one comes soon */
}

int64_t an_notify_watchdog_ms(void)
{
    return every_ms;
}
