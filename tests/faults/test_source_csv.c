/* A csv source while its writer rotates, copies and cuts, tears lines, writes garbage and is killed, while the folder
 * vanishes, and while the reader itself is killed and goes on at its kept position: every good row arrives once and
 * in order.
 *
 *     writer (killed, started again) -> a.csv ... <- reader (killed, started again) -> state: last row, position
 *
 * AN_FAULT_SECONDS says how long (60). */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/source.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "doors/yaml.h"
#include "tests/support/folder.h"

#define KEPT 64 /* rotated files that are not read yet */

/* Of the three processes. */
typedef struct shared {
    atomic_uint_fast64_t begun, written, confirmed; /* last row */
    atomic_uint_fast64_t n_unsure, unsure[1024]; /* rows during which the writer was killed: there or not */
    atomic_bool stop;
    atomic_uint_fast64_t torn, garbage, rotations, copies, replaced;
    atomic_uint_fast64_t replaced_at; /* last row before that */
    atomic_uint_fast64_t n_old;       /* files rotated so far */
    atomic_uint_fast64_t old_last[KEPT];
    atomic_uint_fast64_t seen[AN_SOURCE_COUNTERS_MAX], bad;
} shared;

static shared *all;
static char dir[AN_PATH_MAX], log_dir[AN_PATH_MAX], state_path[AN_PATH_MAX];

static void fail_with(const char *what)
{
    fprintf(stderr, "%s\n", what);
    _exit(3);
}

static void wait_ms(int ms)
{
    (void)poll(NULL, 0, ms); /* the pace of the world outside */
}

static void in(const char *name, char out[static AN_PATH_MAX])
{
    if (an_path_join(out, log_dir, name) != AN_OK)
        fail_with("path");
}

/* ---- the writer ---- */

static bool put_bytes(int fd, const char *text, size_t len)
{
    return write(fd, text, len) == (ssize_t)len;
}

static void write_row(int fd, an_rng *rng)
{
    char line[128];
    const uint64_t seq = atomic_load(&all->written) + 1;
    const int len = snprintf(line, sizeof line, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s\n",
                             UINT64_C(1700000000000) + seq, seq, seq * 7 % 1000, seq % 2 ? "Good" : "192");
    size_t cut = 0;
    atomic_store(&all->begun, seq);
    if (an_rng_below(rng, 50) == 0) { /* in two pieces; if it is killed between them the line is torn */
        cut = 1 + (size_t)an_rng_below(rng, 8);
        if (!put_bytes(fd, line, cut))
            fail_with("write");
        wait_ms((int)an_rng_below(rng, 3));
    }
    if (!put_bytes(fd, line + cut, (size_t)len - cut))
        fail_with("write");
    atomic_store(&all->written, seq);
}

static void write_garbage(int fd, an_rng *rng)
{
    char line[64];
    const size_t len = 1 + (size_t)an_rng_below(rng, sizeof line - 2);
    for (size_t i = 0; i < len; i++)
        line[i] = (char)(0x80 + an_rng_below(rng, 0x70));
    line[len] = '\n';
    if (put_bytes(fd, line, len + 1))
        atomic_fetch_add(&all->garbage, 1);
}

static int open_log(void)
{
    char path[AN_PATH_MAX], last = '\n';
    in("a.csv", path);
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    struct stat st;
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) != 0)
        fail_with("fstat");
    if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n') {
        atomic_fetch_add(&all->torn, 1);
        (void)put_bytes(fd, "\n", 1);
    }
    if (st.st_size == 0)
        (void)put_bytes(fd, "time,seq,check,quality\n", 23);
    return fd;
}

/* Names of old files are not used again before their rows have been confirmed. */
static bool old_name(char out[static AN_PATH_MAX])
{
    char name[64];
    const uint64_t n = atomic_load(&all->n_old);
    if (n >= KEPT && atomic_load(&all->old_last[n % KEPT]) > atomic_load(&all->confirmed))
        return false;
    snprintf(name, sizeof name, "a.csv.%u", (unsigned)(n % KEPT));
    in(name, out);
    (void)unlink(out);
    return true;
}

