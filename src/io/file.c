/* Whole files, with every way in which the system can refuse reported by path. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum cupel_status read_open_file(int fd, const char *path, size_t limit, unsigned char **data,
                                        size_t *size, struct cupel_error *error) {
    struct stat info;
    if (fstat(fd, &info)) return cupel_fail(error, CUPEL_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return cupel_fail(error, CUPEL_INVALID, "%s: is %s, not a file", path,
                          S_ISDIR(info.st_mode) ? "a directory" : "a device or a pipe");
    if ((uintmax_t)info.st_size > limit)
        return cupel_fail(error, CUPEL_INVALID, "%s: is %jd bytes long; at most %zu make sense here", path,
                          (intmax_t)info.st_size, limit);
    size_t expected = (size_t)info.st_size;
    unsigned char *bytes = malloc(expected ? expected : 1);
    if (!bytes) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for its %zu bytes", path, expected);
    size_t done = 0;
    while (done < expected) {
        ssize_t got = read(fd, bytes + done, expected - done);
        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            free(bytes);
            return cupel_fail(error, CUPEL_IO, "%s: reading stopped after %zu of %zu bytes: %s", path, done,
                              expected, got == 0 ? "the file became shorter" : strerror(errno));
        }
    }
    *data = bytes;
    *size = expected;
    return CUPEL_OK;
}

enum cupel_status file_read(const char *path, size_t limit, unsigned char **data, size_t *size,
                            struct cupel_error *error) {
    *data = NULL;
    *size = 0;
    /* Without O_NONBLOCK, opening a pipe by mistake would wait for a writer for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return cupel_fail(error, CUPEL_INVALID, "%s: %s", path, strerror(errno));
    enum cupel_status status = read_open_file(fd, path, limit, data, size, error);
    close(fd);
    return status;
}

/* ---- writing ---- */

/* Makes a rename in the directory of `path` last through a power cut. */
static bool sync_directory(const char *path) {
    char *directory = strdup(path);
    if (!directory) return false;
    char *slash = strrchr(directory, '/');
    if (slash == directory) slash++;
    if (slash) *slash = '\0';
    int fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (fd < 0) return false;
    /* Some file systems cannot sync a directory, and say so with EINVAL. */
    bool synced = fsync(fd) == 0 || errno == EINVAL;
    close(fd);
    return synced;
}

static enum cupel_status write_failed(const struct file_writer *writer, int reason,
                                      struct cupel_error *error) {
    return cupel_fail(error, CUPEL_IO, "%s: writing failed: %s", writer->path, strerror(reason));
}

enum cupel_status file_begin(const char *path, struct file_writer *writer, struct cupel_error *error) {
    struct stat info;
    *writer = (struct file_writer){.path = path, .fd = -1};
    /* Renaming over /dev/null or a pipe would put a plain file in its place. */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        cupel_fail(error, CUPEL_INVALID, "%s: is not a plain file, so it cannot be replaced by one", path);
        return CUPEL_INVALID;
    }
    if (asprintf(&writer->temporary, "%s.tmp-%ld", path, (long)getpid()) < 0) {
        cupel_fail(error, CUPEL_NOMEM, "%s: no memory for a file name", path);
        return CUPEL_NOMEM;
    }
    writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer->fd >= 0) return CUPEL_OK;
    cupel_fail(error, CUPEL_INVALID, "%s: cannot be written: %s", path, strerror(errno));
    free(writer->temporary);
    return CUPEL_INVALID;
}

enum cupel_status file_append(struct file_writer *writer, const void *data, size_t size,
                              struct cupel_error *error) {
    const char *bytes = data;
    while (size) {
        const ssize_t wrote = write(writer->fd, bytes, size);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return write_failed(writer, errno, error);
        bytes += wrote;
        size -= (size_t)wrote;
    }
    return CUPEL_OK;
}

enum cupel_status file_replace(struct file_writer *writer, size_t offset, const void *data, size_t size,
                               struct cupel_error *error) {
    if (lseek(writer->fd, (off_t)offset, SEEK_SET) < 0) return write_failed(writer, errno, error);
    CUPEL_TRY(file_append(writer, data, size, error));
    return lseek(writer->fd, 0, SEEK_END) < 0 ? write_failed(writer, errno, error) : CUPEL_OK;
}

/* Syncs, closes and renames. */
static enum cupel_status settle(struct file_writer *writer, struct cupel_error *error) {
    int reason = fsync(writer->fd) ? errno : 0;
    if (close(writer->fd) && !reason) reason = errno;
    if (!reason && rename(writer->temporary, writer->path)) reason = errno;
    if (reason) unlink(writer->temporary);
    return reason ? write_failed(writer, reason, error) : CUPEL_OK;
}

enum cupel_status file_end(struct file_writer *writer, enum cupel_status status, struct cupel_error *error) {
    if (status) {
        close(writer->fd);
        unlink(writer->temporary);
    } else {
        status = settle(writer, error);
        if (!status && !sync_directory(writer->path))
            status = cupel_fail(error, CUPEL_IO, "%s: syncing its directory failed: %s", writer->path,
                                strerror(errno));
    }
    free(writer->temporary);
    return status;
}

enum cupel_status file_write(const char *path, const struct iovec *parts, size_t count,
                             struct cupel_error *error) {
    struct file_writer writer;
    enum cupel_status status = CUPEL_OK;
    CUPEL_TRY(file_begin(path, &writer, error));
    for (size_t i = 0; i < count && !status; i++)
        status = file_append(&writer, parts[i].iov_base, parts[i].iov_len, error);
    return file_end(&writer, status, error);
}

enum cupel_status directory_make(const char *path, struct cupel_error *error) {
    char *partial = strdup(path);
    if (!partial) return cupel_fail(error, CUPEL_NOMEM, "%s: no memory for a file name", path);
    size_t length = strlen(partial);
    for (size_t i = 1; i <= length; i++) {
        if (partial[i] != '/' && partial[i] != '\0') continue;
        char kept = partial[i];
        partial[i] = '\0';
        mkdir(partial, 0777); /* whether it worked shows below, once for all of them */
        partial[i] = kept;
    }
    int reason = errno;
    free(partial);
    struct stat info;
    if (stat(path, &info))
        return cupel_fail(error, CUPEL_INVALID, "%s: the directory cannot be made: %s", path,
                          strerror(reason));
    if (!S_ISDIR(info.st_mode))
        return cupel_fail(error, CUPEL_INVALID, "%s: is a file; a directory is needed here", path);
    return CUPEL_OK;
}
