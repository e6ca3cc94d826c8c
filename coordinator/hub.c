/* The hub's life: replaying the journal, appending to it, time. */
#include "coordinator/hub_internal.h"
#include "trust/delivery.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"

/* After a start the sites need a moment to come back: no exchange of a secure sum ends in it for lack of them. */
#define GRACE_MS 30000
#define RETRY_MS 500 /* how often campaigns that wait for sites are looked at */

an_err an_hub_record_fail(const an_record *record, an_err err, const an_note *inner, an_note *why)
{
    return an_fail(err, why,
                   "journal record %llu (%s, %s): %.120s; the journal is of another version or was changed: "
                   "see \"A journal that cannot be read\" in OPERATIONS",
                   (unsigned long long)record->seq, record->kind, record->subject,
                   inner->text[0] ? inner->text : an_err_text(err));
}

static an_err replay_one(void *ctx, const an_record *record, an_note *why)
{
    an_hub *hub = ctx;
    an_note inner = {{0}};
    an_err err = an_state_apply(&hub->state, record, &inner);
    return err == AN_OK ? AN_OK : an_hub_record_fail(record, err, &inner, why);
}

an_err an_hub_new(const an_hub_conf *conf, an_hub **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_hub *hub = an_alloc(1, sizeof *hub);
    if (!hub || !(hub->seal_secret = an_secret_alloc(AN_AGREE_BYTES)))
        goto out;
    hub->conf = *conf;
    if (conf->seal_secret) {
        memcpy(hub->seal_secret, conf->seal_secret, AN_AGREE_BYTES);
        an_agree_public(hub->seal_public, hub->seal_secret);
    } else if (conf->sign_secret)
        an_delivery_seal_keys(hub->seal_secret, hub->seal_public, conf->sign_secret);
    hub->next_epoch =
        1 + (conf->instance >> 8); /* a message for the session of another coordinator is not taken */
    hub->next_msg_id = 1;
    an_state_init(&hub->state);
    if ((err = an_store_scan(conf->store, &(an_store_filter){0}, replay_one, hub, why)) != AN_OK)
        goto out;
    if ((err = an_hub_root_open(hub, why)) != AN_OK)
        goto out;
    for (size_t i = 0; i < hub->state.sites.n; i++)
        if (hub->state.sites.items[i].status == AN_SITE_APPROVED)
            conf->io.admit(conf->io.ctx, &hub->state.sites.items[i], true);
    if ((err = an_hub_rounds_resume(hub, why)) != AN_OK)
        goto out;
    if ((err = an_hub_clock_resume(hub, why)) != AN_OK)
        goto out;
    *ret = hub;
    hub = NULL;
    an_hub_roster_refresh(*ret); /* a journal of before there were rosters, or another root */
    an_hub_drive(*ret);
out:
    an_hub_free(hub);
    return err;
}

void an_hub_free(an_hub *hub)
{
    if (!hub)
        return;
    an_hub_rounds_free(hub);
    for (size_t i = 0; i < hub->models.n; i++)
        an_free(hub->models.items[i].tensors);
    an_free(hub->models.items);
    an_free(hub->live.items);
    for (size_t i = 0; i < hub->waiting.n; i++)
        an_free(hub->waiting.items[i].bytes);
    an_free(hub->waiting.items);
    an_state_done(&hub->state);
    an_secret_free(hub->seal_secret);
    an_free(hub);
}

/* ---- the journal ---- */

void an_batch_add(an_record_batch *b, const char *kind, const char *subject, const char *actor,
                  const char *idem, an_json *body)
{
    char *text = an_json_print(body, 0);
    an_json_free(body);
    if (!text || b->n == AN_BATCH_MAX) {
        an_free(text);
        b->err = text ? AN_ERR_LIMIT : AN_ERR_NOMEM;
        return;
    }
    size_t i = b->n++;
    snprintf(b->subjects[i], sizeof b->subjects[i], "%s", subject);
    snprintf(b->idems[i], sizeof b->idems[i], "%s", idem ? idem : "");
    b->bodies[i] = text;
    b->records[i] = (an_record){.kind = kind,
                                .subject = b->subjects[i],
                                .actor = actor,
                                .idem = idem ? b->idems[i] : NULL,
                                .body = text,
                                .body_len = strlen(text)};
}

void an_batch_drop(an_record_batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        an_free(b->bodies[i]);
    b->n = 0;
}

