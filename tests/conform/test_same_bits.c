/* For every model of the zoo: the same bits with 1, 2 and 4 threads, by each instruction set; and the
 * instruction sets agree.  Between them the order of additions differs, so bits do too: outputs, losses,
 * gradients and the weights after three steps lie within 2e-5 of each tensor's largest magnitude.  A
 * tensor that is small beside the others (a bias before a batch norm has no gradient but rounding) is
 * held to a tenth of the largest of all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "models/kernels/kernels.h"
#include "models/kernels/mm.h"
#include "models/train.h"
#include "tests/support/zoo.h"

#define NEAR 2e-5
#define SMALL 0.1
#ifdef __OPTIMIZE__
#define ROWS 100u
#define SETS n_sets
#else
#define ROWS 70u /* one step, by the best set: the release build does all */
#define SETS 1u
#endif
#define BATCH 70u
#define FEW 6u
#define SEED 3u
#define SETS_MAX 8u

static const char *sets[SETS_MAX]; /* usable here; the last runs everywhere */
static size_t n_sets;

static void choose(const char *set)
{
    assert_int_equal(setenv("ANDON_KERNELS", set, 1), 0);
    assert_true(an_kernels_init());
}

static void find_sets(void)
{
    for (size_t i = 0; an_mm_kernel_at(i); i++) {
        const char *name = an_mm_kernel_at(i)->name;
        if (setenv("ANDON_KERNELS", name, 1) == 0 && an_kernels_init() && n_sets < SETS_MAX)
            sets[n_sets++] = name;
        else
            printf("this processor has no %s\n", name);
    }
}

static float *numbers(size_t n)
{
    float *p = an_alloc(n ? n : 1, sizeof *p);
    assert_non_null(p);
    return p;
}

/* The parameters after training; the caller's. */
static float *train(const an_zoo *z, const an_train_opts *o)
{
    an_note why = {{0}};
    float *p = numbers(z->n_params);
    memcpy(p, z->params, z->n_params * sizeof *p);
    if (an_train(z->m, p, o, z->x, z->t, z->rows, NULL, &why) != AN_OK)
        fail_msg("%s: %s", an_model_name(z->m), why.text);
    return p;
}

static void the_same_bits_come_from_1_2_and_4_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < an_zoo_count(); i++) {
        an_zoo z;
        an_train_opts o = an_train_defaults();
        an_zoo_open(i, ROWS, &z);
        o.epochs = 1;
        o.batch = BATCH;
        o.seed = SEED;
        for (size_t s = 0; s < SETS; s++) {
            choose(sets[s]);
            o.n_threads = 1;
            float *one = train(&z, &o);
            assert_memory_not_equal(one, z.params, z.n_params * sizeof *one);
            for (o.n_threads = 2; o.n_threads <= 4; o.n_threads += 2) {
                float *more = train(&z, &o);
                if (memcmp(one, more, z.n_params * sizeof *one) != 0)
                    fail_msg("%s, %s: other bits with %zu threads", an_model_name(z.m), sets[s], o.n_threads);
                an_free(more);
            }
            an_free(one);
        }
        an_zoo_done(&z);
    }
}

static double farthest, farthest_after;

static double largest(size_t n, const float *of)
{
    double most = 0.0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)of[i]));
    return most;
}

/* a and b (n) within a share of b's largest magnitude, or of a small part of `beside`. */
static void hold(const an_zoo *z, const char *what, size_t n, const float *a, const float *b, double beside,
                 double near, double *worst)
{
    const double most = fmax(largest(n, b), SMALL * beside);
    double off = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        off = d <= off ? off : d; /* what is not a number stays */
    }
    if (!(off <= near * most))
        fail_msg("%s, %s, %s: %g apart from plain, the largest is %g", an_model_name(z->m), an_mm_name(),
                 what, off, most);
    *worst = most > 0.0 ? fmax(*worst, off / most) : *worst;
}

/* What a pass gives, and some steps. */
typedef struct outcome {
    double loss;
    float *y, *grad, *after;
} outcome;

static outcome outcome_of(const an_zoo *z)
{
    outcome r = {.y = numbers(FEW * an_model_n_outputs(z->m)), .grad = numbers(z->n_params)};
    float *prepared = numbers(an_model_n_prepared(z->m));
    an_ws *ws = NULL;
    an_train_opts o = an_train_defaults();
    const an_step step = {.draw = {SEED, 1, 0}, .prepared = prepared};
    assert_int_equal(an_ws_new(z->m, AN_WS_TRAIN, FEW, &ws), AN_OK);
    for (size_t k = 0; k < an_model_n_layers(z->m); k++)
        an_model_prepare(z->m, z->params, k, prepared);
    memcpy(r.y, an_model_forward(z->m, ws, z->params, FEW, z->x),
           FEW * an_model_n_outputs(z->m) * sizeof *r.y);
    r.loss = an_model_grad(z->m, ws, z->params, FEW, z->x, z->t, &step, r.grad);
    an_ws_free(ws);
    an_free(prepared);
    /* Not adam, whose first steps are as long for a gradient that is all rounding as for any other. */
    o.optimiser = "sgd";
    o.lr = 1e-2;
    o.epochs = 3;
    o.batch = z->rows;
    r.after = train(z, &o);
    return r;
}

static void outcome_done(outcome *r)
{
    an_free(r->y);
    an_free(r->grad);
    an_free(r->after);
}

static void compare(const an_zoo *z, const outcome *fast, const outcome *plain)
{
    const double grad = largest(z->n_params, plain->grad), after = largest(z->n_params, plain->after);
    hold(z, "y", FEW * an_model_n_outputs(z->m), fast->y, plain->y, 0.0, NEAR, &farthest);
    if (!(fabs(fast->loss - plain->loss) <= NEAR * fabs(plain->loss)))
        fail_msg("%s, %s: loss %.9g, plain %.9g", an_model_name(z->m), an_mm_name(), fast->loss, plain->loss);
    for (size_t k = 0; k < an_model_n_tensors(z->m); k++) {
        const an_tensor *w = an_model_tensor_at(z->m, k);
        const size_t at = w->offset;
        hold(z, w->name, w->n, fast->grad + at, plain->grad + at, grad, NEAR, &farthest);
        hold(z, w->name, w->n, fast->after + at, plain->after + at, after, NEAR, &farthest_after);
    }
}

static void the_instruction_sets_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < an_zoo_count(); i++) {
        an_zoo z;
        an_zoo_open(i, FEW, &z);
        choose(sets[n_sets - 1]);
        outcome plain = outcome_of(&z);
        for (size_t s = 0; s + 1 < n_sets; s++) {
            choose(sets[s]);
            outcome fast = outcome_of(&z);
            compare(&z, &fast, &plain);
            outcome_done(&fast);
        }
        outcome_done(&plain);
        an_zoo_done(&z);
    }
    printf("farthest: %.2g of the largest in a pass, %.2g after three steps\n", farthest, farthest_after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bits_come_from_1_2_and_4_threads),
        cmocka_unit_test(the_instruction_sets_agree),
    };
    find_sets();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
