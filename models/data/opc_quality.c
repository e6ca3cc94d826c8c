#include "models/data/opc_quality.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

uint8_t an_opc_quality_of(uint32_t status)
{
    static const uint8_t da[] = {AN_OPC_BAD, AN_OPC_UNCERTAIN, AN_OPC_BAD, AN_OPC_GOOD};
    static const uint8_t ua[] = {AN_OPC_GOOD, AN_OPC_UNCERTAIN, AN_OPC_BAD, AN_OPC_BAD};
    return status > 0xffff ? ua[status >> 30] : da[status >> 6 & 3];
}

static bool number(const char *text, size_t len, uint32_t *ret)
{
    uint64_t v = 0;
    const bool hex = len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    for (size_t i = hex ? 2 : 0; i < len; i++) {
        const int c = tolower((unsigned char)text[i]);
        const int digit = c >= '0' && c <= '9' ? c - '0' : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0 || (v = v * (hex ? 16 : 10) + (uint64_t)digit) > UINT32_MAX)
            return false;
    }
    *ret = (uint32_t)v;
    return len > 0;
}

/* The word itself, or the word and then what is no letter. */
static bool begins(const char *text, size_t len, const char *word)
{
    const size_t n = strlen(word);
    return len >= n && strncasecmp(text, word, n) == 0 && (len == n || !isalnum((unsigned char)text[n]));
}

uint8_t an_opc_quality(const char *text, size_t len)
{
    static const char *const good[] = {"good", "ok", "valid", "true", "g"};
    static const char *const uncertain[] = {"uncertain", "questionable", "suspect", "doubtful", "u"};
    uint32_t status;
    if (len == 0)
        return AN_OPC_GOOD;
    if (number(text, len, &status))
        return an_opc_quality_of(status);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (begins(text, len, good[i]))
            return AN_OPC_GOOD;
    for (size_t i = 0; i < sizeof uncertain / sizeof *uncertain; i++)
        if (begins(text, len, uncertain[i]))
            return AN_OPC_UNCERTAIN;
    return AN_OPC_BAD;
}
