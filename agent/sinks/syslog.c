/* syslog: RFC 5424, over a local socket or UDP (RFC 5426) as a datagram each, over TCP in counted frames (RFC 6587):
 *
 *     <131>1 2026-03-09T10:14:33.250Z host andon-agent - raised [andon@32473 id="plant-a:17" line="pump-1" ...] line ...
 *
 * Nobody acknowledges a message of syslog.  Over TCP the cursor waits until the other end's system has it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/sink_event.h"
#include "agent/sink_socket.h"
#include "base/buf.h"
#include "base/clock.h"

#define MESSAGE_MAX 4096

typedef struct syslog_sink {
    const char *address;
    int64_t facility, enterprise, timeout_ms;
    char host[256];
    an_sink_socket socket;
    bool opened;
} syslog_sink;

static const an_option options[] = {
    {"address", AN_OPTION_TEXT, 0, 0, "unix:/dev/log", "unix:/PATH, udp://HOST:PORT or tcp://HOST:PORT"},
    {"facility", AN_OPTION_INT, 0, 23, "16", "of RFC 5424; 16 is local0"},
    {"enterprise", AN_OPTION_INT, 1, 4294967295.0, "32473",
     "number behind \"andon@\" in the name of the structured data"},
    {"timeout", AN_OPTION_REAL, 0.1, 60, "5", "seconds for connecting, and for sending"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err syslog_open(void *state, const an_sink_site *site, const an_node *conf, an_note *why)
{
    syslog_sink *s = state;
    an_err err;
    (void)site;
    s->socket.fd = -1;
    s->opened = true;
    if ((err = an_option_text(options, conf, "address", &s->address, why)) != AN_OK ||
        (err = an_option_int(options, conf, "facility", &s->facility, why)) != AN_OK ||
        (err = an_option_int(options, conf, "enterprise", &s->enterprise, why)) != AN_OK ||
        (err = an_option_ms(options, conf, "timeout", &s->timeout_ms, why)) != AN_OK)
        return err;
    if (gethostname(s->host, sizeof s->host - 1) != 0 || !s->host[0])
        snprintf(s->host, sizeof s->host, "-");
    return an_sink_socket_check(s->address, why);
}

static void syslog_disconnect(void *state)
{
    syslog_sink *s = state;
    if (s->opened)
        an_sink_socket_close(&s->socket);
}

static an_err syslog_connect(void *state, an_note *why)
{
    syslog_sink *s = state;
    return an_sink_socket_connect(&s->socket, s->address, s->timeout_ms, why);
}

static void put_param(an_buf *b, const char *name, const char *value)
{
    if (!value[0])
        return;
    an_buf_printf(b, " %s=\"", name);
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\' || *c == ']')
            an_buf_u8(b, '\\');
        an_buf_u8(b, (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : (uint8_t)*c);
    }
    an_buf_u8(b, '"');
}

static void put_message(an_buf *b, const syslog_sink *s, const an_sink_event *e)
{
    const an_alarm_record *r = e->record;
    char time[25], kind[AN_SINK_KIND_MAX], alarm[24] = "", sentence[AN_SINK_SENTENCE_MAX];
    an_time_text(time, r->time_ms);
    an_sink_kind(kind, r);
    an_sink_sentence(sentence, r);
    if (r->alarm)
        snprintf(alarm, sizeof alarm, "%llu", (unsigned long long)r->alarm);
    an_buf_printf(b, "<%d>1 %s %.255s andon-agent - %.32s [andon@%lld",
                  (int)s->facility * 8 + an_sink_priority(r), time, s->host, strrchr(kind, '.') + 1,
                  (long long)s->enterprise);
    put_param(b, "id", e->id);
    put_param(b, "site", r->site);
    put_param(b, "line", r->line);
    put_param(b, "alarm", alarm);
    put_param(b, "severity", r->alarm ? an_severity_names[r->severity] : "");
    put_param(b, "state", r->alarm ? an_standing_name(r->standing) : "");
    put_param(b, "part", r->part);
    an_buf_printf(b, "] \xEF\xBB\xBF%s", sentence);
}

static an_err send_one(syslog_sink *s, const an_sink_event *e, an_note *why)
{
    char count[24];
    an_buf b;
    an_buf_init(&b, MESSAGE_MAX);
    put_message(&b, s, e);
    an_err err = an_buf_err(&b);
    if (err == AN_OK && s->socket.stream) {
        snprintf(count, sizeof count, "%zu ", b.len);
        err = an_sink_socket_send(&s->socket, count, strlen(count), why);
    }
    if (err == AN_OK)
        err = an_sink_socket_send(&s->socket, b.data, b.len, why);
    an_buf_done(&b);
    return err == AN_ERR_LIMIT ? AN_ERR_REFUSED : err;
}

static an_err syslog_send(void *state, const an_sink_event *events, size_t n, size_t *ret_taken, an_note *why)
{
    syslog_sink *s = state;
    size_t sent = 0;
    an_err err = AN_OK;
    for (; sent < n && err == AN_OK; sent += err == AN_OK)
        err = send_one(s, &events[sent], why);
    /* A datagram that was sent cannot be asked after; of a stream that broke nothing is known. */
    an_err settled =
        sent > 0 && (err == AN_OK || err == AN_ERR_REFUSED) ? an_sink_socket_settle(&s->socket, why) : AN_OK;
    if (settled != AN_OK)
        return settled;
    if (err == AN_OK || err == AN_ERR_REFUSED || !s->socket.stream)
        *ret_taken = sent;
    return err;
}

const an_sink_type an_sink_type_syslog = {
    .name = "syslog",
    .meaning = "Messages of RFC 5424. Over TCP at least once, as far as the other end's system; over UDP "
               "nobody says "
               "what is lost",
    .options = options,
    .state_size = sizeof(syslog_sink),
    .open = syslog_open,
    .connect = syslog_connect,
    .disconnect = syslog_disconnect,
    .send = syslog_send,
};
