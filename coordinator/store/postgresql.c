/* The backend for several coordinators on one database.
 *
 *     FOLDER/lock, owner       flock'ed while the store is open; a random name of the folder
 *     FOLDER/objects/, spool/  objects.c: what is local, and a cache of what is not
 *
 * The lease is a row, taken by the function andon.take.  It ends by the server's clock, so that no clock of a
 * coordinator matters, and it is not what protects the journal: that is the epoch, which each append names
 * (postgresql_append.c). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/credential.h"
#include "base/mem.h"
#include "coordinator/store/postgresql.h"

#define PAUSE_MS 100
#define KEYS " keys " /* in the lease, between who holds it and what its keys are */

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

/* ---- The connection ------------------------------------------------------------------------
 */

an_err an_pg_connect(const char *conninfo, an_pq **ret, an_note *why)
{
    an_pq *pq = NULL;
    an_err err = an_pq_open(conninfo, AN_PG_CONNECT_MS, &pq, why);
    if (err == AN_OK)
        err =
            an_pq_script(pq,
                         "SET search_path = andon; SET client_min_messages = error; SET lock_timeout = '2s';"
                         "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0;"
                         "SET default_transaction_isolation = 'read committed';"
                         "SELECT set_config('synchronous_commit', 'on', false)"
                         " WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')",
                         AN_PG_CONNECT_MS, why);
    if (err != AN_OK) {
        an_pq_close(pq);
        return err;
    }
    *ret = pq;
    return AN_OK;
}

an_err an_pg_gone(an_pg_store *s, const char *text, an_note *why)
{
    s->gone = true;
    an_note_set(&s->gone_why, "%s", text);
    return an_fail(AN_ERR_STATE, why, "%s", text);
}

an_err an_pg_failed(an_pg_store *s, an_err err, const an_note *why)
{
    if (err == AN_ERR_STATE && !s->gone)
        return an_pg_gone(s, why ? why->text : "journal: another coordinator has taken this store over",
                          NULL);
    return err == AN_ERR_AGAIN || err == AN_ERR_AUTH ? AN_ERR_IO : err;
}

typedef struct taken {
    bool taken;
    char holder[AN_RECORD_NAME_MAX + 1]; /* who has it instead, */
    int64_t left_ms;                     /* and for how long yet */
    an_store_head head;
} taken;

/* again: this opening of the store has the lease, and only its connection is new. */
static an_err take(an_pg_store *s, an_pq *pq, bool again, taken *ret, an_note *why)
{
    size_t len = 0;
    an_pq_rows rows = {NULL};
    an_pq_args a = {.n = 0};
    an_pq_bytes(&a, s->life, sizeof s->life);
    an_pq_text(&a, s->owner);
    an_pq_text(&a, s->holder);
    an_pq_int(&a, AN_PG_TTL_MS);
    an_pq_bool(&a, again);
    an_err err =
        an_pq_query(pq, "SELECT * FROM andon.take($1::bytea, $2::text, $3::text, $4::bigint, $5::boolean)",
                    &a, &rows, why);
    if (err != AN_OK)
        return err;
    *ret = (taken){.taken = an_pq_get_int(&rows, 0, 0) != 0, .left_ms = an_pq_get_int(&rows, 0, 5)};
    snprintf(ret->holder, sizeof ret->holder, "%s", an_pq_get_text(&rows, 0, 4));
    ret->head.epoch = (uint64_t)an_pq_get_int(&rows, 0, 1);
    ret->head.seq = (uint64_t)an_pq_get_int(&rows, 0, 2);
    const void *chain = an_pq_get_bytes(&rows, 0, 3, &len);
    if (ret->taken && (len != AN_HASH_BYTES || an_pq_get_int(&rows, 0, 2) < 0))
        err = an_fail(AN_ERR_PROTO, why, "postgresql: damaged: the head is no head");
    else if (ret->taken)
        memcpy(ret->head.chain.b, chain, AN_HASH_BYTES);
    an_pq_rows_done(&rows);
    return err;
}

