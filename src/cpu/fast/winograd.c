/* Convolution in few multiplications, of images that lie with the channels innermost: kernels of 3 x 3 with stride 1 or 2, and
 * of 4 x 4 with stride 2.
 *
 * The image and the result are cut into tiles. What a tile of results depends on, and the weights, are taken to *points*,
 * where a convolution is a product: for each point, a matrix of tiles by channels times one of channels by channels. The
 * sums are taken back. (Lavin and Gray 2015, arXiv 1509.09308.)
 *
 * With stride 2, an output meets the even and the odd rows and columns of the image each by half of the kernel: a sum of four
 * *parts*, convolutions of 2 x 2 with stride 1, which lie one behind another where sums are over channels. In
 * conv2d_image the parts make each their own quarter of the image.
 *
 * What is transformed lies in planes, one for each point: blocks of as many channels as a vector has lanes, in each
 * block a line for each tile (or, of weights, for each channel that is summed over). Of windows and weights, threads share
 * the ones of which there are fewer; the others each thread makes for itself, as many as stay in its cache, and uses them at
 * once. All sums are in an order that does not depend on the number of threads. */
#include <omp.h>
#include <string.h>

#include "cpu/fast/activation.h"
#include "cpu/fast/half.h"
#include "cpu/fast/winograd_plan.h"

enum {
    MOST_TAPS = 16,
    SUM_TILES = 128,
    AHEAD = 4
}; /* tiles that are summed up before they are added to the rest */

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static float *place(const struct call *call, const struct planes *planes) {
    return (float *)call->workspace + planes->place + omp_get_thread_num() * planes->own;
}

/* ---- tiles ---- */

struct spot {
    int64_t image, row, column;
};

/* Where WINOGRAD_ROWS tiles from `first` on lie. */
static void find_spots(const struct winograd *winograd, int64_t first, struct spot *spots) {
    for (int64_t r = 0; r < WINOGRAD_ROWS; r++) {
        const int64_t row = (first + r) / winograd->tiles[1];
        spots[r] = (struct spot){row / winograd->tiles[0], row % winograd->tiles[0],
                                 (first + r) % winograd->tiles[1]};
    }
}

static const int64_t *rows_at(const struct winograd *winograd, const struct grid *grid, int64_t part,
                              struct spot spot) {
    return grid->rows + (part / winograd->step * winograd->tiles[0] + spot.row) * grid->size;
}

static const int64_t *columns_at(const struct winograd *winograd, const struct grid *grid, int64_t part,
                                 struct spot spot) {
    return grid->columns + (part % winograd->step * winograd->tiles[1] + spot.column) * grid->size;
}

/* WINOGRAD_ROWS tiles of a part of an image, from some channel on. */
struct slice {
    const void *from;
    bool half; /* of bf16 */
    int64_t first;
    int64_t part;
};

/* Where line (0, 0) of tile r of a slice is, and its rows and columns: nowhere for tiles beyond the last one. */
struct tile {
    const void *from;
    const int64_t *rows, *columns;
    bool half;
};

static struct tile tile_of(const struct winograd *winograd, const struct grid *grid,
                           const struct slice *slice, const struct spot *spots, int64_t r) {
    if (slice->first + r >= winograd->count)
        return (struct tile){slice->from, winograd->nowhere, winograd->nowhere, slice->half};
    return (struct tile){address_of(slice->from, spots[r].image * grid->image, slice->half),
                         rows_at(winograd, grid, slice->part, spots[r]),
                         columns_at(winograd, grid, slice->part, spots[r]), slice->half};
}

/* Takes a slice, of `blocks` blocks of channels, to lines of points; lines of tiles beyond the last one are zeros. */
static void take_slice(const struct winograd *winograd, const struct grid *grid,
                       winograd_transform_fn transform, const struct slice *slice, int64_t blocks,
                       const struct planes *planes, float *to) {
    struct spot spots[WINOGRAD_ROWS];
    find_spots(winograd, slice->first, spots);
    for (int64_t r = 0; r < WINOGRAD_ROWS; r++) {
        const struct tile tile = tile_of(winograd, grid, slice, spots, r);
        for (int64_t block = 0; block < blocks; block++)
            transform(address_of(tile.from, block * LANES, tile.half), tile.rows, tile.columns,
                      to + block * planes->channels + r * LANES, planes->rows, planes->columns);
    }
}

/* The windows of `lines` tiles from `first` on, of `blocks` blocks of channels from `block` on, of all parts or (conv2d_image)
 * of part `part`. */
