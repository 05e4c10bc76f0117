/* What cuBLASLt is asked for: with a library in its place that multiplies on the host, column by column as it does. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/nvidia/matmul.h"
#include "cuda/nvidia/own.h"
#include "subject.h"

/* ---- the library ---- */

/* Descriptors are what cuBLASLt is told, in the order of their attributes' numbers. */
struct described {
    cudaDataType type;
    uint64_t rows, columns;
    int64_t lead, between;
    int32_t count;
};
struct product {
    cublasComputeType_t compute;
    int32_t of_a, of_b;
    uint32_t last;
    const void *bias;
};
enum { WORKSPACE = 300 };
static bool refuses_epilogues;
static int live; /* descriptors */

static cublasStatus_t layout_create(cublasLtMatrixLayout_t *made, cudaDataType type, uint64_t rows,
                                    uint64_t columns, int64_t lead) {
    struct described *layout = calloc(1, sizeof *layout);
    *layout = (struct described){.type = type, .rows = rows, .columns = columns, .lead = lead, .count = 1};
    *made = (cublasLtMatrixLayout_t)layout;
    live++;
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t layout_destroy(cublasLtMatrixLayout_t layout) {
    free((void *)layout);
    live--;
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t layout_set(cublasLtMatrixLayout_t of, cublasLtMatrixLayoutAttribute_t name,
                                 const void *value, size_t size) {
    struct described *layout = (struct described *)of;
    if (name == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT)
        memcpy(&layout->count, value, size);
    else if (name == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET)
        memcpy(&layout->between, value, size);
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t product_create(cublasLtMatmulDesc_t *made, cublasComputeType_t compute,
                                     cudaDataType_t scale) {
    struct product *product = calloc(1, sizeof *product);
    cr_expect_eq(scale, CUDA_R_32F);
    product->compute = compute;
    product->last = CUBLASLT_EPILOGUE_DEFAULT;
    *made = (cublasLtMatmulDesc_t)product;
    live++;
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t product_destroy(cublasLtMatmulDesc_t product) {
    free((void *)product);
    live--;
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t product_set(cublasLtMatmulDesc_t of, cublasLtMatmulDescAttributes_t name,
                                  const void *value, size_t size) {
    struct product *product = (struct product *)of;
    void *to = name == CUBLASLT_MATMUL_DESC_TRANSA         ? (void *)&product->of_a
               : name == CUBLASLT_MATMUL_DESC_TRANSB       ? (void *)&product->of_b
               : name == CUBLASLT_MATMUL_DESC_EPILOGUE     ? (void *)&product->last
               : name == CUBLASLT_MATMUL_DESC_BIAS_POINTER ? (void *)&product->bias
                                                           : NULL;
    if (to) memcpy(to, value, size);
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t wish_create(cublasLtMatmulPreference_t *wish) {
    *wish = malloc(1);
    live++;
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t wish_destroy(cublasLtMatmulPreference_t wish) {
    free((void *)wish);
    live--;
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t wish_set(cublasLtMatmulPreference_t wish, cublasLtMatmulPreferenceAttributes_t name,
                               const void *value, size_t size) {
    (void)wish;
    (void)name;
    (void)value;
    (void)size;
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t heuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t of, cublasLtMatrixLayout_t a,
                                cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                cublasLtMatmulPreference_t wish, int room,
                                cublasLtMatmulHeuristicResult_t *results, int *count) {
    (void)handle, (void)a, (void)b, (void)c, (void)d, (void)wish, (void)room;
    *count = 0;
    if (refuses_epilogues && ((struct product *)of)->last != CUBLASLT_EPILOGUE_DEFAULT)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    results[0] = (cublasLtMatmulHeuristicResult_t){.algo = {{7, 0xfedcba9876543210u}}};
    *count = 1;
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t check(cublasLtHandle_t handle, cublasLtMatmulDesc_t of, cublasLtMatrixLayout_t a,
                            cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                            const cublasLtMatmulAlgo_t *algo, cublasLtMatmulHeuristicResult_t *result) {
    (void)handle, (void)of, (void)a, (void)b, (void)c, (void)d;
    if (algo->data[0] != 7 || algo->data[1] != 0xfedcba9876543210u) return CUBLAS_STATUS_INVALID_VALUE;
    result->workspaceSize = WORKSPACE;
    return CUBLAS_STATUS_SUCCESS;
}
static cublasStatus_t config(const cublasLtMatmulAlgo_t *algo, cublasLtMatmulAlgoConfigAttributes_t name,
                             void *value, size_t size, size_t *written) {
    const int32_t id = (int32_t)algo->data[0];
    (void)name;
    memcpy(value, &id, *written = size);
    return CUBLAS_STATUS_SUCCESS;
}
static const char *status_string(cublasStatus_t status) {
    (void)status;
    return "the test's library fails";
}

static enum cupel_dtype type_of(const struct described *layout) {
    return layout->type == CUDA_R_32F ? CUPEL_F32 : CUPEL_BF16;
}
static double *read_matrices(const struct described *layout, const void *data) {
    const int64_t last = (layout->count - 1) * layout->between;
    return numbers_read(data, last + layout->lead * (int64_t)layout->columns, type_of(layout));
}
/* Element of matrix `which`, as it is multiplied. */
static double element(const double *numbers, const struct described *layout, int32_t operation, int which,
                      uint64_t row, uint64_t column) {
    const uint64_t r = operation == CUBLAS_OP_T ? column : row, c = operation == CUBLAS_OP_T ? row : column;
    cr_assert(r < layout->rows && c < layout->columns);
    return numbers[which * layout->between + (int64_t)c * layout->lead + (int64_t)r];
}

static cublasStatus_t multiply(cublasLtHandle_t handle, cublasLtMatmulDesc_t of, const void *alpha,
                               const void *a, cublasLtMatrixLayout_t of_a, const void *b,
                               cublasLtMatrixLayout_t of_b, const void *beta, const void *c,
                               cublasLtMatrixLayout_t of_c, void *d, cublasLtMatrixLayout_t of_d,
                               const cublasLtMatmulAlgo_t *algo, void *workspace, size_t bytes,
                               cudaStream_t stream) {
    const struct product *product = (struct product *)of;
    const struct described *la = (struct described *)of_a, *lb = (struct described *)of_b,
                           *ld = (struct described *)of_d;
    (void)handle;
    cr_expect(*(const float *)alpha == 1 && *(const float *)beta == 0 && c == d && of_c == of_d);
    cr_expect(algo->data[0] == 7 && bytes == WORKSPACE);
    cr_assert_eq(cudaMemsetAsync(workspace, 0xff, bytes, stream), cudaSuccess);
    cr_assert_eq(cudaStreamSynchronize(stream), cudaSuccess);
    double *x = read_matrices(la, a), *y = read_matrices(lb, b), *z = read_matrices(ld, d), *bias = NULL;
    if (product->last & CUBLASLT_EPILOGUE_BIAS)
        bias = numbers_read(product->bias, (int64_t)ld->rows, CUPEL_F32);
    const uint64_t sum = product->of_a == CUBLAS_OP_T ? la->rows : la->columns;
    for (int n = 0; n < ld->count; n++)
        for (uint64_t row = 0; row < ld->rows; row++)
            for (uint64_t column = 0; column < ld->columns; column++) {
                double *to = &z[n * ld->between + (int64_t)column * ld->lead + (int64_t)row];
                *to = bias ? bias[row] : 0;
                for (uint64_t k = 0; k < sum; k++)
                    *to += element(x, la, product->of_a, n, row, k) *
                           element(y, lb, product->of_b, n, k, column);
                if (product->last & CUBLASLT_EPILOGUE_RELU && *to < 0) *to = 0;
            }
    numbers_write(d, z, (ld->count - 1) * ld->between + ld->lead * (int64_t)ld->columns, type_of(ld));
    free(x);
    free(y);
    free(z);
    free(bias);
    return CUBLAS_STATUS_SUCCESS;
}

static const struct cublaslt library = {.cublasLtMatrixLayoutCreate = layout_create,
                                        .cublasLtMatrixLayoutDestroy = layout_destroy,
                                        .cublasLtMatrixLayoutSetAttribute = layout_set,
                                        .cublasLtMatmulDescCreate = product_create,
                                        .cublasLtMatmulDescDestroy = product_destroy,
                                        .cublasLtMatmulDescSetAttribute = product_set,
                                        .cublasLtMatmulPreferenceCreate = wish_create,
                                        .cublasLtMatmulPreferenceDestroy = wish_destroy,
                                        .cublasLtMatmulPreferenceSetAttribute = wish_set,
                                        .cublasLtMatmulAlgoGetHeuristic = heuristic,
                                        .cublasLtMatmulAlgoCheck = check,
                                        .cublasLtMatmulAlgoConfigGetAttribute = config,
                                        .cublasLtGetStatusString = status_string,
                                        .cublasLtMatmul = multiply};

/* ---- the tests ---- */

enum { M = 5, N = 7, K = 6, BATCH = 3 };

static struct view rows_of(int64_t batch, int64_t rows, int64_t columns, enum cupel_dtype type) {
    struct view view = {.dtype = type, .shape = CUPEL_SHAPE(rows, columns), .stride = {columns, 1}};
    if (batch)
        view = (struct view){.dtype = type,
                             .shape = CUPEL_SHAPE(batch, rows, columns),
                             .stride = {rows * columns, columns, 1}};
    return view;
}

/* The product by definition, rows of rows. */
static void expect_product(struct subject *subject, bool transpose_a, bool transpose_b, double tolerance) {
    const struct view *in = subject->call.in, *out = subject->call.out;
    const int64_t batch = view_count(out) / (M * N);
    double *a = numbers_read(in[0].data, batch * M * K, in[0].dtype),
           *b = numbers_read(in[1].data, batch * K * N, in[1].dtype),
           *y = numbers_read(out->data, batch * M * N, out->dtype),
           *bias = subject->call.n_in > 2 ? numbers_read(in[2].data, N, CUPEL_F32) : NULL;
    const union attr *attr = &subject->node.attr;
    for (int64_t n = 0; n < batch; n++)
        for (int64_t i = 0; i < M; i++)
            for (int64_t j = 0; j < N; j++) {
                double sum = bias ? bias[j] : 0;
                for (int64_t k = 0; k < K; k++)
                    sum += a[n * M * K + (transpose_a ? k * M + i : i * K + k)] *
                           b[n * K * N + (transpose_b ? j * K + k : k * N + j)];
                if (subject->node.op == OP_linear)
                    sum = number_activated((enum activation)attr->conv.activation, attr->conv.slope, sum);
                cr_expect(fabs(sum - y[n * M * N + i * N + j]) <= tolerance,
                          "%s: [%d, %d] of product %d is %g, not %g", subject->call.engine, (int)i, (int)j,
                          (int)n, y[n * M * N + i * N + j], sum);
            }
    free(a);
    free(b);
    free(y);
    free(bias);
}

/* Serves the call in the first way that is listed, and says which it is. */
static void serve(struct subject *subject, const char *engine) {
    static struct nvidia nvidia;
    nvidia = (struct nvidia){
        .cublaslt = &library, .cublaslt_handle = (cublasLtHandle_t)&library, .tried_cublaslt = true};
    subject->own.nvidia = &nvidia;
    struct tune_way ways[8];
    struct cupel_error error = {0};
    const struct tune_source *source = nvidia_matmul(&subject->call);
    cr_assert_gt(source->list(&subject->call, ways, 8), 0);
    cr_assert_eq(source->prepare(&subject->call, ways[0].name, &error), CUPEL_OK, "%s", error.message);
    cr_expect_str_eq(subject->call.engine, engine);
    subject_run(subject);
}

Test(products, matmul) {
    for (int t = 0; t < 4; t++)
        for (int batch = 0; batch <= BATCH; batch += BATCH)
            for (int half = 0; half < 2; half++) {
                const bool a = t & 1, b = t & 2;
                const enum cupel_dtype type = half ? CUPEL_BF16 : CUPEL_F32;
                struct subject subject = {.node = {.op = OP_matmul, .n_in = 2}};
                subject.node.attr.shape.transpose_a = a;
                subject.node.attr.shape.transpose_b = b;
                subject.view[0] = a ? rows_of(batch, K, M, type) : rows_of(batch, M, K, type);
                subject.view[1] = b ? rows_of(batch, N, K, type) : rows_of(batch, K, N, type);
                subject.view[2] = rows_of(batch, M, N, CUPEL_F32);
                subject_start(&subject);
                serve(&subject, "cublaslt 7");
                expect_product(&subject, a, b, 1e-5);
                subject_end(&subject);
                cr_expect_eq(live, 0, "%d descriptors are left", live);
            }
}

Test(products, linear) {
    static const enum activation all[] = {ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_LEAKY_RELU,
                                          ACTIVATION_SIGMOID, ACTIVATION_TANH};
    for (int i = 0; i < 20; i++) {
        const enum activation activation = all[i % 5];
        const bool bias = i / 5 % 2, plain = !bias && activation == ACTIVATION_NONE;
        refuses_epilogues = i / 10;
        struct subject subject = {.node = {.op = OP_linear, .n_in = bias ? 3 : 2}};
        subject.node.attr.conv.activation = (int)activation;
        subject.node.attr.conv.slope = 0.25;
        subject.view[0] = rows_of(0, M, K, CUPEL_F32);
        subject.view[1] = rows_of(0, N, K, CUPEL_F32);
        if (bias) subject.view[2] = (struct view){.shape = CUPEL_SHAPE(N), .stride = {1}};
        subject.view[subject.node.n_in] = rows_of(0, M, N, CUPEL_F32);
        subject_start(&subject);
        const bool whole = activation <= ACTIVATION_RELU && (plain || !refuses_epilogues);
        serve(&subject, whole ? "cublaslt 7" : "cublaslt apart 7");
        expect_product(&subject, false, true, 1e-5);
        subject_end(&subject);
        cr_expect_eq(live, 0, "%d descriptors are left", live);
    }
}

Test(products, what_a_call_allows) {
    struct subject subject = {.node = {.op = OP_matmul, .n_in = 2}};
    struct lt_product product;
    subject.view[0] = rows_of(0, M, K, CUPEL_BF16);
    subject.view[1] = rows_of(0, K, N, CUPEL_BF16);
    subject.view[2] = rows_of(0, M, N, CUPEL_BF16);
    subject_start(&subject);
    const uint32_t safe = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    cr_assert(matmul_describe(&subject.call, MATMUL_WHOLE, &product));
    cr_expect_eq(product.compute, CUBLAS_COMPUTE_32F);
    cr_expect_eq(product.reductions, safe, "sums of parts in 16 bits");
    cr_expect_not(matmul_describe(&subject.call, MATMUL_APART, &product));
    subject.view[2].dtype = CUPEL_F32;
    cr_assert(matmul_describe(&subject.call, MATMUL_WHOLE, &product));
    cr_expect_neq(product.reductions, safe);
    subject.call.deterministic = true;
    subject.call.precision = CUPEL_PRECISION_TF32;
    cr_assert(matmul_describe(&subject.call, MATMUL_WHOLE, &product));
    cr_expect_eq(product.reductions, safe, "a sum whose order may change");
    cr_expect_eq(product.compute, CUBLAS_COMPUTE_32F_FAST_TF32);
    subject_end(&subject);
}

Test(products, names) {
    static const char *const wrong[] = {
        "",
        "cublaslt",
        "cublaslt whole",
        "cublaslt whole ",
        "cublaslt whole 12",
        "cublaslt other 0000000000000001",
        "cublaslt whole 0000000000000001 0000000000000001",
        "cublaslt whole 000000000000000g",
    };
    enum matmul_way way;
    cublasLtMatmulAlgo_t algo, again;
    char name[TUNE_NAME];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_not(matmul_way_read(wrong[i], &way, &algo), "%s", wrong[i]);
    memset(&algo, 0xab, sizeof algo);
    matmul_way_write(MATMUL_APART, &algo, name, sizeof name);
    cr_assert(matmul_way_read(name, &way, &again), "%s", name);
    cr_expect(way == MATMUL_APART && memcmp(&algo, &again, sizeof algo) == 0);
}