/* Said before it is made: the writer may be killed in between. */
static void old_comes(void)
{
    const uint64_t n = atomic_load(&all->n_old);
    atomic_store(&all->old_last[n % KEPT], atomic_load(&all->written) + 8);
    atomic_fetch_add(&all->n_old, 1);
}

static int rotate(int fd, an_rng *rng)
{
    char path[AN_PATH_MAX], old[AN_PATH_MAX];
    in("a.csv", path);
    if (!old_name(old))
        return fd;
    old_comes();
    if (rename(path, old) != 0)
        return fd;
    atomic_fetch_add(&all->rotations, 1);
    wait_ms(1);
    const uint64_t more = an_rng_below(rng, 5);
    for (uint64_t i = 0; i < more; i++)
        write_row(fd, rng); /* the old one is still open */
    int next = open_log();
    if (next < 0)
        return fd; /* the folder is away: it goes on in the old one */
    close(fd);
    return next;
}

static void copy_and_cut(int fd)
{
    char old[AN_PATH_MAX], path[AN_PATH_MAX];
    struct stat st;
    an_buf b;
    an_buf_init(&b, 64u << 20);
    in("a.csv", path);
    struct stat by_name;
    if (fstat(fd, &st) != 0 || stat(path, &by_name) != 0 || st.st_ino != by_name.st_ino || !old_name(old))
        return;
    if (an_file_read(&b, path, NULL) == AN_OK) {
        old_comes();
        int copy = open(old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (copy >= 0 && put_bytes(copy, (const char *)b.data, b.len)) {
            if (ftruncate(fd, 0) == 0)
                atomic_fetch_add(&all->copies, 1);
        }
        if (copy >= 0)
            close(copy);
    }
    an_buf_done(&b);
}

/* Another file under the same name, when the reader has all of the old one. */
static int replace(int fd)
{
    char path[AN_PATH_MAX], fresh[AN_PATH_MAX];
    for (int i = 0; i < 100 && atomic_load(&all->confirmed) != atomic_load(&all->written); i++)
        wait_ms(5);
    if (atomic_load(&all->confirmed) != atomic_load(&all->written))
        return fd;
    atomic_store(&all->replaced_at, atomic_load(&all->written));
    in("a.csv", path);
    in("fresh", fresh);
    int next = open(fresh, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (next < 0)
        return fd;
    if (!put_bytes(next, "time,seq,check,quality\n", 23) || rename(fresh, path) != 0) {
        close(next);
        return fd;
    }
    atomic_fetch_add(&all->replaced, 1);
    close(fd);
    return next;
}

static bool is_unsure(uint64_t seq)
{
    for (uint64_t i = 0; i < atomic_load(&all->n_unsure); i++)
        if (atomic_load(&all->unsure[i]) == seq)
            return true;
    return false;
}

static void writer(uint64_t seed, pid_t parent)
{
    const uint64_t begun = atomic_load(&all->begun), n = atomic_load(&all->n_unsure);
    if (begun > atomic_load(&all->written) && n < 1024) {
        atomic_store(&all->unsure[n], begun);
        atomic_store(&all->n_unsure, n + 1);
        atomic_store(&all->written, begun);
    }
    an_rng rng;
    an_rng_init(&rng, seed, 0);
    int fd = -1;
    for (unsigned turn = 1; !atomic_load(&all->stop) && getppid() == parent; turn++) {
        if (fd < 0 && (fd = open_log()) < 0) {
            wait_ms(5);
            continue;
        }
        const uint64_t rows = an_rng_below(&rng, 8);
        for (uint64_t i = 0; i < rows; i++)
            write_row(fd, &rng);
        if (an_rng_below(&rng, 20) == 0)
            write_garbage(fd, &rng);
        /* Not more often: what comes after what is told by times of files.  A reader that has never read, or whose
         * file is gone for good, begins with the file that it finds: that one must stay until then. */
        if (turn % 40 == 0 && atomic_load(&all->confirmed) > atomic_load(&all->replaced_at))
            switch (an_rng_below(&rng, 3)) {
            case 0:
                fd = rotate(fd, &rng);
                break;
            case 1:
                copy_and_cut(fd);
                break;
            default:
                fd = replace(fd);
                break;
            }
        wait_ms(1);
    }
    _exit(0);
}

/* ---- the reader ---- */

static an_source *open_source(void)
{
    char text[2 * AN_PATH_MAX];
    an_yaml *doc = NULL;
    an_source *s = NULL;
    an_note why = {{0}};
    snprintf(text, sizeof text,
             "{path: %s/a.csv, poll_ms: 10, time: time, quality: quality, columns: [seq, check], "
             "names: [time, seq, check, quality]}",
             log_dir);
    if (an_yaml_parse(text, strlen(text), "test", &doc, &why) != AN_OK)
        fail_with(why.text);
    an_err err = an_source_open("csv", an_yaml_root(doc), an_clock_system(), &s, &why);
    an_yaml_free(doc);
    if (err)
        fail_with(why.text);
    return s;
}

static uint64_t take_up(an_source **s)
{
    an_buf b;
    an_note why = {{0}};
    uint64_t last = 0;
    an_buf_init(&b, 1 << 20);
    if (an_file_read(&b, state_path, NULL) == AN_OK) {
        an_reader r = an_reader_of(b.data, b.len);
        last = an_read_u64(&r);
        an_err err = an_source_restore(*s, &r, &why);
        if (err == AN_ERR_NOTFOUND) { /* replaced: what the agent does then */
            an_source_close(*s);
            *s = open_source();
        } else if (err) {
            fail_with(why.text);
        }
    }
    an_buf_done(&b);
    return last;
}

static void keep(const an_source *s, uint64_t last)
{
    an_buf b;
    an_buf_init(&b, 1 << 20);
    an_buf_u64(&b, last);
    if (an_source_save(s, &b) != AN_OK || an_file_write(state_path, b.data, b.len, 0644, NULL) != AN_OK)
        fail_with("the position cannot be kept");
    an_buf_done(&b);
    atomic_store(&all->confirmed, last);
}

static void reader(void)
{
    an_batch b;
    an_note why = {{0}};
    an_source *s = open_source();
    uint64_t last = take_up(&s);
    atomic_store(&all->confirmed, last); /* it may have been killed between keeping and saying so */
    an_source_stats before = {.n_counters = 0};
    if (an_batch_init(&b, 2, 64) != AN_OK)
        fail_with("memory");
    for (;;) {
        int64_t wait = 0;
        an_err err = an_source_next(s, &b, &wait, &why);
        const an_source_stats stats = an_source_stats_get(s);
        for (size_t i = 0; i < stats.n_counters; i++)
            atomic_fetch_add(&all->seen[i], stats.counters[i].value - before.counters[i].value);
        atomic_fetch_add(&all->bad, stats.bad - before.bad);
        before = stats;
        if (err == AN_ERR_AGAIN) {
            wait_ms((int)wait);
            continue;
        }
        if (err)
            fail_with(why.text);
        for (size_t i = 0; i < b.n; i++) {
            const uint64_t seq = (uint64_t)(b.time_ms[i] - INT64_C(1700000000000));
            const float want = (float)(seq * 7 % 1000);
            if (seq == last + 2 && is_unsure(last + 1))
                last++;
            if (seq != last + 1 || !(b.values[i * 2 + 1] == want) || b.values[i * 2] != (float)seq) {
                fprintf(stderr, "row %" PRIu64 " after %" PRIu64 " (check %g, not %g)\n", seq, last,
                        (double)b.values[i * 2 + 1], (double)want);
                _exit(3);
            }
            last = seq;
        }
        keep(s, last);
    }
}

/* ---- the one who kills them ---- */

static pid_t start_writer(uint64_t seed)
{
    const pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        writer(seed, parent);
    return pid;
}

static pid_t start_reader(void)
{
    pid_t pid = fork();
    if (pid == 0)
        reader();
    return pid;
}

/* True: it was killed by us.  Else it has found something wrong, and has said what. */
static bool end(pid_t pid)
{
    int status = 0;
    if (pid <= 0)
        return false;
    (void)kill(pid, SIGKILL);
    return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void hide_folder(an_rng *rng)
{
    char hidden[AN_PATH_MAX];
    if (an_path_join(hidden, dir, "hidden") != AN_OK || rename(log_dir, hidden) != 0)
        return;
    wait_ms(20 + (int)an_rng_below(rng, 100));
    if (rename(hidden, log_dir) != 0)
        fail_with("the folder does not come back");
}

static bool disturb(int64_t until, an_rng *rng, pid_t *w, pid_t *r)
{
    unsigned kills = 0;
    while (atomic_load(&all->confirmed) == 0 && an_clock_system()->mono_ms(an_clock_system()) < until)
        wait_ms(10);
    while (an_clock_system()->mono_ms(an_clock_system()) < until) {
        wait_ms(50 + (int)an_rng_below(rng, 250));
        if (an_rng_below(rng, 8) == 0)
            hide_folder(rng);
        if (!end(*r))
            return false;
        if (++kills % 5 == 0) {
            if (!end(*w))
                return false;
            *w = start_writer(an_rng_u64(rng));
        }
        *r = start_reader();
    }
    printf("%u kills\n", kills);
    return true;
}

static bool finish(pid_t w, pid_t r)
{
    int status = 0;
    const int64_t until = an_clock_system()->mono_ms(an_clock_system()) + 60000;
    atomic_store(&all->stop, true);
    if (waitpid(w, &status, 0) != w || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "the writer ended with %d\n", status);
        return false;
    }
    while (atomic_load(&all->confirmed) < atomic_load(&all->written)) {
        if (waitpid(r, &status, WNOHANG) != 0 || /* it has found something wrong */
            an_clock_system()->mono_ms(an_clock_system()) > until)
            break;
        wait_ms(10);
    }
    return end(r) && atomic_load(&all->confirmed) == atomic_load(&all->written);
}

static bool share_memory(void)
{
    char path[AN_PATH_MAX];
    if (an_path_join(path, dir, "shared") != AN_OK)
        return false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *all) != 0)
        return false;
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return all != MAP_FAILED;
}

