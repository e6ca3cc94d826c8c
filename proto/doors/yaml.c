/* libfyaml's event stream is turned into our nodes as it comes, so that depth, number of nodes
 * and refused features stop the parse at once, before anything large is built. */
#include "doors/yaml.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "doors/yaml_internal.h"

typedef struct frame {
    uint32_t node;
    uint32_t last; /* its newest entry; NONE: it has none yet */
    uint32_t key;  /* the key whose value comes next; NONE: a key comes next (maps) */
    uint32_t key_line, key_column;
} frame;

typedef struct builder {
    an_yaml *doc;
    frame stack[AN_YAML_MAX_DEPTH];
    size_t depth;
    size_t n_keys;
    bool has_root;
    an_note *why;
} builder;

typedef struct place {
    uint32_t line, column;
} place;

static place place_of(struct fy_token *token)
{
    const struct fy_mark *m = token ? fy_token_start_mark(token) : NULL;
    place p = {1, 1};
    if (m && m->line >= 0 && m->column >= 0) {
        p.line = (uint32_t)m->line + 1;
        p.column = (uint32_t)m->column + 1;
    }
    return p;
}

static an_err refuse(builder *b, an_err err, place at, const char *what)
{
    return an_fail(err, b->why, "%s:%u:%u: %s", b->doc->name, at.line, at.column, what);
}

static an_err add_text(builder *b, struct fy_token *token, place at, uint32_t *ret)
{
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : "";
    if (!text)
        return AN_ERR_NOMEM;
    if (memchr(text, '\0', len))
        return refuse(b, AN_ERR_PROTO, at, "a text may not hold U+0000");
    *ret = (uint32_t)b->doc->texts.len;
    an_buf_put(&b->doc->texts, text, len);
    an_buf_u8(&b->doc->texts, 0);
    return an_buf_err(&b->doc->texts);
}

static an_err add_node(builder *b, an_yaml_kind kind, place at, uint32_t *ret)
{
    an_yaml *doc = b->doc;
    if (doc->n_nodes + b->n_keys >= AN_YAML_MAX_NODES)
        return refuse(b, AN_ERR_LIMIT, at, "too many nodes");
    if (!an_grow(&doc->nodes, &doc->cap_nodes, doc->n_nodes + 1, sizeof *doc->nodes))
        return AN_ERR_NOMEM;
    uint32_t index = (uint32_t)doc->n_nodes++;
    an_node *n = &doc->nodes[index];
    *n = (an_node){.doc = doc,
                   .kind = kind,
                   .line = at.line,
                   .column = at.column,
                   .key_line = at.line,
                   .key_column = at.column,
                   .key = AN_YAML_NONE,
                   .first = AN_YAML_NONE,
                   .next = AN_YAML_NONE};
    if (b->depth > 0) {
        frame *f = &b->stack[b->depth - 1];
        n->key = f->key;
        if (f->key != AN_YAML_NONE) {
            n->key_line = f->key_line;
            n->key_column = f->key_column;
        }
        f->key = AN_YAML_NONE;
        if (f->last == AN_YAML_NONE)
            doc->nodes[f->node].first = index;
        else
            doc->nodes[f->last].next = index;
        f->last = index;
        doc->nodes[f->node].count++;
    }
    *ret = index;
    return AN_OK;
}

static an_err refuse_extras(builder *b, struct fy_token *anchor, struct fy_token *tag)
{
    if (anchor)
        return refuse(b, AN_ERR_PROTO, place_of(anchor), "anchors (&) are not supported");
    if (tag)
        return refuse(b, AN_ERR_PROTO, place_of(tag), "tags (!) are not supported");
    return AN_OK;
}

static bool awaits_key(const builder *b)
{
    if (b->depth == 0)
        return false;
    const frame *f = &b->stack[b->depth - 1];
    return b->doc->nodes[f->node].kind == AN_YAML_MAP && f->key == AN_YAML_NONE;
}

