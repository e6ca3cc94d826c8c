/* A sealed update opens for its coordinator alone, for its own round, plan and site alone, and not at all
 * once a bit of it is changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "sum/sealed.h"
#include "tests/support/folder.h"

#define DIM (2 * AN_CHUNK + 57)

typedef struct fixture {
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    uint8_t secret[AN_AGREE_BYTES];
    an_sealed_terms terms;
    uint32_t v[DIM], back[DIM];
    an_hash hash;
    uint64_t size;
    an_buf bytes;
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_rng r;
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(f->path, f->dir, "update"), AN_OK);
    an_random(f->secret, sizeof f->secret);
    f->terms = (an_sealed_terms){.header = {.round = 7, .dim = DIM, .plan_hash = {{9}}, .site = "plant-a"},
                                 .n_coded = DIM - 12,
                                 .encoding = an_encoding_find("int8")};
    an_agree_public(f->terms.seal_key, f->secret);
    an_rng_init(&r, 1, 1);
    for (size_t i = 0; i < DIM; i++)
        f->v[i] = (uint32_t)(int32_t)(1000 * an_rng_normal(&r));
    an_encoding_round(f->terms.encoding, f->v, DIM - 12, 0);
    an_note why = {{0}};
    if (an_sealed_write(f->path, &f->terms, f->v, &f->hash, &f->size, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_buf_init(&f->bytes, 1 << 20);
    assert_int_equal(an_file_read(&f->bytes, f->path, NULL), AN_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_buf_done(&f->bytes);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static an_err read_all(fixture *f, const an_sealed_terms *t, const char *path, const uint8_t *secret)
{
    an_sealed *s = NULL;
    an_err err = an_sealed_open(&s, t, path, f->bytes.data, f->bytes.len, NULL, secret, NULL);
    if (err == AN_OK)
        err = an_sealed_read(s, 0, DIM, f->back, NULL);
    an_sealed_close(s);
    return err;
}

static void it_opens_for_its_coordinator_from_file_and_from_memory(void **state)
{
    fixture *f = *state;
    assert_int_equal(f->size, f->bytes.len);
    assert_true(f->size <= an_sealed_most(&f->terms));
    for (int i = 0; i < 2; i++) {
        memset(f->back, 0, sizeof f->back);
        assert_int_equal(read_all(f, &f->terms, i ? f->path : NULL, f->secret), AN_OK);
        assert_memory_equal(f->back, f->v, sizeof f->v);
    }
    an_sealed *s = NULL;
    assert_int_equal(an_sealed_open(&s, &f->terms, f->path, NULL, 0, &f->hash, f->secret, NULL), AN_OK);
    for (size_t at = 0; at < DIM; at += 1000) { /* any part by itself */
        const size_t n = DIM - at < 1000 ? DIM - at : 1000;
        assert_int_equal(an_sealed_read(s, DIM - at - n, n, f->back, NULL), AN_OK);
        assert_memory_equal(f->back, f->v + DIM - at - n, n * sizeof *f->v);
    }
    assert_int_equal(an_sealed_read(s, DIM - 1, 2, f->back, NULL), AN_ERR_INVAL);
    an_sealed_close(s);
}

static void who_has_no_key_sees_only_whose_it_is(void **state)
{
    fixture *f = *state;
    an_sealed *s = NULL;
    uint8_t other[AN_AGREE_BYTES];
    assert_int_equal(an_sealed_open(&s, &f->terms, f->path, NULL, 0, &f->hash, NULL, NULL), AN_OK);
    assert_int_equal(an_sealed_read(s, 0, 1, f->back, NULL), AN_ERR_INVAL);
    an_sealed_close(s);
    an_random(other, sizeof other);
    assert_int_equal(read_all(f, &f->terms, f->path, other), AN_ERR_AUTH);
    for (size_t i = 0; i + 16 < f->bytes.len; i++) /* no run of the vector is in the file */
        assert_memory_not_equal(f->bytes.data + i, f->v, 16);
}

