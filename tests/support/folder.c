#include "tests/support/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void an_test_folder_make(char out[static AN_PATH_MAX])
{
    const char *tmp = getenv("TMPDIR");
    an_err err = an_path_join(out, tmp && tmp[0] ? tmp : "/tmp", "andon-test-XXXXXX");
    const char *made = err == AN_OK ? mkdtemp(out) : NULL;
    if (!made) {
        fprintf(stderr, "no folder for tests under %s\n", tmp ? tmp : "/tmp");
        abort();
    }
}

void an_test_folder_remove(const char *dir)
{
    an_names names = {0};
    char path[AN_PATH_MAX];
    struct stat st;
    if (an_dir_list(dir, &names, NULL) != AN_OK)
        return;
    for (size_t i = 0; i < names.n; i++) {
        if (an_path_join(path, dir, names.items[i]) != AN_OK || lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            an_test_folder_remove(path);
        else
            unlink(path);
    }
    an_names_done(&names);
    rmdir(dir);
}
