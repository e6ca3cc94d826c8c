/* The core thread's start and end: in which order things are opened, and what is left behind.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/runtime_core.h"
#include "doors/crypto.h"

#define VERSION "0.1"
#define STANDBY_MS 500 /* between two looks whether this one is to stop */

static an_err path_in(const an_core *c, const char *name, char out[static AN_PATH_MAX])
{
    return an_path_join(out, c->args->conf->data, name);
}

/* The same folder holds the whole store, or what is local of one that is elsewhere. */
static an_err open_store(an_core *c, an_note *why)
{
    char url[AN_PATH_MAX + 16], folder[AN_PATH_MAX], keys[AN_FINGERPRINT_TEXT];
    const an_coordinator_conf *conf = c->args->conf;
    an_err err = path_in(c, "store", folder);
    if (err != AN_OK)
        return err;
    an_fingerprint(keys, c->id->link_public, c->id->sign_public);
    snprintf(url, sizeof url, "sqlite:%s", folder);
    const an_store_place place = {.url = conf->store_url ? conf->store_url : url,
                                  .folder = folder,
                                  .holder = conf->advertise_control ? conf->advertise_control : conf->control,
                                  .keys = keys,
                                  .wait_ms = STANDBY_MS};
    return an_store_open(&place, an_clock_system(), &c->store, why);
}

/* Half sums of an earlier life are made anew; half updates are kept to be resumed. */
static void clean_spool(an_core *c)
{
    an_names names = {NULL, 0};
    const char *dir = an_store_spool_dir(c->store);
    if (an_dir_list(dir, &names, NULL) != AN_OK)
        return;
    for (size_t i = 0; i < names.n; i++) {
        char path[AN_PATH_MAX];
        int64_t round = 0;
        char digits[24] = "";
        if (strncmp(names.items[i], "fetch-", 6) == 0)
            snprintf(digits, sizeof digits, "%.*s", (int)strcspn(names.items[i] + 6, "-"),
                     names.items[i] + 6);
        if (an_parse_int(digits, &round) && an_hub_round_open(c->hub, (uint64_t)round))
            continue;
        if (an_path_join(path, dir, names.items[i]) == AN_OK && an_file_remove(path, NULL) != AN_OK)
            an_log(AN_LOG_WARN, "spool_file_stays", "path=\"%s\"", path);
    }
    an_names_done(&names);
}

static an_err open_bulk(an_core *c, an_note *why)
{
    c->bulk_args = (an_bulk_args){.net = c->args->net,
                                  .endpoint = c->args->conf->bulk,
                                  .link_secret = c->id->link_secret,
                                  .store = c->store,
                                  .vitals = c->args->vitals,
                                  .spool_dir = an_store_spool_dir(c->store)};
    an_err err = an_actor_start(c->args->net, an_bulk_main, &c->bulk_args, &c->bulk, why);
    return err == AN_OK ? an_actor_start(c->args->net, an_work_main, NULL, &c->worker, why) : err;
}

/* "tcp://[::ffff:127.0.0.1]:7701" is what a socket of both families says; people wrote it
 * plainly. */
static void take_endpoint(char out[static AN_ENDPOINT_MAX], const char *bound)
{
    static const char mapped[] = "tcp://[::ffff:";
    const char *end = strchr(bound, ']');
    if (strncmp(bound, mapped, sizeof mapped - 1) == 0 && end && strchr(bound, '.'))
        snprintf(out, AN_ENDPOINT_MAX, "tcp://%.*s%s", (int)(end - bound - (int)(sizeof mapped - 1)),
                 bound + sizeof mapped - 1, end + 1);
    else
        snprintf(out, AN_ENDPOINT_MAX, "%s", bound);
}

static an_err open_servers(an_core *c, an_note *why)
{
    const an_coordinator_conf *conf = c->args->conf;
    an_runtime_endpoints *e = c->args->endpoints;
    an_err err;
    if ((err = an_server_open(c->args->net, AN_PORT_CONTROL, conf->control, c->id->link_secret, &c->control,
                              why)) != AN_OK ||
        (err = an_server_open(c->args->net, AN_PORT_ENROL, conf->enrol, c->id->link_secret, &c->enrol,
                              why)) != AN_OK)
        return err;
    take_endpoint(e->control, an_server_endpoint(c->control));
    take_endpoint(e->enrol, an_server_endpoint(c->enrol));
    take_endpoint(e->bulk, c->bulk_args.bound);
    snprintf(c->advertised[0], AN_ENDPOINT_MAX, "%s",
             conf->advertise_control ? conf->advertise_control : e->control);
    snprintf(c->advertised[1], AN_ENDPOINT_MAX, "%s", conf->advertise_bulk ? conf->advertise_bulk : e->bulk);
    snprintf(c->advertised[2], AN_ENDPOINT_MAX, "%s",
             conf->advertise_enrol ? conf->advertise_enrol : e->enrol);
    return AN_OK;
}

