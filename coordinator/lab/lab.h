/* lab.h - andon-lab: one file and one row of verbs.def per verb.
 *
 *     const an_lab_verb an_lab_verb_inspect = {.verb = {"inspect", ...}, .run = run};
 *
 * Human output goes to standard output as aligned tables; with --json it is one object instead, or
 * one on each line where the verb's help says so.
 * Progress goes to standard error.
 *
 * Threads: one thread, the program's; cancel is set by a signal. */
#ifndef AN_COORDINATOR_LAB_LAB_H
#define AN_COORDINATOR_LAB_LAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/args_pages.h"
#include "base/err.h"
#include "doors/json.h"

typedef struct an_lab {
    const an_args *args;
    bool json;
    const atomic_bool *cancel;
    FILE *out;
} an_lab;

typedef struct an_lab_verb {
    an_verb verb;
    an_err (*run)(an_lab *lab, an_note *why);
} an_lab_verb;

const an_lab_verb *an_lab_verb_at(size_t i); /* NULL past the end */

/* The program without main: exit codes 0 done, 1 failed, 2 wrong command line, 130 interrupted.
 */
int an_lab_main(int argc, char **argv, FILE *out, FILE *err);

/* What was interrupted has ended well: what follows goes on.  A second interrupt ends the program. */
void an_lab_resume(void);

/* Prints the object (and frees it) as the one output of --json.  Errors: NOMEM, IO. */
an_err an_lab_print_json(an_lab *lab, an_json *object, an_note *why);

/* The same on one line, for verbs that print several. */
an_err an_lab_print_json_line(an_lab *lab, an_json *object, an_note *why);

/* --seed and --threads, as all verbs understand them. */
an_err an_lab_seed(const an_lab *lab, int64_t dflt, uint64_t *ret, an_note *why);
an_err an_lab_threads(const an_lab *lab, size_t *ret, an_note *why);

#define AN_LAB_FLAG_JSON                                                                                     \
    {                                                                                                        \
        "json", NULL, "print one JSON object"                                                                \
    }
#define AN_LAB_FLAG_SEED                                                                                     \
    {                                                                                                        \
        "seed", "N", "of all that is drawn at random"                                                        \
    }
#define AN_LAB_FLAG_THREADS                                                                                  \
    {                                                                                                        \
        "threads", "N", "threads to use; the result does not depend on it"                                   \
    }

#endif
