/* fetch.c - the receiving half of bulk.h.
 *
 *     0 ...... hashed ............... next ............... total
 *     written   up to 8 slots: asked,  not yet asked for
 *     & hashed  overdue, or here early
 *
 * `hashed` moves only over bytes without a gap, so it is the offset to resume from. */
#include "net/bulk.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

#define READ_BYTES (16u * 1024u) /* on the stack */

typedef enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_OVERDUE, SLOT_HERE } slot_state;

typedef struct slot {
    slot_state state;
    uint32_t len;
    uint64_t offset;
    int64_t deadline_ms;
} slot;

struct an_fetch {
    an_fetch_conf conf;
    an_hasher hasher;
    uint64_t hashed, next;
    slot slots[AN_FETCH_WINDOW];
    int64_t heard_ms; /* when the sender last gave a chunk, or was first asked */
    bool asked, done, failed;
};

/* Chunks end at multiples of AN_CHUNK_BYTES whatever offset a fetch was resumed from. */
static uint32_t chunk_len(uint64_t offset, uint64_t total)
{
    uint64_t len = AN_CHUNK_BYTES - offset % AN_CHUNK_BYTES;
    return (uint32_t)(len < total - offset ? len : total - offset);
}

static an_err hash_back(an_fetch *f, uint64_t offset, uint64_t len)
{
    uint8_t buf[READ_BYTES];
    while (len) {
        size_t n = len < READ_BYTES ? (size_t)len : READ_BYTES;
        an_err err = f->conf.read(f->conf.user, offset, buf, n);
        if (err != AN_OK)
            return err;
        an_hasher_add(&f->hasher, buf, n);
        offset += n;
        len -= n;
    }
    return AN_OK;
}

an_err an_fetch_new(const an_fetch_conf *conf, an_fetch **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_fetch *f = NULL;

    if (conf->total > conf->total_max)
        return an_fail(AN_ERR_LIMIT, why, "object of %" PRIu64 " bytes: at most %" PRIu64 " are accepted",
                       conf->total, conf->total_max);
    if (conf->resume_at > conf->total || conf->timeout_ms < 1 || !conf->write || !conf->read || !conf->ask ||
        (conf->budget && conf->budget->max < AN_CHUNK_BYTES))
        return an_fail(AN_ERR_INVAL, why, "transfer: offset, timeout or budget out of range");
    if (!(f = an_alloc(1, sizeof *f)))
        goto out;
    f->conf = *conf;
    f->hashed = f->next = conf->resume_at;
    an_hasher_init(&f->hasher);
    if ((err = hash_back(f, 0, conf->resume_at)) != AN_OK) {
        an_note_set(why, "transfer: cannot read back what is there: %s", an_err_text(err));
        goto out;
    }
    *ret = f;
    f = NULL;
out:
    an_fetch_free(f);
    return err;
}

static void budget_give(an_fetch *f, uint32_t len)
{
    if (f->conf.budget)
        f->conf.budget->used -= len;
}

static bool budget_take(an_fetch *f, uint32_t len)
{
    an_budget *b = f->conf.budget;
    if (!b)
        return true;
    if (b->used > b->max || len > b->max - b->used)
        return false;
    b->used += len;
    return true;
}

static void close_asks(an_fetch *f, slot_state into)
{
    for (size_t i = 0; i < AN_FETCH_WINDOW; i++) {
        if (f->slots[i].state != SLOT_OPEN)
            continue;
        budget_give(f, f->slots[i].len);
        f->slots[i].state = into;
    }
}

void an_fetch_free(an_fetch *f)
{
    if (!f)
        return;
    close_asks(f, SLOT_FREE);
    an_free(f);
}

static an_err fail(an_fetch *f, an_err err)
{
    close_asks(f, SLOT_FREE);
    f->failed = true;
    return err;
}

/* The last byte was hashed: is it the object that was asked for? */
static an_err finish(an_fetch *f)
{
    an_hash got;
    an_hasher_end(&f->hasher, &got);
    if (!an_hash_equal(&got, &f->conf.hash))
        return fail(f, AN_ERR_PROTO);
    f->done = true;
    return AN_OK;
}

static slot *slot_find(an_fetch *f, uint64_t offset)
{
    for (size_t i = 0; i < AN_FETCH_WINDOW; i++)
        if (f->slots[i].state != SLOT_FREE && f->slots[i].offset == offset)
            return &f->slots[i];
    return NULL;
}

