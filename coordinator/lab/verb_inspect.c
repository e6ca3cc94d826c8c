/* andon-lab inspect: what a file of the project is, or why it is none. */
#include <stdio.h>
#include <string.h>

#include "agent/pool.h"
#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/lab.h"
#include "models/bundle.h"
#include "models/model.h"
#include "models/overlay.h"
#include "sum/vector.h"

typedef struct file {
    const char *path;
    const uint8_t *bytes;
    size_t len;
} file;

static void set_hash(an_json *o, const char *key, const an_hash *h)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, h);
    if (!an_hash_is_zero(h))
        an_json_set_text(o, key, hex);
}

static void add_prep(an_json *o, const an_prep *p)
{
    an_json *j = an_json_object();
    size_t constant = 0;
    for (uint32_t i = 0; i < p->features; i++)
        constant += p->constant[i];
    an_json_set_int(j, "window", p->conf.window);
    an_json_set_int(j, "stride", p->conf.stride);
    an_json_set_int(j, "smooth", p->conf.smooth);
    an_json_set_num(j, "clamp", (double)p->conf.clamp);
    an_json_set_int(j, "constant_sensors", (int64_t)constant);
    an_json_set(o, "prep", j);
}

static void add_layers(an_json *o, const an_bundle *b)
{
    an_model *m = NULL;
    an_json *list = an_json_array();
    if (b->arch[0] && an_model_new(b->arch, strlen(b->arch), "architecture", 0, &m, NULL) == AN_OK) {
        const an_tensor *t;
        for (size_t i = 0; (t = an_model_tensor_at(m, i)); i++) {
            an_json *j = an_json_object();
            an_json_set_text(j, "name", t->name);
            an_json_set_int(j, "numbers", (int64_t)t->n);
            an_json_set_bool(j, "local", t->local);
            an_json_push(list, j);
        }
    }
    an_model_free(m);
    an_json_set(o, "tensors", list);
}

static an_err inspect_bundle(const file *f, an_json *o, an_note *why)
{
    an_bundle b = {.arch = NULL};
    an_hash hash;
    an_err err = an_bundle_decode(&b, f->bytes, f->len, why);
    if (err != AN_OK)
        return err;
    an_bundle_hash(&hash, f->bytes, f->len);
    set_hash(o, "version", &hash);
    an_json_set_text(o, "model", b.model);
    set_hash(o, "parent", &b.parent);
    set_hash(o, "plan", &b.plan);
    an_json_set_int(o, "round", (int64_t)b.round);
    set_hash(o, "layout", &b.layout);
    an_json_set_int(o, "parameters", (int64_t)b.n_weights);
    an_json_set_text(o, "detector", b.detector->type->name);
    an_json_set_text(o, "policy", b.policy);
    an_json_set_num(o, "threshold", b.threshold);
    an_json_set_int(o, "bins", b.n_edges ? b.n_edges + 1 : 0);
    an_json *sensors = an_json_array();
    for (uint32_t i = 0; i < b.schema.n; i++)
        an_json_push_text(sensors, b.schema.sensors[i].name);
    an_json_set(o, "sensors", sensors);
    add_prep(o, &b.prep);
    add_layers(o, &b);
    an_bundle_done(&b);
    return AN_OK;
}

static an_err inspect_overlay(const file *f, an_json *o, an_note *why)
{
    an_overlay v = {.n_local = 0};
    an_hash hash;
    an_err err = an_overlay_decode(&v, f->bytes, f->len, why);
    if (err != AN_OK)
        return err;
    an_overlay_hash(&hash, f->bytes, f->len);
    set_hash(o, "overlay", &hash);
    set_hash(o, "version", &v.base);
    an_json_set_int(o, "created_ms", v.created_ms);
    an_json_set_int(o, "own_parameters", (int64_t)v.n_local);
    if (v.has_prep)
        add_prep(o, &v.prep);
    if (v.detector)
        an_json_set_text(o, "detector", v.detector->type->name);
    if (v.has_threshold) {
        an_json_set_text(o, "policy", v.policy);
        an_json_set_num(o, "threshold", v.threshold);
    }
    an_json_set_int(o, "counted_sensors", v.features);
    an_json_set_int(o, "bins", v.n_bins);
    an_overlay_done(&v);
    return AN_OK;
}

static an_err inspect_update(const file *f, an_json *o, an_note *why)
{
    an_update_header h;
    an_fold fold;
    an_hash hash;
    if (f->len < AN_UPDATE_HEADER_BYTES)
        return an_fail(AN_ERR_PROTO, why, "update file: cut short in its header");
    an_err err = an_update_header_get(&h, f->bytes, why);
    if (err != AN_OK)
        return err;
    an_fold_init(&fold, &h, NULL);
    if ((err = an_fold_feed(&fold, f->bytes, f->len, why)) != AN_OK ||
        (err = an_fold_end(&fold, &hash, why)) != AN_OK)
        return err;
    set_hash(o, "update", &hash);
    an_json_set_text(o, "site", h.site);
    an_json_set_int(o, "round", (int64_t)h.round);
    set_hash(o, "plan", &h.plan_hash);
    an_json_set_int(o, "coordinates", (int64_t)h.dim);
    return AN_OK;
}

