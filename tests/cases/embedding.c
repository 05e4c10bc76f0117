/* Cases of rows chosen by labels. */
#include "case.h"

#define LABELS(n, classes) \
    { {1, {n}}, CASE_LABELS, classes }

BUILD(embedding, cupel_embedding(in[0], in[1]))
/* Of a part that starts at an odd element: rows of whole vectors, none of which is aligned. arg: rows, columns. */
static void build_embedding_of_part(const struct op_case *one, struct cupel_tensor **in,
                                    struct cupel_tensor **out) {
    struct cupel_tensor *part = cupel_part(in[0], NULL, 1, &CUPEL_SHAPE(one->arg[0], one->arg[1]), NULL);
    out[0] = cupel_embedding(part, in[1]);
}
CASES(embedding) = {
    {"one", build_embedding, {{{2, {1, 1}}}, LABELS(1, 1)}},
    {"rows", build_embedding, {{{2, {5, 7}}}, LABELS(9, 5)}},
    {"few-of-many", build_embedding, {{{2, {33, 3}}}, LABELS(4, 33)}},
    {"vectors", build_embedding, {{{2, {10, 12}}}, LABELS(7, 10)}},
    {"one-vector", build_embedding, {{{2, {3, 4}}}, LABELS(31, 3)}},
    {"odd-start", build_embedding_of_part, {{{1, {41}}}, LABELS(9, 5)}, .arg = {5, 8}},
    {"block", build_embedding, {{{2, {10, 8}}}, LABELS(128, 10)}},
    {"blocks", build_embedding, {{{2, {9, 67}}}, LABELS(33, 9)}},
    {"blocks-of-vectors", build_embedding, {{{2, {9, 132}}}, LABELS(31, 9)}},
    {0},
};

BUILD(embedding_grad, NODE_ADD(embedding_grad, ATTR(number, .n = one->arg[0]), in[0], in[1]))
CASES(embedding_grad) = {
    {"one", build_embedding_grad, {{{2, {1, 1}}}, LABELS(1, 1)}, .arg = {1}},
    {"rows", build_embedding_grad, {{{2, {9, 7}}}, LABELS(9, 5)}, .arg = {5}},
    {"few-of-many", build_embedding_grad, {{{2, {4, 3}}}, LABELS(4, 33)}, .arg = {33}},
    {"last-class-unused", build_embedding_grad, {{{2, {31, 31}}}, LABELS(31, 3)}, .arg = {4}},
    {"block", build_embedding_grad, {{{2, {8, 32}}}, LABELS(8, 3)}, .arg = {3}},
    {"blocks", build_embedding_grad, {{{2, {17, 33}}}, LABELS(17, 10)}, .arg = {10}},
    {"one-class", build_embedding_grad, {{{2, {65, 5}}}, LABELS(65, 1)}, .arg = {1}},
    {"many", build_embedding_grad, {{{2, {301, 67}}}, LABELS(301, 10)}, .arg = {10}},
    {0},
};
