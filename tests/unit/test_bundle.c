/* Versions, overlays and scorers: there and back, strictness, and what an overlay replaces. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/bundle.h"
#include "models/kernels/kernels.h"
#include "models/model.h"
#include "models/overlay.h"
#include "models/scorer.h"

enum { WINDOW = 2, FEATURES = 3, INPUT = WINDOW * FEATURES, N = 50 };

static const char arch[] = "model: small-ae\n"
                           "input: {features: input, window: 2}\n"
                           "layers:\n"
                           "  - flatten\n"
                           "  - dense: {units: 4}\n"
                           "  - relu\n"
                           "  - dense: {units: 6, name: out, local: true}\n"
                           "loss: mse\n"
                           "target: input\n";
static float windows[N * INPUT], made[N * INPUT];

static void make_windows(void)
{
    an_rng rng;
    an_rng_init(&rng, 3, 0);
    for (size_t i = 0; i < N * INPUT; i++) {
        windows[i] = (float)an_rng_normal(&rng);
        made[i] = windows[i] + 0.2f * (float)an_rng_normal(&rng);
    }
}

static an_err add_model(an_bundle *b)
{
    an_model *m = NULL;
    an_err err = an_model_new(arch, strlen(arch), "test", FEATURES, &m, NULL);
    if (err != AN_OK)
        return err;
    an_model_layout_hash(m, &b->layout);
    b->n_weights = an_model_n_params(m);
    b->arch = an_strdup(an_model_text(m));
    b->weights = an_alloc(b->n_weights, sizeof *b->weights);
    if (b->weights)
        an_model_init(m, 5, b->weights);
    an_model_free(m);
    return b->arch && b->weights ? AN_OK : AN_ERR_NOMEM;
}

/* A whole version; detector "autoencoder" brings a model. */
static an_err make_bundle(an_bundle *ret, const char *detector)
{
    static const char *const names[] = {"Current", "Pressure", "Volume Flow \xc2\xb5"};
    static const char *const units[] = {"A", "bar", NULL};
    const double mean[] = {1, 2, 3}, variance[] = {1, 4, 0};
    an_bundle b = {
        .model = "pump-ae", .round = 7, .threshold = 1.5, .policy = "quantile:0.999*1.33", .n_edges = 2};
    an_prep_conf conf;
    an_prep_conf_init(&conf);
    conf.window = WINDOW;
    b.parent.b[0] = 9;
    an_err err = an_schema_new(&b.schema, names, units, FEATURES, 1.0, WINDOW, NULL);
    if (err == AN_OK)
        err = an_prep_from_moments(&b.prep, &conf, mean, variance, FEATURES, NULL);
    if (err == AN_OK)
        err = an_detector_new(detector, WINDOW, FEATURES, &b.detector, NULL);
    if (err == AN_OK && b.detector->type->needs_model)
        err = add_model(&b);
    if (err == AN_OK)
        err = an_detector_fit(b.detector, windows, made, N, NULL);
    if (err == AN_OK) {
        b.edges = an_alloc(FEATURES * 2, sizeof *b.edges);
        b.score_edges = an_alloc(2, sizeof *b.score_edges);
        b.extra = an_alloc(5, 1);
        b.extra_len = 5;
        err = b.edges && b.score_edges && b.extra ? AN_OK : AN_ERR_NOMEM;
    }
    if (err != AN_OK) {
        an_bundle_done(&b);
        return err;
    }
    for (int i = 0; i < 2 * FEATURES; i++)
        b.edges[i] = (float)i;
    b.score_edges[1] = 2.0f;
    *ret = b;
    return AN_OK;
}

static an_bundle whole(const char *detector)
{
    an_bundle b = {0};
    make_windows();
    an_err err = make_bundle(&b, detector);
    assert_int_equal(err, AN_OK);
    return b;
}

