/* init.h - the verb init: the first configuration of a site, from what its source shows.
 *
 *     questions (or flags) -> browse -> listen -> judge each tag -> write -> read it back -> what to do next
 *
 * What a source has is listed, its values are looked at for a time, and what says nothing of the line (constants, clocks,
 * counters, texts) is left out, with the reason in the file.  The file is one that `andon-agent run` takes: it is parsed, and its
 * source opened until a row comes, before anybody hears of it.
 *
 *     an_init_opts opts = {.kind = "csv", .where = "/data/press-4", .out = "site.yaml", .yes = true, .say = stdout};
 *     err = an_init(&opts, &why);
 *
 * Threads: none of its own. */
#ifndef AN_AGENT_INIT_H
#define AN_AGENT_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/args.h"
#include "base/err.h"

#define AN_INIT_SET_MAX 32

typedef struct an_init_opts {
    const char *kind;  /* of the source; NULL: asked */
    const char *where; /* its file, folder, address or broker; NULL: asked */
    const char *out;   /* the file to write; NULL: site.yaml */
    const char *site, *data, *line, *model;
    const char *set[AN_INIT_SET_MAX]; /* KEY=VALUE: further options of the source */
    size_t n_set;
    int64_t for_ms; /* how long values are looked at */
    bool yes;       /* nothing is asked: what is not given is taken as proposed */
    bool force;     /* out may be there already */
    FILE *in;       /* answers; NULL: as yes */
    FILE *say;
} an_init_opts;

/* Errors: INVAL what must be given is not, an option is wrong; EXISTS out is there already; NOTFOUND, IO the source cannot be
 * reached, or nothing in it is worth a row; NOMEM. */
an_err an_init(const an_init_opts *opts, an_note *why);
/* The same by the flags of the command line, asking on standard input if that is a terminal. */
an_err an_init_by_args(const an_args *args, an_note *why);

#endif
