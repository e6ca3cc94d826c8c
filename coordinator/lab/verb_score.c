/* andon-lab score: a version and tables -> a table of scores, alarms and the sensors behind
 * them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/lab/evaluate_plots.h"
#include "coordinator/lab/files.h"
#include "coordinator/lab/judge.h"
#include "coordinator/lab/plots.h"

#define TOP 3

typedef struct work {
    an_lab *lab;
    an_lab_files files;
    an_bundle bundle;
    an_overlay overlay;
    bool has_overlay;
    an_hash hash;
    double threshold;
    FILE *csv;     /* NULL: none is written */
    an_json *rows; /* NULL: no list is wanted */
    uint64_t n, n_alarms;
} work;

/* The largest contributions, as "Current 62%;Pressure 20%". */
static void top_text(const work *w, const float *parts, char *ret, size_t size)
{
    const size_t width = w->files.width;
    double sum = 0;
    size_t used[TOP], n = 0, at = 0;
    for (size_t j = 0; j < width; j++)
        sum += (double)parts[j];
    ret[0] = '\0';
    for (size_t k = 0; k < TOP && k < width && sum > 0; k++) {
        size_t best = SIZE_MAX;
        for (size_t j = 0; j < width; j++) {
            bool taken = false;
            for (size_t i = 0; i < n; i++)
                taken = taken || used[i] == j;
            if (!taken && (best == SIZE_MAX || parts[j] > parts[best]))
                best = j;
        }
        used[n++] = best;
        int len = snprintf(ret + at, size - at, "%s%s %.0f%%", k ? ";" : "",
                           w->bundle.schema.sensors[best].name, 100 * (double)parts[best] / sum);
        at += len > 0 && (size_t)len < size - at ? (size_t)len : 0;
    }
}

static void put_field(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

static void put_row(work *w, const char *file, const an_table *t, size_t i, float score, const float *parts)
{
    char top[TOP * (AN_BUNDLE_SENSOR_MAX + 16)], time[25] = "";
    const bool alarm = score > 1;
    top_text(w, parts, top, sizeof top);
    if (t->times_ms && t->times_ms[i] != AN_TIME_NONE)
        an_time_text(time, t->times_ms[i]);
    w->n++;
    w->n_alarms += alarm;
    if (w->csv) {
        if (w->files.n > 1 || w->files.height) {
            put_field(w->csv, file);
            fputc(',', w->csv);
        }
        fprintf(w->csv, "%zu,%s,%.9g,%d,", i, time, (double)score * w->threshold, alarm);
        put_field(w->csv, top);
        fputc('\n', w->csv);
    }
    if (w->rows)
        an_json_push(w->rows, an_json_num((double)score * w->threshold));
}

static an_err draw(const work *w, const an_table *t, float *scores, an_note *why)
{
    char about[200];
    uint8_t *labels = t->labels ? an_alloc(t->n, 1) : NULL;
    if (t->labels && !labels)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < t->n; i++) {
        scores[i] = (float)((double)scores[i] * w->threshold);
        if (labels)
            labels[i] = t->labels[i] > 0;
    }
    an_lab_about(about, sizeof about, w->lab->args->positionals[0], &w->files, t->n, "rows");
    an_err err = an_lab_plot_trace(an_args_get(w->lab->args, "plot"), about, t->times_ms, scores, labels,
                                   t->n, w->threshold, why);
    an_free(labels);
    return err;
}

static an_err score_table(work *w, size_t k, an_note *why)
{
    const an_table *t = &w->files.tables[k];
    float *scores = an_alloc(t->n, sizeof *scores), *parts = an_alloc(t->n * t->width, sizeof *parts);
    an_err err = AN_ERR_NOMEM;
    if (scores && parts)
        err = an_lab_judge_rows(&w->bundle, w->has_overlay ? &w->overlay : NULL, NULL, 0, t->rows, t->n,
                                t->width, scores, parts, why);
    const size_t each = w->files.height ? w->files.height : 1;
    for (size_t i = 0; i < t->n / each && err == AN_OK; i++) {
        const size_t last = (i + 1) * each - 1; /* of an image: all its rows have its score */
        put_row(w, w->files.height ? w->files.images[w->n] : w->files.names[k], t, i, scores[last],
                parts + last * t->width);
    }
    if (err == AN_OK && an_args_has(w->lab->args, "plot"))
        err = draw(w, t, scores, why);
    an_free(scores);
    an_free(parts);
    return err;
}

