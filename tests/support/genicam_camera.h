/* genicam_camera.h - a GigE Vision camera in a process of its own, made of aravis's fake one, on the loopback.
 *
 *     an_part_add("camera", an_fake_camera_main);                       in main
 *     an_fake_camera c;
 *     if (!an_fake_camera_init(&c)) skip: another test has the port
 *     an_fake_camera_start(&c);
 *     ...
 *     an_fake_camera_done(&c);
 *
 * The protocol has one port (3956), so that one such camera can be at 127.0.0.1 at a time: init waits for its turn.  Each frame
 * is of a part: the count of parts, which lives in shared memory and so goes on when the camera is killed and restarted, stands in its
 * first four pixels, high byte first; pixel (x, y) of the others is as an_fake_camera_pixel says.
 *
 * Threads: one. */
#ifndef AN_TEST_GENICAM_CAMERA_H
#define AN_TEST_GENICAM_CAMERA_H

#include <stdatomic.h>

#include "tests/support/process.h"

#define FAKE_CAMERA_ADDRESS "127.0.0.1"

typedef struct an_fake_camera_shared {
    atomic_uint parts;   /* that have passed; the last one's number */
    atomic_int lost_ppm; /* packets of a million that are lost */
    atomic_int ready;    /* it listens */
} an_fake_camera_shared;

typedef struct an_fake_camera {
    an_fake_camera_shared *shared;
    char file[64];
    int lock_fd;
    an_process process;
} an_fake_camera;

int an_fake_camera_main(int argc, char **argv);

/* False: another process had the port for a minute. */
bool an_fake_camera_init(an_fake_camera *c);
void an_fake_camera_start(an_fake_camera *c); /* returns when it listens */
void an_fake_camera_kill(an_fake_camera *c);
void an_fake_camera_done(an_fake_camera *c);

unsigned an_fake_camera_pixel(unsigned x, unsigned y, unsigned part); /* 0..255 */

#endif
