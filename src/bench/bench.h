/* What the parts of a benchmark share. */
#ifndef CUPEL_BENCH_BENCH_H
#define CUPEL_BENCH_BENCH_H

#include <regex.h>

#include "base/clock.h"
#include "cupel/bench.h"
#include "plan/plan.h"

/* ---- statistics (statistics.c) ---- */

/* Times in the order in which they were taken, pass after pass. `use` is the calling thread's time on the processor over the time
 * that passed. Where other programs take the processor, from this thread or from one that it waits for, it is less than in other
 * samples of the same work: these were disturbed and do not count, unless there are hardly any others. */
enum { MOST_PASSES = 64 };
struct series {
    struct sample {
        double seconds, use;
        int pass;
    } * samples;
    int count, room;
    int passes; /* that have ended */
    double use; /* the largest */
};
enum cupel_status series_add(struct series *series, double seconds, double use, struct cupel_error *error);
/* Samples of the pass under way that count. */
int series_quiet(const struct series *series);
/* Whether the pass under way has seen enough: its median is known to 2 %. */
bool series_settled(const struct series *series);
/* Ends the pass. */
void series_end(struct series *series);
struct cupel_bench_time series_summary(const struct series *series);
void series_free(struct series *series);

void sort_numbers(double *numbers, int count);
/* Sorts the numbers; 0 when there are none. */
double median(double *numbers, int count);
/* Of sorted numbers; `count` > 0. */
double quantile(const double *sorted, int count, double part);
/* The times that comparisons go by, from the lower quartiles of passes, which get sorted; `count` > 0. */
void settle(double *quarters, int count, struct cupel_bench_time *time);
/* An interval of the median that holds for every distribution with at least 92 %, or the range when there are too few. */
void median_interval(const double *sorted, int count, double *low, double *high);

/* ---- timing a call (clock.c) ---- */

/* Memory of a device, each of the two more than its caches hold. */
struct rooms {
    struct cupel_device *device;
    char *places, *scratch;
    size_t bytes;
};
enum cupel_status rooms_open(struct cupel_device *device, struct rooms *rooms, struct cupel_error *error);
void rooms_close(struct rooms *rooms);

/* Where the data of a call lies: of inputs, outputs and workspace, in this order. */
struct timer {
    struct call *call;
    const struct rooms *rooms;
    char **places;        /* by run and tensor; the first run's are the plan's own, the others in the rooms */
    int count;            /* of places */
    bool flushes;         /* the caches hold all places, so that they must be emptied */
    size_t bytes, stride; /* of one place, and from one to the next */
};
/* `rooms` are for timer_cold; NULL: it is not used. */
enum cupel_status timer_open(struct call *call, const struct rooms *rooms, struct timer *timer,
                             struct cupel_error *error);
void timer_close(struct timer *timer);
/* One pass of about so many seconds, and at least one sample. */
enum cupel_status timer_hot(struct timer *timer, double seconds, struct series *series,
                            struct cupel_error *error);
enum cupel_status timer_cold(struct timer *timer, double seconds, struct series *series,
                             struct cupel_error *error);

/* Times what `run` does, which may only enqueue it, with the device's clock; `use` as of a series, 1 where that is not to be
 * known. */
enum cupel_status device_time(struct cupel_device *device,
                              enum cupel_status (*run)(void *context, struct cupel_error *error),
                              void *context, double *seconds, double *use, struct cupel_error *error);

/* Calls the kernel once. */
enum cupel_status call_run(struct call *call, struct cupel_error *error);

/* ---- subjects (rig.c, sized.c) ---- */

enum { SUBJECT_MOST_IN = 8 };
/* What a subject builds: its inputs are states. */
struct draft {
    struct cupel_graph *graph;
    struct cupel_tensor *in[SUBJECT_MOST_IN], *out[OP_MAX_OUT];
    int n_in, n_out;
};

/* Something that can be built as a graph at will. */
struct subject {
    char name[100];
    const void *what;    /* for build and values */
    enum op_id op;       /* only its calls are timed; OP_COUNT: all */
    bool differentiates; /* its gradient is timed too */
    bool fuses;          /* as in a model's plan */
    bool sized;          /* as large as in a model: verified smaller */
    double tolerance;    /* of its results; 0: by precision */
    double half;         /* the same in 16 bits; negative: it is left out there */
    bool coarse;         /* inputs are rounded to bf16, so that all precisions begin with the same numbers */
    /* Fills in the draft, whose graph is empty; what is wrong the graph says. `batch` and `shrink` are for those that are sized:
     * images, and how often height and width, or the like, are halved. */
    void (*build)(const struct subject *subject, int64_t batch, int shrink, struct draft *draft);
    /* The numbers of input i, in the tensor's dtype, to be freed; NULL when memory is out. */
    void *(*values)(const struct subject *subject, int i, const struct cupel_tensor *tensor);
};

