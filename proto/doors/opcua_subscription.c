/* One subscription, by the services themselves: what the library has for it neither asks again for a notification that
 * was lost with a connection nor says that one is missing.
 *
 *     Publish, Publish, Publish ... -->  server
 *     <-- notification 7 (values), 8, keep-alive 9 ...     a number left out: Republish brings it, or it is counted
 *     the next Publish acknowledges what has been passed on */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "doors/opcua_internal.h"

#define ITEMS_AT_ONCE 200
#define REPUBLISH_MAX 1000 /* of one gap; the server keeps no more */
#define PUBLISH_HINT_MS 600000
#define SILENCE_MAX_MS 600000

void opcua_forget_come(an_opcua *o)
{
    for (size_t i = 0; i < o->n_come; i++)
        UA_PublishResponse_clear(&o->come[i]);
    o->n_come = 0;
}

void opcua_forget_subscription(an_opcua *o)
{
    opcua_forget_come(o);
    o->n_acks = o->waiting = 0;
    o->subscription = 0;
    o->gone = false;
    for (size_t i = 0; i < o->conf.n; i++)
        o->slots[i].there = o->slots[i].first = false;
}

uint32_t an_opcua_item_status(const an_opcua *o, size_t item)
{
    return atomic_load_explicit(&o->slots[item].status, memory_order_relaxed);
}

static uint64_t get(const an_opcua *o, int which)
{
    return atomic_load_explicit(&o->counts[which], memory_order_relaxed);
}

an_opcua_counts an_opcua_counts_get(const an_opcua *o)
{
    return (an_opcua_counts){.notifications = get(o, OPCUA_NOTIFICATIONS),
                             .keepalives = get(o, OPCUA_KEEPALIVES),
                             .subscriptions = get(o, OPCUA_SUBSCRIPTIONS),
                             .resumed = get(o, OPCUA_RESUMED),
                             .republished = get(o, OPCUA_REPUBLISHED),
                             .gaps = get(o, OPCUA_GAPS),
                             .duplicates = get(o, OPCUA_DUPLICATES),
                             .overflows = get(o, OPCUA_OVERFLOWS),
                             .revised = get(o, OPCUA_REVISED)};
}

/* ---- made ---- */

static void set_status(an_opcua *o, size_t item, UA_StatusCode rc)
{
    atomic_store_explicit(&o->slots[item].status, rc, memory_order_relaxed);
}

static void took_item(an_opcua *o, size_t item, const UA_MonitoredItemCreateResult *r)
{
    opcua_slot *s = &o->slots[item];
    set_status(o, item, r->statusCode);
    s->there = s->first = r->statusCode == UA_STATUSCODE_GOOD;
    if (s->there &&
        (r->revisedQueueSize < o->conf.queue || r->revisedSamplingInterval > o->conf.sampling_ms + 1))
        opcua_count(o, OPCUA_REVISED, 1);
}

/* The items at[0..n) in one question. */
static an_err create_some(an_opcua *o, const size_t *at, size_t n, UA_MonitoredItemCreateRequest *asked,
                          an_note *why)
{
    UA_CreateMonitoredItemsResponse response;
    const UA_CreateMonitoredItemsRequest request = {.subscriptionId = o->subscription,
                                                    .timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH,
                                                    .itemsToCreate = asked,
                                                    .itemsToCreateSize = n};
    an_err err =
        opcua_ask(o, &request, &UA_TYPES[UA_TYPES_CREATEMONITOREDITEMSREQUEST], &response,
                  &UA_TYPES[UA_TYPES_CREATEMONITOREDITEMSRESPONSE], "subscribing to its variables", why);
    if (!err && response.resultsSize != n)
        err = an_fail(AN_ERR_IO, why, "the server answers for %zu variables instead of %zu",
                      response.resultsSize, n);
    for (size_t i = 0; i < n && !err; i++)
        took_item(o, at[i], &response.results[i]);
    UA_CreateMonitoredItemsResponse_clear(&response);
    return err;
}

