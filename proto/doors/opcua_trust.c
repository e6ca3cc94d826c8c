/* Certificates of the door to open62541, by libcrypto: open62541 says little of what is wrong with a file, and must be told
 * the name that the own certificate holds. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/opcua_internal.h"

#define FILE_BYTES_MAX 65536

static an_err read_file(const char *path, UA_ByteString *ret, an_note *why)
{
    an_buf b;
    an_buf_init(&b, FILE_BYTES_MAX);
    an_err err = an_file_read(&b, path, why);
    if (!err && b.len == 0)
        err = an_fail(AN_ERR_INVAL, why, "%s: empty", path);
    if (!err && UA_ByteString_allocBuffer(ret, b.len) != UA_STATUSCODE_GOOD)
        err = AN_ERR_NOMEM;
    if (!err)
        memcpy(ret->data, b.data, b.len);
    an_wipe(b.data, b.len);
    an_buf_done(&b);
    return err;
}

static bool is_pem(const UA_ByteString *s)
{
    return s->length > 10 && strncmp((const char *)s->data, "-----BEGIN", 10) == 0;
}

static X509 *parse_cert(const UA_ByteString *s)
{
    const unsigned char *at = s->data;
    if (!is_pem(s))
        return d2i_X509(NULL, &at, (long)s->length);
    BIO *bio = BIO_new_mem_buf(s->data, (int)s->length);
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return cert;
}

/* A key that wants a password is refused instead of asked for at the terminal. */
static int no_password(char *buf, int size, int rwflag, void *userdata)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)userdata;
    return -1;
}

static EVP_PKEY *parse_key(const UA_ByteString *s)
{
    const unsigned char *at = s->data;
    if (!is_pem(s))
        return d2i_AutoPrivateKey(NULL, &at, (long)s->length);
    BIO *bio = BIO_new_mem_buf(s->data, (int)s->length);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    return key;
}

/* open62541 takes both as DER alone where it was built with mbedTLS and the PEM has text around it. */
static bool to_der(UA_ByteString *s, unsigned char *der, int len)
{
    const bool ok = len > 0 && (size_t)len <= FILE_BYTES_MAX;
    UA_ByteString_memZero(s);
    UA_ByteString_clear(s);
    if (ok && UA_ByteString_allocBuffer(s, (size_t)len) == UA_STATUSCODE_GOOD)
        memcpy(s->data, der, (size_t)len);
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    return ok && s->length > 0;
}

static void find_uri(X509 *cert, char *out, size_t cap)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI || out[0])
            continue;
        const int len = ASN1_STRING_length(name->d.uniformResourceIdentifier);
        if (len > 0 && (size_t)len < cap)
            snprintf(out, cap, "%.*s", len,
                     (const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier));
    }
    GENERAL_NAMES_free(names);
}

static an_err read_own(opcua_trust *t, const char *cert_path, const char *key_path, an_note *why)
{
    X509 *cert = NULL;
    EVP_PKEY *key = NULL;
    unsigned char *der = NULL;
    an_err err = read_file(cert_path, &t->cert, why);
    if (!err)
        err = read_file(key_path, &t->key, why);
    if (err)
        return err;
    cert = parse_cert(&t->cert);
    key = parse_key(&t->key);
    if (cert)
        find_uri(cert, t->uri, sizeof t->uri);
    if (!cert)
        err = an_fail(AN_ERR_INVAL, why, "%s: not a certificate", cert_path);
    else if (!key)
        err = an_fail(AN_ERR_INVAL, why, "%s: not a key, or one with a password", key_path);
    else if (X509_check_private_key(cert, key) != 1)
        err = an_fail(AN_ERR_INVAL, why, "%s: not the key of %s", key_path, cert_path);
    else if (!t->uri[0])
        err = an_fail(AN_ERR_INVAL, why,
                      "%s: names no application (a URI among its subjectAltName), which OPC UA asks for",
                      cert_path);
    if (!err) {
        const int len = i2d_X509(cert, &der);
        if (!to_der(&t->cert, der, len))
            err = AN_ERR_NOMEM;
        der = NULL;
    }
    if (!err) {
        const int len = i2d_PrivateKey(key, &der);
        if (!to_der(&t->key, der, len))
            err = AN_ERR_NOMEM;
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return err;
}

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

static an_err read_trusted(opcua_trust *t, const char *path, bool revoked, an_note *why)
{
    size_t *n = revoked ? &t->n_revoked : &t->n_trusted;
    UA_ByteString *s = revoked ? &t->revoked[*n] : &t->trusted[*n];
    if (*n == OPCUA_FILES_MAX)
        return an_fail(AN_ERR_LIMIT, why, "trust: more than %d files", OPCUA_FILES_MAX);
    (*n)++;
    an_err err = read_file(path, s, why);
    if (err || revoked)
        return err;
    X509 *cert = parse_cert(s);
    if (!cert)
        return an_fail(AN_ERR_INVAL, why, "%s: not a certificate", path);
    unsigned char *der = NULL;
    const int len = i2d_X509(cert, &der);
    if (!to_der(s, der, len))
        err = AN_ERR_NOMEM;
    X509_free(cert);
    return err;
}

an_err opcua_trust_read(opcua_trust *t, const char *cert, const char *key, const char *trust, an_note *why)
{
    an_names names = {0};
    memset(t, 0, sizeof *t);
    an_err err = cert && key ? read_own(t, cert, key, why) : AN_OK;
    if (err || !trust)
        return err;
    if (an_dir_list(trust, &names, NULL) != AN_OK)
        return read_trusted(t, trust, false, why);
    for (size_t i = 0; i < names.n && !err; i++) {
        char path[AN_PATH_MAX];
        const char *name = names.items[i];
        const bool revoked = ends_with(name, ".crl");
        if (!revoked && !ends_with(name, ".pem") && !ends_with(name, ".der") && !ends_with(name, ".crt"))
            continue;
        err = an_path_join(path, trust, name);
        if (!err)
            err = read_trusted(t, path, revoked, why);
    }
    if (!err && t->n_trusted == 0)
        err = an_fail(AN_ERR_INVAL, why, "%s: holds no certificate", trust);
    an_names_done(&names);
    return err;
}

void opcua_trust_done(opcua_trust *t)
{
    UA_ByteString_clear(&t->cert);
    UA_ByteString_memZero(&t->key);
    UA_ByteString_clear(&t->key);
    for (size_t i = 0; i < t->n_trusted; i++)
        UA_ByteString_clear(&t->trusted[i]);
    for (size_t i = 0; i < t->n_revoked; i++)
        UA_ByteString_clear(&t->revoked[i]);
}

void opcua_cert_text(const UA_ByteString *cert, char *out, size_t cap)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "", name[80] = "?";
    X509 *x = parse_cert(cert);
    if (x && X509_digest(x, EVP_sha256(), digest, &len) == 1)
        an_hex(hex, digest, len);
    if (x)
        X509_NAME_oneline(X509_get_subject_name(x), name, (int)sizeof name);
    X509_free(x);
    snprintf(out, cap, "%s, SHA-256 %s", name, hex);
}
