/* Every kind of layer, every loss and some whole models against PyTorch's float64, as make-layers has
 * stored it: each tensor within 1e-5 of its largest magnitude, for every instruction set that the
 * processor has. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "doors/json.h"
#include "models/kernels/kernels.h"
#include "models/model_internal.h"

#define NEAR 1e-5
#define SEED 5u
#define STEP 3u
#define FIRST_ROW 11u /* as make-layers draws */

static an_json_doc *layers, *losses, *models;
static double farthest; /* of all deviations as a share of the tensor's largest magnitude */
static char farthest_at[160];

static an_json_doc *read_cases(const char *name)
{
    char path[AN_PATH_MAX];
    an_buf text;
    an_note why = {{0}};
    an_json_doc *doc = NULL;
    an_buf_init(&text, AN_JSON_MAX_BYTES);
    if (an_path_join(path, AN_TEST_DIR "/vectors", name) != AN_OK ||
        an_file_read(&text, path, &why) != AN_OK ||
        an_json_parse((const char *)text.data, text.len, name, &doc, &why) != AN_OK) {
        printf("%s\n", why.text);
        exit(1);
    }
    an_buf_done(&text);
    return doc;
}

static const char *text_of(const an_jval *c, const char *key)
{
    const char *text = NULL;
    assert_int_equal(an_jval_text(c, key, &text, NULL), AN_OK);
    return text;
}

static double number_of(const an_jval *c, const char *key)
{
    double v = 0.0;
    assert_int_equal(an_jval_num(c, key, -1e30, 1e30, &v, NULL), AN_OK);
    return v;
}

static float *numbers(size_t n)
{
    float *p = an_alloc(n ? n : 1, sizeof *p);
    assert_non_null(p);
    return p;
}

/* What stands in the file, n of them. */
static void read_floats(const an_jval *list, float *to, size_t n)
{
    if (an_jval_count(list) != n)
        fail_msg("%zu numbers in the file, %zu here", an_jval_count(list), n);
    for (size_t i = 0; i < n; i++) {
        double v = 0.0;
        assert_int_equal(an_jval_num(an_jval_at(list, i), NULL, -1e30, 1e30, &v, NULL), AN_OK);
        to[i] = (float)v;
    }
}

static void hold(const an_jval *c, const char *what, const float *got, const an_jval *list, size_t n)
{
    const char *name = text_of(c, "name");
    double most = 0.0, off = 0.0;
    if (an_jval_count(list) != n)
        fail_msg("%s: %s has %zu numbers in the file, %zu here", name, what, an_jval_count(list), n);
    for (size_t i = 0; i < n; i++) {
        double want = 0.0;
        assert_int_equal(an_jval_num(an_jval_at(list, i), NULL, -1e30, 1e30, &want, NULL), AN_OK);
        const double d = fabs((double)got[i] - want);
        most = fmax(most, fabs(want));
        off = d <= off ? off : d; /* what is not a number stays */
    }
    if (!(off <= NEAR * most))
        fail_msg("%s: %s is %g off, its largest is %g", name, what, off, most);
    if (most > 0.0 && off / most > farthest) {
        farthest = off / most;
        snprintf(farthest_at, sizeof farthest_at, "%s, %s", name, what);
    }
}

static void hold_number(const an_jval *c, const char *what, double got)
{
    const double want = number_of(c, what);
    if (!(fabs(got - want) <= NEAR * fabs(want)))
        fail_msg("%s: %s is %.9g, not %.9g", text_of(c, "name"), what, got, want);
}

static an_model *model_of(const an_jval *c)
{
    const char *text = text_of(c, "model");
    an_model *m = NULL;
    an_note why = {{0}};
    if (an_model_new(text, strlen(text), text_of(c, "name"), 0, &m, &why) != AN_OK)
        fail_msg("%s", why.text);
    return m;
}

/* ------------------------------------------------------------------------------ one layer */

typedef struct bench {
    const an_jval *c;
    const an_layer *l;
    size_t batch;
    float *w, *dw, *y, *dy, *scratch, *saved, *prepared;
    float *x[AN_LAYER_INPUTS_MAX], *dx[AN_LAYER_INPUTS_MAX];
} bench;

