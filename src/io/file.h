/* Whole files: bounded reading, atomic writing, directories. */
#ifndef CUPEL_IO_FILE_H
#define CUPEL_IO_FILE_H

#include <stddef.h>
#include <sys/uio.h>

#include "cupel/status.h"

/* Reads a regular file of at most `limit` bytes into memory that the caller frees (also for an empty file).
 * CUPEL_INVALID: it cannot be opened, is no regular file, or is larger. CUPEL_IO: it cannot be read to its
 * end. */
enum cupel_status file_read(const char *path, size_t limit, unsigned char **data, size_t *size,
                            struct cupel_error *error);

/* Writes the parts one after another to `path`, all or nothing: into a temporary file beside it, which is
 * synced and then renamed. Whatever fails, a file that was there before stays as it was, and the temporary
 * one is removed. CUPEL_INVALID: the file cannot be created there. CUPEL_IO: the writing failed. */
enum cupel_status file_write(const char *path, const struct iovec *parts, size_t count,
                             struct cupel_error *error);

/* The same in pieces: file_begin, any number of file_append, file_end. The size and what is at its beginning may be known last:
 * file_replace writes over `size` bytes at `offset` that were appended before. */
struct file_writer {
    const char *path; /* the caller's */
    char *temporary;
    int fd;
};
enum cupel_status file_begin(const char *path, struct file_writer *writer, struct cupel_error *error);
enum cupel_status file_append(struct file_writer *writer, const void *data, size_t size,
                              struct cupel_error *error);
enum cupel_status file_replace(struct file_writer *writer, size_t offset, const void *data, size_t size,
                               struct cupel_error *error);
/* With `status` CUPEL_OK makes the file; with another one removes what was written, and returns it. */
enum cupel_status file_end(struct file_writer *writer, enum cupel_status status, struct cupel_error *error);

/* Makes a directory and those above it; one that is there already is fine. CUPEL_INVALID when it cannot be
 * made. */
enum cupel_status directory_make(const char *path, struct cupel_error *error);

#endif
