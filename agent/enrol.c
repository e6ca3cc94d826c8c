#include "agent/enrol.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "doors/json.h"
#include "net/poll.h"

#define FILE_NAME "coordinator.json"
#define ASK_AGAIN_MS 1000
#define NO_LINK_MS 50 /* there is no connection yet */
#define UNSENT_SAID 20

/* ---- coordinator.json ---- */

static an_err read_text(const an_jval *o, const char *key, char *ret, size_t size, an_note *why)
{
    const char *text = NULL;
    an_err err = an_jval_text(o, key, &text, why);
    if (err == AN_OK && strlen(text) >= size)
        err = an_fail(AN_ERR_PROTO, why, "%s: too long", key);
    if (err == AN_OK)
        snprintf(ret, size, "%s", text);
    return err == AN_ERR_INVAL ? AN_ERR_PROTO : err;
}

static an_err read_key(const an_jval *o, const char *key, uint8_t ret[static AN_KEY_BYTES], an_note *why)
{
    char text[2 * AN_KEY_BYTES + 1];
    an_err err = read_text(o, key, text, sizeof text, why);
    if (err == AN_OK && !an_unhex(ret, AN_KEY_BYTES, text))
        err = an_fail(AN_ERR_PROTO, why, "%s: not a key", key);
    return err;
}

static an_err read_controls(const an_jval *o, an_coordinator *c, an_note *why)
{
    const an_jval *others =
        an_jval_get(o, "others"); /* a site that was enrolled before there were any has none */
    an_err err = read_text(o, "control", c->control[0], sizeof c->control[0], why);
    c->n_control = 1;
    if (an_jval_count(others) >= AN_COORDINATORS_MAX)
        return an_fail(AN_ERR_PROTO, why, "others: more than %d coordinators", AN_COORDINATORS_MAX - 1);
    for (size_t i = 0; err == AN_OK && i < an_jval_count(others); i++, c->n_control++)
        err = read_text(an_jval_at(others, i), NULL, c->control[c->n_control], AN_ENDPOINT_MAX, why);
    return err;
}

static an_err read_root(const an_jval *o, an_coordinator *c, an_note *why)
{
    int64_t number = 0;
    if (!an_jval_get(o, "root_key")) { /* enrolled before there were roots: the online key was it */
        memcpy(c->root.key, c->statement_key, sizeof c->root.key);
        return AN_OK;
    }
    an_err err = read_key(o, "root_key", c->root.key, why);
    if (err == AN_OK)
        err = an_jval_get_int(o, "root_number", 0, INT64_MAX, 0, &number, why);
    c->root.number = (uint64_t)number;
    return err == AN_ERR_INVAL ? AN_ERR_PROTO : err;
}

an_err an_coordinator_read(const char *dir, an_coordinator *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_json_doc *doc = NULL;
    an_coordinator c = {.site = ""};
    an_buf b;
    an_buf_init(&b, 65536);
    an_err err = an_path_join(path, dir, FILE_NAME);
    if (err == AN_OK && (err = an_file_read(&b, path, why)) == AN_ERR_NOTFOUND)
        an_note_set(why, "this site is not enrolled: %.200s is missing (andon-agent enrol)", path);
    if (err == AN_OK)
        err = an_json_parse((const char *)b.data, b.len, path, &doc, why);
    const an_jval *o = an_json_root(doc);
    if (err == AN_OK)
        err = read_text(o, "site", c.site, sizeof c.site, why);
    if (err == AN_OK)
        err = read_controls(o, &c, why);
    if (err == AN_OK)
        err = read_text(o, "bulk", c.bulk, sizeof c.bulk, why);
    if (err == AN_OK)
        err = read_key(o, "link_key", c.link_key, why);
    if (err == AN_OK)
        err = read_key(o, "statement_key", c.statement_key, why);
    if (err == AN_OK)
        err = read_root(o, &c, why);
    if (err == AN_OK)
        *ret = c;
    an_json_doc_free(doc);
    an_buf_done(&b);
    return err;
}

