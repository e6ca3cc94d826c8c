/* The sources images and wav while their writer is slow, cuts files, replaces them, writes what is none, brings fifteen hundred
 * at once and is killed, while the folder is away, and while the reader is killed and goes on at its kept position:
 * every good file arrives once, whole and in order, and the others are counted.
 *
 *     writer (killed, started again) -> 000001.pgm ... <- reader (killed, started again) -> state: last file, position
 *
 * AN_FAULT_SECONDS says how long (60); both sources run at once. */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
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

#define FILES_MAX (1u << 20)
#define VALUES_MAX 64
#define BURST 1500
#define BEHIND 3000 /* files that are left lying */

enum { NONE, GOOD, BAD, UNSURE }; /* UNSURE: the writer was killed while it wrote it */

/* One of the two sources. */
typedef struct kind {
    const char *type, *options, *suffix;
    size_t width, values; /* of a row, of a file */
    unsigned bits;        /* of a value */
    int slow_ms;          /* at most, between two pieces */
    size_t rows;          /* of a batch: images and files end within one */
} kind;
static const kind kinds[] = {
    {"images", "{path: %s/files, poll_ms: 20, width: 4, height: 4, colour: grey}", ".pgm", 4, 16, 8, 60, 7},
    {"wav", "{path: %s/files, poll_ms: 100, time: start}", ".wav", 1, VALUES_MAX, 15, 8, 40},
};

typedef struct shared {
    atomic_uint_fast64_t begun, written, confirmed;
    atomic_uint_fast64_t put_bad, seen_bad;
    atomic_uint_fast64_t slow, cut, other, replaced, bursts, hidden;
    atomic_uint turns; /* of all writers: one may be killed before it comes to the folder */
    atomic_bool stop;
    atomic_uchar what[FILES_MAX];
} shared;

static shared *all;
static const kind *k;
static char dir[AN_PATH_MAX];

static void fail_with(const char *what)
{
    fprintf(stderr, "%s: %s\n", k->type, what);
    _exit(3);
}

static void wait_ms(int ms)
{
    (void)poll(NULL, 0, ms); /* the pace of the world outside */
}

static int64_t now_ms(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static void in(const char *name, char out[static AN_PATH_MAX])
{
    if (an_path_join(out, dir, name) != AN_OK)
        fail_with("path");
}

static unsigned value_of(uint64_t seq, size_t i)
{
    const unsigned mask = (1u << k->bits) - 1;
    return i < 32 / k->bits ? (unsigned)(seq >> (k->bits * i)) & mask : (unsigned)(seq * 31 + i) & mask;
}

/* ---- the writer ---- */

static size_t make_file(uint64_t seq, uint8_t out[static 256])
{
    size_t n = 0;
    if (k->width == 4) {
        n = (size_t)snprintf((char *)out, 256, "P5 4 4 255\n");
        for (size_t i = 0; i < k->values; i++)
            out[n++] = (uint8_t)value_of(seq, i);
        return n;
    }
    static const uint8_t head[44] = {'R', 'I', 'F',  'F',  36 + 128, 0,   0,    0,    'W', 'A', 'V',
                                     'E', 'f', 'm',  't',  ' ',      16,  0,    0,    0,   1,   0,
                                     1,   0,   0x40, 0x1f, 0,        0,   0x80, 0x3e, 0,   0,   2,
                                     0,   16,  0,    'd',  'a',      't', 'a',  128,  0,   0,   0};
    memcpy(out, head, n = sizeof head);
    for (size_t i = 0; i < k->values; i++) {
        out[n++] = (uint8_t)(value_of(seq, i) & 255);
        out[n++] = (uint8_t)(value_of(seq, i) >> 8);
    }
    return n;
}

static void path_of(uint64_t seq, const char *folder, char out[static AN_PATH_MAX])
{
    char name[64];
    snprintf(name, sizeof name, "%s/%" PRIu64 "%s", folder, seq, k->suffix);
    in(name, out);
}

static bool write_bytes(const char *path, const uint8_t *bytes, size_t len, size_t cut, int pause)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write(fd, bytes, cut) == (ssize_t)cut;
    if (pause > 0)
        wait_ms(pause);
    good = good && (cut == len || write(fd, bytes + cut, len - cut) == (ssize_t)(len - cut));
    if (fd >= 0)
        close(fd);
    return good;
}

/* Under another name first, so that it is there whole or not at all. */
static void put_whole(uint64_t seq, const char *folder)
{
    char path[AN_PATH_MAX], part[AN_PATH_MAX];
    uint8_t bytes[256];
    const size_t len = make_file(seq, bytes);
    path_of(seq, folder, path);
    in("part", part);
    if (!write_bytes(part, bytes, len, len, 0) || rename(part, path) != 0)
        fail_with("a file cannot be written");
}

