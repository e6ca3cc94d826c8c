/* <dir>/<hash>.bundle, <hash>.part, <hash>.overlay.<hash>. */
#include "agent/versions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

#define BLOCK 65536

struct an_versions {
    char dir[AN_PATH_MAX];
    uint64_t quota;
};

an_err an_versions_open(const char *dir, uint64_t quota_bytes, an_versions **ret, an_note *why)
{
    if (strlen(dir) + 2 * AN_HASH_TEXT + 16 >= AN_PATH_MAX)
        return an_fail(AN_ERR_LIMIT, why, "the folder's name is too long");
    an_err err = an_dir_make(dir, why);
    if (err != AN_OK)
        return err;
    an_versions *v = an_alloc(1, sizeof *v);
    if (!v)
        return AN_ERR_NOMEM;
    snprintf(v->dir, sizeof v->dir, "%s", dir);
    v->quota = quota_bytes;
    *ret = v;
    return AN_OK;
}

void an_versions_close(an_versions *v)
{
    an_free(v);
}

static an_err path_of(const an_versions *v, const an_hash *version, const char *end,
                      char out[static AN_PATH_MAX])
{
    char name[2 * AN_HASH_TEXT + 16], hex[AN_HASH_TEXT];
    an_hash_text(hex, version);
    snprintf(name, sizeof name, "%s.%s", hex, end);
    return an_path_join(out, v->dir, name);
}

an_err an_versions_path(const an_versions *v, const an_hash *version, char out[static AN_PATH_MAX])
{
    an_err err = path_of(v, version, "bundle", out);
    return err == AN_OK && !an_file_exists(out) ? AN_ERR_NOTFOUND : err;
}

an_err an_versions_part(const an_versions *v, const an_hash *version, char out[static AN_PATH_MAX])
{
    return path_of(v, version, "part", out);
}

an_err an_versions_overlay_path(const an_versions *v, const an_hash *version, const an_hash *overlay,
                                char out[static AN_PATH_MAX])
{
    char hex[AN_HASH_TEXT], end[AN_HASH_TEXT + 16];
    an_hash_text(hex, overlay);
    snprintf(end, sizeof end, "overlay.%s", hex);
    return path_of(v, version, end, out);
}

static an_err hash_file(const char *path, an_hash *ret, an_note *why)
{
    an_hasher h;
    FILE *f = fopen(path, "rb");
    if (!f)
        return an_fail(errno == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO, why, "%s: cannot be read", path);
    uint8_t *block = an_alloc(BLOCK, 1);
    an_err err = block ? AN_OK : AN_ERR_NOMEM;
    an_hasher_init(&h);
    for (size_t n = BLOCK; err == AN_OK && n == BLOCK;) {
        n = fread(block, 1, BLOCK, f);
        an_hasher_add(&h, block, n);
    }
    if (err == AN_OK && ferror(f))
        err = an_fail(AN_ERR_IO, why, "%s: cannot be read", path);
    an_hasher_end(&h, ret);
    fclose(f);
    an_free(block);
    return err;
}

an_err an_versions_adopt(an_versions *v, const an_hash *version, const char *path, an_note *why)
{
    char to[AN_PATH_MAX];
    an_hash found;
    an_err err = hash_file(path, &found, why);
    if (err != AN_OK)
        return err;
    if (!an_hash_equal(&found, version)) {
        err = an_file_remove(path, why);
        return err != AN_OK ? err
                            : an_fail(AN_ERR_PROTO, why, "what came is not the version that was asked for");
    }
    if ((err = path_of(v, version, "bundle", to)) != AN_OK)
        return err;
    if (rename(path, to) != 0)
        return an_fail(AN_ERR_IO, why, "%s: cannot be renamed: %s", path, strerror(errno));
    return an_dir_sync(v->dir, why);
}

/* ---- quota ---- */

typedef struct entry {
    char stem[AN_HASH_TEXT]; /* of the version */
    char *name;              /* borrowed from the list */
    uint64_t bytes;
    int64_t used; /* newest time of the version's files */
} entry;

static an_err list(const an_versions *v, an_names *names, entry **ret, an_note *why)
{
    an_err err = an_dir_list(v->dir, names, why);
    if (err != AN_OK)
        return err;
    entry *all = an_alloc(names->n, sizeof *all);
    if (!all) {
        an_names_done(names);
        return AN_ERR_NOMEM;
    }
    for (size_t i = 0; i < names->n; i++) {
        char path[AN_PATH_MAX];
        struct stat st;
        entry *e = &all[i];
        e->name = names->items[i];
        snprintf(e->stem, sizeof e->stem, "%.64s", e->name);
        if (an_path_join(path, v->dir, e->name) == AN_OK && stat(path, &st) == 0) {
            e->bytes = st.st_size > 0 ? (uint64_t)st.st_size : 0;
            e->used = (int64_t)st.st_mtime;
        }
    }
    *ret = all;
    return AN_OK;
}

static bool is_kept(const char *stem, const an_hash *keep, size_t n_keep)
{
    for (size_t i = 0; i < n_keep; i++) {
        char hex[AN_HASH_TEXT];
        an_hash_text(hex, &keep[i]);
        if (strcmp(hex, stem) == 0)
            return true;
    }
    return false;
}

static uint64_t total(const entry *all, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += all[i].bytes;
    return sum;
}

/* All files of the version; true: something was removed. */
static bool remove_version(const an_versions *v, entry *all, size_t n, const char *stem)
{
    bool removed = false;
    for (size_t i = 0; i < n; i++) {
        char path[AN_PATH_MAX];
        if (strcmp(all[i].stem, stem) != 0 || all[i].bytes == 0)
            continue;
        if (an_path_join(path, v->dir, all[i].name) == AN_OK && an_file_remove(path, NULL) == AN_OK) {
            all[i].bytes = 0;
            removed = true;
        }
    }
    return removed;
}

an_err an_versions_trim(an_versions *v, const an_hash *keep, size_t n_keep, an_note *why)
{
    an_names names = {0};
    entry *all = NULL;
    if (v->quota == 0)
        return AN_OK;
    an_err err = list(v, &names, &all, why);
    if (err != AN_OK)
        return err;
    while (total(all, names.n) > v->quota) {
        const entry *oldest = NULL;
        for (size_t i = 0; i < names.n; i++)
            if (all[i].bytes > 0 && !is_kept(all[i].stem, keep, n_keep) &&
                (!oldest || all[i].used < oldest->used))
                oldest = &all[i];
        char stem[AN_HASH_TEXT];
        if (!oldest)
            break; /* only what must stay is left */
        memcpy(stem, oldest->stem, sizeof stem);
        if (!remove_version(v, all, names.n, stem)) {
            err = an_fail(AN_ERR_IO, why, "version %.12s: cannot be removed", stem);
            break;
        }
    }
    an_free(all);
    an_names_done(&names);
    return err;
}

uint64_t an_versions_bytes(const an_versions *v)
{
    an_names names = {0};
    entry *all = NULL;
    uint64_t sum = 0;
    if (list(v, &names, &all, NULL) == AN_OK)
        sum = total(all, names.n);
    an_free(all);
    an_names_done(&names);
    return sum;
}
