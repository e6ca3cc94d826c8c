/* A frame is a sequence of samples; the packing says where the bits of the i-th one are:
 *
 *     WHOLE   one byte, or two with the low one first
 *     LSB     `bits` bits each, from the lowest bit of the first byte on (PFNC "p")
 *     GVSP    two samples in three bytes: the high eight bits of the first, the low bits of both, the high eight of the second
 *             (GigE Vision's "Packed")
 *
 * Without a stride samples are counted over the whole frame, else from the beginning of each row. */
#include "models/data/pixels.h"

#include <string.h>

#include "base/mem.h"

typedef enum packing { WHOLE, LSB, GVSP } packing;
typedef enum kind { GREY, BAYER, RGB, BGR, YUYV, UYVY } kind;

typedef struct layout {
    uint32_t format;
    const char *name;
    kind kind;
    packing packing;
    unsigned bits;
    unsigned red_x, red_y; /* BAYER: where red is among each two by two pixels; YUYV, UYVY: FULL or 0 */
} layout;
#define FULL 1 /* values from 0 to 255 */

#define BAYERS(gr, rg, gb, bg, suffix, how, n)                                                               \
    {gr, "BayerGR" suffix, BAYER, how, n, 1, 0}, {rg, "BayerRG" suffix, BAYER, how, n, 0, 0},                \
        {gb, "BayerGB" suffix, BAYER, how, n, 0, 1},                                                         \
    {                                                                                                        \
        bg, "BayerBG" suffix, BAYER, how, n, 1, 1                                                            \
    }

static const layout layouts[] = {
    {AN_PIXELS_GREY8, "Mono8", GREY, WHOLE, 8, 0, 0},
    {0x01100003u, "Mono10", GREY, WHOLE, 10, 0, 0},
    {0x010A0046u, "Mono10p", GREY, LSB, 10, 0, 0},
    {0x010C0004u, "Mono10Packed", GREY, GVSP, 10, 0, 0},
    {0x01100005u, "Mono12", GREY, WHOLE, 12, 0, 0},
    {0x010C0047u, "Mono12p", GREY, LSB, 12, 0, 0},
    {0x010C0006u, "Mono12Packed", GREY, GVSP, 12, 0, 0},
    {0x01100025u, "Mono14", GREY, WHOLE, 14, 0, 0},
    {AN_PIXELS_GREY16, "Mono16", GREY, WHOLE, 16, 0, 0},
    BAYERS(AN_PIXELS_BAYER_GR8, AN_PIXELS_BAYER_RG8, AN_PIXELS_BAYER_GB8, AN_PIXELS_BAYER_BG8, "8", WHOLE, 8),
    BAYERS(0x0110000Cu, 0x0110000Du, 0x0110000Eu, 0x0110000Fu, "10", WHOLE, 10),
    BAYERS(0x010A0056u, 0x010A0058u, 0x010A0054u, 0x010A0052u, "10p", LSB, 10),
    BAYERS(0x010C0026u, 0x010C0027u, 0x010C0028u, 0x010C0029u, "10Packed", GVSP, 10),
    BAYERS(0x01100010u, 0x01100011u, 0x01100012u, 0x01100013u, "12", WHOLE, 12),
    BAYERS(0x010C0057u, 0x010C0059u, 0x010C0055u, 0x010C0053u, "12p", LSB, 12),
    BAYERS(0x010C002Au, 0x010C002Bu, 0x010C002Cu, 0x010C002Du, "12Packed", GVSP, 12),
    BAYERS(0x0110002Eu, 0x0110002Fu, 0x01100030u, 0x01100031u, "16", WHOLE, 16),
    {AN_PIXELS_RGB8, "RGB8", RGB, WHOLE, 8, 0, 0},
    {AN_PIXELS_BGR8, "BGR8", BGR, WHOLE, 8, 0, 0},
    {0x02100032u, "YUV422_8", YUYV, WHOLE, 8, FULL, 0},
    {0x0210001Fu, "YUV422_8_UYVY", UYVY, WHOLE, 8, FULL, 0},
    {0x0210003Bu, "YCbCr422_8", YUYV, WHOLE, 8, FULL, 0},
    {0x02100043u, "YCbCr422_8_CbYCrY", UYVY, WHOLE, 8, FULL, 0},
    {AN_PIXELS_YUYV, "YCbCr601_422_8", YUYV, WHOLE, 8, 0, 0},
    {AN_PIXELS_UYVY, "YCbCr601_422_8_CbYCrY", UYVY, WHOLE, 8, 0, 0},
};
#define LAYOUTS (sizeof layouts / sizeof *layouts)

