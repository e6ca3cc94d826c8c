/* Where an image is not as it should be: a version that scores images, from the pool's normal ones to the boxes of an alarm. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/live.h"
#include "agent/pipeline.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/kernels/kernels.h"
#include "models/model.h"

enum { SIDE = 16, NORMAL = 64 };

typedef struct world {
    an_pool *pool;
    an_pipeline *pipe;
    an_rng rng;
    uint64_t row;
    size_t raised;
    an_reason reason;
    bool has_reason;
    an_seen seen;
    float image[SIDE * SIDE], map[SIDE * SIDE];
} world;

/* Its weights are 0, so that it rebuilds what is usual of nothing: the mean of each column. */
static const char arch[] = "model: surface\ninput: {height: 16, width: 16, channels: 1}\n"
                           "layers: [{conv2d: {filters: 1, size: 1}}]\nloss: mse\ntarget: input\n";

static void draw(world *w, float *pixels)
{
    for (size_t i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (float)(0.5 + 0.05 * an_rng_normal(&w->rng));
}

/* A bright rectangle. */
static void scratch(float *pixels, size_t x, size_t y, size_t width, size_t height)
{
    for (size_t v = y; v < y + height; v++)
        for (size_t u = x; u < x + width; u++)
            pixels[v * SIDE + u] = 1;
}

static void on_spoken(void *ctx, const an_spoken *s)
{
    world *w = ctx;
    w->raised += s->kind == AN_LOGGED_RAISED;
    if (s->kind != AN_LOGGED_RAISED)
        return;
    w->has_reason = s->reason != NULL;
    assert_true((s->reason != NULL) == (s->seen != NULL));
    if (!s->reason)
        return;
    w->reason = *s->reason;
    w->seen = *s->seen;
    memcpy(w->image, s->seen->image, sizeof w->image);
    memcpy(w->map, s->seen->map, sizeof w->map);
}

static void put_network(an_bundle *b)
{
    an_model *m = NULL;
    assert_int_equal(an_model_new(arch, strlen(arch), "t", SIDE, &m, NULL), AN_OK);
    b->n_weights = an_model_n_params(m);
    an_model_layout_hash(m, &b->layout);
    b->arch = an_strdup(an_model_text(m));
    b->weights = an_alloc(b->n_weights, sizeof *b->weights); /* zeros */
    an_model_free(m);
    for (size_t i = 0; i < b->detector->n_state; i++)
        b->detector->state[i] = 1;
}

static void put_detector(an_bundle *b, const float *raw, size_t n)
{
    an_windows x = {0};
    assert_int_equal(an_prep_windows(&b->prep, raw, n * SIDE, &x), AN_OK);
    const size_t images = n;
    for (size_t i = 0; i < images; i++) /* of the windows those that begin with an image */
        memmove(x.x + i * SIDE * SIDE, x.x + i * SIDE * SIDE * SIDE, SIDE * SIDE * sizeof *x.x);
    assert_int_equal(an_detector_fit(b->detector, x.x, NULL, images, NULL), AN_OK);
    an_windows_done(&x);
}

/* A version of the model above, or of a detector that needs none. */
static an_live make_live(const world *w, const char *detector)
{
    const char *names[SIDE];
    char text[SIDE][8];
    an_bundle b = {.model = "surface", .threshold = 3, .policy = "quantile"};
    an_prep_conf conf;
    an_live live = {0};
    an_hash hash = {{1}};
    an_note why = {{0}};
    float *raw = NULL;
    size_t n = 0;
    for (size_t i = 0; i < SIDE; i++) {
        snprintf(text[i], sizeof text[i], "x%zu", i);
        names[i] = text[i];
    }
    an_prep_conf_init(&conf);
    conf.window = SIDE;
    assert_int_equal(an_pool_copy(w->pool, 1u << AN_POOL_TRAIN, INT64_MIN, &raw, &n), AN_OK);
    assert_int_equal(an_prep_fit(&b.prep, &conf, raw, n, SIDE, SIDE, &why), AN_OK);
    assert_int_equal(an_schema_new(&b.schema, names, NULL, SIDE, 0, SIDE, &why), AN_OK);
    assert_int_equal(an_detector_new(detector, SIDE, SIDE, &b.detector, &why), AN_OK);
    if (b.detector->type->needs_model) {
        put_network(&b);
    } else {
        b.arch = an_strdup("");
        put_detector(&b, raw, n);
    }
    if (an_live_make(&b, &hash, NULL, NULL, &live, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_bundle_done(&b);
    an_free(raw);
    return live;
}

static world *open_world(size_t normal)
{
    world *w = an_alloc(1, sizeof *w);
    const an_pool_conf pool = {.width = SIDE, .window = SIDE, .seed = 4, .block = 4};
    float pixels[SIDE * SIDE];
    assert_non_null(w);
    an_rng_init(&w->rng, 8, 0);
    assert_int_equal(an_pool_new(&pool, &w->pool, NULL), AN_OK);
    for (size_t i = 0; i < normal; i++) {
        draw(w, pixels);
        an_pool_add(w->pool, pixels, (int64_t)i, 0);
    }
    return w;
}

static void close_world(world *w)
{
    an_pipeline_free(w->pipe);
    an_pool_free(w->pool);
    an_free(w);
}

static void run(world *w, const char *detector, bool learn)
{
    an_note why = {{0}};
    const an_pipeline_conf conf = {.width = SIDE,
                                   .window = SIDE,
                                   .frame = {.rows = SIDE, .width = SIDE, .channels = 1},
                                   .alarm = {.k = 1, .n = 1, .clear_level = 0.8},
                                   .quality = AN_QUALITY_CONF_DEFAULT,
                                   .pool = w->pool,
                                   .hooks = {.ctx = w, .spoken = on_spoken}};
    an_live live = make_live(w, detector);
    if (learn && an_live_map_learn(&live, w->pool, 1, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_pipeline_new(&conf, &w->pipe, &why), AN_OK);
    assert_int_equal(an_pipeline_swap(w->pipe, &live, false, &why), AN_OK);
}

/* It came as 160 x 80 pixels. */
static void show(world *w, const float *pixels)
{
    const an_row_image image = {.width = 160, .height = 80, .name = "a.png"};
    for (size_t y = 0; y < SIDE; y++) {
        const an_pipeline_in in = {.row = w->row++,
                                   .time_ms = 1000 + (int64_t)(w->row / SIDE),
                                   .values = pixels + y * SIDE,
                                   .image = &image,
                                   .flags = y == 0 ? AN_ROW_RESTART : 0};
        assert_int_equal(an_pipeline_row(w->pipe, &in, NULL, NULL), AN_OK);
    }
}

/* How far beyond a fault a box may go on each side, in pixels of ours: by the blur, and by what features see around them. */
typedef struct look {
    const char *detector;
    uint32_t reach;
    bool whole; /* all of the fault is in the box: the longer one's ends are lower than the other's peak */
} look;

static void an_alarm_says_where(void **state)
{
    const look *l = *state;
    char text[AN_REASON_TEXT];
    float pixels[SIDE * SIDE];
    world *w = open_world(NORMAL);
    run(w, l->detector, true);
    draw(w, pixels);
    show(w, pixels);
    assert_int_equal(w->raised, 0);
    scratch(pixels, 1, 2, 6, 1);
    scratch(pixels, 12, 13, 3, 2);
    show(w, pixels);
    assert_int_equal(w->raised, 1);
    assert_true(w->has_reason && w->reason.of_image);
    assert_int_equal(w->reason.image_width, 160);
    assert_int_equal(w->reason.image_height, 80);
    assert_int_equal(w->reason.n_boxes, 2);
    for (size_t i = 0; i < 2; i++) { /* in the pixels of what came */
        static const an_reason_box want[] = {{10, 10, 60, 5, 0}, {120, 65, 30, 10, 0}};
        const bool first = w->reason.boxes[i].y < 40;
        const an_reason_box *b = &w->reason.boxes[i], *m = &want[first ? 0 : 1];
        const uint32_t x = m->x + m->width / 2, y = m->y + m->height / 2;
        assert_true(b->x + 10 * l->reach >= m->x && b->y + 5 * l->reach >= m->y);
        assert_true(b->width <= m->width + 20 * l->reach && b->height <= m->height + 10 * l->reach);
        assert_true(b->x <= x && b->x + b->width > x && b->y <= y && b->y + b->height > y);
        assert_true(!l->whole || (b->x <= m->x && b->y <= m->y && b->x + b->width >= m->x + m->width &&
                                  b->y + b->height >= m->y + m->height));
        assert_true(b->peak > 1);
    }
    assert_true(w->reason.has_near);
    assert_memory_equal(w->image, pixels, sizeof pixels);
    assert_int_equal(w->seen.height, SIDE);
    assert_true(w->map[2 * SIDE + 4] > 1 && w->map[15 * SIDE] < 1);
    an_reason_text(text, &w->reason, NULL, NULL);
    print_message("%s\n", text);
    assert_non_null(strstr(text, "at lower right"));
    assert_non_null(strstr(text, "at upper left"));
    assert_non_null(strstr(text, "nearest normal image"));
    close_world(w);
}

/* What is rare is learnt from scores of whole images, as they are scored live. */
static void no_image_lies_across_two(void **state)
{
    enum { MANY = 150 };
    (void)state;
    an_note why = {{0}};
    world *w = open_world(MANY);
    an_live live = make_live(w, "padim");
    live.images = true;
    if (an_live_chance(&live, w->pool, INT64_MIN, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_in_range(an_chance_n(live.chance), AN_CHANCE_LEAST, MANY);
    an_live_done(&live);
    close_world(w);
}

static void without_knowing_what_is_usual_there_is_no_reason(void **state)
{
    (void)state;
    float pixels[SIDE * SIDE];
    world *w = open_world(NORMAL);
    run(w, "autoencoder", false);
    draw(w, pixels);
    scratch(pixels, 1, 2, 6, 3);
    show(w, pixels);
    assert_int_equal(w->raised, 1);
    assert_false(w->has_reason);
    close_world(w);
}

static void what_cannot_be_learned_is_refused(void **state)
{
    (void)state;
    an_note why = {{0}};
    world *w = open_world(NORMAL), *few = open_world(10);
    an_live live = make_live(w, "autoencoder");
    assert_int_equal(an_live_map_learn(&live, few->pool, 1, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "10 normal images"));
    assert_int_equal(an_live_map_learn(&live, w->pool, 3, &why), AN_ERR_INVAL);
    assert_int_equal(an_live_map_learn(&live, w->pool, 0, &why), AN_ERR_INVAL);
    an_live_map m;
    assert_int_equal(live.map(live.ctx, &m), AN_ERR_UNSUPPORTED);
    an_err err = AN_ERR_NOMEM;
    for (size_t i = 0; i < 60 && err == AN_ERR_NOMEM; i++) {
        an_mem_fail_after(i);
        err = an_live_map_learn(&live, w->pool, 1, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
    }
    assert_int_equal(err, AN_OK);
    an_live_done(&live);
    close_world(w);
    close_world(few);
}

int main(void)
{
    static look residuals = {"autoencoder", 1, true}, places = {"padim", 3, false};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(an_alarm_says_where, &residuals),
        cmocka_unit_test_prestate(an_alarm_says_where, &places),
        cmocka_unit_test(no_image_lies_across_two),
        cmocka_unit_test(without_knowing_what_is_usual_there_is_no_reason),
        cmocka_unit_test(what_cannot_be_learned_is_refused),
    };
    an_kernels_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
