/* Products of matrices in cuBLASLt's words. */
#ifndef CUPEL_CUDA_NVIDIA_MATMUL_H
#define CUPEL_CUDA_NVIDIA_MATMUL_H

#include "cuda/nvidia/library.h"
#include "plan/backend.h"

/* How much of a call cuBLASLt does: all of it, or the product without bias and activation. */
enum matmul_way { MATMUL_WHOLE, MATMUL_APART, MATMUL_WAYS };

/* d = op(a) op(b), as cuBLASLt sees it, column by column: our rows are its columns, so our second factor is its first. */
struct lt_matrix {
    cudaDataType_t type;
    uint64_t rows, columns; /* as stored */
    int64_t between;        /* elements from one matrix to the next */
};
struct lt_product {
    struct lt_matrix a, b, d;
    cublasOperation_t of_a, of_b;
    int32_t count; /* of products */
    cublasComputeType_t compute;
    cublasLtEpilogue_t last;
    uint32_t reductions; /* mask of ways to add up parts of sums */
};

/* The call, matmul or linear, done in that way; false where the way does not apply. */
bool matmul_describe(const struct call *call, enum matmul_way way, struct lt_product *product);

/* The names of ways: "cublaslt whole " and the words of the algorithm in hexadecimal, but for zeros at the end. False for
 * what is no such name. */
void matmul_way_write(enum matmul_way way, const cublasLtMatmulAlgo_t *algo, char *name, size_t size);
bool matmul_way_read(const char *name, enum matmul_way *way, cublasLtMatmulAlgo_t *algo);

#endif
