/* The lines that campaigns are for, and what has come of their overlays. */
#include <string.h>

#include "coordinator/state_internal.h"

const char *an_refit_state_name(an_refit_state state)
{
    static const char *const names[] = {"", "asked", "adapted", "refused"};
    return names[state];
}

size_t an_state_campaign_lines(an_state *st, uint64_t campaign, an_campaign_line **ret)
{
    size_t n = 0;
    *ret = NULL;
    for (size_t i = st->campaign_lines.n; i-- > 0;) {
        if (st->campaign_lines.items[i].campaign < campaign)
            break;
        if (st->campaign_lines.items[i].campaign != campaign)
            continue;
        *ret = &st->campaign_lines.items[i];
        n++;
    }
    return n;
}

an_campaign_line *an_state_campaign_line(an_state *st, uint64_t campaign, const char *site, const char *line)
{
    an_campaign_line *lines;
    const size_t n = an_state_campaign_lines(st, campaign, &lines);
    for (size_t i = 0; i < n; i++)
        if (strcmp(lines[i].site, site) == 0 && strcmp(lines[i].line, line) == 0)
            return &lines[i];
    return NULL;
}

bool an_state_campaign_is_for(an_state *st, const an_campaign *c, const char *site, const char *line)
{
    return c->kind != AN_CAMPAIGN_OVERLAY || an_state_campaign_line(st, c->id, site, line);
}

void an_body_campaign_lines(an_state *st, an_body *b, const an_campaign *c, an_campaign_lines *ret)
{
    const an_jval *list = b->err == AN_OK ? an_jval_get(b->o, "evidence") : NULL;
    const size_t n = list ? an_jval_count(list) : 0;
    ret->n = 0;
    if (n > AN_CAMPAIGN_LINES_MAX)
        b->err = an_fail(AN_ERR_PROTO, b->why, "too many lines");
    for (size_t i = 0; i < n && b->err == AN_OK; i++) {
        an_campaign_line *l = &ret->items[ret->n++];
        const char *site = "", *line = "";
        *l = (an_campaign_line){.campaign = c->id,
                                .refit = c->kind == AN_CAMPAIGN_OVERLAY ? AN_REFIT_ASKED : AN_REFIT_NONE};
        b->err = an_jval_text(an_jval_at(list, i), "site", &site, b->why);
        if (b->err == AN_OK)
            b->err = an_jval_text(an_jval_at(list, i), "line", &line, b->why);
        an_body_name(b, l->site, site);
        an_body_name(b, l->line, line);
    }
    if (b->err == AN_OK && n > 0 &&
        !an_grow(&st->campaign_lines.items, &st->campaign_lines.cap,
                 st->campaign_lines.n + n + b->ahead * AN_CAMPAIGN_LINES_MAX,
                 sizeof *st->campaign_lines.items))
        b->err = AN_ERR_NOMEM;
}

void an_state_refit_reported(an_state *st, const an_record *r, an_body *b)
{
    const uint64_t id = an_body_id(b, "campaign");
    const an_hash overlay = an_body_hash(b, "overlay", true);
    const char *line = an_body_text(b, "line", NULL), *reason = an_body_text(b, "reason", "");
    an_campaign *c = b->err == AN_OK ? an_state_campaign(st, id) : NULL;
    an_campaign_line *l = b->err == AN_OK ? an_state_campaign_line(st, id, r->subject, line) : NULL;
    an_body_known(b, c, "campaign");
    an_body_known(b, l, "line of that campaign");
    if (!an_body_ready(b) || l->refit != AN_REFIT_ASKED)
        return;
    const bool done = !an_hash_is_zero(&overlay);
    l->refit = done ? AN_REFIT_DONE : AN_REFIT_REFUSED;
    l->overlay = overlay;
    an_text_set(l->reason, sizeof l->reason, reason);
    c->refits_open--;
    c->refits_done += done;
}
