/* Transforms by the small matrices of Winograd's and Toom's and Cook's algorithms, and products of lines. */
#include "cpu/fast/winograd_kernels.h"

#include "cpu/fast/half.h"

/* ---- matrices ---- */

/* As Lavin and Gray name them (Fast Algorithms for Convolutional Neural Networks, 2015, arXiv 1509.09308): outputs are
 * A' ((G g) * (B' d)) of taps g and inputs d. Row i of B' holds the coefficients of the product of (x - p) over the points p
 * but the i-th, or over all of them at the point infinity; that of G the powers of point i over the product of its
 * distances to the others; column i of A' its powers. The points are 0, 1, -1 as far as they are needed, then 2, or 1/2 and -2,
 * with which the rounding errors of six points are smaller than with 2 and -2, and infinity last. */
static const float b_2_2[] = {-1, 1, 0, 0, 1, 0, 0, -1, 1}, g_2_2[] = {-1, 0, 1, 1, 0, 1},
                   a_2_2[] = {1, 1, 0, 0, 1, 1};

static const float b_4_2[] = {2, -1, -2, 1,  0, 0, -2, -1, 1, 0,  0,  2, -3,
                              1, 0,  0,  -1, 0, 1, 0,  0,  2, -1, -2, 1},
                   g_4_2[] = {1.0F / 2, 0,        -1.0F / 2, -1.0F / 2, -1.0F / 6,
                              1.0F / 6, 1.0F / 6, 1.0F / 3,  0,         1},
                   a_4_2[] = {1, 1, 1, 1, 0, 0, 1, -1, 2, 0, 0, 1, 1, 4, 0, 0, 1, -1, 8, 1};

static const float b_2_3[] = {-1, 0, 1, 0, 0, 1, 1, 0, 0, -1, 1, 0, 0, -1, 0, 1},
                   g_2_3[] = {-1, 0, 0, 0.5F, 0.5F, 0.5F, 0.5F, -0.5F, 0.5F, 0, 0, 1},
                   a_2_3[] = {1, 1, 1, 0, 0, 1, -1, 1};

static const float b_4_3[] = {1, -1.5F, -2,    1.5F,  1, 0, 0, -1, 0.5F,  2.5F, 1,    0,
                              0, 1,     -2.5F, 0.5F,  1, 0, 0, -2, -1,    2,    1,    0,
                              0, 0.5F,  -1,    -0.5F, 1, 0, 0, 1,  -1.5F, -2,   1.5F, 1},
                   g_4_3[] = {1,         0,          0,         1.0F / 3,    1.0F / 3,   1.0F / 3,
                              -1.0F / 3, 1.0F / 3,   -1.0F / 3, -16.0F / 15, -8.0F / 15, -4.0F / 15,
                              1.0F / 15, -2.0F / 15, 4.0F / 15, 0,           0,          1},
                   a_4_3[] = {1, 1, 1, 1,     1, 0, 0, 1, -1, 0.5F,   -2, 0,
                              0, 1, 1, 0.25F, 4, 0, 0, 1, -1, 0.125F, -8, 1};

/* ---- transforms ---- */

/* to[i] = sum over j of matrix[i][j] from[j]. Once unrolled, zeros and ones of the matrix cost nothing. */
INLINE void multiply(const float *matrix, const int row, const int column, const int rows, const int columns,
                     const vector *from, vector *to) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        vector sum = {0};
        bool any = false;
#pragma GCC unroll 8
        for (int j = 0; j < columns; j++) {
            const float factor = matrix[i * row + j * column];
            if (factor == 0) continue;
            const vector term = from[j];
            if (!any)
                sum = factor * term;
            else
                sum = sum + factor * term;
            any = true;
        }
        to[i] = sum;
    }
}

/* matrix times square times matrix transposed. Element (i, j) of the matrix lies at i * row + j * column. */
INLINE void transform(const float *matrix, const int row, const int column, const int rows, const int columns,
                      const void *from, const int64_t *from_rows, const int64_t *from_columns, void *to,
                      const int64_t *to_rows, const int64_t *to_columns, const bool from_half,
                      const bool to_half) {
    static const float zeros[LANES] __attribute__((aligned(64)));
    vector half[WINOGRAD_POINTS][WINOGRAD_POINTS], line[WINOGRAD_POINTS], made[WINOGRAD_POINTS];
#pragma GCC unroll 8
    for (int j = 0; j < columns; j++) {
#pragma GCC unroll 8
        for (int i = 0; i < columns; i++) {
            const void *at = address_of(from, from_rows[i] + from_columns[j], from_half);
            line[i] = vector_get((from_rows[i] | from_columns[j]) < 0 ? zeros : at, 0, from_half);
        }
        multiply(matrix, row, column, rows, columns, line, made);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) half[i][j] = made[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        multiply(matrix, row, column, rows, columns, half[i], made);
#pragma GCC unroll 8
        for (int j = 0; j < rows; j++)
            if ((to_rows[i] | to_columns[j]) >= 0)
                vector_put(to, to_rows[i] + to_columns[j], made[j], to_half);
    }
}

