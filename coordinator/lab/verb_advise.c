/* andon-lab advise: a version that predicts a number, rows, and which inputs to move for a better one.  It prints;
 * nothing is written back. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/advice_versions.h"
#include "base/mem.h"
#include "coordinator/lab/files.h"
#include "doors/yaml.h"

typedef struct work {
    an_lab *lab;
    an_lab_files files;
    an_advice_conf *conf;
    an_advice_versions versions;
    float *known; /* (known and rows, width) of all files, one after the other */
    float *row;   /* (width) what is advised */
    size_t width, n, rows, n_found, n_refused;
    an_json *list; /* NULL: no list is wanted */
} work;

/* The last rows are asked about; those before are known. */
static an_err take_rows(work *w, an_note *why)
{
    for (size_t k = 0; k < w->files.n; k++)
        w->n += w->files.tables[k].n;
    if (w->n < w->rows + 2)
        return an_fail(AN_ERR_INVAL, why, "%zu rows are too few: %zu are asked about, and two must be known",
                       w->n, w->rows);
    w->known = an_alloc_raw(w->n * w->width, sizeof *w->known);
    w->row = an_alloc(w->width, sizeof *w->row);
    if (!w->known || !w->row)
        return AN_ERR_NOMEM;
    size_t n = 0, kept = 0;
    for (size_t k = 0; k < w->files.n; k++)
        for (size_t i = 0; i < w->files.tables[k].n; i++, n++) {
            const float *from = w->files.tables[k].rows + i * w->width;
            bool whole = n >= w->n - w->rows;
            for (size_t j = 0; j < w->width && !whole; j++)
                if (!isfinite(from[j]))
                    break;
                else
                    whole = j + 1 == w->width;
            if (whole)
                memcpy(w->known + kept++ * w->width, from, w->width * sizeof *from);
        }
    w->versions.ask.known = w->known;
    w->versions.ask.n_known = kept - w->rows;
    return an_advice_learn(&w->versions.ask, why);
}

static void print(const work *w, size_t at, const float *now, const an_advice *a)
{
    FILE *out = w->lab->out;
    fprintf(out, "row %zu: %.6g", at, a->now);
    if (a->found)
        fprintf(out, " -> %.6g", a->then);
    if (a->met)
        fprintf(out, ", as it is wished\n");
    else
        fprintf(out, "%s; distance %.3g, then %.3g, up to %.3g is usual\n", a->found ? "" : ", no advice",
                a->distance_now, a->distance_then, w->versions.ask.usual);
    for (size_t i = 0; i < w->versions.ask.n_inputs && a->found; i++) {
        const size_t s = w->versions.inputs[i].sensor;
        fprintf(out, "  %-20s %.6g -> %.6g\n", w->versions.goal.schema.sensors[s].name, (double)now[s],
                (double)w->row[s]);
    }
    for (size_t k = 0; k < w->versions.ask.n_caps; k++)
        fprintf(out, "  %s: %.6g -> %.6g, at most %.6g\n", w->versions.others[k].model, a->caps_now[k],
                a->caps_then[k], w->versions.caps[k].most);
}

static an_json *to_json(const work *w, size_t at, const float *now, const an_advice *a)
{
    an_json *o = an_json_object(), *moves = an_json_object(), *caps = an_json_array();
    an_json_set_int(o, "row", (int64_t)at);
    an_json_set_bool(o, "found", a->found);
    an_json_set_bool(o, "met", a->met);
    an_json_set_num(o, "now", a->now);
    an_json_set_num(o, "then", a->then);
    for (size_t i = 0; i < w->versions.ask.n_inputs && a->found; i++) {
        const size_t s = w->versions.inputs[i].sensor;
        an_json *move = an_json_object();
        an_json_set_num(move, "from", (double)now[s]);
        an_json_set_num(move, "to", (double)w->row[s]);
        an_json_set(moves, w->versions.goal.schema.sensors[s].name, move);
    }
    an_json_set(o, "moves", moves);
    for (size_t k = 0; k < w->versions.ask.n_caps; k++) {
        an_json *c = an_json_object();
        an_json_set_text(c, "model", w->versions.others[k].model);
        an_json_set_num(c, "now", a->caps_now[k]);
        an_json_set_num(c, "then", a->caps_then[k]);
        an_json_set_num(c, "most", w->versions.caps[k].most);
        an_json_push(caps, c);
    }
    an_json_set(o, "caps", caps);
    an_json_set_num(o, "distance_now", a->distance_now);
    an_json_set_num(o, "distance_then", a->distance_then);
    an_json_set_num(o, "usual", w->versions.ask.usual);
    an_json_set_int(o, "nearest", (int64_t)a->nearest);
    return o;
}

