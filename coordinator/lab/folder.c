#include "coordinator/lab/folder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

an_err an_lab_folder_make(char out[static AN_PATH_MAX], an_note *why)
{
    const char *tmp = getenv("TMPDIR");
    if (!tmp || !tmp[0])
        tmp = "/tmp";
    an_err err = an_path_join(out, tmp, "andon-lab-XXXXXX");
    if (err != AN_OK)
        return an_fail(err, why, "TMPDIR is too long");
    return mkdtemp(out) ? AN_OK : an_fail(AN_ERR_IO, why, "cannot make a folder under %s", tmp);
}

bool an_lab_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Reads the folder itself, so that it goes away even when memory has run out. */
void an_lab_folder_remove(const char *dir)
{
    char path[AN_PATH_MAX];
    struct stat st;
    struct dirent *e;
    DIR *d = dir[0] ? opendir(dir) : NULL;
    if (!d)
        return;
    while ((e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (an_path_join(path, dir, e->d_name) != AN_OK || lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            an_lab_folder_remove(path);
        else
            unlink(path);
    }
    closedir(d);
    rmdir(dir);
}

/* Two runs of digits compare by value: without leading zeros, by length and then by digits. */
static int by_number(const char **a, const char **b)
{
    const char *x = *a + strspn(*a, "0"), *y = *b + strspn(*b, "0");
    size_t n = strspn(x, "0123456789"), m = strspn(y, "0123456789");
    int order = n != m ? (n < m ? -1 : 1) : strncmp(x, y, n);
    *a = x + n;
    *b = y + m;
    return order;
}

static int natural(const void *left, const void *right)
{
    const char *const *l = left, *const *r = right;
    const char *a = *l, *b = *r;
    while (*a && *b) {
        int order;
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            order = by_number(&a, &b);
        } else {
            order = (unsigned char)*a - (unsigned char)*b;
            a++;
            b++;
        }
        if (order != 0)
            return order;
    }
    if (*a != *b)
        return *a ? 1 : -1;
    return strcmp(*l, *r);
}

void an_lab_names_sort(an_names *names)
{
    if (names->n > 1)
        qsort(names->items, names->n, sizeof *names->items, natural);
}
