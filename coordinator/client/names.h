/* names.h - what `andon` says of itself, and the names that a shell may complete.
 *
 * Threads: one thread. */
#ifndef AN_CLIENT_NAMES_H
#define AN_CLIENT_NAMES_H

#include "base/args_pages.h"

an_args_names an_cli_names;

extern const an_args_about an_cli_about;

#endif
