/* The source genicam against a GigE Vision camera in a process of its own: killed and restarted, stopped and continued, its packets
 * lost.  The camera writes the number of the part into each image, so that one that was given to another part shows. */
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "doors/yaml.h"
#include "tests/support/genicam_camera.h"
#include "tests/support/live.h"

#define WIDTH 16
#define HEIGHT 8
#define SHAPE                                                                                                \
    "device: 127.0.0.1, region: {x: 0, y: 0, width: 16, height: 8}, pixel_format: Mono8, width: 16, "        \
    "height: 8, "                                                                                            \
    "frame_rate: 50, retry_max_ms: 1000"
#define COUNTED "count: stamp, part: 'P{n}', gap_max: 100000"
#define STAMPED "{" SHAPE ", frame_timeout_ms: 1000, " COUNTED "}"
#define BACK_MS 15000

static an_fake_camera camera;

/* What has come: parts in order, each once, with an image of its own or none. */
typedef struct seen {
    uint64_t images, gaps, runs;
    uint64_t last; /* the last part, by its id */
    int64_t shift; /* between the camera's number of a part and the id's, within a run */
    bool gap_since;
    char run[AN_PART_MAX];
    uint8_t pixels[WIDTH * HEIGHT];
    uint64_t row;
} seen;

static int64_t now_ms(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static void check_pixels(const seen *s, unsigned part)
{
    for (unsigned i = 4; i < WIDTH * HEIGHT; i++)
        if (s->pixels[i] != an_fake_camera_pixel(i % WIDTH, i / WIDTH, part))
            fail_msg("pixel %u of part %u: %u", i, part, s->pixels[i]);
}

static unsigned stamp(const seen *s)
{
    return (unsigned)s->pixels[0] << 24 | (unsigned)s->pixels[1] << 16 | (unsigned)s->pixels[2] << 8 |
           s->pixels[3];
}

/* "RUN/N" or "PN".  True: a new run. */
static bool read_part(seen *s, const char *text, uint64_t *ret)
{
    const char *slash = strchr(text, '/');
    const size_t len = slash ? (size_t)(slash - text) : 1;
    const bool fresh = strlen(s->run) != len || strncmp(s->run, text, len) != 0;
    assert_true(len > 0 && strlen(text) > len);
    snprintf(s->run, sizeof s->run, "%.*s", (int)len, text);
    *ret = strtoull(text + len + (slash ? 1 : 0), NULL, 10);
    return fresh;
}

static void complete(seen *s, const char *text, bool gap)
{
    uint64_t part;
    if (read_part(s, text, &part)) {
        s->runs++;
        s->last = strchr(text, '/') ? 0 : part - 1;
        s->gap_since = true;
        s->shift = INT64_MIN;
    }
    if (part != s->last + 1)
        fail_msg("%s after %llu", text, (unsigned long long)s->last);
    s->last = part;
    s->gaps += gap;
    s->images += !gap;
    if (gap)
        return;
    const int64_t shift = (int64_t)stamp(s) - (int64_t)part;
    check_pixels(s, stamp(s));
    if (s->shift != INT64_MIN && s->shift != shift)
        fail_msg("%s is of the part %u: the ids have shifted from %lld to %lld", text, stamp(s),
                 (long long)s->shift, (long long)shift);
    s->shift = shift;
}

static void see(an_live *l, size_t row, void *ctx)
{
    seen *s = ctx;
    const bool gap = l->batch.quality[row * WIDTH] == AN_VALUE_UNREACHED;
    if (l->batch.flags[row] & AN_ROW_RESTART)
        s->row = 0;
    for (size_t x = 0; x < WIDTH; x++) {
        const float v = l->batch.values[row * WIDTH + x];
        assert_true(gap == isnan(v));
        s->pixels[s->row * WIDTH + x] = gap ? 0 : (uint8_t)lrintf(v * 255.0f);
    }
    if (++s->row == HEIGHT)
        complete(s, l->batch.part[row], gap);
}

static bool more(an_live *l, void *ctx)
{
    (void)l;
    const seen *s = ((void **)ctx)[0];
    return s->images >= *(uint64_t *)((void **)ctx)[1];
}

static void await(an_live *l, seen *s, uint64_t images)
{
    void *ctx[2] = {s, &images};
    an_live_until(l, more, ctx, BACK_MS);
}

static void open_live(an_live *l, seen *s, const char *yaml)
{
    memset(s, 0, sizeof *s);
    an_live_open(l, "genicam", yaml, see, s);
}

/* ---- */

static void pixels_and_parts_are_those_of_the_camera(void **state)
{
    (void)state;
    an_live l;
    seen s;
    an_fake_camera_start(&camera);
    open_live(&l, &s, STAMPED);
    await(&l, &s, 150); /* its numbers of frames have gone round meanwhile */
    assert_int_equal(s.shift, 0);
    assert_int_equal(an_live_counter(&l, "parts_missing"), s.gaps);
    assert_in_range(s.gaps, 0, 10); /* of a machine that has other things to do */
    assert_int_equal(an_live_counter(&l, "counts_reset"), 0);
    an_live_close(&l);
    an_fake_camera_kill(&camera);
}

static void a_trigger_has_one_image_or_none(void **state)
{
    (void)state;
    an_live l;
    seen s;
    an_fake_camera_start(&camera);
    open_live(&l, &s, "{" SHAPE ", trigger: software, period_ms: 30, part: '{run}/{n}'}");
    await(&l, &s, 20);
    assert_in_range(s.gaps, 0, 4);
    an_fake_camera_kill(&camera);
    an_live_run(&l, NULL, NULL, 100);
    an_fake_camera_start(&camera);
    s.shift = INT64_MIN; /* triggers that a dead camera was given are no parts to it */
    await(&l, &s, s.images + 20);
    assert_int_equal(s.runs, 1);
    an_live_close(&l);
    an_fake_camera_kill(&camera);
}

typedef struct heard {
    size_t n;
    double width;
    bool format;
} heard;

static void hear(void *ctx, const an_source_find *find)
{
    heard *h = ctx;
    h->n++;
    if (strcmp(find->tag, "Width") == 0)
        h->width = find->value;
    h->format = h->format || (strcmp(find->tag, "PixelFormat") == 0 && strstr(find->kind, "Mono8"));
}

static void browsing_lists_what_can_be_set(void **state)
{
    (void)state;
    an_yaml *doc = NULL;
    heard h = {0};
    const char text[] = "{device: 127.0.0.1}";
    const an_source_type *type = an_source_type_find("genicam");
    an_fake_camera_start(&camera);
    assert_int_equal(an_yaml_parse(text, strlen(text), "browse", &doc, NULL), AN_OK);
    assert_int_equal(type->browse(an_yaml_root(doc), 1000, hear, &h, NULL), AN_OK);
    assert_true(h.n > 10 && h.width > 0 && h.format);
    an_fake_camera_kill(&camera);
    assert_int_equal(type->browse(an_yaml_root(doc), 1000, hear, &h, NULL), AN_ERR_IO);
    an_yaml_free(doc);
}

static bool has_failed(an_live *l, void *ctx)
{
    an_source_device d;
    return an_source_devices(l->src, &d) == 1 && strstr(d.error, ctx) != NULL;
}

static void what_a_camera_refuses_is_said_by_name(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"{" SHAPE ", features: {NoSuchFeature: 4}}", "NoSuchFeature"},
        {"{" SHAPE ", trigger: Line77}", "trigger"},
        {"{" SHAPE ", count: chunk, chunk: CounterValue, part: 'P{n}'}", "chunk"},
    };
    an_fake_camera_start(&camera);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_live l;
        seen s;
        open_live(&l, &s, wrong[i][0]);
        an_live_until(&l, has_failed, (void *)(uintptr_t)wrong[i][1], BACK_MS);
        an_live_close(&l);
    }
    an_fake_camera_kill(&camera);
}

