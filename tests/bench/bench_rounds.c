/* What a round costs beyond training, and what memory the coordinator takes for it.
 *
 *     bench_rounds --sites 100 --rounds 50 --hidden 8
 *     bench_rounds --sites 100 --rounds 1 --hidden 3150 --share 1      ten million parameters
 *
 * Prints, for the TRAIN rounds, milliseconds from opened to ended as the journal has them, and
 * of the coordinator's process its memory above what it had before the sites came.  With
 * --memory-max M it fails if that is more than M models plus 40 MiB, with --commits-max N if a
 * round took more than N transactions. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub.h"
#include "doors/json.h"
#include "models/kernels/kernels.h"
#include "tests/bench/bench.h"

#define ROUNDS_MAX 10000
#define PATIENCE_S 900
#define MIB (1024.0 * 1024.0)
#define FIXED_MIB 40 /* 32 chunks on their way in, sockets, threads: whatever the model */

typedef struct figures {
    double ms[ROUNDS_MAX];
    size_t n, n_aborted;
    double commits_max, commits_sum; /* of TRAIN rounds */
    double idle_kb, anon_idle_kb, peak_kb, anon_peak_kb;
} figures;

/* A figure of /proc/PID/status in KiB; 0 if there is none. */
static double status_kb(pid_t pid, const char *key)
{
    char path[64], line[200];
    double kb = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            kb = strtod(line + strlen(key) + 1, NULL);
    if (f)
        fclose(f);
    return kb;
}

/* The log's lines of rounds that ended: how many of TRAIN, and what they took. */
static size_t read_log(const char *log, figures *ret)
{
    char line[4096];
    size_t n = 0;
    FILE *f = fopen(log, "r");
    ret->commits_max = ret->commits_sum = 0;
    while (f && fgets(line, sizeof line, f)) {
        const char *commits = strstr(line, " commits=");
        if (!strstr(line, "event=round_ended") || !strstr(line, "kind=train"))
            continue;
        double c = commits ? strtod(commits + 9, NULL) : 0;
        ret->commits_max = c > ret->commits_max ? c : ret->commits_max;
        ret->commits_sum += c;
        n++;
    }
    if (f)
        fclose(f);
    return n;
}

static void watch(const bench *b, pid_t pid, const char *log, figures *ret)
{
    time_t end = time(NULL) + PATIENCE_S;
    for (int i = 0;; i++) {
        double anon = status_kb(pid, "RssAnon:");
        ret->anon_peak_kb = anon > ret->anon_peak_kb ? anon : ret->anon_peak_kb;
        bench_wait_ms(5);
        if (i % 20 == 0 && read_log(log, ret) >= b->conf.n_rounds)
            break;
        if (time(NULL) > end || waitpid(pid, NULL, WNOHANG) != 0) {
            fprintf(stderr, "bench: %zu of %zu rounds ended; see %s\n", read_log(log, ret), b->conf.n_rounds,
                    log);
            exit(1);
        }
    }
    ret->peak_kb = status_kb(pid, "VmHWM:");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct reading {
    figures *f;
    int64_t opened_ms;
    bool train;
} reading;

static an_err read_round(void *ctx, const an_record *r, an_note *why)
{
    reading *x = ctx;
    an_json_doc *doc = NULL;
    if (strcmp(r->kind, "round.opened") == 0) {
        an_err err = an_json_parse(r->body, r->body_len, "record", &doc, why);
        if (err != AN_OK)
            return err;
        int64_t kind = 0;
        err = an_jval_get_int(an_json_root(doc), "kind", 0, 100, 0, &kind, why);
        x->train = kind == AN_PAYLOAD_TRAIN;
        x->opened_ms = r->time_ms;
        an_json_doc_free(doc);
        return err;
    } else if (strcmp(r->kind, "round.ended") == 0 && x->train && x->f->n < ROUNDS_MAX) {
        x->f->ms[x->f->n++] = (double)(r->time_ms - x->opened_ms);
    }
    return AN_OK;
}

static void read_journal(const bench *b, figures *ret)
{
    an_note why = {{0}};
    an_store *store = NULL;
    char url[AN_PATH_MAX + 16];
    reading x = {.f = ret};
    snprintf(url, sizeof url, "sqlite:%s/store", b->conf.dir);
    bench_need(an_store_open(&(an_store_place){.url = url}, an_clock_system(), &store, &why), "store", &why);
    bench_need(an_store_scan(store, &(an_store_filter){.kind = "round."}, read_round, &x, &why), "journal",
               &why);
    an_store_close(store);
    qsort(ret->ms, ret->n, sizeof *ret->ms, by_size);
}

/* What one small durable write costs here: the unit that a round's figure is made of. */
static double sync_ms(const char *dir)
{
    char path[AN_PATH_MAX], block[4096] = "x";
    struct timespec a, z;
    enum { TIMES = 30 };
    bench_need(an_path_join(path, dir, "sync-test"), "folder", NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < TIMES; i++)
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block || fsync(fd) != 0)
            bench_need(AN_ERR_IO, path, NULL);
    clock_gettime(CLOCK_MONOTONIC, &z);
    close(fd);
    unlink(path);
    return ((double)(z.tv_sec - a.tv_sec) * 1e3 + (double)(z.tv_nsec - a.tv_nsec) / 1e6) / TIMES;
}

