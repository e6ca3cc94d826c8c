/* Any bytes as Sparkplug payloads: read or refused; what is read and put again reads the same.  And as a series of
 * messages to a host: [kind][length, two bytes][payload] ..., after which all memory is back and each row is in order. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "msg/sparkplug.h"
#ifdef AN_HAVE_MQTT
#include "agent/sources/mqtt_sparkplug.h"
#endif

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void read_one(const uint8_t *data, size_t size)
{
    an_spb *p = NULL, *q = NULL;
    an_note why = {{0}};
    an_buf a, b;
    an_buf_init(&a, 1 << 24);
    an_buf_init(&b, 1 << 24);
    if (an_spb_get(data, size, &p, &why) == AN_OK) {
        must(an_spb_put(p, &a) == AN_OK);
        must(an_spb_get(a.data, a.len, &q, NULL) == AN_OK);
        must(p->n == q->n && p->seq == q->seq);
        must(an_spb_put(q, &b) == AN_OK && a.len == b.len &&
             (a.len == 0 || memcmp(a.data, b.data, a.len) == 0));
        for (size_t i = 0; i < p->n; i++) {
            const double x = an_spb_number(&p->metrics[i], 0), y = an_spb_number(&q->metrics[i], 0);
            must(x == y || (x != x && y != y));
        }
    } else {
        must(!p && why.text[0] != '\0');
    }
    an_spb_free(p);
    an_spb_free(q);
    an_buf_done(&a);
    an_buf_done(&b);
}

#ifdef AN_HAVE_MQTT
static void on_ask(void *ctx, const char *topic, const void *payload, size_t len)
{
    must(ctx == NULL && strncmp(topic, "spBv1.0/G/NCMD/", 15) == 0 && payload && len > 0);
}

static void take_rows(an_tags *tags, an_batch *b, uint64_t *rows)
{
    int64_t wait_ms = 0;
    while (an_tags_next(tags, b, &wait_ms) == AN_OK)
        for (size_t i = 0; i < b->n; i++) {
            must(b->row[i] == (*rows)++);
            for (size_t j = 0; j < b->width; j++)
                must(b->quality[i * b->width + j] <= AN_VALUE_UNREACHED);
        }
}

static void take_series(const uint8_t *data, size_t size)
{
    static const char *const topics[] = {
        "spBv1.0/G/NBIRTH/N",  "spBv1.0/G/NDATA/N",    "spBv1.0/G/NDEATH/N", "spBv1.0/G/DBIRTH/N/D",
        "spBv1.0/G/DDATA/N/D", "spBv1.0/G/DDEATH/N/D", "spBv1.0/STATE/h",    "spBv1.0/G/NBIRTH/N/D/"};
    static const spb_tag items[] = {{"G/N", "", "a"}, {"G/N", "D", "b"}, {"G/N", "D", "c"}};
    static const an_tag kinds[3] = {{.scale = 1}, {.scale = 2, .deadband = 1}, {.scale = 1}};
    an_clock_fake clock;
    an_tags *tags = NULL;
    spb_host *host = NULL;
    an_batch batch;
    uint64_t rows = 0;
    an_clock_fake_init(&clock, INT64_C(1700000000000));
    const an_tags_conf conf = {.tags = kinds, .n = 3, .ports = 1, .queue = 1 << 13, .clock = &clock.clock};
    must(an_tags_new(&conf, &tags) == AN_OK && an_batch_init(&batch, 3, 16) == AN_OK);
    const spb_conf of_host = {
        .tags = tags, .items = items, .n = 3, .part = "p", .clock = &clock.clock, .ask = on_ask};
    must(spb_host_new(&of_host, &host) == AN_OK);
    while (size >= 3) {
        const char *bad = NULL;
        size_t len = (size_t)data[1] << 8 | data[2];
        len = len < size - 3 ? len : size - 3;
        len = len < 4096 ? len : 4096; /* a message must fit in the port, which nobody empties meanwhile */
        spb_host_message(host, topics[data[0] % 8], data + 3, len, &bad);
        take_rows(tags, &batch, &rows);
        data += 3 + len;
        size -= 3 + len;
    }
    spb_host_free(host);
    an_tags_free(tags);
    an_batch_done(&batch);
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_one(data, size);
#ifdef AN_HAVE_MQTT
    take_series(data, size);
#endif
    must(an_mem_live() == 0);
    return 0;
}
