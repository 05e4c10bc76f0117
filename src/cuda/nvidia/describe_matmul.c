/* A call's product as cuBLASLt is asked for it, and the names of the ways to do it. */
#include "cuda/nvidia/matmul.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cuda/align.h"

static const char *const way_names[MATMUL_WAYS] = {"whole", "apart"};

/* ---- description ---- */

static struct lt_matrix matrix_of(const struct view *view) {
    const int rank = view->shape.rank;
    const int64_t rows = view->shape.dim[rank - 2], columns = view->shape.dim[rank - 1];
    return (struct lt_matrix){.type = view->dtype == CUPEL_BF16  ? CUDA_R_16BF
                                      : view->dtype == CUPEL_F16 ? CUDA_R_16F
                                                                 : CUDA_R_32F,
                              .rows = (uint64_t)columns,
                              .columns = (uint64_t)rows,
                              .between = rows * columns};
}

static bool is_plain(const struct call *call) {
    return call->node->op == OP_matmul ||
           (call->n_in < 3 && call->node->attr.conv.activation == ACTIVATION_NONE);
}

/* Sums in parts may be added up in the result's type only where that is f32, and in place only if their order may
 * change. */
static uint32_t reductions_of(const struct call *call) {
    const uint32_t safe = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    const bool any = call->out[0].dtype == CUPEL_F32 && !call->deterministic;
    return any ? (uint32_t)CUBLASLT_REDUCTION_SCHEME_MASK : safe;
}

/* cuBLASLt's epilogue for linear's last steps; false when it has none. */
static bool find_last(const struct call *call, cublasLtEpilogue_t *last) {
    const bool bias = call->n_in > 2;
    switch ((enum activation)call->node->attr.conv.activation) {
    case ACTIVATION_NONE:
        *last = bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
        return true;
    case ACTIVATION_RELU:
        *last = bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
        return true;
    default:
        return false;
    }
}

bool matmul_describe(const struct call *call, enum matmul_way way, struct lt_product *product) {
    const bool linear = call->node->op == OP_linear, plain = is_plain(call);
    const bool transpose_a = !linear && call->node->attr.shape.transpose_a,
               transpose_b = linear || call->node->attr.shape.transpose_b;
    if (!cuda_all_aligned(call->node) || (way == MATMUL_APART && plain)) return false;
    *product =
        (struct lt_product){.a = matrix_of(&call->in[1]),
                            .b = matrix_of(&call->in[0]),
                            .d = matrix_of(&call->out[0]),
                            .of_a = transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
                            .of_b = transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
                            .compute = call->precision == CUPEL_PRECISION_TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                               : CUBLAS_COMPUTE_32F,
                            .last = CUBLASLT_EPILOGUE_DEFAULT,
                            .reductions = reductions_of(call)};
    const int64_t count = view_count(&call->out[0]) / product->d.between;
    product->count = (int32_t)count;
    if (product->count != count) return false;
    return way == MATMUL_APART || plain || find_last(call, &product->last);
}

/* ---- names ---- */

enum { WORDS = sizeof(cublasLtMatmulAlgo_t) / sizeof(uint64_t) };

void matmul_way_write(enum matmul_way way, const cublasLtMatmulAlgo_t *algo, char *name, size_t size) {
    int used = snprintf(name, size, "cublaslt %s ", way_names[way]), words = WORDS;
    uint64_t word[WORDS];
    memcpy(word, algo, sizeof word);
    while (words > 1 && !word[words - 1]) words--;
    for (int w = 0; w < words && used > 0 && (size_t)used < size; w++)
        used += snprintf(name + used, size - (size_t)used, "%016" PRIx64, word[w]);
}

bool matmul_way_read(const char *name, enum matmul_way *way, cublasLtMatmulAlgo_t *algo) {
    char text[8];
    int used = 0, words = 0;
    uint64_t word[WORDS] = {0};
    if (sscanf(name, "cublaslt %7s %n", text, &used) != 1 || !used) return false;
    for (int more = 0; name[used] && words < WORDS; used += more)
        if (sscanf(name + used, "%16" SCNx64 "%n", &word[words++], &more) != 1 || more != 16) return false;
    memcpy(algo, word, sizeof word);
    for (int w = 0; w < MATMUL_WAYS; w++)
        if (strcmp(text, way_names[w]) == 0) {
            *way = (enum matmul_way)w;
            return words > 0 && !name[used];
        }
    return false;
}
