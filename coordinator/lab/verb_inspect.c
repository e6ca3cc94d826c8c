/* andon-lab inspect: what a file of the project is, or why it is none. */
#include <stdio.h>
#include <string.h>

#include "agent/pool.h"
#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/anatomy.h"
#include "coordinator/lab/images.h"
#include "coordinator/lab/lab.h"
#include "models/bundle.h"
#include "models/cost.h"
#include "models/model.h"
#include "models/overlay.h"
#include "sum/sealed.h"

typedef struct file {
    const char *path;
    const uint8_t *bytes;
    size_t len;
    size_t batch, features; /* as the flags say */
    an_model *model;        /* found in it, or NULL; the caller's */
} file;

static void set_hash(an_json *o, const char *key, const an_hash *h)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, h);
    if (!an_hash_is_zero(h))
        an_json_set_text(o, key, hex);
}

#define STEPS_MAX ((size_t)1 << 20)
/* As they would be written by hand, with names where they are known. */
static void add_steps(an_json *j, const an_prep *p, const an_schema *schema)
{
    an_buf text;
    const char **names = schema ? an_alloc(schema->n, sizeof *names) : NULL;
    if (!p->conf.chain || (schema && !names))
        goto out;
    for (uint32_t i = 0; schema && i < schema->n; i++)
        names[i] = schema->sensors[i].name;
    an_buf_init(&text, STEPS_MAX);
    an_chain_text(p->conf.chain, names, &text);
    an_buf_u8(&text, 0);
    if (!text.failed)
        an_json_set_text(j, "steps", (const char *)text.data);
    an_buf_done(&text);
    an_json_set_int(j, "features", p->features);
    an_json_set_int(j, "regimes", p->regimes);
    an_json_set_int(j, "delay_rows", (int64_t)an_chain_delay(p->conf.chain));
out:
    an_free(names);
}

/* schema: NULL where there is none. */
static void add_prep(an_json *o, const an_prep *p, const an_schema *schema)
{
    an_json *j = an_json_object();
    size_t constant = 0;
    for (size_t i = 0; i < an_prep_columns(p); i++)
        constant += p->constant[i] == 1;
    an_json_set_int(j, "window", p->conf.window);
    an_json_set_int(j, "stride", p->conf.stride);
    an_json_set_int(j, "smooth", p->conf.smooth);
    an_json_set_num(j, "clamp", (double)p->conf.clamp);
    an_json_set_int(j, "constant_sensors", (int64_t)constant);
    an_json_set_int(j, "history_rows", (int64_t)an_prep_rows(&p->conf));
    add_steps(j, p, schema);
    an_json_set(o, "prep", j);
}

static void add_tensors(an_json *o, const an_model *m)
{
    const an_tensor *t;
    an_json *list = an_json_array();
    for (size_t i = 0; m && (t = an_model_tensor_at(m, i)); i++) {
        an_json *j = an_json_object(), *shape = an_json_array();
        for (size_t k = 0; k < t->n_dims; k++)
            an_json_push_int(shape, (int64_t)t->dims[k]);
        an_json_set_text(j, "name", t->name);
        an_json_set(j, "shape", shape);
        an_json_set_int(j, "numbers", (int64_t)t->n);
        an_json_set_bool(j, "local", t->local);
        an_json_set_bool(j, "frozen", t->frozen);
        an_json_push(list, j);
    }
    an_json_set(o, "tensors", list);
}

/* Sensors, or for a version that was learnt from images their size and their classes. */
static void add_inputs(an_json *o, const an_bundle *b, const an_model *m)
{
    char size[AN_SHAPE_TEXT];
    an_names classes = {0};
    an_json *list = an_json_array();
    const an_shape in = m ? an_model_in(m) : (an_shape){.n_dims = 0};
    const bool images = in.n_dims == 3 && b->prep.conf.window == in.d[0] && b->schema.n == in.d[1] * in.d[2];
    if (images) {
        an_shape_text(size, &in);
        an_json_set_text(o, "images", size);
        (void)an_lab_classes_unpack(b->extra, b->extra_len, &classes, NULL);
    }
    for (uint32_t i = 0; i < b->schema.n && !images; i++)
        an_json_push_text(list, b->schema.sensors[i].name);
    for (size_t i = 0; i < classes.n; i++)
        an_json_push_text(list, classes.items[i]);
    if (images && classes.n == 0)
        an_json_free(list);
    else
        an_json_set(o, images ? "classes" : "sensors", list);
    an_names_done(&classes);
}

