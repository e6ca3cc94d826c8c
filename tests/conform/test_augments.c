/* Every row of the table of augmentations: the same for the same seed and sample, whoever else is changed; finite and within the
 * image; a mask goes where the image goes, and shows what was made. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "models/augment.h"
#include "models/model.h"
#include "models/train.h"

#define SIDE 24u
#define N (SIDE * SIDE)
#define COLOURS 3u
#define TRIALS 40u
#define SEED 7u

typedef struct easel {
    float x[N * COLOURS], clean[N * COLOURS], mask[N], spare[N * COLOURS], class;
    an_canvas c;
} easel;

/* Two bright corners on a slope of light; the mask is 1 where it is bright. */
static void easel_init(easel *e, size_t channels)
{
    memset(e, 0, sizeof *e);
    for (size_t i = 0; i < N; i++) {
        const size_t y = i / SIDE, x = i % SIDE;
        e->mask[i] = (y < 6 && x < 5) || (y > 15 && x > 18);
        for (size_t k = 0; k < channels; k++)
            e->x[i * channels + k] = e->mask[i] > 0 ? 10 : (float)(0.01 * (double)(x + y + k));
    }
    memcpy(e->clean, e->x, sizeof e->x);
    e->c = (an_canvas){.height = SIDE,
                       .width = SIDE,
                       .channels = channels,
                       .x = e->x,
                       .mask = e->mask,
                       .clean = e->clean,
                       .class = &e->class,
                       .spare = e->spare,
                       .coarse = 1,
                       .planes = 1};
}

/* What is drawn is drawn always. */
static an_augment always(const an_augment_type *type)
{
    an_augment a = {.type = type};
    for (size_t i = 0; type->opts && type->opts[i].key; i++)
        a.opt[i] = strcmp(type->opts[i].key, "share") == 0 ? 1 : type->opts[i].fallback;
    return a;
}

static void it_is_the_same_for_the_same_seed_epoch_and_sample(void **state)
{
    const an_augment a = always(*state);
    easel one, two, other;
    size_t differs = 0;
    for (uint64_t sample = 0; sample < TRIALS; sample++) {
        easel_init(&one, 1);
        easel_init(&two, 1);
        easel_init(&other, 1);
        an_augment_apply(&a, 1, &one.c, SEED, 3, sample);
        an_augment_apply(&a, 1, &other.c, SEED, sample % 2 ? 4 : 3, sample % 2 ? sample : sample + 1);
        an_augment_apply(&a, 1, &two.c, SEED, 3, sample);
        assert_memory_equal(one.x, two.x, sizeof one.x);
        assert_memory_equal(one.mask, two.mask, sizeof one.mask);
        differs += memcmp(one.x, other.x, sizeof one.x) != 0;
    }
    assert_true(differs > TRIALS / 4);
}

static void all_stays_finite_and_within_the_image(void **state)
{
    const an_augment a = always(*state);
    for (size_t channels = 1; channels <= COLOURS; channels += 2)
        for (uint64_t sample = 0; sample < TRIALS; sample++) {
            easel e;
            easel_init(&e, channels);
            e.x[N * channels - 1] = 11;
            for (size_t i = N * channels; i < N * COLOURS; i++)
                e.x[i] = 77; /* beyond what belongs to it */
            an_augment_apply(&a, 1, &e.c, SEED, 0, sample);
            for (size_t i = 0; i < N * channels; i++)
                assert_true(isfinite(e.x[i]) && fabsf(e.x[i]) < 30);
            for (size_t i = N * channels; i < N * COLOURS; i++)
                assert_true(e.x[i] == 77);
            for (size_t i = 0; i < N; i++)
                assert_true(e.mask[i] == 0 || e.mask[i] == 1);
        }
}

static void the_mask_goes_where_the_image_goes(void **state)
{
    const an_augment_type *type = *state;
    const an_augment a = always(type);
    for (uint64_t sample = 0; sample < TRIALS && !type->paints; sample++) {
        easel e;
        easel_init(&e, 1);
        an_augment_apply(&a, 1, &e.c, SEED, 0, sample);
        size_t wrong = 0, ones = 0;
        for (size_t i = 0; i < N; i++) {
            wrong += (e.x[i] > 5) != (e.mask[i] > 0.5f);
            ones += e.mask[i] > 0.5f;
        }
        assert_true(ones > 0);
        assert_true(wrong <= N / 20); /* edges between pixels are mixed */
    }
}