static const layout *find(uint32_t format)
{
    for (size_t i = 0; i < LAYOUTS; i++)
        if (layouts[i].format == format)
            return &layouts[i];
    return NULL;
}

const char *an_pixels_name(uint32_t format)
{
    const layout *l = find(format);
    return l ? l->name : format == AN_PIXELS_JPEG ? "JPEG" : NULL;
}

bool an_pixels_find(const char *name, uint32_t *ret)
{
    for (size_t i = 0; i < LAYOUTS; i++)
        if (strcmp(layouts[i].name, name) == 0) {
            *ret = layouts[i].format;
            return true;
        }
    return false;
}

bool an_pixels_code(size_t i, uint32_t *ret)
{
    if (i <= LAYOUTS)
        *ret = i < LAYOUTS ? layouts[i].format : AN_PIXELS_JPEG;
    return i <= LAYOUTS;
}

/* Of one pixel: 422 has two. */
static size_t samples_of(const layout *l)
{
    return l->kind == RGB || l->kind == BGR ? 3 : l->kind == YUYV || l->kind == UYVY ? 2 : 1;
}

static size_t bytes_of(const layout *l, size_t samples)
{
    switch (l->packing) {
    case LSB:
        return (samples * l->bits + 7) / 8;
    case GVSP:
        return (samples * 3 + 1) / 2;
    case WHOLE:
        break;
    }
    return samples * (l->bits > 8 ? 2 : 1);
}

static bool is_sized(const an_pixels *p)
{
    return p->width > 0 && p->height > 0 && p->width <= AN_IMAGE_SIDE_MAX && p->height <= AN_IMAGE_SIDE_MAX &&
           p->width <= AN_IMAGE_PIXELS_MAX / p->height && p->stride <= AN_IMAGE_BYTES_MAX;
}

size_t an_pixels_bytes(const an_pixels *p)
{
    const layout *l = find(p->format);
    if (!l || !is_sized(p))
        return 0;
    const size_t row = p->width * samples_of(l);
    return p->stride > 0 ? p->stride * (p->height - 1) + bytes_of(l, row) : bytes_of(l, row * p->height);
}

/* What is above the largest value that so many bits hold is taken for it. */
static unsigned sample(const layout *l, const uint8_t *bytes, size_t i)
{
    const unsigned most = (1u << l->bits) - 1;
    unsigned v;
    if (l->packing == LSB) {
        const size_t bit = i * l->bits;
        const uint8_t *b = bytes + bit / 8;
        const unsigned shift = bit % 8;
        v = (unsigned)b[0] | (shift + l->bits > 8 ? (unsigned)b[1] << 8 : 0) |
            (shift + l->bits > 16 ? (unsigned)b[2] << 16 : 0);
        return v >> shift & most;
    }
    if (l->packing == GVSP) {
        const uint8_t *b = bytes + i / 2 * 3;
        const unsigned low = l->bits - 8, mask = (1u << low) - 1;
        return i % 2 ? (unsigned)b[2] << low | (b[1] >> 4 & mask) : (unsigned)b[0] << low | (b[1] & mask);
    }
    v = l->bits > 8 ? (unsigned)bytes[2 * i] | (unsigned)bytes[2 * i + 1] << 8 : bytes[i];
    return v < most ? v : most;
}

typedef struct frame {
    const an_pixels *p;
    const layout *l;
    const uint8_t *bytes;
    float scale;
} frame;

static float at(const frame *f, size_t x, size_t y)
{
    const size_t n = f->p->width * samples_of(f->l);
    return f->scale * (float)(f->p->stride > 0 ? sample(f->l, f->bytes + y * f->p->stride, x)
                                               : sample(f->l, f->bytes, y * n + x));
}

static float bounded(float v)
{
    return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
}

