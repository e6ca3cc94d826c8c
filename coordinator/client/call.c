/* One call to the API; reading its answer. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/client/client.h"
#include "doors/http_client.h"

#define ANSWER_MAX ((size_t)16 << 20)
#define TIMEOUT_MS 65000 /* above what the server lets a request wait */
#define REACH_MS 3000

int an_cli_fail(int code, const char *fmt, ...)
{
    va_list args;
    fflush(stdout);
    fputs("andon: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

static int refused(const an_http_answer *answer)
{
    an_json_doc *doc = NULL;
    const char *detail = NULL;
    if (an_json_parse(answer->body, answer->body_len, "answer", &doc, NULL) == AN_OK)
        detail = an_cli_text(an_json_root(doc), "detail");
    int code = answer->status == 404 ? AN_CLI_NOT_FOUND : AN_CLI_REFUSED;
    if (detail && detail[0])
        an_cli_fail(code, "%s", detail);
    else
        an_cli_fail(code, "the coordinator answered %u", answer->status);
    an_json_doc_free(doc);
    return code;
}

static int call(an_cli *c, const char *method, const char *path, const char *body, an_json_doc **ret)
{
    char url[1024];
    an_note why = {{0}};
    an_http_answer answer = {0};
    const char *const headers[] = {c->authorization[0] ? c->authorization : NULL, c->csrf[0] ? c->csrf : NULL,
                                   NULL};
    int n = snprintf(url, sizeof url, "%s/api/v1%s", c->url, path);
    if (n < 0 || (size_t)n >= sizeof url)
        return an_cli_fail(AN_CLI_USAGE, "the address is too long");
    an_http_ask ask = {.method = method,
                       .url = url,
                       .headers = headers,
                       .body = body,
                       .body_len = body ? strlen(body) : 0,
                       .ca_file = c->ca_file,
                       .timeout_ms = c->timeout_ms ? c->timeout_ms : TIMEOUT_MS,
                       .max_body = ANSWER_MAX};
    an_err err = an_http_call(&ask, &answer, &why);
    const bool unreachable = err == AN_ERR_IO || err == AN_ERR_AGAIN || err == AN_ERR_AUTH;
    if (unreachable && c->silent)
        return an_cli_fail(AN_CLI_UNREACHABLE, "no coordinator answers at any of %s; the last one: %s",
                           c->silent, why.text);
    if (unreachable)
        return an_cli_fail(AN_CLI_UNREACHABLE, "cannot reach the coordinator at %s: %s", c->url, why.text);
    if (err != AN_OK)
        return an_cli_fail(err == AN_ERR_INVAL ? AN_CLI_USAGE : AN_CLI_REFUSED, "%s",
                           why.text[0] ? why.text : an_err_text(err));
    int code = AN_CLI_OK;
    memcpy(c->cookie, answer.cookie, sizeof c->cookie);
    c->certificate_ms = answer.certificate_ms;
    if (answer.status < 200 || answer.status > 299) {
        code = refused(&answer);
    } else if (c->json && !c->quiet_json) {
        printf("%s\n", answer.body);
    } else if (an_json_parse_max(answer.body, answer.body_len, ANSWER_MAX, "answer", ret, &why) != AN_OK) {
        code = an_cli_fail(AN_CLI_REFUSED, "%s", why.text);
    } else if (answer.status == 202 && an_jval_get(an_json_root(*ret), "proposal")) {
        an_cli_say_proposed(an_jval_get(an_json_root(*ret), "proposal"));
        an_json_doc_free(*ret);
        *ret = NULL; /* the verb has nothing to show */
    }
    an_http_answer_done(&answer);
    return code;
}

bool an_cli_reachable(const an_cli *c)
{
    char url[1024];
    an_http_answer answer = {0};
    const char *const headers[] = {c->authorization[0] ? c->authorization : NULL, NULL};
    const int n = snprintf(url, sizeof url, "%s/api/v1/models", c->url);
    const an_http_ask ask = {.method = "GET",
                             .url = url,
                             .headers = headers,
                             .ca_file = c->ca_file,
                             .timeout_ms = c->timeout_ms ? c->timeout_ms : REACH_MS,
                             .max_body = ANSWER_MAX};
    const bool there = n > 0 && (size_t)n < sizeof url && an_http_call(&ask, &answer, NULL) == AN_OK &&
                       answer.status != 503; /* it stands by */
    an_http_answer_done(&answer);
    return there;
}

#define PATH_LEN 512

int an_cli_get(an_cli *c, an_json_doc **ret, const char *path, ...)
{
    char text[PATH_LEN];
    va_list args;
    va_start(args, path);
    vsnprintf(text, sizeof text, path, args);
    va_end(args);
    *ret = NULL;
    return call(c, "GET", text, NULL, ret);
}

int an_cli_post(an_cli *c, an_json_doc **ret, an_json *body, const char *path, ...)
{
    char text[PATH_LEN];
    va_list args;
    va_start(args, path);
    vsnprintf(text, sizeof text, path, args);
    va_end(args);
    *ret = NULL;
    char *json = an_json_print(body, 0);
    an_json_free(body);
    int code = json ? call(c, "POST", text, json, ret) : an_cli_fail(AN_CLI_REFUSED, "out of memory");
    an_free(json);
    return code;
}

int an_cli_do(an_cli *c, an_json_doc **ret, const char *things, const char *what)
{
    const char *id = an_cli_word(c, 0), *reason = an_args_get(c->args, "reason");
    *ret = NULL;
    if (!id)
        return AN_CLI_USAGE;
    an_json *body = an_json_object();
    if (reason)
        an_json_set_text(body, "reason", reason);
    return an_cli_post(c, ret, body, "/%s/%s/%s", things, id, what);
}

static bool plain(const char *text, const char *also)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(also, *p))
            return false;
    return strlen(text) < 120;
}

