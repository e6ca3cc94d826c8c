#include "base/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"

#define GIB 1073741824.0
#define FREE_MEND (0.2 * GIB)
#define FREE_LOOK (2 * GIB)
#define FILES_LEAST 1024
#define LOCKED_LEAST (256 * 1024)
#define CLOCK_LOOK_MS 5000
#define CLOCK_MEND_MS 60000

void an_doctor_say(an_doctor *d, an_doctor_level level, const char *what, const char *mend, const char *fmt,
                   ...)
{
    va_list args;
    d->worst = level > d->worst ? level : d->worst;
    if (d->n == AN_DOCTOR_MAX) {
        d->more++;
        return;
    }
    an_doctor_finding *f = &d->items[d->n++];
    f->level = level;
    snprintf(f->what, sizeof f->what, "%s", what);
    snprintf(f->mend, sizeof f->mend, "%s", mend ? mend : "");
    va_start(args, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, args);
    va_end(args);
}

an_doctor_level an_doctor_worst(const an_doctor *d)
{
    return d->worst;
}

const char *an_doctor_level_name(an_doctor_level level)
{
    static const char *const names[] = {"ok", "look", "mend"};
    return names[level];
}

/* What others call things does not command the terminal. */
static void put(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

void an_doctor_print(const an_doctor *d, FILE *out)
{
    size_t counts[3] = {0};
    for (int level = AN_DOCTOR_MEND; level >= AN_DOCTOR_OK; level--)
        for (size_t i = 0; i < d->n; i++) {
            const an_doctor_finding *f = &d->items[i];
            if (f->level != (an_doctor_level)level)
                continue;
            counts[level]++;
            fprintf(out, "%-5s ", an_doctor_level_name(f->level));
            put(out, f->what);
            fputs(": ", out);
            put(out, f->text);
            fputs(f->mend[0] ? " -> " : "", out);
            put(out, f->mend);
            fputc('\n', out);
        }
    fprintf(out, "%zu to mend, %zu to look at, %zu in order", counts[AN_DOCTOR_MEND], counts[AN_DOCTOR_LOOK],
            counts[AN_DOCTOR_OK]);
    fprintf(out, d->more ? ", and %zu more\n" : "\n", d->more);
}

/* ---- files ---- */

static const char *command(char *out, size_t size, const char *what, const char *path)
{
    snprintf(out, size, "%s %.200s", what, path);
    return out;
}

void an_doctor_secret(an_doctor *d, const char *path)
{
    struct stat st;
    char mend[256];
    const char *slash = strrchr(path, '/');
    if (stat(path, &st) != 0)
        an_doctor_say(d, AN_DOCTOR_MEND, slash ? slash + 1 : path, NULL, "%.200s: %s", path, strerror(errno));
    else if (st.st_mode & S_IRWXO)
        an_doctor_say(d, AN_DOCTOR_MEND, slash ? slash + 1 : path,
                      command(mend, sizeof mend, "chmod o-rwx", path),
                      "everybody on this computer may read it (mode %o)", (unsigned)(st.st_mode & 07777));
    else
        an_doctor_say(d, AN_DOCTOR_OK, slash ? slash + 1 : path, NULL, "mode %o",
                      (unsigned)(st.st_mode & 07777));
}

static void check_space(an_doctor *d, const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0)
        return;
    const double left = (double)fs.f_bavail * (double)fs.f_frsize,
                 all = (double)fs.f_blocks * (double)fs.f_frsize;
    an_doctor_say(d,
                  left < FREE_MEND   ? AN_DOCTOR_MEND
                  : left < FREE_LOOK ? AN_DOCTOR_LOOK
                                     : AN_DOCTOR_OK,
                  "disk space", left < FREE_LOOK ? "make room, or lower the quotas" : NULL,
                  "%.1f of %.1f GiB are free", left / GIB, all / GIB);
}

static bool is_secret(const char *name)
{
    static const char *const names[] = {"identity", "identity.next", "admin.token", NULL};
    size_t i = 0;
    while (names[i] && strcmp(name, names[i]) != 0)
        i++;
    return names[i] != NULL;
}

static void check_file(an_doctor *d, const char *folder, const char *name)
{
    char path[AN_PATH_MAX], mend[256];
    struct stat st;
    if (an_path_join(path, folder, name) != AN_OK || lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    if (is_secret(name))
        an_doctor_secret(d, path);
    else if (st.st_mode & S_IWOTH)
        an_doctor_say(d, AN_DOCTOR_MEND, name, command(mend, sizeof mend, "chmod o-w", path),
                      "everybody on this computer may write it");
}

void an_doctor_folder(an_doctor *d, const char *path)
{
    struct stat st;
    char mend[256];
    an_names names = {.n = 0};
    an_note why = {{0}};
    if (stat(path, &st) != 0) {
        an_doctor_say(d, AN_DOCTOR_MEND, "data folder", NULL, "%.200s: %s", path, strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode))
        an_doctor_say(d, AN_DOCTOR_MEND, "data folder", NULL, "%.200s is none", path);
    else if (access(path, W_OK) != 0)
        an_doctor_say(d, AN_DOCTOR_MEND, "data folder",
                      "run this as the user of the service, or give it the folder", "%.200s: %s", path,
                      strerror(errno));
    else if (st.st_mode & S_IRWXO)
        an_doctor_say(d, AN_DOCTOR_LOOK, "data folder", command(mend, sizeof mend, "chmod o-rwx", path),
                      "%.200s is open to everybody on this computer (mode %o)", path,
                      (unsigned)(st.st_mode & 07777));
    else
        an_doctor_say(d, AN_DOCTOR_OK, "data folder", NULL, "%.200s", path);
    check_space(d, path);
    if (an_dir_list(path, &names, &why) == AN_OK)
        for (size_t i = 0; i < names.n; i++)
            check_file(d, path, names.items[i]);
    an_names_done(&names);
}

/* ---- the process ---- */

void an_doctor_limits(an_doctor *d)
{
    struct rlimit files, locked;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        an_doctor_say(d, files.rlim_cur < FILES_LEAST ? AN_DOCTOR_LOOK : AN_DOCTOR_OK, "open files",
                      files.rlim_cur < FILES_LEAST ? "ulimit -n 4096; of a service: LimitNOFILE=" : NULL,
                      "this user may open %llu at once", (unsigned long long)files.rlim_cur);
    if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0) {
        const bool few = locked.rlim_cur != RLIM_INFINITY && locked.rlim_cur < LOCKED_LEAST;
        if (few)
            an_doctor_say(d, AN_DOCTOR_LOOK, "locked memory", "ulimit -l 8192; of a service: LimitMEMLOCK=",
                          "this user may lock %llu KiB: keys may be written to swap",
                          (unsigned long long)(locked.rlim_cur / 1024));
        else
            an_doctor_say(d, AN_DOCTOR_OK, "locked memory", NULL, "this user may lock enough for keys");
    }
}

void an_doctor_clock(an_doctor *d, const char *whose, int64_t off_ms)
{
    const int64_t off = off_ms < 0 ? -off_ms : off_ms;
    const bool wrong = off >= CLOCK_LOOK_MS;
    an_doctor_say(d,
                  off >= CLOCK_MEND_MS ? AN_DOCTOR_MEND
                  : wrong              ? AN_DOCTOR_LOOK
                                       : AN_DOCTOR_OK,
                  "clock", wrong ? "let both computers take their time from a server (NTP)" : NULL,
                  "that of %s is %.1f s %s this one", whose, (double)off / 1000,
                  off_ms < 0 ? "behind" : "ahead of");
}
