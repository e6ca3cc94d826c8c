/* conf.h - option rows (base/opt.h) filled from a YAML file.
 *
 * Nested maps give dotted keys, a list of scalars becomes one TEXT joined by commas:
 *
 *     round:
 *       min_sites: 3            sets "round.min_sites"
 *     sensors: [p1, p2]         sets "sensors" to "p1,p2"
 *
 * Unknown keys are errors with file, line and column. */
#ifndef AN_DOORS_CONF_H
#define AN_DOORS_CONF_H

#include <stddef.h>

#include "base/err.h"
#include "base/opt.h"
#include "doors/yaml.h"

/* Sets what the file names in *conf, which holds the defaults (an_opt_defaults) or earlier values.
 * On failure *conf may hold a part of the file's values: the caller gives up on it (an_opt_done).
 * Errors: as an_yaml_load; INVAL an unknown key or a value outside its bounds; NOMEM. */
an_err an_conf_load_yaml(const an_opt *rows, size_t n, void *conf, const char *path, an_note *why);

/* The same for a map that is already read, e.g. one entry of a list of sites. */
an_err an_conf_from_node(const an_opt *rows, size_t n, void *conf, const an_node *map, an_note *why);

/* The same, but the keys of the map itself that are in `others` (ended by NULL) are left to the caller. */
an_err an_conf_from_node_but(const an_opt *rows, size_t n, void *conf, const an_node *map,
                             const char *const *others, an_note *why);

#endif
