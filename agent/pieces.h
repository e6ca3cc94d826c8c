/* pieces.h - what a line has made, piece by piece, and how high each scored: what verdicts that come later, from an MES or
 * a person, are matched with.
 *
 * A piece is a part, if the source says which part a row belongs to; else a minute of the line.
 *
 *     an_pieces p;
 *     an_pieces_init(&p, line, k, n);
 *     if (an_pieces_row(&p, &row, &done)) keep(&done);      each row
 *     if (an_pieces_now(&p, &piece)) keep(&piece);          now and then: the one that is not done yet
 *
 * A piece may be kept several times; what it came to then only grows, and who keeps it takes the highest.
 *
 * Threads: plain data. */
#ifndef AN_AGENT_PIECES_H
#define AN_AGENT_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm.h"
#include "base/terms.h"

#define AN_PIECE_MS 60000 /* of a line without parts */

typedef struct an_piece {
    char line[AN_NAME_MAX], part[AN_NAME_MAX]; /* part "": a minute */
    int64_t from_ms, to_ms; /* source's time of its first and last row; a minute begins whole */
    double peak;            /* highest score / threshold of then; NaN: it was not scored */
    double
        level; /* raw score: with a threshold below it an alarm would have been raised; NaN: it was not scored */
    uint8_t version[AN_ALARM_HASH], overlay[AN_ALARM_HASH]; /* that scored it */
} an_piece;

typedef struct an_piece_row {
    int64_t time_ms;
    const char *part; /* NULL or "": none */
    bool scored, restart;
    double raw, score;
    const uint8_t *version, *overlay; /* (AN_ALARM_HASH) NULL: nothing runs */
} an_piece_row;

typedef struct an_pieces {
    an_piece now;
    bool any, told; /* told: an_pieces_now has said all of it */
    bool apart;     /* alarms end with their part, and scores of the one before count no more */
    unsigned k, n;
    double last[AN_ALARM_PERSIST_MAX]; /* raw scores, a ring */
    size_t n_last, at;
} an_pieces;

/* k of n scores make an alarm, as in an_alarm_conf; apart: those of one part, as at a line of images. */
void an_pieces_init(an_pieces *p, const char *line, unsigned k, unsigned n, bool apart);
/* True: the row began another piece, and *ret is the one before it. */
bool an_pieces_row(an_pieces *p, const an_piece_row *row, an_piece *ret);
/* False: there is none, or nothing new. */
bool an_pieces_now(an_pieces *p, an_piece *ret);

#endif
