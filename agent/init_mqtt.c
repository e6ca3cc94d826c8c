/* What a broker has: topics of values, of JSON, or Sparkplug, whichever there is more of. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/init_internal.h"
#include "doors/crypto.h"
#include "models/data/table.h"

#define QUOTED_MAX 700

typedef struct topics {
    init *w;
    size_t sparkplug, json, plain, texts;
    char time[128], part[128]; /* paths; "" */
} topics;

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_one_of(const char *name, const char *const *words)
{
    for (; *words; words++) {
        size_t i = 0;
        while (name[i] && (*words)[i] && (name[i] | 0x20) == (*words)[i])
            i++;
        if (!name[i] && !(*words)[i])
            return true;
    }
    return false;
}

static void add_tag(topics *t, const char *topic, size_t topic_len, const char *path)
{
    char text[600], quoted[QUOTED_MAX], name[128];
    snprintf(text, sizeof text, "%.*s", (int)topic_len, topic);
    snprintf(name, sizeof name, "%.50s%s%.60s", last_name(text), path[0] ? "." : "", path[0] ? path + 1 : "");
    init_quote(quoted, sizeof quoted, text);
    init_tag *tag = init_tag_add(t->w, name);
    if (!tag)
        return;
    int n = snprintf(tag->at, sizeof tag->at, "topic: %.400s", quoted);
    if (path[0] && n > 0) {
        init_quote(quoted, sizeof quoted, path);
        snprintf(tag->at + n, sizeof tag->at - (size_t)n, ", path: %.250s", quoted);
    }
}

/* "topic path" of JSON and plain payloads alike; a path is "" or begins with '/', a topic has no " /" in it. */
static void see_topic(void *ctx, const an_source_find *find)
{
    static const char *const times[] = {"ts", "time", "timestamp", "datetime", NULL};
    static const char *const parts[] = {"part", "partid", "part_id", "serial", "sn", "dmc", NULL};
    topics *t = ctx;
    const char *space = strstr(find->tag, " /");
    const size_t len = space ? (size_t)(space - find->tag) : strcspn(find->tag, " ");
    const char *path = space ? space + 1 : "";
    if (strncmp(find->tag, "spBv1.0/", 8) == 0) {
        t->sparkplug++;
        return;
    }
    if (strncmp(find->tag, "$SYS/", 5) == 0)
        return;
    if (path[0] && is_one_of(last_name(path), times)) {
        snprintf(t->time, sizeof t->time, "%s", path);
        return;
    }
    if (path[0] && is_one_of(last_name(path), parts)) {
        snprintf(t->part, sizeof t->part, "%s", path);
        return;
    }
    if (isnan(find->value)) {
        t->texts++;
        return;
    }
    t->json += path[0] != '\0';
    t->plain += path[0] == '\0';
    add_tag(t, find->tag, len, path);
}

/* "GROUP/NODE[/DEVICE] metric" */
static void see_metric(void *ctx, const an_source_find *find)
{
    topics *t = ctx;
    char node[260], quoted[3][QUOTED_MAX];
    const char *space = strchr(find->tag, ' ');
    if (!space || isnan(find->value) || (size_t)(space - find->tag) >= sizeof node ||
        strncmp(find->tag, "rebirth ", 8) == 0)
        return;
    snprintf(node, sizeof node, "%.*s", (int)(space - find->tag), find->tag);
    char *slash = strchr(node, '/'), *device = slash ? strchr(slash + 1, '/') : NULL;
    if (device)
        *device++ = '\0';
    if (strncmp(space + 1, "Node Control/", 13) == 0 || strcmp(space + 1, "bdSeq") == 0)
        return;
    init_tag *tag = init_tag_add(t->w, last_name(space + 1));
    if (!tag)
        return;
    init_quote(quoted[0], QUOTED_MAX, node);
    init_quote(quoted[1], QUOTED_MAX, device ? device : "");
    init_quote(quoted[2], QUOTED_MAX, space + 1);
    snprintf(tag->at, sizeof tag->at, "node: %.200s, %s%.150s%smetric: %.250s", quoted[0],
             device ? "device: " : "", device ? quoted[1] : "", device ? ", " : "", quoted[2]);
    snprintf(tag->unit, sizeof tag->unit, "%.15s", find->unit);
}

static an_err browse(init *w, an_source_seen see, topics *t, an_note *why)
{
    an_yaml *doc = NULL;
    an_err err = init_doc(w, false, &doc, why);
    if (!err)
        err = w->type->browse(an_yaml_root(doc), w->opts->for_ms, see, t, why);
    an_yaml_free(doc);
    return err;
}

/* A source has one format: tags of the other one are left out, and said. */
static void choose_format(init *w, const topics *t)
{
    const bool json = t->json >= t->plain;
    char quoted[160];
    size_t n = 0;
    for (size_t i = 0; i < w->n_tags; i++)
        if ((strstr(w->tags[i].at, ", path: ") != NULL) == json)
            w->tags[n++] = w->tags[i];
    if (n < w->n_tags)
        init_note(w, "%zu topic%s of %s left out: a line of its own could take what they say.", w->n_tags - n,
                  w->n_tags - n == 1 ? "" : "s", json ? "plain values" : "JSON");
    w->n_tags = n;
    init_set(w, "format", json ? "json" : "value", "");
    if (json && t->time[0]) {
        init_quote(quoted, sizeof quoted, t->time);
        init_set(w, "time", quoted, "of the device, in its messages");
    } else {
        init_note(w, "No time was seen in the messages: that of their arrival is taken.");
    }
    if (json && t->part[0]) {
        init_quote(quoted, sizeof quoted, t->part);
        init_set(w, "part", quoted, "the part's id");
    }
    if (t->texts > 0)
        init_note(w, "left out, as they are texts: %zu", t->texts);
}

an_err init_mqtt_find(init *w, an_note *why)
{
    topics t = {.w = w};
    char client[80];
    uint32_t own = 0;
    const init_option *given = init_get(w, "format");
    const bool sparkplug = given && strcmp(given->value, "sparkplug") == 0;
    /* Two of one name end each other's session again and again, so chance has a part in it. */
    an_random(&own, sizeof own);
    snprintf(client, sizeof client, "\"andon-%.30s-%08" PRIx32 "\"", w->opts->site ? w->opts->site : "site",
             own);
    init_set(w, "client", client, "the same at each start, and nobody else's");
    an_err err = sparkplug ? AN_OK : browse(w, see_topic, &t, why);
    if (!err && (sparkplug || t.sparkplug > t.json + t.plain)) {
        w->n_tags = 0;
        init_set(w, "format", "sparkplug", "");
        err = browse(w, see_metric, &t, why);
    } else if (!err) {
        choose_format(w, &t);
    }
    if (!err && w->n_tags == 0)
        err = an_fail(AN_ERR_NOTFOUND, why, "nobody has said a number at the broker in %g s: try --for 60s",
                      (double)w->opts->for_ms / 1000);
    init_set(w, "step_ms", "0", "");
    return err;
}

an_err init_mqtt_refine(init *w, bool *ret_again, an_note *why)
{
    char text[24];
    (void)why;
    *ret_again = false;
    snprintf(text, sizeof text, "%lld", (long long)init_step(w));
    init_set(w, "step_ms", text, "a row so often, of the last value of each tag; 0: a row for each message");
    return AN_OK;
}
