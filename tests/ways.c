#include "ways.h"

#include <math.h>
#include <string.h>

#define BF16 CUPEL_PRECISION_BF16
#define F16 CUPEL_PRECISION_F16

static const struct way cpu_f32[] = {{"NCHW", {.debug = true, .layout = CUPEL_LAYOUT_NCHW}},
                                     {"NHWC", {.debug = true, .layout = CUPEL_LAYOUT_NHWC}, .images = true},
                                     {"CHWN", {.debug = true, .layout = CUPEL_LAYOUT_CHWN}, .images = true},
                                     {"best layout", {.layout = CUPEL_LAYOUT_BEST}, .again = true},
                                     {"NCHW, not fused", {.nofuse = true, .layout = CUPEL_LAYOUT_NCHW}}};

/* Every tensor that can be is stored in 16 bits. */
static const struct way cpu_half[] = {
    {"bf16, NCHW", {.debug = true, .precision = BF16, .everywhere = true, .layout = CUPEL_LAYOUT_NCHW}},
    {"bf16, NHWC",
     {.debug = true, .precision = BF16, .everywhere = true, .layout = CUPEL_LAYOUT_NHWC},
     .images = true},
    {"bf16, CHWN",
     {.debug = true, .precision = BF16, .everywhere = true, .layout = CUPEL_LAYOUT_CHWN},
     .images = true},
    {"bf16 where it is of use", {.precision = BF16, .layout = CUPEL_LAYOUT_BEST}, .again = true}};

static const struct way cuda_f32[] = {
    {"NCHW", {.debug = true, .layout = CUPEL_LAYOUT_NCHW, .deterministic = true}},
    {"NHWC", {.debug = true, .layout = CUPEL_LAYOUT_NHWC}, .images = true},
    {"best layout", {.layout = CUPEL_LAYOUT_BEST, .deterministic = true}, .again = true},
    {"NCHW, not fused", {.nofuse = true, .layout = CUPEL_LAYOUT_NCHW}}};

static const struct way cuda_tf32[] = {{"tf32", {.debug = true, .precision = CUPEL_PRECISION_TF32}}};

static const struct way cuda_half[] = {
    {"bf16, NHWC", {.debug = true, .precision = BF16, .everywhere = true, .layout = CUPEL_LAYOUT_NHWC}},
    {"bf16, NCHW",
     {.debug = true, .precision = BF16, .everywhere = true, .layout = CUPEL_LAYOUT_NCHW},
     .images = true},
    {"f16", {.debug = true, .precision = F16, .everywhere = true}},
    {"bf16 where it is of use", {.precision = BF16, .deterministic = true}, .again = true}};

#define LIST(ways) \
    { ways, sizeof(ways) / sizeof *(ways) }
static const struct {
    const struct way *ways;
    int count;
} cpu[WAY_GROUPS] = {[WAYS_F32] = LIST(cpu_f32), [WAYS_HALF] = LIST(cpu_half)},
  cuda[WAY_GROUPS] = {
      [WAYS_F32] = LIST(cuda_f32), [WAYS_TF32] = LIST(cuda_tf32), [WAYS_HALF] = LIST(cuda_half)};

const struct way *ways_of(const char *device, enum way_group group, int *count) {
    const bool kernels = strncmp(device, "cuda", 4) == 0 || strcmp(device, "emu") == 0;
    *count = kernels ? cuda[group].count : cpu[group].count;
    return kernels ? cuda[group].ways : cpu[group].ways;
}

bool way_differs(const struct way *way, const struct cupel_graph *graph) {
    if (!way->images) return true;
    for (int n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n]->n_out && graph->nodes[n]->out[0].shape.rank == 4) return true;
    return false;
}

bool way_is_coarse(enum way_group group) {
    return group == WAYS_HALF;
}

double way_tolerance(const struct op_case *one, enum way_group group) {
    const double f32 = one->tolerance > 0 ? one->tolerance : 1e-5;
    if (group == WAYS_F32) return f32;
    if (group == WAYS_TF32) return fmax(f32, 1e-3);
    return one->half < 0 ? -1 : fmax(f32, one->half > 0 ? one->half : 1e-2);
}
