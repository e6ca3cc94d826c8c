/* prep_step.h - what the files of prep_steps/ are made of.  See prep_chain.h.
 *
 *     typedef struct settings { uint32_t rows; } settings;
 *     static an_err read(an_prep_step *s, const an_node *map, an_note *why);      settings from their map
 *     static void text(const an_prep_step *s, an_buf *out);                       and back
 *     static void apply(const an_prep_step *s, const an_prep_past *past, float *out);
 *
 *     const an_prep_step_type an_prep_step_median = {.name = "median", ...};
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_PREP_STEP_H
#define AN_MODELS_PREP_STEP_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "doors/yaml.h"
#include "models/prep_chain.h"

typedef struct an_prep_step_type an_prep_step_type;

typedef struct an_prep_step {
    const an_prep_step_type *type;
    uint32_t width;    /* values in a row that comes in */
    uint32_t features; /* ... that comes out; read may make it larger */
    uint32_t *sensors; /* (n_sensors) that it is about, ascending */
    uint32_t n_sensors;
    /* Set by read where they are not the usual ones. */
    uint32_t memory; /* rows that a row that comes out is made of: 1 */
    uint32_t rate;   /* rows that come in for each that comes out: 1 */
    uint32_t delay;  /* rows: what comes out is, where the step changes nothing, the row of so long ago: 0 */
    void *own;       /* (type->own) bytes: its settings */
} an_prep_step;

/* The last step->memory rows that came in. */
typedef struct an_prep_past {
    const float *rows; /* (memory, width) a ring */
    size_t memory, width, newest;
} an_prep_past;

/* The row `age` rows ago, 0 the newest; age < memory. */
static inline const float *an_prep_ago(const an_prep_past *p, size_t age)
{
    return p->rows + (p->newest >= age ? p->newest - age : p->newest + p->memory - age) * p->width;
}

typedef enum an_prep_about {
    AN_PREP_ABOUT_SENSORS, /* the key `sensors`: a list of names; absent: all */
    AN_PREP_ABOUT_ONE,     /* the key `sensor`: one name */
    AN_PREP_ABOUT_ROWS     /* neither key: whole rows */
} an_prep_about;

struct an_prep_step_type {
    const char *name;
    const char *meaning;
    an_prep_about about;
    const char *const *keys; /* of its settings; ended by NULL */
    /* Settings, each as within the braces of a map, that the tests try on three sensors; ended by NULL.
     * "sensors: [0]" and "sensor: 0" are said by number. */
    const char *const *examples;
    size_t own; /* bytes of its settings, zeroed before read */
    /* sensors, width and features are there.  Errors: INVAL. */
    an_err (*read)(an_prep_step *s, const an_node *map, an_note *why);
    /* What read would read again, each setting as ", key: value" in a fixed order. */
    void (*text)(const an_prep_step *s, an_buf *out);
    /* out (features) holds the row `delay` rows ago, and the rest zeros; values that are not finite become
     * missing afterwards. */
    void (*apply)(const an_prep_step *s, const an_prep_past *past, float *out);
    /* For a step that splits rows into regimes: NULL for all others.  The regime of a row that came
     * out, or `regimes` for one in which nothing is scored. */
    size_t (*regimes)(const an_prep_step *s);
    size_t (*regime_of)(const an_prep_step *s, const float *row);
    const char *(*regime_name)(const an_prep_step *s, size_t regime);
    /* For a step that adds features: what sensor feature i >= width is made of. */
    size_t (*sensor_of)(const an_prep_step *s, size_t feature);
    /* For a conversion: what it does to a value. */
    void (*conversion)(const an_prep_step *s, double *ret_gain, double *ret_offset);
};

const an_prep_step_type *an_prep_step_find(const char *name); /* NULL: no such step */
const an_prep_step_type *an_prep_step_at(size_t i);           /* NULL past the end */

/* A count that must be there.  Errors: INVAL. */
an_err an_prep_need_count(const an_node *map, const char *key, uint32_t min, uint32_t max, uint32_t *ret,
                          an_note *why);
/* As an_prep_need_count, and odd. */
an_err an_prep_need_odd(const an_node *map, const char *key, uint32_t min, uint32_t max, uint32_t *ret,
                        an_note *why);
/* A text of 1..max printable ASCII characters without quotes and backslashes.  Errors: INVAL. */
an_err an_prep_take_word(const an_node *node, char *out, size_t max, an_note *why);
/* ", key: " and the shortest number that is read back to the same double. */
void an_prep_put_number(an_buf *out, const char *key, double v);
void an_prep_put_numbers(an_buf *out, const char *key, const double *v, size_t n);

#endif
