/* about.h - what the manual page of andon-agent says beside its verbs.
 *
 * Threads: constants. */
#ifndef AN_AGENT_ABOUT_H
#define AN_AGENT_ABOUT_H

#include "base/args_pages.h"

extern const an_args_about an_agent_about;

#endif
