/* Moving the images of a batch at random, each by draws of its own. Plain C and kernels include this file, so that every
 * backend moves them alike. */
#ifndef CUPEL_MOVE_H
#define CUPEL_MOVE_H

#include <stdbool.h>

#include "philox.h"

/* How they are moved: mirrored left to right with probability `flip`, or shifted by up to `shift` pixels each way, zeros
 * coming in, times `sign` (-1: back). */
struct image_move {
    uint32_t stream;
    bool mirrors; /* rather than shifts */
    float flip;
    int shift, sign;
};

/* How one image is moved. */
struct moved_image {
    bool mirrored;
    int down, right;
};

/* From -most to most: the high half of word * (2 most + 1). */
PHILOX_FN int shift_of(uint32_t word, int most) {
    return (int)((uint64_t)word * (2 * (uint32_t)most + 1) >> 32) - most;
}

/* Image n of a batch, under seed rng[0] in step rng[1]. */
PHILOX_FN void move_image(struct moved_image *moved, const struct image_move *move, const int64_t *rng,
                          int64_t n) {
    const struct philox philox = philox_start((uint64_t)rng[0], PHILOX_OPS, move->stream, (uint64_t)rng[1]);
    const uint64_t image = (uint64_t)n;
    moved->mirrored = false;
    moved->down = moved->right = 0;
    if (move->mirrors) {
        moved->mirrored = philox_unit(philox_word(&philox, image)) < move->flip;
    } else { /* draws 2 n and 2 n + 1 */
        const struct philox_block words = philox_words(&philox, image / 2);
        moved->down = move->sign * shift_of(image % 2 ? words.word[2] : words.word[0], move->shift);
        moved->right = move->sign * shift_of(image % 2 ? words.word[3] : words.word[1], move->shift);
    }
}

/* Where pixel (*h, *w) of a moved image comes from. False, when that is outside of the image: it is zero. */
PHILOX_FN bool moved_from(const struct moved_image *moved, int height, int width, int *h, int *w) {
    *h += moved->down;
    *w = moved->mirrored ? width - 1 - *w : *w + moved->right;
    return *h >= 0 && *h < height && *w >= 0 && *w < width;
}

#endif