static void put_bad(uint64_t seq, an_rng *rng)
{
    char path[AN_PATH_MAX];
    uint8_t bytes[256];
    size_t len = make_file(seq, bytes);
    path_of(seq, "files", path);
    if (an_rng_below(rng, 2) == 0) {
        memcpy(bytes, "this is not one of them", len = 23);
        atomic_fetch_add(&all->other, 1);
    } else {
        len = 1 + (size_t)an_rng_below(rng, k->width == 4 ? len - 1 : 40);
        atomic_fetch_add(&all->cut, 1);
    }
    atomic_store(&all->what[seq], BAD);
    atomic_fetch_add(&all->put_bad, 1);
    if (!write_bytes(path, bytes, len, len, 0))
        fail_with("a bad file cannot be written");
}

static void put_one(uint64_t seq, an_rng *rng)
{
    char path[AN_PATH_MAX];
    uint8_t bytes[256];
    const size_t len = make_file(seq, bytes);
    path_of(seq, "files", path);
    atomic_store(&all->begun, seq);
    switch (an_rng_below(rng, 12)) {
    case 0:
        put_bad(seq, rng);
        break;
    case 1: /* slowly, under its own name */
        if (!write_bytes(path, bytes, len, 1 + (size_t)an_rng_below(rng, len - 1),
                         1 + (int)an_rng_below(rng, (uint64_t)k->slow_ms)))
            fail_with("a file cannot be written");
        atomic_store(&all->what[seq], GOOD);
        atomic_fetch_add(&all->slow, 1);
        break;
    case 2:
        put_whole(seq, "files");
        put_whole(seq, "files");
        atomic_store(&all->what[seq], GOOD);
        atomic_fetch_add(&all->replaced, 1);
        break;
    default:
        put_whole(seq, "files");
        atomic_store(&all->what[seq], GOOD);
    }
    atomic_store(&all->written, seq);
}

/* The share goes away, and comes back with what was written meanwhile. */
static void hide(an_rng *rng, bool burst)
{
    char files[AN_PATH_MAX], hidden[AN_PATH_MAX];
    in("files", files);
    in("hidden", hidden);
    if (rename(files, hidden) != 0)
        fail_with("the folder cannot be hidden");
    for (unsigned i = 0; burst && i < BURST; i++) {
        const uint64_t seq = atomic_load(&all->written) + 1;
        atomic_store(&all->begun, seq);
        put_whole(seq, "hidden");
        atomic_store(&all->what[seq], GOOD);
        atomic_store(&all->written, seq);
    }
    wait_ms(5 + (int)an_rng_below(rng, 100));
    if (rename(hidden, files) != 0)
        fail_with("the folder does not come back");
    atomic_fetch_add(burst ? &all->bursts : &all->hidden, 1);
}

static void clean_away(uint64_t *at)
{
    char path[AN_PATH_MAX];
    for (; *at + BEHIND < atomic_load(&all->confirmed); ++*at) {
        path_of(*at, "files", path);
        (void)unlink(path);
    }
}

static void writer(uint64_t seed, pid_t parent)
{
    char files[AN_PATH_MAX], hidden[AN_PATH_MAX];
    an_rng rng;
    uint64_t cleaned = 1;
    an_rng_init(&rng, seed, 0);
    in("files", files);
    in("hidden", hidden);
    (void)rename(hidden, files); /* it was killed while the folder was away */
    const uint64_t begun = atomic_load(&all->begun);
    if (begun > atomic_load(&all->written)) {
        if (atomic_load(&all->what[begun]) == NONE)
            atomic_store(&all->what[begun], UNSURE);
        atomic_store(&all->written, begun);
    }
    while (!atomic_load(&all->stop) && getppid() == parent) {
        if (atomic_load(&all->written) + 2 * BURST >= FILES_MAX)
            fail_with("too many files: a longer run needs more room");
        /* Not ahead without end: what is measured is order and wholeness, not how fast a disk is. */
        const bool room = atomic_load(&all->written) < atomic_load(&all->confirmed) + BURST;
        if (room)
            put_one(atomic_load(&all->written) + 1, &rng);
        if (atomic_fetch_add(&all->turns, 1) % 60 == 59)
            hide(&rng, room && an_rng_below(&rng, 8) == 0);
        clean_away(&cleaned);
        wait_ms((int)an_rng_below(&rng, 8));
    }
    hide(&rng, true);
    put_whole(atomic_load(&all->written) + 1, "files"); /* behind the last, which may be bad */
    atomic_store(&all->what[atomic_load(&all->written) + 1], GOOD);
    atomic_fetch_add(&all->begun, 1);
    atomic_fetch_add(&all->written, 1);
    _exit(0);
}

/* ---- the reader ---- */

