/* The convolutions and products that plans for a GPU ask for, found without one. */
#ifndef CUPEL_TESTS_EMITTED_H
#define CUPEL_TESTS_EMITTED_H

#include "plan/backend.h"

/* Called for each call that a plan prepares for `device`, which has neither memory nor kernels; what it returns stops the
 * plan unless it is CUPEL_OK. */
typedef enum cupel_status (*emitted_fn)(struct call *call, struct cupel_error *error);

/* Compiles in the given way: the training step of every model of models/, which must be there, and both directions of the
 * layers of LeNet-5, DCGAN for 64 x 64 and ResNet-18. Fails the test on anything but what `seen` says. */
void emit_all(const struct cupel_plan_options *options, emitted_fn seen);

#endif
