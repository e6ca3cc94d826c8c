#include "coordinator/journal_text.h"

#include <stdio.h>
#include <string.h>

#include "doors/json.h"

#define HASH_DIGITS 12
#define LIST_MAX 8 /* items of an array that are shown */

typedef struct sentence {
    const char *kind;
    const char *text;
} sentence;

static const sentence sentences[] = {
#define AN_LINE(kind, text) {kind, text},
#include "coordinator/journal_text.def"
#undef AN_LINE
};

typedef struct event_word {
    const char *kind, *event, *words;
} event_word;

static const event_word event_words[] = {
#define AN_WORD(kind, event, words) {kind, event, words},
#include "coordinator/journal_words.def"
#undef AN_WORD
};

/* A line under way.  One byte more than fits marks it as cut. */
typedef struct line {
    char *out;
    size_t len;
    bool cut;
} line;

static void put_bytes(line *l, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (l->len == AN_JOURNAL_LINE_MAX - 1) {
            l->cut = true;
            return;
        }
        unsigned char c = (unsigned char)bytes[i];
        bool control = c < 0x20 || c == 0x7f;
        if (c >= 0x80 && c < 0xa0 && l->len && (unsigned char)l->out[l->len - 1] == 0xc2) {
            l->len--; /* U+0080 to U+009F: terminals obey them too */
            control = true;
        }
        l->out[l->len++] = control ? '?' : bytes[i];
    }
}

static void put(line *l, const char *text)
{
    put_bytes(l, text, strlen(text));
}

/* The dots take the place of whole characters, never of half a UTF-8 sequence. */
static void finish(line *l)
{
    if (l->cut) {
        l->len = AN_JOURNAL_LINE_MAX - 4;
        while (l->len && ((unsigned char)l->out[l->len] & 0xc0) == 0x80)
            l->len--;
        put(l, "...");
    }
    l->out[l->len] = '\0';
}

static void put_time(line *l, int64_t ms)
{
    char text[25];
    an_time_text(text, ms);
    put_bytes(l, text, 10);
    put(l, " ");
    put_bytes(l, text + 11, 5);
}

static void put_text(line *l, const char *text)
{
    size_t len = strlen(text);
    bool hash = len == 2 * AN_HASH_BYTES && strspn(text, "0123456789abcdef") == len;
    put_bytes(l, text, hash ? HASH_DIGITS : len);
}

static bool is_time(const char *key)
{
    size_t len = strlen(key);
    return len > 3 && strcmp(key + len - 3, "_ms") == 0;
}

/* A text, number or truth value; anything else as the number of things in it. */
static void put_scalar(line *l, const char *key, const an_jval *v)
{
    char text[32];
    const char *s = NULL;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    if (an_jval_text(v, NULL, &s, NULL) == AN_OK) {
        put_text(l, s);
    } else if (an_jval_int(v, NULL, INT64_MIN, INT64_MAX, &i, NULL) == AN_OK) {
        if (is_time(key) && i >= 0 && i < INT64_C(253402300800000)) { /* before the year 10000 */
            put_time(l, i);
            return;
        }
        snprintf(text, sizeof text, "%lld", (long long)i);
        put(l, text);
    } else if (an_jval_num(v, NULL, -1e308, 1e308, &d, NULL) == AN_OK) {
        snprintf(text, sizeof text, "%.4g", d);
        put(l, text);
    } else if (an_jval_bool(v, NULL, &b, NULL) == AN_OK) {
        put(l, b ? "yes" : "no");
    } else if (an_jval_kind(v) == AN_JKIND_NULL) {
        put(l, "none");
    } else {
        snprintf(text, sizeof text, "(%zu values)", an_jval_count(v));
        put(l, text);
    }
}

