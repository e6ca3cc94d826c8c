#include "agent/checked.h"

#include <string.h>

#include "base/file.h"
#include "doors/crypto.h"

an_err an_checked_read(const char *path, const char magic[static AN_CHECKED_MAGIC], an_buf *b, an_reader *ret,
                       an_note *why)
{
    an_hash h;
    an_err err = an_file_read(b, path, why);
    bool whole = err == AN_OK && b->len >= AN_CHECKED_MAGIC + AN_HASH_BYTES &&
                 memcmp(b->data, magic, AN_CHECKED_MAGIC) == 0;
    if (err != AN_OK && err != AN_ERR_LIMIT)
        return err;
    if (whole) {
        const size_t len = b->len - AN_HASH_BYTES;
        an_hash_of(&h, b->data, len);
        whole = memcmp(h.b, b->data + len, AN_HASH_BYTES) == 0;
        *ret = an_reader_of(b->data + AN_CHECKED_MAGIC, len - AN_CHECKED_MAGIC);
    }
    return whole ? AN_OK : an_fail(AN_ERR_PROTO, why, "%s: of another kind, or damaged", path);
}

an_err an_checked_write(const char *path, an_buf *b, an_note *why)
{
    an_hash h;
    if (!b->failed) {
        an_hash_of(&h, b->data, b->len);
        an_buf_put(b, h.b, AN_HASH_BYTES);
    }
    const an_err err = an_buf_err(b);
    return err == AN_OK ? an_file_write(path, b->data, b->len, 0600, why) : err;
}