/* A mask of a quarter of the places and of three kinds. */
static void a_coarse_mask_goes_along_too(void **state)
{
    const an_augment_type *type = *state;
    an_augment a = always(type);
    const size_t side = SIDE / 2;
    for (size_t i = 0; type->opts[i].key; i++)
        if (strcmp(type->opts[i].key, "label") == 0)
            a.opt[i] = 3;
    for (uint64_t sample = 0; sample < TRIALS; sample++) {
        easel e;
        easel_init(&e, 1);
        memset(e.mask, 0, sizeof e.mask);
        e.c.coarse = 2;
        e.c.planes = 3;
        for (size_t i = 0; i < side * side && !type->paints; i++)
            e.mask[i * 3 + 1] = e.x[i / side * 2 * SIDE + i % side * 2] > 5;
        const easel before = e;
        an_augment_apply(&a, 1, &e.c, SEED, 0, sample);
        size_t wrong = 0;
        for (size_t i = 0; i < side * side; i++) {
            const size_t at = i / side * 2 * SIDE + i % side * 2;
            const bool bright = e.x[at] > 5, changed = e.x[at] != before.x[at];
            wrong += !type->paints && bright != (e.mask[i * 3 + 1] > 0);
            assert_true(e.mask[i * 3] == 0 && (!type->paints || !changed || e.mask[i * 3 + 2] == 1));
            assert_true(type->paints || e.mask[i * 3 + 2] == 0);
        }
        assert_true(wrong <= side * side / 10);
    }
}

static void what_it_makes_is_marked_and_nothing_else_is_changed(void **state)
{
    const an_augment_type *type = *state;
    const an_augment a = always(type);
    size_t made = 0;
    for (uint64_t sample = 0; sample < TRIALS && type->paints; sample++) {
        easel e, before;
        easel_init(&e, 1);
        easel_init(&before, 1);
        memset(e.mask, 0, sizeof e.mask);
        an_augment_apply(&a, 1, &e.c, SEED, 0, sample);
        assert_true(e.class == 1);
        assert_memory_equal(e.clean, before.clean, sizeof e.clean);
        for (size_t i = 0; i < N; i++) {
            assert_true(e.mask[i] > 0 || e.x[i] == before.x[i]);
            made += e.mask[i] > 0;
        }
        e.class = 2; /* another class stays as it is */
        memcpy(before.x, e.x, sizeof e.x);
        an_augment_apply(&a, 1, &e.c, SEED, 0, sample + TRIALS);
        assert_true(e.class == 2 && memcmp(before.x, e.x, sizeof e.x) == 0);
    }
    assert_true(!type->paints || (made > TRIALS && made < TRIALS * N / 2));
}

static void its_share_says_how_often(void **state)
{
    const an_augment_type *type = *state;
    an_augment a = always(type);
    for (size_t i = 0; type->opts[i].key; i++)
        if (strcmp(type->opts[i].key, "share") == 0 || strcmp(type->opts[i].key, "across") == 0 ||
            strcmp(type->opts[i].key, "down") == 0)
            a.opt[i] = 0;
    easel e, before;
    easel_init(&before, 1);
    for (uint64_t sample = 0; sample < TRIALS; sample++) {
        easel_init(&e, 1);
        an_augment_apply(&a, 1, &e.c, SEED, 0, sample);
        assert_memory_equal(e.x, before.x, sizeof e.x);
        assert_memory_equal(e.mask, before.mask, sizeof e.mask);
        assert_true(e.class == 0);
    }
}

/* ---- what is taken from other rows ---- */

#define PLANES 2u
#define PLACES (SIDE / 4 * (SIDE / 4) * PLANES)
#define OTHERS 3u