static UA_StatusCode ask_item(const an_opcua *o, size_t item, UA_MonitoredItemCreateRequest *ret)
{
    const an_opcua_item *what = &o->conf.items[item];
    UA_MonitoredItemCreateRequest_init(ret);
    const UA_StatusCode rc = opcua_node_read(o, what->node, &ret->itemToMonitor.nodeId);
    ret->itemToMonitor.attributeId = UA_ATTRIBUTEID_VALUE;
    ret->monitoringMode = UA_MONITORINGMODE_REPORTING;
    ret->requestedParameters = (UA_MonitoringParameters){.clientHandle = (UA_UInt32)item,
                                                         .samplingInterval = o->conf.sampling_ms,
                                                         .queueSize = o->conf.queue,
                                                         .discardOldest = true};
    if (what->index >= 0) {
        char range[24];
        snprintf(range, sizeof range, "%lld", (long long)what->index);
        ret->itemToMonitor.indexRange = UA_STRING_ALLOC(range);
    }
    return rc;
}

/* All items that are not there. */
static an_err create_items(an_opcua *o, an_note *why)
{
    size_t *at = an_alloc(ITEMS_AT_ONCE, sizeof *at);
    UA_MonitoredItemCreateRequest *asked = an_alloc(ITEMS_AT_ONCE, sizeof *asked);
    an_err err = at && asked ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < o->conf.n && !err;) {
        size_t n = 0;
        for (; i < o->conf.n && n < ITEMS_AT_ONCE; i++) {
            if (o->slots[i].there)
                continue;
            const UA_StatusCode rc = ask_item(o, i, &asked[n]);
            set_status(o, i, rc);
            if (rc == UA_STATUSCODE_GOOD)
                at[n++] = i;
            else
                UA_MonitoredItemCreateRequest_clear(&asked[n]);
        }
        if (n > 0)
            err = create_some(o, at, n, asked, why);
        for (size_t k = 0; k < n; k++)
            UA_MonitoredItemCreateRequest_clear(&asked[k]);
    }
    an_free(at);
    an_free(asked);
    return err;
}

an_err an_opcua_subscribe(an_opcua *o, an_note *why)
{
    opcua_forget_subscription(o);
    an_err err = opcua_namespaces_read(o, why);
    if (err)
        return err;
    const double interval = o->conf.publishing_ms;
    const double alive = fmax(1, ceil((double)o->conf.keepalive_ms / interval));
    const double life = fmax(3 * alive, ceil((double)o->conf.session_ms / interval));
    const UA_CreateSubscriptionRequest request = {.requestedPublishingInterval = interval,
                                                  .requestedMaxKeepAliveCount = (UA_UInt32)alive,
                                                  .requestedLifetimeCount = (UA_UInt32)life,
                                                  .publishingEnabled = true};
    UA_CreateSubscriptionResponse response;
    err = opcua_ask(o, &request, &UA_TYPES[UA_TYPES_CREATESUBSCRIPTIONREQUEST], &response,
                    &UA_TYPES[UA_TYPES_CREATESUBSCRIPTIONRESPONSE], "subscribing", why);
    if (err)
        return err;
    const double silence = response.revisedPublishingInterval * response.revisedMaxKeepAliveCount;
    o->silence_ms =
        (silence > 0 && silence < SILENCE_MAX_MS ? (int64_t)silence : SILENCE_MAX_MS) + o->conf.timeout_ms;
    o->subscription = response.subscriptionId;
    o->expected = 1;
    o->window = OPCUA_WINDOW;
    UA_CreateSubscriptionResponse_clear(&response);
    opcua_count(o, OPCUA_SUBSCRIPTIONS, 1);
    err = create_items(o, why);
    o->heard_ms = opcua_now_ms();
    if (err)
        opcua_forget_subscription(o);
    return err;
}

an_err an_opcua_retry(an_opcua *o, an_note *why)
{
    return create_items(o, why);
}

/* ---- notifications ---- */

