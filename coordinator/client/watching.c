/* --watch: the same look again and again.  On a terminal it is drawn anew; into a pipe goes a line for each that was
 * not there before. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "coordinator/client/client.h"
#include "coordinator/client/grid.h"

#define LOOK_MS 1000 /* what is shown is at most this old */
#define TEXT_MAX ((size_t)8 << 20)

/* What the verb prints, terminated; NULL: it could not be taken.  *ret_code: the verb's. */
static char *take(an_cli *c, an_cli_verb *verb, int *ret_code)
{
    FILE *file = tmpfile();
    const int out = dup(STDOUT_FILENO);
    char *text = NULL;
    fflush(stdout);
    if (!file || out < 0 || dup2(fileno(file), STDOUT_FILENO) < 0)
        goto out;
    *ret_code = verb(c);
    fflush(stdout);
    if (dup2(out, STDOUT_FILENO) < 0)
        goto out;
    const long len = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (len < 0 || (size_t)len > TEXT_MAX || !(text = an_alloc((size_t)len + 1, 1)))
        goto out;
    rewind(file);
    if (fread(text, 1, (size_t)len, file) != (size_t)len) {
        an_free(text);
        text = NULL;
    }
out:
    if (out >= 0)
        close(out);
    if (file)
        fclose(file);
    return text;
}

static bool has_line(const char *text, const char *line, size_t len)
{
    for (const char *at = text; at && *at;) {
        const char *end = strchr(at, '\n');
        const size_t n = end ? (size_t)(end - at) : strlen(at);
        if (n == len && strncmp(at, line, len) == 0)
            return true;
        at = end ? end + 1 : NULL;
    }
    return false;
}

static void print_new_lines(const char *text, const char *before)
{
    for (const char *at = text; *at;) {
        const size_t len = strcspn(at, "\n");
        if (len > 0 && !has_line(before, at, len))
            printf("%.*s\n", (int)len, at);
        at += len + (at[len] == '\n');
    }
}

/* Back at once when something happens, else in a moment, for progress and times. */
static int wait_for_news(an_cli *c, int64_t *after)
{
    an_json_doc *doc;
    const bool quiet = c->quiet_json;
    c->quiet_json = true;
    const int code = *after < 0 ? an_cli_get(c, &doc, "/journal?newest=true&limit=1")
                                : an_cli_get(c, &doc, "/journal?after=%lld&wait_ms=%d&limit=100",
                                             (long long)*after, LOOK_MS);
    if (doc)
        *after = an_cli_int(an_json_root(doc), "last");
    an_json_doc_free(doc);
    c->quiet_json = quiet;
    return code;
}

int an_cli_watching(an_cli *c, an_cli_verb *verb)
{
    const bool screen = isatty(STDOUT_FILENO) && !c->json;
    char *before = NULL;
    int64_t after = -1;
    int code = AN_CLI_OK;
    if (!screen)
        an_cli_ago_steady();
    an_grid_fit(screen ? dup(STDOUT_FILENO) : -1);            /* what is shown goes through a file first */
    while (code == AN_CLI_OK || code == AN_CLI_UNREACHABLE) { /* a coordinator may come back */
        char *text = take(c, verb, &code);
        if (!text)
            code = an_cli_fail(AN_CLI_REFUSED, "what is shown could not be kept: %s", strerror(errno));
        else if (screen)
            printf("\033[H\033[J%s", text); /* home, clear */
        else if (c->json && (!before || strcmp(text, before) != 0))
            printf("%s", text);
        else if (!c->json)
            print_new_lines(text, before);
        if (fflush(stdout) != 0)
            code = AN_CLI_REFUSED; /* whoever read has gone */
        an_free(before);
        before = text;
        if (code == AN_CLI_OK)
            code = wait_for_news(c, &after);
        if (code == AN_CLI_UNREACHABLE)
            poll(NULL, 0, LOOK_MS);
    }
    an_free(before);
    return code;
}
