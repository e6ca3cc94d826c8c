/* The formats of video devices that become images, the times of their frames, the names of their controls. */
#include <ctype.h>
#include <linux/videodev2.h>
#include <string.h>

#include "agent/sources/v4l2_internal.h"

#define OLDEST_US 10000000 /* what is older was not taken by the clock that its flags name */

static const struct {
    uint32_t fourcc, format;
} formats[] = {
    {V4L2_PIX_FMT_GREY, AN_PIXELS_GREY8},       {V4L2_PIX_FMT_Y16, AN_PIXELS_GREY16},
    {V4L2_PIX_FMT_RGB24, AN_PIXELS_RGB8},       {V4L2_PIX_FMT_BGR24, AN_PIXELS_BGR8},
    {V4L2_PIX_FMT_YUYV, AN_PIXELS_YUYV},        {V4L2_PIX_FMT_UYVY, AN_PIXELS_UYVY},
    {V4L2_PIX_FMT_SRGGB8, AN_PIXELS_BAYER_RG8}, {V4L2_PIX_FMT_SGRBG8, AN_PIXELS_BAYER_GR8},
    {V4L2_PIX_FMT_SGBRG8, AN_PIXELS_BAYER_GB8}, {V4L2_PIX_FMT_SBGGR8, AN_PIXELS_BAYER_BG8},
#ifdef AN_HAVE_JPEG
    {V4L2_PIX_FMT_MJPEG, AN_PIXELS_JPEG},       {V4L2_PIX_FMT_JPEG, AN_PIXELS_JPEG},
#endif
};
#define FORMATS (sizeof formats / sizeof *formats)

bool video_format(uint32_t fourcc, uint32_t *ret)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (formats[i].fourcc == fourcc) {
            *ret = formats[i].format;
            return true;
        }
    return false;
}

void video_fourcc_text(char out[static 5], uint32_t fourcc)
{
    for (size_t i = 0; i < 4; i++) {
        const char c = (char)(fourcc >> (8 * i) & 0x7f);
        out[i] = c > ' ' && c < 0x7f ? c : ' ';
    }
    out[4] = '\0';
    for (size_t n = 4; n > 0 && out[n - 1] == ' '; n--) /* "Y16 " is called Y16 */
        out[n - 1] = '\0';
}

bool video_fourcc_read(const char *text, uint32_t *ret)
{
    char name[5];
    for (size_t i = 0; i < FORMATS; i++) {
        video_fourcc_text(name, formats[i].fourcc);
        if (strcmp(name, text) == 0) {
            *ret = formats[i].fourcc;
            return true;
        }
    }
    return false;
}

int64_t video_time_ms(uint32_t flags, int64_t stamp_us, int64_t mono_us, int64_t wall_ms)
{
    const int64_t age_us = mono_us - stamp_us;
    const bool known = (flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    return known && age_us >= 0 && age_us < OLDEST_US ? wall_ms - age_us / 1000 : wall_ms;
}

void video_control_name(char out[static VIDEO_NAME_MAX], const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p && n + 1 < VIDEO_NAME_MAX; p++) {
        const bool letter = isalnum((unsigned char)*p) != 0;
        if (letter)
            out[n++] = (char)tolower((unsigned char)*p);
        else if (n > 0 && out[n - 1] != '_')
            out[n++] = '_';
    }
    while (n > 0 && out[n - 1] == '_')
        n--;
    out[n] = '\0';
}