/* ---- two agents ---- */

/* holder: an agent that has the camera. */
static int hold(int argc, char **argv)
{
    an_live l;
    (void)argc;
    (void)argv;
    an_log_init(AN_LOG_OFF, "holder");
    an_live_open(&l, "genicam", STAMPED, NULL, NULL);
    an_live_run(&l, NULL, NULL, 600000);
    an_live_close(&l);
    return 0;
}

static bool has_begun(an_live *l, void *ctx)
{
    (void)l;
    (void)ctx;
    return atomic_load(&camera.shared->parts) > 5;
}

static bool is_reached(an_live *l)
{
    an_source_device d;
    return an_source_devices(l->src, &d) == 1 && d.reached;
}

/* It answers a few questions at a time: between being taken over and being set up it has time to send. */
static void connect_slowly(an_live *l)
{
    const int64_t end = now_ms() + BACK_MS;
    while (!is_reached(l) && now_ms() < end) {
        an_process_signal(&camera.process, SIGSTOP);
        poll(NULL, 0, 60);
        an_process_signal(&camera.process, SIGCONT);
        poll(NULL, 0, 1);
    }
    assert_true(is_reached(l));
}

static void the_camera_of_a_killed_agent_is_taken_over(void **state)
{
    (void)state;
    an_live l;
    seen s;
    atomic_store(&camera.shared->parts, 0);
    an_fake_camera_start(&camera);
    an_process holder = an_part_start("holder", NULL);
    while (!has_begun(NULL, NULL))
        poll(NULL, 0, 10);
    open_live(&l, &s, "{" SHAPE ", " COUNTED "}"); /* a silence does not make it connect anew */
    an_live_until(&l, has_failed, (void *)(uintptr_t) "another master", BACK_MS);
    assert_int_equal(s.images, 0);
    const unsigned before = atomic_load(&camera.shared->parts);
    an_process_kill(&holder);
    connect_slowly(&l); /* it still sends to the one who was killed */
    await(&l, &s, 10);
    assert_true(s.last > before);
    assert_int_equal(s.shift, 0);
    an_live_close(&l);
    an_fake_camera_kill(&camera);
}

