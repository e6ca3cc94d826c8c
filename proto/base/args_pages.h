/* args_pages.h - what is made of a program's verbs and flags beside its help: the manual page, and completion in a
 * shell.
 *
 *     static const an_args_about about = {
 *         .program = "andon-agent", .section = 8, .purpose = "score a site's lines",
 *         .text = "First paragraph.\n\nSecond one.",
 *         .exits = exits, .environment = environment, .files = files,
 *         .see_also = "andon(1), andon-coordinator(8)",
 *     };
 *     if (an_args_answer_about(&args, &about, stdout)) return 0;
 *
 * Every program answers, as its first word: --help, --version, --man (the page, for man(1)), --completion SHELL (a
 * script for bash, zsh or fish) and --complete WORD... (what such a script asks: see an_args_complete).
 *
 * Threads: none of its own. */
#ifndef AN_BASE_ARGS_PAGES_H
#define AN_BASE_ARGS_PAGES_H

#include "base/args.h"

/* A word and what it means; a list ends with a row of NULL. */
typedef struct an_args_row {
    const char *word, *meaning;
} an_args_row;

/* Prints names that may stand for `what` (a positional such as "MODEL", or the value of a flag), one in a line, with a
 * tab and a few words behind it if it likes.  flag: NULL for a positional.  given: the verb, and the flags and
 * positionals before it.  False: it knows none, and the shell is asked. */
typedef bool an_args_names(const an_args *given, const char *flag, const char *what, FILE *out);

typedef struct an_args_about {
    const char *program;
    int section; /* of the manual */
    const char *purpose;
    const char *text;                               /* paragraphs, with an empty line between two */
    const an_args_row *exits, *environment, *files; /* NULL: none */
    const char *see_also;                           /* NULL: nothing */
    an_args_names *names;                           /* NULL: there are none to be known */
} an_args_about;

/* As an_args_answer, with the pages too. */
bool an_args_answer_about(const an_args *args, const an_args_about *about, FILE *out);

/* The manual page, in the macros of man(7). */
void an_args_man(const an_args *args, const an_args_about *about, FILE *out);

/* False: there is no such shell. */
bool an_args_completion(const char *program, const char *shell, FILE *out);

/* What may stand in place of the last of these words, one in a line, with a tab and its meaning behind it: the next
 * word of a verb, a flag, a name.  Or a line ":files" or ":dirs": those of the shell. */
void an_args_complete(const an_args *args, const an_args_about *about, size_t n_words,
                      const char *const *words, FILE *out);

#endif
