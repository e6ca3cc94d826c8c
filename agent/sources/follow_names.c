/* Names of files: their order, and what is passed over. */
#include <ctype.h>
#include <string.h>

#include "agent/sources/follow.h"
#include "agent/sources/follow_internal.h"

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