/* A subject on a device: all its tensors have memory of their own, so that every call can be repeated. */
struct rig {
    struct cupel_store *store;
    struct draft draft;
    struct cupel_plan *plan;
    struct cupel_tensor **outputs; /* results, then gradients */
    int n_outputs;
};
enum cupel_status rig_open(const struct subject *subject, struct cupel_device *device,
                           const struct cupel_plan_options *options, int64_t batch, int shrink,
                           struct rig *rig, struct cupel_error *error);
/* Runs it once, on the subject's values. */
enum cupel_status rig_run(const struct subject *subject, struct rig *rig, struct cupel_error *error);
void rig_close(struct rig *rig);
/* What the subject so built is made of, before any plan. */
struct subject_survey {
    double flops, elements; /* of all tensors */
    /* Called for each node; may be NULL. */
    void (*visit)(void *context, const struct subject *subject, const struct node *node);
    void *context;
};
enum cupel_status subject_survey(const struct subject *subject, int64_t batch, int shrink,
                                 struct subject_survey *survey, struct cupel_error *error);

/* Holds the subject's results against those of the device `reference`; `text` says of what size. CUPEL_FAILED when they
 * differ. */
enum cupel_status subject_verify(const struct subject *subject, struct cupel_device *device,
                                 const struct cupel_plan_options *options, char *text, size_t size,
                                 struct cupel_error *error);

/* Random numbers from -1 to 1, none near 0. */
void *random_values(const struct cupel_tensor *tensor, uint64_t salt);

/* The shapes of known models. */
int sized_count(void);
struct subject sized_subject(int index);
/* What the header measures, and the `batch` that it takes on a device. */
enum { ROOF_COPY, ROOF_PRODUCT, ROOF_LAUNCH, ROOFS };
struct subject roof_subject(int roof);
int64_t roof_size(int roof, const struct cupel_device *device);

/* ---- rows (row.c) ---- */

/* What the row says of the node itself; `name` is the subject's. */
void row_name(const struct node *node, const char *name, enum cupel_bench_part part, char *text, size_t size);
void row_describe(const struct call *call, const char *name, enum cupel_bench_part part,
                  struct cupel_bench_row *row);
/* Makes the row's name one of its own. */
void row_number(const struct cupel_bench *bench, struct cupel_bench_row *row);
/* What follows from the row's times and the header's rates. */
void row_rate(const struct cupel_bench *bench, struct cupel_bench_row *row);
enum cupel_status bench_add(struct cupel_bench *bench, const struct cupel_bench_row *row,
                            struct cupel_error *error);
/* NULL: there is none of that name. */
const struct cupel_bench_row *bench_find(const struct cupel_bench *bench, const char *name);
/* The header: what is not measured. */
void bench_describe(struct cupel_bench *bench, const char *title, struct cupel_device *device,
                    enum cupel_precision precision);
/* The part of a node that is timed on its own. */
enum cupel_bench_part node_part(const struct node *node);
/* Each node's part of a step, by place in the plan's graph; to be freed. */
enum cupel_bench_part *plan_parts(const struct cupel_plan *plan);

/* ---- all subjects (subjects.c) ---- */

/* The most to spend on a row unless the options say. */
extern const double bench_seconds;

/* Times the subjects in several passes through all of them, so that a disturbance of some seconds hits each once; `verify`:
 * after holding their results against the reference's. CUPEL_INVALID for a filter that is no regular expression. */
enum cupel_status bench_subjects(const struct subject *subjects, int count,
                                 const struct cupel_bench_options *options, int passes, bool verify,
                                 struct cupel_bench *bench, struct cupel_error *error);

/* The precision that the options name, or the device's. */
enum cupel_status bench_precision(const struct cupel_bench_options *options,
                                  const struct cupel_device *device, enum cupel_precision *precision,
                                  struct cupel_error *error);

/* ---- rounds (rounds.c) ---- */

/* Puts rounds of one pass each together: the rows of the first, which alone has all of them, with the times of all. */
enum { BENCH_MOST_ROUNDS = 100 };
enum cupel_status bench_merge(const struct cupel_bench *rounds, int count, struct cupel_bench *bench,
                              struct cupel_error *error);

/* ---- comparing (compare.c) ---- */

/* Which rows of a comparison are to be measured again: those that seem to have changed, and those that they are judged beside.
 * `again` has room for all rows. */
enum cupel_status bench_doubts(const struct cupel_bench *bench, const struct cupel_bench *old, bool *again,
                               struct cupel_error *error);

#endif
