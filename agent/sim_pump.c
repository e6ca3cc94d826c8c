/* A centrifugal pump station.  The affinity laws tie speed, flow, head and power together
 * (flow ~ speed, head ~ speed squared, power ~ speed cubed); temperatures follow losses with
 * lags of minutes; vibration follows speed and the state of the bearing. */
#include "agent/sim_internal.h"

#include <math.h>

enum { SPEED, FLOW, SUCTION, DISCHARGE, CURRENT, VIB_DE, VIB_NDE, T_BEARING, T_OIL, T_MOTOR, VALVE };
enum { BEARING_WEAR, CAVITATION, LEAK, BLOCKAGE, MISALIGNMENT, TOOL_CHANGE, NEW_MATERIAL };
enum { Z_SPEED, Z_BEARING, Z_OIL, Z_MOTOR };
enum { C_HEAD, C_FLOW, C_FRICTION, C_COOLING, C_BALANCE };

static const an_sim_sensor sensors[] = {
    {"speed", "1/min", -500, 4000},         {"flow", "m3/h", -5, 250},
    {"suction_pressure", "bar", -1, 10},    {"discharge_pressure", "bar", -1, 25},
    {"motor_current", "A", -20, 120},       {"vibration_drive_end", "mm/s", -2, 60},
    {"vibration_free_end", "mm/s", -2, 60}, {"bearing_temperature", "degC", -40, 200},
    {"oil_temperature", "degC", -40, 200},  {"motor_temperature", "degC", -40, 250},
    {"valve_position", "%", -5, 105},
};
static const double noise[] = {4, 0.8, 0.015, 0.04, 0.25, 0.08, 0.07, 0.25, 0.2, 0.3, 0.4};
static const double scale[] = {250, 12, 0.08, 0.8, 4, 0.35, 0.25, 3, 2, 3.5, 8};

static const an_sim_event_type events[] = {
    [BEARING_WEAR] = {"bearing_wear", true, false,
                      "slow wear of the drive-end bearing: vibration, heat and current rise along a ramp"},
    [CAVITATION] = {"cavitation", true, false,
                    "vapour at the inlet: low suction pressure, shaking, unsteady flow"},
    [LEAK] = {"leak", true, false, "loss behind the pump: less flow and pressure at the same power"},
    [BLOCKAGE] = {"blockage", true, false, "clogged discharge: less flow, more pressure"},
    [MISALIGNMENT] = {"misalignment", true, false,
                      "coupling out of line: both bearings shake, current rises"},
    [TOOL_CHANGE] = {"tool_change", false, false,
                     "another impeller: more head and flow, quieter; not a fault"},
    [NEW_MATERIAL] = {"new_material", false, false, "a denser fluid: more pressure and current; not a fault"},
};

static const an_failure_mode modes[] = {
    {"bearing_wear",
     4,
     {{"vibration_drive_end", 6},
      {"bearing_temperature", 3},
      {"vibration_free_end", 3},
      {"motor_current", 0.5}}},
    {"cavitation",
     4,
     {{"suction_pressure", -4}, {"vibration_drive_end", 4}, {"vibration_free_end", 4}, {"flow", -1.5}}},
    {"leak", 3, {{"flow", -2.5}, {"discharge_pressure", -1.5}, {"motor_current", 0.8}}},
    {"blockage", 3, {{"flow", -3}, {"discharge_pressure", 2}, {"motor_current", -1}}},
    {"misalignment", 3, {{"vibration_free_end", 6}, {"vibration_drive_end", 4}, {"motor_current", 0.8}}},
};

static void start(an_sim_moment *m)
{
    m->slow[Z_SPEED] = 0.7;
    m->slow[Z_BEARING] = 45;
    m->slow[Z_OIL] = 38;
    m->slow[Z_MOTOR] = 50;
}

static void step(double *y, an_sim_moment *m)
{
    const double *a = m->act, *c = m->coef;
    const double wear = a[BEARING_WEAR] + 0.0001 * m->hours;
    const double density = 1 + 0.12 * a[NEW_MATERIAL];
    const double shake = a[CAVITATION] * an_rng_normal(m->rng);

    double s = an_sim_lag(&m->slow[Z_SPEED], m->load > 0 ? 0.55 + 0.45 * m->load : 0, 8);
    double valve = 30 + 60 * m->load + 1.2 * m->wobble[0];
    double open = 0.55 + 0.45 * valve / 100;
    double q = c[C_FLOW] * s * open * (1 + 0.012 * m->wobble[1]) * (1 + 0.10 * a[TOOL_CHANGE]) *
               (1 - 0.06 * a[NEW_MATERIAL]) * (1 - 0.20 * a[BLOCKAGE]) * (1 - 0.05 * a[CAVITATION]);
    double head = density * (1 + 0.22 * a[TOOL_CHANGE]) * c[C_HEAD] * (9.5 * s * s - 2.2 * q * q);
    double power = density * (0.25 * s * s * s * c[C_FRICTION] + 0.75 * s * q * (1 + 0.10 * a[TOOL_CHANGE]));

    y[SPEED] = 2950 * s;
    y[FLOW] = 130 * q * (1 - 0.16 * a[LEAK]) + 3 * shake;
    y[SUCTION] = 1.7 - 0.45 * q * q - 0.32 * a[CAVITATION] + 0.05 * shake + 0.01 * m->wobble[0];
    y[DISCHARGE] = y[SUCTION] + head * (1 - 0.12 * a[LEAK]) * (1 + 0.18 * a[BLOCKAGE]) + 0.15 * shake;
    y[CURRENT] = (s > 0.02 ? 6 : 0) + 42 * power + 2 * wear * s + 2.2 * a[MISALIGNMENT] * s +
                 1.5 * a[LEAK] * s - 2 * a[BLOCKAGE] * s;
    double balance = c[C_BALANCE] * (1 - 0.30 * a[TOOL_CHANGE]);
    y[VIB_DE] = 0.15 + s * s * (1.7 * balance + 2.6 * wear + 1.3 * a[MISALIGNMENT]) + 1.3 * a[CAVITATION] +
                0.4 * fabs(shake);
    y[VIB_NDE] = 0.15 + s * s * (1.2 * balance + 0.8 * wear + 1.7 * a[MISALIGNMENT]) + 1.1 * a[CAVITATION] +
                 0.4 * fabs(shake);
    double loss = s * s * c[C_FRICTION] / c[C_COOLING];
    y[T_BEARING] =
        an_sim_lag(&m->slow[Z_BEARING], m->ambient + loss * (30 + 14 * wear + 4 * a[MISALIGNMENT]), 90);
    y[T_OIL] = an_sim_lag(&m->slow[Z_OIL], m->ambient + loss * (20 + 5 * wear + 4 * a[NEW_MATERIAL]), 150);
    double amps = y[CURRENT] / 40;
    y[T_MOTOR] = an_sim_lag(&m->slow[Z_MOTOR], m->ambient + 34 * amps * amps / c[C_COOLING], 120);
    y[VALVE] = valve;
}

const an_sim_physics an_sim_physics_pump = {
    .line = {.name = "pump",
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
