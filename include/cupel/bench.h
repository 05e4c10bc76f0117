/* Benchmarks: how fast a device runs single nodes and whole training steps.
 *
 * cupel_bench_step      a model's training step: images per second, where the time goes, node by node
 * cupel_bench_save      what was measured as JSON; cupel_bench_load reads it back
 * cupel_bench_compare   tells nodes that became slower or faster from noise
 *
 * `cupel bench ops` times the nodes of the case table and of known models; it uses the same structures. Times are of the device's
 * own clock where it has one, else of the processor's. Those of the emulator mean nothing. */
#ifndef CUPEL_BENCH_H
#define CUPEL_BENCH_H

#include "cupel/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialised it means: on the best device, whatever there is, with the defaults below. */
struct cupel_bench_options {
    struct cupel_run_options run;
    const char
        *filter;    /* POSIX extended regular expression: only rows whose name or op it matches; NULL: all */
    double seconds; /* the most to spend on timing a row, of a step on timing it; 0: 0.25, of a step 5 */
    /* Called now and then; may be NULL. `what` names what is timed next. */
    void (*progress)(void *context, const char *what, int done, int all);
    void *context;
};

/* Seconds that something took. Disturbances by other programs make times longer, never shorter, so comparisons go by the lower
 * quartile of each pass: by the fastest, and by the median over the passes with an interval of it that holds for every
 * distribution (order statistics; at least 92 %, with fewer than five passes the range). */
struct cupel_bench_time {
    int samples, passes;      /* 0: not measured; all others are then 0 */
    int quiet;                /* passes in which other programs did not disturb all samples */
    double best, median, p95; /* of all samples */
    double
        noise; /* half the width of the median's interval, found likewise over samples, as a part of the median */
    double fastest, quarter, low, high; /* of the passes' lower quartiles: see above */
};

enum cupel_bench_part { CUPEL_BENCH_FORWARD, CUPEL_BENCH_BACKWARD, CUPEL_BENCH_OPTIMIZER, CUPEL_BENCH_DATA };
enum { CUPEL_BENCH_PARTS = 4 };
/* "forward", "backward", "optimizer", "data". */
const char *cupel_bench_part_text(enum cupel_bench_part part);

enum cupel_bench_verdict {
    CUPEL_BENCH_ALONE, /* nothing to compare with */
    CUPEL_BENCH_SAME,  /* within noise */
    CUPEL_BENCH_FASTER,
    CUPEL_BENCH_SLOWER,
};
/* "", "within noise", "faster", "SLOWER". */
const char *cupel_bench_verdict_text(enum cupel_bench_verdict verdict);

/* One node. Texts that do not fit are cut. */
struct cupel_bench_row {
    char name
        [160];    /* tells it from all others: "conv2d/k5-pad2", "resnet18/layer1.conv" and so on, part, op */
    char op[120]; /* a chain's is that of its steps: "mul+add" */
    enum cupel_bench_part part;
    char
        shape[120]; /* of its inputs, then of output 0: "[4, 64, 56, 56] [64, 64, 3, 3] -> [4, 64, 56, 56]" */
    char dtype[16]; /* of input 0, or of the output where there is none */
    char layout[8]; /* "NCHW", "NHWC" or "CHWN" of images, "rows" of others */
    char engine[32];
    double flops,
        bytes;        /* of one run; a multiply-add counts two; every input is read and output written once */
    size_t workspace; /* bytes */
    struct cupel_bench_time hot;  /* on memory that the run before has used */
    struct cupel_bench_time cold; /* on memory that is in no cache */
    double gflops, gbytes; /* 1e9 a second, by the median of cold, or of hot where that is all there is */
    double
        roof; /* the part of the roof that it reaches: what flops or bytes alone would take at the measured rates */
    char bound[8]; /* by which: "memory", "compute", or "launch" when both take less than starting a kernel */
    char verified[120]; /* how its results were held against the device `reference` */
    char note[300];     /* why it was not timed; "" when it was */
    enum cupel_bench_verdict verdict;
    double change; /* new time / old time - 1, the machine's speed divided out */
};

/* What was measured. Zero-initialise it, free it with cupel_bench_free. */
struct cupel_bench {
    char title[200];  /* "ops", or the model's name */
    char version[80]; /* of this program */
    char commit[48];  /* that it was built from; "" when not known */
    char device[32], description[300], precision[8];
    int threads;
    double copy_rate;    /* bytes read and written a second, by copying what is larger than all caches */
    double product_rate; /* FLOPs a second of a large product of matrices, in the precision */
    double launch;       /* seconds that the smallest kernel takes */
    struct cupel_bench_row *rows;
    int count, failed; /* rows that gave wrong results, or none */
    int skipped;       /* what the filter, or the device's memory, left out */
    /* of a model's step */
    int64_t batch; /* 0: no step */
    struct cupel_bench_time step;
    double images_per_second;
    double parts[CUPEL_BENCH_PARTS]; /* seconds of the step's nodes */
    double gaps;                     /* seconds of the step that no node accounts for */
    /* of a comparison */
    char against[400]; /* the file; "" for none */
    double shift;      /* how much slower all rows together were, new / old */
    int slower, faster;
    int missing; /* rows that only the file has */
};
void cupel_bench_free(struct cupel_bench *bench);

/* Times the model's training step on random images, and each of its nodes where it stands in the step. `trace`, unless NULL,
 * names a file that gets one step as a Chrome trace (chrome://tracing). CUPEL_INVALID and CUPEL_UNSUPPORTED as for
 * cupel_rehearse, or for a filter that is no regular expression. */
enum cupel_status cupel_bench_step(const struct cupel_model *model, const struct cupel_bench_options *options,
                                   const char *trace, struct cupel_bench *bench, struct cupel_error *error);

/* Writes it as JSON (docs/formats.md); reads that back. CUPEL_INVALID: there is no such file, or it is damaged or was not made
 * by cupel_bench_save; the message begins with its name. */
enum cupel_status cupel_bench_save(const struct cupel_bench *bench, const char *path,
                                   struct cupel_error *error);
enum cupel_status cupel_bench_load(const char *path, struct cupel_bench *bench, struct cupel_error *error);

/* Fills in what `bench` says of a comparison with `old`, row by row, by hot times. A row is judged beside its witnesses, the 24 rows
 * of other ops that take about as long: the median of their ratios is the machine's and is divided out (with fewer rows, what the
 * header measures). It is slower, or faster,
 *
 * - when its whole interval lies at least 5 % beyond the old one, and its ratio farther from the witnesses' than these are from
 *   each other (4 standard deviations, by the third quartile of deviations), and, of what takes less than 20 launches, most rows of
 *   the op have changed that way and it by half a launch (with fewer than three such rows, when it has changed by half);
 * - slower also when its op is: of at least five rows of an op most have become slower by 10 % by their fastest passes, and a third
 *   take longer in their fastest than they did at the median. Nothing like it for what is faster: the old times cannot be
 *   measured again.
 *
 * CUPEL_INVALID when the two were not measured alike: title, device, precision, threads, batch. */
enum cupel_status cupel_bench_compare(struct cupel_bench *bench, const struct cupel_bench *old,
                                      struct cupel_error *error);

#ifdef __cplusplus
}
#endif
#endif
