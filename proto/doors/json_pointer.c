#include <string.h>

#include "doors/json.h"

#define KEY_MAX 256

/* The next part, without its escapes; *at moves behind it.  False: too long, or a wrong escape. */
static bool next_part(const char **at, char key[static KEY_MAX])
{
    size_t n = 0;
    const char *p = *at + 1;
    for (; *p && *p != '/'; p++) {
        char c = *p;
        if (c == '~') {
            p++;
            if (*p != '0' && *p != '1')
                return false;
            c = *p == '0' ? '~' : '/';
        }
        if (n == KEY_MAX - 1)
            return false;
        key[n++] = c;
    }
    key[n] = '\0';
    *at = p;
    return true;
}

static const an_jval *item(const an_jval *array, const char *key)
{
    size_t i = 0;
    if (!key[0] || (key[0] == '0' && key[1]))
        return NULL;
    for (; *key; key++) {
        if (*key < '0' || *key > '9' || i > AN_JSON_MAX_VALUES)
            return NULL;
        i = i * 10 + (size_t)(*key - '0');
    }
    return an_jval_at(array, i);
}

const an_jval *an_jval_point(const an_jval *v, const char *pointer)
{
    char key[KEY_MAX];
    while (v && *pointer) {
        if (*pointer != '/' || !next_part(&pointer, key))
            return NULL;
        v = an_jval_kind(v) == AN_JKIND_ARRAY ? item(v, key) : an_jval_get(v, key);
    }
    return v;
}
