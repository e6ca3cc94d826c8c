#include "coordinator/client/flow.h"

static void put_text(an_buf *out, const char *text)
{
    an_buf_text(out, "\"");
    for (const char *c = text; *c; c++)
        an_buf_printf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    an_buf_text(out, "\"");
}

/* A document is at most AN_YAML_MAX_DEPTH deep. */
void an_cli_flow(an_buf *out, const an_node *node) /* NOLINT(misc-no-recursion) */
{
    const an_yaml_kind kind = an_node_kind(node);
    double number;
    if (kind == AN_YAML_SCALAR) {
        const char *text = "";
        if (an_node_text(node, &text, NULL) == AN_OK &&
            an_node_num(node, -1e308, 1e308, &number, NULL) == AN_OK)
            an_buf_text(out, text);
        else
            put_text(out, text);
        return;
    }
    an_buf_text(out, kind == AN_YAML_LIST ? "[" : "{");
    for (size_t i = 0; i < an_node_count(node); i++) {
        an_buf_text(out, i ? ", " : "");
        if (kind == AN_YAML_MAP) {
            put_text(out, an_node_key(node, i));
            an_buf_text(out, ": ");
        }
        an_cli_flow(out, kind == AN_YAML_MAP ? an_node_value(node, i) : an_node_at(node, i));
    }
    an_buf_text(out, kind == AN_YAML_LIST ? "]" : "}");
}