static an_err compare_keys(void *ctx, const an_record *record, an_note *why)
{
    const char *mine = ctx, *keys = "";
    an_json_doc *doc = NULL;
    an_err err = an_json_parse(record->body, record->body_len, "coordinator.started", &doc, why);
    if (err == AN_OK)
        err = an_jval_get_text(an_json_root(doc), "keys", "", &keys, why);
    if (err == AN_OK && keys[0] && strcmp(keys, mine) != 0)
        err =
            an_fail(AN_ERR_AUTH, why,
                    "the store is of a coordinator with the keys %s; these are %s, which no site would know: "
                    "DATA/identity of all coordinators on one store is the same file",
                    keys, mine);
    an_json_doc_free(doc);
    return err;
}

/* Before a socket is opened: the lease of a store that is not ours is let go of at once. */
static an_err check_keys(an_core *c, char *keys, an_note *why)
{
    return an_store_scan(c->store,
                         &(an_store_filter){.kind = "coordinator.started", .limit = 1, .newest_first = true},
                         compare_keys, keys, why);
}

/* The journal says when somebody took it over, with what configuration and keys. */
static an_err note_start(an_core *c, const char *keys, an_note *why)
{
    an_hasher h;
    an_hash hash;
    char hex[AN_HASH_TEXT];
    const an_coordinator_conf *conf = c->args->conf;
    const char *const texts[] = {conf->data, c->advertised[0], c->advertised[1], c->advertised[2],
                                 conf->http_address};
    an_hasher_init(&h);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        an_hasher_add(&h, texts[i], strlen(texts[i]) + 1);
    an_hasher_add(&h, &conf->lease_ms, sizeof conf->lease_ms);
    an_hasher_end(&h, &hash);
    an_hash_text(hex, &hash);
    an_json *o = an_json_object();
    an_json_set_text(o, "version", VERSION);
    an_json_set_text(o, "config_hash", hex);
    an_json_set_int(o, "epoch", (int64_t)an_store_epoch(c->store));
    an_json_set_text(o, "keys", keys);
    an_json_set_int(o, "people", conf->people);
    char *body = an_json_print(o, 0);
    an_json_free(o);
    if (!body)
        return AN_ERR_NOMEM;
    an_record r = {.kind = "coordinator.started",
                   .subject = "coordinator",
                   .actor = "coordinator",
                   .body = body,
                   .body_len = strlen(body)};
    an_err err = an_store_append(c->store, &r, 1, NULL, why);
    an_free(body);
    return err;
}

static an_err open_hub(an_core *c, an_note *why)
{
    const an_coordinator_conf *conf = c->args->conf;
    an_hub_conf hub = {.store = c->store,
                       .clock = an_clock_system(),
                       .io = an_core_io,
                       .sign_secret = c->id->sign_secret,
                       .sign_public = c->id->sign_public,
                       .lease_ms = (uint32_t)conf->lease_ms,
                       .instance = c->instance};
    hub.io.ctx = c;
    if (conf->release_root) {
        if (!an_unhex(c->root, sizeof c->root, conf->release_root))
            return an_fail(AN_ERR_INVAL, why, "release.root: not a key");
        hub.root_public = c->root;
    }
    snprintf(hub.control_endpoint, sizeof hub.control_endpoint, "%s", c->advertised[0]);
    snprintf(hub.bulk_endpoint, sizeof hub.bulk_endpoint, "%s", c->advertised[1]);
    an_err err = an_coordinator_conf_list(conf, hub.coordinators, &hub.n_coordinators, why);
    if (err == AN_OK)
        err = an_hub_new(&hub, &c->hub, why);
    if (err != AN_OK)
        return err;
    an_api_conf api = {.hub = c->hub,
                       .clock = an_clock_system(),
                       .link_public = c->id->link_public,
                       .control = c->advertised[0],
                       .bulk = c->advertised[1],
                       .enrol = c->advertised[2],
                       .instance = c->instance,
                       .people = conf->people,
                       .started_ms = an_clock_system()->wall_ms(an_clock_system())};
    return an_api_new(&api, &c->api);
}

static an_err open_http(an_core *c, an_note *why)
{
    char token[AN_ADMIN_TOKEN_TEXT] = "";
    an_runtime_endpoints *e = c->args->endpoints;
    an_pipe *pipes[2] = {NULL, NULL};
    bool six = strchr(c->args->conf->http_address, ':') != NULL;
    an_err err = path_in(c, "admin.token", e->token_file);
    if (err == AN_OK)
        err = an_admin_token_open(e->token_file, token, why);
    if (err == AN_OK)
        err = an_auth_new(&(an_auth_conf){.admin_token = token,
                                          .idle_ms = c->args->conf->session_idle_ms,
                                          .max_ms = c->args->conf->session_max_ms,
                                          .clock = an_clock_system(),
                                          .names = c->args->conf->http_names},
                          &c->auth);
    if (err == AN_OK)
        err = an_core_tell_users(c, why);
    if (err == AN_OK)
        err = an_pipe_pair(c->args->net, pipes);
    if (err == AN_OK) {
        c->http = pipes[0];
        if (c->args->calls.opening)
            c->args->calls.opening(c->args->calls.ctx);
        err = an_bridge_open(c->args->conf, c->auth, c->args->vitals, pipes[1], &c->bridge, why);
    }
    if (err == AN_OK)
        snprintf(e->http, sizeof e->http, six ? "http%s://[%s]:%u" : "http%s://%s:%u",
                 c->args->conf->http_key ? "s" : "", c->args->conf->http_address,
                 (unsigned)an_bridge_port(c->bridge));
    an_wipe(token, sizeof token);
    return err;
}

