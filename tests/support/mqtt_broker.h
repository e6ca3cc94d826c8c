/* mqtt_broker.h - a mosquitto of a test's own on the loopback, and a process that publishes to it.
 *
 *     if (!an_broker_start(&b, "")) return 77;              mosquitto is not installed
 *     an_publisher_start(&p, b.port, "plant/a", 200);       1, 2, 3 ... with QoS 1, each when the one before is there
 *     an_broker_kill(&b);  an_broker_resume(&b);            its sessions are kept on the disk
 *     an_publisher_done(&p);  an_broker_done(&b);
 *
 * Threads: one. */
#ifndef AN_TEST_MQTT_BROKER_H
#define AN_TEST_MQTT_BROKER_H

#include <stdatomic.h>

#include "base/file.h"
#include "tests/support/process.h"

typedef struct an_broker {
    char dir[AN_PATH_MAX];
    int port;
    an_process process;
} an_broker;

/* more: further lines of its configuration; allow_anonymous is among them, or set if more is "".  False: there is no
 * mosquitto here. */
bool an_broker_start(an_broker *b, const char *more);
/* The same, whose folder the caller has made and filled: %s in more is the folder. */
bool an_broker_start_in(an_broker *b, const char *dir, const char *more);
void an_broker_kill(an_broker *b);   /* as a power cut */
void an_broker_end(an_broker *b);    /* asks it to, and waits */
void an_broker_resume(an_broker *b); /* returns when it listens */
void an_broker_done(an_broker *b);   /* its folder is gone */

typedef struct an_publisher_shared {
    atomic_uint sent;        /* the broker has them */
    atomic_int pause, rests; /* rests: it is in the pause, nothing is under way */
} an_publisher_shared;

typedef struct an_publisher {
    an_publisher_shared *shared;
    char file[64];
    an_process process;
} an_publisher;

int an_publisher_main(int argc, char **argv); /* the part "publisher" */
void an_publisher_start(an_publisher *p, int port, const char *topic, int per_second);
void an_publisher_pause(an_publisher *p); /* returns when it rests */
void an_publisher_go_on(an_publisher *p);
void an_publisher_done(an_publisher *p);

/* Publishes one message from the test itself, with QoS 1, and returns when the broker has it. */
void an_publish(int port, const char *topic, const void *payload, size_t len, bool retain);

#endif
