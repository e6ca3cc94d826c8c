/* writeback_ask.h - how people enable and end the write-back: a file each in DATA/writeback, with a proof of who it is.
 *
 * The proof is HMAC-SHA256 with the person's own secret over what is asked, the site, the name and the time.  It holds for a
 * minute, and once.  Ending needs none: whoever may write into that folder may end it.
 *
 * Threads: no state but the an_wb_asks of one thread. */
#ifndef AN_AGENT_WRITEBACK_ASK_H
#define AN_AGENT_WRITEBACK_ASK_H

#include "agent/writeback_conf.h"

/* The side of the person.  key_file NULL: end it.  Errors: those of an_secret_file_read, INVAL name, IO. */
an_err an_wb_leave(const char *dir, const char *site, const char *by, const char *key_file, int64_t now_ms,
                   an_note *why);

typedef struct an_wb_asks {
    const an_wb_conf *conf;
    const char *dir, *site;
    int64_t started_ms;                /* what was asked before is not heard */
    int64_t last_ms[AN_WB_PEOPLE_MAX]; /* of each person: the last proof that was taken */
} an_wb_asks;

/* Takes the oldest, and removes it whatever it is.  ret_by: who; ret_enable: else it is to end.
 * Errors: NOTFOUND none; AUTH no proof, an old one, or one that was used; PROTO not such a file; IO, NOMEM. */
an_err an_wb_take(an_wb_asks *a, int64_t now_ms, char ret_by[static AN_NAME_MAX], bool *ret_enable,
                  an_note *why);

#endif
