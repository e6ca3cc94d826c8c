/* Any bytes as what is asked for as advice, of a line and of an ask file: an error with its place, or bounds that hold. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/advice_conf.h"
#include "base/mem.h"

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void look(const an_advice_conf *c, bool whole)
{
    must(c->n_inputs > 0 && c->n_inputs <= AN_ADVICE_INPUTS_MAX && c->n_caps <= AN_ADVICE_CAPS_MAX);
    must(!whole || (c->version && c->known && c->every_ms >= 1000));
    must(c->reach >= AN_REACH_LESS && c->reach <= AN_REACH_ABOVE && isfinite(c->limit));
    for (size_t i = 0; i < c->n_inputs; i++) {
        must(c->inputs[i].sensor[0] && c->inputs[i].low <= c->inputs[i].high && c->inputs[i].step > 0);
        must(isfinite(c->inputs[i].low) && isfinite(c->inputs[i].high) && isfinite(c->inputs[i].step));
        for (size_t j = 0; j < i; j++)
            must(strcmp(c->inputs[i].sensor, c->inputs[j].sensor) != 0);
    }
    for (size_t k = 0; k < c->n_caps; k++)
        must(c->caps[k].version[0] && isfinite(c->caps[k].most));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_yaml *doc = NULL;
    an_note why = {{0}};
    if (an_yaml_parse((const char *)data, size, "fuzz", &doc, &why) == AN_OK) {
        const an_node *of_line = an_node_get(an_yaml_root(doc), "advice");
        an_advice_conf *c = NULL;
        const an_err err =
            an_advice_conf_read(of_line ? of_line : an_yaml_root(doc), of_line != NULL, &c, &why);
        if (err != AN_OK)
            must(!c && strncmp(why.text, "fuzz:", 5) == 0);
        else if (c)
            look(c, of_line != NULL);
        an_advice_conf_free(c);
    }
    an_yaml_free(doc);
    must(an_mem_live() == 0);
    return 0;
}
