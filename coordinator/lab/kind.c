#include "coordinator/lab/kind.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "coordinator/lab/folder.h"
#include "models/model.h"

#define LOOKED_AT AN_MODEL_TEXT_MAX

static const char version[] = "a version", description[] = "a description", text[] = "text of another kind";

static const struct {
    const char *mark;
    size_t len;
    const char *kind;
} marks[] = {
    {"ANDONBDL", 8, version},
    {"ANDONOVL", 8, "a site's overlay"},
    {"ANDONQT8", 8, "a model in bytes, as `quantise` writes it"},
    {"ANUPD", 5, "a site's update"},
    {"ANPOOL1", 7, "a sample pool"},
    {"\x89PNG", 4, "an image"},
    {"\xff\xd8\xff", 3, "an image (JPEG)"},
    {"P5", 2, "an image"},
    {"P6", 2, "an image"},
    {"<svg", 4, "a picture (SVG)"},
    {"<?xml", 5, "XML"},
    {"SQLite format 3", 15, "a database (SQLite)"},
    {"PK\x03\x04", 4, "a ZIP archive"},
    {"\x1f\x8b", 2, "a gzip archive"},
};

/* A protobuf whose first field is a small number, the version of the format, and the second a text. */
static bool looks_like_onnx(const char *bytes, size_t len)
{
    return len > 4 && bytes[0] == 0x08 && bytes[1] > 0 && bytes[1] < 0x20 &&
           (bytes[2] == 0x12 || bytes[2] == 0x1a || bytes[2] == 0x3a);
}

static bool holds(const char *bytes, size_t len, const char *word)
{
    const size_t n = strlen(word);
    for (size_t i = 0; i + n <= len; i++)
        if (memcmp(bytes + i, word, n) == 0)
            return true;
    return false;
}

/* The first two lines have the same delimiters, as often. */
static bool looks_like_table(const char *bytes, size_t len)
{
    static const char delimiters[] = ",;\t";
    const char *end = memchr(bytes, '\n', len);
    if (!end)
        return false;
    for (const char *d = delimiters; *d; d++) {
        size_t n[2] = {0, 0};
        for (size_t i = 0, line = 0; i < len && line < 2; i++) {
            n[line] += bytes[i] == *d;
            line += bytes[i] == '\n';
        }
        if (n[0] > 0 && n[0] == n[1])
            return true;
    }
    return false;
}

static const char *kind_of(const char *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (len >= marks[i].len && memcmp(bytes, marks[i].mark, marks[i].len) == 0)
            return marks[i].kind;
    if (len == 0)
        return "an empty file";
    if (looks_like_onnx(bytes, len))
        return "an ONNX file; `andon-lab import` reads it";
    if (memchr(bytes, '\0', len))
        return "no text and none of Andon's files";
    if (holds(bytes, len, "layers"))
        return description;
    return looks_like_table(bytes, len) ? "a table" : text;
}

/* What is looked at in a pipe is gone for the one who reads it next. */
static bool can_be_read_twice(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

const char *an_lab_kind_of(const char *path)
{
    if (an_lab_is_dir(path))
        return "a folder";
    if (!can_be_read_twice(path))
        return NULL;
    FILE *f = fopen(path, "rb");
    char *bytes = f ? an_alloc(LOOKED_AT, 1) : NULL;
    const char *kind = NULL;
    if (bytes) {
        const size_t len = fread(bytes, 1, LOOKED_AT, f);
        kind = ferror(f) ? NULL : kind_of(bytes, len);
    }
    an_free(bytes);
    if (f)
        fclose(f);
    return kind;
}

bool an_lab_kind_is_version(const char *path)
{
    return an_lab_kind_of(path) == version;
}

static an_err expect(const char *path, const char *one, const char *other, const char *what, an_note *why)
{
    const char *kind = an_lab_kind_of(path);
    if (!kind || kind == one || kind == other)
        return AN_OK;
    return an_fail(AN_ERR_PROTO, why, "%.120s: %s is expected here, and this seems to be %s", path, what,
                   kind);
}

an_err an_lab_expect_version(const char *path, an_note *why)
{
    return expect(path, version, NULL, "a version (as `train` writes it)", why);
}

an_err an_lab_expect_description(const char *path, an_note *why)
{
    return expect(path, description, NULL, "the description of a model (as those in models/zoo)", why);
}

an_err an_lab_expect_model(const char *path, an_note *why)
{
    return expect(path, description, version,
                  "a version or the description of a model (as those in models/zoo)", why);
}
