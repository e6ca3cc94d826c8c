#include "agent/tally.h"

#include <string.h>

static bool runs(const an_tally *t)
{
    static const uint8_t nothing[AN_ALARM_HASH];
    return memcmp(t->version, nothing, sizeof nothing) != 0;
}

void an_tally_live(an_tally *t, const uint8_t version[static AN_ALARM_HASH],
                   const uint8_t overlay[static AN_ALARM_HASH], uint64_t next_alarm, int64_t now_ms)
{
    if (memcmp(t->version, version, sizeof t->version) == 0 &&
        memcmp(t->overlay, overlay, sizeof t->overlay) == 0)
        return;
    *t = (an_tally){.since_ms = now_ms > 0 ? now_ms : 0, .said_ms = now_ms, .first = next_alarm};
    memcpy(t->version, version, sizeof t->version);
    memcpy(t->overlay, overlay, sizeof t->overlay);
}

void an_tally_rows(an_tally *t, uint64_t n)
{
    t->rows += n;
    t->changed = t->changed || n > 0;
}

void an_tally_alarm(an_tally *t, uint64_t alarm)
{
    if (alarm >= t->first)
        t->alarms++;
    t->changed = true;
}

/* The oldest becomes a number. */
static void settle_one(an_tally *t)
{
    t->settled[t->judged[0].verdict]++;
    t->first = t->judged[0].alarm + 1;
    t->n--;
    memmove(&t->judged[0], &t->judged[1], t->n * sizeof t->judged[0]);
}

bool an_tally_verdict(an_tally *t, uint64_t alarm, an_verdict verdict)
{
    if (!runs(t) || alarm < t->first)
        return false;
    size_t i = t->n;
    while (i > 0 && t->judged[i - 1].alarm > alarm)
        i--;
    if (i > 0 && t->judged[i - 1].alarm == alarm) {
        t->urgent = t->urgent || t->judged[i - 1].verdict != verdict;
        t->judged[i - 1].verdict = verdict;
        return true;
    }
    if (t->n == AN_TALLY_VERDICTS) {
        if (i == 0)
            return false; /* older than all that are remembered */
        settle_one(t);
        i--;
    }
    memmove(&t->judged[i + 1], &t->judged[i], (t->n - i) * sizeof t->judged[0]);
    t->judged[i].alarm = alarm;
    t->judged[i].verdict = verdict;
    t->n++;
    t->urgent = true;
    return true;
}

void an_tally_missed(an_tally *t)
{
    t->missed++;
    t->urgent = true;
}

void an_tally_found(an_tally *t)
{
    if (t->missed == 0)
        return;
    t->missed--;
    t->urgent = true;
}

bool an_tally_due(an_tally *t, int64_t now_ms)
{
    const bool rows = t->changed && now_ms - t->said_ms >= AN_TALLY_REPORT_MS;
    if (!runs(t) || !(t->urgent || rows))
        return false;
    t->said_ms = now_ms;
    t->changed = t->urgent = false;
    return true;
}

void an_tally_sum(const an_tally *t, an_verdict_count *ret)
{
    uint64_t n[3] = {t->settled[0], t->settled[1], t->settled[2]};
    for (size_t i = 0; i < t->n; i++)
        n[t->judged[i].verdict]++;
    memcpy(ret->version, t->version, sizeof ret->version);
    ret->alarms = t->alarms;
    ret->right = n[AN_VERDICT_TRUE];
    ret->wrong = n[AN_VERDICT_FALSE];
    ret->unsure = n[AN_VERDICT_UNSURE];
    ret->missed = t->missed;
}

void an_tally_report(an_msg *ret, const an_tally *t, const char *model, const char *line)
{
    an_verdict_count n = {.alarms = 0};
    an_tally_sum(t, &n);
    *ret = (an_msg){.type = AN_MSG_COUNTS};
    an_msg_counts *c = &ret->u.counts;
    an_text_set(c->model, sizeof c->model, model);
    an_text_set(c->line, sizeof c->line, line);
    memcpy(c->version.b, t->version, sizeof c->version.b);
    c->since_ms = t->since_ms;
    c->rows = t->rows;
    c->alarms = n.alarms;
    c->confirmed = n.right;
    c->refuted = n.wrong;
    c->unsure = n.unsure;
    c->missed = n.missed;
}

/* ---- over a restart ---- */

void an_tally_save(const an_tally *t, an_buf *ret)
{
    an_buf_put(ret, t->version, sizeof t->version);
    an_buf_put(ret, t->overlay, sizeof t->overlay);
    an_buf_u64(ret, (uint64_t)t->since_ms);
    an_buf_u64(ret, (uint64_t)t->said_ms);
    an_buf_u64(ret, t->first);
    an_buf_u64(ret, t->rows);
    an_buf_u64(ret, t->alarms);
    an_buf_u64(ret, t->missed);
    for (size_t i = 0; i < 3; i++)
        an_buf_u64(ret, t->settled[i]);
    an_buf_u32(ret, (uint32_t)t->n);
    for (size_t i = 0; i < t->n; i++) {
        an_buf_u64(ret, t->judged[i].alarm);
        an_buf_u32(ret, (uint32_t)t->judged[i].verdict);
    }
}

static void take_hash(an_reader *in, uint8_t ret[static AN_ALARM_HASH])
{
    const uint8_t *bytes = an_read_bytes(in, AN_ALARM_HASH);
    if (bytes)
        memcpy(ret, bytes, AN_ALARM_HASH);
}

an_err an_tally_restore(an_tally *t, an_reader *in)
{
    an_tally r = {.n = 0};
    take_hash(in, r.version);
    take_hash(in, r.overlay);
    r.since_ms = (int64_t)an_read_u64(in);
    r.said_ms = (int64_t)an_read_u64(in);
    r.first = an_read_u64(in);
    r.rows = an_read_u64(in);
    r.alarms = an_read_u64(in);
    r.missed = an_read_u64(in);
    for (size_t i = 0; i < 3; i++)
        r.settled[i] = an_read_u64(in);
    const uint32_t n = an_read_u32(in);
    if (in->failed || n > AN_TALLY_VERDICTS)
        return AN_ERR_PROTO;
    for (r.n = 0; r.n < n; r.n++) {
        const uint64_t alarm = an_read_u64(in);
        const uint32_t verdict = an_read_u32(in);
        if (in->failed || verdict > AN_VERDICT_UNSURE || (r.n > 0 && alarm <= r.judged[r.n - 1].alarm))
            return AN_ERR_PROTO;
        r.judged[r.n].alarm = alarm;
        r.judged[r.n].verdict = (an_verdict)verdict;
    }
    r.changed = r.urgent = true; /* what was on its way may have been lost */
    *t = r;
    return AN_OK;
}
