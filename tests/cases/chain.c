/* Cases of chains: made directly, and by the plans of devices that make them. */
#include "case.h"

#define V CHAIN_VALUE
#define STEP(op_, a_, b_, ...) \
    { .op = OP_##op_, .a = a_, .b = b_, __VA_ARGS__ }

/* relu(p x y + q) */
BUILD(three_steps,
      NODE_ADD(chain,
               ATTR(chain, .count = 3,
                    .step = {STEP(mul, 0, 1), STEP(scale, V, V, .p = one->number[0], .q = one->number[1]),
                             STEP(relu, V, V)}),
               in[0], in[1]))

/* As many inputs and steps as there may be; the value is the one operand, the other, and both. */
BUILD(all, NODE_ADD(chain,
                    ATTR(chain, .count = 8,
                         .step = {STEP(sub, 0, 1), STEP(sub, 2, V), STEP(mul, V, V), STEP(add, V, 3),
                                  STEP(sqrt, V, V), STEP(div, 4, V), STEP(leaky_relu_grad, V, 5, .p = 0.3),
                                  STEP(sub, V, 0)}),
                    in[0], in[1], in[2], in[3], in[4], in[5]))
#define ALL_IN(...)                                                                                 \
    {                                                                                               \
        {__VA_ARGS__}, {__VA_ARGS__}, {__VA_ARGS__}, {__VA_ARGS__, CASE_POSITIVE}, {__VA_ARGS__}, { \
            __VA_ARGS__                                                                             \
        }                                                                                           \
    }

static struct cupel_tensor *some_steps(struct cupel_tensor *x, struct cupel_tensor *y, int count) {
    for (int i = 0; i < count; i++)
        x = i % 3 == 0 ? cupel_mul(x, y) : i % 3 == 1 ? cupel_tanh(x) : cupel_sub(y, x);
    return x;
}
BUILD(made, some_steps(cupel_scale(in[0], 0.7, 0.1), in[1], (int)one->arg[0]))
BUILD(made_in_place, some_steps(cupel_slice(in[0], (const int64_t[CUPEL_MAX_RANK]){0}, &in[0]->shape), in[1],
                                (int)one->arg[0]))
/* Swish, which reads x twice, behind a sum of two chains. */
static struct cupel_tensor *swish(struct cupel_tensor *x) {
    return cupel_mul(x, cupel_sigmoid(x));
}
BUILD(made_tree, swish(cupel_add(swish(in[0]), swish(in[1]))))

CASES(chain) = {
    {"one", build_three_steps, {{{1, {1}}}, {{1, {1}}}}, .number = {0.7, 0.2}, .no_grad = true},
    {"ragged", build_three_steps, {{{2, {31, 33}}}, {{2, {31, 33}}}}, .number = {-0.7, 0.2}, .no_grad = true},
    {"images",
     build_three_steps,
     {{{4, {2, 5, 3, 9}}}, {{4, {2, 5, 3, 9}}}},
     .number = {0.7, 0.2},
     .no_grad = true},
    {"all-one", build_all, ALL_IN({1, {1}}), .no_grad = true},
    {"all-ragged", build_all, ALL_IN({2, {7, 9}}), .no_grad = true},
    {"all-blocks", build_all, ALL_IN({1, {1025}}), .no_grad = true},
    {"made", build_made, {{{2, {31, 33}}}, {{2, {31, 33}}}}, {4}, .no_grad = true},
    {"made-blocks", build_made, {{{1, {2049}}}, {{1, {2049}}}}, {6}, .no_grad = true},
    {"made-long", build_made, {{{2, {7, 9}}}, {{2, {7, 9}}}}, {17}, .no_grad = true},
    {"made-images", build_made, {{{4, {2, 5, 3, 9}}}, {{4, {2, 5, 3, 9}}}}, {3}, .no_grad = true},
    {"made-in-place", build_made_in_place, {{{4, {2, 5, 3, 9}}}, {{4, {2, 5, 3, 9}}}}, {4}, .no_grad = true},
    {"made-tree", build_made_tree, {{{2, {33, 7}}}, {{2, {33, 7}}}}, .no_grad = true},
    {0},
};
