#include "tests/support/objects.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

bool an_test_store_has(an_store *s, const an_hash *hash)
{
    uint64_t len;
    const an_err err = an_store_object_size(s, hash, &len, NULL);
    if (err != AN_OK)
        assert_int_equal(err, AN_ERR_NOTFOUND);
    return err == AN_OK;
}

void an_test_store_lose(an_store *s, const an_hash *hash)
{
    static const char body[] = "{\"path\":\"c.yaml\",\"hash\":\"00\"}";
    const an_record row = {.kind = "config.loaded",
                           .subject = "coordinator",
                           .actor = "coordinator",
                           .body = body,
                           .body_len = sizeof body - 1};
    assert_true(an_test_store_has(s, hash));
    assert_int_equal(an_store_object_remove(s, hash, NULL), AN_OK);
    assert_int_equal(an_store_append(s, &row, 1, NULL, NULL), AN_OK); /* small ones go with a record */
}