static an_err write_endpoints(an_core *c, an_note *why)
{
    char path[AN_PATH_MAX];
    const an_runtime_endpoints *e = c->args->endpoints;
    an_err err = path_in(c, "endpoints.json", path);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object();
    an_json_set_text(o, "http", e->http);
    an_json_set_text(o, "control", e->control);
    an_json_set_text(o, "bulk", e->bulk);
    an_json_set_text(o, "enrol", e->enrol);
    an_json_set_text(o, "token_file", e->token_file);
    an_json_set_int(o, "pid", (int64_t)getpid());
    char *text = an_json_print(o, 2);
    an_json_free(o);
    err = text ? an_file_write(path, text, strlen(text), 0644, why) : AN_ERR_NOMEM;
    an_free(text);
    return err;
}

static an_err open_rest(an_core *c, an_note *why)
{
    char keys[AN_FINGERPRINT_TEXT];
    an_err err;
    c->kept_ms = an_clock_system()->mono_ms(an_clock_system());
    an_fingerprint(keys, c->id->link_public, c->id->sign_public);
    an_zap_hold(c->args->zap, true); /* until the journal has said who is admitted */
    if ((err = check_keys(c, keys, why)) != AN_OK || (err = open_bulk(c, why)) != AN_OK ||
        (err = open_servers(c, why)) != AN_OK || (err = note_start(c, keys, why)) != AN_OK ||
        (err = open_hub(c, why)) != AN_OK)
        return err;
    an_zap_hold(c->args->zap, false);
    clean_spool(c);
    if ((err = open_http(c, why)) != AN_OK)
        return err;
    return write_endpoints(c, why);
}

static an_err open_all(an_core *c, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err;
    an_random(&c->instance, sizeof c->instance);
    c->instance |= 1; /* never 0, which stands for "unknown" */
    if ((err = an_peers_new(AN_COHORT_MAX * 4, &c->peers)) != AN_OK ||
        (err = path_in(c, "identity", path)) != AN_OK ||
        (err = an_identity_open(path, &c->id, why)) != AN_OK || (err = open_store(c, why)) != AN_OK)
        return err;
    err = open_rest(c, why);
    return err == AN_ERR_STATE ? AN_ERR_AGAIN : err; /* another one was faster to take the store over */
}

static void close_all(an_core *c)
{
    an_bridge_stop(c->bridge);
    an_http_job *job;
    size_t len;
    while (c->http && an_pipe_recv(c->http, &job, sizeof job, &len) == AN_OK)
        an_http_job_free(job);
    for (size_t i = 0; i < c->n_parked; i++)
        an_http_job_free(c->parked[i]);
    an_bridge_free(c->bridge);
    an_auth_free(c->auth);
    an_pipe_close(c->http);
    an_actor_stop(c->bulk);
    /* After the worker has ended, every job is ours again; unfinished sums are made after the
     * restart. */
    an_actor_stop(c->worker);
    for (size_t i = 0; i < c->n_works; i++) {
        an_combine_done(c->works[i]->job);
        an_free(c->works[i]->job);
        an_free(c->works[i]);
    }
    an_free(c->works);
    an_api_free(c->api);
    an_hub_free(c->hub);
    an_in_done(&c->in);
    an_server_close(c->control);
    an_server_close(c->enrol);
    an_store_close(c->store);
    an_identity_free(c->id);
    an_peers_free(c->peers);
    an_free(c);
}

void an_core_main(an_pipe *pipe, void *args)
{
    an_note why = {{0}};
    an_core *c = an_alloc(1, sizeof *c);
    if (!c) {
        an_actor_ready(pipe, AN_ERR_NOMEM, NULL);
        return;
    }
    c->args = args;
    an_err err = open_all(c, &why);
    if (err != AN_OK && !why.text[0])
        an_note_set(&why, "%s", an_err_text(err));
    if (err == AN_OK) {
        an_vitals *v = c->args->vitals;
        atomic_store(&v->epoch, an_store_epoch(c->store));
        atomic_store(&v->store_ok, true);
        atomic_store(&v->store, an_store_figures_get(c->store));
        atomic_store(&v->kept_ms, c->kept_ms);
        an_vitals_turned(v);
        atomic_store(&v->active, true);
    }
    an_actor_ready(pipe, err, &why);
    if (err == AN_OK) {
        an_log(AN_LOG_INFO, "coordinator_started", "http=%s control=%s bulk=%s enrol=%s",
               c->args->endpoints->http, c->args->endpoints->control, c->args->endpoints->bulk,
               c->args->endpoints->enrol);
        an_core_run(c, pipe);
        an_log(AN_LOG_INFO, "coordinator_stopped", "instance=%016llx", (unsigned long long)c->instance);
    }
    close_all(c);
}
