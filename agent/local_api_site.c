/* What the site has to say of its data, of what left it, and of what it runs. */
#include <inttypes.h>
#include <string.h>

#include "agent/local_api_internal.h"
#include "agent/show_alarms_internal.h"
#include "agent/spool.h"
#include "base/clock.h"
#include "base/file.h"
#include "doors/crypto.h"

#define DAY_MS INT64_C(86400000)

static an_err open_spool(const char *dir, an_spool **ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = an_path_join(path, dir, "spool.db");
    if (err == AN_OK && !an_file_exists(path))
        return an_fail(AN_ERR_NOTFOUND, why, "the agent has not said anything yet");
    return err == AN_OK ? an_spool_open(path, &(an_spool_conf){.quota_bytes = 0}, ret, why) : err;
}

static an_err end(an_json *o, an_err err, local_api_said *ret)
{
    if (err == AN_OK)
        return local_api_print(o, ret);
    an_json_free(o);
    return err;
}

/* ---- what left the site ---- */

static an_json *ledger_json(const an_ledger_row *row)
{
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)row->id);
    an_json_set_int(o, "time_ms", row->time_ms);
    an_json_set_text(o, "kind", row->kind);
    an_json_set_text(o, "words", row->words);
    an_json_set_text(o, "protection", row->protection);
    an_json_set_int(o, "bytes", (int64_t)row->bytes);
    if (row->round)
        an_json_set_int(o, "round", (int64_t)row->round);
    return o;
}

static an_err put_sums(an_json *o, an_spool *spool, an_note *why)
{
    const an_clock *clock = an_clock_system();
    uint64_t rows = 0, bytes = 0, day_rows = 0, day_bytes = 0;
    an_err err = an_ledger_sum(spool, INT64_MIN, &rows, &bytes, why);
    if (err == AN_OK)
        err = an_ledger_sum(spool, clock->wall_ms(clock) - DAY_MS, &day_rows, &day_bytes, why);
    an_json_set_int(o, "rows", (int64_t)rows);
    an_json_set_int(o, "bytes", (int64_t)bytes);
    an_json_set_int(o, "day_rows", (int64_t)day_rows);
    an_json_set_int(o, "day_bytes", (int64_t)day_bytes);
    return err;
}

an_err local_api_ledger(const local_api_request *r, local_api_said *ret, an_note *why)
{
    an_spool *spool = NULL;
    an_ledger_row row = {.id = 0};
    int64_t last = 0, before = 0;
    an_err err = local_api_int(r, "last", AN_LOCAL_API_ROWS_MAX, 50, &last, why);
    if (err == AN_OK)
        err = local_api_int(r, "before", INT64_MAX, INT64_MAX, &before, why);
    if (err == AN_OK)
        err = open_spool(r->dir, &spool, why);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object(), *list = an_json_array();
    err = put_sums(o, spool, why);
    row.id = (uint64_t)before;
    for (int64_t i = 0; i < last && err == AN_OK; i++)
        if ((err = an_ledger_before(spool, row.id, &row, why)) == AN_OK)
            an_json_push(list, ledger_json(&row));
    an_json_set(o, "entries", list);
    an_spool_close(spool);
    return end(o, err == AN_ERR_NOTFOUND ? AN_OK : err, ret);
}

/* ---- what ran since when ---- */

static an_json *journal_json(const an_journal_row *row)
{
    static const uint8_t none[AN_SPOOL_HASH];
    char text[AN_HASH_TEXT];
    an_hash h;
    an_json *o = an_json_object();
    an_json_set_int(o, "time_ms", row->time_ms);
    an_json_set_text(o, "model", row->model);
    an_json_set_text(o, "what", row->what);
    if (memcmp(row->version, none, sizeof none) != 0) {
        memcpy(h.b, row->version, sizeof h.b);
        an_hash_text(text, &h);
        an_json_set_text(o, "version", text);
    }
    return o;
}

an_err local_api_versions(const local_api_request *r, local_api_said *ret, an_note *why)
{
    an_spool *spool = NULL;
    an_journal_row row = {.id = INT64_MAX};
    int64_t last = 0;
    an_err err = local_api_int(r, "last", AN_LOCAL_API_ROWS_MAX, 50, &last, why);
    if (err == AN_OK)
        err = open_spool(r->dir, &spool, why);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object(), *list = an_json_array();
    for (int64_t i = 0; i < last && err == AN_OK; i++)
        if ((err = an_journal_before(spool, row.id, &row, why)) == AN_OK)
            an_json_push(list, journal_json(&row));
    an_json_set(o, "journal", list);
    an_spool_close(spool);
    return end(o, err == AN_ERR_NOTFOUND ? AN_OK : err, ret);
}

/* ---- data that is not as it should be ---- */

static bool push_record(void *ctx, const an_alarm_record *rec)
{
    if (rec->kind == AN_LOGGED_QUALITY)
        an_json_push(ctx, an_alarm_record_json(rec));
    return true;
}

an_err local_api_quality(const local_api_request *r, local_api_said *ret, an_note *why)
{
    an_alarms *a = NULL;
    const char *line = r->ask->query(r->ask->ctx, "line");
    int64_t last = 0;
    if (!line)
        return an_fail(AN_ERR_INVAL, why, "line: which one?");
    an_err err = local_api_int(r, "last", AN_LOCAL_API_ROWS_MAX, 50, &last, why);
    if (err == AN_OK)
        err = an_show_alarms_open(r->dir, &a, why);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object(), *list = an_json_array();
    err = last > 0 ? an_alarms_records(a, line, 0, (size_t)last, push_record, list, why) : AN_OK;
    an_json_set(o, "events", list);
    an_alarms_close(a);
    return end(o, err, ret);
}
