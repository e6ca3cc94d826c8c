/* journald: systemd's journal by its native protocol, a datagram of NAME=value lines each; no value has a line's end. */
#include <stdio.h>
#include <string.h>

#include "agent/sink_event.h"
#include "agent/sink_socket.h"
#include "base/buf.h"

#define MESSAGE_MAX (64u << 10)

typedef struct journald {
    const char *socket_path;
    char address[128];
    int64_t timeout_ms;
    an_sink_socket socket;
    bool opened;
} journald;

static const an_option options[] = {
    {"socket", AN_OPTION_TEXT, 0, 0, "/run/systemd/journal/socket", "the journal's socket"},
    {"timeout", AN_OPTION_REAL, 0.1, 60, "5", "seconds that a full socket is waited for"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err journald_open(void *state, const an_sink_site *site, const an_node *conf, an_note *why)
{
    journald *s = state;
    an_err err;
    (void)site;
    s->socket.fd = -1;
    s->opened = true;
    if ((err = an_option_text(options, conf, "socket", &s->socket_path, why)) != AN_OK ||
        (err = an_option_ms(options, conf, "timeout", &s->timeout_ms, why)) != AN_OK)
        return err;
    const int n = snprintf(s->address, sizeof s->address, "unix:%s", s->socket_path);
    if (n < 0 || (size_t)n >= sizeof s->address)
        return an_fail(AN_ERR_INVAL, why, "socket: the path is too long");
    return an_sink_socket_check(s->address, why);
}

static void journald_disconnect(void *state)
{
    journald *s = state;
    if (s->opened)
        an_sink_socket_close(&s->socket);
}

static an_err journald_connect(void *state, an_note *why)
{
    journald *s = state;
    return an_sink_socket_connect(&s->socket, s->address, s->timeout_ms, why);
}

static void put(an_buf *b, const char *name, const char *value)
{
    if (!value[0])
        return;
    an_buf_printf(b, "%s=", name);
    for (const char *c = value; *c; c++)
        an_buf_u8(b, (unsigned char)*c < 0x20 ? ' ' : (uint8_t)*c);
    an_buf_u8(b, '\n');
}

static void put_number(an_buf *b, const char *name, unsigned long long n)
{
    an_buf_printf(b, "%s=%llu\n", name, n);
}

static an_err send_one(journald *s, const an_sink_event *e, an_note *why)
{
    const an_alarm_record *r = e->record;
    char sentence[AN_SINK_SENTENCE_MAX];
    an_buf b;
    an_buf_init(&b, MESSAGE_MAX);
    an_sink_sentence(sentence, r);
    put(&b, "MESSAGE", sentence);
    put_number(&b, "PRIORITY", (unsigned)an_sink_priority(r));
    put(&b, "SYSLOG_IDENTIFIER", "andon-agent");
    put(&b, "ANDON_ID", e->id);
    put(&b, "ANDON_SITE", r->site);
    put(&b, "ANDON_LINE", r->line);
    put(&b, "ANDON_KIND", an_logged_name(r->kind));
    if (r->alarm) {
        put_number(&b, "ANDON_ALARM", r->alarm);
        put(&b, "ANDON_SEVERITY", an_severity_names[r->severity]);
    }
    put(&b, "ANDON_PART", r->part);
    put(&b, "ANDON_RECORD", e->json);
    an_err err = an_buf_err(&b);
    if (err == AN_OK)
        err = an_sink_socket_send(&s->socket, b.data, b.len, why);
    an_buf_done(&b);
    return err == AN_ERR_LIMIT ? AN_ERR_REFUSED : err;
}

static an_err journald_send(void *state, const an_sink_event *events, size_t n, size_t *ret_taken,
                            an_note *why)
{
    for (size_t i = 0; i < n; i++) {
        an_err err = send_one(state, &events[i], why);
        if (err != AN_OK)
            return err;
        *ret_taken = i + 1;
    }
    return AN_OK;
}

const an_sink_type an_sink_type_journald = {
    .name = "journald",
    .meaning = "systemd's journal, with fields ANDON_ID, ANDON_LINE, ANDON_RECORD (JSON) and others",
    .options = options,
    .state_size = sizeof(journald),
    .open = journald_open,
    .connect = journald_connect,
    .disconnect = journald_disconnect,
    .send = journald_send,
};
