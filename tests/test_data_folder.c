/* Directories of images as data sets. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cupel/image.h"
#include "files.h"
#include "golden.h"
#include "io/file.h"
#include "streamed.h"

static char *root; /* the set of the test under way */

static void begin(void) {
    root = temporary_path("folder");
    cr_assert_eq(directory_make(root, NULL), CUPEL_OK);
}

static char *place(const char *name) {
    char path[300];
    snprintf(path, sizeof path, "folder/%s", name);
    return temporary_path(path);
}

static void add_directory(const char *name) {
    char *path = place(name);
    cr_assert_eq(directory_make(path, NULL), CUPEL_OK);
    free(path);
}

static void add_file(const char *name, const void *bytes, size_t size) {
    char *path = place(name);
    spill(path, bytes, size);
    free(path);
}

/* An image of one value. */
static void add_image(const char *name, int width, int height, int value) {
    uint8_t *pixels = malloc((size_t)(width * height));
    memset(pixels, value, (size_t)(width * height));
    struct cupel_error error = {0};
    char *path = place(name);
    const struct cupel_image image = {1, height, width, pixels};
    cr_assert_eq(cupel_image_write(path, &image, NULL, 0, &error), CUPEL_OK, "%s", error.message);
    free(path);
    free(pixels);
}

static struct cupel_dataset_spec spec_of(int64_t channels, int64_t side, int64_t classes) {
    return (struct cupel_dataset_spec){
        .format = "folder", .path = root, .shape = {channels, side, side}, .classes = classes, .threads = 3};
}

static struct cupel_dataset open_set(const struct cupel_dataset_spec *spec) {
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_dataset_open(spec, &set, &error), CUPEL_OK, "%s", error.message);
    expect_streamed(spec, &set);
    return set;
}

static void refuse(const struct cupel_dataset_spec *spec, enum cupel_status status, const char *expected) {
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_dataset_open(spec, &set, &error), status, "%s: %s", expected, error.message);
    cr_expect(strstr(error.message, expected), "expected %s, got %s", expected, error.message);
    cr_expect_eq(strncmp(error.message, spec->path, strlen(spec->path)), 0, "%s", error.message);
    cr_expect_null(set.train.images);
}

static void expect_names(const struct cupel_dataset_spec *spec, int64_t count, const char *const *names) {
    struct cupel_class_names found;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_dataset_class_names(spec, &found, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(found.count, count);
    for (int64_t i = 0; i < count; i++) cr_expect_str_eq(found.names[i], names[i]);
    cupel_class_names_free(&found);
}

Test(data_folder, directories_name_the_classes) {
    begin();
    struct cupel_dataset_spec spec = spec_of(1, 4, 2);
    expect_names(&spec, 0, NULL);
    add_directory("b");
    add_directory("B");
    add_directory(".hidden");
    add_file("notes.txt", "", 0);
    expect_names(&spec, 2, (const char *const[]){"B", "b"});
    add_directory("test");
    add_directory("train");
    add_directory("train/cat");
    expect_names(&spec, 1, (const char *const[]){"cat"});
    spec.format = "npy";
    expect_names(&spec, 0, NULL);
    spec.format = "folder";
    spec.path = "/nonexistent/set";
    struct cupel_class_names found;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_dataset_class_names(&spec, &found, &error), CUPEL_INVALID);
    cr_expect(strstr(error.message, "/nonexistent/set: cannot be listed"), "%s", error.message);
    cr_expect_eq(found.count, 0);
}