/* The overdue slot of lowest offset; else a free slot set to the next chunk; else NULL. */
static slot *slot_to_ask(an_fetch *f)
{
    slot *overdue = NULL, *empty = NULL;
    for (size_t i = 0; i < AN_FETCH_WINDOW; i++) {
        slot *s = &f->slots[i];
        if (s->state == SLOT_FREE)
            empty = s;
        else if (s->state == SLOT_OVERDUE && (!overdue || s->offset < overdue->offset))
            overdue = s;
    }
    if (overdue)
        return overdue;
    if (!empty || f->next >= f->conf.total)
        return NULL;
    empty->offset = f->next;
    empty->len = chunk_len(f->next, f->conf.total);
    return empty;
}

static an_err ask(an_fetch *f, slot *s, int64_t now_ms)
{
    if (!budget_take(f, s->len))
        return AN_ERR_AGAIN;
    an_err err = f->conf.ask(f->conf.user, &f->conf.hash, s->offset, s->len);
    if (err != AN_OK) {
        budget_give(f, s->len);
        return err;
    }
    if (s->state == SLOT_FREE)
        f->next = s->offset + s->len;
    s->state = SLOT_OPEN;
    s->deadline_ms = now_ms + f->conf.timeout_ms;
    if (!f->asked) {
        f->asked = true;
        f->heard_ms = now_ms;
    }
    return AN_OK;
}

an_err an_fetch_step(an_fetch *f, int64_t now_ms)
{
    bool late = false;
    if (f->failed)
        return AN_ERR_STATE;
    if (f->done)
        return AN_OK;
    if (f->hashed == f->conf.total)
        return finish(f);
    for (size_t i = 0; i < AN_FETCH_WINDOW; i++) {
        slot *s = &f->slots[i];
        if (s->state != SLOT_OPEN || s->deadline_ms > now_ms)
            continue;
        s->state = SLOT_OVERDUE;
        budget_give(f, s->len);
        late = true;
    }
    if (late && now_ms - f->heard_ms >= f->conf.timeout_ms * ((int64_t)f->conf.retries + 1))
        return fail(f, AN_ERR_IO);
    for (slot *s; (s = slot_to_ask(f)) != NULL;) {
        an_err err = ask(f, s, now_ms);
        if (err == AN_ERR_AGAIN)
            break;
        if (err != AN_OK)
            return fail(f, err);
    }
    return AN_OK;
}

/* Hashes what came early and has no gap before it any more. */
static an_err catch_up(an_fetch *f)
{
    for (slot *s; (s = slot_find(f, f->hashed)) != NULL && s->state == SLOT_HERE;) {
        an_err err = hash_back(f, s->offset, s->len);
        if (err != AN_OK)
            return err;
        f->hashed += s->len;
        s->state = SLOT_FREE;
    }
    return AN_OK;
}

static an_err accept(an_fetch *f, slot *s, const void *bytes, int64_t now_ms)
{
    an_err err = f->conf.write(f->conf.user, s->offset, bytes, s->len);
    if (err != AN_OK)
        return fail(f, err);
    if (s->state == SLOT_OPEN)
        budget_give(f, s->len);
    f->heard_ms = now_ms;
    s->state = SLOT_HERE;
    if (s->offset == f->hashed) {
        an_hasher_add(&f->hasher, bytes, s->len);
        f->hashed += s->len;
        s->state = SLOT_FREE;
        if ((err = catch_up(f)) != AN_OK)
            return fail(f, err);
    }
    return f->hashed == f->conf.total ? finish(f) : AN_OK;
}

an_err an_fetch_take(an_fetch *f, const an_hash *hash, uint64_t offset, const void *bytes, size_t len,
                     int64_t now_ms)
{
    if (f->failed)
        return AN_ERR_STATE;
    if (!an_hash_equal(hash, &f->conf.hash) || offset >= f->conf.total || len == 0 ||
        len != chunk_len(offset, f->conf.total))
        return AN_ERR_PROTO;
    slot *s = slot_find(f, offset);
    if ((s && s->state == SLOT_HERE) || (!s && offset + len <= f->hashed))
        return AN_OK;
    if (!s)
        return AN_ERR_PROTO;
    return accept(f, s, bytes, now_ms);
}

void an_fetch_relink(an_fetch *f)
{
    close_asks(f, SLOT_OVERDUE);
    f->asked = false;
}

bool an_fetch_done(const an_fetch *f)
{
    return f->done;
}

bool an_fetch_failed(const an_fetch *f)
{
    return f->failed;
}

uint64_t an_fetch_at(const an_fetch *f)
{
    return f->hashed;
}

int64_t an_fetch_deadline(const an_fetch *f)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < AN_FETCH_WINDOW; i++)
        if (f->slots[i].state == SLOT_OPEN && f->slots[i].deadline_ms < least)
            least = f->slots[i].deadline_ms;
    return least;
}
