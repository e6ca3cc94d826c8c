/* What a crash may leave in a site's folders: halves of files that were being written, and what belongs to rounds
 * that are over.
 *
 * The state of a secure sum has no row in the spool before its vector is masked, so whether its round goes on only the
 * coordinator can say: the site asks with its HELLO, and removes the file when the round's end has been seen. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"

static bool ends_in(const char *name, const char *end)
{
    const size_t len = strlen(name), n = strlen(end);
    return len > n && strcmp(name + len - n, end) == 0;
}

/* "round-12.secure": 12; 0: no such name. */
static uint64_t round_of(const char *name, const char *end)
{
    char again[64];
    const uint64_t round = strncmp(name, "round-", 6) == 0 ? strtoull(name + 6, NULL, 10) : 0;
    snprintf(again, sizeof again, "round-%" PRIu64 "%s", round, end);
    return strcmp(again, name) == 0 ? round : 0;
}

static an_err drop(const char *dir, const char *name, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = an_path_join(path, dir, name);
    if (err == AN_OK)
        err = an_file_remove(path, why);
    if (err == AN_OK)
        an_log(AN_LOG_INFO, "stale_file_removed", "file=%s", name);
    return err;
}

/* The newest rounds are kept: a site takes part in no more at a time. */
static an_err ask_about(an_session *s, uint64_t round, an_note *why)
{
    char path[AN_PATH_MAX];
    uint64_t oldest = round;
    size_t at = SIZE_MAX;
    if (s->n_unsure < AN_HELD_MAX) {
        s->unsure[s->n_unsure++] = round;
        return AN_OK;
    }
    for (size_t i = 0; i < s->n_unsure; i++)
        if (s->unsure[i] < oldest) {
            oldest = s->unsure[i];
            at = i;
        }
    if (at != SIZE_MAX)
        s->unsure[at] = round;
    an_err err = an_secure_path(s, oldest, path);
    return err == AN_OK ? an_file_remove(path, why) : err;
}

static an_err sweep_upload(an_session *s, const char *name, an_note *why)
{
    const uint64_t state = round_of(name, ".secure"), update = round_of(name, ".update");
    const bool half = ends_in(name, ".part");
    bool begun = false;
    if ((!state && !update && !half) || an_parts_find(s, state ? state : update))
        return AN_OK;
    an_err err = state ? an_secure_begun_before(s, state, &begun, why) : AN_OK;
    if (err != AN_OK)
        return err;
    return begun ? ask_about(s, state, why) : drop(s->uploads_dir, name, why);
}

static an_err sweep_folder(an_session *s, const char *dir, an_note *why)
{
    an_names names = {.n = 0};
    an_err err = an_dir_list(dir, &names, why);
    for (size_t i = 0; i < names.n && err == AN_OK; i++) {
        if (dir == s->uploads_dir)
            err = sweep_upload(s, names.items[i], why);
        else if (ends_in(names.items[i], ".part"))
            err = drop(dir, names.items[i], why);
    }
    an_names_done(&names);
    return err;
}

/* Versions that are being fetched have halves, too, and go on from there: that folder has a quota instead. */
an_err an_parts_sweep(an_session *s, an_note *why)
{
    an_err err = sweep_folder(s, s->uploads_dir, why);
    if (err == AN_OK)
        err = sweep_folder(s, s->local_dir, why);
    return err == AN_OK ? sweep_folder(s, s->conf.dir, why) : err;
}

void an_parts_unsure(const an_session *s, an_msg_hello *h)
{
    for (size_t i = 0; i < s->n_unsure && h->n_held < AN_HELD_MAX; i++)
        if (!an_parts_find((an_session *)(uintptr_t)s, s->unsure[i]))
            h->held[h->n_held++] = (an_msg_held){.round = s->unsure[i]};
}

void an_parts_sure(an_session *s, uint64_t round)
{
    char path[AN_PATH_MAX];
    for (size_t i = 0; i < s->n_unsure; i++) {
        if (s->unsure[i] != round)
            continue;
        s->unsure[i] = s->unsure[--s->n_unsure];
        if (an_secure_path(s, round, path) == AN_OK) {
            an_err err = an_file_remove(path, NULL);
            (void)err; /* found again at the next start */
        }
        return;
    }
}
