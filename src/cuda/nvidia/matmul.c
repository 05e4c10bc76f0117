/* Products of matrices by cuBLASLt. */
#include "cuda/nvidia/matmul.h"

#include <stdio.h>
#include <stdlib.h>

#include "cuda/nvidia/last.h"
#include "cuda/nvidia/own.h"

static const uint64_t most_workspace = 64 << 20;

/* A prepared call. */
struct matmul_run {
    char name[40];
    const struct nvidia *nvidia;
    enum matmul_way way;
    bool bias; /* added by cuBLASLt */
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algo;
    size_t workspace_bytes;
};

static void release(void *prepared) {
    struct matmul_run *run = prepared;
    const struct cublaslt *library = run->nvidia->cublaslt;
    if (run->product) library->cublasLtMatmulDescDestroy(run->product);
    if (run->a) library->cublasLtMatrixLayoutDestroy(run->a);
    if (run->b) library->cublasLtMatrixLayoutDestroy(run->b);
    if (run->d) library->cublasLtMatrixLayoutDestroy(run->d);
    free(run);
}

static enum cupel_status lt_fail(const struct cublaslt *library, cublasStatus_t status,
                                 struct cupel_error *error) {
    const bool cannot = status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE;
    return cupel_fail(error, cannot ? CUPEL_UNSUPPORTED : CUPEL_FAILED, "cuBLASLt: %s",
                      library->cublasLtGetStatusString(status));
}
#define LT_TRY(expression)                                                             \
    do {                                                                               \
        const cublasStatus_t status_ = (expression);                                   \
        if (status_ != CUBLAS_STATUS_SUCCESS) return lt_fail(library, status_, error); \
    } while (0)

/* ---- descriptors ---- */

static enum cupel_status make_layout(const struct cublaslt *library, const struct lt_matrix *matrix,
                                     int32_t count, cublasLtMatrixLayout_t *layout,
                                     struct cupel_error *error) {
    LT_TRY(library->cublasLtMatrixLayoutCreate(layout, matrix->type, matrix->rows, matrix->columns,
                                               (int64_t)matrix->rows));
    if (count == 1) return CUPEL_OK;
    LT_TRY(library->cublasLtMatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                                     sizeof count));
    LT_TRY(library->cublasLtMatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                     &matrix->between, sizeof matrix->between));
    return CUPEL_OK;
}

static enum cupel_status make_product(const struct cublaslt *library, const struct lt_product *product,
                                      struct matmul_run *run, struct cupel_error *error) {
    LT_TRY(library->cublasLtMatmulDescCreate(&run->product, product->compute, CUDA_R_32F));
#define SET(name, value)                                                                              \
    LT_TRY(library->cublasLtMatmulDescSetAttribute(run->product, CUBLASLT_MATMUL_DESC_##name, &value, \
                                                   sizeof value))
    SET(TRANSA, product->of_a);
    SET(TRANSB, product->of_b);
    SET(EPILOGUE, product->last);
    run->bias = product->last == CUBLASLT_EPILOGUE_BIAS || product->last == CUBLASLT_EPILOGUE_RELU_BIAS;
    if (run->bias) {
        const cudaDataType_t type = CUDA_R_32F;
        const void *somewhere = (const void *)4096; /* aligned; the run says where */
        SET(BIAS_DATA_TYPE, type);
        SET(BIAS_POINTER, somewhere);
    }
#undef SET
    CUPEL_TRY(make_layout(library, &product->a, product->count, &run->a, error));
    CUPEL_TRY(make_layout(library, &product->b, product->count, &run->b, error));
    return make_layout(library, &product->d, product->count, &run->d, error);
}

/* A run of the call in that way, but for its algorithm; what is made is released with it, whatever fails. */
static enum cupel_status run_make(struct nvidia *nvidia, const struct call *call, enum matmul_way way,
                                  struct lt_product *product, struct matmul_run **run,
                                  struct cupel_error *error) {
    if (!matmul_describe(call, way, product))
        return cupel_fail(error, CUPEL_UNSUPPORTED, "cuBLASLt does not serve this product so");
    *run = calloc(1, sizeof **run);
    if (!*run) return cupel_fail(error, CUPEL_NOMEM, "no memory for a product");
    (*run)->nvidia = nvidia;
    (*run)->way = way;
    const enum cupel_status status = make_product(nvidia->cublaslt, product, *run, error);
    if (status == CUPEL_OK) return status;
    release(*run);
    *run = NULL;
    return status;
}

/* ---- the source ---- */

static enum cupel_status ask(struct nvidia *nvidia, const struct lt_product *product,
                             const struct matmul_run *run, cublasLtMatmulPreference_t wish,
                             cublasLtMatmulHeuristicResult_t *results, int room, int *count,
                             struct cupel_error *error) {
    const struct cublaslt *library = nvidia->cublaslt;
    const uint32_t alignment = 16;
#define SET(name, value)                                                                            \
    LT_TRY(library->cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_##name, &value, \
                                                         sizeof value))
    SET(MAX_WORKSPACE_BYTES, most_workspace);
    SET(REDUCTION_SCHEME_MASK, product->reductions);
    SET(MIN_ALIGNMENT_A_BYTES, alignment);
    SET(MIN_ALIGNMENT_B_BYTES, alignment);
    SET(MIN_ALIGNMENT_C_BYTES, alignment);
    SET(MIN_ALIGNMENT_D_BYTES, alignment);
