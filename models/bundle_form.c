#include "models/bundle_form.h"

#include "models/bundle_internal.h"

static an_err hash_and_clear(an_buf *b, an_hash *ret)
{
    const an_err err = an_buf_err(b);
    if (err == AN_OK)
        an_hash_of(ret, b->data, b->len);
    an_buf_clear(b);
    return err;
}

an_err an_bundle_form_of(const an_bundle *b, an_bundle_form *ret)
{
    an_bundle_form form;
    an_buf text;
    an_buf_init(&text, AN_BUNDLE_EXTRA_MAX);
    an_buf_text(&text, "andon-architecture-1\n");
    an_put_hash(&text, &b->layout);
    an_put_text(&text, b->detector ? b->detector->type->name : "");
    an_buf_text(&text, b->arch ? b->arch : "");
    an_err err = hash_and_clear(&text, &form.architecture);
    if (err == AN_OK) {
        an_buf_text(&text, "andon-preprocessing-1\n");
        an_put_text(&text, b->policy);
        an_put_prep(&text, &b->prep);
        err = hash_and_clear(&text, &form.preprocessing);
    }
    an_buf_done(&text);
    if (err != AN_OK)
        return err;
    an_schema_hash(&form.schema, &b->schema);
    *ret = form;
    return AN_OK;
}