static void bench_init(bench *b, const an_jval *c, const an_layer *l)
{
    *b = (bench){.c = c, .l = l, .batch = (size_t)number_of(c, "batch")};
    b->w = numbers(l->n_params);
    b->dw = numbers(l->n_params);
    b->y = numbers(b->batch * l->out_n);
    b->dy = numbers(b->batch * l->out_n);
    b->scratch = numbers(l->n_scratch + b->batch * (l->n_scratch_row + l->n_scratch_dx_row));
    b->saved = numbers(l->n_saved + b->batch * l->n_saved_row);
    b->prepared = l->n_prepared ? numbers(l->n_prepared) : NULL;
    assert_int_equal(an_jval_count(an_jval_get(c, "x")), l->n_inputs);
    for (size_t k = 0; k < l->n_inputs; k++) {
        b->x[k] = numbers(b->batch * l->inputs[k].n);
        b->dx[k] = numbers(b->batch * l->inputs[k].n);
        read_floats(an_jval_at(an_jval_get(c, "x"), k), b->x[k], b->batch * l->inputs[k].n);
    }
    assert_int_equal(an_jval_count(an_jval_get(c, "w")), l->n_weights);
    for (size_t i = 0; i < l->n_weights; i++) {
        const size_t end = i + 1 < l->n_weights ? l->weight_at[i + 1] : l->n_params;
        read_floats(an_jval_get(an_jval_get(c, "w"), l->weights[i].name), b->w + l->weight_at[i],
                    end - l->weight_at[i]);
    }
    if (an_jval_get(c, "dy")) /* there is no way back from a pass in use */
        read_floats(an_jval_get(c, "dy"), b->dy, b->batch * l->out_n);
    if (l->type->prepare)
        l->type->prepare(l, b->w, b->prepared);
}

static void bench_done(bench *b)
{
    float *all[] = {b->w, b->dw, b->y, b->dy, b->scratch, b->saved, b->prepared};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        an_free(all[i]);
    for (size_t k = 0; k < b->l->n_inputs; k++) {
        an_free(b->x[k]);
        an_free(b->dx[k]);
    }
}

static void run_layer(bench *b, bool training, bool prepared)
{
    const an_layer *l = b->l;
    const float *x[AN_LAYER_INPUTS_MAX];
    double loss = 0.0;
    an_pass pass = {.training = training,
                    .batch = b->batch,
                    .draw = {SEED, STEP, FIRST_ROW},
                    .scratch = b->scratch,
                    .saved = b->saved,
                    .prepared = prepared ? b->prepared : NULL,
                    .loss = &loss};
    for (size_t k = 0; k < l->n_inputs; k++)
        x[k] = b->x[k];
    memset(b->dw, 0, l->n_params * sizeof *b->dw);
    l->type->forward(l, &pass, b->w, x, b->y);
    hold(b->c, "y", b->y, an_jval_get(b->c, "y"), b->batch * l->out_n);
    if (an_jval_get(b->c, "loss"))
        hold_number(b->c, "loss", loss);
    if (!training)
        return;
    l->type->backward(l, &pass, b->w, x, b->y, b->dy, b->dx, b->dw);
    for (size_t k = 0; k < l->n_inputs; k++)
        hold(b->c, "dx", b->dx[k], an_jval_at(an_jval_get(b->c, "dx"), k), b->batch * l->inputs[k].n);
    for (size_t i = 0; i < l->n_weights; i++) {
        const size_t end = i + 1 < l->n_weights ? l->weight_at[i + 1] : l->n_params;
        hold(b->c, l->weights[i].name, b->dw + l->weight_at[i],
             an_jval_get(an_jval_get(b->c, "dw"), l->weights[i].name), end - l->weight_at[i]);
    }
}

static void a_layer_comes_to_what_pytorch_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < an_jval_count(an_json_root(layers)); i++) {
        const an_jval *c = an_jval_at(an_json_root(layers), i);
        bool training = false;
        an_model *m = model_of(c);
        bench b;
        assert_int_equal(an_jval_bool(c, "training", &training, NULL), AN_OK);
        an_layer *l = &m->layers[m->n_layers - 1];
        assert_int_equal(an_layer_size(l, NULL),
                         AN_OK); /* with the weights that a first layer never prepares */
        bench_init(&b, c, l);
        run_layer(&b, training, false);
        if (b.prepared)
            run_layer(&b, training, true);
        bench_done(&b);
        an_model_free(m);
    }
}

/* --------------------------------------------------------------------------------- losses */

static void a_loss_comes_to_what_pytorch_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < an_jval_count(an_json_root(losses)); i++) {
        const an_jval *c = an_jval_at(an_json_root(losses), i);
        an_model *m = model_of(c);
        const size_t batch = (size_t)number_of(c, "batch"), n = batch * m->n_outputs;
        const size_t n_t = batch * an_model_n_targets(m);
        float *y = numbers(n), *dy = numbers(n), *t = numbers(n_t);
        read_floats(an_jval_get(c, "y"), y, n);
        read_floats(an_jval_get(c, "t"), t, n_t);
        hold_number(c, "loss", m->loss->eval(&m->loss_args, batch, y, t, dy));
        hold(c, "dy", dy, an_jval_get(c, "dy"), n);
        hold_number(c, "loss", m->loss->eval(&m->loss_args, batch, y, t, NULL));
        an_free(y);
        an_free(dy);
        an_free(t);
        an_model_free(m);
    }
}

/* ----------------------------------------------------------------------------- whole models */

typedef struct whole {
    const an_jval *c;
    an_model *m;
    an_ws *ws;
    size_t batch;
    float *params, *grad, *prepared, *x, *t;
} whole;

