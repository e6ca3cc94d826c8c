/* The schema `andon` of the database, step by step.  A step that was released is never changed.
 *
 * Two functions hold what must be decided in one place and at one time: move_head is the fence that every
 * append begins with, take hands the lease over. */
#include <string.h>

#include "coordinator/store/postgresql.h"

#define PROGRAM "andon coordinator"

#define SCHEMA_MS 600000 /* a step may go through the whole journal */

static const char *const steps[] = {
    "CREATE TABLE andon.records(seq bigint PRIMARY KEY, time_ms bigint NOT NULL,"
    " kind text COLLATE \"C\" NOT NULL, subject text COLLATE \"C\" NOT NULL, actor text COLLATE \"C\" NOT "
    "NULL,"
    " idem text COLLATE \"C\", body bytea NOT NULL, chain bytea NOT NULL);"
    "CREATE UNIQUE INDEX records_idem ON andon.records(actor, idem) WHERE idem IS NOT NULL;"
    "CREATE INDEX records_kind ON andon.records(kind, seq);"
    "CREATE INDEX records_subject ON andon.records(subject, seq);"
    "CREATE FUNCTION andon.records_stay() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN RAISE EXCEPTION 'a record is never changed or removed' USING ERRCODE = 'AN003'; END $$;"
    "CREATE TRIGGER records_stay BEFORE UPDATE OR DELETE ON andon.records"
    " FOR EACH ROW EXECUTE FUNCTION andon.records_stay();"
    "CREATE TRIGGER records_remain BEFORE TRUNCATE ON andon.records"
    " FOR EACH STATEMENT EXECUTE FUNCTION andon.records_stay();"
    /* Rewritten by each append, in place: the page keeps room for it. */
    "CREATE TABLE andon.head(one int PRIMARY KEY CHECK (one = 1), seq bigint NOT NULL,"
    " chain bytea NOT NULL, epoch bigint NOT NULL) WITH (fillfactor = 10);"
    "INSERT INTO andon.head VALUES(1, 0, decode(repeat('00', 32), 'hex'), 0);"
    "CREATE TABLE andon.lease(one int PRIMARY KEY CHECK (one = 1), epoch bigint NOT NULL,"
    " life bytea NOT NULL, owner text NOT NULL, holder text NOT NULL, expires timestamptz NOT NULL,"
    " ttl interval NOT NULL, pid int NOT NULL, since timestamptz NOT NULL) WITH (fillfactor = 10);"
    "INSERT INTO andon.lease VALUES(1, 0, '', '', '', '-infinity', '0', 0, '-infinity');"
    "CREATE FUNCTION andon.move_head(my_epoch bigint, seq_before bigint, chain_before bytea,"
    " seq_after bigint, chain_after bytea) RETURNS void LANGUAGE plpgsql AS $$"
    " DECLARE h andon.head; BEGIN"
    "  UPDATE andon.head SET seq = seq_after, chain = chain_after"
    "   WHERE epoch = my_epoch AND seq = seq_before AND chain = chain_before;"
    "  IF FOUND THEN RETURN; END IF;"
    "  SELECT * INTO h FROM andon.head;"
    "  IF FOUND AND h.epoch <> my_epoch THEN"
    "   RAISE EXCEPTION 'another coordinator has taken this store over' USING ERRCODE = 'AN001'; END IF;"
    "  RAISE EXCEPTION 'damaged: the head is not what was written last' USING ERRCODE = 'AN002'; END $$;"
    "CREATE FUNCTION andon.hold_epoch(my_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
    "  PERFORM 1 FROM andon.head WHERE epoch = my_epoch FOR KEY SHARE;"
    "  IF NOT FOUND THEN"
    "   RAISE EXCEPTION 'another coordinator has taken this store over' USING ERRCODE = 'AN001'; END IF; END "
    "$$;"
    "CREATE FUNCTION andon.take(my_life bytea, my_owner text, my_holder text, ttl_ms bigint, again boolean)"
    " RETURNS TABLE(r_taken boolean, r_epoch bigint, r_seq bigint, r_chain bytea, r_holder text,"
    " r_left_ms bigint) LANGUAGE plpgsql AS $$"
    " DECLARE l andon.lease; h andon.head; now_ timestamptz; BEGIN"
    "  SELECT * INTO l FROM andon.lease FOR UPDATE;"
    "  IF NOT FOUND THEN RAISE EXCEPTION 'damaged: the lease is missing' USING ERRCODE = 'AN002'; END IF;"
    "  now_ := clock_timestamp();"
    "  IF again THEN"
    "   IF l.life <> my_life THEN"
    "    RAISE EXCEPTION 'another coordinator has taken this store over' USING ERRCODE = 'AN001'; END IF;"
    /* A lease that ends later than it can is of a clock that was set back since. */
    "  ELSIF l.owner <> my_owner AND l.expires > now_ AND l.expires <= now_ + l.ttl THEN"
    "   RETURN QUERY SELECT false, l.epoch, 0::bigint, ''::bytea, l.holder,"
    "    ceil(extract(epoch FROM l.expires - now_) * 1000)::bigint; RETURN; END IF;"
    /* A transaction that the last holder left standing would hold the head. */
    "  BEGIN PERFORM pg_terminate_backend(a.pid) FROM pg_stat_activity a"
    "   WHERE a.pid = l.pid AND a.backend_start = l.since AND a.pid <> pg_backend_pid();"
    "  EXCEPTION WHEN insufficient_privilege THEN NULL; END;"
    "  UPDATE andon.head SET epoch = head.epoch + 1 RETURNING * INTO h;"
    "  IF NOT FOUND THEN RAISE EXCEPTION 'damaged: the head is missing' USING ERRCODE = 'AN002'; END IF;"
    "  UPDATE andon.lease SET epoch = h.epoch, life = my_life, owner = my_owner, holder = my_holder,"
    "   ttl = ttl_ms * interval '1 ms', expires = clock_timestamp() + ttl_ms * interval '1 ms',"
    "   pid = pg_backend_pid(), since = (SELECT backend_start FROM pg_stat_activity"
    "    WHERE pg_stat_activity.pid = pg_backend_pid());"
    "  RETURN QUERY SELECT true, h.epoch, h.seq, h.chain, my_holder, ttl_ms; END $$;"
    "CREATE VIEW andon.journal AS SELECT seq, to_timestamp(time_ms / 1000.0) AS time, kind, subject, actor,"
    " encode(body, 'escape') AS body FROM andon.records;",

    /* bytes NULL: in chunks of 1 MiB, which are not compressed: weights hardly can be. */
    "CREATE TABLE andon.objects(hash bytea PRIMARY KEY, len bigint NOT NULL, bytes bytea,"
    " file boolean NOT NULL);"
    "CREATE TABLE andon.chunks(hash bytea NOT NULL REFERENCES andon.objects ON DELETE CASCADE,"
    " part int NOT NULL, bytes bytea NOT NULL, PRIMARY KEY(hash, part));"
    "ALTER TABLE andon.chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;",
};
#define STEPS ((int64_t)(sizeof steps / sizeof steps[0]))

