/* What a job says that it takes of memory is no less than what it takes, and not much more; one that does not fit takes
 * nothing.  The linker hands this program every call of aligned_alloc, calloc and free that mem.c makes (tests/CMakeLists.txt). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "agent/job_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "tests/support/folder.h"
#include "tests/support/toy.h"

#define N ((size_t)6000)
#define SIDE 64u
#define IMAGES 40u
#define FIXED ((uint64_t)1 << 20) /* of every estimate */

void *__real_aligned_alloc(size_t align, size_t size);
void *__real_calloc(size_t n, size_t size);
void __real_free(void *p);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void __wrap_free(void *p);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t live, most;

static void *counted(void *p)
{
    pthread_mutex_lock(&lock);
    live += p ? malloc_usable_size(p) : 0;
    most = live > most ? live : most;
    pthread_mutex_unlock(&lock);
    return p;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return counted(__real_aligned_alloc(align, size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return counted(__real_calloc(n, size));
}

void __wrap_free(void *p)
{
    pthread_mutex_lock(&lock);
    live -= p ? malloc_usable_size(p) : 0;
    pthread_mutex_unlock(&lock);
    __real_free(p);
}

typedef struct fixture {
    char dir[AN_PATH_MAX];
    an_bundle b;
    float *raw[4];
    an_site_data data;
    an_job job;
} fixture;

/* Images and a version without a network: what is added up is larger than they are. */
static void take_images(fixture *f)
{
    const char *names[SIDE];
    char text[SIDE][8];
    an_note why = {{0}};
    an_prep_conf conf;
    an_rng r;
    an_bundle_done(&f->b);
    f->b = (an_bundle){.arch = an_strdup(""), .model = "toy", .policy = "quantile:0.95", .threshold = 1};
    for (size_t i = 0; i < SIDE; i++) {
        snprintf(text[i], sizeof text[i], "x%zu", i);
        names[i] = text[i];
    }
    an_prep_conf_init(&conf);
    conf.window = SIDE;
    an_rng_init(&r, 2, 0);
    for (size_t i = 0; i < 4; i++) {
        an_free(f->raw[i]);
        f->raw[i] = an_alloc(IMAGES * SIDE, SIDE * sizeof *f->raw[i]);
        for (size_t k = 0; k < IMAGES * SIDE * SIDE; k++)
            f->raw[i][k] = (float)an_rng_unit(&r);
    }
    assert_int_equal(an_prep_fit(&f->b.prep, &conf, f->raw[0], IMAGES, SIDE, SIDE, &why), AN_OK);
    assert_int_equal(an_schema_new(&f->b.schema, names, NULL, SIDE, 0, SIDE, &why), AN_OK);
    assert_int_equal(an_detector_new("padim", SIDE, SIDE, &f->b.detector, &why), AN_OK);
    an_detector_blank(f->b.detector, 1);
    f->data = (an_site_data){.width = SIDE,
                             .context = SIDE,
                             .train = {.raw = f->raw[0], .n = IMAGES},
                             .recent = {.raw = f->raw[1], .n = IMAGES},
                             .old = {.raw = f->raw[2], .n = IMAGES},
                             .fresh = {.raw = f->raw[3], .n = IMAGES}};
}

static void open_fixture(fixture *f, an_job_kind kind, an_payload_kind payload)
{
    an_note why = {{0}};
    memset(f, 0, sizeof *f);
    an_test_folder_make(f->dir);
    an_toy_bundle(&f->b, false);
    for (uint64_t i = 0; i < 4; i++)
        f->raw[i] = an_toy_windows(N, 10 + i);
    f->data = (an_site_data){.width = AN_TOY_WIDTH,
                             .context = AN_TOY_CONTEXT,
                             .train = {.raw = f->raw[0], .n = N},
                             .recent = {.raw = f->raw[1], .n = N},
                             .old = {.raw = f->raw[2], .n = N},
                             .fresh = {.raw = f->raw[3], .n = N}};
    if (kind == AN_JOB_ROUND && payload == AN_PAYLOAD_FIT)
        take_images(f);
    an_job *j = &f->job;
    j->kind = kind;
    j->calibrate = an_calibrate_defaults();
    j->calibrate.site_scaler = true;
    j->n_threads = 1;
    snprintf(j->site, sizeof j->site, "plant-a");
    memset(&j->plan_hash, 1, sizeof j->plan_hash);
    assert_int_equal(an_path_join(j->base_path, f->dir, "base"), AN_OK);
    assert_int_equal(an_path_join(j->out_path, f->dir, "out"), AN_OK);
    if (an_bundle_write(&f->b, j->base_path, &j->version, &why) != AN_OK)
        fail_msg("%s", why.text);
    if (kind != AN_JOB_ROUND)
        return;
    j->plan = an_toy_plan(&f->b, payload);
    j->plan->local_epochs = 1;
    if (payload == AN_PAYLOAD_TRAIN || payload == AN_PAYLOAD_FIT) {
        j->plan->base = j->version;
        return;
    }
    memcpy(j->candidate_path, j->base_path, sizeof j->base_path);
    j->base_path[0] = '\0';
    j->plan->candidate = j->version;
    j->plan->production = (an_hash){{0}};
}

static void close_fixture(fixture *f)
{
    an_plan_free(f->job.plan);
    an_free(f->job.vector);
    an_task_result_done(&f->job.task);
    an_bundle_done(&f->job.bundle);
    an_overlay_done(&f->job.overlay);
    an_bundle_done(&f->b);
    for (size_t i = 0; i < 4; i++)
        an_free(f->raw[i]);
    an_test_folder_remove(f->dir);
}

static void holds(an_job_kind kind, an_payload_kind payload, bool incremental)
{
    fixture f;
    an_note why = {{0}};
    uint64_t need = 0;
    open_fixture(&f, kind, payload);
    if (incremental) {
        f.job.plan->replay_share = 0.5;
        f.data.recent_since = N / 2;
    }
    if (an_job_memory(&f.job, &f.data, &f.b, &need, &why) != AN_OK)
        fail_msg("%s", why.text);
    /* One that does not fit is declined before it takes anything of the size of its data. */
    const size_t before = most = live;
    f.job.memory_left = FIXED + 100000;
    assert_int_equal(an_job_run(&f.job, &f.data, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "site budget"));
    assert_true(most - before < 300000);
    an_bundle_done(&f.job.bundle);
    memset(&f.job.bundle, 0, sizeof f.job.bundle);
    /* One that just fits takes no more than it said. */
    most = live;
    const size_t from = live;
    f.job.memory_left = need;
    if (an_job_run(&f.job, &f.data, &why) != AN_OK)
        fail_msg("%s", why.text);
    const size_t took = most - from;
    print_message("%d %d: said %.2f MiB, took %.2f MiB\n", (int)kind, (int)payload, (double)need / 1048576,
                  (double)took / 1048576);
    assert_true(took <= need);
    assert_true(need - FIXED <= 4 * took);
    f.job.memory_left = need - 1;
    assert_int_equal(an_job_fits(&f.job, &f.data, &f.b, &why), AN_ERR_REFUSED);
    close_fixture(&f);
}

static void training_takes_no_more_than_it_says(void **state)
{
    (void)state;
    holds(AN_JOB_ROUND, AN_PAYLOAD_TRAIN, false);
    holds(AN_JOB_ROUND, AN_PAYLOAD_TRAIN, true);
}

static void adding_up_takes_no_more_than_it_says(void **state)
{
    (void)state;
    holds(AN_JOB_ROUND, AN_PAYLOAD_FIT, false);
}

static void judging_takes_no_more_than_it_says(void **state)
{
    (void)state;
    holds(AN_JOB_ROUND, AN_PAYLOAD_EVALUATE, false);
}

static void an_overlay_takes_no_more_than_it_says(void **state)
{
    (void)state;
    holds(AN_JOB_OVERLAY, AN_PAYLOAD_TRAIN, false);
}

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_takes_no_more_than_it_says),
        cmocka_unit_test(adding_up_takes_no_more_than_it_says),
        cmocka_unit_test(judging_takes_no_more_than_it_says),
        cmocka_unit_test(an_overlay_takes_no_more_than_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
