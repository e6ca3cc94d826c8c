/* Training takes the memory that the sizes of model and batch say, to the byte, and takes it before the
 * first step.  The linker hands this program every call of aligned_alloc and free that mem.c makes
 * (tests/CMakeLists.txt), so that what is counted is what is taken. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/workers.h"
#include "models/kernels/kernels.h"
#include "models/train_internal.h"
#include "tests/support/zoo.h"

#define ROWS 70u
#define BATCH 40u
#define SLOTS 4096u

void *__real_aligned_alloc(size_t align, size_t size);
void *__real_calloc(size_t n, size_t size);
void __real_free(void *p);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void __wrap_free(void *p);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    void *p;
    size_t bytes;
} slots[SLOTS];
static size_t live, most, calls; /* bytes now, bytes at most, allocations ever */

static void *counted(void *p, size_t size)
{
    size_t i = 0;
    pthread_mutex_lock(&lock);
    while (i < SLOTS && slots[i].p)
        i++;
    assert_true(i < SLOTS);
    slots[i].p = p;
    slots[i].bytes = size;
    live += size;
    most = live > most ? live : most;
    calls++;
    pthread_mutex_unlock(&lock);
    return p;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return counted(__real_aligned_alloc(align, size), size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return counted(__real_calloc(n, size), n * size);
}

void __wrap_free(void *p)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; p && i < SLOTS; i++)
        if (slots[i].p == p) {
            live -= slots[i].bytes;
            slots[i].p = NULL;
            break;
        }
    pthread_mutex_unlock(&lock);
    __real_free(p);
}

/* What mem.c takes for n things of a size. */
static size_t taken(size_t n, size_t size)
{
    const size_t bytes = (n * size + 63) / 64 * 64;
    return bytes ? bytes : 64;
}

/* A workspace beside its plan: itself, and where each layer's buffers lie. */
static size_t beside(const an_model *m)
{
    return 64 + taken(m->n_layers, sizeof(an_place));
}

static void a_workspace_takes_what_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < an_zoo_count(); i++) {
        an_zoo z;
        an_zoo_open(i, 1, &z);
        for (size_t rows = 1; rows <= 3; rows++)
            for (int kind = AN_WS_FORWARD; kind <= AN_WS_TRAIN; kind++) {
                const size_t before = live;
                an_ws *ws = NULL;
                assert_int_equal(an_ws_new(z.m, (an_ws_kind)kind, rows, &ws), AN_OK);
                assert_int_equal(live - before, an_ws_bytes(ws) + beside(z.m));
                an_ws_free(ws);
                assert_int_equal(live, before);
            }
        an_zoo_done(&z);
    }
}

/* A trainer as an_train makes it, with its first order of rows. */
static void start(an_trainer *t, const an_zoo *z, const an_train_opts *o)
{
    an_note why = {{0}};
    *t = (an_trainer){.m = z->m, .opts = o, .start = z->params, .x = z->x, .n = z->rows};
    t->n_in = z->m->n_inputs;
    t->targets = z->t;
    t->n_t = an_model_n_targets(z->m);
    if (an_trainer_check(t, &why) != AN_OK || an_trainer_init(t, &why) != AN_OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < t->n; i++)
        t->order[i] = (uint32_t)i;
}

static size_t blocks_taken(size_t n)
{
    size_t cap = 8;
    while (cap < n)
        cap *= 2;
    return taken(cap, sizeof(an_train_block));
}

static size_t workers_taken(size_t n)
{
    const size_t before = live;
    an_workers *w = NULL;
    assert_int_equal(an_workers_new(n, &w), AN_OK);
    const size_t bytes = live - before;
    an_workers_free(w);
    return bytes;
}

/* The slices' gradients, or where they come late a block for each worker, or one for two passes. */
static size_t grad_floats(const an_trainer *t)
{
    size_t widest = 0;
    for (size_t b = 0; b < t->n_blocks; b++)
        widest = widest > t->blocks[b].n ? widest : t->blocks[b].n;
    if (!t->m->late)
        return t->slices_max * t->m->n_params;
    return t->opts->clip_norm > 0.0 ? t->m->n_params : t->n_workers * widest;
}

