#include "coordinator/lab/labelled.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/train.h"

#define BATCH 64
#define BATCH_VALUES 262144 /* inputs of a batch: large images go in fewer at a time */
#define MATRIX_MAX 24       /* classes that are printed as a matrix */

static an_err goal_of(const an_model *m, const an_prep *prep, const an_lab_files *f, an_lab_goal *ret,
                      an_note *why)
{
    const size_t targets = an_model_n_targets(m);
    const bool labels = f->n > 0 && f->tables[0].labels;
    if (f->masks)
        *ret = AN_LAB_MASK;
    else if (targets < an_model_n_outputs(m))
        *ret = AN_LAB_CLASSES;
    else if (targets == 1 && (labels || f->width > 1))
        *ret = AN_LAB_NUMBER;
    else if (targets == f->width)
        *ret = AN_LAB_FORECAST;
    else
        return an_fail(AN_ERR_INVAL, why,
                       "the model has %zu outputs: neither one nor as many as sensors (%zu)", targets,
                       f->width);
    if (*ret == AN_LAB_FORECAST && prep->conf.chain)
        return an_fail(AN_ERR_UNSUPPORTED, why, "a model that forecasts rows takes no steps before it");
    if (*ret != AN_LAB_FORECAST && *ret != AN_LAB_MASK && !labels)
        return an_fail(AN_ERR_INVAL, why, "the model learns from labels: say --label COLUMN");
    return AN_OK;
}

/* How far the window's target lies behind its last row. */
static size_t behind(const an_lab_labelled *d, size_t ahead)
{
    return d->goal == AN_LAB_FORECAST ? ahead : 0;
}

/* False: a value was not measured, so that there is nothing to be right about. */
static bool scaled_row(const an_prep *p, const float *row, float *to)
{
    for (uint32_t j = 0; j < p->features; j++) {
        const float z = (row[j] - p->mean[j]) / p->scale[j];
        const float top = p->conf.clamp > 0 ? p->conf.clamp : INFINITY;
        if (isnan(row[j]))
            return false;
        to[j] = z > top ? top : z < -top ? -top : z;
    }
    return true;
}

static an_err take_windows(const an_model *m, const an_prep *prep, const an_table *t, const char *name,
                           size_t ahead, an_lab_labelled *d, an_note *why)
{
    an_windows w = {0};
    const size_t later = behind(d, ahead), classes = an_model_n_outputs(m);
    an_err err = an_prep_windows(prep, t->rows, t->n, &w);
    for (size_t i = 0; i < w.n && err == AN_OK; i++) {
        const size_t at = w.last[i] + later;
        if (at >= t->n)
            break;
        memcpy(d->x + d->n * d->n_inputs, w.x + i * w.input, w.input * sizeof *d->x);
        if (d->goal == AN_LAB_FORECAST) {
            if (!scaled_row(prep, t->rows + at * t->width, d->t + d->n * d->n_targets))
                continue;
        } else if (d->goal != AN_LAB_MASK) {
            const float label = t->labels ? t->labels[at] : NAN;
            if (!isfinite(label))
                err = an_fail(AN_ERR_INVAL, why, "%s: row %zu has no label", name, at);
            else if (d->goal == AN_LAB_CLASSES &&
                     !(label >= 0 && (double)label < (double)classes && label == floorf(label)))
                err = an_fail(AN_ERR_INVAL, why, "%s: row %zu has the class %g, the model has 0..%zu", name,
                              at, (double)label, classes - 1);
            d->t[d->n] = label;
        }
        d->n++;
    }
    an_windows_done(&w);
    return err;
}

/* A window is an image, and its mask lies in the same place of the masks. */
static void take_masks(const an_lab_files *f, an_lab_labelled *d)
{
    memcpy(d->t, f->masks, d->n * d->n_targets * sizeof *d->t);
}

