/* Names of files: their order, and what is passed over. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/sources/follow.h"
#include "agent/sources/follow_internal.h"
#include "models/data/table.h"

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
