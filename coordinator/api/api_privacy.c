/* Differential privacy: what was spent, of which unit, and what a campaign would spend. */
#include <math.h>
#include <stdio.h>

#include "coordinator/api/api_internal.h"

void an_api_set_round_privacy(an_json *o, const an_round_entry *r)
{
    const an_round_privacy *p = &r->privacy;
    const char *unit = an_dp_unit_name(p->cost.unit);
    an_json *q = an_json_object();
    an_note text, brief;
    an_json_set_text(q, "unit", unit);
    if (p->cost.unit != AN_DP_NONE) {
        an_json_set_num(q, "epsilon", p->epsilon);
        an_json_set_num(q, "delta", p->delta);
        an_json_set_num(q, "noise", p->noise);
        an_json_set_num(q, "ratio", p->ratio);
        an_note_set(&brief, "%.3g %s", p->epsilon, unit);
        an_note_set(&text, "epsilon %.4g of a %s at delta %g%s, noise multiplier %g%s", p->epsilon, unit,
                    p->delta, r->over ? " so far" : " with this round", p->noise,
                    p->ratio > 1 ? "; the noise is longer than all updates together" : "");
    } else if (r->kind == AN_PAYLOAD_TRAIN) {
        an_note_set(&brief, "none");
        an_note_set(&text, "no noise: this round is outside any epsilon");
    } else {
        an_note_set(&brief, "none");
        an_note_set(&text, "statistics and evaluations are never noised: outside any epsilon");
    }
    an_json_set_text(q, "brief", brief.text);
    an_json_set_text(q, "text", text.text);
    an_json_set(o, "privacy", q);
}

static void set_texts(an_json *q, const an_hub_privacy *w, const an_spent *b)
{
    an_note text, brief;
    const char *unit = an_dp_unit_name(w->unit);
    if (w->unit == AN_DP_NONE) {
        an_note_set(&brief, "none");
        an_note_set(&text, "training is not noised (dp.unit: none)");
    } else {
        an_note_set(&brief, "%.3g of %g %s", w->epsilon, w->budget, unit);
        an_note_set(
            &text,
            "epsilon %.4g of %g, of a %s at delta %g, after %u rounds; outside it: %u training rounds "
            "without noise, %u of statistics and evaluations",
            w->epsilon, w->budget, unit, w->delta, b->rounds[w->unit == AN_DP_SITE], b->bare, b->others);
    }
    an_json_set_text(q, "brief", brief.text);
    an_json_set_text(q, "text", text.text);
}

static an_json *privacy_json(const an_hub_privacy *w, const an_spent *b)
{
    an_json *q = an_json_object();
    an_json_set_text(q, "unit", an_dp_unit_name(w->unit));
    set_texts(q, w, b);
    an_json_set_int(q, "rounds_without_noise", b->bare);
    an_json_set_int(q, "rounds_of_statistics", b->others);
    if (w->unit == AN_DP_NONE)
        return q;
    an_json_set_num(q, "epsilon", w->epsilon);
    an_json_set_num(q, "budget", w->budget);
    an_json_set_num(q, "delta", w->delta);
    an_json_set_num(q, "noise", w->noise);
    an_json_set_int(q, "rounds_spent", b->rounds[w->unit == AN_DP_SITE]);
    an_json_set_int(q, "rounds_asked", (int64_t)w->rounds);
    an_json_set_int(q, "rounds_left", (int64_t)w->room);
    if (!isinf(w->after))
        an_json_set_num(q, "after", w->after);
    if (w->ratio > 0)
        an_json_set_num(q, "ratio", w->ratio);
    return q;
}

void an_api_set_model_privacy(const an_api_call *c, an_json *o, const an_model_entry *m)
{
    an_hub_privacy w = {.unit = (uint32_t)m->policy.dp_unit};
    an_err err = an_hub_privacy_weigh(c->hub, m->name, AN_CAMPAIGN_TRAINING, 0, &w, NULL);
    if (err == AN_OK)
        an_json_set(o, "privacy", privacy_json(&w, &m->spent));
}

an_err an_api_confirm_privacy(const an_api_call *c, const char *model, an_campaign_kind kind, uint32_t rounds,
                              an_note *why)
{
    an_hub_privacy w;
    bool confirmed;
    an_err err = an_jval_get_bool(c->body, "confirm", false, &confirmed, why);
    if (err == AN_OK)
        err = an_hub_privacy_weigh(c->hub, model, kind, rounds, &w, why);
    if (err != AN_OK || confirmed || !(w.ratio > 1))
        return err;
    return an_fail(
        AN_ERR_STATE, why,
        "the noise of a round is expected to be %.3g times as long as all updates together can be, "
        "so it would hardly learn: confirm with \"confirm\": true (andon campaign start --yes), or "
        "take more sites or a lower dp.noise",
        w.ratio);
}

an_err an_api_model_privacy(an_api_call *c, an_note *why)
{
    an_model_entry *m = an_state_model(c->state, c->arg);
    an_hub_privacy w;
    if (!m)
        return an_fail(AN_ERR_NOTFOUND, why, "no model %.63s", c->arg);
    an_err err = an_hub_privacy_weigh(c->hub, m->name, AN_CAMPAIGN_TRAINING, 0, &w, why);
    if (err == AN_OK)
        an_json_set(c->answer, "privacy", privacy_json(&w, &m->spent));
    return err;
}