/* This image is 5 everywhere and shows no fault.  Of the others, 1 everywhere, one has a fault of three places, of 8. */
typedef struct scene {
    float x[N], mask[PLACES], spare[N], others[OTHERS * N], masks[OTHERS * PLACES];
    an_canvas c;
} scene;

static void scene_init(scene *s, size_t faults)
{
    const size_t places[] = {7, 8, 14}; /* an L */
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < N; i++)
        s->x[i] = 5;
    for (size_t i = 0; i < OTHERS * N; i++)
        s->others[i] = 1;
    for (size_t k = 0; k < faults; k++) {
        const size_t row = places[k] / (SIDE / 4) * 4, column = places[k] % (SIDE / 4) * 4;
        s->masks[PLACES + places[k] * PLANES + 1] = 1;
        for (size_t y = row; y < row + 4; y++)
            for (size_t x = column; x < column + 4; x++)
                s->others[N + y * SIDE + x] = 8;
    }
    s->c = (an_canvas){.height = SIDE,
                       .width = SIDE,
                       .channels = 1,
                       .x = s->x,
                       .mask = s->mask,
                       .spare = s->spare,
                       .coarse = 4,
                       .planes = PLANES,
                       .others = {s->others, s->masks, OTHERS, N, PLACES}};
}

static void a_fault_is_pasted_whole_and_its_surroundings_leave_no_trace(void **state)
{
    (void)state;
    const an_augment a = always(an_augment_find("paste"));
    size_t where = 0;
    for (uint64_t sample = 0; sample < TRIALS; sample++) {
        scene s, again;
        size_t places = 0;
        scene_init(&s, 3);
        scene_init(&again, 3);
        an_augment_apply(&a, 1, &s.c, SEED, 0, sample);
        an_augment_apply(&a, 1, &again.c, SEED, 0, sample);
        assert_memory_equal(s.x, again.x, sizeof s.x);
        assert_memory_equal(s.mask, again.mask, sizeof s.mask);
        for (size_t i = 0; i < N; i++) {
            const size_t place = (i / SIDE / 4 * (SIDE / 4) + i % SIDE / 4) * PLANES;
            assert_true(s.mask[place] == 0);
            assert_float_equal(s.x[i], s.mask[place + 1] > 0 ? 12 : 5, 1e-5); /* 8 + (5 - 1) */
        }
        for (size_t i = 0; i < PLACES; i++) {
            places += s.mask[i] == 1;
            where ^= s.mask[i] == 1 ? i << sample % 32 : 0;
        }
        assert_int_equal(places, 3);
    }
    assert_true(where != 0);
}

static void without_a_fault_elsewhere_an_image_stays_as_it_is(void **state)
{
    (void)state;
    const an_augment a = always(an_augment_find("paste"));
    for (int k = 0; k < 4; k++) {
        scene s, before;
        scene_init(&s, k == 0 || k == 3 ? 0 : 3);
        for (size_t i = 0; i < OTHERS * PLACES && k == 3; i++)
            s.masks[i] = 0.001f; /* a fault, and nobody said where */
        if (k == 1)
            s.c.others.n = 0;
        if (k == 2)
            s.c.mask = NULL;
        before = s;
        for (uint64_t sample = 0; sample < TRIALS; sample++)
            an_augment_apply(&a, 1, &s.c, SEED, 0, sample);
        assert_memory_equal(s.x, before.x, sizeof s.x);
        assert_memory_equal(s.mask, before.mask, sizeof s.mask);
    }
}

static void a_fault_that_is_all_of_its_image_is_pasted_too(void **state)
{
    (void)state;
    const an_augment a = always(an_augment_find("paste"));
    scene s;
    scene_init(&s, 0);
    for (size_t i = 0; i < PLACES; i++)
        s.masks[i] = 1;
    an_augment_apply(&a, 1, &s.c, SEED, 0, 1);
    for (size_t i = 0; i < PLACES; i++)
        assert_true(s.mask[i] == 1);
    for (size_t i = 0; i < N; i++)
        assert_true(s.x[i] == 1); /* as light as it was: nothing around it is seen */
}

/* ---- in a model ---- */

#define ROWS 12u
#define PIXELS 64u

