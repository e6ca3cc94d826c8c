/* A hydraulic press.  Force follows the sheet and the load; pressure follows force; a weak
 * hydraulic lengthens the cycle; friction in the die warms it and shakes the frame. */
#include "agent/sim_internal.h"

#include <math.h>

enum { FORCE, STROKE, CYCLE, PRESSURE, CLAMP, T_OIL, CURRENT, VIBRATION, T_DIE, EJECTOR };
enum { GUIDE_WEAR, HYDRAULIC_DROP, MISFEED, LEAK, DIE_STICKING, TOOL_CHANGE, NEW_MATERIAL };
enum { Z_RATE, Z_OIL, Z_DIE };
enum { C_FORCE, C_STIFF, C_FRICTION, C_COOLING, C_BALANCE };

static const an_sim_sensor sensors[] = {
    {"force", "kN", -300, 2500},
    {"stroke_position", "mm", 0, 700},
    {"cycle_time", "s", 0, 60},
    {"hydraulic_pressure", "bar", 0, 450},
    {"clamp_pressure", "bar", 0, 200},
    {"oil_temperature", "degC", -40, 150},
    {"motor_current", "A", -30, 300},
    {"vibration_frame", "mm/s", -2, 80},
    {"die_temperature", "degC", -40, 400},
    {"ejector_force", "kN", -10, 100},
};
static const double noise[] = {5, 0.25, 0.03, 0.9, 0.5, 0.2, 0.8, 0.12, 0.6, 0.25};
static const double scale[] = {110, 2.5, 0.25, 20, 5, 2, 10, 0.5, 6, 1.6};

static const an_sim_event_type events[] = {
    [GUIDE_WEAR] = {"bearing_wear", true, false,
                    "slow wear of the slide's guides: frame shakes, die warms, current rises "
                    "along a ramp"},
    [HYDRAULIC_DROP] = {"hydraulic_drop", true, false,
                        "pump or valve loses pressure: less force, longer cycle"},
    [MISFEED] = {"misfeed", true, false, "sheet fed crooked: force jumps, stroke ends early, frame shakes"},
    [LEAK] = {"leak", true, false, "oil leak: pressure and clamp fall, motor works more"},
    [DIE_STICKING] = {"die_sticking", true, false, "part sticks: ejector force and cycle time rise"},
    [TOOL_CHANGE] = {"tool_change", false, false,
                     "another die: other force, stroke and temperature; not a fault"},
    [NEW_MATERIAL] = {"new_material", false, false, "stronger sheet: more force and pressure; not a fault"},
};

static const an_failure_mode modes[] = {
    {"bearing_wear", 3, {{"vibration_frame", 6}, {"die_temperature", 1.5}, {"motor_current", 0.8}}},
    {"hydraulic_drop", 3, {{"hydraulic_pressure", -2.5}, {"force", -2}, {"cycle_time", 3}}},
    {"misfeed", 3, {{"force", 2}, {"stroke_position", -4}, {"vibration_frame", 4}}},
    {"leak", 3, {{"hydraulic_pressure", -1.5}, {"clamp_pressure", -3}, {"motor_current", 1.2}}},
    {"die_sticking", 2, {{"ejector_force", 5}, {"cycle_time", 2.5}}},
};

static void start(an_sim_moment *m)
{
    m->slow[Z_RATE] = 0.7;
    m->slow[Z_OIL] = 44;
    m->slow[Z_DIE] = 95;
}

static void step(double *y, an_sim_moment *m)
{
    const double *a = m->act, *c = m->coef;
    const double wear = a[GUIDE_WEAR] + 0.002 * m->hours;
    const double jolt = a[MISFEED] * fabs(an_rng_normal(m->rng));
    const double strong = 1 + 0.15 * a[NEW_MATERIAL] + 0.10 * a[TOOL_CHANGE];
    const double weak = 1 - 0.16 * a[HYDRAULIC_DROP];

    double rate = an_sim_lag(&m->slow[Z_RATE], m->load > 0 ? 0.4 + 0.6 * m->load : 0, 6);
    double sheet = 1 + 0.02 * m->wobble[0]; /* thickness of the coil */
    double force =
        1150 * c[C_FORCE] * sheet * strong * (0.35 + 0.65 * rate) * weak * (rate > 0.05 ? 1 : rate / 0.05);
    double friction = c[C_FRICTION] * (1 + 0.35 * wear);

    y[FORCE] = force * (1 + 0.10 * jolt);
    y[STROKE] = 420 + 6 * a[TOOL_CHANGE] - force * 0.011 * c[C_STIFF] - 6 * a[MISFEED] - 2 * jolt;
    y[PRESSURE] = 35 + 0.19 * force * (1 - 0.12 * a[LEAK]) - 8 * a[HYDRAULIC_DROP] + 0.8 * m->wobble[1];
    y[CLAMP] = 62 + 0.022 * force - 11 * a[LEAK] - 3 * a[HYDRAULIC_DROP];
    y[CYCLE] = 7.6 - 3.0 * rate + 0.55 * a[HYDRAULIC_DROP] + 0.5 * a[DIE_STICKING] + 0.15 * wear +
               0.3 * a[TOOL_CHANGE];
    y[CURRENT] =
        12 + 95 * rate * (0.3 * friction + 0.7 * force / 1150) + 10 * a[LEAK] + 4 * a[HYDRAULIC_DROP];
    y[VIBRATION] = 0.3 +
                   rate * (2.2 * c[C_BALANCE] * (0.6 + 0.4 * force / 1150) + 3.0 * wear + 1.4 * a[MISFEED]) +
                   1.2 * jolt - 0.3 * a[TOOL_CHANGE] * rate;
    y[T_OIL] = an_sim_lag(&m->slow[Z_OIL], m->ambient + 30 * rate * (1 + 0.1 * a[LEAK]) / c[C_COOLING], 150);
    y[T_DIE] = an_sim_lag(
        &m->slow[Z_DIE],
        m->ambient + 100 * rate * friction / c[C_COOLING] + 12 * a[TOOL_CHANGE] + 6 * a[NEW_MATERIAL], 90);
    y[EJECTOR] = 6 + 0.011 * force + 8 * a[DIE_STICKING] + 0.8 * wear;
}

const an_sim_physics an_sim_physics_press = {
    .line = {.name = "press",
             .sensors = sensors,
             .n_sensors = sizeof sensors / sizeof *sensors,
             .events = events,
             .n_events = sizeof events / sizeof *events,
             .modes = modes,
             .n_modes = sizeof modes / sizeof *modes},
    .noise = noise,
    .scale = scale,
    .start = start,
    .step = step,
};
