/* What judges of the case table share: which cases they take, how two devices' results are compared. */
#ifndef CUPEL_TESTS_JUDGES_H
#define CUPEL_TESTS_JUDGES_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "judge.h"

struct pick {
    int op, index;
};

/* Which cases a judge takes. */
enum choice { ALL, DIFFERENTIATED, DIFFERENTIATED_AGAIN };

const struct op_case *picked(const struct pick *pick);

/* The ops that have cases for a judge. One test takes all cases of an op: to start a process for each takes
 * longer than to judge most. The environment variable CUPEL_CASES names the ops to try ("relu,softmax"). */
struct criterion_test_params list_ops(enum choice choice);

/* Judges the op's cases one after another. */
void judge_op(int op, enum choice choice, void (*judge)(const struct pick *pick));

#define JUDGE(name, choice)                            \
    static void name##_judge(const struct pick *pick); \
    ParameterizedTestParameters(cases, name) {         \
        return list_ops(choice);                       \
    }                                                  \
    ParameterizedTest(int *op, cases, name) {          \
        judge_op(*op, choice, name##_judge);           \
    }                                                  \
    static void name##_judge(const struct pick *pick)

#define NAME_FORMAT "%s/%s: "
#define NAME(pick) case_rows[(pick)->op].op, picked(pick)->name

/* Runs the case; fails the test when it cannot. The outputs are left in the plan. */
void run_case(struct trial *trial, const struct pick *pick, const char *device, enum cupel_dtype real,
              const struct cupel_plan_options *options);

/* Fails the test unless the outputs of a are those of b, by norm and by the worst element. */
void compare(struct trial *a, struct trial *b, const struct pick *pick, double tolerance, const char *what);

/* The case's tolerance in f32. */
double tolerance_of(const struct pick *pick);

#endif