/* ---- all faults, one after the other ---- */

typedef struct soak {
    an_live l;
    seen s;
    const char *yaml;
    uint64_t connects, lost, damaged;
    int64_t longest_ms;
} soak;

/* The agent's process ends in the middle of anything. */
static void restart_agent(soak *k)
{
    an_buf position;
    an_buf_init(&position, 4096);
    k->connects += an_live_counter(&k->l, "connects");
    k->lost += an_live_counter(&k->l, "frames_lost");
    k->damaged += an_live_counter(&k->l, "frames_damaged");
    assert_int_equal(an_source_save(k->l.src, &position), AN_OK);
    const uint64_t rows = k->l.rows - k->l.rows % HEIGHT;
    an_live_close(&k->l);
    an_live_open(&k->l, "genicam", k->yaml, see, &k->s);
    an_reader in = an_reader_of(position.data, position.len);
    assert_int_equal(an_source_restore(k->l.src, &in, NULL), AN_OK);
    k->l.rows = rows;
    an_buf_done(&position);
}

static bool is_lost(an_live *l, void *ctx)
{
    (void)ctx;
    an_source_device d;
    return an_source_devices(l->src, &d) == 1 && !d.reached;
}

static void harm(soak *k, uint64_t which, an_rng *rng)
{
    switch (which % 5) {
    case 0:
        an_fake_camera_kill(&camera);
        an_live_run(&k->l, NULL, NULL, (int64_t)(an_rng_u64(rng) % 300));
        atomic_fetch_add(&camera.shared->parts, (unsigned)(an_rng_u64(rng) % 20)); /* that nobody sees */
        an_fake_camera_start(&camera);
        break;
    case 1: /* for a moment */
        an_process_signal(&camera.process, SIGSTOP);
        an_live_run(&k->l, NULL, NULL, 400);
        an_process_signal(&camera.process, SIGCONT);
        break;
    case 2:
        atomic_store(&camera.shared->lost_ppm, 50000);
        an_live_run(&k->l, NULL, NULL, 1500);
        atomic_store(&camera.shared->lost_ppm, 0);
        break;
    case 3:
        restart_agent(k);
        break;
    default:
        an_process_signal(&camera.process, SIGSTOP);
        an_live_until(&k->l, is_lost, NULL, BACK_MS);
        an_process_signal(&camera.process, SIGCONT);
    }
    const int64_t begin = now_ms();
    await(&k->l, &k->s, k->s.images + 5);
    const int64_t took = now_ms() - begin;
    k->longest_ms = took > k->longest_ms ? took : k->longest_ms;
    if (took > 10000)
        fail_msg("needed %lld ms after fault %d", (long long)took, (int)(which % 5));
}

