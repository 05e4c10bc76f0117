/* The choice of a product's form. */
#include "cuda/gemm_choice.h"

/* What a form's blocks make, and the least of k that a part is worth a block of its own. */
struct tile {
    int rows, columns, least;
};

static const struct tile tiles[] = {[KERNEL_SIMT_SMALL] = {32, 32, 64},
                                    [KERNEL_SIMT_LARGE] = {128, 128, 64},
                                    [KERNEL_TENSOR_SMALL] = {64, 64, 64},
                                    [KERNEL_TENSOR_LARGE] = {128, 128, 64}};

static int64_t parts(int64_t count, int64_t size) {
    return (count + size - 1) / size;
}

static int64_t tiles_of(const struct kernel_gemm *gemm, enum kernel_gemm_form form) {
    return gemm->batches * parts(gemm->m, tiles[form].rows) * parts(gemm->n, tiles[form].columns);
}

static int64_t most_splits(const struct kernel_gemm *gemm, enum kernel_gemm_form form) {
    return 1 + (gemm->k - 1) / tiles[form].least;
}

/* Whether large tiles keep the multiprocessors busy, k split as far as is sensible, and are not much emptier than small ones,
 * which take about five thirds of the time for as many results. */
static bool suits_large(const struct kernel_gemm *gemm, enum kernel_gemm_form large,
                        enum kernel_gemm_form small, int multiprocessors) {
    const int64_t of_large = tiles_of(gemm, large) * tiles[large].rows * tiles[large].columns,
                  of_small = tiles_of(gemm, small) * tiles[small].rows * tiles[small].columns;
    return 3 * of_large <= 5 * of_small &&
           tiles_of(gemm, large) * most_splits(gemm, large) >= multiprocessors;
}

/* Fills a wave of multiprocessors with two blocks each. */
static int splits_for(const struct kernel_gemm *gemm, int multiprocessors) {
    const int64_t blocks = tiles_of(gemm, gemm->form), most = most_splits(gemm, gemm->form);
    if (blocks >= multiprocessors) return 1;
    const int64_t splits = 2 * (int64_t)multiprocessors / blocks;
    return (int)(splits < most ? splits : most);
}

static bool can_use_tensor_cores(const struct call *call, const struct kernel_gemm *gemm) {
    return (gemm->type != KERNEL_F32 || call->precision == CUPEL_PRECISION_TF32) &&
           cuda_device(call)->architecture >= 80;
}

static bool suits_tensor_cores(const struct call *call, const struct kernel_gemm *gemm) {
    return can_use_tensor_cores(call, gemm) && gemm->m > 8 && gemm->n > 8 && gemm->k > 8;
}

bool cuda_gemm_reform(const struct call *call, enum kernel_gemm_form form, struct kernel_gemm *gemm) {
    const bool tensor = form == KERNEL_TENSOR_SMALL || form == KERNEL_TENSOR_LARGE;
    gemm->form = form;
    gemm->splits = splits_for(gemm, cuda_device(call)->multiprocessors);
    return tensor ? can_use_tensor_cores(call, gemm) : form == KERNEL_SIMT_SMALL || gemm->type == KERNEL_F32;
}

enum cupel_status cuda_gemm(const struct call *call, int64_t m, int64_t n, int64_t k, int64_t batches,
                            struct kernel_gemm *gemm, struct cupel_error *error) {
    const int64_t reach = INT32_MAX - 256; /* so that tiles may end beyond the last row */
    if (m > reach || n > reach || k > reach || batches > reach)
        return cupel_fail(error, CUPEL_UNSUPPORTED,
                          "a product of %lld x %lld x %lld is too large for the kernels", (long long)m,
                          (long long)k, (long long)n);
    *gemm = (struct kernel_gemm){.m = (int)m,
                                 .n = (int)n,
                                 .k = (int)k,
                                 .batches = (int)batches,
                                 .type = cuda_type(&call->in[0]),
                                 .result_type = cuda_type(&call->out[0])};
    const int multiprocessors = cuda_device(call)->multiprocessors;
    if (suits_tensor_cores(call, gemm))
        gemm->form = suits_large(gemm, KERNEL_TENSOR_LARGE, KERNEL_TENSOR_SMALL, multiprocessors)
                         ? KERNEL_TENSOR_LARGE
                         : KERNEL_TENSOR_SMALL;
    else if (gemm->type == KERNEL_F32 &&
             suits_large(gemm, KERNEL_SIMT_LARGE, KERNEL_SIMT_SMALL, multiprocessors))
        gemm->form = KERNEL_SIMT_LARGE;
    gemm->splits = splits_for(gemm, multiprocessors);
    return CUPEL_OK;
}
