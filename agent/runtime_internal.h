/* runtime_internal.h - what the threads of the runtime say to one another.  See runtime.h. */
#ifndef AN_AGENT_RUNTIME_INTERNAL_H
#define AN_AGENT_RUNTIME_INTERNAL_H

#include "agent/advised.h"
#include "agent/alarms.h"
#include "agent/conf.h"
#include "agent/enrol.h"
#include "agent/exhibit.h"
#include "agent/governor.h"
#include "agent/idle.h"
#include "agent/inbox.h"
#include "agent/job.h"
#include "agent/live.h"
#include "agent/recent.h"
#include "agent/resources.h"
#include "agent/session.h"
#include "agent/sinks.h"
#include "agent/source.h"
#include "agent/stream.h"
#include "agent/tally.h"
#include "agent/trace.h"
#include "agent/verdict_figures.h"
#include "agent/verdicts.h"
#include "base/meter.h"
#include "net/client.h"
#include "net/pipe.h"

/* ---- a line ---- */

typedef enum an_line_phase {
    AN_LINE_WAITING, /* for a version */
    AN_LINE_READING,
    AN_LINE_ENDED,  /* the source has no more rows */
    AN_LINE_FAILING /* the source cannot be read now */
} an_line_phase;
const char *an_line_phase_name(an_line_phase phase);

#define AN_LINE_QUALITIES (AN_QUALITY_IMAGE + 1)

typedef struct an_line_status {
    an_line_phase phase;
    int64_t phase_ms;                    /* since when; wall clock */
    uint64_t quality[AN_LINE_QUALITIES]; /* events that began, by kind */
    double drift_ratio;                  /* see an_driftwatch_ratio */
    int64_t since_ms;                    /* wall clock: it runs what it runs; 0: nothing */
    an_pipeline_stats stats;
    uint64_t source_rows;
    an_source_stats source; /* since the start; without bad_last, which is the line's own */
    char bad_last[120];
    bool live, alarm_open, drift_watched;
    struct {
        char test[16], subject[AN_SENSOR_MAX];
        double effect, limit;
        int64_t
            since_ms; /* by the source's clock; 0: none was reported since the start, or since what runs went live */
    } drift;
    double factor;                /* of the threshold, by a person; 1: none */
    an_verdict_count verdicts;    /* on what the running version has raised */
    double threshold, calibrated; /* raw scores: in use now, and as calibrated; 0: nothing runs */
    uint64_t alarm;               /* id of the open alarm, or of the next */
    uint64_t alarm_last;          /* number of the last that was raised, by whom ever; 0: none yet */
    size_t pool[AN_POOL_PARTS];
    an_live_verdict watch; /* of the version that runs; 0: it was not watched */
    char watched[AN_REASON_MAX];
    an_live_answer answers[AN_LIVE_ANSWERS]; /* (n_answers) of the row that was scored last */
    size_t n_answers;
    char error[160]; /* the last one */
} an_line_status;

/* The parts of a pool as arrays of their own, and what has changed (held.h). */
#define AN_SNAPSHOT_CHANGED AN_POOL_PARTS
#define AN_SNAPSHOT_PARTS (AN_POOL_PARTS + 1)
typedef struct an_snapshot {
    size_t width, context;
    float *raw[AN_SNAPSHOT_PARTS];
    size_t n[AN_SNAPSHOT_PARTS];
    size_t since[AN_SNAPSHOT_PARTS]; /* the first that is new */
    bool reported;                   /* a drift of what runs now */
} an_snapshot;
void an_snapshot_free(an_snapshot *s);
/* All windows of all; the same width and context.  In each part those before a reported drift come
 * first; if one line has reported drift, nothing is new at the others.  Errors: NOMEM. */
an_err an_snapshot_join(an_snapshot *const *items, size_t n, an_snapshot **ret);