/* version: 0 there is nothing yet. */
static an_err look(an_pq *pq, int64_t *ret_version, an_note *why)
{
    an_pq_rows rows = {NULL};
    an_err err =
        an_pq_query(pq,
                    "SELECT to_regnamespace('andon') IS NOT NULL, to_regclass('andon.about') IS NOT NULL,"
                    " current_setting('server_encoding')",
                    NULL, &rows, why);
    if (err != AN_OK)
        return err;
    bool schema = an_pq_get_int(&rows, 0, 0) != 0, about = an_pq_get_int(&rows, 0, 1) != 0;
    bool utf8 = strcmp(an_pq_get_text(&rows, 0, 2), "UTF8") == 0;
    an_pq_rows_done(&rows);
    if (!utf8)
        return an_fail(AN_ERR_INVAL, why, "postgresql: the database's encoding must be UTF8");
    *ret_version = 0;
    if (!schema)
        return AN_OK;
    if (about)
        err = an_pq_query(pq, "SELECT program::text, version::bigint FROM andon.about", NULL, &rows, why);
    if (err == AN_ERR_INVAL || !about || (err == AN_OK && an_pq_rows_n(&rows) != 1) ||
        (err == AN_OK && strcmp(an_pq_get_text(&rows, 0, 0), PROGRAM) != 0))
        err = an_fail(AN_ERR_PROTO, why, "postgresql: a schema andon, but not a coordinator's");
    if (err == AN_OK)
        *ret_version = an_pq_get_int(&rows, 0, 1);
    an_pq_rows_done(&rows);
    if (err == AN_OK && (*ret_version > STEPS || *ret_version < 1))
        err = an_fail(AN_ERR_UNSUPPORTED, why,
                      "postgresql: written by a newer version (schema %lld, known up to %lld)",
                      (long long)*ret_version, (long long)STEPS);
    return err;
}

