/* Reference kernels: turning a data set into batches. */
#include "cpu/kernel.h"

KERNEL(gather) {
    const struct view *data = &call->in[0];
    const int32_t *order = call->in[1].data;
    int64_t rows = data->shape.dim[0], count = call->in[1].shape.dim[0], batch = call->out[0].shape.dim[0];
    size_t bytes = (size_t)(view_count(data) / rows) * cupel_dtype_size(data->dtype);
    int64_t next = *(const int64_t *)call->in[2].data % count;
    if (next < 0) next += count;
    for (int64_t i = 0; i < batch; i++, next = (next + 1) % count) {
        int64_t row = order[next];
        if (row < 0 || row >= rows) {
            cupel_fail(&call->error, CUPEL_INVALID, "gather: order[%lld] is row %lld of data that has %lld",
                       (long long)next, (long long)row, (long long)rows);
            return;
        }
        memcpy((char *)call->out[0].data + (size_t)i * bytes, (const char *)data->data + (size_t)row * bytes,
               bytes);
    }
}

KERNEL(convert) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    int64_t channels = x->shape.dim[1], inner = view_count(x) / (x->shape.dim[0] * channels);
    for (int64_t i = 0, n = view_count(x); i < n; i++) {
        int64_t c = i / inner % channels;
        double value = ((const uint8_t *)x->data)[view_offset(x, i)] / 255.0;
        OUT(0)[view_offset(y, i)] = (real)((value - (double)IN(1)[c]) / (double)IN(2)[c]);
    }
}
