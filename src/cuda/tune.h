/* Choosing between several ways to serve a call: the fastest by the device's own clock, remembered on disk. */
#ifndef CUPEL_CUDA_TUNE_H
#define CUPEL_CUDA_TUNE_H

#include "plan/backend.h"

/* One way to serve calls of an op. Its name is the same in every run, for it is what is remembered; its first word is
 * its source's name: "cudnn 47 2=1 13=5". */
enum { TUNE_NAME = 160 };
struct tune_way {
    char name[TUNE_NAME];
};

/* Who serves calls, in one way or several. */
struct tune_source {
    const char *name; /* one word */
    /* Writes the ways to serve this call, at most `room`, those that promise most first, and returns how many. */
    int (*list)(const struct call *call, struct tune_way *ways, int room);
    /* Makes the call be served in the way of that name, which may come from an earlier run: sets kernel, engine,
     * workspace_bytes and, as need be, prepared and release, which know the call by their argument alone: it is a copy
     * that may move. CUPEL_UNSUPPORTED when it cannot; what is then in `prepared` is released all the same. */
    enum cupel_status (*prepare)(struct call *call, const char *name, struct cupel_error *error);
};

/* The sources of a call and what the way depends on beside its views. */
struct tune_question {
    const char *detail; /* the op and its attributes as words: part of the key */
    const struct tune_source *const
        *sources; /* in order of trust: without times the first way that serves is taken */
    int n_sources;
};

/* How long one run of a prepared call takes on the device. An error disqualifies the way. */
typedef enum cupel_status (*tune_timer)(struct call *call, double *seconds, struct cupel_error *error);

/* The choices made so far, for one device. */
struct tune_table;

/* A table that is read from the file and written to it whenever it learns; `path` NULL: neither. What is no such file
 * counts as empty and is overwritten. NULL when memory is out. Closing NULL is allowed. */
struct tune_table *tune_open(const char *path);
void tune_close(struct tune_table *table);

/* Where a device's choices are kept, "" for nowhere: plans-IDENTITY.json in $XDG_CACHE_HOME/cupel or ~/.cache/cupel.
 * `identity` names device and libraries; what is no letter, digit or dot in it becomes '-'. */
void tune_path(const char *identity, char *path, size_t size);

/* The key of a choice: the detail, types, shapes and strides of all tensors, precision, determinism. */
void tune_key(const struct call *call, const char *detail, char *key, size_t size);

/* Prepares the call in the way that the table remembers or, if there is none, in the fastest by `timer`, which the table
 * then remembers, or, with timer NULL or for a deterministic call, in the first way that serves.
 * CUPEL_UNSUPPORTED when there is none. */
enum cupel_status tune_choose(struct tune_table *table, tune_timer timer, struct call *call,
                              const struct tune_question *question, struct cupel_error *error);

/* ---- with a device ---- */

/* The device's clock (clock.c). */
enum cupel_status cuda_time(struct call *call, double *seconds, struct cupel_error *error);

/* Chooses for a convolution or one of its gradients, and for matmul and linear: between `own`, Cupel's kernels, and NVIDIA's
 * libraries where the device has them (choose.c). Times are taken on the cuda device unless CUPEL_TUNE=0, and on emu, where
 * they mean nothing, only if CUPEL_TUNE=1. */
enum cupel_status cuda_choose_conv(struct call *call, const struct tune_source *own,
                                   struct cupel_error *error);
enum cupel_status cuda_choose_matmul(struct call *call, const struct tune_source *own,
                                     struct cupel_error *error);

#endif
