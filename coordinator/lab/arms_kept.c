/* What the arms of a seed answered, in a file, so that an experiment of hours that was interrupted goes on behind
 * its last whole seed.  Figures are not in it: they are made from the answers, which takes no time. */
#include <stdio.h>
#include <string.h>

#include "agent/checked.h"
#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/arms_internal.h"

static const char magic[] = "ANSEED1\n";
_Static_assert(sizeof magic - 1 == AN_CHECKED_MAGIC, "a magic is of fixed length");

static void add_text(an_hasher *h, const char *text)
{
    if (text)
        an_hasher_add(h, text, strlen(text));
    an_hasher_add(h, "", 1);
}

static void add_items(an_hasher *h, const an_lab_data *d, const an_lab_items *items)
{
    an_hasher_add(h, &items->n, sizeof items->n);
    if (items->n == 0)
        return;
    an_hasher_add(h, items->raw, items->n * d->context * d->width * sizeof *items->raw);
    an_hasher_add(h, items->labels, items->n * d->n_labels * sizeof *items->labels);
}

static void add_site(an_hasher *h, const an_lab_data *d, const an_lab_site *s)
{
    add_text(h, s->name);
    for (size_t k = 0; k < s->n_series; k++) {
        const an_lab_series *one = &s->series[k];
        an_hasher_add(h, one->train, one->n_train * s->width * sizeof *one->train);
        an_hasher_add(h, one->test, one->n_test * s->width * sizeof *one->test);
        an_hasher_add(h, one->labels, one->n_test);
    }
    an_hasher_add(h, s->calm, s->n_calm * s->width * sizeof *s->calm);
    add_items(h, d, &s->fit);
    add_items(h, d, &s->hold);
    add_items(h, d, &s->test);
}

/* Of all that answers depend on: the program, the experiment with what was said over it, what it begins with, the data. */
static an_err key_of(const an_arms_conf *conf, int64_t seed, an_hash *ret, an_note *why)
{
    const an_experiment *e = conf->experiment;
    const an_lab_data *d = conf->data;
    an_bundle blank = {.arch = NULL};
    an_hash begin;
    an_hasher h;
    an_err err = an_arms_blank(conf, seed, &blank, why);
    if (err == AN_OK)
        err = an_lab_version_hash(&blank, &begin, why);
    an_bundle_done(&blank);
    if (err != AN_OK)
        return err;
    an_hasher_init(&h);
    add_text(&h, AN_VERSION);
    an_hasher_add(&h, e->text.b, sizeof e->text.b);
    an_hasher_add(&h, begin.b, sizeof begin.b);
    add_text(&h, e->threshold);
    for (size_t i = 0; i < e->n_policy; i++) {
        add_text(&h, e->policy[i][0]);
        add_text(&h, e->policy[i][1]);
    }
    an_hasher_add(&h, &e->hostile_sites, sizeof e->hostile_sites);
    an_hasher_add(&h, &e->hostile.attack, sizeof e->hostile.attack);
    an_hasher_add(&h, &e->hostile.by, sizeof e->hostile.by);
    for (size_t i = 0; i < d->n_sites; i++)
        add_site(&h, d, &d->sites[i]);
    an_hasher_end(&h, ret);
    return AN_OK;
}

static an_err path_of(const an_arms_conf *conf, int64_t seed, char ret[static AN_PATH_MAX], an_note *why)
{
    an_hash key;
    char hex[AN_HASH_TEXT], name[AN_HASH_TEXT + 32];
    const an_err err = key_of(conf, seed, &key, why);
    if (err != AN_OK)
        return err;
    an_hash_text(hex, &key);
    snprintf(name, sizeof name, "seed-%lld-%.16s.kept", (long long)seed, hex);
    return an_path_join(ret, conf->keep, name) == AN_OK
               ? AN_OK
               : an_fail(AN_ERR_LIMIT, why, "--keep %.80s: the path is too long", conf->keep);
}

static size_t bytes_max(const an_arms_conf *conf, const an_arms_target *targets, size_t n, size_t n_said)
{
    size_t values = 0;
    for (size_t i = 0; i < n; i++)
        values += targets[i].n * n_said * AN_ARMS;
    return 4096 + values * sizeof(float) + conf->data->n_parts * (AN_REASON_MAX + 64);
}

/* ---- there ---- */

