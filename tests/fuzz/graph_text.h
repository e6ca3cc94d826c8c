/* graph_text.h - from a fuzzer's bytes to the description of a model that mostly holds together: layers
 * of every kind in the table, with options from all over their bounds, reading each other.  Bytes
 * mutated as text seldom get past the names and shapes; these get to the arithmetic.
 *
 *     static char text[AN_GRAPH_TEXT_MAX];
 *     size_t used = an_graph_text(data, size, text);         0: nothing came of it
 *
 *     if (an_graph_is_small(model, ROWS)) ...                        soon done, and in little memory
 *
 * A new row of layers.def or losses.def is in it by itself. */
#ifndef AN_TESTS_FUZZ_GRAPH_TEXT_H
#define AN_TESTS_FUZZ_GRAPH_TEXT_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "models/layer.h"
#include "models/loss.h"
#include "models/model_internal.h"

#define AN_GRAPH_TEXT_MAX 8192u
#define AN_GRAPH_LAYERS_MAX 12u
#define AN_GRAPH_VALUES_MAX 3000u /* of a row in all layers */
#define AN_GRAPH_PARAMS_MAX 4000u
#define AN_GRAPH_PREPARED_MAX 12288u
#define AN_GRAPH_BYTES_MAX ((size_t)4 << 20) /* of a workspace */

typedef struct an_graph_source {
    const uint8_t *data;
    size_t n, at;
    char *out; /* AN_GRAPH_TEXT_MAX */
    size_t len;
    unsigned n_layers;
} an_graph_source;

static inline unsigned an_graph_byte(an_graph_source *s)
{
    return s->at < s->n ? s->data[s->at++] : 0;
}

static inline void an_graph_put(an_graph_source *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(s->out + s->len, AN_GRAPH_TEXT_MAX - s->len, format, args);
    va_end(args);
    s->len += n > 0 ? (size_t)n : 0;
    s->len = s->len < AN_GRAPH_TEXT_MAX ? s->len : AN_GRAPH_TEXT_MAX - 1;
}

/* Mostly small; now and then as large as it may be. */
static inline double an_graph_number(an_graph_source *s, double min, double max, bool whole)
{
    const unsigned b = an_graph_byte(s);
    if (b >= 250)
        return b == 255 ? max : whole ? (double)(uint64_t)(max / (double)(1u << (b - 249))) : max / 2;
    const double v = whole ? min + (double)(b % 9) : min + (max - min) * (double)b / 1024.0;
    return v < max ? v : max;
}

static inline void an_graph_choice(an_graph_source *s, const char *choices)
{
    size_t n = 1;
    for (const char *c = choices; *c; c++)
        n += *c == ' ';
    size_t skip = an_graph_byte(s) % n;
    while (skip > 0)
        skip -= *choices++ == ' ';
    an_graph_put(s, "%.*s", (int)strcspn(choices, " "), choices);
}

static inline void an_graph_options(an_graph_source *s, const an_layer_opt *o, const char *comma)
{
    for (; o && o->key; o++) {
        if (!o->required && an_graph_byte(s) % 2 == 0)
            continue;
        an_graph_put(s, "%s%s: ", comma, o->key);
        comma = ", ";
        if (o->kind == AN_LAYER_OPT_CHOICE)
            an_graph_choice(s, o->choices);
        else
            an_graph_put(s, "%.9g", an_graph_number(s, o->min, o->max, o->kind == AN_LAYER_OPT_COUNT));
    }
}

static inline void an_graph_from(an_graph_source *s)
{
    const unsigned k = an_graph_byte(s) % (s->n_layers + 1);
    if (k == s->n_layers)
        an_graph_put(s, "input");
    else
        an_graph_put(s, "n%u", k);
}