static bool same_end(const an_store_head *a, const an_store_head *b)
{
    return a->seq == b->seq && an_hash_equal(&a->chain, &b->chain);
}

/* The lease is ours still, and now by a higher epoch.  What is in the journal? */
static an_err find_end(an_pg_store *s, const an_store_head *found, an_note *why)
{
    if (same_end(found, &s->head)) {
        s->is_unsure = false;
        s->head = *found;
        return AN_OK;
    }
    if (!s->is_unsure || !same_end(found, &s->unsure))
        return an_pg_gone(s, "journal: damaged: its end is not what was written last", why);
    s->head = *found; /* is_unsure stays, for resolve */
    return AN_OK;
}

static an_err reconnect(an_pg_store *s, an_note *why)
{
    an_pq *pq = NULL;
    taken t = {.taken = false};
    int64_t began = mono();
    an_pq_close(s->pq);
    s->pq = NULL;
    an_err err = an_pg_connect(s->conninfo, &pq, why);
    if (err == AN_OK)
        err = take(s, pq, true, &t, why);
    if (err == AN_OK)
        err = find_end(s, &t.head, why);
    if (err == AN_OK) {
        s->pq = pq;
        return AN_OK;
    }
    an_pq_close(pq);
    s->retry_ms = mono() + PAUSE_MS + (mono() - began);
    return err == AN_ERR_STATE ? an_pg_failed(s, err, why) : err == AN_ERR_PROTO ? err : AN_ERR_IO;
}

/* An append that its caller was told had failed, and that did get in: what the caller holds in memory is
 * no longer what the journal says. */
static an_err check_sure(an_pg_store *s, an_note *why)
{
    return !s->is_unsure || s->gone
               ? AN_OK
               : an_pg_gone(s, "journal: an append that was given up did get in; open the store anew", why);
}

an_err an_pg_connected(an_pg_store *s, an_note *why)
{
    an_pg_alive(s);
    if (s->gone)
        return an_fail(AN_ERR_STATE, why, "%s", s->gone_why.text);
    if (s->pq && !an_pq_lost(s->pq))
        return AN_OK;
    if (s->bulk)
        return an_fail(AN_ERR_IO, why, "postgresql: the connection was lost within a long transaction");
    if (s->pq == NULL && mono() < s->retry_ms)
        return an_fail(AN_ERR_IO, why, "postgresql: the database is away");
    return reconnect(s, why);
}

an_err an_pg_ready(an_pg_store *s, an_note *why)
{
    an_err err = an_pg_connected(s, why);
    return err == AN_OK ? check_sure(s, why) : err;
}

an_err an_pg_ask(an_pg_store *s, const char *sql, bool once, const an_pq_args *a, an_pq_rows *ret,
                 an_note *why)
{
    an_err err = AN_OK;
    for (int attempt = 0; attempt < 2; attempt++) {
        if ((err = an_pg_ready(s, why)) != AN_OK)
            return err;
        err = (once ? an_pq_query_once : an_pq_query)(s->pq, sql, a, ret, why);
        if (err == AN_OK || !an_pq_lost(s->pq))
            break;
    }
    return err == AN_OK ? AN_OK : an_pg_failed(s, err, why);
}

/* ---- Opening -------------------------------------------------------------------------------
 */

