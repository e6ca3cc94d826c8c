/* Every description of models/zoo learns something known.  Each has a lesson: rows made by a rule, and
 * measures of rows it has not seen, each with a bar that the first parameters miss and the trained ones
 * reach.  Images and windows are smaller than the descriptions say where that saves time; all layers stay
 * as they are written. */
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
#include "base/rng.h"
#include "models/kernels/kernels.h"
#include "models/metrics.h"
#include "models/train.h"
#include "tests/support/rows.h"

#define FOLDER AN_TEST_DIR "/../models/zoo"
#define SEED 7u
#define HELD 200u /* rows that measures look at; of autoencoders every second one is not normal */

struct lesson;

typedef struct pupil {
    const struct lesson *lesson;
    char *text;
    an_model *m;
    float *params, *x, *t; /* t: NULL for an autoencoder */
    float *held_x, *held_t;
    uint8_t odd[HELD];
} pupil;

typedef struct measure {
    double (*of)(const pupil *p, const float *y); /* y (HELD, outputs) */
    double bar;
} measure;

typedef struct lesson {
    const char *file;
    size_t n_features; /* 0: an image says its own */
    int smaller[2];    /* this side or length of the description is that one here; 0: none is */
    an_rows_rule *make;
    size_t rows, epochs, batch;
    double lr;
    measure measures[4]; /* ended by one without a function */
} lesson;

/* ---- measures: more is better ---- */

static double accuracy(const pupil *p, const float *y)
{
    const size_t n = an_model_n_outputs(p->m);
    size_t right = 0;
    for (size_t i = 0; i < HELD; i++) {
        size_t best = 0;
        for (size_t k = 1; k < n; k++)
            best = y[i * n + k] > y[i * n + best] ? k : best;
        right += (float)best == p->held_t[i];
    }
    return (double)right / HELD;
}

static double square_error(const float *y, const float *t, size_t n)
{
    double sum = 0.0;
    for (size_t k = 0; k < n; k++)
        sum += ((double)y[k] - (double)t[k]) * ((double)y[k] - (double)t[k]);
    return sum;
}

/* How well the error of a row tells what is not normal from what is: the area under the ROC curve. */
static double separation(const pupil *p, const float *y)
{
    const size_t n = an_model_n_outputs(p->m);
    float errors[HELD];
    double area = 0.0;
    for (size_t i = 0; i < HELD; i++)
        errors[i] = (float)square_error(y + i * n, p->held_x + i * n, n);
    assert_int_equal(an_auroc(errors, p->odd, HELD, &area), AN_OK);
    return area;
}

/* The share of the variance of the (normal) targets that the outputs explain. */
static double explained(const pupil *p, const float *y)
{
    const size_t n = an_model_n_outputs(p->m);
    const float *t = p->held_t ? p->held_t : p->held_x;
    double sum = 0.0, squares = 0.0, count = 0.0, error = 0.0;
    for (size_t i = 0; i < HELD; i++) {
        if (p->odd[i])
            continue;
        error += square_error(y + i * n, t + i * n, n);
        count += (double)n;
        for (size_t k = 0; k < n; k++) {
            sum += (double)t[i * n + k];
            squares += (double)t[i * n + k] * (double)t[i * n + k];
        }
    }
    return 1.0 - error / (squares - sum * sum / count);
}

/* What a forecast is better by than to say that the last value stays. */
static double gain_on_the_last_value(const pupil *p, const float *y)
{
    const size_t c = an_model_n_features(p->m), n = an_model_n_inputs(p->m);
    double stays = 0.0;
    for (size_t i = 0; i < HELD; i++)
        stays += square_error(p->held_x + (i + 1) * n - c, p->held_t + i, 1);
    return 1.0 - square_error(y, p->held_t, HELD) / stays;
}

static double overlap(const pupil *p, const float *y)
{
    size_t both = 0, either = 0;
    for (size_t i = 0; i < HELD * an_model_n_outputs(p->m); i++) {
        both += y[i] > 0.0f && p->held_t[i] > 0.0f;
        either += y[i] > 0.0f || p->held_t[i] > 0.0f;
    }
    return (double)both / (double)either;
}

static an_model *model_of(const char *text, const char *name, size_t n_features)
{
    an_model *m = NULL;
    an_note why = {{0}};
    if (an_model_new(text, strlen(text), name, n_features, &m, &why) != AN_OK)
        fail_msg("%s", why.text);
    return m;
}

static float *numbers(size_t n)
{
    float *at = an_alloc(n, sizeof *at);
    assert_non_null(at);
    return at;
}

/* The outputs (HELD, n_outputs); the caller's. */
static float *outputs(const an_model *m, const float *params, const float *x)
{
    an_ws *ws = NULL;
    const size_t n = an_model_n_outputs(m), few = 20;
    float *y = numbers(HELD * n);
    assert_int_equal(an_ws_new(m, AN_WS_FORWARD, few, &ws), AN_OK);
    for (size_t i = 0; i < HELD; i += few)
        memcpy(y + i * n, an_model_forward(m, ws, params, few, x + i * an_model_n_inputs(m)),
               few * n * sizeof *y);
    an_ws_free(ws);
    return y;
}

