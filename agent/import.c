#include "agent/import.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "agent/enrol.h"
#include "agent/inbox.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "trust/parcel.h"
#include "trust/release.h"

#define COPY_BYTES ((size_t)1 << 20)
#define LOOK_MS 100
#define LOOKS 100 /* so often: an agent that runs looks into its inbox each second */
#define ANSWER_BYTES 1024
#define GOOD "followed"
#define ALREADY "already: " /* and what is said of it */

/* ---- unpacking ---- */

static an_err copy_bundle(FILE *in, const an_parcel_bundle *b, const char *dir, an_note *why)
{
    char path[AN_PATH_MAX], name[AN_HASH_TEXT];
    an_hasher h;
    an_hash found;
    uint8_t *piece = an_alloc(COPY_BYTES, 1);
    an_hash_text(name, &b->hash);
    an_err err = piece ? an_path_join(path, dir, name) : AN_ERR_NOMEM;
    FILE *out = err == AN_OK ? fopen(path, "wb") : NULL;
    if (err == AN_OK && !out)
        err = an_fail(AN_ERR_IO, why, "%.200s: %s", path, strerror(errno));
    an_hasher_init(&h);
    for (uint64_t left = b->size; err == AN_OK && left > 0;) {
        const size_t n = fread(piece, 1, left < COPY_BYTES ? (size_t)left : COPY_BYTES, in);
        if (n == 0)
            err = an_fail(AN_ERR_PROTO, why, "the parcel was cut");
        else if (fwrite(piece, 1, n, out) != n)
            err = an_fail(AN_ERR_IO, why, "%.200s: %s", path, strerror(errno));
        an_hasher_add(&h, piece, n);
        left -= n;
    }
    an_hasher_end(&h, &found);
    if (out && (fflush(out) != 0 || fsync(fileno(out)) != 0) && err == AN_OK)
        err = an_fail(AN_ERR_IO, why, "%.200s: %s", path, strerror(errno));
    if (out && fclose(out) != 0 && err == AN_OK)
        err = an_fail(AN_ERR_IO, why, "%.200s: %s", path, strerror(errno));
    if (err == AN_OK && !an_hash_equal(&found, &b->hash))
        err = an_fail(AN_ERR_PROTO, why, "a bundle of the parcel is not what its name says");
    an_free(piece);
    return err;
}

static an_err read_head(FILE *in, an_buf *b)
{
    int ch;
    while (b->len < AN_PARCEL_HEAD_MAX && (ch = getc(in)) != EOF)
        an_buf_u8(b, (uint8_t)ch);
    return an_buf_err(b);
}

static an_err unpack(FILE *in, const char *dir, const uint8_t *key, an_parcel **ret, an_note *why)
{
    an_buf b;
    char path[AN_PATH_MAX];
    an_buf_init(&b, AN_PARCEL_HEAD_MAX);
    an_err err = read_head(in, &b);
    if (err == AN_OK)
        err = an_parcel_decode(b.data, b.len, key, ret, why);
    if (err == AN_OK)
        err = an_dir_make(dir, why);
    if (err == AN_OK && fseek(in, (long)(*ret)->head, SEEK_SET) != 0)
        err = an_fail(AN_ERR_IO, why, "%s", strerror(errno));
    for (size_t i = 0; err == AN_OK && i < (*ret)->n_bundles; i++)
        err = copy_bundle(in, &(*ret)->bundles[i], dir, why);
    if (err == AN_OK && fgetc(in) != EOF)
        err = an_fail(AN_ERR_PROTO, why, "the parcel is longer than it says");
    if (err == AN_OK)
        err = an_path_join(path, dir, "head");
    if (err == AN_OK)
        err = an_file_write(path, b.data, (*ret)->head, 0640, why);
    an_buf_done(&b);
    return err;
}

static void forget(const char *dir)
{
    an_names names = {NULL, 0};
    an_err err = an_dir_list(dir, &names, NULL);
    for (size_t i = 0; err == AN_OK && i < names.n; i++) {
        char path[AN_PATH_MAX];
        if (an_path_join(path, dir, names.items[i]) == AN_OK && an_file_remove(path, NULL) != AN_OK)
            break; /* left: it is named by nothing */
    }
    an_names_done(&names);
    rmdir(dir);
}

/* ---- what the agent says ---- */

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

static bool agent_runs(const char *dir)
{
    int fd = -1;
    if (an_dir_lock(dir, "agent", &fd, NULL) == AN_ERR_STATE)
        return true;
    if (fd >= 0)
        close(fd);
    return false;
}