static an_err inspect_bundle(file *f, an_json *o, an_note *why)
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
    if (b.detector) /* what learns from labels has none */
        an_json_set_text(o, "detector", b.detector->type->name);
    an_json_set_text(o, "policy", b.policy);
    an_json_set_num(o, "threshold", b.threshold);
    an_json_set_int(o, "bins", b.n_edges ? b.n_edges + 1 : 0);
    if (b.arch[0])
        (void)an_model_new(b.arch, strlen(b.arch), "architecture", 0, &f->model, NULL);
    add_inputs(o, &b, f->model);
    add_prep(o, &b.prep, &b.schema);
    add_tensors(o, f->model);
    an_bundle_done(&b);
    return AN_OK;
}

static an_err inspect_overlay(file *f, an_json *o, an_note *why)
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
        add_prep(o, &v.prep, NULL);
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

static an_err inspect_update(file *f, an_json *o, an_note *why)
{
    an_update_header h;
    an_fold fold;
    an_hash hash;
    if (f->len < AN_UPDATE_HEADER_BYTES)
        return an_fail(AN_ERR_PROTO, why, "update file: cut short in its header");
    an_err err = an_update_header_get(&h, f->bytes, why);
    if (err != AN_OK)
        return err;
    an_json_set_bool(o, "sealed", h.sealed);
    if (h.sealed && an_encoding_at(h.encoding)) /* what is in it only its coordinator can read */
        an_json_set_text(o, "encoding", an_encoding_at(h.encoding)->name);
    an_fold_init(&fold, &h, NULL);
    if (h.sealed)
        an_hash_of(&hash, f->bytes, f->len);
    else if ((err = an_fold_feed(&fold, f->bytes, f->len, why)) != AN_OK ||
             (err = an_fold_end(&fold, &hash, why)) != AN_OK)
        return err;
    set_hash(o, "update", &hash);
    an_json_set_text(o, "site", h.site);
    an_json_set_int(o, "round", (int64_t)h.round);
    set_hash(o, "plan", &h.plan_hash);
    an_json_set_int(o, "coordinates", (int64_t)h.dim);
    return AN_OK;
}

static an_err inspect_pool(file *f, an_json *o, an_note *why)
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

/* A description has no mark of its own: it is text that begins a list of layers. */
static bool looks_like_arch(const file *f)
{
    static const char word[] = "layers:";
    if (f->len > AN_MODEL_TEXT_MAX)
        return false;
    for (size_t i = 0; i + sizeof word <= f->len; i++)
        if ((i == 0 || f->bytes[i - 1] == '\n') && memcmp(f->bytes + i, word, sizeof word - 1) == 0)
            return true;
    return false;
}

static an_err inspect_arch(file *f, an_json *o, an_note *why)
{
    an_hash layout;
    an_err err = an_model_new((const char *)f->bytes, f->len, f->path, f->features, &f->model, why);
    if (err != AN_OK)
        return err;
    an_json_set_text(o, "model", an_model_name(f->model));
    an_model_layout_hash(f->model, &layout);
    set_hash(o, "layout", &layout);
    return AN_OK;
}

static const struct {
    const char *kind;
    const char *magic;
    size_t magic_len;
    an_err (*inspect)(file *f, an_json *o, an_note *why);
} kinds[] = {
    {"version", "ANDONBDL", 8, inspect_bundle},
    {"overlay", "ANDONOVL", 8, inspect_overlay},
    {"update", "ANUPD", 5, inspect_update},
    {"pool", "ANPOOL1", 7, inspect_pool},
};

