/* What the registers of a device are.  Browsing says which there are; each is read as uint16 for a time, and two
 * neighbours that look like a float in one of the two usual orders are taken for one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/init_internal.h"

#define LOOK_POLL "200" /* ms, while it is looked at */

static const char *const device_keys[] = {"tcp",           "serial", "baud",       "parity",  "data_bits",
                                          "stop_bits",     "unit",   "timeout_ms", "poll_ms", "gap",
                                          "max_registers", "scan",   NULL};

/* ---- the list ---- */

typedef struct place {
    char table[12];
    int address;
} place;

static bool place_of(const init_tag *t, place *ret)
{
    return sscanf(t->at, "table: %11[a-z], address: %d", ret->table, &ret->address) == 2;
}

static void seen(void *ctx, const an_source_find *find)
{
    init *w = ctx;
    char table[12], name[40], rest[8];
    int address = 0;
    /* "NAME table address"; the name is of two words where the device has none. */
    const char *last = strrchr(find->tag, ' ');
    const char *at = last;
    while (at && at > find->tag && at[-1] != ' ')
        at--;
    if (isnan(find->value) || !at || sscanf(at, "%11[a-z] %d%7s", table, &address, rest) != 2)
        return;
    snprintf(name, sizeof name, "%s_%d", table, address);
    init_tag *t = init_tag_add(w, name);
    if (t)
        snprintf(t->at, sizeof t->at, "table: %s, address: %d%s", table, address,
                 strcmp(find->kind, "bool") == 0 ? "" : ", type: uint16");
}

static void mark_device(init *w)
{
    for (size_t i = 0; i < w->n_options; i++)
        for (size_t k = 0; device_keys[k]; k++)
            w->options[i].device = w->options[i].device || strcmp(w->options[i].key, device_keys[k]) == 0;
}

an_err init_modbus_find(init *w, an_note *why)
{
    char text[AN_PATH_MAX + 8];
    an_yaml *doc = NULL;
    init_quote(text, sizeof text, w->where);
    init_set(w, w->where[0] == '/' ? "serial" : "tcp", text, "");
    init_set(w, "poll_ms", LOOK_POLL, "");
    init_set(w, "step_ms", LOOK_POLL, "");
    mark_device(w);
    an_err err = init_doc(w, false, &doc, why);
    if (!err)
        err = an_source_check("modbus", an_yaml_root(doc), NULL) == AN_ERR_NOMEM ? AN_ERR_NOMEM : AN_OK;
    if (!err)
        err = w->type->browse(an_yaml_root(doc), w->opts->for_ms, seen, w, why);
    an_yaml_free(doc);
    if (!err && w->n_tags == 0)
        err = an_fail(AN_ERR_NOTFOUND, why,
                      "the device answers, but has none of the first hundred addresses: --set scan='[{table: "
                      "holding, from: 0, to: 999}]' looks further");
    return err;
}

void init_modbus_put(const init *w, an_buf *b, const char *indent, bool kept_only)
{
    char name[2 * AN_SOURCE_NAME_MAX];
    const char *dash = "- ";
    an_buf_printf(b, "%sdevices:\n", indent);
    for (size_t i = 0; i < w->n_options; i++) {
        const init_option *o = &w->options[i];
        if (!o->device || (kept_only && strcmp(o->key, "scan") == 0))
            continue;
        an_buf_printf(b, "%s  %s%s: %s%s%s\n", indent, dash, o->key, o->value, o->note[0] ? "  # " : "",
                      o->note);
        dash = "  ";
    }
    if (w->n_tags == 0)
        return;
    an_buf_printf(b, "%s    tags:\n", indent);
    for (size_t i = 0; i < w->n_tags; i++) {
        const init_tag *t = &w->tags[i];
        if (kept_only && t->why[0])
            continue;
        init_quote(name, sizeof name, t->name);
        an_buf_printf(b, "%s      - {name: %s, %s}", indent, name, t->at);
        if (kept_only)
            an_buf_printf(b, "  # %.6g to %.6g%s%s", t->stats.min, t->stats.max, t->note[0] ? "; " : "",
                          t->note);
        an_buf_text(b, "\n");
    }
}

