/* A token's text comes from whoever was sent one: whatever parses must be exactly what its own
 * values are written as. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[AN_TOKEN_TEXT + 16], again[AN_TOKEN_TEXT];
    an_token token;
    if (size >= sizeof text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (an_token_parse(&token, text, NULL) != AN_OK)
        return 0;
    if (an_token_text(again, &token) != AN_OK || strcmp(text, again) != 0)
        abort();
    return 0;
}
