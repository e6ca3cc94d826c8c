/* err.h - every way a call can fail, and the short text that says why.
 *
 * There is one enum and one note in the whole tree.  A function that can fail returns an_err;
 * where a code is too little (a file, a configuration, SQL) its last parameter is
 * `an_note *why`, which may be NULL.
 *
 *     an_note why = {0};
 *     if (an_conf_load(path, &conf, &why) != AN_OK)
 *         fprintf(stderr, "%s\n", why.text);
 *
 * Four kinds of wrong are kept apart: an expected failure is an an_err; a caller's bug is an
 * assert; hostile input is AN_ERR_PROTO or AN_ERR_AUTH, counted and dropped; a failed
 * allocation is AN_ERR_NOMEM and always handled. */
#ifndef AN_BASE_ERR_H
#define AN_BASE_ERR_H

/* Add a row; the enum, the names and the texts follow. */
#define AN_ERR_LIST(X)                                                                                       \
    X(NOMEM, "out of memory")                                                                                \
    X(INVAL, "invalid argument or configuration")                                                            \
    X(IO, "input/output failed")                                                                             \
    X(PROTO, "malformed or unexpected data")                                                                 \
    X(AUTH, "signature or authentication failed")                                                            \
    X(NOTFOUND, "no such thing")                                                                             \
    X(EXISTS, "exists already or conflicts")                                                                 \
    X(AGAIN, "not now; try again")                                                                           \
    X(LIMIT, "a limit was exceeded")                                                                         \
    X(STATE, "not allowed in this state")                                                                    \
    X(NUMERIC, "a value is not finite")                                                                      \
    X(REFUSED, "refused by policy")                                                                          \
    X(CANCELLED, "cancelled")                                                                                \
    X(UNSUPPORTED, "not supported by this build or version")

#if defined(__clang__)
#define AN_MUST_USE __attribute__((warn_unused_result))
#else
#define AN_MUST_USE /* gcc takes it on functions only */
#endif

typedef enum AN_MUST_USE an_err {
    AN_OK = 0,
#define AN_ERR_ROW(name, text) AN_ERR_##name,
    AN_ERR_LIST(AN_ERR_ROW)
#undef AN_ERR_ROW
} an_err;

const char *an_err_name(an_err err); /* "NOMEM"; "OK" for AN_OK; never NULL */
const char *an_err_text(an_err err); /* "out of memory"; never NULL */

/* A text for a person: what, where, what to do.  Always terminated. */
typedef struct an_note {
    char text[320];
} an_note;

#if defined(__GNUC__)
#define AN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define AN_PRINTF(fmt, args)
#endif

/* Replaces the note's text; too long a text is cut.  note may be NULL. */
void an_note_set(an_note *note, const char *fmt, ...) AN_PRINTF(2, 3);

/* Sets the note and returns err: `return an_fail(AN_ERR_PROTO, why, "line %d: ...", line);` */
an_err an_fail(an_err err, an_note *why, const char *fmt, ...) AN_PRINTF(3, 4);

#endif
