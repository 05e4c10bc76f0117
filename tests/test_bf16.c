/* bf16 on the processor: rounding, which nodes compute in it, and machines that cannot. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined __AVX512BF16__
#include <immintrin.h>
#endif

#include "bench.h"
#include "check/check.h"
#include "cpu/fast/half.h"
#include "device.h"
#include "plan/plan.h"
#include "program.h"

/* ---- rounding ---- */

static void judge_rounding(uint32_t bits) {
    const float value = float_of((int32_t)bits);
    uint16_t made = 0;
    put(&made, 0, value, true);
    const float back = get(&made, 0, true);
    if (isnan(value))
        cr_assert(isnan(back), "%08x is a NaN, %04x is none", bits, made);
    else
        cr_assert_eq(back, round_to(value, CUPEL_BF16), "%08x became %04x", bits, made);
#if defined __AVX512BF16__
    /* The processor's own conversion makes small numbers of this kind 0. */
    if (isnan(value) || fpclassify(value) == FP_SUBNORMAL) return;
    uint16_t processors[16];
    const __m256bh sixteen = _mm512_cvtneps_pbh(_mm512_set1_ps(value));
    memcpy(processors, &sixteen, sizeof processors);
    cr_assert_eq(made, processors[0], "%08x became %04x, by the processor %04x", bits, made, processors[0]);
#endif
}

Test(bf16, rounds_to_the_nearest_and_keeps_nan) {
    static const uint32_t edges[] = {0,          0x80000000, 0x3f808000, 0x3f818000, 0x3f807fff, 0x3f808001,
                                     0x7f7f7fff, 0x7f7f8000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7f800001,
                                     0xffffffff, 0x7fc00000, 0x00000001, 0x00008000, 0x00018000, 0x807fffff};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) judge_rounding(edges[i]);
    uint32_t bits = 12345;
    for (int i = 0; i < 1 << 18; i++) judge_rounding(bits = bits * 1664525 + 1013904223);
}

/* ---- which nodes ---- */

/* x [32, 10] by a small matrix, which stays in f32, by a large one, which does not. */
static struct cupel_tensor *two_products(struct cupel_graph *graph, struct cupel_tensor **small) {
    const struct cupel_init init = {.kind = CUPEL_INIT_NORMAL, .a = 0, .b = 1};
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &CUPEL_SHAPE(32, 10), &init),
                        *a = cupel_state(graph, "a", CUPEL_F32, &CUPEL_SHAPE(10, 1024), &init),
                        *b = cupel_state(graph, "b", CUPEL_F32, &CUPEL_SHAPE(1024, 1024), &init);
    *small = cupel_matmul(x, a, false, false);
    return cupel_matmul(*small, b, false, false);
}

enum { RESULTS = 32 * 1024 };

static void multiply(const char *device, enum cupel_precision precision, float *results, int *halves) {
    struct bench bench = bench_open(device);
    struct cupel_tensor *small, *product = two_products(bench.graph, &small);
    bench_compile(&bench, &product, 1, &(struct cupel_plan_options){.precision = precision});
    bench_run(&bench);
    cr_assert_eq(cupel_plan_read(bench.plan, 0, results, RESULTS * sizeof *results, &bench.error), CUPEL_OK);
    *halves = 0;
    for (int c = 0; c < bench.plan->n_calls; c++) {
        const struct call *call = &bench.plan->calls[c];
        if (call->node->op == OP_matmul && call->in[0].dtype == CUPEL_BF16) ++*halves;
    }
    bench_close(&bench);
}

/* oneDNN's products make bf16 of nothing but bf16, unlike cuBLASLt's, so there is a cast between the two. */
Test(bf16, a_product_too_small_for_it_feeds_one_that_is_not) {
    if (!need_precision("cpu", CUPEL_PRECISION_BF16)) return;
    float *expected = malloc(RESULTS * sizeof *expected), *found = malloc(RESULTS * sizeof *found);
    int halves;
    multiply("reference", CUPEL_PRECISION_F32, expected, &halves);
    cr_expect_eq(halves, 0);
    multiply("cpu", CUPEL_PRECISION_BF16, found, &halves);
    cr_expect_eq(halves, 1, "%d products are in bf16", halves);
    const struct measure m = measure_arrays(found, expected, CUPEL_F32, CUPEL_F32, RESULTS);
    cr_expect(m.error > 1e-4 && m.error < 1e-2, "off by %g", m.error);
    free(expected);
    free(found);
}

