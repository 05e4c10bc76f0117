/* Reference kernels: turning a data set into batches. */
#include "cpu/kernel.h"

/* Row i of a batch: the row of the data that the order has i places behind the cursor. False, when there is none. */
static bool find_row(struct call *call, const struct view *order, int64_t i, int64_t *row) {
    const int64_t rows = call->in[0].shape.dim[0], count = order->shape.dim[0];
    int64_t start = *(const int64_t *)order[1].data % count; /* the cursor stands behind the order */
    if (start < 0) start += count;
    const int64_t next = (start + i) % count;
    *row = ((const int32_t *)order->data)[next];
    if (*row >= 0 && *row < rows) return true;
    cupel_fail(&call->error, CUPEL_INVALID, "%s: order[%lld] is row %lld of data that has %lld",
               ops[call->node->op].name, (long long)next, (long long)*row, (long long)rows);
    return false;
}

KERNEL(gather) {
    const struct view *data = &call->in[0];
    const size_t bytes = (size_t)(view_count(data) / data->shape.dim[0]) * cupel_dtype_size(data->dtype);
    int64_t row;
    for (int64_t i = 0; i < call->out[0].shape.dim[0] && find_row(call, &call->in[1], i, &row); i++)
        memcpy((char *)call->out[0].data + (size_t)i * bytes, (const char *)data->data + (size_t)row * bytes,
               bytes);
}

static real normalised(const struct call *call, uint8_t byte, int64_t channel) {
    return (real)((byte / 255.0 - (double)IN(1)[channel]) / (double)IN(2)[channel]);
}

KERNEL(convert) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    int64_t channels = x->shape.dim[1], inner = view_count(x) / (x->shape.dim[0] * channels);
    for (int64_t i = 0, n = view_count(x); i < n; i++) {
        const uint8_t byte = ((const uint8_t *)x->data)[view_offset(x, i)];
        OUT(0)[view_offset(y, i)] = normalised(call, byte, i / inner % channels);
    }
}

/* Goes from each pixel of the result back through the moves, the last one first. */
KERNEL(batch) {
    const struct batch *how = &call->node->attr.batch;
    const struct view *x = &call->in[0], *y = &call->out[0];
    const int64_t *dim = y->shape.dim;
    for (int64_t n = 0, row = 0; n < dim[0]; n++) {
        struct moved_image moved[BATCH_MOVES] = {{0}};
        for (int m = 0; m < how->moves; m++)
            move_image(&moved[m], &how->move[m], call->in[call->n_in - 1].data, n, (int)dim[2], (int)dim[3]);
        if (!how->gathers)
            row = n;
        else if (!find_row(call, &call->in[3], n, &row))
            return;
        for (int64_t i = 0; i < dim[1] * dim[2] * dim[3]; i++) {
            int w = (int)(i % dim[3]), h = (int)(i / dim[3] % dim[2]);
            const int64_t c = i / dim[3] / dim[2], to = at4(y, n, c, h, w);
            bool inside = true;
            for (int m = how->moves - 1; m >= 0 && inside; m--)
                inside = moved_from(&moved[m], (int)dim[2], (int)dim[3], &h, &w);
            OUT(0)[to] = inside ? normalised(call, ((const uint8_t *)x->data)[at4(x, row, c, h, w)], c) : 0;
        }
    }
}
