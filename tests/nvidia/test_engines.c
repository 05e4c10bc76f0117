/* cuDNN has an engine for every convolution that our models ask for, in every precision, and one that keeps the rules of
 * strict f32 and of determinism.
 *
 * No GPU is needed: cuDNN 9.8 and later list engines for a device that is described to them, and make plans of those
 * that need no compiling at run time. The description, h200.json, has the format that cuDNN writes, but its numbers are put
 * together from the data sheet of an H200: replace it by what a real one says. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/nvidia/conv.h"
#include "emitted.h"

static struct cudnn_target target;

/* Skips the test, and says why, where cuDNN cannot help. */
static void need_cudnn(void) {
    const char *why;
    static char json[4096];
    target.library = cudnn_load(&why);
    if (!target.library) cr_skip_test("no cuDNN: %s", why);
    if (target.library->version < 90800) cr_skip_test("cuDNN is older than 9.8");
    FILE *file = fopen(CUPEL_SOURCE_DIR "/tests/nvidia/h200.json", "r");
    cr_assert(file && fread(json, 1, sizeof json - 1, file) > 0 && fclose(file) == 0);
    target.properties = cudnn_properties(target.library, json);
    cr_assert_not_null(target.properties, "cuDNN does not take h200.json");
}

static bool is_conv(const struct call *call) {
    const enum op_id op = call->node->op;
    return op == OP_conv2d || op == OP_conv2d_image || op == OP_conv2d_weight;
}

/* What has been looked at: the same convolution comes in many layers. */
static char **known;
static int n_known;

static bool is_new(const struct call *call) {
    char key[1024], detail[200];
    const union attr *attr = &call->node->attr;
    snprintf(detail, sizeof detail, "%d %d %d %d %d", (int)call->node->op, attr->conv.conv.stride[0],
             attr->conv.conv.pad[0], attr->conv.conv.groups, attr->conv.activation);
    tune_key(call, detail, key, sizeof key);
    for (int i = 0; i < n_known; i++)
        if (strcmp(known[i], key) == 0) return false;
    known = realloc(known, (size_t)(n_known + 1) * sizeof *known);
    cr_assert_not_null(known);
    known[n_known++] = strdup(key);
    return true;
}

/* At least one way is listed, and one of them can be made ready; names mean the same when they are read again. */
static enum cupel_status expect_engine(struct call *call, struct cupel_error *error) {
    (void)error;
    if (!is_conv(call) || !is_new(call)) return CUPEL_OK;
    const char *what = known[n_known - 1];
    struct tune_way ways[24];
    const int count = conv_list(&target, call, ways, 24);
    cr_expect_gt(count, 0, "no engine for %s", what);
    int ready = 0;
    struct cupel_error first = {0};
    for (int w = 0; w < count && !ready; w++) {
        struct call copy = *call;
        char again[TUNE_NAME];
        enum conv_way way;
        struct cudnn_choice choice;
        cr_assert(conv_way_read(ways[w].name, &way, &choice), "%s", ways[w].name);
        conv_way_write(way, &choice, again, sizeof again);
        cr_expect_str_eq(again, ways[w].name);
        if (conv_prepare(&target, &copy, ways[w].name, &first) == CUPEL_OK) {
            ready++;
            cr_expect_str_eq(copy.engine, ways[w].name);
        }
        if (copy.release) copy.release(copy.prepared);
    }
    cr_expect_gt(ready, 0, "%d engines for %s, of which none can be made ready: %s", count, what,
                 first.message);
    return CUPEL_OK;
}

static void expect_engines(enum cupel_precision precision, enum cupel_layout layout) {
    need_cudnn();
    for (int deterministic = 0; deterministic < 2; deterministic++) {
        const struct cupel_plan_options options = {
            .precision = precision, .layout = layout, .deterministic = deterministic};
        emit_all(&options, expect_engine);
    }
    cr_expect_gt(n_known, 100, "only %d convolutions were looked at", n_known);
}

Test(engines, of_f32) {
    expect_engines(CUPEL_PRECISION_F32, CUPEL_LAYOUT_NHWC);
}
Test(engines, of_tf32) {
    expect_engines(CUPEL_PRECISION_TF32, CUPEL_LAYOUT_NHWC);
}
Test(engines, of_bf16) {
    expect_engines(CUPEL_PRECISION_BF16, CUPEL_LAYOUT_NHWC);
}
Test(engines, of_f16) {
    expect_engines(CUPEL_PRECISION_F16, CUPEL_LAYOUT_NHWC);
}
Test(engines, of_bf16_as_nchw) {
    expect_engines(CUPEL_PRECISION_BF16, CUPEL_LAYOUT_NCHW);
}
