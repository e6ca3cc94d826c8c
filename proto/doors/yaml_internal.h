/* yaml_internal.h - how a document lies in memory; shared by yaml.c, which fills it, and
 * yaml_node.c, which reads it.
 *
 * Nodes lie in one array, texts in one buffer, both found by offset because both move while they
 * grow.  The value of a map's entry carries its key, so an entry is one node. */
#ifndef AN_DOORS_YAML_INTERNAL_H
#define AN_DOORS_YAML_INTERNAL_H

#include <stdint.h>

#include "base/buf.h"
#include "doors/yaml.h"

#define AN_YAML_NONE UINT32_MAX

struct an_node {
    const an_yaml *doc;
    an_yaml_kind kind;
    bool plain;            /* a scalar without quotes */
    uint32_t line, column; /* from 1 */
    uint32_t key_line, key_column;
    uint32_t key;   /* offset of the key's text; NONE outside a map */
    uint32_t text;  /* offset of a scalar's text */
    uint32_t count; /* entries of a list or map */
    uint32_t first; /* of its entries in doc->order; while parsing: its first entry's node */
    uint32_t next;  /* while parsing: the next entry of the same list or map */
};

struct an_yaml {
    char *name;
    an_node *nodes; /* nodes[0] is the root */
    size_t n_nodes;
    size_t cap_nodes;
    uint32_t *order; /* the entries of each list and map, side by side */
    an_buf texts;    /* terminated texts */
};

static inline const char *an_yaml_text_at(const an_yaml *doc, uint32_t offset)
{
    return (const char *)doc->texts.data + offset;
}

#endif