static an_err inspect_pool(const file *f, an_json *o, an_note *why)
{
    an_pool *pool = NULL;
    an_reader in = an_reader_of(f->bytes, f->len);
    an_read_u64(&in);
    const uint64_t width = an_read_u64(&in), window = an_read_u64(&in);
    if (in.failed || width == 0 || window == 0 || width > f->len || window > f->len)
        return an_fail(AN_ERR_PROTO, why, "%s: not a sample pool, or damaged", f->path);
    const an_pool_conf conf = {.width = (size_t)width, .window = (size_t)window};
    an_err err = an_pool_new(&conf, &pool, why);
    if (err == AN_OK)
        err = an_pool_load(pool, f->path, why);
    if (err == AN_OK) {
        an_json *parts = an_json_object();
        an_json_set_int(o, "sensors", (int64_t)width);
        an_json_set_int(o, "rows_in_window", (int64_t)window);
        an_json_set_int(o, "windows_seen", (int64_t)an_pool_seen(pool));
        an_json_set_int(o, "windows_refused", (int64_t)an_pool_refused(pool));
        for (int k = 0; k < AN_POOL_PARTS; k++)
            an_json_set_int(parts, an_pool_part_name((an_pool_part)k),
                            (int64_t)an_pool_n(pool, (an_pool_part)k));
        an_json_set(o, "parts", parts);
    }
    an_pool_free(pool);
    return err;
}

static const struct {
    const char *kind;
    const char *magic;
    size_t magic_len;
    an_err (*inspect)(const file *f, an_json *o, an_note *why);
} kinds[] = {
    {"version", "ANDONBDL", 8, inspect_bundle},
    {"overlay", "ANDONOVL", 8, inspect_overlay},
    {"update", "ANUPD", 5, inspect_update},
    {"pool", "ANPOOL1", 7, inspect_pool},
};

static void print_value(FILE *out, const char *key, const an_jval *v, int depth)
{
    const int indent = 2 * depth, pad = 24 - 2 * depth;
    const char *text;
    double num;
    int64_t whole;
    bool yes;
    fprintf(out, "%*s%-*s", indent, "", pad, key);
    if (an_jval_kind(v) == AN_JKIND_TEXT && an_jval_text(v, NULL, &text, NULL) == AN_OK)
        fprintf(out, "%s\n", text);
    else if (an_jval_kind(v) == AN_JKIND_INT &&
             an_jval_int(v, NULL, INT64_MIN, INT64_MAX, &whole, NULL) == AN_OK)
        fprintf(out, "%lld\n", (long long)whole);
    else if (an_jval_kind(v) == AN_JKIND_NUM && an_jval_num(v, NULL, -1e300, 1e300, &num, NULL) == AN_OK)
        fprintf(out, "%.6g\n", num);
    else if (an_jval_kind(v) == AN_JKIND_BOOL && an_jval_bool(v, NULL, &yes, NULL) == AN_OK)
        fprintf(out, "%s\n", yes ? "yes" : "no");
    else
        fputc('\n', out);
    for (size_t i = 0; an_jval_kind(v) == AN_JKIND_ARRAY && i < an_jval_count(v); i++) {
        const an_jval *item = an_jval_at(v, i);
        if (an_jval_text(item, NULL, &text, NULL) == AN_OK) {
            fprintf(out, "%*s%s\n", indent + 2, "", text);
        } else if (an_jval_text(item, "name", &text, NULL) == AN_OK &&
                   an_jval_int(item, "numbers", 0, INT64_MAX, &whole, NULL) == AN_OK) {
            fprintf(out, "%*s%-*s%lld\n", indent + 2, "", pad - 2, text, (long long)whole);
        }
    }
    if (an_jval_kind(v) == AN_JKIND_OBJECT)
        for (const char *k = an_jval_key_first(v); k; k = an_jval_key_next(v, k))
            print_value(out, k, an_jval_get(v, k), depth + 1);
}

/* The object as lines, in the order in which it was made. */
static an_err print_lines(an_lab *lab, an_json *o, an_note *why)
{
    an_json_doc *doc = NULL;
    char *text = an_json_print(o, 0);
    an_json_free(o);
    if (!text)
        return AN_ERR_NOMEM;
    an_err err = an_json_parse(text, strlen(text), "object", &doc, why);
    if (err == AN_OK) {
        const an_jval *top = an_json_root(doc);
        for (const char *k = an_jval_key_first(top); k; k = an_jval_key_next(top, k))
            print_value(lab->out, k, an_jval_get(top, k), 0);
    }
    an_json_doc_free(doc);
    an_free(text);
    return err;
}

static an_err run(an_lab *lab, an_note *why)
{
    an_buf bytes;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    file f = {.path = lab->args->positionals[0]};
    an_json *o = an_json_object();
    an_note inner = {{0}};
    an_err err = an_file_read(&bytes, f.path, &inner);
    f.bytes = bytes.data;
    f.len = bytes.len;
    size_t k = 0;
    const size_t n = sizeof kinds / sizeof *kinds;
    if (err == AN_OK) {
        while (k < n &&
               (f.len < kinds[k].magic_len || memcmp(f.bytes, kinds[k].magic, kinds[k].magic_len) != 0))
            k++;
        an_json_set_text(o, "kind", k < n ? kinds[k].kind : "unknown");
        an_json_set_int(o, "bytes", (int64_t)f.len);
        err = k < n ? kinds[k].inspect(&f, o, &inner)
                    : an_fail(AN_ERR_PROTO, &inner,
                              "neither a version nor an overlay, an update or a sample pool");
    }
    an_buf_done(&bytes);
    if (err != AN_OK) {
        an_json_free(o);
        return an_fail(err, why, "%.120s: %.180s", f.path, inner.text[0] ? inner.text : an_err_text(err));
    }
    return lab->json ? an_lab_print_json(lab, o, why) : print_lines(lab, o, why);
}

static const an_flag flags[] = {AN_LAB_FLAG_JSON};

const an_lab_verb an_lab_verb_inspect = {
    .verb = {"inspect", "FILE", 1, 1, flags, sizeof flags / sizeof *flags,
             "say what a version, overlay, update or sample pool holds, or why it is not valid"},
    .run = run,
};