an_err an_lab_labelled_make(const an_model *m, const an_prep *prep, const an_lab_files *f, size_t ahead,
                            an_lab_labelled *ret, an_note *why)
{
    size_t rows = 0;
    an_lab_labelled d = {.n_inputs = an_model_n_inputs(m), .n_targets = an_model_n_targets(m)};
    an_err err = goal_of(m, prep, f, &d.goal, why);
    if (err != AN_OK)
        return err;
    d.unit = an_lab_files_unit(f, "windows");
    d.classes = f->classes.n > 0 ? &f->classes : NULL;
    for (size_t k = 0; k < f->n; k++)
        rows += f->tables[k].n;
    const size_t most = f->height ? f->n_images : rows;
    d.x = an_alloc(most, d.n_inputs * sizeof *d.x);
    d.t = an_alloc(most, d.n_targets * sizeof *d.t);
    if (!d.x || !d.t)
        err = AN_ERR_NOMEM;
    for (size_t k = 0; k < f->n && err == AN_OK; k++)
        err = take_windows(m, prep, &f->tables[k], f->names[k], ahead, &d, why);
    if (err == AN_OK && d.goal == AN_LAB_MASK)
        take_masks(f, &d);
    if (err == AN_OK && d.n == 0)
        err = an_fail(AN_ERR_INVAL, why, "the tables hold no whole window of %u rows", prep->conf.window);
    if (err == AN_OK)
        *ret = d;
    else
        an_lab_labelled_done(&d);
    return err;
}

void an_lab_labelled_done(an_lab_labelled *d)
{
    an_free(d->x);
    an_free(d->t);
    *d = (an_lab_labelled){.x = NULL};
}

static void swap(float *a, float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

void an_lab_labelled_shuffle(an_lab_labelled *d, uint64_t seed)
{
    an_rng r;
    an_rng_init(&r, seed, d->n);
    for (size_t i = d->n; i > 1; i--) {
        const size_t j = (size_t)an_rng_below(&r, i);
        if (j + 1 == i)
            continue;
        swap(d->x + (i - 1) * d->n_inputs, d->x + j * d->n_inputs, d->n_inputs);
        swap(d->t + (i - 1) * d->n_targets, d->t + j * d->n_targets, d->n_targets);
    }
}

/* ---- how good ---- */

static size_t batch_of(const an_lab_labelled *d)
{
    const size_t fit = BATCH_VALUES / d->n_inputs;
    return fit >= BATCH ? BATCH : fit ? fit : 1;
}

/* y (n, outputs) of the rows from `at` on, to (outputs, all): one output after the other; of masks, as
 * they are. */
static an_err lay_out(const an_lab_labelled *d, const float *y, size_t n, size_t outputs, size_t at,
                      float *ret, an_note *why)
{
    for (size_t k = 0; k < n * outputs; k++) {
        ret[d->goal == AN_LAB_MASK ? at * outputs + k : k % outputs * d->n + at + k / outputs] = y[k];
        if (!isfinite(y[k]))
            return an_fail(AN_ERR_NUMERIC, why, "an output for number %zu of the %s is not finite",
                           at + k / outputs, d->unit);
    }
    return AN_OK;
}

static an_err outputs_of(const an_model *m, const float *params, const an_lab_labelled *d, float *ret,
                         an_note *why)
{
    an_ws *ws = NULL;
    const size_t outputs = an_model_n_outputs(m), batch = batch_of(d);
    an_err err = an_ws_new(m, AN_WS_FORWARD, batch, &ws);
    for (size_t i = 0; i < d->n && err == AN_OK; i += batch) {
        const size_t n = d->n - i < batch ? d->n - i : batch;
        err = lay_out(d, an_model_forward(m, ws, params, n, d->x + i * d->n_inputs), n, outputs, i, ret, why);
    }
    an_ws_free(ws);
    return err;
}

/* The same in bytes, and the mean loss. */
static an_err outputs_in_bytes(const an_quant *q, const an_lab_labelled *d, float *ret, double *ret_loss,
                               an_note *why)
{
    an_quant_ws *ws = NULL;
    const size_t outputs = an_model_n_outputs(an_quant_model(q)), batch = batch_of(d);
    double loss = 0;
    an_err err = an_quant_ws_new(q, batch, &ws);
    for (size_t i = 0; i < d->n && err == AN_OK; i += batch) {
        const size_t n = d->n - i < batch ? d->n - i : batch;
        const float *x = d->x + i * d->n_inputs;
        err = lay_out(d, an_quant_forward(q, ws, n, x), n, outputs, i, ret, why);
        if (err == AN_OK)
            loss += an_quant_loss(q, ws, n, x, d->t + i * d->n_targets);
    }
    *ret_loss = loss / (double)d->n;
    an_quant_ws_free(ws);
    return err;
}

static an_err count_classes(const an_lab_labelled *d, size_t k, const float *y, an_classes *ret)
{
    uint32_t *truth = an_alloc(d->n, sizeof *truth), *guess = an_alloc(d->n, sizeof *guess);
    an_err err = truth && guess ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < d->n && err == AN_OK; i++) {
        truth[i] = (uint32_t)d->t[i];
        for (size_t j = 1; j < k; j++)
            guess[i] = y[j * d->n + i] > y[guess[i] * d->n + i] ? (uint32_t)j : guess[i];
    }
    if (err == AN_OK)
        err = an_classes_count(truth, guess, d->n, k, ret);
    an_free(truth);
    an_free(guess);
    return err;
}