Test(data_folder, a_flat_folder_is_read_in_bytewise_order, .init = begin) {
    add_image("b.png", 2, 2, 1);
    add_image("B.PNG", 2, 2, 2);
    add_image("10.png", 2, 2, 3);
    add_image("9.png", 2, 2, 4);
    add_image(".hidden.png", 2, 2, 5);
    add_file("readme.txt", "hello", 5);
    add_file("png", "no ending", 9);
    add_directory("empty");
    const struct cupel_dataset_spec spec = spec_of(1, 2, 0);
    struct cupel_dataset set = open_set(&spec);
    static const uint8_t expected[] = {3, 4, 2, 1};
    cr_assert(set.train.count == 4 && set.test.count == 0 && set.classes == 0);
    cr_expect(!set.train.labels && !set.skipped);
    for (int i = 0; i < 16; i++) cr_expect_eq(set.train.images[i], expected[i / 4]);
    cupel_dataset_free(&set);
    struct cupel_dataset_spec asked = spec_of(1, 2, 4);
    refuse(&asked, CUPEL_INVALID, "its images lie flat, without classes; put those of each class into a");
}

/* 25 images of "b", 9 of "a", 10 of "a.c", which bytewise comes behind "a", though "a.c/" does not. */
static void add_classes(void) {
    static const struct {
        const char *name;
        int count, base;
    } classes[] = {{"b", 25, 0}, {"a", 9, 100}, {"a.c", 10, 200}};
    for (int c = 0; c < 3; c++) {
        add_directory(classes[c].name);
        for (int i = 0; i < classes[c].count; i++) {
            char name[40];
            snprintf(name, sizeof name, "%s/%02d.png", classes[c].name, i);
            add_image(name, 2, 2, classes[c].base + i);
        }
    }
}

Test(data_folder, classes_are_numbered_bytewise_and_every_tenth_image_is_held_out, .init = begin) {
    add_classes();
    const struct cupel_dataset_spec spec = spec_of(3, 2, 3);
    struct cupel_dataset set = open_set(&spec);
    static const uint8_t held[] = {209, 9, 19};
    static const int32_t classes[] = {1, 2, 2};
    cr_assert(set.train.count == 41 && set.test.count == 3 && set.classes == 3);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(set.test.images[12 * i + 11], held[i]);
        cr_expect_eq(set.test.labels[i], classes[i]);
    }
    for (int i = 0; i < 41; i++) {
        cr_expect_eq(set.train.labels[i], i < 9 ? 0 : i < 18 ? 1 : 2);
        cr_expect_eq(set.train.images[12 * i], i < 9 ? 100 + i : i < 18 ? 191 + i : i - 18 + (i - 18) / 9);
    }
    cupel_dataset_free(&set);
    struct cupel_dataset_spec whole = spec_of(3, 2, 0);
    whole.train_only = true;
    set = open_set(&whole);
    cr_expect(set.train.count == 44 && set.test.count == 0 && set.classes == 3);
    cupel_dataset_free(&set);
    struct cupel_dataset_spec four = spec_of(3, 2, 4);
    refuse(&four, CUPEL_INVALID, "holds directories of 3 classes, but 4 are expected; correct `classes`");
}

Test(data_folder, images_lie_at_any_depth_below_their_class, .init = begin) {
    add_directory("one/deep/deeper");
    add_image("one/deep/deeper/x.png", 2, 2, 1);
    add_image("one/z.png", 2, 2, 2);
    add_directory("two/.hidden");
    add_image("two/.hidden/y.png", 2, 2, 4);
    add_image("two/y.png", 2, 2, 3);
    const struct cupel_dataset_spec spec = spec_of(1, 2, 2);
    struct cupel_dataset set = open_set(&spec);
    cr_assert(set.train.count == 3);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(set.train.images[4 * i], i + 1);
        cr_expect_eq(set.train.labels[i], i == 2);
    }
    cupel_dataset_free(&set);
}

