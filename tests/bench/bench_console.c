/* A coordinator with much to show: sites, versions and alarms of months, and a campaign whose rounds go on.
 *
 *     bench_console --sites 100 --versions 1000 --alarms 100000 --dir FOLDER --sites-dir FOLDER
 *
 * Says "ready" when all sites are greeted, and ends when its input does.  FOLDER/endpoints.json says where it is.
 * tests/bench/console.sh measures it from outside. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/store.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "models/bundle.h"
#include "models/kernels/kernels.h"
#include "tests/bench/bench.h"

#define DAYS 90
#define BATCH 1000
#define PATIENCE_MS 120000

static const char *option(int argc, char **argv, const char *key, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], key) == 0)
            return argv[i + 1];
    return otherwise;
}

/* The version that the model began with. */
static an_err take_first(void *ctx, const an_record *r, an_note *why)
{
    an_json_doc *doc = NULL;
    const char *hex = "";
    an_err err = an_json_parse(r->body, r->body_len, "record", &doc, why);
    if (err == AN_OK)
        err = an_jval_get_text(an_json_root(doc), "hash", "", &hex, why);
    if (err == AN_OK && !an_hash_parse(ctx, hex))
        err = AN_ERR_PROTO;
    an_json_doc_free(doc);
    return err;
}

static void make(an_record *ret, const char *kind, const char *subject, const char *actor, int64_t time_ms,
                 an_json *o)
{
    char *text = an_json_print(o, 0);
    an_json_free(o);
    if (!text)
        bench_need(AN_ERR_NOMEM, kind, NULL);
    *ret = (an_record){.time_ms = time_ms,
                       .kind = kind,
                       .subject = subject,
                       .actor = actor,
                       .body = text,
                       .body_len = strlen(text)};
}

static void append(an_store *store, an_record *records, size_t n)
{
    an_note why = {{0}};
    bench_need(an_store_append(store, records, n, NULL, &why), "append", &why);
    for (size_t i = 0; i < n; i++)
        an_free((void *)(uintptr_t)records[i].body);
}

static void set_hash(an_json *o, const char *key, const an_hash *h)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, h);
    an_json_set_text(o, key, hex);
}

/* Each from the one before, with a weight a little larger: what a long history of rounds leaves. */
static void add_versions(an_store *store, size_t n, int64_t from_ms)
{
    an_note why = {{0}};
    an_hash parent;
    an_buf bytes;
    an_bundle bundle;
    bench_need(an_store_scan(store, &(an_store_filter){.kind = "version.registered", .limit = 1}, take_first,
                             &parent, &why),
               "first version", &why);
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    bench_need(an_store_object_get(store, &parent, &bytes, &why), "bundle", &why);
    bench_need(an_bundle_decode(&bundle, bytes.data, bytes.len, &why), "bundle", &why);
    for (size_t i = 0; i < n; i++) {
        an_record r;
        an_hash hash;
        bytes.len = 0;
        bundle.parent = parent;
        bundle.weights[0] += 1e-3F;
        bench_need(an_bundle_encode(&bundle, &bytes, &why), "bundle", &why);
        bench_need(an_store_object_put(store, bytes.data, bytes.len, &hash, &why), "bundle", &why);
        an_json *o = an_json_object();
        set_hash(o, "hash", &hash);
        set_hash(o, "parent", &parent);
        an_json_set_int(o, "size", (int64_t)bytes.len);
        make(&r, "version.registered", BENCH_MODEL, "coordinator",
             from_ms + (int64_t)i * DAYS * 86400000 / (int64_t)n, o);
        append(store, &r, 1);
        parent = hash;
    }
    an_bundle_done(&bundle);
    an_buf_done(&bytes);
}

static an_json *summary(const bench *b, size_t i, int64_t raised_ms, int64_t cleared_ms)
{
    an_json *o = an_json_object(), *shares = an_json_array(), *share = an_json_object();
    an_json_set_text(o, "line", "line");
    an_json_set_int(o, "alarm", (int64_t)(i / b->conf.n_sites + 1));
    an_json_set_int(o, "raised_ms", raised_ms);
    an_json_set_int(o, "cleared_ms", cleared_ms);
    an_json_set_num(o, "peak", 1.0 + (double)(i % 37) / 10);
    an_json_set_text(share, "sensor", bench_sensors[i % BENCH_WIDTH]);
    an_json_set_num(share, "share", 0.5);
    an_json_push(shares, share);
    an_json_set(o, "sensors", shares);
    return o;
}

