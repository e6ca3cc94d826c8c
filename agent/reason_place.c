/* Words for places in an image and for what is there. */
#include "agent/reason.h"

#define LONG 2.5   /* so many times longer than wide: a scratch */
#define WIDE 0.25  /* of the image */
#define SMALL 0.02 /* of the image */

/* The third in which the middle of [at, at + length) lies: 0, 1, 2. */
static unsigned third(uint32_t at, uint32_t length, uint32_t all)
{
    const double middle = (double)at + (double)length / 2;
    return 3 * middle < (double)all ? 0 : 3 * middle < 2 * (double)all ? 1 : 2;
}

const char *an_reason_place(const an_reason_box *b, uint32_t image_width, uint32_t image_height)
{
    static const char *const places[3][3] = {{"upper left", "the top", "upper right"},
                                             {"the left", "the centre", "the right"},
                                             {"lower left", "the bottom", "lower right"}};
    return places[third(b->y, b->height, image_height)][third(b->x, b->width, image_width)];
}

const char *an_reason_shape(const an_reason_box *b, uint32_t image_width, uint32_t image_height)
{
    const double area = (double)b->width * (double)b->height,
                 share = area / ((double)image_width * (double)image_height);
    const double longer = b->width > b->height ? b->width : b->height;
    if (share >= WIDE)
        return "Wide deviation";
    if (longer * longer >= LONG * area)
        return "Scratch-like deviation";
    return share <= SMALL ? "Spot-like deviation" : "Deviation";
}