typedef struct file_read {
    uint64_t last; /* file that came whole */
    uint64_t n;    /* values of the one that comes */
    uint32_t values[VALUES_MAX];
} file_read;

static an_source *open_source(void)
{
    char text[2 * AN_PATH_MAX];
    an_yaml *doc = NULL;
    an_source *s = NULL;
    an_note why = {{0}};
    snprintf(text, sizeof text, k->options, dir);
    if (an_yaml_parse(text, strlen(text), "test", &doc, &why) != AN_OK)
        fail_with(why.text);
    an_err err;
    while ((err = an_source_open(k->type, an_yaml_root(doc), an_clock_system(), &s, &why)) ==
               AN_ERR_NOTFOUND ||
           err == AN_ERR_IO)
        wait_ms(10); /* the folder is away: the agent is started again */
    an_yaml_free(doc);
    if (err)
        fail_with(why.text);
    return s;
}

static void take_up(an_source *s, const char *state, file_read *f)
{
    an_buf b;
    an_note why = {{0}};
    an_buf_init(&b, 1 << 20);
    if (an_file_read(&b, state, NULL) == AN_OK) {
        an_reader r = an_reader_of(b.data, b.len);
        f->last = an_read_u64(&r);
        f->n = an_read_u64(&r);
        for (size_t i = 0; i < VALUES_MAX; i++)
            f->values[i] = an_read_u32(&r);
        if (an_source_restore(s, &r, &why) != AN_OK)
            fail_with(why.text);
    }
    an_buf_done(&b);
}

static void keep(const an_source *s, const char *state, const file_read *f)
{
    an_buf b;
    an_buf_init(&b, 1 << 20);
    an_buf_u64(&b, f->last);
    an_buf_u64(&b, f->n);
    for (size_t i = 0; i < VALUES_MAX; i++)
        an_buf_u32(&b, f->values[i]);
    char part[AN_PATH_MAX];
    in("state.part", part); /* no power fails here, so that nothing needs to reach the disk */
    if (an_source_save(s, &b) != AN_OK || !write_bytes(part, b.data, b.len, b.len, 0) ||
        rename(part, state) != 0)
        fail_with("the position cannot be kept");
    an_buf_done(&b);
    atomic_store(&all->confirmed, f->last);
}

/* Those between were bad, or the writer was killed over them. */
static void pass(file_read *f, uint64_t seq)
{
    if (seq > f->last && seq - f->last < 1000)
        for (; f->last + 1 < seq; f->last++)
            if (atomic_load(&all->what[f->last + 1]) == GOOD)
                break;
    if (seq != f->last + 1 || seq > atomic_load(&all->begun)) {
        fprintf(stderr, "%s: file %" PRIu64 " after %" PRIu64 "\n", k->type, seq, f->last);
        _exit(3);
    }
    f->last = seq;
}

static void take_value(file_read *f, float v, bool begins)
{
    if (begins && f->n > 0 && f->n < k->values && k->width == 1) { /* a file that its writer left half */
        uint64_t seq = f->last + 1;
        while (atomic_load(&all->what[seq]) == BAD)
            seq++;
        if (atomic_load(&all->what[seq]) != UNSURE)
            fail_with("half a file");
        pass(f, seq);
    }
    if (begins)
        f->n = 0;
    if (f->n == k->values)
        fail_with("more of a file than there is");
    f->values[f->n++] = (uint32_t)lrint((double)v * (k->width == 4 ? 255 : 32768));
    if (f->n < k->values)
        return;
    uint64_t seq = 0;
    for (size_t i = 0; i < 32 / k->bits; i++)
        seq |= (uint64_t)f->values[i] << (k->bits * i);
    for (size_t i = 0; i < k->values; i++)
        if (f->values[i] != value_of(seq, i))
            fail_with("a file is not what was written");
    pass(f, seq);
    f->n = k->values;
}

static void reader(void)
{
    char state[AN_PATH_MAX];
    an_batch b;
    an_note why = {{0}};
    file_read f = {0};
    in("state", state);
    an_source *s = open_source();
    take_up(s, state, &f);
    atomic_store(&all->confirmed, f.last);
    uint64_t bad = 0;
    if (an_batch_init(&b, k->width, k->rows) != AN_OK)
        fail_with("memory");
    for (;;) {
        int64_t wait = 0;
        an_err err = an_source_next(s, &b, &wait, &why);
        const uint64_t now = an_source_stats_get(s).bad;
        atomic_fetch_add(&all->seen_bad, now - bad);
        bad = now;
        if (err == AN_ERR_AGAIN) {
            wait_ms((int)wait);
            continue;
        }
        if (err)
            fail_with(why.text);
        for (size_t i = 0; i < b.n; i++)
            for (size_t j = 0; j < b.width; j++)
                take_value(&f, b.values[i * b.width + j], j == 0 && (b.flags[i] & AN_ROW_RESTART));
        keep(s, state, &f);
    }
}

