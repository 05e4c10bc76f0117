/* The module's table, which the loader (plan/module.c) asks for. */
#include "plan/module.h"
#include "cuda/align.h"
#include "cuda/device.h"

/* Every op's prepare: one that no file defines is a link error. */
#define OP_VIEW(name, ...)
static enum cupel_status (*const prepares[OP_COUNT])(struct call *call, struct cupel_error *error) = {
#define OP(name, ...) [OP_##name] = cuda_##name,
#include "graph/ops.def"
#undef OP
};

static enum cupel_status cuda_prepare(struct cupel_device *device, struct call *call,
                                      struct cupel_error *error) {
    if (call->node->graph->real != CUPEL_F32)
        return cupel_fail(error, CUPEL_UNSUPPORTED, "device %s computes in f32; use device reference for f64",
                          device->backend->name);
    CUPEL_TRY(prepares[call->node->op](call, error));
    return cuda_align(call, error);
}

static enum layout cuda_layout(const struct cupel_graph *graph) {
    (void)graph;
    return LAYOUT_CHANNELS_LAST;
}

static const struct backend backend = {
    .name = CUPEL_MODULE_NAME,
    .merges = true,
    .precisions = 1u << CUPEL_PRECISION_F32 | 1u << CUPEL_PRECISION_TF32 | 1u << CUPEL_PRECISION_BF16 |
                  1u << CUPEL_PRECISION_F16,
    .layout = cuda_layout,
    .open = cuda_open,
    .close = cuda_close,
    .describe = cuda_describe,
    .alloc = cuda_alloc,
    .free = cuda_free,
    .upload = cuda_upload,
    .download = cuda_download,
    .fill = cuda_fill,
    .pin = cuda_pin,
    .unpin = cuda_unpin,
    .send = cuda_send,
    .room = cuda_room,
    .synchronise = cuda_synchronise,
    .prepare = cuda_prepare,
    .record_begin = cuda_record_begin,
    .record_lane = cuda_record_lane,
    .record_mark = cuda_record_mark,
    .record_end = cuda_record_end,
    .replay = cuda_replay,
    .forget = cuda_forget,
    .time_begin = cuda_time_begin,
    .time_end = cuda_time_end,
#ifdef CUPEL_NVTX
    .range_begin = cuda_range_begin,
    .range_end = cuda_range_end,
#endif
};

__attribute__((visibility("default")))
const struct module CUPEL_MODULE = {CUPEL_VERSION, MODULE_LAYOUT, &backend};
