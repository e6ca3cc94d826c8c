#include "agent/writeback_ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/secret_file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "msg/msg.h"

#define FRESH_MS 60000
#define ASK_BYTES 1024
#define FOLDER "writeback"

static an_err prove(uint8_t ret[static AN_HMAC_BYTES], const char *key_file, const char *site, const char *by,
                    int64_t time_ms, an_note *why)
{
    char text[3 * AN_NAME_MAX + 64], *secret = NULL;
    size_t len = 0;
    an_err err = an_secret_file_read(key_file, &secret, &len, why);
    if (err != AN_OK)
        return err;
    snprintf(text, sizeof text, "andon-writeback-1\nenable\n%s\n%s\n%" PRId64, site, by, time_ms);
    an_hmac_sha256(ret, secret, len, text, strlen(text));
    an_secret_free(secret);
    return AN_OK;
}

an_err an_wb_leave(const char *dir, const char *site, const char *by, const char *key_file, int64_t now_ms,
                   an_note *why)
{
    char folder[AN_PATH_MAX], path[AN_PATH_MAX], name[64], hex[2 * AN_HMAC_BYTES + 1];
    uint8_t mac[AN_HMAC_BYTES];
    uint32_t salt;
    an_err err = AN_OK;
    if (!an_name_ok(by))
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not a name", by);
    an_random(&salt, sizeof salt);
    snprintf(name, sizeof name, "%016" PRId64 "-%08" PRIx32 ".json", now_ms, salt);
    if (key_file && (err = prove(mac, key_file, site, by, now_ms, why)) != AN_OK)
        return err;
    if ((err = an_path_join(folder, dir, FOLDER)) != AN_OK || (err = an_dir_make(folder, why)) != AN_OK ||
        (err = an_path_join(path, folder, name)) != AN_OK)
        return err;
    an_json *o = an_json_object();
    an_json_set_text(o, "do", key_file ? "enable" : "end");
    an_json_set_text(o, "by", by);
    an_json_set_int(o, "time_ms", now_ms);
    if (key_file) {
        an_hex(hex, mac, sizeof mac);
        an_json_set_text(o, "proof", hex);
    }
    char *text = an_json_print(o, 0);
    an_json_free(o);
    err = text ? an_file_write(path, text, strlen(text), 0640, why) : AN_ERR_NOMEM;
    an_free(text);
    return err;
}

static an_err check_proof(an_wb_asks *a, const char *by, int64_t time_ms, const char *proof, int64_t now_ms,
                          an_note *why)
{
    uint8_t want[AN_HMAC_BYTES], got[AN_HMAC_BYTES];
    size_t i = 0;
    while (i < a->conf->n_persons && strcmp(a->conf->persons[i].name, by) != 0)
        i++;
    if (i == a->conf->n_persons)
        return an_fail(AN_ERR_AUTH, why, "%.63s may not enable it", by);
    if (time_ms < now_ms - FRESH_MS || time_ms > now_ms + FRESH_MS || time_ms < a->started_ms ||
        time_ms <= a->last_ms[i])
        return an_fail(AN_ERR_AUTH, why, "the proof of %.63s is old, or was used", by);
    an_err err = prove(want, a->conf->persons[i].key_file, a->site, by, time_ms, why);
    if (err == AN_OK && (!an_unhex(got, sizeof got, proof) || !an_secret_equal(got, want, sizeof want)))
        err = an_fail(AN_ERR_AUTH, why, "the proof of %.63s is not right", by);
    an_wipe(want, sizeof want);
    if (err == AN_OK)
        a->last_ms[i] = time_ms;
    return err;
}

static an_err read_ask(an_wb_asks *a, const char *text, size_t len, int64_t now_ms,
                       char ret_by[static AN_NAME_MAX], bool *ret_enable, an_note *why)
{
    const char *what = "", *by = "", *proof = "";
    int64_t time_ms = 0;
    an_json_doc *doc = NULL;
    an_err err = an_json_parse(text, len, "request", &doc, why);
    const an_jval *o = an_json_root(doc);
    if (err == AN_OK &&
        ((err = an_jval_text(o, "do", &what, why)) != AN_OK ||
         (err = an_jval_text(o, "by", &by, why)) != AN_OK ||
         (err = an_jval_get_text(o, "proof", "", &proof, why)) != AN_OK ||
         (err = an_jval_int(o, "time_ms", 0, INT64_MAX / 2, &time_ms, why)) != AN_OK || !an_name_ok(by)))
        err = AN_ERR_PROTO;
    const bool enable = strcmp(what, "enable") == 0;
    if (err == AN_OK && !enable && strcmp(what, "end") != 0)
        err = AN_ERR_PROTO;
    if (err == AN_OK && enable)
        err = check_proof(a, by, time_ms, proof, now_ms, why);
    if (err == AN_OK) {
        snprintf(ret_by, AN_NAME_MAX, "%s", by);
        *ret_enable = enable;
    }
    an_json_doc_free(doc);
    return err == AN_ERR_INVAL || err == AN_ERR_LIMIT ? AN_ERR_PROTO : err;
}

/* What is still being written has another name.  NULL: none. */
static const char *oldest(const an_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        const size_t len = strlen(names->items[i]);
        if (len > 5 && strcmp(names->items[i] + len - 5, ".json") == 0)
            return names->items[i];
    }
    return NULL;
}

an_err an_wb_take(an_wb_asks *a, int64_t now_ms, char ret_by[static AN_NAME_MAX], bool *ret_enable,
                  an_note *why)
{
    char folder[AN_PATH_MAX], path[AN_PATH_MAX];
    an_names names = {.n = 0};
    an_buf b;
    an_buf_init(&b, ASK_BYTES);
    an_err err = an_path_join(folder, a->dir, FOLDER);
    if (err == AN_OK && !an_file_exists(folder))
        return AN_ERR_NOTFOUND;
    if (err == AN_OK)
        err = an_dir_list(folder, &names, why);
    if (err == AN_OK)
        err = oldest(&names) ? an_path_join(path, folder, oldest(&names)) : AN_ERR_NOTFOUND;
    if (err == AN_OK) {
        an_err got = an_file_read(&b, path, why);
        /* Taken once, or not at all. */
        if ((err = an_file_remove(path, why)) == AN_OK)
            err = got == AN_OK ? read_ask(a, (const char *)b.data, b.len, now_ms, ret_by, ret_enable, why)
                  : got == AN_ERR_NOMEM ? got
                                        : AN_ERR_PROTO;
    }
    an_names_done(&names);
    an_buf_done(&b);
    return err;
}