static void take_windows(const struct winograd *winograd, const struct call *call, int64_t first,
                         int64_t part, int64_t block, int64_t blocks, int64_t lines, float *to) {
    const struct planes *planes = &winograd->windows;
    const bool half = is_half(&call->in[0]);
    const void *from = address_of(call->in[0].data, block * LANES, half);
    for (int64_t line = 0; line < lines; line += WINOGRAD_ROWS)
        for (int64_t inner = 0; inner < winograd->inner; inner++)
            take_slice(winograd, &winograd->window, winograd->family->window_to_points[half],
                       &(struct slice){from, half, first + line, part + inner}, blocks, planes,
                       to + inner * planes->part + line * LANES);
}

/* Adds the bias and applies the activation to a tile. */
static void finish_tile(const struct call *call, const struct grid *grid, const int64_t *rows,
                        const int64_t *columns, const float *bias, void *to) {
    const int activation = call->node->attr.conv.activation;
    const float slope = (float)call->node->attr.conv.slope;
    const bool half = is_half(&call->out[0]);
    for (int64_t i = 0; i < grid->size; i++)
        for (int64_t j = 0; j < grid->size; j++) {
            if ((rows[i] | columns[j]) < 0) continue;
            vector line = vector_get(to, rows[i] + columns[j], half);
            if (bias) line += vector_load(bias);
            float *numbers = (float *)&line;
            activate_row(numbers, 1, numbers, 1, LANES, 0, activation, slope);
            vector_put(to, rows[i] + columns[j], line, half);
        }
}

/* Makes WINOGRAD_ROWS tiles from `first` on, of `blocks` blocks of channels from `block` on, from their sums at points. */
static void make_tiles(const struct winograd *winograd, const struct call *call, int64_t first, int64_t part,
                       int64_t block, int64_t blocks, const float *sums) {
    const struct grid *grid = &winograd->tile;
    const float *bias = call->n_in > 2 ? (const float *)call->in[2].data + block * LANES : NULL;
    const bool half = is_half(&call->out[0]),
               plain = !bias && call->node->attr.conv.activation == ACTIVATION_NONE;
    struct spot spots[WINOGRAD_ROWS];
    find_spots(winograd, first, spots);
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t r = 0; r < WINOGRAD_ROWS && first + r < winograd->count; r++) {
            const int64_t *rows = rows_at(winograd, grid, part, spots[r]),
                          *columns = columns_at(winograd, grid, part, spots[r]);
            void *to =
                address_of(call->out[0].data, spots[r].image * grid->image + (block + b) * LANES, half);
            winograd->family->points_to_tile[half](sums + b * winograd->others.block + r * LANES,
                                                   winograd->others.rows, winograd->others.columns, to, rows,
                                                   columns);
            if (!plain) finish_tile(call, grid, rows, columns, bias ? bias + b * LANES : NULL, to);
        }
}

/* ---- weights ---- */

/* Vector t of `taps` is element t of LANES pieces of memory `stride` apart. All but the last are read in whole vectors: what
 * lies behind them is memory of the weight's too, and is not used. */
static inline __attribute__((always_inline)) void read_taps_of(const float *from, int64_t stride,
                                                               const int count, vector *taps) {
#pragma GCC unroll 2
    for (int first = 0; first < count; first += LANES) {
        const int left = count - first < LANES ? count - first : LANES;
        vector row[LANES], last = {0};
        memcpy(&last, from + (LANES - 1) * stride + first, (size_t)left * sizeof(float));
#pragma GCC unroll 16
        for (int lane = 0; lane < LANES - 1; lane++) row[lane] = vector_load(from + lane * stride + first);
        row[LANES - 1] = last;
        vector_transpose(row);
#pragma GCC unroll 16
        for (int t = 0; t < left; t++) taps[first + t] = row[t];
    }
}

/* The other way. */
static inline __attribute__((always_inline)) void write_taps_of(const vector *taps, const int count,
                                                                float *to, int64_t stride) {
#pragma GCC unroll 2
    for (int first = 0; first < count; first += LANES) {
        const int left = count - first < LANES ? count - first : LANES;
        vector row[LANES] = {0};
#pragma GCC unroll 16
        for (int t = 0; t < left; t++) row[t] = taps[first + t];
        vector_transpose(row);
#pragma GCC unroll 16
        for (int lane = 0; lane < LANES; lane++)
            memcpy(to + lane * stride + first, &row[lane], (size_t)left * sizeof(float));
    }
}

