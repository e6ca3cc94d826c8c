/* Other units: x * gain + offset, or by the names of two units. */
#include <string.h>

#include "models/prep_step.h"

#define UNIT_MAX 32

typedef struct settings {
    double gain, offset;
    char unit[UNIT_MAX + 1]; /* that results; "": not said */
} settings;

/* Each unit by what it is in its kind's first one: x * gain + offset. */
static const struct unit {
    const char *name, *kind;
    double gain, offset;
} units[] = {
    {"degC", "temperature", 1, 0},
    {"degF", "temperature", 5.0 / 9.0, -160.0 / 9.0},
    {"K", "temperature", 1, -273.15},
    {"Pa", "pressure", 1, 0},
    {"kPa", "pressure", 1e3, 0},
    {"MPa", "pressure", 1e6, 0},
    {"mbar", "pressure", 1e2, 0},
    {"bar", "pressure", 1e5, 0},
    {"psi", "pressure", 6894.757293168361, 0},
    {"m3/h", "flow", 1, 0},
    {"l/min", "flow", 0.06, 0},
    {"l/s", "flow", 3.6, 0},
    {"m", "length", 1, 0},
    {"mm", "length", 1e-3, 0},
    {"in", "length", 0.0254, 0},
    {"m/s", "speed", 1, 0},
    {"mm/s", "speed", 1e-3, 0},
    {"in/s", "speed", 0.0254, 0},
    {"Hz", "rotation", 1, 0},
    {"1/min", "rotation", 1.0 / 60.0, 0},
    {"W", "power", 1, 0},
    {"kW", "power", 1e3, 0},
    {"hp", "power", 745.6998715822702, 0},
};

static const struct unit *unit_find(const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

static an_err read_named(settings *o, const an_node *map, an_note *why)
{
    const char *from = NULL, *to = NULL;
    an_err err = an_node_need_text(map, "from", &from, why);
    if (err == AN_OK)
        err = an_node_need_text(map, "to", &to, why);
    if (err != AN_OK)
        return err;
    const struct unit *a = unit_find(from), *b = unit_find(to);
    if (an_node_get(map, "gain") || an_node_get(map, "offset") || an_node_get(map, "unit"))
        return an_node_fail(map, why, "convert: say from and to, or gain, offset and unit");
    if (!a || !b || strcmp(a->kind, b->kind) != 0)
        return an_node_fail(map, why, "convert: no way from %.32s to %.32s is known; say gain and offset",
                            from, to);
    o->gain = a->gain / b->gain;
    o->offset = (a->offset - b->offset) / b->gain;
    memcpy(o->unit, b->name, strlen(b->name) + 1);
    return AN_OK;
}

static an_err read(an_prep_step *s, const an_node *map, an_note *why)
{
    settings *o = s->own;
    if (an_node_get(map, "from") || an_node_get(map, "to"))
        return read_named(o, map, why);
    an_err err = an_node_get_num(map, "gain", -1e12, 1e12, 1, &o->gain, why);
    if (err == AN_OK)
        err = an_node_get_num(map, "offset", -1e12, 1e12, 0, &o->offset, why);
    if (err == AN_OK && fabs(o->gain) < 1e-12)
        err = an_node_fail(map, why, "convert: a gain of %g leaves nothing of the value", o->gain);
    if (err == AN_OK && an_node_get(map, "unit"))
        err = an_prep_take_word(an_node_get(map, "unit"), o->unit, UNIT_MAX, why);
    return err;
}

static void text(const an_prep_step *s, an_buf *out)
{
    const settings *o = s->own;
    an_prep_put_number(out, "gain", o->gain);
    an_prep_put_number(out, "offset", o->offset);
    if (o->unit[0])
        an_buf_printf(out, ", unit: \"%s\"", o->unit);
}

static void apply(const an_prep_step *s, const an_prep_past *past, float *out)
{
    const settings *o = s->own;
    (void)past;
    for (uint32_t i = 0; i < s->n_sensors; i++) {
        float *x = &out[s->sensors[i]];
        const double scaled = (double)*x * o->gain; /* rounded by itself: no machine fuses the two */
        *x = (float)(scaled + o->offset);
    }
}

static void conversion(const an_prep_step *s, double *ret_gain, double *ret_offset)
{
    const settings *o = s->own;
    *ret_gain = o->gain;
    *ret_offset = o->offset;
}

static const char *const keys[] = {"gain", "offset", "unit", "from", "to", NULL};
static const char *const examples[] = {"gain: 0.1", "sensors: [1], gain: -2.5, offset: 1e3, unit: \"m3/h\"",
                                       "from: degF, to: degC", "sensors: [0], from: bar, to: kPa", NULL};

const an_prep_step_type an_prep_step_convert = {
    .name = "convert",
    .meaning = "other units: gain and offset, or from one unit to another by name",
    .keys = keys,
    .examples = examples,
    .own = sizeof(settings),
    .read = read,
    .text = text,
    .apply = apply,
    .conversion = conversion,
};
