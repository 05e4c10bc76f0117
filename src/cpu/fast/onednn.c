/* oneDNN: the engine and stream of the cpu device, and primitives as kernels of calls. */
#include "cpu/fast/onednn.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/fast/fast.h"

enum cupel_status fast_open(struct cupel_device *device, struct cupel_error *error) {
    struct onednn *onednn = calloc(1, sizeof *onednn);
    if (!onednn) return cupel_fail(error, CUPEL_NOMEM, "no memory for the device");
    device->own = onednn;
    dnnl_status_t status = dnnl_engine_create(&onednn->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&onednn->stream, onednn->engine, dnnl_stream_default_flags);
    if (status == dnnl_success) return CUPEL_OK;
    fast_close(device);
    return cupel_fail(error, CUPEL_DEVICE, "oneDNN does not start: status %d", (int)status);
}

void fast_close(struct cupel_device *device) {
    struct onednn *onednn = device->own;
    if (onednn->stream) dnnl_stream_destroy(onednn->stream);
    if (onednn->engine) dnnl_engine_destroy(onednn->engine);
    free(onednn);
}

const char *fast_library(void) {
    static char text[64];
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
    return text;
}

bool fast_has_bf16(void) {
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

/* ---- primitives ---- */

dnnl_data_type_t onednn_type(const struct view *view) {
    return view->dtype == CUPEL_BF16 ? dnnl_bf16 : dnnl_f32;
}

enum { MAX_ARGUMENTS = 5 };

struct argument {
    int name;
    const struct view *view;
    dnnl_memory_t plain, own; /* own: in the layout wanted; NULL when that is the view's */
    size_t place;             /* of own in the workspace */
    dnnl_primitive_t reorder; /* between the two */
    bool written;
};

struct primitive {
    dnnl_primitive_t primitive;
    dnnl_memory_t scratch; /* NULL when it needs none */
    int count;
    struct argument argument[MAX_ARGUMENTS];
};

static dnnl_status_t add_activation(dnnl_post_ops_t operations, const union attr *attr) {
    const float slope = attr->conv.activation == ACTIVATION_LEAKY_RELU ? (float)attr->conv.slope : 0;
    switch ((enum activation)attr->conv.activation) {
    case ACTIVATION_RELU:
    case ACTIVATION_LEAKY_RELU:
        return dnnl_post_ops_append_eltwise(operations, 1, dnnl_eltwise_relu, slope, 0);
    case ACTIVATION_SIGMOID:
        return dnnl_post_ops_append_eltwise(operations, 1, dnnl_eltwise_logistic, 0, 0);
    case ACTIVATION_TANH:
        return dnnl_post_ops_append_eltwise(operations, 1, dnnl_eltwise_tanh, 0, 0);
    case ACTIVATION_NONE:
        break;
    }
    return dnnl_success;
}

dnnl_status_t onednn_attributes(const struct call *call, bool activates, dnnl_primitive_attr_t *attributes) {
    dnnl_status_t status = dnnl_primitive_attr_create(attributes);
    if (status != dnnl_success) return status;
    status = dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user);
    dnnl_post_ops_t operations;
    if (status == dnnl_success && activates && (status = dnnl_post_ops_create(&operations)) == dnnl_success) {
        status = add_activation(operations, &call->node->attr);
        if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(*attributes, operations);
        dnnl_post_ops_destroy(operations);
    }
    if (status != dnnl_success) dnnl_primitive_attr_destroy(*attributes);
    return status;
}

static void release(void *prepared) {
    struct primitive *primitive = prepared;
    for (int i = 0; i < primitive->count; i++) {
        struct argument *argument = &primitive->argument[i];
        if (argument->plain) dnnl_memory_destroy(argument->plain);
        if (argument->own) dnnl_memory_destroy(argument->own);
        if (argument->reorder) dnnl_primitive_destroy(argument->reorder);
    }
    if (primitive->scratch) dnnl_memory_destroy(primitive->scratch);
    if (primitive->primitive) dnnl_primitive_destroy(primitive->primitive);
    free(primitive);
}

static void bind(dnnl_memory_t memory, void *data) {
    void *bound = NULL;
    dnnl_memory_get_data_handle(memory, &bound);
    if (bound != data) dnnl_memory_set_data_handle(memory, data);
}

