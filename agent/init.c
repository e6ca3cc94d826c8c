/* The way through the verb init. */
#include "agent/init.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/conf.h"
#include "agent/init_internal.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/utf8.h"

/* ---- what a person says ---- */

static void list_kinds(const init *w)
{
    fprintf(w->opts->say, "sources of this agent:\n");
    for (size_t i = 0; an_source_type_at(i); i++)
        fprintf(w->opts->say, "  %-10s %s\n", an_source_type_at(i)->name, an_source_type_at(i)->meaning);
}

static bool has_option(const an_source_type *type, const char *key)
{
    for (const an_source_option *o = type->options; o->key; o++)
        if (strcmp(o->key, key) == 0)
            return true;
    return false;
}

static an_err choose_kind(init *w, init_kind *other, an_note *why)
{
    char kind[32] = "";
    if (!w->opts->kind && w->opts->in)
        list_kinds(w);
    an_err err = AN_OK;
    if (w->opts->kind)
        snprintf(kind, sizeof kind, "%.31s", w->opts->kind);
    else
        err = init_ask(w, "kind of source", "source", NULL, kind, sizeof kind, why);
    if (err)
        return err;
    w->type = an_source_type_find(kind);
    if (!w->type && (err = an_source_unknown(kind, why)))
        return err == AN_ERR_NOTFOUND ? AN_ERR_INVAL : err; /* it was asked for in so many words */
    if (strcmp(kind, "wav") == 0 && an_source_type_find("spectral"))
        w->type = an_source_type_find("spectral");
    w->kind = init_kind_find(w->type->name);
    if (!w->kind) {
        static const char *const keys[] = {"path", "address", "url", "endpoint", "broker"};
        *other = (init_kind){.name = w->type->name, .question = "where it is"};
        for (size_t i = 0; i < sizeof keys / sizeof *keys && !other->key; i++)
            other->key = has_option(w->type, keys[i]) ? keys[i] : NULL;
        w->kind = other;
    }
    return AN_OK;
}

static an_err take_settings(init *w, an_note *why)
{
    char key[40], value[INIT_VALUE_MAX];
    double number;
    for (size_t i = 0; i < w->opts->n_set; i++) {
        const char *text = w->opts->set[i], *eq = strchr(text, '=');
        if (!eq || eq == text || (size_t)(eq - text) >= sizeof key || strlen(eq) >= sizeof value / 2)
            return an_fail(AN_ERR_INVAL, why, "--set %.60s: must be KEY=VALUE, an option of the source",
                           text);
        memcpy(key, text, (size_t)(eq - text));
        key[eq - text] = '\0';
        if (strchr("[{\"", eq[1]) || an_parse_num(eq + 1, &number) || strcmp(eq + 1, "true") == 0 ||
            strcmp(eq + 1, "false") == 0)
            snprintf(value, sizeof value, "%s", eq + 1);
        else
            init_quote(value, sizeof value, eq + 1);
        init_set(w, key, value, "");
        w->options[w->n_options - 1].given = true;
    }
    return AN_OK;
}

static an_err take_where(init *w, an_note *why)
{
    char quoted[AN_PATH_MAX + 8];
    const bool asked = w->kind->key || w->kind->find;
    if (w->opts->where && strlen(w->opts->where) < sizeof w->where)
        memcpy(w->where, w->opts->where, strlen(w->opts->where) + 1);
    an_err err =
        w->opts->where || !asked || (w->kind->key && init_get(w, w->kind->key))
            ? AN_OK
            : init_ask(w, w->kind->question, "path, or --address", NULL, w->where, sizeof w->where, why);
    if (err || !w->kind->key || !w->where[0])
        return err;
    init_quote(quoted, sizeof quoted, w->where);
    init_set(w, w->kind->key, quoted, "");
    return AN_OK;
}

/* ---- what the source says ---- */

static an_err look_and_judge(init *w, an_note *why)
{
    bool again = false;
    fprintf(w->opts->say, "looking at values for at most %g s ...\n", (double)w->opts->for_ms / 1000);
    an_err err = init_look(w, w->opts->for_ms, why);
    if (!err && w->kind->refine)
        err = w->kind->refine(w, &again, why);
    if (!err && again)
        fprintf(w->opts->say, "taking them otherwise, and looking again for at most %g s ...\n",
                (double)w->opts->for_ms / 1000);
    if (!err && again)
        err = init_look(w, w->opts->for_ms, why);
    for (size_t i = 0; !err && i < w->n_tags; i++) {
        init_tag *t = &w->tags[i];
        char text[AN_INIT_WHY_MAX];
        const bool taken = an_init_judge(&t->stats, text) || !w->kind->put_tags;
        snprintf(t->why, sizeof t->why, "%s", taken ? "" : text);
        if (taken && text[0] && !t->note[0])
            snprintf(t->note, sizeof t->note, "%s", text);
    }
    return err;
}

