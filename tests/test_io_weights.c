/* Lists of named tensors and the safetensors format. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "files.h"
#include "io/file.h"
#include "io/weights.h"

static const float kernel[6] = {1, -2, 3.5f, 0, 1e-30f, 6};
static const int64_t step = 1234567890123;
static const uint8_t bytes_odd[3] = {1, 2, 255};

static void fill(struct cupel_weights *weights) {
    struct cupel_error error = {0};
    cupel_weights_add(weights, "net.mask", CUPEL_U8, &CUPEL_SHAPE(3), bytes_odd, &error);
    cupel_weights_add(weights, "net.conv1.weight", CUPEL_F32, &CUPEL_SHAPE(2, 1, 3), kernel, &error);
    cupel_weights_add(weights, "step", CUPEL_I64, &CUPEL_SCALAR, &step, &error);
    cupel_weights_add(weights, "name \"é\" \\", CUPEL_BF16, &CUPEL_SHAPE(2), NULL, &error);
    cupel_weights_set_metadata(weights, "seed", "1", &error);
    cupel_weights_set_metadata(weights, "model", "a: \"b\"\n", &error);
    cupel_weights_set_metadata(weights, "seed", "42", &error);
    cr_assert_eq(error.status, CUPEL_OK, "%s", error.message);
}

static unsigned char *saved(const struct cupel_weights *weights, const char *name, size_t *size) {
    struct cupel_error error = {0};
    char *path = temporary_path(name);
    unsigned char *bytes;
    cr_assert_eq(cupel_weights_save(weights, path, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(file_read(path, 1 << 20, &bytes, size, &error), CUPEL_OK, "%s", error.message);
    free(path);
    return bytes;
}

Test(io_weights, what_is_saved_is_loaded) {
    struct cupel_weights weights = {0}, loaded = {0};
    struct cupel_error error = {0};
    fill(&weights);
    size_t size, size_again;
    unsigned char *bytes = saved(&weights, "w.safetensors", &size);
    char *path = temporary_path("w.safetensors");
    cr_assert_eq(cupel_weights_load(path, &loaded, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(loaded.count, 4);
    cr_assert_str_eq(loaded.tensors[0].name, "step"); /* the widest elements come first in the file */
    cr_assert_eq(*(int64_t *)loaded.tensors[0].data, step);
    struct cupel_weight *conv = cupel_weights_find(&loaded, "net.conv1.weight");
    cr_assert_not_null(conv);
    cr_assert_eq(conv->dtype, CUPEL_F32);
    cr_assert(cupel_shape_equal(&conv->shape, &CUPEL_SHAPE(2, 1, 3)));
    cr_assert_eq(conv->bytes, sizeof kernel);
    cr_assert_eq(memcmp(conv->data, kernel, sizeof kernel), 0);
    cr_assert_eq(memcmp(cupel_weights_find(&loaded, "net.mask")->data, bytes_odd, 3), 0);
    cr_assert_eq(*(uint16_t *)cupel_weights_find(&loaded, "name \"é\" \\")->data, 0);
    cr_assert_null(cupel_weights_find(&loaded, "net.conv1"));
    cr_assert_str_eq(cupel_weights_metadata(&loaded, "seed"), "42");
    cr_assert_str_eq(cupel_weights_metadata(&loaded, "model"), "a: \"b\"\n");
    cr_assert_null(cupel_weights_metadata(&loaded, "crc32"));
    cr_assert_eq(loaded.metadata_count, 2);

    unsigned char *again = saved(&loaded, "again.safetensors", &size_again);
    cr_assert_eq(size, size_again);
    cr_assert_eq(memcmp(bytes, again, size), 0, "the same content must give the same bytes");
    free(bytes);
    free(again);
    free(path);
    cupel_weights_free(&loaded);
    cupel_weights_free(&weights);
    cr_assert_null(weights.tensors);
}

Test(io_weights, an_empty_list_is_a_file_too) {
    struct cupel_weights weights = {0};
    size_t size;
    unsigned char *bytes = saved(&weights, "empty.safetensors", &size);
    cr_assert_eq(weights_parse("empty", bytes, size, &weights, NULL), CUPEL_OK);
    cr_assert_eq(weights.count, 0);
    free(bytes);
}