static an_model *model(const char *augment, const char *rest, an_err want, const char *says)
{
    char text[1024];
    an_model *m = NULL;
    an_note why = {{0}};
    snprintf(text, sizeof text,
             "model: m\ninput: {height: 8, width: 8, channels: 1}\nlayers:\n"
             "  - conv2d: {filters: 1, size: 3, padding: same}\n%s%s",
             rest, augment);
    const an_err err = an_model_new(text, strlen(text), "m.yaml", 0, &m, &why);
    if (err != want || (says && !strstr(why.text, says)))
        fail_msg("%s: \"%s\"", an_err_name(err), why.text);
    return m;
}

static void the_text_is_read_written_and_read_again(void **state)
{
    (void)state;
    an_model *m = model("augment: [flip, noise: {sd: 0.2}, cutpaste: {share: 0.25}]\n",
                        "loss: bce\ntarget: labels\n", AN_OK, NULL);
    an_model *again = NULL;
    const char *text = an_model_text(m);
    assert_non_null(strstr(text, "- flip: {across: 0.5, down: 0.5}"));
    assert_non_null(strstr(text, "- noise: {sd: 0.2"));
    assert_int_equal(an_model_new(text, strlen(text), "m.yaml", 0, &again, NULL), AN_OK);
    assert_string_equal(an_model_text(again), text);
    an_model_free(again);
    an_model_free(m);
}

static void what_does_not_fit_is_refused_with_its_reason(void **state)
{
    (void)state;
    const char *masks = "loss: bce\ntarget: labels\n";
    const char *classes = "  - flatten\n  - dense: {units: 2}\nloss: cross_entropy\ntarget: labels\n";
    const char *numbers = "  - flatten\n  - dense: {units: 1}\nloss: mse\ntarget: labels\n";
    const char *other = "  - conv2d: {filters: 1, size: 3}\nloss: bce\ntarget: labels\n";
    (void)model("augment: [glow]\n", masks, AN_ERR_INVAL, "unknown augmentation \"glow\"");
    (void)model("augment: flip\n", masks, AN_ERR_INVAL, "a list");
    (void)model("augment: [flip: {across: 2}]\n", masks, AN_ERR_INVAL, "across");
    (void)model("augment: [flip: {along: 2}]\n", masks, AN_ERR_INVAL, "along");
    (void)model("augment: [flip]\n", other, AN_ERR_INVAL, "nor a mask");
    (void)model("augment: [perlin: {label: 2}]\n", masks, AN_ERR_INVAL, "classes 0..1");
    (void)model("augment: [perlin]\n", numbers, AN_ERR_INVAL, "neither class");
    (void)model("augment: [paste]\n", classes, AN_ERR_INVAL, "by their masks");
    an_model_free(model("augment: [paste]\n", masks, AN_OK, NULL));
    (void)model("augment: [perlin: {label: 2}]\n", classes, AN_ERR_INVAL, "classes 0..1");
    an_model_free(model("augment: [perlin]\n", classes, AN_OK, NULL));
    an_model_free(model("augment: [flip]\n", numbers, AN_OK, NULL));
}

