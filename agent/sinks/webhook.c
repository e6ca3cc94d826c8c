/* webhook: one POST for each event, CloudEvents 1.0 in JSON, signed with a secret that both ends have:
 *
 *     Andon-Signature: t=1772000000,v1=<hex of HMAC-SHA256(secret, "1772000000." + body)>
 *
 * The time is of this attempt: a receiver that refuses old ones cannot be played a recorded event. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/secret_file.h"
#include "agent/sink_event.h"
#include "agent/sink_http.h"
#include "base/clock.h"
#include "base/mem.h"
#include "doors/crypto.h"

#define STAMP_MAX 24

typedef struct webhook {
    const char *url, *secret_file;
    an_sink_http http;
    char *secret; /* secret memory; NULL: not signed */
    size_t secret_len;
} webhook;

static const an_option options[] = {
    {"url", AN_OPTION_TEXT, 0, 0, NULL, "where to send: https://..., or http:// to this computer"},
    {"secret_file", AN_OPTION_TEXT, 0, 0, "", "file with the secret of the signature; none: not signed"},
    AN_SINK_HTTP_OPTIONS,
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err webhook_open(void *state, const an_sink_site *site, const an_node *conf, an_note *why)
{
    webhook *s = state;
    an_err err;
    (void)site;
    if ((err = an_option_text(options, conf, "url", &s->url, why)) != AN_OK ||
        (err = an_option_text(options, conf, "secret_file", &s->secret_file, why)) != AN_OK)
        return err;
    return an_sink_http_open(&s->http, options, conf, s->url, why);
}

static an_err webhook_connect(void *state, an_note *why)
{
    webhook *s = state;
    an_err err = an_sink_http_connect(&s->http, why);
    if (err == AN_OK && s->secret_file[0])
        err = an_secret_file_read(s->secret_file, &s->secret, &s->secret_len, why);
    return err;
}

static void webhook_disconnect(void *state)
{
    webhook *s = state;
    an_secret_free(s->secret);
    s->secret = NULL;
    an_sink_http_disconnect(&s->http);
}

/* The header's line.  Errors: NOMEM. */
static an_err sign(const webhook *s, const char *body, size_t len, char *ret, size_t size)
{
    uint8_t mac[AN_HMAC_BYTES];
    char hex[2 * AN_HMAC_BYTES + 1], stamp[STAMP_MAX];
    an_buf signed_text;
    snprintf(stamp, sizeof stamp, "%" PRId64, an_clock_system()->wall_ms(an_clock_system()) / 1000);
    an_buf_init(&signed_text, len + STAMP_MAX + 1);
    an_buf_text(&signed_text, stamp);
    an_buf_u8(&signed_text, '.');
    an_buf_put(&signed_text, body, len);
    an_err err = an_buf_err(&signed_text);
    if (err == AN_OK) {
        an_hmac_sha256(mac, s->secret, s->secret_len, signed_text.data, signed_text.len);
        an_hex(hex, mac, sizeof mac);
        snprintf(ret, size, "Andon-Signature: t=%s,v1=%s", stamp, hex);
    }
    an_buf_done(&signed_text);
    return err;
}

static an_err send_one(const webhook *s, const an_sink_event *e, an_note *why)
{
    char signature[128];
    const char *headers[] = {"Content-Type: application/cloudevents+json; charset=utf-8", NULL, NULL};
    char *body = an_sink_cloudevent(e);
    an_err err = body ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK && s->secret) {
        err = sign(s, body, strlen(body), signature, sizeof signature);
        headers[1] = signature;
    }
    if (err == AN_OK)
        err = an_sink_http_send(&s->http, "POST", s->url, headers, body, strlen(body), 0, why);
    an_free(body);
    return err;
}

static an_err webhook_send(void *state, const an_sink_event *events, size_t n, size_t *ret_taken,
                           an_note *why)
{
    (void)n; /* one at a time: stop waits for one call at most */
    an_err err = send_one(state, events, why);
    if (err == AN_OK)
        *ret_taken = 1;
    return err;
}

const an_sink_type an_sink_type_webhook = {
    .name = "webhook",
    .meaning =
        "HTTP POST of CloudEvents 1.0 (structured JSON), signed with HMAC-SHA256; at least once, `id` tells "
        "repeats",
    .options = options,
    .state_size = sizeof(webhook),
    .open = webhook_open,
    .connect = webhook_connect,
    .disconnect = webhook_disconnect,
    .send = webhook_send,
};
