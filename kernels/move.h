/* Moving the images of a batch at random, each by draws of its own. Plain C and kernels include this file, so that every
 * backend moves them alike. */
#ifndef CUPEL_MOVE_H
#define CUPEL_MOVE_H

#include <stdbool.h>

#include "philox.h"

/* What is done to them: mirrored left to right with probability `flip`; or shifted by up to `size` pixels each way, zeros
 * coming in, times `sign` (-1: back); or zeroed in a square of `size` pixels a side whose middle may be any pixel. */
enum move_kind { MOVE_MIRROR, MOVE_SHIFT, MOVE_CUT };
struct image_move {
    uint32_t stream;
    enum move_kind kind;
    float flip;
    int size, sign;
};

/* What is done to one image; a square of side 0 is none. */
struct moved_image {
    bool mirrored;
    int down, right;
    int top, left, side;
};

/* From 0 to count - 1: the high half of word * count. */
PHILOX_FN int draw_below(uint32_t word, int count) {
    return (int)((uint64_t)word * (uint32_t)count >> 32);
}

/* Image n of a batch, of height x width pixels, under seed rng[0] in step rng[1]. Shifts and squares take draws 2 n, down,
 * and 2 n + 1, right. */
PHILOX_FN void move_image(struct moved_image *moved, const struct image_move *move, const int64_t *rng,
                          int64_t n, int height, int width) {
    const struct philox philox = philox_start((uint64_t)rng[0], PHILOX_OPS, move->stream, (uint64_t)rng[1]);
    const uint64_t image = (uint64_t)n;
    moved->mirrored = false;
    moved->down = moved->right = moved->top = moved->left = moved->side = 0;
    if (move->kind == MOVE_MIRROR) {
        moved->mirrored = philox_unit(philox_word(&philox, image)) < move->flip;
        return;
    }
    const struct philox_block words = philox_words(&philox, image / 2);
    const uint32_t first = image % 2 ? words.word[2] : words.word[0],
                   second = image % 2 ? words.word[3] : words.word[1];
    if (move->kind == MOVE_SHIFT) {
        moved->down = move->sign * (draw_below(first, 2 * move->size + 1) - move->size);
        moved->right = move->sign * (draw_below(second, 2 * move->size + 1) - move->size);
    } else {
        moved->top = draw_below(first, height) - move->size / 2;
        moved->left = draw_below(second, width) - move->size / 2;
        moved->side = move->size;
    }
}

/* Where pixel (*h, *w) of a moved image comes from. False, when that is outside of the image or cut out: it is zero. */
PHILOX_FN bool moved_from(const struct moved_image *moved, int height, int width, int *h, int *w) {
    if (*h >= moved->top && *h < moved->top + moved->side && *w >= moved->left &&
        *w < moved->left + moved->side)
        return false;
    *h += moved->down;
    *w = moved->mirrored ? width - 1 - *w : *w + moved->right;
    return *h >= 0 && *h < height && *w >= 0 && *w < width;
}

#endif
