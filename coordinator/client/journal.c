/* The journal: reading it, checking it, taking it along. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/audit.h"
#include "coordinator/client/client.h"

static int print_records(const an_jval *list, bool json)
{
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *r = an_jval_at(list, i);
        if (json) {
            an_json *copy = an_json_copy(r);
            char *text = an_json_print(copy, 0);
            printf("%s\n", text ? text : "{}");
            an_free(text);
            an_json_free(copy);
        } else {
            printf("%s\n", an_cli_text(r, "line"));
        }
    }
    return fflush(stdout) == 0 ? AN_CLI_OK : AN_CLI_REFUSED; /* whoever read has gone */
}

/* ---- what is asked for ---- */

typedef struct filter {
    const char *kind, *subject, *actor;
    int64_t since_ms, until_ms;
} filter;

/* False: it was said what is wrong. */
static bool read_filter(an_cli *c, filter *f)
{
    int64_t ignored = 0;
    *f = (filter){an_cli_query(c, "kind"), an_cli_query(c, "subject"), an_cli_query(c, "actor"), 0, 0};
    if (!f->kind || !f->subject || !f->actor)
        return false;
    const char *since = an_args_get(c->args, "since"), *until = an_args_get(c->args, "until");
    if (since && !an_cli_when(since, &f->since_ms, &ignored)) {
        an_cli_fail(AN_CLI_USAGE, "--since %.40s: " AN_CLI_WHEN, since);
        return false;
    }
    if (until && !an_cli_when(until, &ignored, &f->until_ms)) {
        an_cli_fail(AN_CLI_USAGE, "--until %.40s: " AN_CLI_WHEN, until);
        return false;
    }
    return true;
}

static int get(an_cli *c, an_json_doc **ret, const filter *f, const char *what)
{
    return an_cli_get(c, ret, "/journal?%s&kind=%s&subject=%s&by=%s&since=%lld&until=%lld", what, f->kind,
                      f->subject, f->actor, (long long)f->since_ms, (long long)f->until_ms);
}

static int follow(an_cli *c, const filter *f, int64_t after)
{
    c->quiet_json = true;
    for (;;) {
        an_json_doc *doc;
        char what[80];
        snprintf(what, sizeof what, "after=%lld&wait_ms=20000&limit=500", (long long)after);
        int code = get(c, &doc, f, what);
        if (code != AN_CLI_OK)
            return code;
        after = an_cli_int(an_json_root(doc), "last");
        code = print_records(an_jval_get(an_json_root(doc), "records"), c->json);
        an_json_doc_free(doc);
        if (code != AN_CLI_OK)
            return code;
    }
}

int an_cli_follow(an_cli *c, int64_t after)
{
    filter f;
    return read_filter(c, &f) ? follow(c, &f, after) : AN_CLI_USAGE;
}

/* The server's answer, in the order in which people read it. */
static void print_document(const an_jval *root, const an_jval *newest_first)
{
    an_json *o = an_json_copy(root), *records = an_json_array();
    for (size_t i = an_jval_count(newest_first); i-- > 0;)
        an_json_push(records, an_json_copy(an_jval_at(newest_first, i)));
    an_json_set(o, "records", records);
    char *text = an_json_print(o, 0);
    printf("%s\n", text ? text : "{}");
    an_free(text);
    an_json_free(o);
}

/* The last so many records, oldest first. */
static int print_last(an_cli *c, const filter *f, int64_t limit, int64_t *ret_last)
{
    an_json_doc *doc;
    char what[80];
    c->quiet_json = true;
    snprintf(what, sizeof what, "newest=true&limit=%lld", (long long)limit);
    int code = get(c, &doc, f, what);
    if (!doc)
        return code;
    const an_jval *list = an_jval_get(an_json_root(doc), "records");
    if (c->json)
        print_document(an_json_root(doc), list);
    for (size_t i = c->json ? 0 : an_jval_count(list); i-- > 0;)
        printf("%s\n", an_cli_text(an_jval_at(list, i), "line"));
    *ret_last = an_cli_int(an_json_root(doc), "last");
    an_json_doc_free(doc);
    return code;
}

