/* Convolution, pooling, linear layers and matrix products against hand-worked examples, identities and
 * PyTorch. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "golden.h"

/* ---- shapes ---- */

static struct cupel_tensor *zeros(struct cupel_graph *graph, struct cupel_shape shape) {
    return cupel_fill(graph, &shape, 0);
}

Test(conv, output_size_is_w_minus_f_plus_2p_over_s_plus_1) {
    static const struct {
        int w, f, p, s, size;
    } rows[] = {{7, 3, 0, 1, 5},     {7, 3, 0, 2, 3},     {7, 3, 1, 1, 7},   {7, 3, 1, 3, 3},
                {10, 3, 1, 3, 4},    {28, 5, 2, 1, 28},   {14, 5, 0, 1, 10}, {32, 5, 2, 1, 32},
                {227, 11, 0, 4, 55}, {224, 7, 3, 2, 112}, {64, 4, 1, 2, 32}, {4, 4, 0, 1, 1},
                {5, 5, 0, 3, 1},     {6, 5, 0, 3, 1},     {1, 1, 0, 1, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int w = rows[i].w, f = rows[i].f, p = rows[i].p, s = rows[i].s;
        cr_assert_eq((w - f + 2 * p) / s + 1, rows[i].size);
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
        /* Once down and once across; the other axis stays 3, so that the two cannot be confused. */
        struct cupel_tensor *down =
            cupel_conv2d(zeros(graph, CUPEL_SHAPE(2, 1, w, 3)), zeros(graph, CUPEL_SHAPE(4, 1, f, 1)), NULL,
                         &(struct cupel_conv){.stride = {s, 1}, .pad = {p, 0}});
        struct cupel_tensor *across =
            cupel_conv2d(zeros(graph, CUPEL_SHAPE(2, 1, 3, w)), zeros(graph, CUPEL_SHAPE(4, 1, 1, f)), NULL,
                         &(struct cupel_conv){.stride = {1, s}, .pad = {0, p}});
        cr_assert_not_null(across, "%s", cupel_graph_error(graph)->message);
        cr_expect(cupel_shape_equal(cupel_tensor_shape(down), &CUPEL_SHAPE(2, 4, rows[i].size, 3)), "row %zu",
                  i);
        cr_expect(cupel_shape_equal(cupel_tensor_shape(across), &CUPEL_SHAPE(2, 4, 3, rows[i].size)),
                  "row %zu", i);
        cupel_graph_free(graph);
    }
}

Test(conv, cost_counts_each_multiply_add_as_two) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_init normal = {CUPEL_INIT_NORMAL, 0, 1};
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &CUPEL_SHAPE(2, 6, 7, 9), &normal);
    struct cupel_tensor *weight = cupel_state(graph, "w", CUPEL_F32, &CUPEL_SHAPE(4, 3, 3, 2), &normal),
                        *gradients[2];
    struct cupel_tensor *y = cupel_conv2d(x, weight, NULL, &(struct cupel_conv){.groups = 2});
    cr_assert_eq(cupel_grad(y, NULL, (struct cupel_tensor *[]){x, weight}, 2, gradients), CUPEL_OK);
    /* 2 images of 5 x 8 results in 4 channels, each of 3 x 3 x 2 products */
    const double flops = 2.0 * (2 * 5 * 8 * 4) * (3 * 3 * 2);
    cr_assert_eq(ops[OP_conv2d].flops(y->node), flops);
    cr_assert_eq(gradients[0]->node->op, OP_conv2d_image);
    cr_assert_eq(ops[OP_conv2d_image].flops(gradients[0]->node), flops);
    cr_assert_eq(gradients[1]->node->op, OP_conv2d_weight);
    cr_assert_eq(ops[OP_conv2d_weight].flops(gradients[1]->node), flops);
    struct cupel_tensor *a = zeros(graph, CUPEL_SHAPE(3, 5, 7)), *b = zeros(graph, CUPEL_SHAPE(3, 5, 4));
    cr_assert_eq(ops[OP_matmul].flops(cupel_matmul(a, b, true, false)->node), 2.0 * 3 * 7 * 4 * 5);
    cupel_graph_free(graph);
}

