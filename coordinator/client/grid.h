/* grid.h - a table for people: cells by row, printed in aligned columns.
 *
 *     an_grid g;
 *     an_grid_init(&g, "NAME  STATUS  SEEN");       titles, separated by two blanks
 *     an_grid_cell(&g, "%s", name);  ...            row by row
 *     an_grid_print(&g, stdout);
 *     an_grid_done(&g);
 *
 * On a terminal a table that is too wide has its widest cells cut, with "..." at their end.
 *
 * Control characters are shown as '?': what sites call things does not command the terminal.
 *
 * Threads: none of its own. */
#ifndef AN_CLIENT_GRID_H
#define AN_CLIENT_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

#define AN_GRID_COLUMNS_MAX 12

typedef struct an_grid {
    size_t columns;
    char **cells;
    size_t n, cap;
    bool failed;
} an_grid;

void an_grid_init(an_grid *g, const char *titles);
void an_grid_cell(an_grid *g, const char *fmt, ...) AN_PRINTF(2, 3);
void an_grid_print(const an_grid *g, FILE *out); /* nothing but titles: prints "none" */
/* Tables from now on fit the terminal behind this descriptor; without a call, standard output if it is one.  -1: no
 * bound. */
void an_grid_fit(int fd);
void an_grid_done(an_grid *g);

#endif