static an_buf encoded(const an_bundle *b)
{
    an_buf out;
    an_note why = {0};
    an_buf_init(&out, 1 << 20);
    an_err err = an_bundle_encode(b, &out, &why);
    if (err != AN_OK)
        print_message("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    return out;
}

static void a_bundle_comes_back_with_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; an_detector_at(i); i++) {
        an_bundle b = whole(an_detector_at(i)->name), c = {0};
        an_buf first = encoded(&b);
        an_note why = {0};
        an_err err = an_bundle_decode(&c, first.data, first.len, &why);
        assert_int_equal(err, AN_OK);
        assert_string_equal(c.model, "pump-ae");
        assert_string_equal(c.schema.sensors[0].unit, "A");
        assert_string_equal(c.policy, b.policy);
        assert_true(c.round == 7 && c.threshold == 1.5 && c.n_weights == b.n_weights && c.extra_len == 5);
        assert_true(an_prep_equal(&b.prep, &c.prep));
        an_buf second = encoded(&c);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.data, second.data, first.len);
        an_buf_done(&first);
        an_buf_done(&second);
        an_bundle_done(&b);
        an_bundle_done(&c);
    }
}

static void every_cut_and_every_added_byte_is_refused(void **state)
{
    (void)state;
    an_bundle b = whole("autoencoder"), c = {0};
    an_buf bytes = encoded(&b);
    for (size_t len = 0; len < bytes.len; len++) {
        an_err err = an_bundle_decode(&c, bytes.data, len, NULL);
        assert_int_equal(err, AN_ERR_PROTO);
    }
    an_buf_u8(&bytes, 0);
    an_err err = an_bundle_decode(&c, bytes.data, bytes.len, NULL);
    assert_int_equal(err, AN_ERR_PROTO);
    assert_null(c.arch);
    an_buf_done(&bytes);
    an_bundle_done(&b);
}

static void a_flipped_bit_is_refused_or_gives_exactly_these_bytes_again(void **state)
{
    (void)state;
    an_bundle b = whole("autoencoder");
    an_buf bytes = encoded(&b);
    size_t refused = 0;
    for (size_t bit = 0; bit < bytes.len * 8; bit += 3) {
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        an_bundle c = {0};
        an_err err = an_bundle_decode(&c, bytes.data, bytes.len, NULL);
        if (err == AN_OK) {
            an_buf again = encoded(&c);
            assert_int_equal(again.len, bytes.len);
            assert_memory_equal(again.data, bytes.data, bytes.len);
            an_buf_done(&again);
            an_bundle_done(&c);
        } else {
            assert_true(err == AN_ERR_PROTO || err == AN_ERR_NUMERIC || err == AN_ERR_UNSUPPORTED);
            refused++;
        }
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > bytes.len / 4);
    an_buf_done(&bytes);
    an_bundle_done(&b);
}

static an_err encode_err(const an_bundle *b)
{
    an_buf out;
    an_note why = {0};
    an_buf_init(&out, 1 << 20);
    an_err err = an_bundle_encode(b, &out, &why);
    assert_true(why.text[0]);
    an_buf_done(&out);
    return err;
}

static void a_struct_that_breaks_a_rule_is_not_written(void **state)
{
    (void)state;
    an_bundle b = whole("autoencoder");
    an_err err;
    b.model[0] = 'P';
    err = encode_err(&b);
    assert_int_equal(err, AN_ERR_INVAL);
    b.model[0] = 'p';
    b.weights[3] = NAN;
    err = encode_err(&b);
    assert_int_equal(err, AN_ERR_NUMERIC);
    b.weights[3] = 0.0f;
    b.layout.b[5] ^= 1;
    err = encode_err(&b);
    assert_int_equal(err, AN_ERR_INVAL);
    b.layout.b[5] ^= 1;
    b.n_weights--;
    err = encode_err(&b);
    assert_int_equal(err, AN_ERR_INVAL);
    b.n_weights++;
    b.edges[1] = -1.0f;
    err = encode_err(&b);
    assert_int_equal(err, AN_ERR_INVAL);
    b.edges[1] = 1.0f;
    b.schema.window++;
    err = encode_err(&b);
    assert_int_equal(err, AN_ERR_INVAL);
    b.schema.window--;
    memcpy(b.schema.sensors[1].name, b.schema.sensors[0].name, 8);
    err = encode_err(&b);
    assert_int_equal(err, AN_ERR_INVAL);
    an_bundle_done(&b);
}

