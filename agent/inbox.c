#include "agent/inbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "msg/msg.h"

#define COMMAND_BYTES 4096

static const char *const verdicts[] = {"true", "false", "unsure"};

const char *an_verdict_name(an_verdict v)
{
    return verdicts[v];
}

bool an_verdict_find(const char *name, an_verdict *ret)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        if (strcmp(verdicts[i], name) != 0)
            continue;
        *ret = (an_verdict)i;
        return true;
    }
    return false;
}

static void put_deed(an_json *o, const an_command *c)
{
    an_json_set_text(o, "do", an_logged_name(c->deed));
    an_json_set_int(o, "alarm", (int64_t)c->alarm);
    an_json_set_text(o, "by", c->by);
    an_json_set_text(o, "comment", c->reason);
    an_json_set_int(o, "until_ms", c->until_ms);
}

an_err an_inbox_put(const char *dir, const an_command *c, int64_t now_ms, an_note *why)
{
    char inbox[AN_PATH_MAX], path[AN_PATH_MAX], name[64];
    uint32_t salt;
    an_random(&salt, sizeof salt);
    snprintf(name, sizeof name, "%016" PRId64 "-%08" PRIx32 ".json", now_ms, salt);
    an_err err = an_path_join(inbox, dir, "inbox");
    if (err == AN_OK)
        err = an_dir_make(inbox, why);
    if (err == AN_OK)
        err = an_path_join(path, inbox, name);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object();
    if (c->kind == AN_COMMAND_IMPORT)
        an_json_set_text(o, "import", c->line);
    else if (c->kind != AN_COMMAND_ROTATE)
        an_json_set_text(o, "line", c->line);
    if (c->kind == AN_COMMAND_IMPORT) {
        /* all is said */
    } else if (c->kind == AN_COMMAND_ROTATE) {
        an_json_set_text(o, "rotate", "keys");
    } else if (c->kind == AN_COMMAND_ROLLBACK) {
        an_json_set_text(o, "rollback", c->reason);
    } else if (c->kind == AN_COMMAND_THRESHOLD) {
        an_json_set_num(o, "threshold", c->factor);
        an_json_set_text(o, "by", c->by);
        an_json_set_text(o, "reason", c->reason);
    } else if (c->kind == AN_COMMAND_ALARM) {
        put_deed(o, c);
    } else if (c->kind == AN_COMMAND_MISSED) {
        an_json_set_text(o, "missed", c->reason);
        an_json_set_text(o, "by", c->by);
        an_json_set_text(o, "class", c->defect);
    } else {
        an_json_set_int(o, "alarm", (int64_t)c->alarm);
        an_json_set_text(o, "verdict", an_verdict_name(c->verdict));
        an_json_set_text(o, "by", c->by);
        an_json_set_text(o, "class", c->defect);
        an_json_set_text(o, "comment", c->reason);
    }
    char *text = an_json_print(o, 0);
    an_json_free(o);
    err = text ? an_file_write(path, text, strlen(text), 0600, why) : AN_ERR_NOMEM;
    an_free(text);
    return err;
}

/* Who has judged, and what it is called. */
static an_err parse_words(const an_jval *o, an_command *ret, an_note *why)
{
    const char *by = "", *defect = "", *comment = ret->reason;
    an_err err = an_jval_get_text(o, "by", "", &by, why);
    if (err == AN_OK)
        err = an_jval_get_text(o, "class", "", &defect, why);
    if (err == AN_OK && ret->kind == AN_COMMAND_VERDICT)
        err = an_jval_get_text(o, "comment", "", &comment, why);
    if (err != AN_OK)
        return err;
    an_text_set(ret->by, sizeof ret->by, by);
    an_text_set(ret->defect, sizeof ret->defect, defect);
    if (ret->kind == AN_COMMAND_VERDICT)
        an_text_set(ret->reason, sizeof ret->reason, comment);
    return AN_OK;
}

static an_err parse_verdict(const an_jval *o, an_command *ret, an_note *why)
{
    const char *verdict = NULL;
    int64_t alarm = 0;
    an_err err = an_jval_int(o, "alarm", 1, INT64_MAX, &alarm, why);
    if (err == AN_OK)
        err = an_jval_text(o, "verdict", &verdict, why);
    if (err == AN_OK && !an_verdict_find(verdict, &ret->verdict))
        err = an_fail(AN_ERR_PROTO, why, "\"%.60s\" is not a verdict", verdict);
    ret->kind = AN_COMMAND_VERDICT;
    ret->alarm = (uint64_t)alarm;
    return err == AN_OK ? parse_words(o, ret, why) : err;
}

static an_err parse_reason(const an_jval *o, const char *key, an_command *ret, an_note *why)
{
    const char *reason = NULL;
    an_err err = an_jval_text(o, key, &reason, why);
    if (err == AN_OK)
        an_text_set(ret->reason, sizeof ret->reason, reason);
    return err;
}

