/* A look over a coordinator: its folder where that is here, and what it says of itself, its sites and models. */
#include "base/doctor.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/client/client.h"

#define DAY_MS INT64_C(86400000)
#define SOON_DAYS 14 /* what ends within that is to be looked at */
#define NOW_DAYS 3   /* ... to be mended */

static an_doctor_level level_of(bool fine)
{
    return fine ? AN_DOCTOR_OK : AN_DOCTOR_LOOK;
}

static const an_jval *ask(an_cli *c, an_doctor *d, an_json_doc **ret, const char *path)
{
    const int code = an_cli_get(c, ret, "%s", path);
    if (!*ret)
        an_doctor_say(d, AN_DOCTOR_MEND, "API",
                      code == AN_CLI_UNREACHABLE
                          ? "is the coordinator running (systemctl status andon-coordinator)? is --url right?"
                          : "is the token right, and its role enough?",
                      "%.150s%s: no answer that can be used", c->url, path);
    return *ret ? an_json_root(*ret) : NULL;
}

/* ---- the coordinator itself ---- */

static void look_at_certificate(const an_cli *c, an_doctor *d)
{
    const int64_t days = (c->certificate_ms - an_cli_now_ms()) / DAY_MS;
    if (c->certificate_ms)
        an_doctor_say(d, days < NOW_DAYS ? AN_DOCTOR_MEND : level_of(days >= SOON_DAYS), "certificate",
                      days < SOON_DAYS ? "renew http.tls.certificate, and restart the coordinator" : NULL,
                      "holds for %lld day%s", (long long)days, days == 1 ? "" : "s");
}

static void look_at_itself(an_cli *c, an_doctor *d, const an_jval *status, int64_t asked_ms)
{
    static const struct {
        const char *key, *what, *mend;
    } doors[] = {
        {"control", "endpoint control", "open it in the firewall; advertise.control is what sites are told"},
        {"bulk", "endpoint bulk", "open it in the firewall; advertise.bulk is what sites are told"},
        {"enrol", "endpoint enrol", "open it in the firewall; advertise.enrol is what sites are told"},
    };
    const an_jval *k = an_jval_get(status, "coordinator");
    const char *version = an_cli_text(k, "version");
    const int64_t middle = asked_ms + (an_cli_now_ms() - asked_ms) / 2;
    const bool same = strcmp(version, AN_VERSION) == 0;
    an_doctor_say(d, AN_DOCTOR_OK, "API", NULL, "%.150s answers", c->url);
    look_at_certificate(c, d);
    an_doctor_say(d, level_of(same), "version", same ? NULL : "install the same version of both",
                  "coordinator %s, andon %s", version, AN_VERSION);
    an_doctor_clock(d, "the coordinator", an_cli_int(k, "now_ms") - middle);
    for (size_t i = 0; i < (an_cli_bool(k, "enrolment_open") ? 3 : 2); i++)
        an_doctor_endpoint(d, doors[i].what, an_cli_text(k, doors[i].key), doors[i].mend);
}

/* Not what it remembers, but what it reads. */
static void look_at_store(an_cli *c, an_doctor *d)
{
    an_json_doc *doc = NULL;
    const an_jval *o = ask(c, d, &doc, "/journal?newest=true&limit=1");
    const bool any = an_jval_count(an_jval_get(o, "records")) > 0;
    if (o)
        an_doctor_say(d, any ? AN_DOCTOR_OK : AN_DOCTOR_MEND, "store",
                      any ? NULL : "andon journal verify; docs/OPERATIONS.md, A journal that cannot be read",
                      any ? "the journal can be read, %lld records"
                          : "the journal gives none of its %lld records",
                      (long long)an_cli_int(o, "last"));
    an_json_doc_free(doc);
}

