/* Rules at work: for the sensors of a source, and over a restart. */
#include <math.h>
#include <string.h>

#include "agent/rules_internal.h"
#include "base/mem.h"
#include "doors/crypto.h"

/* ---- names ---- */

/* Edits that make b of a; names are short.  Levenshtein 1966, one row of the table at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[AN_SENSOR_MAX + 1];
    const size_t n = strnlen(b, AN_SENSOR_MAX);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            const size_t change = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            const size_t grow = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            row[j + 1] = change < grow ? change : grow;
        }
    }
    return row[n];
}

static const char *nearest(const char *const *names, size_t n, const char *name)
{
    size_t best = 0, least = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        const size_t d = distance(name, names[i]);
        if (d >= least)
            continue;
        least = d;
        best = i;
    }
    return n > 0 ? names[best] : "";
}

static bool find(const char *const *names, size_t n, const char *name, uint32_t *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *ret = (uint32_t)i;
        return true;
    }
    return false;
}

static an_err bind_cond(const an_cond *c, an_cond_state *s, const an_rulebook_at *at, an_note *why)
{
    s->value = (double)NAN;
    if (an_cond_is_group(c->kind))
        return AN_OK;
    if (c->kind >= AN_COND_SCORE_ABOVE) {
        s->own = !c->name[0];
        if (s->own)
            return AN_OK;
        if (find(at->lines, at->n_lines, c->name, &s->index)) {
            s->own = c->kind == AN_COND_MEMBER && s->index == at->line;
            return AN_OK;
        }
        return an_node_fail(c->node, why, "no line \"%.60s\" at this site; the nearest is \"%.60s\"", c->name,
                            nearest(at->lines, at->n_lines, c->name));
    }
    if (!find(at->sensors, at->width, c->name, &s->index))
        return an_node_fail(c->node, why, "no sensor \"%.60s\" in the source; the nearest is \"%.60s\"",
                            c->name, nearest(at->sensors, at->width, c->name));
    if (c->unit[0] && at->units && strcmp(c->unit, at->units[s->index]) != 0)
        return an_node_fail(c->node, why, "sensor \"%.60s\" is in \"%.30s\", not in \"%.30s\"", c->name,
                            at->units[s->index], c->unit);
    if (c->kind != AN_COND_RATE_ABOVE && c->kind != AN_COND_RATE_BELOW)
        return AN_OK;
    s->rate = an_alloc(1, sizeof *s->rate);
    return s->rate ? AN_OK : AN_ERR_NOMEM;
}

/* What a condition's state belongs to: the numbers that it is judged by. */
static an_err form_of(const an_line_rule *rule, uint8_t ret[static AN_HASH_BYTES])
{
    an_hash h;
    an_buf b;
    an_buf_init(&b, 1u << 16);
    for (size_t i = 0; i < rule->n; i++) {
        const an_cond *c = &rule->conds[i];
        an_buf_u32(&b, (uint32_t)c->kind);
        an_buf_u32(&b, (uint32_t)c->end);
        an_buf_f64(&b, c->low);
        an_buf_f64(&b, c->high);
        an_buf_f64(&b, c->hysteresis);
        an_buf_u64(&b, (uint64_t)c->for_ms);
        an_buf_u64(&b, (uint64_t)c->over_ms);
        an_buf_u32(&b, c->faults);
        an_buf_put(&b, c->name, strlen(c->name) + 1);
        if (c->fuse) {
            an_buf_put(&b, c->fuse->name, strlen(c->fuse->name) + 1);
            an_buf_f64(&b, c->far);
        }
    }
    an_err err = an_buf_err(&b);
    an_hash_of(&h, b.data, b.len);
    memcpy(ret, h.b, AN_HASH_BYTES);
    an_buf_done(&b);
    return err;
}

/* ---- making ---- */

static an_err copy_rule(an_line_rule *ret, const an_line_rule *from)
{
    an_cond *conds = an_alloc(from->n, sizeof *conds);
    if (!conds)
        return AN_ERR_NOMEM;
    memcpy(conds, from->conds, from->n * sizeof *conds);
    *ret = *from;
    ret->conds = conds;
    return AN_OK;
}

static an_err begin(an_rulebook *b, size_t i, const an_rulebook_at *at, an_note *why)
{
    const an_line_rule *rule = &b->rules.items[i];
    an_rule_state *s = &b->states[i];
    an_err err = form_of(rule, s->form);
    if (err == AN_OK && !(s->conds = an_alloc(rule->n, sizeof *s->conds)))
        err = AN_ERR_NOMEM;
    for (size_t k = 0; k < rule->n && err == AN_OK; k++) {
        s->conds[k].truth = AN_UNKNOWN;
        err = bind_cond(&rule->conds[k], &s->conds[k], at, why);
    }
    return err;
}