/* How many of a convolution's inputs are in bf16; it has as many outputs as channels, and a square kernel. */
static int halves_of(int64_t channels, int64_t kernel, enum cupel_layout layout) {
    struct bench bench = bench_open("cpu");
    const struct cupel_init init = {.kind = CUPEL_INIT_NORMAL, .a = 0, .b = 1};
    const struct cupel_shape image = {4, {16, channels, 9, 9}},
                             weight = {4, {channels, channels, kernel, kernel}};
    struct cupel_tensor *x = cupel_state(bench.graph, "x", CUPEL_F32, &image, &init),
                        *w = cupel_state(bench.graph, "w", CUPEL_F32, &weight, &init);
    struct cupel_tensor *y = cupel_relu(cupel_conv2d(x, w, NULL, &(struct cupel_conv){.stride = {1, 1}}));
    bench_compile(&bench, &y, 1,
                  &(struct cupel_plan_options){
                      .precision = CUPEL_PRECISION_BF16, .everywhere = true, .layout = layout});
    int halves = 0;
    for (int c = 0; c < bench.plan->n_calls; c++) {
        const struct call *call = &bench.plan->calls[c];
        if (call->node->op == OP_conv2d) halves += is_half(&call->in[0]) + is_half(&call->in[1]);
    }
    bench_close(&bench);
    return halves;
}

/* Kernels of our own with the batch innermost take f32 alone; those that multiply less take images, not weights. */
Test(bf16, convolutions_take_what_is_faster) {
    if (!need_precision("cpu", CUPEL_PRECISION_BF16)) return;
    cr_expect_eq(halves_of(6, 3, CUPEL_LAYOUT_NHWC), 2);
    cr_expect_eq(halves_of(6, 3, CUPEL_LAYOUT_NCHW), 2);
    cr_expect_eq(halves_of(6, 3, CUPEL_LAYOUT_CHWN), 0);
    cr_expect_eq(halves_of(64, 1, CUPEL_LAYOUT_NHWC), 2);
    cr_expect_eq(halves_of(64, 3, CUPEL_LAYOUT_NHWC), 1);
    cr_expect_eq(halves_of(64, 3, CUPEL_LAYOUT_NCHW), 2);
}

/* ---- where it is missing ---- */

/* oneDNN can be told to do without some instructions. */
Test(bf16, a_processor_without_it_says_so) {
    if (!need_precision("cpu", CUPEL_PRECISION_BF16)) return;
    struct outcome ran =
        run_shell("DNNL_MAX_CPU_ISA=AVX512_CORE $CUPEL train m.yaml --device cpu --precision bf16 --out no");
    cr_expect_eq(ran.status, 2);
    cr_expect(strstr(ran.err,
                     "device cpu does not compute in bf16 here: the processor has no AVX512_BF16; "
                     "use f32"),
              "%s", ran.err);
    ran = run_shell("DNNL_MAX_CPU_ISA=AVX512_CORE $CUPEL check ops --device cpu --precision bf16");
    cr_expect_eq(ran.status, 2);
    cr_expect(strstr(ran.err, "the processor has no AVX512_BF16"), "%s", ran.err);
    ran = run_shell("DNNL_MAX_CPU_ISA=AVX512_CORE $CUPEL check ops --device cpu --filter '^relu$'");
    cr_expect_eq(ran.status, 0, "%s%s", ran.out, ran.err);
    ran = run_shell("DNNL_MAX_CPU_ISA=AVX512_CORE $CUPEL doctor");
    cr_expect(strstr(ran.out, "for bf16 the processor has no AVX512_BF16"), "%s", ran.out);
    ran = run_shell("$CUPEL doctor");
    cr_expect(strstr(ran.out, "and in bf16 by AVX512_BF16"), "%s", ran.out);
}

Test(bf16, tf32_and_f16_are_refused_on_cpu) {
    struct outcome ran = run_cupel("plan m.yaml --device cpu --precision tf32");
    cr_expect_eq(ran.status, 2);
    cr_expect(strstr(ran.err, "device cpu does not compute in tf32; use f32"), "%s", ran.err);
    ran = run_cupel("check ops --device cpu --precision f16");
    cr_expect_eq(ran.status, 2);
    cr_expect(strstr(ran.err, "device cpu does not compute in f16; use f32"), "%s", ran.err);
}