#define TRANSFORM(name, matrix, row, column, rows, columns, from_half, to_half)                         \
    static void name(const void *from, const int64_t *from_rows, const int64_t *from_columns, void *to, \
                     const int64_t *to_rows, const int64_t *to_columns) {                               \
        transform(matrix, row, column, rows, columns, from, from_rows, from_columns, to, to_rows,       \
                  to_columns, from_half, to_half);                                                      \
    }
#define FAMILY(tile, taps, points)                                                                          \
    TRANSFORM(window_to_points_##tile##_##taps, b_##tile##_##taps, points, 1, points, points, false, false) \
    TRANSFORM(half_window_to_points_##tile##_##taps, b_##tile##_##taps, points, 1, points, points, true,    \
              false)                                                                                        \
    TRANSFORM(taps_to_points_##tile##_##taps, g_##tile##_##taps, taps, 1, points, taps, false, false)       \
    TRANSFORM(points_to_tile_##tile##_##taps, a_##tile##_##taps, points, 1, tile, points, false, false)     \
    TRANSFORM(points_to_half_tile_##tile##_##taps, a_##tile##_##taps, points, 1, tile, points, false, true) \
    TRANSFORM(tile_to_points_##tile##_##taps, a_##tile##_##taps, 1, points, points, tile, false, false)     \
    TRANSFORM(half_tile_to_points_##tile##_##taps, a_##tile##_##taps, 1, points, points, tile, true, false) \
    TRANSFORM(points_to_taps_##tile##_##taps, g_##tile##_##taps, 1, taps, taps, points, false, false)
#define FAMILIES(X) X(2, 2, 3) X(4, 2, 5) X(2, 3, 4) X(4, 3, 6)
FAMILIES(FAMILY)

const struct winograd_family winograd_families[WINOGRAD_FAMILIES] = {
#define ROW(tile, taps, points)                                                 \
    {taps,                                                                      \
     tile,                                                                      \
     points,                                                                    \
     {window_to_points_##tile##_##taps, half_window_to_points_##tile##_##taps}, \
     taps_to_points_##tile##_##taps,                                            \
     {points_to_tile_##tile##_##taps, points_to_half_tile_##tile##_##taps},     \
     {tile_to_points_##tile##_##taps, half_tile_to_points_##tile##_##taps},     \
     points_to_taps_##tile##_##taps},
    FAMILIES(ROW)
#undef ROW
};

/* ---- products ---- */

/* For `outer` times, from lines a_outer apart: for `inner` numbers k, a[row, k] is number k * step + row * apart. */
INLINE void sum(const float *a, int64_t a_outer, int64_t outer, int64_t inner, const int step,
                const int apart, const float *b, int64_t b_next, float *c, int64_t c_next, const int vectors,
                const bool add) {
    vector sums[WINOGRAD_ROWS][2] = {0};
    for (int64_t o = 0; o < outer; o++, a += a_outer) {
        const float *x = a;
        for (int64_t i = 0; i < inner; i++, x += step, b += LANES) {
            vector value[2];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) {
                value[v] = vector_load(b + v * b_next);
                VECTOR_KEEP(value[v]);
            }
#pragma GCC unroll 8
            for (int64_t r = 0; r < WINOGRAD_ROWS; r++) {
                vector factor = vector_all(x[r * apart]);
                VECTOR_KEEP(factor);
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++) sums[r][v] += factor * value[v];
            }
        }
    }
#pragma GCC unroll 8
    for (int64_t r = 0; r < WINOGRAD_ROWS; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            float *to = c + r * LANES + v * c_next;
            if (add) sums[r][v] += vector_load(to);
            vector_store(to, sums[r][v]);
        }
}

void winograd_sum_channels(const float *a, int64_t a_outer, int64_t outer, const float *b, int64_t b_next,
                           float *c, int64_t c_next, int vectors, bool add) {
    if (vectors == 2)
        sum(a, a_outer, outer, LANES, 1, LANES, b, b_next, c, c_next, 2, add);
    else
        sum(a, a_outer, outer, LANES, 1, LANES, b, b_next, c, c_next, 1, add);
}

void winograd_sum_tiles(const float *a, int64_t count, const float *b, int64_t b_next, float *c,
                        int64_t c_next, int vectors, bool add) {
    if (vectors == 2)
        sum(a, 0, 1, count, LANES, 1, b, b_next, c, c_next, 2, add);
    else
        sum(a, 0, 1, count, LANES, 1, b, b_next, c, c_next, 1, add);
}
