/* The mapping of a source modbus.  Slaves of one address share a line, so what describes the line must be the same
 * for all of them. */
#include "agent/sources/modbus_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/yaml.h"

static const char *const slave_keys[] = {"name",      "tcp",           "serial", "baud",       "parity",
                                         "data_bits", "stop_bits",     "unit",   "timeout_ms", "poll_ms",
                                         "gap",       "max_registers", "tags",   "scan",       NULL};
static const char *const tag_keys[] = {"name",    "unit", "scale", "offset", "deadband", "table",
                                       "address", "type", "bit",   "order",  "invalid",  NULL};
static const char *const scan_keys[] = {"table", "from", "to", NULL};
static const char *const tables[] = {"coil", "discrete", "holding", "input", NULL};
static const char *const kinds[] = {"bool",  "int16",  "uint16",  "int32",   "uint32",
                                    "int64", "uint64", "float32", "float64", NULL};
static const char *const orders[] = {"ABCD", "DCBA", "BADC", "CDAB", NULL};

static an_err one_of(const an_node *map, const char *key, const char *dflt, const char *const *words,
                     int *ret, an_note *why)
{
    const char *text = NULL;
    an_err err =
        dflt ? an_node_get_text(map, key, dflt, &text, why) : an_node_need_text(map, key, &text, why);
    if (err)
        return err;
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return AN_OK;
        }
    char list[160] = "";
    for (size_t i = 0, at = 0; words[i] && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", words[i]);
    return an_node_fail(an_node_get(map, key), why, "%s: \"%.40s\" is none of %s", key, text, list);
}

/* ---- tags ---- */

static an_err read_invalid(const an_node *map, modbus_tag *t, an_note *why)
{
    const an_node *list = an_node_get(map, "invalid");
    if (list && (an_node_kind(list) != AN_YAML_LIST || an_node_count(list) > MODBUS_INVALID_MAX))
        return an_node_fail(list, why, "invalid: must be a list of at most %d numbers", MODBUS_INVALID_MAX);
    an_err err = AN_OK;
    for (size_t i = 0; i < an_node_count(list) && !err; i++)
        err = an_node_num(an_node_at(list, i), -1e300, 1e300, &t->invalid[t->n_invalid++], why);
    return err;
}

static an_err read_tag(const an_node *map, modbus_tag *t, an_note *why)
{
    int table = 0, kind = 0, order = 0;
    int64_t address = 0, bit = -1;
    an_err err = an_node_only_keys(map, tag_keys, why);
    if (!err)
        err = one_of(map, "table", NULL, tables, &table, why);
    if (!err)
        err = an_node_need_int(map, "address", 0, 65535, &address, why);
    if (!err)
        err = one_of(map, "type", table <= AN_MODBUS_DISCRETE ? "bool" : "int16", kinds, &kind, why);
    if (!err)
        err = one_of(map, "order", "ABCD", orders, &order, why);
    if (!err)
        err = an_node_get_int(map, "bit", 0, 15, -1, &bit, why);
    if (!err)
        err = read_invalid(map, t, why);
    if (err)
        return err;
    t->table = (an_modbus_table)table;
    t->kind = (modbus_kind)kind;
    t->order = (modbus_order)order;
    t->address = (int)address;
    t->bit = (int)bit;
    if (table <= AN_MODBUS_DISCRETE && (kind != MODBUS_BOOL || bit >= 0))
        return an_node_fail(map, why, "%s: holds bits, which are of type bool and have none themselves",
                            tables[table]);
    if (bit >= 0 && kind != MODBUS_BOOL)
        return an_node_fail(map, why, "bit: belongs to type bool");
    if (t->address + modbus_tag_size(t) > 65536)
        return an_node_fail(map, why, "address: a %s does not fit behind it", kinds[kind]);
    return AN_OK;
}

static an_err read_tags(modbus_state *s, modbus_slave *slave, const an_node *list, int gap, int words_max,
                        an_note *why)
{
    const size_t n = an_node_count(list);
    modbus_tag *tags = an_alloc(n ? n : 1, sizeof *tags);
    an_err err = tags ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < n && !err; i++) {
        const an_node *map = an_node_at(list, i);
        tags[i].tag = (uint32_t)s->n;
        s->items[s->n].port = (uint32_t)slave->port;
        err = read_tag(map, &tags[i], why);
        if (!err)
            err = an_tag_read(map, &s->items[s->n], &s->names[s->n], why);
        s->n++;
    }
    if (!err)
        err = modbus_plan_make(&slave->plan, tags, n, gap, words_max, words_max * 16);
    if (err)
        an_free(tags);
    return err;
}

/* ---- lines ---- */

