/* cipher_internal.h - what makes AES-256 in counter mode: a library a file and a row. */
#ifndef AN_DOORS_CIPHER_INTERNAL_H
#define AN_DOORS_CIPHER_INTERNAL_H

#include "doors/cipher.h"

#define AN_AES_COUNTER_BYTES 16

typedef struct an_aes_maker {
    bool (*is_here)(void);
    bool (*is_fast)(void); /* faster here than the rows below it */
    void *(*open)(void);   /* NULL: it cannot */
    void (*close)(void *aes);
    /* From this counter of this key's string on ... */
    bool (*begin)(void *aes, const uint8_t key[static AN_STREAM_SEED_BYTES],
                  const uint8_t counter[static AN_AES_COUNTER_BYTES]);
    /* ... the next len bytes: zeros, of which there are len, encrypted. */
    bool (*more)(void *aes, uint8_t *ret, const uint8_t *zeros, size_t len);
} an_aes_maker;

extern const an_aes_maker an_aes_libgcrypt;
extern const an_aes_maker an_aes_libcrypto;

#endif
