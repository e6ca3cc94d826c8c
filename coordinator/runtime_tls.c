/* The certificate and the key of the HTTP API, from their files. */
#include <string.h>
#include <sys/stat.h>

#include "base/credential.h"
#include "base/mem.h"
#include "coordinator/runtime_internal.h"

#define PEM_MAX ((size_t)64 << 10)

static an_err read_pem(const char *path, char **ret, an_note *why)
{
    an_buf b;
    an_buf_init(&b, PEM_MAX);
    an_err err = an_file_read(&b, path, why);
    an_buf_u8(&b, 0);
    if (err == AN_OK)
        err = an_buf_err(&b);
    if (err == AN_OK) {
        *ret = (char *)b.data;
        return AN_OK;
    }
    if (b.data)
        an_wipe(b.data, b.len);
    an_buf_done(&b);
    return err;
}

an_err an_tls_read(const an_coordinator_conf *conf, an_tls *ret, an_note *why)
{
    struct stat st;
    char key[AN_PATH_MAX];
    if (!conf->http_key)
        return AN_OK;
    an_err err = an_credential_path(key, conf->http_key, why);
    if (err == AN_OK && stat(key, &st) == 0 && (st.st_mode & S_IRWXO))
        err = an_fail(AN_ERR_REFUSED, why, "%.200s: others can read or change this key (chmod 640)", key);
    if (err == AN_OK)
        err = read_pem(conf->http_certificate, &ret->certificate, why);
    if (err == AN_OK)
        err = read_pem(key, &ret->key, why);
    if (err != AN_OK)
        an_tls_done(ret);
    return err;
}

void an_tls_done(an_tls *tls)
{
    if (tls->key)
        an_wipe(tls->key, strlen(tls->key));
    an_free(tls->key);
    an_free(tls->certificate);
    *tls = (an_tls){0};
}
