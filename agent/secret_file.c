#include "agent/secret_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/credential.h"
#include "base/file.h"
#include "doors/crypto.h"

static an_err check_mode(const char *path, an_note *why)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return an_fail(errno == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO, why, "%.200s: %s", path,
                       strerror(errno));
    if (st.st_mode & 7)
        return an_fail(AN_ERR_AUTH, why, "%.200s: others can read or change this secret (chmod 640)", path);
    return AN_OK;
}

an_err an_secret_file_read(const char *name, char **ret, size_t *ret_len, an_note *why)
{
    an_buf b;
    char *secret = NULL, path[AN_PATH_MAX];
    an_buf_init(&b, AN_SECRET_FILE_MAX);
    an_err err = an_credential_path(path, name, why);
    if (err == AN_OK)
        err = check_mode(path, why);
    if (err == AN_OK)
        err = an_file_read(&b, path, why);
    size_t len = b.len;
    while (err == AN_OK && len > 0 && (b.data[len - 1] == '\n' || b.data[len - 1] == '\r'))
        len--;
    if (err == AN_OK && (len == 0 || memchr(b.data, 0, len)))
        err = an_fail(AN_ERR_INVAL, why, "%.200s: empty, or not a text", path);
    if (err == AN_OK && !(secret = an_secret_alloc(len + 1)))
        err = AN_ERR_NOMEM;
    if (err == AN_OK) {
        memcpy(secret, b.data, len);
        secret[len] = '\0';
        *ret = secret;
        *ret_len = len;
    }
    if (b.data)
        an_wipe(b.data, b.cap);
    an_buf_done(&b);
    return err;
}