static an_err answer_of(const char *dir, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_buf_init(&b, ANSWER_BYTES);
    an_err err = an_path_join(path, dir, "answer");
    if (err == AN_OK)
        err = an_file_read(&b, path, NULL);
    an_buf_u8(&b, 0);
    if (err == AN_OK && strncmp((const char *)b.data, ALREADY, strlen(ALREADY)) == 0)
        err = an_fail(AN_ERR_EXISTS, why, "%s", (const char *)b.data + strlen(ALREADY));
    else if (err == AN_OK && strcmp((const char *)b.data, GOOD) != 0)
        err = an_fail(AN_ERR_REFUSED, why, "%s", (const char *)b.data);
    an_buf_done(&b);
    return err;
}

static an_err wait_for(const char *dir, const char *import, const an_msg_version *v, FILE *out, an_note *why)
{
    an_err err = AN_ERR_NOTFOUND;
    an_note said = {{0}};
    if (!agent_runs(dir)) {
        fprintf(out, "left for the agent, which does not run now: it judges it at its next start\n");
        return AN_OK;
    }
    for (int i = 0; i < LOOKS && err == AN_ERR_NOTFOUND; i++) {
        err = answer_of(import, &said);
        if (err == AN_ERR_NOTFOUND)
            pause_ms(LOOK_MS);
    }
    if (err == AN_ERR_NOTFOUND) {
        fprintf(out, "left for the agent, which has not said anything yet\n");
        return AN_OK;
    }
    forget(import);
    if (err == AN_OK)
        fprintf(out,
                "release %" PRIu64 " of model %s is followed: the line goes over when it is calibrated\n",
                v->counter, v->model);
    if (err == AN_ERR_EXISTS)
        fprintf(out, "%s: there is nothing to do\n", said.text);
    if (why)
        *why = said;
    return err == AN_ERR_EXISTS ? AN_OK : err;
}

an_err an_leave_import(const char *dir, const char *path, FILE *out, an_note *why)
{
    char imports[AN_PATH_MAX], import[AN_PATH_MAX];
    an_coordinator c;
    an_command command = {.kind = AN_COMMAND_IMPORT};
    an_parcel *p = NULL;
    uint64_t salt;
    an_random(&salt, sizeof salt);
    snprintf(command.line, sizeof command.line, "parcel-%016" PRIx64, salt);
    an_err err = an_coordinator_read(dir, &c, why);
    if (err == AN_OK)
        err = an_path_join(imports, dir, "import");
    if (err == AN_OK)
        err = an_path_join(import, imports, command.line);
    if (err != AN_OK)
        return err;
    FILE *in = fopen(path, "rb");
    if (!in)
        return an_fail(AN_ERR_NOTFOUND, why, "%.300s: %s", path, strerror(errno));
    err = unpack(in, import, c.statement_key, &p, why);
    fclose(in);
    if (err == AN_OK)
        err = an_inbox_put(dir, &command, an_clock_system()->wall_ms(an_clock_system()), why);
    if (err == AN_OK)
        err = wait_for(dir, import, &p->messages[p->n_messages - 1]->u.version, out, why);
    else
        forget(import);
    an_parcel_free(p);
    return err;
}

/* ---- the agent's end ---- */

an_err an_import_take(const char *dir, const char *name, an_session *s, an_note *why)
{
    char imports[AN_PATH_MAX], import[AN_PATH_MAX], path[AN_PATH_MAX];
    an_note reason = {{0}};
    an_buf head;
    an_buf_init(&head, AN_PARCEL_HEAD_MAX);
    an_err err = an_path_join(imports, dir, "import");
    if (err == AN_OK)
        err = an_path_join(import, imports, name);
    if (err == AN_OK)
        err = an_path_join(path, import, "head");
    if (err == AN_OK)
        err = an_file_read(&head, path, &reason);
    if (err == AN_OK)
        err = an_session_import(s, head.data, head.len, import, &reason);
    an_buf_done(&head);
    char text[sizeof reason.text + sizeof ALREADY];
    snprintf(text, sizeof text, "%s%s", err == AN_ERR_EXISTS ? ALREADY : "",
             err == AN_OK     ? GOOD
             : reason.text[0] ? reason.text
                              : an_err_text(err));
    if (an_path_join(path, import, "answer") == AN_OK && an_file_exists(import)) {
        an_err said = an_file_write(path, text, strlen(text), 0640, NULL);
        (void)said; /* the site's journal has it, too */
    }
    if (why)
        *why = reason;
    return err == AN_ERR_EXISTS ? AN_OK : err;
}
