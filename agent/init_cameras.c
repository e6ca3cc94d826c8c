/* init for cameras: what a camera cannot say is what a model takes of its images. */
#include "agent/init_internal.h"

an_err init_camera_find(init *w, an_note *why)
{
    (void)why;
    init_set(w, "width", "128", "pixels that the model takes");
    init_set(w, "height", "128", "");
    if (!init_get(w, "count")) /* else the pattern is for who knows what is counted */
        init_set(w, "part", "\"{run}-{n}\"",
                 "frames since the camera was reached; docs/SOURCES.md has counts that last");
    init_note(w, "Set exposure, gain and white balance to fixed values, and roi to the part of the image "
                 "that counts.");
    init_note(
        w, "Limits of what is a picture at all (focus_min, clipped_max, dirt_max) are in docs/SOURCES.md.");
    return AN_OK;
}