an_err an_rulebook_new(const an_line_rules *rules, const an_rulebook_at *at, an_rulebook **ret, an_note *why)
{
    *ret = NULL;
    if (rules->n == 0)
        return AN_OK;
    an_rulebook *b = an_alloc(1, sizeof *b);
    if (!b)
        return AN_ERR_NOMEM;
    b->update_ms = at->update_ms;
    b->rules.items = an_alloc(rules->n, sizeof *b->rules.items);
    b->states = an_alloc(rules->n, sizeof *b->states);
    an_err err = b->rules.items && b->states ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < rules->n && err == AN_OK; i++) {
        err = copy_rule(&b->rules.items[i], &rules->items[i]);
        if (err != AN_OK)
            break;
        b->rules.n++;
        err = begin(b, i, at, why);
    }
    if (err != AN_OK) {
        an_rulebook_free(b);
        return err;
    }
    *ret = b;
    return AN_OK;
}

void an_rulebook_free(an_rulebook *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->rules.n; i++) {
        for (size_t k = 0; b->states[i].conds && k < b->rules.items[i].n; k++)
            an_free(b->states[i].conds[k].rate);
        an_free(b->states[i].conds);
    }
    an_free(b->states);
    an_line_rules_done(&b->rules);
    an_free(b);
}

/* ---- over a restart ---- */

#define STATE_MAGIC UINT32_C(0x314c5552) /* "RUL1" */

static void save_event(const an_alarm_event *e, an_buf *ret)
{
    an_buf_u64(ret, e->id);
    an_buf_u64(ret, (uint64_t)e->time_ms);
    an_buf_u64(ret, (uint64_t)e->since_ms);
    an_buf_f64(ret, e->score);
    an_buf_f64(ret, e->peak);
    an_buf_u64(ret, (uint64_t)e->peak_ms);
    an_buf_u64(ret, e->scores);
}

static void read_event(an_alarm_event *e, an_reader *in)
{
    *e = (an_alarm_event){.id = an_read_u64(in)};
    e->time_ms = (int64_t)an_read_u64(in);
    e->since_ms = (int64_t)an_read_u64(in);
    e->score = an_read_f64(in);
    e->peak = an_read_f64(in);
    e->peak_ms = (int64_t)an_read_u64(in);
    e->scores = an_read_u64(in);
}

static void save_rate(const an_rate *r, an_buf *ret)
{
    an_buf_u32(ret, (uint32_t)r->n);
    for (size_t i = 0; i < r->n; i++) {
        const size_t at = (r->head + i) % AN_RATE_PARTS;
        an_buf_u64(ret, (uint64_t)r->parts[at].from_ms);
        an_buf_f64(ret, r->parts[at].time);
        an_buf_f64(ret, r->parts[at].value);
        an_buf_u64(ret, r->parts[at].n);
    }
}

static void read_rate(an_rate *r, an_reader *in)
{
    const uint32_t n = an_read_u32(in);
    r->head = r->n = 0;
    if (n > AN_RATE_PARTS)
        in->failed = true;
    for (uint32_t i = 0; i < n && !in->failed; i++) {
        r->parts[i].from_ms = (int64_t)an_read_u64(in);
        r->parts[i].time = an_read_f64(in);
        r->parts[i].value = an_read_f64(in);
        r->parts[i].n = an_read_u64(in);
        if (r->parts[i].n == 0 || !isfinite(r->parts[i].time) || !isfinite(r->parts[i].value))
            in->failed = true;
        r->n = i + 1;
    }
    an_rate_resume(r);
}

static void save_conds(const an_line_rule *rule, const an_rule_state *s, an_buf *ret)
{
    for (size_t i = 0; i < rule->n; i++) {
        an_buf_u8(ret, s->conds[i].on);
        an_buf_u8(ret, s->conds[i].timed);
        an_buf_u64(ret, (uint64_t)s->conds[i].since_ms);
        if (s->conds[i].rate)
            save_rate(s->conds[i].rate, ret);
    }
}