/* ---- the one who kills them ---- */

static pid_t start(void (*what)(uint64_t, pid_t), uint64_t seed)
{
    const pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        if (what)
            what(seed, parent);
        reader();
    }
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

/* What is left when the writer stops: how long until the reader has it. */
static bool finish(pid_t w, pid_t r, int64_t *ret_ms)
{
    int status = 0;
    atomic_store(&all->stop, true);
    if (waitpid(w, &status, 0) != w || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return end(r) && false;
    const uint64_t last = atomic_load(&all->written);
    const int64_t begin = now_ms();
    while (atomic_load(&all->confirmed) < last && now_ms() - begin < 60000 &&
           waitpid(r, &status, WNOHANG) == 0)
        wait_ms(10);
    *ret_ms = now_ms() - begin;
    const bool caught_up = atomic_load(&all->confirmed) == last;
    return end(r) && caught_up && atomic_load(&all->seen_bad) >= atomic_load(&all->put_bad);
}

static bool run(int64_t run_ms, uint64_t seed)
{
    an_rng rng;
    int64_t took = 0;
    unsigned kills = 0;
    char files[AN_PATH_MAX];
    an_rng_init(&rng, seed, 0);
    an_test_folder_make(dir);
    in("files", files);
    if (mkdir(files, 0755) != 0)
        return false;
    put_whole(1, "files"); /* tells the reader the shape */
    atomic_store(&all->what[1], GOOD);
    atomic_store(&all->begun, 1);
    atomic_store(&all->written, 1);
    pid_t w = start(writer, an_rng_u64(&rng)), r = start(NULL, 0);
    bool good = true;
    for (const int64_t until = now_ms() + run_ms; good && now_ms() < until;) {
        wait_ms(50 + (int)an_rng_below(&rng, 250));
        good = end(r);
        if (good && ++kills % 5 == 0) {
            good = end(w);
            w = start(writer, an_rng_u64(&rng));
        }
        r = good ? start(NULL, 0) : -1;
    }
    good = good && finish(w, r, &took);
    if (!good) {
        (void)end(w);
        (void)end(r);
    }
    printf("%s: %u kills; %" PRIu64 " files, %" PRIu64 " confirmed; %" PRIu64 " slow, %" PRIu64
           " replaced, %" PRIu64 " cut, %" PRIu64 " of another kind, folder away %" PRIu64
           " times and %" PRIu64 " times with %d files; bad %" PRIu64 ", seen %" PRIu64
           "; caught up in %" PRId64 " ms\n",
           k->type, kills, atomic_load(&all->written), atomic_load(&all->confirmed), atomic_load(&all->slow),
           atomic_load(&all->replaced), atomic_load(&all->cut), atomic_load(&all->other),
           atomic_load(&all->hidden), atomic_load(&all->bursts), BURST, atomic_load(&all->put_bad),
           atomic_load(&all->seen_bad), took);
    /* What was put in must have been met. */
    good = good && atomic_load(&all->slow) > 0 && atomic_load(&all->replaced) > 0 &&
           atomic_load(&all->cut) > 0 && atomic_load(&all->other) > 0 && atomic_load(&all->hidden) > 0 &&
           atomic_load(&all->bursts) > 0 && took < 30000;
    if (good)
        an_test_folder_remove(dir);
    else
        fprintf(stderr, "what is left is in %s\n", dir);
    fflush(stdout);
    return good;
}

int main(void)
{
    const char *seconds = getenv("AN_FAULT_SECONDS"), *seed_text = getenv("AN_FAULT_SEED");
    const int64_t run_ms = 1000 * (seconds ? strtoll(seconds, NULL, 10) : 60);
    const uint64_t seed =
        seed_text ? strtoull(seed_text, NULL, 10) : (uint64_t)an_clock_system()->wall_ms(an_clock_system());
    pid_t pids[2] = {0, 0};
    bool good = true;
    printf("AN_FAULT_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    for (size_t i = 0; i < 2; i++) {
        k = &kinds[i];
        if (!an_source_type_find(k->type)) { /* a build without libsndfile */
            printf("%s: not built\n", k->type);
            continue;
        }
        FILE *f = tmpfile();
        if (!f || ftruncate(fileno(f), sizeof *all) != 0)
            return 1;
        all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
        if (all == MAP_FAILED)
            return 1;
        if ((pids[i] = fork()) == 0)
            _exit(run(run_ms, seed + i) ? 0 : 1);
    }
    for (size_t i = 0; i < 2; i++) {
        int status = 0;
        if (pids[i] > 0)
            good = waitpid(pids[i], &status, 0) == pids[i] && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
                   good;
    }
    return good ? 0 : 1;
}