/* From a line to the link thread.  What is behind a pointer goes along. */
typedef enum an_say_kind {
    AN_SAY_FACT,
    AN_SAY_EXHIBIT,
    AN_SAY_ALARM,
    AN_SAY_ADVICE,
    AN_SAY_PIECES,
    AN_SAY_MARK,
    AN_SAY_STATUS,
    AN_SAY_SNAPSHOT,
    AN_SAY_WORSENED,
    AN_SAY_SHADOW,
    AN_SAY_LIVE,
    AN_SAY_STOPPED
} an_say_kind;
typedef struct an_say {
    an_say_kind kind;
    union {
        an_msg *fact;
        an_exhibit *exhibit; /* of the alarm that follows */
        an_alarm_record *alarm;
        an_advised *advised;
        struct {
            an_piece *items; /* (n) */
            size_t n;
        } pieces;
        an_buf mark; /* position and alarm state; comes after the facts of the rows before it */
        an_line_status status;
        an_snapshot *snapshot; /* NULL: out of memory */
        struct {
            an_hash version, overlay;
        } live; /* it runs */
        struct {
            an_hash version; /* that the line must leave */
            char reason[AN_REASON_MAX];
        } worsened;
        struct {
            an_hash candidate;
            an_shadow_counts *counts; /* NULL: there is none any more */
        } shadow;
    } u;
} an_say;

/* From the link thread to a line, which reads nothing before AN_ORDER_GO. */
typedef struct an_going {
    an_live live;
    float *edges; /* (width, n_edges) */
    size_t n_edges;
    bool with_held, watched;
    an_live before; /* after a restart: what ran before it; nothing in it if there is none */
} an_going;
void an_going_free(an_going *g);

typedef enum an_order_kind {
    AN_ORDER_GO,
    AN_ORDER_LIVE,
    AN_ORDER_SHADOW,
    AN_ORDER_SHADOW_END,
    AN_ORDER_SNAPSHOT,
    AN_ORDER_JUDGED,
    AN_ORDER_THRESHOLD,
    AN_ORDER_STOP
} an_order_kind;
typedef struct an_order {
    an_order_kind kind;
    an_going *going;
    an_judgement *judged; /* JUDGED: (n_judged) of this line */
    size_t n_judged;
    double factor; /* THRESHOLD */
    uint64_t rows; /* SHADOW: at most so many; 0: no bound */
} an_order;

typedef struct an_line_advice an_line_advice; /* runtime_advice.c */

#define AN_LINE_PIECES 80 /* more than a batch has rows */

/* Everything of one line.  The upper half never changes once threads run; the middle belongs to
 * the line's thread, the lower half to the link thread. */
typedef struct an_line {
    struct an_line *leader; /* whose rows it takes; itself: it has a source of its own */
    const an_agent_line *conf;
    const an_agent_conf *agent;
    const char **sensors; /* (width) borrowed from the source */
    size_t width, context;
    an_source_frame frame; /* of a source of images */
    an_schema schema;
    char pool_path[AN_PATH_MAX];

    bool resumed; /* it goes on where it was before a restart */
    uint64_t
        source_run; /* drawn when the source is read from its first row: marks of another run count other rows */

    an_board *board;       /* of all lines of the site, borrowed */
    size_t number;         /* of this one there */
    bool fused;            /* a rule of the site fuses its scores with others' */
    an_governor *governor; /* borrowed; NULL: nobody is told of lateness */
    an_idle idle;

    an_source *source;
    an_stream *taps[AN_LINES_MAX]; /* (n_taps) of the lines that share its source, who own them */
    size_t n_taps;
    an_buf tap_position;
    an_rulebook *rules;
    an_pool *pool;
    an_pipeline *pipe;
    an_recent *recent;      /* for screens; NULL: nobody can ask */
    an_trace *trace;        /* for them, too; NULL: nothing is kept of alarms */
    an_line_advice *advice; /* NULL: none is asked for */
    uint64_t near_alarm;
    int64_t near_ms; /* of this alarm: time of the normal window that is nearest */
    an_batch batch;
    FILE *scores;
    uint64_t next_row;
    an_buf kept; /* of the mark: for an_held_restore, then for those below; empty at a first start */
    size_t threshold_at, threshold_len; /* for an_pipeline_threshold_resume; len 0: nothing */
    size_t watch_at;                    /* for an_pipeline_watch_resume, to the end */
    an_hash candidate;                  /* that scores beside what runs; none */
    uint64_t candidate_rows;
    an_tally tally;
    an_times decision; /* from a row that is scored to what is decided of it; read by the link thread, too */
    an_pieces pieces;
    an_piece made[AN_LINE_PIECES]; /* (n_made) that the link thread has not been told of */
    size_t n_made;
    struct an_line_run *run; /* what the thread keeps while it runs */

    an_actor *errands; /* the line's second thread; the line's thread has the other end */
    an_actor *adviser; /* likewise; NULL: no advice is asked for */
    an_actor *actor;
    an_line_status status;
    an_json_doc *advised; /* the last advice; NULL: none yet */
    bool stopped;
} an_line;

