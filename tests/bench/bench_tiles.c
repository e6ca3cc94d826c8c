/* Do maps show where the fault is?  magnetic_tile has a mask of the faulty pixels for each image.
 *
 *     ANDON_DATA=../shared/data bench_tiles ["share: 0.25, side: 8"]      then with patches hidden in training (layers/hide.c)
 *
 * A small convolutional autoencoder (models/zoo/conv2d-ae.yaml) learns from the tiles without a fault that split.csv gives
 * for training, at 64 x 64; four fifths of the groups of tiles are fitted, the rest says what is usual where, and the threshold of
 * a map's highest pixel at which one of twenty normal images is raised (target_far:0.05).  Judged on the test part, which
 * shares no tile with the training part.
 *
 *     AUROC      of the pixels of an image against its mask, mean over the faulty images
 *     peak       share of the images whose highest pixel is in the mask; chance: what a pixel drawn by lot would be
 *     raised     share of the images with a box
 *     box        share of the images whose box with the highest peak touches the mask
 *     IoU        pixels above the threshold and in the mask, of those in either; mean over faulty images that are raised
 *
 * "contrast" needs no model: the square of what a pixel differs from its blurred neighbourhood.  Size, blur
 * and epochs are what was written down first.  After a first look lights were levelled and groups of tiles kept together. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "models/data/image.h"
#include "models/heatmap.h"
#include "models/kernels/kernels.h"
#include "models/metrics.h"
#include "models/model.h"
#include "models/threshold.h"
#include "models/train.h"

#define SIDE 64
#define PIXELS (SIDE * SIDE)
#define IMAGES_MAX 1400
#define KINDS 6
#define EPOCHS 20
#define BLUR 2.0
#define BOXES 3
#define BOX_LEAST 4

static const char *const kinds[KINDS] = {"free", "blowhole", "break", "crack", "fray", "uneven"};

typedef struct tile {
    size_t kind;
    bool train, fitted; /* fitted: of train, four fifths of the groups of tiles */
    float x[PIXELS], map[PIXELS];
    bool faulty[PIXELS];
} tile;

static tile *tiles;
static size_t n_tiles;
static const char *hidden; /* options of a layer `hide`; NULL: none */

/* Puts that layer before the others. */
static void hide_first(an_buf *text)
{
    static const char before[] = "layers:\n";
    an_buf b;
    an_buf_init(&b, 1 << 20);
    an_buf_u8(text, 0);
    const char *at = strstr((const char *)text->data, before);
    if (!at)
        exit(2);
    at += sizeof before - 1;
    an_buf_put(&b, text->data, (size_t)(at - (const char *)text->data));
    an_buf_printf(&b, "  - hide: {%s}\n%s", hidden, at);
    an_buf_done(text);
    *text = b;
}

/* ---- images ---- */

/* Mean of what falls into each pixel. */
static void shrink(const an_image *image, float *ret)
{
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            const size_t y0 = y * image->height / SIDE, y1 = (y + 1) * image->height / SIDE;
            const size_t x0 = x * image->width / SIDE, x1 = (x + 1) * image->width / SIDE;
            double sum = 0;
            for (size_t v = y0; v < y1; v++)
                for (size_t u = x0; u < x1; u++)
                    sum += (double)image->values[v * image->width + u];
            ret[y * SIDE + x] = (float)(sum / (double)((y1 - y0) * (x1 - x0)));
        }
}

static an_err read_grey(const char *dir, const char *name, float *ret, an_note *why)
{
    char path[1024];
    an_image image = {0};
    snprintf(path, sizeof path, "%s/magnetic_tile/%s", dir, name);
    an_err err = an_image_read(path, &image, why);
    if (err == AN_OK)
        err = an_image_recolour(&image, 1);
    if (err == AN_OK && (image.height < SIDE || image.width < SIDE))
        err = an_fail(AN_ERR_INVAL, why, "%s is smaller than %d x %d", name, SIDE, SIDE);
    if (err == AN_OK)
        shrink(&image, ret);
    an_image_done(&image);
    return err;
}

/* Every tile is imaged under several lights: mean 1/2, standard deviation 1/8. */
static void level(float *x)
{
    double sum = 0, square = 0;
    for (size_t i = 0; i < PIXELS; i++) {
        sum += (double)x[i];
        square += (double)x[i] * (double)x[i];
    }
    const double mean = sum / PIXELS, sd = sqrt(fmax(square / PIXELS - mean * mean, 1e-8));
    for (size_t i = 0; i < PIXELS; i++)
        x[i] = (float)(0.5 + ((double)x[i] - mean) / sd / 8);
}

