/* Strangers' bytes as a message.  What is accepted must pack again to bytes that are accepted.
 * The first corpus is in corpus/msg: tests/fuzz/seed.sh makes it from tests/vectors/wire.hex.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "msg/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    an_msg *m = NULL, *again = NULL;
    an_note why;
    if (an_msg_decode(bytes, len, &m, &why) != AN_OK)
        return 0;
    an_buf b;
    an_buf_init(&b, AN_MSG_LARGE_MAX);
    if (an_msg_encode(m, &b, &why) != AN_OK)
        abort();
    if (an_msg_decode(b.data, b.len, &again, &why) != AN_OK)
        abort();
    an_msg_free(again);
    an_msg_free(m);
    an_buf_done(&b);
    return 0;
}