static void read_taps(const struct winograd *winograd, const float *from, vector *taps) {
    if (winograd->kernel == 4)
        read_taps_of(from, winograd->lane, 16, taps);
    else
        read_taps_of(from, winograd->lane, 9, taps);
}

static void write_taps(const struct winograd *winograd, const vector *taps, float *to) {
    if (winograd->kernel == 4)
        write_taps_of(taps, 16, to, winograd->lane);
    else
        write_taps_of(taps, 9, to, winograd->lane);
}

/* Takes the weights of block `block` of what is made and `blocks` blocks of channels from `from` on, all or (conv2d_image)
 * `parts` parts from `part` on, to points. */
static void take_weights(const struct winograd *winograd, const struct call *call, int64_t block,
                         int64_t part, int64_t parts, int64_t from, int64_t blocks, float *to) {
    const struct planes *planes = &winograd->weights;
    const float *weight = (const float *)call->in[1].data + block * LANES * winograd->lane;
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t line = 0; line < LANES; line++) {
            const float *at = weight + ((from + b) * LANES + line) * winograd->line;
            vector taps[MOST_TAPS];
            if (line + AHEAD < LANES)
                for (int lane = 0; lane < LANES; lane++)
                    __builtin_prefetch(at + AHEAD * winograd->line + lane * winograd->lane);
            read_taps(winograd, at, taps);
            for (int64_t p = 0; p < parts; p++)
                winograd->family->taps_to_points((const float *)taps,
                                                 winograd->tap_rows[(part + p) / winograd->step],
                                                 winograd->tap_columns[(part + p) % winograd->step],
                                                 to + p * planes->part + b * planes->channels + line * LANES,
                                                 planes->rows, planes->columns);
        }
}

/* ---- conv2d and conv2d_image ---- */

/* What is made at a time: some tiles of some blocks of channels, of a part. */
struct item {
    int64_t part;
    int64_t first, lines; /* tiles */
    int64_t block, blocks;
};

/* Parts come one after another, since they take the same weights. */
static struct item item_of(const struct winograd *winograd, int64_t i) {
    const int64_t place = i / winograd->outer, width = place % winograd->widths * winograd->width,
                  range = place / winograd->widths * winograd->range;
    const int64_t lines = least(winograd->count - range, winograd->range);
    return (struct item){.part = i % winograd->outer,
                         .first = range,
                         .lines = (lines + WINOGRAD_ROWS - 1) / WINOGRAD_ROWS * WINOGRAD_ROWS,
                         .block = width,
                         .blocks = least(winograd->to - width, winograd->width)};
}

/* Whether the weights of a part are zeros at a point. */
static bool is_zero(const struct winograd *winograd, int64_t part, int64_t point) {
    return (part / winograd->step == 1 && point / winograd->family->points == winograd->missing) ||
           (part % winograd->step == 1 && point % winograd->family->points == winograd->missing);
}

/* Adds the products over `count` blocks of channels to the sums of one point of an item. */
static void sum_channels(const struct winograd *winograd, const struct item *item, int64_t count,
                         const float *a, const float *b, bool add, float *sums) {
    const struct planes *windows = &winograd->windows, *weights = &winograd->weights,
                        *others = &winograd->others;
    for (int64_t block = 0; block < item->blocks; block += 2)
        for (int64_t line = 0; line < item->lines; line += WINOGRAD_ROWS)
            winograd_sum_channels(a + line * LANES, windows->block, count, b + block * weights->block,
                                  weights->block, sums + block * others->block + line * LANES, others->block,
                                  item->blocks - block > 1 ? 2 : 1, add);
}

/* Adds the products over a group of channels to the sums of all points of an item. Where a part is zero at a point, parts are
 * taken one by one. */
static void sum_group(const struct winograd *winograd, const struct item *item, int64_t count, const float *a,
                      const float *b, bool add, float *sums) {
    const int64_t points = winograd->family->points * winograd->family->points, inner = winograd->inner;
    for (int64_t point = 0; point < points; point++) {
        const int64_t run = inner > 1 && is_zero(winograd, inner - 1, point) ? 1 : count;
        bool more = add;
        for (int64_t k = 0; k < count; k += run) {
            if (is_zero(winograd, inner > 1 && run == 1 ? k % inner : item->part, point)) continue;
            sum_channels(winograd, item, run, a + k * winograd->windows.block, b + k * LANES * LANES, more,
                         sums);
            more = true;
        }
        if (!more) memset(sums, 0, (size_t)winograd->others.size * sizeof *sums);
        a += winograd->windows.size;
        b += winograd->weights.size;
        sums += winograd->others.size;
    }
}

