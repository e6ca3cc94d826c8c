/* Which part an image shows. */
#include <string.h>

#include "agent/sources/images_internal.h"
#include "base/mem.h"

#define TABLE_MAX (16u << 20)

static bool keep_part(char out[static AN_PART_MAX], const char *text, size_t len)
{
    if (len == 0 || len >= AN_PART_MAX)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

/* What stands for itself up to the next brace. */
static size_t plain(const char *pattern)
{
    return strcspn(pattern, "{");
}

/* A group takes the shortest text behind which the rest of the pattern fits; tried in order, so that the number of
 * tries is bounded by the name's length times that of the pattern. */
bool an_images_part(const char *pattern, const char *name, char out[static AN_PART_MAX])
{
    bool found = false;
    size_t n = plain(pattern);
    if (strncmp(pattern, name, n) != 0)
        return false;
    pattern += n;
    name += n;
    while (*pattern == '{') {
        const char *end = strchr(pattern, '}');
        if (!end)
            return false;
        const bool is_part = strncmp(pattern, "{part}", 6) == 0;
        pattern = end + 1;
        n = plain(pattern);
        const bool last = pattern[n] == '\0';
        const size_t left = strlen(name);
        size_t len = 1;
        if (last) /* the rest must be the end */
            len = left > n && strcmp(name + left - n, pattern) == 0 ? left - n : 0;
        else
            while (len + n <= left && strncmp(name + len, pattern, n) != 0)
                len++;
        if (len == 0 || len + n > left)
            return false;
        if (is_part && !(found = keep_part(out, name, len)))
            return false;
        name += len + n;
        pattern += n;
    }
    return found && !*pattern && !*name;
}

static an_err read_table(images *s)
{
    struct stat st;
    an_buf b;
    if (stat(s->parts_file, &st) != 0)
        return AN_OK; /* what was read of it holds */
    const int64_t ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    if (ns == s->table_ns && (size_t)st.st_size == s->table_len)
        return AN_OK;
    an_buf_init(&b, TABLE_MAX);
    an_err err = an_file_read(&b, s->parts_file, NULL);
    char *text = err ? NULL : an_alloc_raw(b.len + 1, 1);
    if (text) {
        if (b.len > 0)
            memcpy(text, b.data, b.len);
        text[b.len] = '\0';
        an_free(s->table);
        s->table = text;
        s->table_len = b.len;
        s->table_ns = ns;
    }
    an_buf_done(&b);
    return err == AN_ERR_NOMEM || (!err && !text) ? AN_ERR_NOMEM : AN_OK;
}

an_err an_images_part_listed(images *s, const char *name, char out[static AN_PART_MAX], bool *ret_found)
{
    const size_t len = strlen(name);
    *ret_found = false;
    an_err err = read_table(s);
    for (const char *line = s->table; !err && line && *line && !*ret_found;) {
        const size_t n = strcspn(line, "\r\n");
        if (n > len + 1 && strncmp(line, name, len) == 0 && strchr(",;\t", line[len])) {
            const char *id = line + len + 1;
            size_t id_len = strcspn(id, ",;\t\r\n");
            if (id_len >= 2 && id[0] == '"' && id[id_len - 1] == '"') {
                id++;
                id_len -= 2;
            }
            *ret_found = keep_part(out, id, id_len);
        }
        line += n + strspn(line + n, "\r\n");
    }
    return err;
}