Test(io_weights, impossible_tensors_are_refused) {
    struct cupel_weights weights = {0};
    fill(&weights);
    static const struct {
        const char *name;
        enum cupel_dtype dtype;
        struct cupel_shape shape;
        const char *expected;
    } table[] = {
        {"", CUPEL_F32, {1, {1}}, "name is empty"},
        {"step", CUPEL_F32, {1, {1}}, "already a tensor named step"},
        {"__metadata__", CUPEL_F32, {1, {1}}, "cannot be named __metadata__"},
        {"a\nb", CUPEL_F32, {1, {1}}, "control character (byte 0x0a)"},
        {"a", CUPEL_F32, {2, {3, 0}}, "every dimension must be at least 1"},
        {"a", CUPEL_F32, {3, {1 << 30, 1 << 30, 4}}, "too large"},
        {"a", (enum cupel_dtype)99, {1, {1}}, "tensor a: unknown dtype"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct cupel_error error = {0};
        cr_expect_eq(
            cupel_weights_add(&weights, table[i].name, table[i].dtype, &table[i].shape, NULL, &error),
            CUPEL_INVALID);
        cr_expect_not_null(strstr(error.message, table[i].expected), "%s", error.message);
    }
    cr_assert_eq(cupel_weights_set_metadata(&weights, "crc32", "0", NULL), CUPEL_INVALID);
    cr_assert_eq(cupel_weights_set_metadata(&weights, "format", "pt", NULL), CUPEL_INVALID);
    cr_assert_eq(weights.count, 4);
    cupel_weights_free(&weights);
}

/* Parses from a block of exactly that size, so that AddressSanitizer sees the first byte beyond. */
static enum cupel_status parse_exactly(const void *bytes, size_t size, struct cupel_weights *weights,
                                       struct cupel_error *error) {
    unsigned char *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    enum cupel_status status = weights_parse("w", copy, size, weights, error);
    free(copy);
    return status;
}

static void expect_refusal(const unsigned char *bytes, size_t size, const char *what, size_t place) {
    struct cupel_weights weights = {0};
    struct cupel_error error = {0};
    cr_expect_eq(parse_exactly(bytes, size, &weights, &error), CUPEL_INVALID, "%s %zu was not noticed", what,
                 place);
    cr_expect_eq(strncmp(error.message, "w: ", 3), 0, "%s %zu: %s", what, place, error.message);
    cr_expect_eq(weights.count, 0);
}

Test(io_weights, a_file_cut_at_any_byte_is_refused) {
    struct cupel_weights weights = {0};
    fill(&weights);
    size_t size;
    unsigned char *bytes = saved(&weights, "w.safetensors", &size);
    for (size_t i = 0; i < size; i++) expect_refusal(bytes, i, "a cut at byte", i);
    cupel_weights_free(&weights);
    free(bytes);
}

Test(io_weights, a_flipped_bit_anywhere_is_refused) {
    struct cupel_weights weights = {0};
    fill(&weights);
    size_t size;
    unsigned char *bytes = saved(&weights, "w.safetensors", &size);
    for (size_t i = 0; i < 8 * size; i++) {
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        expect_refusal(bytes, size, "a flip of bit", i);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    cupel_weights_free(&weights);
    free(bytes);
}

static const struct {
    const char *header;
    size_t data; /* bytes of data behind it */
    const char *expected;
} malformed[] = {
    {"", 0, "w: the header does not begin with '{'"},
    {"[]", 0, "w: the header does not begin with '{'"},
    {"{", 0, "w: the header is no valid JSON at its byte 1"},
    {"{\"a\":}", 0, "w: the header is no valid JSON at its byte 5"},
    {"{} x", 0, "w: the header is no valid JSON at its byte 3"},
    {"{}", 1, "w: the tensors take 0 bytes, but the data section has 1"},
    {"{\"a\\u0000b\":1}", 0, "w: the header has a NUL character"},
    {"{\"a\":1}", 0, "w: tensor a: its description is no object"},
    {"{\"a\":[1]}", 0, "w: tensor a: its description is no object"},
    {"{\"a\":{}}", 0, "w: tensor a: needs dtype, shape and data_offsets, each once"},
    {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1,
     "w: tensor a: needs dtype"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"x\":1}}", 1, "w: tensor a: needs dtype"},
    {"{\"a\":{\"dtype\":8,\"shape\":[],\"data_offsets\":[0,1]}}", 1, "w: tensor a: its dtype is no string"},
    {"{\"a\":{\"dtype\":\"F8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1,
     "w: tensor a: dtype F8 is not supported"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}", 1, "w: tensor a: its shape is no list"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1,
     "w: tensor a: a dimension is no whole"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1.5],\"data_offsets\":[0,1]}}", 1,
     "w: tensor a: a dimension is no whole"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[\"1\"],\"data_offsets\":[0,1]}}", 1,
     "w: tensor a: a dimension is no whole"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0,
     "every dimension must be at least 1"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
     "more than 6 dimensions"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9007199254740992,9007199254740992],\"data_offsets\":[0,4]}}", 4,
     "w: tensor a: shape [9007199254740992, 9007199254740992] is too large"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1,
     "w: tensor a: its data_offsets are no two"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,9007199254740994]}}", 1,
     "are no two whole numbers"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1e999]}}", 1, "are no two whole numbers"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}", 1, "its bytes 1 to 0 lie outside"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]}}", 1,
     "outside the data section of 1 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
     "[2] in F32 takes 8 bytes, but its data_"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
     3, "w: tensor b begins at byte 1"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
     3, "w: tensor a begins at byte 2 of the data"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
     2, "w: the name a occurs twice"},
    {"{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "w: a tensor's name is empty"},
    {"{\"a\\n\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
     "w: a tensor's name has a control"},
    {"{\"__metadata__\":[]}", 0, "w: __metadata__ is no object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "w: __metadata__: a is no string"},
    {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "w: the name a occurs twice"},
    {"{\"__metadata__\":{\"x\":\"\",\"crc32\":\"00000000\"}}", 0,
     "w: its checksum is not where Cupel writes it"},
    {"{\"__metadata__\":{\"format\":\"cupel\"}}", 0, "w: its checksum is not where Cupel writes it"},
    {"{\"__metadata__\":{\"crc32\":\"00000000\"}}", 0, "w: the checksum is wrong (00000000, not"},
};

Test(io_weights, malformed_files_are_refused_with_the_reason) {
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        struct buffer file = {0};
        uint64_t length = strlen(malformed[i].header);
        buffer_add(&file, &length, sizeof length);
        buffer_text(&file, malformed[i].header);
        for (size_t j = 0; j < malformed[i].data; j++) buffer_add(&file, "x", 1);
        struct cupel_weights weights = {0};
        struct cupel_error error = {0};
        cr_expect_eq(parse_exactly(file.data, file.size, &weights, &error), CUPEL_INVALID, "%s",
                     malformed[i].header);
        cr_expect_not_null(strstr(error.message, malformed[i].expected), "%s\ngave: %s", malformed[i].header,
                           error.message);
        cr_expect_eq(strncmp(error.message, "w: ", 3), 0, "%s", error.message);
        cr_expect_eq(weights.count, 0);
        buffer_free(&file);
    }
}

