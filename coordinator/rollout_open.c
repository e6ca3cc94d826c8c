/* Opening a rollout: whose stage is which. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/rollout.h"

/* ---- stages ---- */

typedef struct seat {
    const an_rollout_site *site;
    uint64_t draw; /* so that not the same sites are the first each time */
    bool taken;
} seat;

static int by_turn(const void *a, const void *b)
{
    const seat *x = a, *y = b;
    if (x->site->connected != y->site->connected)
        return x->site->connected ? -1 : 1;
    if (x->draw != y->draw)
        return x->draw < y->draw ? -1 : 1;
    return strcmp(x->site->name, y->site->name);
}

static uint64_t draw_of(uint64_t id, const char *site)
{
    uint64_t h = an_mix64(id);
    for (; *site; site++)
        h = an_mix64(h ^ (unsigned char)*site);
    return h;
}

static bool belongs(const an_rollout_plan *p, const an_stage_spec *spec, const an_rollout_site *site)
{
    switch (spec->kind) {
    case AN_STAGE_GROUP:
        return p->in_group && p->in_group(p->ctx, spec->group, site->name);
    case AN_STAGE_DRIFTING:
        return site->drifting;
    case AN_STAGE_SHARE:
    case AN_STAGE_ALL:
        break;
    }
    return true;
}

/* Takes the stage's sites; how many they are. */
static size_t fill_stage(an_rollout *r, const an_rollout_plan *p, const an_stage_spec *spec, seat *seats)
{
    size_t n = 0, most = p->n_sites;
    if (spec->kind == AN_STAGE_SHARE) {
        const size_t until = an_share_of(&spec->share, (uint32_t)p->n_sites);
        most = until > r->n_targets ? until - r->n_targets : 0;
    }
    for (size_t i = 0; i < p->n_sites && n < most; i++) {
        if (seats[i].taken || !belongs(p, spec, seats[i].site))
            continue;
        an_target *t = &r->targets[r->n_targets++];
        *t = (an_target){.stage = r->n_stages, .counts = r->n_stages, .since_ms = r->opened_ms};
        snprintf(t->site, sizeof t->site, "%s", seats[i].site->name);
        seats[i].taken = true;
        n++;
    }
    return n;
}

static void fill(an_rollout *r, const an_rollout_plan *p, const an_stage_spec *specs, size_t n, seat *seats)
{
    for (size_t i = 0; i < n; i++) {
        const bool last = i + 1 == n;
        if (fill_stage(r, p, &specs[i], seats) == 0 && (!last || r->n_stages > 0))
            continue;
        snprintf(r->stages[r->n_stages].text, sizeof r->stages[0].text, "%s", specs[i].text);
        r->n_stages++;
    }
}

an_err an_rollout_rules_read(an_rollout *r, an_note *why)
{
    an_err err = an_share_parse(r->rules.reporting, &r->reporting, why);
    return err == AN_OK ? an_calendar_parse(r->rules.window, &r->window, why) : err;
}

an_err an_rollout_open(an_rollout *ret, const an_rollout_plan *p, int64_t now_ms, an_note *why)
{
    an_rollout r = {.id = p->id,
                    .campaign = p->campaign,
                    .version = p->version,
                    .from = p->from,
                    .rules = p->rules,
                    .opened_ms = now_ms,
                    .cap_targets = p->n_sites + 1};
    an_stage_spec specs[AN_STAGES_MAX];
    size_t n;
    an_err err = an_stages_parse(p->at_once ? "all" : p->stages, specs, &n, why);
    if (err == AN_OK)
        err = an_rollout_rules_read(&r, why);
    if (err != AN_OK)
        return err;
    snprintf(r.model, sizeof r.model, "%s", p->model);
    snprintf(r.actor, sizeof r.actor, "%s", p->actor);
    seat *seats = an_alloc(p->n_sites + 1, sizeof *seats);
    r.targets = an_alloc(r.cap_targets, sizeof *r.targets);
    if (!seats || !r.targets) {
        an_free(seats);
        an_rollout_done(&r);
        return AN_ERR_NOMEM;
    }
    for (size_t i = 0; i < p->n_sites; i++)
        seats[i] = (seat){.site = &p->sites[i], .draw = draw_of(p->id, p->sites[i].name)};
    qsort(seats, p->n_sites, sizeof *seats, by_turn);
    fill(&r, p, specs, n, seats);
    r.at_once = n == 1;
    an_free(seats);
    *ret = r;
    return AN_OK;
}