static void put_rgb(const frame *f, size_t x, size_t y, float *to)
{
    const bool turned = f->l->kind == BGR;
    for (size_t c = 0; c < 3; c++)
        to[turned ? 2 - c : c] = at(f, 3 * x + c, y);
}

/* Rec. ITU-R BT.601: black is 16, white 235, no colour 128; what has the full range, as in JFIF. */
static void put_yuv(const frame *f, size_t x, size_t y, float *to)
{
    const size_t luma = f->l->kind == UYVY, pair = 4 * (x / 2), last = 2 * f->p->width;
    const size_t first = pair + (luma ? 0 : 1), second = first + 2 < last ? first + 2 : first;
    const bool full = f->l->red_x == FULL;
    const float black = full ? 0.0f : 16.0f, span = full ? 255.0f : 219.0f, swing = full ? 255.0f : 224.0f;
    const float l = (at(f, 2 * x + luma, y) * 255.0f - black) / span;
    const float cb = (at(f, first, y) * 255.0f - 128.0f) / swing;
    const float cr = (at(f, second, y) * 255.0f - 128.0f) / swing;
    to[0] = bounded(l + 1.402f * cr);
    to[1] = bounded(l - 0.344136f * cb - 0.714136f * cr);
    to[2] = bounded(l + 1.772f * cb);
}

static size_t colour_at(const layout *l, size_t x, size_t y)
{
    const bool red_row = y % 2 == l->red_y, red_column = x % 2 == l->red_x;
    return red_row && red_column ? 0 : red_row || red_column ? 1 : 2;
}

static void put_bayer(const frame *f, size_t x, size_t y, float *to)
{
    float sum[3] = {0}, n[3] = {0};
    const size_t own = colour_at(f->l, x, y);
    for (size_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < f->p->height; v++)
        for (size_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < f->p->width; u++) {
            const size_t c = colour_at(f->l, u, v);
            sum[c] += at(f, u, v);
            n[c] += 1.0f;
        }
    for (size_t c = 0; c < 3; c++)
        to[c] = c == own ? at(f, x, y) : n[c] > 0.0f ? bounded(sum[c] / n[c]) : 0.0f;
}

static void put(const frame *f, float *values)
{
    const size_t w = f->p->width, h = f->p->height, channels = f->l->kind == GREY ? 1 : 3;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            float *to = values + (y * w + x) * channels;
            switch (f->l->kind) {
            case GREY:
                *to = at(f, x, y);
                break;
            case BAYER:
                put_bayer(f, x, y, to);
                break;
            case RGB:
            case BGR:
                put_rgb(f, x, y, to);
                break;
            case YUYV:
            case UYVY:
                put_yuv(f, x, y, to);
                break;
            }
        }
}

an_err an_pixels_image(const an_pixels *p, const void *bytes, size_t len, an_image *ret, an_note *why)
{
    const layout *l = find(p->format);
    if (p->format == AN_PIXELS_JPEG) {
        const uint8_t *b = bytes;
        return len >= 2 && b[0] == 0xff && b[1] == 0xd8
                   ? an_image_parse(bytes, len, "frame", ret, why)
                   : an_fail(AN_ERR_PROTO, why, "a frame that is no JPEG image");
    }
    if (!l)
        return an_fail(AN_ERR_PROTO, why, "frames of the format 0x%08x, which is not known here",
                       (unsigned)p->format);
    if (!is_sized(p))
        return an_fail(AN_ERR_LIMIT, why, "a frame of %zu x %zu pixels", p->width, p->height);
    if (p->stride > 0 && p->stride < bytes_of(l, p->width * samples_of(l)))
        return an_fail(AN_ERR_PROTO, why, "rows of %zu bytes are too short for %zu pixels", p->stride,
                       p->width);
    if (len < an_pixels_bytes(p))
        return an_fail(AN_ERR_PROTO, why, "a frame of %zu bytes where %zu were expected", len,
                       an_pixels_bytes(p));
    const frame f = {p, l, bytes, 1.0f / (float)((1u << l->bits) - 1)};
    an_image image = {.height = p->height, .width = p->width, .channels = l->kind == GREY ? 1 : 3};
    if (!(image.values = an_alloc_raw(p->width * p->height * image.channels, sizeof *image.values)))
        return AN_ERR_NOMEM;
    put(&f, image.values);
    *ret = image;
    return AN_OK;
}