int an_cli_journal(an_cli *c)
{
    an_note why = {{0}};
    filter f;
    char what[80];
    int64_t after = 0, limit = 50;
    if (an_args_has(c->args, "verify"))
        return an_cli_journal_verify(c);
    if (!read_filter(c, &f))
        return AN_CLI_USAGE;
    if (an_args_int(c->args, "after", 0, INT64_MAX, 0, &after, &why) != AN_OK ||
        an_args_int(c->args, "limit", 1, 1000, 50, &limit, &why) != AN_OK)
        return an_cli_fail(AN_CLI_USAGE, "%s", why.text);
    const bool from_start = an_args_has(c->args, "after");
    if (an_args_has(c->args, "follow")) {
        int code = from_start || c->json ? AN_CLI_OK : print_last(c, &f, limit, &after);
        return code == AN_CLI_OK ? follow(c, &f, after) : code;
    }
    if (!from_start)
        return print_last(c, &f, limit, &after);
    an_json_doc *doc;
    snprintf(what, sizeof what, "after=%lld&limit=%lld", (long long)after, (long long)limit);
    int code = get(c, &doc, &f, what);
    if (doc)
        code = print_records(an_jval_get(an_json_root(doc), "records"), false);
    an_json_doc_free(doc);
    return code;
}

/* ---- checking ---- */

typedef struct verdict {
    bool intact;
    char detail[512];
    an_audit_counts n;
} verdict;

static void say(const an_cli *c, const verdict *v)
{
    char chain[AN_HASH_TEXT];
    an_hash_text(chain, &v->n.chain);
    if (c->json) {
        an_json *o = an_json_object();
        an_json_set_bool(o, "intact", v->intact);
        an_json_set_int(o, "records", (int64_t)v->n.records);
        an_json_set_text(o, "chain", chain);
        an_json_set_int(o, "reports", (int64_t)v->n.reports);
        an_json_set_int(o, "reports_plain", (int64_t)v->n.reports_plain);
        an_json_set_int(o, "releases", (int64_t)v->n.releases);
        an_json_set_int(o, "delegations", (int64_t)v->n.delegations);
        an_json_set_int(o, "rotations", (int64_t)v->n.rotations);
        an_json_set_int(o, "withheld", (int64_t)v->n.withheld);
        if (!v->intact)
            an_json_set_text(o, "detail", v->detail);
        char *text = an_json_print(o, 0);
        printf("%s\n", text ? text : "{}");
        an_free(text);
        an_json_free(o);
        return;
    }
    if (!v->intact) {
        printf("THE JOURNAL IS NOT INTACT: %s\n", v->detail);
        return;
    }
    const an_audit_counts *n = &v->n;
    printf("the journal is intact: %llu record%s\n", (unsigned long long)n->records, an_cli_s(n->records));
    printf("  countersigned by their sites: %llu report%s of what lines run", (unsigned long long)n->reports,
           an_cli_s(n->reports));
    if (n->reports_plain)
        printf(", and %llu of before sites countersigned", (unsigned long long)n->reports_plain);
    printf("\n  signed: %llu release%s, %llu delegation%s or revocation%s, %llu rotation%s of the root\n",
           (unsigned long long)n->releases, an_cli_s(n->releases), (unsigned long long)n->delegations,
           an_cli_s(n->delegations), an_cli_s(n->delegations), (unsigned long long)n->rotations,
           an_cli_s(n->rotations));
    if (n->withheld)
        printf("  without their secret, its hash in its place: %llu record%s\n",
               (unsigned long long)n->withheld, an_cli_s(n->withheld));
    printf("chain %s (keep it elsewhere)\n", chain);
}

static int verify_there(an_cli *c, verdict *v)
{
    an_json_doc *doc;
    c->quiet_json = true;
    int code = an_cli_get(c, &doc, "/journal/verify");
    if (!doc)
        return code;
    const an_jval *o = an_json_root(doc);
    v->intact = an_cli_bool(o, "intact");
    v->n.records = (uint64_t)an_cli_int(o, "records");
    v->n.reports = (uint64_t)an_cli_int(o, "reports");
    v->n.reports_plain = (uint64_t)an_cli_int(o, "reports_plain");
    v->n.releases = (uint64_t)an_cli_int(o, "releases");
    v->n.delegations = (uint64_t)an_cli_int(o, "delegations");
    v->n.rotations = (uint64_t)an_cli_int(o, "rotations");
    if (!an_unhex(v->n.chain.b, sizeof v->n.chain.b, an_cli_text(o, "chain")))
        v->n.chain = (an_hash){{0}};
    snprintf(v->detail, sizeof v->detail, "%s", an_cli_text(o, "detail"));
    an_json_doc_free(doc);
    return AN_CLI_OK;
}

