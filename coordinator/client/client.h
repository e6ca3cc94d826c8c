/* client.h - what the verbs of `andon` share: one call to the API, and its answer as JSON.
 *
 *     int an_cli_site_list(an_cli *c)
 *     {
 *         an_json_doc *doc = NULL;
 *         int code = an_cli_get(c, &doc, "/sites");
 *         ...
 *         an_json_doc_free(doc);
 *         return code;
 *     }
 *
 * Every verb returns an exit code; the calls print what went wrong.  Under --json a call prints
 * the server's answer and gives no document, so that a verb that finds none is done.
 *
 * Threads: one thread. */
#ifndef AN_CLIENT_CLIENT_H
#define AN_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/args.h"
#include "base/file.h"
#include "doors/json.h"
#include "msg/msg.h"
#include "trust/root.h"

#define AN_CLI_OK 0
#define AN_CLI_REFUSED 1
#define AN_CLI_USAGE 2
#define AN_CLI_UNREACHABLE 3
#define AN_CLI_NOT_FOUND 4

typedef struct an_cli {
    const an_args *args;
    char url[512]; /* of the coordinator that is asked */
    const char *
        silent; /* several, of which none before the last, which is url, answered; NULL: one answered, or there is one */
    char asked[1200];        /* the coordinator, or several with commas, as it was said */
    char authorization[512]; /* the header: of a token, or the cookie of a session; "": none */
    char csrf[80];           /* the header beside a cookie; "": none */
    char cookie[256];        /* what the last answer has set */
    const char *ca_file;     /* NULL: the system's certificates */
    bool json;
    int64_t certificate_ms; /* of the last answer; 0: there is none */
    unsigned timeout_ms;    /* of a call; 0: as long as the server lets one wait */
    bool quiet_json;        /* under --json too the document is wanted, and nothing printed */
} an_cli;

typedef int an_cli_verb(an_cli *c);
#define AN_CLI_VERB(name, positionals, min, max, flags, function, meaning) an_cli_verb an_cli_##function;
#include "coordinator/client/verbs.def"
#undef AN_CLI_VERB

/* From the flags, the environment or the data folder: sets url and authorization. */
int an_cli_connect(an_cli *c);
bool an_cli_reachable(const an_cli *c); /* does anybody answer at c->url? */

/* path is printf-like, below /api/v1.  *ret is NULL on failure and under --json. */
int an_cli_get(an_cli *c, an_json_doc **ret, const char *path, ...) AN_PRINTF(3, 4);
int an_cli_post(an_cli *c, an_json_doc **ret, an_json *body, const char *path, ...)
    AN_PRINTF(4, 5); /* takes body */
/* "/THINGS/ID/WHAT" of the thing that the first word names, with --reason where there is one. */
int an_cli_do(an_cli *c, an_json_doc **ret, const char *things, const char *what);

/* Asks at the terminal, which shows nothing of it, or takes a line of standard input (--password-stdin).  twice: until
 * both are the same.  AN_CLI_OK, or it was said what is wrong. */
#define AN_CLI_PASSWORD 512
int an_cli_password(const an_cli *c, const char *whose, bool twice, char ret[static AN_CLI_PASSWORD]);
/* The header for the coordinator that somebody has logged in at from here; false: nobody has. */
bool an_cli_logged_in(const char *url, char *ret_authorization, size_t size);
void an_cli_say_proposed(const an_jval *proposal); /* what was asked for needs a second person */
#define AN_CLI_SITES 128

/* The root key in the file that the flag names.  AN_CLI_OK, or it was said what is wrong. */
int64_t an_cli_now_ms(void);
/* A day or an hour of UTC, or a time ago: "2026-05-03", "2026-05-03T14:00", "2h", "now".  The first and the last
 * millisecond of what was said.  False: it is none of these. */
#define AN_CLI_WHEN "give a day such as 2026-05-03, 2026-05-03T14:00 (UTC), or a time ago such as 2h"
bool an_cli_when(const char *text, int64_t *ret_from_ms, int64_t *ret_until_ms);
void an_cli_day(char ret[static 25], int64_t ms); /* "2027-01-31" */
/* The time that a flag says, in milliseconds; 0: it was said what is wrong. */
int64_t an_cli_valid_ms(const an_cli *c, const char *flag, int64_t dflt);
int an_cli_open_key(an_cli *c, const char *flag, an_root_key **ret);

/* Is there a person to ask, and does he say yes?  Without one, and under --json, nothing is asked: false. */
bool an_cli_asks(const an_cli *c);
bool an_cli_ask(const an_cli *c, const char *question, ...) AN_PRINTF(2, 3);

int an_cli_fail(int code, const char *fmt, ...) AN_PRINTF(2, 3); /* prints, returns code */
/* The i-th positional, if it can stand in a path; else NULL, and it is said why. */
const char *an_cli_word(an_cli *c, size_t i);
/* The same for a flag's value; "" if it was not given, NULL if it cannot stand in a query. */
const char *an_cli_query(an_cli *c, const char *flag);

/* Reads of an answer: the server's, so what is absent is shown as nothing. */
const char *an_cli_text(const an_jval *o, const char *key);
int64_t an_cli_int(const an_jval *o, const char *key);
double an_cli_num(const an_jval *o, const char *key);
bool an_cli_bool(const an_jval *o, const char *key);

const char *an_cli_s(uint64_t n); /* "", for one thing, or "s" */

/* "3m ago", "-" for 0; "1a2b3c4d" or "-". */
#define AN_CLI_SHORT 32
void an_cli_ago(char out[static AN_CLI_SHORT], int64_t then_ms);
void an_cli_ago_steady(void); /* from now on as "11-22 18:03": "3s ago" is another each time */
void an_cli_hash(char out[static AN_CLI_SHORT], const char *hash);
void an_cli_bytes(char out[static AN_CLI_SHORT], int64_t n);

/* Runs the verb again and again, until it is refused or whoever reads has gone. */
int an_cli_watching(an_cli *c, an_cli_verb *verb);

/* Follows the journal for ever, a line for each record. */
int an_cli_follow(an_cli *c, int64_t after);

#endif