static inline void an_graph_layer(an_graph_source *s)
{
    size_t n = 0;
    while (an_layer_at(n))
        n++;
    const an_layer_type *type = an_layer_at(an_graph_byte(s) % n);
    an_graph_put(s, "  - %s: {name: n%u", type->name, s->n_layers);
    const unsigned how = an_graph_byte(s);
    if (type->joins && s->n_layers > 0) {
        an_graph_put(s, ", from: [n%u", s->n_layers - 1);
        for (unsigned i = 0; i < 1 + how % 3; i++) {
            an_graph_put(s, ", ");
            an_graph_from(s);
        }
        an_graph_put(s, "]");
    } else if (how % 8 == 7) {
        an_graph_put(s, ", from: ");
        an_graph_from(s);
    }
    an_graph_put(s, how % 16 == 6 ? ", local: true" : "");
    an_graph_options(s, type->opts, ", ");
    an_graph_put(s, "}\n");
}

static inline bool an_graph_holds(const an_graph_source *s)
{
    char text[AN_GRAPH_TEXT_MAX + 64];
    an_model *m = NULL;
    const int n = snprintf(text, sizeof text, "%sloss: mse\ntarget: labels\n", s->out);
    const bool holds = n > 0 && an_model_new(text, (size_t)n, "graph", 0, &m, NULL) == AN_OK;
    an_model_free(m);
    return holds;
}

static inline void an_graph_input(an_graph_source *s)
{
    const unsigned kind = an_graph_byte(s) % 3;
    const double most = 1e6;
    const double a = an_graph_number(s, 1, most, true), b = an_graph_number(s, 1, most, true);
    if (kind == 0)
        an_graph_put(s, "input: {features: %.0f}\n", a);
    else if (kind == 1)
        an_graph_put(s, "input: {features: %.0f, window: %.0f}\n", a, b);
    else
        an_graph_put(s, "input: {height: %.0f, width: %.0f, channels: %.0f}\n", a, b,
                     an_graph_number(s, 1, most, true));
}

/* Returns how many bytes it has looked at. */
static inline size_t an_graph_text(const uint8_t *data, size_t n, char out[static AN_GRAPH_TEXT_MAX])
{
    an_graph_source s = {.data = data, .n = n, .out = out};
    size_t losses = 0;
    while (an_loss_at(losses))
        losses++;
    out[0] = '\0';
    const unsigned end = an_graph_byte(&s);
    const an_loss *loss = an_loss_at(end % losses);
    const unsigned layers = 1 + an_graph_byte(&s) % AN_GRAPH_LAYERS_MAX;
    an_graph_put(&s, "model: graph\n");
    an_graph_input(&s);
    an_graph_put(&s, "layers:\n");
    for (unsigned i = 0; i < layers && s.at < s.n; i++) {
        const size_t before = s.len;
        an_graph_layer(&s);
        if (an_graph_holds(&s)) {
            s.n_layers++;
        } else { /* what does not fit is left out */
            s.len = before;
            out[before] = '\0';
        }
    }
    an_graph_put(&s, "loss: {%s: {", loss->name);
    an_graph_options(&s, loss->opts, "");
    an_graph_put(&s, "}}\ntarget: %s\n", end / losses % 2 ? "input" : "labels");
    return s.n_layers > 0 ? s.at : 0;
}

static inline bool an_graph_is_small(const an_model *m, size_t rows)
{
    size_t values = m->n_inputs, bytes = 0;
    for (size_t i = 0; i < m->n_layers; i++)
        values += m->layers[i].in_n + m->layers[i].out_n;
    return values <= AN_GRAPH_VALUES_MAX && m->n_params <= AN_GRAPH_PARAMS_MAX &&
           m->n_prepared <= AN_GRAPH_PREPARED_MAX && an_ws_plan(m, AN_WS_TRAIN, rows, &bytes) == AN_OK &&
           bytes <= AN_GRAPH_BYTES_MAX;
}

/* Adds an option to those that libFuzzer reads: for LLVMFuzzerInitialize, before it does. */
static inline void an_graph_option(int *argc, char ***argv, char *option)
{
    static char *args[256];
    const size_t n = (size_t)*argc;
    if (n + 2 > sizeof args / sizeof *args)
        return;
    memmove(args, *argv, n * sizeof *args);
    args[n] = option;
    args[n + 1] = NULL;
    *argv = args;
    *argc = (int)n + 1;
}

#endif