static const char *option(int argc, char **argv, const char *key, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], key) == 0)
            return argv[i + 1];
    return otherwise;
}

static size_t number(int argc, char **argv, const char *key, const char *otherwise)
{
    return (size_t)strtoul(option(argc, argv, key, otherwise), NULL, 10);
}

static int print(const bench *b, const figures *f, double model, double memory_max, double commits_max,
                 double sync)
{
    const double more = (f->peak_kb - f->idle_kb) * 1024, anon = (f->anon_peak_kb - f->anon_idle_kb) * 1024;
    printf("sites %zu, parameters %zu (%.1f MiB), train rounds %zu\n", b->conf.n_sites, b->n_delta,
           model / MIB, f->n);
    printf("one durable write of 4 KiB in the coordinator's folder: %.2f ms\n", sync);
    printf("round, opened to ended: median %.0f ms, 90 %% %.0f ms, longest %.0f ms\n", f->ms[f->n / 2],
           f->ms[f->n * 9 / 10], f->ms[f->n - 1]);
    printf("journal transactions a round: mean %.1f, most %.0f\n", f->commits_sum / (double)f->n,
           f->commits_max);
    printf("coordinator above idle (%.1f MiB): peak %.1f MiB = %.2f models, anonymous %.1f MiB = "
           "%.2f models\n",
           f->idle_kb / 1024, more / MIB, more / model, anon / MIB, anon / model);
    int failed = 0;
    if (memory_max > 0 && more > memory_max * model + FIXED_MIB * MIB)
        failed = !!fprintf(stderr, "bench: more memory than %.1f models and %d MiB\n", memory_max, FIXED_MIB);
    if (commits_max > 0 && f->commits_max > commits_max)
        failed = !!fprintf(stderr, "bench: more than %.0f transactions in a round\n", commits_max);
    return failed;
}

int main(int argc, char **argv)
{
    static bench b;
    static figures f;
    char program[AN_PATH_MAX], log[AN_PATH_MAX], top[AN_PATH_MAX];
    snprintf(program, sizeof program, "%.*s/andon-coordinator",
             strrchr(argv[0], '/') ? (int)(strrchr(argv[0], '/') - argv[0]) : 1,
             strrchr(argv[0], '/') ? argv[0] : ".");
    if (!an_kernels_init())
        return 2;
    b.conf = (bench_conf){.n_sites = number(argc, argv, "--sites", "100"),
                          .n_rounds = number(argc, argv, "--rounds", "50"),
                          .hidden = number(argc, argv, "--hidden", "8"),
                          .momentum = number(argc, argv, "--momentum", "0") != 0,
                          .secure = number(argc, argv, "--secure", "0") != 0,
                          .share_versions = number(argc, argv, "--share", "0") != 0,
                          .program = option(argc, argv, "--program", program)};
    if (argc % 2 == 0 || b.conf.n_sites < 2 || b.conf.n_sites > BENCH_SITES_MAX || b.conf.n_rounds < 1 ||
        b.conf.n_rounds > ROUNDS_MAX || b.conf.hidden < 1) {
        fprintf(stderr, "usage: bench_rounds [--sites 100] [--rounds 50] [--hidden 8] [--share 0|1] "
                        "[--momentum 0|1] [--secure 0|1]"
                        " [--program PATH] [--sites-dir DIR] [--memory-max MODELS]"
                        " [--commits-max N]\n");
        return 2;
    }
    bench_block_signals();
    an_log_init(AN_LOG_OFF, "bench_rounds");
    an_json_init();
    bench_need(an_crypto_init(), "crypto", NULL);
    an_test_folder_make(top);
    snprintf(b.conf.sites_dir, AN_PATH_MAX, "%s", option(argc, argv, "--sites-dir", top));
    bench_need(an_path_join(b.conf.dir, top, "coordinator"), "folder", NULL);
    bench_need(an_path_join(log, top, "coordinator.log"), "folder", NULL);
    bench_found(&b);
    const double sync = sync_ms(b.conf.dir);
    pid_t pid = bench_coordinator_start(&b, log);
    bench_wait_ms(200);
    f.idle_kb = status_kb(pid, "VmRSS:");
    f.anon_idle_kb = status_kb(pid, "RssAnon:");
    bench_sites_start(&b);
    watch(&b, pid, log, &f);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    read_journal(&b, &f);
    const double model = (double)b.n_delta * 4;
    int failed = f.n < b.conf.n_rounds;
    failed |= print(&b, &f, model, strtod(option(argc, argv, "--memory-max", "0"), NULL),
                    strtod(option(argc, argv, "--commits-max", "0"), NULL), sync);
    bench_sites_stop(&b);
    an_test_folder_remove(top);
    return failed;
}