Test(data_folder, train_and_test_or_val_are_splits, .init = begin) {
    static const char *const names[] = {"val", "test"}; /* with both, `test` is read */
    add_directory("train/cat");
    add_directory("train/dog");
    add_image("train/cat/1.png", 2, 2, 1);
    add_image("train/dog/2.png", 2, 2, 2);
    const struct cupel_dataset_spec spec = spec_of(1, 2, 2);
    for (int i = 0; i < 2; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s/dog", names[i]);
        add_directory(name);
        snprintf(name, sizeof name, "%s/cat", names[i]); /* a class may lack test images, or be missing */
        if (i) add_directory(name);
        snprintf(name, sizeof name, "%s/dog/3.jpg", names[i]); /* what it is, its bytes say */
        add_image(name, 2, 2, 3 + i);
        struct cupel_dataset set = open_set(&spec);
        cr_assert(set.train.count == 2 && set.test.count == 1 && set.classes == 2);
        cr_expect(set.train.labels[0] == 0 && set.train.labels[1] == 1);
        cr_expect(set.test.labels[0] == 1 && set.test.images[0] == 3 + i);
        cupel_dataset_free(&set);
    }
    add_directory("test/cow");
    add_image("test/cow/4.png", 2, 2, 4);
    refuse(&spec, CUPEL_INVALID, "/test/cow: no training images are of this class");
}

Test(data_folder, splits_are_flat_or_not_alike, .init = begin) {
    add_directory("train/cat");
    add_directory("test");
    add_image("train/cat/1.png", 2, 2, 1);
    add_image("test/2.png", 2, 2, 2);
    struct cupel_dataset_spec spec = spec_of(1, 2, 0);
    refuse(&spec, CUPEL_INVALID, "/test: holds images, but the training images lie in directories");
    spec.train_only = true;
    struct cupel_dataset set = open_set(&spec);
    cr_expect_eq(set.train.count, 1);
    cupel_dataset_free(&set);
}

/* The golden file with a case's bytes, or fewer. */
static void add_golden(const struct cupel_weights *golden, const char *name, const char *file,
                       size_t missing) {
    const struct cupel_weight *bytes = golden_find(golden, name, "file");
    add_file(file, bytes->data, bytes->bytes - missing);
}