static void make_item(const struct winograd *winograd, const struct call *call, struct item item) {
    const bool shared = winograd->shares_windows;
    const int64_t shared_part = winograd->outer > 1 ? item.part : 0;
    float *windows = place(call, &winograd->windows), *weights = place(call, &winograd->weights),
          *sums = place(call, &winograd->others);
    if (shared)
        windows += shared_part * winograd->windows.part + item.first * LANES;
    else
        weights += shared_part * winograd->weights.part;
    for (int64_t block = 0; block < winograd->from; block += winograd->group) {
        const int64_t blocks = least(winograd->from - block, winograd->group);
        if (shared)
            for (int64_t b = 0; b < item.blocks; b++)
                take_weights(winograd, call, item.block + b, item.part, winograd->inner, block, blocks,
                             weights + b * winograd->weights.block);
        else
            take_windows(winograd, call, item.first, item.part, block, blocks, item.lines, windows);
        sum_group(winograd, &item, blocks * winograd->inner,
                  windows + (shared ? block * winograd->windows.channels : 0),
                  weights + (shared ? 0 : block * winograd->weights.channels), block > 0, sums);
    }
    for (int64_t line = 0; line < item.lines; line += WINOGRAD_ROWS)
        make_tiles(winograd, call, item.first + line, item.part, item.block, item.blocks,
                   sums + line * LANES);
}

void winograd_images(struct call *call) {
    const struct winograd *winograd = call->prepared;
    const struct planes *windows = &winograd->windows, *weights = &winograd->weights;
#pragma omp parallel num_threads(call->device->threads)
    {
        if (winograd->shares_windows) {
#pragma omp for schedule(static)
            for (int64_t line = 0; line < winograd->count; line += WINOGRAD_ROWS)
                for (int64_t part = 0; part < winograd->outer; part++)
                    take_windows(winograd, call, line, part, 0, winograd->from, WINOGRAD_ROWS,
                                 place(call, windows) + (winograd->outer > 1 ? part * windows->part : 0) +
                                     line * LANES);
        } else {
#pragma omp for schedule(static)
            for (int64_t i = 0; i < winograd->from * winograd->to; i++) {
                const int64_t block = i / winograd->from, from = i % winograd->from;
                take_weights(winograd, call, block, 0, winograd->parts, from, 1,
                             place(call, weights) + block * weights->block + from * weights->channels);
            }
        }
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < winograd->outer * winograd->ranges * winograd->widths; i++)
            make_item(winograd, call, item_of(winograd, i));
    }
}

/* ---- conv2d_weight ---- */

/* Sums lie [point][part][vector][channel] for each block of the image's channels and pair of blocks of the gradient's. */
static float *sums_at(const struct winograd *winograd, const struct call *call, int64_t slice, int64_t item) {
    const int64_t items = winograd->from * winograd->pairs;
    return (float *)call->workspace + winograd->sums + (slice * items + item) * winograd->sums_size;
}

/* Adds the products of `count` tiles at one point to the sums of an item. */
static void sum_tiles(const struct winograd *winograd, const struct call *call, int64_t count, int64_t item,
                      int64_t point, bool add, float *sums) {
    const struct planes *windows = &winograd->windows, *gradient = &winograd->others;
    const int64_t block = item / winograd->pairs, other = item % winograd->pairs * 2;
    const int vectors = winograd->to - other > 1 ? 2 : 1;
    const float *b = place(call, gradient) + point * gradient->size + other * gradient->block;
    for (int64_t part = 0; part < winograd->parts; part++) {
        if (is_zero(winograd, part, point)) continue;
        const float *a =
            place(call, windows) + point * windows->size + part * windows->part + block * windows->channels;
        float *c = sums + (point * winograd->parts + part) * 2 * LANES * LANES;
        for (int64_t t = 0; t < count; t += SUM_TILES)
            for (int64_t row = 0; row < LANES; row += WINOGRAD_ROWS)
                winograd_sum_tiles(a + t * LANES + row, least(count - t, SUM_TILES), b + t * LANES,
                                   gradient->block, c + row * LANES, (int64_t)LANES * LANES, vectors,
                                   add || t > 0);
    }
}

