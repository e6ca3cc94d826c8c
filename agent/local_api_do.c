/* What people do: the commands that the verbs of andon-agent leave, with who did it. */
#include <stdio.h>
#include <string.h>

#include "agent/local_api_internal.h"
#include "agent/show.h"
#include "agent/show_alarms.h"
#include "base/log.h"

typedef struct words {
    const char *by, *comment, *reason, *duration, *verdict, *defect; /* "" if not given */
} words;

static an_err read_words(const local_api_request *r, an_json_doc **ret_doc, words *w, an_note *why)
{
    static const char *const keys[] = {"by", "comment", "reason", "for", "verdict", "defect", NULL};
    const char **rets[] = {&w->by, &w->comment, &w->reason, &w->duration, &w->verdict, &w->defect};
    const bool empty = r->ask->body_len == 0;
    an_err err = an_json_parse_max(empty ? "{}" : r->ask->body, empty ? 2 : r->ask->body_len,
                                   AN_LOCAL_API_BODY_MAX, "body", ret_doc, why);
    const an_jval *o = err == AN_OK ? an_json_root(*ret_doc) : NULL;
    if (err == AN_OK && an_jval_kind(o) != AN_JKIND_OBJECT)
        err = an_fail(AN_ERR_INVAL, why, "the body must be a JSON object");
    if (err == AN_OK)
        err = an_jval_only_keys(o, keys, why);
    for (size_t i = 0; keys[i] && err == AN_OK; i++)
        err = an_jval_get_text(o, keys[i], "", rets[i], why);
    if (err == AN_OK && !w->by[0])
        w->by = r->ask->user;
    if (err == AN_OK && !w->by[0])
        err = an_fail(AN_ERR_INVAL, why, "\"by\" is missing: who does it is recorded");
    if (err == AN_OK && strlen(w->by) >= AN_NAME_MAX)
        err = an_fail(AN_ERR_INVAL, why, "\"by\" has at most %d bytes", AN_NAME_MAX - 1);
    return err == AN_ERR_PROTO ? AN_ERR_INVAL : err;
}

static const struct {
    const char *verb;
    an_logged_kind kind;
    bool line; /* also of a line with all its alarms */
} deeds[] = {{"ack", AN_LOGGED_ACKED, false},
             {"comment", AN_LOGGED_COMMENTED, false},
             {"shelve", AN_LOGGED_SHELVED, true},
             {"unshelve", AN_LOGGED_UNSHELVED, true},
             {"out-of-service", AN_LOGGED_REMOVED, true},
             {"in-service", AN_LOGGED_RESTORED, true}};

static an_err leave_deed(const local_api_request *r, const words *w, an_logged_kind kind, bool of_line,
                         FILE *out, an_note *why)
{
    char target[2 * AN_NAME_MAX + 2];
    snprintf(target, sizeof target, "%s%s%s", r->part[2], of_line ? "" : "/", of_line ? "" : r->part[3]);
    const an_deed_words deed = {.kind = kind,
                                .target = target,
                                .by = w->by,
                                .comment = w->comment[0] ? w->comment : w->reason,
                                .duration = w->duration[0] ? w->duration : NULL};
    return an_leave_deed(r->dir, &deed, out, why);
}

static an_err leave(const local_api_request *r, const words *w, FILE *out, an_note *why)
{
    const bool of_line = strcmp(r->part[1], "lines") == 0;
    const char *verb = r->part[of_line ? 3 : 4];
    const an_verdict_words v = {.by = w->by, .defect = w->defect, .comment = w->comment};
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
        if (strcmp(deeds[i].verb, verb) == 0 && (deeds[i].line || !of_line))
            return leave_deed(r, w, deeds[i].kind, of_line, out, why);
    if (!of_line && strcmp(verb, "verdict") == 0)
        return an_leave_verdict(r->dir, r->part[2], r->part[3], w->verdict, &v, out, why);
    if (of_line && strcmp(verb, "missed") == 0)
        return an_leave_missed(r->dir, r->part[2], w->reason, &v, out, why);
    return an_fail(AN_ERR_NOTFOUND, why, "no such verb of %s", of_line ? "a line" : "an alarm");
}

an_err local_api_do(const local_api_request *r, local_api_said *ret, an_note *why)
{
    an_json_doc *doc = NULL;
    words w;
    char said[512] = "";
    an_err err = read_words(r, &doc, &w, why);
    FILE *out = err == AN_OK ? fmemopen(said, sizeof said, "w") : NULL;
    if (err == AN_OK)
        err = out ? leave(r, &w, out, why) : AN_ERR_NOMEM;
    if (out)
        fclose(out);
    if (err == AN_OK) {
        an_log(AN_LOG_INFO, "local_api_deed", "line=%s verb=%s user=\"%s\"", r->part[2], r->part[r->n - 1],
               r->ask->user);
        an_json *o = an_json_object();
        said[strcspn(said, "\n")] = '\0';
        an_json_set_text(o, "said", said);
        an_json_set_text(o, "by", w.by);
        ret->status = 202;
        err = local_api_print(o, ret);
    }
    an_json_doc_free(doc);
    return err;
}
