#include "coordinator/lab/steps.h"

#include "base/mem.h"
#include "doors/yaml.h"

#define TEXT_MAX (4 * AN_CHAIN_TEXT_MAX) /* with names it is longer than with numbers */

an_err an_lab_steps_read(const an_lab *lab, const char *const *names, size_t width, an_prep_conf *conf,
                         an_note *why)
{
    static const char *const keys[] = {"version", "steps", "missing", NULL};
    static const char *const outer[] = {"prep", NULL};
    const char *path = an_args_get(lab->args, "steps"), *missing = NULL;
    an_prep_chain *chain = NULL;
    an_yaml *doc = NULL;
    if (!path)
        return AN_OK;
    an_err err = an_yaml_load(path, &doc, why);
    const an_node *map = an_yaml_root(doc), *prep = an_node_get(map, "prep");
    if (err == AN_OK && prep)
        err = an_node_only_keys(map, outer, why);
    if (err == AN_OK)
        err = an_node_only_keys(prep ? prep : map, keys, why);
    if (err == AN_OK)
        err = an_chain_read(prep ? prep : map, names, width, &chain, why);
    if (err == AN_OK)
        err = an_node_get_text(prep ? prep : map, "missing", NULL, &missing, why);
    if (err == AN_OK && !chain)
        err = an_fail(AN_ERR_INVAL, why, "%s has no steps", path);
    if (err == AN_OK) {
        an_prep_conf_chain(conf, chain);
        chain = NULL;
        if (missing)
            err = an_prep_conf_set(conf, "missing", missing, why);
    }
    an_chain_free(chain);
    an_yaml_free(doc);
    return err;
}

an_err an_lab_steps_text(const an_prep_conf *conf, const char *const *names, char **ret)
{
    an_buf b;
    an_buf_init(&b, TEXT_MAX);
    an_chain_text(conf->chain, names, &b);
    an_buf_u8(&b, 0);
    an_err err = an_buf_err(&b);
    char *text = err == AN_OK ? an_strdup((const char *)b.data) : NULL;
    an_buf_done(&b);
    if (!text)
        return AN_ERR_NOMEM;
    *ret = text;
    return AN_OK;
}
