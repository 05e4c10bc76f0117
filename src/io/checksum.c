#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>

#include "cupel/weights.h"
#include "io/file.h"

enum cupel_status cupel_file_checksum(const char *path, uint32_t *checksum, struct cupel_error *error) {
    unsigned char *bytes;
    size_t size;
    CUPEL_TRY(file_read(path, PTRDIFF_MAX, &bytes, &size, error));
    *checksum = (uint32_t)crc32_z(0, bytes, size);
    free(bytes);
    return CUPEL_OK;
}