an_err an_coordinator_write(const char *dir, const an_coordinator *c, an_note *why)
{
    char path[AN_PATH_MAX], hex[2 * AN_KEY_BYTES + 1];
    an_err err = an_path_join(path, dir, FILE_NAME);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object();
    an_json_set_text(o, "site", c->site);
    an_json_set_text(o, "control", c->control[0]);
    an_json *others = an_json_array();
    for (size_t i = 1; i < c->n_control; i++)
        an_json_push_text(others, c->control[i]);
    an_json_set(o, "others", others);
    an_json_set_text(o, "bulk", c->bulk);
    an_hex(hex, c->link_key, AN_LINK_KEY);
    an_json_set_text(o, "link_key", hex);
    an_hex(hex, c->statement_key, AN_KEY_BYTES);
    an_json_set_text(o, "statement_key", hex);
    an_hex(hex, c->root.key, AN_KEY_BYTES);
    an_json_set_text(o, "root_key", hex);
    an_json_set_int(o, "root_number", (int64_t)c->root.number);
    char *text = an_json_print(o, 2);
    an_json_free(o);
    err = text ? an_file_write(path, text, strlen(text), 0600, why) : AN_ERR_NOMEM;
    an_free(text);
    return err;
}

an_err an_agent_identity(const char *dir, an_identity **ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = an_path_join(path, dir, "identity");
    return err == AN_OK ? an_identity_open(path, ret, why) : err;
}

/* ---- at the door ---- */

typedef struct door {
    const an_enrol_conf *conf;
    int lock_fd; /* of the data folder; -1: not held */
    an_token token;
    an_identity *id;
    an_net *net;
    an_client *client;
    an_msg request;
    unsigned unsent;
    char said[AN_REASON_MAX]; /* what the person was told last */
} door;

static void say(door *d, const char *line)
{
    if (!d->conf->say || strcmp(d->said, line) == 0)
        return;
    snprintf(d->said, sizeof d->said, "%s", line);
    d->conf->say(d->conf->ctx, line);
}

static void fill_request(door *d)
{
    uint8_t key[32], statement[AN_ENROL_STATEMENT_BYTES];
    an_hash mac;
    d->request = (an_msg){.type = AN_MSG_ENROL, .msg_id = 1};
    an_msg_enrol *e = &d->request.u.enrol;
    memcpy(e->token_id, d->token.id, sizeof e->token_id);
    snprintf(e->site, sizeof e->site, "%s", d->conf->site);
    memcpy(e->link_key, d->id->link_public, sizeof e->link_key);
    memcpy(e->statement_key, d->id->sign_public, sizeof e->statement_key);
    an_text_set(e->agent_version, sizeof e->agent_version, AN_VERSION);
    an_enrol_statement(statement, e);
    an_token_key(key, d->token.secret);
    an_mac_of(&mac, key, statement, sizeof statement);
    memcpy(e->mac, mac.b, sizeof e->mac);
    an_wipe(key, sizeof key);
}

/* Next keys belong to the identity that made them: beside another one they would take its place, and they may
 * be why it was removed. */
static an_err forget_next(const char *dir, an_note *why)
{
    char present[AN_PATH_MAX], next[AN_PATH_MAX];
    an_err err = an_path_join(present, dir, "identity");
    if (err == AN_OK)
        err = an_path_join(next, dir, "identity.next");
    return err == AN_OK && !an_file_exists(present) ? an_file_remove(next, why) : err;
}

static an_err open_door(door *d, an_note *why)
{
    const an_enrol_conf *c = d->conf;
    an_err err;
    char fingerprint[AN_FINGERPRINT_TEXT], line[160];
    if (!an_name_ok(c->site))
        return an_fail(AN_ERR_INVAL, why, "the site's name has letters, digits, '.', '_' and '-' only");
    if ((err = an_token_parse(&d->token, c->token, why)) != AN_OK ||
        (err = an_dir_make(c->dir, why)) != AN_OK ||
        (err = an_dir_lock(c->dir, "agent", &d->lock_fd, why)) != AN_OK ||
        (err = forget_next(c->dir, why)) != AN_OK ||
        (err = an_agent_identity(c->dir, &d->id, why)) != AN_OK ||
        (err = an_net_open(1, &d->net, why)) != AN_OK)
        return err;
    fill_request(d);
    an_fingerprint(fingerprint, d->id->link_public, d->id->sign_public);
    snprintf(line, sizeof line, "fingerprint of this site: %s", fingerprint);
    say(d, line);
    const an_client_conf client = {.port = AN_PORT_ENROL,
                                   .endpoint = d->token.endpoint,
                                   .server_key = d->token.link_key,
                                   .link_public = d->id->link_public,
                                   .link_secret = d->id->link_secret};
    return an_client_open(d->net, &client, &d->client, why);
}

static void close_door(door *d)
{
    an_client_close(d->client);
    an_net_close(d->net);
    an_identity_free(d->id);
    an_token_done(&d->token);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
}