static an_err report(work *w, const char *path, an_note *why)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, &w->hash);
    if (!w->lab->json) {
        if (path)
            fprintf(w->lab->out, "%s: %llu %s, %llu alarms\n", path, (unsigned long long)w->n,
                    an_lab_files_unit(&w->files, "rows"), (unsigned long long)w->n_alarms);
        return AN_OK;
    }
    an_json *o = an_json_object();
    an_json_set_text(o, "version", hex);
    an_json_set_num(o, "threshold", w->threshold);
    an_json_set_int(o, "rows", (int64_t)w->n);
    an_json_set_int(o, "alarms", (int64_t)w->n_alarms);
    an_json_set(o, "scores", w->rows);
    w->rows = NULL;
    return an_lab_print_json(w->lab, o, why);
}

static an_err run(an_lab *lab, an_note *why)
{
    work w = {.lab = lab};
    const char *path = an_args_get(lab->args, "out");
    an_err err = an_lab_version_read(lab, lab->args->positionals[0], &w.bundle, &w.hash, &w.overlay,
                                     &w.has_overlay, why);
    if (err == AN_OK)
        err = an_lab_files_read_of(lab, &w.bundle, &w.files, why);
    if (err == AN_OK && an_args_has(lab->args, "plot") && w.files.n > 1)
        err = an_fail(AN_ERR_INVAL, why,
                      "--plot draws one table: `evaluate --plots DIR` draws each of several");
    if (err == AN_OK && an_args_has(lab->args, "plot") && w.files.height)
        err = an_fail(AN_ERR_INVAL, why, "--plot draws rows in time, and images have none");
    if (err == AN_OK && !w.bundle.detector && !(w.has_overlay && w.overlay.detector))
        err =
            an_fail(AN_ERR_UNSUPPORTED, why,
                    "the version has no detector, as it learns from labels: `evaluate` tells how good it is");
    if (err == AN_OK) {
        w.threshold = w.has_overlay && w.overlay.has_threshold ? w.overlay.threshold : w.bundle.threshold;
        w.csv = path ? fopen(path, "w") : lab->json ? NULL : lab->out;
        w.rows = lab->json ? an_json_array() : NULL;
        if (path && !w.csv)
            err = an_fail(AN_ERR_IO, why, "%s cannot be written", path);
    }
    if (err == AN_OK && w.csv)
        fprintf(w.csv, "%srow,time,score,alarm,sensors\n", w.files.n > 1 || w.files.height ? "file," : "");
    for (size_t k = 0; k < w.files.n && err == AN_OK; k++)
        err = score_table(&w, k, why);
    if (path && w.csv && fclose(w.csv) != 0 && err == AN_OK)
        err = an_fail(AN_ERR_IO, why, "%s cannot be written", path);
    if (err == AN_OK)
        err = report(&w, path, why);
    an_json_free(w.rows);
    an_bundle_done(&w.bundle);
    an_overlay_done(&w.overlay);
    an_lab_files_done(&w.files);
    return err;
}

static const an_flag flags[] = {
    {"out", "FILE", "write the table there instead of to standard output"},
    {"plot", "FILE", "write a picture of the scores in time there (SVG); of one table"},
    {"overlay", "FILE", "what a site made for the version"},
    AN_LAB_FLAGS_FILES,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_score = {
    .verb = {"score", "VERSION DATA...", 2, AN_ARGS_MAX_POSITIONALS, flags, sizeof flags / sizeof *flags,
             "score tables: row, time, score, alarm, the sensors behind it"},
    .run = run,
};
