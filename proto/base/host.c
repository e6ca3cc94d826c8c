#include "base/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_LEN 253 /* of a name in the DNS */

static bool read_port(const char *text, uint16_t *ret)
{
    uint32_t port = 0;
    *ret = 0;
    if (text[0] == '\0')
        return true;
    if (text[0] != ':')
        return false;
    for (text++; *text >= '0' && *text <= '9' && port <= UINT16_MAX; text++)
        port = port * 10 + (uint32_t)(*text - '0');
    *ret = (uint16_t)port;
    return *text == '\0' && port <= UINT16_MAX;
}

static bool is_address(const an_host *h, bool six)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    if (h->len >= sizeof text)
        return false;
    memcpy(text, h->name, h->len);
    text[h->len] = '\0';
    return inet_pton(six ? AF_INET6 : AF_INET, text, bytes) == 1;
}

bool an_host_read(const char *text, an_host *ret)
{
    static const char of_names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    const bool six = text[0] == '[';
    const char *end = six ? strchr(text, ']') : text + strspn(text, of_names);
    if (!end || !read_port(end + six, &ret->port))
        return false;
    ret->name = text + six;
    ret->len = (size_t)(end - ret->name);
    ret->address = is_address(ret, six);
    if (!six && ret->len > 1 && ret->name[ret->len - 1] == '.')
        ret->len--;
    return six ? ret->address : ret->len > 0 && ret->len <= NAME_MAX_LEN;
}

bool an_host_among(const an_host *h, const char *names)
{
    for (const char *at = names; at && *at;) {
        at += strspn(at, ", ");
        const size_t n = strcspn(at, ", ");
        if (n > 0 && n == h->len && strncasecmp(at, h->name, n) == 0)
            return true;
        at += n;
    }
    return false;
}
