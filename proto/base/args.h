/* args.h - command lines: `program verb [--flag value] [--flag=value] [positional ...]`.
 *
 *     static const an_flag train_flags[] = {
 *         {"data", "DIR", "folder with the sites' files"},
 *         {"json", NULL, "write the figures as JSON"},      a switch: it takes no value
 *     };
 *     static const an_verb verbs[] = {
 *         {"train", "FILE", 1, 1, train_flags, 2, "train a model"},
 *         {"round replay", "N", 1, 1, NULL, 0, "recompute a round"},
 *     };
 *     an_args args;
 *     err = an_args_parse(&args, verbs, 2, argc, argv, &why);
 *     if (an_args_answer(&args, stdout)) return 0;      --help, --version
 *     const char *dir = an_args_get(&args, "data");
 *
 * A verb of two words is two arguments.  A verb named "" is taken when no other fits: a program
 * without verbs has just that one.  "--" ends the flags; a lone "-" is a positional.  --help and -h are
 * understood everywhere; as the first word --version, and what base/args_pages.h makes of the rows.  Nothing is allocated: all texts are borrowed from argv.
 *
 * Threads: none of its own. */
#ifndef AN_BASE_ARGS_H
#define AN_BASE_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

typedef struct an_flag {
    const char *name;  /* without the dashes */
    const char *value; /* what help calls the value; NULL: a switch */
    const char *help;
} an_flag;

typedef struct an_verb {
    const char *name;        /* "train", "round replay", or "" */
    const char *positionals; /* for help: "FILE..."; NULL: none */
    size_t min_positionals;
    size_t max_positionals;
    const an_flag *flags;
    size_t n_flags;
    const char *help;
} an_verb;

#define AN_ARGS_MAX_FLAGS 64
#define AN_ARGS_MAX_POSITIONALS 256

/* What a program is asked about itself, by its first word: --version, --man, --completion, --complete. */
typedef enum an_args_asked {
    AN_ARGS_NOTHING,
    AN_ARGS_VERSION,
    AN_ARGS_MAN,
    AN_ARGS_COMPLETION,
    AN_ARGS_COMPLETE
} an_args_asked;

typedef struct an_args {
    const char *program; /* argv[0] without its folders */
    const an_verb *verb; /* NULL: none was given */
    bool help;           /* --help was asked for; then nothing is checked */
    an_args_asked asked; /* ... or one of these; likewise */
    size_t n_words;      /* of COMPLETION and COMPLETE: what follows */
    const char *const *words;
    size_t n_positionals;
    const char *positionals[AN_ARGS_MAX_POSITIONALS];
    size_t n_given;
    struct {
        const an_flag *flag;
        const char *value; /* "" for a switch */
    } given[AN_ARGS_MAX_FLAGS];
    const an_verb *verbs;
    size_t n_verbs;
} an_args;

/* Errors: INVAL with a text that names the argument and says what to try; LIMIT too many. */
an_err an_args_parse(an_args *ret, const an_verb *verbs, size_t n_verbs, int argc, char **argv, an_note *why);

bool an_args_has(const an_args *args, const char *flag);
const char *an_args_get(const an_args *args, const char *flag);          /* the last one given; NULL: none */
const char *an_args_at(const an_args *args, const char *flag, size_t i); /* the i-th of a repeated flag */
an_err an_args_int(const an_args *args, const char *flag, int64_t min, int64_t max, int64_t dflt,
                   int64_t *ret, an_note *why);
an_err an_args_num(const an_args *args, const char *flag, double min, double max, double dflt, double *ret,
                   an_note *why);

/* Does the command line ask for help or for the version?  Then that is written. */
bool an_args_answer(const an_args *args, FILE *out);

/* Help of the verb that was given, or of the whole program. */
void an_args_help(const an_args *args, FILE *out);

#endif
