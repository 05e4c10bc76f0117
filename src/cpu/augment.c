/* Reference kernels: images that are resampled and recoloured. Draws and places are made in f32 arithmetic, whatever `real`
 * is, so that every backend reads the same pixels. */
#include "cpu/kernel.h"

/* ---- random_affine ---- */

/* Pixel (h, w) of a plane; `fill` beyond it. */
static double pixel_at(const real *plane, const struct view *x, int h, int w, double fill) {
    const bool inside = h >= 0 && h < x->shape.dim[2] && w >= 0 && w < x->shape.dim[3];
    return inside ? (double)plane[h * x->stride[2] + w * x->stride[3]] : fill;
}

KERNEL(random_affine) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const struct image_affine how = node_affine(call->node);
    const int64_t *dim = y->shape.dim;
    struct resampled image = {0};
    FOR_EACH4(dim, n, c, h, w) {
        if (c == 0 && h == 0 && w == 0)
            resample_image(&image, &how, call->in[2].data, n, (int)dim[2], (int)dim[3]);
        struct between at;
        const real *plane = IN(0) + at4(x, n, c, 0, 0);
        const double fill = (double)IN(1)[c];
        double value = fill;
        if (resampled_from(&image, (int)dim[2], (int)dim[3], (int)h, (int)w, &at)) {
            const double right = (double)at.right, down = (double)at.down;
            const double upper = (1 - right) * pixel_at(plane, x, at.h, at.w, fill) +
                                 right * pixel_at(plane, x, at.h, at.w + 1, fill),
                         lower = (1 - right) * pixel_at(plane, x, at.h + 1, at.w, fill) +
                                 right * pixel_at(plane, x, at.h + 1, at.w + 1, fill);
            value = (1 - down) * upper + down * lower;
        }
        OUT(0)[at4(y, n, c, h, w)] = (real)value;
    }
}

/* ---- color_jitter: torchvision's formulas, by way of hue, saturation and value ---- */

static double clamped(double x) {
    return fmin(fmax(x, 0), 1);
}

static double blended(double factor, double x, double other) {
    return clamped(factor * x + (1 - factor) * other);
}

static double grey(const double *colour, int64_t channels) {
    return channels == 1 ? colour[0] : 0.2989 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];
}

static void turned(double *colour, double turn) {
    const double red = colour[0], green = colour[1], blue = colour[2], value = fmax(red, fmax(green, blue)),
                 range = value - fmin(red, fmin(green, blue));
    if (range == 0) return;
    const double saturation = range / value;
    double hue = value == red     ? (green - blue) / range
                 : value == green ? 2 + (blue - red) / range
                                  : 4 + (red - green) / range;
    hue = hue / 6 + turn;
    hue = (hue - floor(hue)) * 6;
    const double part = hue - floor(hue), p = value * (1 - saturation), q = value * (1 - saturation * part),
                 t = value * (1 - saturation * (1 - part));
    const double sixths[6][3] = {{value, t, p}, {q, value, p}, {p, value, t},
                                 {p, q, value}, {t, p, value}, {value, p, q}};
    memcpy(colour, sixths[(int)floor(hue) % 6], sizeof *sixths);
}

/* The colour of a pixel, made brighter or darker. */
static void read_colour(const struct call *call, int64_t n, int64_t h, int64_t w, double brightness,
                        double *colour) {
    const struct view *x = &call->in[0];
    for (int64_t c = 0; c < x->shape.dim[1]; c++)
        colour[c] =
            clamped(brightness * ((double)IN(0)[at4(x, n, c, h, w)] * (double)IN(2)[c] + (double)IN(1)[c]));
}

/* The result may lie over the input, so all of an image is read for its mean first. */
KERNEL(color_jitter) {
    const struct view *y = &call->out[0];
    const struct image_jitter how = node_jitter(call->node);
    const int64_t *dim = y->shape.dim, channels = dim[1], pixels = dim[2] * dim[3];
    for (int64_t n = 0; n < dim[0]; n++) {
        struct jittered image;
        jitter_image(&image, &how, call->in[3].data, n);
        double mean = 0, colour[3] = {0};
        for (int64_t i = 0; i < pixels; i++) {
            read_colour(call, n, i / dim[3], i % dim[3], (double)image.brightness, colour);
            mean += grey(colour, channels) / (double)pixels;
        }
        for (int64_t i = 0; i < pixels; i++) {
            read_colour(call, n, i / dim[3], i % dim[3], (double)image.brightness, colour);
            for (int64_t c = 0; c < channels; c++)
                colour[c] = blended((double)image.contrast, colour[c], mean);
            if (channels == 3) {
                const double of = grey(colour, channels);
                for (int64_t c = 0; c < 3; c++) colour[c] = blended((double)image.saturation, colour[c], of);
                turned(colour, (double)image.hue / 6);
            }
            for (int64_t c = 0; c < channels; c++) {
                const double number = (colour[c] - (double)IN(1)[c]) / (double)IN(2)[c];
                OUT(0)[at4(y, n, c, i / dim[3], i % dim[3])] = (real)number;
            }
        }
    }
}