static void show_tags(const init *w)
{
    FILE *out = w->opts->say;
    fprintf(out, "%" PRIu64 " rows, %zu of %zu tags are proposed:\n", w->rows, init_tags_kept(w), w->n_tags);
    for (size_t i = 0; i < w->n_tags && i < 200 && !w->kind->window_is_rows; i++) {
        const init_tag *t = &w->tags[i];
        char name[AN_SOURCE_NAME_MAX];
        snprintf(name, sizeof name, "%s", t->name);
        for (char *c = name; *c; c++) /* what a device calls its things is no command to a terminal */
            *c = (unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c;
        if (t->why[0])
            fprintf(out, "  -  %-*s %s\n", an_utf8_width(name, 32), name, t->why);
        else
            fprintf(out, "  +  %-*s %.6g to %.6g%s%s\n", an_utf8_width(name, 32), name, t->stats.min,
                    t->stats.max, t->note[0] ? "; " : "", t->note);
    }
    for (size_t i = 0; i < w->n_notes; i++)
        fprintf(out, "%s\n", w->notes[i]);
}

/* ---- the file ---- */

/* Letters, digits, '.', '_' and '-' of what a thing is called. */
static void make_name(char *out, size_t cap, const char *text, const char *otherwise)
{
    const char *slash = strrchr(text, '/');
    const char *from = slash && slash[1] ? slash + 1 : text;
    size_t n = 0;
    for (; *from && n + 1 < cap && n < 40; from++) {
        const char c = *from;
        const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '-' || c == '_';
        if (c == '.' && n > 0)
            break; /* the end of a file's name */
        if (ok || n > 0)
            out[n++] = ok ? c : '-';
    }
    out[n] = '\0';
    if (n == 0)
        snprintf(out, cap, "%s", otherwise);
}

typedef struct names {
    char site[AN_NAME_MAX], line[AN_NAME_MAX], model[AN_NAME_MAX], data[AN_PATH_MAX / 2], out[AN_PATH_MAX];
} names;

static an_err take_names(const init *w, names *n, an_note *why)
{
    const an_init_opts *o = w->opts;
    char host[256] = "site", text[AN_NAME_MAX];
    an_err err;
    gethostname(host, sizeof host - 1);
    make_name(text, sizeof text, host, "site");
    if ((err = init_ask(w, "name of this site", "site", o->site ? o->site : text, n->site, sizeof n->site,
                        why)))
        return err;
    make_name(text, sizeof text, strstr(w->where, "://") || strchr(w->where, '=') ? "" : w->where, "line-1");
    if (text[0] >= '0' && text[0] <= '9')
        snprintf(text, sizeof text, "line-1");
    if ((err = init_ask(w, "name of the line", "line", o->line ? o->line : text, n->line, sizeof n->line,
                        why)) ||
        (err = init_ask(w, "its model", "model", o->model ? o->model : n->line, n->model, sizeof n->model,
                        why)))
        return err;
    return init_ask(w, "folder for the agent's data", "data", o->data ? o->data : "andon-data", n->data,
                    sizeof n->data, why);
}

static an_err check_out(const init *w, char out[static AN_PATH_MAX], an_note *why)
{
    const char *path = w->opts->out ? w->opts->out : "site.yaml";
    char answer[8] = "";
    if (strlen(path) >= AN_PATH_MAX)
        return an_fail(AN_ERR_LIMIT, why, "--out: too long");
    memcpy(out, path, strlen(path) + 1);
    if (w->opts->force || !an_file_exists(path))
        return AN_OK;
    if (w->opts->in && !w->opts->yes) {
        an_err err = init_ask(w, "the file is there already; write over it (yes or no)", "force", "no",
                              answer, sizeof answer, why);
        if (err || strcmp(answer, "yes") == 0)
            return err;
    }
    return an_fail(AN_ERR_EXISTS, why,
                   "%.200s is there already; --force writes over it, --out FILE elsewhere", path);
}

/* What is written is what `run` reads: the same parser, and the source opened until a row comes. */
static an_err prove(init *w, const an_buf *b, const char *out, an_note *why)
{
    an_agent_conf conf = {.site = NULL};
    an_note inner = {{0}};
    an_err err = an_agent_conf_parse((const char *)b->data, b->len, out, &conf, &inner);
    an_agent_conf_done(&conf);
    if (err)
        return an_fail(err, why, "what was made of it is refused: %.250s", inner.text);
    return init_try(w, w->opts->for_ms, why);
}

static void say_next(const init *w, const names *n)
{
    fprintf(w->opts->say,
            "written: %s. Next:\n"
            "  1. read it: names, units and limits are yours to say\n"
            "  2. andon-agent run --check --config %s\n"
            "  3. andon-agent enrol TOKEN --site %s --data %s      (the coordinator's people: andon token)\n"
            "  4. andon-agent run --config %s\n"
            "  5. andon-agent status --data %s\n",
            n->out, n->out, n->site, n->data, n->out, n->data);
}

static an_err write_file(init *w, const names *n, an_note *why)
{
    an_buf b;
    an_buf_init(&b, INIT_TEXT_MAX);
    an_err err = init_put_file(w, &b, n->site, n->data, n->line, n->model);
    if (!err)
        err = prove(w, &b, n->out, why);
    if (!err)
        err = an_file_write(n->out, b.data, b.len, 0644, why);
    an_buf_done(&b);
    if (!err)
        say_next(w, n);
    return err;
}

an_err an_init(const an_init_opts *opts, an_note *why)
{
    init *w = an_alloc(1, sizeof *w);
    names n = {.site = ""};
    init_kind other;
    if (!w)
        return AN_ERR_NOMEM;
    w->opts = opts;
    an_source_look_only();
    an_err err = check_out(w, n.out, why);
    if (!err)
        err = choose_kind(w, &other, why);
    if (!err)
        err = take_settings(w, why);
    if (!err)
        err = take_where(w, why);
    if (!err && w->kind->find)
        err = w->kind->find(w, why);
    if (!err)
        err = look_and_judge(w, why);
    if (!err) {
        show_tags(w);
        if (init_tags_kept(w) == 0)
            err = an_fail(
                AN_ERR_NOTFOUND, why,
                "nothing that changes was seen: try again while the line runs, or longer (--for 60s)");
    }
    if (!err)
        err = take_names(w, &n, why);
    if (!err)
        err = write_file(w, &n, why);
    an_free(w->tags);
    an_free(w->kept);
    an_free(w);
    return err;
}
