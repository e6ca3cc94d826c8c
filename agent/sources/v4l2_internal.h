/* v4l2_internal.h - what the files of the source v4l2 share: a video device that streams into mapped memory.
 *
 *     err = video_stream_open(&s, "/dev/video0", &want, &why);
 *     err = video_stream_next(&s, 100, &frame, &why);       AGAIN, or a frame whose memory is borrowed until
 *     err = video_stream_back(&s, &why);                    it is given back
 *     video_stream_close(&s);
 *
 * Threads: one. */
#ifndef AN_AGENT_SOURCES_V4L2_INTERNAL_H
#define AN_AGENT_SOURCES_V4L2_INTERNAL_H

#include "agent/sources/camera.h"

#define VIDEO_BUFFERS_MAX 32
#define VIDEO_CONTROLS_MAX 64
#define VIDEO_NAME_MAX 64

typedef struct video_control {
    char name[VIDEO_NAME_MAX]; /* as video_control_name makes it */
    int64_t value;
} video_control;

typedef struct video_want {
    uint32_t width, height; /* of a frame; 0: as the device has it */
    uint32_t fourcc;        /* 0: the one that is set, or the first that is understood */
    double frame_rate;      /* 0: as the device has it */
    uint32_t buffers;
    const video_control *controls; /* (n_controls) set in this order */
    size_t n_controls;
} video_want;

typedef struct video_stream {
    int fd; /* -1: closed */
    an_pixels pixels;
    struct {
        void *at;
        size_t len;
    } maps[VIDEO_BUFFERS_MAX];
    uint32_t n;
    int out; /* the buffer that next has given out; -1: none */
} video_stream;

/* On failure closed.  Errors: IO it is not there or refuses, INVAL it is no camera or has no format that is understood; the note says
 * which. */
an_err video_stream_open(video_stream *s, const char *path, const video_want *want, an_note *why);
void video_stream_close(video_stream *s); /* again is fine */
/* Errors: AGAIN none in time; IO it is gone. */
an_err video_stream_next(video_stream *s, int64_t timeout_ms, an_camera_frame *ret, an_note *why);
an_err video_stream_back(video_stream *s, an_note *why);

int video_call(int fd, unsigned long request, void *arg); /* ioctl, again if a signal came */
/* A camera, opened for nothing yet.  Errors: IO, INVAL. */
an_err video_open(const char *path, int *ret_fd, char card[static VIDEO_NAME_MAX], an_note *why);

/* What a device calls a format, as an_pixels does.  False: it is not understood. */
bool video_format(uint32_t fourcc, uint32_t *ret);
/* "YUYV" as its four letters, and back (false: it is not understood). */
void video_fourcc_text(char out[static 5], uint32_t fourcc);
bool video_fourcc_read(const char *text, uint32_t *ret);
/* The milliseconds since 1970 of a frame whose time is by the monotonic clock, if that is what its flags say. */
int64_t video_time_ms(uint32_t flags, int64_t stamp_us, int64_t mono_us, int64_t wall_ms);

/* "Exposure Time, Absolute" -> "exposure_time_absolute", as v4l2-ctl has it. */
void video_control_name(char out[static VIDEO_NAME_MAX], const char *text);
/* Errors: INVAL there is none of that name, IO it refuses. */
an_err video_control_set(int fd, const video_control *want, an_note *why);
/* Without a device all that are there, of one its formats and controls.  Errors: IO, INVAL. */
an_err video_browse(const char *device, an_source_seen say, void *ctx, an_note *why);

#endif