/* 1: a line is in b; 0: the end; -1: too long. */
static int read_line(FILE *in, an_buf *b)
{
    int ch;
    b->len = 0;
    while ((ch = getc(in)) != EOF && ch != '\n')
        an_buf_u8(b, (uint8_t)ch);
    if (an_buf_err(b) != AN_OK)
        return -1;
    return ch == EOF && b->len == 0 ? 0 : 1;
}

static int verify_file(const char *path, verdict *v)
{
    an_buf b;
    an_note why = {{0}};
    an_audit *a = NULL;
    an_err err = an_audit_new(&a);
    FILE *in = fopen(path, "rb");
    if (!in) {
        an_audit_free(a);
        return an_cli_fail(AN_CLI_NOT_FOUND, "%.300s: %s", path, strerror(errno));
    }
    an_buf_init(&b, AN_AUDIT_LINE_MAX);
    for (int more = 1; err == AN_OK && more;) {
        if ((more = read_line(in, &b)) < 0)
            err = an_fail(AN_ERR_LIMIT, &why, "a line is too long");
        else if (more > 0)
            err = an_audit_take(a, (const char *)b.data, b.len, &why);
    }
    if (err == AN_OK && ferror(in))
        err = an_fail(AN_ERR_IO, &why, "it cannot be read");
    fclose(in);
    an_buf_done(&b);
    v->intact = err == AN_OK;
    if (a)
        v->n = *an_audit_look(a);
    snprintf(v->detail, sizeof v->detail, "%s", why.text[0] ? why.text : an_err_text(err));
    an_audit_free(a);
    return AN_CLI_OK;
}

int an_cli_journal_verify(an_cli *c)
{
    verdict v = {.intact = false};
    const char *file = an_args_get(c->args, "file");
    int code = file ? verify_file(file, &v) : verify_there(c, &v);
    if (code != AN_CLI_OK)
        return code;
    say(c, &v);
    return v.intact ? AN_CLI_OK : AN_CLI_REFUSED;
}

/* ---- taking it along ---- */

int an_cli_journal_export(an_cli *c)
{
    const char *path = c->args->positionals[0];
    int64_t after = 0, n = 1, all = 0;
    int code = AN_CLI_OK;
    FILE *out = fopen(path, "wbx");
    if (!out)
        return an_cli_fail(AN_CLI_REFUSED, "%.300s: %s", path, strerror(errno));
    c->quiet_json = true;
    while (code == AN_CLI_OK && n > 0) {
        an_json_doc *doc;
        code = an_cli_get(c, &doc, "/journal/export?after=%lld", (long long)after);
        if (!doc)
            break;
        const char *lines = an_cli_text(an_json_root(doc), "lines");
        n = an_cli_int(an_json_root(doc), "records");
        after = an_cli_int(an_json_root(doc), "last");
        all += n;
        if (fwrite(lines, 1, strlen(lines), out) != strlen(lines))
            code = an_cli_fail(AN_CLI_REFUSED, "%.300s: %s", path, strerror(errno));
        an_json_doc_free(doc);
    }
    if (fclose(out) != 0 && code == AN_CLI_OK)
        code = an_cli_fail(AN_CLI_REFUSED, "%.300s: %s", path, strerror(errno));
    if (code != AN_CLI_OK)
        return code;
    verdict v = {.intact = false};
    if ((code = verify_file(path, &v)) != AN_CLI_OK)
        return code;
    if (!c->json)
        printf("%lld record%s written to %s\n", (long long)all, an_cli_s((uint64_t)all), path);
    say(c, &v);
    return v.intact ? AN_CLI_OK : AN_CLI_REFUSED;
}
