/* Files, byte strings, JSON lines and TensorBoard events. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "files.h"
#include "io/file.h"
#include "io/jsonl.h"
#include "io/tensorboard.h"

static char *slurp(const char *path, size_t *size) {
    unsigned char *bytes;
    struct cupel_error error = {0};
    cr_assert_eq(file_read(path, 1 << 20, &bytes, size, &error), CUPEL_OK, "%s", error.message);
    char *text = malloc(*size + 1);
    memcpy(text, bytes, *size);
    text[*size] = '\0';
    free(bytes);
    return text;
}

static void write_text(const char *path, const char *text, enum cupel_status expected,
                       struct cupel_error *error) {
    struct iovec parts[] = {{(char *)text, strlen(text)}, {"\n", 1}};
    cr_assert_eq(file_write(path, parts, 2, error), expected, "%s", error ? error->message : "");
}

static int entries_of(const char *directory) {
    DIR *dir = opendir(directory);
    int count = -2; /* . and .. */
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

Test(io, a_written_file_is_read_back_and_replaced) {
    struct cupel_error error = {0};
    char *directory = temporary_path("a//b/c");
    char *path = temporary_path("a/b/c/file");
    cr_assert_eq(directory_make(directory, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(directory_make(directory, &error), CUPEL_OK, "%s", error.message);
    write_text(path, "first", CUPEL_OK, &error);
    write_text(path, "second", CUPEL_OK, &error);
    size_t size;
    char *text = slurp(path, &size);
    cr_assert_str_eq(text, "second\n");
    cr_assert_eq(entries_of(directory), 1, "a temporary file was left behind");
    free(text);
    free(path);
    free(directory);
}

Test(io, a_failed_write_keeps_the_old_file) {
    struct cupel_error error = {0};
    char *directory = temporary_path("kept");
    char *path = temporary_path("kept/file");
    cr_assert_eq(directory_make(directory, &error), CUPEL_OK);
    write_text(path, "old", CUPEL_OK, &error);
    /* The kernel refuses to read from this address: the write fails half way. */
    struct iovec parts[] = {{"new", 3}, {(void *)8, 100}};
    cr_assert_eq(file_write(path, parts, 2, &error), CUPEL_IO);
    cr_assert_not_null(strstr(error.message, "kept/file: writing failed: Bad address"), "%s", error.message);
    size_t size;
    char *text = slurp(path, &size);
    cr_assert_str_eq(text, "old\n");
    cr_assert_eq(entries_of(directory), 1);
    free(text);
    free(path);
    free(directory);
}

Test(io, impossible_files_are_refused_with_their_name) {
    struct cupel_error missing = {0}, directory = {0}, large = {0}, device = {0}, under = {0}, taken = {0};
    unsigned char *bytes;
    size_t size;
    cr_assert_eq(file_read("/nowhere/file", 10, &bytes, &size, &missing), CUPEL_INVALID);
    cr_assert_str_eq(missing.message, "/nowhere/file: No such file or directory");
    cr_assert_eq(file_read("/tmp", 10, &bytes, &size, &directory), CUPEL_INVALID);
    cr_assert_str_eq(directory.message, "/tmp: is a directory, not a file");
    char *path = temporary_path("eleven");
    write_text(path, "0123456789", CUPEL_OK, NULL);
    cr_assert_eq(file_read(path, 10, &bytes, &size, &large), CUPEL_INVALID);
    cr_assert_not_null(strstr(large.message, "eleven: is 11 bytes long; at most 10"), "%s", large.message);
    write_text("/dev/null", "x", CUPEL_INVALID, &device);
    cr_assert_not_null(strstr(device.message, "/dev/null: is not a plain file"));
    write_text("/nowhere/file", "x", CUPEL_INVALID, &under);
    cr_assert_not_null(strstr(under.message, "/nowhere/file: cannot be written: No such file"));
    cr_assert_eq(directory_make(path, &taken), CUPEL_INVALID);
    cr_assert_not_null(strstr(taken.message, "eleven: is a file; a directory is needed here"));
    free(path);
}

Test(io, buffers_grow_and_escape) {
    struct buffer buffer = {0};
    buffer_json_string(&buffer, "a\"b\\c\n\x01");
    cr_assert_str_eq(buffer.data, "\"a\\\"b\\\\c\\u000a\\u0001\"");
    buffer_clear(&buffer);
    for (int i = 0; i < 1000; i++) buffer_format(&buffer, "%03d", i);
    cr_assert_eq(buffer.size, 3000);
    cr_assert_str_eq(buffer.data + 2997, "999");
    buffer_clear(&buffer);
    buffer_add(&buffer, "too much", SIZE_MAX);
    cr_assert(buffer.failed);
    buffer_text(&buffer, "x");
    cr_assert_eq(buffer.size, 0);
    buffer_free(&buffer);
}

Test(io, base64_matches_the_vectors_of_rfc_4648) {
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfd", "//79"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct buffer buffer = {0};
        buffer_base64(&buffer, vectors[i][0], strlen(vectors[i][0]));
        cr_expect_str_eq(buffer.data ? buffer.data : "", vectors[i][1]);
        buffer_free(&buffer);
    }
}

Test(io, json_lines_are_whole_and_appended_behind_whole_lines) {
    struct cupel_error error = {0};
    char *path = temporary_path("metrics.jsonl");
    struct jsonl *jsonl;
    cr_assert_eq(jsonl_open(path, false, &jsonl, &error), CUPEL_OK, "%s", error.message);
    jsonl_integer(jsonl, "step", INT64_C(9007199254740993));
    jsonl_number(jsonl, "loss", 0.1);
    jsonl_number(jsonl, "bad", NAN);
    jsonl_number(jsonl, "worse", -INFINITY);
    jsonl_integer(jsonl, "no\"te", -1);
    cr_assert_eq(jsonl_end(jsonl, &error), CUPEL_OK);
    const char *first =
        "{\"step\":9007199254740993,\"loss\":0.1,\"bad\":null,\"worse\":null,\"no\\\"te\":-1}\n";
    size_t size;
    char *text = slurp(path, &size); /* before the file is closed: every line must be there at once */
    cr_assert_str_eq(text, first);
    free(text);
    jsonl_close(jsonl);

    FILE *file = fopen(path, "a");
    fputs("{\"step\":2,\"lo", file);
    fclose(file);
    cr_assert_eq(jsonl_open(path, true, &jsonl, &error), CUPEL_OK, "%s", error.message);
    jsonl_number(jsonl, "step", 2);
    cr_assert_eq(jsonl_end(jsonl, &error), CUPEL_OK);
    cr_assert_eq(jsonl_end(jsonl, &error), CUPEL_OK);
    jsonl_close(jsonl);
    text = slurp(path, &size);
    cr_assert_eq(strncmp(text, first, strlen(first)), 0);
    cr_assert_str_eq(text + strlen(first), "{\"step\":2}\n{}\n");
    free(text);
    free(path);

    cr_assert_eq(jsonl_open("/nowhere/metrics.jsonl", true, &jsonl, &error), CUPEL_INVALID);
    cr_assert_not_null(strstr(error.message, "/nowhere/metrics.jsonl: cannot be written"));
}

Test(io, a_full_disk_is_reported) {
    struct cupel_error lines = {0};
    struct jsonl *jsonl;
    if (jsonl_open("/dev/full", false, &jsonl, NULL)) cr_skip("no /dev/full here");
    jsonl_integer(jsonl, "step", 1);
    cr_assert_eq(jsonl_end(jsonl, &lines), CUPEL_IO);
    cr_assert_str_eq(lines.message, "/dev/full: writing failed: No space left on device");
    jsonl_close(jsonl);
}

static uint32_t crc32c(const char *data, size_t size) {
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] & 1 ? table[i] >> 1 ^ 0x82f63b78 : table[i] >> 1;
    }
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) crc = crc >> 8 ^ table[(crc ^ (unsigned char)data[i]) & 255];
    return crc ^ UINT32_MAX;
}

