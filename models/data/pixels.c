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

static bool is_sized(const an_pixels *p, const layout *l)
{
    const size_t least = l->kind == BAYER ? 2 : 1;
    return p->width >= least && p->height >= least && p->width <= AN_IMAGE_SIDE_MAX &&
           p->height <= AN_IMAGE_SIDE_MAX && p->width <= AN_IMAGE_PIXELS_MAX / p->height &&
           p->stride <= AN_IMAGE_BYTES_MAX;
}

size_t an_pixels_bytes(const an_pixels *p)
{
    const layout *l = find(p->format);
    if (!l || !is_sized(p, l))
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
    float *lines; /* (3, width * samples) rows that are looked at */
} frame;

/* The samples of a row, 0..1. */
static void unpack(const frame *f, size_t y, float *to)
{
    const size_t n = f->p->width * samples_of(f->l), first = f->p->stride > 0 ? 0 : y * n;
    const uint8_t *b = f->bytes + y * f->p->stride;
    if (f->l->packing == WHOLE && f->l->bits == 8)
        for (size_t i = 0; i < n; i++)
            to[i] = f->scale * (float)b[first + i];
    else
        for (size_t i = 0; i < n; i++)
            to[i] = f->scale * (float)sample(f->l, b, first + i);
}

static float bounded(float v)
{
    return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
}

static void turn_bgr(float *line, size_t width)
{
    for (size_t x = 0; x < width; x++, line += 3) {
        const float blue = line[0];
        line[0] = line[2];
        line[2] = blue;
    }
}

/* Rec. ITU-R BT.601: black is 16, white 235, no colour 128; what has the full range, as in JFIF. */
static void put_yuv(const frame *f, const float *line, float *to)
{
    const bool full = f->l->red_x == FULL;
    const float black = full ? 0.0f : 16.0f, span = full ? 255.0f : 219.0f, swing = full ? 255.0f : 224.0f;
    const size_t luma = f->l->kind == UYVY, last = 2 * f->p->width;
    for (size_t x = 0; x < f->p->width; x++, to += 3) {
        const size_t first = 4 * (x / 2) + 1 - luma, second = first + 2 < last ? first + 2 : first;
        const float l = (line[2 * x + luma] * 255.0f - black) / span;
        const float cb = (line[first] * 255.0f - 128.0f) / swing;
        const float cr = (line[second] * 255.0f - 128.0f) / swing;
        to[0] = bounded(l + 1.402f * cr);
        to[1] = bounded(l - 0.344136f * cb - 0.714136f * cr);
        to[2] = bounded(l + 1.772f * cb);
    }
}

/* What lies beyond the edge is what lies within it, so that colours stay in their places. */
static void put_bayer(const frame *f, size_t y, float *to)
{
    const size_t w = f->p->width, h = f->p->height;
    const float *mid = f->lines + y % 3 * w;
    const float *up = f->lines + (y > 0 ? y - 1 : 1) % 3 * w,
                *down = f->lines + (y + 1 < h ? y + 1 : y - 1) % 3 * w;
    const bool red_row = y % 2 == f->l->red_y;
    const size_t own = red_row ? 0 : 2, other = 2 - own; /* the colour of this row, and of those beside it */
    for (size_t x = 0; x < w; x++, to += 3) {
        const size_t a = x > 0 ? x - 1 : 1, b = x + 1 < w ? x + 1 : x - 1;
        const bool green = (x % 2 == f->l->red_x) != red_row;
        to[own] = green ? (mid[a] + mid[b]) / 2 : mid[x];
        to[1] = green ? mid[x] : (mid[a] + mid[b] + up[x] + down[x]) / 4;
        to[other] = green ? (up[x] + down[x]) / 2 : (up[a] + up[b] + down[a] + down[b]) / 4;
    }
}

static void put(const frame *f, float *values)
{
    const size_t w = f->p->width, h = f->p->height, channels = f->l->kind == GREY ? 1 : 3;
    for (size_t y = 0; y < h; y++, values += w * channels) {
        switch (f->l->kind) {
        case GREY:
        case RGB:
            unpack(f, y, values);
            break;
        case BGR:
            unpack(f, y, values);
            turn_bgr(values, w);
            break;
        case YUYV:
        case UYVY:
            unpack(f, y, f->lines);
            put_yuv(f, f->lines, values);
            break;
        case BAYER:
            if (y == 0)
                unpack(f, 0, f->lines);
            if (y + 1 < h)
                unpack(f, y + 1, f->lines + (y + 1) % 3 * w);
            put_bayer(f, y, values);
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
    if (!is_sized(p, l))
        return an_fail(AN_ERR_LIMIT, why, "a frame of %zu x %zu pixels", p->width, p->height);
    if (p->stride > 0 && p->stride < bytes_of(l, p->width * samples_of(l)))
        return an_fail(AN_ERR_PROTO, why, "rows of %zu bytes are too short for %zu pixels", p->stride,
                       p->width);
    if (len < an_pixels_bytes(p))
        return an_fail(AN_ERR_PROTO, why, "a frame of %zu bytes where %zu were expected", len,
                       an_pixels_bytes(p));
    frame f = {p, l, bytes, 1.0f / (float)((1u << l->bits) - 1), NULL};
    an_image image = {.height = p->height, .width = p->width, .channels = l->kind == GREY ? 1 : 3};
    f.lines = an_alloc_raw(3 * p->width * samples_of(l), sizeof *f.lines);
    image.values = an_alloc_raw(p->width * p->height * image.channels, sizeof *image.values);
    const bool room = f.lines && image.values;
    if (room)
        put(&f, image.values);
    an_free(f.lines);
    if (room)
        *ret = image;
    else
        an_image_done(&image);
    return room ? AN_OK : AN_ERR_NOMEM;
}
