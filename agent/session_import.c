/* A release that came as a file: the same judgement as over the link, and what is said of it goes out later. */
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"
#include "doors/crypto.h"
#include "trust/parcel.h"

/* Rotations that this site has seen are in every parcel. */
static bool is_known(const an_session *s, const an_msg_trust *t)
{
    an_root_link link;
    return an_root_link_parse(t->statement.data, t->statement.len, &link, NULL) == AN_OK &&
           link.number <= s->root.number;
}

static an_err take_bundles(an_session *s, const an_parcel *p, const char *dir, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < p->n_bundles && err == AN_OK; i++) {
        char path[AN_PATH_MAX], name[AN_HASH_TEXT];
        if (an_versions_path(s->versions, &p->bundles[i].hash, path) == AN_OK)
            continue;
        an_hash_text(name, &p->bundles[i].hash);
        err = an_path_join(path, dir, name);
        if (err == AN_OK)
            err = an_versions_adopt(s->versions, &p->bundles[i].hash, path, why);
    }
    return err;
}

/* What an_follow_version would only say to the coordinator. */
static an_err judge(const an_session *s, const an_msg_version *v, an_note *why)
{
    an_release r;
    an_delegation d;
    bool any = false;
    an_err err = an_trust_judge(s, v, &r, &d, why);
    if (err == AN_OK)
        err = an_trust_fresh(s, &r, &d, why);
    for (size_t i = 0; i < s->conf.n_lines && err == AN_OK; i++) {
        const an_line_state *line = &s->lines[i];
        if (strcmp(line->conf->model, v->model) != 0)
            continue;
        any = true;
        if (line->root_number == s->root.number && v->counter < line->counter)
            err = an_fail(AN_ERR_REFUSED, why, "statement %llu is older than %llu, which was followed",
                          (unsigned long long)v->counter, (unsigned long long)line->counter);
    }
    return err == AN_OK && !any ? an_fail(AN_ERR_REFUSED, why, "no line here runs model %s", v->model) : err;
}

/* Every line of its model has gone over to it, and nothing is left to be done; a line that went back since stays
 * where it is. */
static bool was_followed(const an_session *s, const an_msg_version *v, an_note *said)
{
    an_note_set(said, "release %llu of model %s runs here already", (unsigned long long)v->counter, v->model);
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        const an_line_state *line = &s->lines[i];
        if (strcmp(line->conf->model, v->model) != 0)
            continue;
        if (line->root_number != s->root.number || line->counter != v->counter ||
            an_hash_is_zero(&line->version))
            return false;
        if (!an_hash_equal(&line->version, &v->version))
            an_note_set(said, "release %llu of model %s was followed here already; line %s went back from it",
                        (unsigned long long)v->counter, v->model, line->conf->line);
    }
    return true;
}

an_err an_session_import(an_session *s, const void *head, size_t len, const char *dir, an_note *why)
{
    an_parcel *p = NULL;
    char what[160], hex[AN_HASH_TEXT];
    an_note reason = {{0}};
    an_err err = an_parcel_decode(head, len, s->conf.coordinator_key, &p, &reason);
    const an_msg *version = p ? p->messages[p->n_messages - 1] : NULL;
    for (size_t i = 0; p && i + 1 < p->n_messages && err == AN_OK; i++)
        if (!is_known(s, &p->messages[i]->u.trust))
            err = an_trust_message(s, p->messages[i], &reason);
    if (err == AN_OK)
        err = judge(s, &version->u.version, &reason);
    an_note said;
    const bool already = err == AN_OK && was_followed(s, &version->u.version, &said);
    if (err == AN_OK && !already)
        err = take_bundles(s, p, dir, &reason);
    if (already) {
        err = an_fail(AN_ERR_EXISTS, &reason, "%s", said.text);
    } else if (err == AN_OK) {
        an_hash_text(hex, &version->u.version.version);
        snprintf(what, sizeof what, "release %llu, version %.12s, came as a file",
                 (unsigned long long)version->u.version.counter, hex);
        an_trust_journal(s, NULL, what);
        err = an_follow_version(s, version, &reason);
    } else {
        snprintf(what, sizeof what, "a file was refused: %.130s",
                 reason.text[0] ? reason.text : an_err_text(err));
        an_trust_journal(s, NULL, what);
        an_log(AN_LOG_WARN, "import_refused", "reason=\"%s\"", reason.text);
    }
    an_parcel_free(p);
    if (why)
        *why = reason;
    return err;
}
