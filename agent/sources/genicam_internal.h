/* genicam_internal.h - the state of a genicam source, shared by genicam.c (frames) and genicam_conf.c (configuration, browsing).
 *
 * Threads: what stands under link belongs to the device's thread. */
#ifndef AN_AGENT_SOURCES_GENICAM_INTERNAL_H
#define AN_AGENT_SOURCES_GENICAM_INTERNAL_H

#include <stdatomic.h>

#include "agent/sources/camera.h"
#include "doors/aravis.h"

#define GENICAM_TEXT_MAX 128

enum { GENICAM_UNDERRUNS, GENICAM_RESENT, GENICAM_LOST_PACKETS, GENICAM_COUNTERS };

typedef struct genicam {
    an_camera camera;
    an_aravis_conf conf;
    char device[GENICAM_TEXT_MAX], pixel_format[GENICAM_TEXT_MAX], trigger[GENICAM_TEXT_MAX],
        chunk[GENICAM_TEXT_MAX];
    char (*texts)[2][GENICAM_TEXT_MAX]; /* (conf.n_features) names and values */
    an_aravis_feature *features;
    bool software, camera_time;
    int64_t period_ms;

    an_aravis *link;
    uint64_t trigger_n; /* triggers so far */
    bool pending;       /* the last one has no frame yet */
    int64_t asked_ms;   /* when it was given, or the last frame came; monotonic */
    int64_t due_ms;     /* of the next */
    uint64_t before[GENICAM_COUNTERS];

    atomic_uint_fast64_t counters[GENICAM_COUNTERS];
} genicam;

extern const an_option genicam_options[];

/* g zeroed.  Errors: INVAL, NOMEM; g must be given to done in any case. */
an_err genicam_read(genicam *g, const an_node *conf, an_note *why);
void genicam_done(genicam *g);
const char *genicam_name(const genicam *g);

an_err genicam_browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why);

#endif
