/* Status, dtypes and shapes. */
#include <criterion/criterion.h>

#include "cupel/tensor.h"

Test(base, the_first_error_is_kept) {
    struct cupel_error error = {0};
    cr_assert_eq(cupel_fail(&error, CUPEL_INVALID, "first %d", 1), CUPEL_INVALID);
    cr_assert_eq(cupel_fail(&error, CUPEL_IO, "second"), CUPEL_IO);
    cr_assert_eq(error.status, CUPEL_INVALID);
    cr_assert_str_eq(error.message, "first 1");
    cr_assert_eq(cupel_fail(NULL, CUPEL_NOMEM, "nowhere to write"), CUPEL_NOMEM);
}

Test(base, shapes_count_compare_and_print) {
    struct cupel_shape shape = CUPEL_SHAPE(2, 3, 5);
    struct cupel_shape scalar = CUPEL_SCALAR;
    char text[64];
    cr_assert_eq(cupel_shape_count(&shape), 30);
    cr_assert_eq(cupel_shape_count(&scalar), 1);
    cr_assert(!cupel_shape_equal(&shape, &scalar));
    cr_assert_str_eq(cupel_shape_text(&shape, text, sizeof text), "[2, 3, 5]");
    cr_assert_str_eq(cupel_shape_text(&scalar, text, sizeof text), "[]");
    cupel_shape_text(&shape, text, 5);
    cr_assert_str_eq(text, "[2, ");
}

Test(base, impossible_shapes_are_refused) {
    struct cupel_shape huge = CUPEL_SHAPE(INT64_C(1) << 40, INT64_C(1) << 30);
    struct cupel_shape empty = CUPEL_SHAPE(3, 0);
    struct cupel_shape deep = {.rank = 7};
    struct cupel_error error = {0};
    cr_assert_eq(cupel_shape_check(&huge, CUPEL_F32, &error), CUPEL_INVALID);
    cr_assert_eq(cupel_shape_check(&empty, CUPEL_F32, NULL), CUPEL_INVALID);
    cr_assert_eq(cupel_shape_check(&deep, CUPEL_F32, NULL), CUPEL_INVALID);
    cr_assert_not_null(strstr(error.message, "too large"));
}