static void a_schema_that_differs_is_told_by_its_sensor(void **state)
{
    (void)state;
    an_bundle b = whole("mahalanobis");
    an_schema have;
    an_err err = an_schema_copy(&have, &b.schema);
    assert_int_equal(err, AN_OK);
    an_hash one, two;
    an_schema_hash(&one, &b.schema);
    an_schema_hash(&two, &have);
    assert_true(an_hash_equal(&one, &two));
    err = an_schema_match(&b.schema, &have, NULL);
    assert_int_equal(err, AN_OK);
    an_note why;
    memcpy(have.sensors[1].unit, "Pa", 3);
    an_schema_hash(&two, &have);
    assert_false(an_hash_equal(&one, &two));
    err = an_schema_match(&b.schema, &have, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "\"Pressure\""));
    have.n = 1;
    err = an_schema_match(&b.schema, &have, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "missing"));
    an_schema_done(&have);
    an_bundle_done(&b);
}

static void a_scorer_scores_alone_as_in_a_batch_and_as_its_parts_do(void **state)
{
    (void)state;
    for (size_t k = 0; an_detector_at(k); k++) {
        an_bundle b = whole(an_detector_at(k)->name);
        an_scorer *s = NULL;
        an_scorer_work *w = NULL;
        an_note why = {0};
        an_err err = an_scorer_new(&b, NULL, &s, &why);
        assert_int_equal(err, AN_OK);
        err = an_scorer_work_new(s, N, &w);
        assert_int_equal(err, AN_OK);
        float all[N], parts[N * FEATURES], one, part[FEATURES];
        err = an_scorer_score(s, w, windows, N, all, parts);
        assert_int_equal(err, AN_OK);
        float direct[N];
        double *scratch = an_alloc(an_detector_scratch(b.detector), sizeof *scratch);
        an_detector_score(b.detector, windows, an_scorer_reconstruction(w), N, direct, NULL, scratch);
        an_free(scratch);
        assert_memory_equal(direct, all, sizeof all);
        for (size_t i = 0; i < N; i++) {
            err = an_scorer_score(s, w, windows + i * INPUT, 1, &one, part);
            assert_int_equal(err, AN_OK);
            assert_memory_equal(&one, &all[i], sizeof one);
            assert_memory_equal(part, parts + i * FEATURES, sizeof part);
        }
        err = an_scorer_score(s, w, windows, N + 1, all, NULL);
        assert_int_equal(err, AN_ERR_INVAL);
        float broken[INPUT] = {NAN};
        err = an_scorer_score(s, w, broken, 1, &one, NULL);
        assert_int_equal(err, AN_ERR_NUMERIC);
        an_scorer_work_free(w);
        an_scorer_free(s);
        an_bundle_done(&b);
    }
}

/* An overlay with everything, for the version `b` of these bytes. */
static an_err make_overlay(an_overlay *ret, const an_bundle *b, const an_hash *base)
{
    an_overlay o = {.base = *base,
                    .created_ms = 12345,
                    .has_prep = true,
                    .has_threshold = true,
                    .threshold = 4.25,
                    .policy = "target_far:0.01",
                    .features = FEATURES,
                    .n_bins = 3,
                    .n_local = 4 * 6 + 6};
    an_err err = an_prep_copy(&o.prep, &b->prep);
    if (err == AN_OK) {
        o.prep.mean[0] = 10.0f;
        o.local = an_alloc(o.n_local, sizeof *o.local);
        o.counts = an_alloc(FEATURES * 3, sizeof *o.counts);
        o.score_counts = an_alloc(3, sizeof *o.score_counts);
        err = o.local && o.counts && o.score_counts ? AN_OK : AN_ERR_NOMEM;
    }
    if (err == AN_OK)
        err = an_detector_restore(b->detector->type->name, WINDOW, FEATURES, b->detector->state,
                                  b->detector->n_state, &o.detector, NULL);
    if (err != AN_OK) {
        an_overlay_done(&o);
        return err;
    }
    for (size_t i = 0; i < o.n_local; i++)
        o.local[i] = (float)i;
    o.counts[4] = UINT64_C(1) << 40;
    *ret = o;
    return AN_OK;
}

/* What the version's weights are with the local ones put in by hand. */
static void put_local(an_bundle *b, const an_overlay *o)
{
    an_model *m = NULL;
    an_err err = an_model_new(b->arch, strlen(b->arch), "test", 0, &m, NULL);
    assert_int_equal(err, AN_OK);
    size_t at = 0;
    for (size_t i = 0; an_model_tensor_at(m, i); i++) {
        const an_tensor *t = an_model_tensor_at(m, i);
        if (t->local)
            memcpy(b->weights + t->offset, o->local + at, t->n * sizeof(float));
        at += t->local ? t->n : 0;
    }
    assert_int_equal(at, o->n_local);
    an_model_free(m);
}

