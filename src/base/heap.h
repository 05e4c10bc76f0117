/* A heap: allocations that live and die together, for trees built from files. Freeing needs no walk, and an
 * error half way through building leaks nothing. */
#ifndef CUPEL_BASE_HEAP_H
#define CUPEL_BASE_HEAP_H

#include <stddef.h>

struct cupel_heap {
    struct cupel_heap_block *blocks;
};

/* `count` x `size` zeroed bytes that live until cupel_heap_free; NULL when there is no memory or the product
 * overflows. A zero-initialised heap is ready for use. */
void *cupel_heap_alloc(struct cupel_heap *heap, size_t count, size_t size);

/* A printf-style string in the heap, of any length; NULL when there is no memory. */
char *cupel_heap_text(struct cupel_heap *heap, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Frees every allocation and leaves the heap ready for use again. */
void cupel_heap_free(struct cupel_heap *heap);

#endif