const char *an_cli_word(an_cli *c, size_t i)
{
    const char *word = c->args->positionals[i];
    if (word[0] && word[0] != '.' && plain(word, "._-"))
        return word;
    an_cli_fail(AN_CLI_USAGE, "%.80s: names have letters, digits, '.', '_' and '-' only", word);
    return NULL;
}

const char *an_cli_query(an_cli *c, const char *flag)
{
    const char *value = an_args_get(c->args, flag);
    if (!value || plain(value, "._-/"))
        return value ? value : "";
    an_cli_fail(AN_CLI_USAGE, "--%s %.80s: letters, digits, '.', '_', '-' and '/' only", flag, value);
    return NULL;
}

/* ---- answers ---- */

const char *an_cli_text(const an_jval *o, const char *key)
{
    const char *v = "";
    if (an_jval_get_text(o, key, "", &v, NULL) != AN_OK)
        v = "";
    return v;
}

int64_t an_cli_int(const an_jval *o, const char *key)
{
    int64_t v = 0;
    if (an_jval_get_int(o, key, INT64_MIN, INT64_MAX, 0, &v, NULL) != AN_OK)
        v = 0;
    return v;
}

double an_cli_num(const an_jval *o, const char *key)
{
    double v = 0;
    if (an_jval_get_num(o, key, -1e300, 1e300, 0, &v, NULL) != AN_OK)
        v = 0;
    return v;
}

bool an_cli_bool(const an_jval *o, const char *key)
{
    bool v = false;
    if (an_jval_get_bool(o, key, false, &v, NULL) != AN_OK)
        v = false;
    return v;
}

const char *an_cli_s(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static bool ago_is_steady;

static void steady(char out[static AN_CLI_SHORT], int64_t ms)
{
    char text[25];
    an_time_text(text, ms);
    snprintf(out, AN_CLI_SHORT, "%.5s %.5s", text + 5, text + 11);
}

void an_cli_ago_steady(void)
{
    ago_is_steady = true;
}

void an_cli_ago(char out[static AN_CLI_SHORT], int64_t then_ms)
{
    int64_t s = (an_clock_system()->wall_ms(an_clock_system()) - then_ms) / 1000;
    if (then_ms == 0)
        snprintf(out, AN_CLI_SHORT, "-");
    else if (ago_is_steady)
        steady(out, then_ms);
    else if (s < 1)
        snprintf(out, AN_CLI_SHORT, "now");
    else if (s < 60)
        snprintf(out, AN_CLI_SHORT, "%llds ago", (long long)s);
    else if (s < 3600)
        snprintf(out, AN_CLI_SHORT, "%lldm ago", (long long)(s / 60));
    else if (s < 86400)
        snprintf(out, AN_CLI_SHORT, "%lldh ago", (long long)(s / 3600));
    else
        snprintf(out, AN_CLI_SHORT, "%lldd ago", (long long)(s / 86400));
}

void an_cli_hash(char out[static AN_CLI_SHORT], const char *hash)
{
    snprintf(out, AN_CLI_SHORT, "%.12s", hash[0] ? hash : "-");
}

void an_cli_bytes(char out[static AN_CLI_SHORT], int64_t n)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)n;
    size_t i = 0;
    for (; v >= 1024 && i < 4; i++)
        v /= 1024;
    snprintf(out, AN_CLI_SHORT, i == 0 ? "%.0f %s" : "%.1f %s", v, units[i]);
}

bool an_cli_asks(const an_cli *c)
{
    return !c->json && isatty(STDIN_FILENO);
}

bool an_cli_ask(const an_cli *c, const char *question, ...)
{
    char answer[8] = "";
    va_list args;
    if (!an_cli_asks(c))
        return false;
    va_start(args, question);
    vprintf(question, args);
    va_end(args);
    printf(" [y/N] ");
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}