/* ---- what is refused ---- */

enum maker { CONV, DECONV, MAXPOOL, AVGPOOL, GLOBAL_AVGPOOL, LINEAR, MATMUL };
struct refused {
    enum maker maker;
    struct cupel_shape x, weight, bias;
    struct cupel_conv conv;
    struct cupel_pool pool;
    const char *says;
};

#define S4(n, c, h, w)                   \
    {                                    \
        .rank = 4, .dim = { n, c, h, w } \
    }
#define LARGE INT64_C(0x1000000000000000)
static const struct refused refusals[] = {
    {CONV, S4(1, 3, 4, 9), S4(2, 3, 7, 3),
     .says = "height: (W - F + 2P)/S + 1 = (4 - 7 + 2*0)/1 + 1 is below 1"},
    {CONV, S4(1, 3, 9, 4), S4(2, 3, 3, 3), .conv = {.dilation = {1, 3}, .pad = {0, 1}},
     .says =
         "width: (W - F + 2P)/S + 1 = (4 - 7 + 2*1)/1 + 1 is below 1; the kernel, spread by its dilation,"},
    {CONV, S4(1, 3, 4, 4), S4(2, 4, 3, 3),
     .says = "the weight takes 4 channels in each of 1 groups, the image has 3 in all"},
    {CONV, S4(1, 4, 4, 4), S4(2, 4, 3, 3), .conv = {.groups = 2},
     .says = "the weight takes 4 channels in each of 2 groups"},
    {CONV, S4(1, 3, 4, 4), S4(2, 1, 3, 3), .conv = {.groups = 2}, .says = "divisible by groups = 2"},
    {CONV, S4(1, 4, 4, 4), S4(3, 2, 3, 3), .conv = {.groups = 2}, .says = "divisible by groups = 2"},
    {CONV, S4(1, 4, 4, 4), S4(4, 4, 3, 3), .conv = {.groups = -1}, .says = "divisible by groups = -1"},
    {CONV, {3, {3, 4, 4}}, S4(2, 3, 3, 3), .says = "input 0 must have 4 dimensions"},
    {CONV, S4(1, 3, 4, 4), {2, {2, 3}}, .says = "input 1 must have 4 dimensions"},
    {CONV, S4(1, 3, 4, 4), S4(2, 3, 3, 3), {1, {3}}, .says = "the bias must be [2]"},
    {CONV, S4(1, 3, 4, 4), S4(2, 3, 3, 3), {2, {2, 1}}, .says = "the bias must be [2]"},
    {CONV, S4(1, 3, 4, 4), S4(2, 3, 3, 3), .conv = {.pad = {0, -1}},
     .says = "width: kernel 3, stride 1 and dilation 1 must be at "
             "least 1, pad -1 at least 0"},
    {CONV, S4(1, 3, 4, 4), S4(2, 3, 3, 3), .conv = {.stride = {-2, 1}},
     .says = "height: kernel 3, stride -2"},
    {CONV, S4(1, 3, 4, 4), S4(2, 3, 3, 3), .conv = {.dilation = {-1, 1}}, .says = "dilation -1"},
    {CONV, S4(1, 3, 4, 4), S4(2, 3, 3, 3), .conv = {.output_pad = {1, 0}},
     .says = "output_pad is for deconv2d alone"},
    {CONV, S4(1, 1, 4, 4), S4(1, 1, LARGE, 1), .conv = {.dilation = {INT32_MAX, 1}}, .says = "is below 1"},
    {CONV, S4(1, 1, 4, 4), S4(1, 1, 1, 1), .conv = {.pad = {INT32_MAX, INT32_MAX}}, .says = "too large"},
    {DECONV, S4(1, 3, 4, 4), S4(2, 3, 3, 3), .says = "the weight takes 2 channels, the input has 3"},
    {DECONV, S4(1, 3, 4, 4), S4(3, 2, 3, 3), {1, {3}}, .says = "the bias must be [2]"},
    {DECONV, S4(1, 3, 4, 4), S4(3, 2, 3, 3), .conv = {.groups = 2}, .says = "divisible by groups = 2"},
    {DECONV, S4(1, 1, 4, 4), S4(1, LARGE, 1, 1), .conv = {.groups = 99}, .says = "99 groups are too many"},
    {DECONV, S4(1, 3, 4, 4), S4(3, 2, 3, 3), .conv = {.output_pad = {0, 1}},
     .says = "smaller than stride or dilation"},
    {DECONV, S4(1, 3, 4, 4), S4(3, 2, 3, 3), .conv = {.output_pad = {-1, 0}}, .says = "output_pad -1"},
    {DECONV, S4(1, 3, 2, 4), S4(3, 2, 3, 3), .conv = {.pad = {2, 2}},
     .says = "height: (W - 1)S - 2P + D(F - 1) + output_pad + 1 = (2 - 1)*1 - 2*2 + 1*(3 - 1) + 0 + 1 is "
             "below 1"},
    {DECONV, S4(1, 1, LARGE, 1), S4(1, 1, 1, 1), .conv = {.stride = {9, 1}},
     .says = "(1152921504606846976 - 1)*9 - 2*0 + 1*(1 - 1) + 0 + 1 is too large"},
    {DECONV, {2, {1, 3}}, S4(3, 2, 3, 3), .says = "input and weight must have 4 dimensions"},
    {MAXPOOL, S4(1, 3, 4, 2), .pool = {.kernel = {3, 3}},
     .says = "width: (W - F + 2P)/S + 1 = (2 - 3 + 2*0)/3 + 1 is below 1"},
    {MAXPOOL, S4(1, 3, 4, 4), .pool = {.kernel = {3, 3}, .pad = {2, 0}},
     .says = "pad 2 is more than half of kernel 3"},
    {MAXPOOL, S4(1, 3, 4, 4), .pool = {.kernel = {3, 0}}, .says = "width: kernel 0"},
    {MAXPOOL, S4(1, 3, 4, 4), .pool = {.kernel = {2, 2}, .stride = {1, -1}}, .says = "stride -1"},
    {MAXPOOL, S4(1, 1, 1 << 16, 1 << 15), .pool = {.kernel = {2, 2}}, .says = "2^31 - 1 elements"},
    {AVGPOOL, S4(1, 3, 4, 4), .pool = {.kernel = {2, 2}, .pad = {0, -1}}, .says = "pad -1"},
    {AVGPOOL, {3, {3, 4, 4}}, .pool = {.kernel = {2, 2}}, .says = "input 0 must have 4 dimensions"},
    {GLOBAL_AVGPOOL, {2, {3, 4}}, .says = "must have 4 dimensions"},
    {LINEAR, S4(2, 3, 4, 4), {2, {5, 48}}, .says = "flatten it first"},
    {LINEAR, {2, {2, 3}}, {2, {5, 4}}, .says = "the weight takes 4 features, the input has 3"},
    {LINEAR, {2, {2, 3}}, {2, {5, 3}}, {1, {3}}, .says = "the bias must be [5]"},
    {MATMUL, {2, {2, 3}}, {2, {4, 3}}, .says = "the first has 3 columns, the second has 4 rows"},
    {MATMUL, {3, {2, 4, 3}}, {3, {3, 3, 4}}, .says = "leading dimensions must be equal"},
    {MATMUL, {1, {3}}, {1, {3}}, .says = "matrices or stacks of them"},
    {MATMUL, {2, {2, 3}}, {3, {2, 3, 4}}, .says = "input 1 must have 2 dimensions"},
};

