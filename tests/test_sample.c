/* Latents and pictures: what `cupel sample` is made of. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "files.h"
#include "train/latents.h"
#include "training.h"

static void near(double found, double expected, double tolerance, const char *what) {
    cr_expect(fabs(found - expected) <= tolerance, "%s: %.9g, not %.9g", what, found, expected);
}

static void has(const struct cupel_error *error, const char *text) {
    cr_expect(strstr(error->message, text), "'%s' is not in: %s", text, error->message);
}

/* ---- pictures ---- */

Test(sample, a_grid_has_images_row_by_row_and_lines_between) {
    enum { COUNT = 3, CHANNELS = 3, HEIGHT = 2, WIDTH = 3 };
    uint8_t images[COUNT * CHANNELS * HEIGHT * WIDTH];
    const struct cupel_shape shape = CUPEL_SHAPE(CHANNELS, HEIGHT, WIDTH);
    for (size_t i = 0; i < sizeof images; i++) images[i] = (uint8_t)(i + 1);
    struct cupel_image grid;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_image_grid(images, &shape, COUNT, 2, 2, &grid, &error), CUPEL_OK, "%s", error.message);
    cr_assert(grid.channels == 3 && grid.height == 6 && grid.width == 8);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < 6; y++)
            for (int x = 0; x < 8; x++) {
                const int image = y / 4 * 2 + x / 5, down = y % 4, across = x % 5;
                const int inside = image < COUNT && down < HEIGHT && across < WIDTH;
                const int expected =
                    inside ? 1 + ((image * CHANNELS + c) * HEIGHT + down) * WIDTH + across : 128;
                cr_expect_eq(grid.pixels[(c * 6 + y) * 8 + x], expected, "channel %d, row %d, column %d", c,
                             y, x);
            }
    cupel_image_free(&grid);
}

Test(sample, impossible_grids_are_refused) {
    const uint8_t images[4] = {0};
    const struct cupel_shape one = CUPEL_SHAPE(1, 2, 2), two = CUPEL_SHAPE(2, 1, 2), flat = CUPEL_SHAPE(4),
                             large = CUPEL_SHAPE(1, 1 << 14, 1 << 14);
    const struct {
        const struct cupel_shape *shape;
        int64_t count, rows, columns;
        const char *text;
    } rows[] = {
        {&one, 3, 1, 2, "3 images do not fit in a grid of 1 rows and 2 columns"},
        {&one, 0, 0, 2, "0 rows"},
        {&one, 1, INT64_MAX, 3, "do not fit"},
        {&one, 1, 1, INT64_MAX, "is too large; at most 2^28 pixels"},
        {&one, 1, 1 << 14, 1 << 14, "is too large"},
        {&one, 1, INT64_C(1) << 31, INT64_C(1) << 31, "is too large"},
        {&large, 1, 1, 2, "is too large"},
        {&two, 1, 1, 1, "images of shape [2, 1, 2] make no picture"},
        {&flat, 1, 1, 1, "images of shape [4] make no picture"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cupel_image grid;
        struct cupel_error error = {0};
        cr_expect_eq(cupel_image_grid(images, rows[i].shape, rows[i].count, rows[i].rows, rows[i].columns,
                                      &grid, &error),
                     CUPEL_INVALID, "%s", rows[i].text);
        has(&error, rows[i].text);
        cr_expect_null(grid.pixels);
    }
}

Test(sample, texts_of_a_picture_are_read_back) {
    uint8_t pixels[4] = {1, 2, 3, 4};
    const struct cupel_image image = {1, 2, 2, pixels};
    const struct cupel_image_text texts[] = {{"seed", "17"}, {"model", "größe.yaml"}, {"empty", ""}};
    char *path = temporary_path("texts.png"), *value;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_image_write(path, &image, texts, 3, &error), CUPEL_OK, "%s", error.message);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(cupel_image_read_text(path, texts[i].key, &value, &error), CUPEL_OK, "%s",
                     error.message);
        cr_expect_str_eq(value, texts[i].value);
        free(value);
    }
    cr_assert_eq(cupel_image_read_text(path, "Seed", &value, &error), CUPEL_OK);
    cr_expect_null(value);
    spill(path, "PNG", 3);
    cr_expect_eq(cupel_image_read_text(path, "seed", &value, &error), CUPEL_INVALID);
    has(&error, "texts.png: is no PNG image");
    cr_expect_null(value);
    free(path);
}

/* ---- drawing ---- */

