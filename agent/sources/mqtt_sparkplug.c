/* The state of each node:
 *
 *     unknown --NBIRTH--> born --NDEATH (of the same birth), connection lost--> unknown
 *                          |  NDATA, DBIRTH, DDATA, DDEATH: numbered 0..255, 0 ...
 */
#include "agent/sources/mqtt_sparkplug.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "msg/sparkplug.h"

#define ASK_MIN_MS 5000
#define ASK_MAX_MS 60000
#define TIME_MAX (INT64_C(1) << 52)

enum { BIRTHS, DEATHS, SEQ_GAPS, REBIRTHS, UNBORN, MISSING, COUNTERS };
static const char *const counter_names[COUNTERS] = {"births",   "deaths", "seq_gaps",
                                                    "rebirths", "unborn", "missing"};

typedef struct node {
    const char *id; /* GROUP/NODE */
    bool born, has_bd, has_part;
    bool wanted; /* something of it is missing, until it is born again */
    uint64_t bd_seq, part_alias;
    uint8_t next_seq;
    int64_t ask_ms;   /* monotonic: not asked before */
    int64_t pause_ms; /* between two requests; doubles */
} node;

typedef struct item {
    size_t node;
    bool alive, has_alias, named; /* named: in the birth that is being read */
    bool told;                    /* a birth of its device, or node, has come since the node's */
    uint64_t alias;
    uint32_t datatype;
    unsigned row; /* the last one that it is in */
} item;

struct spb_host {
    spb_conf conf;
    item *items; /* (n) */
    node *nodes; /* (n_nodes) */
    size_t n_nodes;
    unsigned row;
    atomic_uint_fast64_t counters[COUNTERS];
};

static void count(spb_host *h, int which)
{
    atomic_fetch_add_explicit(&h->counters[which], 1, memory_order_relaxed);
}

size_t spb_host_counters(const spb_host *h, an_source_counter *ret)
{
    for (size_t i = 0; i < COUNTERS; i++)
        ret[i] = (an_source_counter){counter_names[i],
                                     atomic_load_explicit(&h->counters[i], memory_order_relaxed)};
    return COUNTERS;
}

static size_t node_of(spb_host *h, const char *id)
{
    size_t i = 0;
    while (i < h->n_nodes && strcmp(h->nodes[i].id, id) != 0)
        i++;
    return i;
}

an_err spb_host_new(const spb_conf *conf, spb_host **ret)
{
    spb_host *h = an_alloc(1, sizeof *h);
    if (!h)
        return AN_ERR_NOMEM;
    h->conf = *conf;
    h->items = an_alloc(conf->n, sizeof *h->items);
    h->nodes = an_alloc(conf->n, sizeof *h->nodes);
    if (!h->items || !h->nodes) {
        spb_host_free(h);
        return AN_ERR_NOMEM;
    }
    for (size_t i = 0; i < conf->n; i++) {
        const size_t at = node_of(h, conf->items[i].node);
        if (at == h->n_nodes)
            h->nodes[h->n_nodes++] = (node){.id = conf->items[i].node, .pause_ms = ASK_MIN_MS};
        h->items[i].node = at;
    }
    *ret = h;
    return AN_OK;
}

void spb_host_free(spb_host *h)
{
    if (!h)
        return;
    an_free(h->items);
    an_free(h->nodes);
    an_free(h);
}

/* ---- asking ---- */

an_err spb_rebirth_put(an_buf *ret, int64_t now_ms)
{
    an_spb_metric m = {.name = "Node Control/Rebirth",
                       .has_time = true,
                       .time_ms = now_ms,
                       .datatype = AN_SPB_BOOLEAN,
                       .kind = AN_SPB_IS_BOOL,
                       .u.whole = 1,
                       .quality = -1};
    const an_spb p = {.has_time = true, .time_ms = now_ms, .n = 1, .metrics = &m};
    return an_spb_put(&p, ret);
}

