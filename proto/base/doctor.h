/* doctor.h - what is in order in a set-up, what is to be looked at, and what is to be mended: one line each.
 *
 *     an_doctor d = {.n = 0};
 *     an_doctor_secret(&d, "/var/lib/andon/identity");
 *     an_doctor_say(&d, AN_DOCTOR_MEND, "roster", "andon site roster --key FILE", "two sites wait for it");
 *     an_doctor_print(&d, stdout);
 *     return an_doctor_worst(&d) == AN_DOCTOR_MEND;
 *
 * Threads: plain data; the checks block for a few seconds at most. */
#ifndef AN_BASE_DOCTOR_H
#define AN_BASE_DOCTOR_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

typedef enum an_doctor_level { AN_DOCTOR_OK, AN_DOCTOR_LOOK, AN_DOCTOR_MEND } an_doctor_level;

#define AN_DOCTOR_MAX 200
typedef struct an_doctor_finding {
    an_doctor_level level;
    char what[64];
    char text[256];
    char mend[256]; /* what to do; "": nothing */
} an_doctor_finding;

typedef struct an_doctor {
    an_doctor_finding items[AN_DOCTOR_MAX];
    size_t n, more;        /* kept; there was no more room for */
    an_doctor_level worst; /* of all */
} an_doctor;

/* mend: NULL: nothing is to be done. */
void an_doctor_say(an_doctor *d, an_doctor_level level, const char *what, const char *mend, const char *fmt,
                   ...) AN_PRINTF(5, 6);
an_doctor_level an_doctor_worst(const an_doctor *d);
const char *an_doctor_level_name(an_doctor_level level); /* "ok", "look", "mend" */

/* What is wrong first, then the rest, and a line that counts. */
void an_doctor_print(const an_doctor *d, FILE *out);

/* ---- checks ---- */

void an_doctor_secret(an_doctor *d, const char *path); /* a file that nobody outside its group may read */
/* A data folder: is there, may be written, is nobody else's, has room; and no file in it that others may write, or
 * that is a secret by its name and may be read by them. */
void an_doctor_folder(an_doctor *d, const char *path);
/* How many files this process may open, and how much memory it may lock. */
void an_doctor_limits(an_doctor *d);
void an_doctor_clock(an_doctor *d, const char *whose, int64_t off_ms); /* theirs less ours */
/* Does anybody listen at "tcp://host:port" (or "host:port")? */
void an_doctor_endpoint(an_doctor *d, const char *what, const char *endpoint, const char *mend);

#endif