/* image,mask,class,site,tile_group,split */
static an_err read_tile(const char *dir, char *line, an_note *why)
{
    char *field[6] = {line};
    tile *t = &tiles[n_tiles];
    float mask[PIXELS];
    line[strcspn(line, "\r\n")] = '\0';
    for (size_t i = 1; i < 6; i++) {
        char *comma = strchr(field[i - 1], ',');
        if (!comma)
            return an_fail(AN_ERR_PROTO, why, "split.csv: a line has fewer than six fields");
        *comma = '\0';
        field[i] = comma + 1;
    }
    for (t->kind = 0; t->kind < KINDS && strcmp(field[2], kinds[t->kind]) != 0;)
        t->kind++;
    t->train = strcmp(field[5], "train") == 0;
    t->fitted = t->train && strtoul(field[4], NULL, 10) % 5 != 0;
    if (t->kind == KINDS || (t->train && t->kind > 0))
        return AN_OK; /* faults are not learned from */
    an_err err = read_grey(dir, field[0], t->x, why);
    if (err == AN_OK)
        err = read_grey(dir, field[1], mask, why);
    if (err == AN_OK)
        level(t->x);
    for (size_t i = 0; i < PIXELS; i++)
        t->faulty[i] = mask[i] >= 0.5f;
    n_tiles += err == AN_OK;
    return err;
}

static an_err read_all(const char *dir, an_note *why)
{
    char path[512], line[512];
    an_err err = AN_OK;
    snprintf(path, sizeof path, "%s/magnetic_tile/split.csv", dir);
    FILE *f = fopen(path, "r");
    if (!f || !fgets(line, sizeof line, f))
        err = an_fail(AN_ERR_NOTFOUND, why, "magnetic_tile is not there");
    while (err == AN_OK && n_tiles < IMAGES_MAX && fgets(line, sizeof line, f))
        err = read_tile(dir, line, why);
    if (f)
        (void)fclose(f);
    return err;
}

/* ---- maps ---- */

static void need(an_err err, const an_note *why)
{
    if (err == AN_OK)
        return;
    fprintf(stderr, "%s %s\n", an_err_name(err), why->text);
    exit(2);
}

static size_t n_fitted(void)
{
    size_t n = 0;
    for (size_t i = 0; i < n_tiles; i++)
        n += tiles[i].fitted;
    return n;
}

static void map_by_model(void)
{
    an_note why = {{0}};
    an_model *m = NULL;
    an_ws *ws = NULL;
    an_buf text;
    an_train_opts opts = an_train_defaults();
    const size_t n_fit = n_fitted();
    size_t n_held = 0;
    float *x = an_alloc(n_fit * PIXELS, sizeof *x), usual[PIXELS], scratch[PIXELS];
    double sum[PIXELS] = {0};
    an_buf_init(&text, 1 << 16);
    need(an_file_read(&text, "models/zoo/conv2d-ae.yaml", &why), &why);
    if (hidden)
        hide_first(&text);
    need(an_model_new((const char *)text.data, text.len, "conv2d-ae", 0, &m, &why), &why);
    float *params = an_alloc(an_model_n_params(m), sizeof *params);
    if (!x || !params)
        exit(2);
    size_t at = 0;
    for (size_t i = 0; i < n_tiles && at < n_fit; i++)
        if (tiles[i].fitted)
            memcpy(x + at++ * PIXELS, tiles[i].x, sizeof tiles[i].x);
    opts.epochs = EPOCHS;
    opts.batch = 16;
    opts.seed = 1;
    opts.n_threads = 2;
    an_model_init(m, 1, params);
    need(an_train(m, params, &opts, x, NULL, n_fit, NULL, &why), &why);
    need(an_ws_new(m, AN_WS_FORWARD, 1, &ws), &why);
    for (size_t i = 0; i < n_tiles; i++) {
        if (!tiles[i].train || tiles[i].fitted)
            continue;
        an_heatmap_learn(tiles[i].x, an_model_forward(m, ws, params, 1, tiles[i].x), SIDE, SIDE, 1, sum);
        n_held++;
    }
    for (size_t i = 0; i < PIXELS; i++)
        usual[i] = (float)(sum[i] / (double)n_held);
    an_heatmap_smooth(usual, SIDE, SIDE, BLUR, scratch);
    for (size_t i = 0; i < n_tiles; i++) {
        an_heatmap_residual(tiles[i].x, an_model_forward(m, ws, params, 1, tiles[i].x), usual, SIDE, SIDE, 1,
                            tiles[i].map);
        an_heatmap_smooth(tiles[i].map, SIDE, SIDE, BLUR, scratch);
    }
    an_ws_free(ws);
    an_model_free(m);
    an_free(params);
    an_free(x);
    an_buf_done(&text);
}