static an_err read_tcp(const an_node *map, const char *text, modbus_line *l, an_note *why)
{
    const char *colon = strrchr(text, ':'), *end = colon && !strchr(colon, ']') ? colon : text + strlen(text);
    const char *service = *end == ':' ? end + 1 : "502";
    if (*text == '[' && end > text && end[-1] == ']') {
        text++;
        end--;
    }
    if (end == text || (size_t)(end - text) >= sizeof l->host || !service[0] ||
        strlen(service) >= sizeof l->service || strspn(service, "0123456789") != strlen(service))
        return an_node_fail(an_node_get(map, "tcp"), why, "tcp: must be HOST or HOST:PORT");
    snprintf(l->host, sizeof l->host, "%.*s", (int)(end - text), text);
    snprintf(l->service, sizeof l->service, "%s", service);
    return AN_OK;
}

static an_err read_serial(const an_node *map, const char *path, modbus_line *l, an_note *why)
{
    static const char *const parities[] = {"none", "even", "odd", NULL};
    int parity = 0;
    if (!path[0] || strlen(path) >= sizeof l->host)
        return an_node_fail(an_node_get(map, "serial"), why, "serial: must be the path of a device");
    snprintf(l->host, sizeof l->host, "%s", path);
    an_err err = an_node_get_int(map, "baud", 300, 4000000, 19200, &l->baud, why);
    if (!err)
        err = one_of(map, "parity", "even", parities, &parity, why);
    if (!err)
        err = an_node_get_int(map, "data_bits", 7, 8, 8, &l->data_bits, why);
    if (!err)
        err = an_node_get_int(map, "stop_bits", 1, 2, 1, &l->stop_bits, why);
    l->parity = "NEO"[parity];
    return err;
}

static an_err find_line(modbus_state *s, const an_node *map, size_t *ret, an_note *why)
{
    const char *tcp = NULL, *serial = NULL;
    modbus_line l = {.state = s};
    an_err err = an_node_get_text(map, "tcp", "", &tcp, why);
    if (!err)
        err = an_node_get_text(map, "serial", "", &serial, why);
    if (!err && (tcp[0] != '\0') == (serial[0] != '\0'))
        err = an_node_fail(map, why, "a device has either tcp or serial");
    if (!err)
        err = tcp[0] ? read_tcp(map, tcp, &l, why) : read_serial(map, serial, &l, why);
    for (size_t i = 0; !err && i < s->n_lines; i++) {
        const modbus_line *o = &s->lines[i];
        if (strcmp(o->host, l.host) != 0 || strcmp(o->service, l.service) != 0)
            continue;
        if (o->baud != l.baud || o->parity != l.parity || o->data_bits != l.data_bits ||
            o->stop_bits != l.stop_bits)
            return an_node_fail(map, why, "%s: the same line with other settings than before", l.host);
        *ret = i;
        return AN_OK;
    }
    if (!err) {
        s->lines[s->n_lines] = l;
        *ret = s->n_lines++;
    }
    return err;
}

/* ---- slaves ---- */

static an_err read_scans(const an_node *map, modbus_slave *slave, an_note *why)
{
    const an_node *list = an_node_get(map, "scan");
    if (list && (an_node_kind(list) != AN_YAML_LIST || an_node_count(list) > MODBUS_SCANS_MAX))
        return an_node_fail(list, why, "scan: must be a list of at most %d ranges", MODBUS_SCANS_MAX);
    an_err err = AN_OK;
    for (size_t i = 0; i < an_node_count(list) && !err; i++) {
        const an_node *range = an_node_at(list, i);
        int table = 0;
        int64_t from = 0, to = 0;
        err = an_node_only_keys(range, scan_keys, why);
        if (!err)
            err = one_of(range, "table", NULL, tables, &table, why);
        if (!err)
            err = an_node_need_int(range, "from", 0, 65535, &from, why);
        if (!err)
            err = an_node_need_int(range, "to", from, 65535, &to, why);
        slave->scans[slave->n_scans++] =
            (modbus_scan){.table = (an_modbus_table)table, .from = (int)from, .to = (int)to};
    }
    return err;
}

static an_err name_slave(const modbus_state *s, modbus_slave *slave, const an_node *map, an_note *why)
{
    const char *name = NULL;
    const modbus_line *l = &s->lines[slave->line];
    an_err err = an_node_get_text(map, "name", "", &name, why);
    if (err)
        return err;
    if (strlen(name) >= sizeof slave->name)
        return an_node_fail(an_node_get(map, "name"), why, "name: too long");
    if (name[0])
        snprintf(slave->name, sizeof slave->name, "%s", name);
    else
        snprintf(slave->name, sizeof slave->name, "%.40s unit %d", l->host, slave->unit);
    return AN_OK;
}