static void fit_numbers(const an_lab_labelled *d, an_lab_fitness *f)
{
    for (size_t i = 0; i < d->n; i++)
        for (size_t j = 0; j < d->n_targets; j++)
            f->truth[j * d->n + i] = d->t[i * d->n_targets + j];
    f->fit = an_fit_of(f->truth, f->guess, d->n * d->n_targets);
    for (size_t j = 0; j < d->n_targets; j++)
        f->outputs[j] = an_fit_of(f->truth + j * d->n, f->guess + j * d->n, d->n);
}

an_err an_lab_fitness_of(const an_model *m, const float *params, const an_quant *quant,
                         const an_lab_labelled *d, an_lab_fitness *ret, an_note *why)
{
    const size_t outputs = an_model_n_outputs(m);
    an_lab_fitness f = {
        .goal = d->goal, .n = d->n, .n_targets = d->n_targets, .unit = d->unit, .classes_named = d->classes};
    const bool numbers = d->goal == AN_LAB_NUMBER || d->goal == AN_LAB_FORECAST;
    f.guess = an_alloc(d->n, outputs * sizeof *f.guess);
    f.truth = an_alloc(numbers ? d->n : 0, d->n_targets * sizeof *f.truth);
    f.outputs = an_alloc(numbers ? d->n_targets : 0, sizeof *f.outputs);
    an_err err = f.guess && f.truth && f.outputs ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK && quant)
        err = outputs_in_bytes(quant, d, f.guess, &f.loss, why);
    if (err == AN_OK && !quant)
        err = an_train_loss(m, params, d->x, d->t, d->n, &f.loss, why);
    if (err == AN_OK && !quant)
        err = outputs_of(m, params, d, f.guess, why);
    if (err == AN_OK && d->goal == AN_LAB_CLASSES)
        err = count_classes(d, outputs, f.guess, &f.classes);
    else if (err == AN_OK && d->goal == AN_LAB_MASK)
        f.overlap = an_overlap_of(d->t, f.guess, d->n, outputs);
    else if (err == AN_OK)
        fit_numbers(d, &f);
    if (err == AN_OK)
        *ret = f;
    else
        an_lab_fitness_done(&f);
    return err;
}

void an_lab_fitness_done(an_lab_fitness *f)
{
    an_classes_done(&f->classes);
    an_free(f->outputs);
    an_free(f->truth);
    an_free(f->guess);
    *f = (an_lab_fitness){.n = 0};
}

/* ---- as text and JSON ---- */