static void put_stream(an_buf *b, const an_stream_result *s)
{
    an_buf_u32(b, s->part);
    an_buf_u8(b, s->promoted);
    an_buf_u32(b, s->rounds);
    an_buf_u32(b, s->retrain_rounds);
    an_buf_u64(b, s->bytes);
    an_buf_u64(b, s->retrain_bytes);
    an_buf_put(b, s->reason, sizeof s->reason);
}

an_err an_arms_keep(const an_arms_conf *conf, const an_arms_target *targets, size_t n, size_t n_said,
                    const an_seed_result *r, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_err err = path_of(conf, r->seed, path, why);
    if (err == AN_OK)
        err = an_dir_make(conf->keep, why);
    if (err != AN_OK)
        return err;
    an_buf_init(&b, bytes_max(conf, targets, n, n_said));
    an_buf_put(&b, magic, AN_CHECKED_MAGIC);
    for (size_t a = 0; a < AN_ARMS; a++)
        an_buf_put(&b, r->arms[a].model.b, AN_HASH_BYTES);
    const uint64_t counts[] = {r->clipped,  r->saturated,     r->update_bytes, r->version_bytes,
                               r->messages, r->message_bytes, r->n_rounds,     r->n_stream};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        an_buf_u64(&b, counts[i]);
    an_buf_f64(&b, r->first_loss);
    an_buf_f64(&b, r->last_loss);
    for (size_t i = 0; i < r->n_stream; i++)
        put_stream(&b, &r->stream[i]);
    for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a < AN_ARMS; a++)
            for (size_t k = 0; k < targets[i].n * n_said; k++)
                an_buf_f32(&b, targets[i].said[a][k]);
    err = an_checked_write(path, &b, why);
    an_buf_done(&b);
    return err;
}

/* ---- and back ---- */

static void take_hash(an_reader *in, an_hash *ret)
{
    const uint8_t *bytes = an_read_bytes(in, AN_HASH_BYTES);
    if (bytes)
        memcpy(ret->b, bytes, AN_HASH_BYTES);
}

static void take_stream(an_reader *in, an_stream_result *s)
{
    s->part = an_read_u32(in);
    s->promoted = an_read_u8(in);
    s->rounds = an_read_u32(in);
    s->retrain_rounds = an_read_u32(in);
    s->bytes = an_read_u64(in);
    s->retrain_bytes = an_read_u64(in);
    const uint8_t *reason = an_read_bytes(in, sizeof s->reason);
    if (reason)
        memcpy(s->reason, reason, sizeof s->reason);
    s->reason[sizeof s->reason - 1] = '\0';
}

static an_err take(an_reader *in, const an_arms_conf *conf, const an_arms_target *targets, size_t n,
                   size_t n_said, an_seed_result *r)
{
    for (size_t a = 0; a < AN_ARMS; a++)
        take_hash(in, &r->arms[a].model);
    r->clipped = an_read_u64(in);
    r->saturated = an_read_u64(in);
    r->update_bytes = an_read_u64(in);
    r->version_bytes = an_read_u64(in);
    r->messages = an_read_u64(in);
    r->message_bytes = an_read_u64(in);
    r->n_rounds = an_read_u64(in);
    r->n_stream = an_read_u64(in);
    r->first_loss = an_read_f64(in);
    r->last_loss = an_read_f64(in);
    if (r->n_stream > conf->data->n_parts)
        return AN_ERR_PROTO;
    if (r->n_stream > 0 && !(r->stream = an_alloc(r->n_stream, sizeof *r->stream)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < r->n_stream; i++) {
        take_stream(in, &r->stream[i]);
        if (r->stream[i].part >= conf->data->n_parts)
            return AN_ERR_PROTO;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a < AN_ARMS; a++)
            for (size_t k = 0; k < targets[i].n * n_said; k++)
                targets[i].said[a][k] = an_read_f32(in);
    return in->failed || in->left > 0 ? AN_ERR_PROTO : AN_OK;
}

an_err an_arms_kept(const an_arms_conf *conf, const an_arms_target *targets, size_t n, size_t n_said,
                    an_seed_result *r, bool *ret_found, an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_reader in;
    an_err err = path_of(conf, r->seed, path, why);
    *ret_found = err == AN_OK && an_file_exists(path);
    if (!*ret_found)
        return err;
    an_buf_init(&b, bytes_max(conf, targets, n, n_said));
    err = an_checked_read(path, magic, &b, &in, why);
    if (err == AN_OK && (err = take(&in, conf, targets, n, n_said, r)) == AN_ERR_PROTO)
        err = an_fail(err, why, "%s: is not of this experiment; remove it and run again", path);
    an_buf_done(&b);
    return err;
}
