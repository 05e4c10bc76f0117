/* What a convolution in few multiplications keeps from its preparation. */
#ifndef CUPEL_CPU_WINOGRAD_PLAN_H
#define CUPEL_CPU_WINOGRAD_PLAN_H

#include "cpu/fast/winograd_kernels.h"
#include "plan/backend.h"

/* Planes of lines, one for each point. Lengths are in floats. */
struct planes {
    int64_t place, own;     /* in the workspace; from a thread's to the next one's, 0: all share them */
    int64_t part, channels; /* between the parts of a block of channels, and between blocks of channels */
    int64_t block, size;    /* of a block of lines, of a plane */
    int64_t rows[WINOGRAD_POINTS], columns[WINOGRAD_POINTS];
};

/* Where rows and columns of tiles lie in an image: at rows + (part's row * tiles + tile) * size, and columns likewise; -1:
 * outside. */
struct grid {
    int64_t size;
    int64_t image; /* elements */
    const int64_t *rows, *columns;
};

struct winograd {
    const struct winograd_family *family;
    int64_t step, parts; /* stride; its square */
    int64_t kernel;      /* taps of a row of it */
    int64_t missing;     /* the point at which odd parts of a 3 x 3 kernel with stride 2 are zero; -1: none */
    int64_t outer,
        inner; /* parts that are made each for itself, parts that are summed over; one of them is 1 */
    int64_t tiles[2], count; /* of an image; of all */
    int64_t from, to;        /* blocks of channels of input 0, and of what is multiplied by it or made */
    int64_t range, ranges;   /* tiles that are worked on at a time; how many times */
    int64_t group;           /* blocks of input 0's channels that are summed over at a time */
    int64_t width, widths;   /* blocks of `to` that are made at a time; how many times */
    bool
        shares_windows; /* threads share transformed windows and each have their weights, or the other way around */
    struct grid window, tile;               /* of the side of which windows are taken, and of the other */
    int64_t lane, line;                     /* strides of the weight: between lanes, between lines */
    struct planes windows, weights, others; /* others: sums, or the transformed gradient */
    int64_t pairs,
        slices; /* conv2d_weight: pairs of blocks of `to`; into how many slices tiles are shared out, 1: none */
    int64_t sums,
        sums_size; /* conv2d_weight: their place, and floats of one block of channels and one pair */
    int64_t tap_rows[2][WINOGRAD_POINTS], tap_columns[2][WINOGRAD_POINTS];
    int64_t nowhere[WINOGRAD_POINTS];
    int64_t table[];
};

/* The kernels. */
void winograd_images(struct call *call);
void winograd_weights(struct call *call);

#endif
