/* The vector code of convolutions in few multiplications: transforms and products.
 *
 * Everything comes in lines, one vector of channels each. */
#ifndef CUPEL_CPU_WINOGRAD_KERNELS_H
#define CUPEL_CPU_WINOGRAD_KERNELS_H

#include <stdbool.h>

#include "cpu/fast/vector.h"

/* Most points of one dimension, and rows of a product. */
enum { WINOGRAD_POINTS = 6, WINOGRAD_ROWS = REGISTERS == 32 ? 8 : 4 };

/* Transforms a square of lines into another. Line (i, j) lies at element rows[i] + columns[j]; where either is negative there is
 * none: it reads as zeros, and is not written. */
typedef void (*winograd_transform_fn)(const void *from, const int64_t *from_rows, const int64_t *from_columns,
                                      void *to, const int64_t *to_rows, const int64_t *to_columns);

/* F(tile x tile, taps x taps): a tile of outputs from a window of points x points inputs, points = tile + taps - 1, by as many
 * multiplications as it has points. Inputs and weights are taken to points, multiplied there, summed over channels, and the
 * sums taken to outputs. A gradient goes the same ways back, each with its matrix transposed. */
struct winograd_family {
    int taps, tile, points;
    /* Of windows and tiles in f32, or in bf16; what lies at points, and weights, are f32. */
    winograd_transform_fn window_to_points[2], taps_to_points, points_to_tile[2]; /* forward */
    winograd_transform_fn tile_to_points[2], points_to_taps;                      /* back */
};
extern const struct winograd_family winograd_families[];
enum { WINOGRAD_FAMILIES = 4 };

/* WINOGRAD_ROWS lines of sums, in 1 or 2 vectors `next` apart: c[row] = or += sum over k of a[row, k] times b[k], for
 * `outer` times LANES numbers k. a[row, k] is element k % LANES of line a + k / LANES * a_outer + row * LANES; b[k] line k of
 * b, in vectors b_next apart. */
void winograd_sum_channels(const float *a, int64_t a_outer, int64_t outer, const float *b, int64_t b_next,
                           float *c, int64_t c_next, int vectors, bool add);
/* The same where a[row, k] is element `row` of line k, for `count` numbers k. */
void winograd_sum_tiles(const float *a, int64_t count, const float *b, int64_t b_next, float *c,
                        int64_t c_next, int vectors, bool add);

#endif