static an_err append(an_hub *hub, an_record_batch *b, size_t n_batches, uint64_t *ret_last, an_note *why)
{
    an_record *all = b->records;
    size_t n = 0, at = 0;
    for (size_t k = 0; k < n_batches; k++) {
        if (b[k].err != AN_OK)
            return b[k].err;
        n += b[k].n;
    }
    if (n_batches > 1) {
        if (!(all = an_alloc(n, sizeof *all)))
            return AN_ERR_NOMEM;
        for (size_t k = 0; k < n_batches; k++) {
            memcpy(all + at, b[k].records, b[k].n * sizeof *all);
            at += b[k].n;
        }
    }
    an_err err = an_store_append(hub->conf.store, all, n, ret_last, why);
    hub->n_commits += err == AN_OK && n > 0;
    hub->deposed = hub->deposed || err == AN_ERR_STATE;
    if (all != b->records)
        an_free(all);
    return err;
}

/* Nothing is appended that could not be applied now and at every later start. */
static an_err check(an_hub *hub, const an_record_batch *b, size_t n, an_note *why)
{
    size_t ahead = 0;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < b[k].n && b[k].err == AN_OK; i++) {
            an_note inner = {{0}};
            const an_record *r = &b[k].records[i];
            an_err err = an_state_check(&hub->state, r, ahead++, &inner);
            if (err == AN_OK)
                continue;
            an_log(AN_LOG_ERROR, "record_not_appended", "kind=%s subject=%s err=%s why=\"%s\"", r->kind,
                   r->subject, an_err_name(err), inner.text);
            return an_fail(err, why, "record %s, %s, does not fit what is known: %.150s", r->kind, r->subject,
                           inner.text[0] ? inner.text : an_err_text(err));
        }
    }
    return AN_OK;
}

static an_err apply(an_hub *hub, const an_record *record)
{
    an_note note = {{0}};
    an_err err = an_state_apply(&hub->state, record, &note);
    if (err != AN_OK) {
        an_log(AN_LOG_ERROR, "record_not_applied", "seq=%llu kind=%s err=%s why=\"%s\"",
               (unsigned long long)record->seq, record->kind, an_err_name(err), note.text);
        hub->behind = true;
    }
    return err;
}

void an_hub_ask(an_hub *hub, const char *actor, const char *key)
{
    snprintf(hub->asker, sizeof hub->asker, "%s", actor ? actor : "");
    snprintf(hub->asked_key, sizeof hub->asked_key, "%s", actor && key ? key : "");
}

/* True: a record carries the key. */
static bool put_key(const an_hub *hub, an_record_batch *b, size_t n)
{
    for (size_t k = 0; k < n && hub->asked_key[0]; k++) {
        for (size_t i = 0; i < b[k].n; i++) {
            an_record *r = &b[k].records[i];
            if (r->idem || strcmp(r->actor, hub->asker) != 0)
                continue;
            snprintf(b[k].idems[i], sizeof b[k].idems[i], "%s", hub->asked_key);
            r->idem = b[k].idems[i];
            return true;
        }
    }
    return false;
}

an_err an_hub_commit_all(an_hub *hub, an_record_batch *b, size_t n, an_note *why)
{
    an_err err = hub->behind ? AN_ERR_NOMEM : AN_OK;
    uint64_t last = 0, seq = 0;
    int64_t now = an_hub_now(hub);
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < b[k].n; i++)
            b[k].records[i].time_ms = now;
        seq += b[k].n;
    }
    if (err == AN_OK)
        err = check(hub, b, n, why);
    const bool keyed = err == AN_OK && put_key(hub, b, n);
    if (err == AN_OK)
        err = append(hub, b, n, &last, why);
    if (keyed && err == AN_ERR_EXISTS)
        err = an_fail(err, why, "a request with this Idempotency-Key was done before; nothing was done now");
    if (keyed && err == AN_OK)
        an_hub_ask(hub, NULL, NULL); /* the rest of the same request is not a repetition */
    seq = last - seq;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < b[k].n && err == AN_OK; i++) {
            b[k].records[i].seq = ++seq;
            err = apply(hub, &b[k].records[i]);
        }
        an_batch_drop(&b[k]);
    }
    return err;
}

an_err an_hub_commit(an_hub *hub, an_record_batch *b, an_note *why)
{
    return an_hub_commit_all(hub, b, 1, why);
}

void an_json_set_hash(an_json *o, const char *key, const an_hash *h)
{
    char hex[AN_HASH_TEXT];
    if (an_hash_is_zero(h))
        return;
    an_hash_text(hex, h);
    an_json_set_text(o, key, hex);
}

/* ---- sending ---- */

an_hub_live *an_hub_live_get(an_hub *hub, const char *site)
{
    for (size_t i = 0; i < hub->live.n; i++)
        if (strcmp(hub->live.items[i].site, site) == 0)
            return &hub->live.items[i];
    return NULL;
}

