/* Any bytes as YAML: either an error with a text, or a tree whose every node can be read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "doors/yaml.h"

static void must(bool ok)
{
    if (!ok)
        abort();
}

static size_t walk(const an_node *node, int depth)
{
    const char *text = NULL;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    an_note why = {{0}};
    must(node && depth <= AN_YAML_MAX_DEPTH + 1);
    must(an_node_line(node) >= 1 && an_node_column(node) >= 1);
    if (an_node_int(node, -100, 100, &i, &why) == AN_OK)
        must(i >= -100 && i <= 100);
    else
        must(why.text[0] != '\0');
    if (an_node_num(node, -1, 1, &d, &why) == AN_OK)
        must(d >= -1 && d <= 1);
    must(an_node_bool(node, &b, &why) == AN_OK || why.text[0] != '\0');
    must(an_node_text(node, &text, &why) == AN_OK ? text != NULL : why.text[0] != '\0');
    size_t n = 1;
    for (size_t k = 0; k < an_node_count(node); k++) {
        bool is_map = an_node_kind(node) == AN_YAML_MAP;
        if (is_map)
            must(an_node_get(node, an_node_key(node, k)) == an_node_value(node, k));
        n += walk(is_map ? an_node_value(node, k) : an_node_at(node, k), depth + 1);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_yaml *doc = NULL;
    an_note why = {{0}};
    if (an_yaml_parse((const char *)data, size, "fuzz", &doc, &why) == AN_OK)
        must(walk(an_yaml_root(doc), 0) <= AN_YAML_MAX_NODES);
    else
        must(!doc && why.text[0] != '\0');
    an_yaml_free(doc);
    must(an_mem_live() == 0);
    return 0;
}
