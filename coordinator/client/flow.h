/* flow.h - a part of a YAML file as one line of YAML, to be sent as it was written. */
#ifndef AN_COORDINATOR_CLIENT_FLOW_H
#define AN_COORDINATOR_CLIENT_FLOW_H

#include "base/buf.h"
#include "doors/yaml.h"

/* Numbers stay as they are, every other scalar is quoted. */
void an_cli_flow(an_buf *out, const an_node *node);

#endif
