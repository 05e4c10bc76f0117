/* Convolutions in few multiplications of the cpu device, in sizes for which they divide their work in every way that they have:
 * right against reference, and the same bits for any number of threads. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "plan/backend.h"

/* arg: op, stride, kernel, image's height and width */
static void build_any(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const int stride = (int)one->arg[1];
    const union attr attr = {
        .conv = {.conv = {.stride = {stride, stride}, .pad = {1, 1}, .dilation = {1, 1}, .groups = 1},
                 .kernel = {one->arg[2], one->arg[2]},
                 .image = {one->arg[3], one->arg[4]}}};
    out[0] = node_add_list((enum op_id)one->arg[0], in, 2, &attr);
    if (one->arg[0] != OP_conv2d_weight) out[0] = favourite_layout(out[0]);
}

#define FOUR(...)                   \
    {                               \
        .shape = { 4, __VA_ARGS__ } \
    }
static const struct op_case cases[] = {
    {"few tiles in two ranges", build_any, {FOUR({118, 16, 3, 3}), FOUR({128, 16, 3, 3})}, {OP_conv2d, 1, 3}},
    {"many tiles, groups of channels",
     build_any,
     {FOUR({3, 80, 12, 13}), FOUR({16, 80, 3, 3})},
     {OP_conv2d, 1, 3}},
    {"many tiles, parts and channels",
     build_any,
     {FOUR({3, 48, 26, 10}), FOUR({16, 48, 4, 4})},
     {OP_conv2d, 2, 4}},
    {"parts that are zeros", build_any, {FOUR({3, 48, 26, 10}), FOUR({16, 48, 3, 3})}, {OP_conv2d, 2, 3}},
    {"image, many tiles",
     build_any,
     {FOUR({3, 80, 13, 5}), FOUR({80, 16, 4, 4})},
     {OP_conv2d_image, 2, 4, 26, 10}},
    {"image, few tiles",
     build_any,
     {FOUR({30, 16, 4, 4}), FOUR({16, 80, 4, 4})},
     {OP_conv2d_image, 2, 4, 8, 8}},
    {"weight, one slice",
     build_any,
     {FOUR({131, 64, 1, 2}), FOUR({131, 32, 1, 2})},
     {OP_conv2d_weight, 1, 3}},
    {"weight, slices", build_any, {FOUR({9, 64, 30, 14}), FOUR({9, 48, 15, 7})}, {OP_conv2d_weight, 2, 4}},
    {"weight, slices of ranges",
     build_any,
     {FOUR({1100, 64, 4, 2}), FOUR({1100, 32, 2, 1})},
     {OP_conv2d_weight, 2, 4}},
};

/* The result of a case on a device with so many threads, to be freed. */
static double *result_of(const struct op_case *one, const char *device, int threads, int64_t *count) {
    static const struct cupel_plan_options options = {.debug = true, .layout = CUPEL_LAYOUT_NHWC};
    struct trial trial;
    trial_build(&trial, one, device, CUPEL_F32);
    cr_assert_eq(trial.error.status, CUPEL_OK, "%s: %s", one->name, trial.error.message);
    trial.device->threads = threads;
    const bool done = trial_compile(&trial, trial.out, 1, &options) && trial_run(&trial);
    cr_assert(done, "%s: %s", one->name, trial.error.message);
    if (strcmp(device, "cpu") == 0) {
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        cr_assert_not_null(file);
        cupel_plan_print(trial.plan, file);
        fclose(file);
        cr_expect(strstr(text, "winograd"), "%s: %s", one->name, text);
        free(text);
    }
    double *values = trial_read(&trial, 0, trial.out[0], count);
    trial_free(&trial);
    return values;
}

Test(winograd, right_and_the_same_for_any_number_of_threads) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t count;
        double *reference = result_of(&cases[i], "reference", 1, &count),
               *alone = result_of(&cases[i], "cpu", 1, &count);
        const double error = relative_error(alone, reference, count, 0);
        cr_expect_leq(error, 1e-5, "%s: %g", cases[i].name, error);
        for (int threads = 2; threads < 4; threads++) {
            double *several = result_of(&cases[i], "cpu", threads, &count);
            cr_expect_arr_eq(several, alone, (size_t)count * sizeof *alone, "%s, %d threads", cases[i].name,
                             threads);
            free(several);
        }
        free(reference);
        free(alone);
    }
}