/* A request may be lost, or the node be away: asked again until it is born. */
static void ask(spb_host *h, node *n)
{
    const int64_t now = h->conf.clock->mono_ms(h->conf.clock);
    const char *slash = strchr(n->id, '/');
    char topic[SPB_TOPIC_MAX];
    an_buf b;
    if (!h->conf.ask || !n->wanted || now < n->ask_ms)
        return;
    n->ask_ms = now + n->pause_ms;
    n->pause_ms = n->pause_ms * 2 < ASK_MAX_MS ? n->pause_ms * 2 : ASK_MAX_MS;
    an_buf_init(&b, 1024);
    snprintf(topic, sizeof topic, "spBv1.0/%.*s/NCMD/%s", (int)(slash - n->id), n->id, slash + 1);
    if (spb_rebirth_put(&b, h->conf.clock->wall_ms(h->conf.clock)) == AN_OK) {
        count(h, REBIRTHS);
        h->conf.ask(h->conf.ctx, topic, b.data, b.len);
    }
    an_buf_done(&b);
}

static void want(spb_host *h, node *n)
{
    n->wanted = true;
    ask(h, n);
}

void spb_host_tick(spb_host *h)
{
    for (size_t i = 0; i < h->n_nodes; i++)
        ask(h, &h->nodes[i]);
}

void spb_host_connected(spb_host *h)
{
    const int64_t now = h->conf.clock->mono_ms(h->conf.clock);
    for (size_t i = 0; i < h->conf.n; i++)
        h->items[i].alive = h->items[i].has_alias = h->items[i].told = false;
    for (size_t i = 0; i < h->n_nodes; i++) {
        h->nodes[i] = (node){.id = h->nodes[i].id, .ask_ms = now, .pause_ms = ASK_MIN_MS};
        want(h, &h->nodes[i]);
    }
}

/* ---- values ---- */

static int64_t now_ms(const spb_host *h)
{
    return h->conf.clock->wall_ms(h->conf.clock);
}

static int64_t time_of(const spb_host *h, const an_spb *p, const an_spb_metric *m)
{
    if (m && m->has_time && m->time_ms < TIME_MAX)
        return m->time_ms;
    return p->has_time && p->time_ms < TIME_MAX ? p->time_ms : now_ms(h);
}

static an_value_quality quality_of(const an_spb_metric *m, double value)
{
    if (m->null || isnan(value) || m->quality == AN_SPB_QUALITY_BAD)
        return AN_VALUE_BAD;
    if (m->quality == AN_SPB_QUALITY_STALE)
        return AN_VALUE_STALE;
    return m->quality < 0 || m->quality == AN_SPB_QUALITY_GOOD ? AN_VALUE_GOOD : AN_VALUE_UNCERTAIN;
}

static bool belongs(const spb_host *h, size_t i, size_t at, const char *device)
{
    return h->items[i].node == at && strcmp(h->conf.items[i].device, device) == 0;
}

static void flush(spb_host *h, int64_t time_ms)
{
    an_tags_flush(h->conf.tags, h->conf.port, time_ms);
    h->row++;
}

/* Tags of the node, or of one device of it (NULL: all), are not there. */
static void gone(spb_host *h, size_t at, const char *device, int64_t time_ms)
{
    bool some = false;
    for (size_t i = 0; i < h->conf.n; i++) {
        item *it = &h->items[i];
        if (it->node != at || !it->alive || (device && !belongs(h, i, at, device)))
            continue;
        it->alive = false;
        some = true;
        an_tags_put(h->conf.tags, h->conf.port, (uint32_t)i, time_ms, 0, AN_VALUE_UNREACHED);
    }
    if (some)
        flush(h, time_ms);
}

static bool is_part(const spb_host *h, node *n, const an_spb_metric *m, bool birth)
{
    if (!h->conf.part[0])
        return false;
    if (m->name && strcmp(m->name, h->conf.part) != 0)
        return false;
    if (birth && m->name) {
        n->has_part = m->has_alias;
        n->part_alias = m->alias;
    }
    return m->name || (n->has_part && m->has_alias && m->alias == n->part_alias);
}