/* 1 less how far the code of the variational autoencoder is from the standard normal distribution: the
 * most that a mean is from 0 or a variance from 1, over all rows.  The layers up to the code are a model of
 * their own, with the parameters that the whole begins with. */
static double code_is_normal(const pupil *p, const float *y)
{
    const char *end = strstr(p->text, "  - gauss"), *last = "loss: mse\ntarget: labels\n";
    (void)y;
    assert_non_null(end);
    const size_t head = (size_t)(end - p->text);
    char text[1024];
    assert_true(head + strlen(last) < sizeof text);
    memcpy(text, p->text, head);
    memcpy(text + head, last, strlen(last) + 1);
    an_model *m = model_of(text, "code", p->lesson->n_features);
    float *code = outputs(m, p->params, p->held_x);
    const size_t n = an_model_n_outputs(m), k = n / 2;
    double worst = 0.0;
    for (size_t j = 0; j < k; j++) {
        double mean = 0.0, second = 0.0, count = 0.0;
        for (size_t i = 0; i < HELD; i++) {
            const double centre = (double)code[i * n + j], spread = exp((double)code[i * n + k + j]);
            mean += p->odd[i] ? 0.0 : centre;
            second += p->odd[i] ? 0.0 : centre * centre + spread;
            count += p->odd[i] ? 0.0 : 1.0;
        }
        worst = fmax(worst, fmax(fabs(mean / count), fabs(second / count - 1.0)));
    }
    an_free(code);
    an_model_free(m);
    return 1.0 - worst;
}

/* ---- lessons ---- */

static const lesson lessons[] = {
    {"cnn-classifier.yaml", 0, {28, 20}, an_rows_directions, 400, 4, 32, 2e-3, {{accuracy, 0.9}}},
    {"conv1d-ae.yaml", 3, {0}, an_rows_swing, 400, 15, 32, 2e-3, {{separation, 0.95}, {explained, 0.8}}},
    {"conv2d-ae.yaml",
     0,
     {64, 24},
     an_rows_surface,
     200,
     10,
     16,
     4e-3,
     {{separation, 0.95}, {explained, 0.8}}},
    {"dense-ae.yaml", 16, {0}, an_rows_sensors, 1000, 20, 32, 2e-3, {{separation, 0.9}, {explained, 0.9}}},
    {"gru-forecast.yaml", 2, {32, 16}, an_rows_forecast, 400, 15, 32, 8e-3, {{gain_on_the_last_value, 0.9}}},
    {"lstm-ae.yaml", 2, {60, 12}, an_rows_swing, 400, 8, 32, 5e-3, {{separation, 0.9}, {explained, 0.8}}},
    {"lstm-classifier.yaml", 3, {64, 16}, an_rows_paces, 400, 10, 16, 2e-3, {{accuracy, 0.9}}},
    {"mlp-regression.yaml", 4, {0}, an_rows_formula, 1000, 30, 32, 3e-3, {{explained, 0.95}}},
    {"mobile-cnn.yaml", 0, {64, 24}, an_rows_directions, 300, 4, 32, 5e-3, {{accuracy, 0.9}}},
    {"unet.yaml", 0, {128, 20}, an_rows_disc, 80, 4, 8, 4e-3, {{overlap, 0.8}}},
    {"vae.yaml",
     16,
     {0},
     an_rows_sensors,
     1000,
     40,
     32,
     3e-3,
     {{separation, 0.85}, {explained, 0.75}, {code_is_normal, 0.3}}},
};
#define N_LESSONS (sizeof lessons / sizeof *lessons)

/* ---- teaching ---- */

/* The number behind each of these keys, where it is the one that the lesson makes smaller. */
static void make_smaller(char *text, const int smaller[2])
{
    static const char *const keys[] = {"height: ", "width: ", "window: ", "steps: "};
    size_t done = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char *at = strstr(text, keys[i]), *end = at;
        if (!at || strtol(at + strlen(keys[i]), &end, 10) != smaller[0])
            continue;
        char digits[12];
        const int n = snprintf(digits, sizeof digits, "%d", smaller[1]);
        at += strlen(keys[i]);
        assert_true(n > 0 && n <= end - at);
        memcpy(at, digits, (size_t)n);
        memmove(at + n, end, strlen(end) + 1);
        done++;
    }
    assert_true(done > 0);
}

/* A file of the zoo; the caller's. */
static char *read_file(const char *name)
{
    char path[AN_PATH_MAX];
    an_buf file;
    an_buf_init(&file, AN_MODEL_TEXT_MAX);
    assert_int_equal(an_path_join(path, FOLDER, name), AN_OK);
    assert_int_equal(an_file_read(&file, path, NULL), AN_OK);
    char *text = an_alloc(file.len + 1, 1);
    assert_non_null(text);
    memcpy(text, file.data, file.len);
    an_buf_done(&file);
    return text;
}