/* Takes the sums of an item to weights. */
static void make_weights(const struct winograd *winograd, const struct call *call, int64_t item,
                         const float *sums) {
    const int64_t points = winograd->family->points, parts = winograd->parts;
    const int64_t size = 2L * LANES * LANES, block = item / winograd->pairs,
                  other = item % winograd->pairs * 2;
    int64_t rows[WINOGRAD_POINTS], columns[WINOGRAD_POINTS];
    for (int64_t i = 0; i < points; i++) {
        rows[i] = size * parts * points * i;
        columns[i] = size * parts * i;
    }
    for (int64_t v = 0; v < 2 && other + v < winograd->to; v++)
        for (int64_t channel = 0; channel < LANES; channel++) {
            vector taps[MOST_TAPS];
            for (int64_t part = 0; part < parts; part++)
                winograd->family->points_to_taps(
                    sums + part * size + (v * LANES + channel) * LANES, rows, columns, (float *)taps,
                    winograd->tap_rows[part / winograd->step], winograd->tap_columns[part % winograd->step]);
            write_taps(winograd, taps,
                       (float *)call->out[0].data + (other + v) * LANES * winograd->lane +
                           (block * LANES + channel) * winograd->line);
        }
}

/* Takes the image and the gradient of WINOGRAD_ROWS tiles to points. */
static void take_both(const struct winograd *winograd, const struct call *call, int64_t first, int64_t line) {
    const bool half = is_half(&call->in[1]);
    take_windows(winograd, call, first, 0, 0, winograd->from, WINOGRAD_ROWS,
                 place(call, &winograd->windows) + line * LANES);
    take_slice(winograd, &winograd->tile, winograd->family->tile_to_points[half],
               &(struct slice){call->in[1].data, half, first, 0}, winograd->to, &winograd->others,
               place(call, &winograd->others) + line * LANES);
}

/* Sums over the tiles of a slice, a range at a time, which the thread takes to points for itself. */
static void sum_slice(const struct winograd *winograd, const struct call *call, int64_t slice) {
    const int64_t points = winograd->family->points * winograd->family->points,
                  items = winograd->from * winograd->pairs,
                  begin = winograd->count * slice / winograd->slices,
                  end = winograd->count * (slice + 1) / winograd->slices;
    for (int64_t first = begin; first < end; first += winograd->range) {
        const int64_t count = least(end - first, winograd->range);
        for (int64_t line = 0; line < count; line += WINOGRAD_ROWS)
            take_both(winograd, call, first + line, line);
        for (int64_t point = 0; point < points; point++)
            for (int64_t item = 0; item < items; item++)
                sum_tiles(winograd, call, count, item, point, first > begin,
                          sums_at(winograd, call, slice, item));
    }
}

/* Adds up the slices' sums. */
static float *add_slices(const struct winograd *winograd, const struct call *call, int64_t item) {
    float *sums = sums_at(winograd, call, 0, item);
    for (int64_t slice = 1; slice < winograd->slices; slice++) {
        const float *more = sums_at(winograd, call, slice, item);
        for (int64_t i = 0; i < winograd->sums_size; i += LANES)
            vector_store(sums + i, vector_load(sums + i) + vector_load(more + i));
    }
    return sums;
}

/* Many tiles: threads share out slices of them. */
static void sum_slices(const struct winograd *winograd, const struct call *call) {
#pragma omp for schedule(dynamic)
    for (int64_t slice = 0; slice < winograd->slices; slice++) sum_slice(winograd, call, slice);
#pragma omp for schedule(static)
    for (int64_t item = 0; item < winograd->from * winograd->pairs; item++)
        make_weights(winograd, call, item, add_slices(winograd, call, item));
}

/* Few tiles and many weights: threads share out the weights, whose sums need not stay. */
static void sum_items(const struct winograd *winograd, const struct call *call) {
    const int64_t points = winograd->family->points * winograd->family->points;
#pragma omp for schedule(static)
    for (int64_t line = 0; line < winograd->count; line += WINOGRAD_ROWS)
        take_both(winograd, call, line, line);
#pragma omp for schedule(dynamic)
    for (int64_t item = 0; item < winograd->from * winograd->pairs; item++) {
        float *sums = (float *)call->workspace + winograd->sums + omp_get_thread_num() * winograd->sums_size;
        for (int64_t point = 0; point < points; point++)
            sum_tiles(winograd, call, winograd->count, item, point, false, sums);
        make_weights(winograd, call, item, sums);
    }
}

void winograd_weights(struct call *call) {
    const struct winograd *winograd = call->prepared;
#pragma omp parallel num_threads(call->device->threads)
    if (winograd->slices > 1)
        sum_slices(winograd, call);
    else
        sum_items(winograd, call);
}
