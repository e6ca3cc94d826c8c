#include "doors/cipher_internal.h"

#ifdef AN_LIBGCRYPT

#include <gcrypt.h>
#include <pthread.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool here, fast;

/* 1.10 is the first that knows the AES instructions on registers of four blocks. */
static void look(void)
{
    if (!gcry_check_version("1.10.0"))
        return;
    if (!gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) {
        gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
        gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    }
    here = true;
    char *features = gcry_get_config(0, "hwflist");
    fast = features && strstr(features, "intel-vaes-vpclmul") && strstr(features, "intel-avx2");
    gcry_free(features);
}

static bool is_here(void)
{
    pthread_once(&once, look);
    return here;
}

static bool is_fast(void)
{
    return is_here() && fast;
}

static void *open_aes(void)
{
    gcry_cipher_hd_t aes = NULL;
    return is_here() && gcry_cipher_open(&aes, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_CTR, 0) == 0 ? aes : NULL;
}

static void close_aes(void *aes)
{
    gcry_cipher_close(aes);
}

static bool begin(void *aes, const uint8_t key[static AN_STREAM_SEED_BYTES],
                  const uint8_t counter[static AN_AES_COUNTER_BYTES])
{
    return gcry_cipher_setkey(aes, key, AN_STREAM_SEED_BYTES) == 0 &&
           gcry_cipher_setctr(aes, counter, AN_AES_COUNTER_BYTES) == 0;
}

static bool more(void *aes, uint8_t *ret, const uint8_t *zeros, size_t len)
{
    return gcry_cipher_encrypt(aes, ret, len, zeros, len) == 0;
}

const an_aes_maker an_aes_libgcrypt = {.is_here = is_here,
                                       .is_fast = is_fast,
                                       .open = open_aes,
                                       .close = close_aes,
                                       .begin = begin,
                                       .more = more};

#else

static bool no(void)
{
    return false;
}

const an_aes_maker an_aes_libgcrypt = {.is_here = no, .is_fast = no};

#endif
