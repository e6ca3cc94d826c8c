/* The steps' table, and what their descriptions have in common. */
#include "models/prep_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AN_PREP_STEP(name) extern const an_prep_step_type an_prep_step_##name;
#include "models/prep_steps.def"
#undef AN_PREP_STEP

static const an_prep_step_type *const types[] = {
#define AN_PREP_STEP(name) &an_prep_step_##name,
#include "models/prep_steps.def"
#undef AN_PREP_STEP
};

const an_prep_step_type *an_prep_step_at(size_t i)
{
    return i < sizeof types / sizeof *types ? types[i] : NULL;
}

const an_prep_step_type *an_prep_step_find(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}

an_err an_prep_need_count(const an_node *map, const char *key, uint32_t min, uint32_t max, uint32_t *ret,
                          an_note *why)
{
    int64_t v = 0;
    an_err err = an_node_need_int(map, key, min, max, &v, why);
    if (err == AN_OK)
        *ret = (uint32_t)v;
    return err;
}

an_err an_prep_need_odd(const an_node *map, const char *key, uint32_t min, uint32_t max, uint32_t *ret,
                        an_note *why)
{
    uint32_t v = 0;
    an_err err = an_prep_need_count(map, key, min, max, &v, why);
    if (err == AN_OK && v % 2 == 0)
        err =
            an_node_fail(an_node_get(map, key), why, "%s = %u: must be odd, so that it has a middle", key, v);
    if (err == AN_OK)
        *ret = v;
    return err;
}

an_err an_prep_take_word(const an_node *node, char *out, size_t max, an_note *why)
{
    const char *text = "";
    an_err err = an_node_text(node, &text, why);
    if (err != AN_OK)
        return err;
    const size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
            return an_node_fail(node, why, "\"%.40s\": printable ASCII without quotes and backslashes", text);
    if (len < 1 || len > max)
        return an_node_fail(node, why, "\"%.40s\": 1..%zu characters", text, max);
    memcpy(out, text, len + 1);
    return AN_OK;
}

static void put_shortest(an_buf *out, double v)
{
    char number[40] = "0";
    for (int digits = 6; v < 0 || v > 0; digits++) { /* -0 is 0 */
        snprintf(number, sizeof number, "%.*g", digits, v);
        const double back = strtod(number, NULL);
        if (digits >= 17 || (back <= v && back >= v))
            break;
    }
    an_buf_text(out, number);
}

void an_prep_put_number(an_buf *out, const char *key, double v)
{
    an_buf_printf(out, ", %s: ", key);
    put_shortest(out, v);
}

void an_prep_put_numbers(an_buf *out, const char *key, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 0)
            an_buf_printf(out, ", %s: [", key);
        else
            an_buf_text(out, ", ");
        put_shortest(out, v[i]);
    }
    an_buf_text(out, n ? "]" : "");
}
