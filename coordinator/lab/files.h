/* files.h - the files that train, score and evaluate work on: tables of one shape.
 *
 *     an_lab_files files = {0};
 *     err = an_lab_files_read(lab, 1, &files, &why);       positionals from the second on
 *     ...
 *     an_lab_files_done(&files);
 *
 * A folder stands for the tables in it, in natural order.
 *
 * Threads: data only. */
#ifndef AN_COORDINATOR_LAB_FILES_H
#define AN_COORDINATOR_LAB_FILES_H

#include "coordinator/lab/lab.h"
#include "models/bundle.h"
#include "models/data/table.h"
#include "models/overlay.h"

typedef struct an_lab_files {
    an_table *tables;
    char **names;
    size_t n, cap, cap_names;
    size_t width;
} an_lab_files;

/* Errors: INVAL a flag; NOTFOUND, IO, PROTO; PROTO files of another shape than the first;
 * NOMEM. */
an_err an_lab_files_read(const an_lab *lab, size_t first, an_lab_files *ret, an_note *why);
void an_lab_files_done(an_lab_files *f);

/* A version and, with --overlay FILE, what a site made for it.  *ret_has: is there one?
 * Errors: as an_bundle_read and an_overlay_decode; INVAL they do not belong together. */
an_err an_lab_version_read(const an_lab *lab, const char *path, an_bundle *ret, an_hash *ret_hash,
                           an_overlay *ret_overlay, bool *ret_has, an_note *why);

/* Do the tables have the sensors that the version wants, in its order?  Files without a header
 * are held to their number only.  Errors: INVAL names the first that differs. */
an_err an_lab_files_fit(const an_lab_files *f, const an_bundle *b, bool names, an_note *why);

/* The flags that an_lab_files_read understands. */
#define AN_LAB_FLAGS_FILES                                                                                   \
    {"delimiter", "C", "between two fields; found out when not given"},                                      \
        {"no-header", NULL, "the first line holds values, not names"},                                       \
        {"time", "COLUMN", "of the time; \"none\": there is none (default: found out)"},                     \
        {"label", "COLUMN", "of labels: 0 normal and 1 anomalous, or what the model is to say"},             \
    {                                                                                                        \
        "ignore", "COLUMN", "to leave out; may be repeated"                                                  \
    }

#endif
