#include "agent/sources/picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/yaml.h"

an_err an_picture_read_roi(size_t ret[static 4], const an_node *map, an_note *why)
{
    static const char *const keys[] = {"x", "y", "width", "height", NULL};
    int64_t v = 0;
    an_err err = an_node_only_keys(map, keys, why);
    for (size_t i = 0; i < 4 && !err; i++) {
        err = an_node_need_int(map, keys[i], i < 2 ? 0 : 1, AN_IMAGE_SIDE_MAX, &v, why);
        ret[i] = (size_t)v;
    }
    return err;
}

an_err an_picture_read(an_picture *p, const an_option *rows, const an_node *map, an_note *why)
{
    int64_t width = 0, height = 0;
    const char *colour = NULL;
    const an_node *roi = an_node_get(map, "roi");
    an_err err;
    if ((err = an_option_int(rows, map, "width", &width, why)) ||
        (err = an_option_int(rows, map, "height", &height, why)) ||
        (err = an_option_text(rows, map, "colour", &colour, why)) ||
        (err = an_option_real(rows, map, "focus_min", &p->focus_min, why)) ||
        (err = an_option_real(rows, map, "clipped_max", &p->clipped_max, why)) ||
        (err = an_option_real(rows, map, "dirt_max", &p->dirt_max, why)))
        return err;
    p->width = (size_t)width;
    p->height = (size_t)height;
    p->channels = strcmp(colour, "grey") == 0 ? 1 : strcmp(colour, "rgb") == 0 ? 3 : 0;
    if (p->channels == 0 && strcmp(colour, "auto") != 0)
        return an_node_fail(an_node_get(map, "colour"), why, "colour: \"%s\": must be grey, rgb or auto",
                            colour);
    return roi ? an_picture_read_roi(p->roi, roi, why) : AN_OK;
}

void an_picture_done(an_picture *p)
{
    an_image_dirt_free(p->dirt);
    an_free(p->sensors);
    p->dirt = NULL;
    p->sensors = NULL;
}

size_t an_picture_width(const an_picture *p)
{
    return p->width * p->channels;
}

an_err an_picture_name_sensors(an_picture *p, const char *what, an_note *why)
{
    static const char colours[] = "rgb";
    const size_t n = an_picture_width(p);
    if (n > AN_SOURCE_WIDTH_MAX || p->height > AN_PREP_WINDOW_MAX || n * p->height > AN_PREP_INPUT_MAX)
        return an_fail(AN_ERR_LIMIT, why,
                       "%s: %zu x %zu pixels of %zu colours are more than a model takes: set width and "
                       "height",
                       what, p->width, p->height, p->channels);
    if (!(p->sensors = an_alloc(n, sizeof *p->sensors)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        if (p->channels == 1)
            snprintf(p->sensors[i], sizeof p->sensors[i], "x%zu", i);
        else
            snprintf(p->sensors[i], sizeof p->sensors[i], "x%zu.%c", i / 3, colours[i % 3]);
    return AN_OK;
}

an_source_frame an_picture_frame(const an_picture *p)
{
    return (an_source_frame){.rows = p->height, .width = p->width, .channels = p->channels};
}

an_row_image an_picture_came(const an_picture *p, const an_image *image)
{
    return (an_row_image){.width = (uint32_t)(p->roi[2] > 0 ? p->roi[2] : image->width),
                          .height = (uint32_t)(p->roi[2] > 0 ? p->roi[3] : image->height)};
}

an_err an_picture_shape(an_picture *p, an_image *image, an_note *why)
{
    an_err err =
        p->roi[2] > 0 ? an_image_crop(image, p->roi[0], p->roi[1], p->roi[2], p->roi[3], why) : AN_OK;
    if (err)
        return err;
    if (p->width == 0)
        p->width = image->width;
    if (p->height == 0)
        p->height = image->height;
    if (p->channels == 0)
        p->channels = image->channels;
    err = an_image_resize(image, p->width, p->height);
    return err ? err : an_image_recolour(image, p->channels);
}

an_err an_picture_judge(an_picture *p, const an_image *image, uint8_t *ret_quality)
{
    const bool unfocused = p->focus_min > 0 && an_image_focus(image) < p->focus_min;
    const bool clipped = p->clipped_max > 0 && an_image_clipped(image) > p->clipped_max;
    bool dirty = false;
    if (p->dirt_max > 0) {
        an_err err = p->dirt ? AN_OK : an_image_dirt_new(p->height, p->width, &p->dirt);
        if (err || (err = an_image_dirt_step(p->dirt, image)))
            return err;
        dirty = an_image_dirt_share(p->dirt) > p->dirt_max;
    }
    p->unfocused += unfocused;
    p->clipped += clipped;
    p->dirty += dirty;
    /* A lamp that is off leaves nothing to focus on: what is wrong first is said. */
    *ret_quality = clipped     ? AN_VALUE_CLIPPED
                   : unfocused ? AN_VALUE_UNFOCUSED
                   : dirty     ? AN_VALUE_DIRTY
                               : AN_VALUE_GOOD;
    return AN_OK;
}

size_t an_picture_row(const an_picture *p, const an_image *image, uint8_t quality, size_t y, an_batch *ret)
{
    const size_t i = ret->n++, width = an_picture_width(p);
    float *to = ret->values + i * width;
    if (image && quality == AN_VALUE_GOOD)
        memcpy(to, image->values + y * width, width * sizeof *to);
    else
        for (size_t j = 0; j < width; j++)
            to[j] = NAN;
    memset(ret->quality + i * width, quality, width);
    ret->flags[i] = y == 0 ? AN_ROW_RESTART : 0;
    ret->label[i] = AN_LABEL_UNKNOWN;
    ret->image[i] = (an_row_image){.width = (uint32_t)p->width, .height = (uint32_t)p->height};
    return i;
}
