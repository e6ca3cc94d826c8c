/* The memory transport: messages as bytes in queues, one for each direction of each site, with
 * faults drawn from a seed. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/lab/federation_internal.h"

#define REJOIN_MS 1000

void an_fed_link_done(an_fed_link *link)
{
    for (size_t i = link->at; i < link->n; i++)
        an_free(link->letters[i].bytes);
    an_free(link->letters);
    *link = (an_fed_link){0};
}

static an_err post(an_fed *f, an_fed_link *link, const an_buf *bytes, int64_t due_ms)
{
    if (link->at == link->n)
        link->at = link->n = 0;
    if (!an_grow(&link->letters, &link->cap, link->n + 1, sizeof *link->letters))
        return AN_ERR_NOMEM;
    an_fed_letter *l = &link->letters[link->n];
    if (!(l->bytes = an_alloc(bytes->len, 1)))
        return AN_ERR_NOMEM;
    memcpy(l->bytes, bytes->data, bytes->len);
    l->len = bytes->len;
    l->seq = f->next_seq++;
    l->due_ms = due_ms;
    if (link->n > link->at && link->letters[link->n - 1].due_ms > due_ms)
        l->due_ms = link->letters[link->n - 1].due_ms;
    link->n++;
    f->result->messages++;
    f->result->message_bytes += bytes->len;
    return AN_OK;
}

void an_fed_send(an_fed_site *s, an_fed_link *link, const an_msg *msg)
{
    an_fed *f = s->fed;
    const an_federation_faults *faults = &f->conf->faults;
    an_note why = {{0}};
    an_buf bytes;
    if (!s->linked || s->broken)
        return;
    an_buf_init(&bytes, AN_MSG_LARGE_MAX);
    an_err err = an_msg_encode(msg, &bytes, &why);
    const double drop = an_rng_unit(&f->faults), twice = an_rng_unit(&f->faults),
                 late = an_rng_unit(&f->faults);
    int64_t due_ms = f->clock.now_ms;
    if (err == AN_OK && drop < faults->drop) {
        s->broken = true;
        f->result->dropped++;
    } else if (err == AN_OK) {
        if (late < faults->delay && faults->delay_ms > 0) {
            due_ms += 1 + (int64_t)an_rng_below(&f->faults, (uint64_t)faults->delay_ms);
            f->result->delayed++;
        }
        err = post(f, link, &bytes, due_ms);
        if (err == AN_OK && twice < faults->duplicate) {
            err = post(f, link, &bytes, due_ms);
            f->result->duplicated++;
        }
    }
    if (err != AN_OK) {
        an_log(AN_LOG_ERROR, "message_not_sent", "site=%s err=%s why=\"%s\"", s->conf->name, an_err_name(err),
               why.text);
        f->err = err;
    }
    an_buf_done(&bytes);
}

/* ---- delivery ---- */

static an_fed_link *link_at(const an_fed *f, size_t i)
{
    return i % 2 == 0 ? &f->sites[i / 2].up : &f->sites[i / 2].down;
}

static const an_fed_letter *head(const an_fed *f, size_t i)
{
    const an_fed_link *link = link_at(f, i);
    return link->at < link->n ? &link->letters[link->at] : NULL;
}

/* Which link's turn it is: the oldest letter's, or anyone's when the order is shuffled. */
static size_t choose(an_fed *f)
{
    size_t best = SIZE_MAX, n_due = 0;
    for (size_t i = 0; i < 2 * f->n_sites; i++) {
        const an_fed_letter *l = head(f, i);
        if (!l || l->due_ms > f->clock.now_ms)
            continue;
        n_due++;
        if (best == SIZE_MAX || l->seq < head(f, best)->seq)
            best = i;
    }
    if (n_due < 2 || f->conf->faults.shuffle == 0)
        return best;
    uint64_t turn = an_rng_below(&f->order, n_due);
    for (size_t i = 0; i < 2 * f->n_sites; i++) {
        const an_fed_letter *l = head(f, i);
        if (l && l->due_ms <= f->clock.now_ms && turn-- == 0)
            return i;
    }
    return best;
}

bool an_fed_deliver(an_fed *f)
{
    size_t i = choose(f);
    if (i == SIZE_MAX)
        return false;
    an_fed_site *s = &f->sites[i / 2];
    an_fed_link *link = link_at(f, i);
    an_fed_letter letter = link->letters[link->at++];
    an_note why = {{0}};
    an_msg *msg = NULL;
    an_err err = an_msg_decode(letter.bytes, letter.len, &msg, &why);
    if (err == AN_OK)
        err = i % 2 == 0 ? an_hub_message(f->hub, s->conf->name, msg, &why)
                         : an_session_message(s->session, msg, &why);
    const an_msg_type_info *type = msg ? an_msg_type_find(msg->type) : NULL;
    if (err != AN_OK)
        an_log(AN_LOG_DEBUG, "message_refused", "site=%s type=%s err=%s why=\"%s\"", s->conf->name,
               type ? type->name : "?", an_err_name(err), why.text);
    if (err == AN_ERR_NOMEM)
        f->err = err;
    an_msg_free(msg);
    an_free(letter.bytes);
    return true;
}

bool an_fed_is_quiet(const an_fed *f)
{
    for (size_t i = 0; i < 2 * f->n_sites; i++)
        if (head(f, i))
            return false;
    return f->n_chores == 0;
}

int64_t an_fed_next_letter(const an_fed *f)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < 2 * f->n_sites; i++)
        if (head(f, i) && head(f, i)->due_ms < next)
            next = head(f, i)->due_ms;
    for (size_t i = 0; i < f->n_sites; i++)
        if (!f->sites[i].linked && f->sites[i].rejoin_ms < next)
            next = f->sites[i].rejoin_ms;
    return next;
}

void an_fed_mend(an_fed *f)
{
    for (size_t i = 0; i < f->n_sites; i++) {
        an_fed_site *s = &f->sites[i];
        if (s->broken) {
            s->broken = s->linked = false;
            s->rejoin_ms = f->clock.now_ms + REJOIN_MS;
            an_fed_link_done(&s->up);
            an_fed_link_done(&s->down);
            an_hub_lost(f->hub, s->conf->name);
            an_session_lost(s->session);
        } else if (!s->linked && f->clock.now_ms >= s->rejoin_ms) {
            s->linked = true;
            an_session_connected(s->session);
        }
    }
}