static an_err on_scalar(builder *b, const struct fy_event_scalar_data *e)
{
    place at = place_of(e->value);
    enum fy_scalar_style style = e->value ? fy_token_scalar_style(e->value) : FYSS_PLAIN;
    uint32_t text = 0, node = 0;
    an_err err = refuse_extras(b, e->anchor, e->tag);
    if (err == AN_OK)
        err = add_text(b, e->value, at, &text);
    if (err != AN_OK)
        return err;
    /* libfyaml's place of a quoted text is behind the quote. */
    if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && at.column > 1)
        at.column--;
    bool empty = style == FYSS_PLAIN && an_yaml_text_at(b->doc, text)[0] == '\0';
    if (awaits_key(b)) {
        frame *f = &b->stack[b->depth - 1];
        if (an_yaml_text_at(b->doc, text)[0] == '\0')
            return refuse(b, AN_ERR_PROTO, at, "a key is empty");
        b->n_keys++;
        f->key = text;
        f->key_line = at.line;
        f->key_column = at.column;
        return AN_OK;
    }
    /* A value that is not there is at its key. */
    if (empty && b->depth > 0 && b->stack[b->depth - 1].key != AN_YAML_NONE)
        at = (place){b->stack[b->depth - 1].key_line, b->stack[b->depth - 1].key_column};
    err = add_node(b, AN_YAML_SCALAR, at, &node);
    if (err != AN_OK)
        return err;
    b->doc->nodes[node].text = text;
    b->doc->nodes[node].plain = style == FYSS_PLAIN;
    return AN_OK;
}

static an_err on_open(builder *b, an_yaml_kind kind, struct fy_token *start, struct fy_token *anchor,
                      struct fy_token *tag)
{
    place at = place_of(start);
    uint32_t node = 0;
    an_err err = refuse_extras(b, anchor, tag);
    if (err != AN_OK)
        return err;
    if (awaits_key(b))
        return refuse(b, AN_ERR_PROTO, at, "a key must be a text");
    if (b->depth == AN_YAML_MAX_DEPTH)
        return refuse(b, AN_ERR_LIMIT, at, "nested too deep");
    err = add_node(b, kind, at, &node);
    if (err == AN_OK)
        b->stack[b->depth++] = (frame){.node = node, .last = AN_YAML_NONE, .key = AN_YAML_NONE};
    return err;
}

static an_err on_event(builder *b, const struct fy_event *e)
{
    switch (e->type) {
    case FYET_DOCUMENT_START:
        if (b->has_root)
            return refuse(b, AN_ERR_PROTO, place_of(e->document_start.document_start),
                          "more than one document");
        b->has_root = true;
        return AN_OK;
    case FYET_SCALAR:
        return on_scalar(b, &e->scalar);
    case FYET_ALIAS:
        return refuse(b, AN_ERR_PROTO, place_of(e->alias.anchor), "aliases (*) are not supported");
    case FYET_SEQUENCE_START:
        return on_open(b, AN_YAML_LIST, e->sequence_start.sequence_start, e->sequence_start.anchor,
                       e->sequence_start.tag);
    case FYET_MAPPING_START:
        return on_open(b, AN_YAML_MAP, e->mapping_start.mapping_start, e->mapping_start.anchor,
                       e->mapping_start.tag);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        if (b->depth == 0)
            return AN_ERR_PROTO;
        b->depth--;
        return AN_OK;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        break;
    }
    return AN_OK;
}

/* The first thing libfyaml complained of, with its place. */
static an_err syntax_error(const builder *b, struct fy_diag *diag)
{
    void *prev = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &prev);
    if (!e)
        return an_fail(AN_ERR_PROTO, b->why, "%s: not YAML", b->doc->name);
    return an_fail(AN_ERR_PROTO, b->why, "%s:%d:%d: %s", b->doc->name, e->line > 0 ? e->line : 1,
                   e->column > 0 ? e->column : 1, e->msg);
}

/* Takes the place of the output that would go to standard error. */
static void swallow(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

static an_err read_events(builder *b, const char *text, size_t len)
{
    an_err err = AN_ERR_NOMEM;
    struct fy_parser *parser = NULL;
    struct fy_diag_cfg diag_cfg = {.output_fn = swallow, .level = FYET_ERROR, .module_mask = ~0u};
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (!diag)
        goto out;
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = (enum fy_parse_cfg_flags)(FYPCF_QUIET | FYPCF_JSON_NONE),
                               .diag = diag};
    parser = fy_parser_create(&cfg);
    if (!parser || fy_parser_set_string(parser, text, len) != 0)
        goto out;
    bool over = false;
    err = AN_OK;
    while (err == AN_OK && !over) {
        struct fy_event *e = fy_parser_parse(parser);
        if (!e || fy_diag_got_error(diag)) {
            err = syntax_error(b, diag);
        } else {
            over = e->type == FYET_STREAM_END;
            err = on_event(b, e);
        }
        fy_parser_event_free(parser, e);
    }
out:
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return err;
}

typedef struct keyed {
    const char *key;
    uint32_t node;
} keyed;

/* By key, then by place, so that of two equal keys the later one is complained of. */
static int by_key(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    int c = strcmp(x->key, y->key);
    return c != 0 ? c : (x->node > y->node) - (x->node < y->node);
}