static an_err parse_deed(const an_jval *o, an_command *ret, an_note *why)
{
    const char *deed = "", *by = "", *comment = "";
    int64_t alarm = 0;
    an_err err = an_jval_text(o, "do", &deed, why);
    if (err == AN_OK &&
        (!an_logged_find(deed, &ret->deed) || ret->deed < AN_LOGGED_ACKED || ret->deed > AN_LOGGED_COMMENTED))
        err = an_fail(AN_ERR_PROTO, why, "\"%.60s\" is nothing that is done about an alarm", deed);
    if (err == AN_OK)
        err = an_jval_get_int(o, "alarm", 0, INT64_MAX, 0, &alarm, why);
    if (err == AN_OK)
        err = an_jval_text(o, "by", &by, why);
    if (err == AN_OK)
        err = an_jval_get_text(o, "comment", "", &comment, why);
    if (err == AN_OK)
        err = an_jval_get_int(o, "until_ms", 0, INT64_MAX, 0, &ret->until_ms, why);
    ret->kind = AN_COMMAND_ALARM;
    ret->alarm = (uint64_t)alarm;
    an_text_set(ret->by, sizeof ret->by, by);
    an_text_set(ret->reason, sizeof ret->reason, comment);
    return err;
}

static an_err parse_threshold(const an_jval *o, an_command *ret, an_note *why)
{
    const char *by = "";
    ret->kind = AN_COMMAND_THRESHOLD;
    an_err err =
        an_jval_num(o, "threshold", AN_THRESHOLD_FACTOR_MIN, AN_THRESHOLD_FACTOR_MAX, &ret->factor, why);
    if (err == AN_OK)
        err = an_jval_text(o, "by", &by, why);
    if (err == AN_OK)
        err = parse_reason(o, "reason", ret, why);
    an_text_set(ret->by, sizeof ret->by, by);
    return err;
}

static an_err parse_line(const an_jval *o, const char *path, an_command *ret, an_note *why)
{
    const char *line = NULL;
    an_err err = an_jval_text(o, "line", &line, why);
    if (err == AN_OK && !an_name_ok(line))
        err = an_fail(AN_ERR_PROTO, why, "%.200s: not a command", path);
    if (err != AN_OK)
        return err;
    snprintf(ret->line, sizeof ret->line, "%s", line);
    if (an_jval_get(o, "do"))
        return parse_deed(o, ret, why);
    if (an_jval_get(o, "threshold"))
        return parse_threshold(o, ret, why);
    const char *key = an_jval_get(o, "rollback") ? "rollback" : an_jval_get(o, "missed") ? "missed" : NULL;
    if (!key)
        return parse_verdict(o, ret, why);
    ret->kind = key[0] == 'r' ? AN_COMMAND_ROLLBACK : AN_COMMAND_MISSED;
    err = parse_reason(o, key, ret, why);
    return err == AN_OK && ret->kind == AN_COMMAND_MISSED ? parse_words(o, ret, why) : err;
}

static an_err parse_import(const an_jval *o, an_command *ret, an_note *why)
{
    const char *name = NULL;
    an_err err = an_jval_text(o, "import", &name, why);
    if (err == AN_OK && !an_name_ok(name))
        err = an_fail(AN_ERR_PROTO, why, "not the name of an import");
    if (err == AN_OK)
        snprintf(ret->line, sizeof ret->line, "%s", name);
    ret->kind = AN_COMMAND_IMPORT;
    return err;
}

static an_err parse(const char *path, an_command *ret, an_note *why)
{
    an_buf b;
    an_json_doc *doc = NULL;
    an_command c = {.kind = AN_COMMAND_VERDICT};
    an_buf_init(&b, COMMAND_BYTES);
    an_err err = an_file_read(&b, path, why);
    if (err == AN_OK)
        err = an_json_parse((const char *)b.data, b.len, path, &doc, why);
    const an_jval *o = an_json_root(doc);
    if (err == AN_OK && an_jval_get(o, "rotate"))
        c.kind = AN_COMMAND_ROTATE;
    else if (err == AN_OK && an_jval_get(o, "import"))
        err = parse_import(o, &c, why);
    else if (err == AN_OK)
        err = parse_line(o, path, &c, why);
    if (err == AN_OK)
        *ret = c;
    an_json_doc_free(doc);
    an_buf_done(&b);
    return err == AN_OK || err == AN_ERR_NOMEM ? err : AN_ERR_PROTO;
}

/* The oldest whole file; a write that is under way has another ending. */
static an_err oldest(const char *inbox, char out[static AN_PATH_MAX], an_note *why)
{
    an_names names = {NULL, 0};
    an_err err = an_dir_list(inbox, &names, why);
    if (err != AN_OK)
        return err;
    err = AN_ERR_NOTFOUND;
    for (size_t i = 0; i < names.n && err == AN_ERR_NOTFOUND; i++) {
        const size_t len = strlen(names.items[i]);
        if (len > 5 && strcmp(names.items[i] + len - 5, ".json") == 0)
            err = an_path_join(out, inbox, names.items[i]);
    }
    an_names_done(&names);
    return err;
}

an_err an_inbox_take(const char *dir, an_command *ret, an_note *why)
{
    char inbox[AN_PATH_MAX], path[AN_PATH_MAX];
    an_err err = an_path_join(inbox, dir, "inbox");
    if (err != AN_OK || !an_file_exists(inbox))
        return err == AN_OK ? AN_ERR_NOTFOUND : err;
    if ((err = oldest(inbox, path, why)) != AN_OK)
        return err;
    err = parse(path, ret, why);
    if (err == AN_ERR_NOMEM)
        return err;
    an_err removed = an_file_remove(path, why);
    return err == AN_OK ? removed : err;
}
