/* The architecture parser under strangers' bytes: it never crashes, and what it accepts it
 * resolves to a text that reads back to itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doors/crypto.h"
#include "models/model.h"

const char *__lsan_default_suppressions(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml 0.7 keeps 4 KiB of some refused quoted scalars; nothing of ours may leak. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_model *a = NULL, *b = NULL;
    an_note why;
    if (an_model_new((const char *)data, size, "fuzz", size % 3 ? 7 : 0, &a, &why) != AN_OK)
        return 0;
    const char *text = an_model_text(a);
    if (an_model_new(text, strlen(text), "resolved", 0, &b, &why) != AN_OK ||
        strcmp(text, an_model_text(b)) != 0)
        abort();
    an_hash ha, hb;
    an_model_layout_hash(a, &ha);
    an_model_layout_hash(b, &hb);
    if (!an_hash_equal(&ha, &hb))
        abort();
    an_model_free(a);
    an_model_free(b);
    return 0;
}
