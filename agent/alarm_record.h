/* alarm_record.h - one line of the site's log of alarms: what happened to which alarm, when, who spoke, and how the
 * alarm stands after it.  Its JSON is what sinks send and the console shows; docs/OPERATIONS.md lists the keys.
 *
 * Threads: plain data. */
#ifndef AN_AGENT_ALARM_RECORD_H
#define AN_AGENT_ALARM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm.h"
#include "agent/alarm_state.h"
#include "agent/reason.h"
#include "base/err.h"
#include "base/terms.h"
#include "doors/json.h"
#include "msg/bounds.h"

/* The numbers are in the log's file: rows are appended only. */
#define AN_LOGGED_LIST(X)                                                                                    \
    X(RAISED, "raised")                                                                                      \
    X(UPDATED, "updated")                                                                                    \
    X(CLEARED, "cleared")                                                                                    \
    X(SUPPRESSED, "suppressed") /* a rule says that an alarm that was raised means nothing */                \
    X(RELEASED, "released")     /* ... and says so no more */                                                \
    X(ACKED, "acknowledged")                                                                                 \
    X(SHELVED, "shelved")                                                                                    \
    X(UNSHELVED, "unshelved")                                                                                \
    X(REMOVED, "removed from service")                                                                       \
    X(RESTORED, "restored to service")                                                                       \
    X(COMMENTED, "commented")                                                                                \
    X(VERDICT, "verdict")                                                                                    \
    X(QUALITY, "quality") /* of the data; belongs to no alarm */                                             \
    X(MISSED, "missed")   /* a defect that no alarm spoke of; with verdict "false" it is taken back */
typedef enum an_logged_kind {
#define AN_LOGGED_ROW(name, text) AN_LOGGED_##name,
    AN_LOGGED_LIST(AN_LOGGED_ROW)
#undef AN_LOGGED_ROW
        AN_LOGGED_KINDS
} an_logged_kind;
const char *an_logged_name(an_logged_kind kind);
bool an_logged_find(const char *name, an_logged_kind *ret); /* False: no such name */

/* Priorities of people, least first. */
typedef enum an_severity {
    AN_SEVERITY_LOW,
    AN_SEVERITY_MEDIUM,
    AN_SEVERITY_HIGH,
    AN_SEVERITY_CRITICAL
} an_severity;
#define AN_SEVERITIES 4
extern const char *const an_severity_names[AN_SEVERITIES + 1]; /* ended by NULL */
bool an_severity_find(const char *name, an_severity *ret);

typedef enum an_data_quality {
    AN_DATA_GOOD,
    AN_DATA_UNCERTAIN, /* a sensor is bad, a value is missing, or the time was made */
    AN_DATA_BAD        /* too many sensors are: the row was not scored */
} an_data_quality;
const char *an_data_quality_name(an_data_quality q);

#define AN_RULE_NAME_MAX 48
#define AN_ALARM_RULES_MAX 8 /* rules that are named in a record */
#define AN_ALARM_SOURCE_MAX (AN_RULE_NAME_MAX + 8)
#define AN_ALARM_TEXT_MAX 320
#define AN_ALARM_IMAGE_MAX 128
#define AN_ALARM_PICTURE_MAX (AN_NAME_MAX + 24)
#define AN_ALARM_RECORD_BYTES (32u << 10) /* of a record's JSON */

typedef struct an_alarm_record {
    uint64_t seq; /* grows by one with each record of the site; the log sets it */
    an_logged_kind kind;
    char site[AN_NAME_MAX], line[AN_NAME_MAX];
    uint64_t alarm; /* its number in the line; 0: none (QUALITY, MISSED, what concerns the whole line) */
    an_standing standing; /* after this; the log sets it */
    an_severity severity;
    char source
        [AN_ALARM_SOURCE_MAX]; /* "model", "rule:<name>", or "both": the model's, and rules say so too */
    char rules[AN_ALARM_RULES_MAX][AN_RULE_NAME_MAX]; /* what else spoke, whatever its effect */
    size_t n_rules;

    int64_t time_ms;     /* by the source's clock: of the row, or of what a person did */
    int64_t recorded_ms; /* by this computer's clock */
    int64_t since_ms;    /* source's time of the alarm's first row; 0: unknown */
    uint64_t rows;       /* scored since then: orders the machine's events of an alarm */
    double score, raw;   /* score 1 is the threshold; NaN: there is none */
    double peak;
    int64_t peak_ms;
    int64_t near_ms; /* of the normal window that is nearest; 0: unknown */
    struct {
        char sensor[AN_SENSOR_MAX];
        double share;
        bool explained; /* then (reason.h): */
        double value, expected, sigma;
        int64_t since_ms;
        double within[AN_REASON_STEPS]; /* its part of each step of the window, oldest first */
    } top[AN_ALARM_TOP];                /* QUALITY: the sensor alone */
    size_t n_top, n_within;
    double near_distance;                                   /* of near_ms, in standard deviations */
    uint8_t version[AN_ALARM_HASH], overlay[AN_ALARM_HASH]; /* zeros: no model */
    char part[AN_NAME_MAX];                                 /* of the piece on the line; "": unknown */
    char image[AN_ALARM_IMAGE_MAX];                         /* name of the image it is about; "": none */
    uint32_t image_width, image_height;                     /* as it came, after the cut; 0: unknown */
    an_reason_box boxes[AN_REASON_BOXES];                   /* where it is not as it should be */
    size_t n_boxes;
    char picture[AN_ALARM_PICTURE_MAX]; /* of its heat map, as exhibit.h names it; "": none was kept */
    char reason[AN_ALARM_TEXT_MAX];     /* a sentence; "": none */
    an_data_quality data;
    uint32_t bad_sensors;

    bool ever_shown;             /* people were shown it at some time until now; the log sets it */
    bool suppressed;             /* by design; also of a RAISED that nobody is shown */
    char by[AN_NAME_MAX];        /* who, of what people do; "" else */
    char comment[AN_REASON_MAX]; /* of this record */
    int64_t until_ms;            /* SHELVED: the end; MISSED: of the piece that was defective; 0 else */
    char acked_by[AN_NAME_MAX];  /* "": nobody yet */
    char verdict[AN_NAME_MAX];   /* "true", "false", "unsure"; "": none yet */
    char defect[AN_NAME_MAX];    /* its class, as people name it; "": nobody has */
    char fault[AN_NAME_MAX];     /* QUALITY: "missing" ... */
    bool begins;                 /* QUALITY: else it ends */
} an_alarm_record;

/* NULL: out of memory, which the calls of json.h accept. */
an_json *an_alarm_record_json(const an_alarm_record *r);
/* Reads what an_alarm_record_json made; unknown keys are passed over.  Errors: PROTO, NOMEM. */
an_err an_alarm_record_read(const an_jval *o, an_alarm_record *ret, an_note *why);
an_err an_alarm_record_parse(const char *text, size_t len, an_alarm_record *ret, an_note *why);

#endif
