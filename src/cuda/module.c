/* The module's table, which the loader (plan/module.c) asks for. */
#include "plan/module.h"
#include "cuda/device.h"

/* An op whose cuda_OP no file defines has no kernel: to compile a plan with it is an error. */
#define OP_VIEW(name, ...)
#define OP(name, ...) \
    __attribute__((weak)) enum cupel_status cuda_##name(struct call *call, struct cupel_error *error);
#include "graph/ops.def"
#undef OP

#define OP_VIEW(name, ...)
static const struct {
    const char *name;
    enum cupel_status (*prepare)(struct call *call, struct cupel_error *error);
} table[OP_COUNT] = {
#define OP(name, ...) [OP_##name] = {#name, cuda_##name},
#include "graph/ops.def"
#undef OP
};

static enum cupel_status cuda_prepare(struct cupel_device *device, struct call *call,
                                      struct cupel_error *error) {
    const enum op_id op = call->node->op;
    if (call->node->graph->real != CUPEL_F32)
        return cupel_fail(error, CUPEL_UNSUPPORTED, "device %s computes in f32; use device reference for f64",
                          device->backend->name);
    if (!table[op].prepare)
        return cupel_fail(error, CUPEL_UNSUPPORTED, "device %s has no kernel for %s", device->backend->name,
                          table[op].name);
    return table[op].prepare(call, error);
}

static enum layout cuda_layout(const struct cupel_graph *graph) {
    (void)graph;
    return LAYOUT_CHANNELS_LAST;
}

static const struct backend backend = {
    .name = CUPEL_MODULE_NAME,
    .chains = true,
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
    .stage = cuda_stage,
    .room = cuda_room,
    .synchronise = cuda_synchronise,
    .prepare = cuda_prepare,
    .record_begin = cuda_record_begin,
    .record_lane = cuda_record_lane,
    .record_mark = cuda_record_mark,
    .record_end = cuda_record_end,
    .replay = cuda_replay,
    .forget = cuda_forget,
};

__attribute__((visibility("default")))
const struct module CUPEL_MODULE = {CUPEL_VERSION, MODULE_LAYOUT, &backend};