static void it_counts_for_its_own_round_plan_site_length_and_encoding_alone(void **state)
{
    fixture *f = *state;
    an_sealed_terms t[6];
    for (size_t i = 0; i < 6; i++)
        t[i] = f->terms;
    t[0].header.round++;
    t[1].header.plan_hash.b[0] ^= 1;
    snprintf(t[2].header.site, sizeof t[2].header.site, "plant-b");
    t[3].header.dim--;
    t[4].encoding = an_encoding_find("plain");
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(read_all(f, &t[i], f->path, f->secret), AN_ERR_PROTO);
    t[5].seal_key[0] ^= 1; /* the plan of another coordinator */
    assert_int_equal(read_all(f, &t[5], f->path, f->secret), AN_ERR_AUTH);
}

static void no_bit_of_it_may_be_changed(void **state)
{
    fixture *f = *state;
    an_hash wrong = f->hash;
    an_sealed *s = NULL;
    wrong.b[3] ^= 1;
    assert_int_equal(an_sealed_open(&s, &f->terms, f->path, NULL, 0, &wrong, f->secret, NULL), AN_ERR_PROTO);
    for (size_t at = 0; at < f->bytes.len; at += at < 400 ? 1 : 97) {
        f->bytes.data[at] ^= 1;
        assert_int_not_equal(read_all(f, &f->terms, NULL, f->secret), AN_OK);
        f->bytes.data[at] ^= 1;
    }
    const size_t len = f->bytes.len;
    for (f->bytes.len = 0; f->bytes.len < len; f->bytes.len += 61)
        assert_int_equal(read_all(f, &f->terms, NULL, f->secret), AN_ERR_PROTO);
    f->bytes.len = len;
    assert_int_equal(read_all(f, &f->terms, NULL, f->secret), AN_OK);
}

static void two_files_of_one_vector_have_nothing_in_common(void **state)
{
    fixture *f = *state;
    an_hash again;
    uint64_t size;
    assert_int_equal(an_sealed_write(f->path, &f->terms, f->v, &again, &size, NULL), AN_OK);
    assert_int_equal(size, f->size);
    assert_false(an_hash_equal(&again, &f->hash));
}

static void a_key_that_is_none_and_a_folder_that_is_not_there_are_refused(void **state)
{
    fixture *f = *state;
    an_sealed_terms t = f->terms;
    an_note why = {{0}};
    memset(t.seal_key, 0, sizeof t.seal_key);
    assert_int_equal(an_sealed_write(f->path, &t, f->v, &f->hash, &f->size, &why), AN_ERR_AUTH);
    assert_int_equal(an_sealed_write("/nowhere/at/all", &f->terms, f->v, &f->hash, &f->size, &why),
                     AN_ERR_IO);
    an_sealed *s = NULL;
    assert_int_equal(an_sealed_open(&s, &f->terms, "/nowhere/at/all", NULL, 0, NULL, f->secret, &why),
                     AN_ERR_NOTFOUND);
    t = f->terms;
    t.header.dim = 0;
    assert_int_equal(an_sealed_open(&s, &t, f->path, NULL, 0, NULL, f->secret, &why), AN_ERR_INVAL);
}

static void it_survives_a_lack_of_memory(void **state)
{
    fixture *f = *state;
    an_err err = AN_ERR_NOMEM;
    for (size_t k = 0; err == AN_ERR_NOMEM; k++) {
        an_mem_fail_after(k);
        err = an_sealed_write(f->path, &f->terms, f->v, &f->hash, &f->size, NULL);
        if (err == AN_OK)
            err = read_all(f, &f->terms, f->path, f->secret);
        an_mem_fail_never();
    }
    assert_int_equal(err, AN_OK);
    assert_memory_equal(f->back, f->v, sizeof f->v);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_opens_for_its_coordinator_from_file_and_from_memory),
        TEST(who_has_no_key_sees_only_whose_it_is),
        TEST(it_counts_for_its_own_round_plan_site_length_and_encoding_alone),
        TEST(no_bit_of_it_may_be_changed),
        TEST(two_files_of_one_vector_have_nothing_in_common),
        TEST(a_key_that_is_none_and_a_folder_that_is_not_there_are_refused),
        TEST(it_survives_a_lack_of_memory),
    };
    return an_crypto_init() == AN_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
