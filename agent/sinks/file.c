/* file: one record a line, as JSON.  Exactly once: what the last line holds says how far it has come, whatever the
 * cursor says after a crash between writing and moving it. */
#include <string.h>

#include "agent/line_file.h"
#include "agent/sink.h"
#include "base/mem.h"

/* Lines have clocks' times of their own threads, the log one order: so far a record may seem younger than one that
 * comes after it. */
#define ORDER_MS 10000

typedef struct file_sink {
    const char *path;
    int64_t max_bytes, keep;
    an_line_file file;
    uint64_t last_seq; /* of the last line */
    int64_t last_ms;   /* ... and when it was recorded; tells a log that was begun anew from this one */
    bool opened;
} file_sink;

static const an_option options[] = {
    {"path", AN_OPTION_TEXT, 0, 0, NULL, "the file; older pieces have .1, .2 ... behind its name"},
    {"max_bytes", AN_OPTION_INT, 1 << 16, 1e12, "16777216", "size at which a new piece is begun"},
    {"keep", AN_OPTION_INT, 0, 1000, "8", "older pieces that are kept"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err file_open(void *state, const an_sink_site *site, const an_node *conf, an_note *why)
{
    file_sink *s = state;
    an_err err;
    (void)site;
    s->file.fd = -1;
    s->opened = true;
    if ((err = an_option_text(options, conf, "path", &s->path, why)) != AN_OK ||
        (err = an_option_int(options, conf, "max_bytes", &s->max_bytes, why)) != AN_OK)
        return err;
    if (!s->path[0] || strlen(s->path) >= AN_PATH_MAX - 16)
        return an_fail(AN_ERR_INVAL, why, "sink \"file\": path is empty or too long");
    return an_option_int(options, conf, "keep", &s->keep, why);
}

static void file_disconnect(void *state)
{
    file_sink *s = state;
    if (s->opened)
        an_line_file_close(&s->file);
}

static an_err file_connect(void *state, an_note *why)
{
    file_sink *s = state;
    an_buf last;
    an_alarm_record *r = an_alloc(1, sizeof *r);
    an_buf_init(&last, AN_LINE_FILE_LINE_MAX);
    s->last_seq = 0;
    an_err err = r ? an_line_file_open(&s->file, s->path, (uint64_t)s->max_bytes, (unsigned)s->keep, why)
                   : AN_ERR_NOMEM;
    if (err == AN_OK && (err = an_line_file_last(&s->file, &last, why)) == AN_OK &&
        (err = an_alarm_record_parse((const char *)last.data, last.len, r, why)) == AN_OK) {
        s->last_seq = r->seq;
        s->last_ms = r->recorded_ms;
    }
    an_buf_done(&last);
    an_free(r);
    /* A file that held other lines before holds none of ours yet. */
    return err == AN_ERR_NOTFOUND || err == AN_ERR_PROTO ? AN_OK : err;
}

static bool is_there(const file_sink *s, const an_alarm_record *r)
{
    return r->seq <= s->last_seq && r->recorded_ms <= s->last_ms + ORDER_MS;
}

static an_err file_send(void *state, const an_sink_event *events, size_t n, size_t *ret_taken, an_note *why)
{
    file_sink *s = state;
    if (!an_line_file_is_there(&s->file))
        return an_fail(AN_ERR_IO, why, "%.200s was moved or removed; it is begun anew", s->path);
    for (size_t i = 0; i < n; i++) {
        const an_alarm_record *r = events[i].record;
        if (is_there(s, r))
            continue;
        an_err err = an_line_file_add(&s->file, events[i].json, events[i].json_len, why);
        if (err != AN_OK)
            return err;
        s->last_seq = r->seq;
        s->last_ms = r->recorded_ms;
    }
    an_err err = an_line_file_sync(&s->file, why);
    if (err == AN_OK)
        *ret_taken = n;
    return err;
}

const an_sink_type an_sink_type_file = {
    .name = "file",
    .meaning = "A file of JSON lines, one for each record, synced before the cursor moves; exactly once",
    .options = options,
    .state_size = sizeof(file_sink),
    .open = file_open,
    .connect = file_connect,
    .disconnect = file_disconnect,
    .send = file_send,
};