static int by_time(const void *x, const void *y)
{
    const an_opcua_value *a = x, *b = y;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void read_value(an_opcua *o, const UA_MonitoredItemNotification *in, an_opcua_value *ret)
{
    opcua_slot *s = &o->slots[in->clientHandle];
    const UA_DataValue *v = &in->value;
    const int64_t source = v->hasSourceTimestamp ? opcua_unix_ms(v->sourceTimestamp) : 0;
    const int64_t server = v->hasServerTimestamp ? opcua_unix_ms(v->serverTimestamp) : 0;
    *ret = (an_opcua_value){.item = in->clientHandle,
                            .status = v->hasStatus ? v->status : UA_STATUSCODE_GOOD,
                            .value = v->hasValue ? opcua_number(&v->value) : NAN,
                            .time_ms = source ? source : server};
    /* What a new subscription says first may not have changed for hours; it holds now. */
    if (s->first && server > ret->time_ms)
        ret->time_ms = server;
    s->first = false;
    if ((ret->status & 0xC80) == 0x480) /* the info bits say: of a data value, overflow */
        opcua_count(o, OPCUA_OVERFLOWS, 1);
}

static an_err read_changes(an_opcua *o, const UA_DataChangeNotification *in, size_t *n)
{
    if (!an_grow(&o->values, &o->cap_values, *n + in->monitoredItemsSize + 1, sizeof *o->values))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < in->monitoredItemsSize; i++) {
        if (in->monitoredItems[i].clientHandle >= o->conf.n)
            continue;
        read_value(o, &in->monitoredItems[i], &o->values[*n]);
        o->values[*n].order = *n;
        ++*n;
    }
    return AN_OK;
}

static an_err deliver(an_opcua *o, const UA_NotificationMessage *m, bool more)
{
    size_t n = 0;
    an_err err = AN_OK;
    for (size_t i = 0; i < m->notificationDataSize && !err; i++) {
        const UA_ExtensionObject *x = &m->notificationData[i];
        if (x->encoding != UA_EXTENSIONOBJECT_DECODED && x->encoding != UA_EXTENSIONOBJECT_DECODED_NODELETE)
            continue;
        if (x->content.decoded.type == &UA_TYPES[UA_TYPES_DATACHANGENOTIFICATION])
            err = read_changes(o, x->content.decoded.data, &n);
        else if (x->content.decoded.type == &UA_TYPES[UA_TYPES_STATUSCHANGENOTIFICATION])
            o->gone = true;
    }
    if (err)
        return err;
    opcua_count(o, m->notificationDataSize > 0 ? OPCUA_NOTIFICATIONS : OPCUA_KEEPALIVES, 1);
    if (n > 0)
        qsort(o->values, n, sizeof *o->values, by_time);
    o->events.values(o->ctx, opcua_unix_ms(m->publishTime), o->values, n, more);
    if (m->notificationDataSize > 0 && o->n_acks < OPCUA_ACKS_MAX)
        o->acks[o->n_acks++] = m->sequenceNumber; /* else the server forgets it by itself */
    return AN_OK;
}

static uint32_t after(uint32_t number)
{
    return number == UINT32_MAX ? 1 : number + 1;
}

/* Asks for what should have come before number. */
static an_err fill_gap(an_opcua *o, uint32_t number, an_note *why)
{
    for (int i = 0; o->expected != number; i++) {
        const UA_RepublishRequest request = {.subscriptionId = o->subscription,
                                             .retransmitSequenceNumber = o->expected};
        UA_RepublishResponse response;
        if (i == REPUBLISH_MAX) {
            opcua_count(o, OPCUA_GAPS, number - o->expected);
            o->expected = number;
            return AN_OK;
        }
        an_err err = opcua_ask(o, &request, &UA_TYPES[UA_TYPES_REPUBLISHREQUEST], &response,
                               &UA_TYPES[UA_TYPES_REPUBLISHRESPONSE], "asking again", why);
        const UA_StatusCode rc = response.responseHeader.serviceResult;
        if (!err) {
            opcua_count(o, OPCUA_REPUBLISHED, 1);
            err = deliver(o, &response.notificationMessage, true);
        } else if (opcua_connected(o) && rc != UA_STATUSCODE_BADTIMEOUT) {
            opcua_count(o, OPCUA_GAPS, 1); /* it has it no longer */
            err = AN_OK;
        }
        UA_RepublishResponse_clear(&response);
        if (err)
            return err;
        o->expected = after(o->expected);
    }
    return AN_OK;
}

