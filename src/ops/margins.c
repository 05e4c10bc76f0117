/* Margins of images: cut off, or put on. What is put on are slices and constants joined to the image, so that gradients are those
 * of slices and joins. */
#include "graph/node.h"

static struct cupel_tensor *refuse(const struct cupel_tensor *x, const char *op, const char *why, int64_t a,
                                   int64_t b) {
    return graph_fail(x->node->graph, op, why, (long long)a, (long long)b);
}

struct cupel_tensor *cupel_crop(struct cupel_tensor *x, const int64_t *size) {
    int64_t start[CUPEL_MAX_RANK] = {0};
    if (!x) return NULL;
    struct cupel_shape shape = x->shape;
    if (x->shape.rank != 4) return refuse(x, "crop", "the input must be images [N, C, H, W]", 0, 0);
    for (int axis = 0; axis < 2; axis++) {
        const int64_t whole = x->shape.dim[2 + axis];
        if (size[axis] < 1 || size[axis] > whole)
            return refuse(x, "crop", "%lld of %lld pixels cannot be kept", size[axis], whole);
        start[2 + axis] = (whole - size[axis]) / 2;
        shape.dim[2 + axis] = size[axis];
    }
    return cupel_shape_equal(&shape, &x->shape) ? x : cupel_slice(x, start, &shape);
}

/* Row or column `at` of the images. */
static struct cupel_tensor *line(struct cupel_tensor *x, int axis, int64_t at) {
    int64_t start[CUPEL_MAX_RANK] = {[2] = 0};
    struct cupel_shape shape = x->shape;
    start[axis] = at;
    shape.dim[axis] = 1;
    return cupel_slice(x, start, &shape);
}

/* `count` lines of the margin before (side 0) or behind (side 1) x: writes the tensors that make it to parts and returns how many
 * these are. */
static int add_margin(struct cupel_tensor *x, int axis, int side, int64_t count, enum cupel_padding mode,
                      double value, struct cupel_tensor **parts) {
    const int64_t last = x->shape.dim[axis] - 1;
    struct cupel_shape shape = x->shape;
    shape.dim[axis] = count;
    if (count == 0) return 0;
    if (mode == CUPEL_PAD_REFLECT) {
        for (int64_t i = 0; i < count; i++) parts[i] = line(x, axis, side == 0 ? count - i : last - 1 - i);
        return (int)count;
    }
    parts[0] = mode == CUPEL_PAD_REPLICATE ? cupel_broadcast(line(x, axis, side == 0 ? 0 : last), &shape)
                                           : cupel_fill(x->node->graph, &shape, value);
    return 1;
}

static struct cupel_tensor *pad_axis(struct cupel_tensor *x, int axis, const int64_t *pad,
                                     enum cupel_padding mode, double value) {
    if (!x || (pad[0] == 0 && pad[1] == 0)) return x;
    const int64_t lines = mode == CUPEL_PAD_REFLECT ? pad[0] + pad[1] : 2;
    struct cupel_tensor **parts =
        graph_alloc(x->node->graph, (size_t)(lines + 1) * sizeof(struct cupel_tensor *));
    if (!parts) return NULL;
    int count = add_margin(x, axis, 0, pad[0], mode, value, parts);
    parts[count++] = x;
    count += add_margin(x, axis, 1, pad[1], mode, value, parts + count);
    return cupel_concat(parts, count, axis);
}

struct cupel_tensor *cupel_pad_image(struct cupel_tensor *x, const int64_t *pad, enum cupel_padding mode,
                                     double value) {
    if (!x) return NULL;
    struct cupel_shape shape = x->shape;
    if (x->shape.rank != 4) return refuse(x, "pad", "the input must be images [N, C, H, W]", 0, 0);
    for (int i = 0; i < 4; i++) {
        const int axis = 2 + i / 2;
        if (pad[i] < 0 || __builtin_add_overflow(shape.dim[axis], pad[i], &shape.dim[axis]))
            return refuse(x, "pad", "a margin of %lld is not possible", pad[i], 0);
        if (mode == CUPEL_PAD_REFLECT && pad[i] >= x->shape.dim[axis])
            return refuse(x, "pad", "%lld lines cannot be reflected from %lld; margins must be smaller",
                          pad[i], x->shape.dim[axis]);
    }
    if (mode == CUPEL_PAD_CONSTANT && value == 0 && !cupel_shape_equal(&shape, &x->shape))
        return cupel_pad(x, (const int64_t[CUPEL_MAX_RANK]){[2] = pad[0], [3] = pad[2]}, &shape);
    return pad_axis(pad_axis(x, 2, pad, mode, value), 3, pad + 2, mode, value);
}
