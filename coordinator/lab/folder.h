/* folder.h - a folder that is gone when the work is done.
 *
 *     char dir[AN_PATH_MAX];
 *     err = an_lab_folder_make(dir, &why);
 *     ...
 *     an_lab_folder_remove(dir);
 *
 * Threads: call from anywhere. */
#ifndef AN_COORDINATOR_LAB_FOLDER_H
#define AN_COORDINATOR_LAB_FOLDER_H

#include "base/err.h"
#include "base/file.h"

/* Under $TMPDIR or /tmp.  Errors: IO. */
an_err an_lab_folder_make(char out[static AN_PATH_MAX], an_note *why);
/* With all that is in it; follows no links; what cannot be removed stays. */
void an_lab_folder_remove(const char *dir);

/* Sorts names so that numbers in them count as numbers: omi-2 before omi-10. */
void an_lab_names_sort(an_names *names);
bool an_lab_is_dir(const char *path);

#endif