/* "@FILE" is a file that holds the address. */
static an_err read_address(an_pg_store *s, const char *at, an_note *why)
{
    struct stat st;
    an_buf b;
    an_pq_address address = {.password = false};
    an_err err = AN_OK;
    an_buf_init(&b, 4096);
    if (at[0] == '@') {
        char path[AN_PATH_MAX];
        /* The access list of a credential shows as a right of its group. */
        const mode_t others = an_is_credential(at + 1) ? 007 : 077;
        err = an_credential_path(path, at + 1, why);
        if (err == AN_OK && stat(path, &st) == 0 && (st.st_mode & others) != 0)
            err = an_fail(AN_ERR_INVAL, why, "%.200s: others may read it (chmod 600)", path);
        if (err == AN_OK)
            err = an_file_read(&b, path, why);
    } else if (at[0] == '/') { /* what "postgresql://host/database" leaves behind its scheme */
        an_buf_text(&b, "postgresql:");
        an_buf_text(&b, at);
    } else {
        an_buf_text(&b, at);
    }
    an_buf_u8(&b, 0);
    if (err == AN_OK && (err = an_buf_err(&b)) == AN_OK) {
        b.data[strcspn((char *)b.data, "\r\n")] = '\0';
        err = an_pq_check((char *)b.data, &address, why);
    }
    if (err == AN_OK && address.password && at[0] != '@')
        err = an_fail(AN_ERR_INVAL, why,
                      "store: no password in the address; put it in a file (postgresql:@FILE), PGPASSFILE or "
                      "PGPASSWORD");
    if (err == AN_OK && !(s->conninfo = an_strdup((char *)b.data)))
        err = an_fail(AN_ERR_NOMEM, why, "store: out of memory");
    if (b.data)
        an_wipe(b.data, b.len);
    an_buf_done(&b);
    return err;
}

/* The folder's lock is held: whoever has its name in the lease is dead. */
static an_err read_owner(an_pg_store *s, const char *folder, an_note *why)
{
    char path[AN_PATH_MAX];
    uint8_t raw[AN_PG_LIFE];
    an_buf b;
    if (an_path_join(path, folder, "owner") != AN_OK)
        return an_fail(AN_ERR_LIMIT, why, "%.200s: the path is too long", folder);
    an_buf_init(&b, sizeof s->owner);
    an_err err = an_file_read(&b, path, why);
    if (err == AN_ERR_NOTFOUND || (err == AN_OK && b.len != sizeof s->owner - 1)) {
        an_random(raw, sizeof raw);
        an_hex(s->owner, raw, sizeof raw);
        err = an_file_write(path, s->owner, sizeof s->owner - 1, 0600, why);
    } else if (err == AN_OK) {
        memcpy(s->owner, b.data, b.len);
    }
    an_buf_done(&b);
    return err;
}

/* The cheap part of verify: is the last record the one that was written last? */
static an_err check_end(an_pg_store *s, an_note *why)
{
    an_pq_rows rows = {NULL};
    an_store_head last = {.seq = 0};
    size_t len = AN_HASH_BYTES;
    an_err err = an_pq_query(s->pq, "SELECT seq, chain FROM andon.records ORDER BY seq DESC LIMIT 1", NULL,
                             &rows, why);
    if (err != AN_OK)
        return err;
    if (an_pq_rows_n(&rows) > 0) {
        const void *chain = an_pq_get_bytes(&rows, 0, 1, &len);
        last.seq = (uint64_t)an_pq_get_int(&rows, 0, 0);
        if (len == AN_HASH_BYTES)
            memcpy(last.chain.b, chain, len);
    }
    an_pq_rows_done(&rows);
    if (last.seq != s->head.seq)
        return an_fail(AN_ERR_PROTO, why, "journal: damaged: the last record is %llu, should be %llu",
                       (unsigned long long)last.seq, (unsigned long long)s->head.seq);
    if (len != AN_HASH_BYTES || !an_hash_equal(&last.chain, &s->head.chain))
        return an_fail(AN_ERR_PROTO, why, "journal: damaged: record %llu is not what was written",
                       (unsigned long long)last.seq);
    return AN_OK;
}

/* "tcp://first:7701 keys 4f7k-0q2m" is "tcp://first:7701" to people. */
static int name_len(const char *holder)
{
    const char *keys = strstr(holder, KEYS);
    return keys ? (int)(keys - holder) : (int)strlen(holder);
}

