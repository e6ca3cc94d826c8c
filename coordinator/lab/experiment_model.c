/* What an experiment is made of: a network or a detector, and what the network begins with. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/experiment_internal.h"
#include "models/detector.h"
#include "models/model.h"

/* The text of the architecture, or the name of a file that holds it. */
static an_err read_arch(const an_node *top, const char *dir, an_experiment *e, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf bytes;
    an_err err = an_node_get_text(top, "detector", NULL, &e->detector, why);
    if (err == AN_OK && e->detector && !an_detector_find(e->detector))
        err = an_node_fail(an_node_get(top, "detector"), why, "there is no detector %s", e->detector);
    if (err == AN_OK)
        err = e->detector ? an_node_get_text(top, "model", NULL, &e->arch, why)
                          : an_node_need_text(top, "model", &e->arch, why);
    if (err != AN_OK || !e->arch || strchr(e->arch, '\n'))
        return err;
    an_buf_init(&bytes, AN_MODEL_TEXT_MAX);
    if ((err = an_path_join(path, dir, e->arch)) == AN_OK)
        err = an_file_read(&bytes, path, why);
    if (err != AN_OK) {
        err = an_node_fail(an_node_get(top, "model"), why,
                           "model: neither a text of several lines nor a file: %s", path);
    } else {
        an_buf_u8(&bytes, 0);
        if ((err = an_buf_err(&bytes)) == AN_OK && !(e->arch_file = an_strdup((const char *)bytes.data)))
            err = AN_ERR_NOMEM;
        e->arch = e->arch_file;
    }
    an_buf_done(&bytes);
    return err;
}

/* What the model begins with (backbone.h); its description says which layers stay so. */
static an_err read_from(const an_node *top, const char *dir, an_experiment *e, an_note *why)
{
    char path[AN_PATH_MAX];
    const char *name = NULL;
    an_err err = an_node_get_text(top, "from", NULL, &name, why);
    if (err != AN_OK || !name)
        return err;
    if (!e->arch)
        return an_node_fail(an_node_get(top, "from"), why, "from: needs a model that begins with it");
    if (name[0] == '/')
        e->from = an_strdup(name);
    else if ((err = an_path_join(path, dir, name)) == AN_OK)
        e->from = an_strdup(path);
    return err != AN_OK || e->from ? err : AN_ERR_NOMEM;
}

an_err an_experiment_read_model(const an_node *top, const char *dir, an_experiment *e, an_note *why)
{
    an_err err = read_arch(top, dir, e, why);
    return err == AN_OK ? read_from(top, dir, e, why) : err;
}
