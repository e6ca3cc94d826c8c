/* folder.h - a folder of a test's own under $TMPDIR or /tmp, removed with all that is in it.
 *
 *     char dir[AN_PATH_MAX];
 *     an_test_folder_make(dir);
 *     ...
 *     an_test_folder_remove(dir);
 *
 * Threads: call from anywhere. */
#ifndef AN_TEST_FOLDER_H
#define AN_TEST_FOLDER_H

#include "base/file.h"

/* Ends the test program if there is no such folder to be had. */
void an_test_folder_make(char out[static AN_PATH_MAX]);
/* Removes what the folder holds, follows no links, ignores what cannot be removed. */
void an_test_folder_remove(const char *dir);

#endif
