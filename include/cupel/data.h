/* Data sets: images and labels in memory, or read from files as they are needed. */
#ifndef CUPEL_DATA_H
#define CUPEL_DATA_H

#include "cupel/status.h"
#include "cupel/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which images stay where they are until they are needed. */
enum cupel_stream {
    CUPEL_STREAM_NEVER,  /* none: the whole set is read into memory, and onto the device */
    CUPEL_STREAM_AUTO,   /* those of sets that are too large */
    CUPEL_STREAM_ALWAYS, /* all, of files from which one image can be read */
};

/* In a mask: a pixel that has no class and is left out of everything. */
enum { CUPEL_NO_CLASS = 255 };

/* What a model file says about its data. */
struct cupel_dataset_spec {
    const char *format; /* "idx", "cifar10", "cifar100", "folder" or "npy" */
    const char *path;   /* a directory; npy: or an NPZ file */
    int64_t shape[3];   /* channels, height, width of an image; 0 takes the file's */
    int64_t classes;    /* 0 takes what is there: the largest label plus 1, a folder's classes */
    bool masks;         /* folder, npy: the labels are masks, a class for each pixel */
    bool train_only;    /* leave the test split empty, and all images to the training split */
    bool resize;        /* folder: scale and cut images of another size than `shape` */
    bool skip_bad;      /* folder: leave out files that are no whole images, and count them */
    const char *
        cache; /* folder: a directory to keep the decoded images in, for the next time; NULL, or with masks: none */
    int threads; /* that decode files; 0: one for each core */
    enum cupel_stream stream;
    size_t
        memory; /* AUTO: bytes, of which a split's images may take a quarter; 0: what the machine has to spare */
};

/* Images that are read from files. */
struct cupel_source;

struct cupel_dataset_split {
    int64_t count;
    uint8_t *images; /* [count, channels, height, width]; NULL where a source has them */
    int32_t *labels; /* [count], from 0 to classes - 1; NULL when the set has none */
    uint8_t *
        masks; /* [count, height, width], from 0 to classes - 1 or CUPEL_NO_CLASS; NULL unless the spec asks for them */
    struct cupel_source *source; /* has the images; NULL where they are in memory */
};

struct cupel_dataset {
    struct cupel_dataset_split train, test;
    int64_t shape[3];                 /* channels, height, width */
    int64_t classes;                  /* 0 when the set has no labels */
    int64_t skipped;                  /* bad files, or pairs of files, that `skip_bad` left out */
    struct cupel_error first_skipped; /* what is wrong with the first of them */
};

/* Reads a data set, with `stream` all but its images. Free it with cupel_dataset_free; on failure there is nothing to free.
 *
 * Format "idx" (http://yann.lecun.com/exdb/mnist/): the directory holds `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each plain or as gzip
 * with `.gz` behind its name. The two files of labels may both be absent when the spec gives no classes.
 *
 * Formats "cifar10" and "cifar100" (https://www.cs.toronto.edu/~kriz/cifar.html): the directory, or what the
 * archive made in it, holds `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, or `train.bin` and
 * `test.bin`. CIFAR-100's labels are the 100 fine ones, or for `classes` 20 the superclasses.
 *
 * Format "folder": PNG and JPEG files (.png, .jpg, .jpeg) in one directory, which gives no labels, or in a
 * directory for each class, whose label is its place among their names, sorted bytewise. When there is `train` with
 * `test` or `val` beside it, each holds the images of a split, otherwise the 10th, 20th, ... image of each class
 * makes up the test split; without labels all images are for training. Images become RGB for 3 channels and gray
 * for 1, as cupel_image_read has it. One of another size than `shape` is refused, or with `resize` scaled until
 * it covers height and width, and cut to its middle: torchvision's Resize and CenterCrop of a Pillow image.
 *
 * With `masks`, the directory, or each of `train` and `test`, holds `images` with PNG and JPEG files, and `masks` with a PNG
 * file of the same name and size for each, as cupel_image_read_mask reads it, whose numbers are classes. Masks are scaled and
 * cut as the images are, with the nearest pixel (cupel_image_cover_nearest). An image without a mask and a mask without an image
 * count as bad files.
 *
 * With `cache`, a folder's decoded images are written to one file in that directory, and read from there as long as the
 * names, sizes and times of the folder's files, `shape` and the spec's other settings stay the same. A damaged file is
 * made anew.
 *
 * Format "npy": NumPy's arrays `images.npy`, u8 [N, C, H, W] or [N, H, W], and `labels.npy`, whole numbers [N], in the
 * directory or an NPZ file, and `test_images.npy` and `test_labels.npy` of the test split (or Keras's names, x_train,
 * y_train, x_test and y_test). Labels may be missing when the spec gives no classes. Without a test split, the 10th, 20th,
 * ... image of each class makes it up. With `masks`, `labels.npy` holds whole numbers [N, H, W], and without a test split every
 * 10th image is for testing.
 *
 * `stream` leaves the images of a folder, of its cache, of plain IDX files and of NPY files in a directory where they are; the
 * others, and images with masks in a folder, are read into memory all the same. A folder's bad files are then found when they are read, but with `skip_bad`, which
 * has every file decoded here once, so that the set is the same as in memory.
 *
 * CUPEL_INVALID, with the path in the message: the set is missing (the message says how to get one), a file is cut, damaged or malformed, images and labels differ in number, a label is not below
 * `classes`, or the images have another shape than the spec. CUPEL_UNSUPPORTED: an image of a folder has another size. */
