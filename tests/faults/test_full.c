/* The disk is full at any step of a running federation: what cannot be written is said and nothing
 * that was acknowledged is lost; with room again the campaign reaches production.
 *
 * A limit on the size of files stands for the full disk.  With ANDON_SMALL_DISK naming a folder on
 * a small file system of its own (full_disk.sh), that one is filled for real. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/pool.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"
#include "tests/support/folder.h"

static const char *disk; /* NULL: by the limit */

static void ballast_path(char out[static AN_PATH_MAX])
{
    assert_int_equal(an_path_join(out, disk, "ballast"), AN_OK);
}

/* Leaves so many bytes, or files that may grow to so many. */
static void fill(size_t bytes)
{
    static const char zeros[4096];
    char path[AN_PATH_MAX];
    if (!disk) {
        struct rlimit limit;
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        return;
    }
    ballast_path(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof zeros) > 0)
        ;
    off_t size = lseek(fd, 0, SEEK_END);
    assert_int_equal(ftruncate(fd, size > (off_t)bytes ? size - (off_t)bytes : 0), 0);
    close(fd);
}

static void clear(void)
{
    char path[AN_PATH_MAX];
    if (disk) {
        ballast_path(path);
        assert_int_equal(an_file_remove(path, NULL), AN_OK);
        return;
    }
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static size_t some(an_rng *rng)
{
    return (size_t)an_rng_below(rng, 3) * (size_t)an_rng_below(rng, 64) * 1024;
}

static void full_step(world *w, an_rng *rng)
{
    w->full = true;
    fill(some(rng));
    for (size_t n = (size_t)an_rng_below(rng, 6); w->head != w->tail && n > 0; n--)
        step(w);
    if (an_rng_below(rng, 4) == 0)
        tick(w);
    clear();
    w->full = false;
}

static void run(world *w, uint64_t seed)
{
    an_rng rng;
    an_note why = {{0}};
    const char *const policy[][2] = {{"round.retries", "100"}, {"min_cohort", "2"}, {"privacy", "trusted"}};
    an_rng_init(&rng, seed, 0);
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 3, &why), AN_OK);
    connect_all(w);
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    for (int second = 0; second < 60; second++) {
        while (w->head != w->tail) {
            if (an_rng_below(&rng, 3) == 0)
                full_step(w, &rng);
            else
                step(w);
        }
        tick(w);
    }
    pass(w, 1200 * 1000);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    an_hub_campaign_waiting(w->hub, c, &why);
    if (c->state != AN_CAMPAIGN_PROMOTED)
        fail_msg("seed %llu: campaign is %s: %s %s", (unsigned long long)seed,
                 an_campaign_state_name(c->state), c->reason, why.text);
    for (size_t i = 0; i < SITES; i++)
        assert_true(an_hash_equal(&w->sites[i].runs, &c->head));
    uint64_t n = 0;
    if (an_store_verify(w->store, &n, &why) != AN_OK)
        fail_msg("seed %llu: %s", (unsigned long long)seed, why.text);
    kill_hub(w);
    start_hub(w);
}

static void a_campaign_survives_a_disk_that_is_full_at_any_step(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        void *w = NULL;
        assert_int_equal(an_federation_setup(&w), 0);
        run(w, seed);
        assert_int_equal(an_federation_teardown(&w), 0);
        assert_int_equal(an_mem_live(), 0);
    }
}

static void the_spool_says_so_and_keeps_what_it_had_taken(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX], path[AN_PATH_MAX], fact[4096] = {0};
    an_note why = {{0}};
    an_spool *s = NULL;
    an_spool_item item;
    uint64_t taken = 0, found = 0;
    an_err err = AN_OK;
    an_test_folder_make(dir);
    assert_int_equal(an_path_join(path, dir, "spool.db"), AN_OK);
    assert_int_equal(an_spool_open(path, &(an_spool_conf){0}, &s, NULL), AN_OK);
    fill(256 * 1024);
    while (taken < 10000 && (err = an_spool_append(s, AN_SPOOL_ALARM, 1, fact, sizeof fact, &why)) == AN_OK)
        fact[0] = (char)(++taken & 0x7f);
    assert_int_equal(err, AN_ERR_IO); /* not LIMIT, which would say that it can never be kept */
    assert_true(taken > 0 && why.text[0] != '\0');
    an_spool_stats stats;
    assert_int_equal(an_spool_stats_get(s, &stats, &why), AN_OK);
    assert_int_equal(stats.dropped[AN_SPOOL_ALARM], 0);
    clear();
    assert_int_equal(an_spool_append(s, AN_SPOOL_ALARM, 1, fact, sizeof fact, &why), AN_OK);
    an_spool_close(s);
    assert_int_equal(an_spool_open(path, &(an_spool_conf){0}, &s, NULL), AN_OK);
    for (uint64_t id = 0; an_spool_next(s, id, &item, NULL) == AN_OK; found++) {
        assert_int_equal(item.bytes[0], (uint8_t)(found & 0x7f));
        id = item.id;
        an_spool_item_done(&item);
    }
    assert_int_equal(found, taken + 1);
    an_spool_close(s);
    an_test_folder_remove(dir);
}

static void a_pool_that_cannot_be_saved_leaves_the_last_one(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_note why = {{0}};
    const an_pool_conf conf = {.width = 64, .window = 16};
    static float window[64 * 16];
    an_pool *p = NULL, *again = NULL;
    an_test_folder_make(dir);
    assert_int_equal(an_path_join(path, dir, "line.pool"), AN_OK);
    assert_int_equal(an_pool_new(&conf, &p, NULL), AN_OK);
    assert_int_equal(an_pool_new(&conf, &again, NULL), AN_OK);
    for (int64_t i = 0; i < 50; i++)
        an_pool_add(p, window, i, 0);
    assert_int_equal(an_pool_save(p, path, &why), AN_OK);
    for (int64_t i = 50; i < 200; i++)
        an_pool_add(p, window, i, 0);
    fill(64 * 1024);
    assert_int_equal(an_pool_save(p, path, &why), AN_ERR_IO);
    assert_non_null(strstr(why.text, strerror(disk ? ENOSPC : EFBIG)));
    assert_int_equal(an_pool_load(again, path, &why), AN_OK);
    assert_int_equal(an_pool_seen(again), 50);
    clear();
    an_names names;
    assert_int_equal(an_dir_list(dir, &names, NULL), AN_OK);
    assert_int_equal(names.n, 1); /* no half of one takes up the room */
    an_names_done(&names);
    assert_int_equal(an_pool_save(p, path, &why), AN_OK);
    assert_int_equal(an_pool_load(again, path, &why), AN_OK);
    assert_int_equal(an_pool_seen(again), 200);
    an_pool_free(p);
    an_pool_free(again);
    an_test_folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_spool_says_so_and_keeps_what_it_had_taken),
        cmocka_unit_test(a_pool_that_cannot_be_saved_leaves_the_last_one),
        cmocka_unit_test(a_campaign_survives_a_disk_that_is_full_at_any_step),
    };
    disk = getenv("ANDON_SMALL_DISK");
    signal(SIGXFSZ, SIG_IGN);
    an_log_init(AN_LOG_OFF, "test_full");
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