/* Trains a little; the parameters to p. */
static void train(const an_model *m, size_t threads, size_t batch, float *p)
{
    float x[ROWS * PIXELS], t[ROWS * PIXELS];
    an_rng r;
    an_note why = {{0}};
    an_rng_init(&r, SEED, 0);
    for (size_t i = 0; i < ROWS * PIXELS; i++) {
        x[i] = (float)an_rng_unit(&r);
        t[i] = x[i] > 0.8f;
    }
    an_train_opts o = an_train_defaults();
    o.epochs = 3;
    o.batch = batch;
    o.n_threads = threads;
    o.seed = SEED;
    an_model_init(m, 1, p);
    if (an_train(m, p, &o, x, an_model_is_autoencoder(m) ? NULL : t, ROWS, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void training_uses_it_alike_with_any_number_of_threads(void **state)
{
    (void)state;
    const char *const targets[] = {"loss: bce\ntarget: labels\n", "loss: mse\ntarget: input\n"};
    const char *const lists[] = {"augment: [paste, flip, shift, noise: {sd: 1}, cutpaste]\n",
                                 "augment: [flip, shift, noise: {sd: 1}, cutpaste]\n"};
    for (size_t k = 0; k < 2; k++) {
        an_model *plain = model("", targets[k], AN_OK, NULL);
        an_model *m = model(lists[k], targets[k], AN_OK, NULL);
        float one[16], two[16], without[16];
        assert_int_equal(an_model_n_params(m), 10);
        train(m, 1, 4, one);
        train(m, 2, 4, two);
        train(plain, 1, 4, without);
        assert_memory_equal(one, two, 10 * sizeof *one);
        assert_memory_not_equal(one, without, 10 * sizeof *one);
        an_model_free(plain);
        an_model_free(m);
    }
}

/* Noise that is not to be given back: the best convolution is not the identity, as it is without. */
static void an_autoencoder_gives_back_what_was_there_before_the_noise(void **state)
{
    (void)state;
    an_model *m = model("augment: [noise: {sd: 4}]\n", "loss: mse\ntarget: input\n", AN_OK, NULL);
    float x[ROWS * PIXELS], p[16] = {[4] = 1}; /* the identity */
    an_train_opts o = an_train_defaults();
    an_train_stats stats;
    for (size_t i = 0; i < ROWS * PIXELS; i++)
        x[i] = 0.5f;
    o.epochs = 40;
    o.lr = 0.02;
    assert_int_equal(an_train(m, p, &o, x, NULL, ROWS, &stats, NULL), AN_OK);
    assert_true(p[4] < 0.6f && p[9] > 0.1f); /* the bias takes over */
    an_model_free(m);
}

static void random_bytes(void *arg, void *ret, size_t len)
{
    (void)arg;
    memset(ret, 5, len);
}

static void no_gauss(void *arg, int64_t *ret, size_t n)
{
    (void)arg;
    memset(ret, 0, n * sizeof *ret);
}

static void rows_that_are_private_are_not_pasted_into_others(void **state)
{
    (void)state;
    an_model *m = model("augment: [paste]\n", "loss: bce\ntarget: labels\n", AN_OK, NULL);
    float x[ROWS * PIXELS] = {0}, p[16] = {0};
    an_note why = {{0}};
    an_train_opts o = an_train_defaults();
    o.private =
        (an_train_private){.clip = 1, .noise = 1, .rate = 0.5, .random = random_bytes, .gauss = no_gauss};
    assert_int_equal(an_train(m, p, &o, x, x, ROWS, NULL, &why), AN_ERR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "pastes"));
    an_model_free(m);
}

int main(void)
{
    int failed = 0;
    for (size_t i = 0; an_augment_at(i); i++) {
        if (an_augment_at(i)->borrows)
            continue; /* from whom? its own tests tell it */
        void *row = (void *)(uintptr_t)an_augment_at(i);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(it_is_the_same_for_the_same_seed_epoch_and_sample, row),
            cmocka_unit_test_prestate(all_stays_finite_and_within_the_image, row),
            cmocka_unit_test_prestate(the_mask_goes_where_the_image_goes, row),
            cmocka_unit_test_prestate(a_coarse_mask_goes_along_too, row),
            cmocka_unit_test_prestate(what_it_makes_is_marked_and_nothing_else_is_changed, row),
            cmocka_unit_test_prestate(its_share_says_how_often, row),
        };
        failed += cmocka_run_group_tests_name(an_augment_at(i)->name, tests, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_is_pasted_whole_and_its_surroundings_leave_no_trace),
        cmocka_unit_test(a_fault_that_is_all_of_its_image_is_pasted_too),
        cmocka_unit_test(without_a_fault_elsewhere_an_image_stays_as_it_is),
        cmocka_unit_test(the_text_is_read_written_and_read_again),
        cmocka_unit_test(what_does_not_fit_is_refused_with_its_reason),
        cmocka_unit_test(rows_that_are_private_are_not_pasted_into_others),
        cmocka_unit_test(training_uses_it_alike_with_any_number_of_threads),
        cmocka_unit_test(an_autoencoder_gives_back_what_was_there_before_the_noise),
    };
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
