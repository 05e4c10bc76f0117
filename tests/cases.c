/* The table of all cases, one row for each row of ops.def. */
#include "case.h"

#define OP(name, ...) extern const struct op_case cases_##name[];
#include "graph/ops.def"
#undef OP

const struct case_row case_rows[OP_COUNT] = {
#define OP(name, ...) [OP_##name] = {#name, cases_##name},
#include "graph/ops.def"
#undef OP
};

int case_inputs(const struct op_case *one) {
    int count = 0;
    while (count < CASE_MAX_IN && (one->in[count].shape.rank || one->in[count].kind)) count++;
    return count;
}
