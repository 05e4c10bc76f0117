/* Members of ZIP archives in memory (PKWARE's APPNOTE.TXT): stored or deflated, also of Zip64. */
#ifndef CUPEL_IO_ZIP_H
#define CUPEL_IO_ZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "cupel/status.h"

/* Copies the member `name` to memory that the caller frees, and checks its checksum; *data stays NULL when there is
 * none of that name. `file` is the archive's name for messages. CUPEL_INVALID: no ZIP archive, cut or damaged, or the
 * member is encrypted or compressed in another way. */
enum cupel_status zip_read(const char *file, const unsigned char *bytes, size_t size, const char *name,
                           unsigned char **data, size_t *data_size, struct cupel_error *error);

#endif
