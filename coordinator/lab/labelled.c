#include "coordinator/lab/labelled.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/train.h"

#define BATCH 64
#define MATRIX_MAX 24 /* classes that are printed as a matrix */

static an_err goal_of(const an_model *m, const an_lab_files *f, an_lab_goal *ret, an_note *why)
{
    const size_t targets = an_model_n_targets(m);
    const bool labels = f->n > 0 && f->tables[0].labels;
    if (targets < an_model_n_outputs(m))
        *ret = AN_LAB_CLASSES;
    else if (targets == 1 && (labels || f->width > 1))
        *ret = AN_LAB_NUMBER;
    else if (targets == f->width)
        *ret = AN_LAB_FORECAST;
    else
        return an_fail(AN_ERR_INVAL, why,
                       "the model has %zu outputs: neither one nor as many as sensors (%zu)", targets,
                       f->width);
    if (*ret != AN_LAB_FORECAST && !labels)
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
        } else {
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

an_err an_lab_labelled_make(const an_model *m, const an_prep *prep, const an_lab_files *f, size_t ahead,
                            an_lab_labelled *ret, an_note *why)
{
    size_t rows = 0;
    an_lab_labelled d = {.n_inputs = an_model_n_inputs(m), .n_targets = an_model_n_targets(m)};
    an_err err = goal_of(m, f, &d.goal, why);
    if (err != AN_OK)
        return err;
    for (size_t k = 0; k < f->n; k++)
        rows += f->tables[k].n;
    d.x = an_alloc(rows, d.n_inputs * sizeof *d.x);
    d.t = an_alloc(rows, d.n_targets * sizeof *d.t);
    if (!d.x || !d.t)
        err = AN_ERR_NOMEM;
    for (size_t k = 0; k < f->n && err == AN_OK; k++)
        err = take_windows(m, prep, &f->tables[k], f->names[k], ahead, &d, why);
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

/* ---- how good ---- */

/* ret (outputs, n): one output after the other. */
static an_err outputs_of(const an_model *m, const float *params, const an_lab_labelled *d, float *ret,
                         an_note *why)
{
    an_ws *ws = NULL;
    const size_t outputs = an_model_n_outputs(m);
    an_err err = an_ws_new(m, AN_WS_FORWARD, BATCH, &ws);
    for (size_t i = 0; i < d->n && err == AN_OK; i += BATCH) {
        const size_t n = d->n - i < BATCH ? d->n - i : BATCH;
        const float *y = an_model_forward(m, ws, params, n, d->x + i * d->n_inputs);
        for (size_t k = 0; k < n * outputs && err == AN_OK; k++) {
            ret[k % outputs * d->n + i + k / outputs] = y[k];
            if (!isfinite(y[k]))
                err = an_fail(AN_ERR_NUMERIC, why, "an output for window %zu is not finite", i + k / outputs);
        }
    }
    an_ws_free(ws);
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

an_err an_lab_fitness_of(const an_model *m, const float *params, const an_lab_labelled *d,
                         an_lab_fitness *ret, an_note *why)
{
    const size_t outputs = an_model_n_outputs(m);
    an_lab_fitness f = {.goal = d->goal, .n = d->n, .n_targets = d->n_targets};
    f.guess = an_alloc(d->n, outputs * sizeof *f.guess);
    f.truth = an_alloc(d->n, d->n_targets * sizeof *f.truth);
    f.outputs = an_alloc(d->n_targets, sizeof *f.outputs);
    an_err err = f.guess && f.truth && f.outputs ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = an_train_loss(m, params, d->x, d->t, d->n, &f.loss, why);
    if (err == AN_OK)
        err = outputs_of(m, params, d, f.guess, why);
    if (err == AN_OK && d->goal == AN_LAB_CLASSES)
        err = count_classes(d, outputs, f.guess, &f.classes);
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

static void print_classes(const an_classes *c, FILE *out)
{
    fprintf(out, "accuracy %.4f, balanced %.4f, macro F1 %.4f\n\n", c->accuracy, c->balanced, c->macro_f1);
    if (c->k <= MATRIX_MAX) {
        fprintf(out, "%-12s", "truth \\ said");
        for (size_t j = 0; j < c->k; j++)
            fprintf(out, " %6zu", j);
        fputc('\n', out);
        for (size_t i = 0; i < c->k; i++) {
            fprintf(out, "%-12zu", i);
            for (size_t j = 0; j < c->k; j++)
                fprintf(out, " %6llu", (unsigned long long)c->counts[i * c->k + j]);
            fputc('\n', out);
        }
        fputc('\n', out);
    }
    fprintf(out, "%-12s %8s %10s %8s %8s\n", "class", "rows", "precision", "recall", "F1");
    for (size_t i = 0; i < c->k; i++) {
        const an_class_rates *r = &c->rates[i];
        fprintf(out, "%-12zu %8llu %10.3f %8.3f %8.3f\n", i, (unsigned long long)r->n, r->precision,
                r->recall, r->f1);
    }
}

static void print_fit(FILE *out, const char *name, const an_fit *f)
{
    fprintf(out, "%-24s %12.6g %12.6g %8.4f %12.4g\n", name, f->mae, f->rmse, f->r2, f->bias);
}

void an_lab_fitness_print(const an_lab_fitness *f, const an_sensor *names, FILE *out)
{
    fprintf(out, "%zu windows, loss %.6g\n", f->n, f->loss);
    if (f->goal == AN_LAB_CLASSES) {
        print_classes(&f->classes, out);
        return;
    }
    fprintf(out, "\n%-24s %12s %12s %8s %12s\n", f->goal == AN_LAB_NUMBER ? "label" : "sensor, scaled", "MAE",
            "RMSE", "R2", "bias");
    for (size_t j = 0; j < f->n_targets && f->goal == AN_LAB_FORECAST; j++)
        print_fit(out, names[j].name, &f->outputs[j]);
    print_fit(out, f->goal == AN_LAB_NUMBER ? "all windows" : "all", &f->fit);
}

static void classes_json(const an_classes *c, an_json *object)
{
    an_json *matrix = an_json_array(), *list = an_json_array();
    an_json_set_num(object, "accuracy", c->accuracy);
    an_json_set_num(object, "balanced_accuracy", c->balanced);
    an_json_set_num(object, "macro_f1", c->macro_f1);
    for (size_t i = 0; i < c->k; i++) {
        an_json *row = an_json_array(), *o = an_json_object();
        for (size_t j = 0; j < c->k; j++)
            an_json_push_int(row, (int64_t)c->counts[i * c->k + j]);
        an_json_push(matrix, row);
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
    static const char *const goals[] = {"classes", "number", "forecast"};
    an_json_set_text(object, "goal", goals[f->goal]);
    an_json_set_int(object, "windows", (int64_t)f->n);
    an_json_set_num(object, "loss", f->loss);
    if (f->goal == AN_LAB_CLASSES) {
        classes_json(&f->classes, object);
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