Test(data_folder, odd_files_behave_as_the_docs_say, .init = begin) {
    /* A 16-bit gray PNG of one pixel, 0x12e0, as a tool wrote it. */
    static const unsigned char sixteen[] = {
        0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
        0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x10, 0x00, 0x00, 0x00, 0x00, 0x6a, 0xee, 0x47, 0x16, 0x00,
        0x00, 0x00, 0x0b, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x10, 0x7a, 0x00, 0x00, 0x01, 0x07, 0x00,
        0xf3, 0x3b, 0x55, 0x34, 0xfa, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
    struct cupel_weights golden = golden_load("images.safetensors");
    add_golden(&golden, "jpeg-gray", "1.jpeg", 0);
    add_golden(&golden, "jpeg-rgb", "2.jpg", 40); /* cut */
    add_file("3.png", "not an image at all", 19);
    add_file("4.png", sixteen, sizeof sixteen);
    add_image("5.png", 9, 5, 70);
    struct cupel_dataset_spec spec = spec_of(3, 4, 0);
    refuse(&spec, CUPEL_UNSUPPORTED,
           "/1.jpeg: is 11 pixels wide and 9 high, but 4 x 4 are expected; correct `shape` under `data`, or "
           "add `resize: true`");
    spec.resize = true;
    for (int threads = 1; threads < 4; threads++) {
        spec.threads = threads;
        refuse(&spec, CUPEL_INVALID, "/2.jpg: the JPEG image cannot be read: the file is cut");
    }
    spec.skip_bad = true;
    struct cupel_dataset set = open_set(&spec);
    cr_assert(set.train.count == 3 && set.skipped == 2);
    cr_expect(strstr(set.first_skipped.message, "/2.jpg: the JPEG image cannot be read"), "%s",
              set.first_skipped.message);
    for (int i = 0; i < 48; i++) {
        cr_expect_eq(set.train.images[48 + i], 0x13);
        cr_expect_eq(set.train.images[96 + i], 70);
    }
    cr_expect_eq(memcmp(set.train.images, set.train.images + 16, 16), 0); /* gray: all channels the same */
    cupel_dataset_free(&set);
    cupel_weights_free(&golden);
}

Test(data_folder, labels_stay_with_their_images_when_bad_files_go, .init = begin) {
    add_directory("a");
    add_directory("b");
    add_file("a/1.png", "bad", 3);
    add_image("a/2.png", 2, 2, 2);
    add_file("b/1.png", "bad", 3);
    add_image("b/2.png", 2, 2, 3);
    struct cupel_dataset_spec spec = spec_of(1, 2, 2);
    refuse(&spec, CUPEL_INVALID, "/a/1.png: is no PNG or JPEG image");
    spec.skip_bad = true;
    struct cupel_dataset set = open_set(&spec);
    cr_assert(set.train.count == 2 && set.skipped == 2);
    cr_expect(set.train.labels[0] == 0 && set.train.images[0] == 2);
    cr_expect(set.train.labels[1] == 1 && set.train.images[4] == 3);
    cupel_dataset_free(&set);
    add_file("a/2.png", "bad", 3);
    add_file("b/2.png", "bad", 3);
    refuse(&spec, CUPEL_INVALID, ": not one training image can be read; the first: ");
}

Test(data_folder, the_first_image_gives_what_the_shape_leaves_open, .init = begin) {
    add_image("1.png", 3, 2, 9);
    struct cupel_dataset_spec spec = {.format = "folder", .path = root};
    struct cupel_dataset set = open_set(&spec);
    cr_expect(set.shape[0] == 1 && set.shape[1] == 2 && set.shape[2] == 3);
    cupel_dataset_free(&set);
    spec.shape[0] = 2;
    refuse(&spec, CUPEL_INVALID, "images of files have 1 or 3 channels, not 2");
}

Test(data_folder, what_is_no_set_is_refused, .init = begin) {
    struct cupel_dataset_spec spec = spec_of(1, 2, 0);
    refuse(&spec, CUPEL_INVALID, "holds no images: no file below it ends in .png, .jpg or .jpeg");
    add_directory("full");
    add_directory("void");
    add_image("full/1.png", 2, 2, 1);
    refuse(&spec, CUPEL_INVALID, "/void: this class has no images");
    add_file("void/notes.txt", "-", 1);
    refuse(&spec, CUPEL_INVALID, "/void: this class has no images");
    add_image("void/2.png", 2, 2, 2);
    add_image("stray.png", 2, 2, 3);
    refuse(&spec, CUPEL_INVALID, "/stray.png: lies beside directories with images");
    char *stray = place("stray.png"), *loop = place("full/loop");
    cr_assert_eq(unlink(stray), 0);
    cr_assert_eq(symlink(root, loop), 0);
    refuse(&spec, CUPEL_INVALID, "/full/loop: is a link to a directory that it lies in");
    cr_assert_eq(unlink(loop), 0);
    cr_assert_eq(symlink("/nowhere/x.png", stray), 0);
    cr_assert_eq(rename(stray, (free(loop), loop = place("full/gone.png"))), 0);
    refuse(&spec, CUPEL_INVALID, "/full/gone.png: No such file or directory");
    spec.path = "/nowhere";
    refuse(&spec, CUPEL_INVALID, "/nowhere: No such file or directory");
    spec.path = "/etc/passwd";
    refuse(&spec, CUPEL_INVALID, "/etc/passwd: Not a directory");
    free(stray);
    free(loop);
}

/* ---- the cache ---- */

/* Expects the first pixel of each training image, one test image and one bad file. */
static void expect_first_pixels(const struct cupel_dataset_spec *spec, int count, const uint8_t *expected) {
    struct cupel_dataset set = open_set(spec);
    cr_assert_eq(set.train.count, count);
    for (int i = 0; i < count; i++) cr_expect_eq(set.train.images[4 * i], expected[i], "image %d", i);
    for (int i = 0; i < count; i++) cr_expect_eq(set.train.labels[i], i > 0);
    cr_expect_eq(set.test.count, 1);
    cr_expect_eq(set.test.labels[0], 1);
    cr_expect_eq(set.skipped, 1);
    cr_expect(strstr(set.first_skipped.message, "b/bad.png: is no PNG or JPEG image"));
    cupel_dataset_free(&set);
}

/* Changes a file's bytes but neither its size nor its time: only what was kept can still be right. */
static void change_secretly(const char *name, const char *other) {
    char *path = place(name), *from = place(other);
    struct stat info;
    unsigned char *bytes;
    size_t size;
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(file_read(from, 1 << 20, &bytes, &size, NULL), CUPEL_OK);
    cr_assert_eq((off_t)size, info.st_size);
    spill(path, bytes, size);
    cr_assert_eq(utimensat(AT_FDCWD, path, (const struct timespec[]){info.st_atim, info.st_mtim}, 0), 0);
    free(bytes);
    free(from);
    free(path);
}

Test(data_folder, decoded_images_are_kept_until_the_files_change, .init = begin) {
    char *cache = place("cache/of/images"), name[40];
    add_directory("set/a");
    add_directory("set/b");
    add_image("set/a/0.png", 2, 2, 50);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "set/b/%d.png", i);
        add_image(name, 2, 2, 60 + i);
    }
    add_file("set/b/bad.png", "bad", 3);
    add_image("other.png", 2, 2, 51);
    char *set = place("set");
    struct cupel_dataset_spec spec = spec_of(1, 2, 2);
    spec.path = set;
    spec.skip_bad = true;
    spec.cache = cache;
    uint8_t expected[] = {50, 60, 61, 62, 63, 64, 65, 66, 67, 68};
    expect_first_pixels(&spec, 10, expected);
    change_secretly("set/a/0.png", "other.png");
    expect_first_pixels(&spec, 10, expected); /* from the cache */

    /* Damage anywhere is seen, and mended. */
    glob_t found;
    char *path = place("cache/of/images/*.images");
    cr_assert_eq(glob(path, 0, NULL, &found), 0);
    cr_assert_eq(found.gl_pathc, 1);
    unsigned char *bytes;
    size_t size;
    expected[0] = 51; /* what decoding finds now */
    for (int i = 0; i < 6; i++) {
        cr_assert_eq(file_read(found.gl_pathv[0], 1 << 20, &bytes, &size, NULL), CUPEL_OK);
        /* The format's name, the count of bad files, the header's checksum, a pixel, a label. */
        const size_t places[] = {0, 72, size - 92, size - 88, size - 48};
        if (i < 5) bytes[places[i]] ^= 1;
        spill(found.gl_pathv[0], bytes, i < 5 ? size : size - 1);
        free(bytes);
        expect_first_pixels(&spec, 10, expected);
    }
    globfree(&found);
    free(path);

    /* A file of another time is read anew, as are other settings. */
    expected[0] = 52;
    add_image("set/a/0.png", 2, 2, 52);
    expect_first_pixels(&spec, 10, expected);
    spec.shape[0] = 3;
    struct cupel_dataset rgb = open_set(&spec);
    cr_expect_eq(rgb.train.images[11], 52);
    cupel_dataset_free(&rgb);
    spec.shape[0] = 1;
    spec.skip_bad = false;
    refuse(&spec, CUPEL_INVALID, "b/bad.png: is no PNG or JPEG image");
    spec.skip_bad = true;
    spec.train_only = true;
    struct cupel_dataset whole = open_set(&spec);
    cr_expect(whole.train.count == 11 && whole.test.count == 0);
    cupel_dataset_free(&whole);
    free(cache);
    free(set);
}

Test(data_folder, a_cache_that_cannot_be_written_is_an_error, .init = begin) {
    add_image("0.png", 2, 2, 50);
    struct cupel_dataset set;
    struct cupel_error error = {0};
    struct cupel_dataset_spec spec = spec_of(1, 2, 0);
    spec.cache = "/etc/passwd/cache";
    cr_expect_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_INVALID);
    cr_expect_eq(strncmp(error.message, "/etc/passwd", 11), 0, "%s", error.message);
}
