/* federation_internal.h - what the two files of federation.h share. */
#ifndef AN_TEST_FEDERATION_INTERNAL_H
#define AN_TEST_FEDERATION_INTERNAL_H

#include "tests/support/federation.h"

/* The outside of the hub and of a site: all that they ask for becomes an event of the world. */
an_hub_io an_federation_hub_io(world *w);
an_session_io an_federation_site_io(site *s);

#endif