an_err an_hub_send(an_hub *hub, const char *site, an_msg *msg)
{
    const an_hub_live *live = an_hub_live_get(hub, site);
    if (!live || !live->connected)
        return AN_ERR_NOTFOUND;
    if (hub->deposed)
        return AN_ERR_STATE; /* another coordinator speaks to the sites now */
    if (msg->type == AN_MSG_UPDATE_ACK && msg->u.update_ack.status > AN_UPDATE_ACCEPTED)
        hub->figures.updates[msg->u.update_ack.status]++;
    msg->epoch = live->epoch;
    msg->msg_id = hub->next_msg_id++;
    return hub->conf.io.send(hub->conf.io.ctx, site, msg);
}

void an_hub_lost(an_hub *hub, const char *site)
{
    an_hub_live *live = an_hub_live_get(hub, site);
    if (live)
        live->connected = false;
}

/* ---- time ---- */

/* Memory ran out between the journal and the state: reads the rest of the journal, and the open
 * rounds anew, as a restart would. */
static an_err catch_up(an_hub *hub)
{
    an_note why = {{0}};
    an_err err = an_store_scan(hub->conf.store, &(an_store_filter){.after_seq = hub->state.last_seq},
                               replay_one, hub, &why);
    if (err == AN_OK) {
        an_hub_rounds_free(hub);
        err = an_hub_rounds_resume(hub, &why);
    }
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "journal_not_read", "err=%s why=\"%s\"", an_err_name(err), why.text);
    return err;
}

static int64_t deadline_of(const an_hub *hub, const an_hub_round *r)
{
    const int64_t deadline = an_round_deadline(&r->round), again = hub->resumed_ms + GRACE_MS;
    return r->round.secure && r->is_resumed && deadline < again ? again : deadline;
}

void an_hub_tick(an_hub *hub)
{
    an_hub_watch_clock(hub);
    int64_t now = an_hub_now(hub);
    an_hub_settle(hub);
    if (hub->behind && catch_up(hub) != AN_OK) {
        hub->retry_ms = now + RETRY_MS;
        return;
    }
    hub->behind = false;
    for (size_t i = 0; i < hub->live.n; i++) {
        an_hub_live *live = &hub->live.items[i];
        if (live->connected && now - live->seen_ms > 3 * (int64_t)hub->conf.lease_ms) {
            an_log(AN_LOG_WARN, "site_silent", "site=%s seconds=%lld", live->site,
                   (long long)((now - live->seen_ms) / 1000));
            live->connected = false;
        }
    }
    /* A round that ends takes itself out of the list, so walk from the end. */
    for (size_t i = hub->rounds.n; i-- > 0;) {
        an_hub_round *r = hub->rounds.items[i];
        an_hub_round_remind(hub, r);
        if (now >= deadline_of(hub, r))
            an_hub_round_event(hub, r, &(an_round_event){.type = AN_ROUND_EVENT_TIME, .now_ms = now},
                               "coordinator");
        else if (r->n_lacking > 0)
            an_hub_again_tick(hub, r);
        else if (r->round.state == AN_ROUND_SUMMING && !r->combining)
            an_hub_sum_start(hub, r); /* what it came to could not be stored the last time */
    }
    an_hub_releases_tick(hub);
    an_hub_drive(hub);
    an_hub_clock_seen(hub);
    an_hub_announce_tick(hub);
    an_hub_refits_tick(hub);
    an_hub_prune(hub);
    an_hub_prune_bundles(hub);
    hub->retry_ms = now + RETRY_MS;
}

int64_t an_hub_deadline(const an_hub *hub)
{
    int64_t next = hub->retry_ms;
    for (size_t i = 0; i < hub->rounds.n && !hub->behind; i++) {
        int64_t d = deadline_of(hub, hub->rounds.items[i]);
        if (d < next &&
            d > hub->retry_ms - RETRY_MS) /* one that the last tick could not settle is not due at once */
            next = d;
    }
    return next == INT64_MAX ? next : next - hub->shift_ms;
}

bool an_hub_is_deposed(const an_hub *hub)
{
    return hub->deposed;
}

/* ---- looking ---- */

an_hash an_hub_desired_version(an_hub *hub, const char *model, const char *site)
{
    an_hub_desired d = {.statement = NULL};
    const an_model_entry *m = an_state_model(&hub->state, model);
    if (m)
        an_hub_desire(hub, m, site, &d);
    return d.version;
}

an_state *an_hub_state(an_hub *hub)
{
    return &hub->state;
}

an_store *an_hub_store(an_hub *hub)
{
    return hub->conf.store;
}

const an_hub_live *an_hub_live_at(an_hub *hub, size_t i)
{
    return i < hub->live.n ? &hub->live.items[i] : NULL;
}

const an_hub_live *an_hub_live_find(an_hub *hub, const char *site)
{
    return an_hub_live_get(hub, site);
}

const an_round *an_hub_round_open(an_hub *hub, uint64_t id)
{
    an_hub_round *r = an_hub_round_find(hub, id);
    return r ? &r->round : NULL;
}