static void look_at_roots(an_cli *c, an_doctor *d, const an_jval *status)
{
    const an_jval *root = an_jval_get(status, "root");
    const int64_t waiting = an_cli_int(root, "waiting");
    const bool apart = an_cli_bool(root, "protected");
    an_json_doc *doc = NULL;
    an_doctor_say(d, level_of(apart), "release root",
                  apart ? NULL
                        : "andon key new FILE, and its public half as release.root (docs/OPERATIONS.md)",
                  apart ? "is a key that the coordinator does not have"
                        : "is the coordinator's own key: who has the coordinator can release");
    if (waiting > 0)
        an_doctor_say(d, AN_DOCTOR_LOOK, "releases", "andon release sign --all --key FILE",
                      "%lld wait for the release root's signature", (long long)waiting);
    if (an_cli_bool(root, "roster_expires_soon"))
        an_doctor_say(d, AN_DOCTOR_MEND, "roster", "andon site roster --key FILE",
                      "it ends soon, and without it no secure sum begins");
    const an_jval *roster = ask(c, d, &doc, "/roster");
    const bool unsigned_yet = an_cli_bool(roster, "waiting");
    if (roster)
        an_doctor_say(d, unsigned_yet ? AN_DOCTOR_MEND : AN_DOCTOR_OK, "roster",
                      unsigned_yet ? "andon site roster --key FILE" : NULL,
                      unsigned_yet ? "sites have changed since it was signed: no secure sum begins"
                                   : "nothing waits for a signature");
    an_json_doc_free(doc);
}

static void look_at_delegation(an_doctor *d, const an_jval *e)
{
    const an_jval *used = an_jval_get(e, "used");
    const int64_t days = (an_cli_int(e, "expires_ms") - an_cli_now_ms()) / DAY_MS,
                  count = an_cli_int(e, "count");
    char what[64];
    int64_t most = 0;
    for (const char *key = an_jval_key_first(used); key; key = an_jval_key_next(used, key))
        most = an_cli_int(used, key) > most ? an_cli_int(used, key) : most;
    const bool fine = days >= SOON_DAYS && most * 10 < count * 9;
    snprintf(what, sizeof what, "delegation %lld", (long long)an_cli_int(e, "number"));
    an_doctor_say(d, level_of(fine), what, fine ? NULL : "andon release delegate --model NAME --key FILE",
                  "of %.60s: %lld of %lld releases are used, %lld days are left", an_cli_text(e, "models"),
                  (long long)most, (long long)count, (long long)days);
}

static void look_at_delegations(an_cli *c, an_doctor *d)
{
    an_json_doc *doc = NULL;
    const an_jval *list = an_jval_get(ask(c, d, &doc, "/releases"), "delegations");
    for (size_t i = 0; i < an_jval_count(list); i++)
        if (strcmp(an_cli_text(an_jval_at(list, i), "state"), "holds") == 0)
            look_at_delegation(d, an_jval_at(list, i));
    an_json_doc_free(doc);
}

/* ---- sites and models ---- */

static void look_at_lines(an_doctor *d, const an_jval *site, const char *what)
{
    const an_jval *lines = an_jval_get(site, "lines");
    for (size_t i = 0; i < an_jval_count(lines); i++) {
        const an_jval *l = an_jval_at(lines, i);
        const char *line = an_cli_text(l, "line"), *model = an_cli_text(l, "model");
        if (!an_cli_bool(l, "model_known"))
            an_doctor_say(d, AN_DOCTOR_MEND, what,
                          "andon model create, or another model in the site's configuration",
                          "line %.60s runs %.60s, a model that is not known here", line, model);
        else if (!an_cli_bool(l, "fits"))
            an_doctor_say(d, AN_DOCTOR_MEND, what, "andon-agent status, at the site, names what differs",
                          "line %.60s takes no part: sensors, rate or window are not those of model %.60s",
                          line, model);
    }
}

static void look_at_site(an_doctor *d, const an_jval *s, const char *version)
{
    const char *name = an_cli_text(s, "name"), *status = an_cli_text(s, "status"),
               *agent = an_cli_text(s, "agent");
    char what[64], mend[128], ago[AN_CLI_SHORT];
    snprintf(what, sizeof what, "site %.50s", name);
    snprintf(mend, sizeof mend, "andon site approve %.50s, if its people read you the same; else deny", name);
    if (strcmp(status, "requested") == 0)
        an_doctor_say(d, AN_DOCTOR_LOOK, what, mend, "asks to be admitted, fingerprint %s",
                      an_cli_text(s, "fingerprint"));
    if (strcmp(status, "approved") != 0)
        return;
    if (an_cli_bool(s, "copies"))
        an_doctor_say(d, AN_DOCTOR_MEND, what, "end one of them; if you know of one only, revoke the site",
                      "two agents with its keys take the session from each other");
    an_cli_ago(ago, an_cli_int(s, "seen_ms"));
    if (!an_cli_bool(s, "connected")) {
        an_doctor_say(d, AN_DOCTOR_MEND, what, "andon-agent doctor, at the site", "is silent, last heard: %s",
                      ago);
        return;
    }
    if (strcmp(agent, version) != 0)
        an_doctor_say(d, AN_DOCTOR_LOOK, what, "upgrade the older one",
                      "runs version %.30s, the coordinator %.30s", agent, version);
    look_at_lines(d, s, what);
}

