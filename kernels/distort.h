/* Resampling and recolouring the images of a batch at random, each by draws of its own: what is drawn, and the formulas. Plain
 * C and kernels include this file. What decides which pixels are read is computed by fmaf and operations whose result is
 * rounded at once, so that every backend reads the same. */
#ifndef CUPEL_DISTORT_H
#define CUPEL_DISTORT_H

#include <stdbool.h>

#include "philox.h"

/* ---- rotating, shifting and scaling ---- */

/* Ranges to draw from. Angles are whole numbers of 2^-32 turns, clockwise. */
struct image_affine {
    uint32_t stream;
    int64_t angle, angles; /* the least, and how many there are: to 2^32 */
    float right, down;     /* the largest shifts, in pixels */
    float scale, scales;   /* the least, and how far the largest is from it */
};

/* How pixels of one image of the result are found: the source of (h, w) is R (w - left, h - top) + middle. */
struct resampled {
    float cosine, sine; /* over the scale */
    float left, top;    /* the middle of the image plus the shift */
    float middle_w, middle_h;
};

/* Where a pixel of the result lies in an image: between (h, w) and (h + 1, w + 1), the parts of which are `down` and `right`. */
struct between {
    int h, w;
    float down, right;
};

/* Image n of a batch, under seed rng[0] in step rng[1], by draws 4 n (angle), 4 n + 1 (right), 4 n + 2 (down) and 4 n + 3
 * (scale). Shifts are whole pixels. */
PHILOX_FN void resample_image(struct resampled *to, const struct image_affine *how, const int64_t *rng,
                              int64_t n, int height, int width) {
    const struct philox philox = philox_start((uint64_t)rng[0], PHILOX_OPS, how->stream, (uint64_t)rng[1]);
    const struct philox_block words = philox_words(&philox, (uint64_t)n);
    const uint64_t part = (uint64_t)words.word[0] * (uint64_t)how->angles >> 32;
    const float scale = fmaf(how->scales, philox_unit(words.word[3]), how->scale);
    float cosine, sine;
    philox_turn((uint32_t)((uint64_t)how->angle + part), &cosine, &sine);
    to->cosine = cosine / scale;
    to->sine = sine / scale;
    to->middle_w = (float)(width - 1) * 0.5f;
    to->middle_h = (float)(height - 1) * 0.5f;
    to->left = to->middle_w + rintf(fmaf(2 * how->right, philox_unit(words.word[1]), -how->right));
    to->top = to->middle_h + rintf(fmaf(2 * how->down, philox_unit(words.word[2]), -how->down));
}

/* Where pixel (h, w) comes from. False, when that is a pixel or more outside of the image. */
PHILOX_FN bool resampled_from(const struct resampled *how, int height, int width, int h, int w,
                              struct between *from) {
    const float x = (float)w - how->left, y = (float)h - how->top;
    const float at_w = fmaf(how->cosine, x, fmaf(how->sine, y, how->middle_w)),
                at_h = fmaf(-how->sine, x, fmaf(how->cosine, y, how->middle_h));
    if (!(at_w > -1 && at_w < (float)width && at_h > -1 && at_h < (float)height)) return false;
    const float first_w = floorf(at_w), first_h = floorf(at_h);
    from->w = (int)first_w;
    from->h = (int)first_h;
    from->right = at_w - first_w;
    from->down = at_h - first_h;
    return true;
}

/* The pixel between four, the upper left first. */
PHILOX_FN float blend_pixels(const struct between *at, float a, float b, float c, float d) {
    const float upper = fmaf(at->right, b - a, a), lower = fmaf(at->right, d - c, c);
    return fmaf(at->down, lower - upper, upper);
}

/* ---- colours ---- */

/* Ranges to draw from: of brightness, contrast, saturation and hue. */
struct image_jitter {
    uint32_t stream;
    float least[4], range[4];
};

struct jittered {
    float brightness, contrast, saturation, hue; /* hue in sixths of the circle */
};

/* Image n of a batch, by draws 4 n to 4 n + 3. */
PHILOX_FN void jitter_image(struct jittered *to, const struct image_jitter *how, const int64_t *rng,
                            int64_t n) {
    const struct philox philox = philox_start((uint64_t)rng[0], PHILOX_OPS, how->stream, (uint64_t)rng[1]);
    const struct philox_block words = philox_words(&philox, (uint64_t)n);
    to->brightness = fmaf(how->range[0], philox_unit(words.word[0]), how->least[0]);
    to->contrast = fmaf(how->range[1], philox_unit(words.word[1]), how->least[1]);
    to->saturation = fmaf(how->range[2], philox_unit(words.word[2]), how->least[2]);
    to->hue = 6 * fmaf(how->range[3], philox_unit(words.word[3]), how->least[3]);
}

PHILOX_FN float clamp_colour(float x) {
    return x < 0 ? 0.0f : x > 1 ? 1.0f : x;
}

/* factor x + (1 - factor) other */
PHILOX_FN float blend_colours(float factor, float x, float other) {
    return clamp_colour(fmaf(factor, x - other, other));
}

/* ITU-R BT.601's weights, as torchvision rounds them. */
PHILOX_FN float grey_of(float red, float green, float blue) {
    return 0.2989f * red + 0.587f * green + 0.114f * blue;
}

/* Turns the hue of a colour by `turn` sixths of the circle of HSV, |turn| <= 3. With c = max - min, a channel is
 * max - c clamp(min(k, 4 - k), 0, 1), k = (n + hue) mod 6, n = 5 for red, 3 for green and 1 for blue. */
PHILOX_FN float hue_channel(float most, float range, float at) {
    const float k = at - 6 * floorf(at / 6), away = 4 - k, near = k < away ? k : away;
    return most - range * clamp_colour(near);
}
PHILOX_FN void turn_hue(float colour[3], float turn) {
    const float red = colour[0], green = colour[1], blue = colour[2];
    const float larger = red > green ? red : green, smaller = red > green ? green : red;
    const float most = larger > blue ? larger : blue, range = most - (smaller < blue ? smaller : blue);
    const float inverse = range > 0 ? 1 / range : 0.0f;
    const float hue = most == red     ? (green - blue) * inverse
                      : most == green ? 2 + (blue - red) * inverse
                                      : 4 + (red - green) * inverse;
    colour[0] = hue_channel(most, range, 5 + hue + turn);
    colour[1] = hue_channel(most, range, 3 + hue + turn);
    colour[2] = hue_channel(most, range, 1 + hue + turn);
}

/* What is done to a colour once the image's mean grey is known; of one channel, brightness and contrast alone. */
PHILOX_FN void jitter_colour(const struct jittered *how, float mean, int channels, float colour[3]) {
    for (int c = 0; c < channels; c++)
        colour[c] = blend_colours(how->contrast, clamp_colour(how->brightness * colour[c]), mean);
    if (channels != 3) return;
    const float grey = grey_of(colour[0], colour[1], colour[2]);
    for (int c = 0; c < 3; c++) colour[c] = blend_colours(how->saturation, colour[c], grey);
    if (how->hue != 0) turn_hue(colour, how->hue);
}

#endif
