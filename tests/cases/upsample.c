/* Cases of enlarging. arg: the factors. */
#include "case.h"

BUILD(bilinear, cupel_upsample(in[0], one->arg, CUPEL_UPSAMPLE_BILINEAR))
CASES(bilinear) = {
    {"one", build_bilinear, {{{4, {1, 1, 1, 1}}}}, {2, 3}},
    {"x2", build_bilinear, {{{4, {2, 3, 4, 6}}}}, {2, 2}},
    {"x2-ragged", build_bilinear, {{{4, {2, 3, 5, 3}}}}, {2, 2}},
    {"x3-by-1", build_bilinear, {{{4, {1, 2, 5, 3}}}}, {3, 1}},
    {"x4-by-5", build_bilinear, {{{4, {1, 5, 3, 2}}}}, {4, 5}},
    {"from-row", build_bilinear, {{{4, {2, 3, 1, 7}}}}, {3, 2}},
    {"channels-in-vectors", build_bilinear, {{{4, {2, 8, 3, 5}}}}, {2, 3}},
    {"many-channels", build_bilinear, {{{4, {3, 24, 5, 3}}}}, {2, 2}},
    {"blocks", build_bilinear, {{{4, {3, 5, 9, 7}}}}, {2, 3}},
    {0},
};

BUILD(bilinear_grad, NODE_ADD(bilinear_grad, ATTR(upsample, .factor = {one->arg[0], one->arg[1]}), in[0]))
CASES(bilinear_grad) = {
    {"one", build_bilinear_grad, {{{4, {1, 1, 2, 3}}}}, {2, 3}},
    {"x2", build_bilinear_grad, {{{4, {2, 3, 8, 12}}}}, {2, 2}},
    {"x2-ragged", build_bilinear_grad, {{{4, {2, 3, 10, 6}}}}, {2, 2}},
    {"x3-by-1", build_bilinear_grad, {{{4, {1, 2, 15, 3}}}}, {3, 1}},
    {"x4-by-5", build_bilinear_grad, {{{4, {1, 5, 12, 10}}}}, {4, 5}},
    {"to-row", build_bilinear_grad, {{{4, {2, 3, 3, 14}}}}, {3, 2}},
    {"channels-in-vectors", build_bilinear_grad, {{{4, {2, 8, 6, 15}}}}, {2, 3}},
    {"many-channels", build_bilinear_grad, {{{4, {3, 24, 10, 6}}}}, {2, 2}},
    {"blocks", build_bilinear_grad, {{{4, {3, 5, 18, 21}}}}, {2, 3}},
    {0},
};