/* Each is told twice, as sites do: when it is raised, and when it is over. */
static void add_alarms(an_store *store, const bench *b, size_t n, int64_t from_ms)
{
    static an_record records[BATCH];
    static char actors[BENCH_SITES_MAX][AN_NAME_MAX + 8];
    for (size_t s = 0; s < b->conf.n_sites; s++)
        snprintf(actors[s], sizeof actors[s], "site/%s", b->sites[s].name);
    for (size_t i = 0, k = 0; i < n; i++) {
        const size_t s = i % b->conf.n_sites;
        const int64_t raised = from_ms + (int64_t)((double)i / (double)n * DAYS * 86400000.0);
        const int64_t over = raised + 30000;
        make(&records[k++], "alarm.summary", b->sites[s].name, actors[s], raised, summary(b, i, raised, 0));
        make(&records[k++], "alarm.summary", b->sites[s].name, actors[s], over, summary(b, i, raised, over));
        if (k == BATCH || i + 1 == n) {
            append(store, records, k);
            k = 0;
        }
    }
}

static void fill(const bench *b, size_t versions, size_t alarms)
{
    an_note why = {{0}};
    an_store *store = NULL;
    char url[AN_PATH_MAX + 16];
    const an_clock *clock = an_clock_system();
    const int64_t from_ms = clock->wall_ms(clock) - (int64_t)DAYS * 86400000;
    snprintf(url, sizeof url, "sqlite:%s/store", b->conf.dir);
    bench_need(an_store_open(&(an_store_place){.url = url}, clock, &store, &why), "store", &why);
    add_versions(store, versions, from_ms);
    add_alarms(store, b, alarms, from_ms);
    an_store_close(store);
}

int main(int argc, char **argv)
{
    static bench b;
    char program[AN_PATH_MAX], log[AN_PATH_MAX];
    const char *slash = strrchr(argv[0], '/'), *top = option(argc, argv, "--dir", "");
    const size_t n = (size_t)strtoul(option(argc, argv, "--sites", "100"), NULL, 10);
    const size_t versions = (size_t)strtoul(option(argc, argv, "--versions", "1000"), NULL, 10);
    const size_t alarms = (size_t)strtoul(option(argc, argv, "--alarms", "100000"), NULL, 10);
    snprintf(program, sizeof program, "%.*s/andon-coordinator", slash ? (int)(slash - argv[0]) : 1,
             slash ? argv[0] : ".");
    if (argc % 2 == 0 || !top[0] || n < 1 || n > BENCH_SITES_MAX) {
        fprintf(stderr,
                "usage: bench_console --dir FOLDER [--sites-dir FOLDER] [--sites 100] [--versions 1000] "
                "[--alarms 100000]\n");
        return 2;
    }
    if (!an_kernels_init())
        return 2;
    bench_block_signals();
    an_log_init(AN_LOG_OFF, "bench_console");
    an_json_init();
    bench_need(an_crypto_init(), "crypto", NULL);
    b.conf = (bench_conf){.n_sites = n, .n_rounds = 1000, .hidden = 8, .program = program};
    snprintf(b.conf.sites_dir, sizeof b.conf.sites_dir, "%s", option(argc, argv, "--sites-dir", top));
    bench_need(an_path_join(b.conf.dir, top, "coordinator"), "folder", NULL);
    bench_need(an_path_join(log, top, "coordinator.log"), "folder", NULL);
    bench_found(&b);
    fill(&b, versions, alarms);
    const pid_t pid = bench_coordinator_start(&b, log);
    /* They stand for a hundred other machines: what they reckon must not be taken from the coordinator's time. */
    bench_need(setpriority(PRIO_PROCESS, 0, 10) == 0 ? AN_OK : AN_ERR_IO, "nice", NULL);
    bench_sites_start(&b);
    const an_clock *clock = an_clock_system();
    for (const int64_t end = clock->mono_ms(clock) + PATIENCE_MS; atomic_load(&b.welcomes) < n;) {
        if (clock->mono_ms(clock) > end)
            bench_need(AN_ERR_AGAIN, "the sites are not greeted", NULL);
        bench_wait_ms(5);
    }
    printf("ready %d\n", (int)pid);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    bench_sites_stop(&b);
    return 0;
}