static void make_rows(const pupil *p, uint64_t stream, size_t n, const uint8_t *odd, float *x, float *t)
{
    an_rng r;
    an_rng_init(&r, SEED, stream);
    for (size_t i = 0; i < n; i++)
        p->lesson->make(&r, p->m, odd && odd[i], x + i * an_model_n_inputs(p->m),
                        t ? t + i * an_model_n_targets(p->m) : NULL);
}

static void enrol(pupil *p, const lesson *l)
{
    *p = (pupil){.lesson = l};
    p->text = read_file(l->file);
    if (l->smaller[0])
        make_smaller(p->text, l->smaller);
    p->m = model_of(p->text, l->file, l->n_features);
    p->params = numbers(an_model_n_params(p->m));
    an_model_init(p->m, SEED, p->params);
    p->x = numbers(l->rows * an_model_n_inputs(p->m));
    p->held_x = numbers(HELD * an_model_n_inputs(p->m));
    if (an_model_is_autoencoder(p->m)) {
        for (size_t i = 0; i < HELD; i++)
            p->odd[i] = i % 2;
    } else {
        p->t = numbers(l->rows * an_model_n_targets(p->m));
        p->held_t = numbers(HELD * an_model_n_targets(p->m));
    }
    make_rows(p, 0, l->rows, NULL, p->x, p->t);
    make_rows(p, 1, HELD, p->odd, p->held_x, p->held_t);
}

static void leave(pupil *p)
{
    an_model_free(p->m);
    float *all[] = {p->params, p->x, p->t, p->held_x, p->held_t};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        an_free(all[i]);
    an_free(p->text);
}

static void examine(const pupil *p, bool trained)
{
    float *y = outputs(p->m, p->params, p->held_x);
    for (const measure *m = p->lesson->measures; m->of; m++) {
        const double is = m->of(p, y);
        printf("%s%s: measure %d is %.3f, the bar %.2f\n", p->lesson->file, trained ? "" : " untrained",
               (int)(m - p->lesson->measures), is, m->bar);
        assert_int_equal(is >= m->bar, trained);
    }
    an_free(y);
}

static void teach(void **state)
{
    pupil p;
    an_note why = {{0}};
    enrol(&p, *state);
    examine(&p, false);
    an_train_opts o = an_train_defaults();
    o.epochs = p.lesson->epochs;
    o.batch = p.lesson->batch;
    o.lr = p.lesson->lr;
    o.seed = SEED;
    if (an_train(p.m, p.params, &o, p.x, p.t, p.lesson->rows, NULL, &why) != AN_OK)
        fail_msg("%s: %s", p.lesson->file, why.text);
    examine(&p, true);
    leave(&p);
}

static bool is_description(const char *name)
{
    const char *end = strrchr(name, '.');
    return end && strcmp(end, ".yaml") == 0;
}

static void every_model_of_the_zoo_has_a_lesson(void **state)
{
    an_names names = {0};
    size_t found = 0;
    (void)state;
    assert_int_equal(an_dir_list(FOLDER, &names, NULL), AN_OK);
    for (size_t i = 0; i < names.n; i++) {
        size_t k = 0;
        while (k < N_LESSONS && strcmp(lessons[k].file, names.items[i]) != 0)
            k++;
        if (is_description(names.items[i]) && k == N_LESSONS)
            fail_msg("there is no lesson for %s", names.items[i]);
        found += is_description(names.items[i]);
    }
    an_names_done(&names);
    assert_int_equal(found, N_LESSONS);
}

/* The name's line has the number of parameters. */
static void expect_line(const char *table, const char *file)
{
    char *text = read_file(file), name[80], figure[32];
    an_model *m = model_of(text, file, strstr(text, "height:") ? 0 : 8);
    const size_t n = an_model_n_params(m);
    (void)snprintf(name, sizeof name, "| `%.*s` |", (int)(strlen(file) - strlen(".yaml")), file);
    (void)snprintf(figure, sizeof figure, "| %zu,%03zu |", n / 1000, n % 1000);
    const char *line = strstr(table, name), *at = line ? strstr(line, figure) : NULL;
    if (!at || at > strchr(line, '\n'))
        fail_msg("README.md has no line with %s and %s", name, figure);
    an_model_free(m);
    an_free(text);
}

static void the_readme_knows_every_model(void **state)
{
    char *table = read_file("README.md");
    (void)state;
    for (size_t k = 0; k < N_LESSONS; k++)
        expect_line(table, lessons[k].file);
    an_free(table);
}

int main(void)
{
    struct CMUnitTest tests[N_LESSONS + 2] = {cmocka_unit_test(every_model_of_the_zoo_has_a_lesson),
                                              cmocka_unit_test(the_readme_knows_every_model)};
    for (size_t i = 0; i < N_LESSONS; i++)
        tests[i + 2] =
            (struct CMUnitTest){lessons[i].file, teach, NULL, NULL, (void *)(uintptr_t)&lessons[i]};
    if (!an_kernels_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