/* What stands behind an alarm: a sensor and its share of the score. */
static bool put_share(line *l, const an_jval *v)
{
    const char *sensor = NULL;
    double share = 0;
    char text[16];
    if (an_jval_kind(v) != AN_JKIND_OBJECT ||
        an_jval_text(an_jval_get(v, "sensor"), NULL, &sensor, NULL) != AN_OK ||
        an_jval_num(an_jval_get(v, "share"), NULL, 0, 1, &share, NULL) != AN_OK)
        return false;
    put(l, sensor);
    snprintf(text, sizeof text, " %.0f %%", 100 * share);
    put(l, text);
    return true;
}

/* A site whose update is not in a result as it came, and why. */
static bool put_outlier(line *l, const an_jval *v)
{
    const char *site = NULL, *reason = NULL;
    if (an_jval_kind(v) != AN_JKIND_OBJECT ||
        an_jval_text(an_jval_get(v, "site"), NULL, &site, NULL) != AN_OK ||
        an_jval_text(an_jval_get(v, "reason"), NULL, &reason, NULL) != AN_OK)
        return false;
    put(l, site);
    put(l, " ");
    put(l, reason);
    return true;
}

/* An object of plain values, such as options: "train.rounds 20, gate.far 0.01". */
static bool put_pairs(line *l, const an_jval *v)
{
    bool first = true;
    if (an_jval_kind(v) != AN_JKIND_OBJECT || an_jval_count(v) == 0)
        return false;
    for (const char *key = an_jval_key_first(v); key; key = an_jval_key_next(v, key)) {
        put(l, first ? "" : ", ");
        put(l, key);
        put(l, " ");
        put_scalar(l, key, an_jval_get(v, key));
        first = false;
    }
    return true;
}

static void put_value(line *l, const char *key, const an_jval *v)
{
    size_t n = an_jval_count(v);
    if (put_pairs(l, v))
        return;
    if (an_jval_kind(v) != AN_JKIND_ARRAY || n == 0 || n > LIST_MAX) {
        put_scalar(l, key, v);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        put(l, i ? ", " : "");
        if (!put_share(l, an_jval_at(v, i)) && !put_outlier(l, an_jval_at(v, i)))
            put_scalar(l, key, an_jval_at(v, i));
    }
}

/* An empty text or list; a time that has not come, which is written as 0. */
static bool is_empty(const char *key, const an_jval *v)
{
    int64_t ms = 1;
    const char *text = NULL;
    if (an_jval_text(v, NULL, &text, NULL) == AN_OK)
        return text[0] == '\0';
    if (an_jval_kind(v) == AN_JKIND_ARRAY)
        return an_jval_count(v) == 0;
    return is_time(key) && an_jval_int(v, NULL, INT64_MIN, INT64_MAX, &ms, NULL) == AN_OK && ms == 0;
}

static bool put_sentence(line *l, const an_record *r, const an_jval *body, const char *text);

/* False: there are no words for it. */
static bool put_event(line *l, const an_record *r, const an_jval *v)
{
    const char *event = "";
    if (an_jval_text(v, NULL, &event, NULL) != AN_OK)
        return false;
    for (size_t i = 0; i < sizeof event_words / sizeof *event_words; i++)
        if (strcmp(event_words[i].kind, r->kind) == 0 && strcmp(event_words[i].event, event) == 0)
            return put_sentence(l, r, NULL, event_words[i].words);
    return false;
}

/* What a person did without saying why is its own reason: once is enough. */
static bool is_said(const line *l, const an_record *r, const char *key, const an_jval *v)
{
    const char *text = "";
    if (strcmp(key, "reason") != 0 || an_jval_text(v, NULL, &text, NULL) != AN_OK || !strstr(text, r->actor))
        return false;
    const size_t len = strlen(text);
    for (size_t at = 0; at + len <= l->len; at++)
        if (memcmp(l->out + at, text, len) == 0)
            return true;
    return false;
}

