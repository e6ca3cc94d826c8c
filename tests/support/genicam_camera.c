#include "tests/support/genicam_camera.h"

#include <arv.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK "/tmp/andon-test-camera.lock"
#define TURN_S 60
#define LISTEN_MS 20000

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static an_fake_camera_shared *map(const char *file)
{
    const int fd = open(file, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(an_fake_camera_shared)) != 0)
        give_up(file);
    void *p = mmap(NULL, sizeof(an_fake_camera_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        give_up("mmap");
    return p;
}

unsigned an_fake_camera_pixel(unsigned x, unsigned y, unsigned part)
{
    return (x * 3 + y * 29 + part * 7) & 0xff;
}

/* ---- the camera's process ---- */

static void fill(ArvBuffer *b, void *ctx, guint32 exposure_us, guint32 gain, ArvPixelFormat format)
{
    an_fake_camera_shared *shared = ctx;
    size_t size = 0;
    gint x0, y0, width = 0, height = 0;
    uint8_t *to = (uint8_t *)(uintptr_t)arv_buffer_get_data(b, &size);
    const unsigned part = atomic_fetch_add(&shared->parts, 1) + 1;
    (void)exposure_us;
    (void)gain;
    (void)format;
    arv_buffer_get_image_region(b, &x0, &y0, &width, &height);
    for (unsigned i = 0; to && width > 0 && i < (unsigned)width * (unsigned)height; i++) {
        const unsigned v = i < 4 ? part >> (24 - 8 * i)
                                 : an_fake_camera_pixel(i % (unsigned)width, i / (unsigned)width, part);
        to[i] = (uint8_t)v;
    }
}

/* camera FILE */
int an_fake_camera_main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    an_fake_camera_shared *shared = map(argv[1]);
    ArvGvFakeCamera *camera = arv_gv_fake_camera_new(FAKE_CAMERA_ADDRESS, "T1");
    if (!camera || !arv_gv_fake_camera_is_running(camera))
        return 1;
    arv_fake_camera_set_fill_pattern(arv_gv_fake_camera_get_fake_camera(camera), fill, shared);
    atomic_store(&shared->ready, 1);
    for (int lost = 0;; poll(NULL, 0, 10)) {
        const int now = atomic_load(&shared->lost_ppm);
        if (now != lost)
            g_object_set(camera, "gvsp-lost-ratio", now / 1e6, NULL);
        lost = now;
    }
}

/* ---- the test's side ---- */

bool an_fake_camera_init(an_fake_camera *c)
{
    memset(c, 0, sizeof *c);
    c->lock_fd = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (c->lock_fd < 0)
        return false;
    (void)fchmod(c->lock_fd, 0666); /* whoever comes first: others wait for their turn too */
    for (int i = 0; flock(c->lock_fd, LOCK_EX | LOCK_NB) != 0; i++) {
        if (i == TURN_S * 10) {
            close(c->lock_fd);
            return false;
        }
        poll(NULL, 0, 100);
    }
    snprintf(c->file, sizeof c->file, "/tmp/andon-camera-XXXXXX");
    const int fd = mkstemp(c->file);
    if (fd < 0)
        give_up("mkstemp");
    close(fd);
    c->shared = map(c->file);
    return true;
}

void an_fake_camera_start(an_fake_camera *c)
{
    atomic_store(&c->shared->ready, 0);
    c->process = an_part_start("camera", c->file, NULL);
    for (int i = 0; atomic_load(&c->shared->ready) == 0; i++) {
        if (i == LISTEN_MS / 10)
            give_up("the camera does not listen");
        poll(NULL, 0, 10);
    }
}

void an_fake_camera_kill(an_fake_camera *c)
{
    an_process_kill(&c->process);
}

void an_fake_camera_done(an_fake_camera *c)
{
    an_fake_camera_kill(c);
    munmap(c->shared, sizeof *c->shared);
    unlink(c->file);
    close(c->lock_fd);
}