static an_err check_duplicates(builder *b, const an_node *map, keyed *scratch)
{
    const an_yaml *doc = b->doc;
    for (uint32_t i = 0; i < map->count; i++) {
        uint32_t index = doc->order[map->first + i];
        scratch[i] = (keyed){an_yaml_text_at(doc, doc->nodes[index].key), index};
    }
    qsort(scratch, map->count, sizeof *scratch, by_key);
    for (uint32_t i = 1; i < map->count; i++) {
        const an_node *n = &doc->nodes[scratch[i].node];
        if (strcmp(scratch[i - 1].key, scratch[i].key) == 0)
            return an_fail(AN_ERR_PROTO, b->why, "%s:%u:%u: key \"%.60s\" is there twice", doc->name,
                           n->key_line, n->key_column, scratch[i].key);
    }
    return AN_OK;
}

/* Turns the chains of entries into stretches of doc->order. */
static an_err settle(builder *b)
{
    an_yaml *doc = b->doc;
    uint32_t node;
    if (doc->n_nodes == 0) {
        an_err err = add_node(b, AN_YAML_MAP, (place){1, 1}, &node);
        if (err != AN_OK)
            return err;
    }
    if (doc->nodes[0].kind == AN_YAML_SCALAR && an_node_is_null(&doc->nodes[0]))
        doc->nodes[0].kind = AN_YAML_MAP;
    an_err err = AN_OK;
    keyed *scratch = an_alloc(doc->n_nodes, sizeof *scratch);
    doc->order = an_alloc(doc->n_nodes, sizeof *doc->order);
    if (!doc->order || !scratch)
        err = AN_ERR_NOMEM;
    uint32_t at = 0;
    for (size_t i = 0; i < doc->n_nodes && err == AN_OK; i++) {
        an_node *n = &doc->nodes[i];
        uint32_t child = n->first;
        n->first = at;
        for (; child != AN_YAML_NONE; child = doc->nodes[child].next)
            doc->order[at++] = child;
        if (n->kind == AN_YAML_MAP)
            err = check_duplicates(b, n, scratch);
    }
    an_free(scratch);
    return err;
}

/* libfyaml would drop what is not UTF-8 without a word. */
static an_err check_bytes(const char *text, size_t len, const char *name, an_note *why)
{
    size_t at = 0;
    const char *zero = memchr(text, '\0', len);
    if (!zero && an_utf8_check(text, len, &at))
        return AN_OK;
    if (zero)
        at = (size_t)(zero - text);
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    return an_fail(AN_ERR_PROTO, why, "%s:%u:%u: %s", name, line, column,
                   zero ? "a text may not hold U+0000" : "not UTF-8");
}

an_err an_yaml_parse(const char *text, size_t len, const char *name, an_yaml **ret, an_note *why)
{
    if (len > AN_YAML_MAX_BYTES)
        return an_fail(AN_ERR_LIMIT, why, "%s: larger than 1 MiB", name);
    builder b = {.why = why};
    an_yaml *doc = NULL;
    an_err err = len > 0 ? check_bytes(text, len, name, why) : AN_OK;
    if (err != AN_OK)
        goto out;
    err = AN_ERR_NOMEM;
    doc = an_alloc(1, sizeof *doc);
    if (!doc)
        goto out;
    b.doc = doc;
    /* Escapes may make a text longer than it was written, never four times. */
    an_buf_init(&doc->texts, 4 * AN_YAML_MAX_BYTES);
    doc->name = an_strdup(name);
    if (!doc->name)
        goto out;
    err = len > 0 ? read_events(&b, text, len) : AN_OK;
    if (err == AN_OK)
        err = settle(&b);
    if (err != AN_OK)
        goto out;
    *ret = doc;
    doc = NULL;
out:
    if (err == AN_ERR_NOMEM)
        an_note_set(why, "%s: out of memory", name);
    an_yaml_free(doc);
    return err;
}

an_err an_yaml_load(const char *path, an_yaml **ret, an_note *why)
{
    an_buf text;
    an_buf_init(&text, AN_YAML_MAX_BYTES);
    an_err err = an_file_read(&text, path, why);
    if (err == AN_OK)
        err = an_yaml_parse((const char *)text.data, text.len, path, ret, why);
    an_buf_done(&text);
    return err;
}

void an_yaml_free(an_yaml *doc)
{
    if (!doc)
        return;
    an_buf_done(&doc->texts);
    an_free(doc->order);
    an_free(doc->nodes);
    an_free(doc->name);
    an_free(doc);
}

const an_node *an_yaml_root(const an_yaml *doc)
{
    return doc ? doc->nodes : NULL;
}
