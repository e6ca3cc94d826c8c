/* Names of files: their order, what is passed over, and which belong together. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/sources/follow.h"
#include "agent/sources/follow_internal.h"
#include "models/data/table.h"

#define DATE_DIGITS 6 /* 260309 */

int an_natural(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            while (*a == '0' && isdigit((unsigned char)a[1]))
                a++;
            while (*b == '0' && isdigit((unsigned char)b[1]))
                b++;
            size_t na = strspn(a, "0123456789"), nb = strspn(b, "0123456789");
            int order = na != nb ? (na < nb ? -1 : 1) : strncmp(a, b, na);
            if (order)
                return order;
            a += na;
            b += nb;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return *a ? 1 : *b ? -1 : 0;
}

bool an_follow_ends_with(const char *name, const char *end)
{
    const size_t len = strlen(name), n = strlen(end);
    return len >= n && strcmp(name + len - n, end) == 0;
}

bool an_follow_is_packed(const char *name)
{
    static const char *const ends[] = {".gz", ".bz2", ".xz", ".zst", ".zip"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (an_follow_ends_with(name, ends[i]))
            return true;
    return false;
}

bool an_time_in_name(const char *name, const an_zone *zone, int64_t *ret_ms)
{
    char digits[15] = "";
    for (const char *from = name; *from; from++) {
        size_t n = 0;
        for (const char *c = from; *c && n < 14; c++) {
            if (isdigit((unsigned char)*c))
                digits[n++] = *c;
            else if (n == 0 || !isdigit((unsigned char)c[1]))
                break;
        }
        char text[24];
        snprintf(text, sizeof text, "%.4s-%.2s-%.2s %.2s:%.2s:%.2s", digits, digits + 4, digits + 6,
                 digits + 8, digits + 10, digits + 12);
        if (n == 14 && an_time_parse_in(text, 19, zone, AN_ZONE_ANY, ret_ms))
            return true;
    }
    return false;
}

/* ---- neighbours ---- */

const char *an_follow_base(const an_follow *f)
{
    const char *slash = strrchr(f->path, '/');
    return slash ? slash + 1 : f->path;
}

void an_follow_folder(const an_follow *f, char out[static AN_PATH_MAX])
{
    const size_t len = (size_t)(an_follow_base(f) - f->path);
    if (f->is_dir) {
        memcpy(out, f->path, strlen(f->path) + 1);
    } else if (len == 0) {
        memcpy(out, ".", 2);
    } else {
        memcpy(out, f->path, len);
        out[len] = '\0';
    }
}

bool an_follow_older(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec < b->st_mtim.tv_sec
                                                  : a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

/* Could the file of that name have been the followed one?  a.csv -> a.csv.1, a.csv-20260101, a-20260101.csv */
static bool is_sibling(const an_follow *f, const char *name)
{
    const char *base = an_follow_base(f), *dot = strrchr(base, '.');
    const size_t stem = dot ? (size_t)(dot - base) : strlen(base);
    return strcmp(name, base) != 0 && strncmp(name, base, stem) == 0 && strchr(".-_", name[stem]) &&
           strlen(name) < AN_PATH_MAX && !an_follow_is_packed(name);
}

bool an_follow_is_rotated(const an_follow *f, const char *name)
{
    const char *base = an_follow_base(f), *dot = strrchr(base, '.');
    size_t digits = 0;
    if (strncmp(name, base, strlen(base)) == 0)
        return true;
    for (const char *c = name + (dot ? (size_t)(dot - base) : strlen(base)); *c; c++)
        digits += isdigit((unsigned char)*c) != 0;
    return digits >= DATE_DIGITS;
}

int an_follow_sibling(const an_follow *f, an_sibling_fits fits, const void *ctx, bool newest,
                      char name[static AN_PATH_MAX], struct stat *ret)
{
    char folder[AN_PATH_MAX];
    an_names names = {0};
    int found = -1;
    bool lost = false; /* since it was listed; its folder, perhaps */
    an_follow_folder(f, folder);
    if (f->is_dir)
        return -1;
    if (an_dir_list(folder, &names, NULL) != AN_OK)
        return -2;
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;
        if (!is_sibling(f, names.items[i]))
            continue;
        int fd = an_follow_open_name(f, names.items[i], &st);
        lost = lost || (fd < 0 && (errno == ENOENT || errno == ESTALE));
        const an_sibling one = {names.items[i], fd, &st};
        if (fd >= 0 && fits(f, &one, ctx) &&
            (found < 0 || (newest ? an_follow_older(ret, &st) : an_follow_older(&st, ret)))) {
            if (found >= 0)
                close(found);
            found = fd;
            *ret = st;
            memcpy(name, names.items[i], strlen(names.items[i]) + 1);
        } else if (fd >= 0) {
            close(fd);
        }
    }
    an_names_done(&names);
    if (lost && found >= 0)
        close(found);
    return lost ? -2 : found;
}

typedef struct head_of {
    uint8_t bytes[AN_FOLLOW_HEAD];
    size_t n;
} head_of;

static bool is_alike(const an_follow *f, const an_sibling *one, const void *ctx)
{
    const head_of *head = ctx;
    uint8_t bytes[AN_FOLLOW_HEAD];
    return (uint64_t)one->st->st_ino != f->inode && an_follow_is_rotated(f, one->name) &&
           pread(one->fd, bytes, head->n, 0) == (ssize_t)head->n && memcmp(bytes, head->bytes, head->n) == 0;
}

int an_follow_last_like(const an_follow *f, int fd, char name[static AN_PATH_MAX], struct stat *ret)
{
    head_of head;
    char other[AN_PATH_MAX];
    struct stat st;
    const ssize_t n = pread(fd, head.bytes, sizeof head.bytes, 0);
    head.n = n > 0 ? (size_t)n : 0;
    const int last = an_follow_sibling(f, is_alike, &head, true, other, &st);
    if (last < 0)
        return fd;
    close(fd);
    memcpy(name, other, strlen(other) + 1);
    *ret = st;
    return last;
}