static void map_by_contrast(void)
{
    float blurred[PIXELS], scratch[PIXELS];
    for (size_t i = 0; i < n_tiles; i++) {
        memcpy(blurred, tiles[i].x, sizeof blurred);
        an_heatmap_smooth(blurred, SIDE, SIDE, 3 * BLUR, scratch);
        an_heatmap_residual(tiles[i].x, blurred, NULL, SIDE, SIDE, 1, tiles[i].map);
        an_heatmap_smooth(tiles[i].map, SIDE, SIDE, BLUR, scratch);
    }
}

/* ---- figures ---- */

typedef struct figures {
    double images, raised, box, chance, iou, peak, auroc, masked;
} figures;

/* Of the pixels of one image; NAN: its mask is empty at this size. */
static double auroc_of(const tile *t)
{
    static uint8_t labels[PIXELS];
    double ret = NAN;
    for (size_t i = 0; i < PIXELS; i++)
        labels[i] = t->faulty[i];
    return an_auroc(t->map, labels, PIXELS, &ret) == AN_OK ? ret : (double)NAN;
}

static void judge(const tile *t, double threshold, figures *f)
{
    static uint32_t labels[2 * PIXELS];
    an_heatmap_box boxes[BOXES];
    size_t both = 0, either = 0, mask = 0;
    for (size_t i = 0; i < PIXELS; i++) {
        const bool above = (double)t->map[i] > threshold;
        both += above && t->faulty[i];
        either += above || t->faulty[i];
        mask += t->faulty[i];
    }
    const size_t n = an_heatmap_boxes(t->map, SIDE, SIDE, threshold, BOX_LEAST, boxes, BOXES, labels);
    const double auroc = auroc_of(t);
    bool touches = false;
    size_t highest = 0;
    for (size_t i = 0; i < PIXELS; i++)
        highest = t->map[i] > t->map[highest] ? i : highest;
    for (size_t y = boxes[0].y0; n > 0 && y <= boxes[0].y1; y++)
        for (size_t x = boxes[0].x0; x <= boxes[0].x1; x++)
            touches |= t->faulty[y * SIDE + x];
    f->images++;
    f->raised += n > 0;
    f->box += touches;
    f->chance += (double)mask / PIXELS;
    f->peak += t->faulty[highest];
    f->auroc += isfinite(auroc) ? auroc : 0;
    f->masked += isfinite(auroc);
    if (n > 0 && either > 0)
        f->iou += (double)both / (double)either;
}

static double set_threshold(void)
{
    static float peaks[IMAGES_MAX];
    an_note why = {{0}};
    double threshold = 0;
    size_t n = 0;
    for (size_t i = 0; i < n_tiles; i++)
        if (tiles[i].train && !tiles[i].fitted)
            peaks[n++] = an_heatmap_peak(tiles[i].map, SIDE, SIDE);
    need(an_threshold_from("target_far:0.05", peaks, n, &threshold, &why), &why);
    return threshold;
}

static void tell_kind(const char *kind, const figures *f)
{
    printf("  %-9s %4.0f images, AUROC %.3f, peak %.3f (chance %.3f), raised %.3f, box %.3f, IoU %.3f\n",
           kind, f->images, f->auroc / fmax(f->masked, 1), f->peak / f->images, f->chance / f->images,
           f->raised / f->images, f->box / f->images, f->iou / fmax(f->raised, 1));
}

static void tell(const char *what)
{
    const double threshold = set_threshold();
    figures all = {0};
    printf("%s\n", what);
    for (size_t k = 0; k < KINDS; k++) {
        figures f = {0};
        for (size_t i = 0; i < n_tiles; i++)
            if (!tiles[i].train && tiles[i].kind == k) {
                judge(&tiles[i], threshold, &f);
                if (k > 0)
                    judge(&tiles[i], threshold, &all);
            }
        tell_kind(kinds[k], &f);
    }
    tell_kind("faulty", &all);
}

int main(int argc, char **argv)
{
    hidden = argc > 1 ? argv[1] : NULL;
    const char *dir = getenv("ANDON_DATA");
    an_note why = {{0}};
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 2;
    an_log_init(AN_LOG_ERROR, "bench_tiles");
    if (!(tiles = an_alloc(IMAGES_MAX, sizeof *tiles)))
        return 2;
    an_err err = read_all(dir ? dir : "../shared/data", &why);
    if (err != AN_OK) {
        printf("skipped: %s\n", why.text);
        an_free(tiles);
        return 77;
    }
    map_by_contrast();
    tell("contrast");
    map_by_model();
    tell("autoencoder");
    an_free(tiles);
    return 0;
}
