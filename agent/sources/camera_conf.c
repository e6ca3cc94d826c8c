/* What the configuration of a camera says, whatever its driver. */
#include <string.h>

#include "agent/sources/camera.h"
#include "doors/yaml.h"

static an_err read_count(an_camera *c, const an_option *rows, const char *const counts[static 4],
                         const an_node *conf, an_note *why)
{
    const char *text = NULL;
    an_err err = an_option_text(rows, conf, "count", &text, why);
    for (size_t i = 0; !err && i < 4; i++)
        if (counts[i] && strcmp(counts[i], text) == 0) {
            c->count = (an_count_kind)i;
            return AN_OK;
        }
    return err ? err
               : an_node_fail(an_node_get(conf, "count"), why,
                              "count: \"%s\" is nothing that counts parts here", text);
}

static an_err read_stamp(an_camera *c, const an_node *map, an_note *why)
{
    static const char *const keys[] = {"at", "bytes", "order", NULL};
    int64_t at = 0, bytes = 0;
    const char *order = NULL;
    an_err err = map ? an_node_only_keys(map, keys, why) : AN_OK;
    if (err || (err = an_node_get_int(map, "at", 0, AN_IMAGE_BYTES_MAX, 0, &at, why)) ||
        (err = an_node_get_int(map, "bytes", 1, AN_CAMERA_STAMP_MAX, 4, &bytes, why)) ||
        (err = an_node_get_text(map, "order", "big", &order, why)))
        return err;
    c->stamp_at = (size_t)at;
    c->stamp_bytes = (size_t)bytes;
    c->stamp_little = strcmp(order, "little") == 0;
    return c->stamp_little || strcmp(order, "big") == 0
               ? AN_OK
               : an_node_fail(map, why, "stamp: order: \"%s\": must be big or little", order);
}

static an_err check_part(const an_camera *c, const an_node *conf, an_note *why)
{
    an_note inner = {{0}};
    const bool new_runs = c->count == AN_COUNT_FRAME || c->count == AN_COUNT_TRIGGER;
    const an_err err = c->part[0] ? an_part_pattern_check(c->part, new_runs, &inner) : AN_OK;
    return err ? an_node_fail(an_node_get(conf, "part"), why, "%s", inner.text) : AN_OK;
}

an_err an_camera_read(an_camera *c, const an_option *rows, const char *const counts[static 4], bool triggered,
                      const an_node *conf, an_note *why)
{
    const char *part = NULL;
    const an_node *stamp = an_node_get(conf, "stamp");
    int64_t per_part = 1, gap_max = 0, queue = 0;
    an_err err;
    if ((err = an_picture_read(&c->picture, rows, conf, why)) ||
        (err = an_option_text(rows, conf, "part", &part, why)) ||
        (err = an_option_int(rows, conf, "per_part", &per_part, why)) ||
        (err = an_option_int(rows, conf, "gap_max", &gap_max, why)) ||
        (err = an_option_int(rows, conf, "queue", &queue, why)) ||
        (err = an_option_int(rows, conf, "frame_timeout_ms", &c->frame_timeout_ms, why)) ||
        (err = an_option_int(rows, conf, "retry_max_ms", &c->retry_max_ms, why)) ||
        (err = read_count(c, rows, counts, conf, why)) || (err = read_stamp(c, stamp, why)))
        return err;
    if (c->picture.width == 0 || c->picture.height == 0 || c->picture.channels == 0)
        return an_node_fail(conf, why, "width, height and colour must be set: the camera may be away");
    if (stamp && c->count != AN_COUNT_STAMP)
        return an_node_fail(stamp, why, "stamp needs count: stamp");
    if (strlen(part) >= AN_PART_MAX)
        return an_node_fail(an_node_get(conf, "part"), why, "part: too long");
    if (triggered && c->count == AN_COUNT_FRAME) /* it knows better than the camera */
        c->count = AN_COUNT_TRIGGER;
    memcpy(c->part, part, strlen(part) + 1);
    c->parts.per_part = c->count == AN_COUNT_TRIGGER ? 1 : (uint64_t)per_part;
    if (per_part > 1 && c->count != AN_COUNT_CHUNK && c->count != AN_COUNT_STAMP)
        return an_node_fail(an_node_get(conf, "per_part"), why, "per_part needs a count that is read");
    c->gap_max = (uint64_t)gap_max;
    c->queue = (size_t)queue;
    return check_part(c, conf, why);
}