static struct cupel_tensor *make(struct cupel_graph *graph, const struct refused *row) {
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &row->x, NULL);
    struct cupel_tensor *weight =
        row->weight.rank ? cupel_state(graph, "weight", CUPEL_F32, &row->weight, NULL) : NULL;
    struct cupel_tensor *bias =
        row->bias.rank ? cupel_state(graph, "bias", CUPEL_F32, &row->bias, NULL) : NULL;
    switch (row->maker) {
    case CONV:
        return cupel_conv2d(x, weight, bias, &row->conv);
    case DECONV:
        return cupel_deconv2d(x, weight, bias, &row->conv);
    case MAXPOOL:
        return cupel_maxpool(x, &row->pool);
    case AVGPOOL:
        return cupel_avgpool(x, &row->pool);
    case GLOBAL_AVGPOOL:
        return cupel_global_avgpool(x);
    case LINEAR:
        return cupel_linear(x, weight, bias);
    case MATMUL:
        return cupel_matmul(x, weight, false, false);
    }
    return NULL;
}

Test(conv, what_does_not_fit_is_refused_with_the_formula) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
        expect_refusal(graph, make(graph, &refusals[i]), i, refusals[i].says);
        cupel_graph_free(graph);
    }
}

/* ---- values ---- */

/* Builds and runs the case with the values given for its inputs, the gradients of its output 0 by `dy`
 * appended to its outputs: they are outputs 1 to n_in of the plan. */
