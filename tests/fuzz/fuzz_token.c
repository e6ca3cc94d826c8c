/* A token's text comes from whoever was sent one: whatever parses must be exactly what its own
 * values are written as.  Mutated texts rarely get past the checksum, so an input that begins
 * with
 * '!' is taken as a token's values instead, and must survive being written and parsed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_parse(const uint8_t *data, size_t size)
{
    char text[AN_TOKEN_TEXT];
    an_token token, again;
    memset(&token, 0, sizeof token);
    memcpy(&token, data, size < sizeof token ? size : sizeof token);
    if (an_token_text(text, &token) != AN_OK)
        return;
    if (an_token_parse(&again, text, NULL) != AN_OK || strcmp(token.endpoint, again.endpoint) != 0 ||
        memcmp(&token, &again, offsetof(an_token, endpoint)) != 0)
        abort();
}

static void parse_and_write(const uint8_t *data, size_t size)
{
    char text[AN_TOKEN_TEXT + 16], again[AN_TOKEN_TEXT];
    an_token token;
    if (size >= sizeof text)
        return;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (an_token_parse(&token, text, NULL) != AN_OK)
        return;
    if (an_token_text(again, &token) != AN_OK || strcmp(text, again) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == '!')
        write_and_parse(data + 1, size - 1);
    else
        parse_and_write(data, size);
    return 0;
}
