/* Any bytes as JSON: either an error with a text, or a document that prints and reads back the
 * same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "doors/json.h"

static void must(bool ok)
{
    if (!ok)
        abort();
}

static char *print(const an_json_doc *doc, unsigned indent)
{
    an_json *copy = an_json_copy(an_json_root(doc));
    char *text = an_json_print(copy, indent);
    an_json_free(copy);
    must(text != NULL);
    return text;
}

static void read_keys(const an_jval *top)
{
    for (const char *key = an_jval_key_first(top); key; key = an_jval_key_next(top, key)) {
        int64_t i = 0;
        const char *text = NULL;
        an_note why = {{0}};
        must(an_jval_int(top, key, 0, 9, &i, &why) == AN_OK ? i >= 0 && i <= 9 : why.text[0] != '\0');
        must(an_jval_text(top, key, &text, &why) != AN_OK || text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready)
        an_json_init();
    ready = true;
    an_json_doc *doc = NULL, *again = NULL;
    an_note why = {{0}};
    if (an_json_parse((const char *)data, size, "fuzz", &doc, &why) == AN_OK) {
        read_keys(an_json_root(doc));
        char *text = print(doc, 0);
        must(an_json_parse_max(text, strlen(text), SIZE_MAX, "again", &again, &why) == AN_OK);
        char *same = print(again, 0);
        must(strcmp(text, same) == 0);
        an_free(text);
        an_free(same);
        an_json_doc_free(again);
    } else {
        must(!doc && why.text[0] != '\0');
    }
    an_json_doc_free(doc);
    must(an_mem_live() == 0);
    return 0;
}