static an_err read_slave(modbus_state *s, const an_node *map, bool browse, an_note *why)
{
    modbus_slave *slave = &s->slaves[s->n_slaves];
    int64_t unit = 1, gap = 8, words_max = AN_MODBUS_WORDS_MAX;
    const an_node *list = an_node_get(map, "tags");
    slave->port = s->n_slaves++;
    an_err err = an_node_only_keys(map, slave_keys, why);
    if (!err)
        err = find_line(s, map, &slave->line, why);
    if (!err)
        err = an_node_get_int(map, "unit", 0, 255, 1, &unit, why);
    if (!err)
        err = an_node_get_int(map, "timeout_ms", 10, 60000, 500, &slave->timeout_ms, why);
    if (!err)
        err = an_node_get_int(map, "poll_ms", 1, 86400000, 1000, &slave->poll_ms, why);
    if (!err)
        err = an_node_get_int(map, "gap", 0, 124, 8, &gap, why);
    if (!err)
        err = an_node_get_int(map, "max_registers", 4, AN_MODBUS_WORDS_MAX, AN_MODBUS_WORDS_MAX, &words_max,
                              why);
    if (err)
        return err;
    modbus_line *l = &s->lines[slave->line];
    if (unit > 247 && (unit != 255 || !l->service[0]))
        return an_node_fail(map, why, "unit: must be 0..247, or 255 over TCP");
    if (l->timeout_ms < slave->timeout_ms)
        l->timeout_ms = slave->timeout_ms;
    slave->unit = (int)unit;
    err = name_slave(s, slave, map, why);
    if (!err)
        err = read_scans(map, slave, why);
    if (!err && !browse && (!list || an_node_count(list) == 0))
        err = an_node_fail(map, why, "a device needs tags");
    return err ? err : read_tags(s, slave, list, (int)gap, (int)words_max, why);
}

static an_err make_room(modbus_state *s, const an_node *list, an_note *why)
{
    const size_t n = an_node_count(list);
    size_t tags = 0;
    if (n == 0 || n > AN_TAGS_PORTS_MAX)
        return an_node_fail(list, why, "devices: must be 1..%d", AN_TAGS_PORTS_MAX);
    for (size_t i = 0; i < n; i++)
        tags += an_node_count(an_node_get(an_node_at(list, i), "tags"));
    if (tags > AN_SOURCE_WIDTH_MAX)
        return an_node_fail(list, why, "devices: more than %d tags", AN_SOURCE_WIDTH_MAX);
    s->slaves = an_alloc(n, sizeof *s->slaves);
    s->lines = an_alloc(n, sizeof *s->lines);
    s->items = an_alloc(tags ? tags : 1, sizeof *s->items);
    s->names = an_alloc(tags ? tags : 1, sizeof *s->names);
    return s->slaves && s->lines && s->items && s->names ? AN_OK : AN_ERR_NOMEM;
}

an_err modbus_conf_read(modbus_state *s, const an_node *conf, bool browse, an_note *why)
{
    const an_node *list = NULL;
    an_err err = an_node_need(conf, "devices", AN_YAML_LIST, &list, why);
    if (!err)
        err = an_tags_conf_read(conf, 1000, &s->conf, why);
    if (!err)
        err = an_node_get_int(conf, "retry_max_ms", 100, 3600000, 5000, &s->retry_max_ms, why);
    if (!err)
        err = make_room(s, list, why);
    for (size_t i = 0; !err && i < an_node_count(list); i++)
        err = read_slave(s, an_node_at(list, i), browse, why);
    if (!err)
        err = an_tags_distinct(list, s->names, s->n, why);
    s->conf.tags = s->items;
    s->conf.n = s->n;
    s->conf.ports = s->n_slaves;
    return err;
}

void modbus_conf_done(modbus_state *s)
{
    for (size_t i = 0; s->slaves && i < s->n_slaves; i++)
        modbus_plan_done(&s->slaves[i].plan);
    for (size_t i = 0; s->lines && i < s->n_lines; i++)
        an_modbus_free(s->lines[i].link);
    an_free(s->slaves);
    an_free(s->lines);
    an_free(s->items);
    an_free(s->names);
}

an_err modbus_line_new(modbus_line *l, an_note *why)
{
    const bool tcp = l->service[0] != '\0';
    const an_modbus_conf conf = {.host = tcp ? l->host : NULL,
                                 .port = l->service,
                                 .serial = l->host,
                                 .baud = (int)l->baud,
                                 .parity = l->parity,
                                 .data_bits = (int)l->data_bits,
                                 .stop_bits = (int)l->stop_bits};
    return an_modbus_new(&conf, &l->link, why);
}
