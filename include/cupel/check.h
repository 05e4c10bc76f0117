/* Checking a device: each node of a model's training step on two devices with the same inputs.
 *
 * cupel_check_model   the nodes of a model's step one by one, then steps of both devices on their own
 * cupel_check_repro   one node again, from a file that a check saved
 *
 * The node's inputs come from the device that is trusted, so that one node's error does not show in the next. A check that
 * could be made succeeds, whatever it finds: what it found is in its result. */
#ifndef CUPEL_CHECK_H
#define CUPEL_CHECK_H

#include "cupel/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialised it means: as the model file says, on the best device against `reference`. */
struct cupel_check_options {
    struct cupel_run_options
        run; /* the device to check, and what training has too. With `deterministic` two runs of a node
                                     must give the same bits */
    const char *against; /* the device that is trusted, which computes in f32; NULL: "reference" */
    const char *weights; /* safetensors file to start from; NULL: the model's initial values */
    const char *
        batch; /* safetensors file as for cupel_dump; NULL: images of the data set, or random ones where it is
                             not there and `run.data` names none */
    const char
        *filter; /* POSIX extended regular expression: only nodes whose layer or op it matches; NULL: all */
    double tolerance; /* 0: 1e-5 in f32, 1e-3 in tf32, 1e-2 in 16 bits */
    int64_t steps;    /* of the trajectory, 1 to 1000; 0: 5 */
    int repeat; /* runs of each node, 2 to 100, all of which must give the same bits; 0: two that need not */
    const char *save; /* directory that gets a file for each node that fails; NULL: none */
    /* Called after each node; may be NULL. */
    void (*progress)(void *context, int done, int all);
    void *context;
};

enum cupel_check_verdict {
    CUPEL_CHECK_PASSED,
    CUPEL_CHECK_ILL, /* beyond the tolerance, but within a few times what half a unit in the last place of its inputs
                           changes: the sum of numbers that cancel, say */
    CUPEL_CHECK_FAILED, /* beyond the tolerance, or it could not be run; `note` says which */
};

/* "passed", "ill-conditioned" or "FAILED". */
const char *cupel_check_verdict_text(enum cupel_check_verdict verdict);

/* One node, by its worst output; or one case of the case table. Texts that do not fit are cut. */
struct cupel_check_item {
    char op[120];           /* a chain's is that of its steps: "mul+add" */
    char layer[120];        /* "net.conv1"; of a case its name, and how it was compiled; "-" for none */
    char place[200];        /* in the model file, FILE:LINE:COL; "-" for none */
    char engine[32];        /* that ran it */
    int output;             /* which output the rest is about */
    enum cupel_dtype dtype; /* that it has in the plan */
    struct cupel_shape shape;
    double error; /* |b - a| / |a|, Euclidean norms; infinite when one is a number where the other is none */
    double worst; /* the largest |b - a| */
    double ulp;   /* the largest |b - a| in units of a's last place, as its type has it */
    int64_t index[CUPEL_MAX_RANK]; /* where `worst` is: N, C, H, W of an image, whatever its layout */
    double got, expected;          /* b and a there */
    double tolerance;
    enum cupel_check_verdict verdict;
    char note[400];  /* what else there is to say; "" for nothing */
    char saved[400]; /* the file that has its numbers; "" for none */
};

/* A number of one step that both devices ran on their own. */
struct cupel_check_point {
    int64_t step;         /* from 1 */
    char name[200];       /* "loss", "gradient of net", "parameters of net" */
    double got, expected; /* Euclidean norms of gradients and parameters */
    double error;         /* of a number |b - a| / |a|; of gradients and parameters as of a node's output */
    char worst[200];      /* the parameter with the largest part in it; "" for a number */
};

/* What a check found. Zero-initialise it, free it with cupel_check_free. */
struct cupel_check {
    char title[200]; /* the model's name, or "ops" */
    char device[32], against[32], precision[8];
    char inputs[400];               /* where the batch is from */
    struct cupel_check_item *items; /* in running order */
    int count, failed, ill;
    int skipped;                      /* nodes that the filter left out */
    struct cupel_check_point *points; /* by step */
    int point_count;
    double step_tolerance; /* what `first_beyond` goes by: the nodes' */
    int64_t
        first_beyond; /* the first step with a number beyond it; 0: none. No failure: small differences grow */
    char steps_note[700]; /* why the steps make the check fail; "" when they do not */
};

/* Whether a node, or the steps, failed. */
bool cupel_check_has_failed(const struct cupel_check *check);
void cupel_check_free(struct cupel_check *check);

/* Compiles the model's training step for the device, and runs each node of it there, inputs and outputs poisoned and guarded
 * (cupel_plan_options.debug), at least twice, and on the other device. States (moments, running statistics) are those after
 * one step. Then both devices take `steps` steps on their own from the same start; these fail the check when the first one's
 * loss is off by more than 100 tolerances or its gradient by 10000 (at most by half), or a number is infinite or NaN on the checked device
 * alone.
 *
 * An output fails when its error is above the tolerance or its worst element is off by more than 20 times that of the
 * largest; integers must be equal. An output that would fail is computed again from inputs that differ by half a unit in the
 * last place; it is CUPEL_CHECK_ILL within 8 times what that changes.
 *
 * CUPEL_INVALID: an option is impossible, or what cupel_train and cupel_dump say. */
enum cupel_status cupel_check_model(const struct cupel_model *model,
                                    const struct cupel_check_options *options, struct cupel_check *check,
                                    struct cupel_error *error);

/* Runs the node of a file, or of every file in a directory, that cupel_check_model saved. Of the options it takes device,
 * threads, determinism, against, tolerance and repeat, which, left out, are those of the file. The outputs are also compared
 * with those saved, and a note says where the trusted device disagrees with its own. CUPEL_INVALID: there is no such file, or
 * it is damaged or was not made by a check; its attributes and shapes have been checked like a model's. */
enum cupel_status cupel_check_repro(const char *path, const struct cupel_check_options *options,
                                    struct cupel_check *check, struct cupel_error *error);

/* Writes what was found as JSON: an object with the members of struct cupel_check by name; numbers that JSON cannot say are
 * null. Or as JUnit's XML: a test case for each item and one for the steps, failures with their message. */
enum cupel_status cupel_check_save_json(const struct cupel_check *check, const char *path,
                                        struct cupel_error *error);
enum cupel_status cupel_check_save_junit(const struct cupel_check *check, const char *path,
                                         struct cupel_error *error);

#ifdef __cplusplus
}
#endif
#endif