static float first_score(const an_bundle *b, const an_overlay *o)
{
    an_scorer *s = NULL;
    an_scorer_work *w = NULL;
    float x = 0.0f;
    an_err err = an_scorer_new(b, o, &s, NULL);
    assert_int_equal(err, AN_OK);
    err = an_scorer_work_new(s, 1, &w);
    assert_int_equal(err, AN_OK);
    err = an_scorer_score(s, w, windows, 1, &x, NULL);
    assert_int_equal(err, AN_OK);
    an_scorer_work_free(w);
    an_scorer_free(s);
    return x;
}

static void an_overlay_comes_back_with_the_same_bytes(void **state)
{
    (void)state;
    an_bundle b = whole("autoencoder");
    an_hash base = {.b = {1}};
    an_buf first, second;
    an_overlay o = {0}, p = {0};
    an_err err = make_overlay(&o, &b, &base);
    assert_int_equal(err, AN_OK);
    an_buf_init(&first, 1 << 20);
    an_buf_init(&second, 1 << 20);
    err = an_overlay_encode(&o, &first, NULL);
    assert_int_equal(err, AN_OK);
    err = an_overlay_decode(&p, first.data, first.len, NULL);
    assert_int_equal(err, AN_OK);
    err = an_overlay_encode(&p, &second, NULL);
    assert_int_equal(err, AN_OK);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    an_overlay_done(&o);
    an_overlay_done(&p);
    an_buf_done(&first);
    an_buf_done(&second);
    an_bundle_done(&b);
}