static an_err take(an_opcua *o, const UA_PublishResponse *r, an_note *why)
{
    const UA_NotificationMessage *m = &r->notificationMessage;
    const int32_t ahead = (int32_t)(m->sequenceNumber - o->expected);
    if (r->subscriptionId != o->subscription)
        return AN_OK; /* one that was given up */
    if (ahead < 0 && m->notificationDataSize > 0) {
        opcua_count(o, OPCUA_DUPLICATES, 1);
        return AN_OK;
    }
    an_err err = ahead > 0 ? fill_gap(o, m->sequenceNumber, why) : AN_OK;
    if (!err)
        err = deliver(o, m, r->moreNotifications);
    if (!err && m->notificationDataSize > 0)
        o->expected = after(m->sequenceNumber);
    return err;
}

/* ---- questions for them ---- */

static void on_publish(UA_Client *client, void *userdata, UA_UInt32 id, void *response)
{
    an_opcua *o = userdata;
    UA_PublishResponse *r = response;
    (void)client;
    (void)id;
    if (o->waiting > 0)
        o->waiting--;
    switch (r->responseHeader.serviceResult) {
    case UA_STATUSCODE_GOOD:
        o->heard_ms = opcua_now_ms();
        if (o->n_come < OPCUA_WINDOW) {
            o->come[o->n_come++] = *r;
            UA_PublishResponse_init(r); /* taken */
        }
        break;
    case UA_STATUSCODE_BADNOSUBSCRIPTION:
    case UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID:
        o->gone = true;
        break;
    case UA_STATUSCODE_BADTIMEOUT:
        break; /* nothing was to be said in that time; silence is turn's to judge */
    case UA_STATUSCODE_BADTOOMANYPUBLISHREQUESTS:
        if (o->window > 1)
            o->window--;
        else
            o->refused = r->responseHeader.serviceResult;
        break;
    default: /* asking again at once would be refused at once */
        o->refused = r->responseHeader.serviceResult;
    }
}

/* No more than there is room for their answers. */
static an_err publish(an_opcua *o, an_note *why)
{
    UA_SubscriptionAcknowledgement acks[OPCUA_ACKS_MAX];
    while (o->waiting + o->n_come < o->window) {
        UA_PublishRequest request = {.requestHeader.timeoutHint = PUBLISH_HINT_MS,
                                     .subscriptionAcknowledgements = acks,
                                     .subscriptionAcknowledgementsSize = o->n_acks};
        for (size_t i = 0; i < o->n_acks; i++)
            acks[i] = (UA_SubscriptionAcknowledgement){.subscriptionId = o->subscription,
                                                       .sequenceNumber = o->acks[i]};
        const UA_StatusCode rc =
            __UA_Client_AsyncService(o->client, &request, &UA_TYPES[UA_TYPES_PUBLISHREQUEST], on_publish,
                                     &UA_TYPES[UA_TYPES_PUBLISHRESPONSE], o, NULL);
        if (rc != UA_STATUSCODE_GOOD)
            return an_fail(AN_ERR_IO, why, "the connection is lost (%s)", UA_StatusCode_name(rc));
        o->n_acks = 0;
        o->waiting++;
    }
    return AN_OK;
}

an_err an_opcua_turn(an_opcua *o, int64_t wait_ms, an_note *why)
{
    if (!opcua_connected(o))
        return an_fail(AN_ERR_IO, why, "the connection is lost");
    an_err err = publish(o, why);
    if (err)
        return err;
    const UA_StatusCode rc = UA_Client_run_iterate(o->client, (UA_UInt32)wait_ms);
    /* What has come before the connection was lost has come. */
    size_t done = 0;
    for (; done < o->n_come && !err; done++)
        err = take(o, &o->come[done], why);
    for (size_t i = 0; i < done; i++)
        UA_PublishResponse_clear(&o->come[i]);
    memmove(o->come, o->come + done, (o->n_come - done) * sizeof *o->come);
    o->n_come -= done;
    if (err)
        return err;
    if (rc != UA_STATUSCODE_GOOD || !opcua_connected(o))
        return an_fail(AN_ERR_IO, why, "the connection is lost (%s)", UA_StatusCode_name(rc));
    if (o->refused)
        return an_fail(AN_ERR_IO, why, "the server sends nothing more (%s)", UA_StatusCode_name(o->refused));
    if (o->gone)
        return an_fail(AN_ERR_NOTFOUND, why, "the server has dropped the subscription");
    if (opcua_now_ms() - o->heard_ms > o->silence_ms)
        return an_fail(AN_ERR_IO, why, "nothing heard for %lld ms", (long long)o->silence_ms);
    return AN_OK;
}