#undef SET
    LT_TRY(library->cublasLtMatmulAlgoGetHeuristic(nvidia->cublaslt_handle, run->product, run->a, run->b,
                                                   run->d, run->d, wish, room, results, count));
    return CUPEL_OK;
}

static int list_way(struct nvidia *nvidia, const struct call *call, enum matmul_way way,
                    struct tune_way *ways, int room) {
    enum { EACH = 8 };
    const struct cublaslt *library = nvidia->cublaslt;
    struct lt_product product = {0};
    struct matmul_run *run = NULL;
    cublasLtMatmulPreference_t wish = NULL;
    cublasLtMatmulHeuristicResult_t results[EACH];
    int found = 0, count = 0;
    if (run_make(nvidia, call, way, &product, &run, NULL) != CUPEL_OK || !run) return 0;
    if (library->cublasLtMatmulPreferenceCreate(&wish) != CUBLAS_STATUS_SUCCESS ||
        ask(nvidia, &product, run, wish, results, room < EACH ? room : EACH, &found, NULL) != CUPEL_OK)
        found = 0;
    for (int i = 0; i < found; i++)
        if (results[i].state == CUBLAS_STATUS_SUCCESS)
            matmul_way_write(way, &results[i].algo, ways[count++].name, TUNE_NAME);
    if (wish) library->cublasLtMatmulPreferenceDestroy(wish);
    release(run);
    return count;
}

static int list(const struct call *call, struct tune_way *ways, int room) {
    struct nvidia *nvidia = nvidia_of(call);
    int count = 0;
    for (int way = 0; way < MATMUL_WAYS; way++)
        count += list_way(nvidia, call, (enum matmul_way)way, ways + count, room - count);
    return count;
}

static enum cupel_status run_product(const struct matmul_run *run, const struct call *call,
                                     struct cupel_error *error) {
    const struct cublaslt *library = run->nvidia->cublaslt;
    const float one = 1, zero = 0;
    if (run->bias) {
        const void *bias = call->in[2].data;
        LT_TRY(library->cublasLtMatmulDescSetAttribute(run->product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
                                                       sizeof bias));
    }
    LT_TRY(library->cublasLtMatmul(run->nvidia->cublaslt_handle, run->product, &one, call->in[1].data, run->a,
                                   call->in[0].data, run->b, &zero, call->out[0].data, run->d,
                                   call->out[0].data, run->d, &run->algo, call->workspace,
                                   run->workspace_bytes, cuda_stream(call)));
    return CUPEL_OK;
}

static void run_matmul(struct call *call) {
    const struct matmul_run *run = call->prepared;
    if (run_product(run, call, &call->error) == CUPEL_OK && run->way == MATMUL_APART) nvidia_last_steps(call);
}

static enum cupel_status prepare(struct call *call, const char *name, struct cupel_error *error) {
    struct nvidia *nvidia = nvidia_of(call);
    const struct cublaslt *library = nvidia->cublaslt;
    enum matmul_way way;
    cublasLtMatmulAlgo_t algo;
    struct lt_product product = {0};
    struct matmul_run *run = NULL;
    if (!matmul_way_read(name, &way, &algo))
        return cupel_fail(error, CUPEL_UNSUPPORTED, "'%s' is no way to serve this product", name);
    const enum cupel_status made = run_make(nvidia, call, way, &product, &run, error);
    if (made != CUPEL_OK || !run) return made;
    call->prepared = run;
    call->release = release;
    run->algo = algo;
    cublasLtMatmulHeuristicResult_t checked = {0};
    LT_TRY(library->cublasLtMatmulAlgoCheck(nvidia->cublaslt_handle, run->product, run->a, run->b, run->d,
                                            run->d, &algo, &checked));
    int32_t id = -1;
    size_t written;
    if (library->cublasLtMatmulAlgoConfigGetAttribute(&algo, CUBLASLT_ALGO_CONFIG_ID, &id, sizeof id,
                                                      &written) != CUBLAS_STATUS_SUCCESS)
        id = -1;
    snprintf(run->name, sizeof run->name, "cublaslt%s %d", way == MATMUL_APART ? " apart" : "", (int)id);
    run->workspace_bytes = checked.workspaceSize;
    call->kernel = run_matmul;
    call->engine = run->name;
    call->workspace_bytes = checked.workspaceSize;
    return CUPEL_OK;
}

const struct tune_source *nvidia_matmul(const struct call *call) {
    static const struct tune_source source = {"cublaslt", list, prepare};
    struct nvidia *nvidia = nvidia_of(call);
    if (nvidia && !nvidia->tried_cublaslt) {
        nvidia->tried_cublaslt = true;
        nvidia->cublaslt = cublaslt_load(NULL);
        if (nvidia->cublaslt &&
            nvidia->cublaslt->cublasLtCreate(&nvidia->cublaslt_handle) != CUBLAS_STATUS_SUCCESS)
            nvidia->cublaslt_handle = NULL;
    }
    return nvidia && nvidia->cublaslt_handle ? &source : NULL;
}