static void run_with(struct trial *trial, const struct op_case *one, const char *device,
                     enum cupel_dtype real, const double *const *values, const double *dy) {
    struct cupel_tensor *outputs[1 + CASE_MAX_IN];
    trial_build(trial, one, device, real);
    cr_assert_eq(trial->error.status, CUPEL_OK, "%s: %s", one->name, trial->error.message);
    outputs[0] = trial->out[0];
    struct cupel_tensor *upstream = cupel_state(trial->graph, "dy", real, &outputs[0]->shape, NULL);
    cupel_grad(outputs[0], upstream, trial->in, trial->n_in, outputs + 1);
    trial->error = *cupel_graph_error(trial->graph);
    bool done = trial_compile(trial, outputs, 1 + trial->n_in, NULL);
    for (int i = 0; i < trial->n_in && done; i++)
        write_state(trial->store, trial->in[i]->node->attr.state.name, trial->in[i], values[i],
                    &(struct cupel_error){0});
    write_state(trial->store, "dy", upstream, dy, &(struct cupel_error){0});
    done = done && trial_run(trial);
    cr_assert(done, "%s: %s", one->name, trial->error.message);
    for (int i = 0; i < trial->n_in; i++) trial->out[1 + i] = outputs[1 + i];
}

static void build_plain_conv(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_conv2d(in[0], in[1], NULL, &(struct cupel_conv){0});
}
static void build_stride2_deconv(const struct op_case *one, struct cupel_tensor **in,
                                 struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_deconv2d(in[0], in[1], NULL, &(struct cupel_conv){.stride = {2, 2}});
}
static void build_overlapping_maxpool(const struct op_case *one, struct cupel_tensor **in,
                                      struct cupel_tensor **out) {
    (void)one;
    out[0] = cupel_maxpool(in[0], &(struct cupel_pool){.kernel = {2, 2}, .stride = {1, 1}});
}