/* A row that is being filled. */
typedef struct filling {
    bool some;
    int64_t time_ms;
} filling;

/* What was forwarded late has a row for each time; the same tag twice is two rows. */
static void put(spb_host *h, filling *f, size_t i, const an_spb *p, const an_spb_metric *m)
{
    item *it = &h->items[i];
    const int64_t time_ms = time_of(h, p, m), row_ms = m->historical ? time_ms : time_of(h, p, NULL);
    const double value = an_spb_number(m, it->datatype);
    if (f->some && (it->row == h->row + 1 || row_ms != f->time_ms))
        flush(h, f->time_ms);
    it->row = h->row + 1;
    it->alive = true;
    f->some = true;
    f->time_ms = row_ms;
    an_tags_put(h->conf.tags, h->conf.port, (uint32_t)i, time_ms, value, quality_of(m, value));
}

static void take_metric(spb_host *h, filling *f, size_t at, const char *device, const an_spb *p,
                        const an_spb_metric *m, bool birth)
{
    if (is_part(h, &h->nodes[at], m, birth)) {
        if (m->kind == AN_SPB_IS_TEXT)
            an_tags_part(h->conf.tags, h->conf.port, m->u.text);
        return;
    }
    for (size_t i = 0; i < h->conf.n; i++) {
        item *it = &h->items[i];
        if (!belongs(h, i, at, device))
            continue;
        if (m->name ? strcmp(h->conf.items[i].metric, m->name) != 0
                    : !(m->has_alias && it->has_alias && it->alias == m->alias))
            continue;
        if (birth) {
            it->named = true;
            it->has_alias = m->has_alias;
            it->alias = m->alias;
            it->datatype = m->datatype;
        }
        put(h, f, i, p, m);
    }
}

static void take_values(spb_host *h, size_t at, const char *device, const an_spb *p, bool birth)
{
    filling f = {.some = false};
    bool untold = false;
    for (size_t i = 0; i < h->conf.n; i++) {
        item *it = &h->items[i];
        if (!belongs(h, i, at, device))
            continue;
        if (birth) {
            it->named = it->has_alias = false;
            it->told = true;
        }
        untold = untold || !it->told;
    }
    if (untold) { /* its aliases mean nothing yet */
        count(h, UNBORN);
        want(h, &h->nodes[at]);
    }
    for (size_t i = 0; i < p->n; i++)
        take_metric(h, &f, at, device, p, &p->metrics[i], birth);
    for (size_t i = 0; birth && i < h->conf.n; i++) {
        if (!belongs(h, i, at, device) || h->items[i].named)
            continue;
        count(h, MISSING); /* it does not have such a metric */
        f = (filling){.some = true, .time_ms = f.some ? f.time_ms : time_of(h, p, NULL)};
        h->items[i].alive = true;
        an_tags_put(h->conf.tags, h->conf.port, (uint32_t)i, f.time_ms, 0, AN_VALUE_BAD);
    }
    if (f.some)
        flush(h, f.time_ms);
}

/* ---- messages ---- */

bool spb_topic_read(const char *topic, char *ret_node, char *ret_kind, char *ret_device)
{
    const char *part[5] = {topic};
    size_t len[5] = {0}, n = 0;
    for (const char *p = topic;; p++) {
        if (*p && *p != '/')
            continue;
        len[n] = (size_t)(p - part[n]);
        n++;
        if (!*p)
            break;
        if (n == 5)
            return false;
        part[n] = p + 1;
    }
    if (n < 4 || len[0] != 7 || memcmp(topic, "spBv1.0", 7) != 0 || len[1] + len[3] + 2 > SPB_NAME_MAX ||
        len[2] >= 8 || len[2] == 0 || len[1] == 0 || len[3] == 0 ||
        (n == 5 && (len[4] == 0 || len[4] >= SPB_NAME_MAX)))
        return false;
    snprintf(ret_node, SPB_NAME_MAX, "%.*s/%.*s", (int)len[1], part[1], (int)len[3], part[3]);
    snprintf(ret_kind, 8, "%.*s", (int)len[2], part[2]);
    snprintf(ret_device, SPB_NAME_MAX, "%.*s", n == 5 ? (int)len[4] : 0, n == 5 ? part[4] : "");
    return true;
}