static struct cupel_latents drawn(int64_t count, const struct latent_layout *layout, uint64_t seed) {
    struct cupel_latents latents;
    const struct cupel_shape shape =
        CUPEL_SHAPE(layout->normals + layout->categories + layout->uniforms, 1, 1);
    cr_assert_eq(latents_make(count, &shape, false, &latents, NULL), CUPEL_OK);
    latents_fill(&latents, layout, seed);
    return latents;
}

Test(sample, noise_is_normal_and_codes_are_what_an_infogan_takes) {
    enum { COUNT = 4000, NORMALS = 5, CATEGORIES = 4, UNIFORMS = 2, SIZE = NORMALS + CATEGORIES + UNIFORMS };
    const struct latent_layout layout = {NORMALS, CATEGORIES, UNIFORMS};
    struct cupel_latents latents = drawn(COUNT, &layout, 3);
    double sums[SIZE] = {0}, squares[SIZE] = {0};
    for (int i = 0; i < COUNT; i++) {
        const float *latent = latents.noise + i * SIZE;
        double hot = 0;
        for (int j = 0; j < SIZE; j++) {
            sums[j] += (double)latent[j];
            squares[j] += (double)latent[j] * (double)latent[j];
        }
        for (int j = NORMALS; j < NORMALS + CATEGORIES; j++) {
            cr_assert(latent[j] == 0 || latent[j] == 1);
            hot += (double)latent[j];
        }
        cr_assert_eq(hot, 1);
        for (int j = NORMALS + CATEGORIES; j < SIZE; j++) cr_assert(latent[j] >= -1 && latent[j] < 1);
    }
    for (int j = 0; j < NORMALS; j++) {
        near(sums[j] / COUNT, 0, 0.06, "mean");
        near(squares[j] / COUNT, 1, 0.09, "variance");
    }
    for (int j = NORMALS; j < NORMALS + CATEGORIES; j++) near(sums[j] / COUNT, 0.25, 0.03, "category");
    for (int j = NORMALS + CATEGORIES; j < SIZE; j++) {
        near(sums[j] / COUNT, 0, 0.04, "mean of a code");
        near(squares[j] / COUNT, 1.0 / 3, 0.02, "variance of a code");
    }
    cupel_latents_free(&latents);
}

Test(sample, a_longer_list_of_latents_begins_with_the_shorter) {
    const struct latent_layout layout = {5, 3, 1};
    struct cupel_latents few = drawn(3, &layout, 9), many = drawn(8, &layout, 9),
                         other = drawn(3, &layout, 10);
    cr_expect_eq(memcmp(few.noise, many.noise, 3 * 9 * sizeof(float)), 0);
    cr_expect_neq(memcmp(few.noise, other.noise, 5 * sizeof(float)), 0);
    cr_expect_neq(memcmp(many.noise, many.noise + 9, 5 * sizeof(float)), 0);
    cr_expect_eq(few.seed, 9);
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < i; j++)
            cr_expect_neq(many.noise[i / 5 * 9 + i % 5], many.noise[j / 5 * 9 + j % 5], "%d, %d", i, j);
    cupel_latents_free(&few);
    cupel_latents_free(&many);
    cupel_latents_free(&other);
}

/* ---- between ---- */

Test(sample, between_two_latents_the_way_is_a_circle) {
    const float x[3] = {2, 0, 0}, y[3] = {0, 2, 0}, back[3] = {-2, 0, 0}, zero[3] = {0};
    float z[3];
    for (int i = 0; i <= 6; i++) {
        const double part = i / 6.0, angle = part * acos(0);
        latent_between(x, y, 3, part, z);
        near((double)z[0], 2 * cos(angle), 1e-6, "cosine");
        near((double)z[1], 2 * sin(angle), 1e-6, "sine");
        cr_expect_eq(z[2], 0);
    }
    /* Of other lengths and angles: sin((1 - t) w) / sin w and sin(t w) / sin w of the two. */
    const float a[2] = {1, 0}, b[2] = {3, 3};
    latent_between(a, b, 2, 0.25, z);
    const double quarter = acos(-1) / 4;
    near((double)z[1], 3 * sin(0.25 * quarter) / sin(quarter), 1e-6, "oblique");
    near((double)z[0], (sin(0.75 * quarter) + 3 * sin(0.25 * quarter)) / sin(quarter), 1e-6, "oblique");
    /* On one line the way is straight. */
    latent_between(x, back, 3, 0.25, z);
    cr_expect(z[0] == 1 && z[1] == 0 && z[2] == 0);
    latent_between(x, x, 3, 0.3, z);
    near((double)z[0], 2, 1e-6, "the same");
    latent_between(x, zero, 3, 0.5, z);
    cr_expect(z[0] == 1 && z[1] == 0 && z[2] == 0);
}