/* From the sizes alone: workspaces, rows, gradients of the slices, parameters and what follows them. */
static size_t planned(const an_trainer *t)
{
    const size_t n = t->m->n_params, groups = (t->n_valid + t->group_max - 1) / t->group_max;
    size_t bytes = workers_taken(t->n_workers) + taken(t->n_desks, sizeof *t->desks);
    for (size_t i = 0; i < t->n_desks; i++) {
        bytes += an_ws_bytes(t->desks[i].ws) + beside(t->m) + taken(t->group_max * t->n_in, 4);
        bytes += t->targets ? taken(t->group_max * t->n_t, 4) : 0;
    }
    bytes += taken(t->n, 4) + taken(n, 4) + taken(grad_floats(t), 4);
    bytes += taken(t->n_blocks, sizeof(double)) + blocks_taken(t->n_blocks);
    bytes += t->optimiser->n_state * taken(n, 4);
    bytes += t->m->n_prepared ? taken(t->m->n_prepared, 4) : 0;
    bytes += t->opts->patience ? taken(n, 4) : 0;
    return bytes + (groups ? taken(groups, sizeof(double)) : 0);
}

static void check_run(const an_zoo *z, const an_train_opts *o)
{
    an_trainer t;
    an_note why = {{0}};
    double loss = 0.0;
    const size_t before = live;
    start(&t, z, o);
    const size_t held = live - before;
    if (held != planned(&t))
        fail_msg("%s: %zu bytes held, %zu planned", an_model_name(z->m), held, planned(&t));
    const size_t calls_before = calls, live_before = live;
    for (int step = 0; step < 2; step++) {
        t.first = step ? BATCH : 0;
        t.rows = t.n - t.first < BATCH ? t.n - t.first : BATCH;
        if (an_trainer_step(&t, &loss, &why) != AN_OK)
            fail_msg("%s", why.text);
    }
    if (t.n_valid)
        assert_int_equal(an_trainer_validate(&t, &loss, NULL), AN_OK);
    assert_int_equal(calls, calls_before);
    assert_int_equal(live, live_before);
    an_trainer_done(&t);
    assert_int_equal(live, before);
}

static void a_run_takes_what_its_sizes_say_and_a_step_takes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < an_zoo_count(); i++) {
        an_zoo z;
        an_train_opts o = an_train_defaults();
        an_zoo_open(i, ROWS, &z);
        o.batch = BATCH;
        check_run(&z, &o);
        o.n_threads = 3;
        o.optimiser = "sgd";
        o.validation = 0.25;
        o.patience = 2;
        check_run(&z, &o);
        an_zoo_done(&z);
    }
}

static void a_whole_run_holds_no_more_than_its_sizes_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < an_zoo_count(); i++) {
        an_zoo z;
        an_trainer t;
        an_note why = {{0}};
        an_train_opts o = an_train_defaults();
        an_zoo_open(i, ROWS, &z);
        o.batch = BATCH;
        o.epochs = 1;
        start(&t, &z, &o);
        const size_t said = planned(&t);
        an_trainer_done(&t);
        size_t plan = 0;
        if (an_train_plan(z.m, &o, z.rows, &plan, &why) != AN_OK)
            fail_msg("%s", why.text);
        if (plan < said || plan > said + said / 8 + 8192 + t.n_desks * (256 + 64 * z.m->n_layers))
            fail_msg("%s: %zu bytes held, %zu planned ahead", an_model_name(z.m), said, plan);
        const size_t before = most = live;
        if (an_train(z.m, z.params, &o, z.x, z.t, z.rows, NULL, &why) != AN_OK)
            fail_msg("%s", why.text);
        if (most - before > said)
            fail_msg("%s: %zu bytes at most, %zu planned", an_model_name(z.m), most - before, said);
        an_zoo_done(&z);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workspace_takes_what_it_says),
        cmocka_unit_test(a_run_takes_what_its_sizes_say_and_a_step_takes_nothing),
        cmocka_unit_test(a_whole_run_holds_no_more_than_its_sizes_say),
    };
    an_kernels_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