static const an_spb_metric *bd_seq_of(const an_spb *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->metrics[i].name && strcmp(p->metrics[i].name, "bdSeq") == 0 &&
            p->metrics[i].kind == AN_SPB_IS_INT)
            return &p->metrics[i];
    return NULL;
}

/* False: the node is not born. */
static bool in_turn(spb_host *h, node *n, const an_spb *p)
{
    if (!n->born) {
        count(h, UNBORN);
        want(h, n);
        return false;
    }
    if (!p->has_seq || p->seq != n->next_seq) {
        count(h, SEQ_GAPS);
        want(h, n);
    }
    n->next_seq = (uint8_t)((p->has_seq ? p->seq : n->next_seq) + 1);
    return true;
}

static void be_born(spb_host *h, size_t at, const an_spb *p)
{
    node *n = &h->nodes[at];
    const an_spb_metric *bd = bd_seq_of(p);
    count(h, BIRTHS);
    /* Its devices are born after it, and may have other aliases then. */
    for (size_t i = 0; i < h->conf.n; i++)
        if (h->items[i].node == at)
            h->items[i].has_alias = h->items[i].told = false;
    *n = (node){.id = n->id,
                .ask_ms = n->ask_ms,
                .pause_ms = ASK_MIN_MS,
                .born = true,
                .has_bd = bd != NULL,
                .bd_seq = bd ? bd->u.whole : 0,
                .next_seq = (uint8_t)((p->has_seq ? p->seq : 0) + 1)};
    take_values(h, at, "", p, true);
}

static void die(spb_host *h, size_t at, const an_spb *p)
{
    node *n = &h->nodes[at];
    const an_spb_metric *bd = bd_seq_of(p);
    if (!n->born || (bd && n->has_bd && bd->u.whole != n->bd_seq))
        return; /* of a session before: it has come back since */
    count(h, DEATHS);
    n->born = false;
    gone(h, at, NULL, now_ms(h));
}

static void take_device(spb_host *h, size_t at, const char *kind, const char *device, const an_spb *p)
{
    if (!in_turn(h, &h->nodes[at], p))
        return;
    if (strcmp(kind, "DBIRTH") == 0) {
        count(h, BIRTHS);
        take_values(h, at, device, p, true);
    } else if (strcmp(kind, "DDEATH") == 0) {
        count(h, DEATHS);
        gone(h, at, device, time_of(h, p, NULL));
    } else {
        take_values(h, at, device, p, false);
    }
}

bool spb_host_message(spb_host *h, const char *topic, const void *payload, size_t len, const char **ret_bad)
{
    char id[SPB_NAME_MAX], kind[8], device[SPB_NAME_MAX];
    an_spb *p = NULL;
    *ret_bad = NULL;
    if (!spb_topic_read(topic, id, kind, device))
        return false;
    const size_t at = node_of(h, id);
    const bool of_node = kind[0] == 'N' && !device[0], of_device = kind[0] == 'D' && device[0];
    const bool known =
        strcmp(kind + 1, "BIRTH") == 0 || strcmp(kind + 1, "DATA") == 0 || strcmp(kind + 1, "DEATH") == 0;
    if (at == h->n_nodes || !known || !(of_node || of_device))
        return false;
    if (an_spb_get(payload, len, &p, NULL) != AN_OK) {
        *ret_bad = "a payload that is none of Sparkplug B";
        return true;
    }
    if (of_device)
        take_device(h, at, kind, device, p);
    else if (strcmp(kind, "NBIRTH") == 0)
        be_born(h, at, p);
    else if (strcmp(kind, "NDEATH") == 0)
        die(h, at, p);
    else if (in_turn(h, &h->nodes[at], p))
        take_values(h, at, "", p, false);
    an_spb_free(p);
    return true;
}
