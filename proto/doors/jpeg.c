/* libjpeg reports an error by a callback that must not return: it jumps back to an_jpeg_read.  What is freed there
 * lives in `decoder`, so that no local variable is read after the jump. */
#include "doors/jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include "base/mem.h"

#define SCANS_MAX 100
#define MEMORY_EACH 16 /* bytes the library may take for a pixel: coefficients of three colours, and some */

typedef struct decoder {
    struct jpeg_decompress_struct jpeg; /* first: the library's pointer is ours */
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf back;
    uint8_t *pixels;
    an_err err;
    char text[JMSG_LENGTH_MAX];
} decoder;

static void on_error(j_common_ptr jpeg)
{
    decoder *d = (decoder *)(void *)jpeg;
    d->err = AN_ERR_PROTO;
    jpeg->err->format_message(jpeg, d->text);
    longjmp(d->back, 1);
}

/* A warning is a file that is cut short or damaged. */
static void on_message(j_common_ptr jpeg, int level)
{
    if (level < 0)
        on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg)
{
    decoder *d = (decoder *)(void *)jpeg;
    if (d->jpeg.input_scan_number <= SCANS_MAX)
        return;
    d->err = AN_ERR_LIMIT;
    snprintf(d->text, sizeof d->text, "it has more than %d scans", SCANS_MAX);
    longjmp(d->back, 1);
}

static void on_output(j_common_ptr jpeg)
{
    (void)jpeg; /* nothing is printed */
}

/* Returns false after an error. */
static bool decode(decoder *d, const void *bytes, size_t len, const an_jpeg_limits *limits)
{
    if (setjmp(d->back) != 0)
        return false;
    jpeg_create_decompress(&d->jpeg);
    d->progress.progress_monitor = on_progress;
    d->jpeg.progress = &d->progress;
    jpeg_mem_src(&d->jpeg, bytes, (unsigned long)len);
    (void)jpeg_read_header(&d->jpeg, TRUE);
    const size_t width = d->jpeg.image_width, height = d->jpeg.image_height;
    if (width == 0 || height == 0 || width > limits->side || height > limits->side ||
        width > limits->pixels / height) {
        d->err = AN_ERR_LIMIT;
        snprintf(d->text, sizeof d->text,
                 "it has %zu x %zu pixels; at most %zu a side and %zu in all are read", width, height,
                 limits->side, limits->pixels);
        return false;
    }
    const bool grey = d->jpeg.jpeg_color_space == JCS_GRAYSCALE;
    if (!grey && d->jpeg.jpeg_color_space != JCS_YCbCr && d->jpeg.jpeg_color_space != JCS_RGB) {
        d->err = AN_ERR_PROTO;
        snprintf(d->text, sizeof d->text, "neither grey nor of three colours");
        return false;
    }
    d->jpeg.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    d->jpeg.dct_method = JDCT_ISLOW; /* exact whole numbers: the same on every machine */
    d->jpeg.mem->max_memory_to_use = (long)(limits->pixels * MEMORY_EACH);
    (void)jpeg_start_decompress(&d->jpeg);
    const size_t line = width * (grey ? 1 : 3);
    if (!(d->pixels = an_alloc(height, line))) {
        d->err = AN_ERR_NOMEM;
        return false;
    }
    while (d->jpeg.output_scanline < d->jpeg.output_height) {
        JSAMPROW row = d->pixels + d->jpeg.output_scanline * line;
        (void)jpeg_read_scanlines(&d->jpeg, &row, 1);
    }
    (void)jpeg_finish_decompress(&d->jpeg);
    return true;
}

an_err an_jpeg_read(const void *bytes, size_t len, const an_jpeg_limits *limits, uint8_t **ret_pixels,
                    size_t *ret_width, size_t *ret_height, size_t *ret_channels, an_note *why)
{
    decoder *d = an_alloc(1, sizeof *d);
    if (!d)
        return AN_ERR_NOMEM;
    d->jpeg.err = jpeg_std_error(&d->errors);
    d->errors.error_exit = on_error;
    d->errors.emit_message = on_message;
    d->errors.output_message = on_output;
    an_err err = AN_OK;
    if (len == 0 || !decode(d, bytes, len, limits)) {
        err = d->err ? d->err : AN_ERR_PROTO;
        if (err != AN_ERR_NOMEM)
            err = an_fail(err, why, "a damaged JPEG image, or one that is not read: %.150s", d->text);
    } else {
        *ret_width = d->jpeg.output_width;
        *ret_height = d->jpeg.output_height;
        *ret_channels = (size_t)d->jpeg.output_components;
        *ret_pixels = d->pixels;
        d->pixels = NULL;
    }
    jpeg_destroy_decompress(&d->jpeg);
    an_free(d->pixels);
    an_free(d);
    return err;
}
