/* Runs cases: builds a case's graph on a device, gives its inputs their values, reads its outputs. */
#ifndef CUPEL_TESTS_JUDGE_H
#define CUPEL_TESTS_JUDGE_H

#include "case.h"
#include "device.h"

/* A case built on a device. Everything in it belongs to it. */
struct trial {
    const struct op_case *one;
    struct cupel_device *device;
    struct cupel_store *store;
    struct cupel_graph *graph;
    struct cupel_plan *plan;
    struct cupel_tensor *in[CASE_MAX_IN], *out[CASE_MAX_OUT];
    int n_in, n_out;
    unsigned odd; /* bit i: input i is a part of a state that begins at its second element */
    bool coarse;  /* real inputs are rounded to bf16, so that all precisions begin with the same numbers */
    struct cupel_error error;
};

/* Opens the device and builds the case's nodes. Values are the same for every device and dtype. */
void trial_build(struct trial *trial, const struct op_case *one, const char *device, enum cupel_dtype real);
/* The same with some real inputs at odd addresses: `odd` as in struct trial. */
void trial_build_odd(struct trial *trial, const struct op_case *one, const char *device, unsigned odd);
/* Compiles for outputs[0..count) and writes all inputs. False with trial->error set on failure. */
bool trial_compile(struct trial *trial, struct cupel_tensor *const *outputs, int count,
                   const struct cupel_plan_options *options);
/* Writes all inputs again: an update has changed them. */
bool trial_reset(struct trial *trial);
bool trial_run(struct trial *trial);
/* Output `index` of the plan as doubles, to be freed; `count` elements. */
double *trial_read(struct trial *trial, int index, struct cupel_tensor *tensor, int64_t *count);
void trial_free(struct trial *trial);

/* Rounds to the nearest number of bf16. */
float coarse(double value);

/* Random values of an input's kind, as doubles exact in f32; `salt` tells inputs apart. To be freed. */
double *case_values(const struct case_input *in, const struct cupel_shape *shape, uint64_t salt);
/* Doubles as numbers of the tensor's dtype, to be freed. */
void *case_data(const struct cupel_tensor *tensor, const double *values);
/* Writes doubles into a state of any dtype. */
bool write_state(struct cupel_store *store, const char *name, const struct cupel_tensor *tensor,
                 const double *values, struct cupel_error *error);

/* |a - b| / |b| by the Euclidean norm, with b at least `floor`; infinite when one is NaN where the other is
 * not. */
double relative_error(const double *a, const double *b, int64_t count, double floor);

#endif
