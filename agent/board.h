/* board.h - what the lines of a site show one another: the last score of each, and whether it has an open alarm.
 *
 * A rule of one line may look at another (rules.h).  It sees what that line came to last, whichever row that was.
 *
 *     an_board board;
 *     an_board_init(&board);
 *     an_board_show(&board, 0, 1.3, log(0.02), true);      line 0, its thread
 *     if (an_board_look(&board, 0, &score, &open)) ...     any thread
 *
 * Threads: any; nothing waits. */
#ifndef AN_AGENT_BOARD_H
#define AN_AGENT_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg/bounds.h"

typedef struct an_board {
    struct {
        _Atomic uint64_t score; /* the bits of a double; NaN: none */
        _Atomic uint64_t ln_p;  /* likewise: how rarely a normal score is as high (models/chance.h) */
        atomic_int open;        /* -1: nothing is shown */
    } lines[AN_LINES_MAX];
} an_board;

void an_board_init(an_board *b);
void an_board_show(an_board *b, size_t line, double score, double ln_p,
                   bool open);                 /* NaN: the row has none */
void an_board_clear(an_board *b, size_t line); /* it reads no rows now */
/* False: nothing is shown. */
bool an_board_look(const an_board *b, size_t line, double *ret_score, bool *ret_open);
double an_board_ln_p(const an_board *b, size_t line); /* NaN: none */

#endif
