/* Keys of the release root.  Nothing here speaks to a coordinator. */
#include <stdio.h>

#include "base/mem.h"
#include "coordinator/client/client.h"
#include "doors/crypto.h"
#include "trust/root.h"

static int show(const an_cli *c, const char *path, const an_root_key *key)
{
    char hex[2 * AN_SIGN_PUBLIC_BYTES + 1], fingerprint[AN_HASH_TEXT];
    an_hash hash;
    an_hex(hex, key->public_key, sizeof key->public_key);
    an_root_fingerprint(&hash, key->public_key);
    an_hash_text(fingerprint, &hash);
    if (!c->json) {
        printf("public %s\nfingerprint %s\n", hex, fingerprint);
        return AN_CLI_OK;
    }
    an_json *o = an_json_object();
    an_json_set_text(o, "file", path);
    an_json_set_text(o, "public", hex);
    an_json_set_text(o, "fingerprint", fingerprint);
    char *text = an_json_print(o, 0);
    an_json_free(o);
    if (!text)
        return an_cli_fail(AN_CLI_REFUSED, "out of memory");
    printf("%s\n", text);
    an_free(text);
    return AN_CLI_OK;
}

static int with_key(an_cli *c, an_err (*get)(const char *path, an_root_key **ret, an_note *why))
{
    an_root_key *key = NULL;
    an_note why = {{0}};
    const char *path = c->args->positionals[0];
    if (an_crypto_init() != AN_OK)
        return an_cli_fail(AN_CLI_REFUSED, "the system gives no random numbers");
    const an_err err = get(path, &key, &why);
    const int code = err == AN_OK ? show(c, path, key)
                                  : an_cli_fail(err == AN_ERR_NOTFOUND ? AN_CLI_NOT_FOUND : AN_CLI_REFUSED,
                                                "%s", why.text[0] ? why.text : an_err_text(err));
    an_root_key_free(key);
    return code;
}

int an_cli_key_new(an_cli *c)
{
    const int code = with_key(c, an_root_key_new);
    if (code == AN_CLI_OK && !c->json)
        printf("keep this file away from the coordinator, and a copy of it in a safe place; give the "
               "coordinator "
               "the public half: --release.root\n");
    return code;
}

int an_cli_key_show(an_cli *c)
{
    return with_key(c, an_root_key_read);
}
