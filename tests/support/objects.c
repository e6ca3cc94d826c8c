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