static void run_soak(const char *yaml, int64_t seconds, uint64_t seed, soak *k)
{
    an_rng rng;
    an_rng_init(&rng, seed, 0);
    memset(k, 0, sizeof *k);
    k->yaml = yaml;
    an_fake_camera_start(&camera);
    open_live(&k->l, &k->s, yaml);
    await(&k->l, &k->s, 10);
    uint64_t faults = 0;
    for (const int64_t end = now_ms() + 1000 * seconds; faults < 5 || now_ms() < end; faults++)
        harm(k, faults < 5 ? faults : an_rng_u64(&rng), &rng);
    k->connects += an_live_counter(&k->l, "connects");
    k->lost += an_live_counter(&k->l, "frames_lost");
    k->damaged += an_live_counter(&k->l, "frames_damaged");
    print_message(
        "%llu faults, %llu images, %llu parts without one, %llu runs, %llu connects, %llu frames lost, %llu "
        "damaged, back within %lld ms\n",
        (unsigned long long)faults, (unsigned long long)k->s.images, (unsigned long long)k->s.gaps,
        (unsigned long long)k->s.runs, (unsigned long long)k->connects, (unsigned long long)k->lost,
        (unsigned long long)k->damaged, (long long)k->longest_ms);
    an_live_print_counters(&k->l);
    an_live_close(&k->l);
    an_fake_camera_kill(&camera);
}

static void every_part_comes_once_and_in_order_whatever_fails(void **state)
{
    (void)state;
    soak k;
    run_soak(STAMPED, an_fault_seconds(30) / 3, 11, &k);
    assert_int_equal(k.s.shift, 0);
    assert_int_equal(k.s.runs, 1);
    assert_true(k.s.gaps > 0 && k.damaged > 0 && k.connects > 2);
}

/* Where frames are all that is counted, a run ends with the connection, and within one nothing shifts. */
static void no_image_shifts_to_another_part_within_a_run(void **state)
{
    (void)state;
    soak k;
    run_soak("{" SHAPE ", part: '{run}/{n}', gap_max: 100000}", an_fault_seconds(30) / 6, 12, &k);
    assert_in_range(k.s.runs, 2, k.connects); /* one that was lost before its first frame is no run */
}

int main(int argc, char **argv)
{
    an_part_add("camera", an_fake_camera_main);
    an_part_add("holder", hold);
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    if (!an_fake_camera_init(&camera)) {
        puts("skipped: another test has the port of GigE Vision");
        return 77;
    }
    const struct CMUnitTest tests[] = {

        cmocka_unit_test(pixels_and_parts_are_those_of_the_camera),
        cmocka_unit_test(a_trigger_has_one_image_or_none),
        cmocka_unit_test(browsing_lists_what_can_be_set),
        cmocka_unit_test(what_a_camera_refuses_is_said_by_name),
        cmocka_unit_test(the_camera_of_a_killed_agent_is_taken_over),
        cmocka_unit_test(every_part_comes_once_and_in_order_whatever_fails),
        cmocka_unit_test(no_image_shifts_to_another_part_within_a_run),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    an_fake_camera_done(&camera);
    return failed;
}
