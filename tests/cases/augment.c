/* Cases of the ops that make images anew. */
#include "case.h"

/* number: half the range of angles, the largest shift, the least scale, how far the largest is from it. */
static void build_random_affine(const struct op_case *one, struct cupel_tensor **in,
                                struct cupel_tensor **out) {
    const double angle = one->number[0], shift = one->number[1], scale = one->number[2];
    const struct cupel_affine affine = {
        .rotate = {-angle, angle}, .translate = {shift, shift / 2}, .scale = {scale, scale + one->number[3]}};
    out[0] = cupel_random_affine(in[0], in[1], in[2], &affine);
}
#define PICTURES(n, c, h, w)           \
    {{4, {n, c, h, w}}}, {{1, {c}}}, { \
        .kind = CASE_RNG               \
    }
#define MADE(name, images, ...) \
    { name, build_random_affine, {images}, .number = {__VA_ARGS__}, .no_grad = true }
CASES(random_affine) = {
    MADE("one", PICTURES(1, 1, 1, 1), 180, 0, 1, 0),
    MADE("still", PICTURES(2, 3, 5, 7), 0, 0, 1, 0),
    MADE("rotated", PICTURES(7, 3, 5, 9), 180, 0, 1, 0),
    MADE("shifted", PICTURES(7, 3, 9, 5), 0, 0.6, 1, 0),
    MADE("scaled", PICTURES(5, 4, 8, 6), 0, 0, 0.3, 3),
    MADE("all", PICTURES(9, 3, 11, 13), 30, 0.2, 0.5, 1),
    MADE("blocks", PICTURES(3, 2, 17, 31), 15, 0.1, 0.9, 0.2),
    MADE("planes", PICTURES(2, 1, 28, 28), 10, 0.1, 0.9, 0.2),
    /* more than the blocks of an image do in one round */
    MADE("large", PICTURES(1, 1, 91, 93), 10, 0.1, 0.9, 0.2),
    {0},
};

/* number: half the range of brightness and contrast, of saturation and of hue; how far the middle of factors is from 1. */
static void build_color_jitter(const struct op_case *one, struct cupel_tensor **in,
                               struct cupel_tensor **out) {
    const double side = one->number[0], colour = one->number[1], hue = one->number[2],
                 middle = 1 + one->number[3];
    const struct cupel_jitter jitter = {.brightness = {middle - side, middle + side},
                                        .contrast = {1 - side, 1 + side},
                                        .saturation = {1 - colour, 1 + colour},
                                        .hue = {-hue, hue}};
    out[0] = cupel_color_jitter(in[0], in[1], in[2], in[3], &jitter);
}
#define COLOURS(n, c, h, w)                                              \
    {{4, {n, c, h, w}}}, {{1, {c}}, CASE_UNIT}, {{1, {c}}, CASE_UNIT}, { \
        .kind = CASE_RNG                                                 \
    }
#define COLOURED(name, images, ...) \
    { name, build_color_jitter, {images}, .number = {__VA_ARGS__}, .no_grad = true }
CASES(color_jitter) = {
    COLOURED("one", COLOURS(1, 3, 1, 1), 0.4, 0.4, 0.1),
    COLOURED("grey", COLOURS(5, 1, 7, 9), 0.4, 0, 0),
    COLOURED("grey-blocks", COLOURS(2, 1, 19, 33), 0.9, 0, 0),
    COLOURED("brightness", COLOURS(3, 3, 5, 7), 0, 0, 0, -0.5),
    COLOURED("saturation", COLOURS(3, 3, 5, 7), 0, 1, 0),
    COLOURED("hue", COLOURS(7, 3, 5, 9), 0, 0, 0.5),
    COLOURED("all", COLOURS(9, 3, 11, 13), 0.4, 0.4, 0.5),
    COLOURED("blocks", COLOURS(3, 3, 17, 31), 0.8, 0.8, 0.3, 0.5),
    {0},
};
