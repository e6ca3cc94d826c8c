/* How long a coordinator that was killed keeps its sites waiting: from its start until it has greeted all of them
 * again, with the store of the kill behind it.
 *
 *     bench_resume --sites 1000 --times 5
 *
 * Prints a line for each restart and the median.  Sites are light agents of this process on the same processors; what
 * they take for their handshakes is in the figure. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "coordinator/hub.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "models/kernels/kernels.h"
#include "tests/bench/bench.h"

#define TIMES_MAX 50
#define PATIENCE_MS 120000

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

/* ms since `from` until so many have been greeted. */
static double greeted(bench *b, size_t n, int64_t from)
{
    const int64_t end = mono() + PATIENCE_MS;
    while (atomic_load(&b->welcomes) < n) {
        if (mono() > end) {
            fprintf(stderr, "bench: %zu of %zu greetings\n", atomic_load(&b->welcomes), n);
            exit(1);
        }
        bench_wait_ms(5);
    }
    return (double)(mono() - from);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t number(int argc, char **argv, const char *key, size_t otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], key) == 0)
            return (size_t)strtoul(argv[i + 1], NULL, 10);
    return otherwise;
}

int main(int argc, char **argv)
{
    static bench b;
    double ms[TIMES_MAX];
    char program[AN_PATH_MAX], log[AN_PATH_MAX], top[AN_PATH_MAX];
    const char *slash = strrchr(argv[0], '/');
    const size_t n = number(argc, argv, "--sites", 1000), times = number(argc, argv, "--times", 5);
    snprintf(program, sizeof program, "%.*s/andon-coordinator", slash ? (int)(slash - argv[0]) : 1,
             slash ? argv[0] : ".");
    if (argc % 2 == 0 || n < 1 || n > BENCH_SITES_MAX || times < 1 || times > TIMES_MAX) {
        fprintf(stderr, "usage: bench_resume [--sites 1000] [--times 5]\n");
        return 2;
    }
    if (!an_kernels_init())
        return 2;
    bench_block_signals();
    an_log_init(AN_LOG_OFF, "bench_resume");
    an_json_init();
    bench_need(an_crypto_init(), "crypto", NULL);
    an_test_folder_make(top);
    b.conf = (bench_conf){.n_sites = n, .hidden = 8, .program = program};
    snprintf(b.conf.sites_dir, sizeof b.conf.sites_dir, "%s", top);
    bench_need(an_path_join(b.conf.dir, top, "coordinator"), "folder", NULL);
    bench_need(an_path_join(log, top, "coordinator.log"), "folder", NULL);
    bench_found(&b);
    pid_t pid = bench_coordinator_start(&b, log);
    const int64_t first = mono();
    bench_sites_start(&b);
    printf("%zu sites greeted for the first time: %.0f ms\n", n, greeted(&b, n, first));
    for (size_t i = 0; i < times; i++) {
        bench_wait_ms(1000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        const int64_t start = mono();
        pid = bench_coordinator_start(&b, log);
        const double up = (double)(mono() - start);
        ms[i] = greeted(&b, (i + 2) * n, start);
        printf("restart %zu: serves after %.0f ms, all %zu sites greeted after %.0f ms\n", i + 1, up, n,
               ms[i]);
    }
    qsort(ms, times, sizeof *ms, by_size);
    printf("killed and started again, all sites greeted: median %.0f ms, longest %.0f ms\n", ms[times / 2],
           ms[times - 1]);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    bench_sites_stop(&b);
    an_test_folder_remove(top);
    return 0;
}
