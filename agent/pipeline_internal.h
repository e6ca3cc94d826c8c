/* pipeline_internal.h - what the pipeline's files share.  See pipeline.h. */
#ifndef AN_AGENT_PIPELINE_INTERNAL_H
#define AN_AGENT_PIPELINE_INTERNAL_H

#include "agent/pipeline.h"
#include "agent/shadow.h"

/* What has been said of the model's open alarm. */
typedef struct an_voice {
    uint64_t rows;
    an_severity severity;
    bool suppressed, shown;
} an_voice;

struct an_pipeline {
    an_pipeline_conf conf;
    an_live live;
    bool has_live;
    double factor;    /* of the threshold, by a person; 1: none */
    double ln_p;      /* of the last score (models/chance.h); NaN: none */
    bool no_learning; /* see an_pipeline_learn */
    an_alarm *alarm;
    an_voice voice;
    an_rule_gone *gone; /* (AN_RULES_MAX) */
    size_t n_gone;
    an_quality *quality;
    char part[AN_PART_MAX]; /* of the image before; "": nobody knows */
    bool picture_bad;       /* the image of now, or the last one, says nothing of its part */
    an_driftwatch *drift;
    uint64_t alarm_rows; /* of the alarm that is open or building up */

    /* The last raw rows, for the pool and to warm a new model.  A ring of (cap, width). */
    float *ring;
    int64_t *ring_ms; /* (cap) */
    size_t ring_cap, ring_n, ring_head;
    float *row;          /* (width) as the model sees it: bad sensors are missing */
    float *contribution; /* (width) */
    float *window;       /* (window, width) for the pool */
    uint64_t since_pool; /* rows since the last window for the pool */
    size_t unbroken;     /* rows since the last restart or gap: a pool window needs `window` of them */
    int64_t last_ms;     /* time of the last row */
    an_pipeline_stats stats;

    an_shadow *before; /* the version before, while the new one is watched; NULL: not watched */
    an_watch watch;
    bool paired, judged; /* judged: its verdict was told */
    uint8_t before_version[AN_ALARM_HASH];
    an_shadow *candidate; /* NULL: none */
};

const float *an_pipeline_remembered(const an_pipeline *p, size_t i); /* row i of the ring; 0 = oldest */
int64_t an_pipeline_remembered_ms(const an_pipeline *p, size_t i);
/* When what is scored now was so: steps before the model may look ahead, and come out late. */
int64_t an_pipeline_scored_ms(const an_pipeline *p);
/* What an alarm is about now.  False: nobody can say. */
bool an_pipeline_reason(const an_pipeline *p, const an_alarm_event *e, an_reason *ret);
/* The last window into p->window, and with it the normal one that is nearest.  scale: (width). */
void an_pipeline_nearest(const an_pipeline *p, const float *scale, an_reason *ret);
bool an_pipeline_grow(an_pipeline *p, size_t rows); /* the ring has room for so many */
/* Shows a model that fits the last rows. */
void an_pipeline_warm(an_pipeline *p, an_live *live);
/* Errors: INVAL it does not fit the stream. */
an_err an_pipeline_fits(const an_pipeline *p, const an_live *live, an_note *why);

/* ---- pipeline_frame.c: images ---- */

/* At the first row of an image: an alarm about another part than this one's ends. */
void an_pipeline_part(an_pipeline *p, const an_pipeline_in *in);
/* Says of an image that it is not to be believed, and that the next one is. */
void an_pipeline_picture(an_pipeline *p, const an_pipeline_in *in);

/* What an alarm of an image is about.  False: nobody can say.  ret_seen: borrowed, until the next row. */
bool an_pipeline_where(const an_pipeline *p, const an_pipeline_in *in, const an_alarm_event *e,
                       an_reason *ret, an_seen *ret_seen);

/* Sensors that are not to be believed now: of an image all, or none. */
size_t an_pipeline_bad_n(const an_pipeline *p);

/* The end of the model's alarm, which its own machine did not say.  in: as of the row that was before. */
void an_pipeline_say_end(an_pipeline *p, const an_pipeline_in *in, const an_alarm_event *e);

/* The number of an alarm that is open: the model's, or a rule's; 0: none. */
uint64_t an_pipeline_held_by(const an_pipeline *p);
/* The alarms of a row, and what is said of them. */
void an_pipeline_alarms(an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out);

/* The threshold learns from a row, if it moves and the row is taken for normal. */
void an_pipeline_follow(an_pipeline *p, const an_pipeline_out *out);

/* What a row was scored as, for those beside. */
void an_pipeline_beside(an_pipeline *p, const an_pipeline_in *in, an_err err, double score, uint64_t ns);
bool an_pipeline_times(const an_pipeline *p); /* is anybody beside? */
/* The former version, which is still in p->live, goes on beside the next one.  Errors: NOMEM. */
an_err an_pipeline_watch_open(an_pipeline *p, const an_live *next, an_shadow **ret, an_note *why);
void an_pipeline_watch_begin(an_pipeline *p, an_shadow *before);
void an_pipeline_beside_reset(an_pipeline *p);
void an_pipeline_beside_free(an_pipeline *p);

#endif
