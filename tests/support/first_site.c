#include "tests/support/first_site.h"

#include <string.h>

#include "base/mem.h"

an_msg *next_to_first(world *w, an_msg_type type)
{
    for (size_t n = 0; n < 10000; n++) {
        if (w->head == w->tail)
            tick(w);
        for (size_t i = w->head; i != w->tail; i++) {
            const event *e = &w->events[i % EVENTS_MAX];
            an_msg *m = NULL;
            if (e->type != TO_SITE || e->site != 0)
                continue;
            assert_int_equal(an_msg_decode(e->bytes.data, e->bytes.len, &m, NULL), AN_OK);
            if (m->type == type)
                return m;
            an_msg_free(m);
        }
        if (w->head != w->tail)
            step(w);
    }
    fail_msg("no such message comes");
    return NULL;
}

an_msg *plan_to_first(world *w, an_plan **ret)
{
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    an_msg *m = next_to_first(w, AN_MSG_PLAN);
    assert_int_equal(an_plan_decode(m->u.plan.plan.data, m->u.plan.plan.len, ret, NULL), AN_OK);
    assert_int_equal((*ret)->privacy, AN_PRIVACY_SECURE_SUM);
    return m;
}

void push_plan(world *w, const an_msg *real, const an_plan *plan)
{
    an_note why = {{0}};
    an_buf bytes;
    an_msg m = *real;
    site *s = &w->sites[0];
    an_buf_init(&bytes, AN_PLAN_BYTES_MAX);
    if (an_plan_encode(plan, &bytes, &why) != AN_OK)
        fail_msg("%s", why.text);
    m.u.plan.plan = (an_bytes){bytes.data, bytes.len};
    an_hash_of(&m.u.plan.plan_hash, bytes.data, bytes.len);
    m.epoch = an_session_look(s->session).epoch;
    assert_int_equal(an_session_message(s->session, &m, &why), AN_OK);
    an_buf_done(&bytes);
}

void expect_journal(const world *w, const char *reason)
{
    if (!journal_says(&w->sites[0], reason))
        fail_msg("the site's journal does not say \"%s\"", reason);
}