enum cupel_status cupel_dataset_open(const struct cupel_dataset_spec *spec, struct cupel_dataset *dataset,
                                     struct cupel_error *error);

/* Copies image `index` of the split, 0 <= index < count, to `image`, [channels, height, width], wherever it is. Several threads may
 * do so at once. CUPEL_INVALID, CUPEL_UNSUPPORTED, CUPEL_IO, with the file's name in the message: the file from which it would be
 * read is damaged, of another size than the set's, or cannot be read. */
enum cupel_status cupel_dataset_read(const struct cupel_dataset *dataset,
                                     const struct cupel_dataset_split *split, int64_t index, uint8_t *image,
                                     struct cupel_error *error);

/* The mean and the standard deviation (of the population, not of a sample) of each channel of the training
 * images, which are in memory, and whose pixels count as 0 to 1. Both arrays have shape[0] elements. */
void cupel_dataset_statistics(const struct cupel_dataset *dataset, double *mean, double *deviation);

/* Frees the images and labels and zeroes the set. */
void cupel_dataset_free(struct cupel_dataset *dataset);

/* Names of classes, in the order of their labels; none is known where `count` is 0. */
struct cupel_class_names {
    char **names;
    int64_t count;
};

/* The names of the classes of a folder's set, which are those of its directories; no image is looked at. Sets of other formats
 * and flat folders have none. Free them with cupel_class_names_free. Statuses as for cupel_dataset_open. */
enum cupel_status cupel_dataset_class_names(const struct cupel_dataset_spec *spec,
                                            struct cupel_class_names *names, struct cupel_error *error);
void cupel_class_names_free(struct cupel_class_names *names);

/* ---- looking through a set ---- */

struct cupel_dataset_class {
    char *name; /* of a folder's directory; NULL for other formats */
    int64_t train, test;
};

struct cupel_dataset_scan {
    const char *format;
    int64_t train, test; /* whole images */
    bool masks;          /* a folder's images have masks; a class is counted in all whose masks show it */
    int64_t classes;     /* 0: no labels */
    struct cupel_dataset_class *class_of;
    int64_t sizes;                   /* different ones */
    int64_t smallest[2], largest[2]; /* height and width, each of some image */
    int64_t gray, colour;            /* images */
    int64_t others;                  /* files of a folder that are no images by their names */
    /* What is wrong with each bad file, which the text begins with, in the order of the set; masks of no image come last, as one. */
    int64_t bad_count;
    char **bad;
};

/* Finds out a set's format and looks at everything in it, decoding a folder's images in `threads` threads (0: one for
 * each core). A folder may have bad images and empty classes here; other faults are CUPEL_INVALID as for
 * cupel_dataset_open. Free what was found with cupel_dataset_scan_free; on failure there is nothing to free. */
enum cupel_status cupel_dataset_scan(const char *path, int threads, struct cupel_dataset_scan *scan,
                                     struct cupel_error *error);
void cupel_dataset_scan_free(struct cupel_dataset_scan *scan);

#ifdef __cplusplus
}
#endif
#endif