static void an_overlay_replaces_its_parts_of_the_version(void **state)
{
    (void)state;
    an_bundle b = whole("autoencoder");
    an_hash base = {.b = {1}};
    an_overlay o = {0};
    an_scorer *s = NULL;
    an_err err = make_overlay(&o, &b, &base);
    assert_int_equal(err, AN_OK);
    err = an_scorer_new(&b, &o, &s, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(an_scorer_threshold(s) == 4.25);
    assert_string_equal(an_scorer_policy(s), "target_far:0.01");
    assert_true(an_scorer_prep(s)->mean[0] == 10.0f);
    an_scorer_free(s);
    float with = first_score(&b, &o), without = first_score(&b, NULL);
    assert_true(with != without);
    put_local(&b, &o);
    assert_true(first_score(&b, NULL) == with);
    an_overlay_done(&o);
    an_bundle_done(&b);
}

static void an_overlay_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    an_bundle b = whole("autoencoder");
    an_hash base = {.b = {1}};
    an_overlay o = {0};
    an_scorer *none = NULL;
    an_note why = {0};
    an_err err = make_overlay(&o, &b, &base);
    assert_int_equal(err, AN_OK);
    err = an_overlay_fits(&o, &b, &base, &why);
    assert_int_equal(err, AN_OK);
    for (int i = -1; i <= 1; i += 2) {
        o.n_local = (size_t)(30 + i);
        err = an_overlay_fits(&o, &b, &base, &why);
        assert_int_equal(err, AN_ERR_INVAL);
        if (i < 0) { /* there are no more than 30 values to read */
            err = an_scorer_new(&b, &o, &none, &why);
            assert_int_equal(err, AN_ERR_INVAL);
            assert_null(none);
        }
    }
    o.n_local = 30;
    o.n_bins = 2;
    err = an_overlay_fits(&o, &b, &base, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    o.n_bins = 3;
    base.b[0] ^= 1;
    err = an_overlay_fits(&o, &b, &base, &why);
    assert_int_equal(err, AN_ERR_INVAL);
    an_overlay_done(&o);
    an_bundle_done(&b);
}

static void an_overlay_cut_short_is_refused(void **state)
{
    (void)state;
    an_bundle b = whole("mahalanobis");
    an_hash base = {.b = {1}};
    an_overlay o = {0}, p = {0};
    an_err err = make_overlay(&o, &b, &base);
    assert_int_equal(err, AN_OK);
    an_buf bytes;
    an_buf_init(&bytes, 1 << 20);
    err = an_overlay_encode(&o, &bytes, NULL);
    assert_int_equal(err, AN_OK);
    for (size_t len = 0; len < bytes.len; len++) {
        err = an_overlay_decode(&p, bytes.data, len, NULL);
        assert_int_equal(err, AN_ERR_PROTO);
    }
    an_overlay_done(&o);
    an_overlay empty = {.base = base};
    an_buf_clear(&bytes);
    err = an_overlay_encode(&empty, &bytes, NULL);
    assert_int_equal(err, AN_OK);
    err = an_overlay_decode(&p, bytes.data, bytes.len, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(!p.has_prep && !p.has_threshold && !p.detector && p.n_local == 0 && p.features == 0);
    an_overlay_done(&p);
    an_buf_done(&bytes);
    an_bundle_done(&b);
}

static void a_bundle_on_disk_has_the_hash_of_its_bytes(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/an-test-bundle-%ld", (long)getpid());
    an_bundle b = whole("autoencoder"), c = {0}, d = {0};
    an_hash wrote, read;
    an_err err = an_bundle_write(&b, path, &wrote, NULL);
    assert_int_equal(err, AN_OK);
    err = an_bundle_read(&c, &read, path, NULL);
    assert_int_equal(err, AN_OK);
    assert_true(an_hash_equal(&wrote, &read));
    err = an_bundle_copy(&d, &c);
    assert_int_equal(err, AN_OK);
    assert_string_equal(d.arch, b.arch);
    err = an_file_remove(path, NULL);
    assert_int_equal(err, AN_OK);
    err = an_bundle_read(&d, NULL, path, NULL);
    assert_int_equal(err, AN_ERR_NOTFOUND);
    an_bundle_done(&b);
    an_bundle_done(&c);
    an_bundle_done(&d);
}

static an_err everything(void)
{
    an_bundle b = {0}, c = {0};
    an_overlay o = {0}, p = {0};
    an_scorer *s = NULL;
    an_scorer_work *w = NULL;
    an_buf bytes, more;
    an_hash base;
    an_buf_init(&bytes, 1 << 20);
    an_buf_init(&more, 1 << 20);
    an_err err = make_bundle(&b, "autoencoder");
    if (err == AN_OK)
        err = an_bundle_encode(&b, &bytes, NULL);
    if (err == AN_OK)
        err = an_bundle_decode(&c, bytes.data, bytes.len, NULL);
    if (err == AN_OK) {
        an_bundle_hash(&base, bytes.data, bytes.len);
        err = make_overlay(&o, &c, &base);
    }
    if (err == AN_OK)
        err = an_overlay_encode(&o, &more, NULL);
    if (err == AN_OK)
        err = an_overlay_decode(&p, more.data, more.len, NULL);
    if (err == AN_OK)
        err = an_overlay_fits(&p, &c, &base, NULL);
    if (err == AN_OK)
        err = an_scorer_new(&c, &p, &s, NULL);
    if (err == AN_OK)
        err = an_scorer_work_new(s, 4, &w);
    an_scorer_work_free(w);
    an_scorer_free(s);
    an_overlay_done(&p);
    an_overlay_done(&o);
    an_bundle_done(&c);
    an_bundle_done(&b);
    an_buf_done(&bytes);
    an_buf_done(&more);
    return err;
}

static void running_out_of_memory_at_any_point_leaks_nothing(void **state)
{
    (void)state;
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        an_mem_fail_after(n++);
        err = everything();
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 30);
}

int main(void)
{
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_comes_back_with_the_same_bytes),
        cmocka_unit_test(every_cut_and_every_added_byte_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused_or_gives_exactly_these_bytes_again),
        cmocka_unit_test(a_struct_that_breaks_a_rule_is_not_written),
        cmocka_unit_test(a_schema_that_differs_is_told_by_its_sensor),
        cmocka_unit_test(a_scorer_scores_alone_as_in_a_batch_and_as_its_parts_do),
        cmocka_unit_test(an_overlay_comes_back_with_the_same_bytes),
        cmocka_unit_test(an_overlay_replaces_its_parts_of_the_version),
        cmocka_unit_test(an_overlay_that_does_not_fit_is_refused),
        cmocka_unit_test(an_overlay_cut_short_is_refused),
        cmocka_unit_test(a_bundle_on_disk_has_the_hash_of_its_bytes),
        cmocka_unit_test(running_out_of_memory_at_any_point_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