static void whole_init(whole *h, const an_jval *c)
{
    an_model *m = model_of(c);
    *h = (whole){.c = c, .m = m, .batch = (size_t)number_of(c, "batch")};
    h->params = numbers(m->n_params);
    h->grad = numbers(m->n_params);
    h->prepared = numbers(an_model_n_prepared(m));
    h->x = numbers(h->batch * m->n_inputs);
    h->t = numbers(h->batch * an_model_n_targets(m));
    read_floats(an_jval_get(c, "x"), h->x, h->batch * m->n_inputs);
    read_floats(an_jval_get(c, "t"), h->t, h->batch * an_model_n_targets(m));
    assert_int_equal(an_jval_count(an_jval_get(c, "w")), m->n_tensors);
    for (size_t i = 0; i < m->n_tensors; i++)
        read_floats(an_jval_get(an_jval_get(c, "w"), m->tensors[i].name), h->params + m->tensors[i].offset,
                    m->tensors[i].n);
    for (size_t i = 0; i < an_model_n_layers(m); i++)
        an_model_prepare(m, h->params, i, h->prepared);
    assert_int_equal(an_ws_new(m, AN_WS_TRAIN, h->batch + 1, &h->ws), AN_OK);
}

static void whole_done(whole *h)
{
    float *all[] = {h->params, h->grad, h->prepared, h->x, h->t};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        an_free(all[i]);
    an_ws_free(h->ws);
    an_model_free(h->m);
}

static void a_whole_model_comes_to_what_pytorch_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < an_jval_count(an_json_root(models)); i++) {
        whole h;
        whole_init(&h, an_jval_at(an_json_root(models), i));
        const float *y = an_model_forward(h.m, h.ws, h.params, h.batch, h.x);
        hold(h.c, "y", y, an_jval_get(h.c, "y"), h.batch * h.m->n_outputs);
        hold_number(h.c, "loss", an_model_loss(h.m, h.ws, h.params, h.batch, h.x, h.t));
        for (int fast = 0; fast < 2; fast++) {
            const an_step step = {.prepared = h.prepared};
            memset(h.grad, 0, h.m->n_params * sizeof *h.grad);
            hold_number(h.c, "loss",
                        an_model_grad(h.m, h.ws, h.params, h.batch, h.x, h.t, fast ? &step : NULL, h.grad));
            for (size_t k = 0; k < h.m->n_tensors; k++) {
                const an_tensor *w = &h.m->tensors[k];
                hold(h.c, w->name, h.grad + w->offset, an_jval_get(an_jval_get(h.c, "dw"), w->name), w->n);
            }
        }
        whole_done(&h);
    }
}

/* ------------------------------------------------------------------------------ the tables */

static void every_row_of_the_tables_has_a_case(void **state)
{
    (void)state;
    for (size_t i = 0; an_layer_at(i); i++) {
        size_t found = 0;
        for (size_t k = 0; k < an_jval_count(an_json_root(layers)); k++) {
            const an_jval *c = an_jval_at(an_json_root(layers), k);
            an_model *m = model_of(c);
            found += an_jval_get(c, "dy") && m->layers[m->n_layers - 1].type == an_layer_at(i);
            an_model_free(m);
        }
        if (found == 0)
            fail_msg("tests/vectors/make-layers has no case of the layer %s", an_layer_at(i)->name);
    }
    for (size_t i = 0; an_loss_at(i); i++) {
        size_t found = 0;
        for (size_t k = 0; k < an_jval_count(an_json_root(losses)); k++) {
            an_model *m = model_of(an_jval_at(an_json_root(losses), k));
            found += m->loss == an_loss_at(i);
            an_model_free(m);
        }
        if (found == 0)
            fail_msg("tests/vectors/make-layers has no case of the loss %s", an_loss_at(i)->name);
    }
}

int main(void)
{
    int failed = 0;
    an_json_init();
    layers = read_cases("layers.json");
    losses = read_cases("losses.json");
    models = read_cases("models.json");
    for (size_t i = 0; an_mm_kernel_at(i); i++) {
        const char *name = an_mm_kernel_at(i)->name;
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_layer_comes_to_what_pytorch_says),
            cmocka_unit_test(a_loss_comes_to_what_pytorch_says),
            cmocka_unit_test(a_whole_model_comes_to_what_pytorch_says),
        };
        if (setenv("ANDON_KERNELS", name, 1) != 0)
            return 1;
        if (!an_kernels_init()) {
            printf("this processor has no %s\n", name);
            continue;
        }
        failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
    }
    const struct CMUnitTest tables[] = {cmocka_unit_test(every_row_of_the_tables_has_a_case)};
    failed += cmocka_run_group_tests_name("tables", tables, NULL, NULL);
    printf("farthest: %.2g of the largest (%s)\n", farthest, farthest_at);
    an_json_doc_free(layers);
    an_json_doc_free(losses);
    an_json_doc_free(models);
    return failed;
}