/* ---- numbers of two registers ---- */

static float float_of(unsigned high, unsigned low)
{
    const uint32_t bits = (uint32_t)high << 16 | low;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Does the pair of columns look like a float?  All values of a size that instruments have, no two that follow one another
 * far apart, and a change of more than the last digits: those a counter beside a constant would move. */
static bool looks_like_float(const init *w, size_t high, size_t low)
{
    float before = NAN, least = INFINITY, most = -INFINITY;
    size_t n = 0;
    for (size_t r = 0; r < w->n_kept; r++) {
        const float h = w->kept[r * w->width + high], l = w->kept[r * w->width + low];
        if (isnan(h) || isnan(l))
            continue;
        const float v = float_of((unsigned)h, (unsigned)l), size = fabsf(v);
        if (!isfinite(v) || (v != 0 && (size < 1e-4f || size > 1e7f)))
            return false;
        if (n++ > 0 && fabsf(v - before) > 0.5f * fmaxf(size, fabsf(before)))
            return false;
        least = fminf(least, v);
        most = fmaxf(most, v);
        before = v;
    }
    return n > 2 && most - least > 1e-4f * fmaxf(fabsf(least), fabsf(most));
}

static void take_pair(init *w, size_t i, const char *order)
{
    place p;
    init_tag *t = &w->tags[i];
    if (!place_of(t, &p))
        return;
    snprintf(t->at, sizeof t->at, "table: %s, address: %d, type: float32%s%s", p.table, p.address,
             order[0] ? ", order: " : "", order);
    snprintf(t->note, sizeof t->note,
             "two registers that look like a float: hold it against the device's manual");
    memmove(&w->tags[i + 1], &w->tags[i + 2], (w->n_tags - i - 2) * sizeof *w->tags);
    w->n_tags--;
}

/* The second half of a pair is gone from the tags, not from the rows that were kept: column is where it was. */
static bool find_pairs(init *w)
{
    bool any = false;
    for (size_t i = 0, column = 0; i + 1 < w->n_tags; i++, column++) {
        place a, b;
        const init_tag *t = w->tags;
        if (!place_of(&t[i], &a) || !place_of(&t[i + 1], &b) || strcmp(a.table, b.table) != 0 ||
            b.address != a.address + 1 || !strstr(t[i].at, "uint16") || !strstr(t[i + 1].at, "uint16"))
            continue;
        const char *order = looks_like_float(w, column, column + 1)   ? ""
                            : looks_like_float(w, column + 1, column) ? "CDAB"
                                                                      : NULL;
        if (!order)
            continue;
        take_pair(w, i, order);
        column++;
        any = true;
    }
    return any;
}

/* A value that goes through zero downwards is 65535 to who takes it for unsigned. */
static bool find_signed(init *w)
{
    bool any = false;
    for (size_t i = 0; i < w->n_tags; i++) {
        init_tag *t = &w->tags[i];
        char *type = strstr(t->at, "uint16");
        if (!type || t->stats.max < 65000 || t->stats.min > 1000 || t->stats.changes == 0)
            continue;
        memmove(type, type + 1, strlen(type)); /* int16 */
        snprintf(t->note, sizeof t->note, "goes through zero");
        any = true;
    }
    return any;
}

an_err init_modbus_refine(init *w, bool *ret_again, an_note *why)
{
    char text[24];
    (void)why;
    const bool is_signed = find_signed(w), paired = find_pairs(w);
    *ret_again = is_signed || paired;
    snprintf(text, sizeof text, "%lld", (long long)init_step(w));
    init_set(w, "poll_ms", text, "as often as its fastest value was seen to change");
    init_set(w, "step_ms", text, "a row so often");
    mark_device(w);
    init_note(w, "Units and scales are not in a register: add unit: and scale: to each tag, and a name, from "
                 "the device's manual.");
    return AN_OK;
}
