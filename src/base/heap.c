/* Allocations in a list that is freed as a whole. */
#include "base/heap.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* One malloc per allocation, so that AddressSanitizer sees the bounds of each. */
struct cupel_heap_block {
    struct cupel_heap_block *next;
    _Alignas(max_align_t) unsigned char bytes[];
};

void *cupel_heap_alloc(struct cupel_heap *heap, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct cupel_heap_block), &bytes))
        return NULL;
    struct cupel_heap_block *block = calloc(1, bytes);
    if (!block) return NULL;
    block->next = heap->blocks;
    heap->blocks = block;
    return block->bytes;
}

char *cupel_heap_text(struct cupel_heap *heap, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : cupel_heap_alloc(heap, (size_t)length + 1, 1);
    if (!text) return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void cupel_heap_free(struct cupel_heap *heap) {
    while (heap->blocks) {
        struct cupel_heap_block *block = heap->blocks;
        heap->blocks = block->next;
        free(block);
    }
}