static void look_at_sites(an_doctor *d, const an_jval *status)
{
    const an_jval *list = an_jval_get(status, "sites");
    const char *version = an_cli_text(an_jval_get(status, "coordinator"), "version");
    size_t connected = 0, approved = 0;
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *s = an_jval_at(list, i);
        approved += strcmp(an_cli_text(s, "status"), "approved") == 0;
        connected += an_cli_bool(s, "connected");
        look_at_site(d, s, version);
    }
    an_doctor_say(d, level_of(approved > 0), "sites",
                  approved ? NULL : "andon token, then andon-agent enrol at a site",
                  "%zu of %zu are connected", connected, approved);
}

static void look_at_models(an_doctor *d, const an_jval *status)
{
    const an_jval *models = an_jval_get(status, "models"), *campaigns = an_jval_get(status, "campaigns");
    char what[64], mend[128];
    for (size_t i = 0; i < an_jval_count(models); i++) {
        const an_jval *m = an_jval_at(models, i);
        const char *name = an_cli_text(m, "name");
        const long long sites = (long long)an_cli_int(m, "sites_connected");
        const bool runs = an_cli_text(m, "production")[0] != '\0';
        snprintf(what, sizeof what, "model %.50s", name);
        snprintf(mend, sizeof mend, "andon campaign start %.60s", name);
        an_doctor_say(d, level_of(runs && sites > 0), what, runs ? NULL : mend, "%s, %lld connected site%s",
                      runs ? "in production" : "no version is in production yet", sites,
                      an_cli_s((uint64_t)sites));
    }
    for (size_t i = 0; i < an_jval_count(campaigns); i++) {
        const an_jval *g = an_jval_at(campaigns, i);
        snprintf(what, sizeof what, "campaign %lld", (long long)an_cli_int(g, "id"));
        an_doctor_say(d, AN_DOCTOR_LOOK, what, NULL, "%.240s", an_cli_text(g, "waiting"));
    }
}

static void look_at_all(an_cli *c, an_doctor *d)
{
    an_json_doc *doc = NULL;
    const int64_t asked_ms = an_cli_now_ms();
    const an_jval *status = ask(c, d, &doc, "/status");
    if (status) {
        look_at_itself(c, d, status, asked_ms);
        look_at_store(c, d);
        look_at_roots(c, d, status);
        look_at_delegations(c, d);
        look_at_sites(d, status);
        look_at_models(d, status);
    }
    an_json_doc_free(doc);
}

/* ---- what was found ---- */

static void print_json(const an_doctor *d)
{
    an_json *o = an_json_object(), *list = an_json_array();
    for (size_t i = 0; i < d->n; i++) {
        an_json *f = an_json_object();
        an_json_set_text(f, "level", an_doctor_level_name(d->items[i].level));
        an_json_set_text(f, "what", d->items[i].what);
        an_json_set_text(f, "text", d->items[i].text);
        an_json_set_text(f, "mend", d->items[i].mend);
        an_json_push(list, f);
    }
    an_json_set(o, "findings", list);
    an_json_set_bool(o, "fine", an_doctor_worst(d) < AN_DOCTOR_MEND);
    char *text = an_json_print(o, 0);
    printf("%s\n", text ? text : "{}");
    an_free(text);
    an_json_free(o);
}

int an_cli_doctor(an_cli *c)
{
    an_doctor *d = an_alloc(1, sizeof *d);
    const char *data = an_args_get(c->args, "data");
    if (!d)
        return an_cli_fail(AN_CLI_REFUSED, "out of memory");
    c->quiet_json = true;
    if (data) {
        an_doctor_folder(d, data);
        an_doctor_limits(d);
    }
    if (an_cli_connect(c) == AN_CLI_OK)
        look_at_all(c, d);
    else
        an_doctor_say(d, AN_DOCTOR_MEND, "API", "start it; give --url and --token-file, or --data",
                      "it is not known where the coordinator is, or with which token");
    if (c->json)
        print_json(d);
    else
        an_doctor_print(d, stdout);
    const int code = an_doctor_worst(d) == AN_DOCTOR_MEND ? AN_CLI_REFUSED : AN_CLI_OK;
    an_free(d);
    return code;
}
