/* notify.h - what a program tells the one who started it (systemd, Type=notify): that it is ready, what it does, that
 * it is alive.
 *
 *     an_notify_open();                                       before any thread
 *     an_notify("READY=1\nSTATUS=active");
 *     each turn of the main loop:  an_notify_alive(mono_ms);  WATCHDOG=1 about twice in the time that was asked for
 *     an_notify("STOPPING=1");
 *
 * One datagram to $NOTIFY_SOCKET each; without one nothing happens, and nothing fails.  Only what whoever started the
 * program asked for is said, and children do not inherit it.
 *
 * Threads: an_notify_open before any; the others from anywhere. */
#ifndef AN_BASE_NOTIFY_H
#define AN_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

void an_notify_open(void);        /* reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID */
void an_notify_close(void);       /* nothing is told any more */
bool an_notify(const char *text); /* lines KEY=VALUE; false: nobody listens, or it could not be sent */
void an_notify_alive(int64_t mono_ms);
int64_t
an_notify_watchdog_ms(void); /* between two signs of life, as they are sent; 0: nobody waits for any */

#endif