/* A row that the model knows nothing of is refused; the others are not. */
static an_err advise(work *w, size_t i, an_note *why)
{
    const size_t at = w->n - w->rows + i;
    const float *now = w->known + (w->versions.ask.n_known + i) * w->width;
    an_advice a;
    an_note refused = {0};
    an_err err = an_advice_find(&w->versions.ask, now, w->row, &a, &refused);
    if ((err == AN_ERR_UNSUPPORTED || err == AN_ERR_NUMERIC) && w->rows > 1) {
        w->n_refused++;
        if (w->list) {
            an_json *o = an_json_object();
            an_json_set_int(o, "row", (int64_t)at);
            an_json_set_text(o, "refused", refused.text);
            an_json_push(w->list, o);
        } else {
            fprintf(w->lab->out, "row %zu: refused: %s\n", at, refused.text);
        }
        return AN_OK;
    }
    if (err != AN_OK)
        return an_fail(err, why, "row %zu: %s", at, refused.text);
    w->n_found += a.found;
    if (w->list)
        an_json_push(w->list, to_json(w, at, now, &a));
    else
        print(w, at, now, &a);
    return AN_OK;
}

static an_err report(work *w, an_note *why)
{
    if (!w->list) {
        fprintf(w->lab->out, "%zu rows, advice for %zu, %zu refused\n", w->rows, w->n_found, w->n_refused);
        return AN_OK;
    }
    an_json *o = an_json_object();
    an_json_set_text(o, "model", w->versions.goal.model);
    an_json_set_int(o, "known", (int64_t)w->versions.ask.n_known);
    an_json_set_int(o, "found", (int64_t)w->n_found);
    an_json_set_int(o, "refused", (int64_t)w->n_refused);
    an_json_set(o, "advice", w->list);
    w->list = NULL;
    return an_lab_print_json(w->lab, o, why);
}

static void done(work *w, an_yaml *doc)
{
    an_json_free(w->list);
    an_advice_conf_free(w->conf);
    an_yaml_free(doc);
    an_advice_versions_done(&w->versions);
    an_free(w->known);
    an_free(w->row);
    an_lab_files_done(&w->files);
}

static an_err run(an_lab *lab, an_note *why)
{
    work w = {.lab = lab};
    an_yaml *doc = NULL;
    const char *path = an_args_get(lab->args, "ask");
    int64_t rows = 1;
    if (!path)
        return an_fail(AN_ERR_INVAL, why, "--ask FILE is missing: which inputs may be moved, and how far");
    an_err err = an_args_int(lab->args, "rows", 1, 100000, 1, &rows, why);
    w.rows = (size_t)rows;
    if (err == AN_OK)
        err = an_yaml_load(path, &doc, why);
    if (err == AN_OK)
        err = an_advice_conf_read(an_yaml_root(doc), false, &w.conf, why);
    if (err == AN_OK && !w.conf)
        err = an_fail(AN_ERR_INVAL, why, "%s says nothing of inputs", path);
    if (err == AN_OK)
        err = an_advice_versions_read(&w.versions, w.conf, lab->args->positionals[0], why);
    if (err == AN_OK)
        err = an_lab_files_read_of(lab, &w.versions.goal, &w.files, why);
    w.width = w.versions.goal.schema.n;
    if (err == AN_OK)
        err = take_rows(&w, why);
    w.list = lab->json ? an_json_array() : NULL;
    for (size_t i = 0; i < w.rows && err == AN_OK; i++)
        err = advise(&w, i, why);
    if (err == AN_OK)
        err = report(&w, why);
    done(&w, doc);
    return err;
}

static const an_flag flags[] = {
    {"ask", "FILE", "YAML: the inputs that may be moved, their limits, and caps"},
    {"rows", "N", "the last N rows of DATA are asked about, those before are known (default 1)"},
    AN_LAB_FLAGS_FILES,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_advise = {
    .verb = {"advise", "VERSION DATA...", 2, AN_ARGS_MAX_POSITIONALS, flags, sizeof flags / sizeof *flags,
             "which inputs to move, within limits, for a better prediction"},
    .run = run,
};