/* Who writes by an older schema is not to find another one under its feet. */
static an_err check_idle(an_pq *pq, an_note *why)
{
    an_pq_rows rows = {NULL};
    an_err err = an_pq_query(pq,
                             "SELECT holder FROM andon.lease WHERE expires > clock_timestamp()"
                             " AND expires <= clock_timestamp() + ttl FOR UPDATE",
                             NULL, &rows, why);
    if (err == AN_OK && an_pq_rows_n(&rows) > 0)
        err = an_fail(AN_ERR_AGAIN, why, "store: %.100s holds it, and works with the schema's older version",
                      an_pq_get_text(&rows, 0, 0));
    an_pq_rows_done(&rows);
    return err;
}

static an_err run_steps(an_pq *pq, an_note *why)
{
    int64_t version = 0;
    an_pq_args a = {.n = 0};
    an_err err = look(pq, &version, why); /* again: another one may have been faster */
    if (err == AN_OK && version > 0 && version < STEPS)
        err = check_idle(pq, why);
    if (err == AN_OK && version == 0)
        err = an_pq_script(pq,
                           "CREATE SCHEMA andon;"
                           "CREATE TABLE andon.about(one int PRIMARY KEY CHECK (one = 1),"
                           " program text NOT NULL, version bigint NOT NULL);"
                           "INSERT INTO andon.about VALUES(1, '" PROGRAM "', 0)",
                           SCHEMA_MS, why);
    for (int64_t i = version; i < STEPS && err == AN_OK; i++)
        err = an_pq_script(pq, steps[i], SCHEMA_MS, why);
    an_pq_int(&a, STEPS);
    return err == AN_OK ? an_pq_query(pq, "UPDATE andon.about SET version = $1::bigint", &a, NULL, why) : err;
}

an_err an_pg_schema(an_pq *pq, an_note *why)
{
    int64_t version = 0;
    an_err err = look(pq, &version, why);
    if (err != AN_OK || version == STEPS)
        return err;
    /* 0x616e646f6e is "andon": the lock of those who change the schema. */
    if ((err = an_pq_query(pq, "BEGIN", NULL, NULL, why)) == AN_OK &&
        (err = an_pq_query(pq, "SELECT pg_advisory_xact_lock(418463903598)", NULL, NULL, why)) == AN_OK &&
        (err = run_steps(pq, why)) == AN_OK)
        return an_pq_query(pq, "COMMIT", NULL, NULL, why);
    an_err undone = an_pq_query(pq, "ROLLBACK", NULL, NULL, NULL);
    (void)undone; /* closing the connection does it too */
    return err;
}