/* A standby whose keys no site knows would fail only when it is needed. */
static an_err check_holder(const an_pg_store *s, const taken *t, an_note *why)
{
    const char *keys = strstr(t->holder, KEYS);
    if (!keys || !s->keys || strcmp(keys + strlen(KEYS), s->keys) == 0)
        return AN_OK;
    return an_fail(
        AN_ERR_AUTH, why,
        "store: held by %.*s with the keys %s; these are %s, which no site would know: DATA/identity "
        "of all coordinators on one store is the same file",
        name_len(t->holder), t->holder, keys + strlen(KEYS), s->keys);
}

/* A NOTIFY when the lease is let go only saves time: the lease is looked at again anyway. */
static an_err wait_lease(an_pg_store *s, int64_t wait_ms, an_note *why)
{
    taken t = {.taken = false};
    const int64_t until = mono() + wait_ms;
    an_err err = wait_ms > 0 ? an_pq_query(s->pq, "LISTEN andon_lease", NULL, NULL, why) : AN_OK;
    while (err == AN_OK) {
        if ((err = take(s, s->pq, false, &t, why)) != AN_OK || t.taken)
            break;
        int64_t left = until - mono();
        if ((err = check_holder(s, &t, why)) != AN_OK)
            break;
        if (left <= 0)
            return an_fail(AN_ERR_AGAIN, why, "store: held by another coordinator, %.*s, for another %lld ms",
                           name_len(t.holder), t.holder, (long long)t.left_ms);
        err = an_pq_listen(s->pq, left < t.left_ms ? left : t.left_ms, why);
        err = err == AN_ERR_AGAIN ? AN_OK : err;
    }
    if (err == AN_OK)
        s->head = t.head;
    return err == AN_OK && wait_ms > 0 ? an_pq_query(s->pq, "UNLISTEN *", NULL, NULL, why) : err;
}

static void let_go(an_pg_store *s)
{
    an_pq_args a = {.n = 0};
    an_pq_bytes(&a, s->life, sizeof s->life);
    /* Should it not come through, the lease ends by itself. */
    an_err err = an_pq_send(s->pq,
                            "UPDATE andon.lease SET expires = '-infinity', life = '', holder = ''"
                            " WHERE life = $1::bytea",
                            &a, NULL);
    if (err == AN_OK)
        err = an_pq_send(s->pq, "NOTIFY andon_lease", NULL, NULL);
    if (err == AN_OK)
        err = an_pq_finish(s->pq, NULL, NULL);
    (void)err;
}

static void roll_back(an_pg_store *s)
{
    an_err err = an_pq_query(s->pq, "ROLLBACK", NULL, NULL, NULL);
    (void)err; /* the end of the connection does it too */
}

static void pg_close(void *state)
{
    an_pg_store *s = state;
    if (!s)
        return;
    an_pg_keeper_stop(s);
    if (s->pq && s->bulk)
        roll_back(s);
    if (s->pq && !an_pq_lost(s->pq) && !s->gone && s->head.epoch > 0)
        let_go(s);
    an_pq_close(s->pq);
    an_pq_close(s->fetch);
    if (s->has_lock)
        pthread_mutex_destroy(&s->lock);
    an_small_done(&s->small);
    if (s->conninfo)
        an_wipe(s->conninfo, strlen(s->conninfo));
    an_free(s->conninfo);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    an_free(s);
}