static void read_conds(const an_line_rule *rule, an_rule_state *s, an_reader *in)
{
    for (size_t i = 0; i < rule->n && !in->failed; i++) {
        s->conds[i].on = an_read_u8(in) != 0;
        s->conds[i].timed = an_read_u8(in) != 0;
        s->conds[i].since_ms = (int64_t)an_read_u64(in);
        if (s->conds[i].rate)
            read_rate(s->conds[i].rate, in);
    }
}

an_err an_rulebook_save(const an_rulebook *b, an_buf *ret)
{
    an_buf_u32(ret, STATE_MAGIC);
    an_buf_u32(ret, (uint32_t)an_rulebook_n(b));
    for (size_t i = 0; i < an_rulebook_n(b); i++) {
        const an_line_rule *rule = &b->rules.items[i];
        const an_rule_state *s = &b->states[i];
        an_buf conds;
        an_buf_init(&conds, 1u << 20);
        save_conds(rule, s, &conds);
        an_buf_put(ret, rule->name, AN_RULE_NAME_MAX);
        an_buf_u8(ret, (uint8_t)rule->effect);
        an_buf_put(ret, s->form, AN_HASH_BYTES);
        an_buf_u8(ret, s->active);
        an_buf_u8(ret, s->pending);
        an_buf_u64(ret, (uint64_t)s->since_ms);
        an_buf_u64(ret, (uint64_t)s->said_ms);
        save_event(&s->event, ret);
        an_buf_u32(ret, (uint32_t)conds.len);
        an_buf_put(ret, conds.data, conds.len);
        an_err err = an_buf_err(&conds);
        an_buf_done(&conds);
        if (err != AN_OK)
            return err;
    }
    return an_buf_err(ret);
}

typedef struct kept {
    char name[AN_RULE_NAME_MAX];
    uint8_t effect, active, pending;
    const uint8_t *form;
    int64_t since_ms, said_ms;
    an_alarm_event event;
    an_reader conds;
} kept;

static bool read_kept(kept *k, an_reader *in)
{
    const uint8_t *name = an_read_bytes(in, AN_RULE_NAME_MAX);
    k->effect = an_read_u8(in);
    k->form = an_read_bytes(in, AN_HASH_BYTES);
    k->active = an_read_u8(in);
    k->pending = an_read_u8(in);
    k->since_ms = (int64_t)an_read_u64(in);
    k->said_ms = (int64_t)an_read_u64(in);
    read_event(&k->event, in);
    const uint32_t len = an_read_u32(in);
    const uint8_t *conds = an_read_bytes(in, len);
    if (in->failed || !name || !k->form || name[AN_RULE_NAME_MAX - 1] != 0 || k->effect >= AN_RULE_EFFECTS)
        return false;
    memcpy(k->name, name, AN_RULE_NAME_MAX);
    k->conds = an_reader_of(conds, len);
    return true;
}

/* False: the state of a condition is damaged. */
static bool take_up(an_rulebook *b, size_t i, const kept *k)
{
    an_rule_state *s = &b->states[i];
    an_reader conds = k->conds;
    s->active = k->active != 0;
    s->pending = k->pending != 0;
    s->since_ms = k->since_ms;
    s->said_ms = k->said_ms;
    s->event = k->event;
    if (s->active)
        b->active |= UINT64_C(1) << i;
    if (an_secret_equal(s->form, k->form, AN_HASH_BYTES))
        read_conds(&b->rules.items[i], s, &conds);
    return !conds.failed;
}

an_err an_rulebook_restore(an_rulebook *b, an_reader *in, an_rule_gone *ret_gone, size_t *ret_n)
{
    const uint32_t magic = an_read_u32(in), n = an_read_u32(in);
    size_t n_gone = 0;
    bool ok = !in->failed && magic == STATE_MAGIC && n <= AN_RULES_MAX;
    for (uint32_t j = 0; j < n && ok; j++) {
        kept k;
        size_t i = 0;
        if (!(ok = read_kept(&k, in)))
            break;
        while (i < an_rulebook_n(b) &&
               (strcmp(b->rules.items[i].name, k.name) != 0 || (uint8_t)b->rules.items[i].effect != k.effect))
            i++;
        if (i < an_rulebook_n(b)) {
            ok = take_up(b, i, &k);
        } else if (k.effect == AN_RULE_RAISE && k.active) {
            k.event.kind = AN_ALARM_CLEARED;
            k.event.scores++;
            memcpy(ret_gone[n_gone].name, k.name, AN_RULE_NAME_MAX);
            ret_gone[n_gone++].event = k.event;
        }
    }
    *ret_n = n_gone;
    return ok ? AN_OK : AN_ERR_PROTO;
}
