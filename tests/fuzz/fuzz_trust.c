/* Statements come from whoever holds a link, and from journals: whatever is read must be written as the same
 * bytes, and nothing that this program has not signed may be followed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "trust/release.h"
#include "trust/roster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(an_err err, an_err written, an_buf *again, const uint8_t *data, size_t size)
{
    if (err == AN_OK && (written != AN_OK || again->len != size || memcmp(again->data, data, size) != 0))
        abort();
    an_buf_done(again);
}

static void read_and_write(const uint8_t *data, size_t size)
{
    an_root_link link;
    an_release release;
    an_delegation delegation;
    an_revocation revocation;
    an_candidate candidate;
    an_buf b;
    an_err err = an_root_link_parse(data, size, &link, NULL);
    an_buf_init(&b, AN_TRUST_TEXT_MAX);
    same(err, err == AN_OK ? an_root_link_text(&link, &b) : AN_OK, &b, data, size);
    err = an_release_parse(data, size, &release, NULL);
    an_buf_init(&b, AN_TRUST_TEXT_MAX);
    same(err, err == AN_OK ? an_release_text(&release, &b) : AN_OK, &b, data, size);
    err = an_delegation_parse(data, size, &delegation, NULL);
    an_buf_init(&b, AN_TRUST_TEXT_MAX);
    same(err, err == AN_OK ? an_delegation_text(&delegation, &b) : AN_OK, &b, data, size);
    err = an_revocation_parse(data, size, &revocation, NULL);
    an_buf_init(&b, AN_TRUST_TEXT_MAX);
    same(err, err == AN_OK ? an_revocation_text(&revocation, &b) : AN_OK, &b, data, size);
    err = an_candidate_parse(data, size, &candidate, NULL);
    an_buf_init(&b, AN_TRUST_TEXT_MAX);
    same(err, err == AN_OK ? an_candidate_text(&candidate, &b) : AN_OK, &b, data, size);
    an_roster roster = {.n = 0};
    err = an_roster_parse(data, size, &roster, NULL);
    an_buf_init(&b, AN_ROSTER_TEXT_MAX);
    same(err, err == AN_OK ? an_roster_text(&roster, &b, NULL) : AN_OK, &b, data, size);
    an_roster_done(&roster);
}

/* The first byte cuts the rest into a release and a delegation, with signatures that nobody made. */
static void judge(const uint8_t *data, size_t size)
{
    static const uint8_t online[AN_KEY_BYTES] = {2};
    an_root root = {.key = {1}, .number = 0};
    const an_release_ground ground = {.root = &root, .online = online, .site = "plant-b"};
    an_msg_signature signatures[2] = {{.key = {1}}, {.key = {2}}};
    an_signed release, delegation;
    an_release r;
    an_delegation d;
    if (size < 1)
        return;
    const size_t cut = (size - 1) * data[0] / 255;
    if (an_signed_set(&release, data + 1, cut, signatures, 2, NULL) != AN_OK ||
        an_signed_set(&delegation, data + 1 + cut, size - 1 - cut, signatures, 2, NULL) != AN_OK)
        return;
    if (an_release_judge(&release, &delegation, &ground, &r, &d, NULL) == AN_OK ||
        an_root_follow(&root, &release, NULL) == AN_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready && an_crypto_init() != AN_OK)
        abort();
    ready = true;
    read_and_write(data, size);
    judge(data, size);
    if (an_mem_live() != 0)
        abort();
    return 0;
}