/* Opens source, rules, pool and pipeline of lines[i]; those that it shares a source with stand before it.  marks: what
 * AN_SAY_MARK carried, of all lines (len 0: first start). */
an_err an_line_open(an_line *lines, const an_agent_conf *agent, size_t i, an_board *board,
                    const an_buf *marks, an_note *why);
void an_line_close(an_line *l);                 /* after its thread; half opened is fine */
extern const an_pipeline_hooks an_line_hooks;   /* ctx: the an_line */
void an_line_main(an_pipe *pipe, void *line);   /* an an_actor_main */
void an_errand_main(an_pipe *pipe, void *line); /* of the second thread, which is started before */
/* From hooks, on the line's thread: a fact with a mark after it; anything else; what is said every second. */
void an_line_fact(an_line *l, const an_msg *m);
void an_line_logged(an_line *l, an_alarm_record *r); /* takes r, with a mark after it */
void an_line_say(an_line *l, const an_say *s);
an_line_status *an_line_status_of(an_line *l);
/* runtime_record.c: what is said of alarms and data, for the site's log.  line: an an_line. */
void an_line_spoken(void *line, const an_spoken *spoken);
/* runtime_trace.c: what its sensors did, from rows that the line has kept. */
an_err an_line_trace_open(an_line *l);
void an_line_traced(an_line *l, const an_spoken *s);
/* runtime_advice.c.  open: nothing, if none is asked for.  alarm: from the hook; look: every turn, monotonic time. */
an_err an_line_advice_open(an_line *l, an_note *why);
void an_line_advice_close(an_line *l); /* after both threads */
void an_adviser_main(an_pipe *pipe, void *line);
void an_line_advice_alarm(an_line *l, const an_spoken *s);
void an_line_advice_look(an_line *l, int64_t now_ms);
an_pipe *an_line_advice_awaited(const an_line *l); /* to wait on; NULL: nothing is out */
void an_line_rules_gone(an_line *l); /* clears alarms of rules that the configuration has no more */
void an_line_quality(an_line *l, const an_quality_event *e);
/* runtime_threshold.c: a threshold that moves.  line: an an_line. */
void an_line_threshold_moved(void *line, double before, double now);
/* The rest of a mark: a threshold that has moved, then a watch; and where they are in one that was kept. */
void an_line_rest_save(const an_line *l, an_buf *mark);
void an_line_rest_find(an_line *l, an_reader *kept);
void an_line_threshold_resume(an_line *l); /* once, when what ran before a restart runs again */
/* runtime_watch.c: what becomes of a new version.  line: an an_line. */
void an_line_watched(void *line, const an_watch_news *news);
/* After a restart, when what ran before it runs again.  before is taken, if there is one. */
void an_line_watch_resume(an_line *l, an_live *before);
/* A candidate beside what runs: takes g; says what it came to when it has its rows, or when it is told to end. */
void an_line_shadow(an_line *l, an_going *g, uint64_t rows);
void an_line_shadow_end(an_line *l);
void an_line_shadow_look(an_line *l, bool ended); /* ended: there are no more rows */
/* runtime_pieces.c: what the line has made, row by row; then all that was not told yet, before a mark. */
void an_line_piece(an_line *l, const an_pipeline_in *in, const an_pipeline_out *out);
void an_line_pieces_say(an_line *l);
/* What people have said of its alarms and pieces: pool and counts follow. */
void an_line_judged(an_line *l, const an_judgement *items, size_t n);
/* runtime_pace.c: what the governor of the trainer is told of a line.  Errors: INVAL idle.sensor is not there. */
an_err an_line_pace_open(an_line *l, int64_t now_ms, an_note *why);
void an_line_pace_rows(an_line *l, int64_t now_ms); /* of the batch that was read */
void an_line_pace_look(an_line *l, int64_t now_ms); /* every so often */
/* runtime_stream.c: a source that several lines share.  open: of a line that does, after its leader.  room: may the next batch be
 * read?  put: it was. */