static dnnl_status_t reorder(const struct argument *argument, dnnl_stream_t stream) {
    dnnl_memory_t from = argument->written ? argument->own : argument->plain,
                  to = argument->written ? argument->plain : argument->own;
    return dnnl_primitive_execute(argument->reorder, stream, 2,
                                  (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

void onednn_run(struct call *call) {
    const struct primitive *primitive = call->prepared;
    dnnl_stream_t stream = ((struct onednn *)call->device->own)->stream;
    dnnl_exec_arg_t arguments[MAX_ARGUMENTS + 1];
    dnnl_status_t status = dnnl_success;
    int count = primitive->count;
    omp_set_num_threads(call->device->threads);
    for (int i = 0; i < count && status == dnnl_success; i++) {
        const struct argument *argument = &primitive->argument[i];
        bind(argument->plain, argument->view->data);
        if (argument->own) bind(argument->own, (char *)call->workspace + argument->place);
        if (argument->own && !argument->written) status = reorder(argument, stream);
        arguments[i] = (dnnl_exec_arg_t){argument->name, argument->own ? argument->own : argument->plain};
    }
    if (primitive->scratch) {
        bind(primitive->scratch, call->workspace);
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, primitive->scratch};
    }
    if (status == dnnl_success)
        status = dnnl_primitive_execute(primitive->primitive, stream, count, arguments);
    for (int i = 0; i < primitive->count && status == dnnl_success; i++)
        if (primitive->argument[i].own && primitive->argument[i].written)
            status = reorder(&primitive->argument[i], stream);
    if (status != dnnl_success) cupel_fail(&call->error, CUPEL_DEVICE, "oneDNN status %d", (int)status);
}

static size_t round_up(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* The memory of one argument, with a reorder when the primitive wants another layout. */
static enum cupel_status prepare_argument(struct call *call, const struct onednn_argument *from,
                                          struct cupel_error *error) {
    struct primitive *primitive = call->prepared;
    struct argument *to = &primitive->argument[primitive->count++];
    dnnl_engine_t engine = ((struct onednn *)call->device->own)->engine;
    *to = (struct argument){.name = from->name, .view = from->view, .written = from->written};
    ONEDNN_TRY(dnnl_memory_create(&to->plain, &from->plain, engine, DNNL_MEMORY_NONE));
    if (dnnl_memory_desc_equal(&from->plain, from->wanted)) return CUPEL_OK;
    ONEDNN_TRY(dnnl_memory_create(&to->own, from->wanted, engine, DNNL_MEMORY_NONE));
    to->place = call->workspace_bytes;
    call->workspace_bytes += round_up(dnnl_memory_desc_get_size(from->wanted));
    const dnnl_memory_desc_t *source = from->written ? from->wanted : &from->plain,
                             *target = from->written ? &from->plain : from->wanted;
    dnnl_primitive_desc_t description;
    ONEDNN_TRY(dnnl_reorder_primitive_desc_create(&description, source, engine, target, engine, NULL));
    dnnl_status_t status = dnnl_primitive_create(&to->reorder, description);
    dnnl_primitive_desc_destroy(description);
    ONEDNN_TRY(status);
    return CUPEL_OK;
}

enum cupel_status onednn_prepare(struct call *call, const_dnnl_primitive_desc_t description,
                                 const struct onednn_argument *arguments, int count,
                                 struct cupel_error *error) {
    struct primitive *primitive = calloc(1, sizeof *primitive);
    if (!primitive) return cupel_fail(error, CUPEL_NOMEM, "no memory for a primitive");
    call->prepared = primitive;
    call->release = release;
    ONEDNN_TRY(dnnl_primitive_create(&primitive->primitive, description));
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    call->workspace_bytes = scratch ? round_up(dnnl_memory_desc_get_size(scratch)) : 0;
    if (call->workspace_bytes)
        ONEDNN_TRY(dnnl_memory_create(&primitive->scratch, scratch,
                                      ((struct onednn *)call->device->own)->engine, DNNL_MEMORY_NONE));
    for (int i = 0; i < count; i++) CUPEL_TRY(prepare_argument(call, &arguments[i], error));
    call->kernel = onednn_run;
    call->engine = "onednn";
    return CUPEL_OK;
}
