/* Preparing convolutions in few multiplications: which calls, tables, and the workspace. */
#include "cpu/fast/winograd_plan.h"

#include <stdlib.h>

#include "cpu/fast/half.h"
#include "cpu/fast/winograd.h"

static int64_t round_up(int64_t value, int64_t of) {
    return (value + of - 1) / of * of;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- which calls ---- */

static bool channels_innermost(const struct view *view) {
    const int64_t *dim = view->shape.dim, *stride = view->stride;
    return dim[1] % LANES == 0 && stride[1] == 1 && stride[3] == dim[1] && stride[2] == dim[1] * dim[3] &&
           stride[0] == dim[1] * dim[3] * dim[2];
}

/* The views of a convolution, whatever is made of them. */
struct views {
    const struct view *image, *result, *weight;
};

static struct views views_of(const struct call *call) {
    switch (call->node->op) {
    case OP_conv2d_image:
        return (struct views){&call->out[0], &call->in[0], &call->in[1]};
    case OP_conv2d_weight:
        return (struct views){&call->in[0], &call->in[1], &call->out[0]};
    default:
        return (struct views){&call->in[0], &call->out[0], &call->in[1]};
    }
}

/* Measured with one thread of a processor with AVX-512, beside oneDNN's direct code: 3 x 3 gains a tenth with 16 channels, a half
 * with 32, and twice the speed and more with 64; gradients of the weight nothing with 32 by 32 channels, and twice the speed with 64
 * by 64. 4 x 4 with stride 2 gains a little less, 3 x 3 with stride 2 a tenth to a quarter. Images of bf16 are read and written, but
 * all else is f32. oneDNN multiplies those at twice the speed; that leaves stride 1, and sums over few pixels, which it does badly. */
bool winograd_pays(const struct call *call) {
    const struct cupel_conv *conv = &call->node->attr.conv.conv;
    const struct views views = views_of(call);
    const int64_t *kernel = views.weight->shape.dim + 2;
    const int64_t step = conv->stride[0];
    const bool half = is_half(views.image) || is_half(views.result),
               weight = call->node->op == OP_conv2d_weight;
    if (half && step != 1 && !(weight && views.result->shape.dim[3] < 8)) return false;
    return views.weight->dtype == CUPEL_F32 && conv->groups == 1 && conv->dilation[0] == 1 &&
           conv->dilation[1] == 1 && conv->stride[1] == step && (step == 1 || step == 2) &&
           kernel[1] == kernel[0] && (kernel[0] == 3 || kernel[0] == step + 2) &&
           channels_innermost(views.image) && channels_innermost(views.result) &&
           (!weight || views.image->shape.dim[1] * views.result->shape.dim[1] >= 2048);
}

/* ---- tables ---- */

/* Fills in where rows or columns of tiles lie: element u of tile t of a part at base[part] + t * advance + u * step. */
static int64_t *fill(int64_t *table, int64_t parts, const int64_t *base, int64_t tiles, int64_t advance,
                     int64_t size, int64_t step, int64_t limit, int64_t stride) {
    for (int64_t part = 0; part < parts; part++)
        for (int64_t t = 0; t < tiles; t++)
            for (int64_t u = 0; u < size; u++) {
                const int64_t at = base[part] + t * advance + u * step;
                *table++ = at >= 0 && at < limit ? at * stride : -1;
            }
    return table;
}

static void fill_tables(struct winograd *winograd, const struct call *call) {
    const struct views views = views_of(call);
    const bool image = call->node->op == OP_conv2d_image;
    const struct winograd_family *family = winograd->family;
    const int64_t step = winograd->step;
    const struct view *window = image ? views.result : views.image,
                      *tile = image ? views.image : views.result;
    winograd->window = (struct grid){.size = family->points, .image = window->stride[0]};
    winograd->tile = (struct grid){.size = family->tile, .image = tile->stride[0]};
    int64_t *table = winograd->table;
    for (int axis = 0; axis < 2; axis++) {
        const int64_t pad = call->node->attr.conv.conv.pad[axis];
        int64_t windows[2], tiles[2] = {0};
        for (int64_t part = 0; part < step; part++) {
            /* The first row of the image that the part makes, and the first that the first one meets. */
            const int64_t row = (part - pad) % step == 0 ? 0 : 1;
            windows[part] = image ? (row + pad - part) / step - (family->taps - 1) : part - pad;
            if (image) tiles[part] = row;
        }
        *(axis ? &winograd->window.columns : &winograd->window.rows) = table;
        table = fill(table, step, windows, winograd->tiles[axis], family->tile * (image ? 1 : step),
                     family->points, image ? 1 : step, window->shape.dim[2 + axis], window->stride[2 + axis]);
        *(axis ? &winograd->tile.columns : &winograd->tile.rows) = table;
        table = fill(table, step, tiles, winograd->tiles[axis], family->tile * (image ? step : 1),
                     family->tile, image ? step : 1, tile->shape.dim[2 + axis], tile->stride[2 + axis]);
    }
    for (int64_t part = 0; part < step; part++)
        for (int64_t tap = 0; tap < family->taps; tap++) {
            const int64_t at = (image ? family->taps - 1 - tap : tap) * step + part;
            const bool none = at >= winograd->kernel;
            winograd->tap_rows[part][tap] = none ? -1 : at * winograd->kernel * LANES;
            winograd->tap_columns[part][tap] = none ? -1 : at * LANES;
        }
    for (int i = 0; i < WINOGRAD_POINTS; i++) winograd->nowhere[i] = -1;
}

/* ---- workspace ---- */

/* Planes of `blocks` blocks of channels, each of inner blocks of `lines` lines, or of `inner` times `lines` lines, behind what
 * is in the workspace so far: `outer` times, and that `copies` times if more than one thread has its own. Blocks and planes
 * have an odd number of lines: powers of two would meet in a few sets of a cache. */
static void lay_out(struct call *call, const struct winograd *winograd, struct planes *planes, int64_t outer,
                    int64_t blocks, int64_t lines, bool own) {
    const int64_t points = winograd->family->points;
    planes->place = (int64_t)(call->workspace_bytes / sizeof(float));
    planes->block = (lines | 1) * LANES;
    planes->size = (blocks * (lines | 1) | 1) * LANES;
    planes->part = planes->size * points * points;
    for (int64_t i = 0; i < points; i++) {
        planes->rows[i] = i * points * planes->size;
        planes->columns[i] = i * planes->size;
    }
    const int64_t all = planes->part * outer;
    planes->own = own ? all : 0;
    call->workspace_bytes += (size_t)(all * (own ? call->device->threads : 1)) * sizeof(float);
}

/* Windows of so many tiles: blocks of lines in the order in which they are summed over, parts within channels. */
static void lay_out_windows(struct call *call, struct winograd *winograd, int64_t outer, int64_t blocks,
                            int64_t tiles, bool own) {
    struct planes *planes = &winograd->windows;
    lay_out(call, winograd, planes, outer, blocks * winograd->inner, tiles, own);
    planes->channels = planes->block * winograd->inner;
    if (winograd->inner > 1) planes->part = planes->block;
}

static void lay_out_weights(struct call *call, struct winograd *winograd, int64_t outer, int64_t blocks,
                            int64_t width, bool own) {
    struct planes *planes = &winograd->weights;
    lay_out(call, winograd, planes, outer, width, blocks * winograd->inner * LANES, own);
    planes->channels = winograd->inner * LANES * LANES;
    if (winograd->inner > 1) planes->part = (int64_t)LANES * LANES;
}

/* conv2d and conv2d_image: bytes of sums and windows (fewer where the weights, all of which each range of tiles meets, are few
 * themselves), tiles, and channels that are worked on at a time. */
enum { CACHED = 512 << 10, TILES = 256, GROUP = 64 };
/* conv2d_weight: tiles that are worked on at a time, and the most slices of tiles and bytes of their sums. */
enum { RANGE = 128, SLICES = 16, SUMS = 64 << 20 };

static void divide_tiles(struct winograd *winograd, int64_t bytes_of_tile, int64_t room) {
    const int64_t most = least(room / bytes_of_tile, TILES) / WINOGRAD_ROWS * WINOGRAD_ROWS;
    winograd->range = most < 2L * WINOGRAD_ROWS ? 2L * WINOGRAD_ROWS : most;
    winograd->ranges = (winograd->count + winograd->range - 1) / winograd->range;
    winograd->range = round_up((winograd->count + winograd->ranges - 1) / winograd->ranges, WINOGRAD_ROWS);
    winograd->ranges = (winograd->count + winograd->range - 1) / winograd->range;
}

static void plan_images(struct winograd *winograd, struct call *call) {
    const int64_t line = winograd->family->points * winograd->family->points * LANES * (int64_t)sizeof(float);
    const bool shared = winograd->shares_windows = winograd->count <= winograd->to * LANES;
    winograd->group = GROUP / LANES / winograd->inner;
    if (winograd->group < 1) winograd->group = 1;
    winograd->group = least(winograd->group, winograd->from);
    winograd->width = shared ? least(winograd->to, 2) : winograd->to;
    winograd->widths = (winograd->to + winograd->width - 1) / winograd->width;
    const int64_t weights = line * winograd->from * winograd->inner * winograd->to * LANES;
    if (shared) /* sums alone */
        divide_tiles(winograd, line * winograd->width, CACHED);
    else
        divide_tiles(winograd, line * (winograd->width + winograd->group * winograd->inner),
                     weights < 8 * CACHED ? CACHED / 2 : CACHED + CACHED / 2);
    const int64_t tiles = shared ? round_up(winograd->count, WINOGRAD_ROWS) : winograd->range;
    lay_out_windows(call, winograd, shared ? winograd->outer : 1, shared ? winograd->from : winograd->group,
                    tiles, !shared);
    lay_out_weights(call, winograd, shared ? 1 : winograd->outer, shared ? winograd->group : winograd->from,
                    winograd->width, shared);
    lay_out(call, winograd, &winograd->others, 1, winograd->width, winograd->range, true);
}

static void plan_weights(struct winograd *winograd, struct call *call) {
    const int64_t points = winograd->family->points * winograd->family->points;
    winograd->pairs = (winograd->to + 1) / 2;
    winograd->sums_size = points * winograd->parts * 2L * LANES * LANES;
    const int64_t items = winograd->from * winograd->pairs, all = items * winograd->sums_size,
                  most = least(SLICES, SUMS / (all * (int64_t)sizeof(float)));
    winograd->slices = least(winograd->count / RANGE, most);
    if (winograd->slices < 2) winograd->slices = 1;
    const bool own = winograd->slices > 1;
    winograd->range = own ? RANGE : round_up(winograd->count, WINOGRAD_ROWS);
    lay_out_windows(call, winograd, 1, winograd->from, winograd->range, own);
    lay_out(call, winograd, &winograd->others, 1, winograd->to, winograd->range, own);
    winograd->others.channels = winograd->others.block;
    winograd->sums = (int64_t)(call->workspace_bytes / sizeof(float));
    call->workspace_bytes +=
        (size_t)(own ? winograd->slices * all : call->device->threads * winograd->sums_size) * sizeof(float);
}

/* ---- preparing ---- */

/* The family of so many taps that needs the fewest multiplications for tiles of an image of that size. */
static void choose_family(struct winograd *winograd, int64_t taps, const int64_t *size) {
    int64_t best = INT64_MAX;
    for (int f = 0; f < WINOGRAD_FAMILIES; f++) {
        const struct winograd_family *family = &winograd_families[f];
        if (family->taps != taps) continue;
        const int64_t rows = (size[0] + family->tile - 1) / family->tile,
                      columns = (size[1] + family->tile - 1) / family->tile,
                      work = rows * columns * family->points * family->points;
        if (work > best) continue;
        best = work;
        winograd->family = family;
        winograd->tiles[0] = rows;
        winograd->tiles[1] = columns;
    }
}

enum cupel_status winograd_prepare(struct call *call, struct cupel_error *error) {
    const struct cupel_conv *conv = &call->node->attr.conv.conv;
    const struct views views = views_of(call);
    const bool image = call->node->op == OP_conv2d_image, weight = call->node->op == OP_conv2d_weight;
    const int64_t step = conv->stride[0], kernel = views.weight->shape.dim[2], parts = step * step;
    const int64_t *dim = views.image->shape.dim, channels = dim[1], outputs = views.result->shape.dim[1];
    struct winograd chosen = {.step = step,
                              .parts = parts,
                              .kernel = kernel,
                              .outer = image ? parts : 1,
                              .inner = image ? 1 : parts};
    int64_t size[2];
    for (int axis = 0; axis < 2; axis++) /* of the image, the rows of the part that has the most */
        size[axis] = image ? (dim[2 + axis] + step - 1) / step : views.result->shape.dim[2 + axis];
    choose_family(&chosen, (kernel + step - 1) / step, size);
    /* Half of a kernel of 3 with stride 2 has one tap: the other's is the only one that a point depends on. */
    chosen.missing = kernel % step == 0 ? -1 : image ? 0 : chosen.family->points - 1;
    const int64_t entries =
        (chosen.tiles[0] + chosen.tiles[1]) * step * (chosen.family->points + chosen.family->tile);
    struct winograd *winograd = malloc(sizeof *winograd + (size_t)entries * sizeof *winograd->table);
    if (!winograd) return cupel_fail(error, CUPEL_NOMEM, "no memory for a convolution's tables");
    *winograd = chosen;
    winograd->count = dim[0] * chosen.tiles[0] * chosen.tiles[1];
    winograd->from = (image ? outputs : channels) / LANES;
    winograd->to = (image ? channels : outputs) / LANES;
    winograd->lane = kernel * kernel * (image ? 1 : channels);
    winograd->line = kernel * kernel * (image ? channels : 1);
    fill_tables(winograd, call);
    call->workspace_bytes = 0;
    if (weight)
        plan_weights(winograd, call);
    else
        plan_images(winograd, call);
    call->prepared = winograd;
    call->release = free;
    call->kernel = weight ? winograd_weights : winograd_images;
    call->engine = "winograd";
    return CUPEL_OK;
}