static void put_things(line *l, const char *thing, const an_jval *v)
{
    int64_t n = 0;
    put(l, " ");
    put(l, thing);
    if (an_jval_int(v, NULL, INT64_MIN, INT64_MAX, &n, NULL) != AN_OK || n != 1)
        put(l, "s");
}

/* Writes the value of {name}; false: the record has none, or where it is optional an empty one or one that was
 * said. */
static bool put_field(line *l, const an_record *r, const an_jval *body, const char *name, size_t len,
                      bool optional)
{
    char key[64];
    if (len >= sizeof key)
        return false;
    memcpy(key, name, len);
    key[len] = '\0';
    char *thing = strchr(key, ':'), *asked = strchr(key, '?');
    if (asked) {
        bool yes = false;
        *asked = '\0';
        return an_jval_bool(an_jval_get(body, key), NULL, &yes, NULL) == AN_OK && yes;
    }
    if (thing)
        *thing++ = '\0';
    if (strcmp(key, "subject") == 0) {
        put_text(l, r->subject);
    } else if (strcmp(key, "actor") == 0) {
        put_text(l, r->actor);
    } else {
        const char *name_in_body = key + (key[0] == '.');
        const an_jval *v = an_jval_get(body, name_in_body);
        if (!v || an_jval_kind(v) == AN_JKIND_NULL ||
            (optional && (is_empty(name_in_body, v) || is_said(l, r, key, v))))
            return false;
        if (strcmp(key, "event") != 0 || !put_event(l, r, v))
            put_value(l, name_in_body, v);
        if (thing)
            put_things(l, thing, v);
    }
    return true;
}

/* False: a field that is needed is absent; what was written is to be taken back. */
static bool put_sentence(line *l, const an_record *r, const an_jval *body, const char *text)
{
    line before_bracket = *l;
    bool in_bracket = false;
    while (*text) {
        size_t plain = strcspn(text, "{[]");
        put_bytes(l, text, plain);
        text += plain;
        if (*text == '[') {
            in_bracket = true;
            before_bracket = *l;
            text++;
        } else if (*text == ']') {
            in_bracket = false;
            text++;
        } else if (*text == '{') {
            size_t len = strcspn(++text, "}");
            bool found = put_field(l, r, body, text, len, in_bracket);
            if (!found && !in_bracket)
                return false;
            text += len + (text[len] == '}');
            if (!found) {
                *l = before_bracket;
                text += strcspn(text, "]");
            }
        }
    }
    return true;
}

static void put_generic(line *l, const an_record *r, const an_jval *body)
{
    put(l, r->kind);
    put(l, " ");
    put_text(l, r->subject);
    put(l, " by ");
    put_text(l, r->actor);
    if (!body && r->body_len)
        put(l, " (its body is not JSON)");
    for (const char *key = an_jval_key_first(body); key; key = an_jval_key_next(body, key)) {
        put(l, " ");
        put(l, key);
        put(l, "=");
        put_value(l, key, an_jval_get(body, key));
    }
}

static const char *sentence_of(const char *kind)
{
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (strcmp(sentences[i].kind, kind) == 0)
            return sentences[i].text;
    }
    return NULL;
}

an_err an_journal_text(char out[static AN_JOURNAL_LINE_MAX], const an_record *record)
{
    an_json_doc *doc = NULL;
    const an_jval *body = NULL;
    line l = {.out = out};
    out[0] = '\0';
    if (record->body_len) {
        an_err err = an_json_parse(record->body, record->body_len, "record", &doc, NULL);
        if (err == AN_ERR_NOMEM)
            return err;
        if (err == AN_OK)
            body = an_json_root(doc);
    }
    put_time(&l, record->time_ms);
    put(&l, "  ");
    line start = l;
    const char *text = sentence_of(record->kind);
    if (!text || !put_sentence(&l, record, body, text)) {
        l = start;
        put_generic(&l, record, body);
    }
    finish(&l);
    an_json_doc_free(doc);
    return AN_OK;
}