static const double nine[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, four[] = {1, 2, 3, 4},
                    ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* The kernel is not flipped: 1*1 + 2*2 + 4*3 + 5*4 = 37, where a convolution proper would give 23. */
Test(conv, is_a_cross_correlation) {
    const struct op_case one = {"3x3", build_plain_conv, {{{4, {1, 1, 3, 3}}}, {{4, {1, 1, 2, 2}}}}};
    struct trial trial;
    run_with(&trial, &one, "reference", CUPEL_F64, (const double *[]){nine, four}, four);
    expect_output(&trial, 0, (double[]){37, 47, 67, 77}, 0, "y");
    /* y's gradient is the same 1 2 3 4: x's is its full convolution with the kernel, the kernel's its
     * correlation with x. */
    expect_output(&trial, 1, (double[]){1, 4, 4, 6, 20, 16, 9, 24, 16}, 0, "dx");
    expect_output(&trial, 2, (double[]){37, 47, 67, 77}, 0, "dweight");
    trial_free(&trial);
}

/* With stride 2 the four copies of the kernel lie side by side. */
Test(conv, deconvolution_spreads_the_kernel) {
    const struct op_case one = {"2x2", build_stride2_deconv, {{{4, {1, 1, 2, 2}}}, {{4, {1, 1, 2, 2}}}}};
    struct trial trial;
    run_with(&trial, &one, "reference", CUPEL_F64, (const double *[]){four, four}, ones);
    expect_output(&trial, 0, (double[]){1, 2, 2, 4, 3, 4, 6, 8, 3, 6, 4, 8, 9, 12, 12, 16}, 0, "y");
    expect_output(&trial, 1, (double[]){10, 10, 10, 10}, 0, "dx");
    expect_output(&trial, 2, (double[]){10, 10, 10, 10}, 0, "dweight");
    trial_free(&trial);
}

/* Of equal elements the first is chosen, and a NaN wins. */
Test(conv, maxpool_gives_ties_to_the_first_and_keeps_nan) {
    const struct op_case one = {"3x4", build_overlapping_maxpool, {{{4, {1, 1, 3, 4}}}}};
    const double x[] = {5, 5, 1, 0, 5, 5, 1, NAN, -2, -2, 1, 1}, dy[] = {1, 2, 3, 4, 5, 6};
    static const char *const devices[] = {"reference", "cpu"};
    for (int i = 0; i < 2; i++) {
        struct trial trial;
        run_with(&trial, &one, devices[i], CUPEL_F32, (const double *[]){x}, dy);
        expect_output(&trial, 0, (double[]){5, 5, NAN, 5, 5, NAN}, 0, "y");
        expect_output(&trial, 1, (double[]){1, 2, 0, 0, 4, 5, 0, 9, 0, 0, 0, 0}, 0, "dx");
        trial_free(&trial);
    }
}

/* ---- activations ---- */

/* The node with the activation of arg[1] and without. arg[0]: the op. */
static void build_activated(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    enum op_id op = (enum op_id)one->arg[0];
    union attr attr = {0};
    if (op == OP_conv2d_image) attr.conv.image[0] = 5, attr.conv.image[1] = 7;
    out[1] = node_add_list(op, in, 3, &attr);
    attr.conv.activation = (int)one->arg[1];
    attr.conv.slope = 0.25;
    out[0] = node_add_list(op, in, 3, &attr);
}

static double activated(enum activation activation, double x) {
    switch (activation) {
    case ACTIVATION_RELU:
        return fmax(x, 0);
    case ACTIVATION_LEAKY_RELU:
        return fmax(x, x / 4);
    case ACTIVATION_SIGMOID:
        return 0.5 + 0.5 * tanh(x / 2);
    case ACTIVATION_TANH:
        return 1 - 2 / (exp(2 * x) + 1);
    default:
        return x;
    }
}

static void judge_activation(const struct op_case *one, const char *device, double tolerance) {
    struct trial trial;
    int64_t count;
    trial_build(&trial, one, device, CUPEL_F32);
    bool done = trial_compile(&trial, trial.out, 2, NULL) && trial_run(&trial);
    cr_assert(done, "%s: %s", one->name, trial.error.message);
    double *found = trial_read(&trial, 0, trial.out[0], &count),
           *plain = trial_read(&trial, 1, trial.out[1], &count);
    for (int64_t i = 0; i < count; i++) plain[i] = activated((enum activation)one->arg[1], plain[i]);
    double error = relative_error(found, plain, count, 1e-30);
    cr_expect(error <= tolerance, "%s, activation %d on %s: relative error %.3g", one->name, (int)one->arg[1],
              device, error);
    free(found);
    free(plain);
    trial_free(&trial);
}

Test(conv, activations_are_applied_on_the_way_out) {
    struct op_case cases[] = {
        {"conv2d", build_activated, {{S4(1, 2, 4, 5)}, {S4(3, 2, 2, 3)}, {{1, {3}}}}, {OP_conv2d}},
        {"conv2d_image",
         build_activated,
         {{S4(1, 2, 4, 5)}, {S4(2, 3, 2, 3)}, {{1, {3}}}},
         {OP_conv2d_image}},
        {"linear", build_activated, {{{2, {6, 5}}}, {{2, {7, 5}}}, {{1, {7}}}}, {OP_linear}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int activation = ACTIVATION_NONE; activation <= ACTIVATION_TANH; activation++) {
            cases[i].arg[1] = activation;
            judge_activation(&cases[i], "reference", 1e-6);
            judge_activation(&cases[i], "cpu", 1e-5);
        }
}

/* ---- deconv2d is the adjoint of conv2d ---- */

/* arg: stride, pad, dilation, groups, output_pad. Inputs: x, weight and a tensor of conv2d(x)'s shape. */
static void build_adjoint(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    const int64_t *arg = one->arg;
    struct cupel_conv conv = {.stride = {(int)arg[0], (int)arg[1]},
                              .pad = {(int)arg[2], (int)arg[3]},
                              .dilation = {(int)arg[4], (int)arg[5]},
                              .groups = (int)arg[6]};
    struct cupel_tensor *y = cupel_conv2d(in[0], in[1], NULL, &conv);
    out[0] = cupel_sum(cupel_mul(y, in[2]), CUPEL_ALL_AXES, false);
    conv.output_pad[0] = (int)arg[7];
    conv.output_pad[1] = (int)arg[8];
    struct cupel_tensor *x = cupel_deconv2d(in[2], in[1], NULL, &conv);
    out[1] = cupel_sum(cupel_mul(x, in[0]), CUPEL_ALL_AXES, false);
}

Test(conv, deconvolution_is_the_adjoint) {
    static const struct op_case cases[] = {
        {"plain", build_adjoint, {{S4(2, 3, 5, 6)}, {S4(4, 3, 3, 2)}, {S4(2, 4, 3, 5)}}},
        {"stride", build_adjoint, {{S4(1, 2, 8, 9)}, {S4(3, 2, 4, 3)}, {S4(1, 3, 4, 3)}}, {2, 3, 1, 0}},
        {"unused-edge",
         build_adjoint,
         {{S4(1, 2, 9, 8)}, {S4(3, 2, 4, 3)}, {S4(1, 3, 4, 2)}},
         {2, 3, 1, 0, 1, 1, 1, 1, 2}},
        {"dilation",
         build_adjoint,
         {{S4(1, 2, 9, 8)}, {S4(3, 2, 3, 2)}, {S4(1, 3, 7, 7)}},
         {1, 1, 1, 1, 2, 3}},
        {"groups",
         build_adjoint,
         {{S4(2, 6, 5, 6)}, {S4(4, 3, 3, 2)}, {S4(2, 4, 3, 5)}},
         {1, 1, 0, 0, 1, 1, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trial trial;
        trial_build(&trial, &cases[i], "reference", CUPEL_F64);
        bool done = trial_compile(&trial, trial.out, 2, NULL) && trial_run(&trial);
        cr_assert(done, "%s: %s", cases[i].name, trial.error.message);
        int64_t one;
        double *a = trial_read(&trial, 0, trial.out[0], &one), *b = trial_read(&trial, 1, trial.out[1], &one);
        cr_expect(fabs(*a - *b) < 1e-12 * (fabs(*a) + 1), "%s: <conv(x), y> = %.17g, <x, deconv(y)> = %.17g",
                  cases[i].name, *a, *b);
        free(a);
        free(b);
        trial_free(&trial);
    }
}

/* ---- PyTorch ---- */

/* arg, as golden/make_conv.py writes it: kind; of a matmul the transposes; stride, pad, then of a convolution
 * dilation, output_pad, groups and of a pooling kernel, ceil_mode, exclude_pad */
static void build_golden(const struct op_case *one, struct cupel_tensor **in, struct cupel_tensor **out) {
    int arg[12];
    for (int i = 0; i < 12; i++) arg[i] = (int)one->arg[i];
    struct cupel_tensor *bias = case_inputs(one) > 2 ? in[2] : NULL;
    const struct cupel_conv conv = {.stride = {arg[1], arg[2]},
                                    .pad = {arg[3], arg[4]},
                                    .dilation = {arg[5], arg[6]},
                                    .output_pad = {arg[7], arg[8]},
                                    .groups = arg[9]};
    const struct cupel_pool pool = {.stride = {arg[1], arg[2]},
                                    .pad = {arg[3], arg[4]},
                                    .kernel = {arg[5], arg[6]},
                                    .ceil_mode = arg[7],
                                    .exclude_pad = arg[8]};
    switch ((enum maker)arg[0]) {
    case CONV:
        out[0] = cupel_conv2d(in[0], in[1], bias, &conv);
        break;
    case DECONV:
        out[0] = cupel_deconv2d(in[0], in[1], bias, &conv);
        break;
    case MAXPOOL:
        out[0] = cupel_maxpool(in[0], &pool);
        break;
    case AVGPOOL:
        out[0] = cupel_avgpool(in[0], &pool);
        break;
    case GLOBAL_AVGPOOL:
        out[0] = cupel_global_avgpool(in[0]);
        break;
    case LINEAR:
        out[0] = cupel_linear(in[0], in[1], bias);
        break;
    case MATMUL:
        out[0] = cupel_matmul(in[0], in[1], arg[1], arg[2]);
        break;
    }
}

static void judge_golden(const struct cupel_weights *file, const struct op_case *one, const char *device,
                         enum cupel_dtype real, double tolerance) {
    static const char *const names[] = {"x", "weight", "bias"}, *const gradients[] = {"dx", "dweight",
                                                                                      "dbias"};
    const double *values[3] = {0};
    char what[120];
    for (int i = 0; i < case_inputs(one); i++) values[i] = golden_find(file, one->name, names[i])->data;
    struct trial trial;
    const struct cupel_weight *y = golden_find(file, one->name, "y");
    run_with(&trial, one, device, real, values, golden_find(file, one->name, "dy")->data);
    cr_expect(cupel_shape_equal(&trial.out[0]->shape, &y->shape), "%s: shape", one->name);
    snprintf(what, sizeof what, "%s/y", one->name);
    expect_output(&trial, 0, y->data, tolerance, what);
    for (int i = 0; i < trial.n_in; i++) {
        snprintf(what, sizeof what, "%s/%s", one->name, gradients[i]);
        expect_output(&trial, 1 + i, golden_find(file, one->name, gradients[i])->data, tolerance, what);
    }
    trial_free(&trial);
}

Test(conv, values_and_gradients_are_those_of_pytorch) {
    static const char *const names[] = {"x", "weight", "bias"};
    struct cupel_weights file = golden_load("ops_conv.safetensors");
    struct op_case one;
    char name[GOLDEN_NAME];
    int configurations = 0;
    for (size_t cursor = 0; golden_next(&file, &cursor, name, &one);) {
        one.build = build_golden;
        for (int i = 0; i < 3; i++) {
            const struct cupel_weight *in = golden_find(&file, name, names[i]);
            if (in) one.in[i].shape = in->shape;
        }
        judge_golden(&file, &one, "reference", CUPEL_F64, 1e-13);
        judge_golden(&file, &one, "reference", CUPEL_F32, 1e-6);
        judge_golden(&file, &one, "cpu", CUPEL_F32, 1e-5);
        configurations++;
    }
    cr_assert_eq(configurations, 33);
    cupel_weights_free(&file);
}