int main(void)
{
    const char *seconds = getenv("AN_FAULT_SECONDS"), *seed_text = getenv("AN_FAULT_SEED");
    const int64_t run_ms = 1000 * (seconds ? strtoll(seconds, NULL, 10) : 60);
    const uint64_t seed =
        seed_text ? strtoull(seed_text, NULL, 10) : (uint64_t)an_clock_system()->wall_ms(an_clock_system());
    an_rng rng;
    an_rng_init(&rng, seed, 0);
    an_test_folder_make(dir);
    if (!share_memory() || an_path_join(log_dir, dir, "logs") != AN_OK ||
        an_path_join(state_path, dir, "state") != AN_OK || mkdir(log_dir, 0755) != 0)
        return 1;
    printf("AN_FAULT_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    pid_t w = start_writer(an_rng_u64(&rng)), r = start_reader();
    bool good = disturb(an_clock_system()->mono_ms(an_clock_system()) + run_ms, &rng, &w, &r) && finish(w, r);
    if (!good) {
        (void)end(w);
        (void)end(r);
    }
    const uint64_t rows = atomic_load(&all->written);
    printf("%" PRIu64 " rows, %" PRIu64 " confirmed; %" PRIu64 " rotations, %" PRIu64 " copies, %" PRIu64
           " replaced, %" PRIu64 " torn, %" PRIu64 " garbage; the source: %" PRIu64 " bad",
           rows, atomic_load(&all->confirmed), atomic_load(&all->rotations), atomic_load(&all->copies),
           atomic_load(&all->replaced), atomic_load(&all->torn), atomic_load(&all->garbage),
           atomic_load(&all->bad));
    an_source *names = good ? open_source() : NULL;
    const an_source_stats stats = good ? an_source_stats_get(names) : (an_source_stats){.n_counters = 0};
    for (size_t i = 0; i < stats.n_counters; i++)
        printf(", %" PRIu64 " %s", atomic_load(&all->seen[i]), stats.counters[i].name);
    printf("\n");
    an_source_close(names);
    /* What was put in must have been met. */
    good = good && rows > 0 && atomic_load(&all->rotations) > 0 && atomic_load(&all->copies) > 0 &&
           atomic_load(&all->replaced) > 0 && atomic_load(&all->garbage) > 0 && atomic_load(&all->bad) > 0;
    if (good)
        an_test_folder_remove(dir);
    else
        fprintf(stderr, "what is left is in %s\n", dir);
    return good ? 0 : 1;
}