/* ---- files and arithmetic ---- */

/* Saves latents of 2 numbers: row i is (i + first, 10 i), its label i. */
static char *save(const char *name, int64_t count, float first, bool labels) {
    struct cupel_latents latents;
    struct cupel_error error = {0};
    cr_assert_eq(latents_make(count, &CUPEL_SHAPE(2, 1), labels, &latents, &error), CUPEL_OK);
    for (int64_t i = 0; i < count; i++) {
        latents.noise[2 * i] = (float)i + first;
        latents.noise[2 * i + 1] = 10 * (float)i;
        if (labels) latents.labels[i] = (int32_t)i;
    }
    latents.seed = 77;
    char *path = temporary_path(name);
    cr_assert_eq(cupel_latents_save(&latents, path, &error), CUPEL_OK, "%s", error.message);
    cupel_latents_free(&latents);
    return path;
}

Test(sample, latents_come_back_from_their_file) {
    for (int labels = 0; labels < 2; labels++) {
        struct cupel_latents latents;
        struct cupel_error error = {0};
        char *path = save("l.safetensors", 4, 0.5F, labels);
        cr_assert_eq(cupel_latents_load(path, &latents, &error), CUPEL_OK, "%s", error.message);
        cr_expect(latents.count == 4 && cupel_shape_equal(&latents.shape, &CUPEL_SHAPE(2, 1)));
        cr_expect(latents.noise[6] == 3.5F && latents.noise[7] == 30);
        cr_expect_eq(latents.labels != NULL, labels);
        if (labels) cr_expect_eq(latents.labels[3], 3);
        cr_expect_eq(latents.seed, 77);
        cupel_latents_free(&latents);
        free(path);
    }
}

