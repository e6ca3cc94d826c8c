/* files.h - the files that train, score and evaluate work on: tables of one shape.
 *
 *     an_lab_files files = {0};
 *     err = an_lab_files_read(lab, 1, &files, &why);       positionals from the second on
 *     ...
 *     an_lab_files_done(&files);
 *
 * A folder stands for the tables in it, in natural order.  Images are tables too (images.h).
 *
 * Threads: data only. */
#ifndef AN_COORDINATOR_LAB_FILES_H
#define AN_COORDINATOR_LAB_FILES_H

#include "base/file.h"
#include "coordinator/lab/lab.h"
#include "models/bundle.h"
#include "models/data/table.h"
#include "models/overlay.h"

typedef struct an_lab_files {
    an_table *tables;
    char **names;
    size_t n, cap, cap_names;
    size_t width;
    /* Of images (images.h): */
    size_t height; /* rows of each; 0: these are tables, and there is nothing of what follows */
    char **images; /* (n_images) the names of their files, in the order of the tables */
    size_t n_images;
    float *masks;     /* (n_images, height, pixels in a row) 0 and 1; NULL: none */
    an_names classes; /* names, where the labels are numbers of them */
} an_lab_files;

/* Errors: INVAL a flag; NOTFOUND, IO, PROTO; PROTO files of another shape than the first;
 * NOMEM. */
an_err an_lab_files_read(const an_lab *lab, size_t first, an_lab_files *ret, an_note *why);
void an_lab_files_done(an_lab_files *f);

/* Those that a model is to learn from: images, if it takes such and the first path is one or a folder with
 * some.  Errors: as above and as an_lab_images_read. */
an_err an_lab_files_read_for(const an_lab *lab, const char *arch, const char *name, an_lab_files *ret,
                             an_note *why);
/* Those that a version is for.  Errors: as above and as an_lab_files_fit. */
an_err an_lab_files_read_of(const an_lab *lab, const an_bundle *b, an_lab_files *ret, an_note *why);

/* What the parts of a model's input are called: "rows", "windows" or "images". */
const char *an_lab_files_unit(const an_lab_files *f, const char *of_tables);

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
