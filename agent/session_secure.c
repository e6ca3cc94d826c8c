/* Secure sums at a site: the machine of sum/secure_site.h, its state on disk before each message, and the
 * vector that waits until its masks are known.
 *
 *     plan judged -> begin, KEYS
 *     LIST -> SHARES                    meanwhile the trainer makes the vector
 *     INBOX, and the vector is there -> masked, written, MASKED and the offer
 *     SURVIVORS -> SIGNED;  SIGNATURES -> REVEAL
 *
 * A message that breaks a promise ends the site's part in the round, with a line in its journal. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/workers.h"
#include "sum/vector.h"
#include "trust/cohort.h"
#include "trust/private.h"

#define SAY_LAST_MS 300000 /* others may train for hours */
#define SAY_AGAIN_MS 10000 /* the answer may have been lost with a connection */
#define BEGUN_MAX 256      /* rounds remembered one by one; all below the oldest count as begun */
#define STATE_MAX (1u << 20)
#define TILE ((size_t)1 << 18) /* coordinates masked by one worker at a time */

/* ---- rounds that were begun: never again, also after a restart ---- */

typedef struct begun {
    uint64_t floor; /* all up to this */
    uint64_t rounds[BEGUN_MAX];
    size_t n;
} begun;

static an_err begun_read(an_session *s, begun *ret, an_note *why)
{
    an_buf b;
    an_buf_init(&b, 8 * (BEGUN_MAX + 1));
    *ret = (begun){.n = 0};
    an_err err = an_spool_value_get(s->spool, "secure.begun", &b, why);
    an_reader r = an_reader_of(b.data, b.len);
    if (err == AN_OK && b.len >= 8) {
        ret->floor = an_read_u64(&r);
        while (r.left >= 8 && ret->n < BEGUN_MAX)
            ret->rounds[ret->n++] = an_read_u64(&r);
    }
    an_buf_done(&b);
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

static bool was_begun(const begun *l, uint64_t round)
{
    bool found = round <= l->floor;
    for (size_t i = 0; i < l->n; i++)
        found = found || l->rounds[i] == round;
    return found;
}

/* The lowest goes when the list is full. */
static void drop_lowest(begun *l)
{
    size_t low = 0;
    for (size_t i = 1; i < l->n; i++)
        if (l->rounds[i] < l->rounds[low])
            low = i;
    l->floor = l->rounds[low];
    l->rounds[low] = l->rounds[--l->n];
}

static an_err begun_add(an_session *s, begun *l, uint64_t round, an_note *why)
{
    an_buf b;
    if (l->n == BEGUN_MAX)
        drop_lowest(l);
    l->rounds[l->n++] = round;
    an_buf_init(&b, 8 * (BEGUN_MAX + 1));
    an_buf_u64(&b, l->floor);
    for (size_t i = 0; i < l->n; i++)
        an_buf_u64(&b, l->rounds[i]);
    an_err err = b.failed ? AN_ERR_NOMEM : an_spool_value_set(s->spool, "secure.begun", b.data, b.len, why);
    an_buf_done(&b);
    return err;
}

an_err an_secure_begun_before(an_session *s, uint64_t round, bool *ret, an_note *why)
{
    begun list;
    an_err err = begun_read(s, &list, why);
    if (err == AN_OK)
        *ret = was_begun(&list, round);
    return err;
}

/* ---- state and messages ---- */

an_err an_secure_path(const an_session *s, uint64_t round, char out[static AN_PATH_MAX])
{
    char name[64];
    snprintf(name, sizeof name, "round-%" PRIu64 ".secure", round);
    return an_path_join(out, s->uploads_dir, name);
}

static void wipe(an_buf *b)
{
    if (b->data)
        an_wipe(b->data, b->len);
    an_buf_done(b);
}

/* The state's file is length and text of the roster that the round began with, and what sum/secure_site.h saves:
 * by the time of a restart another roster may be in force. */
static an_err save(const an_session *s, const an_part *p, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf state;
    an_buf_init(&state, STATE_MAX);
    an_buf_u32(&state, (uint32_t)p->secure->roster.len);
    an_buf_put(&state, p->secure->roster.data, p->secure->roster.len);
    an_err err = an_secure_path(s, p->round, path);
    if (err == AN_OK)
        err = an_secure_site_save(p->secure->site, &state);
    if (err == AN_OK)
        err = an_file_write(path, state.data, state.len, 0600, why);
    wipe(&state);
    return err;
}

void an_secure_say(an_session *s, an_part *p)
{
    an_msg m = {.type = AN_MSG_SECURE};
    an_buf content;
    if (p->secure->wait_ms < SAY_AGAIN_MS)
        p->secure->wait_ms = SAY_AGAIN_MS;
    p->secure->say_ms = an_session_now(s) + p->secure->wait_ms;
    p->secure->wait_ms = p->secure->wait_ms * 2 < SAY_LAST_MS ? p->secure->wait_ms * 2 : SAY_LAST_MS;
    an_buf_init(&content, AN_MSG_CONTROL_MAX);
    if (an_secure_site_message(p->secure->site, &content) == AN_OK && content.len > 0) {
        m.u.secure = (an_msg_secure){.round = p->round,
                                     .plan_hash = p->plan_hash,
                                     .content = {.data = content.data, .len = content.len}};
        an_err err = an_session_send(s, &m);
        (void)err; /* said again */
    }
    wipe(&content);
}

static void leave(an_session *s, an_part *p, const char *reason)
{
    an_note words = {{0}};
    an_cohort_words(&words, reason, p->plan->secure.groups, p->secure->group, an_cohort_plan_name, p->plan);
    an_log(AN_LOG_WARN, "secure_sum_left", "round=%" PRIu64 " why=\"%s\"", p->round, words.text);
    an_parts_refuse(s, p, words.text);
}

/* ---- taking part ---- */

static an_err check_cohort(an_session *s, const an_cohort *c, uint32_t place, an_note *why)
{
    if (!an_secret_equal(c->params.members[place].statement_key, s->conf.sign_public, AN_SIGN_PUBLIC_BYTES))
        return an_fail(AN_ERR_REFUSED, why, "the roster has another statement key for this site");
    if (c->n_parties < (uint64_t)s->conf.policy->min_cohort)
        return an_fail(AN_ERR_REFUSED, why, "site policy: %u parties in a sum, min_cohort is %lld",
                       c->n_parties, (long long)s->conf.policy->min_cohort);
    return AN_OK;
}

static an_err check_begun(an_session *s, uint64_t round, an_note *why)
{
    begun list;
    an_err err = begun_read(s, &list, why);
    if (err == AN_OK && was_begun(&list, round))
        return an_fail(AN_ERR_REFUSED, why,
                       "this site has begun round %" PRIu64 " before, and no round twice", round);
    return err;
}

/* What the round began with; without a file the roster of today.  *ret_saved points into state, or is empty.
 * Errors: REFUSED another roster than the plan's. */
static an_err read_state(const an_session *s, const an_plan *plan, an_buf *state, an_buf *ret_roster,
                         an_reader *ret_saved, an_note *why)
{
    char path[AN_PATH_MAX];
    an_hash hash;
    an_err err = an_secure_path(s, plan->round, path);
    if (err == AN_OK && an_file_exists(path)) {
        if ((err = an_file_read(state, path, why)) != AN_OK)
            return err;
        *ret_saved = an_reader_of(state->data, state->len);
        const uint32_t len = an_read_u32(ret_saved);
        const uint8_t *text = an_read_bytes(ret_saved, len);
        if (!text)
            return an_fail(AN_ERR_PROTO, why, "%s is damaged", path);
        an_buf_put(ret_roster, text, len);
        err = an_buf_err(ret_roster);
    } else if (err == AN_OK && s->roster.n > 0) {
        err = an_roster_text(&s->roster, ret_roster, why);
    }
    if (err != AN_OK)
        return err;
    an_hash_of(&hash, ret_roster->data, ret_roster->len);
    if (!an_hash_equal(&plan->secure.roster, &hash))
        return an_fail(AN_ERR_REFUSED, why,
                       "the plan is by another roster than the signed one here (%" PRIu64 ")",
                       s->roster.counter);
    return AN_OK;
}

/* A saved state is of this plan and no other, or it does not open. */
static an_err open_site(an_session *s, const an_plan *plan, const an_cohort *c, uint32_t place,
                        const an_reader *saved, an_secure_site **ret, an_note *why)
{
    an_err err;
    if (saved->left == 0) {
        err = check_begun(s, plan->round, why);
        return err == AN_OK ? an_secure_site_new(&c->params, place, s->conf.sign_secret, ret, why) : err;
    }
    err = an_secure_site_restore(&c->params, place, s->conf.sign_secret, saved->at, saved->left, ret, why);
    return err == AN_ERR_PROTO ? an_fail(AN_ERR_REFUSED, why,
                                         "this site has begun round %" PRIu64 " by another plan", plan->round)
                               : err;
}

/* A freeze check: a site that was revoked since may still stand in it.  What was begun goes on. */
static an_err check_fresh(const an_session *s, const an_roster *roster, const an_reader *saved, an_note *why)
{
    if (saved->left > 0 || roster->expires_ms == 0 ||
        s->conf.clock->wall_ms(s->conf.clock) < roster->expires_ms)
        return AN_OK;
    return an_fail(AN_ERR_REFUSED, why,
                   "roster %" PRIu64 " has expired, and the release root has signed no other",
                   roster->counter);
}

static an_err begin(an_session *s, const an_plan *plan, const an_hash *plan_hash, const an_roster *roster,
                    const an_reader *saved, an_part_secure *secure, an_note *why)
{
    const uint32_t me = (uint32_t)an_plan_find_site(plan, s->conf.site);
    const uint32_t group = an_cohort_group(plan, me), place = an_cohort_place(plan, me);
    an_cohort c;
    an_err err = an_cohort_of(plan, plan_hash, roster, group, &c, why);
    if (err != AN_OK)
        return err;
    secure->group = group;
    secure->dim = plan->dim;
    err = check_cohort(s, &c, place, why);
    if (err == AN_OK)
        err = an_private_check(plan, an_private_counted(plan, &c), why);
    if (err == AN_OK)
        err = open_site(s, plan, &c, place, saved, &secure->site, why);
    an_cohort_done(&c);
    return err;
}

an_err an_secure_begin(an_session *s, const an_plan *plan, const an_hash *plan_hash, an_part_secure **ret,
                       an_note *why)
{
    an_roster roster = {.n = 0};
    an_reader saved = {.left = 0};
    an_buf state;
    if (an_plan_find_site(plan, s->conf.site) < 0)
        return an_fail(AN_ERR_REFUSED, why, "site %s is not in the cohort", s->conf.site);
    an_part_secure *secure = an_alloc(1, sizeof *secure);
    if (!secure)
        return AN_ERR_NOMEM;
    an_buf_init(&state, STATE_MAX);
    an_buf_init(&secure->roster, AN_ROSTER_TEXT_MAX);
    an_err err = read_state(s, plan, &state, &secure->roster, &saved, why);
    if (err == AN_OK)
        err = an_roster_parse(secure->roster.data, secure->roster.len, &roster, why);
    if (err == AN_OK)
        err = check_fresh(s, &roster, &saved, why);
    if (err == AN_OK)
        err = begin(s, plan, plan_hash, &roster, &saved, secure, why);
    an_roster_done(&roster);
    wipe(&state);
    if (err != AN_OK) {
        an_secure_free(secure);
        return err;
    }
    *ret = secure;
    return AN_OK;
}

bool an_secure_was_begun(const an_session *s, uint64_t round)
{
    char path[AN_PATH_MAX];
    return an_secure_path(s, round, path) == AN_OK && an_file_exists(path);
}

void an_secure_free(an_part_secure *secure)
{
    if (!secure)
        return;
    an_secure_site_free(secure->site);
    if (secure->vector)
        an_wipe(secure->vector, secure->dim * sizeof *secure->vector);
    an_free(secure->vector);
    an_buf_done(&secure->roster);
    an_free(secure);
}

/* The state first: a kill between the two leaves a state of which nothing was said; the next start sweeps it, and the round
 * may begin.  The other way round it could neither go on nor begin. */
an_err an_secure_start(an_session *s, an_part *p, an_note *why)
{
    begun list;
    an_err err = save(s, p, why);
    if (err == AN_OK)
        err = begun_read(s, &list, why);
    return err == AN_OK && !was_begun(&list, p->round) ? begun_add(s, &list, p->round, why) : err;
}

/* ---- the vector ---- */

typedef struct masking {
    const an_secure_site *site;
    uint32_t *v;
    size_t dim;
    _Atomic int err;
} masking;

static void mask_tile(void *ctx, size_t job, size_t worker)
{
    masking *m = ctx;
    const size_t from = job * TILE, n = m->dim - from < TILE ? m->dim - from : TILE;
    (void)worker;
    an_err err = an_secure_site_mask(m->site, m->v + from, from, n);
    if (err != AN_OK)
        m->err = (int)err;
}

static an_err mask(an_session *s, an_part *p)
{
    masking m = {.site = p->secure->site, .v = p->secure->vector, .dim = p->plan->dim, .err = AN_OK};
    an_workers *workers = NULL;
    an_err err = an_workers_new(s->conf.n_threads ? s->conf.n_threads : 1, &workers);
    if (err != AN_OK)
        return err;
    an_workers_run(workers, (m.dim + TILE - 1) / TILE, mask_tile, &m);
    an_workers_free(workers);
    return (an_err)m.err;
}

/* The file and its row first, then the commit: what was signed can always be sent. */
static an_err mask_and_commit(an_session *s, an_part *p, an_note *why)
{
    an_update_header header = {.round = p->round, .dim = p->plan->dim, .plan_hash = p->plan_hash};
    char name[64];
    an_err err = mask(s, p);
    if (err != AN_OK)
        return err;
    snprintf(header.site, sizeof header.site, "%s", s->conf.site);
    snprintf(name, sizeof name, "round-%" PRIu64 ".update", p->round);
    if ((err = an_path_join(p->path, s->uploads_dir, name)) != AN_OK ||
        (err = an_update_write(p->path, &header, p->secure->vector, &p->update, why)) != AN_OK)
        return err;
    an_free(p->secure->vector);
    p->secure->vector = NULL;
    p->size = an_update_size(p->plan->dim);
    if ((err = an_parts_note_upload(s, p, why)) != AN_OK ||
        (err = an_secure_site_commit(p->secure->site, &p->update, why)) != AN_OK)
        return err;
    return save(s, p, why);
}

/* Both are needed: the vector of the trainer, and the masks of the INBOX. */
static void mask_if_ready(an_session *s, an_part *p)
{
    an_note why = {{0}};
    if (!p->secure->vector || an_secure_site_phase_of(p->secure->site) != AN_SECURE_SITE_MASKING)
        return;
    an_err err = mask_and_commit(s, p, &why);
    if (err != AN_OK)
        leave(s, p, why.text[0] ? why.text : an_err_text(err));
    else
        an_parts_hold(s, p);
}

void an_secure_trained(an_session *s, an_part *p, uint32_t **vector)
{
    p->secure->vector = *vector;
    *vector = NULL;
    p->state = AN_PART_WAITING;
    mask_if_ready(s, p);
}

/* ---- after a restart, and what the coordinator says ---- */

an_err an_secure_resume(an_session *s, an_part *p, an_note *why)
{
    if (p->state != AN_PART_HOLDING || an_secure_site_phase_of(p->secure->site) != AN_SECURE_SITE_MASKING)
        return AN_OK;
    an_err err = an_secure_site_commit(p->secure->site, &p->update, why);
    return err == AN_OK ? save(s, p, why) : err;
}

an_err an_secure_message(an_session *s, const an_msg *msg, an_note *why)
{
    const an_msg_secure *m = &msg->u.secure;
    an_part *p = an_parts_find(s, m->round);
    an_note inner = {{0}};
    if (!p || !p->secure || !p->secure->site || !an_hash_equal(&p->plan_hash, &m->plan_hash))
        return AN_OK; /* of a round that is over or that this site has left */
    const an_secure_site_phase before = an_secure_site_phase_of(p->secure->site);
    an_err err = an_secure_site_feed(p->secure->site, m->content.data, m->content.len, &inner);
    if (err == AN_ERR_STATE || err == AN_ERR_NOMEM)
        return err; /* too early, or it comes again */
    if (err == AN_OK && an_secure_site_phase_of(p->secure->site) == before)
        return AN_OK; /* the same again: an answer to it would be answered without end; the tick says it again */
    p->secure->wait_ms = 0;
    if (err == AN_OK)
        err = save(s, p, &inner);
    if (err != AN_OK) {
        if (why)
            *why = inner;
        leave(s, p, inner.text[0] ? inner.text : an_err_text(err));
        return err;
    }
    if (an_secure_site_phase_of(p->secure->site) == AN_SECURE_SITE_MASKING)
        mask_if_ready(s, p);
    else
        an_secure_say(s, p);
    return AN_OK;
}

/* ---- time ---- */

void an_secure_tick(an_session *s, bool all)
{
    const int64_t now = an_session_now(s);
    for (size_t i = 0; s->greeted && i < s->n_parts; i++) {
        an_part *p = s->parts[i];
        if (p->secure && p->secure->site && p->accepted && (all || now >= p->secure->say_ms))
            an_secure_say(s, p);
    }
}

int64_t an_secure_deadline(const an_session *s)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; s->greeted && i < s->n_parts; i++) {
        const an_part *p = s->parts[i];
        if (p->secure && p->secure->site && p->accepted && p->secure->say_ms < next)
            next = p->secure->say_ms;
    }
    return next;
}