Test(sample, files_that_hold_no_latents_are_refused) {
    static const struct {
        const char *name;
        enum cupel_dtype dtype;
        struct cupel_shape shape;
        const char *label_text; /* or NULL */
    } rows[] = {
        {"image", CUPEL_F32, {2, {3, 4}}, NULL},
        {"noise", CUPEL_F64, {2, {3, 4}}, NULL},
        {"noise", CUPEL_F32, {1, {3}}, NULL},
        {"noise", CUPEL_F32, {2, {3, 4}}, "the tensor 'label' must be i32 [3]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cupel_weights file = {0};
        struct cupel_latents latents;
        struct cupel_error error = {0};
        char *path = temporary_path("no.safetensors");
        cr_assert_eq(cupel_weights_add(&file, rows[i].name, rows[i].dtype, &rows[i].shape, NULL, NULL),
                     CUPEL_OK);
        cr_assert_eq(cupel_weights_add(&file, "label", CUPEL_I32, &CUPEL_SHAPE(4), NULL, NULL), CUPEL_OK);
        cr_assert_eq(cupel_weights_save(&file, path, NULL), CUPEL_OK);
        cr_expect_eq(cupel_latents_load(path, &latents, &error), CUPEL_INVALID);
        has(&error, path);
        has(&error,
            rows[i].label_text ? rows[i].label_text : "these are no latents: there is no tensor 'noise'");
        cupel_weights_free(&file);
        free(path);
    }
}

/* The expression with A and B replaced by the paths of two files. */
static char *expression_of(const char *text, const char *a, const char *b) {
    struct buffer buffer = {0};
    for (const char *c = text; *c; c++) {
        if (*c == 'A' || *c == 'B')
            buffer_text(&buffer, *c == 'A' ? a : b);
        else
            buffer_add(&buffer, c, 1);
    }
    return buffer.data ? buffer.data : strdup("");
}

Test(sample, latents_are_added_and_subtracted) {
    static const struct {
        const char *text;
        int64_t terms;
        float x, y; /* of the result */
        int32_t label;
    } rows[] = {
        {"A:3", 1, 3, 30, 3},
        {"A:0-4", 1, 2, 20, 0},
        {"A:4,0,2", 1, 2, 20, 4},
        {"A:1,3-4", 1, 8.0F / 3, 80.0F / 3, 1},
        {"A:4 - A:1 + B:2", 3, 105, 50, 4},
        {"  A:2-2   -  B:0 ", 2, -98, 20, 2},
        {"A:1 + A:1 + A:1 - B:0-1 + B:1", 5, 3.5F, 35, 1},
    };
    char *a = save("a-b.safetensors", 5, 0, true), *b = save("b:c.safetensors", 3, 100, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = expression_of(rows[i].text, a, b);
        struct cupel_latents latents;
        struct cupel_error error = {0};
        cr_assert_eq(cupel_latents_vector(text, &latents, &error), CUPEL_OK, "%s", error.message);
        const int64_t last = rows[i].terms;
        cr_assert_eq(latents.count, last + 1, "%s", rows[i].text);
        near((double)latents.noise[2 * last], (double)rows[i].x, 1e-5, rows[i].text);
        near((double)latents.noise[2 * last + 1], (double)rows[i].y, 1e-5, rows[i].text);
        cr_expect_eq(latents.labels[last], rows[i].label, "%s", rows[i].text);
        cr_expect_eq(latents.seed, -1);
        cupel_latents_free(&latents);
        free(text);
    }
    char *text = expression_of("A:4 - B:1-2", a, b);
    struct cupel_latents latents;
    cr_assert_eq(cupel_latents_vector(text, &latents, NULL), CUPEL_OK);
    cr_expect(latents.noise[0] == 4 && latents.noise[2] == 101.5F && latents.noise[3] == 15);
    cr_expect(latents.labels[0] == 4 && latents.labels[1] == 1);
    cupel_latents_free(&latents);
    free(text);
    free(a);
    free(b);
}

Test(sample, mistakes_in_an_expression_are_marked) {
    static const struct {
        const char *text;
        int column; /* as if the files' names had one character */
        const char *message;
    } rows[] = {
        {"", 1, "a term is FILE:ROWS"},
        {"A", 1, "a term is FILE:ROWS"},
        {":3", 1, "a term is FILE:ROWS"},
        {"A:1 -", 6, "a term is FILE:ROWS"},
        {"A:1 A:2", 5, "terms are joined by ' + ' or ' - '"},
        {"A:1 -A:2", 5, "terms are joined by"},
        {"A:1 * A:2", 5, "terms are joined by"},
        {"A:1 + A:5", 9, "there is no row 5; the file has rows 0 to 4"},
        {"A:0,2-9", 5, "there is no row 9"},
        {"A:3-1", 3, "rows go up: write 1-3"},
        {"A:", 3, "rows are numbers from 0 on"},
        {"A:x", 3, "rows are numbers"},
        {"A:1x", 4, "rows are numbers"},
        {"A:1,", 5, "rows are numbers"},
        {"A:-1", 3, "rows are numbers"},
        {"A:1-", 5, "rows are numbers"},
        {"A:9999999999999999999", 3, "rows are numbers"},
        {"A:1 + none:1", 7, "none: No such file"},
        {"A:1 - B:1", 7, "its latents have no labels, unlike those before"},
    };
    char *a = save("a", 5, 0, true), *b = save("b", 3, 100, false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = expression_of(rows[i].text, a, b), marked[40];
        struct cupel_latents latents;
        struct cupel_error error = {0};
        cr_expect_eq(cupel_latents_vector(text, &latents, &error), CUPEL_INVALID, "%s", rows[i].text);
        has(&error, rows[i].message);
        cr_expect_null(latents.noise);
        int column = rows[i].column;
        for (int c = 0; c < rows[i].column - 1; c++)
            if (rows[i].text[c] == 'A' || rows[i].text[c] == 'B') column += (int)strlen(a) - 1;
        snprintf(marked, sizeof marked, "vector, column %d: ", column);
        has(&error, marked);
        const char *caret = strrchr(error.message, '\n');
        cr_expect(caret && (int)strlen(caret) == 1 + 4 + column && caret[4 + column] == '^', "%s",
                  error.message);
        free(text);
    }
    free(a);
    free(b);
}

Test(sample, latents_of_other_shapes_do_not_add_up) {
    struct cupel_latents latents;
    struct cupel_error error = {0};
    char *a = save("a", 2, 0, false), *c = temporary_path("c"), *text;
    cr_assert_eq(latents_make(1, &CUPEL_SHAPE(3), false, &latents, NULL), CUPEL_OK);
    cr_assert_eq(cupel_latents_save(&latents, c, NULL), CUPEL_OK);
    cupel_latents_free(&latents);
    cr_assert_gt(asprintf(&text, "%s:0 + %s:0", a, c), 0);
    cr_expect_eq(cupel_latents_vector(text, &latents, &error), CUPEL_INVALID);
    has(&error, "its latents have shape [3], those before [2, 1]");
    free(a);
    free(c);
    free(text);
}
