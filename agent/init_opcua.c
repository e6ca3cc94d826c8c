/* What an OPC UA server has: its variables that are numbers, by their paths. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/init_internal.h"

typedef struct variables {
    init *w;
    size_t others; /* that are no numbers */
} variables;

/* kind is "Double, Line 4/Press/Force"; the last two names of the path tell enough. */
static void name_of(const char *kind, char *out, size_t cap)
{
    const char *path = strchr(kind, ',');
    path = path ? path + 1 + strspn(path + 1, " ") : kind;
    const char *last = strrchr(path, '/'), *from = last;
    while (from && from > path && from[-1] != '/')
        from--;
    if (from && strlen(from) < cap)
        path = from;
    else if (last)
        path = last + 1;
    snprintf(out, cap, "%s", path);
    for (char *p = out; *p; p++)
        if (*p == '/')
            *p = '.';
}

static void seen(void *ctx, const an_source_find *find)
{
    variables *v = ctx;
    char name[AN_SOURCE_NAME_MAX - 8], quoted[INIT_AT_MAX - 16];
    if (isnan(find->value)) {
        v->others++;
        return;
    }
    name_of(find->kind, name, sizeof name);
    init_quote(quoted, sizeof quoted, find->tag);
    init_tag *t = init_tag_add(v->w, name);
    if (!t)
        return;
    snprintf(t->at, sizeof t->at, "node: %s", quoted);
    snprintf(t->unit, sizeof t->unit, "%.15s", find->unit);
}

an_err init_opcua_find(init *w, an_note *why)
{
    variables v = {.w = w};
    an_yaml *doc = NULL;
    init_set(w, "sampling_ms", "100", "");
    init_set(w, "publishing_ms", "200", "");
    init_set(w, "step_ms", "0", "");
    an_err err = init_doc(w, false, &doc, why);
    if (!err)
        err = w->type->browse(an_yaml_root(doc), w->opts->for_ms, seen, &v, why);
    an_yaml_free(doc);
    if (!err && w->n_tags == 0)
        err = an_fail(AN_ERR_NOTFOUND, why, "the server shows no variable that is a number to this user");
    if (!err && v.others > 0)
        init_note(w, "%zu variables are texts, arrays or not to be read, and left out.", v.others);
    return err;
}

an_err init_opcua_refine(init *w, bool *ret_again, an_note *why)
{
    char text[24];
    (void)why;
    *ret_again = false;
    snprintf(text, sizeof text, "%lld", (long long)init_step(w));
    init_set(w, "sampling_ms", text, "as often as its fastest value was seen to change");
    init_set(w, "publishing_ms", text, "");
    init_set(w, "step_ms", text, "a row so often, of the last value of each tag; 0: a row for each time");
    return AN_OK;
}
