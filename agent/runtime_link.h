/* runtime_link.h - the link thread's own: what its two files share.  See runtime.h. */
#ifndef AN_AGENT_RUNTIME_LINK_H
#define AN_AGENT_RUNTIME_LINK_H

#include "agent/alarms.h"
#include "agent/control.h"
#include "agent/runtime_internal.h"
#include "agent/sinks.h"

typedef struct an_agent {
    const an_agent_conf *conf;
    const an_clock *clock;
    int lock_fd; /* of the data folder; -1: not held */
    an_coordinator coordinator;
    an_identity *id;
    an_identity *next; /* that it goes over to; NULL: none */
    an_session_keys session_next;
    bool relink; /* the control socket has the former keys still */
    an_net *net;
    an_spool *spool;
    an_control *control;
    an_bulk *bulk;
    an_session *session;
    an_session_line session_lines[AN_LINES_MAX];
    an_calibrate_opts calibrate;
    an_line lines[AN_LINES_MAX];
    an_board board; /* what the lines show one another */
    size_t n_lines; /* opened */
    an_actor *trainer;
    an_governor *governor; /* of the trainer */
    an_trainer_conf train;
    an_resources budget;
    an_note declined;      /* why the job that waits is not begun; "": it is */
    an_job *job;           /* waits for copies of pools, or is with the trainer */
    an_training *training; /* with the trainer */
    an_msg **owed;         /* facts that could not be kept yet, oldest first */
    size_t n_owed, owed_cap;
    struct an_local_api *api; /* NULL: none */
    struct an_local_line *api_lines;
    struct an_probe *probe;
    struct an_http_server *meters; /* at metrics.port; NULL: none */
    char told[160];                /* the last STATUS of systemd */
    uint64_t faults;
    an_alarms *alarms;
    char alarms_path[AN_PATH_MAX];
    an_exhibits *exhibits; /* NULL: none yet */
    an_sinks *sinks;
    an_alarm_record *logged; /* events that are to be stored, oldest first */
    size_t n_logged, logged_cap;
    an_piece *pieces; /* that are to be stored */
    size_t n_pieces, pieces_cap;
    an_buf marks[AN_LINES_MAX]; /* positions that could not be kept yet; len 0: none */
    bool stopping;
    bool wanted[AN_LINES_MAX]; /* copies on their way for the job */
    an_snapshot *copies[AN_LINES_MAX];
    an_in in;
    int64_t status_ms;
    char status_path[AN_PATH_MAX];
    char last_error[200];
    char last_job[240]; /* why the last job of the trainer failed; "": it did not */
} an_agent;

/* What went wrong, for the log and for status.json. */
void an_agent_fault(an_agent *a, const char *event, const char *why);
an_line *an_agent_line_of(an_agent *a, const char *name); /* NULL: none */
void an_agent_order(an_line *l, const an_order *o);       /* takes what is behind it */

/* runtime_keys.c: rotation.  The next identity is in DATA/identity.next until it takes the place of the other. */
an_err an_agent_keys_open(an_agent *a, an_note *why);   /* takes up a rotation that was begun */
an_err an_agent_keys_rotate(an_agent *a, an_note *why); /* begins one, if none has begun */
void an_agent_keys_tick(an_agent *a);                   /* goes over, when it is time */

/* runtime_alarms.c: the site's log of alarms */
an_err an_agent_alarms_open(an_agent *a, an_note *why);
void an_agent_alarms_close(an_agent *a);
an_err an_agent_sinks_start(an_agent *a, an_note *why); /* after an_agent_alarms_open */
/* After an_line_open: numbers go on, and what the line has forgotten is not left open. */
an_err an_agent_alarms_begin(an_agent *a, an_line *l, an_note *why);
an_err an_agent_alarms_of_others(an_agent *a,
                                 an_note *why); /* after all lines: those that are there no more */
void an_agent_alarms_take(an_agent *a, an_alarm_record *r); /* takes r */
void an_agent_alarms_show(an_agent *a, an_exhibit *e);      /* takes e, of an alarm that comes next */
void an_agent_advice_take(an_agent *a, an_line *l, an_advised *said); /* takes said */
bool an_agent_alarms_keep(an_agent *a); /* stores what waits; false: not all could be */
void an_agent_alarms_tick(an_agent *a); /* shelves that end */
void an_agent_alarms_deed(an_agent *a, const an_command *c);
bool an_agent_alarms_verdict(an_agent *a, const an_command *c,
                             bool *ret_of_rule); /* false: it is not in the log */

/* runtime_verdicts.c: pieces, and what is said of them */
void an_agent_pieces_take(an_agent *a, an_piece *items, size_t n); /* takes items */
bool an_agent_pieces_keep(an_agent *a); /* stores what waits; false: it could not be */
void an_agent_verdict(an_agent *a, const an_command *c);
void an_agent_missed(an_agent *a, const an_command *c);
void an_agent_threshold(an_agent *a, const an_command *c);
void an_agent_verdicts_tick(an_agent *a); /* takes the tables that lie in DATA/verdicts */
void an_agent_note(an_agent *a, const an_line *l,
                   const char *what); /* in the site's journal, with what the line runs */

/* runtime_tell.c: to whoever looks on, from outside */
an_err an_agent_tell_open(an_agent *a); /* before anything that takes long */
void an_agent_tell_turn(an_agent *a);   /* each turn of the loop */
void an_agent_tell(an_agent *a);        /* each second; writes status.json, too */
void an_agent_tell_stopping(void);
void an_agent_tell_close(an_agent *a); /* after an_agent_api_stop */

/* runtime_api.c: nothing, unless it is configured */
an_err an_agent_api_start(an_agent *a, an_note *why);
void an_agent_api_stop(an_agent *a);

/* runtime_commands.c */
void an_agent_obey(an_agent *a, const an_command *c); /* what a person has left in the inbox */

/* What the session asks for. */
an_session_io an_agent_io(an_agent *a);
an_err an_agent_find_upload(void *agent, const an_hash *update, char out[static AN_PATH_MAX]);

/* runtime_budget.c */
an_err an_agent_budget_open(an_agent *a, an_note *why); /* after all lines.  Errors: LIMIT it is too small */
bool an_agent_budget_fits(an_agent *a); /* the data of the job that begins; else `declined` is set */
uint64_t an_agent_budget_job(const an_agent *a,
                             const an_snapshot *data); /* an_job.memory_left, beside its data */
void an_agent_budget_look(an_agent *a);

void an_agent_declined(an_agent *a); /* ends the job that was not begun */
void an_agent_train(an_agent *a);    /* starts the job that waits, if all copies of pools are here */
void an_agent_trained(an_agent *a);  /* takes what the trainer has finished */
void an_agent_drop_copies(an_agent *a);

#endif
