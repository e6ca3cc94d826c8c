/* The chain of hashes over the records of a journal; alone, so that whoever has only an export can check it. */
#include <string.h>

#include "coordinator/store/store_internal.h"

static void add_number(an_hasher *h, uint64_t v)
{
    uint8_t le[8];
    for (size_t i = 0; i < sizeof le; i++)
        le[i] = (uint8_t)(v >> (8 * i));
    an_hasher_add(h, le, sizeof le);
}

static void add_bytes(an_hasher *h, const void *bytes, size_t len)
{
    add_number(h, len);
    if (len)
        an_hasher_add(h, bytes, len);
}

void an_record_chain_of(an_hash *ret, const an_hash *before, const an_record *r, const an_hash *body)
{
    an_hasher h;
    an_hasher_init(&h);
    an_hasher_add(&h, before->b, sizeof before->b);
    add_number(&h, r->seq);
    add_number(&h, (uint64_t)r->time_ms);
    add_bytes(&h, r->kind, strlen(r->kind));
    add_bytes(&h, r->subject, strlen(r->subject));
    add_bytes(&h, r->actor, strlen(r->actor));
    if (r->idem)
        add_bytes(&h, r->idem, strlen(r->idem));
    else
        add_number(&h, UINT64_MAX);
    an_hasher_add(&h, body->b, sizeof body->b);
    an_hasher_end(&h, ret);
}

void an_record_chain(an_hash *ret, const an_hash *before, const an_record *r)
{
    an_hash body;
    an_hash_of(&body, r->body_len ? r->body : "", r->body_len);
    an_record_chain_of(ret, before, r, &body);
}