static an_err open_all(an_pg_store *s, const char *at, const an_store_place *place, an_note *why)
{
    an_err err;
    const char *who = place->holder ? place->holder : place->folder;
    s->keys = place->keys;
    snprintf(s->holder, sizeof s->holder, "%.60s%s%.50s", who, s->keys ? KEYS : "", s->keys ? s->keys : "");
    an_random(s->life, sizeof s->life);
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return an_fail(AN_ERR_NOMEM, why, "store: no mutex");
    s->has_lock = true;
    if ((err = read_address(s, at, why)) != AN_OK || (err = an_dir_make(place->folder, why)) != AN_OK ||
        (err = an_dir_lock(place->folder, "coordinator", &s->lock_fd, why)) != AN_OK ||
        (err = read_owner(s, place->folder, why)) != AN_OK ||
        (err = an_pg_connect(s->conninfo, &s->pq, why)) != AN_OK ||
        (err = an_pg_schema(s->pq, why)) != AN_OK || (err = wait_lease(s, place->wait_ms, why)) != AN_OK ||
        (err = an_pg_keeper_start(s, place->hung_ms, why)) != AN_OK || (err = check_end(s, why)) != AN_OK)
        return err;
    return an_objects_init(&s->objects, place->folder, why);
}

static an_err pg_open(void **ret_state, const char *at, const an_store_place *place, an_note *why)
{
    an_pg_store *s = an_alloc(1, sizeof *s);
    if (!s)
        return an_fail(AN_ERR_NOMEM, why, "store: out of memory");
    s->lock_fd = -1;
    an_err err = open_all(s, at, place, why);
    if (err != AN_OK) {
        pg_close(s);
        return err;
    }
    *ret_state = s;
    return AN_OK;
}

static an_err pg_keep(void *state, an_note *why)
{
    static const char sql[] =
        "UPDATE andon.lease SET expires = clock_timestamp() + $2::bigint * interval '1 ms'"
        " WHERE life = $1::bytea RETURNING 1::bigint";
    an_pg_store *s = state;
    an_pq_rows rows = {NULL};
    an_pq_args a = {.n = 0};
    an_err err = AN_OK;
    an_pq_bytes(&a, s->life, sizeof s->life);
    an_pq_int(&a, AN_PG_TTL_MS);
    if (!s->bulk) {
        err = an_pg_ask(s, sql, false, &a, &rows, why);
    } else { /* from beside the long transaction, for the renewal to be seen */
        pthread_mutex_lock(&s->lock);
        if (!s->fetch)
            err = an_pg_connect(s->conninfo, &s->fetch, why);
        if (err == AN_OK)
            err = an_pq_query(s->fetch, sql, &a, &rows, why);
        pthread_mutex_unlock(&s->lock);
    }
    if (err == AN_OK && an_pq_rows_n(&rows) != 1)
        err = an_pg_gone(s, "journal: another coordinator has taken this store over", why);
    an_pq_rows_done(&rows);
    an_pg_alive(s);
    if (err == AN_OK)
        an_pg_kept(s);
    return err;
}

static uint64_t pg_epoch(const void *state)
{
    return ((const an_pg_store *)state)->head.epoch;
}

/* ---- The table -----------------------------------------------------------------------------
 */

static an_err pg_object_path(const void *state, const an_hash *hash, char out[static AN_PATH_MAX])
{
    return an_objects_path(&((const an_pg_store *)state)->objects, hash, out);
}

static const char *pg_spool_dir(const void *state)
{
    return ((const an_pg_store *)state)->objects.spool;
}

const an_store_backend an_store_backend_postgresql = {
    .name = "postgresql",
    .shared = true,
    .open = pg_open,
    .close = pg_close,
    .keep = pg_keep,
    .epoch = pg_epoch,
    .append = an_pg_append,
    .bulk = an_pg_bulk,
    .flush = an_pg_flush,
    .object_share = an_pg_object_share,
    .scan = an_pg_scan,
    .head = an_pg_head,
    .object_put = an_pg_object_put,
    .object_put_row = an_pg_object_put_row,
    .object_adopt = an_pg_object_adopt,
    .object_get = an_pg_object_get,
    .object_size = an_pg_object_size,
    .object_remove = an_pg_object_remove,
    .object_file = an_pg_object_file,
    .object_each = an_pg_object_each,
    .object_path = pg_object_path,
    .spool_dir = pg_spool_dir,
};