static uint32_t masked(const char *data, size_t size) {
    uint32_t crc = crc32c(data, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static uint32_t word_at(const char *data) {
    uint32_t word;
    memcpy(&word, data, sizeof word);
    return word;
}

static char *only_event_file(const char *directory) {
    DIR *dir = opendir(directory);
    char *path = NULL;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strstr(entry->d_name, "tfevents"))
            cr_assert_gt(asprintf(&path, "%s/%s", directory, entry->d_name), 0);
    closedir(dir);
    return path;
}

/* The bytes behind the wall time are those that TensorFlow's own writer makes. */
Test(io, tensorboard_events_have_the_right_frames_and_fields) {
    struct cupel_error error = {0};
    char *directory = temporary_path("events");
    struct tensorboard *tensorboard;
    cr_assert_eq(crc32c("123456789", 9), 0xe3069283);
    cr_assert_eq(tensorboard_open(directory, &tensorboard, &error), CUPEL_INVALID);
    cr_assert_not_null(strstr(error.message, "cannot be written: No such file"), "%s", error.message);
    cr_assert_eq(directory_make(directory, NULL), CUPEL_OK);
    cr_assert_eq(tensorboard_open(directory, &tensorboard, NULL), CUPEL_OK);
    cr_assert_eq(tensorboard_scalar(tensorboard, "loss", 300, 0.5f, NULL), CUPEL_OK);
    tensorboard_close(tensorboard);
    static const struct {
        const char *bytes;
        size_t size;
    } rest[] = {
        {"\x1a\x0d"
         "brain.Event:2",
         15},
        {"\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04"
         "loss\x15\x00\x00\x00\x3f",
         18},
    };
    char *path = only_event_file(directory);
    size_t size;
    char *bytes = slurp(path, &size);
    const char *at = bytes;
    for (size_t i = 0; i < 2; i++) {
        size_t length = 9 + rest[i].size;
        cr_assert_eq(word_at(at), length);
        cr_assert_eq(word_at(at + 4), 0);
        cr_assert_eq(word_at(at + 8), masked(at, 8));
        cr_assert_eq(at[12], 0x09);
        cr_assert_eq(memcmp(at + 21, rest[i].bytes, rest[i].size), 0);
        cr_assert_eq(word_at(at + 12 + length), masked(at + 12, length));
        at += 12 + length + 4;
    }
    cr_assert_eq((size_t)(at - bytes), size);
    free(bytes);
    free(path);
    free(directory);
}
