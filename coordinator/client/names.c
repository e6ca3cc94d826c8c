/* Names for completion: the coordinator is asked, for a second at most, and silence is an answer. */
#include <stdio.h>
#include <string.h>

#include "coordinator/client/client.h"
#include "coordinator/client/names.h"
#include "doors/http_client.h"

#define PATIENCE_MS 1000

/* Things that have names: where they are listed, and what stands behind each. */
typedef struct kind {
    const char *word; /* of a verb or a flag */
    const char *path, *list, *name, *about;
} kind;

static const kind kinds[] = {
    {"site", "/sites", "sites", "name", "status"},
    {"model", "/models", "models", "name", NULL},
    {"user", "/users", "users", "name", "role"},
    {"group", "/groups", "groups", "name", NULL},
    {"campaign", "/campaigns", "campaigns", "id", "model"},
    {"round", "/rounds", "rounds", "id", "model"},
    {"rollout", "/rollouts", "rollouts", "id", "model"},
    {"release", "/releases", "waiting", "id", "model"},
    {"proposal", "/proposals", "proposals", "id", "by"},
    {"version", "/versions", "versions", "hash", "model"},
};

static const kind *kind_of(const char *word, size_t len)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].word) == len && strncmp(kinds[i].word, word, len) == 0)
            return &kinds[i];
    return NULL;
}

/* What the verb is about is what its NAME, ID or N names. */
static const kind *of_verb(const char *verb, const char *what)
{
    static const char *const words[] = {"NAME", "ID", "[N]", "N"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(what, words[i]) == 0)
            return kind_of(verb, strcspn(verb, " "));
    return NULL;
}

static void print(const an_jval *o, const char *key, FILE *out)
{
    const char *text = an_cli_text(o, key);
    if (text[0])
        fputs(text, out);
    else
        fprintf(out, "%lld", (long long)an_cli_int(o, key));
}

static void print_all(an_cli *c, const kind *k, FILE *out)
{
    an_json_doc *doc = NULL;
    if (an_cli_get(c, &doc, "%s", k->path) != AN_CLI_OK)
        return;
    const an_jval *list = an_jval_get(an_json_root(doc), k->list);
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *o = an_jval_at(list, i);
        print(o, k->name, out);
        if (k->about)
            fprintf(out, "\t%s", an_cli_text(o, k->about));
        fputc('\n', out);
    }
    an_json_doc_free(doc);
}

bool an_cli_names(const an_args *given, const char *flag, const char *what, FILE *out)
{
    const kind *wanted[2] = {NULL, NULL};
    an_cli c = {.args = given, .timeout_ms = PATIENCE_MS};
    if (flag)
        wanted[0] = strcmp(flag, "models") == 0 ? kind_of("model", 5) : kind_of(flag, strlen(flag));
    else if (strstr(what, "SITE"))
        wanted[0] = kind_of("site", 4);
    else if (strcmp(what, "HASH") == 0 || strcmp(what, "A") == 0 || strcmp(what, "B") == 0)
        wanted[0] = kind_of("version", 7);
    else if (strcmp(what, "MODEL") != 0)
        wanted[0] = of_verb(given->verb->name, what);
    if (!flag && strstr(what, "MODEL"))
        wanted[1] = kind_of("model", 5);
    if (!wanted[0] && !wanted[1])
        return false;
    an_json_init();
    if (an_http_client_init() != AN_OK)
        return false;
    if (an_cli_connect(&c) == AN_CLI_OK)
        for (size_t i = 0; i < 2; i++)
            if (wanted[i])
                print_all(&c, wanted[i], out);
    an_http_client_done();
    return true;
}