/* As "(128, 32)  4096". */
static void print_tensor(FILE *out, const an_jval *tensor, int64_t numbers)
{
    char shape[128] = "(";
    int64_t dim = 0;
    const an_jval *dims = an_jval_get(tensor, "shape");
    for (size_t i = 0, at = 1; dims && i < an_jval_count(dims); i++)
        if (an_jval_int(an_jval_at(dims, i), NULL, 0, INT64_MAX, &dim, NULL) == AN_OK && at < sizeof shape)
            at += (size_t)snprintf(shape + at, sizeof shape - at, "%s%lld", i ? ", " : "", (long long)dim);
    fprintf(out, "%10lld  %s)\n", (long long)numbers, shape);
}

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
            fprintf(out, "%*s%-*s", indent + 2, "", pad - 2, text);
            print_tensor(out, item, whole);
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

static an_err inspect(file *f, an_json *o, an_note *why)
{
    size_t k = 0;
    const size_t n = sizeof kinds / sizeof *kinds;
    while (k < n &&
           (f->len < kinds[k].magic_len || memcmp(f->bytes, kinds[k].magic, kinds[k].magic_len) != 0))
        k++;
    const bool arch = k == n && looks_like_arch(f);
    an_json_set_text(o, "kind", k < n ? kinds[k].kind : arch ? "description" : "unknown");
    an_json_set_int(o, "bytes", (int64_t)f->len);
    if (arch)
        return inspect_arch(f, o, why);
    return k < n ? kinds[k].inspect(f, o, why)
                 : an_fail(AN_ERR_PROTO, why,
                           "neither a version nor a description, an overlay, an update or a sample pool");
}

static an_err report(an_lab *lab, const file *f, an_json *o, an_note *why)
{
    an_err err = AN_OK;
    if (lab->json) {
        if (f->model)
            err = an_lab_anatomy_json(f->model, f->batch, o, why);
        if (err == AN_OK)
            return an_lab_print_json(lab, o, why);
        an_json_free(o);
        return err;
    }
    err = print_lines(lab, o, why);
    if (err == AN_OK && f->model) {
        fputc('\n', lab->out);
        err = an_lab_anatomy_print(f->model, f->batch, lab->out, why);
    }
    return err;
}

static an_err run(an_lab *lab, an_note *why)
{
    an_buf bytes;
    int64_t batch = 0, features = 0;
    file f = {.path = lab->args->positionals[0]};
    an_note inner = {{0}};
    an_err err = an_args_int(lab->args, "batch", 1, 65536, 64, &batch, why);
    if (err != AN_OK ||
        (err = an_args_int(lab->args, "features", 0, AN_PREP_INPUT_MAX, 0, &features, why)) != AN_OK)
        return err;
    f.batch = (size_t)batch;
    f.features = (size_t)features;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_json *o = an_json_object();
    err = an_file_read(&bytes, f.path, &inner);
    f.bytes = bytes.data;
    f.len = bytes.len;
    if (err == AN_OK)
        err = inspect(&f, o, &inner);
    if (err == AN_OK) {
        err = report(lab, &f, o, why);
    } else {
        an_json_free(o);
        const char *text = inner.text[0] ? inner.text : an_err_text(err);
        const bool named = strncmp(text, f.path, strlen(f.path)) == 0;
        const char *hint = looks_like_arch(&f) && f.features == 0 ? "; --features N says how wide it is" : "";
        err = an_fail(err, why, "%.120s%s%.150s%s", named ? "" : f.path, named ? "" : ": ", text, hint);
    }
    an_model_free(f.model);
    an_buf_done(&bytes);
    return err;
}

static const an_flag flags[] = {
    {"features", "N", "width of the data, for a description that leaves it open"},
    {"batch", "N", "rows of the training step whose memory is told (default 64)"},
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_inspect = {
    .verb = {"inspect", "FILE", 1, 1, flags, sizeof flags / sizeof *flags,
             "say what a version, description, overlay, update or sample pool holds, or why it is not valid"},
    .run = run,
};
