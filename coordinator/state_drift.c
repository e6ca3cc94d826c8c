/* What reports of drift do to the state, and campaigns to them. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/state_internal.h"

/* A site does not fill the list: its oldest report that nobody has answered makes room. */
static void forget_oldest(an_state *st, const char *site)
{
    size_t n = 0, oldest = 0;
    for (size_t i = st->drifts.n; i-- > 0;) {
        if (st->drifts.items[i].campaign != 0 || strcmp(st->drifts.items[i].site, site) != 0)
            continue;
        oldest = i;
        n++;
    }
    if (n < AN_DRIFTS_MAX)
        return;
    an_drift_entry *at = &st->drifts.items[oldest];
    memmove(at, at + 1, (st->drifts.n - oldest - 1) * sizeof *at);
    st->drifts.n--;
}

void an_state_drift_alert(an_state *st, const an_record *r, an_body *b)
{
    an_drift_entry d = {.version = an_body_hash(b, "version", true),
                        .time_ms = r->time_ms,
                        .since_ms = an_body_int(b, "since_ms", 0),
                        .sign = (int32_t)an_body_int(b, "sign", 0),
                        .effect = an_body_num(b, "effect"),
                        .threshold = an_body_num(b, "threshold"),
                        .n_reference = (uint64_t)an_body_int(b, "n_reference", 0)};
    an_body_name(b, d.site, r->subject);
    an_body_name(b, d.model, an_body_text(b, "model", NULL));
    an_body_name(b, d.line, an_body_text(b, "line", NULL));
    an_text_set(d.test, sizeof d.test, an_body_text(b, "test", ""));
    an_text_set(d.subject, sizeof d.subject, an_body_text(b, "subject", ""));
    if (an_body_ready(b))
        forget_oldest(st, d.site);
    AN_BODY_APPEND(b, &st->drifts, d);
}

void an_state_drifts_revoked(an_state *st, const char *site)
{
    for (size_t i = 0; i < st->drifts.n; i++)
        if (strcmp(st->drifts.items[i].site, site) == 0)
            st->drifts.items[i].revoked = true;
}

/* What sites have reported until now is this campaign's matter; in one of overlays, of the lines that are asked. */
void an_state_drifts_answer(an_state *st, const an_campaign *c)
{
    for (size_t i = 0; i < st->drifts.n; i++) {
        an_drift_entry *d = &st->drifts.items[i];
        if (d->campaign == 0 && strcmp(d->model, c->model) == 0 &&
            an_state_campaign_is_for(st, c, d->site, d->line))
            d->campaign = c->id;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The sites whose reports the campaign answers, sorted; NULL: there is no memory for it. */
static const char **answered_of(const an_state *st, const an_campaign *c, size_t *ret_n)
{
    const char **sites = an_alloc(st->drifts.n + 1, sizeof(const char *));
    size_t n = 0;
    for (size_t i = 0; sites && i < st->drifts.n; i++)
        if (st->drifts.items[i].campaign == c->id)
            sites[n++] = st->drifts.items[i].site;
    if (n > 1)
        qsort(sites, n, sizeof *sites, by_name);
    *ret_n = n;
    return sites;
}

static bool is_answered(const an_state *st, const an_campaign *c, const char *site)
{
    for (size_t i = 0; i < st->drifts.n; i++)
        if (st->drifts.items[i].campaign == c->id && strcmp(st->drifts.items[i].site, site) == 0)
            return true;
    return false;
}

/* Reports that came while it ran speak of the same drift if their sites had reported before.  Others stay
 * open: it was not opened for them, and if it was stopped, they are all that is known of theirs. */
void an_state_drifts_repeat(an_state *st, const an_campaign *c)
{
    size_t n = 0;
    const char **sites = answered_of(st, c, &n);
    for (size_t i = 0; i < st->drifts.n; i++) {
        an_drift_entry *d = &st->drifts.items[i];
        const char *site = d->site;
        if (d->campaign == 0 && strcmp(d->model, c->model) == 0 &&
            (sites ? n > 0 && bsearch(&site, sites, n, sizeof *sites, by_name) != NULL
                   : is_answered(st, c, site)))
            d->campaign = c->id;
    }
    an_free(sites);
}