static an_err ask(door *d, an_note *why)
{
    an_buf b;
    an_buf_init(&b, AN_MSG_ENROL_MAX);
    an_err err = an_msg_encode(&d->request, &b, why);
    if (err == AN_OK)
        err = an_client_send(d->client, b.data, b.len, NULL, 0);
    an_buf_done(&b);
    if (err == AN_ERR_AGAIN && ++d->unsent == UNSENT_SAID)
        say(d, "waiting for the coordinator to answer");
    return err;
}

an_err an_enrol_accept(const an_token *token, const char *site, const an_msg_enrol_reply *r,
                       an_coordinator *ret, an_note *why)
{
    static const uint8_t zero[AN_KEY_BYTES];
    an_hash root;
    if (an_secret_equal(r->coordinator_key, zero, sizeof zero) || !r->control_endpoint[0])
        return an_fail(AN_ERR_AUTH, why, "the coordinator approved, but gave no key or endpoint");
    an_root_fingerprint(&root, r->root_key);
    if (!an_hash_equal(&root, &token->root) || r->root_number > INT64_MAX)
        return an_fail(AN_ERR_AUTH, why, "the release root is not the one the token names");
    an_coordinator c = {.site = "", .root.number = r->root_number};
    snprintf(c.site, sizeof c.site, "%s", site);
    snprintf(c.control[0], sizeof c.control[0], "%s", r->control_endpoint);
    c.n_control = 1;
    snprintf(c.bulk, sizeof c.bulk, "%s", r->bulk_endpoint);
    memcpy(c.link_key, token->link_key, sizeof c.link_key);
    memcpy(c.statement_key, r->coordinator_key, sizeof c.statement_key);
    memcpy(c.root.key, r->root_key, sizeof c.root.key);
    *ret = c;
    return AN_OK;
}

static an_err approved(door *d, const an_msg_enrol_reply *r, an_coordinator *ret, an_note *why)
{
    an_coordinator c;
    an_err err = an_enrol_accept(&d->token, d->conf->site, r, &c, why);
    if (err == AN_OK)
        err = an_coordinator_write(d->conf->dir, &c, why);
    if (err == AN_OK)
        *ret = c;
    return err;
}

/* AGAIN: nothing is decided yet. */
static an_err listen_once(door *d, an_coordinator *ret, an_note *why)
{
    an_in in = {.held = 0};
    an_msg *msg = NULL;
    char fingerprint[AN_FINGERPRINT_TEXT];
    an_err err = an_client_recv(d->client, &in);
    if (err == AN_OK && (err = an_msg_decode(in.head, in.head_len, &msg, why)) == AN_OK)
        err = an_msg_expect(msg, AN_DOOR_ENROL, AN_WAY_DOWN, why);
    if (err == AN_OK) {
        const an_msg_enrol_reply *r = &msg->u.enrol_reply;
        an_fingerprint(fingerprint, d->id->link_public, d->id->sign_public);
        if (r->fingerprint[0] && strcmp(r->fingerprint, fingerprint) != 0)
            err =
                an_fail(AN_ERR_AUTH, why, "the coordinator shows another fingerprint, %.60s", r->fingerprint);
        else if (r->status == AN_ENROL_APPROVED)
            err = approved(d, r, ret, why);
        else if (r->status == AN_ENROL_DENIED)
            err = an_fail(AN_ERR_REFUSED, why, "%s", r->text);
        else
            err = AN_ERR_AGAIN;
        if (err == AN_ERR_AGAIN)
            say(d, r->text);
    }
    an_msg_free(msg);
    an_in_done(&in);
    return err;
}

an_err an_enrol(const an_enrol_conf *conf, an_coordinator *ret, an_note *why)
{
    const an_clock *clock = an_clock_system();
    door d = {.conf = conf, .lock_fd = -1};
    const int64_t start = clock->mono_ms(clock);
    int64_t next = start;
    an_err err = open_door(&d, why);
    while (err == AN_OK || err == AN_ERR_AGAIN) {
        const int64_t now = clock->mono_ms(clock);
        if (conf->timeout_ms && now - start >= conf->timeout_ms) {
            err = an_fail(AN_ERR_AGAIN, why, "no decision within %lld s; ask again with the same token",
                          (long long)(conf->timeout_ms / 1000));
            break;
        }
        if (now >= next) {
            err = ask(&d, why);
            if (err != AN_OK && err != AN_ERR_AGAIN)
                break;
            next = now + (err == AN_OK ? ASK_AGAIN_MS : NO_LINK_MS);
        }
        an_wait wait = {.client = d.client};
        err = an_poll(&wait, 1, NO_LINK_MS);
        if ((err = listen_once(&d, ret, why)) == AN_OK)
            break;
    }
    close_door(&d);
    return err;
}