an_err an_line_stream_open(an_line *l, an_note *why);
bool an_line_stream_room(const an_line *l);
void an_line_stream_put(an_line *l);
void an_line_stream_end(an_line *l);
/* Where the source of line i goes on after a restart, so that none of those that share it misses a row. False: the
 * line's own mark says. */
bool an_line_stream_position(const an_agent_conf *agent, const an_buf *marks, size_t i, an_reader *ret);
/* The head of a mark; what it points to is borrowed.  False: damaged. */
typedef struct an_mark_head {
    uint64_t row; /* the next one */
    uint64_t run;
    an_reader source;
} an_mark_head;
bool an_mark_read(an_reader *mark, an_mark_head *ret);
/* runtime_counts.c */
void an_line_counts_anew(an_line *l,
                         int64_t now_ms); /* after a swap: alarms from now on are those of what runs now */
void an_line_counts_say(an_line *l, int64_t now_ms); /* if there is something to say */
/* An alarm's number is unique in its line; at the site it is joined with the line's name. */
uint64_t an_line_alarm_id(const char *line, uint64_t alarm);

/* ---- the trainer ---- */

typedef struct an_training { /* there and back */
    an_job *job;
    an_snapshot *data;
    const an_line *line; /* names and failure modes, and who lets it wait */
    an_err err;
    an_note why;
} an_training;
typedef struct an_trainer_conf { /* as long as the thread runs */
    int64_t nice;
    an_resources *budget;
} an_trainer_conf;
void an_train_main(an_pipe *pipe, void *conf); /* messages are an_training *; conf is an an_trainer_conf * */

/* ---- bulk: versions in, updates out; a part of the link thread ---- */

typedef struct an_bulk an_bulk;
typedef struct an_bulk_conf {
    an_net *net;
    const an_coordinator *coordinator;
    const an_identity *id;
    const an_clock *clock;
    /* Where the bytes of an update are.  Errors: NOTFOUND. */
    an_err (*find)(void *ctx, const an_hash *update, char out[static AN_PATH_MAX]);
    void *ctx;
} an_bulk_conf;

an_err an_bulk_open(const an_bulk_conf *conf, an_bulk **ret, an_note *why);
void an_bulk_close(an_bulk *b);
/* The coordinator says where its bulk socket is; "" or the same: nothing happens. */
an_err an_bulk_move(an_bulk *b, const char *endpoint, an_note *why);
an_err an_bulk_relink(an_bulk *b, an_note *why); /* conf's identity has other keys now */
an_client *an_bulk_client(an_bulk *b);           /* to wait on */
/* Pulls into the file at path, going on where an earlier pull broke off. */
void an_bulk_fetch(an_bulk *b, const an_hash *version, const char *path);
/* An update was offered: says where it can be had, until the coordinator asks for it. */
void an_bulk_greet(an_bulk *b, const an_hash *update);
void an_bulk_step(an_bulk *b); /* takes what came, asks, answers */
/* A fetch that ended since the last call.  False: none. */
bool an_bulk_ended(an_bulk *b, an_hash *ret_version, an_err *ret_err, an_note *ret_why);
int64_t an_bulk_deadline(const an_bulk *b); /* mono ms */

/* ---- status.json ---- */

typedef struct an_status_in {
    const char *site;
    const an_identity *id;
    const an_identity *next; /* that it goes over to; NULL: none */
    int64_t now_ms;
    an_session *session;
    an_spool *spool;
    const an_line *lines;
    size_t n_lines;
    an_sinks *sinks;
    an_governor *governor;
    const an_resources *budget;
    an_alarms_stats alarms;
    uint64_t faults;  /* so far */
    size_t owed;      /* facts and records that the disk does not take */
    const char *data; /* the data folder */
    const char *last_error;
    const char *last_job; /* why it failed; "": it did not */
} an_status_in;
an_err an_status_write(const char *path, const an_status_in *in, an_note *why);

#endif