Test(io_weights, impossible_header_lengths_are_refused) {
    static const uint64_t lengths[] = {3, 100000001, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        unsigned char file[10] = "________{}";
        memcpy(file, &lengths[i], sizeof lengths[i]);
        struct cupel_weights weights = {0};
        struct cupel_error error = {0};
        cr_expect_eq(parse_exactly(file, sizeof file, &weights, &error), CUPEL_INVALID);
        cr_expect_not_null(strstr(error.message, "bytes long, but 2 follow"), "%s", error.message);
    }
}

/* Beginnings of torch.save's files, new and old, and of one with a header of 0x0280 bytes, which is none. */
Test(io_weights, pickles_are_refused_with_a_way_to_convert_them) {
    static const struct {
        const char *bytes, *expected;
    } files[] = {
        {"PK\3\4\0\0\x08\x08", "file of torch.save"},
        {"\x80\2\x8a\x0a\x6c\xfc\x9c\x46", "torch.load('w', map_location='cpu', weights_only=True)"},
        {"\x80\4\x95\0\0\0\1\0", "save_file("},
        {"\x80\2\0\0\0\0\0\0", "640 bytes long, but 8 follow"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        unsigned char file[16] = {0};
        memcpy(file, files[i].bytes, 8);
        struct cupel_weights weights = {0};
        struct cupel_error error = {0};
        cr_expect_eq(parse_exactly((char *)file, sizeof file, &weights, &error), CUPEL_INVALID);
        cr_expect_not_null(strstr(error.message, files[i].expected), "%s", error.message);
    }
}

/* As PyTorch writes them: no checksum, other metadata, and spaces behind the header. */
Test(io_weights, files_of_other_writers_are_read) {
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"F16\",\"shape\":[1,2],"
        "\"data_offsets\":[1,5]},\"a\":{\"shape\":[],\"dtype\":\"U8\",\"data_offsets\":[0,1]}}   ";
    struct buffer file = {0};
    uint64_t length = strlen(header);
    buffer_add(&file, &length, sizeof length);
    buffer_text(&file, header);
    buffer_add(&file, "\x07\x00\x3c\x00\xc0", 5);
    struct cupel_weights weights = {0};
    struct cupel_error error = {0};
    cr_assert_eq(parse_exactly(file.data, file.size, &weights, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(*(uint8_t *)cupel_weights_find(&weights, "a")->data, 7);
    cr_assert_eq(((uint16_t *)cupel_weights_find(&weights, "b")->data)[1], 0xc000); /* -2 */
    cr_assert_eq(weights.metadata_count, 0);
    cupel_weights_free(&weights);
    buffer_free(&file);
}

Test(io_weights, a_save_that_fails_says_where_and_keeps_the_old_file) {
    struct cupel_weights weights = {0};
    struct cupel_error error = {0};
    fill(&weights);
    cr_assert_eq(cupel_weights_save(&weights, "/nowhere/w.safetensors", &error), CUPEL_INVALID);
    cr_assert_not_null(strstr(error.message, "/nowhere/w.safetensors: cannot be written"), "%s",
                       error.message);
    cr_assert_eq(cupel_weights_load("/nowhere/w.safetensors", &weights, NULL), CUPEL_INVALID);
    cupel_weights_free(&weights);
}