/* As wide as its head; a dash: not defined. */
static void put(FILE *out, int width, double v)
{
    if (isnan(v))
        fprintf(out, " %*s", width, "-");
    else
        fprintf(out, " %*.3f", width, v);
}

/* The name of a class, cut to `size`, or its number. */
static const char *class_name(const an_lab_fitness *f, size_t i, char *text, size_t size)
{
    if (f->classes_named && i < f->classes_named->n)
        snprintf(text, size, "%s", f->classes_named->items[i]);
    else
        snprintf(text, size, "%zu", i);
    return text;
}

size_t an_lab_fitness_shown(const an_lab_fitness *f)
{
    const an_classes *c = &f->classes;
    const size_t named = f->classes_named ? f->classes_named->n : c->k;
    size_t k = c->k;
    for (; k > named; k--)
        for (size_t j = 0; j < c->k; j++)
            if (c->counts[(k - 1) * c->k + j] + c->counts[j * c->k + k - 1] > 0)
                return k;
    return k;
}

static void print_matrix(const an_lab_fitness *f, size_t k, FILE *out)
{
    char name[16];
    const an_classes *c = &f->classes;
    fprintf(out, "%-16s", "truth \\ said");
    for (size_t j = 0; j < k; j++)
        fprintf(out, " %6.6s", class_name(f, j, name, sizeof name));
    fputc('\n', out);
    for (size_t i = 0; i < k; i++) {
        fprintf(out, "%-16s", class_name(f, i, name, sizeof name));
        for (size_t j = 0; j < k; j++)
            fprintf(out, " %6llu", (unsigned long long)c->counts[i * c->k + j]);
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void print_classes(const an_lab_fitness *f, FILE *out)
{
    char name[24];
    const an_classes *c = &f->classes;
    const size_t k = an_lab_fitness_shown(f);
    fprintf(out, "accuracy %.4f, balanced %.4f, macro F1 %.4f\n\n", c->accuracy, c->balanced, c->macro_f1);
    if (k <= MATRIX_MAX)
        print_matrix(f, k, out);
    fprintf(out, "%-24s %8s %10s %8s %8s\n", "class", f->unit, "precision", "recall", "F1");
    for (size_t i = 0; i < k; i++) {
        const an_class_rates *r = &c->rates[i];
        fprintf(out, "%-24s %8llu", class_name(f, i, name, sizeof name), (unsigned long long)r->n);
        put(out, 10, r->precision);
        put(out, 8, r->recall);
        put(out, 8, r->f1);
        fputc('\n', out);
    }
}

static void print_overlap(const an_overlap *o, FILE *out)
{
    fprintf(out, "\n%-16s %12s %12s\n", "pixels", "marked", "left");
    fprintf(out, "%-16s %12llu %12llu\n", "  in the mask", (unsigned long long)o->tp,
            (unsigned long long)o->fn);
    fprintf(out, "%-16s %12llu %12llu\n\n", "  not in it", (unsigned long long)o->fp,
            (unsigned long long)o->tn);
    fprintf(out, "%-16s %10s %8s %8s %8s %14s\n%-16s", "", "precision", "recall", "Dice", "IoU",
            "IoU, of images", "at 0");
    put(out, 10, o->precision);
    put(out, 8, o->recall);
    put(out, 8, o->dice);
    put(out, 8, o->iou);
    put(out, 14, o->mean_iou);
    fprintf(out, "\n%-16s %10s %8s", "all marked", "", "");
    put(out, 8, o->all_dice);
    fputc('\n', out);
}

static void print_fit(FILE *out, const char *name, const an_fit *f)
{
    fprintf(out, "%-24s %12.6g %12.6g %8.4f %12.4g\n", name, f->mae, f->rmse, f->r2, f->bias);
}

void an_lab_fitness_print(const an_lab_fitness *f, const an_sensor *names, FILE *out)
{
    fprintf(out, "%zu %s, loss %.6g\n", f->n, f->unit, f->loss);
    if (f->goal == AN_LAB_CLASSES) {
        print_classes(f, out);
        return;
    }
    if (f->goal == AN_LAB_MASK) {
        print_overlap(&f->overlap, out);
        return;
    }
    fprintf(out, "\n%-24s %12s %12s %8s %12s\n", f->goal == AN_LAB_NUMBER ? "label" : "sensor, scaled", "MAE",
            "RMSE", "R2", "bias");
    for (size_t j = 0; j < f->n_targets && f->goal == AN_LAB_FORECAST; j++)
        print_fit(out, names[j].name, &f->outputs[j]);
    print_fit(out, f->goal == AN_LAB_NUMBER ? "all windows" : "all", &f->fit);
}

static void overlap_json(const an_overlap *o, an_json *object)
{
    an_json *pixels = an_json_object();
    an_json_set_int(pixels, "tp", (int64_t)o->tp);
    an_json_set_int(pixels, "fp", (int64_t)o->fp);
    an_json_set_int(pixels, "tn", (int64_t)o->tn);
    an_json_set_int(pixels, "fn", (int64_t)o->fn);
    an_json_set(object, "pixels", pixels);
    an_json_set_num(object, "precision", o->precision);
    an_json_set_num(object, "recall", o->recall);
    an_json_set_num(object, "dice", o->dice);
    an_json_set_num(object, "iou", o->iou);
    an_json_set_num(object, "mean_iou", o->mean_iou);
    an_json_set_num(object, "all_marked_dice", o->all_dice);
}

static void classes_json(const an_lab_fitness *f, an_json *object)
{
    char name[256];
    const an_classes *c = &f->classes;
    an_json *matrix = an_json_array(), *list = an_json_array();
    an_json_set_num(object, "accuracy", c->accuracy);
    an_json_set_num(object, "balanced_accuracy", c->balanced);
    an_json_set_num(object, "macro_f1", c->macro_f1);
    for (size_t i = 0; i < c->k; i++) {
        an_json *row = an_json_array(), *o = an_json_object();
        for (size_t j = 0; j < c->k; j++)
            an_json_push_int(row, (int64_t)c->counts[i * c->k + j]);
        an_json_push(matrix, row);
        an_json_set_text(o, "class", class_name(f, i, name, sizeof name));
        an_json_set_int(o, "rows", (int64_t)c->rates[i].n);
        an_json_set_num(o, "precision", c->rates[i].precision);
        an_json_set_num(o, "recall", c->rates[i].recall);
        an_json_set_num(o, "f1", c->rates[i].f1);
        an_json_push(list, o);
    }
    an_json_set(object, "confusion", matrix);
    an_json_set(object, "classes", list);
}

static void fit_json(const an_fit *f, an_json *object)
{
    an_json_set_num(object, "mae", f->mae);
    an_json_set_num(object, "rmse", f->rmse);
    an_json_set_num(object, "r2", f->r2);
    an_json_set_num(object, "bias", f->bias);
}

void an_lab_fitness_json(const an_lab_fitness *f, const an_sensor *names, an_json *object)
{
    static const char *const goals[] = {"classes", "number", "forecast", "mask"};
    an_json_set_text(object, "goal", goals[f->goal]);
    an_json_set_int(object, f->unit, (int64_t)f->n);
    an_json_set_num(object, "loss", f->loss);
    if (f->goal == AN_LAB_CLASSES) {
        classes_json(f, object);
        return;
    }
    if (f->goal == AN_LAB_MASK) {
        overlap_json(&f->overlap, object);
        return;
    }
    fit_json(&f->fit, object);
    if (f->goal != AN_LAB_FORECAST)
        return;
    an_json *list = an_json_array();
    for (size_t j = 0; j < f->n_targets; j++) {
        an_json *o = an_json_object();
        an_json_set_text(o, "sensor", names[j].name);
        fit_json(&f->outputs[j], o);
        an_json_push(list, o);
    }
    an_json_set(object, "sensors", list);
}
